/* SPDX-License-Identifier: Apache-2.0 */
/* test_dropout.c - dropout: the masks themselves, and lora_dropout in passes, gradients and whole runs. */
#include "harness/infer/infer.h"
#include "harness/nn/kernels/dropout.h"
#include "harness/nn/kernels/kernels.h"
#include "harness/train/train.h"
#include "tests/engine.h"

#define MODEL "tests/golden/llama_tied"

/* ---- masks --------------------------------------------------------------------------------------------- */

enum { D = 203, N = 90, NP = 3 };

struct mask {
    int64_t row[NP * PANEL];
    int32_t pos[NP * PANEL];
    struct dropout m;
};

/* Rows of 30 tokens, the first with a number beyond 32 bits. */
static void mask_init(struct mask *k, double p) {
    memset(k, 0, sizeof *k);
    for (int t = 0; t < N; t++) {
        k->row[t] = t < 30 ? 5000000000 : t / 30 * 7;
        k->pos[t] = t % 30;
    }
    k->m = (struct dropout){.key = rng_make(3, "layer", 1), .row = k->row, .pos = k->pos, .p = p};
}

static float *buffer_of(float v) {
    float *x = aligned_alloc(64, panel_floats(NP, D) * sizeof *x);
    for (size_t i = 0; i < panel_floats(NP, D); i++) x[i] = v;
    return x;
}

static float at(const float *x, int t, int f) {
    return x[((size_t)(t / PANEL) * D + (size_t)f) * PANEL + (size_t)(t % PANEL)];
}

/* The definition, one draw at a time. */
static bool is_kept(const struct mask *k, int t, int f) {
    uint32_t r[4], c[4] = {(uint32_t)f / 8, (uint32_t)k->pos[t], (uint32_t)k->row[t],
                           (uint32_t)((uint64_t)k->row[t] >> 32)};
    rng_block(k->m.key, c, r);
    uint32_t draw = r[f % 8 / 2] >> (f % 2 ? 16 : 0) & 0xffff;
    return draw >= (uint32_t)(dropout_rate(k->m.p) * 65536);
}

static void masks_follow_row_position_and_feature_on_every_cpu_path(void **state) {
    (void)state;
    static const char *const paths[] = {"baseline", "avx2", "avx512"};
    const char *before = panel_cpu();
    struct mem mem;
    struct mask k;
    mem_init(&mem, false, 0);
    mask_init(&k, 0.3);
    float *x = buffer_of(2), *y = buffer_of(0), keep = (float)(2 / (1 - dropout_rate(0.3)));
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        for (int threads = 1; threads <= 4; threads *= 2) {
            if (!panel_cpu_force(paths[i])) continue;
            struct team *t = team_new(&mem, threads);
            panel_dropout(t, y, D, x, D, D, NP, &k.m, false);
            panel_dropout(t, y, D, x, D, D, NP, &k.m, true);
            for (int n = 0; n < N; n++)
                for (int f = 0; f < D; f++) {
                    float want = is_kept(&k, n, f) ? keep + keep : 0;
                    if (fabsf(at(y, n, f) - want) > 1e-5f)
                        fail_msg("%s: token %d feature %d is %g, not %g", paths[i], n, f, at(y, n, f), want);
                }
            team_free(t);
        }
    panel_cpu_force(before);
    free(x), free(y);
}

static void dropout_keeps_the_expectation(void **state) {
    (void)state;
    static const double rates[] = {0.05, 0.1, 0.5, 0.9};
    struct mem mem;
    struct mask k;
    mem_init(&mem, false, 0);
    struct team *t = team_new(&mem, 2);
    float *x = buffer_of(1), *y = buffer_of(0);
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        mask_init(&k, rates[i]);
        double p = dropout_rate(rates[i]), sum = 0, n = 0;
        assert_true(fabs(p - rates[i]) <= 1.0 / 131072);
        for (uint64_t step = 1; step <= 20; step++) {
            k.m.key = rng_make(3, "layer", step);
            panel_dropout(t, y, D, x, D, D, NP, &k.m, false);
            for (int token = 0; token < N; token++)
                for (int f = 0; f < D; f++) sum += at(y, token, f), n++;
        }
        double sigma = sqrt(p / (1 - p) / n);
        if (fabs(sum / n - 1) > 4 * sigma)
            fail_msg("rate %g: mean %g, 4 sigma are %g", p, sum / n, 4 * sigma);
    }
    free(x), free(y);
    team_free(t);
}

