/* SPDX-License-Identifier: Apache-2.0 */
/* test_conformance.c - each reader is given every field of transformers' and PEFT's configuration classes
 * with a
 * value that is not the default: it is used as they use it, changes nothing where it changes nothing there,
 * or
 * is refused by its name.
 *
 * make_config_fields.py wrote the list and what transformers makes of each
 * (tests/golden/config_fields.json). */
#include <unistd.h>

#include "tests/unit/adapter_util.h"
#include "tests/engine.h"

#define FIELDS "tests/golden/config_fields.json"

static json_t *load(const char *path) {
    json_error_t at;
    json_t *j = json_load_file(path, 0, &at);
    if (!j) fail_msg("%s:%d: %s", path, at.line, at.text);
    return j;
}

static char dir[] = "/tmp/bench-conformance-XXXXXX";

static int make_dir(void **state) {
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state) {
    (void)state;
    char *line = xasprintf("rm -rf %s", dir);
    int rc = system(line);
    free(line);
    return rc;
}

static void put_json(const char *name, const json_t *j) {
    char *path = path_join(dir, name);
    assert_int_equal(json_dump_file(j, path, 0), 0);
    free(path);
}

/* ---- models -------------------------------------------------------------------------------------------- */

/* The last hidden states of fixed ids (and, of a decoder, the first logits), NULL with e filled: refused. */
static float *output(const char *folder, size_t *n, struct err *e) {
    struct engine g;
    struct engine_batch x;
    enum { IDS = 24 };
    int ids[IDS], labels[IDS], offsets[] = {0, IDS};
    float *out = NULL;
    memset(&g, 0, sizeof g);
    for (int i = 0; i < IDS; i++) ids[i] = (7 * i * i + 3 * i + 11) % 89 + 5, labels[i] = -100;
    g.config = engine_config("none", NULL);
    mem_init(&g.mem, false, 0);
    g.team = team_new(&g.mem, 1);
    net_init(&g.net, &g.mem, g.team, g.config, 0, false);
    int rc = modelfile_open(&g.file, folder, e);
    if (!rc) rc = (g.model = model_of(g.file, e)) ? g.model->build(&g.net, g.file, &g.state, e) : ERR_USER;
    if (!rc) rc = net_bind(&g.net, method_find("none"), e);
    if (!rc) {
        g.model->bound(g.state, &g.net);
        g.model->facts(g.state, &g.facts);
        engine_batch_init(&x, ids, labels, offsets, 1);
        g.model->layout(g.state, &g.net, x.b.np, false);
        const float *hidden = g.model->forward(g.state, &g.net, &x.b);
        int width = g.facts.head ? g.facts.vocab : g.facts.hidden;
        *n = (size_t)IDS * (size_t)width;
        out = xmalloc(*n * sizeof *out);
        if (g.facts.head)
            logits_rows(g.team, out, &g.facts.head->w, NULL, hidden, g.facts.hidden, IDS);
        else
            panel_to_rows(g.team, out, hidden, width, width, IDS);
        engine_batch_release(&x);
    }
    if (g.state) g.model->free(g.state);
    net_release(&g.net);
    team_free(g.team);
    modelfile_close(g.file);
    json_decref(g.config);
    return out;
}

static bool is_same(const float *a, size_t na, const float *b, size_t nb) {
    if (na != nb) return false;
    for (size_t i = 0; i < na; i++)
        if (fabsf(a[i] - b[i]) > 1e-6f) return false;
    return true;
}

static void try_field(const char *folder, const json_t *row, const json_t *plain, const float *base,
                      size_t n_base) {
    const char *field = json_string_value(json_object_get(row, "field")),
               *then = json_string_value(json_object_get(row, "then"));
    struct err e = {0};
    size_t n = 0;
    json_t *config = json_deep_copy(plain);
    json_object_set(config, field, json_object_get(row, "value"));
    put_json("config.json", config);
    float *got = output(dir, &n, &e);
    if (!got && strcmp(then, "error") != 0 && !strstr(e.msg, field))
        fail_msg("%s, %s: refused without its name: %s", folder, field, e.msg);
    if (got && !strcmp(then, "same") && !is_same(got, n, base, n_base))
        fail_msg("%s, %s: changes the output, not so in transformers", folder, field);
    if (got && !strcmp(then, "other") && is_same(got, n, base, n_base))
        fail_msg("%s, %s: changes the output of transformers, not so here", folder, field);
    if (got && !strcmp(then, "error")) fail_msg("%s, %s: read, transformers cannot", folder, field);
    free(got);
    json_decref(config);
}

