/* SPDX-License-Identifier: Apache-2.0 */
/* svd_whole.h - singular value decompositions with all their values, in double, through LAPACK.
 *
 * For looking at what was learned, where the small singular values matter too; svd.h has the few largest of a
 * float matrix for training. As with every OpenBLAS call here: one thread, and one call at a time in a
 * process. All matrices are row-major. The same input gives the same bits; the signs of vectors are LAPACK's.
 */
#ifndef BENCH_NN_SVD_WHOLE_H
#define BENCH_NN_SVD_WHOLE_H

/* M [m, n] = U diag(S) V with k = min(m, n): U [m, k], S [k] descending, V [k, n]. M is destroyed. 0, or -1
 * when M is not finite (nothing is written then) or LAPACK gave up. */
int svd_whole(double *M, int m, int n, double *U, double *S, double *V);

/* The same of the product B A, B [m, r], A [r, n], which is not made: k = min(m, n, r). By orthogonal factors
 * of both, so that it costs (m + n) r^2. */
int svd_of_product(const float *B, const float *A, int m, int n, int r, double *U, double *S, double *V);

/* || U^T W V^T ||_F of the first k columns of U [m, ldu] and rows of V [k, n]: how much of W [m, n] lies in
 * those directions. */
double svd_projected(const double *U, int ldu, const double *V, int k, const float *W, int m, int n);

#endif
