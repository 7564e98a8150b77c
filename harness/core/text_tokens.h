/* SPDX-License-Identifier: Apache-2.0 */
/* text_tokens.h - texts as words, the ways that the published scores of texts cut them, and words as numbers.
 *
 * A score is only comparable under its own rule: BLEU and NIST under mteval-v13a's, ROUGE under Lin's, CIDEr
 * under one like the Penn Treebank's. */
#ifndef BENCH_TEXT_TOKENS_H
#define BENCH_TEXT_TOKENS_H

#include <stdbool.h>
#include <stdint.h>

enum text_rule {
    TEXT_SPACES, /* at white space */
    /* mteval-v13a, as sacreBLEU: entities, punctuation apart; points, commas and dashes by the digits around
     * them */
    TEXT_13A,
    TEXT_ROUGE, /* lower case, runs of a-z and 0-9 */
    /* lower case, punctuation dropped, contractions apart (do n't): what the caption scorers make of plain
     * English. Their own rule, Stanford's PTBTokenizer, knows more cases */
    TEXT_CAPTION,
};

/* Words as numbers, equal for equal words. Zero-initialise. */
struct text_words {
    char **word;
    int n, cap;
    int32_t *slot; /* open addressing: index into word + 1; 0: empty */
    int nslots;
};
void text_words_release(struct text_words *w);

struct text_tokens {
    int32_t *id; /* owned */
    int n, cap;
};
/* The words of `text` (UTF-8) under `rule`; `lower`: in lower case (always so for ROUGE and CAPTION). */
struct text_tokens text_tokenize(struct text_words *w, const char *text, enum text_rule rule, bool lower);
void text_tokens_release(struct text_tokens *t);
/* The same as one line, words joined by a space. Caller frees. */
char *text_tokenized(const char *text, enum text_rule rule, bool lower);

#endif
