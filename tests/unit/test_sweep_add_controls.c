/* SPDX-License-Identifier: Apache-2.0 */
/* test_sweep_add_controls.c - `controls: auto`: which runs it adds to a sweep, at which values, where, and
 * that none runs twice. */
#include <math.h>

#include "tests/unit/sweep_fixture.h"

#define CONTROLS BASE "  lora_alpha: 16\n  train: {lr: 1.0e-3}\n"

/* The only control of this kind that the first point of `method` has; NULL: none. */
static const struct sweep_point *control_of(const struct sweep *s, const char *method, const char *kind) {
    const struct sweep_point *hit = NULL;
    for (int i = 0; i < s->ncontrols; i++) {
        const struct sweep_point *of = s->points[s->controls[i].point];
        if (strcmp(cfg_str(of->config, "method"), method) || strcmp(s->controls[i].kind, kind)) continue;
        assert_null(hit);
        hit = s->points[s->controls[i].control];
    }
    return hit;
}

static void expect(const struct sweep_point *p, const char *method, long r, double alpha, double lr) {
    assert_non_null(p);
    assert_string_equal(cfg_str(p->config, "method"), method);
    assert_int_equal(cfg_int(p->config, "r"), r);
    assert_true(cfg_num(p->config, "lora_alpha") == alpha);
    assert_true(cfg_num(p->config, "train.lr") == lr);
}

static void without_the_key_nothing_is_added(void **state) {
    (void)state;
    struct sweep *s = load(CONTROLS "  method: lora_plus\n");
    assert_int_equal(s->npoints, 1);
    assert_int_equal(s->ncontrols, 0);
    assert_null(sweep_control_label(s, 0));
    sweep_free(s);
    s = load(CONTROLS "  method: lora_plus\ncontrols: none\n");
    assert_int_equal(s->npoints, 1);
    sweep_free(s);
}

static void lora_plus_is_compared_with_lora_at_alpha_times_ratio(void **state) {
    (void)state;
    struct sweep *s = load(CONTROLS "  method: lora_plus\n  r: 8\n  loraplus_lr_ratio: 4\ncontrols: auto\n");
    assert_int_equal(s->npoints, 2);
    expect(control_of(s, "lora_plus", "alpha x ratio"), "lora", 8, 64, 1e-3);
    assert_false(s->points[0]->is_control);
    assert_true(s->points[1]->is_control);
    char *label = sweep_control_label(s, 1);
    assert_string_equal(label, "alpha x ratio of lora_plus alpha=16");
    free(label);
    assert_null(sweep_control_label(s, 0));
    sweep_free(s);
}

static void delta_lora_is_compared_with_lora_at_alpha_times_one_plus_lambda(void **state) {
    (void)state;
    struct sweep *s =
        load(CONTROLS "  method: delta_lora\n  delta_lambda: 0.5\n  delta_start: 0\ncontrols: auto\n");
    assert_int_equal(s->npoints, 2);
    expect(control_of(s, "delta_lora", "alpha x (1+lambda)"), "lora", 8, 24, 1e-3);
    sweep_free(s);
}

/* LoRA-FA at r=8 trains 8 * 32 = 256; LoRA 80 per rank: 240 at 3, 320 at 4. */
static void lora_fa_is_compared_at_an_equal_count_and_at_twice_the_rank(void **state) {
    (void)state;
    struct sweep *s = load(CONTROLS "  method: lora_fa\n  r: 8\ncontrols: auto\n");
    assert_int_equal(s->npoints, 3);
    expect(control_of(s, "lora_fa", "equal count"), "lora", 3, 16, 1e-3);
    expect(control_of(s, "lora_fa", "rank 2r"), "lora_fa", 16, 16, 1e-3);
    sweep_free(s);
}

/* VeRA at r=256 trains 2 * 256 + 32 = 544: 560 at 7 is nearer than 480 at 6. At r=1 34: never below rank 1.
 */
static void the_nearest_count_is_rounded_to_a_rank_of_at_least_one(void **state) {
    (void)state;
    struct sweep *s = load(CONTROLS "variants:\n- {method: vera, r: 256}\ncontrols: auto\n");
    expect(control_of(s, "vera", "equal count"), "lora", 7, 16, 1e-3);
    sweep_free(s);
    s = load(CONTROLS "variants:\n- {method: vera, r: 1}\ncontrols: auto\n");
    expect(control_of(s, "vera", "equal count"), "lora", 1, 16, 1e-3);
    sweep_free(s);
}

static void what_the_file_derives_is_derived_anew(void **state) {
    (void)state;
    struct sweep *s = load(
        BASE "  lora_alpha: \"2*r\"\n  train.lr: \"r/1000\"\n  method: lora_fa\n  r: 8\ncontrols: auto\n");
    expect(control_of(s, "lora_fa", "equal count"), "lora", 3, 6, 0.003);
    expect(control_of(s, "lora_fa", "rank 2r"), "lora_fa", 16, 32, 0.016);
    sweep_free(s);
}

