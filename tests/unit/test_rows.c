/* SPDX-License-Identifier: Apache-2.0 */
/* test_rows.c - the promises of rows in harness/core/data.h: what JSONL, CSV and TSV text become, and what is
 * refused, where.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/core/data.h"

static const struct rows_format jsonl = {.kind = ROWS_JSONL}, csv = {.kind = ROWS_CSV},
                                tsv = {.kind = ROWS_TSV};
static const struct rows_format tsv_bare = {.kind = ROWS_TSV, .no_header = true, .literal_quotes = true};

static struct rows *parse_n(const void *text, size_t n, const struct rows_format *f) {
    struct rows *r = NULL;
    struct err e = {0};
    if (rows_parse(&r, "mem", text, n, f, &e)) fail_msg("%s", e.msg);
    return r;
}

static struct rows *parse(const char *text, const struct rows_format *f) {
    return parse_n(text, strlen(text), f);
}

/* Field `name` of row i must read `want`. */
static void expect_field(const struct rows *r, long i, const char *name, const char *want) {
    struct err e = {0};
    size_t len = 0;
    int c = rows_column(r, name);
    if (c < 0) fail_msg("no column %s", name);
    const char *s = rows_field(r, i, c, &len, &e);
    if (!s) fail_msg("%s", e.msg);
    if (len != strlen(want) || memcmp(s, want, len))
        fail_msg("row %ld %s: '%.*s', want '%s'", i, name, (int)len, s, want);
}

static void expect_bad_field(const struct rows *r, long i, const char *name, const char *part) {
    struct err e = {0};
    size_t len;
    int c = rows_column(r, name);
    assert_true(c >= 0);
    assert_null(rows_field(r, i, c, &len, &e));
    assert_int_equal(e.code, ERR_USER);
    if (!strstr(e.msg, part)) fail_msg("'%s' lacks '%s'", e.msg, part);
}

static void expect_refused_n(const void *text, size_t n, const struct rows_format *f, const char *part) {
    /* An exact copy on the heap: a sanitizer sees a read beyond its end. */
    char *copy = malloc(n ? n : 1);
    memcpy(copy, text, n);
    struct rows *r = NULL;
    struct err e = {0};
    int code = rows_parse(&r, "mem", copy, n, f, &e);
    free(copy);
    if (!code) fail_msg("accepted: %.60s", (const char *)text);
    assert_int_equal(code, ERR_USER);
    assert_int_equal(e.code, ERR_USER);
    if (!strstr(e.msg, part)) fail_msg("'%s' lacks '%s'", e.msg, part);
}

static void expect_refused(const char *text, const struct rows_format *f, const char *part) {
    expect_refused_n(text, strlen(text), f, part);
}

/* ---- JSONL --------------------------------------------------------------------------------------------- */

static void jsonl_values_are_text_as_written(void **state) {
    (void)state;
    struct rows *r = parse("{\"a\": \"x y\", \"b\": 1.50e+3, \"c\": true, \"d\": null}\n"
                           "{\"d\":-0,\"c\" :false , \"b\":\"\",\"a\":\"tab\\there\"}",
                           &jsonl);
    assert_int_equal(rows_count(r), 2);
    assert_int_equal(rows_columns(r), 4);
    assert_string_equal(rows_column_name(r, 2), "c");
    expect_field(r, 0, "a", "x y");
    expect_field(r, 0, "b", "1.50e+3");
    expect_field(r, 0, "c", "true");
    expect_field(r, 0, "d", "");
    expect_field(r, 1, "a", "tab\there");
    expect_field(r, 1, "b", "");
    expect_field(r, 1, "d", "-0");
    expect_field(r, 1, "2", ""); /* by 1-based number: b */
    rows_free(r);
}

static void jsonl_escapes_become_utf8(void **state) {
    (void)state;
    struct rows *r =
        parse("{\"a\": \"\\\"\\\\\\/\\b\\f\\n\\r\\t|\\u0041\\u00e9\\u20AC\\ud83d\\ude00|\xc3\xa9\", "
              "\"k\\u0065y\": \"v\"}",
              &jsonl);
    expect_field(r, 0, "a", "\"\\/\b\f\n\r\t|A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80|\xc3\xa9");
    expect_field(r, 0, "key", "v");
    rows_free(r);
}

