/* SPDX-License-Identifier: Apache-2.0 */
/* test_sweep.c - mistakes in a sweep file: each is told with file, line and what to do, before anything runs.
 */
#include "tests/unit/sweep_fixture.h"

#define TOLD                                                                                                 \
    "evaluations tell eval/loss, eval/perplexity, eval/accuracy, eval/exact_match, eval/bleu, "              \
    "eval/bleu_lower, eval/nist, eval/rouge_l, eval/rouge_l_caption, eval/cider"

static void unknown_keys_have_a_line_and_a_suggestion(void **state) {
    (void)state;
    mistake(BASE "  method: lora\n  lora_alhpa: 3\n",
            "s.yaml:6: unknown key 'lora_alhpa' (did you mean 'lora_alpha'?)");
    mistake(BASE "  method: lora\n  train: {stpes: 3}\n",
            "s.yaml:6: unknown key 'train.stpes' (did you mean 'train.steps'?)");
    mistake(BASE "  method: lora\n  lr: 3\n", "s.yaml:6: unknown key 'lr' (did you mean 'train.lr'?)");
    mistake(BASE "  method: lora\n  something: 3\n", "s.yaml:6: unknown key 'something'");
    mistake(BASE "  method: lora\n  data.nam: x\n",
            "s.yaml:6: unknown key 'data.nam' (did you mean 'data.name'?)");
    mistake(BASE "  method: lora\nparametres: {r: 1}\n",
            "s.yaml:6: unknown key 'parametres' (did you mean 'parameters'?)");
    mistake(BASE "  method: lora\nparameters:\n  rr: [1]\n", "s.yaml:7: unknown key 'rr'");
    mistake(BASE "variants:\n- method: lora\n  paramters: {r: 1}\n", "s.yaml:7: unknown key 'paramters'");
    mistake(BASE "variants:\n- method: lora\n  parameters:\n    train.rl: [1]\n",
            "s.yaml:8: unknown key 'train.rl' (did you mean 'train.lr'?)");
    mistake(BASE "  method: lora\npaired:\n- train.step: 1\n",
            "s.yaml:7: unknown key 'train.step' (did you mean 'train.steps'?)");
    mistake(BASE "  method: lora\nlimits: {memry: 1GB}\n",
            "s.yaml:6: unknown key 'limits.memry' (did you mean 'limits.memory'?)");
    mistake(BASE "  method: lora\nmetric: {gaol: minimize}\n",
            "s.yaml:6: unknown key 'metric.gaol' (did you mean 'metric.goal'?)");
}

static void keys_in_the_wrong_place_are_told_where_they_belong(void **state) {
    (void)state;
    mistake(BASE "  method: lora\n  seeds: [0]\n",
            "s.yaml:6: 'seeds' stands at the top of the file, not here");
    mistake(BASE "  method: lora\n  limits: {time: 1}\n",
            "s.yaml:6: 'limits' stands at the top of the file, not here");
    mistake(BASE "  method: lora\nparameters: {seeds: [0, 1]}\n",
            "s.yaml:6: 'seeds' stands at the top of the file, not here");
    mistake(BASE "variants:\n- {method: lora, paired: []}\n",
            "s.yaml:6: 'paired' stands at the top of the file, not here");
    mistake("model: tiny\n" BASE "  method: lora\n", "s.yaml:1: 'model' belongs below 'base'");
    mistake(BASE "  method: lora\ntrain: {lr: 1}\n", "s.yaml:6: 'train' belongs below 'base'");
}

static void unknown_names_have_suggestions(void **state) {
    (void)state;
    mistake(BASE "  method: lroa\n", "s.yaml:5: unknown method 'lroa' (did you mean 'lora'?)");
    mistake(BASE "  method: xyzzy\n", "s.yaml:5: unknown method 'xyzzy' (`bench ls methods` lists them)");
    mistake(BASE "variants:\n- method:\n  - lora\n  - lora-fa\n",
            "s.yaml:8: unknown method 'lora-fa' (did you mean 'lora_fa'?)");
    mistake("base: {model: m, data: {name: glosses}, method: lora,\n task: ml}\n",
            "s.yaml:2: unknown task 'ml' (`bench ls tasks` lists them)");
    mistake(BASE "  method: lora\n  train: {optimizer: adamv}\n",
            "s.yaml:6: train.optimizer: 'adamv' is unknown (did you mean 'adamw'?)");
    mistake(BASE "  method: lora\n  train: {schedule: step}\n",
            "s.yaml:6: train.schedule: must be one of constant|linear|cosine, not 'step'");
    mistake(BASE "  method: lora\nsave: adaptor\n",
            "s.yaml:6: save: 'adaptor' is unknown (did you mean 'adapter'?)");
    mistake(BASE "  method: lora\nmetric: {name: eval/los}\n",
            "s.yaml:6: metric.name: 'eval/los' is unknown (did you mean 'eval/loss'?); " TOLD);
    mistake(BASE "  method: lora\n  target_modules: all_linear\n",
            "s.yaml:6: target_modules: 'all_linear' is unknown (did you mean 'all-linear'?)");
}

