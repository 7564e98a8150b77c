/* SPDX-License-Identifier: Apache-2.0 */
/* test_columns.c - two texts side by side: every word of both is there, no line is wider than the terminal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "harness/table/columns.h"
#include "harness/table/table.h"

static char *columns_of(int width, const char *a, const char *b) {
    struct strbuf out = {0};
    columns_write(&out, width, (const char *[]){"base", "with run 12"}, (const char *[]){a, b});
    strbuf_addc(&out, '\0');
    return strbuf_detach(&out);
}

static void check_widths(const char *text, int width) {
    char *copy = xstrdup(text);
    for (char *save = NULL, *s = strtok_r(copy, "\n", &save); s; s = strtok_r(NULL, "\n", &save))
        if (table_width(s) > width) fail_msg("%d columns of %d: '%s'", table_width(s), width, s);
    free(copy);
}

static void texts_stand_side_by_side(void **state) {
    (void)state;
    char *s = columns_of(63, "one two three four five six seven", "left\nright\n\n");
    assert_string_equal(s, "base                             with run 12\n"
                           "------------------------------   ------------------------------\n"
                           "one two three four five six      left\n"
                           "seven                            right\n");
    free(s);
    s = columns_of(63, "", "only here");
    assert_non_null(strstr(s, "\n                                 only here\n"));
    free(s);
    s = columns_of(63, "only here", "");
    assert_non_null(strstr(s, "\nonly here\n"));
    free(s);
}

static void long_words_wide_characters_and_controls_stay_in_their_column(void **state) {
    (void)state;
    char *long_word = xmalloc(200);
    memset(long_word, 'x', 199);
    long_word[199] = 0;
    const char *hard[] = {
        "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6"
        "\xbc\xa2\xe5\xad\x97"
        "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97",
        "a\ttab and \x1b[31mred",
        "bad \xff\xfe bytes",
        "   spaces   and more   spaces   here   it   is",
        long_word,
        "\n\n\nafter"};
    for (size_t i = 0; i < ARRAY_LEN(hard); i++)
        for (size_t k = 0; k < ARRAY_LEN(hard); k++)
            for (int width = COLUMNS_LEAST; width < 90; width += 7) {
                char *s = columns_of(width, hard[i], hard[k]);
                check_widths(s, width);
                assert_null(strchr(s, 0x1b));
                free(s);
            }
    char *s = columns_of(60, long_word, "");
    size_t n = 0;
    for (const char *p = s; *p; p++) n += *p == 'x';
    assert_int_equal(n, 199);
    free(s);
    free(long_word);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_stand_side_by_side),
        cmocka_unit_test(long_words_wide_characters_and_controls_stay_in_their_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
