/* SPDX-License-Identifier: Apache-2.0 */
/* svd_whole.c - see svd_whole.h.
 *
 * LAPACK is column-major: a row-major M [m, n] is its transpose there. With M^T = X diag(S) Y^T, M = Y
 * diag(S) X^T, so X comes out as the rows of V, and Y^T, column-major, as the row-major U. For a product, B =
 * Qb Rb and A = Ra Qa (rows of Qa orthonormal): the small Rb Ra is decomposed, and Qb and Qa carry its
 * vectors back. */
#include "harness/nn/kernels/svd_whole.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/err.h"
#include "harness/base/util.h"

extern void dgesdd_(const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s,
                    double *u, const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork,
                    int *iwork, int *info, size_t jobz_len);
extern void dgeqrf_(const int *m, const int *n, double *a, const int *lda, double *tau, double *work,
                    const int *lwork, int *info);
extern void dorgqr_(const int *m, const int *n, const int *k, double *a, const int *lda, const double *tau,
                    double *work, const int *lwork, int *info);
extern void dgelqf_(const int *m, const int *n, double *a, const int *lda, double *tau, double *work,
                    const int *lwork, int *info);
extern void dorglq_(const int *m, const int *n, const int *k, double *a, const int *lda, const double *tau,
                    double *work, const int *lwork, int *info);

static double *new_doubles(size_t n) { return xmalloc((n ? n : 1) * sizeof(double)); }

static bool is_finite(const double *v, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v[i])) return false;
    return true;
}

int svd_whole(double *M, int m, int n, double *U, double *S, double *V) {
    int k = MIN_OF(m, n), ask = -1, info, lwork;
    double best;
    if (!is_finite(M, (size_t)m * (size_t)n)) return -1;
    int *iwork = xmalloc(8 * (size_t)k * sizeof *iwork);
    dgesdd_("S", &n, &m, M, &n, S, V, &n, U, &k, &best, &ask, iwork, &info, 1);
    BUG_ON(info, "dgesdd: info=%d for [%d, %d]", info, m, n);
    lwork = (int)best;
    double *work = new_doubles((size_t)lwork);
    dgesdd_("S", &n, &m, M, &n, S, V, &n, U, &k, work, &lwork, iwork, &info, 1);
    BUG_ON(info < 0, "dgesdd: info=%d for [%d, %d]", info, m, n);
    free(work);
    free(iwork);
    return info ? -1 : 0;
}

/* Row-major B [m, r] = Q [m, k] R [k, r], k = min(m, r): LQ of its column-major transpose. Q replaces the
 * beginning of B. */
static int split_left(double *B, int m, int r, double *R) {
    int k = MIN_OF(m, r), info, lwork = 64 * MAX_OF(m, r);
    double *tau = new_doubles((size_t)k), *work = new_doubles((size_t)lwork);
    dgelqf_(&r, &m, B, &r, tau, work, &lwork, &info);
    BUG_ON(info, "dgelqf: info=%d", info);
    for (int i = 0; i < k; i++)
        for (int j = 0; j < r; j++)
            R[(size_t)i * (size_t)r + (size_t)j] = j >= i ? B[(size_t)i * (size_t)r + (size_t)j] : 0;
    dorglq_(&k, &m, &k, B, &r, tau, work, &lwork, &info);
    BUG_ON(info, "dorglq: info=%d", info);
    for (int i = 0; i < m && k < r; i++)
        memmove(B + (size_t)i * (size_t)k, B + (size_t)i * (size_t)r, (size_t)k * sizeof *B);
    free(tau);
    free(work);
    return k;
}

/* Row-major A [r, n] = R [r, k] Q [k, n], k = min(r, n): QR of its column-major transpose. Q replaces the
 * beginning of A. */
static int split_right(double *A, int r, int n, double *R) {
    int k = MIN_OF(r, n), info, lwork = 64 * MAX_OF(r, n);
    double *tau = new_doubles((size_t)k), *work = new_doubles((size_t)lwork);
    dgeqrf_(&n, &r, A, &n, tau, work, &lwork, &info);
    BUG_ON(info, "dgeqrf: info=%d", info);
    for (int i = 0; i < r; i++)
        for (int j = 0; j < k; j++)
            R[(size_t)i * (size_t)k + (size_t)j] = j <= i ? A[(size_t)i * (size_t)n + (size_t)j] : 0;
    dorgqr_(&n, &k, &k, A, &n, tau, work, &lwork, &info);
    BUG_ON(info, "dorgqr: info=%d", info);
    free(tau);
    free(work);
    return k;
}

static double *widened_copy(const float *v, size_t n) {
    double *d = new_doubles(n);
    for (size_t i = 0; i < n; i++) d[i] = v[i];
    return d;
}

/* C [m, n] = A [m, k] B [k, n], rows of C n apart. */
static void multiply_matrices(const double *A, int lda, const double *B, int m, int k, int n, double *C) {
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, A, lda, B, n, 0, C, n);
}

int svd_of_product(const float *B, const float *A, int m, int n, int r, double *U, double *S, double *V) {
    double *qb = widened_copy(B, (size_t)m * (size_t)r), *qa = widened_copy(A, (size_t)r * (size_t)n);
    int rc = is_finite(qb, (size_t)m * (size_t)r) && is_finite(qa, (size_t)r * (size_t)n) ? 0 : -1;
    double *rb = new_doubles((size_t)r * (size_t)r), *ra = new_doubles((size_t)r * (size_t)r);
    if (!rc) {
        int kb = split_left(qb, m, r, rb), ka = split_right(qa, r, n, ra), k = MIN_OF(kb, ka);
        double *core = new_doubles((size_t)kb * (size_t)ka), *u = new_doubles((size_t)kb * (size_t)k),
               *v = new_doubles((size_t)k * (size_t)ka);
        multiply_matrices(rb, r, ra, kb, r, ka, core);
        rc = svd_whole(core, kb, ka, u, S, v);
        if (!rc) multiply_matrices(qb, kb, u, m, kb, k, U);
        if (!rc) multiply_matrices(v, ka, qa, k, ka, n, V);
        free(core);
        free(u);
        free(v);
    }
    free(qb);
    free(qa);
    free(rb);
    free(ra);
    return rc;
}

double svd_projected(const double *U, int ldu, const double *V, int k, const float *W, int m, int n) {
    double *wide = widened_copy(W, (size_t)m * (size_t)n), *t = new_doubles((size_t)k * (size_t)n),
           *p = new_doubles((size_t)k * (size_t)k);
    double sum = 0;
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, k, n, m, 1, U, ldu, wide, n, 0, t, n);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, k, k, n, 1, t, n, V, n, 0, p, k);
    for (size_t i = 0; i < (size_t)k * (size_t)k; i++) sum += p[i] * p[i];
    free(wide);
    free(t);
    free(p);
    return sqrt(sum);
}
