/* SPDX-License-Identifier: Apache-2.0 */
/* test_summary.c - a sweep as one table, and a run as a page: synthetic runs in a temporary database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/record/run_query.h"
#include "harness/report/runpage.h"
#include "harness/analysis/summary.h"
#include "tests/record_fixture.h"

/* One cell and its run; `state` NULL: not started. Returns the run. */
static int64_t cell(const char *method, int r, double lr, int batch, int seed, const char *state,
                    double metric) {
    struct err e = {0};
    int64_t point, run;
    char hash[65], *key = xasprintf("%s %d %g %d", method, r, lr, batch);
    sha256_hex(key, strlen(key), hash);
    free(key);
    json_t *config = json_pack("{s:s,s:i,s:f,s:s,s:{s:f,s:i,s:i},s:i,s:n}", "method", method, "r", r,
                               "lora_alpha", 2.0 * r, "target_modules", "all-linear", "train", "lr", lr,
                               "batch_size", batch, "steps", 60, "twin", batch, "empty");
    struct db_point p = {.hash = hash, .base_hash = "b", .config = config};
    ok(db_point(db, &p, &point, &e), &e);
    json_decref(config);
    ok(db_cell(db, sweep, point, (uint64_t)seed, order++, &e), &e);
    if (!state) return 0;
    ok(db_run_new(db, &(struct db_run){.sweep = sweep, .point = point, .seed = (uint64_t)seed}, &run, &e),
       &e);
    struct train_result res = {.trainable = 460800,
                               .total_params = 134515008,
                               .adapted_params = 1000,
                               .steps = 60,
                               .tokens = 600,
                               .train_loss = metric,
                               .eval_loss = metric,
                               .metric = metric,
                               .best_metric = metric,
                               .best_step = 60,
                               .test_metric = NAN,
                               .peak_bytes = 1 << 20,
                               .checkpoint_bytes = 2048,
                               .train_s = 2,
                               .eval_s = 1,
                               .total_s = 3};
    res.state = run_state_parse(state);
    if (!strcmp(state, "failed")) strcpy(res.error, "the worker\nwas killed\x1b[0m");
    res.mem_peak[MEM_ACT] = res.mem_at_peak[MEM_ACT] = 1 << 19;
    ok(db_metric(db, run, "eval/loss", 0, 3, &e), &e);
    for (int i = 1; i <= 60; i++) ok(db_metric(db, run, "train/loss", i, i, &e), &e);
    ok(db_metric(db, run, "eval/loss", 60, metric, &e), &e);
    ok(db_event(db, run, "warning", "3 rows skipped", &e), &e);
    ok(db_run_finish(db, run, &res, 0, &e), &e);
    return run;
}

static json_t *summary_rows(struct summary *s) {
    struct err e = {0};
    ok(summary_read(s, db, sweep, &e), &e);
    return table_json(s->table);
}

