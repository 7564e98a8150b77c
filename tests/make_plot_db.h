/* SPDX-License-Identifier: Apache-2.0 */
/* make_plot_db.h - databases for the tests of plots: sweeps with made-up but plausible numbers, written
 * through db.h as `bench run` writes them. `build/tests/unit/test_plot SHAPE FILE` makes one by hand.
 *
 * Shapes: rank (the demo's 30 runs), rank-full (three seeds, three rates), lr (diverging runs), smoke (a few
 * tiny ones), partial (failures, runs not started, an unknown method), maximize, models (two models), hostile
 * (names that attack), empty, full-only, rates (two learning rates, a control arm). */
#ifndef TESTS_MAKE_PLOT_DB_H
#define TESTS_MAKE_PLOT_DB_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/record/db.h"
#include "harness/base/util.h"

struct maker {
    struct db *db;
    int64_t sweep, env, data, model;
    const char *model_name, *task;
    double scale; /* of the model: 1 is SmolLM2-135M */
    int order, steps, every, batch;
    bool maximize;
    double noise, ratio; /* ratio: loraplus_lr_ratio, 0: none */
    uint64_t random;
};

static void maker_ok(int rc, const struct err *e) {
    if (!rc) return;
    fprintf(stderr, "make_plot_db: %s\n", e->msg);
    exit(3);
}

static double maker_noise(struct maker *m) {
    m->random = m->random * 6364136223846793005u + 1442695040888963407u;
    return ((double)(m->random >> 11) / 9007199254740992.0 - 0.5) * 2 * m->noise;
}

static void maker_model(struct maker *m, const char *name, const char *data) {
    struct err e = {0};
    char digest[200];
    snprintf(digest, sizeof digest, "digest of %.100s", name);
    m->model_name = name;
    maker_ok(db_model(m->db, &(struct db_model){name, "/models/x", digest, 269060552}, &m->model, &e), &e);
    maker_ok(db_dataset(m->db, &(struct db_dataset){data, "/data/x", "d"}, &m->data, &e), &e);
}

static struct maker maker_begin(const char *path, const char *sweep, const char *model, const char *data) {
    struct maker m = {
        .scale = 1, .steps = 60, .every = 20, .batch = 8, .noise = 0.004, .random = 7, .task = "lm"};
    struct err e = {0};
    maker_ok(db_open(&m.db, path, true, &e), &e);
    maker_ok(db_env(m.db, &(struct db_env){.build = "test", .host = "here", .cores = 2}, &m.env, &e), &e);
    maker_model(&m, model, data);
    struct db_sweep s = {.name = sweep,
                         .path = "/sweeps/x.yaml",
                         .yaml = "name: x\n",
                         .metric = "eval/loss",
                         .goal = "minimize"};
    maker_ok(db_sweep_begin(m.db, &s, &m.sweep, &e), &e);
    return m;
}

static void maker_end(struct maker *m) {
    struct err e = {0};
    maker_ok(db_sweep_ready(m->db, &e), &e);
    db_close(m->db);
}

/* What it would reach: falls with the logarithm of the rank, and with how much is adapted. */
static double maker_level(const char *method, int r, bool all) {
    if (!strcmp(method, "none")) return 5.21;
    if (!strcmp(method, "full")) return 3.28;
    if (!strcmp(method, "vera")) return (all ? 3.49 : 3.70) - 0.025 * log2(r / 64.0);
    double v = (all ? 3.43 : 3.62) - (all ? 0.032 : 0.045) * log2(r < 1 ? 1 : r);
    if (!strcmp(method, "lora_fa")) v += 0.07;
    if (!strcmp(method, "lora_plus")) v -= 0.05;
    if (!strcmp(method, "delta_lora")) v -= 0.015;
    return v;
}

static double maker_best_lr(const char *method) {
    if (!strcmp(method, "full")) return 5e-5;
    if (!strcmp(method, "vera")) return 1e-2;
    if (!strcmp(method, "lora_fa")) return 2e-3;
    return !strcmp(method, "lora_plus") ? 3e-4 : 1e-3;
}

