/* SPDX-License-Identifier: Apache-2.0 */
/* test_sweep_grid.c - what a sweep file becomes: the points, their order, configurations and identities;
 * --set; the delivered sweeps. */
#include "tests/unit/sweep_fixture.h"

#include "harness/core/method.h"
#include "harness/record/identity.h"

/* The labels of all runs, one a line. */
static void expect_runs(const struct sweep *s, const char *want) {
    struct strbuf b = {0};
    for (int i = 0; i < s->nruns_all; i++) {
        char *label = sweep_run_label(s, i);
        strbuf_addf(&b, "%s\n", label);
        free(label);
    }
    if (strcmp(b.s ? b.s : "", want)) fail_msg("expected:\n%s\ngot:\n%s", want, b.s ? b.s : "");
    strbuf_release(&b);
}

static void expect_num(const struct sweep *s, int point, const char *key, double want) {
    double got = cfg_num(s->points[point]->config, key);
    if (got != want) fail_msg("%s of point %d is %.17g, not %.17g", key, point, got, want);
}

/* ---- the grid ------------------------------------------------------------------------------------------ */

static void order_is_grid_major_with_seeds_innermost(void **state) {
    (void)state;
    struct sweep *s =
        load(BASE "  method: lora\nseeds: [0, 7]\nparameters:\n  train.lr: [1e-3, 2e-3]\n  r: [1, 8]\n");
    expect_runs(s, "lora r=1 lr=1e-03 seed 0\nlora r=1 lr=1e-03 seed 7\nlora r=8 lr=1e-03 seed 0\nlora r=8 "
                   "lr=1e-03 seed 7\n"
                   "lora r=1 lr=2e-03 seed 0\nlora r=1 lr=2e-03 seed 7\nlora r=8 lr=2e-03 seed 0\nlora r=8 "
                   "lr=2e-03 seed 7\n");
    assert_int_equal(s->npoints, 4);
    assert_int_equal(s->nruns, 8);
    sweep_free(s);
}

static void a_list_below_parameters_is_always_the_axis(void **state) {
    (void)state;
    struct sweep *s = load(BASE "  method: lora\nparameters:\n  target_modules: [[v_proj, q_proj], "
                                "all-linear, o_proj, {modules: mlp, "
                                "layers: 4-11}]\n");
    expect_runs(
        s, "lora q_proj,v_proj seed 0\nlora all-linear seed 0\nlora o_proj seed 0\nlora mlp[4-11] seed 0\n");
    sweep_free(s);
    s = load(BASE "  method: lora\n  target_modules: [v_proj, q_proj]\nparameters: {train.adam_betas: [[0.9, "
                  "0.99], [0.8, 0.9]]}\n");
    assert_int_equal(s->npoints, 2);
    assert_int_equal(json_array_size(cfg_get(s->points[0]->config, "target_modules")), 2);
    assert_true(json_real_value(json_array_get(cfg_get(s->points[1]->config, "train.adam_betas"), 0)) == 0.8);
    sweep_free(s);
}

static void a_variants_axis_replaces_the_same_key_above(void **state) {
    (void)state;
    struct sweep *s =
        load(BASE "  lora_alpha: 16\nparameters: {train.lr: [1e-3, 2e-3], target_modules: [q_proj, mlp]}\n"
                  "variants:\n"
                  "- {method: lora, parameters: {r: [1, 2], train.lr: [5e-3]}}\n"
                  "- {method: full, parameters: {train.lr: [1e-5, 1e-4]}}\n"
                  "- {method: vera, r: 64, train.lr: 0.1}\n"
                  "- {method: none}\n");
    expect_runs(s, "lora r=1 lr=5e-03 q_proj seed 0\nlora r=2 lr=5e-03 q_proj seed 0\n"
                   "lora r=1 lr=5e-03 mlp seed 0\nlora r=2 lr=5e-03 mlp seed 0\n"
                   "full lr=1e-05 seed 0\nfull lr=1e-04 seed 0\n"
                   "vera r=64 lr=0.1 q_proj seed 0\nvera r=64 lr=0.1 mlp seed 0\n"
                   "none\n");
    assert_int_equal(s->nwarnings, 0);
    sweep_free(s);
}

