/* SPDX-License-Identifier: Apache-2.0 */
/* svd.c - see svd.h.
 *
 * Of W [m, n] only r triplets are wanted, r being small: they are the top eigenvectors of the Gram matrix of
 * the shorter side, made in double (W W^T or W^T W; squaring costs half the digits of a double, which leaves
 * those of a float32). The other side follows by a product. */
#include "harness/nn/kernels/svd.h"

#include <cblas.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/err.h"
#include "harness/base/util.h"

/* LAPACK: eigenvalues il..iu (from 1, ascending) and vectors (columns of z) of a symmetric matrix
 * (column-major). */
extern void dsyevr_(const char *jobz, const char *range, const char *uplo, const int *n, double *a,
                    const int *lda, const double *vl, const double *vu, const int *il, const int *iu,
                    const double *abstol, int *m, double *w, double *z, const int *ldz, int *isuppz,
                    double *work, const int *lwork, int *iwork, const int *liwork, int *info, size_t jobz_len,
                    size_t range_len, size_t uplo_len);

/* Doubles of scratch that eigen_top wants besides its arguments: work, and the integers behind it. */
static size_t eigen_work(int n) { return 40 * (size_t)n + 10 * (size_t)n + 2 * (size_t)n; }

/* The k largest eigenvalues, ascending, of M [n, n], and their vectors as rows of Z [k, n]. M is destroyed.
 */
static void eigen_top(double *M, int n, int k, double *values, double *Z, double *work) {
    int il = n - k + 1, found, info, lwork = 40 * n, liwork = 10 * n;
    double none = 0;
    int *iwork = (int *)(work + lwork), *isuppz = iwork + liwork;
    dsyevr_("V", "I", "L", &n, M, &n, &none, &none, &il, &n, &none, &found, values, Z, &n, isuppz, work,
            &lwork, iwork, &liwork, &info, 1, 1, 1);
    BUG_ON(info || found != k, "dsyevr: info=%d, %d of %d eigenvalues", info, found, k);
}

/* out [n, n] = the lower triangle of W W^T (n = m) or W^T W, in double. */
static void gram_matrix(double *out, const float *W, int m, int n, bool of_rows, double *wide) {
    for (size_t i = 0; i < (size_t)m * (size_t)n; i++) wide[i] = W[i];
    int d = of_rows ? m : n;
    /* row-major upper = column-major lower */
    cblas_dsyrk(CblasRowMajor, CblasUpper, of_rows ? CblasNoTrans : CblasTrans, d, of_rows ? n : m, 1, wide,
                n, 0, out, d);
}

static bool is_finite(const float *W, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += fabs((double)W[i]);
    return isfinite(sum);
}

/* U, S, V from the eigenvectors of the rows' Gram matrix: V = U^T W / S; or of the columns': U = W V^T / S.
 */
static void write_triplets(const double *values, const double *Z, const double *wide, int m, int n, int r,
                           int k, bool of_rows, double *other, float *U, float *S, float *V) {
    int d = of_rows ? m : n;
    for (int t = 0; t < k; t++) {
        const double *z = Z + (size_t)(k - 1 - t) * (size_t)d;
        double s = sqrt(fmax(values[k - 1 - t], 0)), best = 0;
        cblas_dgemv(CblasRowMajor, of_rows ? CblasTrans : CblasNoTrans, m, n, s > 0 ? 1 / s : 0, wide, n, z,
                    1, 0, other, 1);
        const double *u = of_rows ? z : other, *v = of_rows ? other : z;
        for (int j = 0; j < n; j++)
            if (fabs(v[j]) > fabs(best)) best = v[j];
        double sign = best < 0 ? -1 : 1;
        S[t] = (float)s;
        for (int i = 0; i < m; i++) U[(size_t)i * (size_t)r + (size_t)t] = (float)(sign * u[i]);
        for (int j = 0; j < n; j++) V[(size_t)t * (size_t)n + (size_t)j] = (float)(sign * v[j]);
    }
}

void svd_top(struct mem *mem, const float *W, int m, int n, int r, float *U, float *S, float *V) {
    bool of_rows = m <= n;
    int d = MIN_OF(m, n), rest = MAX_OF(m, n), k = MIN_OF(r, d);
    size_t size = (size_t)m * (size_t)n, sq = (size_t)d * (size_t)d;
    size_t bytes =
        (size + sq + (size_t)k * (size_t)d + (size_t)d + (size_t)rest + eigen_work(d)) * sizeof(double);
    double *wide = mem_alloc(mem, MEM_SCRATCH, bytes);
    if (!mem->counting) {
        double *G = wide + size, *Z = G + sq, *values = Z + (size_t)k * (size_t)d, *other = values + d,
               *work = other + rest;
        bool finite = is_finite(W, size);
        for (size_t i = 0; i < (size_t)m * (size_t)r; i++) U[i] = finite ? 0 : NAN;
        for (size_t i = 0; i < (size_t)r * (size_t)n; i++) V[i] = finite ? 0 : NAN;
        for (int i = 0; i < r; i++) S[i] = finite ? 0 : NAN;
        if (finite) {
            gram_matrix(G, W, m, n, of_rows, wide);
            eigen_top(G, d, k, values, Z, work);
            write_triplets(values, Z, wide, m, n, r, k, of_rows, other, U, S, V);
        }
    }
    mem_free(mem, MEM_SCRATCH, wide, bytes);
}

void svd_pinv(double *M, int n, float *P) {
    double *Z = xmalloc(((size_t)n * (size_t)n + (size_t)n + eigen_work(n)) * sizeof *Z);
    double *values = Z + (size_t)n * (size_t)n;
    eigen_top(M, n, n, values, Z, values + n);
    memset(P, 0, (size_t)n * (size_t)n * sizeof *P);
    double cut = n * (double)FLT_EPSILON * values[n - 1];
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int t = 0; t < n; t++)
                if (values[t] > cut)
                    sum += Z[(size_t)t * (size_t)n + (size_t)i] * Z[(size_t)t * (size_t)n + (size_t)j] /
                           values[t];
            P[(size_t)i * (size_t)n + (size_t)j] = (float)sum;
        }
    free(Z);
}
