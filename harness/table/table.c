/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - tables: columns, cells, and what people see of a value. See table.h; table_write.c and
 * table_markup.c write them.
 *
 * Cells live in one growing array, row by row; what people see is made when it is written. */
#include "harness/table/table_private.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

struct table *table_new(void) {
    return xcalloc(1, sizeof(struct table));
}

void table_free(struct table *t) {
    if (!t) return;
    for (size_t i = 0; i < t->ncol; i++) free(t->col[i].key), free(t->col[i].title);
    for (size_t i = 0; i < t->ncell; i++) free(t->cell[i].s), free(t->cell[i].shown);
    free(t->col);
    free(t->cell);
    free(t);
}

void table_column(struct table *t, const char *key, const char *title, enum table_kind kind,
                  enum table_where where) {
    BUG_ON(t->ncell, "column %s after %zu cells", key, t->ncell);
    GROW(t->col, t->ncol, t->col_cap);
    t->col[t->ncol++] = (struct column){xstrdup(key), xstrdup(title), kind, where};
}

static struct cell *cell_add(struct table *t, enum db_type type) {
    GROW(t->cell, t->ncell, t->cell_cap);
    struct cell *c = &t->cell[t->ncell++];
    *c = (struct cell){.type = type};
    return c;
}

void table_null(struct table *t) { cell_add(t, DB_NULL); }
void table_int(struct table *t, int64_t v) { cell_add(t, DB_INT)->i = v; }
void table_num(struct table *t, double v) { cell_add(t, DB_NUM)->d = v; }
void table_num_or_null(struct table *t, double v) {
    if (isnan(v))
        table_null(t);
    else
        table_num(t, v);
}
void table_int_or_null(struct table *t, int64_t v) {
    if (v < 0)
        table_null(t);
    else
        table_int(t, v);
}
void table_text(struct table *t, const char *v) {
    if (v)
        cell_add(t, DB_TEXT)->s = xstrdup(v);
    else
        table_null(t);
}

void table_shown(struct table *t, const char *fmt, ...) {
    struct strbuf b = {0};
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    strbuf_adds(&b, text);
    free(t->cell[t->ncell - 1].shown);
    t->cell[t->ncell - 1].shown = strbuf_detach(&b);
}

size_t table_rows(const struct table *t) { return t->ncol ? t->ncell / t->ncol : 0; }

/* ---- from a query -------------------------------------------------------------------------------------- */

static enum table_kind kind_of(const char *name) {
    static const struct {
        const char *name;
        enum table_kind kind;
    } known[] = {{"lr", TABLE_RATE},
                 {"trainable", TABLE_COUNT},
                 {"total_params", TABLE_COUNT},
                 {"tokens", TABLE_COUNT},
                 {"tokens_per_s", TABLE_COUNT},
                 {"metric", TABLE_LOSS},
                 {"best_metric", TABLE_LOSS},
                 {"base_metric", TABLE_LOSS},
                 {"test_metric", TABLE_LOSS},
                 {"peak_bytes_predicted", TABLE_BYTES},
                 {"checkpoint_bytes_min", TABLE_BYTES},
                 {"checkpoint_path", TABLE_WHOLE},
                 {"bytes", TABLE_BYTES}};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (!strcmp(known[i].name, name)) return known[i].kind;
    if (str_ends_with(name, "_bytes")) return TABLE_BYTES;
    if (str_ends_with(name, "_loss")) return TABLE_LOSS;
    if (str_ends_with(name, "_fraction")) return TABLE_PERCENT;
    if (str_ends_with(name, "_s")) return TABLE_SECONDS;
    return TABLE_PLAIN; /* text in it is left-aligned all the same */
}

static void cell_from(struct table *t, const struct db_query *q, int col) {
    switch (db_query_type(q, col)) {
    case DB_NULL:
        table_null(t);
        break;
    case DB_INT:
        table_int(t, db_query_int(q, col));
        break;
    case DB_NUM:
        table_num(t, db_query_num(q, col));
        break;
    case DB_TEXT:
        table_text(t, db_query_text(q, col));
        break;
    }
}

int table_query(struct table **ret, struct db_query *q, struct err *e) {
    struct table *t = table_new();
    int n = db_query_cols(q), rc;
    for (int i = 0; i < n; i++) {
        char *title = xstrdup(db_query_name(q, i));
        for (char *p = title; *p; p++)
            if (*p == '_') *p = ' ';
        table_column(t, db_query_name(q, i), title, kind_of(db_query_name(q, i)), TABLE_BOTH);
        free(title);
    }
    while ((rc = db_query_next(q, e)) == 1)
        for (int i = 0; i < n; i++) cell_from(t, q, i);
    db_query_close(q);
    if (rc) {
        table_free(t);
        t = NULL;
    }
    *ret = t;
    return rc;
}

/* ---- one value ----------------------------------------------------------------------------------------- */

static void format_scaled(char *out, double v, double base, const char *const *unit, int nunit) {
    int u = 0;
    while (fabs(v) >= base * 0.99995 && u < nunit - 1) v /= base, u++;
    if (u == 0)
        snprintf(out, TABLE_FORMAT_MAX, v == floor(v) ? "%.0f%s%s" : "%.1f%s%s", v, *unit[0] ? " " : "",
                 unit[0]);
    else
        snprintf(out, TABLE_FORMAT_MAX, base == 1024 && v >= 99.95 ? "%.0f %s" : "%.1f %s", v, unit[u]);
}

