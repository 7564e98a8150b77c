/* SPDX-License-Identifier: Apache-2.0 */
/* panel.h - activations with tokens in the SIMD lanes: products, sums, layout. What is made of them stands in
 * layers.h, attention.h and xent.h.
 *
 * An activation of n tokens and d features is stored in panels of 32 tokens, feature-major:
 *     X[p][f][lane],   token t = 32 p + lane,   address  x + ((size_t)p * ld + f) * 32 + lane
 * where ld (features per panel) may exceed d when X is a slice of a wider buffer. np = panels(n). Buffers are
 * 64-byte aligned. Lanes beyond n ("padding") hold zeros in every gradient; in activations they hold finite
 * values that nothing reads across lanes (attention masks them by segment), so they add exact zeros to weight
 * gradients.
 *
 * Weights are the broadcast operand, so one row-major copy serves y = W x and dx = W^T dy, and nothing is
 * ever packed.
 *
 * Determinism: each output element is one fixed-order sum, whatever the number of threads; results are
 * bit-identical for any `nthreads`, and do not depend on whether a weight is expanded from a quantised type
 * or is that same float32 matrix. Work is split over panels and output rows, never over the summed index
 * (except by fixed, shape-only chunks).
 *
 * One source (kernels.inc.c or similar) is compiled for AVX-512, AVX2+FMA and baseline x86-64 (or the
 * portable vector width elsewhere) and chosen at run time; BENCH_CPU=avx2|baseline|avx512 forces a path.
 * Row-major reference twins of every function, slow and plain, are in ref.h for the tests. */
#ifndef BENCH_NN_PANEL_H
#define BENCH_NN_PANEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/nn/kernels/team.h"
#include "harness/nn/kernels/weight.h"

#define PANEL 32
static inline int panels(int n) { return (n + PANEL - 1) / PANEL; }
static inline size_t panel_floats(int np, int d) { return (size_t)np * (size_t)d * PANEL; }

/* ---- matrix products ----------------------------------------------------------------------------------- */

/* One term of a sum of products: op(W) x. !trans: W [m,k], reads x features 0..cols-1. trans: W [k,m], y =
 * W^T x. */
struct term {
    const struct weight *w;
    bool trans;
    const float *x; /* panels, k features used */
    int ldx;        /* features per panel of x */
};

/* y[p][i][:] = (accumulate ? y : 0) + bias[i] + sum over terms of (op(W) x)[p][i][:],   i < m, p < np. The
 * terms are added in order inside one pass over y: low-rank terms (k = r) cost no extra pass. bias may be
 * NULL. m = rows of op(W) of every term. x may not overlap y. */
void panel_mm(struct team *t, float *y, int ldy, int m, int np, const struct term *terms, int nterms,
              const float *bias, bool accumulate);

/* dW[i*ld + j] += sum over tokens of dy[i] x[j],  i < m, j < k: the weight gradient (d_out x d_in). */
void panel_outer(struct team *t, float *dw, int ld, const float *dy, int ldy, int m, const float *x, int ldx,
                 int k, int np);
/* db[i] += sum over tokens of dy[i]. */
void panel_row_sum(struct team *t, float *db, const float *dy, int ldy, int m, int np);
/* d[i] += sum over tokens of a[i] b[i]. */
void panel_row_dot(struct team *t, float *d, const float *a, int lda, const float *b, int ldb, int m, int np);
/* y[p][i][:] = (accumulate ? y : 0) + s * v[i] * x[p][i][:]; v NULL means ones. x may equal y. */
void panel_row_scale(struct team *t, float *y, int ldy, const float *x, int ldx, const float *v, float s,
                     int m, int np, bool accumulate);
/* y += x over d features. */
void panel_add(struct team *t, float *y, int ldy, const float *x, int ldx, int d, int np);
void panel_zero(struct team *t, float *y, int ldy, int d, int np);
void panel_copy(struct team *t, float *y, int ldy, const float *x, int ldx, int d, int np);

/* ---- layout -------------------------------------------------------------------------------------------- */

/* x panels <-> rows [n, d] row-major; padding lanes are set to zero by panel_from_rows. */
void panel_from_rows(struct team *t, float *x, int ldx, const float *rows, int d, int n);
void panel_to_rows(struct team *t, float *rows, const float *x, int ldx, int d, int n);
/* Column (token) gather: y token j = x token idx[j], j < n; lanes up to 32*panels(n) are zero. */
void panel_gather(struct team *t, float *y, int ldy, const float *x, int ldx, int d, const int32_t *idx,
                  int n);
/* Inverse: y is zeroed over np_y panels, then y token idx[j] = x token j (idx distinct). */
void panel_scatter(struct team *t, float *y, int ldy, int np_y, const float *x, int ldx, int d,
                   const int32_t *idx, int n);

#endif
