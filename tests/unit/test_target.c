/* SPDX-License-Identifier: Apache-2.0 */
/* test_target.c - target_modules: which sites a spec chooses, on the naming of Llama, GPT-2 and BERT. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "harness/core/net.h"
#include "harness/core/target.h"
#include "harness/base/util.h"

struct place {
    const char *name, *module, *kind;
    int layer;
};

static const struct place llama[] = {
    {"layers.0.q_proj", "model.layers.0.self_attn.q_proj", "q_proj", 0},
    {"layers.0.v_proj", "model.layers.0.self_attn.v_proj", "v_proj", 0},
    {"layers.0.o_proj", "model.layers.0.self_attn.o_proj", "o_proj", 0},
    {"layers.0.gate_proj", "model.layers.0.mlp.gate_proj", "gate_proj", 0},
    {"layers.0.down_proj", "model.layers.0.mlp.down_proj", "down_proj", 0},
    {"layers.11.q_proj", "model.layers.11.self_attn.q_proj", "q_proj", 11},
    {"layers.11.down_proj", "model.layers.11.mlp.down_proj", "down_proj", 11},
    {"lm_head", "lm_head", "lm_head", -1},
};

static const struct place others[] = {
    {"h.3.attn.c_attn", "transformer.h.3.attn.c_attn", "c_attn", 3},
    {"h.3.attn.c_proj", "transformer.h.3.attn.c_proj", "c_proj", 3},
    {"h.3.mlp.c_proj", "transformer.h.3.mlp.c_proj", "c_proj", 3},
    {"layer.1.query", "encoder.layer.1.attention.self.query", "query", 1},
    {"layer.1.dense", "encoder.layer.1.attention.output.dense", "dense", 1},
    {"layer.1.dense", "encoder.layer.1.output.dense", "dense", 1},
    {"pooler", "pooler.dense", "dense", -1},
    {"classifier", "classifier", "classifier", -1},
};

static json_t *spec_of(const char *json) {
    json_t *spec = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(spec);
    return spec;
}

/* One character a place: x chosen, . not. */
static void chosen(const char *json, const struct place *p, size_t n, const char *want) {
    json_t *spec = spec_of(json), *normal = target_normal(spec);
    char got[32] = "", again[32] = "";
    for (size_t i = 0; i < n; i++) {
        got[i] = target_match(spec, p[i].name, p[i].module, p[i].kind, p[i].layer) ? 'x' : '.';
        again[i] = target_match(normal, p[i].name, p[i].module, p[i].kind, p[i].layer) ? 'x' : '.';
    }
    if (strcmp(got, want)) fail_msg("%s chooses %s, not %s", json, got, want);
    if (strcmp(again, want)) fail_msg("the canonical form of %s chooses %s, not %s", json, again, want);
    json_decref(spec);
    json_decref(normal);
}

static void presets_choose_by_place(void **state) {
    (void)state;
    chosen("\"all-linear\"", llama, 8, "xxxxxxx.");
    chosen("\"attention\"", llama, 8, "xxx..x..");
    chosen("\"mlp\"", llama, 8, "...xx.x.");
    chosen("\"all-linear\"", others, 8, "xxxxxxx.");
    chosen("\"attention\"", others, 8, "xx.xx...");
    chosen("\"mlp\"", others, 8, "..x..x..");
}

static void names_are_kinds_short_names_and_ends_of_paths(void **state) {
    (void)state;
    chosen("\"q_proj\"", llama, 8, "x....x..");
    chosen("[\"q_proj\", \"v_proj\"]", llama, 8, "xx...x..");
    chosen("\"layers.11.q_proj\"", llama, 8, ".....x..");
    chosen("\"self_attn.q_proj\"", llama, 8, "x....x..");
    chosen("\"attn.q_proj\"", llama, 8, "........");
    chosen("\"proj\"", llama, 8, "........");
    chosen("\"lm_head\"", llama, 8, ".......x");
    chosen("\"attn.c_proj\"", others, 8, ".x......");
    chosen("\"attention.output.dense\"", others, 8, "....x...");
    chosen("\"output.dense\"", others, 8, "....xx..");
}

static void globs_match_as_in_a_shell(void **state) {
    (void)state;
    chosen("\"*_proj\"", llama, 8, "xxxxxxx.");
    chosen("\"[qv]_proj\"", llama, 8, "xx...x..");
    chosen("\"layers.1?.*\"", llama, 8, ".....xx.");
    chosen("\"mlp.*\"", llama, 8, "...xx.x.");
    chosen("[\"q_proj\", \"mlp.*\"]", llama, 8, "x..xxxx.");
}