static void methods_multiply_and_ignore_axes_that_mean_nothing_to_them(void **state) {
    (void)state;
    struct sweep *s = load(BASE "parameters: {r: [4, 8], method: [lora, full, none]}\nseeds: 3\n");
    expect_runs(s, "lora r=4 seed 3\nlora r=8 seed 3\nfull seed 3\nnone\n");
    assert_true(json_is_null(cfg_get(s->points[2]->config, "target_modules")));
    assert_null(cfg_get(s->points[2]->config, "r"));
    assert_int_equal(s->runs[3].seed, 0); /* the untouched base has one run, whatever the seeds */
    assert_true(s->points[3]->is_base && !s->points[2]->is_base);
    sweep_free(s);
    s = load(BASE "  method: [lora, vera]\n");
    assert_int_equal(s->npoints, 2);
    expect_num(s, 0, "r", 8); /* each method's own default */
    expect_num(s, 1, "r", 256);
    sweep_free(s);
}

static void scalars_of_a_variants_parameters_are_axes_of_one(void **state) {
    (void)state;
    struct sweep *s = load(
        BASE
        "parameters: {r: [1, 2, 4]}\nvariants: [{method: lora, parameters: {r: 8, lora_alpha: \"2*r\"}}]\n");
    assert_int_equal(s->npoints, 1);
    expect_num(s, 0, "r", 8);
    expect_num(s, 0, "lora_alpha", 16);
    sweep_free(s);
}

static void paired_rows_move_together(void **state) {
    (void)state;
    const char *paired =
        "paired:\n- {train.batch_size: 8, train.steps: 60}\n- {train: {steps: 120, batch_size: 4}}\n";
    char *text = xasprintf(BASE "  method: lora\n%sparameters: {r: [1, 2]}\n", paired);
    struct sweep *s = load(text);
    expect_runs(s, "lora r=1 steps=60 batch_size=8 seed 0\nlora r=1 steps=120 batch_size=4 seed 0\n"
                   "lora r=2 steps=60 batch_size=8 seed 0\nlora r=2 steps=120 batch_size=4 seed 0\n");
    sweep_free(s);
    free(text);
    /* a variant that says one of the keys leaves the other */
    text = xasprintf(BASE "%svariants: [{method: lora, train.steps: 7}, {method: none}]\n", paired);
    s = load(text);
    expect_runs(s, "lora batch_size=8 seed 0\nlora batch_size=4 seed 0\nnone\n");
    sweep_free(s);
    free(text);
}

static void derived_values_follow_their_keys(void **state) {
    (void)state;
    struct sweep *s = load(
        BASE
        "  method: [lora, vera]\n  lora_alpha: 2*r\n  train: {lr: 4e-3/sqrt(train.batch_size), batch_size: "
        "\"2*train.grad_accum\", grad_accum: 8}\nparameters: {r: [64, 4]}\n");
    expect_num(s, 0, "lora_alpha", 128);
    expect_num(s, 1, "lora_alpha", 8);
    expect_num(s, 0, "train.lr", 1e-3);
    assert_true(json_is_integer(cfg_get(s->points[0]->config, "train.batch_size")));
    assert_int_equal(s->npoints, 4);
    sweep_free(s);
}

static void labels_of_derived_values_are_short(void **state) {
    (void)state;
    struct sweep *s = load(BASE "  method: lora\n  train: {lr: 1e-3/r}\nparameters: {r: [3, 7]}\n");
    expect_runs(s, "lora r=3 lr=3.33333e-04 seed 0\nlora r=7 lr=1.42857e-04 seed 0\n");
    sweep_free(s);
    s = load(BASE "  method: lora\nparameters: {train.lr: [5.0e-4, 0.15]}\n");
    expect_runs(s, "lora lr=5e-04 seed 0\nlora lr=0.15 seed 0\n");
    sweep_free(s);
}