static double num(const json_t *row, const char *key) {
    json_t *v = json_object_get(row, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static void test_the_base_is_first_and_the_best_rate_is_chosen_on_the_mean_of_the_seeds(void **state) {
    (void)state;
    struct summary s;
    for (int seed = 0; seed < 3; seed++) cell("lora", 8, 5e-4, 8, seed, "complete", 1.8 + 0.01 * seed);
    cell("lora", 8, 2e-3, 8, 0, "complete", 1.0); /* the luckiest seed of all, but a bad mean */
    cell("lora", 8, 2e-3, 8, 1, "complete", 3.0);
    cell("lora", 8, 2e-3, 8, 2, "complete", 3.0);
    cell("lora", 1, 5e-4, 8, 0, "complete", 2.0);
    cell("none", 8, 0, 8, 0, "complete", 2.5);
    json_t *rows = summary_rows(&s);
    assert_int_equal(json_array_size(rows), 3);
    json_t *row = json_array_get(rows, 0);
    assert_string_equal(json_string_value(json_object_get(row, "method")), "none");
    assert_true(isnan(num(row, "r")) && isnan(num(row, "lr")) && num(row, "metric") == 2.5);
    assert_true(num(json_array_get(rows, 1), "r") == 1);
    row = json_array_get(rows, 2);
    assert_true(num(row, "lr") == 5e-4 && num(row, "lr_tried") == 2 && num(row, "n") == 3 &&
                num(row, "runs") == 6);
    assert_true(fabs(num(row, "metric") - 1.81) < 1e-12);
    double half = 4.302653 * 0.01 / sqrt(3),
           luck = 0.5641896 * 0.01 / sqrt(3); /* of the better of two rates */
    assert_true(num(row, "ci95") > half && num(row, "ci95") < half + luck);
    assert_true(fabs(num(row, "sd") - 0.01) < 1e-12);
    assert_true(num(row, "trainable") == 460800 && num(row, "checkpoint_bytes") == 2048 &&
                num(row, "train_s") == 2);
    assert_true(s.steps == 60 && s.batch_size == 8 && s.cells == 8 && s.count[RUN_COMPLETE] == 8);
    json_decref(rows);
    summary_release(&s);
}

static void test_a_rate_that_diverges_for_one_seed_is_not_best(void **state) {
    (void)state;
    struct summary s;
    cell("lora", 8, 5e-4, 8, 0, "complete", 1.8);
    cell("lora", 8, 2e-3, 8, 0, "complete", 1.0);
    cell("lora", 8, 2e-3, 8, 1, "nan", NAN);
    cell("vera", 8, 2e-3, 8, 0, "nan", NAN);
    cell("vera", 9, 2e-3, 8, 0, NULL, 0);
    cell("vera", 10, 2e-3, 8, 0, "oom", NAN);
    json_t *rows = summary_rows(&s);
    assert_true(num(json_array_get(rows, 0), "lr") == 5e-4 && num(json_array_get(rows, 0), "diverged") == 1);
    assert_true(isnan(num(json_array_get(rows, 1), "metric")) && num(json_array_get(rows, 1), "n") == 0);
    struct strbuf text = {0};
    table_write(s.table, TABLE_AS_TEXT, 100, &text);
    assert_non_null(strstr(text.s, " diverged "));
    assert_non_null(strstr(text.s, " not started "));
    assert_non_null(strstr(text.s, " oom "));
    assert_non_null(strstr(text.s, " 2/3\n"));
    strbuf_release(&text);
    json_decref(rows);
    summary_release(&s);
}

/* Of a configuration that blows up now and then the other seeds are the lucky ones. */
static void test_a_mean_without_the_diverged_seed_is_in_brackets(void **state) {
    (void)state;
    struct summary s;
    for (int seed = 0; seed < 3; seed++) {
        cell("lora", 8, 5e-4, 8, seed, seed == 1 ? "nan" : "complete", seed == 1 ? NAN : 1.8);
        cell("vera", 8, 5e-4, 8, seed, "complete", 1.9 + 0.01 * seed);
        cell("full", 8, 5e-4, 8, seed, "complete", 2.9 + 0.01 * seed);
    }
    json_t *rows = summary_rows(&s);
    struct strbuf text = {0};
    table_write(s.table, TABLE_AS_TEXT, 0, &text);
    assert_non_null(strstr(text.s, "(1.8000) 2/3"));
    assert_non_null(strstr(text.s, "1.9100 \xc2\xb1 0.0160")); /* t(4) 0.01 / sqrt 3: of both */
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *r = json_array_get(rows, i);
        if (!strcmp(json_string_value(json_object_get(r, "method")), "lora"))
            assert_true(isnan(num(r, "ci95")));
    }
    strbuf_release(&text);
    json_decref(rows);
    summary_release(&s);
}

static void test_a_single_seed_borrows_and_two_alone_are_shown_as_they_are(void **state) {
    (void)state;
    struct summary s;
    struct strbuf text = {0};
    for (int seed = 0; seed < 4; seed++) {
        cell("lora", 8, 5e-4, 8, seed, "complete", 1.8 + 0.01 * seed);
        if (!seed) cell("vera", 8, 5e-4, 8, seed, "complete", 1.9);
    }
    json_decref(summary_rows(&s));
    table_write(s.table, TABLE_AS_TEXT, 0, &text);
    assert_non_null(strstr(text.s, "1.9000 \xc2\xb1 0.0411 \xe2\x80\xa0"));
    assert_non_null(strstr(s.notes, "one seed, its interval is from the spread of the others"));
    summary_release(&s);
    strbuf_release(&text);
    cell("full", 8, 5e-4, 8, 0, "complete", 3);
    struct err e = {0};
    struct db_sweep two = {.name = "s", .yaml = "z", .metric = "eval/loss", .goal = "minimize"};
    ok(db_sweep_begin(db, &two, &sweep, &e), &e);
    for (int seed = 0; seed < 2; seed++) cell("ia3", 8, 5e-4, 8, seed, "complete", 1.8 + 0.01 * seed);
    json_decref(summary_rows(&s));
    table_write(s.table, TABLE_AS_TEXT, 0, &text);
    assert_non_null(strstr(text.s, " 1.8050 "));
    assert_null(strstr(text.s, "\xc2\xb1"));
    strbuf_release(&text);
    summary_release(&s);
}

static void test_a_further_axis_gets_a_column_and_its_twin_does_not(void **state) {
    (void)state;
    struct summary s;
    cell("lora", 8, 5e-4, 8, 0, "complete", 1.8);
    cell("lora", 8, 5e-4, 16, 0, "complete", 1.7);
    cell("none", 8, 0, 8, 0, "complete", 2.5);
    json_t *rows = summary_rows(&s);
    assert_int_equal(json_array_size(rows), 3);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 2), "train.batch_size")),
                        "16");
    assert_null(json_object_get(json_array_get(rows, 2), "twin"));
    assert_null(json_object_get(json_array_get(rows, 2), "lora_alpha"));
    assert_int_equal(s.batch_size, 0);
    json_decref(rows);
    summary_release(&s);
}