static void bom_crlf_and_blank_lines_are_tolerated(void **state) {
    (void)state;
    struct rows *r = parse("\xef\xbb\xbf\r\n{\"a\":\"1\"}\r\n\r\n   \n{\"a\":\"2\"}\r\n\n", &jsonl);
    assert_int_equal(rows_count(r), 2);
    expect_field(r, 0, "a", "1");
    expect_field(r, 1, "a", "2");
    assert_int_equal(rows_line(r, 0), 2);
    assert_int_equal(rows_line(r, 1), 5);
    rows_free(r);
    r = parse("\xef\xbb\xbf"
              "a,b\r\n\r\n1,2\r\n3,\"4\"\r\n",
              &csv);
    assert_int_equal(rows_count(r), 2);
    expect_field(r, 0, "a", "1");
    expect_field(r, 0, "b", "2");
    expect_field(r, 1, "b", "4");
    rows_free(r);
    r = parse("a\tb\r\n1\t2\r\n", &tsv);
    expect_field(r, 0, "b", "2");
    rows_free(r);
}

static void a_key_that_first_rows_lack_is_found(void **state) {
    (void)state;
    struct rows *r = parse("{\"a\":1}\n{\"a\":2}\n{\"b\":3,\"a\":4}\n", &jsonl);
    assert_int_equal(rows_columns(r), 1);
    assert_int_equal(rows_column(r, "b"), 1);
    assert_int_equal(rows_column(r, "c"), -1);
    assert_int_equal(rows_column(r, "3"), -1);
    expect_field(r, 2, "b", "3");
    expect_bad_field(r, 0, "b", "mem:1: this row has no 'b'");
    rows_free(r);
}

static void nested_values_are_refused_only_when_used(void **state) {
    (void)state;
    struct rows *r = parse(
        "{\"a\":[1,{\"x\":[]},[[]],\"]\"],\"b\":{},\"c\":\"ok\",\"d\":[ ],\"e\":{\"k\" : {\"l\":null}}}",
        &jsonl);
    expect_field(r, 0, "c", "ok");
    expect_bad_field(r, 0, "a", "mem:1: 'a' is a list or an object");
    expect_bad_field(r, 0, "b", "list or an object");
    expect_bad_field(r, 0, "e", "list or an object");
    rows_free(r);
}

static void rows_that_are_not_json_say_line_and_reason(void **state) {
    (void)state;
    static const char *const bad[][2] = {
        {"{\"a\":1", "ends inside the object"},
        {"{\"a\":\"x", "ends inside a string"},
        {"{\"a\":\"x\\", "ends inside a string"},
        {"{\"a\":1}}", "text behind the object"},
        {"{\"a\":1} {\"a\":2}", "text behind the object"},
        {"{\"a\":1,}", "key in double quotes"},
        {"{a:1}", "key in double quotes"},
        {"{\"a\" 1}", "':' is missing"},
        {"{\"a\":1 \"b\":2}", "',' or '}'"},
        {"{\"a\":[1 2]}", "',' or ']'"},
        {"{\"a\":[1,]}", "not a JSON value"},
        {"{\"a\":[}", "not a JSON value"},
        {"{\"a\":NaN}", "not a JSON value"},
        {"{\"a\":nul}", "not a JSON value"},
        {"{\"a\":01}", "leading zero"},
        {"{\"a\":1.}", "behind its point"},
        {"{\"a\":1e}", "exponent"},
        {"{\"a\":-}", "not a JSON value"},
        {"{\"a\":\"\\x\"}", "unknown escape"},
        {"{\"a\":\"\\u12\"}", "four hex digits"},
        {"{\"a\":\"\\u0000\"}", "NUL"},
        {"{\"a\":\"\\ud800\"}", "lone surrogate"},
        {"{\"a\":\"\\ud800\\u0041\"}", "lone surrogate"},
        {"{\"a\":\"\\udc00\"}", "lone surrogate"},
        {"{\"a\":\"tab\there\"}", "control character"},
        {"{\"a\":1,\"a\":2}", "twice"},
        {"\"text\"", "not a JSON object"},
        {"42", "not a JSON object"},
    };
    for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
        expect_refused(bad[k][0], &jsonl, bad[k][1]); /* the first row is read at once */
        char *text = xasprintf("{\"a\":1}\n\n%s\n{\"a\":2}\n", bad[k][0]);
        struct rows *r = parse(text, &jsonl);
        expect_bad_field(r, 1, "a", "mem:3: ");
        expect_bad_field(r, 1, "a", bad[k][1]);
        expect_field(r, 2, "a", "2");
        rows_free(r);
        free(text);
    }
    expect_refused("[{\"a\":1},\n{\"a\":2}]", &jsonl, "one JSON list");
}

