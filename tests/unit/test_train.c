/* SPDX-License-Identifier: Apache-2.0 */
/* test_train.c - a run on the smoke model keeps what a sweep file promises: schedules, clipping,
 * accumulation, order of the data, and how a run ends. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/config/cfg.h"
#include "harness/train/early_stop.h"
#include "harness/infer/infer.h"
#include "harness/nn/format/modelfile.h"
#include "harness/train/train.h"
#include "harness/base/util.h"

enum { MAX = 64 };

struct seen {
    double loss[MAX], lr[MAX], norm[MAX], eval[MAX];
    long eval_step[MAX];
    int losses, lrs, norms, evals, items, stop_after;
    double row_sum, row_weight; /* of eval/loss: sums of weight x value and of weight */
    volatile sig_atomic_t stop;
};

/* The first MAX of them: a run against the clock has as many steps as the machine is fast. */
static void keep(double *list, int *n, double value) {
    if (*n < MAX) list[(*n)++] = value;
}

static void on_metric(void *arg, const char *key, long step, double value) {
    struct seen *s = arg;
    if (!strcmp(key, "train/loss")) keep(s->loss, &s->losses, value);
    if (!strcmp(key, "train/lr")) keep(s->lr, &s->lrs, value);
    if (!strcmp(key, "train/grad_norm")) keep(s->norm, &s->norms, value);
    if (!strcmp(key, "eval/loss") && s->evals < MAX) {
        s->eval_step[s->evals] = step;
        s->eval[s->evals++] = value;
    }
    if (s->stop_after && s->losses >= s->stop_after) s->stop = 1;
}

static void on_item(void *arg, const char *key, long item, double value, double weight) {
    struct seen *s = arg;
    (void)item;
    s->items++;
    if (strcmp(key, "eval/loss") != 0) return;
    s->row_sum += weight * value;
    s->row_weight += weight;
}

/* A run of 12 steps of 4 rows, `over` (JSON text) on top. */
static struct train_result run(struct seen *s, const char *method, const char *over, struct train_job job) {
    struct err e = {0};
    struct train_result res;
    json_t *c = infer_config("lm", method);
    cfg_set(c, "model", json_string("smoke"));
    cfg_set(c, "model_path", json_string("build/share/models/smoke"));
    cfg_set(c, "data.name", json_string("smoke"));
    cfg_set(c, "train.steps", json_integer(12));
    cfg_set(c, "train.batch_size", json_integer(4));
    cfg_set(c, "train.lr", json_real(1e-2));
    cfg_set(c, "eval.rows", json_integer(20));
    cfg_set(c, "test.rows", json_integer(20));
    json_t *o = json_loads(over ? over : "{}", 0, NULL), *v;
    const char *key;
    assert_non_null(o);
    json_object_foreach(o, key, v) cfg_set(c, key, json_incref(v));
    json_decref(o);
    int stop_after = s->stop_after;
    memset(s, 0, sizeof *s);
    s->stop_after = stop_after;
    struct train_report rep = {.arg = s, .metric = on_metric, .item = on_item};
    job.config = c;
    job.save = "none";
    if (!job.threads) job.threads = 1;
    job.stop = &s->stop;
    if (train_run(&job, &rep, &res, &e)) fail_msg("%s", e.msg);
    json_decref(c);
    return res;
}

static struct train_job job_of(uint64_t seed) { return (struct train_job){.seed = seed}; }

static void near(double a, double b, double tol) {
    if (!(fabs(a - b) <= tol * fabs(b))) fail_msg("%.10g is not %.10g", a, b);
}

static void schedules_are_those_of_the_formulas(void **state) {
    (void)state;
    struct seen s = {0};
    run(&s, "lora", "{\"train.schedule\": \"constant\", \"train.warmup\": 3}", job_of(0));
    for (int t = 0; t < 12; t++) near(s.lr[t] + 1, (t < 3 ? 1e-2 * t / 3 : 1e-2) + 1, 1e-12);
    /* ceil(2.4) = 3 steps */
    run(&s, "lora", "{\"train.schedule\": \"linear\", \"train.warmup\": 0.2}", job_of(0));
    for (int t = 0; t < 12; t++) near(s.lr[t] + 1, 1e-2 * (t < 3 ? t / 3.0 : (12 - t) / 9.0) + 1, 1e-12);
    run(&s, "lora", "{\"train.schedule\": \"cosine\", \"train.warmup\": 0}", job_of(0));
    for (int t = 0; t < 12; t++) near(s.lr[t] + 1, 1e-2 * 0.5 * (1 + cos(M_PI * t / 12.0)) + 1, 1e-12);
}

