/* SPDX-License-Identifier: Apache-2.0 */
/* test_table.c - tables as text, Markdown, CSV and JSON; numbers for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/table/table.h"

static void assert_number(enum table_kind kind, double v, const char *want) {
    char text[TABLE_FORMAT_MAX];
    table_format_num(text, kind, v);
    assert_string_equal(text, want);
}

static void test_numbers_are_written_for_people(void **state) {
    (void)state;
    assert_number(TABLE_COUNT, 0, "0");
    assert_number(TABLE_COUNT, 999, "999");
    assert_number(TABLE_COUNT, 460800, "460.8 k");
    assert_number(TABLE_COUNT, 999999, "1.0 M");
    assert_number(TABLE_COUNT, 134515008, "134.5 M");
    assert_number(TABLE_BYTES, 960, "960 B");
    assert_number(TABLE_BYTES, 513.4 * 1048576, "513 MiB");
    assert_number(TABLE_BYTES, 12.3 * 1048576, "12.3 MiB");
    assert_number(TABLE_BYTES, 5e15, "4547 TiB");
    assert_number(TABLE_LOSS, 1.53081, "1.5308");
    assert_number(TABLE_LOSS, 123456, "1.235e+05");
    assert_number(TABLE_LOSS, NAN, "diverged");
    assert_number(TABLE_LOSS, INFINITY, "inf");
    assert_number(TABLE_RATE, 5e-4, "5e-4");
    assert_number(TABLE_RATE, 0.00125, "1.25e-3");
    assert_number(TABLE_RATE, 1, "1e0");
    assert_number(TABLE_RATE, 0, "0");
    assert_number(TABLE_SECONDS, 0.0123, "0.0123 s");
    assert_number(TABLE_SECONDS, 12.34, "12.3 s");
    assert_number(TABLE_SECONDS, 245, "4m 05s");
    assert_number(TABLE_SECONDS, 7500, "2h 05m");
    assert_number(TABLE_PERCENT, 0.00343, "0.34 %");
    assert_number(TABLE_PERCENT, 0.254, "25.4 %");
}

/* method, lr, loss, note; the last column only for data */
static struct table *sample(void) {
    struct table *t = table_new();
    table_column(t, "method", "method", TABLE_TEXT, TABLE_BOTH);
    table_column(t, "lr", "rate", TABLE_RATE, TABLE_BOTH);
    table_column(t, "eval_loss", "eval loss", TABLE_LOSS, TABLE_BOTH);
    table_column(t, "note", "note", TABLE_TEXT, TABLE_DATA);
    table_text(t, "none");
    table_null(t);
    table_num(t, 2.5);
    table_text(t, "a,b \"c\"\nd");
    table_text(t, "lora|\xc3\xa9");
    table_num(t, 5e-4);
    table_num(t, NAN);
    table_text(t, NULL);
    return t;
}

static void assert_written(const struct table *t, enum table_format f, int width, const char *want) {
    struct strbuf b = {0};
    table_write(t, f, width, &b);
    assert_string_equal(b.s, want);
    strbuf_release(&b);
}

static void test_text_is_aligned_without_trailing_blanks(void **state) {
    (void)state;
    struct table *t = sample();
    assert_written(t, TABLE_AS_TEXT, 100,
                   "method  rate  eval loss\n"
                   "------  ----  ---------\n"
                   "none       -     2.5000\n"
                   "lora|\xc3\xa9  5e-4   diverged\n");
    table_free(t);
}

static void test_markdown_escapes_what_would_break_it(void **state) {
    (void)state;
    struct table *t = sample();
    assert_written(t, TABLE_AS_MARKDOWN, 0,
                   "| method | rate | eval loss |\n"
                   "|---|---:|---:|\n"
                   "| none | - | 2.5000 |\n"
                   "| lora\\|\xc3\xa9 | 5e-4 | diverged |\n");
    table_free(t);
}

static void test_csv_quotes_and_gives_exact_numbers(void **state) {
    (void)state;
    struct table *t = sample();
    assert_written(t, TABLE_AS_CSV, 0,
                   "method,lr,eval_loss,note\n"
                   "none,,2.5,\"a,b \"\"c\"\"\nd\"\n"
                   "lora|\xc3\xa9,0.0005,nan,\n");
    table_free(t);
}

