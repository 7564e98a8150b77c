/* SPDX-License-Identifier: Apache-2.0 */
/* table_write.c - a table as text for a terminal, Markdown, CSV and JSON; LaTeX and HTML are
 * table_markup.c's. See table.h.
 *
 * Text wider than the terminal gives up width in its TABLE_TEXT columns, widest first, down to 14 columns
 * each, and then simply runs over: nothing else is ever cut. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "harness/table/table_private.h"
#include "harness/base/util.h"

#define SHRUNK_MIN 14

/* ---- text ---------------------------------------------------------------------------------------------- */

static void shown_fit(struct shown *s, int width) {
    int total = -2;
    for (size_t c = 0; c < s->cols; c++) total += s->width[c] + 2;
    while (width > 0 && total > width) {
        size_t widest = s->cols;
        for (size_t c = 0; c < s->cols; c++)
            if (s->shrinks[c] && s->width[c] > SHRUNK_MIN &&
                (widest == s->cols || s->width[c] > s->width[widest]))
                widest = c;
        if (widest == s->cols) return;
        s->width[widest]--;
        total--;
    }
}

/* Append s in exactly `width` columns. */
static void add_padded(struct strbuf *out, const char *s, int width, bool left) {
    int w = table_width(s);
    if (w > width) {
        const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)s;
        utf8proc_int32_t c;
        int used = 0;
        for (utf8proc_ssize_t n; (n = utf8proc_iterate(p, -1, &c)) > 0; p += n) {
            if (used + utf8proc_charwidth(c) > width - 1) break;
            used += utf8proc_charwidth(c);
            strbuf_add(out, p, (size_t)n);
        }
        strbuf_adds(out, "\xe2\x80\xa6"); /* … */
        s = "", w = used + 1;
    }
    if (left) strbuf_adds(out, s);
    for (; w < width; w++) strbuf_addc(out, ' ');
    if (!left) strbuf_adds(out, s);
}

static void end_line(struct strbuf *out) {
    while (out->len && out->s[out->len - 1] == ' ') out->s[--out->len] = 0;
    strbuf_addc(out, '\n');
}

static void write_text(const struct table *t, int width, struct strbuf *out) {
    struct shown s;
    shown_init(&s, t);
    shown_fit(&s, width);
    for (size_t r = 0; r < s.rows; r++) {
        for (size_t c = 0; c < s.cols; c++) {
            if (c) strbuf_adds(out, "  ");
            add_padded(out, s.text[r * s.cols + c], s.width[c], s.left[c]);
        }
        end_line(out);
        if (r > 0) continue;
        for (size_t c = 0; c < s.cols; c++) { /* a rule below the titles */
            for (int i = 0; i < s.width[c]; i++) strbuf_addc(out, *s.text[c] ? '-' : ' ');
            strbuf_adds(out, "  ");
        }
        end_line(out);
    }
    shown_release(&s);
}

static void write_markdown(const struct table *t, struct strbuf *out) {
    struct shown s;
    shown_init(&s, t);
    for (size_t r = 0; r < s.rows; r++) {
        for (size_t c = 0; c < s.cols; c++) {
            strbuf_adds(out, c ? " " : "| ");
            for (const char *p = s.text[r * s.cols + c]; *p; p++) {
                if (strchr("|*_`<[\\", *p)) strbuf_addc(out, '\\');
                strbuf_addc(out, *p);
            }
            strbuf_adds(out, " |");
        }
        strbuf_addc(out, '\n');
        for (size_t c = 0; r == 0 && c < s.cols; c++) strbuf_adds(out, s.left[c] ? "|---" : "|---:");
        if (r == 0) strbuf_adds(out, "|\n");
    }
    shown_release(&s);
}

/* ---- CSV ----------------------------------------------------------------------------------------------- */

/* The shortest form that reads back equal. */
static void format_exact(char out[TABLE_FORMAT_MAX], double v) {
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, TABLE_FORMAT_MAX, "%.*g", digits, v);
        if (strtod(out, NULL) == v) return;
    }
}

static void add_csv(struct strbuf *out, const char *s) {
    if (!s[strcspn(s, ",\"\r\n")]) {
        strbuf_adds(out, s);
        return;
    }
    strbuf_addc(out, '"');
    for (; *s; s++) strbuf_adds(out, *s == '"' ? "\"\"" : (char[]){*s, 0});
    strbuf_addc(out, '"');
}

