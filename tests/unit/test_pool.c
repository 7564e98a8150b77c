/* SPDX-License-Identifier: Apache-2.0 */
/* test_pool.c - pooling of packed sequences and rows of length 1: plain twins, central differences, any
 * number of threads. */
#include "harness/nn/kernels/pool.h"
#include "tests/unit/nn_util.h"

enum { N = 75, D = 37, LD = 40, NP = 3, TEXTS = 6 };
/* One text within a panel, one over three panels, one of no tokens, one of a single token. */
static const int32_t first[TEXTS + 1] = {0, 7, 7, 65, 66, 70, 75};

static const char *const names[] = {"mean", "first", "last", "max"};

static double twin(const float *x, enum pooling how, int a, int b, int f) {
    double sum = 0, best = -INFINITY;
    if (a == b) return 0;
    for (int t = a; t < b; t++) {
        sum += (double)x[t * D + f];
        best = fmax(best, (double)x[t * D + f]);
    }
    return how == POOL_MEAN  ? sum / (b - a)
           : how == POOL_MAX ? best
                             : (double)x[(how == POOL_FIRST ? a : b - 1) * D + f];
}

static void each_pooling_agrees_with_its_definition(void **state) {
    (void)state;
    float *xr = nn_floats(N * D, 1), *x = nn_panels(xr, N, D, LD, NAN);
    for (int how = POOL_MEAN; how <= POOL_MAX; how++) {
        float *one = NULL;
        for (int threads = 1; threads <= 4; threads++) {
            struct mem mem;
            struct team *t = nn_team(&mem, threads);
            float *rows = nn_zeros(TEXTS * D);
            int32_t *arg = calloc(TEXTS * D, sizeof *arg);
            pool_forward(t, (enum pooling)how, rows, arg, x, LD, D, first, TEXTS);
            for (int i = 0; i < TEXTS; i++)
                for (int f = 0; f < D; f++) {
                    double want = twin(xr, (enum pooling)how, first[i], first[i + 1], f);
                    if (fabs((double)rows[i * D + f] - want) > 1e-6)
                        fail_msg("%s of text %d differs", names[how], i);
                }
            team_free(t);
            free(arg);
            if (one) assert_memory_equal(rows, one, TEXTS * D * sizeof *rows);
            if (one) free(rows);
            if (!one) one = rows;
        }
        free(one);
    }
    free(xr), free(x);
}

/* sum(drows * pooled(x)) is linear in x (for the maximum: near x), so its gradient is exact. */
static void gradients_go_to_the_tokens_that_were_pooled_and_to_no_others(void **state) {
    (void)state;
    float *xr = nn_floats(N * D, 1), *x = nn_panels(xr, N, D, LD, 0), *dr = nn_floats(TEXTS * D, 1);
    for (int how = POOL_MEAN; how <= POOL_MAX; how++) {
        struct mem mem;
        struct team *t = nn_team(&mem, 3);
        float *rows = nn_zeros(TEXTS * D), *dx = nn_floats((int)panel_floats(NP, LD), 1);
        int32_t *arg = calloc(TEXTS * D, sizeof *arg);
        pool_forward(t, (enum pooling)how, rows, arg, x, LD, D, first, TEXTS);
        pool_backward(t, (enum pooling)how, dx, LD, NP, dr, arg, D, first, TEXTS);
        double *got = nn_rows(dx, N, D, LD);
        for (int i = 0; i < TEXTS; i++)
            for (int k = first[i]; k < first[i + 1]; k++)
                for (int f = 0; f < D; f++) {
                    float keep = xr[k * D + f];
                    double side[2];
                    for (int s = 0; s < 2; s++) {
                        xr[k * D + f] = keep + (s ? -1e-4f : 1e-4f);
                        side[s] =
                            (double)dr[i * D + f] * twin(xr, (enum pooling)how, first[i], first[i + 1], f);
                    }
                    double step = (double)(keep + 1e-4f) - (double)(keep - 1e-4f);
                    xr[k * D + f] = keep;
                    assert_true(fabs((side[0] - side[1]) / step - got[k * D + f]) < 1e-5);
                }
        for (int j = N; j < NP * PANEL; j++)
            for (int f = 0; f < D; f++)
                assert_true(dx[((size_t)(j / PANEL) * LD + f) * PANEL + j % PANEL] == 0);
        free(got), free(rows), free(dx), free(arg);
        team_free(t);
    }
    free(xr), free(x), free(dr);
}

static void rows_of_length_one_and_their_gradient(void **state) {
    (void)state;
    enum { n = 5, d = 9 };
    float *x = nn_floats(n * d, 2), *dy = nn_floats(n * d, 1), y[n * d], dx[n * d], norm[n];
    for (int f = 0; f < d; f++) x[3 * d + f] = 0; /* no direction: stays zero, without NaN */
    memcpy(y, x, sizeof y);
    struct mem mem;
    struct team *t = nn_team(&mem, 2);
    rows_normalize(t, y, norm, d, n);
    rows_normalize_grad(t, dx, dy, y, norm, d, n);
    for (int i = 0; i < n; i++) {
        double sum = 0;
        for (int f = 0; f < d; f++) sum += (double)y[i * d + f] * (double)y[i * d + f];
        assert_true(fabs(sum - (i == 3 ? 0 : 1)) < 1e-6);
        for (int k = 0; k < d && i != 3; k++) {
            double side[2], h = 1e-5;
            for (int s = 0; s < 2; s++) {
                double length = 0, loss = 0;
                for (int f = 0; f < d; f++)
                    length += pow((double)x[i * d + f] + (f == k ? (s ? -h : h) : 0), 2);
                for (int f = 0; f < d; f++)
                    loss += (double)dy[i * d + f] * ((double)x[i * d + f] + (f == k ? (s ? -h : h) : 0)) /
                            sqrt(length);
                side[s] = loss;
            }
            assert_true(fabs((side[0] - side[1]) / (2 * h) - (double)dx[i * d + k]) < 1e-6);
        }
        for (int f = 0; f < d; f++) assert_true(isfinite(dx[i * d + f]));
    }
    team_free(t);
    free(x), free(dy);
}

static void nan_survives_the_maximum(void **state) {
    (void)state;
    float *x = nn_zeros(panel_floats(1, 1)), row[1];
    int32_t arg[1], whole[2] = {0, 4};
    struct mem mem;
    struct team *t = nn_team(&mem, 1);
    x[1] = NAN, x[2] = 5;
    pool_forward(t, POOL_MAX, row, arg, x, 1, 1, whole, 1);
    assert_true(isnan(row[0]) && arg[0] == 1);
    team_free(t);
    free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_pooling_agrees_with_its_definition),
        cmocka_unit_test(gradients_go_to_the_tokens_that_were_pooled_and_to_no_others),
        cmocka_unit_test(rows_of_length_one_and_their_gradient),
        cmocka_unit_test(nan_survives_the_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