static void a_metric_that_no_evaluation_tells_is_a_mistake(void **state) {
    (void)state;
    mistake(BASE "  method: lora\nmetric: {name: foo}\n", "s.yaml:6: metric.name: 'foo' is unknown; " TOLD);
    mistake(BASE "  method: lora\nmetric:\n  name: number_of_words\n",
            "s.yaml:7: metric.name: 'number_of_words' is unknown; " TOLD);
    mistake_set(BASE "  method: lora\nmetric: {name: test/loss}\n", NULL, ERR_USER, TOLD, 0);
    mistake_set(BASE "  method: lora\nmetric: {name: train/loss}\n", NULL, ERR_USER, TOLD, 0);
}

static void a_goal_that_contradicts_its_metric_is_a_mistake(void **state) {
    (void)state;
    mistake(
        BASE "  method: lora\nmetric: {goal: maximize}\n",
        "s.yaml:6: metric.goal: 'maximize' contradicts eval/loss, which is better when it is lower (leave "
        "metric.goal out, or write 'minimize')");
    mistake(BASE "  method: lora\nmetric:\n  name: eval/accuracy\n  goal: minimize\n",
            "s.yaml:8: metric.goal: 'minimize' contradicts eval/accuracy, which is better when it is higher "
            "(leave metric.goal out, or write 'maximize')");
}

static void ranges_are_named(void **state) {
    (void)state;
    mistake(BASE "  method: lora\n  r: 0\n",
            "s.yaml:6: r: 0 is out of range, it must be between 1 and 65536");
    mistake(BASE "  method: lora\n  train: {grad_clip: -1}\n",
            "s.yaml:6: train.grad_clip: -1 is out of range, it must be at least 0");
    mistake(BASE "  method: lora\n  train:\n    lr: -1e-3\n",
            "s.yaml:7: train.lr: -1e-3 is out of range, it must be between 0 and 1000000");
    mistake(BASE "  method: lora\nparameters:\n  r: [1,\n   70000]\n",
            "s.yaml:8: r: 70000 is out of range, it must be between 1 and 65536");
    mistake(BASE "  method: lora\n  train: {adam_betas: [0.9, 1]}\n",
            "s.yaml:6: train.adam_betas: 1 is out of range, it must be between 0 and 0.9999999");
    mistake(BASE "  method: lora\nrun_cap: 0\n",
            "s.yaml:6: run_cap: 0 is out of range, it must be between 1 and 1000000000");
    mistake(BASE "  method: lora\n  model_dropout: 0.1\n",
            "s.yaml:6: model_dropout: 0.1 is not possible, only 0");
    mistake(BASE "  method: lora\n  train: {steps: 1e30}\n",
            "s.yaml:6: train.steps: 1e30 is out of range, it must be between 1 and 1000000000");
}

