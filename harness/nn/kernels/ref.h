/* SPDX-License-Identifier: Apache-2.0 */
/* ref.h - slow, plain twins of the panel operations, for the tests: row-major, double precision, one loop
 * after the other.
 *
 * Activations are rows [n, d]; weights [rows, cols]; everything in double so that a twin's own rounding does
 * not matter and central differences of a twin are good to many digits. */
#ifndef BENCH_NN_REF_H
#define BENCH_NN_REF_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/nn/kernels/weight.h"

/* The whole matrix, logical rows, as the formats' definitions say, in float32 arithmetic (dst [rows, cols]).
 */
void ref_expand(const struct weight *w, float *dst);

/* y [n, m] += x [n, k] W^T, W [m, k]; trans: W [k, m], y += x W. */
void ref_mm(double *y, const double *x, const double *w, bool trans, int n, int m, int k);
/* dw [m, k] += dy^T x. */
void ref_outer(double *dw, const double *dy, const double *x, int n, int m, int k);

void ref_rmsnorm(double *y, const double *x, const double *gamma, int n, int d, double eps);
/* dx += , dgamma += */
void ref_rmsnorm_grad(double *dx, double *dgamma, const double *x, const double *gamma, const double *dy,
                      int n, int d, double eps);
void ref_layernorm(double *y, const double *x, const double *gamma, const double *beta, int n, int d,
                   double eps);
/* dx += , dgamma += , dbeta += */
void ref_layernorm_grad(double *dx, double *dgamma, double *dbeta, const double *x, const double *gamma,
                        const double *dy, int n, int d, double eps);
void ref_gelu(double *h, const double *g, int n);
void ref_gelu_grad(double *dg, const double *dh, const double *g, int n);
/* By erf. */
void ref_gelu_erf(double *h, const double *g, int n);
void ref_gelu_erf_grad(double *dg, const double *dh, const double *g, int n);
/* In place; x [n, heads*hd]. */
void ref_rope(double *x, const int32_t *pos, int n, int heads, int hd, double theta, bool inverse);
void ref_silu_mul(double *h, const double *g, const double *u, int n);
void ref_silu_mul_grad(double *dg, double *du, const double *dh, const double *g, const double *u, int n);

/* q, o [n, heads*hd]; k, v [n, kv_heads*hd]; lse [n, heads]; tokens with start >= end: o = 0, lse = 0. */
struct ref_attention {
    int n, heads, kv_heads, hd;
    double scale;
    bool causal;
    const int32_t *start, *end;
};
void ref_attention(const struct ref_attention *a, double *o, double *lse, const double *q, const double *k,
                   const double *v);
/* Overwrites dq, dk, dv. */
void ref_attention_grad(const struct ref_attention *a, double *dq, double *dk, double *dv, const double *d_o,
                        const double *q, const double *k, const double *v);

/* nll [n]; dh [n, d] = scale (softmax - onehot) E; dE [V, d] += , dbias [V] += . bias, dh, dE, dbias may be
 * NULL. */
void ref_xent(double *nll, int32_t *top1, double *dh, double *dE, double *dbias, const double *E,
              const double *bias, const double *h, int n, int d, int V, const int32_t *target, double scale);

#endif