static int64_t maker_point(struct maker *m, const char *method, int r, const char *targets, double lr) {
    struct err e = {0};
    json_t *t;
    if (targets && strchr(targets, ',')) {
        t = json_array();
        for (const char *p = targets; *p;) {
            size_t n = strcspn(p, ",");
            json_array_append_new(t, json_stringn(p, n));
            p += n + (p[n] == ',');
        }
    } else
        t = targets ? json_string(targets) : json_null();
    json_t *c = json_pack("{s:s,s:s,s:s,s:{s:f,s:i,s:i,s:i},s:i,s:i,s:o}", "method", method, "task", m->task,
                          "model", m->model_name, "train", "lr", lr, "batch_size", m->batch, "max_length",
                          256, "steps", m->steps, "r", r, "lora_alpha", 2 * r, "target_modules", t);
    if (m->ratio > 0) json_object_set_new(c, "loraplus_lr_ratio", json_real(m->ratio));
    char hash[400], base[200];
    snprintf(base, sizeof base, "base %s", m->model_name);
    snprintf(hash, sizeof hash, "%s %d %s %g %d %s %g", method, r, targets ? targets : "", lr, m->batch,
             m->model_name, m->ratio);
    struct db_point p = {.hash = hash, .base_hash = base, .config = c, .model = m->model, .dataset = m->data};
    int64_t id;
    maker_ok(db_point(m->db, &p, &id, &e), &e);
    json_decref(c);
    return id;
}

static void maker_memory(struct maker *m, struct train_result *res, const char *method, int r, bool all) {
    const double W = 134515008.0 * m->scale;
    bool full = !strcmp(method, "full"), none = !strcmp(method, "none"), vera = !strcmp(method, "vera"),
         delta = !strcmp(method, "delta_lora");
    double adapted = none ? 0 : full ? W : all ? 106168320 * m->scale : 13271040 * m->scale;
    double lora = none || full ? 0 : (all ? 162816.0 : 32256.0) * m->scale * 30 / 1.0 * r / 30;
    double trained = full ? W : vera ? (all ? 300e3 : 46e3) * m->scale : lora;
    double *at = (double[MEM_NCAT]){0};
    at[MEM_BASE] = full ? 0 : 4 * W - (delta ? 4 * adapted : 0);
    at[MEM_PARAM] = 4 * (trained + (delta ? adapted : 0));
    at[MEM_FIXED] = vera ? 4 * r * 2112.0 : !strcmp(method, "lora_fa") ? 2 * lora : 0;
    at[MEM_GRAD] = none ? 0 : 4 * trained;
    at[MEM_OPT] = none ? 0 : 8 * trained;
    at[MEM_ACT] = none ? 0
                       : (full || all ? 6.1e8 : 4.3e8) * m->scale * m->batch / 8 -
                             (strcmp(method, "lora_fa") ? 0 : 1.2e8 * m->scale);
    at[MEM_SCRATCH] = 5.2e7 * m->scale;
    at[MEM_DATA] = 2.4e6;
    at[MEM_MISC] = 1.1e6;
    for (int i = 0; i < MEM_NCAT; i++) {
        res->mem_at_peak[i] = (size_t)at[i];
        res->mem_peak[i] = (size_t)(at[i] * 1.02);
        res->peak_bytes += res->mem_at_peak[i];
    }
    res->peak_bytes_predicted = res->peak_bytes;
    res->rss_bytes = (size_t)((double)res->peak_bytes * 1.04 + 3.1e7);
    res->trainable = (long)(none ? 0 : trained);
    res->total_params = (long)W;
    res->adapted_params = (long)adapted;
}

/* The loss after `step` of m->steps on the way from the base to `last`. */
static double maker_curve(const struct maker *m, double base, double last, double step) {
    double t = step / m->steps;
    return last + (base - last) * (exp(-4.5 * t) - exp(-4.5) * t);
}