static void run_cap_counts_all_runs_and_keeps_the_rest_listed(void **state) {
    (void)state;
    struct sweep *s = load(BASE "  method: lora\nseeds: [0, 1, 2]\nrun_cap: 4\nparameters: {r: [1, 2]}\n");
    assert_int_equal(s->nruns, 4);
    assert_int_equal(s->nruns_all, 6);
    char *label = sweep_run_label(s, 5);
    assert_string_equal(label, "lora r=2 seed 2");
    free(label);
    sweep_free(s);
    s = load(BASE "  method: lora\nrun_cap: 400\n");
    assert_int_equal(s->nruns, 1);
    sweep_free(s);
}

static void equal_points_run_once_with_a_warning(void **state) {
    (void)state;
    struct sweep *s =
        load(BASE "variants:\n- {method: lora, r: 8}\n- {method: lora, parameters: {r: [8, 4, 8]}}\n");
    expect_runs(s, "lora r=8 seed 0\nlora r=4 seed 0\n");
    assert_int_equal(s->nwarnings, 1);
    assert_string_equal(s->warnings[0],
                        "s.yaml:7: 2 of its points repeat others (of line 6, for example); each runs once");
    sweep_free(s);
}

static void methods_warn_about_what_makes_no_sense(void **state) {
    (void)state;
    struct sweep *s = load(
        BASE
        "  train: {steps: 60}\nvariants:\n- method: lora\n- method: delta_lora\n  parameters: {r: [1, 2]}\n");
    assert_int_equal(s->nwarnings, 1);
    assert_string_equal(
        s->warnings[0],
        "s.yaml:8: delta_start 500 is not below train.steps 60: delta_lora is then plain lora");
    sweep_free(s);
}

static void the_configuration_is_complete(void **state) {
    (void)state;
    struct sweep *s = load(BASE "  method: delta_lora\n");
    const json_t *c = s->points[0]->config;
    for (const struct opt *o = opt_core; o->key; o++)
        if (!cfg_get(c, o->key)) fail_msg("%s is missing", o->key);
    for (const struct opt *o = method_find("delta_lora")->opts; o->key; o++)
        if (!cfg_get(c, o->key)) fail_msg("%s is missing", o->key);
    assert_null(cfg_get(c, "d_initial"));
    assert_string_equal(cfg_str(c, "method"), "delta_lora");
    assert_string_equal(cfg_str(c, "model"), "tiny");
    assert_string_equal(cfg_str(c, "model_path"), "/models/tiny");
    assert_int_equal(strlen(cfg_str(c, "model_digest")), 64);
    assert_int_equal(strlen(cfg_str(c, "data_digest")), 64);
    assert_true(json_is_null(cfg_get(c, "data.train")));
    assert_string_equal(s->name, "s");
    assert_string_equal(s->metric, "eval/loss");
    assert_string_equal(s->goal, "minimize");
    assert_string_equal(s->save, "adapter");
    sweep_free(s);
}

static void paths_resolve_against_the_sweep_file_then_the_current_folder(void **state) {
    (void)state;
    struct err e = {0};
    struct sweep *s;
    assert_int_equal(dir_make("sub/tiny", &e), 0);
    put_file("sub/a.jsonl", "{\"a\": \"of sub\"}\n");
    put_file("sub/s.yaml", "base: {model: ./tiny, task: lm, method: none, data: {train: a.jsonl, eval: "
                           "b.jsonl, completion: \"{a}\"}}\n");
    if (sweep_load(&s, "sub/s.yaml", NULL, 0, &fake_lookup, &e)) fail_msg("%s", e.msg);
    char *want = xasprintf("%s/sub/a.jsonl", fixture_dir), *eval = xasprintf("%s/b.jsonl", fixture_dir);
    assert_string_equal(cfg_str(s->points[0]->config, "data.train"), want);
    assert_string_equal(cfg_str(s->points[0]->config, "data.eval"), eval);
    assert_non_null(strstr(cfg_str(s->points[0]->config, "model_path"), "sub/./tiny"));
    free(want);
    free(eval);
    sweep_free(s);
}

