/* SPDX-License-Identifier: Apache-2.0 */
/* test_kernels_attention.c - attention on packed sequences, forward and backward, against the row-major twin;
 * the twin against central differences. */
#include "tests/unit/nn_util.h"
#include "harness/nn/kernels/attention.h"

struct shape {
    int heads, kv_heads, hd;
    bool causal;
    int seqs[6];     /* lengths, 0 ends */
    int threads_too; /* compare 1..4 threads as well */
};

static const struct shape shapes[] = {
    {1, 1, 2, true, {1}, 1},
    {2, 1, 6, true, {33}, 1},
    {3, 3, 64, false, {20, 40, 3}, 1},
    {9, 3, 64, true, {37, 90, 45, 11}, 1},
    {4, 2, 80, true, {100, 1, 1, 64}, 1},
    {2, 2, 256, false, {64, 33}, 0},
    {3, 1, 7, true, {5, 70, 32, 32, 31}, 0},
    {2, 1, 16, true, {1500}, 1}, /* more keys than one piece */
    {1, 1, 16, false, {30, 1100, 200}, 1},
};

struct data {
    int n, np, dq, dk;
    int32_t *start, *end;
    float *q, *k, *v, *d_o; /* panels */
    double *qd, *kd, *vd, *dod;
};

static void data_make(const struct shape *s, struct data *d) {
    d->n = 0;
    for (int i = 0; i < 6 && s->seqs[i]; i++) d->n += s->seqs[i];
    d->np = panels(d->n), d->dq = s->heads * s->hd, d->dk = s->kv_heads * s->hd;
    d->start = nn_alloc(sizeof(int32_t) * (size_t)d->np * PANEL);
    d->end = nn_alloc(sizeof(int32_t) * (size_t)d->np * PANEL);
    for (int i = 0, at = 0; i < 6 && s->seqs[i]; at += s->seqs[i++])
        for (int t = at; t < at + s->seqs[i]; t++) d->start[t] = at, d->end[t] = at + s->seqs[i];
    float *q = nn_floats((size_t)d->n * d->dq, 2), *k = nn_floats((size_t)d->n * d->dk, 2);
    float *v = nn_floats((size_t)d->n * d->dk, 1), *o = nn_floats((size_t)d->n * d->dq, 1);
    d->q = nn_panels(q, d->n, d->dq, d->dq + 3, NAN), d->k = nn_panels(k, d->n, d->dk, d->dk + 1, NAN);
    d->v = nn_panels(v, d->n, d->dk, d->dk + 2, NAN), d->d_o = nn_panels(o, d->n, d->dq, d->dq, 0);
    d->qd = nn_widen(q, (size_t)d->n * d->dq), d->kd = nn_widen(k, (size_t)d->n * d->dk);
    d->vd = nn_widen(v, (size_t)d->n * d->dk), d->dod = nn_widen(o, (size_t)d->n * d->dq);
    free(q), free(k), free(v), free(o);
}

static void data_free(struct data *d) {
    free(d->start), free(d->end), free(d->q), free(d->k), free(d->v), free(d->d_o);
    free(d->qd), free(d->kd), free(d->vd), free(d->dod);
}

/* o, lse, dq, dk, dv in one allocation of panels, for comparison as a whole. */
struct result {
    float *o, *lse, *dq, *dk, *dv;
    size_t floats;
};

static struct result run(const struct shape *s, const struct data *d, int threads) {
    struct mem mem;
    struct team *t = nn_team(&mem, threads);
    size_t nq = panel_floats(d->np, d->dq), nk = panel_floats(d->np, d->dk),
           nl = panel_floats(d->np, s->heads);
    struct result r = {.floats = 2 * nq + 2 * nk + nl};
    r.o = nn_zeros(r.floats);
    for (size_t i = 0; i < r.floats; i++) r.o[i] = NAN; /* everything must be overwritten */
    r.dq = r.o + nq, r.dk = r.dq + nq, r.dv = r.dk + nk, r.lse = r.dv + nk;
    struct attention a = {s->heads,  s->kv_heads, s->hd,  1 / sqrtf((float)s->hd),
                          s->causal, d->start,    d->end, d->np};
    float *delta = nn_zeros(nl);
    attention_forward(t, &a, r.o, d->dq, r.lse, d->q, d->dq + 3, d->k, d->dk + 1, d->v, d->dk + 2);
    attention_backward(t, &a, r.dq, d->dq, r.dk, d->dk, r.dv, d->dk, delta, d->d_o, d->dq, r.lse, d->q,
                       d->dq + 3, d->k, d->dk + 1, d->v, d->dk + 2);
    free(delta);
    team_free(t);
    return r;
}

static void close_to(const char *what, const float *panels_, const double *want, int n, int d, double tol) {
    double *got = nn_rows(panels_, n, d, d), err = nn_error(got, want, (size_t)n * d);
    free(got);
    if (!(err <= tol)) fail_msg("%s: relative error %.3g (%s, n=%d d=%d)", what, err, panel_cpu(), n, d);
    for (int t = n; t < panels(n) * PANEL; t++)
        for (int f = 0; f < d; f++)
            assert_true(panels_[((size_t)(t / PANEL) * d + f) * PANEL + t % PANEL] == 0);
}