/* ---- passes -------------------------------------------------------------------------------------------- */

/* Three rows, in the order given; row numbers travel with their tokens. */
static void rows_init(struct engine_batch *b, int64_t row[2 * PANEL], const int order[3]) {
    static const int len[] = {23, 7, 31};
    int ids[61], labels[61], offsets[4] = {0}, n = 0;
    memset(row, 0, 2 * PANEL * sizeof *row);
    for (int s = 0; s < 3; s++) {
        int r = order[s];
        for (int t = 0; t < len[r]; t++, n++) {
            ids[n] = (t * 37 + r * 11) % 97;
            labels[n] = t > 2 ? ids[n] : -100;
            row[n] = r;
        }
        offsets[s + 1] = n;
    }
    engine_batch_init(b, ids, labels, offsets, 3);
}

/* B is zero at the start, which would hide A x. */
static void disturb(struct engine *g) {
    for (int i = 0; i < g->net.nparams; i++) {
        struct param *p = g->net.params[i];
        if (p->role != PARAM_TRAIN || !p->site) continue;
        struct rng r = rng_make(99, p->name, 0);
        for (size_t k = 0; k < param_size(p); k++) p->value[k] += 0.1f * (rng_uniform(r, k) - 0.5f);
    }
}

static double loss_of(const char *over, const int order[3], long step, uint64_t seed, bool draws) {
    struct engine g;
    struct engine_batch b;
    int64_t row[2 * PANEL];
    rows_init(&b, row, order);
    engine_open(&g, MODEL, "lora", over, 1, seed, false);
    disturb(&g);
    g.net.step = step;
    net_draw(&g.net, draws ? row : NULL, b.b.pos);
    double loss = engine_loss(&g, &b, false, NULL);
    engine_close(&g);
    engine_batch_release(&b);
    return loss;
}

static void masks_do_not_depend_on_the_place_in_the_batch(void **state) {
    (void)state;
    static const int one[] = {0, 1, 2}, other[] = {2, 0, 1};
    const char *half = "{\"lora_dropout\": 0.5}";
    double a = loss_of(half, one, 0, 7, true);
    assert_true(fabs(a - loss_of(half, other, 0, 7, true)) < 1e-6);
    assert_true(fabs(a - loss_of(half, one, 1, 7, true)) > 1e-5);  /* another step, another mask */
    assert_true(fabs(a - loss_of(NULL, one, 0, 7, false)) > 1e-5); /* and it does something */
    /* but only where rows are known */
    assert_true(loss_of(half, one, 0, 7, false) == loss_of(NULL, one, 0, 7, false));
    assert_true(loss_of("{\"lora_dropout\": 0.0}", one, 0, 7, true) == loss_of(NULL, one, 0, 7, true));
}

/* Along the gradient the loss rises by its length: as in the battery, with the masks of one step held. */
static void check_slope(struct engine *g, struct engine_batch *b, struct param *p, const char *method) {
    size_t n = param_size(p);
    double norm = 0, loss[2];
    for (size_t i = 0; i < n; i++) norm += (double)p->grad[i] * p->grad[i];
    norm = sqrt(norm);
    float *keep = malloc(n * sizeof *keep), *grad = malloc(n * sizeof *grad),
          h = (float)fmin(2e-2, 1e-3 / norm);
    memcpy(keep, p->value, n * sizeof *keep);
    memcpy(grad, p->grad, n * sizeof *grad);
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < n; i++) p->value[i] = keep[i] + (side ? -h : h) * (float)(grad[i] / norm);
        loss[side] = engine_loss(g, b, false, NULL);
    }
    memcpy(p->value, keep, n * sizeof *keep);
    double e = norm > 0 ? fabs((loss[0] - loss[1]) / (2 * (double)h) - norm) / norm : 1;
    if (e > 5e-3) fail_msg("%s: gradient of %s is off by %.3g of its length", method, p->name, e);
    free(keep), free(grad);
}

static void gradients_are_slopes_of_the_loss_with_dropout(void **state) {
    (void)state;
    static const char *const methods[] = {"lora", "lora_fa", "lora_plus"};
    static const int order[] = {0, 1, 2};
    for (size_t m = 0; m < ARRAY_LEN(methods); m++) {
        struct engine g;
        struct engine_batch b;
        int64_t row[2 * PANEL];
        rows_init(&b, row, order);
        engine_open(&g, MODEL, methods[m], "{\"lora_dropout\": 0.4}", 2, 7, false);
        disturb(&g);
        net_draw(&g.net, row, b.b.pos);
        engine_loss(&g, &b, true, NULL);
        for (int i = 0; i < g.net.nparams; i++)
            if (g.net.params[i]->role == PARAM_TRAIN) check_slope(&g, &b, g.net.params[i], methods[m]);
        engine_close(&g);
        engine_batch_release(&b);
    }
}

