/* SPDX-License-Identifier: Apache-2.0 */
/* svd.h - the largest singular triplets of a matrix, and the pseudo-inverse of a small symmetric one, through
 * LAPACK.
 *
 * LAPACK is part of OpenBLAS; Debian's libopenblas has no header for it, so that svd.c declares the one
 * routine used. As with every OpenBLAS call here: one thread, and one call at a time in a process. The same
 * input gives the same bits. */
#ifndef BENCH_NN_SVD_H
#define BENCH_NN_SVD_H

#include "harness/base/mem.h"

/* The r largest singular values S [r] of W [m, n] (row-major), in descending order, with U [m, r] and V [r,
 * n] so that U diag(S) V is the best approximation of rank r. Of each pair of vectors the sign is chosen so
 * that the largest component of V's row is positive. Where r exceeds min(m, n) the rest is zero; where W is
 * not finite all of it is NaN. Its scratch passes the
 * gate `mem` (MEM_SCRATCH); in counting mode nothing is computed. */
void svd_top(struct mem *mem, const float *W, int m, int n, int r, float *U, float *S, float *V);

/* P [n, n] = the pseudo-inverse of symmetric M [n, n], which is destroyed. Eigenvalues of at most n * 2^-23
 * times the largest count as zero, as torch.linalg.pinv takes them of float32. */
void svd_pinv(double *M, int n, float *P);

#endif