static void format_seconds(char *out, double v) {
    long s = (long)(v + 0.5);
    if (v < 0.9995)
        snprintf(out, TABLE_FORMAT_MAX, "%.3g s", v);
    else if (v < 99.95)
        snprintf(out, TABLE_FORMAT_MAX, "%.1f s", v);
    else if (s < 3600)
        snprintf(out, TABLE_FORMAT_MAX, "%ldm %02lds", s / 60, s % 60);
    else
        snprintf(out, TABLE_FORMAT_MAX, "%ldh %02ldm", s / 3600, s / 60 % 60);
}

/* 5e-4: three digits at most, no zeros that say nothing. */
static void format_rate(char *out, double v) {
    char text[32];
    if (v == 0) {
        strcpy(out, "0");
        return;
    }
    snprintf(text, sizeof text, "%.2e", v);
    char *exp = strchr(text, 'e'), *end = exp;
    while (end[-1] == '0') end--;
    if (end[-1] == '.') end--;
    snprintf(out, TABLE_FORMAT_MAX, "%.*se%d", (int)(end - text), text, atoi(exp + 1));
}

void table_format_num(char out[TABLE_FORMAT_MAX], enum table_kind kind, double v) {
    static const char *const si[] = {"", "k", "M", "G", "T"};
    static const char *const iec[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    if (!isfinite(v)) {
        strcpy(out, isnan(v) ? "diverged" : v > 0 ? "inf" : "-inf");
        return;
    }
    switch (kind) {
    case TABLE_COUNT:
        format_scaled(out, v, 1000, si, 5);
        break;
    case TABLE_BYTES:
        format_scaled(out, v, 1024, iec, 5);
        break;
    case TABLE_LOSS:
        snprintf(out, TABLE_FORMAT_MAX, fabs(v) < 1e4 ? "%.4f" : "%.4g", v);
        break;
    case TABLE_RATE:
        format_rate(out, v);
        break;
    case TABLE_SECONDS:
        format_seconds(out, v);
        break;
    case TABLE_PERCENT:
        snprintf(out, TABLE_FORMAT_MAX, fabs(v) < 0.0995 ? "%.2g %%" : "%.1f %%", 100 * v);
        break;
    default:
        snprintf(out, TABLE_FORMAT_MAX, "%.6g", v);
        break;
    }
}

char *table_clean(const char *s) {
    char *clean = xstrdup(s);
    utf8_clean(clean, false);
    return clean;
}

int table_width(const char *s) {
    const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)s;
    utf8proc_int32_t c;
    int w = 0;
    while (*p) {
        utf8proc_ssize_t n = utf8proc_iterate(p, -1, &c);
        if (n < 1) return w + (int)strlen((const char *)p);
        w += utf8proc_charwidth(c);
        p += n;
    }
    return w;
}

/* What people see. Caller frees. */
static char *cell_shown(const struct table *t, size_t row, size_t col) {
    const struct cell *c = &t->cell[row * t->ncol + col];
    char text[TABLE_FORMAT_MAX];
    if (c->shown) return table_clean(c->shown);
    switch (c->type) {
    case DB_NULL:
        return xstrdup("-");
    case DB_TEXT:
        return table_clean(c->s);
    case DB_INT:
        if (t->col[col].kind <= TABLE_PLAIN) return xasprintf("%lld", (long long)c->i);
        table_format_num(text, t->col[col].kind, (double)c->i);
        return xstrdup(text);
    case DB_NUM:
        table_format_num(text, t->col[col].kind, c->d);
        return xstrdup(text);
    }
    return NULL;
}

/* ---- text and Markdown --------------------------------------------------------------------------------- */

void shown_init(struct shown *s, const struct table *t) {
    size_t k = 0;
    *s = (struct shown){.rows = table_rows(t) + 1};
    for (size_t c = 0; c < t->ncol; c++) s->cols += (t->col[c].where & TABLE_SHOWN) != 0;
    s->text = xcalloc(s->rows * s->cols + 1, sizeof *s->text);
    s->width = xcalloc(s->cols + 1, sizeof *s->width);
    s->left = xcalloc(s->cols + 1, sizeof *s->left);
    s->shrinks = xcalloc(s->cols + 1, sizeof *s->shrinks);
    for (size_t c = 0; c < t->ncol; c++) {
        if (!(t->col[c].where & TABLE_SHOWN)) continue;
        s->left[k] = t->col[c].kind <= TABLE_WHOLE;
        s->shrinks[k] = t->col[c].kind == TABLE_TEXT;
        s->text[k] = table_clean(t->col[c].title);
        for (size_t r = 1; r < s->rows; r++) {
            s->text[r * s->cols + k] = cell_shown(t, r - 1, c);
            if (t->cell[(r - 1) * t->ncol + c].type == DB_TEXT && t->col[c].kind == TABLE_PLAIN)
                s->left[k] = true;
        }
        for (size_t r = 0; r < s->rows; r++)
            s->width[k] = MAX_OF(s->width[k], table_width(s->text[r * s->cols + k]));
        k++;
    }
}

void shown_release(struct shown *s) {
    for (size_t i = 0; i < s->rows * s->cols; i++) free(s->text[i]);
    free(s->text);
    free(s->width);
    free(s->left);
    free(s->shrinks);
}

int table_terminal(void) {
    struct winsize w;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) || w.ws_col < 40) return 100;
    return w.ws_col;
}