static void wrong_types_are_named(void **state) {
    (void)state;
    mistake(BASE "  method: lora\n  r: 1.5\n", "s.yaml:6: r: 1.5 must be a whole number");
    mistake(BASE "  method: lora\n  r: true\n", "s.yaml:6: r: must be a whole number, not 'true'");
    mistake(BASE "  method: lora\n  r: [1]\n", "s.yaml:6: r: must be a whole number, not a list");
    mistake(BASE "  method: lora\n  r:\n", "s.yaml:6: r: has no value");
    mistake(BASE "  method: lora\n  train: {shuffle: yes}\n",
            "s.yaml:6: train.shuffle: must be true or false, not 'yes'");
    mistake(BASE "  method: lora\n  train: 5\n",
            "s.yaml:6: 'train' must be a map of settings (train: {...})");
    mistake(BASE "  method: lora\n  train: {adam_betas: 0.9}\n",
            "s.yaml:6: train.adam_betas: must be a list of 2 numbers, as in [0.9, 0.999]");
    mistake(BASE "  method: lora\n  train: {adam_betas: [0.9, b]}\n",
            "s.yaml:6: train.adam_betas: must be a number, not 'b'");
    mistake(BASE "  method: lora\nparameters: {train.adam_betas: [0.9, 0.99]}\n",
            "s.yaml:6: train.adam_betas: must be a list of 2 numbers, as in [0.9, 0.999]");
    mistake(BASE "  method: {a: lora}\n", "s.yaml:5: method: must be a name or a list of names");
    mistake(BASE "  method: lora\nparameters: [r]\n", "s.yaml:6: 'parameters' must be a map (key: value)");
    mistake(BASE "  method: lora\nparameters: {r: []}\n", "s.yaml:6: 'r' has no values");
    mistake(BASE "variants: {method: lora}\n",
            "s.yaml:5: 'variants' must be a list: - {method: lora, parameters: {...}}");
    mistake(BASE "variants: [lora]\n", "s.yaml:5: an entry of 'variants' must be a map (key: value)");
    mistake(BASE "  method: lora\npaired: {r: 1}\n",
            "s.yaml:6: 'paired' must be a list of maps: - {a: 1, b: 2}");
    mistake(BASE "  method: lora\npaired: [1]\n",
            "s.yaml:6: a row of 'paired' must be a map: - {a: 1, b: 2}");
    mistake(BASE "  method: lora\n  target_modules: 7\n",
            "s.yaml:6: target_modules: must be all-linear, attention, mlp, a name or glob, a list of those, "
            "or {modules: ..., layers: "
            "4-11}");
    mistake(BASE "  method: lora\n  target_modules: {modules: mlp, layers: 9-4}\n",
            "s.yaml:6: target_modules: layers must be numbers from 0 or ranges: 7, \"4-11\", \"0,4-11\" or "
            "[0, 1]");
}

static void sizes_and_times_have_units(void **state) {
    (void)state;
    mistake(BASE "  method: lora\nlimits: {memory: 8G}\n",
            "s.yaml:6: limits.memory: '8G' is not a size: write bytes, or a number with "
            "kB, MB, GB, KiB, MiB or GiB (8GiB)");
    mistake(BASE "  method: lora\nlimits:\n  time: 2x\n",
            "s.yaml:7: limits.time: '2x' is not a time: write seconds, or a number with s, m, h or d (2h, "
            "1h30m)");
    mistake(BASE "  method: lora\nlimits: {memory: -1}\n",
            "s.yaml:6: limits.memory: -1 is out of range, it must be at least 0");
    struct sweep *s = load(BASE "  method: lora\nlimits: {memory: 1.5GiB, time: 1h30m}\n");
    assert_int_equal(s->memory_limit, 3ull << 29);
    assert_true(s->time_limit == 5400);
    sweep_free(s);
    s = load(BASE "  method: lora\nlimits: {memory: 500MB, time: 90}\n");
    assert_int_equal(s->memory_limit, 500000000);
    assert_true(s->time_limit == 90);
    sweep_free(s);
}

static void seeds_are_whole_numbers_each_once(void **state) {
    (void)state;
    mistake(BASE "  method: lora\nseeds: [0, -1]\n",
            "s.yaml:6: seeds: -1 is out of range, it must be between 0 and 2147483648");
    mistake(BASE "  method: lora\nseeds: [0, 1.5]\n", "s.yaml:6: seeds: 1.5 must be a whole number");
    mistake(BASE "  method: lora\nseeds:\n- 3\n- 3\n", "s.yaml:8: seeds: 3 stands there twice");
    mistake(BASE "  method: lora\nseeds: []\n",
            "s.yaml:6: seeds: must be a list of whole numbers: [0, 1, 2]");
    mistake(BASE "  method: lora\nseeds: x\n", "s.yaml:6: seeds: must be a whole number, not 'x'");
}

