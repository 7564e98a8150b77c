/* SPDX-License-Identifier: Apache-2.0 */
/* test_yaml.c - documents into trees with lines, and everything that is refused: hostile files included. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "harness/base/util.h"
#include "harness/config/yaml.h"

static struct ynode *parse(const char *text) {
    struct err e = {0};
    struct ynode *n;
    if (ynode_parse(&n, text, strlen(text), "f.yaml", &e)) fail_msg("%s", e.msg);
    return n;
}

static void expect_bytes(const char *text, size_t size, const char *message) {
    struct err e = {0};
    struct ynode *n;
    int rc = ynode_parse(&n, text, size, "f.yaml", &e);
    assert_int_equal(rc, ERR_USER);
    assert_null(n);
    if (!strstr(e.msg, message)) fail_msg("expected '%s' in '%s'", message, e.msg);
}

static void expect(const char *text, const char *message) { expect_bytes(text, strlen(text), message); }

static void check_json(const char *yaml, const char *json) {
    struct ynode *n = parse(yaml);
    json_t *v = ynode_json(n);
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_string_equal(text, json);
    free(text);
    json_decref(v);
    ynode_free(n);
}

static void nodes_know_their_line_and_column(void **state) {
    (void)state;
    struct ynode *n = parse("# head\nbase:\n  train:\n    lr: 1\nseeds: [0,\n  1]\n");
    struct ynode *train = ynode_get(ynode_get(n, "base"), "train");
    assert_int_equal(ynode_get(train, "lr")->line, 4);
    assert_int_equal(ynode_get(train, "lr")->col, 9);
    assert_int_equal(n->keys[1]->line, 5);
    assert_int_equal(ynode_get(n, "seeds")->items[1]->line, 6);
    assert_null(ynode_get(n, "nothing"));
    ynode_free(n);
}

static void scalars_follow_the_core_schema(void **state) {
    (void)state;
    check_json("[1, -2, +3, 007, 0x1F, 0o17]", "[1,-2,3,7,31,15]");
    check_json("[true, True, FALSE]", "[true,true,false]");
    check_json("[null, ~, ]", "[null,null]");
    check_json("a:", "{\"a\":null}");
    check_json("[1., 1.5, .5, 2.5e3]", "[1.0,1.5,0.5,2500.0]");
    check_json("[yes, no, on, .inf, .nan, 1_000, 1e, e5, '-', 0x, 0xg, 0o9, .]",
               "[\"yes\",\"no\",\"on\",\".inf\",\".nan\",\"1_000\",\"1e\",\"e5\",\"-\",\"0x\",\"0xg\","
               "\"0o9\",\".\"]");
    check_json("{a: {b: [1, x]}}", "{\"a\":{\"b\":[1,\"x\"]}}");
}

static void an_exponent_without_a_point_is_a_number(void **state) {
    (void)state;
    struct ynode *n = parse("[5e-4, 0.0005, 5E-04, 5.0e-4]");
    for (int i = 0; i < 4; i++) {
        json_t *v = ynode_json(n->items[i]);
        assert_true(json_is_real(v));
        assert_true(json_real_value(v) == 0.0005);
        json_decref(v);
    }
    ynode_free(n);
}

static void quoted_scalars_are_strings(void **state) {
    (void)state;
    check_json("['1', \"true\", '', \"null\", \"5e-4\"]", "[\"1\",\"true\",\"\",\"null\",\"5e-4\"]");
    check_json("a: |\n  12\n", "{\"a\":\"12\\n\"}");
    check_json("p: \"Question: {question}\\nAnswer: \"", "{\"p\":\"Question: {question}\\nAnswer: \"}");
}

static void numbers_beyond_64_bits_become_reals_and_beyond_doubles_text(void **state) {
    (void)state;
    check_json("[9223372036854775807]", "[9223372036854775807]");
    check_json("[9223372036854775808]", "[9.2233720368547758e18]");
    check_json("[1e999, 0xfffffffffffffffff]", "[\"1e999\",\"0xfffffffffffffffff\"]");
}

static void an_empty_document_is_an_empty_scalar(void **state) {
    (void)state;
    const char *const texts[] = {"", "\n\n", "# nothing\n", "---\n", "--- \n...\n"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct ynode *n = parse(texts[i]);
        assert_int_equal(n->kind, YNODE_SCALAR);
        assert_true(ynode_is_null(n));
        ynode_free(n);
    }
}

static void refused_features_are_named_with_their_line(void **state) {
    (void)state;
    expect("a: 1\nb: &x 2\n", "f.yaml:2: YAML anchors (&x)");
    expect("a: 1\nb: *x\n", "f.yaml:2: YAML aliases (*x)");
    expect("a: 1\n\nb: !!str 2\n", "f.yaml:3: YAML tags");
    expect("a: !mine [1]\n", "f.yaml:1: YAML tags (!mine)");
    expect("a: 1\n---\nb: 2\n", "f.yaml:2: a second document");
    expect("base:\n  a: 1\n  b: 2\n  a: 3\n", "f.yaml:4: key 'a' is already set in line 2");
    expect("{[1]: 2}", "f.yaml:1: a key must be a plain word");
    expect("p: {question}: x", "f.yaml:1:");
}

static void syntax_errors_have_a_line(void **state) {
    (void)state;
    expect("a: [1, 2\nb: 3\n", "f.yaml:2: ");
    expect("a: 1\n\tb: 2\n", "f.yaml:2: ");
    expect("a: 'x\nb: 1\n", "f.yaml:3: ");
    expect("a: b: c\n", "f.yaml:1: ");
    expect("a: \"\\q\"\n", "f.yaml:1: ");
    expect("}", "f.yaml:1: ");
}

static void bytes_that_are_not_text_are_refused(void **state) {
    (void)state;
    expect("a: 1\nb: \xff\xfe\n", "f.yaml:2: not UTF-8 text (byte 9");
    expect("a: \xc0\x80\n", "not UTF-8");
    expect("a: \xed\xa0\x80\n", "not UTF-8");
    expect_bytes("a: 1\nb: x\0y\n", 12, "f.yaml:2: not UTF-8");
    expect("a: \"\\0\"\n", "NUL");
    expect("a: \x01\n", "f.yaml");
    struct ynode *n = parse("a: \xf0\x9f\x98\x80 \xc3\xa9\n");
    assert_string_equal(ynode_get(n, "a")->text, "\xf0\x9f\x98\x80 \xc3\xa9");
    ynode_free(n);
}

static void repeat_text(struct strbuf *b, const char *s, int n) {
    for (int i = 0; i < n; i++) strbuf_adds(b, s);
}

static void deep_nesting_is_refused(void **state) {
    (void)state;
    const char *const open[] = {"[", "{a: ", "- ", "a:\n "};
    for (size_t i = 0; i < ARRAY_LEN(open); i++) {
        struct strbuf b = {0};
        repeat_text(&b, open[i], 100000);
        struct err e = {0};
        struct ynode *n;
        assert_int_equal(ynode_parse(&n, b.s, b.len, "f.yaml", &e), ERR_USER);
        strbuf_release(&b);
    }
    struct strbuf b = {0};
    repeat_text(&b, "[", YNODE_MAX_DEPTH + 2);
    repeat_text(&b, "]", YNODE_MAX_DEPTH + 2);
    expect(b.s, "nested deeper than");
    strbuf_release(&b);
}

static void billion_laughs_is_refused(void **state) {
    (void)state;
    expect("a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\n", "f.yaml:1: YAML anchors");
}

static void too_much_is_refused(void **state) {
    (void)state;
    struct strbuf b = {0};
    repeat_text(&b, "- 1\n", YNODE_MAX_NODES + 10);
    expect(b.s, "more than");
    strbuf_reset(&b);
    for (int i = 0; i < 1100; i++) strbuf_addf(&b, "k%d: 1\n", i);
    expect(b.s, "f.yaml:1001: more than 1000 keys");
    strbuf_reset(&b);
    repeat_text(&b, "# comment\n", YNODE_MAX_BYTES / 10 + 2);
    expect(b.s, "bytes are too much");
    strbuf_release(&b);
}

static void a_file_of_100_megabytes_is_refused_without_reading_it_all(void **state) {
    (void)state;
    char path[] = "/tmp/test_yaml.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 100 << 20), 0);
    struct err e = {0};
    struct ynode *n;
    double t = now_seconds();
    assert_int_equal(ynode_load(&n, path, &e), ERR_USER);
    assert_true(now_seconds() - t < 1);
    assert_non_null(strstr(e.msg, path));
    close(fd);
    unlink(path);
    assert_int_equal(ynode_load(&n, path, &e), ERR_USER);
    assert_non_null(strstr(e.msg, path));
}

/* Every prefix of a document gives a tree or an error. */
static void truncated_documents_never_crash(void **state) {
    (void)state;
    const char *text = "name: x # c\nbase: {a: [1, 'two', \"\\u00e9\"], b: |\n    t}\nv:\n  - {m: l, p: {r: "
                       "[1]}}\n  - &a x\n";
    for (size_t n = 0; n <= strlen(text); n++) {
        struct err e = {0};
        struct ynode *t;
        if (ynode_parse(&t, text, n, "f.yaml", &e)) assert_true(e.msg[0] != 0);
        ynode_free(t);
    }
}

