/* SPDX-License-Identifier: Apache-2.0 */
/* test_checkpoint.c - `save: all`: a fully trained model as a folder that is the same model, from a folder
 * and from GGUF, and a GGUF tokenizer as tokenizer.json. The model is the smoke model (`make` makes the
 * folder, the script the GGUF file). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/config/cfg.h"
#include "harness/infer/infer.h"
#include "harness/core/method.h"
#include "harness/train/train.h"
#include "harness/base/util.h"

#define SMOKE   "build/share/models/smoke"
#define STRINGS "tests/golden/hard_strings.txt"

static char dir[] = "/tmp/bench-checkpoint-XXXXXX";
static char gguf[64]; /* the smoke model, matrices in Q8_0 */

static int make_files(void **state) {
    (void)state;
    if (!mkdtemp(dir)) return -1;
    snprintf(gguf, sizeof gguf, "%s/m.gguf", dir);
    char *cmd = xasprintf("python3 experiments/models/smoke/make_smoke.py --gguf %s --type q8_0", gguf);
    int rc = system(cmd);
    free(cmd);
    return rc;
}

static int remove_files(void **state) {
    (void)state;
    char cmd[64];
    snprintf(cmd, sizeof cmd, "rm -r %s", dir);
    return system(cmd);
}

static char *in_dir(const char *name) { return path_join(dir, name); }

static long size_of(const char *path) {
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (long)st.st_size;
}

/* ---- runs ---------------------------------------------------------------------------------------------- */

static json_t *make_config(const char *method, const char *model) {
    json_t *c = infer_config("lm", method);
    cfg_set(c, "model", json_string(model));
    cfg_set(c, "model_path", json_string(model));
    cfg_set(c, "data.name", json_string("smoke"));
    cfg_set(c, "train.steps", json_integer(4));
    cfg_set(c, "train.lr", json_real(5e-3));
    cfg_set(c, "eval.every", json_integer(0));
    cfg_set(c, "eval.rows", json_integer(20));
    return c;
}

static struct train_result run(const char *method, const char *model, const char *save, const char *out) {
    json_t *c = make_config(method, model);
    struct train_job job = {.config = c, .seed = 3, .threads = 1, .save = save, .out_dir = out};
    struct train_result res, plan;
    struct err e = {0};
    if (train_plan(&job, &plan, &e) || train_run(&job, NULL, &res, &e)) fail_msg("%s", e.msg);
    assert_int_equal(res.state, RUN_COMPLETE);
    assert_int_equal(plan.checkpoint_bytes, res.checkpoint_bytes);
    assert_string_equal(plan.checkpoint_path, "");
    json_decref(c);
    return res;
}

static json_t *read_json(const char *folder, const char *name) {
    char *path = path_join(folder, name);
    json_error_t je;
    json_t *j = json_load_file(path, 0, &je);
    if (!j) fail_msg("%s:%d: %s", path, je.line, je.text);
    free(path);
    return j;
}

/* A full run on `model` that saves into `out`: what is there must be the model that the run evaluated last,
 * bit for bit. */
static void save_and_compare(const char *model, const char *out) {
    struct train_result full = run("full", model, "all", out), base = run("none", model, "none", NULL);
    char *real = realpath(out, NULL), *file = path_join(out, "model.safetensors"), sha[65];
    struct err e = {0};
    assert_string_equal(full.checkpoint_path, real);
    assert_int_equal(full.checkpoint_bytes, size_of(file));
    assert_int_equal(sha256_file(file, sha, &e), 0);
    assert_string_equal(full.checkpoint_sha256, sha);
    struct train_result again = run("none", out, "none", NULL);
    assert_true(full.eval_loss < base.eval_loss - 0.5); /* it did learn */
    assert_memory_equal(&again.eval_loss, &full.eval_loss, sizeof full.eval_loss);
    assert_memory_equal(&again.test_metric, &full.test_metric, sizeof full.test_metric);
    assert_int_equal(again.total_params, full.total_params);
    assert_null(infer_adapter(out, NULL, NULL, &e)); /* a model, and said to be one */
    assert_non_null(strstr(e.msg, "--model"));
    free(file);
    free(real);
}