static void missing_parts_are_named(void **state) {
    (void)state;
    mistake("", "s.yaml: empty: a sweep file is a map with 'base' and axes");
    mistake("- 1\n", "s.yaml:1: not a sweep: a sweep file is a map with 'base' and axes");
    mistake("name: x\n", "s.yaml: has no 'base': the model, task and settings of a run");
    mistake(BASE,
            "s.yaml:1: no method: write `method: lora` here or below 'base' (`bench ls methods` lists them)");
    mistake(BASE "variants:\n- parameters: {train.lr: [1]}\n",
            "s.yaml:6: no method: write `method: lora` here or below 'base' (`bench ls methods` lists them)");
    mistake("base: {task: lm, data: {name: glosses}, method: lora}\n",
            "s.yaml:1: 'base' lacks 'model': a name of `bench ls models`, a folder or a .gguf file");
    mistake("base: {model: m, data: {name: glosses}, method: lora}\n",
            "s.yaml:1: 'base' lacks 'task': a name of `bench ls tasks`, as lm");
    mistake("base: {model: m, task: lm, method: lora}\n",
            "s.yaml:1: data is missing: write data: {name: ...} or data: {train: FILE, eval: FILE}");
    mistake(BASE "  method: lora\nname: a/b\n",
            "s.yaml:6: name: 'a/b' must have 1 to 100 characters, no slash, line break or control character");
}

#define FILES "base:\n  model: tiny\n  task: lm\n  method: lora\n"

static void data_is_checked(void **state) {
    (void)state;
    mistake(BASE "  method: lora\n  data.train: a.jsonl\n",
            "s.yaml:4: data has both a name and files: keep one of them");
    mistake(FILES "  data: {train: a.jsonl, eval: b.jsonl}\n",
            "s.yaml:5: data.completion is missing: a template of what is learned, as \"{answer}\"");
    mistake(FILES "  data: {train: a.jsonl, completion: \"{a}\"}\n",
            "s.yaml:5: data.eval is missing: the file of rows to evaluate on");
    mistake(FILES "  data: {eval: a.jsonl, completion: \"{a}\"}\n",
            "s.yaml:5: data.train is missing: the file of training rows");
    mistake(FILES "  data:\n    train: a.jsonl\n    eval: nope.jsonl\n    completion: \"{a}\"\n",
            "s.yaml:7: data.eval: there is no file 'nope.jsonl' (looked in . and in the current folder)");
    mistake(FILES "  data: {train: /nope/a.jsonl, eval: a.jsonl, completion: \"{a}\"}\n",
            "s.yaml:5: data.train: there is no file '/nope/a.jsonl'");
    mistake("base: {model: m, task: lm, method: lora,\n data: {name: gloses}}\n",
            "s.yaml:2: unknown data set 'gloses' (did you mean 'glosses'?)");
}

static void a_missing_model_is_a_missing_resource_with_its_line(void **state) {
    (void)state;
    mistake_set("base:\n  task: lm\n  method: lora\n  data: {name: glosses}\n  model: missing-1b\n", NULL,
                ERR_RESOURCE, "s.yaml:5: model 'missing-1b' is not there: run `bench pull missing-1b`", 1);
}

static void options_need_a_method_that_has_them(void **state) {
    (void)state;
    mistake(BASE "  method: lora\n  d_initial: 0.1\n",
            "s.yaml:6: no method of this sweep has the option 'd_initial'");
    mistake(BASE "  method: lora\nparameters: {d_initial: [0.1]}\n",
            "s.yaml:6: no method of this sweep has the option 'd_initial'");
    mistake(BASE "variants:\n- {method: full, parameters: {r: [1]}}\n- {method: lora}\n",
            "s.yaml:6: 'r' is not an option of full");
    mistake(BASE "variants:\n- {method: [lora, lora_fa],\n   d_initial: 1}\n- {method: vera}\n",
            "s.yaml:7: 'd_initial' is not an option of the methods of this variant");
    sweep_free(
        load(BASE "  d_initial: 0.2\n  delta_start: 3\nvariants:\n- {method: [lora, vera, delta_lora]}\n"));
    /* the error of a value that no run would use is told all the same */
    mistake(BASE "  r: 0\nvariants:\n- {method: lora, r: 4}\n",
            "s.yaml:5: r: 0 is out of range, it must be between 1 and 65536");
}

