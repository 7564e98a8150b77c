/* SPDX-License-Identifier: Apache-2.0 */
/* test_controls.c - methods beside their control arms: which runs are paired, the difference, and the table.
 * Synthetic runs in a temporary database. */
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

#include "harness/analysis/controls.h"
#include "harness/analysis/summary.h"
#include "harness/base/util.h"
#include "tests/record_fixture.h"

static int64_t point(const char *method, double alpha, double lr, int batch) {
    struct err e = {0};
    int64_t id;
    char hash[65], *key = xasprintf("%s %g %g %d", method, alpha, lr, batch);
    sha256_hex(key, strlen(key), hash);
    free(key);
    json_t *config = json_pack("{s:s,s:i,s:f,s:s,s:{s:f,s:i}}", "method", method, "r", 8, "lora_alpha", alpha,
                               "target_modules", "all-linear", "train", "lr", lr, "batch_size", batch);
    ok(db_point(db, &(struct db_point){.hash = hash, .config = config}, &id, &e), &e);
    json_decref(config);
    return id;
}

/* A cell with its run; state NULL: not started. */
static void run(int64_t p, int seed, const char *state, double metric) {
    struct err e = {0};
    int64_t id;
    ok(db_cell(db, sweep, p, (uint64_t)seed, order++, &e), &e);
    if (!state) return;
    ok(db_run_new(db, &(struct db_run){.sweep = sweep, .point = p, .seed = (uint64_t)seed}, &id, &e), &e);
    struct train_result res = {
        .trainable = 1000 + p, .metric = metric, .eval_loss = metric, .test_metric = NAN};
    res.state = run_state_parse(state);
    ok(db_run_finish(db, id, &res, 0, &e), &e);
}

static void pair(int64_t of, int64_t control) {
    struct err e = {0};
    ok(db_control(db, sweep, of, control, "alpha x ratio", true, &e), &e);
}

static struct control_set rows(int n) {
    struct control_set c;
    struct err e = {0};
    ok(db_sweep_ready(db, &e), &e);
    ok(controls_read(&c, db, sweep, &e), &e);
    assert_int_equal(c.n, n);
    return c;
}

static void a_sweep_without_controls_has_no_rows(void **state) {
    (void)state;
    run(point("lora", 16, 1e-3, 8), 0, "complete", 2);
    struct control_set c = rows(0);
    controls_release(&c);
}

/* Twins, one computation but for a scale, share their noise. Differences 0.1, 0.2, 0.3: mean 0.2, sd 0.1,
 * half width 4.3027 * 0.1 / sqrt 3. */
static void twins_are_paired_by_seed(void **state) {
    (void)state;
    int64_t a = point("lora_plus", 16, 1e-3, 8), b = point("lora", 256, 1e-3, 8);
    const double base[] = {2, 5, 3};
    for (int i = 0; i < 3; i++) {
        run(a, i, "complete", base[i] + 0.1 * (i + 1));
        run(b, 2 - i, "complete", base[2 - i]);
    }
    pair(a, b);
    struct control_set c = rows(1);
    const struct control_row *r = &c.row[0];
    assert_string_equal(r->kind, "alpha x ratio");
    assert_string_equal(r->settings, "");
    assert_int_equal(r->of.point, a);
    assert_int_equal(r->control.point, b);
    assert_int_equal(r->of.trainable, 1000 + a);
    assert_true(r->d.twins && fabs(r->d.diff - 0.2) < 1e-12);
    assert_true(fabs(r->d.hi - 0.2 - 4.302653 * 0.1 / sqrt(3)) < 1e-6);
    assert_int_equal(r->of.n, 3);
    controls_release(&c);
}

/* Other controls are other computations: the same seed says nothing of both, and the spread is the
 * sweep's. */