static void a_saved_model_has_the_loss_that_the_run_ended_with(void **state) {
    (void)state;
    char *out = in_dir("from_folder");
    save_and_compare(SMOKE, out);
    json_t *was = read_json(SMOKE, "config.json"), *is = read_json(out, "config.json");
    assert_true(json_equal(was, is)); /* this one is float32 already */
    json_decref(was);
    json_decref(is);
    static const char *const copied[] = {"tokenizer.json", "tokenizer_config.json"};
    for (size_t i = 0; i < ARRAY_LEN(copied); i++) {
        was = read_json(SMOKE, copied[i]), is = read_json(out, copied[i]);
        assert_true(json_equal(was, is));
        json_decref(was);
        json_decref(is);
    }
    free(out);
}

static void a_model_from_gguf_is_saved_as_a_folder_with_the_same_loss(void **state) {
    (void)state;
    char *out = in_dir("from_gguf");
    save_and_compare(gguf, out);
    json_t *is = read_json(out, "config.json"), *folder = read_json(SMOKE, "config.json"), *want;
    const char *key;
    /* Every fact of the folder of the same model, from the metadata alone. */
    json_object_foreach(folder, key, want) {
        if (!strcmp(key, "rope_scaling")) continue; /* null there, absent here */
        if (!json_equal(json_object_get(is, key), want)) fail_msg("config.json: '%s' differs", key);
    }
    json_t *tc = read_json(out, "tokenizer_config.json");
    assert_string_equal(json_string_value(json_object_get(tc, "bos_token")), "<|im_start|>");
    assert_string_equal(json_string_value(json_object_get(tc, "eos_token")), "<|im_end|>");
    assert_int_equal(json_integer_value(json_object_get(tc, "model_max_length")), 512);
    json_decref(tc);
    json_decref(folder);
    json_decref(is);
    free(out);
}

static void a_half_precision_folder_with_its_own_head_is_saved_in_float32(void **state) {
    (void)state;
    char *from = in_dir("half"), *out = in_dir("from_half");
    char *cmd =
        xasprintf("python3 experiments/models/smoke/make_smoke.py %s --dtype bf16 --untied --shards 2", from);
    assert_int_equal(system(cmd), 0);
    char *extra = path_join(from, "generation_config.json");
    struct err e = {0};
    assert_int_equal(file_write(extra, "{\"eos_token_id\": 2}\n", 20, &e), 0);
    save_and_compare(from, out);
    json_t *c = read_json(out, "config.json"), *g = read_json(out, "generation_config.json");
    assert_string_equal(json_string_value(json_object_get(c, "torch_dtype")), "float32");
    assert_int_equal(json_integer_value(json_object_get(g, "eos_token_id")), 2);
    json_decref(c);
    json_decref(g);
    free(cmd), free(extra), free(from), free(out);
}

static void only_save_all_writes_a_full_model(void **state) {
    (void)state;
    static const char *const how[] = {"adapter", "none"};
    for (size_t i = 0; i < ARRAY_LEN(how); i++) {
        char *out = in_dir(how[i]);
        struct train_result res = run("full", SMOKE, how[i], out);
        assert_false(dir_exists(out));
        assert_string_equal(res.checkpoint_path, "");
        assert_string_equal(res.checkpoint_sha256, "");
        assert_int_equal(res.checkpoint_bytes, res.total_params * 4);
        free(out);
    }
    char *out = in_dir("lora"); /* an adapter stays an adapter */
    run("lora", SMOKE, "all", out);
    char *adapter = path_join(out, "adapter_model.safetensors"), *model = path_join(out, "model.safetensors");
    assert_true(file_exists(adapter));
    assert_false(file_exists(model));
    free(adapter), free(model), free(out);
}

static void expect_not_saved(const char *out, const char *name) {
    json_t *c = make_config("full", SMOKE);
    struct train_job job = {.config = c, .seed = 3, .threads = 1, .save = "all", .out_dir = out};
    struct train_result res;
    struct err e = {0};
    assert_int_equal(train_run(&job, NULL, &res, &e), ERR_RESOURCE);
    assert_int_equal(res.state, RUN_FAILED);
    assert_string_equal(res.checkpoint_path, "");
    if (!strstr(res.error, name)) fail_msg("no '%s' in: %s", name, res.error);
    json_decref(c);
}

