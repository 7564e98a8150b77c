/* SPDX-License-Identifier: Apache-2.0 */
/* batch.h - a packed micro-batch: what a model reads.
 *
 * n tokens of many sequences (texts, images) stand back to back, without padding in between: a segment is the
 * tokens of one sequence, attention stays within it, and positions begin anew in each. What a token is, the
 * model says (model_facts.d_in): an id of a vocabulary, or d_in numbers (a patch of an image, a vector).
 *
 * Arrays have 32 np entries, np = panels(n); those of lanes that are no tokens are zero. They lie in one
 * block that belongs to whoever made the batch. */
#ifndef BENCH_BATCH_H
#define BENCH_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/nn/kernels/panel.h"

struct batch {
    int n, np;
    int d_in; /* 0: a token is an id; else as many numbers */
    union {
        int32_t *ids;
        float *features; /* [np][d_in][32] */
    };
    int32_t *pos; /* position within the segment */
    /* token type (segment of a pair) of each, below facts.types; NULL: all 0. Nobody looks where there are no
     * types */
    int32_t *types;
    /* data row of each token, for random draws (net_draw); NULL: unknown, nothing is drawn */
    int64_t *row;
    int32_t *start, *end; /* token t belongs to the segment of tokens [start[t], end[t]) */
};

/* What a block for so many tokens must have, a multiple of 8. `typed`: with token types. */
size_t batch_bytes(int tokens, int d_in, bool typed);
/* Lay the arrays out in `block`: zeroed, batch_bytes long, aligned to 8. *b is then a batch of no tokens,
 * with room for so many. */
void batch_place(struct batch *b, void *block, int tokens, int d_in, bool typed);
/* The next segment, of len tokens, drawn from by `row`. Returns its first token; its ids, or features, are
 * for the caller to write. */
int batch_add(struct batch *b, int len, int64_t row);
/* Feature f of a token, in a batch of d_in > 0. */
static inline float *batch_feature(const struct batch *b, int token, int f) {
    return b->features + ((size_t)(token / PANEL) * (size_t)b->d_in + (size_t)f) * PANEL + token % PANEL;
}

#endif
