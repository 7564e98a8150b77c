/* SPDX-License-Identifier: Apache-2.0 */
/* dropout.h - dropout on panels whose mask depends on the data, not on the batch.
 *
 * Whether feature f of a token is dropped depends on (key, data row, position, f) alone: neither on where the
 * row stands in a packed batch, nor on how a step is cut into micro-batches, nor on the number of threads. So
 * the mask is never stored: backward draws it again.
 *
 * Draws have 16 bits: p is rounded to a multiple of 2^-16 (dropout_rate), and what is kept is scaled by 1/(1
 * - that), so that the expectation is x exactly. */
#ifndef BENCH_NN_DROPOUT_H
#define BENCH_NN_DROPOUT_H

#include "harness/nn/kernels/panel.h"
#include "harness/base/rng.h"

struct dropout {
    struct rng key;     /* differs from layer to layer and from step to step */
    const int64_t *row; /* [32 np] data row of each token */
    const int32_t *pos; /* [32 np] and its position in it */
    double p;           /* of being dropped, 0 <= p < 1 */
};

/* The probability in use: p as a multiple of 2^-16, below 1. */
double dropout_rate(double p);
/* y = (accumulate ? y : 0) + mask * x / (1 - rate) over d features. x may equal y when not accumulating. */
void panel_dropout(struct team *t, float *y, int ldy, const float *x, int ldx, int d, int np,
                   const struct dropout *m, bool accumulate);

#endif