static void other_controls_are_judged_by_the_spread_of_the_sweep(void **state) {
    (void)state;
    struct err e = {0};
    int64_t a = point("lora_fa", 16, 1e-3, 8), b = point("lora_fa", 32, 1e-3, 8);
    for (int i = 0; i < 3; i++) {
        run(a, i, "complete", 2.1 + 0.1 * i);
        run(b, i, "complete", 2.0 + 0.1 * i);
    }
    ok(db_control(db, sweep, a, b, "rank 2r", true, &e), &e);
    struct control_set c = rows(1);
    const struct verdict_pair *d = &c.row[0].d;
    assert_false(d->twins);
    assert_int_equal(d->verdict, VERDICT_UNDECIDED);
    assert_true(fabs(d->hi - d->diff - 2.776445 * 0.1 * sqrt(2.0 / 3)) < 1e-6); /* t(4) */
    controls_release(&c);
}

static void one_seed_has_a_difference_without_an_interval_and_no_verdict(void **state) {
    (void)state;
    int64_t a = point("lora_plus", 16, 1e-3, 8), b = point("lora", 256, 1e-3, 8);
    run(a, 0, "complete", 2.5);
    run(b, 0, "complete", 2);
    pair(a, b);
    struct control_set c = rows(1);
    assert_int_equal(c.row[0].d.verdict, VERDICT_NONE);
    assert_true(c.row[0].d.diff == 0.5);
    assert_true(isnan(c.row[0].d.lo));
    controls_release(&c);
}

/* Each side at the rate that is best for it; a rate at which a seed diverged only when there is no other. */
static void both_sides_are_at_their_best_learning_rate(void **state) {
    (void)state;
    int64_t a1 = point("lora_plus", 16, 1e-3, 8), a2 = point("lora_plus", 16, 2e-3, 8),
            a3 = point("lora_plus", 16, 4e-3, 8);
    int64_t b1 = point("lora", 256, 1e-3, 8), b2 = point("lora", 256, 2e-3, 8);
    for (int seed = 0; seed < 2; seed++) {
        run(a1, seed, "complete", 3);
        run(a2, seed, "complete", 2);
        run(a3, seed, seed ? "nan" : "complete", 1);
        run(b1, seed, "complete", 1.5);
        run(b2, seed, "complete", 1.75);
    }
    pair(a1, b1);
    pair(a2, b2);
    pair(a3, b2);
    struct control_set c = rows(1);
    assert_int_equal(c.row[0].of.point, a2);
    assert_int_equal(c.row[0].of.rates, 3);
    assert_int_equal(c.row[0].control.point, b1);
    assert_int_equal(c.row[0].control.rates, 2);
    assert_true(c.row[0].d.diff == 0.5);
    controls_release(&c);
}

static void other_settings_make_other_rows_and_are_told(void **state) {
    (void)state;
    for (int batch = 4; batch <= 8; batch += 4) {
        int64_t a = point("lora_plus", 16, 1e-3, batch), b = point("lora", 256, 1e-3, batch);
        run(a, 0, "complete", batch);
        run(b, 0, "complete", 1);
        pair(a, b);
    }
    struct control_set c = rows(2);
    assert_string_equal(c.row[0].settings, "train.batch_size=4");
    assert_string_equal(c.row[1].settings, "train.batch_size=8");
    assert_true(c.row[1].d.diff == 7);
    controls_release(&c);
}

static void what_has_not_run_or_diverged_has_no_number(void **state) {
    (void)state;
    int64_t a = point("lora_plus", 16, 1e-3, 8), b = point("lora", 256, 1e-3, 8);
    run(a, 0, "complete", 2);
    run(b, 0, "nan", NAN);
    run(a, 1, "complete", 2);
    run(b, 1, NULL, 0);
    pair(a, b);
    struct control_set c = rows(1);
    assert_true(isnan(c.row[0].d.diff));
    assert_int_equal(c.row[0].control.complete, 0);
    assert_int_equal(c.row[0].control.runs, 2);
    struct table *t = controls_table(&c);
    struct strbuf out = {0};
    table_write(t, TABLE_AS_TEXT, 0, &out);
    assert_non_null(strstr(out.s, "0/2 complete"));
    json_t *data = table_json(t);
    assert_true(json_is_null(json_object_get(json_array_get(data, 0), "difference")));
    json_decref(data);
    strbuf_release(&out);
    table_free(t);
    controls_release(&c);
}