static void test_the_goal_decides_what_best_is(void **state) {
    (void)state;
    struct summary s;
    struct err e = {0};
    struct db_sweep max = {.name = "s", .yaml = "z", .metric = "eval/loss", .goal = "maximize"};
    ok(db_sweep_begin(db, &max, &sweep, &e), &e);
    cell("lora", 8, 5e-4, 8, 0, "complete", 0.5);
    cell("lora", 8, 2e-3, 8, 0, "complete", 0.7);
    json_t *rows = summary_rows(&s);
    assert_true(num(json_array_get(rows, 0), "metric") == 0.7);
    json_decref(rows);
    summary_release(&s);
}

static void test_an_empty_sweep_and_an_unknown_one(void **state) {
    (void)state;
    struct summary s;
    struct err e = {0};
    json_t *rows = summary_rows(&s);
    assert_int_equal(json_array_size(rows), 0);
    json_decref(rows);
    summary_release(&s);
    assert_int_equal(summary_read(&s, db, 99, &e), ERR_USER);
}

static void test_a_run_has_a_page_with_result_memory_curve_and_events(void **state) {
    (void)state;
    struct err e = {0};
    struct strbuf page = {0};
    cell("none", 8, 0, 8, 0, "complete", 2.5);
    int64_t run = cell("lora", 8, 5e-4, 8, 0, "complete", 1.8);
    ok(runpage_text(db, run, 100, &page, &e), &e);
    static const char *const want[] = {"lora r=8 alpha=16 lr=5e-4 all-linear seed 0",
                                       "eval loss                2.5000    1.8000  -0.7000",
                                       "460.8 k of 134.5 M",
                                       "act      512 KiB",
                                       "train.batch_size           8",
                                       "warning: 3 rows skipped",
                                       "30.5000"};
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        if (!strstr(page.s, want[i])) fail_msg("'%s' is not in:\n%s", want[i], page.s);
    strbuf_reset(&page);
    run = cell("lora", 9, 5e-4, 8, 0, "failed", NAN);
    ok(runpage_text(db, run, 100, &page, &e), &e);
    assert_non_null(strstr(page.s, "failed: the worker was killed [0m"));
    strbuf_release(&page);
    json_t *json = run_json(db, run, &e);
    assert_int_equal(json_array_size(json_object_get(json, "metrics")), 62);
    assert_string_equal(json_string_value(json_object_get(json_object_get(json, "config"), "method")),
                        "lora");
    json_decref(json);
}

static void test_runs_are_found_by_number_or_hash_and_replaced_ones_name_their_successor(void **state) {
    (void)state;
    struct err e = {0};
    int64_t old = cell("lora", 8, 5e-4, 8, 0, "failed", NAN),
            run = cell("lora", 8, 5e-4, 8, 0, "complete", 1);
    cell("lora", 8, 5e-4, 8, 1, "complete", 1);
    int64_t other = cell("lora", 9, 5e-4, 8, 0, "complete", 1);
    char hash[65], word[32];
    sha256_hex("lora 9 0.0005 8", 15, hash);
    snprintf(word, sizeof word, "%lld", (long long)run);
    assert_int_equal(run_find(db, word, &e), run);
    hash[6] = 0;
    assert_int_equal(run_find(db, hash, &e), other);
    sha256_hex("lora 8 0.0005 8", 15, hash);
    assert_true(run_find(db, hash, &e) < 0); /* two seeds */
    assert_non_null(strstr(e.msg, "several runs"));
    static const char *const none[] = {"",     "0",   "999", "99999999999999999999999999",
                                       "rank", "abc", "%",   "12x"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++) assert_int_equal(run_find(db, none[i], &e), 0);
    assert_null(run_json(db, old, &e));
    char *want = xasprintf("see run %lld", (long long)run);
    assert_non_null(strstr(e.msg, want));
    free(want);
}

#define WITH_DB(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_DB(test_the_base_is_first_and_the_best_rate_is_chosen_on_the_mean_of_the_seeds),
        WITH_DB(test_a_rate_that_diverges_for_one_seed_is_not_best),
        WITH_DB(test_a_mean_without_the_diverged_seed_is_in_brackets),
        WITH_DB(test_a_single_seed_borrows_and_two_alone_are_shown_as_they_are),
        WITH_DB(test_a_further_axis_gets_a_column_and_its_twin_does_not),
        WITH_DB(test_the_goal_decides_what_best_is),
        WITH_DB(test_an_empty_sweep_and_an_unknown_one),
        WITH_DB(test_a_run_has_a_page_with_result_memory_curve_and_events),
        WITH_DB(test_runs_are_found_by_number_or_hash_and_replaced_ones_name_their_successor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
