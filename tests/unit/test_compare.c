/* test_compare.c - comparisons of arms, on synthetic runs: what is chosen, on which split it is judged, how
 * differences are paired, when arms share a rank, and who dominates whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analysis/compare.h"
#include "harness/base/rng.h"
#include "tests/record_fixture.h"

struct cell {
    const char *method;
    int r;
    double lr;
    int seed;
    const char *state; /* NULL: complete */
    double eval, test; /* test 0: none */
    int rows;          /* scored one by one on the reported split, around its value */
    double row_noise;
    size_t bytes, peak;
    double train_s;
    int concurrent;
};

static void tell(int64_t run, const char *key, double value) {
    struct err e = {0};
    ok(db_metric(db, run, key, 60, value, &e), &e);
}

/* Rows share their difficulty over all runs: only paired they tell small differences. */
static void rows_tell(int64_t run, const struct cell *c) {
    struct err e = {0};
    double level = c->test != 0 ? c->test : c->eval;
    for (int i = 0; i < c->rows; i++) {
        double hard = (double)rng_uniform(rng_make(1, "hard", 0), (uint64_t)i),
               own = (double)rng_uniform(rng_make((uint64_t)c->seed, c->method, 1), (uint64_t)i);
        ok(db_item(db, run, c->test != 0 ? "test/loss" : "eval/loss", i,
                   level + 3 * (hard - 0.5) + c->row_noise * (own - 0.5), 1, &e),
           &e);
    }
}

static void add(struct cell c) {
    struct err e = {0};
    char hash[65], *key = xasprintf("%s %d %g", c.method, c.r, c.lr);
    int64_t point, run;
    sha256_hex(key, strlen(key), hash);
    free(key);
    json_t *config =
        json_pack("{s:s,s:i,s:s,s:s,s:{s:f,s:i},s:s}", "method", c.method, "r", c.r, "target_modules",
                  "all-linear", "task", "lm", "train", "lr", c.lr, "batch_size", 8, "model", "m");
    ok(db_point(db, &(struct db_point){.hash = hash, .base_hash = "b", .config = config}, &point, &e), &e);
    json_decref(config);
    ok(db_cell(db, sweep, point, (uint64_t)c.seed, order++, &e), &e);
    struct db_run r = {.sweep = sweep, .point = point, .seed = (uint64_t)c.seed, .threads = 1};
    ok(db_run_new(db, &r, &run, &e), &e);
    struct train_result res = {.metric = c.eval,
                               .eval_loss = c.eval,
                               .test_metric = c.test != 0 ? c.test : NAN,
                               .best_metric = c.eval,
                               .train_loss = c.eval,
                               .steps = 60,
                               .peak_bytes = c.peak,
                               .checkpoint_bytes = (long)c.bytes,
                               .train_s = c.train_s};
    res.state = c.state ? run_state_parse(c.state) : RUN_COMPLETE;
    tell(run, "eval/loss", c.eval);
    tell(run, "eval/accuracy", 1 / c.eval);
    if (c.test != 0) tell(run, "test/loss", c.test);
    rows_tell(run, &c);
    ok(db_run_finish(db, run, &res, c.concurrent, &e), &e);
}

static struct compare read_as(const char *by, const char *metric) {
    struct compare c;
    struct err e = {0};
    ok(db_sweep_ready(db, &e), &e);
    ok(compare_read(&c, db, &(struct compare_job){.by = by, .metric = metric}, &e), &e);
    return c;
}

static const struct compare_arm *arm(const struct compare *c, const char *name) {
    for (int i = 0; i < c->narm; i++)
        if (!strcmp(c->point[c->arm[i].any].arm, name)) return &c->arm[i];
    fail_msg("no arm %s", name);
    return NULL;
}

static void the_choice_is_evals_and_the_score_tests(void **state) {
    (void)state;
    add((struct cell){"lora", 8, 1e-3, 0, .eval = 1.0, .test = 1.5});
    add((struct cell){"lora", 8, 2e-3, 0, .eval = 1.2, .test = 1.1});
    add((struct cell){"vera", 8, 1e-2, 0, .eval = 1.1, .test = 1.4});
    struct compare c = read_as(NULL, NULL);
    const struct compare_arm *lora = arm(&c, "lora");
    assert_true(c.has_test);
    assert_string_equal(c.reported, "test/loss");
    assert_int_equal(lora->tried, 2);
    assert_true(c.point[lora->point].lr == 1e-3 && c.point[lora->point].score.mean == 1.5);
    assert_true(lora > arm(&c, "vera")); /* sorted by the score */
    compare_release(&c);
}