static void equal_trees_are_equal_whatever_their_lines(void **state) {
    (void)state;
    struct ynode *a = parse("[{a: 1, b: [x]}, {a: 1,\n b: [x]}, {a: 2, b: [x]}, {a: '1', b: [x]}]");
    assert_true(ynode_equal(a->items[0], a->items[1]));
    assert_false(ynode_equal(a->items[0], a->items[2]));
    assert_false(ynode_equal(a->items[0], a->items[3]));
    ynode_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_know_their_line_and_column),
        cmocka_unit_test(scalars_follow_the_core_schema),
        cmocka_unit_test(an_exponent_without_a_point_is_a_number),
        cmocka_unit_test(quoted_scalars_are_strings),
        cmocka_unit_test(numbers_beyond_64_bits_become_reals_and_beyond_doubles_text),
        cmocka_unit_test(an_empty_document_is_an_empty_scalar),
        cmocka_unit_test(refused_features_are_named_with_their_line),
        cmocka_unit_test(syntax_errors_have_a_line),
        cmocka_unit_test(bytes_that_are_not_text_are_refused),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(billion_laughs_is_refused),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(a_file_of_100_megabytes_is_refused_without_reading_it_all),
        cmocka_unit_test(truncated_documents_never_crash),
        cmocka_unit_test(equal_trees_are_equal_whatever_their_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
