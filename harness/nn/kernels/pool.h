/* SPDX-License-Identifier: Apache-2.0 */
/* pool.h - hidden states of packed sequences to one row each, rows to length 1, and the gradients of both.
 *
 * Rows are [n, d] row-major float32; sequence i is the tokens first[i] .. first[i+1]-1 of the panels x; one
 * of no tokens gives zeros and takes no gradient. Sums in a fixed order: the same bits for any number of
 * threads. */
#ifndef BENCH_NN_POOL_H
#define BENCH_NN_POOL_H

#include "harness/nn/kernels/panel.h"

enum pooling { POOL_MEAN, POOL_FIRST, POOL_LAST, POOL_MAX };

/* arg [n, d]: of POOL_MAX, the token of each maximum (the first of equals); else NULL. */
void pool_forward(struct team *t, enum pooling how, float *rows, int32_t *arg, const float *x, int ldx, int d,
                  const int32_t *first, int n);
/* dx (np panels) is overwritten. arg as pool_forward left it. */
void pool_backward(struct team *t, enum pooling how, float *dx, int lddx, int np, const float *drows,
                   const int32_t *arg, int d, const int32_t *first, int n);

/* rows /= their Euclidean lengths, which go to norm [n]; lengths below 1e-12 count as that
 * (torch.nn.functional.normalize). */
void rows_normalize(struct team *t, float *rows, float *norm, int d, int n);
/* dx = (dy - y (y . dy)) / norm: the gradient of the rows before; y and norm as rows_normalize left them. dx
 * may be dy. */
void rows_normalize_grad(struct team *t, float *dx, const float *dy, const float *y, const float *norm, int d,
                         int n);

#endif
