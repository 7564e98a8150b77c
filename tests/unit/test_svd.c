/* SPDX-License-Identifier: Apache-2.0 */
/* test_svd.c - the singular triplets and the pseudo-inverse of harness/nn/kernels/svd.h, by their
 * definitions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/nn/kernels/svd.h"
#include "harness/base/rng.h"
#include "harness/base/util.h"

static float *random_matrix(const char *name, int m, int n) {
    float *W = xmalloc((size_t)m * (size_t)n * sizeof *W);
    rng_fill_uniform(rng_make(3, name, 0), W, (size_t)m * (size_t)n, 1);
    return W;
}

/* W V' = U diag(S): each triplet belongs to W; V's rows and U's columns are orthonormal. */
static void check(const float *W, int m, int n, int r) {
    struct mem mem;
    mem_init(&mem, false, 0);
    float *U = xcalloc((size_t)m * (size_t)r, sizeof *U), *S = xcalloc((size_t)r, sizeof *S),
          *V = xcalloc((size_t)r * (size_t)n, sizeof *V);
    svd_top(&mem, W, m, n, r, U, S, V);
    assert_int_equal(mem.total, 0);
    for (int t = 0; t < r; t++) {
        double best = 0;
        assert_true(t == 0 || S[t] <= S[t - 1]);
        for (int i = 0; i < m; i++) {
            double sum = 0;
            for (int j = 0; j < n; j++) sum += (double)W[i * n + j] * (double)V[t * n + j];
            assert_true(fabs(sum - (double)(S[t] * U[i * r + t])) < 1e-6 * (double)S[0]);
        }
        for (int q = 0; q <= t; q++) {
            double u = 0, v = 0;
            for (int i = 0; i < m; i++) u += (double)U[i * r + t] * (double)U[i * r + q];
            for (int j = 0; j < n; j++) v += (double)V[t * n + j] * (double)V[q * n + j];
            assert_true(fabs(u - (q == t)) < 1e-6 && fabs(v - (q == t)) < 1e-6);
        }
        for (int j = 0; j < n; j++)
            if (fabs((double)V[t * n + j]) > fabs(best)) best = (double)V[t * n + j];
        assert_true(best > 0);
    }
    free(U), free(S), free(V);
}

static void triplets_belong_to_the_matrix_and_are_orthonormal(void **state) {
    (void)state;
    static const int shapes[][3] = {{7, 7, 7}, {30, 50, 4}, {50, 30, 4}, {1, 9, 1}, {64, 64, 16}};
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        float *W = random_matrix("W", shapes[i][0], shapes[i][1]);
        check(W, shapes[i][0], shapes[i][1], shapes[i][2]);
        free(W);
    }
}

static void what_is_left_of_the_matrix_has_the_next_singular_value(void **state) {
    (void)state;
    enum { M = 12, N = 20, R = 3 };
    struct mem mem;
    mem_init(&mem, false, 0);
    float *W = random_matrix("W", M, N), U[M * (R + 1)], S[R + 1], V[(R + 1) * N], S2[1], U2[M], V2[N];
    svd_top(&mem, W, M, N, R + 1, U, S, V);
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++)
            for (int t = 0; t < R; t++) W[i * N + j] -= U[i * (R + 1) + t] * S[t] * V[t * N + j];
    svd_top(&mem, W, M, N, 1, U2, S2, V2);
    assert_true(fabs((double)(S2[0] - S[R])) < 1e-5);
    free(W);
}

static void a_rank_beyond_the_matrix_is_filled_with_zeros_and_nan_stays_nan(void **state) {
    (void)state;
    struct mem mem;
    mem_init(&mem, false, 0);
    float W[6] = {1, 2, 3, 4, 5, 6}, U[2 * 4], S[4], V[4 * 3];
    svd_top(&mem, W, 2, 3, 4, U, S, V);
    assert_true(S[1] > 0 && S[2] == 0 && S[3] == 0);
    assert_true(U[2] == 0 && U[3] == 0 && V[2 * 3] == 0 && V[3 * 3 + 2] == 0);
    W[4] = NAN;
    svd_top(&mem, W, 2, 3, 2, U, S, V);
    assert_true(isnan(U[0]) && isnan(S[0]) && isnan(V[0]));
}

static void counting_takes_the_same_memory_and_computes_nothing(void **state) {
    (void)state;
    struct mem plan, run;
    mem_init(&plan, true, 0), mem_init(&run, false, 0);
    float *W = random_matrix("W", 40, 24), U[40 * 2], S[2] = {-1}, V[2 * 24];
    svd_top(&plan, NULL, 40, 24, 2, U, S, V);
    assert_true(S[0] == -1);
    svd_top(&run, W, 40, 24, 2, U, S, V);
    assert_int_equal(plan.total_peak, run.total_peak);
    free(W);
}

static void pseudo_inverses_invert_what_is_there(void **state) {
    (void)state;
    enum { N = 5 };
    for (int rank = 2; rank <= N; rank++) {
        float *A = random_matrix("A", N, rank), P[N * N];
        double M[N * N], keep[N * N];
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                M[i * N + j] = 0;
                for (int k = 0; k < rank; k++)
                    M[i * N + j] += (double)A[i * rank + k] * (double)A[j * rank + k];
            }
        memcpy(keep, M, sizeof M);
        svd_pinv(M, N, P);
        for (int i = 0; i < N; i++) /* M P M = M */
            for (int j = 0; j < N; j++) {
                double sum = 0;
                for (int k = 0; k < N; k++)
                    for (int l = 0; l < N; l++)
                        sum += keep[i * N + k] * (double)P[k * N + l] * keep[l * N + j];
                assert_true(fabs(sum - keep[i * N + j]) < 1e-5);
            }
        free(A);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(triplets_belong_to_the_matrix_and_are_orthonormal),
        cmocka_unit_test(what_is_left_of_the_matrix_has_the_next_singular_value),
        cmocka_unit_test(a_rank_beyond_the_matrix_is_filled_with_zeros_and_nan_stays_nan),
        cmocka_unit_test(counting_takes_the_same_memory_and_computes_nothing),
        cmocka_unit_test(pseudo_inverses_invert_what_is_there),
    };
    return cmocka_run_group_tests_name("svd", tests, NULL, NULL);
}
