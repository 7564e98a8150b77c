/* SPDX-License-Identifier: Apache-2.0 */
/* bpe.h - the vocabulary and the merges of a byte-level BPE tokenizer.
 *
 * A token's content is text in which every byte of the original is one printable character (GPT-2's alphabet:
 * "Ġthe" is " the"). A word is split into bytes, each becomes its token (a byte without a token is dropped,
 * as the reference does when no unknown token is set), then the adjacent pair with the lowest merge rank,
 * leftmost first, is merged until no pair has a merge. O(n log n) in the length of the word.
 *
 * Owns: the token texts, the hash tables, a cache of words. One thread at a time. */
#ifndef BENCH_NN_BPE_H
#define BENCH_NN_BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/nn/text/tokenizer.h"
#include "harness/base/util.h"

struct bpe;

enum { BPE_MAX_ID = 1 << 22 }; /* ids must be below: larger ones are a damaged file */

/* n_tokens, n_merges: how many to expect (sizes the tables; more may be added). */
struct bpe *bpe_new(int n_tokens, int n_merges);
void bpe_free(struct bpe *b); /* accepts NULL */

enum bpe_added { BPE_ADDED, BPE_SAME_TEXT, BPE_SAME_ID };
/* Copy a token in. 0 <= id < BPE_MAX_ID. BPE_SAME_TEXT / BPE_SAME_ID: refused, already there. `in_model` is
 * false for tokens that exist only as added tokens: words never become them. */
enum bpe_added bpe_add_token(struct bpe *b, const char *s, size_t n, int id, bool in_model);

/* The id of an exact content, or -1. */
int bpe_id(const struct bpe *b, const char *s, size_t n);
/* The same among the model's own tokens. */
int bpe_model_id(const struct bpe *b, const char *s, size_t n);
/* Content of an id (not NUL-terminated), or NULL. */
const char *bpe_text(const struct bpe *b, int id, size_t *n);
int bpe_size(const struct bpe *b); /* highest id + 1 */

enum bpe_merge { BPE_MERGED, BPE_NO_LEFT, BPE_NO_RIGHT, BPE_NO_RESULT };
/* The next merge, in order of rank. Anything but BPE_MERGED: the named token is not in the vocabulary. */
enum bpe_merge bpe_add_merge(struct bpe *b, const char *left, size_t n_left, const char *right,
                             size_t n_right);

/* Call once after the last token. `ignore_merges`: a whole word that is a token becomes it, whatever the
 * merges say. Returns how many of the 256 bytes have no token. */
int bpe_finish(struct bpe *b, bool ignore_merges);

/* Append the ids of one word (raw bytes). */
void bpe_encode_word(struct bpe *b, const char *word, size_t n, struct token_ids *out);

/* Append the raw bytes that a token stands for: its content read through the byte alphabet, or the content
 * itself where a character is not in that alphabet. */
void bpe_decode(const struct bpe *b, int id, struct strbuf *out);

/* Append to ids, growing the list. */
void token_ids_add(struct token_ids *ids, int id);

#endif
