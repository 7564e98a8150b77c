/* SPDX-License-Identifier: Apache-2.0 */
/* wordpiece.h - words to subwords by the longest match from the left (Wu et al., 1609.08144, as BERT has it).
 *
 * A piece that does not begin a word carries a prefix ("##ing"). A word of which some part has no piece, or
 * of more characters than the limit, is one unknown token. The vocabulary is kept in struct bpe (bpe.h), of
 * which only the texts and ids are used. */
#ifndef BENCH_NN_WORDPIECE_H
#define BENCH_NN_WORDPIECE_H

#include "harness/nn/text/bpe.h"

struct wordpiece;

/* `vocab` is borrowed; it must outlive the object and hold all tokens by now. `unknown`: an id. */
struct wordpiece *wordpiece_new(const struct bpe *vocab, const char *prefix, int max_chars, int unknown);
void wordpiece_free(struct wordpiece *w); /* accepts NULL */

/* Append the ids of one word, valid UTF-8. */
void wordpiece_encode_word(struct wordpiece *w, const char *word, size_t n, struct token_ids *out);

/* Append a token's text as part of a sentence: a blank before it, but not before a piece that goes on a word
 * (which loses its prefix), nor before the first, nor before . ? ! and a comma (the reference's clean-up). */
void wordpiece_decode(const struct wordpiece *w, const char *text, size_t n, bool is_first,
                      struct strbuf *out);

#endif
