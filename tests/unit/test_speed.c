/* SPDX-License-Identifier: Apache-2.0 */
/* test_speed.c - the time model of `bench plan`: what a shape is, what a run says about its speed, what is
 * predicted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "harness/config/cfg.h"
#include "harness/sched/speed.h"
#include "harness/base/util.h"

static json_t *config(void) {
    return json_pack(
        "{s:s, s:s, s:s, s:i, s:f, s:f, s:{s:i, s:f, s:i, s:s}, s:{s:i, s:i}, s:{s:i}, s:[s, s], s:s}",
        "model", "m", "model_path", "/a/m", "method", "lora", "r", 8, "lora_alpha", 16.0, "lora_dropout", 0.0,
        "train", "steps", 60, "lr", 5e-4, "batch_size", 8, "schedule", "linear", "eval", "every", 20, "rows",
        200, "test", "rows", 0, "target_modules", "q_proj", "v_proj", "model_digest", "d");
}

/* Does the shape change when `key` gets this value? Steals it. */
static bool matters(const char *key, json_t *value) {
    json_t *a = config(), *b = config();
    char x[65], y[65];
    cfg_set(b, key, value);
    speed_key(a, x);
    speed_key(b, y);
    json_decref(a);
    json_decref(b);
    return strcmp(x, y) != 0;
}

static void a_shape_is_what_changes_the_work_and_not_the_values(void **state) {
    (void)state;
    assert_false(matters("r", json_integer(8)));
    assert_false(matters("train.lr", json_real(1e-3)));
    assert_false(matters("lora_alpha", json_real(32)));
    assert_false(matters("train.steps", json_integer(1000)));
    assert_false(matters("eval.every", json_integer(0)));
    assert_false(matters("eval.rows", json_integer(7)));
    assert_false(matters("test.rows", json_integer(7)));
    assert_false(matters("model_path", json_string("/b/m")));
    assert_true(matters("r", json_integer(16)));
    assert_true(matters("method", json_string("vera")));
    assert_true(matters("model_digest", json_string("e")));
    assert_true(matters("target_modules", json_string("all-linear")));
    assert_true(matters("train.batch_size", json_integer(4)));
    assert_true(matters("lora_dropout", json_real(0.1)));
}

static void the_first_step_counts_once_per_run(void **state) {
    (void)state;
    /* the first step took 3 s of which 2 s at the speed of the others; 1 s of 12 was neither training nor
     * evaluation */
    struct train_result res = {.tokens = 500,
                               .first_tokens = 100,
                               .train_s = 9 + 2,
                               .first_s = 3,
                               .eval_tokens = 100,
                               .eval_s = 0.5,
                               .total_s = 12.5,
                               .steps = 5};
    struct db_speed s = {0};
    speed_of(&res, &s);
    assert_true(fabs(s.train - 0.02) < 1e-12 && fabs(s.eval - 0.005) < 1e-12 && fabs(s.other - 2) < 1e-9);
    struct train_result plan = {.tokens = 1000, .eval_tokens = 200};
    assert_true(fabs(speed_predict(&s, &plan) - (2 + 20 + 1)) < 1e-9);
    plan = (struct train_result){.tokens = 500, .eval_tokens = 100};
    assert_true(fabs(speed_predict(&s, &plan) - res.total_s) < 1e-9); /* itself */
}

static void what_was_not_measured_is_not_predicted(void **state) {
    (void)state;
    struct train_result res = {.eval_tokens = 10, .eval_s = 1, .total_s = 2}, plan = {.eval_tokens = 20};
    struct db_speed s = {0};
    speed_of(&res, &s);
    assert_true(isnan(s.train));
    assert_true(fabs(speed_predict(&s, &plan) - 3) < 1e-12);
    plan.tokens = 1;
    assert_true(isnan(speed_predict(&s, &plan)));
}

static void a_calibration_is_a_few_steps_of_the_same_shape(void **state) {
    (void)state;
    json_t *a = config(), *b = speed_calibration(a, 1), *c = speed_calibration(a, 10);
    char x[65], y[65];
    assert_int_equal(cfg_int(b, "train.steps"), SPEED_STEPS);
    assert_int_equal(cfg_int(b, "eval.rows"), SPEED_ROWS);
    assert_int_equal(cfg_int(b, "test.rows"), SPEED_ROWS); /* of all */
    assert_int_equal(cfg_int(b, "eval.every"), 0);
    assert_int_equal(cfg_int(c, "train.steps"), 40);
    assert_int_equal(cfg_int(c, "eval.rows"), 200); /* no more than the run has */
    assert_int_equal(cfg_int(a, "train.steps"), 60);
    speed_key(a, x);
    speed_key(b, y);
    assert_string_equal(x, y);
    json_decref(a);
    json_decref(b);
    json_decref(c);
}

/* Steps, K and the shape's key of a calibration of delta_lora with this K of 1000 steps. */
static long calibrated(long K, int times, long *start, char key[65]) {
    json_t *a = config(), *b;
    cfg_set(a, "method", json_string("delta_lora"));
    cfg_set(a, "delta_start", json_integer(K));
    cfg_set(a, "train.steps", json_integer(1000));
    speed_key(a, key);
    b = speed_calibration(a, times);
    long steps = cfg_int(b, "train.steps");
    *start = cfg_int(b, "delta_start");
    json_decref(a);
    json_decref(b);
    return steps;
}

static void a_calibration_does_the_later_work_as_often_as_the_run(void **state) {
    (void)state;
    char half[65], other[65];
    long start;
    assert_int_equal(calibrated(500, 1, &start, half), 9);
    assert_int_equal(start, 5); /* of the 8 steps that count, 4 */
    assert_int_equal(calibrated(480, 10, &start, other), 40);
    assert_in_range(start, 20, 21);
    assert_string_equal(half, other); /* about a half: one shape */
    assert_int_equal(calibrated(1000, 1, &start, other), SPEED_STEPS);
    assert_true(start >= SPEED_STEPS); /* never */
    assert_string_not_equal(half, other);
    assert_int_equal(calibrated(0, 1, &start, other), SPEED_STEPS);
    assert_int_equal(start, 0); /* from the first step on */
    assert_string_not_equal(half, other);
}

static void short_calibrations_are_repeated_for_longer(void **state) {
    (void)state;
    struct train_result slow = {.train_s = 5, .first_s = 2}, fast = {.train_s = 0.13, .first_s = 0.03},
                        none = {0};
    assert_int_equal(speed_too_short(&slow), 1);
    assert_int_equal(speed_too_short(&fast), 6);
    assert_int_equal(speed_too_short(&none), SPEED_TIMES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shape_is_what_changes_the_work_and_not_the_values),
        cmocka_unit_test(the_first_step_counts_once_per_run),
        cmocka_unit_test(what_was_not_measured_is_not_predicted),
        cmocka_unit_test(a_calibration_is_a_few_steps_of_the_same_shape),
        cmocka_unit_test(a_calibration_does_the_later_work_as_often_as_the_run),
        cmocka_unit_test(short_calibrations_are_repeated_for_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