static void deep_nesting_and_many_keys_end_in_an_error(void **state) {
    (void)state;
    struct strbuf b = {0};
    strbuf_adds(&b, "{\"a\":");
    for (int k = 0; k < 100000; k++) strbuf_addc(&b, '[');
    expect_refused(b.s, &jsonl, "nested deeper");
    strbuf_reset(&b);
    for (int k = 0; k < 20000; k++) strbuf_addf(&b, "%s\"k%d\":1", k ? "," : "{", k);
    strbuf_adds(&b, "}");
    expect_refused(b.s, &jsonl, "different keys");
    strbuf_release(&b);
}

/* ---- CSV and TSV --------------------------------------------------------------------------------------- */

static void csv_quotes_follow_rfc_4180(void **state) {
    (void)state;
    struct rows *r = parse("name,text\n"
                           "plain,a b\n"
                           "\"a, b\",\"line one\nline \"\"two\"\"\r\nthree\"\n"
                           "\"\",\"\"\"\"\n"
                           "5\" disk,it's \"so\"\n"
                           ",\n"
                           "last,\"end\"",
                           &csv);
    assert_int_equal(rows_count(r), 6);
    expect_field(r, 0, "text", "a b");
    expect_field(r, 1, "name", "a, b");
    expect_field(r, 1, "text", "line one\nline \"two\"\r\nthree");
    expect_field(r, 2, "name", "");
    expect_field(r, 2, "text", "\"");
    expect_field(r, 3, "name", "5\" disk");
    expect_field(r, 3, "text", "it's \"so\"");
    expect_field(r, 4, "name", "");
    expect_field(r, 4, "2", "");
    expect_field(r, 5, "text", "end");
    assert_int_equal(rows_line(r, 2), 6);
    rows_free(r);
}

static void quoted_header_names_are_read(void **state) {
    (void)state;
    struct rows *r = parse("\"a \"\"x\"\"\",\"b\nc\",\n1,2,3\n", &csv);
    assert_string_equal(rows_column_name(r, 0), "a \"x\"");
    expect_field(r, 0, "b\nc", "2");
    expect_field(r, 0, "", "3");
    rows_free(r);
}

static void unbalanced_quotes_name_the_line_where_they_open(void **state) {
    (void)state;
    expect_refused("a,b\n1,2\n3,\"open\nmore\nand more\n", &csv, "mem:3: a quote opens");
    expect_refused("a,b\n\"", &csv, "mem:2: a quote opens");
    expect_refused("a,b\n\"x\"y,2\n", &csv, "mem:2: text behind a closing quote");
    expect_refused("a,b\n1,\"x\ny\" ,2\n", &csv, "mem:3: text behind a closing quote (opened on line 2)");
}

