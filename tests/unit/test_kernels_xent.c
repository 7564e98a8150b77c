/* SPDX-License-Identifier: Apache-2.0 */
/* test_kernels_xent.c - cross-entropy over the vocabulary against the twin that holds all logits. */
#include "tests/unit/nn_util.h"
#include "harness/nn/kernels/xent.h"

struct shape {
    int n, d, V;
    enum dtype type;
    bool bias;
    float spread; /* of the hidden states: large ones make the running maximum move */
};

static const struct shape shapes[] = {
    {1, 1, 2, DT_F32, false, 1},       {5, 48, 97, DT_F32, true, 1},      {33, 80, 1000, DT_Q8_0, false, 3},
    {100, 97, 500, DT_BF16, true, 20}, {70, 64, 1500, DT_Q4_1, false, 5}, {300, 33, 700, DT_F16, true, 10},
    {40, 900, 300, DT_Q4_0, false, 1}, {20, 1800, 130, DT_F32, true, 1},  {2100, 16, 130, DT_F32, false, 3},
    {600, 40, 96, DT_F32, true, 2},
};

struct data {
    struct weight E;
    float *Ef, *bias, *h;
    int32_t *target;
    double *Ed, *biasd, *hd;
};

static void data_make(const struct shape *s, struct data *x) {
    x->E = nn_weight(s->type, s->V, s->d);
    x->Ef = nn_zeros((size_t)s->V * s->d);
    ref_expand(&x->E, x->Ef);
    x->bias = nn_floats((size_t)s->V, 1);
    float *rows = nn_floats((size_t)s->n * s->d, s->spread);
    x->h = nn_panels(rows, s->n, s->d, s->d + 2, NAN);
    x->target = nn_alloc(sizeof(int32_t) * (size_t)s->n);
    for (int i = 0; i < s->n; i++)
        x->target[i] = (int32_t)(((unsigned)i * 2654435761u >> 8) % (unsigned)s->V);
    x->Ed = nn_widen(x->Ef, (size_t)s->V * s->d), x->biasd = nn_widen(x->bias, (size_t)s->V);
    x->hd = nn_widen(rows, (size_t)s->n * s->d);
    free(rows);
}

static void data_free(struct data *x) {
    free((void *)x->E.data), free(x->Ef), free(x->bias), free(x->h), free(x->target), free(x->Ed),
        free(x->biasd), free(x->hd);
}

struct result {
    float *nll, *dh, *dE, *dbias;
    int32_t *top1;
};

static struct result run(const struct shape *s, const struct data *x, const struct weight *E, int threads) {
    struct mem mem;
    struct team *t = nn_team(&mem, threads);
    struct result r = {nn_zeros((size_t)s->n), nn_zeros(panel_floats(panels(s->n), s->d)),
                       nn_floats((size_t)s->V * s->d, 0), nn_zeros((size_t)s->V),
                       nn_alloc(sizeof(int32_t) * (size_t)s->n)};
    for (size_t i = 0; i < panel_floats(panels(s->n), s->d); i++) r.dh[i] = NAN;
    xent(t, r.nll, r.top1, r.dh, s->d, r.dE, r.dbias, E, s->bias ? x->bias : NULL, x->h, s->d + 2, s->n,
         x->target, 0.25f);
    float *alone = nn_zeros((size_t)s->n); /* the loss alone has the same bits */
    xent(t, alone, NULL, NULL, 0, NULL, NULL, E, s->bias ? x->bias : NULL, x->h, s->d + 2, s->n, x->target,
         1);
    assert_memory_equal(alone, r.nll, sizeof(float) * (size_t)s->n);
    free(alone);
    team_free(t);
    return r;
}

static void result_free(struct result *r) {
    free(r->nll), free(r->dh), free(r->dE), free(r->dbias), free(r->top1);
}

static void same_bits(const struct shape *s, const struct result *a, const struct result *b) {
    assert_memory_equal(a->nll, b->nll, sizeof(float) * (size_t)s->n);
    assert_memory_equal(a->top1, b->top1, sizeof(int32_t) * (size_t)s->n);
    assert_memory_equal(a->dh, b->dh, sizeof(float) * panel_floats(panels(s->n), s->d));
    assert_memory_equal(a->dE, b->dE, sizeof(float) * (size_t)s->V * s->d);
    assert_memory_equal(a->dbias, b->dbias, sizeof(float) * (size_t)s->V);
}

static void loss_and_gradients_agree_with_the_twin_for_any_type_and_threads(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        const struct shape *s = &shapes[i];
        struct data x;
        data_make(s, &x);
        size_t nd = (size_t)s->n * s->d, vd = (size_t)s->V * s->d;
        double *nll = nn_doubles((size_t)s->n), *dh = nn_doubles(nd), *dE = nn_doubles(vd),
               *db = nn_doubles((size_t)s->V);
        int32_t *top1 = nn_alloc(sizeof(int32_t) * (size_t)s->n);
        ref_xent(nll, top1, dh, dE, db, x.Ed, s->bias ? x.biasd : NULL, x.hd, s->n, s->d, s->V, x.target,
                 0.25);
        struct weight plain = weight_f32(x.Ef, s->V, s->d, s->d);
        FOR_CPUS(cpu) {
            struct result one = run(s, &x, &x.E, 1);
            double *gn = nn_widen(one.nll, (size_t)s->n), *gh = nn_rows(one.dh, s->n, s->d, s->d),
                   *gE = nn_widen(one.dE, vd), *gb = nn_widen(one.dbias, (size_t)s->V);
            NN_CLOSE(gn, nll, (size_t)s->n, 2e-6);
            NN_CLOSE(gh, dh, nd, 2e-5);
            NN_CLOSE(gE, dE, vd, 2e-5);
            NN_CLOSE(gb, db, (size_t)s->V, 2e-5);
            int differ = 0; /* near ties may fall either way in float32 */
            for (int t = 0; t < s->n; t++) differ += one.top1[t] != top1[t];
            assert_true(differ <= s->n / 100);
            for (int t = s->n; t < panels(s->n) * PANEL; t++)
                for (int f = 0; f < s->d; f++)
                    assert_true(one.dh[((size_t)(t / PANEL) * s->d + f) * PANEL + t % PANEL] == 0);
            for (int threads = 2; threads <= 4; threads++) {
                struct result r = run(s, &x, threads == 3 ? &plain : &x.E, threads);
                same_bits(s, &one, &r);
                result_free(&r);
            }
            result_free(&one);
            free(gn), free(gh), free(gE), free(gb);
        }
        free(nll), free(dh), free(dE), free(db), free(top1);
        data_free(&x);
    }
}