static double maker_metric(const struct maker *m, double loss) {
    return m->maximize ? exp(-loss) * 10 : loss;
}

static void maker_curves(struct maker *m, int64_t run, double base, double last, bool diverged, bool trains) {
    struct err e = {0};
    for (int step = 1; trains && step <= m->steps; step++) {
        double v = maker_curve(m, base, last, step) + 30 * maker_noise(m);
        if (diverged) v = base + 0.02 * step * step;
        if (diverged && step > m->steps / 3) {
            db_metric(m->db, run, "train/loss", step, NAN, &e);
            break;
        }
        db_metric(m->db, run, "train/loss", step, v, &e);
        if (step % m->every == 0 || step == m->steps)
            db_metric(m->db, run, "eval/loss", step, maker_metric(m, maker_curve(m, base, last, step)), &e);
    }
    if (!trains) db_metric(m->db, run, "eval/loss", 0, maker_metric(m, base), &e);
}

/* One cell of the sweep. state NULL: not started. */
static void maker_run(struct maker *m, const char *method, int r, const char *targets, double lr, int seed,
                      const char *state) {
    struct err e = {0};
    bool none = !strcmp(method, "none"), full_ = !strcmp(method, "full"),
         all = targets && !strcmp(targets, "all-linear");
    int64_t point = maker_point(m, method, r, targets, lr), run;
    maker_ok(db_cell(m->db, m->sweep, point, (uint64_t)seed, m->order++, &e), &e);
    if (!state) return;
    /* off the best rate by a factor of ten: 0.35 more */
    double off = log10(lr / maker_best_lr(method)), base = 5.21;
    double loss = maker_level(method, r, all) + (none ? 0 : 0.35 * off * off + 3 * maker_noise(m));
    if (off < 0 && !none) loss = fmin(loss, base - 0.05);
    bool ok = !strcmp(state, "complete"), diverged = !strcmp(state, "nan");
    struct train_result res = {.steps = none ? 0 : m->steps,
                               .tokens = 90000,
                               .train_loss = loss + 0.1,
                               .eval_loss = NAN,
                               .metric = NAN,
                               .best_metric = NAN,
                               .best_step = m->steps,
                               .test_metric = NAN,
                               .checkpoint_bytes = -1,
                               .checkpoint_bytes_min = -1,
                               .train_s =
                                   (full_ ? 85 : 26 + (all ? 9 : 0) + 0.12 * r) * (1 + 3 * maker_noise(m)),
                               .eval_s = 4,
                               .total_s = 37};
    res.state = run_state_parse(state);
    if (ok) res.eval_loss = loss, res.metric = res.best_metric = maker_metric(m, loss);
    if (!ok) snprintf(res.error, sizeof res.error, "the loss is not a number");
    maker_memory(m, &res, method, r, all);
    if (!none) res.checkpoint_bytes = 4 * res.trainable + 4096;
    maker_ok(db_run_new(
                 m->db,
                 &(struct db_run){
                     .sweep = m->sweep, .point = point, .env = m->env, .seed = (uint64_t)seed, .threads = 1},
                 &run, &e),
             &e);
    if (ok || diverged) maker_curves(m, run, base, loss, diverged, !none);
    maker_ok(db_run_finish(m->db, run, &res, 0, &e), &e);
}

/* ---- shapes -------------------------------------------------------------------------------------------- */

#define MAKER_QV "q_proj,v_proj"
static const char *const maker_lora_like[] = {"lora", "lora_fa", "lora_plus", "delta_lora"};

static void maker_rank(struct maker *m) {
    static const int ranks[] = {1, 8, 64}, vera[] = {64, 256};
    maker_run(m, "full", 8, "all-linear", 5e-5, 0, "complete");
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 3; k++)
            for (int t = 0; t < 2; t++)
                maker_run(m, maker_lora_like[i], ranks[k], t ? "all-linear" : MAKER_QV,
                          maker_best_lr(maker_lora_like[i]), 0, "complete");
    for (int k = 0; k < 2; k++)
        for (int t = 0; t < 2; t++)
            maker_run(m, "vera", vera[k], t ? "all-linear" : MAKER_QV, 1e-2, 0, "complete");
    maker_run(m, "none", 8, "all-linear", 5e-5, 0, "complete");
}