/* The seeds that are left are the lucky ones. */
static void an_arm_of_which_a_seed_diverged_is_not_compared(void **state) {
    (void)state;
    int64_t a = point("lora_plus", 16, 1e-3, 8), b = point("lora", 256, 1e-3, 8);
    for (int seed = 0; seed < 3; seed++) {
        run(a, seed, "complete", 2 + 0.01 * seed);
        run(b, seed, seed ? "complete" : "nan", seed ? 1 : NAN);
    }
    pair(a, b);
    struct control_set c = rows(1);
    assert_int_equal(c.row[0].d.verdict, VERDICT_DIVERGED);
    assert_true(isnan(c.row[0].d.diff));
    assert_string_equal(c.row[0].control.shown, "(1.0000) 2/3");
    controls_release(&c);
}

static void the_table_says_which_way_a_sure_difference_goes(void **state) {
    (void)state;
    int64_t a = point("lora_plus", 16, 1e-3, 8), b = point("lora", 256, 1e-3, 8);
    for (int seed = 0; seed < 3; seed++) {
        run(a, seed, "complete", 1 + 0.001 * seed);
        run(b, seed, "complete", 2);
    }
    pair(a, b);
    struct control_set c = rows(1);
    struct table *t = controls_table(&c);
    struct strbuf out = {0};
    table_write(t, TABLE_AS_TEXT, 0, &out);
    assert_non_null(strstr(out.s, "-0.9990 [-1.0015, -0.9965]"));
    assert_non_null(strstr(out.s, "better (by seed)"));
    assert_non_null(strstr(out.s, "lora_plus r=8 alpha=16"));
    assert_non_null(strstr(out.s, "1.0 k"));
    strbuf_release(&out);
    table_free(t);
    controls_release(&c);
}

/* LoRA at one rate, and at another as a control arm: it must not pass for a second rate that was tried. */
static void a_control_arm_has_a_row_of_its_own_in_the_summary(void **state) {
    (void)state;
    int64_t own = point("lora", 256, 1e-3, 8), arm = point("lora", 256, 2e-3, 8),
            of = point("lora_plus", 16, 2e-3, 8);
    struct err e = {0};
    run(own, 0, "complete", 2);
    run(arm, 0, "complete", 1);
    run(of, 0, "complete", 1.5);
    pair(of, arm);
    ok(db_sweep_ready(db, &e), &e);
    struct summary s;
    ok(summary_read(&s, db, sweep, &e), &e);
    json_t *rows = table_json(s.table);
    assert_int_equal(json_array_size(rows), 3);
    for (size_t i = 0; i < 3; i++) {
        const json_t *r = json_array_get(rows, i);
        assert_int_equal(json_integer_value(json_object_get(r, "control")), i == 1);
        assert_int_equal(json_integer_value(json_object_get(r, "lr_tried")), 1);
    }
    json_decref(rows);
    summary_release(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sweep_without_controls_has_no_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(twins_are_paired_by_seed, setup, teardown),
        cmocka_unit_test_setup_teardown(other_controls_are_judged_by_the_spread_of_the_sweep, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_seed_has_a_difference_without_an_interval_and_no_verdict, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(both_sides_are_at_their_best_learning_rate, setup, teardown),
        cmocka_unit_test_setup_teardown(other_settings_make_other_rows_and_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(what_has_not_run_or_diverged_has_no_number, setup, teardown),
        cmocka_unit_test_setup_teardown(a_control_arm_has_a_row_of_its_own_in_the_summary, setup, teardown),
        cmocka_unit_test_setup_teardown(an_arm_of_which_a_seed_diverged_is_not_compared, setup, teardown),
        cmocka_unit_test_setup_teardown(the_table_says_which_way_a_sure_difference_goes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