static void the_twin_has_the_gradients_of_central_differences(void **state) {
    (void)state;
    enum { n = 3, d = 4, V = 6, all = n * d + V * d + V };
    int32_t target[n] = {5, 0, 2};
    double x[all], g[all] = {0}, nll[n];
    for (int i = 0; i < all; i++) x[i] = 2 * (double)nn_random();
    double *h = x, *E = x + n * d, *b = E + V * d;
    ref_xent(nll, NULL, g, g + n * d, g + n * d + V * d, E, b, h, n, d, V, target, 0.5);
    for (int i = 0; i < all; i++) {
        double keep = x[i], s[2];
        for (int side = 0; side < 2; side++) {
            x[i] = keep + (side ? -1e-6 : 1e-6);
            ref_xent(nll, NULL, NULL, NULL, NULL, E, b, h, n, d, V, target, 0);
            s[side] = 0.5 * (nll[0] + nll[1] + nll[2]);
        }
        x[i] = keep;
        assert_true(fabs((s[0] - s[1]) / 2e-6 - g[i]) < 1e-7);
    }
}

static void logits_rows_are_the_products_and_arg_max_takes_the_lowest_index(void **state) {
    (void)state;
    struct shape s = {45, 50, 333, DT_Q8_0, true, 1};
    struct data x;
    data_make(&s, &x);
    double *want = nn_doubles((size_t)s.n * s.V);
    for (int i = 0; i < s.n * s.V; i++) want[i] = x.biasd[i % s.V];
    ref_mm(want, x.hd, x.Ed, false, s.n, s.V, s.d);
    FOR_CPUS(cpu) {
        struct mem mem;
        struct team *t = nn_team(&mem, 2);
        float *rows = nn_zeros((size_t)s.n * s.V);
        logits_rows(t, rows, &x.E, x.bias, x.h, s.d + 2, s.n);
        double *got = nn_widen(rows, (size_t)s.n * s.V);
        NN_CLOSE(got, want, (size_t)s.n * s.V, 2e-6);
        float *zeros = nn_zeros((size_t)s.V * s.d), *bias = nn_zeros((size_t)s.V), nll[45];
        int32_t top1[45];
        bias[120] = bias[200] = bias[300] = 1;
        struct weight E0 = weight_f32(zeros, s.V, s.d, s.d);
        xent(t, nll, top1, NULL, 0, NULL, NULL, &E0, bias, x.h, s.d + 2, s.n, x.target, 1);
        for (int i = 0; i < s.n; i++) assert_int_equal(top1[i], 120);
        free(rows), free(got), free(zeros), free(bias);
        team_free(t);
    }
    free(want);
    data_free(&x);
}

static void a_nan_or_infinite_hidden_state_makes_that_loss_nan_and_no_other(void **state) {
    (void)state;
    struct shape s = {40, 16, 400, DT_F32, false, 1};
    FOR_CPUS(cpu) {
        struct data x;
        data_make(&s, &x);
        x.h[3 * PANEL + 7] = NAN;
        x.h[5 * PANEL + 9] = INFINITY;
        struct result r = run(&s, &x, &x.E, 2);
        for (int t = 0; t < s.n; t++) assert_true(isnan(r.nll[t]) == (t == 7 || t == 9));
        assert_true(isnan(r.dh[7]) && isfinite(r.dh[8]));
        result_free(&r);
        data_free(&x);
    }
}

static void huge_logits_are_no_overflow(void **state) {
    (void)state;
    struct shape s = {33, 8, 500, DT_F32, false, 3000};
    FOR_CPUS(cpu) {
        struct data x;
        data_make(&s, &x);
        double *nll = nn_doubles((size_t)s.n), *dh = nn_doubles((size_t)s.n * s.d);
        ref_xent(nll, NULL, dh, NULL, NULL, x.Ed, NULL, x.hd, s.n, s.d, s.V, x.target, 0.25);
        struct result r = run(&s, &x, &x.E, 2);
        double *got = nn_widen(r.nll, (size_t)s.n), *gh = nn_rows(r.dh, s.n, s.d, s.d);
        NN_CLOSE(got, nll, (size_t)s.n, 1e-6);
        NN_CLOSE(gh, dh, (size_t)s.n * s.d, 3e-3); /* exp of differences of numbers around 10^4 */
        free(nll), free(dh), free(got), free(gh);
        result_free(&r);
        data_free(&x);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_twin_has_the_gradients_of_central_differences),
        cmocka_unit_test(loss_and_gradients_agree_with_the_twin_for_any_type_and_threads),
        cmocka_unit_test(logits_rows_are_the_products_and_arg_max_takes_the_lowest_index),
        cmocka_unit_test(a_nan_or_infinite_hidden_state_makes_that_loss_nan_and_no_other),
        cmocka_unit_test(huge_logits_are_no_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