/* ---- identity ------------------------------------------------------------------------------------------ */

/* The hash of the only point. */
static void hash_of(const char *yaml, char out[65]) {
    struct sweep *s = load(yaml);
    assert_int_equal(s->npoints, 1);
    memcpy(out, s->points[0]->hash, 65);
    sweep_free(s);
}

static void same(const char *a, const char *b) {
    char x[65], y[65];
    hash_of(a, x);
    hash_of(b, y);
    if (strcmp(x, y)) fail_msg("these should be one configuration:\n%s\n%s", a, b);
}

static void differs(const char *a, const char *b) {
    char x[65], y[65];
    hash_of(a, x);
    hash_of(b, y);
    if (!strcmp(x, y)) fail_msg("these should be two configurations:\n%s\n%s", a, b);
}

static void identity_does_not_depend_on_how_it_is_written(void **state) {
    (void)state;
    const char *a = BASE "  method: lora\n  r: 8\n  lora_alpha: 16\n  train: {lr: 5e-4, steps: 60}\n";
    same(a, "# a comment\nname: other\n" BASE
            "  train: {steps: 60, lr: 0.0005}\n  lora_alpha: 2*r\n  r: 8\n  method: lora\n");
    /* lora_alpha's default is 16 */
    same(a, BASE "  method: lora\n  train: {steps: 6e1, lr: 5.0E-04}\n  r: 8.0\n");
    same(a, BASE "parameters: {method: [lora], train.lr: [5e-4], train: {steps: [60]}}\n");
    same(a, BASE "variants: [{method: lora, train.lr: 5e-4, parameters: {train.steps: 60}}]\n");
    same(BASE "  method: lora\n  target_modules: [v_proj, q_proj]\n",
         BASE "  method: lora\n  target_modules: [q_proj, v_proj, q_proj]\n");
    same(BASE "  method: lora\n  train: {weight_decay: 0}\n",
         BASE "  method: lora\n  train: {weight_decay: -0.0}\n");
}

static void identity_leaves_out_names_limits_threads_and_paths(void **state) {
    (void)state;
    const char *a = BASE "  method: lora\n";
    same(a, BASE
         "  method: lora\n  threads: 2\nname: n\nlimits: {memory: 1GiB, time: 3}\nsave: none\nrun_cap: 1\n");
    same(a, "base: {model: /elsewhere/tiny, task: lm, data: {name: glosses}, method: lora}\n");
    struct err e = {0};
    assert_int_equal(dir_make("moved", &e), 0);
    put_file("moved/x.jsonl", "{\"q\": 1, \"a\": 2}\n"); /* as a.jsonl */
    same("base: {model: m, task: lm, method: lora, data: {train: a.jsonl, eval: b.jsonl, completion: "
         "\"{a}\"}}\n",
         "base: {model: m, task: lm, method: lora, data: {train: moved/x.jsonl, eval: b.jsonl, completion: "
         "\"{a}\"}}\n");
}