static void every_field_of_a_model_is_used_or_harmless_as_in_transformers_or_refused_by_name(void **state) {
    (void)state;
    json_t *all = load(FIELDS), *rows, *row;
    const char *name;
    size_t i;
    json_object_foreach(json_object_get(all, "models"), name, rows) {
        char *folder = xasprintf("tests/golden/%s", name), *config = path_join(folder, "config.json"),
             *link = xasprintf("rm -f %s/*; ln -s $PWD/%s/* %s/ && rm %s/config.json", dir, folder, dir, dir);
        json_t *plain = load(config);
        struct err e = {0};
        size_t n = 0;
        float *base = output(folder, &n, &e);
        if (!base) fail_msg("%s", e.msg);
        assert_int_equal(system(link), 0);
        assert_true(json_array_size(rows) > 20);
        json_array_foreach(rows, i, row) try_field(folder, row, plain, base, n);
        json_decref(plain);
        free(base), free(folder), free(config), free(link);
    }
    json_decref(all);
}

static void a_field_that_no_class_has_is_refused_unless_it_is_off(void **state) {
    (void)state;
    static const char *const off[] = {"null", "false", "[]", "{}", "\"\""}, *const on[] = {"true", "1",
                                                                                           "[0]"};
    json_t *plain = load("tests/golden/llama_tied/config.json");
    char *link = xasprintf("rm -f %s/*; ln -s $PWD/tests/golden/llama_tied/model.safetensors %s/", dir, dir);
    assert_int_equal(system(link), 0);
    for (size_t i = 0; i < ARRAY_LEN(off) + ARRAY_LEN(on); i++) {
        const char *value = i < ARRAY_LEN(off) ? off[i] : on[i - ARRAY_LEN(off)];
        struct err e = {0};
        size_t n;
        json_object_set_new(plain, "attention_temperature", json_loads(value, JSON_DECODE_ANY, NULL));
        put_json("config.json", plain);
        float *got = output(dir, &n, &e);
        assert_true(!got == (i >= ARRAY_LEN(off)));
        if (!got) assert_non_null(strstr(e.msg, "'attention_temperature'"));
        free(got);
    }
    free(link);
    json_decref(plain);
}

/* ---- adapters ------------------------------------------------------------------------------------------ */

/* Fields that change nothing of what an adapter computes, or are told by its tensors. */
static const char *const harmless[] = {"task_type",        "auto_mapping",
                                       "peft_version",     "revision",
                                       "inference_mode",   "base_model_name_or_path",
                                       "fan_in_fan_out",   "modules_to_save",
                                       "megatron_core",    "lora_dropout",
                                       "vera_dropout",     "qalora_group_size",
                                       "save_projection",  "init_weights",
                                       "init_ia3_weights", NULL};

static bool is_harmless(const char *field) {
    for (int i = 0; harmless[i]; i++)
        if (!strcmp(harmless[i], field)) return true;
    return false;
}

static void try_adapter(const char *type, const char *folder, const json_t *row) {
    const char *field = json_string_value(json_object_get(row, "field"));
    char *path = xasprintf("tests/golden/peft/%s/adapter_config.json", folder);
    struct err e = {0};
    json_t *config = load(path);
    put_json("adapter_config.json", config);
    json_t *before = adapter_config_in(dir, NULL, &e);
    if (!before) fail_msg("%s", e.msg);
    json_object_set(config, field, json_object_get(row, "value"));
    put_json("adapter_config.json", config);
    json_t *after = adapter_config_in(dir, NULL, &e);
    if (!after && !strstr(e.msg, field)) fail_msg("%s, %s: refused without its name: %s", type, field, e.msg);
    if (after && json_equal(before, after) && !is_harmless(field))
        fail_msg("%s, %s: read and not used", type, field);
    json_decref(before);
    json_decref(after);
    json_decref(config);
    free(path);
}

static void every_field_of_an_adapter_is_used_or_harmless_or_refused_by_name(void **state) {
    (void)state;
    static const char *const types[][2] = {
        {"LORA", "llama_lora"}, {"VERA", "llama_vera"}, {"IA3", "llama_ia3"}};
    json_t *all = load(FIELDS), *row;
    size_t i;
    for (size_t k = 0; k < ARRAY_LEN(types); k++) {
        const json_t *rows = json_object_get(json_object_get(all, "adapters"), types[k][0]);
        assert_true(json_array_size(rows) > 8);
        json_array_foreach(rows, i, row) try_adapter(types[k][0], types[k][1], row);
    }
    json_decref(all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_of_a_model_is_used_or_harmless_as_in_transformers_or_refused_by_name),
        cmocka_unit_test(a_field_that_no_class_has_is_refused_unless_it_is_off),
        cmocka_unit_test(every_field_of_an_adapter_is_used_or_harmless_or_refused_by_name),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