static void a_control_follows_its_point_and_keeps_its_rate_and_targets(void **state) {
    (void)state;
    struct sweep *s = load(CONTROLS "  method: [lora, lora_plus]\nparameters:\n  train.lr: [1.0e-3, 2.0e-3]\n"
                                    "  target_modules: [q_proj, v_proj]\ncontrols: auto\nseeds: [3, 4]\n");
    assert_int_equal(s->npoints, 12);
    assert_int_equal(s->nruns, 24);
    for (int i = 4; i < 12; i += 2) {
        const json_t *a = s->points[i]->config, *b = s->points[i + 1]->config;
        assert_string_equal(cfg_str(a, "method"), "lora_plus");
        assert_true(!s->points[i]->is_control && s->points[i + 1]->is_control);
        expect(s->points[i + 1], "lora", 8, 256, cfg_num(a, "train.lr"));
        assert_string_equal(cfg_str(a, "target_modules"), cfg_str(b, "target_modules"));
        assert_int_equal(s->controls[i / 2 - 2].point, i);
        assert_int_equal(s->controls[i / 2 - 2].control, i + 1);
    }
    sweep_free(s);
}

/* LoRA at r=8, alpha 256 is in the file; LoRA-FA at 16 is the control of LoRA-FA at 8. */
static void a_control_that_is_a_point_of_the_file_is_that_point(void **state) {
    (void)state;
    struct sweep *s =
        load(CONTROLS "variants:\n- {method: lora_plus, r: 8}\n- {method: lora, r: 8, lora_alpha: 256}\n"
                      "- {method: lora_fa, parameters: {r: [8, 16]}}\ncontrols: auto\n");
    int fa16 = -1;
    for (int i = 0; i < s->npoints; i++)
        if (!strcmp(cfg_str(s->points[i]->config, "method"), "lora_fa") &&
            cfg_int(s->points[i]->config, "r") == 16)
            fa16 = i;
    /* the four of the file; lora r=3 and r=6 (512 / 80 = 6.4); lora_fa r=32 */
    assert_int_equal(s->npoints, 7);
    assert_int_equal(s->ncontrols, 5);
    assert_false(control_of(s, "lora_plus", "alpha x ratio")->is_control);
    assert_ptr_equal(control_of(s, "lora_plus", "alpha x ratio"), s->points[1]);
    assert_true(fa16 > 0 && !s->points[fa16]->is_control);
    int as_control = 0, as_point = 0;
    for (int i = 0; i < s->ncontrols; i++) {
        as_control += s->controls[i].control == fa16;
        as_point += s->controls[i].point == fa16;
    }
    assert_int_equal(as_control, 1);
    assert_int_equal(as_point, 2);
    assert_int_equal(s->nwarnings, 0);
    sweep_free(s);
}

/* alpha 16 * 16 and alpha 64 * 4 are one LoRA. */
static void one_run_can_be_the_control_of_several(void **state) {
    (void)state;
    struct sweep *s =
        load(CONTROLS
             "paired:\n- {lora_alpha: 16, loraplus_lr_ratio: 16}\n"
             "- {lora_alpha: 64, loraplus_lr_ratio: 4}\nvariants:\n- method: lora_plus\ncontrols: auto\n");
    assert_int_equal(s->npoints, 3);
    assert_int_equal(s->ncontrols, 2);
    assert_int_equal(s->controls[0].control, s->controls[1].control);
    char *label = sweep_control_label(s, s->controls[0].control);
    assert_non_null(strstr(label, ", and of 1 more"));
    free(label);
    sweep_free(s);
}

static void veras_control_runs_at_the_rates_of_its_own_method(void **state) {
    (void)state;
    struct sweep *s = load(CONTROLS "variants:\n- {method: lora, parameters: {train.lr: [1.0e-3, 3.0e-3]}}\n"
                                    "- {method: vera, r: 256, train.lr: 0.05}\ncontrols: auto\n");
    int n = 0;
    for (int i = 0; i < s->ncontrols; i++, n++) {
        assert_string_equal(s->controls[i].kind, "equal count");
        expect(s->points[s->controls[i].control], "lora", 7, 16, i ? 3e-3 : 1e-3);
    }
    assert_int_equal(n, 2);
    assert_int_equal(s->nwarnings, 0);
    sweep_free(s);
    s = load(CONTROLS "variants:\n- {method: vera, r: 256, train.lr: 0.05}\ncontrols: auto\n");
    expect(control_of(s, "vera", "equal count"), "lora", 7, 16, 0.05);
    assert_int_equal(s->nwarnings, 1);
    assert_non_null(strstr(s->warnings[0], "s.yaml:8: the sweep tries no learning rates with lora"));
    sweep_free(s);
}