static void without_test_scores_it_says_that_it_is_optimistic(void **state) {
    (void)state;
    add((struct cell){"lora", 8, 1e-3, 0, .eval = 1.0, .test = 1.5});
    add((struct cell){"vera", 8, 1e-2, 0, .eval = 1.1});
    struct compare c = read_as(NULL, NULL);
    struct strbuf notes = {0};
    compare_notes(&c, &notes);
    assert_false(c.has_test);
    assert_string_equal(c.reported, "eval/loss");
    assert_non_null(strstr(notes.s, "optimistic"));
    assert_non_null(strstr(notes.s, "noise floor: unknown"));
    assert_true(isnan(c.pair[0].d.p)); /* one seed, no rows */
    assert_true(arm(&c, "lora")->tied && arm(&c, "vera")->rank == 1);
    strbuf_release(&notes);
    compare_release(&c);
}

static void a_rate_at_which_a_seed_diverged_is_chosen_last(void **state) {
    (void)state;
    add((struct cell){"lora", 8, 1e-3, 0, .eval = 1.3});
    add((struct cell){"lora", 8, 1e-3, 1, .eval = 1.3});
    add((struct cell){"lora", 8, 9e-3, 0, .eval = 1.0});
    add((struct cell){"lora", 8, 9e-3, 1, "nan", .eval = NAN});
    struct compare c = read_as(NULL, NULL);
    assert_true(c.point[arm(&c, "lora")->point].lr == 1e-3);
    compare_release(&c);
}

/* Seeds share luck: apart the arms overlap, in pairs they do not. */
static void differences_are_paired_by_seed(void **state) {
    (void)state;
    for (int seed = 0; seed < 5; seed++) {
        add((struct cell){"lora", 8, 1e-3, seed, .eval = 2 + 0.3 * seed});
        add((struct cell){"vera", 8, 1e-3, seed, .eval = 2.1 + 0.3 * seed + 0.001 * (seed % 2)});
    }
    struct compare c = read_as(NULL, NULL);
    assert_int_equal(c.npair, 1);
    assert_int_equal(c.pair[0].seeds, 5);
    assert_true(c.pair[0].d.p < 1e-6 && fabs(c.pair[0].d.diff - 0.1004) < 1e-9);
    assert_int_equal(arm(&c, "lora")->rank, 1);
    assert_int_equal(arm(&c, "vera")->rank, 2);
    assert_int_equal(c.noise_df, 8);
    assert_true(fabs(c.noise_sd - 0.3 * sqrt(2.5)) < 1e-3);
    compare_release(&c);
}

static void one_seed_is_judged_by_its_rows(void **state) {
    (void)state;
    add((struct cell){"lora", 8, 1e-3, 0, .eval = 1, .test = 1.00, .rows = 200, .row_noise = 0.2});
    add((struct cell){"vera", 8, 1e-3, 0, .eval = 1, .test = 1.10, .rows = 200, .row_noise = 0.2});
    add((struct cell){"bitfit", 8, 1e-3, 0, .eval = 1, .test = 1.1001, .rows = 200, .row_noise = 0.2});
    struct compare c = read_as(NULL, NULL);
    assert_int_equal(arm(&c, "lora")->rows, 200);
    assert_int_equal(arm(&c, "lora")->rank, 1);
    assert_false(arm(&c, "lora")->tied);
    assert_int_equal(arm(&c, "vera")->rank, 2);
    assert_true(arm(&c, "vera")->tied && arm(&c, "bitfit")->rank == 2);
    assert_true(c.pair[0].rows == 200 && c.pair[0].boot.lo > 0);
    compare_release(&c);
}

/* vera has one seed: what seeds do is known from lora's configurations, the better half of them: a rate that
 * is too high spreads widely. */
static void a_single_seed_borrows_the_noise_of_the_others(void **state) {
    (void)state;
    for (int seed = 0; seed < 4; seed++)
        for (int k = 0; k < 3; k++)
            add((struct cell){"lora", 8, 1e-3 * (k + 1), seed,
                              .eval = 1 + k + (k == 2 ? 5 : 0.01) * (seed % 2)});
    add((struct cell){"vera", 8, 1e-3, 0, .eval = 1.1});
    add((struct cell){"bitfit", 8, 1e-3, 0, .eval = 1.015});
    struct compare c = read_as(NULL, NULL);
    assert_int_equal(arm(&c, "vera")->rank, 3);
    assert_int_equal(arm(&c, "lora")->rank, 1);
    assert_true(arm(&c, "bitfit")->rank == 1 && arm(&c, "bitfit")->tied);
    for (int i = 0; i < c.npair; i++) assert_true(c.pair[i].noise && c.pair[i].d.df == 6);
    assert_true(c.noise_sd < 0.01);
    compare_release(&c);
}