static void derived_values_tell_what_is_wrong(void **state) {
    (void)state;
    mistake(BASE "  method: lora\n  lora_alpha: 2*rr\n",
            "s.yaml:6: lora_alpha: \"2*rr\" is neither a number nor a derived value: there is "
            "no key 'rr'");
    mistake(BASE "  method: lora\n  lora_alpha: 5e4x\n",
            "s.yaml:6: lora_alpha: \"5e4x\" is neither a number nor a derived value: \"5e4x\": '5e4x' is not "
            "expected here (numbers, keys, + "
            "- * / ( ) and sqrt are)");
    mistake(BASE "  method: lora\n  r: 5/2\n", "s.yaml:6: r: 2.5 must be a whole number (from \"5/2\")");
    mistake(BASE "  method: lora\n  r: 8-8\n",
            "s.yaml:6: r: 0 is out of range, it must be between 1 and 65536 (from \"8-8\")");
    mistake(BASE "  method: lora\n  r: lora_alpha/2\n  lora_alpha: 2*r\n",
            "s.yaml:6: r: \"lora_alpha/2\" is neither a number nor a derived value: 'r' depends on itself\n"
            "s.yaml:7: lora_alpha: \"2*r\" is neither a number nor a derived value: 'r' is not a number");
    mistake(BASE "  train: {lr: 1e-3/r}\nvariants:\n- method: lora\n- method: full\n",
            "s.yaml:5: train.lr: \"1e-3/r\" is neither a number nor a derived value: full has no option 'r'");
    mistake(BASE "  method: lora\n  lora_alpha: train.optimizer\n",
            "s.yaml:6: lora_alpha: \"train.optimizer\" is neither a number nor a derived value: "
            "'train.optimizer' is not a number");
}

static void axes_must_not_contradict_each_other(void **state) {
    (void)state;
    mistake(BASE "  method: lora\nparameters: {r: [1]}\npaired:\n- {r: 1, lora_alpha: 2}\n",
            "s.yaml:8: 'r' is an axis already, in line 6");
    mistake(BASE "  method: lora\npaired:\n- {r: 1, lora_alpha: 2}\n- {r: 2}\n",
            "s.yaml:8: this row of 'paired' lacks 'lora_alpha', which the first row sets");
    mistake(BASE "  method: lora\npaired:\n- {r: 1}\n- {r: 2, lora_alpha: 2}\n",
            "s.yaml:8: the first row of 'paired' lacks 'lora_alpha', which this row sets");
    mistake(BASE "paired:\n- {method: lora}\n- {method: full}\nvariants:\n- method: lora\n",
            "s.yaml:6: 'method' cannot stand in 'paired': write a variant for each method\n"
            "s.yaml:7: 'method' cannot stand in 'paired': write a variant for each method");
    mistake(BASE "variants:\n- {method: lora,\n   r: 1,\n   parameters: {r: [1]}}\n",
            "s.yaml:7: 'r' is also an axis of this variant, in line 8");
    mistake(BASE "  method: lora\n  train: {lr: 1}\n  train.lr: 2\n",
            "s.yaml:7: 'train.lr' is already set in line 6");
    mistake(BASE "  method: lora\n  r: 1\n  r: 2\n", "s.yaml:7: key 'r' is already set in line 6");
}

static void several_mistakes_are_told_at_once_up_to_ten(void **state) {
    (void)state;
    mistake(BASE "  method: lora\n  rr: 3\n  r: 0\n  train: {lr: x y}\n  target_modules: []\nseeds: -1\n",
            "s.yaml:6: unknown key 'rr'\n"
            "s.yaml:10: seeds: -1 is out of range, it must be between 0 and 2147483648\n"
            "s.yaml:7: r: 0 is out of range, it must be between 1 and 65536\n"
            "s.yaml:9: target_modules: the list is empty (method: none adapts nothing)");
    struct strbuf b = {0};
    strbuf_adds(&b, BASE "  method: lora\n");
    for (int i = 0; i < 500; i++) strbuf_addf(&b, "  k%d: 1\n", i);
    mistake_set(b.s, NULL, ERR_USER, "s.yaml:6: unknown key 'k0'\n", 0);
    mistake_set(b.s, NULL, ERR_USER, "\n(and 490 more)", 0);
    strbuf_release(&b);
}