static void identity_sees_what_changes_a_result(void **state) {
    (void)state;
    const char *a = BASE "  method: lora\n";
    const char *const others[] = {
        BASE "  method: lora_fa\n",
        BASE "  method: lora\n  r: 4\n",
        BASE "  method: lora\n  lora_alpha: 17\n",
        BASE "  method: lora\n  target_modules: mlp\n",
        BASE "  method: lora\n  train: {lr: 5.0000001e-4}\n",
        BASE "  method: lora\n  train: {max_length: 255}\n",
        BASE "  method: lora\n  train: {adam_betas: [0.9, 0.99]}\n",
        BASE "  method: lora\n  train: {optimizer: sgd}\n",
        BASE "  method: lora\n  eval: {rows: 100}\n",
        BASE "  method: lora\n  data.prompt: \"{word}\"\n",
        "base: {model: other, task: lm, data: {name: glosses}, method: lora}\n",
        "base: {model: tiny, task: lm, data: {train: a.jsonl, eval: b.jsonl, completion: \"{a}\"}, method: "
        "lora}\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(others); i++) differs(a, others[i]);
    differs("base: {model: m, task: lm, method: lora, data: {train: a.jsonl, eval: b.jsonl, completion: "
            "\"{a}\"}}\n",
            "base: {model: m, task: lm, method: lora, data: {train: b.jsonl, eval: b.jsonl, completion: "
            "\"{a}\"}}\n");
}

static void the_untouched_base_ignores_training_but_not_evaluation(void **state) {
    (void)state;
    const char *a = BASE "  method: none\n";
    same(a, BASE "  method: none\n  train: {lr: 1, steps: 7, optimizer: sgd, shuffle: false, batch_size: "
                 "2}\n  eval: {every: 3}\n"
                 "  target_modules: mlp\nseeds: [4, 5]\n");
    differs(a, BASE "  method: none\n  train: {max_length: 100}\n");
    differs(a, BASE "  method: none\n  eval: {rows: 3}\n");
    differs(a, "base: {model: other, task: lm, data: {name: glosses}, method: none}\n");
    struct sweep *s = load(BASE "  train: {lr: 1, steps: 9}\n  method: none\n");
    expect_num(s, 0, "train.steps", 0);
    sweep_free(s);
}

static void every_point_knows_its_untouched_base(void **state) {
    (void)state;
    struct sweep *s = load(BASE "parameters: {train.lr: [1, 2], eval.rows: [10, 20]}\nvariants: [{method: "
                                "[lora, vera, full]}, {method: "
                                "none}]\n");
    assert_int_equal(s->npoints, 14);
    for (int i = 0; i < 12; i++) {
        bool ten = cfg_int(s->points[i]->config, "eval.rows") == 10;
        assert_string_equal(s->points[i]->base_hash, s->points[ten ? 12 : 13]->hash);
    }
    assert_string_equal(s->points[12]->base_hash, s->points[12]->hash);
    json_t *base = identity_base(s->points[0]->config);
    char hash[65];
    identity_hash(base, hash);
    assert_string_equal(hash, s->points[12]->hash);
    assert_true(json_equal(base, s->points[12]->config)); /* and could be run as it is */
    json_decref(base);
    sweep_free(s);
}

/* Changes here make every recorded run look new: raise IDENT_VERSION knowingly, then this value. */
static void the_hash_is_stable(void **state) {
    (void)state;
    json_t *c = json_pack("{s:s, s:i, s:f, s:{s:f, s:n}, s:s}", "method", "lora", "r", 8, "lora_alpha", 16.0,
                          "train", "lr", 5e-4, "x", "model_digest", "m");
    char hash[65], want[65];
    const char *text =
        "{\"lora_alpha\":16.0,\"method\":\"lora\",\"model_digest\":\"m\",\"r\":8,\"train\":{\"lr\":"
        "0.00050000000000000001},\"version\":1}";
    sha256_hex(text, strlen(text), want);
    identity_hash(c, hash);
    assert_string_equal(hash, want);
    json_decref(c);
}

static void a_later_key_counts_where_it_is_not_its_default(void **state) {
    (void)state;
    same(BASE "  method: none\n", BASE "  method: none\n  test: {rows: 0}\n");
    differs(BASE "  method: none\n", BASE "  method: none\n  test: {rows: 5}\n");
    differs(BASE "  method: none\n",
            BASE "  method: none\n  eval: {rows: 0}\n"); /* a key of the first records counts always */
    struct sweep *s = load(BASE "  method: none\n");
    json_t *c = json_deep_copy(s->points[0]->config);
    char now[65], then[65];
    identity_hash(c, now);
    json_object_del(c, "test"); /* a configuration as the first records have it */
    identity_hash(c, then);
    assert_string_equal(now, then);
    json_decref(c);
    sweep_free(s);
}

/* ---- --set --------------------------------------------------------------------------------------------- */

static const char *set_yaml =
    BASE "  train: {steps: 10}\nseeds: [0, 1]\nlimits: {memory: 1GiB}\n"
         "parameters: {train.lr: [1, 2]}\n"
         "variants:\n- {method: lora, lora_alpha: 4, parameters: {r: [1, 2], train.lr: [5, 6]}}\n- {method: "
         "full}\n"
         "paired:\n- {train.warmup: 0, eval.rows: 5}\n- {train.warmup: 1, eval.rows: 5}\n";

static void expect_set(const char *set, const char *runs) {
    struct sweep *s = load_set(set_yaml, &set, 1);
    expect_runs(s, runs);
    sweep_free(s);
}

static void set_replaces_the_base_value_and_removes_axes(void **state) {
    (void)state;
    struct sweep *s = load(set_yaml);
    assert_int_equal(s->nruns_all, 24);
    sweep_free(s);
    const char *sets[] = {"train.lr=3", "r=8", "train.warmup=0.5", "seeds=4", "lora_alpha=2*r"};
    s = load_set(set_yaml, sets, 5);
    expect_runs(s, "lora seed 4\nfull seed 4\n");
    expect_num(s, 0, "train.lr", 3);
    expect_num(s, 0, "r", 8);
    expect_num(s, 0, "train.warmup", 0.5);
    expect_num(s, 0, "eval.rows", 5); /* what moved with it stays */
    expect_num(s, 0, "lora_alpha", 16);
    assert_string_equal(s->overrides, "train.lr=3\nr=8\ntrain.warmup=0.5\nseeds=4\nlora_alpha=2*r");
    sweep_free(s);
}

static void set_reaches_the_top_of_the_file(void **state) {
    (void)state;
    const char *sets[] = {"run_cap=3", "limits.memory=2GiB",        "limits={time: 5m}",    "save=none",
                          "name=mine", "metric.name=eval/accuracy", "metric.goal=maximize", "seeds=[5]"};
    struct sweep *s = load_set(set_yaml, sets, 8);
    assert_int_equal(s->nruns, 3);
    assert_int_equal(s->nruns_all, 12);
    assert_int_equal(s->memory_limit, 0); /* limits={...} replaced what was below limits */
    assert_true(s->time_limit == 300);
    assert_string_equal(s->save, "none");
    assert_string_equal(s->name, "mine");
    assert_string_equal(s->metric, "eval/accuracy");
    assert_string_equal(s->goal, "maximize");
    sweep_free(s);
}

static void set_method_keeps_the_variants_of_that_method(void **state) {
    (void)state;
    const char *few[] = {"method=lora", "train.warmup=0", "seeds=0", "r=1"};
    struct sweep *s = load_set(set_yaml, few, 4);
    expect_runs(s, "lora lr=5 seed 0\nlora lr=6 seed 0\n");
    sweep_free(s);
    few[0] = "method=[none, vera]"; /* no variant has them: base and parameters alone */
    s = load_set(set_yaml, few, 4);
    expect_runs(s, "none\nvera lr=1 seed 0\nvera lr=2 seed 0\n");
    sweep_free(s);
}

static void set_values_are_yaml(void **state) {
    (void)state;
    const char *sets[] = {"method=lora",
                          "train.lr=1e-3",
                          "r=4",
                          "train.warmup=0",
                          "seeds=0",
                          "target_modules=[v_proj, q_proj]",
                          "data={train: a.jsonl, eval: b.jsonl, completion: \"{a}\"}"};
    struct sweep *s = load_set(set_yaml, sets, 7);
    assert_int_equal(s->nruns_all, 1);
    assert_true(json_is_null(cfg_get(s->points[0]->config, "data.name")));
    assert_string_equal(cfg_str(s->points[0]->config, "data.completion"), "{a}");
    assert_int_equal(json_array_size(cfg_get(s->points[0]->config, "target_modules")), 2);
    sweep_free(s);
    expect_set("train.lr=7",
               "lora r=1 warmup=0 seed 0\nlora r=1 warmup=0 seed 1\nlora r=1 warmup=1 seed 0\nlora r=1 "
               "warmup=1 seed 1\n"
               "lora r=2 warmup=0 seed 0\nlora r=2 warmup=0 seed 1\nlora r=2 warmup=1 seed 0\nlora r=2 "
               "warmup=1 seed 1\n"
               "full warmup=0 seed 0\nfull warmup=0 seed 1\nfull warmup=1 seed 0\nfull warmup=1 seed 1\n");
}

/* ---- the delivered sweeps ------------------------------------------------------------------------------ */

static struct sweep *delivered(const char *arg) {
    struct err e = {0};
    struct sweep *s;
    char *path = sweep_find(arg, &e);
    if (!path) fail_msg("%s", e.msg);
    if (sweep_load(&s, path, NULL, 0, &fake_lookup, &e)) fail_msg("%s", e.msg);
    assert_int_equal(s->nwarnings, 0);
    free(path);
    return s;
}

static int count_runs(const struct sweep *s, const char *method) {
    int n = 0;
    for (int i = 0; i < s->nruns_all; i++)
        n += !strcmp(cfg_str(s->points[s->runs[i].point]->config, "method"), method);
    return n;
}

static void rank_is_thirty_runs(void **state) {
    (void)state;
    struct sweep *s = delivered("sweeps/rank.yaml");
    assert_int_equal(s->nruns, 30);
    assert_int_equal(s->nruns_all, 30);
    static const char *const low[] = {"lora", "lora_fa", "lora_plus", "delta_lora"};
    for (int i = 0; i < 4; i++) assert_int_equal(count_runs(s, low[i]), 6);
    assert_int_equal(count_runs(s, "vera"), 4);
    assert_int_equal(count_runs(s, "full"), 1);
    assert_int_equal(count_runs(s, "none"), 1);
    for (int i = 0; i < s->npoints; i++) {
        const json_t *c = s->points[i]->config;
        for (int j = 0; j < s->npoints; j++) /* one learning rate to a method */
            if (!strcmp(cfg_str(c, "method"), cfg_str(s->points[j]->config, "method")))
                assert_true(cfg_num(c, "train.lr") == cfg_num(s->points[j]->config, "train.lr"));
        if (cfg_get(c, "delta_start")) assert_true(2 * cfg_int(c, "delta_start") < cfg_int(c, "train.steps"));
        if (cfg_get(c, "lora_alpha")) assert_true(cfg_num(c, "lora_alpha") == 2 * cfg_num(c, "r"));
    }
    sweep_free(s);
}

static void has_the_compared_methods(const struct sweep *s) {
    static const char *const names[] = {"none", "full", "lora", "lora_fa", "vera", "delta_lora", "lora_plus"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) assert_true(count_runs(s, names[i]) >= 1);
}

static void the_other_delivered_sweeps_load(void **state) {
    (void)state;
    struct sweep *s = delivered("rank-full");
    assert_int_equal(s->nseeds, 3);
    assert_true(count_runs(s, "lora") > 6 * 3 * 3);
    assert_int_equal(count_runs(s, "none"), 1);
    sweep_free(s);
    s = delivered("lr.yaml");
    has_the_compared_methods(s);
    sweep_free(s);
    s = delivered("smoke");
    assert_string_equal(cfg_str(s->points[0]->config, "model"), "smoke");
    has_the_compared_methods(s);
    sweep_free(s);
    s = delivered("embedding");
    assert_int_equal(s->nseeds, 3);
    assert_int_equal(s->nruns, 1 + 3 * 2 * 13); /* two rates for each method and rank */
    assert_string_equal(s->metric, "eval/ndcg@10");
    assert_string_equal(s->goal, "maximize");
    sweep_free(s);
    s = delivered("classify");
    assert_string_equal(s->metric, "eval/accuracy");
    assert_true(count_runs(s, "full") >= 1 && count_runs(s, "lora") >= 2);
    sweep_free(s);
}

static void a_sweep_that_is_not_there_is_suggested(void **state) {
    (void)state;
    struct err e = {0};
    assert_null(sweep_find("sweeps/rnak.yaml", &e));
    assert_string_equal(e.msg, "sweeps/rnak.yaml: no such sweep file (did you mean 'sweeps/rank.yaml'?)");
    assert_int_equal(e.code, ERR_USER);
    assert_null(sweep_find("", &e));
    assert_null(sweep_find("quite-something-else.yaml", &e));
    assert_non_null(strstr(e.msg, "bench ls sweeps"));
    put_file("rank.yaml", "here: 1\n"); /* the current folder goes first */
    char *path = sweep_find("rank.yaml", &e);
    assert_string_equal(path, "rank.yaml");
    free(path);
    unlink("rank.yaml");
}

static int share_setup(void **state) {
    if (fixture_setup(state)) return -1;
    char *share = xasprintf("%s/experiments", fixture_root);
    int rc = setenv("BENCH_SHARE", share, 1);
    free(share);
    return rc;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_grid_major_with_seeds_innermost),
        cmocka_unit_test(a_list_below_parameters_is_always_the_axis),
        cmocka_unit_test(a_variants_axis_replaces_the_same_key_above),
        cmocka_unit_test(methods_multiply_and_ignore_axes_that_mean_nothing_to_them),
        cmocka_unit_test(scalars_of_a_variants_parameters_are_axes_of_one),
        cmocka_unit_test(paired_rows_move_together),
        cmocka_unit_test(derived_values_follow_their_keys),
        cmocka_unit_test(labels_of_derived_values_are_short),
        cmocka_unit_test(run_cap_counts_all_runs_and_keeps_the_rest_listed),
        cmocka_unit_test(equal_points_run_once_with_a_warning),
        cmocka_unit_test(methods_warn_about_what_makes_no_sense),
        cmocka_unit_test(the_configuration_is_complete),
        cmocka_unit_test(paths_resolve_against_the_sweep_file_then_the_current_folder),
        cmocka_unit_test(identity_does_not_depend_on_how_it_is_written),
        cmocka_unit_test(identity_leaves_out_names_limits_threads_and_paths),
        cmocka_unit_test(identity_sees_what_changes_a_result),
        cmocka_unit_test(the_untouched_base_ignores_training_but_not_evaluation),
        cmocka_unit_test(every_point_knows_its_untouched_base),
        cmocka_unit_test(the_hash_is_stable),
        cmocka_unit_test(a_later_key_counts_where_it_is_not_its_default),
        cmocka_unit_test(set_replaces_the_base_value_and_removes_axes),
        cmocka_unit_test(set_reaches_the_top_of_the_file),
        cmocka_unit_test(set_method_keeps_the_variants_of_that_method),
        cmocka_unit_test(set_values_are_yaml),
        cmocka_unit_test(rank_is_thirty_runs),
        cmocka_unit_test(the_other_delivered_sweeps_load),
        cmocka_unit_test(a_sweep_that_is_not_there_is_suggested),
    };
    return cmocka_run_group_tests(tests, share_setup, fixture_teardown);
}