static void layer_ranges_restrict(void **state) {
    (void)state;
    chosen("{\"modules\": \"attention\", \"layers\": \"4-11\"}", llama, 8, ".....x..");
    chosen("{\"modules\": [\"q_proj\", \"mlp\"], \"layers\": 0}", llama, 8, "x..xx...");
    chosen("{\"modules\": \"all-linear\", \"layers\": \"0,11\"}", llama, 8, "xxxxxxx.");
    chosen("{\"modules\": \"all-linear\", \"layers\": [1, \"2-10\"]}", llama, 8, "........");
    chosen("{\"modules\": \"lm_head\", \"layers\": \"0-99\"}", llama, 8, "........");
    chosen("{\"modules\": \"q_proj\"}", llama, 8, "x....x..");
}

static void refused(const char *json, const char *message) {
    json_t *spec = spec_of(json);
    struct err e = {0};
    assert_int_equal(target_check(spec, &e), ERR_USER);
    if (!strstr(e.msg, message)) fail_msg("%s: expected '%s' in '%s'", json, message, e.msg);
    json_decref(spec);
}

static void malformed_specs_are_refused(void **state) {
    (void)state;
    refused("\"all_linear\"", "did you mean 'all-linear'?");
    refused("[\"atention\"]", "did you mean 'attention'?");
    refused("[]", "empty");
    refused("\"\"", "must be all-linear");
    refused("7", "must be all-linear");
    refused("null", "must be all-linear");
    refused("[[\"q_proj\"]]", "must be all-linear");
    refused("[{\"modules\": \"mlp\"}]", "must be all-linear");
    refused("{\"modules\": \"mlp\", \"layer\": 3}", "unknown key 'layer' (did you mean 'layers'?)");
    refused("{\"layers\": \"4-11\"}", "needs modules");
    refused("{\"modules\": \"*a*a*a*a*a*a*b\"}", "stars");
    const char *const layers[] = {
        "\"11-4\"", "\"4-\"", "\"-4\"", "\"a\"", "\"\"",    "-1",    "1.5",
        "\"1,,2\"", "[]",     "true",   "{}",    "\"1 2\"", "10000", "\"0-99999999999999999999\""};
    for (size_t i = 0; i < ARRAY_LEN(layers); i++) {
        char json[100];
        snprintf(json, sizeof json, "{\"modules\": \"mlp\", \"layers\": %s}", layers[i]);
        refused(json, "layers must be numbers");
    }
}

static void accepted(const char *json) {
    json_t *spec = spec_of(json);
    struct err e = {0};
    if (target_check(spec, &e)) fail_msg("%s: %s", json, e.msg);
    json_decref(spec);
}

static void good_specs_are_accepted(void **state) {
    (void)state;
    accepted("\"all-linear\"");
    accepted("\"query\"");
    accepted("[\"q_proj\", \"*_proj\"]");
    accepted("{\"modules\": [\"mlp\"], \"layers\": \"0, 4-11\"}");
    accepted("{\"modules\": \"mlp\", \"layers\": null}");
}

static void canonical(const char *json, const char *want, const char *name) {
    json_t *spec = spec_of(json), *normal = target_normal(spec);
    char *text = json_dumps(normal, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS),
         *shown = target_name(normal);
    assert_string_equal(text, want);
    assert_string_equal(shown, name);
    free(text);
    free(shown);
    json_decref(spec);
    json_decref(normal);
}

static void one_meaning_has_one_form_and_a_short_name(void **state) {
    (void)state;
    canonical("[\"v_proj\", \"q_proj\", \"v_proj\"]", "[\"q_proj\",\"v_proj\"]", "q_proj,v_proj");
    canonical("[\"all-linear\"]", "\"all-linear\"", "all-linear");
    canonical("{\"modules\": [\"mlp\"]}", "\"mlp\"", "mlp");
    canonical("{\"modules\": \"attention\", \"layers\": [4, \"5-10\", 11]}",
              "{\"layers\":\"4-11\",\"modules\":\"attention\"}", "attention[4-11]");
    canonical("{\"modules\": \"mlp\", \"layers\": \"7,0,1\"}", "{\"layers\":\"0-1,7\",\"modules\":\"mlp\"}",
              "mlp[0-1,7]");
    canonical("{\"modules\": \"mlp\", \"layers\": 7}", "{\"layers\":\"7\",\"modules\":\"mlp\"}", "mlp[7]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_choose_by_place),
        cmocka_unit_test(names_are_kinds_short_names_and_ends_of_paths),
        cmocka_unit_test(globs_match_as_in_a_shell),
        cmocka_unit_test(layer_ranges_restrict),
        cmocka_unit_test(malformed_specs_are_refused),
        cmocka_unit_test(good_specs_are_accepted),
        cmocka_unit_test(one_meaning_has_one_form_and_a_short_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
