/* SPDX-License-Identifier: Apache-2.0 */
/* text_ngrams.h - counts of n-grams of words (text_tokens.h), for n up to NGRAM_MAX. */
#ifndef BENCH_TEXT_NGRAMS_H
#define BENCH_TEXT_NGRAMS_H

#include "harness/core/text_tokens.h"

#define NGRAM_MAX 5

struct ngram {
    int32_t id[NGRAM_MAX]; /* words beyond n are -1 */
    int n;                 /* 0: an empty slot */
    int count;
    int mark; /* the caller's */
};

/* A multiset; iterate over v[0..nslots), skipping n == 0. Zero-initialise. */
struct ngrams {
    struct ngram *v;
    int n, nslots;
};
/* Every n-gram of t with n from 1 to `order`. */
void ngrams_count(struct ngrams *g, const struct text_tokens *t, int order);
/* The entry of id[0..n), or NULL. */
const struct ngram *ngrams_find(const struct ngrams *g, const int32_t *id, int n);
static inline int ngrams_get(const struct ngrams *g, const int32_t *id, int n) {
    const struct ngram *x = ngrams_find(g, id, n);
    return x ? x->count : 0;
}
/* The entry, made with count 0 where it is new. Valid until the next addition. */
struct ngram *ngrams_at(struct ngrams *g, const int32_t *id, int n);
void ngrams_release(struct ngrams *g);

#endif