static void mistakes_in_set_arguments_name_the_argument(void **state) {
    (void)state;
    const char *yaml = BASE "  method: lora\n";
    mistake_set(yaml, "r=0", ERR_USER, "--set r=0: r: 0 is out of range, it must be between 1 and 65536", 1);
    mistake_set(yaml, "trian.lr=1", ERR_USER,
                "--set trian.lr=1: unknown key 'trian.lr' (did you mean 'train.lr'?)", 1);
    mistake_set(yaml, "r", ERR_USER, "--set r: write key=value, for example --set train.lr=1e-3", 1);
    mistake_set(yaml, "=3", ERR_USER, "--set =3: write key=value", 0);
    mistake_set(yaml, "r=[1", ERR_USER, "--set r=[1: value:", 0);
    mistake_set(yaml, "run_cap=-1", ERR_USER, "--set run_cap=-1: run_cap: -1 is out of range", 0);
    mistake_set(yaml, "method=lroa", ERR_USER,
                "--set method=lroa: unknown method 'lroa' (did you mean 'lora'?)", 1);
    mistake_set(yaml, "r=*x", ERR_USER, "aliases", 0);
    mistake_set(yaml, "delta_start=3", ERR_USER,
                "--set delta_start=3: no method of this sweep has the option 'delta_start'", 1);
}

static void hostile_files_are_refused(void **state) {
    (void)state;
    mistake(BASE "  method: lora\n  r: &x 1\n",
            "s.yaml:6: YAML anchors (&x) are not supported: write the value where it is used");
    struct strbuf b = {0};
    strbuf_adds(&b, BASE "  method: lora\nparameters:\n");
    const char *const keys[] = {
        "r", "lora_alpha", "train.lr", "train.steps", "train.warmup", "train.weight_decay", "eval.rows"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        strbuf_addf(&b, "  %s: [", keys[i]);
        for (int j = 1; j <= 1000; j++) strbuf_addf(&b, "%d,", j);
        strbuf_adds(&b, "]\n");
    }
    mistake(b.s, "s.yaml:1: this grid has 1e+21 points; a sweep may have 50000");
    strbuf_release(&b);
    mistake(BASE "  method: \"lo\\nra\\e[2J\"\n",
            "s.yaml:5: unknown method 'lo ra [2J' (`bench ls methods` lists them)");
    struct err e = {0};
    struct sweep *s;
    assert_int_equal(sweep_load(&s, "/tmp", NULL, 0, &fake_lookup, &e), ERR_USER);
    assert_int_equal(sweep_load(&s, "no/such.yaml", NULL, 0, &fake_lookup, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "no/such.yaml"));
}

/* Every prefix of a file loads or has a message. */
static void truncated_files_never_crash(void **state) {
    (void)state;
    const char *text = BASE
        "  lora_alpha: \"2*r\"\nseeds: [0, 1]\nparameters: {train.lr: [1, 2], target_modules: [[q], mlp]}\n"
        "variants:\n- {method: lora, r: 2, parameters: {train.lr: [3]}}\n- method: [full, none]\n"
        "paired:\n- {train.steps: 3, train.batch_size: 2}\nlimits: {memory: 8GiB}\n";
    char *copy = xstrdup(text);
    for (size_t n = strlen(text); n > 0; n -= n > 7 ? 3 : 1) {
        struct err e = {0};
        struct sweep *s;
        copy[n] = 0;
        put_file("s.yaml", copy);
        if (sweep_load(&s, "s.yaml", NULL, 0, &fake_lookup, &e)) assert_true(e.msg[0] && e.code);
        sweep_free(s);
    }
    free(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_keys_have_a_line_and_a_suggestion),
        cmocka_unit_test(keys_in_the_wrong_place_are_told_where_they_belong),
        cmocka_unit_test(unknown_names_have_suggestions),
        cmocka_unit_test(a_metric_that_no_evaluation_tells_is_a_mistake),
        cmocka_unit_test(a_goal_that_contradicts_its_metric_is_a_mistake),
        cmocka_unit_test(ranges_are_named),
        cmocka_unit_test(wrong_types_are_named),
        cmocka_unit_test(sizes_and_times_have_units),
        cmocka_unit_test(seeds_are_whole_numbers_each_once),
        cmocka_unit_test(missing_parts_are_named),
        cmocka_unit_test(data_is_checked),
        cmocka_unit_test(a_missing_model_is_a_missing_resource_with_its_line),
        cmocka_unit_test(options_need_a_method_that_has_them),
        cmocka_unit_test(derived_values_tell_what_is_wrong),
        cmocka_unit_test(axes_must_not_contradict_each_other),
        cmocka_unit_test(several_mistakes_are_told_at_once_up_to_ten),
        cmocka_unit_test(mistakes_in_set_arguments_name_the_argument),
        cmocka_unit_test(hostile_files_are_refused),
        cmocka_unit_test(truncated_files_never_crash),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
