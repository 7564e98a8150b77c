/* SPDX-License-Identifier: Apache-2.0 */
/* test_checks.c - options that a method refuses, by name and before anything runs; and what it says of a file
 * of PEFT that it does not compute. */
#include "tests/engine.h"

static const struct {
    const char *method, *over, *says; /* says NULL: taken */
} cases[] = {
    {"dora", "{\"lora_dropout\": 0.1}", "lora_dropout"},
    {"dora", NULL, NULL},
    {"delta_lora", "{\"lora_dropout\": 0.1}", "lora_dropout"},
    {"pissa", "{\"lora_alpha\": 0}", "lora_alpha"},
    {"pissa", NULL, NULL},
    {"ia3", "{\"feedforward_modules\": 5}", "feedforward_modules: must be"},
    {"ia3", "{\"feedforward_modules\": [\"a\", 5]}", "feedforward_modules: must be"},
    {"ia3", "{\"feedforward_modules\": {\"modules\": \"mlp\", \"layers\": \"x\"}}", "feedforward_modules: "},
    {"ia3", "{\"feedforward_modules\": []}", NULL},
    {"ia3", "{\"feedforward_modules\": {\"modules\": \"mlp\", \"layers\": 0}}", NULL},
    {"ia3", NULL, NULL},
};

static void contradictions_are_refused_by_name(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = {0};
        char warn[256] = "";
        json_t *c = engine_config(cases[i].method, cases[i].over);
        int rc = method_find(cases[i].method)->check(c, warn, sizeof warn, &e);
        assert_int_equal(rc, cases[i].says ? ERR_USER : 0);
        if (cases[i].says && (!strstr(e.msg, cases[i].says) || strstr(e.msg, "target_modules")))
            fail_msg("%s %s: %s", cases[i].method, cases[i].over, e.msg);
        json_decref(c);
    }
}

static const struct {
    const char *method, *peft, *says;
} files[] = {
    {"rslora", "{\"use_rslora\": true, \"r\": 2}", NULL},
    {"rslora", "{\"use_rslora\": false}", "use_rslora"},
    {"dora", "{\"use_dora\": true, \"lora_alpha\": 3}", NULL},
    {"dora", "{\"r\": 2}", "use_dora"},
    {"pissa", "{\"init_lora_weights\": \"pissa\"}", NULL},
    {"pissa", "{\"init_lora_weights\": \"pissa_niter_4\"}", "init_lora_weights"},
    {"pissa", "{\"init_lora_weights\": true}", "init_lora_weights"},
    {"ia3", "{\"feedforward_modules\": [\"down_proj\"]}", NULL},
    {"ia3", "{\"feedforward_modules\": \".*mlp.*\"}", "feedforward_modules"},
};

static void files_of_peft_are_read_or_refused_by_the_field(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct err e = {0};
        json_t *peft = json_loads(files[i].peft, 0, NULL), *cfg = json_object();
        int rc = method_find(files[i].method)->read_config(peft, cfg, &e);
        if (!files[i].says != !rc || (rc && !strstr(e.msg, files[i].says)))
            fail_msg("%s %s: %d %s", files[i].method, files[i].peft, rc, e.msg);
        json_decref(peft), json_decref(cfg);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contradictions_are_refused_by_name),
        cmocka_unit_test(files_of_peft_are_read_or_refused_by_the_field),
    };
    return cmocka_run_group_tests_name("checks", tests, NULL, NULL);
}
