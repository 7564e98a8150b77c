/* SPDX-License-Identifier: Apache-2.0 */
/* table.h - rows and columns, and the ways to write them: aligned text, Markdown, LaTeX, HTML; CSV, JSON.
 *
 * Text, Markdown, LaTeX and HTML show numbers for people (1.8 M, 12.3 MiB, 5e-4); CSV and JSON give them
 * exactly, in base units, under the column's key. A cell is null, an integer, a number or text. NaN is a
 * number: "diverged" for people, "nan" in CSV, null in JSON. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <jansson.h>

#include "harness/record/db.h"
#include "harness/base/util.h"

enum table_format {
    TABLE_AS_TEXT,
    TABLE_AS_MARKDOWN,
    TABLE_AS_CSV,
    TABLE_AS_JSON,
    TABLE_AS_LATEX,
    TABLE_AS_HTML
};

enum table_kind {
    TABLE_TEXT,    /* left-aligned; shortened in text where the table is too wide */
    TABLE_WHOLE,   /* text that is never shortened: ids, paths */
    TABLE_PLAIN,   /* integers in full, numbers with 6 digits */
    TABLE_COUNT,   /* 460.8 k, 1.8 M */
    TABLE_BYTES,   /* 12.3 MiB */
    TABLE_LOSS,    /* 1.5308 */
    TABLE_RATE,    /* 5e-4 */
    TABLE_SECONDS, /* 12.3 s, 4m 05s */
    TABLE_PERCENT, /* a fraction as 0.34 % */
};

/* Where a column appears. */
enum table_where {
    TABLE_SHOWN = 1,
    TABLE_DATA = 2,
    TABLE_BOTH = 3
}; /* text and Markdown; CSV and JSON; all */

struct table;
struct table *table_new(void);
void table_free(struct table *t); /* accepts NULL */
/* All columns come before the first cell. key: in CSV and JSON; title: for people. Both copied. */
void table_column(struct table *t, const char *key, const char *title, enum table_kind kind,
                  enum table_where where);
/* The next cell, row by row. */
void table_null(struct table *t);
void table_int(struct table *t, int64_t v);
void table_num(struct table *t, double v);
void table_num_or_null(struct table *t, double v);  /* null: NaN, nothing was measured */
void table_int_or_null(struct table *t, int64_t v); /* null: negative, not known */
void table_text(struct table *t, const char *v);    /* copied; NULL: null */
/* What people see instead of the value of the cell just added. */
void table_shown(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
size_t table_rows(const struct table *t);

/* Everything that the query gives. Columns are named by it; their kind follows from the name (peak_bytes, lr,
 * ...; the columns of the view `runs` are known) and titles replace '_' by a space. Closes q. *ret is NULL on
 * error. */
int table_query(struct table **ret, struct db_query *q, struct err *e);

/* Append to out. width: columns of the terminal that text should fit (0: no limit). */
void table_write(const struct table *t, enum table_format f, int width, struct strbuf *out);
json_t *table_json(const struct table *t); /* an array of objects; caller owns */

/* JSON with the shortest numbers that read back equal, indented by two spaces, and a newline at the end. */
void table_json_write(const json_t *v, struct strbuf *out);

/* One value for people. */
enum { TABLE_FORMAT_MAX = 40 };
void table_format_num(char out[TABLE_FORMAT_MAX], enum table_kind kind, double v);

/* Text that is safe on a terminal and in a line: control characters become spaces, invalid UTF-8 '?'. Caller
 * frees. */
char *table_clean(const char *s);
/* s with &, <, > and " as HTML's entities, for text and for attributes in double quotes. */
void table_escape_html(struct strbuf *out, const char *s);
/* The width to give table_write for standard output: the terminal's, 100 where there is none. */
int table_terminal(void);
/* Columns that UTF-8 text takes on a terminal. */
int table_width(const char *s);

#endif