static void test_json_reads_back_the_same_values(void **state) {
    (void)state;
    struct table *t = sample();
    struct strbuf b = {0};
    table_write(t, TABLE_AS_JSON, 0, &b);
    json_t *v = json_loads(b.s, 0, NULL);
    assert_non_null(v);
    assert_int_equal(json_array_size(v), 2);
    json_t *row = json_array_get(v, 1);
    assert_true(json_real_value(json_object_get(row, "lr")) == 5e-4);
    assert_true(json_is_null(json_object_get(row, "eval_loss")));
    assert_string_equal(json_string_value(json_object_get(json_array_get(v, 0), "note")), "a,b \"c\"\nd");
    json_decref(v);
    strbuf_release(&b);
    table_free(t);
    v = json_pack("{s:f,s:f,s:f,s:[],s:{},s:I}", "third", 1.0 / 3, "whole", 40.0, "tiny", 5e-324, "list",
                  "object", "big", (json_int_t)INT64_MAX);
    table_json_write(v, &b);
    json_t *back = json_loads(b.s, 0, NULL);
    assert_non_null(strstr(b.s, "\"whole\": 40.0,"));
    assert_true(json_equal(v, back));
    json_decref(v);
    json_decref(back);
    strbuf_release(&b);
}

static void test_wide_text_is_shortened_but_ids_and_numbers_never(void **state) {
    (void)state;
    struct table *t = table_new();
    struct strbuf b = {0};
    table_column(t, "id", "id", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "targets", "targets", TABLE_TEXT, TABLE_BOTH);
    table_column(t, "n", "n", TABLE_PLAIN, TABLE_BOTH);
    table_text(t, "0123456789012345678901234567890123456789");
    table_text(t, "q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj");
    table_int(t, 1234567890123456789);
    table_write(t, TABLE_AS_TEXT, 60, &b);
    assert_non_null(strstr(b.s, "0123456789012345678901234567890123456789  q_proj,k_proj\xe2\x80\xa6"));
    assert_non_null(strstr(b.s, "1234567890123456789"));
    strbuf_reset(&b);
    table_write(t, TABLE_AS_TEXT, 0, &b);
    assert_non_null(strstr(b.s, "down_proj"));
    strbuf_release(&b);
    table_free(t);
}

static void test_hostile_text_cannot_steer_the_terminal(void **state) {
    (void)state;
    char *s = table_clean("a\x1b[31m\xff\xc2\x9bz\n\xe2\x82\xac");
    assert_string_equal(s, "a [31m? z \xe2\x82\xac");
    assert_int_equal(table_width(s), 11);
    free(s);
    assert_int_equal(table_width("\xe4\xb8\xad"), 2); /* a wide character */
    s = table_clean("");
    assert_string_equal(s, "");
    free(s);
    struct table *t = table_new();
    table_column(t, "x", "x", TABLE_TEXT, TABLE_BOTH);
    table_text(t, "\xff\xfe");
    json_t *v = table_json(t);
    assert_string_equal(json_string_value(json_object_get(json_array_get(v, 0), "x")), "??");
    json_decref(v);
    table_free(t);
}

static void test_an_empty_table_is_its_header(void **state) {
    (void)state;
    struct table *t = table_new();
    table_column(t, "x", "x", TABLE_TEXT, TABLE_BOTH);
    assert_written(t, TABLE_AS_TEXT, 100, "x\n-\n");
    assert_written(t, TABLE_AS_CSV, 100, "x\n");
    assert_written(t, TABLE_AS_JSON, 100, "[]\n");
    table_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_written_for_people),
        cmocka_unit_test(test_text_is_aligned_without_trailing_blanks),
        cmocka_unit_test(test_markdown_escapes_what_would_break_it),
        cmocka_unit_test(test_csv_quotes_and_gives_exact_numbers),
        cmocka_unit_test(test_json_reads_back_the_same_values),
        cmocka_unit_test(test_wide_text_is_shortened_but_ids_and_numbers_never),
        cmocka_unit_test(test_hostile_text_cannot_steer_the_terminal),
        cmocka_unit_test(test_an_empty_table_is_its_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
