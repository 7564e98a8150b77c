/* SPDX-License-Identifier: Apache-2.0 */
/* test_sweep_epochs.c - how long a run trains: train.epochs is another way to write train.steps;
 * train.early_stop. */
#include "tests/unit/sweep_fixture.h"

#define DATA                                                                                                 \
    "base:\n  model: tiny\n  task: lm\n  method: lora\n"                                                     \
    "  data: {train: five.jsonl, eval: b.jsonl, prompt: '{q}', completion: '{a}'}\n"

static int setup(void **state) {
    int rc = fixture_setup(state);
    struct strbuf rows = {0};
    for (int i = 0; i < 5; i++) strbuf_addf(&rows, "{\"q\": %d, \"a\": 1}\n", i);
    put_file("five.jsonl", rows.s);
    strbuf_release(&rows);
    return rc;
}

static void expect_steps(const char *yaml, long want) {
    struct sweep *s = load(yaml);
    assert_int_equal(cfg_int(s->points[0]->config, "train.steps"), want);
    assert_true(json_is_null(cfg_get(s->points[0]->config, "train.epochs")));
    sweep_free(s);
}

static void epochs_are_whole_passes_rounded_up(void **state) {
    (void)state;
    expect_steps(DATA "  train: {epochs: 3, batch_size: 2}\n", 8);
    expect_steps(DATA "  train: {epochs: 3, batch_size: 2, grad_accum: 2}\n", 4);
    expect_steps(DATA "  train: {epochs: 2, batch_size: 5}\n", 2);
    expect_steps(DATA "  train: {epochs: 0.2, batch_size: 1}\n", 1);
    expect_steps(DATA "  train: {epochs: 0.01, batch_size: 64}\n", 1);
    expect_steps(DATA "  train: {batch_size: 64}\n", 100); /* neither: the default of train.steps */
}

static void epochs_may_be_an_axis(void **state) {
    (void)state;
    struct sweep *s = load(DATA "  train: {batch_size: 1}\nparameters:\n  train.epochs: [1, 2, 4]\n");
    assert_int_equal(s->npoints, 3);
    for (int i = 0; i < 3; i++) assert_int_equal(cfg_int(s->points[i]->config, "train.steps"), 5L << i);
    sweep_free(s);
}

static void both_ways_are_one_configuration(void **state) {
    (void)state;
    struct sweep *a = load(DATA "  train: {epochs: 3, batch_size: 2}\n");
    struct sweep *b = load(DATA "  train: {steps: 8, batch_size: 2}\n");
    assert_string_equal(a->points[0]->hash, b->points[0]->hash);
    sweep_free(a);
    sweep_free(b);
}

static void giving_both_is_a_mistake(void **state) {
    (void)state;
    mistake(DATA "  train: {epochs: 3, steps: 8}\n",
            "s.yaml:6: train.epochs and train.steps are both given: keep one of them");
    mistake_set(DATA "  train: {steps: 8}\n", "train.epochs=1", ERR_USER, "are both given", 0);
}

static void bad_epochs_are_refused(void **state) {
    (void)state;
    mistake(DATA "  train: {epochs: 0}\n",
            "s.yaml:6: train.epochs: 0 is out of range, it must be between 1e-06 and 1000000");
    mistake_set(DATA "  lora_alpha: train.steps / 2\n  train: {epochs: 2}\n", NULL, ERR_USER,
                "'train.steps' follows from train.epochs", 0);
}

static void the_untouched_base_ignores_epochs(void **state) {
    (void)state;
    struct sweep *s = load(DATA "  train: {epochs: 2}\nvariants: [{method: none}, {method: lora}]\n");
    assert_int_equal(cfg_int(s->points[0]->config, "train.steps"), 0);
    assert_int_equal(cfg_int(s->points[1]->config, "train.steps"), 2);
    sweep_free(s);
}

static void early_stopping_needs_evaluations_and_patience(void **state) {
    (void)state;
    mistake(DATA "  train: {early_stop: {patience: 3}}\n",
            "s.yaml:6: train.early_stop needs eval.every: steps between evaluations");
    mistake(DATA "  train: {early_stop: {min_delta: 0.1}}\n  eval: {every: 5}\n",
            "s.yaml:6: train.early_stop.min_delta needs train.early_stop.patience");
    mistake_set(DATA "  train: {early_stop: {patience: 0}}\n", NULL, ERR_USER, "patience: 0 is out of range",
                0);
    struct sweep *a =
        load(DATA "  train: {early_stop: {patience: 3, metric: eval/accuracy}}\n  eval: {every: 5}\n");
    struct sweep *b = load(DATA "  eval: {every: 5}\n");
    assert_int_equal(cfg_int(a->points[0]->config, "train.early_stop.patience"), 3);
    assert_string_not_equal(a->points[0]->hash, b->points[0]->hash);
    sweep_free(a);
    sweep_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(epochs_are_whole_passes_rounded_up),
        cmocka_unit_test(epochs_may_be_an_axis),
        cmocka_unit_test(both_ways_are_one_configuration),
        cmocka_unit_test(giving_both_is_a_mistake),
        cmocka_unit_test(bad_epochs_are_refused),
        cmocka_unit_test(the_untouched_base_ignores_epochs),
        cmocka_unit_test(early_stopping_needs_evaluations_and_patience),
    };
    return cmocka_run_group_tests(tests, setup, fixture_teardown);
}
