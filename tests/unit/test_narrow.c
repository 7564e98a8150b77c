/* SPDX-License-Identifier: Apache-2.0 */
/* test_narrow.c - products with one token against panel_mm: the same to rounding, the same bits with any
 * number of threads, zeros in the lanes that do not count. */
#include "tests/unit/nn_util.h"
#include "harness/nn/kernels/xent.h"

static const enum dtype all_types[] = {DT_F32, DT_F16, DT_BF16, DT_Q8_0, DT_Q4_0, DT_Q4_1};

static const struct {
    int m, k, r;
    bool trans, bias, accumulate, rope, stored_transposed;
} cases[] = {
    {1, 1, 0, false, false, false, false, false},  {576, 576, 8, false, false, false, true, false},
    {97, 130, 3, false, true, true, false, false}, {64, 5000, 0, false, true, false, false, false},
    {100, 77, 4, true, true, false, false, false}, {33, 150, 0, true, false, true, false, false},
    {96, 80, 2, false, true, false, false, true},
};

/* One token's products of case c in type t, by the way for panels or (one) for one token. y: [m][32]. */
static void product(struct team *team, size_t c, const struct weight *W, const struct weight *B,
                    const float *x, const float *u, const float *bias, float *y, bool one) {
    struct term terms[2] = {{W, cases[c].trans, x, cases[c].k}, {B, cases[c].trans, u, cases[c].r}};
    for (int i = 0; i < cases[c].m * PANEL; i++) y[i] = cases[c].accumulate ? (float)(i / PANEL) : NAN;
    team_one_token(team, one);
    panel_mm(team, y, cases[c].m, cases[c].m, 1, terms, cases[c].r ? 2 : 1, cases[c].bias ? bias : NULL,
             cases[c].accumulate);
    team_one_token(team, false);
}

static void check_case(size_t c, enum dtype type) {
    int m = cases[c].m, k = cases[c].k, r = cases[c].r;
    bool trans = cases[c].trans;
    if (dtype_block(type) > 1 && cases[c].stored_transposed) return;
    struct weight W = trans != cases[c].stored_transposed ? nn_weight(type, k, m) : nn_weight(type, m, k);
    struct weight B = trans ? nn_weight(DT_F32, r, m) : nn_weight(DT_F32, m, r);
    if (cases[c].rope) W.rope_heads = 9;
    if (cases[c].stored_transposed) W.rows = m, W.cols = k, W.transposed = true;
    float *x = nn_zeros((size_t)k * PANEL), *u = nn_zeros((size_t)r * PANEL + 1), *bias = nn_zeros((size_t)m);
    for (int i = 0; i < k; i++) x[i * PANEL] = nn_random();
    for (int i = 0; i < r; i++) u[i * PANEL] = nn_random();
    for (int i = 0; i < m; i++) bias[i] = nn_random();
    float *want = nn_zeros((size_t)m * PANEL), *first = nn_zeros((size_t)m * PANEL),
          *y = nn_zeros((size_t)m * PANEL);
    for (int threads = 1; threads <= 3; threads++) {
        struct mem mem;
        struct team *team = nn_team(&mem, threads);
        product(team, c, &W, &B, x, u, bias, want, false);
        product(team, c, &W, &B, x, u, bias, y, true);
        double got[5000], exact[5000];
        for (int i = 0; i < m; i++) {
            got[i] = (double)y[i * PANEL];
            exact[i] = (double)want[i * PANEL];
            for (int lane = 1; lane < PANEL; lane++) assert_true(y[i * PANEL + lane] == 0);
        }
        NN_CLOSE(got, exact, (size_t)m, 5e-6); /* two orders of sums over up to 5000 terms */
        if (threads == 1) memcpy(first, y, sizeof *y * (size_t)m * PANEL);
        assert_memory_equal(y, first, sizeof *y * (size_t)m * PANEL);
        team_free(team);
    }
    free((void *)W.data), free((void *)B.data), free(x), free(u), free(bias), free(want), free(first),
        free(y);
}

static void one_token_is_lane_0_of_the_panel(void **state) {
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++)
        for (size_t t = 0; t < ARRAY_LEN(all_types); t++) FOR_CPUS(cpu) check_case(c, all_types[t]);
}

static void the_logits_of_one_token_are_those_of_the_first_of_many(void **state) {
    (void)state;
    enum { V = 333, D = 80 };
    for (size_t t = 0; t < ARRAY_LEN(all_types); t++) {
        struct weight E = nn_weight(all_types[t], V, D);
        float *h = nn_zeros(D * PANEL), bias[V], one[V], *many = nn_zeros(2 * V);
        for (int i = 0; i < D; i++) h[i * PANEL] = nn_random(), h[i * PANEL + 1] = nn_random();
        for (int i = 0; i < V; i++) bias[i] = nn_random();
        FOR_CPUS(cpu) {
            struct mem mem;
            struct team *team = nn_team(&mem, 2);
            logits_rows(team, many, &E, bias, h, D, 2);
            logits_rows(team, one, &E, bias, h, D, 1);
            double a[V], b[V];
            for (int i = 0; i < V; i++) a[i] = (double)one[i], b[i] = (double)many[i];
            NN_CLOSE(a, b, V, 2e-6);
            team_free(team);
        }
        free((void *)E.data), free(h), free(many);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_token_is_lane_0_of_the_panel),
        cmocka_unit_test(the_logits_of_one_token_are_those_of_the_first_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