static void add_csv_cell(struct strbuf *out, const struct cell *c) {
    char text[TABLE_FORMAT_MAX];
    if (c->type == DB_INT) strbuf_addf(out, "%lld", (long long)c->i);
    if (c->type == DB_TEXT) add_csv(out, c->s);
    if (c->type == DB_NUM) {
        if (isfinite(c->d))
            format_exact(text, c->d);
        else
            strcpy(text, isnan(c->d) ? "nan" : c->d > 0 ? "inf" : "-inf");
        strbuf_adds(out, text);
    }
}

static void write_csv(const struct table *t, struct strbuf *out) {
    for (size_t r = 0; r <= table_rows(t); r++) {
        const char *sep = "";
        for (size_t c = 0; c < t->ncol; c++) {
            if (!(t->col[c].where & TABLE_DATA)) continue;
            strbuf_adds(out, sep);
            sep = ",";
            if (r == 0)
                add_csv(out, t->col[c].key);
            else
                add_csv_cell(out, &t->cell[(r - 1) * t->ncol + c]);
        }
        strbuf_addc(out, '\n');
    }
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

static json_t *cell_json(const struct cell *c) {
    json_t *v = NULL;
    if (c->type == DB_INT) v = json_integer(c->i);
    if (c->type == DB_NUM) v = json_real(c->d); /* NULL for what JSON cannot say */
    if (c->type == DB_TEXT && !(v = json_string(c->s))) {
        char *clean = table_clean(c->s);
        v = json_string(clean);
        free(clean);
    }
    return v ? v : json_null();
}

json_t *table_json(const struct table *t) {
    json_t *rows = json_array();
    for (size_t r = 0; r < table_rows(t); r++) {
        json_t *row = json_object();
        for (size_t c = 0; c < t->ncol; c++)
            if (t->col[c].where & TABLE_DATA)
                json_object_set_new(row, t->col[c].key, cell_json(&t->cell[r * t->ncol + c]));
        json_array_append_new(rows, row);
    }
    return rows;
}

static void add_json(struct strbuf *out, const json_t *v, int depth) {
    char text[TABLE_FORMAT_MAX];
    bool object = json_is_object(v);
    size_t n = object ? json_object_size(v) : json_array_size(v), i = 0;
    if (json_is_real(v)) {
        format_exact(text, json_real_value(v));
        strbuf_adds(out, text);
        if (!text[strcspn(text, ".e")]) strbuf_adds(out, ".0");
    } else if (object || json_is_array(v)) {
        strbuf_addc(out, object ? '{' : '[');
        void *it = json_object_iter((json_t *)(uintptr_t)v);
        for (; i < n; i++) {
            strbuf_addf(out, "%s\n%*s", i ? "," : "", 2 * (depth + 1), "");
            if (object) {
                json_t *key = json_string(json_object_iter_key(it));
                add_json(out, key, depth);
                json_decref(key);
                strbuf_adds(out, ": ");
            }
            add_json(out, object ? json_object_iter_value(it) : json_array_get(v, i), depth + 1);
            if (object) it = json_object_iter_next((json_t *)(uintptr_t)v, it);
        }
        if (n) strbuf_addf(out, "\n%*s", 2 * depth, "");
        strbuf_addc(out, object ? '}' : ']');
    } else {
        char *s = json_dumps(v, JSON_ENCODE_ANY);
        strbuf_adds(out, s);
        free(s);
    }
}

void table_json_write(const json_t *v, struct strbuf *out) {
    add_json(out, v, 0);
    strbuf_addc(out, '\n');
}

void table_write(const struct table *t, enum table_format f, int width, struct strbuf *out) {
    json_t *v;
    switch (f) {
    case TABLE_AS_TEXT:
        write_text(t, width, out);
        break;
    case TABLE_AS_MARKDOWN:
        write_markdown(t, out);
        break;
    case TABLE_AS_CSV:
        write_csv(t, out);
        break;
    case TABLE_AS_JSON:
        v = table_json(t);
        table_json_write(v, out);
        json_decref(v);
        break;
    case TABLE_AS_LATEX:
        table_write_latex(t, out);
        break;
    case TABLE_AS_HTML:
        table_write_html(t, out);
        break;
    }
}