/* LoRA with other rows per step has rates of its own, which are none of VeRA's business. */
static void rates_are_those_tried_where_all_else_is_equal(void **state) {
    (void)state;
    struct sweep *s = load(BASE "  lora_alpha: 16\nparameters:\n  train.batch_size: [4, 8]\nvariants:\n"
                                "- {method: lora, train.lr: \"train.batch_size/1000\"}\n"
                                "- {method: vera, r: 256, train.lr: 0.05}\ncontrols: auto\n");
    assert_int_equal(s->ncontrols, 2);
    for (int i = 0; i < 2; i++) {
        const json_t *of = s->points[s->controls[i].point]->config;
        long batch = cfg_int(of, "train.batch_size");
        expect(s->points[s->controls[i].control], "lora", 7, 16, (double)batch / 1000);
        assert_int_equal(cfg_int(s->points[s->controls[i].control]->config, "train.batch_size"), batch);
    }
    sweep_free(s);
}

static void controls_count_within_run_cap(void **state) {
    (void)state;
    struct sweep *s = load(CONTROLS "  method: lora_plus\ncontrols: auto\nseeds: [0, 1]\nrun_cap: 3\n");
    assert_int_equal(s->nruns_all, 4);
    assert_int_equal(s->nruns, 3);
    assert_int_equal(s->runs[2].point, 1);
    sweep_free(s);
}

static void set_turns_controls_on_and_off(void **state) {
    (void)state;
    const char *on = "controls=auto", *off = "controls=none";
    struct sweep *s = load_set(CONTROLS "  method: lora_plus\n", &on, 1);
    assert_int_equal(s->npoints, 2);
    sweep_free(s);
    s = load_set(CONTROLS "  method: lora_plus\ncontrols: auto\n", &off, 1);
    assert_int_equal(s->npoints, 1);
    sweep_free(s);
}

/* A control is the run that the same values would give when written out: one identity, whichever way it came
 * in. */
static void a_control_has_the_identity_of_the_point_written_out(void **state) {
    (void)state;
    struct sweep *a = load(CONTROLS "  method: lora_plus\n  r: 8\ncontrols: auto\n");
    struct sweep *b = load(BASE "  train: {lr: 1.0e-3}\n  method: lora\n  r: 8\n  lora_alpha: 256\n");
    assert_string_equal(a->points[1]->hash, b->points[0]->hash);
    assert_string_equal(a->points[1]->base_hash, a->points[0]->base_hash);
    sweep_free(a);
    sweep_free(b);
}

static void mistakes_name_the_line(void **state) {
    (void)state;
    mistake(CONTROLS "  method: lora\ncontrols: yes\n",
            "s.yaml:8: controls: must be one of auto|none, not 'yes'");
    mistake(CONTROLS "  method: lora\n  controls: auto\n",
            "s.yaml:8: 'controls' stands at the top of the file, not here");
    mistake_set(CONTROLS "  method: lora_plus\n  target_modules: nothing\ncontrols: auto\n", NULL, ERR_USER,
                "target_modules: 'nothing' matches no layer of /models/tiny", 0);
    mistake_set(
        "base: {model: missing-1b, task: lm, data: {name: glosses}, method: lora_plus}\ncontrols: auto\n",
        NULL, ERR_RESOURCE, "model 'missing-1b' is not there", 0);
    mistake_set(BASE "  method: lora_plus\n  lora_alpha: 1.0e+9\n  loraplus_lr_ratio: 1000\ncontrols: auto\n",
                NULL, ERR_USER,
                "this is the control arm 'alpha x ratio' of lora_plus (controls: none leaves it out)", 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_the_key_nothing_is_added),
        cmocka_unit_test(lora_plus_is_compared_with_lora_at_alpha_times_ratio),
        cmocka_unit_test(delta_lora_is_compared_with_lora_at_alpha_times_one_plus_lambda),
        cmocka_unit_test(lora_fa_is_compared_at_an_equal_count_and_at_twice_the_rank),
        cmocka_unit_test(the_nearest_count_is_rounded_to_a_rank_of_at_least_one),
        cmocka_unit_test(what_the_file_derives_is_derived_anew),
        cmocka_unit_test(a_control_follows_its_point_and_keeps_its_rate_and_targets),
        cmocka_unit_test(a_control_that_is_a_point_of_the_file_is_that_point),
        cmocka_unit_test(one_run_can_be_the_control_of_several),
        cmocka_unit_test(veras_control_runs_at_the_rates_of_its_own_method),
        cmocka_unit_test(rates_are_those_tried_where_all_else_is_equal),
        cmocka_unit_test(controls_count_within_run_cap),
        cmocka_unit_test(set_turns_controls_on_and_off),
        cmocka_unit_test(a_control_has_the_identity_of_the_point_written_out),
        cmocka_unit_test(mistakes_name_the_line),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
