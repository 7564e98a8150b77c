/* SPDX-License-Identifier: Apache-2.0 */
/* test_chat.c - chat templates render as in transformers, or are refused by name. The cases:
 * tests/golden/make_chat_templates.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "harness/nn/text/chat.h"

static void templates_of_models_give_the_text_of_transformers(void **state) {
    (void)state;
    json_t *all = json_load_file("tests/golden/chat_templates.json", 0, NULL), *one;
    const json_t *variables = json_object_get(all, "variables");
    size_t i;
    assert_true(json_array_size(json_object_get(all, "cases")) >= 8);
    json_array_foreach(json_object_get(all, "cases"), i, one) {
        struct strbuf out = {0};
        struct err e = {0};
        const char *want = json_string_value(json_object_get(one, "text")),
                   *name = json_string_value(json_object_get(one, "name"));
        int rc = chat_render(json_string_value(json_object_get(one, "template")), variables, &out, &e);
        strbuf_addc(&out, 0);
        if (!want) {
            assert_int_equal(rc, ERR_USER);
            assert_non_null(strstr(e.msg, "not implemented in chat templates"));
        } else if (rc || strcmp(out.s, want) != 0) {
            fail_msg("%s: '%s' %s, not '%s'", name, out.s, e.msg, want);
        }
        strbuf_release(&out);
    }
    json_decref(all);
}

static void what_is_broken_or_refuses_is_an_error(void **state) {
    (void)state;
    static const char *const bad[][2] = {{"{{ 'a' ", "does not close"},
                                         {"{% if %}x{% endif %}", "ends too early"},
                                         {"{{ raise_exception('no system turn') }}", "no system turn"},
                                         {"{{ x.y() }}", "not there"},
                                         {"{{ messages }}", "no text"},
                                         {"{{ 1 2 }}", "goes on otherwise"},
                                         {"{% for a, b in c %}{% endfor %}", "not implemented"},
                                         {"{% include 'x' %}", "include"}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct strbuf out = {0};
        struct err e = {0};
        json_t *vars = json_pack("{s[i]}", "messages", 1);
        assert_int_equal(chat_render(bad[i][0], vars, &out, &e), ERR_USER);
        if (!strstr(e.msg, bad[i][1])) fail_msg("%s: %s", bad[i][0], e.msg);
        json_decref(vars);
        strbuf_release(&out);
    }
}

static void trimming_leaves_the_marks_around_what_is_a_users(void **state) {
    (void)state;
    struct strbuf out = {0};
    struct err e = {0};
    json_t *vars = json_pack("{ss}", "x", " " CHAT_OPEN "  a b \n" CHAT_CLOSE " ");
    assert_int_equal(chat_render("<{{ x | trim }}>", vars, &out, &e), 0);
    strbuf_addc(&out, 0);
    assert_string_equal(out.s, "<" CHAT_OPEN "a b" CHAT_CLOSE ">");
    json_decref(vars);
    strbuf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_of_models_give_the_text_of_transformers),
        cmocka_unit_test(what_is_broken_or_refuses_is_an_error),
        cmocka_unit_test(trimming_leaves_the_marks_around_what_is_a_users),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