static void a_checkpoint_that_cannot_be_written_names_the_file(void **state) {
    (void)state;
    /* A folder cannot be made below a file. */
    char *below = xasprintf("%s/x", gguf), *out = in_dir("full_disk");
    expect_not_saved(below, gguf);
    /* A disk that takes 64 KiB of the 400: nothing half written stays. */
    struct rlimit was, small = {65536, RLIM_INFINITY};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    small.rlim_max = was.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    expect_not_saved(out, out);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    char *cmd = xasprintf("! ls -d %s* 2>/dev/null", out);
    assert_int_equal(system(cmd), 0);
    free(below), free(out), free(cmd);
}

/* ---- tokenizers ---------------------------------------------------------------------------------------- */

static struct tokenizer *open_json_text(const char *text) {
    char *path = in_dir("tokenizer.json");
    struct tokenizer *t;
    struct err e = {0};
    if (file_write(path, text, strlen(text), &e) || tokenizer_open_json(&t, path, &e)) fail_msg("%s", e.msg);
    free(path);
    return t;
}

static void compare_ids(struct tokenizer *a, struct tokenizer *b, const char *s, size_t n, const char *what,
                        int line) {
    for (int special = 0; special < 2; special++) {
        struct token_ids x = {0}, y = {0};
        tokenizer_encode(a, s, n, special, &x);
        tokenizer_encode(b, s, n, special, &y);
        if (x.n != y.n || (x.n && memcmp(x.v, y.v, (size_t)x.n * sizeof *x.v)))
            fail_msg("%s: " STRINGS ":%d (special %d): other ids", what, line, special);
        free(x.v), free(y.v);
    }
}