static void maker_rank_full(struct maker *m) {
    static const int ranks[] = {1, 2, 4, 8, 16, 32, 64};
    static const double off[] = {0.25, 1, 4};
    for (int seed = 0; seed < 3; seed++) {
        for (int l = 0; l < 3; l++) {
            maker_run(m, "full", 8, "all-linear", 5e-5 * off[l], seed, l < 2 ? "complete" : "nan");
            for (int i = 0; i < 4; i++)
                for (int k = 0; k < 7; k++)
                    for (int t = 0; t < 2; t++)
                        maker_run(m, maker_lora_like[i], ranks[k], t ? "all-linear" : MAKER_QV,
                                  maker_best_lr(maker_lora_like[i]) * off[l], seed,
                                  l == 2 && i == 2 && k > 4 ? "nan" : "complete");
            for (int k = 0; k < 2; k++)
                for (int t = 0; t < 2; t++)
                    maker_run(m, "vera", k ? 256 : 64, t ? "all-linear" : MAKER_QV, 1e-2 * off[l], seed,
                              "complete");
        }
    }
    maker_run(m, "none", 8, "all-linear", 5e-5, 0, "complete");
}

static void maker_lr(struct maker *m) {
    static const double rates[] = {1e-5, 5e-5, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 2e-2};
    for (int seed = 0; seed < 2; seed++)
        for (int l = 0; l < 8; l++) {
            maker_run(m, "full", 8, "all-linear", rates[l], seed,
                      l < 3 || (l == 3 && !seed) ? "complete" : "nan");
            for (int i = 0; i < 4; i++)
                for (int t = 0; t < 2; t++)
                    maker_run(m, maker_lora_like[i], 8, t ? "all-linear" : MAKER_QV, rates[l], seed,
                              l < 7 - (i == 2) - t ? "complete" : "nan");
            for (int t = 0; t < 2; t++)
                maker_run(m, "vera", 256, t ? "all-linear" : MAKER_QV, rates[l], seed, "complete");
        }
    maker_run(m, "none", 8, "all-linear", 5e-5, 0, "complete");
}

static void maker_smoke(struct maker *m) {
    m->scale = 0.001;
    m->steps = 12, m->every = 6;
    maker_run(m, "none", 4, MAKER_QV, 1e-3, 0, "complete");
    maker_run(m, "full", 4, MAKER_QV, 1e-4, 0, "complete");
    for (int i = 0; i < 4; i++) maker_run(m, maker_lora_like[i], 4, MAKER_QV, 1e-3, 0, "complete");
    maker_run(m, "vera", 4, MAKER_QV, 1e-2, 0, "complete");
}

/* Nothing that chooses modules. */
static void maker_full_only(struct maker *m) {
    static const double rates[] = {1e-5, 5e-5, 2e-4};
    for (int l = 0; l < 3; l++) maker_run(m, "full", 8, NULL, rates[l], 0, "complete");
    maker_run(m, "none", 8, NULL, 5e-5, 0, "complete");
}

static void maker_partial(struct maker *m) {
    maker_run(m, "none", 8, "all-linear", 5e-5, 0, "complete");
    maker_run(m, "full", 8, "all-linear", 5e-5, 0, "oom");
    maker_run(m, "newer", 1, NULL, 1e-3, 0,
              "complete"); /* a method that this build does not know, without rank */
    for (int t = 0; t < 2; t++) {
        const char *target = t ? "all-linear" : MAKER_QV;
        maker_run(m, "lora", 1, target, 1e-3, 0, "complete");
        maker_run(m, "lora", 1, target, 1e-3, 1, t ? "nan" : "complete");
        maker_run(m, "lora", 8, target, 1e-3, 0, t ? "nan" : "complete");
        maker_run(m, "lora", 64, target, 1e-3, 0, t ? NULL : "timeout");
        maker_run(m, "vera", 64, target, 1e-2, 0, t ? "failed" : "complete");
    }
}