/* ---- runs ---------------------------------------------------------------------------------------------- */

struct losses {
    double v[8];
    int n;
};

static void take(void *arg, const char *key, long step, double value) {
    struct losses *l = arg;
    (void)step;
    if (!strcmp(key, "train/loss") && l->n < 8) l->v[l->n++] = value;
}

/* The training losses of six steps on the smoke model. */
static void run(const char *method, double p, uint64_t seed, int threads, int batch, int accum,
                struct losses *l, struct train_result *res) {
    json_t *c = infer_config("lm", method);
    cfg_set(c, "model", json_string("smoke"));
    cfg_set(c, "model_path", json_string("build/share/models/smoke"));
    cfg_set(c, "data.name", json_string("smoke"));
    cfg_set(c, "lora_dropout", json_real(p));
    cfg_set(c, "train.lr", json_real(1e-2));
    cfg_set(c, "train.steps", json_integer(6));
    cfg_set(c, "train.batch_size", json_integer(batch));
    cfg_set(c, "train.grad_accum", json_integer(accum));
    cfg_set(c, "eval.rows", json_integer(20));
    struct train_job job = {.config = c, .seed = seed, .threads = threads, .save = "none"};
    struct train_report rep = {.arg = l, .metric = take};
    struct err e = {0};
    l->n = 0;
    if (train_run(&job, &rep, res, &e)) fail_msg("%s: %s", method, e.msg);
    assert_int_equal(res->state, RUN_COMPLETE);
    assert_int_equal(l->n, 6);
    json_decref(c);
}

static void runs_of_one_seed_agree_and_of_two_differ(void **state) {
    (void)state;
    static const char *const methods[] = {"lora", "lora_fa", "lora_plus"};
    for (size_t m = 0; m < ARRAY_LEN(methods); m++) {
        struct losses a, b;
        struct train_result x, y;
        run(methods[m], 0.3, 5, 1, 8, 1, &a, &x);
        run(methods[m], 0.3, 5, 2, 8, 1, &b, &y);
        assert_memory_equal(a.v, b.v, sizeof a.v[0] * 6);
        assert_true(x.eval_loss == y.eval_loss);
        assert_int_equal(x.peak_bytes, x.peak_bytes_predicted);
        run(methods[m], 0, 5, 1, 8, 1, &b, &y);
        assert_true(a.v[0] == b.v[0]); /* B is zero: nothing to drop yet */
        assert_true(a.v[5] != b.v[5]);
        run(methods[m], 0.3, 6, 1, 8, 1, &b, &y);
        assert_true(a.v[5] != b.v[5]);
    }
}

static void micro_batches_drop_what_one_batch_drops(void **state) {
    (void)state;
    struct losses a, b;
    struct train_result x, y;
    run("lora", 0.3, 5, 2, 8, 1, &a, &x);
    run("lora", 0.3, 5, 2, 4, 2, &b, &y);
    for (int i = 0; i < 6; i++) assert_true(fabs(a.v[i] - b.v[i]) < 1e-5 * a.v[i]); /* observed 1e-7 */
}

static void delta_lora_refuses_dropout(void **state) {
    (void)state;
    const struct method *m = method_find("delta_lora");
    json_t *c = engine_config("delta_lora", "{\"lora_dropout\": 0.1}");
    struct err e = {0};
    char warn[200] = "";
    assert_true(m->check(c, warn, sizeof warn, &e) < 0);
    assert_non_null(strstr(e.msg, "lora_dropout 0"));
    json_decref(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_follow_row_position_and_feature_on_every_cpu_path),
        cmocka_unit_test(dropout_keeps_the_expectation),
        cmocka_unit_test(masks_do_not_depend_on_the_place_in_the_batch),
        cmocka_unit_test(gradients_are_slopes_of_the_loss_with_dropout),
        cmocka_unit_test(runs_of_one_seed_agree_and_of_two_differ),
        cmocka_unit_test(micro_batches_drop_what_one_batch_drops),
        cmocka_unit_test(delta_lora_refuses_dropout),
    };
    return cmocka_run_group_tests_name("dropout", tests, NULL, NULL);
}