static void accumulation_is_one_larger_batch(void **state) {
    (void)state;
    struct seen whole = {0}, parts = {0};
    run(&whole, "full", "{\"train.batch_size\": 8, \"train.grad_clip\": 0}", job_of(4));
    run(&parts, "full", "{\"train.batch_size\": 2, \"train.grad_accum\": 4, \"train.grad_clip\": 0}",
        job_of(4));
    for (int t = 0; t < 12; t++) near(parts.loss[t], whole.loss[t], 2e-5); /* observed 1e-7 */
}

static void clipping_shortens_the_gradient_and_nothing_else(void **state) {
    (void)state;
    struct seen free_run = {0}, wide = {0}, tight = {0};
    const char *sgd = "{\"train.optimizer\": \"sgd\", \"train.lr\": 0.1, \"train.schedule\": \"constant\", "
                      "\"train.grad_clip\": %s}";
    char over[160];
    snprintf(over, sizeof over, sgd, "0");
    run(&free_run, "full", over, job_of(1));
    assert_int_equal(free_run.norms, 0); /* 0: no clipping, no norm */
    snprintf(over, sizeof over, sgd, "1e9");
    run(&wide, "full", over, job_of(1));
    for (int t = 0; t < 12; t++) assert_true(wide.loss[t] == free_run.loss[t]);
    snprintf(over, sizeof over, sgd, "1e-9"); /* so tight that nothing moves */
    run(&tight, "full", over, job_of(1));
    assert_true(wide.norm[0] > 1e-3 && tight.norm[0] == wide.norm[0]);
    assert_true(fabs(tight.eval[0] - wide.eval[0]) > 1e-3);
}

/* The same rows at every step (all 400, in order) and a learning rate of 0: the same gradient at every
 * step. */
static void a_step_learns_from_its_own_rows_alone(void **state) {
    (void)state;
    struct seen s = {0};
    run(&s, "lora",
        "{\"train.batch_size\": 400, \"train.steps\": 3, \"train.lr\": 0, \"train.shuffle\": false, "
        "\"train.grad_clip\": 1e9}",
        job_of(1));
    assert_int_equal(s.norms, 3);
    assert_true(s.norm[0] > 0 && s.norm[1] == s.norm[0] && s.norm[2] == s.norm[0]);
}

static void momentum_changes_the_path_of_sgd(void **state) {
    (void)state;
    struct seen plain = {0}, heavy = {0};
    run(&plain, "full", "{\"train.optimizer\": \"sgd\", \"train.lr\": 0.1}", job_of(1));
    struct train_result r =
        run(&heavy, "full", "{\"train.optimizer\": \"sgd\", \"train.lr\": 0.1, \"train.momentum\": 0.9}",
            job_of(1));
    assert_true(plain.loss[0] == heavy.loss[0]);
    assert_true(plain.loss[1] == heavy.loss[1]); /* the first step is the same */
    assert_true(plain.loss[11] != heavy.loss[11]);
    assert_int_equal(r.mem_peak[MEM_OPT], r.mem_peak[MEM_GRAD]); /* one buffer beside each gradient */
}

static void a_run_depends_on_its_seed_alone(void **state) {
    (void)state;
    struct seen a = {0}, b = {0}, c = {0};
    run(&a, "lora", NULL, job_of(1));
    run(&b, "lora", NULL, (struct train_job){.seed = 1, .threads = 3});
    run(&c, "lora", NULL, job_of(2));
    assert_memory_equal(a.loss, b.loss, sizeof a.loss);
    assert_true(memcmp(a.loss, c.loss, sizeof a.loss) != 0);
}

static void without_shuffle_rows_come_in_the_files_order(void **state) {
    (void)state;
    struct seen a = {0}, b = {0};
    run(&a, "full", "{\"train.shuffle\": false, \"train.lr\": 0}", job_of(1));
    run(&b, "full",
        "{\"train.shuffle\": false, \"train.lr\": 0, \"train.batch_size\": 2, \"train.grad_accum\": 2}",
        job_of(9));
    for (int t = 0; t < 12; t++) near(a.loss[t], b.loss[t], 1e-6);
}