static void maker_models(struct maker *m) {
    maker_rank(m);
    maker_model(m, "other-360m", "glosses");
    maker_run(m, "none", 8, "all-linear", 5e-5, 0, "complete");
    maker_run(m, "lora", 8, "all-linear", 1e-3, 0, "complete");
    maker_run(m, "lora", 64, "all-linear", 1e-3, 0, "complete");
}

/* Two rates of LoRA+, best where B's is 16 times A's 2e-4, and LoRA as its control. */
static void maker_rates(struct maker *m) {
    static const double lr[] = {5e-5, 2e-4, 8e-4}, ratio[] = {1, 4, 16, 64};
    struct err e = {0};
    for (int seed = 0; seed < 2; seed++) {
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 4; k++) {
                m->ratio = ratio[k];
                maker_run(m, "lora_plus", 8, "all-linear", lr[i], seed, i + k == 5 ? "nan" : "complete");
            }
        m->ratio = 0;
        maker_run(m, "lora", 8, "all-linear", 1e-3, seed, "complete");
    }
    int64_t control = maker_point(m, "lora", 8, "all-linear", 1e-3);
    m->ratio = 16;
    int64_t point = maker_point(m, "lora_plus", 8, "all-linear", 2e-4);
    maker_ok(db_control(m->db, m->sweep, point, control, "equal count", false, &e), &e);
}

#define MAKER_HOSTILE                                                                                        \
    "../../x'\"`touch pwned`; $(touch pwned) %s%n {/Bold b}_2 <b>&\n\x01\xff system('touch pwned')"

static void maker_hostile(struct maker *m) {
    static const char bad[] = "x'; system('touch pwned') #`touch pwned`,\"%d%n\\n<i>&";
    maker_run(m, "none", 8, "all-linear", 5e-5, 0, "complete");
    maker_run(m, "lora", 8, bad, 1e-3, 0, "complete");
    maker_run(m, "lora", 16, bad, 1e-3, 0, "complete");
    maker_run(m, "vera", 16, bad, 1e-3, 0, "complete");
    maker_run(m, "lora", 8, "all-linear", 1e-3, 0, "complete");
    maker_run(m, "lora", 8, "all-linear", 2e-3, 0, "complete");
}

/* Makes a database; `name` is the sweep's unless the shape says otherwise. False: no such shape. */
static bool make_plot_db(const char *shape, const char *path) {
    static const struct {
        const char *name;
        void (*fill)(struct maker *m);
    } shapes[] = {{"rank", maker_rank},           {"rank-full", maker_rank_full}, {"lr", maker_lr},
                  {"smoke", maker_smoke},         {"partial", maker_partial},     {"models", maker_models},
                  {"hostile", maker_hostile},     {"maximize", maker_rank},       {"empty", NULL},
                  {"full-only", maker_full_only}, {"rates", maker_rates}};
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        if (strcmp(shapes[i].name, shape)) continue;
        bool hostile = !strcmp(shape, "hostile");
        struct maker m = maker_begin(path, hostile ? MAKER_HOSTILE : shape,
                                     hostile                   ? "/m/`id`$(id)'\"<&{x}"
                                     : !strcmp(shape, "smoke") ? "smoke"
                                                               : "smollm2-135m",
                                     !strcmp(shape, "smoke") ? "smoke" : "glosses");
        if (!strcmp(shape, "maximize")) {
            struct err e = {0};
            struct db_sweep s = {.name = "maximize", .yaml = "-", .metric = "eval/loss", .goal = "maximize"};
            maker_ok(db_sweep_begin(m.db, &s, &m.sweep, &e), &e);
            m.maximize = true;
        }
        if (shapes[i].fill) shapes[i].fill(&m);
        maker_end(&m);
        return true;
    }
    return false;
}

#endif
