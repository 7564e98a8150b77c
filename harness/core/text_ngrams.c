/* SPDX-License-Identifier: Apache-2.0 */
/* text_ngrams.c - see text_ngrams.h. Open addressing, at most half full. */
#include "harness/core/text_ngrams.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/util.h"

static struct ngram *slot_of(const struct ngrams *g, const int32_t *id, int n) {
    uint64_t h = (uint64_t)n;
    for (int i = 0; i < n; i++) h = (h ^ (uint64_t)(uint32_t)id[i]) * 0x9e3779b97f4a7c15u, h ^= h >> 29;
    for (;; h++) {
        struct ngram *x = &g->v[h & (uint64_t)(g->nslots - 1)];
        if (!x->n || (x->n == n && !memcmp(x->id, id, (size_t)n * sizeof *id))) return x;
    }
}

static void grow_table(struct ngrams *g) {
    struct ngrams old = *g;
    g->nslots = old.nslots ? 2 * old.nslots : 64;
    g->v = xcalloc((size_t)g->nslots, sizeof *g->v);
    for (int i = 0; i < old.nslots; i++)
        if (old.v[i].n) *slot_of(g, old.v[i].id, old.v[i].n) = old.v[i];
    free(old.v);
}

struct ngram *ngrams_at(struct ngrams *g, const int32_t *id, int n) {
    if (2 * g->n >= g->nslots) grow_table(g);
    struct ngram *x = slot_of(g, id, n);
    if (x->n) return x;
    memset(x->id, 0xff, sizeof x->id);
    memcpy(x->id, id, (size_t)n * sizeof *id);
    x->n = n;
    g->n++;
    return x;
}

const struct ngram *ngrams_find(const struct ngrams *g, const int32_t *id, int n) {
    if (!g->nslots) return NULL;
    const struct ngram *x = slot_of(g, id, n);
    return x->n ? x : NULL;
}

void ngrams_count(struct ngrams *g, const struct text_tokens *t, int order) {
    for (int n = 1; n <= order; n++)
        for (int i = 0; i + n <= t->n; i++) ngrams_at(g, t->id + i, n)->count++;
}

void ngrams_release(struct ngrams *g) {
    free(g->v);
    memset(g, 0, sizeof *g);
}
