/* SPDX-License-Identifier: Apache-2.0 */
/* test_arch.c - architectures without weights: known totals, config.json, and agreement with what the engine
 * itself builds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "harness/paper/arch.h"
#include "harness/core/method.h"
#include "harness/base/util.h"

static struct archs *book;

static int load(void **state) {
    struct err e = {0};
    (void)state;
    setenv("BENCH_SHARE", "experiments", 1);
    if (archs_load(&book, NULL, &e)) fail_msg("%s", e.msg);
    return 0;
}

static int unload(void **state) {
    (void)state;
    archs_free(book);
    return 0;
}

static size_t total(const char *name, const char *with) {
    struct arch a;
    struct net net;
    struct err e = {0};
    json_t *w = with ? json_loads(with, 0, NULL) : NULL;
    if (arch_open(&a, book, name, w, &e)) fail_msg("%s: %s", name, e.msg);
    if (arch_outline(&a, NULL, &net, &e)) fail_msg("%s: %s", name, e.msg);
    size_t n = arch_params(&net);
    arch_outline_release(&net);
    arch_release(&a);
    json_decref(w);
    return n;
}

/* Totals of `transformers`' classes built from the same numbers (tied tensors once; encoders without a task's
 * head). */
static const struct {
    const char *name;
    size_t params;
} known[] = {
    {"roberta-base", 124645632},      {"roberta-large", 355359744}, {"deberta-v2-xxlarge", 1564549632},
    {"bart-large", 406291456},        {"gpt2", 124439808},          {"gpt2-medium", 354823168},
    {"gpt2-large", 774030080},        {"gpt2-xl", 1557611200},      {"gpt3-175b", 174604259328},
    {"llama-7b", 6738415616},         {"llama-13b", 13015864320},   {"llama-30b", 32528943616},
    {"llama-65b", 65285660672},       {"llama-2-7b", 6738415616},   {"llama-2-13b", 13015864320},
    {"llama-2-70b", 68976648192},     {"llama-3-8b", 8030261248},   {"llama-3-70b", 70553706496},
    {"llama-3.1-405b", 405853388800}, {"llama-3.2-1b", 1235814400}, {"llama-3.2-3b", 3212749824},
    {"smollm2-135m", 134515008},      {"smollm2-360m", 361821120},  {"smollm2-1.7b", 1711376384},
    {"minilm-l6", 22713216},          {"minilm-l12", 33360000},     {"vit-base", 85798656},
    {"vit-large", 303301632},
};

static void every_preset_has_its_known_number_of_parameters(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (total(known[i].name, NULL) != known[i].params)
            fail_msg("%s: %zu parameters, not %zu", known[i].name, total(known[i].name, NULL),
                     known[i].params);
    assert_int_equal(archs_count(book), ARRAY_LEN(known));
    for (int i = 0; i < archs_count(book); i++) assert_true(strlen(archs_source(book, i)) > 10);
}

static void numbers_can_be_put_in_place(void **state) {
    (void)state;
    assert_int_equal(total("llama-7b", "{\"d\": 512, \"ff\": 1376, \"layers\": 8, \"heads\": 8}"), 58073600);
    assert_int_equal(total("gpt2-medium", "{\"fused\": 0}"), 354823168);
}

static void a_config_json_is_an_architecture(void **state) {
    (void)state;
    char dir[] = "/tmp/arch-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char *path = path_join(dir, "config.json");
    const char *text = "{\"model_type\": \"llama\", \"hidden_size\": 576, \"intermediate_size\": 1536, "
                       "\"num_hidden_layers\": 30,"
                       " \"num_attention_heads\": 9, \"num_key_value_heads\": 3, \"vocab_size\": 49152, "
                       "\"tie_word_embeddings\": true}";
    struct err e = {0};
    struct arch a;
    assert_int_equal(file_write(path, text, strlen(text), &e), 0);
    assert_int_equal(total(dir, NULL), 134515008);
    assert_int_equal(total(path, NULL), 134515008);
    text = "{\"model_type\": \"gpt2\", \"n_embd\": 500000000, \"n_layer\": 9999, \"n_head\": 1, \"n_inner\": "
           "1, \"vocab_size\": 1000, \"n_positions\": 1}";
    struct net net = {0};
    assert_int_equal(file_write(path, text, strlen(text), &e), 0);
    assert_int_equal(arch_open(&a, book, dir, NULL, &e), 0);
    assert_int_equal(arch_outline(&a, NULL, &net, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "is a size wrong?"));
    arch_outline_release(&net);
    arch_release(&a);
    text = "{\"model_type\": \"mamba\"}";
    assert_int_equal(file_write(path, text, strlen(text), &e), 0);
    assert_int_equal(arch_open(&a, book, dir, NULL, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "no family describes model_type 'mamba'"));
    arch_release(&a);
    unlink(path);
    rmdir(dir);
    free(path);
}

static void an_unknown_name_suggests_a_close_one(void **state) {
    (void)state;
    struct err e = {0};
    struct arch a;
    assert_int_equal(arch_open(&a, book, "lama-2-7b", NULL, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "did you mean 'llama-2-7b'"));
    arch_release(&a);
}

static void mistakes_in_the_file_name_their_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"families: {f: {first: [{linear: x, out: d, in: d}]}}\npresets:\n  a: {family: f}\n",
         ":3: a preset needs `source`"},
        {"families: {f: {first: [{linear: x, out: d}]}}\npresets: {a: {family: f, d: 2, source: s}}\n",
         ":1: `in` is missing"},
        {"families: {f: {first: [{linear: x, out: d / 2, in: d}]}}\npresets: {a: {family: f, d: 3, source: "
         "s}}\n",
         "which is no size"},
        {"families: {f: {defaults: {d: g, g: d}, first: [{vector: x, size: d}]}}\npresets: {a: {family: f, "
         "source: s}}\n",
         "ask for each other"},
        {"families: {f: {first: [{vector: x, size: d}]}}\npresets: {a: {family: f, source: s}}\n",
         "has no number 'd'"},
    };
    char path[] = "/tmp/arch-XXXXXX";
    close(mkstemp(path));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct archs *b = NULL;
        struct arch a = {0};
        struct net net = {0};
        struct err e = {0};
        assert_int_equal(file_write(path, bad[i].text, strlen(bad[i].text), &e), 0);
        int rc = archs_load(&b, path, &e);
        if (!rc) rc = arch_open(&a, b, "a", NULL, &e);
        if (!rc) rc = arch_outline(&a, NULL, &net, &e);
        assert_int_equal(rc, ERR_USER);
        if (!strstr(e.msg, bad[i].message)) fail_msg("'%s' is not in '%s'", bad[i].message, e.msg);
        arch_outline_release(&net);
        arch_release(&a);
        archs_free(b);
    }
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_preset_has_its_known_number_of_parameters),
        cmocka_unit_test(numbers_can_be_put_in_place),
        cmocka_unit_test(a_config_json_is_an_architecture),
        cmocka_unit_test(an_unknown_name_suggests_a_close_one),
        cmocka_unit_test(mistakes_in_the_file_name_their_line),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