/* Every string of the file, and a few with special tokens, gives the same ids. */
static void same_ids(struct tokenizer *a, struct tokenizer *b, const char *what) {
    FILE *f = fopen(STRINGS, "r");
    char *line = NULL;
    size_t cap = 0;
    int lines = 0;
    assert_non_null(f);
    while (getline(&line, &cap, f) > 0) {
        json_t *j = json_loads(line, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        compare_ids(a, b, json_string_value(j), json_string_length(j), what, ++lines);
        json_decref(j);
    }
    assert_true(lines >= 2000);
    static const char *const more[] = {"a<|im_end|>b", " <user> 12", "caf<user>\xC3\xA9",
                                       "e\xCC\x81<|im_start|>e\xCC\x81", "ab ab"};
    for (size_t i = 0; i < ARRAY_LEN(more); i++) compare_ids(a, b, more[i], strlen(more[i]), what, 0);
    assert_int_equal(tokenizer_bos_to_add(a), tokenizer_bos_to_add(b));
    assert_int_equal(tokenizer_vocab_size(a), tokenizer_vocab_size(b));
    free(line);
    fclose(f);
}

static void a_generated_tokenizer_json_gives_the_ids_of_the_gguf_file(void **state) {
    (void)state;
    struct modelfile *f;
    struct tokenizer *t;
    struct err e = {0};
    char *json, *config;
    if (modelfile_open(&f, gguf, &e) || modelfile_tokenizer(f, &t, &e)) fail_msg("%s", e.msg);
    if (modelfile_tokenizer_text(f, &json, &config, &e)) fail_msg("%s", e.msg);
    struct tokenizer *back = open_json_text(json);
    same_ids(t, back, "smoke");
    tokenizer_free(back);
    tokenizer_free(t);
    free(json), free(config);
    modelfile_close(f);
}

/* The tokenizer arrays of a GGUF file, made up: 256 bytes, a few merges, special tokens, a user-defined one.
 */
struct made {
    struct tokenizer_gguf g;
    char bytes[256][3];
    const char *tokens[270], *merges[8];
    size_t token_len[270], merge_len[8];
    int32_t types[270];
};

static void add_token(struct made *m, const char *text, int type) {
    int i = m->g.n_tokens++;
    m->tokens[i] = text;
    m->token_len[i] = strlen(text);
    m->types[i] = type;
}

static void make_arrays(struct made *m, const char *pre) {
    static const char *const merged[][2] = {{"ab", "a b"},
                                            {"\xC4\xA0"
                                             "a",
                                             "\xC4\xA0 a"},
                                            {"12", "1 2"},
                                            {"123", "12 3"},
                                            {"the", "t he"}};
    memset(m, 0, sizeof *m);
    for (int i = 0, extra = 256; i < 256; i++) {
        int c = (i >= 33 && i <= 126) || (i >= 161 && i <= 172) || i >= 174 ? i : extra++;
        snprintf(m->bytes[i], 3, c < 128 ? "%c" : "%c%c", c < 128 ? c : 0xC0 | c >> 6, 0x80 | (c & 63));
        add_token(m, m->bytes[i], 1);
    }
    add_token(m, "<unk>", 2);
    add_token(m, "<|im_start|>", 3);
    add_token(m, "<|im_end|>", 3);
    add_token(m, "<user>", 4);
    add_token(m, "he", 1);
    m->merges[m->g.n_merges++] = "h e";
    for (size_t i = 0; i < ARRAY_LEN(merged); i++) {
        add_token(m, merged[i][0], 1);
        m->merges[m->g.n_merges++] = merged[i][1];
    }
    for (int i = 0; i < m->g.n_merges; i++) m->merge_len[i] = strlen(m->merges[i]);
    m->g.pre = pre, m->g.bos_id = 257, m->g.eos_id = 258;
    m->g.tokens = m->tokens, m->g.token_len = m->token_len, m->g.token_type = m->types;
    m->g.merges = m->merges, m->g.merge_len = m->merge_len;
}

static void check_arrays(const struct made *m) {
    struct tokenizer *t;
    struct err e = {0};
    if (tokenizer_open_gguf(&t, &m->g, "made", &e)) fail_msg("%s", e.msg);
    char *json = tokenizer_gguf_json(&m->g, "made", &e);
    if (!json) fail_msg("%s", e.msg);
    struct tokenizer *back = open_json_text(json);
    same_ids(t, back, m->g.pre);
    free(json);
    tokenizer_free(back);
    tokenizer_free(t);
}

static void every_pre_tokenizer_of_gguf_is_written_as_what_it_means(void **state) {
    (void)state;
    static const char *const names[] = {"default", "gpt-2",     "phi-2",     "olmo",
                                        "smollm",  "starcoder", "refact",    "llama-bpe",
                                        "llama3",  "llama-v3",  "smaug-bpe", "qwen2"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct made m;
        make_arrays(&m, names[i]);
        check_arrays(&m);
        m.g.add_bos = m.g.add_eos = true;
        check_arrays(&m);
    }
}

static void a_space_before_the_text_is_written_where_tokenizer_json_can_say_it(void **state) {
    (void)state;
    struct made m;
    struct err e = {0};
    make_arrays(&m, "gpt-2");
    m.g.add_space_prefix = true;
    check_arrays(&m);
    make_arrays(&m, "smollm");
    m.g.add_space_prefix = true;
    assert_null(tokenizer_gguf_json(&m.g, "made.gguf", &e));
    assert_int_equal(e.code, ERR_USER);
    assert_non_null(strstr(e.msg, "made.gguf"));
    assert_non_null(strstr(e.msg, "add_space_prefix"));
}

static void a_token_that_is_not_utf8_is_refused(void **state) {
    (void)state;
    struct made m;
    struct err e = {0};
    make_arrays(&m, "gpt-2");
    add_token(&m, "\xFF\xFE", 1);
    assert_null(tokenizer_gguf_json(&m.g, "made.gguf", &e));
    assert_non_null(strstr(e.msg, "made.gguf: the text of token 266"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_saved_model_has_the_loss_that_the_run_ended_with),
        cmocka_unit_test(a_model_from_gguf_is_saved_as_a_folder_with_the_same_loss),
        cmocka_unit_test(a_half_precision_folder_with_its_own_head_is_saved_in_float32),
        cmocka_unit_test(only_save_all_writes_a_full_model),
        cmocka_unit_test(a_checkpoint_that_cannot_be_written_names_the_file),
        cmocka_unit_test(a_generated_tokenizer_json_gives_the_ids_of_the_gguf_file),
        cmocka_unit_test(every_pre_tokenizer_of_gguf_is_written_as_what_it_means),
        cmocka_unit_test(a_space_before_the_text_is_written_where_tokenizer_json_can_say_it),
        cmocka_unit_test(a_token_that_is_not_utf8_is_refused),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