static void keys_of_the_configuration_make_arms(void **state) {
    (void)state;
    add((struct cell){"lora", 8, 1e-3, 0, .eval = 1.0});
    add((struct cell){"lora", 64, 1e-3, 0, .eval = 0.9});
    add((struct cell){"vera", 64, 1e-3, 0, .eval = 1.1});
    struct compare c = read_as("method,r", NULL);
    assert_int_equal(c.narm, 3);
    assert_non_null(arm(&c, "lora, 64"));
    compare_release(&c);
    c = read_as("train.batch_size", NULL);
    assert_int_equal(c.narm, 1);
    assert_non_null(arm(&c, "8"));
    compare_release(&c);
}

static void another_metric_is_better_its_own_way(void **state) {
    (void)state;
    add((struct cell){"lora", 8, 1e-3, 0, .eval = 1.0});
    add((struct cell){"vera", 8, 1e-3, 0, .eval = 2.0});
    struct compare c = read_as(NULL, "eval/accuracy");
    assert_true(c.maximize);
    assert_true(arm(&c, "lora") < arm(&c, "vera"));
    compare_release(&c);
}

static void fronts_name_who_dominates(void **state) {
    (void)state;
    add((struct cell){"none", 0, 0, 0, .eval = 5});
    add((struct cell){"full", 0, 1e-5, 0, .eval = 1.0, .bytes = 900, .peak = 900, .train_s = 9});
    add((struct cell){"lora", 8, 1e-3, 0, .eval = 1.1, .bytes = 50, .peak = 500, .train_s = 5});
    add((struct cell){"lora", 64, 1e-3, 0, .eval = 1.2, .bytes = 90, .peak = 600, .train_s = 6,
                      .concurrent = 1});
    add((struct cell){"vera", 64, 1e-3, 0, .eval = 1.3, .bytes = 10, .peak = 700, .train_s = 4});
    struct compare c = read_as(NULL, NULL);
    assert_int_equal(c.nfront, 4); /* the base is no compromise */
    assert_true(c.timings_alone);
    const struct compare_front *full = &c.front[0], *l8 = &c.front[1], *l64 = &c.front[2],
                               *vera = &c.front[3];
    for (int k = 0; k < 3; k++) assert_true(full->by[k] == -1 && l8->by[k] == -1);
    assert_true(l64->by[0] == l8->point && l64->by[1] == l8->point);
    assert_int_equal(l64->by[2], -2); /* measured beside another run */
    assert_true(vera->by[0] == -1 && vera->by[1] == l8->point && vera->by[2] == -1);
    compare_release(&c);
}

static void mistakes_are_told_with_what_there_is(void **state) {
    (void)state;
    struct compare c;
    struct err e = {0};
    add((struct cell){"lora", 8, 1e-3, 0, "failed", .eval = NAN});
    ok(db_sweep_ready(db, &e), &e);
    assert_int_equal(compare_read(&c, db, &(struct compare_job){0}, &e), ERR_RESOURCE);
    add((struct cell){"lora", 16, 1e-3, 0, .eval = 1});
    ok(db_sweep_ready(db, &e), &e);
    assert_int_equal(compare_read(&c, db, &(struct compare_job){.sweep = "x"}, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "its sweeps: s"));
    assert_int_equal(compare_read(&c, db, &(struct compare_job){.by = "rank"}, &e), ERR_USER);
    assert_int_equal(compare_read(&c, db, &(struct compare_job){.by = "method,"}, &e), ERR_USER);
    assert_int_equal(compare_read(&c, db, &(struct compare_job){.metric = "eval/bleu"}, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "eval/accuracy"));
    assert_int_equal(compare_read(&c, db, &(struct compare_job){.where = "r >"}, &e), ERR_USER);
}

int main(void) {
#define WITH_DB(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_DB(the_choice_is_evals_and_the_score_tests),
        WITH_DB(without_test_scores_it_says_that_it_is_optimistic),
        WITH_DB(a_rate_at_which_a_seed_diverged_is_chosen_last),
        WITH_DB(differences_are_paired_by_seed),
        WITH_DB(one_seed_is_judged_by_its_rows),
        WITH_DB(a_single_seed_borrows_the_noise_of_the_others),
        WITH_DB(keys_of_the_configuration_make_arms),
        WITH_DB(another_metric_is_better_its_own_way),
        WITH_DB(fronts_name_who_dominates),
        WITH_DB(mistakes_are_told_with_what_there_is),
    };
    return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
