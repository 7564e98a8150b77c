/* SPDX-License-Identifier: Apache-2.0 */
/* vec.h - flat vectors: norms and optimizers. Parallel over fixed chunks: the same bits for any number of
 * threads. */
#ifndef BENCH_NN_VEC_H
#define BENCH_NN_VEC_H

#include "harness/nn/kernels/team.h"

double vec_sum_squares(struct team *t, const float *x, size_t n); /* double accumulation */
void vec_scale(struct team *t, float *x, size_t n, float s);
/* AdamW, decoupled decay (Loshchilov & Hutter, 1711.05101), PyTorch's order of operations:
 *   p *= 1 - lr*wd;  m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2;  p -= (lr/bc1) * m / (sqrt(v)/sqrt(bc2) +
 *     eps),
 * bc1 = 1 - b1^t, bc2 = 1 - b2^t, t from 1. g is multiplied by gscale first (clipping). */
struct adamw {
    double lr, beta1, beta2, eps, weight_decay, gscale;
    long step; /* t, from 1 */
};
void vec_adamw(struct team *t, float *p, float *m, float *v, const float *g, size_t n, const struct adamw *h);
/* SGD with momentum as torch.optim.SGD: g' = g*gscale + wd*p; buf = first ? g' : mu*buf + g'; p -= lr*buf.
 * buf NULL if mu = 0. */
void vec_sgd(struct team *t, float *p, float *buf, const float *g, size_t n, double lr, double momentum,
             double weight_decay, double gscale, bool first);

#endif