static void forward_and_backward_agree_with_the_twin_and_between_threads(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        const struct shape *s = &shapes[i];
        struct data d;
        data_make(s, &d);
        struct ref_attention ra = {d.n,       s->heads, s->kv_heads, s->hd, (double)(1 / sqrtf((float)s->hd)),
                                   s->causal, d.start,  d.end};
        size_t nq = (size_t)d.n * d.dq, nk = (size_t)d.n * d.dk;
        double *o = nn_doubles(nq), *lse = nn_doubles((size_t)d.n * s->heads), *dq = nn_doubles(nq),
               *dk = nn_doubles(nk), *dv = nn_doubles(nk);
        ref_attention(&ra, o, lse, d.qd, d.kd, d.vd);
        ref_attention_grad(&ra, dq, dk, dv, d.dod, d.qd, d.kd, d.vd);
        FOR_CPUS(cpu) {
            struct result one = run(s, &d, 1);
            close_to("o", one.o, o, d.n, d.dq, 2e-6);
            close_to("lse", one.lse, lse, d.n, s->heads, 2e-6);
            close_to("dq", one.dq, dq, d.n, d.dq, 1e-5);
            close_to("dk", one.dk, dk, d.n, d.dk, 1e-5);
            close_to("dv", one.dv, dv, d.n, d.dk, 1e-5);
            for (int threads = 2; s->threads_too && threads <= 4; threads++) {
                struct result r = run(s, &d, threads);
                assert_memory_equal(r.o, one.o, sizeof(float) * r.floats);
                free(r.o);
            }
            free(one.o);
        }
        free(o), free(lse), free(dq), free(dk), free(dv);
        data_free(&d);
    }
}

static double objective(const struct ref_attention *a, const double *w, const double *q, const double *k,
                        const double *v) {
    double o[200], lse[200], s = 0;
    ref_attention(a, o, lse, q, k, v);
    for (int i = 0; i < a->n * a->heads * a->hd; i++) s += w[i] * o[i];
    return s;
}

static void the_twin_has_the_gradients_of_central_differences(void **state) {
    (void)state;
    enum { n = 7, heads = 2, hd = 3, nq = n * heads * hd, nk = n * hd };
    int32_t start[n] = {0, 0, 0, 0, 4, 4, 4}, end[n] = {4, 4, 4, 4, 7, 7, 7};
    for (int causal = 0; causal < 2; causal++) {
        struct ref_attention a = {n, heads, 1, hd, 0.7, causal, start, end};
        double x[nq + 2 * nk], w[nq], g[nq + 2 * nk];
        for (int i = 0; i < nq + 2 * nk; i++) x[i] = nn_random();
        for (int i = 0; i < nq; i++) w[i] = nn_random();
        ref_attention_grad(&a, g, g + nq, g + nq + nk, w, x, x + nq, x + nq + nk);
        for (int i = 0; i < nq + 2 * nk; i++) {
            double keep = x[i];
            x[i] = keep + 1e-6;
            double up = objective(&a, w, x, x + nq, x + nq + nk);
            x[i] = keep - 1e-6;
            double down = objective(&a, w, x, x + nq, x + nq + nk);
            x[i] = keep;
            assert_true(fabs((up - down) / 2e-6 - g[i]) < 1e-7);
        }
    }
}

static void a_token_depends_on_its_own_sequence_alone(void **state) {
    (void)state;
    struct shape s = {2, 1, 16, true, {30, 50, 20}, 0};
    FOR_CPUS(cpu) {
        struct data d;
        data_make(&s, &d);
        struct result before = run(&s, &d, 2);
        for (int t = 80; t < 100; t++) /* disturb the last sequence */
            for (int f = 0; f < d.dk; f++)
                d.k[((size_t)(t / PANEL) * (d.dk + 1) + f) * PANEL + t % PANEL] += 1;
        struct result after = run(&s, &d, 2);
        for (int t = 0; t < 100; t++) {
            bool same = true;
            for (int f = 0; f < d.dq; f++) {
                size_t at = ((size_t)(t / PANEL) * d.dq + f) * PANEL + t % PANEL;
                same = same && before.o[at] == after.o[at] && before.dq[at] == after.dq[at];
            }
            assert_true(same == (t <= 80)); /* token 80 sees one key: its softmax is 1 whatever the score */
        }
        free(before.o), free(after.o);
        data_free(&d);
    }
}

static void a_nan_score_is_seen_by_the_tokens_that_attend_to_it(void **state) {
    (void)state;
    struct shape s = {1, 1, 8, true, {60}, 0};
    FOR_CPUS(cpu) {
        struct data d;
        data_make(&s, &d);
        d.q[(size_t)(d.dq + 3) * PANEL + 5] = NAN; /* token 37, feature 0 */
        struct result r = run(&s, &d, 1);
        assert_true(isnan(r.o[(size_t)d.dq * PANEL + 5]) && isnan(r.lse[PANEL + 5]));
        assert_false(isnan(r.o[(size_t)d.dq * PANEL + 6]));
        free(r.o);
        data_free(&d);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_twin_has_the_gradients_of_central_differences),
        cmocka_unit_test(forward_and_backward_agree_with_the_twin_and_between_threads),
        cmocka_unit_test(a_token_depends_on_its_own_sequence_alone),
        cmocka_unit_test(a_nan_score_is_seen_by_the_tokens_that_attend_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