static void evaluations_come_every_n_steps_and_at_the_end(void **state) {
    (void)state;
    struct seen s = {0};
    struct train_result r = run(&s, "lora", "{\"eval.every\": 5}", job_of(0));
    assert_int_equal(s.evals, 3);
    assert_int_equal(s.eval_step[0], 5);
    assert_int_equal(s.eval_step[1], 10);
    assert_int_equal(s.eval_step[2], 12);
    assert_true(r.eval_loss == s.eval[2]);
    double best = fmin(s.eval[0], fmin(s.eval[1], s.eval[2]));
    assert_true(r.best_metric == best);
    assert_int_equal(s.items, 40);         /* each row of eval and of test, once, at the end */
    near(r.train_loss, s.loss[11], 1e-12); /* the last tenth of 12 steps is one step */
}

/* Rows have unequal numbers of labelled tokens here: unweighted, their mean is another number. */
static void the_weighted_mean_of_the_rows_is_the_score(void **state) {
    (void)state;
    struct seen s = {0};
    struct train_result r = run(&s, "lora", NULL, job_of(0));
    assert_true(s.row_weight > 20 && s.row_weight == floor(s.row_weight));
    near(s.row_sum / s.row_weight, r.eval_loss, 1e-12);
}

static void the_untouched_base_is_evaluated_and_nothing_else(void **state) {
    (void)state;
    struct seen s = {0};
    struct train_result r = run(&s, "none", NULL, job_of(0));
    assert_int_equal(r.state, RUN_COMPLETE);
    assert_int_equal(s.losses, 0);
    assert_int_equal(s.evals, 1);
    assert_int_equal(r.trainable, 0);
    assert_int_equal(r.tokens, 0);
    assert_true(isnan(r.train_loss) && isfinite(r.eval_loss) && isfinite(r.test_metric));
}

static void a_run_that_diverges_is_a_result(void **state) {
    (void)state;
    struct seen s = {0};
    struct train_result r =
        run(&s, "full", "{\"train.lr\": 1e30, \"train.schedule\": \"constant\", \"train.grad_clip\": 0}",
            job_of(0));
    assert_int_equal(r.state, RUN_DIVERGED);
    assert_non_null(strstr(r.error, "not finite at step"));
    assert_true(s.losses >= 2 && s.losses < 12);
}

static void a_run_stops_after_the_step_when_asked(void **state) {
    (void)state;
    struct seen s = {.stop_after = 3};
    struct train_result r = run(&s, "lora", NULL, job_of(0));
    assert_int_equal(r.state, RUN_INTERRUPTED);
    assert_int_equal(s.losses, 3);
    assert_int_equal(r.steps, 3);
}

static void the_gate_holds_a_run_to_its_memory_to_the_byte(void **state) {
    (void)state;
    struct seen s = {0};
    static const char *const methods[] = {"lora", "full", "none"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct train_result r = run(&s, methods[i], NULL, job_of(0));
        assert_int_equal(r.state, RUN_COMPLETE);
        struct train_result fits =
            run(&s, methods[i], NULL, (struct train_job){.memory_limit = r.peak_bytes});
        assert_int_equal(fits.state, RUN_COMPLETE);
        struct train_result less =
            run(&s, methods[i], NULL, (struct train_job){.memory_limit = r.peak_bytes - 1});
        assert_int_equal(less.state, RUN_OOM);
        assert_true(less.peak_bytes < r.peak_bytes);
        assert_non_null(strstr(less.error, "raise limits.memory"));
    }
}

static void a_run_over_its_time_is_a_timeout(void **state) {
    (void)state;
    struct seen s = {0};
    struct train_result r =
        run(&s, "lora", "{\"train.steps\": 100000}", (struct train_job){.time_limit = 0.2});
    assert_int_equal(r.state, RUN_TIMEOUT);
    assert_non_null(strstr(r.error, "of 100000"));
}

/* Also in a plan, so before anything runs. */
static void data_without_a_label_is_refused(void **state) {
    (void)state;
    json_t *c = infer_config("lm", "lora");
    cfg_set(c, "model_path", json_string("build/share/models/smoke"));
    cfg_set(c, "data.name", json_string("smoke"));
    cfg_set(c, "train.max_length", json_integer(3));
    struct train_job job = {.config = c, .threads = 1, .save = "none"};
    struct train_result r;
    struct err e = {0};
    assert_int_equal(train_plan(&job, &r, &e), ERR_USER);
    assert_string_equal(e.msg,
                        "no train row has a label within train.max_length: raise it, or shorten data.prompt");
    assert_int_equal(train_run(&job, NULL, &r, &e), ERR_USER);
    json_decref(c);
}