static void literal_quotes_are_characters(void **state) {
    (void)state;
    struct rows *r = parse("g\t1\t\"Then he was gone.\tback.\n"
                           "g\t2\tsay \"hi\"\t\"\"\r\n",
                           &tsv_bare);
    assert_int_equal(rows_count(r), 2);
    assert_string_equal(rows_column_name(r, 3), "4");
    expect_field(r, 0, "3", "\"Then he was gone.");
    expect_field(r, 0, "4", "back.");
    expect_field(r, 1, "3", "say \"hi\"");
    expect_field(r, 1, "4", "\"\"");
    assert_int_equal(rows_column(r, "5"), -1);
    assert_int_equal(rows_column(r, "0"), -1);
    assert_int_equal(rows_column(r, "1x"), -1);
    assert_int_equal(rows_column(r, "99999999999999999999"), -1);
    rows_free(r);
}

/* Each of the quotes stands at the start of a text: rows are not joined. */
static void quotes_in_tsv_swallow_neither_rows_nor_tabs(void **state) {
    (void)state;
    const char *six = "a\tb\n\"one\tx\ntwo\ty\nthree\"\tz\n\"four\tx\nfive\ty\nsix\"\tz\n";
    expect_refused(six, &tsv,
                   "mem:2: a quote opens a field here and closes on line 4: if quotes are ordinary");
    const struct rows_format literal = {.kind = ROWS_TSV, .literal_quotes = true};
    struct rows *r = parse(six, &literal);
    assert_int_equal(rows_count(r), 6);
    expect_field(r, 0, "a", "\"one");
    expect_field(r, 5, "a", "six\"");
    rows_free(r);
    r = parse("a\tb\tc\n\"x\ty\"\tz\n\"p\tq\"\tr\ts\n\"u\"\tv\tw\n\"only\"\n", &tsv);
    expect_bad_field(r, 0, "a", "mem:2: quotes enclose a tab, and the row has 2 of 3 cells");
    expect_field(r, 1, "a", "p\tq"); /* of a writer that quotes: all its cells are there */
    expect_field(r, 2, "a", "u");
    expect_field(r, 3, "a", "only");
    rows_free(r);
}

static void extra_cells_of_tsv_are_tolerated_and_missing_ones_only_when_unused(void **state) {
    (void)state;
    struct rows *r = parse("a\tb\tc\n1\t2\t3\t4\t5\n1\t2\n\t\t\n", &tsv);
    assert_int_equal(rows_count(r), 3);
    assert_int_equal(rows_columns(r), 3);
    expect_field(r, 0, "c", "3");
    expect_field(r, 1, "b", "2");
    expect_bad_field(r, 1, "c", "mem:3: this row has no 'c' (column 3)");
    expect_field(r, 2, "c", "");
    rows_free(r);
}

static void an_unquoted_comma_in_csv_is_told_not_cut_off(void **state) {
    (void)state;
    struct rows *r = parse("a,b\n1,2\n3,\"four, five\"\n6,seven, eight\n9,\n", &csv);
    expect_field(r, 1, "b", "four, five");
    expect_bad_field(r, 2, "a", "mem:4: the row has 3 cells, the header 2: quote fields that contain commas");
    expect_field(r, 3, "b", "");
    rows_free(r);
    r = parse("a,b\n1,2,\n3,4,,\r\n5,6,\"\"\n7,8,,9\n", &csv); /* as spreadsheets write it */
    expect_field(r, 0, "b", "2");
    expect_field(r, 1, "b", "4");
    expect_field(r, 2, "b", "6");
    expect_bad_field(r, 3, "a", "mem:5: the row has 4 cells, the header 2: quote fields that contain commas");
    rows_free(r);
    /* without a header, nothing says how many are right */
    struct rows_format bare = {.kind = ROWS_CSV, .no_header = true};
    r = parse("1,2\n3,4,5\n", &bare);
    expect_field(r, 1, "2", "4");
    rows_free(r);
}

static void a_name_goes_before_a_number(void **state) {
    (void)state;
    struct rows *r = parse("2,1,x\nA,B,C\n", &csv);
    expect_field(r, 0, "2", "A");
    expect_field(r, 0, "1", "B");
    expect_field(r, 0, "3", "C");
    rows_free(r);
}

