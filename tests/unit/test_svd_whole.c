/* SPDX-License-Identifier: Apache-2.0 */
/* test_svd_whole.c - whole singular value decompositions by their definitions: of a matrix, and of a product
 * that is not made. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/nn/kernels/svd_whole.h"
#include "harness/base/rng.h"
#include "harness/base/util.h"

static float *random_matrix(const char *name, int m, int n) {
    float *W = xmalloc((size_t)m * (size_t)n * sizeof *W);
    rng_fill_uniform(rng_make(5, name, 0), W, (size_t)m * (size_t)n, 1);
    return W;
}

static double *product(const float *B, const float *A, int m, int n, int r) {
    double *M = xcalloc((size_t)m * (size_t)n, sizeof *M);
    for (int i = 0; i < m; i++)
        for (int k = 0; k < r; k++)
            for (int j = 0; j < n; j++) M[i * n + j] += (double)B[i * r + k] * (double)A[k * n + j];
    return M;
}

/* U diag(S) V = M, S descending, vectors orthonormal. */
static void check(const double *M, int m, int n, int k, const double *U, const double *S, const double *V) {
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int t = 0; t < k; t++) sum += U[i * k + t] * S[t] * V[t * n + j];
            assert_true(fabs(sum - M[i * n + j]) < 1e-12 * (1 + S[0]));
        }
    for (int t = 0; t < k; t++) {
        assert_true(S[t] >= 0 && (t == 0 || S[t] <= S[t - 1]));
        for (int q = 0; q <= t; q++) {
            double u = 0, v = 0;
            for (int i = 0; i < m; i++) u += U[i * k + t] * U[i * k + q];
            for (int j = 0; j < n; j++) v += V[t * n + j] * V[q * n + j];
            assert_true(fabs(u - (q == t)) < 1e-12 && fabs(v - (q == t)) < 1e-12);
        }
    }
}

static void a_matrix_is_the_sum_of_its_directions(void **state) {
    (void)state;
    static const int shape[][2] = {{7, 4}, {4, 7}, {5, 5}, {1, 6}, {6, 1}, {1, 1}, {40, 33}};
    for (size_t s = 0; s < ARRAY_LEN(shape); s++) {
        int m = shape[s][0], n = shape[s][1], k = MIN_OF(m, n);
        float *W = random_matrix("w", m, n);
        double M[40 * 33], copy[40 * 33], U[40 * 33], S[33], V[33 * 40];
        for (int i = 0; i < m * n; i++) M[i] = copy[i] = (double)W[i];
        assert_int_equal(svd_whole(copy, m, n, U, S, V), 0);
        check(M, m, n, k, U, S, V);
        free(W);
    }
}

static void a_product_is_taken_apart_by_its_factors(void **state) {
    (void)state;
    /* thin, square, and with more columns than either side has */
    static const int shape[][3] = {{20, 30, 4}, {30, 20, 1}, {9, 9, 9}, {6, 20, 10}, {20, 6, 10}, {5, 4, 12}};
    for (size_t s = 0; s < ARRAY_LEN(shape); s++) {
        int m = shape[s][0], n = shape[s][1], r = shape[s][2], k = MIN_OF(r, MIN_OF(m, n));
        float *B = random_matrix("b", m, r), *A = random_matrix("a", r, n);
        double *M = product(B, A, m, n, r), U[900], S[30], V[900];
        assert_int_equal(svd_of_product(B, A, m, n, r, U, S, V), 0);
        check(M, m, n, k, U, S, V);
        free(B), free(A), free(M);
    }
}

/* sigma is what was put in, down to 1e-7 of the largest. */
static void small_singular_values_keep_their_digits(void **state) {
    (void)state;
    enum { M = 12, N = 10, R = 3 };
    static const double sigma[R] = {3, 0.5, 3e-7};
    float B[M * R] = {0}, A[R * N] = {0};
    for (int k = 0; k < R; k++) B[(2 * k + 1) * R + k] = (float)sigma[k], A[k * N + 3 * k] = 1;
    double U[M * R], S[R], V[R * N];
    assert_int_equal(svd_of_product(B, A, M, N, R, U, S, V), 0);
    for (int k = 0; k < R; k++) assert_true(fabs(S[k] - (double)(float)sigma[k]) < 1e-14);
}

static void numbers_that_are_not_finite_are_told(void **state) {
    (void)state;
    double M[4] = {1, NAN, 0, 1}, U[4], S[2], V[4];
    assert_int_equal(svd_whole(M, 2, 2, U, S, V), -1);
    float B[2] = {1, INFINITY}, A[2] = {1, 1};
    assert_int_equal(svd_of_product(B, A, 2, 2, 1, U, S, V), -1);
}

/* With U and V along axes U^T W V^T is a corner of W. */
static void the_projection_is_the_part_of_w_in_those_directions(void **state) {
    (void)state;
    enum { M = 6, N = 5, K = 2 };
    float *W = random_matrix("w", M, N);
    double U[M * 3] = {0}, V[K * N] = {0}, sum = 0;
    static const int row[] = {4, 1}, col[] = {0, 3};
    for (int k = 0; k < K; k++) U[row[k] * 3 + k] = V[k * N + col[k]] = 1;
    for (int i = 0; i < K; i++)
        for (int j = 0; j < K; j++) sum += pow((double)W[row[i] * N + col[j]], 2);
    assert_true(fabs(svd_projected(U, 3, V, K, W, M, N) - sqrt(sum)) < 1e-14);
    free(W);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_matrix_is_the_sum_of_its_directions),
        cmocka_unit_test(a_product_is_taken_apart_by_its_factors),
        cmocka_unit_test(small_singular_values_keep_their_digits),
        cmocka_unit_test(numbers_that_are_not_finite_are_told),
        cmocka_unit_test(the_projection_is_the_part_of_w_in_those_directions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
