/* SPDX-License-Identifier: Apache-2.0 */
/* test_template.c - the promises of templates in harness/core/data.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "harness/core/data.h"

static const struct rows_format csv = {.kind = ROWS_CSV}, jsonl = {.kind = ROWS_JSONL};

static struct rows *table(const char *text, const struct rows_format *f) {
    struct rows *r = NULL;
    struct err e = {0};
    if (rows_parse(&r, "mem", text, strlen(text), f, &e)) fail_msg("%s", e.msg);
    return r;
}

static void expect_text(const struct rows *r, const char *text, long i, const char *want) {
    struct template *t = NULL;
    struct err e = {0};
    if (template_compile(&t, text, r, &e)) fail_msg("%s", e.msg);
    struct strbuf b = {0};
    if (template_render(t, i, &b, &e)) fail_msg("%s", e.msg);
    assert_string_equal(b.s ? b.s : "", want);
    strbuf_release(&b);
    template_free(t);
}

static void expect_refused(const struct rows *r, const char *text, const char *part) {
    struct template *t = NULL;
    struct err e = {0};
    assert_int_equal(template_compile(&t, text, r, &e), ERR_USER);
    if (!strstr(e.msg, part)) fail_msg("'%s' lacks '%s'", e.msg, part);
}

static void references_are_replaced_by_name_and_number(void **state) {
    (void)state;
    struct rows *r = table("question,answer\nWhy?,\"Because,\nso\"\n2+2,4\n", &csv);
    expect_text(r, "Question: {question}\nAnswer: {answer}", 0, "Question: Why?\nAnswer: Because,\nso");
    expect_text(r, "{2}{1}", 1, "42+2");
    expect_text(r, "no reference", 1, "no reference");
    expect_text(r, "", 1, "");
    rows_free(r);
}

static void doubled_braces_are_braces(void **state) {
    (void)state;
    struct rows *r = table("a\nx\n", &csv);
    expect_text(r, "{{a}} {{{a}}} }}{{", 0, "{a} {x} }{");
    rows_free(r);
}

static void braces_in_data_are_data(void **state) {
    (void)state;
    struct rows *r = table("a,b\n{b},}{\n", &csv);
    expect_text(r, "{a}{b}", 0, "{b}}{");
    rows_free(r);
}

static void pieces_tell_template_from_data(void **state) {
    (void)state;
    struct rows *r = table("a,b\n<|x|>,\n", &csv);
    struct template *t;
    struct err e = {0};
    assert_int_equal(template_compile(&t, "<|user|>{a}{b}{{end", r, &e), 0);
    static const struct {
        const char *s;
        bool is_field;
    } want[] = {{"<|user|>", false}, {"<|x|>", true}, {"", true}, {"{end", false}};
    assert_int_equal(template_pieces(t), ARRAY_LEN(want));
    for (int k = 0; k < template_pieces(t); k++) {
        struct template_piece p;
        assert_int_equal(template_piece(t, 0, k, &p, &e), 0);
        assert_int_equal(p.len, strlen(want[k].s));
        assert_memory_equal(p.s, want[k].s, p.len);
        assert_int_equal(p.is_field, want[k].is_field);
    }
    template_free(t);
    rows_free(r);
}

static void an_unknown_column_lists_the_columns_and_suggests(void **state) {
    (void)state;
    struct rows *r = table("question,answer\nq,a\n", &csv);
    expect_refused(r, "{qestion}", "did you mean 'question'?");
    expect_refused(r, "{qestion}", "'question', 'answer'");
    expect_refused(r, "{3}", "unknown column '3'");
    expect_refused(r, "{ question }", "unknown column");
    rows_free(r);
    r = table("{\"question\":\"q\"}\n{\"other\":\"q\"}\n", &jsonl);
    expect_refused(r, "{answer}", "'question', 'other'");
    rows_free(r);
}

static void misplaced_braces_are_refused(void **state) {
    (void)state;
    struct rows *r = table("a,b\n1,2\n", &csv);
    expect_refused(r, "x {a", "has no '}'");
    expect_refused(r, "x {a {b}", "has no '}'");
    expect_refused(r, "x {", "has no '}'");
    expect_refused(r, "a} x", "without '{'");
    expect_refused(r, "{}", "empty reference");
    expect_refused(r, "{a}\xff", "UTF-8");
    rows_free(r);
}

static void a_name_that_columns_share_is_refused(void **state) {
    (void)state;
    struct rows *r = table("a,b,a\n1,2,3\n", &csv);
    expect_refused(r, "{a}", "more than one column 'a'");
    expect_text(r, "{3}{b}{1}", 0, "321");
    rows_free(r);
}

static void a_row_without_the_column_names_its_line(void **state) {
    (void)state;
    struct rows *r = table("a,b\n1,2\n3\n", &csv);
    struct template *t;
    struct err e = {0};
    struct strbuf b = {0};
    assert_int_equal(template_compile(&t, "{b}", r, &e), 0);
    assert_int_equal(template_render(t, 1, &b, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "mem:3: "));
    strbuf_release(&b);
    template_free(t);
    rows_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_are_replaced_by_name_and_number),
        cmocka_unit_test(doubled_braces_are_braces),
        cmocka_unit_test(braces_in_data_are_data),
        cmocka_unit_test(pieces_tell_template_from_data),
        cmocka_unit_test(an_unknown_column_lists_the_columns_and_suggests),
        cmocka_unit_test(misplaced_braces_are_refused),
        cmocka_unit_test(a_name_that_columns_share_is_refused),
        cmocka_unit_test(a_row_without_the_column_names_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
