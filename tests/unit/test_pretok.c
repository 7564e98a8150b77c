/* SPDX-License-Identifier: Apache-2.0 */
/* test_pretok.c - the Split step: its behaviors, the reference's Unicode under PCRE2, patterns that explode
 * or mean something else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "harness/nn/text/pretok.h"
#include "harness/base/util.h"

static void collect(void *ctx, const char *word, size_t n) {
    struct strbuf *b = ctx;
    if (b->len) strbuf_addc(b, '|');
    strbuf_add(b, word, n);
}

static void assert_split(const char *pattern, bool literal, enum split_behavior how, bool invert,
                         const char *text, const char *expected) {
    struct pretok *p = pretok_new();
    struct err e = {0};
    struct strbuf b = {0};
    if (pretok_add_split(p, pattern, strlen(pattern), literal, how, invert, &e)) fail_msg("%s", e.msg);
    pretok_run(p, text, strlen(text), collect, &b);
    assert_string_equal(b.s ? b.s : "", expected);
    strbuf_release(&b);
    pretok_free(p);
}

static void split_behaves_as_its_five_behaviors_say(void **state) {
    (void)state;
    const char *text = "the-final--countdown-";
    assert_split("-", true, SPLIT_REMOVED, false, text, "the|final|countdown");
    assert_split("-", true, SPLIT_ISOLATED, false, text, "the|-|final|-|-|countdown|-");
    assert_split("-", true, SPLIT_WITH_PREVIOUS, false, text, "the-|final-|-|countdown-");
    assert_split("-", true, SPLIT_WITH_NEXT, false, text, "the|-final|-|-countdown|-");
    assert_split("-", true, SPLIT_CONTIGUOUS, false, text, "the|-|final|--|countdown|-");
    assert_split("\\p{L}+", false, SPLIT_REMOVED, true, text, "the|final|countdown");
    assert_split("(?=(\\d{3})+(?!\\d))", false, SPLIT_ISOLATED, false, "1234567", "1|234|567");
}

static void white_space_and_young_code_points_follow_the_reference_under_pcre2(void **state) {
    (void)state;
    assert_split("\\s+", false, SPLIT_ISOLATED, false,
                 "a\xe1\xa0\x8e"
                 "b\xc2\x85"
                 "c",
                 "a\xe1\xa0\x8e"
                 "b|\xc2\x85|c");
    assert_split("\\p{L}+", false, SPLIT_ISOLATED, false,
                 "\xf0\xb1\x8d\x90!\xf0\x96\x84\x80.", /* Unicode 15 and 16 */
                 "\xf0\xb1\x8d\x90|!|\xf0\x96\x84\x80|.");
    assert_split("\\p{N}", false, SPLIT_ISOLATED, false, "\xf0\x91\xbd\x91\xf0\x91\xbd\x92",
                 "\xf0\x91\xbd\x91|\xf0\x91\xbd\x92");
}

static void a_regex_that_explodes_ends_and_keeps_the_text(void **state) {
    (void)state;
    char text[64];
    memset(text, 'a', sizeof text);
    text[63] = 0;
    assert_split("(a|aa|a?)+(a*)*\\d", false, SPLIT_ISOLATED, false, text, text);
}

static void a_regex_that_pcre2_reads_differently_is_refused_by_name(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *word;
    } v[] = {{"\\w+", "\\w"},
             {"\\bfoo", "\\b"},
             {"[a-z&&[^b]]", "&&"},
             {"[a[bc]]", "class inside"},
             {"\\p{Alpha}", "Alpha"},
             {"(?<x>a)", "group"},
             {"a{1,3}+", "repeat"},
             {"(*UTF)a", "group"},
             {"(?R)", "group"},
             {"a(?i)b", "group"},
             {"[a", "without"},
             {"(a", "does not compile"},
             {"\\", "escape"},
             {"a\\K", "\\K"},
             {"\\p", "\\p"},
             {"[]a]", "]"},
             {"(?C1)a", "group"},
             {"\\p{L", "\\p"},
             {"a**(", "does not compile"}};
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct pretok *p = pretok_new();
        struct err e = {0};
        assert_int_equal(
            pretok_add_split(p, v[i].pattern, strlen(v[i].pattern), false, SPLIT_ISOLATED, false, &e),
            ERR_USER);
        if (!strstr(e.msg, v[i].word)) fail_msg("%s: no '%s' in: %s", v[i].pattern, v[i].word, e.msg);
        pretok_free(p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_behaves_as_its_five_behaviors_say),
        cmocka_unit_test(white_space_and_young_code_points_follow_the_reference_under_pcre2),
        cmocka_unit_test(a_regex_that_explodes_ends_and_keeps_the_text),
        cmocka_unit_test(a_regex_that_pcre2_reads_differently_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
