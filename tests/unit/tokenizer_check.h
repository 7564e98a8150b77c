/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer_check.h - for tests: a tokenizer against the reference's ids of the hard strings
 * (tests/golden/make_hard_strings*.py). */
#ifndef BENCH_TESTS_TOKENIZER_CHECK_H
#define BENCH_TESTS_TOKENIZER_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/nn/text/tokenizer.h"
#include "harness/base/util.h"

#define GOLDEN "tests/golden/hard_strings"

static inline void assert_round_trip(struct tokenizer *t, const char *s, size_t n, bool special) {
    struct token_ids ids = {0};
    size_t len;
    tokenizer_encode(t, s, n, special, &ids);
    char *back = tokenizer_decode(t, ids.v, ids.n, false, &len);
    assert_int_equal(len, n);
    assert_memory_equal(back, s, n);
    free(back);
    free(ids.v);
}

static inline void check_ids(struct tokenizer *t, const char *s, size_t n, bool special, const char *want,
                             const char *name, int line) {
    struct token_ids ids = {0};
    struct strbuf got = {0};
    tokenizer_encode(t, s, n, special, &ids);
    for (int i = 0; i < ids.n; i++) strbuf_addf(&got, "%s%d", i ? " " : "", ids.v[i]);
    if (strcmp(got.s ? got.s : "", want))
        fail_msg("%s line %d (special %d): got '%.300s', want '%.300s'", name, line, special, got.s, want);
    free(ids.v);
    strbuf_release(&got);
}

/* One line of an .ids file: "A" or "A | B". */
static inline void check_line(struct tokenizer *t, const char *s, size_t n, char *want, const char *name,
                              int line) {
    want[strcspn(want, "\n")] = 0;
    char *bar = strchr(want, '|');
    const char *plain = want;
    if (bar) {
        plain = bar + 1 + (bar[1] == ' ');
        *bar = 0;
        if (bar > want && bar[-1] == ' ') bar[-1] = 0;
    }
    check_ids(t, s, n, true, want, name, line);
    check_ids(t, s, n, false, plain, name, line);
}

static inline int hex_value(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

/* A line of the strings file as bytes: a JSON string, or hexadecimal. Caller frees. */
static inline char *line_bytes(char *line, bool hex, size_t *n) {
    line[strcspn(line, "\n")] = 0;
    if (hex) {
        *n = strlen(line) / 2;
        char *s = xmalloc(*n + 1);
        for (size_t i = 0; i < *n; i++)
            s[i] = (char)(hex_value(line[2 * i]) << 4 | hex_value(line[2 * i + 1]));
        return s;
    }
    json_t *j = json_loads(line, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    assert_true(json_is_string(j));
    *n = json_string_length(j);
    char *s = xmalloc(*n + 1);
    memcpy(s, json_string_value(j), *n);
    json_decref(j);
    return s;
}

static inline int check_file(struct tokenizer *t, const char *strings, bool hex, const char *ids,
                             bool round_trip) {
    FILE *a = fopen(strings, "r"), *b = fopen(ids, "r");
    char *text = NULL, *want = NULL;
    size_t cap_text = 0, cap_want = 0, n;
    int lines = 0;
    assert_non_null(a);
    assert_non_null(b);
    while (getline(&text, &cap_text, a) > 0) {
        assert_true(getline(&want, &cap_want, b) > 0);
        char *s = line_bytes(text, hex, &n);
        check_line(t, s, n, want, ids, ++lines);
        if (round_trip) assert_round_trip(t, s, n, true);
        if (round_trip) assert_round_trip(t, s, n, false);
        free(s);
    }
    assert_true(getline(&want, &cap_want, b) < 0);
    fclose(a);
    fclose(b);
    free(text);
    free(want);
    return lines;
}

#endif
