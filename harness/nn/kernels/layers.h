/* SPDX-License-Identifier: Apache-2.0 */
/* layers.h - what stands between the matrix products of a model: embedding, norms, rotary positions,
 * activations. */
#ifndef BENCH_NN_LAYERS_H
#define BENCH_NN_LAYERS_H

#include "harness/nn/kernels/panel.h"

/* x token t = row ids[t] of the embedding matrix E [V, d]; padding lanes zero. ids in 0..V-1 (checked by the
 * caller). */
void embed_forward(struct team *t, float *x, int ldx, const struct weight *E, const int32_t *ids, int n);
/* dE[ids[t]] += dx token t (row-major, ld = d), tokens in order. */
void embed_backward(struct team *t, float *dE, int d, const float *dx, int ldx, const int32_t *ids, int n);

/* RMSNorm: y = gamma * x / sqrt(mean(x^2) + eps). y may not equal x. */
void rmsnorm_forward(struct team *t, float *y, int ldy, const float *x, int ldx, const float *gamma, int d,
                     int np, float eps);
/* dx += its gradient; dgamma += (NULL: not trained). x as in forward. */
void rmsnorm_backward(struct team *t, float *dx, int lddx, float *dgamma, const float *x, int ldx,
                      const float *gamma, const float *dy, int lddy, int d, int np, float eps);

/* LayerNorm (Ba et al., 1607.06450): y = gamma * (x - mean) / sqrt(var + eps) + beta, var the mean square
 * around the mean. y may not equal x. */
void layernorm_forward(struct team *t, float *y, int ldy, const float *x, int ldx, const float *gamma,
                       const float *beta, int d, int np, float eps);
/* dx += its gradient; dgamma += and dbeta += (NULL: not trained). x as in forward. */
void layernorm_backward(struct team *t, float *dx, int lddx, float *dgamma, float *dbeta, const float *x,
                        int ldx, const float *gamma, const float *dy, int lddy, int d, int np, float eps);

/* Rotary positions on `heads` heads of `hd` features in place, Hugging Face's half-split form: with i < hd/2,
 *   x_i' = x_i cos - x_{i+hd/2} sin,  x_{i+hd/2}' = x_{i+hd/2} cos + x_i sin,  angle = pos * theta^(-2i/hd).
 * `inverse` rotates back (the gradient). cos/sin: tables [max_pos][hd/2]. pos[t] for t < 32 np (padding:
 * 0). The table: as transformers computes it, in float32; angles are divided by `factor` (linear scaling). */
void rope_table(float *cos_out, float *sin_out, int max_pos, int hd, float theta, float factor);
void rope_apply(struct team *t, float *x, int ldx, int heads, int hd, const int32_t *pos, const float *cos_t,
                const float *sin_t, int np, bool inverse);

/* h = silu(g) * u, silu(g) = g / (1 + exp(-g)). Backward: dg and du are overwritten (they may be the buffers
 * of g and u). */
void silu_mul_forward(struct team *t, float *h, int ldh, const float *g, int ldg, const float *u, int ldu,
                      int d, int np);
void silu_mul_backward(struct team *t, float *dg, int lddg, float *du, int lddu, const float *dh, int lddh,
                       const float *g, int ldg, const float *u, int ldu, int d, int np);

/* h = gelu(g) in its tanh form ("gelu_new"): 0.5 g (1 + tanh(sqrt(2/pi) (g + 0.044715 g^3))). Backward: dg is
 * overwritten (it may be g's buffer). */
void gelu_forward(struct team *t, float *h, int ldh, const float *g, int ldg, int d, int np);
void gelu_backward(struct team *t, float *dg, int lddg, const float *dh, int lddh, const float *g, int ldg,
                   int d, int np);

/* The same in the form of the normal distribution ("gelu"): 0.5 g (1 + erf(g / sqrt(2))). */
void gelu_erf_forward(struct team *t, float *h, int ldh, const float *g, int ldg, int d, int np);
void gelu_erf_backward(struct team *t, float *dg, int lddg, const float *dh, int lddh, const float *g,
                       int ldg, int d, int np);

#endif