static void longer_rows_than_the_model_has_positions_are_refused(void **state) {
    (void)state;
    json_t *c = infer_config("lm", "lora");
    cfg_set(c, "model_path", json_string("build/share/models/smoke"));
    cfg_set(c, "data.name", json_string("smoke"));
    cfg_set(c, "train.max_length", json_integer(1000000));
    struct train_job job = {.config = c, .threads = 1, .save = "none"};
    struct train_result r;
    struct err e = {0};
    assert_int_equal(train_run(&job, NULL, &r, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "train.max_length 1000000 exceeds"));
    assert_int_equal(r.state, RUN_FAILED);
    json_decref(c);
}

/* Writes over the weights of the model in use, as a failing disk or a careless copy does. */
static void damage_model(void *arg, const char *key, long step, double value) {
    (void)value;
    if (strcmp(key, "train/loss") != 0 || step != 2) return;
    FILE *f = fopen(arg, "r+b");
    unsigned char bad[65536];
    memset(bad, 0xff, sizeof bad); /* not a number in every type */
    if (!f || fseek(f, -(long)sizeof bad, SEEK_END) || fwrite(bad, 1, sizeof bad, f) != sizeof bad ||
        fclose(f))
        abort();
}

static void a_model_that_is_damaged_under_a_run_is_no_divergence(void **state) {
    (void)state;
    char dir[] = "/tmp/bench-test-train-XXXXXX", digest[65];
    struct err e = {0};
    assert_non_null(mkdtemp(dir));
    char *copy = xasprintf("cp build/share/models/smoke/* %s", dir), *gone = xasprintf("rm -r %s", dir);
    char *weights = path_join(dir, "model.safetensors");
    assert_int_equal(system(copy), 0);
    struct modelfile *f;
    if (modelfile_open(&f, dir, &e) || modelfile_digest(f, digest, &e)) fail_msg("%s", e.msg);
    modelfile_close(f);
    json_t *c = infer_config("lm", "lora");
    cfg_set(c, "model", json_string("mine"));
    cfg_set(c, "model_path", json_string(dir));
    cfg_set(c, "model_digest", json_string(digest));
    cfg_set(c, "data.name", json_string("smoke"));
    cfg_set(c, "train.steps", json_integer(12));
    struct train_report rep = {.arg = weights, .metric = damage_model};
    struct train_job job = {.config = c, .threads = 1, .save = "none"};
    struct train_result r;
    assert_int_not_equal(train_run(&job, &rep, &r, &e), 0);
    assert_int_equal(r.state, RUN_FAILED);
    assert_non_null(strstr(r.error, "the model was replaced while the sweep ran"));
    assert_true(r.steps < 12); /* its loss had shown it */
    assert_int_equal(system(gone), 0);
    json_decref(c);
    free(copy), free(gone), free(weights);
}

/* ---- early stopping ------------------------------------------------------------------------------------ */

static void a_run_ends_after_so_many_evaluations_without_an_improvement(void **state) {
    (void)state;
    struct seen s = {0}, all = {0};
    /* nothing improves on the first evaluation by 100 nats: it ends after two more */
    struct train_result r = run(&s, "lora",
                                "{\"eval.every\": 2, \"train.early_stop.patience\": 2,"
                                " \"train.early_stop.min_delta\": 100.0}",
                                job_of(1));
    assert_int_equal(r.state, RUN_COMPLETE);
    assert_int_equal(r.steps, 6);
    assert_int_equal(s.losses, 6);
    assert_true(r.train_loss == s.loss[5]);
    assert_int_equal(s.eval_step[s.evals - 1], 6);
    assert_true(s.items > 0); /* the last evaluation is a whole one */
    struct train_result whole = run(&all, "lora", "{\"eval.every\": 2}", job_of(1));
    assert_int_equal(whole.steps, 12);
    for (int i = 0; i < 6; i++) assert_true(s.loss[i] == all.loss[i]); /* up to there nothing differs */
}

static void a_run_that_improves_is_not_ended(void **state) {
    (void)state;
    struct seen s = {0};
    struct train_result r =
        run(&s, "lora", "{\"eval.every\": 4, \"train.early_stop.patience\": 1}", job_of(1));
    assert_true(s.eval[1] < s.eval[0]);
    assert_int_equal(r.steps, 12);
}

