/* SPDX-License-Identifier: Apache-2.0 */
/* columns.c - see columns.h. */
#include "harness/table/columns.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "harness/table/table.h"

/* The character at s: its bytes in *n; its columns. */
static int char_width(const char *s, size_t *n) {
    utf8proc_int32_t c;
    utf8proc_ssize_t k = utf8proc_iterate((const utf8proc_uint8_t *)s, -1, &c);
    *n = k > 0 ? (size_t)k : 1;
    return k > 0 ? utf8proc_charwidth(c) : 1;
}

/* Bytes of the next line of s, and in *skip what separates it from the one after. */
static size_t line_length(const char *s, int width, size_t *skip) {
    size_t at = 0, fits = 0, n; /* fits: the last place where the line may break */
    int used = 0;
    *skip = 0;
    for (; s[at] && s[at] != '\n'; at += n) {
        int w = char_width(s + at, &n);
        if (used + w > width && at > 0) {
            if (s[at] == ' ') fits = at; /* the whole word fits */
            if (!fits) return at;
            *skip = 1;
            return fits;
        }
        if (s[at] == ' ') fits = at;
        used += w;
    }
    *skip = s[at] == '\n';
    return at;
}

/* What a terminal may see of a text: caller frees. */
static char *clean_text(const char *text) {
    struct strbuf b = {0};
    size_t n = strlen(text);
    while (n && text[n - 1] == '\n') n--;
    for (size_t at = 0; at < n;) { /* line by line, since table_clean leaves no newline */
        const char *end = memchr(text + at, '\n', n - at);
        size_t len = end ? (size_t)(end - text) - at : n - at;
        char *line = xstrndup(text + at, len), *safe = table_clean(line);
        strbuf_adds(&b, safe);
        if (end) strbuf_addc(&b, '\n');
        free(line);
        free(safe);
        at += len + 1;
    }
    strbuf_addc(&b, '\0');
    return strbuf_detach(&b);
}

static void add_cell(struct strbuf *out, const char *s, size_t n, int width) {
    char *cell = xstrndup(s, n);
    int w = table_width(cell);
    strbuf_adds(out, cell);
    for (; w < width; w++) strbuf_addc(out, ' ');
    free(cell);
}

static void add_rows(struct strbuf *out, int width, const char *left, const char *right) {
    while (*left || *right) {
        size_t skip[2], n[2] = {line_length(left, width, &skip[0]), line_length(right, width, &skip[1])};
        add_cell(out, left, n[0], n[1] ? width : 0);
        if (n[1]) {
            strbuf_adds(out, "   ");
            add_cell(out, right, n[1], 0);
        }
        strbuf_addc(out, '\n');
        left += n[0] + skip[0];
        right += n[1] + skip[1];
    }
}

void columns_write(struct strbuf *out, int width, const char *const title[2], const char *const text[2]) {
    int each = (width - 3) / 2;
    char *head[2] = {table_clean(title[0]), table_clean(title[1])},
         *body[2] = {clean_text(text[0]), clean_text(text[1])};
    add_rows(out, each, head[0], head[1]);
    for (int i = 0; i < 2 * each + 3; i++) strbuf_addc(out, i < each || i >= each + 3 ? '-' : ' ');
    strbuf_addc(out, '\n');
    add_rows(out, each, body[0], body[1]);
    for (int i = 0; i < 2; i++) {
        free(head[i]);
        free(body[i]);
    }
}