static void very_wide_rows_are_cut_not_overrun(void **state) {
    (void)state;
    struct strbuf b = {0};
    for (int line = 0; line < 2; line++) {
        for (int k = 0; k < 10000; k++) strbuf_addf(&b, "%sc%d", k ? "," : "", k);
        strbuf_addc(&b, '\n');
    }
    struct rows *r = parse(b.s, &csv);
    assert_int_equal(rows_columns(r), 4096);
    expect_field(r, 0, "c4095", "c4095");
    rows_free(r);
    strbuf_release(&b);
}

/* ---- what no format accepts ---------------------------------------------------------------------------- */

static void empty_files_have_no_rows(void **state) {
    (void)state;
    const struct rows_format *f[] = {&jsonl, &csv, &tsv, &tsv_bare};
    for (size_t k = 0; k < ARRAY_LEN(f); k++) {
        expect_refused("", f[k], "mem: has no rows");
        expect_refused("\n\r\n\n", f[k], "mem: has no rows");
        expect_refused("\xef\xbb\xbf", f[k], "mem: has no rows");
    }
    expect_refused("a,b\n", &csv, "header: false");
    struct rows *r = parse("only\tline\n", &tsv_bare);
    assert_int_equal(rows_count(r), 1);
    rows_free(r);
}

static void bad_encodings_name_the_line(void **state) {
    (void)state;
    expect_refused("{\"a\":1}\n{\"a\":\"caf\xe9\"}\n", &jsonl, "mem:2: invalid UTF-8");
    expect_refused("{\"a\":\"\xed\xa0\x80\"}\n", &jsonl, "mem:1: invalid UTF-8");
    expect_refused("a,b\n1,2\n3,\xc3", &csv, "mem:3: invalid UTF-8");
    expect_refused_n("{\"a\":1}\n{\"a\":\"x\0y\"}\n", 20, &jsonl, "mem:2: a NUL byte");
    expect_refused_n("\xff\xfe{\0\"\0", 6, &jsonl, "UTF-16");
    expect_refused_n("\x1f\x8b\x08\0\0", 5, &csv, "compressed");
    expect_refused_n("PAR1\x15\0", 6, &csv, "Parquet");
}