static void early_stopping_counts_from_the_best(void **state) {
    (void)state;
    json_t *c = json_pack("{s:{s:{s:i, s:f}}}", "train", "early_stop", "patience", 2, "min_delta", 0.5);
    struct early_stop e;
    early_stop_init(&e, c, task_find("lm"));
    const double values[] = {5, 4.8, 4.4, 4.2, 3.95};
    /* 4.4 beats 5; neither 4.2 nor 3.95 beats 4.4 by more than 0.5 */
    const bool due[] = {false, false, false, false, true};
    for (int i = 0; i < 5; i++) assert_int_equal(early_stop_due(&e, values[i]), due[i]);
    assert_true(e.best == 4.4);
    assert_true(early_stop_due(&e, NAN));
    assert_false(early_stop_due(&e, 3.8));
    json_decref(c);
}

static void accuracy_is_better_when_larger(void **state) {
    (void)state;
    json_t *c =
        json_pack("{s:{s:{s:i, s:s}}}", "train", "early_stop", "patience", 1, "metric", "eval/accuracy");
    struct early_stop e;
    early_stop_init(&e, c, task_find("lm"));
    assert_false(early_stop_due(&e, 0.1));
    assert_false(early_stop_due(&e, 0.2));
    assert_true(early_stop_due(&e, 0.2));
    json_decref(c);
    c = json_object(); /* not asked for: never */
    early_stop_init(&e, c, task_find("lm"));
    for (int i = 0; i < 9; i++) assert_false(early_stop_due(&e, 1));
    json_decref(c);
}

/* A typo would otherwise train something else. */
static void every_pattern_of_target_modules_must_choose_something(void **state) {
    (void)state;
    static const struct {
        const char *spec, *says;
    } cases[] = {
        {"[\"q_proj\", \"v_porj\"]",
         "'v_porj' matches no layer of this model (did you mean 'v_proj'?); it has q_proj"},
        {"{\"modules\": \"attention\", \"layers\": \"1-9\"}",
         "layer 2 is not in this model, which has 0 to 1"},
        {"\"lm_head\"", "'lm_head' matches no layer"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *c = infer_config("lm", "lora");
        cfg_set(c, "model_path", json_string("build/share/models/smoke"));
        cfg_set(c, "data.name", json_string("smoke"));
        cfg_set(c, "target_modules", json_loads(cases[i].spec, JSON_DECODE_ANY, NULL));
        struct train_job job = {.config = c, .threads = 1, .save = "none"};
        struct train_result r;
        struct err e = {0};
        assert_int_equal(train_plan(&job, &r, &e), ERR_USER);
        if (!strstr(e.msg, cases[i].says)) fail_msg("%s", e.msg);
        json_decref(c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedules_are_those_of_the_formulas),
        cmocka_unit_test(accumulation_is_one_larger_batch),
        cmocka_unit_test(clipping_shortens_the_gradient_and_nothing_else),
        cmocka_unit_test(a_step_learns_from_its_own_rows_alone),
        cmocka_unit_test(momentum_changes_the_path_of_sgd),
        cmocka_unit_test(a_run_depends_on_its_seed_alone),
        cmocka_unit_test(without_shuffle_rows_come_in_the_files_order),
        cmocka_unit_test(evaluations_come_every_n_steps_and_at_the_end),
        cmocka_unit_test(the_weighted_mean_of_the_rows_is_the_score),
        cmocka_unit_test(the_untouched_base_is_evaluated_and_nothing_else),
        cmocka_unit_test(a_run_that_diverges_is_a_result),
        cmocka_unit_test(a_run_stops_after_the_step_when_asked),
        cmocka_unit_test(the_gate_holds_a_run_to_its_memory_to_the_byte),
        cmocka_unit_test(a_run_over_its_time_is_a_timeout),
        cmocka_unit_test(a_run_ends_after_so_many_evaluations_without_an_improvement),
        cmocka_unit_test(a_run_that_improves_is_not_ended),
        cmocka_unit_test(early_stopping_counts_from_the_best),
        cmocka_unit_test(accuracy_is_better_when_larger),
        cmocka_unit_test(data_without_a_label_is_refused),
        cmocka_unit_test(every_pattern_of_target_modules_must_choose_something),
        cmocka_unit_test(a_model_that_is_damaged_under_a_run_is_no_divergence),
        cmocka_unit_test(longer_rows_than_the_model_has_positions_are_refused),
    };
    return cmocka_run_group_tests_name("train", tests, NULL, NULL);
}