/* Characters of every length at every place around the steps in which the encoding is checked. */
static void valid_text_is_accepted_wherever_its_characters_fall(void **state) {
    (void)state;
    static const char *const ch[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    char text[1200];
    for (size_t k = 0; k < ARRAY_LEN(ch); k++)
        for (int at = 490; at < 530; at++) {
            memset(text, 'a', sizeof text);
            memcpy(text + at, ch[k], strlen(ch[k]));
            struct rows *r = parse_n(text, sizeof text, &tsv_bare);
            rows_free(r);
            text[at + 1] = 'a'; /* now a lead byte alone */
            expect_refused_n(text, sizeof text, &tsv_bare, "invalid UTF-8");
        }
}

static void a_row_over_100_mb_is_refused(void **state) {
    (void)state;
    size_t n = 100000100;
    char *text = malloc(n);
    memset(text, 'a', n);
    memcpy(text, "x\ny\n", 4);
    expect_refused_n(text, n, &tsv_bare, "mem:3: this row is longer than 100 MB");
    expect_refused_n(text, n, &csv, "mem:3: this row is longer than 100 MB");
    free(text);
}

/* ---- files --------------------------------------------------------------------------------------------- */

static void files_are_read_by_extension(void **state) {
    (void)state;
    char dir[] = "/tmp/bench-rows-XXXXXX";
    assert_non_null(mkdtemp(dir));
    static const char *const files[][3] = {{"x.jsonl", "{\"a\":\"v\"}\n", NULL},
                                           {"x.csv", "a\nv\n", NULL},
                                           {"x.TSV", "a\tb\nv\tw\n", NULL},
                                           {"x.txt", "a\nv\n", "say format"},
                                           {"empty.csv", "", "empty.csv: has no rows"}};
    for (size_t k = 0; k < ARRAY_LEN(files); k++) {
        char *path = path_join(dir, files[k][0]);
        struct err e = {0};
        struct rows *r = NULL;
        assert_int_equal(file_write(path, files[k][1], strlen(files[k][1]), &e), 0);
        int code = rows_open(&r, path, NULL, &e);
        assert_int_equal(code, files[k][2] ? ERR_USER : 0);
        if (files[k][2]) {
            if (!strstr(e.msg, files[k][2])) fail_msg("%s", e.msg);
        } else {
            expect_field(r, 0, "a", "v");
            assert_string_equal(rows_source(r, 0), path);
            rows_free(r);
        }
        if (!strcmp(files[k][0], "x.txt")) { /* the format can be said */
            assert_int_equal(rows_open(&r, path, &csv, &e), 0);
            rows_free(r);
        }
        unlink(path);
        free(path);
    }
    struct err e = {0};
    struct rows *r;
    assert_int_equal(rows_open(&r, dir, &csv, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "folder"));
    assert_int_equal(rows_open(&r, "/nonexistent/x.csv", NULL, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "/nonexistent/x.csv"));
    rmdir(dir);
}

/* Any bytes give rows or an error, and nothing beyond the text is read (the sanitizer build looks). */
static void random_bytes_never_crash(void **state) {
    (void)state;
    static const char alphabet[] = "{}[]\":,\\u0dn\t\n\r \"\"a1-e.";
    const struct rows_format *f[] = {&jsonl, &csv, &tsv, &tsv_bare};
    unsigned seed = 12345;
    for (int round = 0; round < 20000; round++) {
        char text[64];
        int n = rand_r(&seed) % (int)sizeof text;
        for (int k = 0; k < n; k++) text[k] = alphabet[(size_t)rand_r(&seed) % (sizeof alphabet - 1)];
        if (round % 2 && n > 6) memcpy(text, "{\"a\":", 5);
        char *copy = malloc(n ? (size_t)n : 1);
        memcpy(copy, text, (size_t)n);
        struct rows *r = NULL;
        struct err e = {0};
        if (!rows_parse(&r, "mem", copy, (size_t)n, f[round / 2 % 4], &e)) {
            for (long i = 0; i < rows_count(r); i++)
                for (int c = 0; c < rows_columns(r); c++) {
                    size_t len = 0;
                    const char *s = rows_field(r, i, c, &len, &e);
                    assert_true(!s || len <= (size_t)n);
                    if (s) assert_int_equal(utf8_valid_prefix(s, len), len);
                }
            rows_free(r);
        }
        free(copy);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jsonl_values_are_text_as_written),
        cmocka_unit_test(jsonl_escapes_become_utf8),
        cmocka_unit_test(bom_crlf_and_blank_lines_are_tolerated),
        cmocka_unit_test(a_key_that_first_rows_lack_is_found),
        cmocka_unit_test(nested_values_are_refused_only_when_used),
        cmocka_unit_test(rows_that_are_not_json_say_line_and_reason),
        cmocka_unit_test(deep_nesting_and_many_keys_end_in_an_error),
        cmocka_unit_test(csv_quotes_follow_rfc_4180),
        cmocka_unit_test(quoted_header_names_are_read),
        cmocka_unit_test(unbalanced_quotes_name_the_line_where_they_open),
        cmocka_unit_test(literal_quotes_are_characters),
        cmocka_unit_test(quotes_in_tsv_swallow_neither_rows_nor_tabs),
        cmocka_unit_test(extra_cells_of_tsv_are_tolerated_and_missing_ones_only_when_unused),
        cmocka_unit_test(a_name_goes_before_a_number),
        cmocka_unit_test(an_unquoted_comma_in_csv_is_told_not_cut_off),
        cmocka_unit_test(very_wide_rows_are_cut_not_overrun),
        cmocka_unit_test(empty_files_have_no_rows),
        cmocka_unit_test(bad_encodings_name_the_line),
        cmocka_unit_test(valid_text_is_accepted_wherever_its_characters_fall),
        cmocka_unit_test(a_row_over_100_mb_is_refused),
        cmocka_unit_test(files_are_read_by_extension),
        cmocka_unit_test(random_bytes_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
