/* SPDX-License-Identifier: Apache-2.0 */
/* table_private.h - what the writers of tables share (table.c, table_write.c, table_markup.c). */
#ifndef BENCH_TABLE_PRIVATE_H
#define BENCH_TABLE_PRIVATE_H

#include "harness/table/table.h"

struct column {
    char *key, *title;
    enum table_kind kind;
    enum table_where where;
};

struct cell {
    enum db_type type;
    int64_t i;
    double d;
    char *s, *shown;
};

struct table {
    struct column *col;
    size_t ncol, col_cap;
    struct cell *cell;
    size_t ncell, cell_cap;
};

/* A table made ready for people: text[row * cols + col], row 0 the titles; only shown columns. */
struct shown {
    size_t rows, cols;
    char **text;
    int *width;
    bool *left, *shrinks;
};
void shown_init(struct shown *s, const struct table *t);
void shown_release(struct shown *s);

void table_write_latex(const struct table *t, struct strbuf *out);
void table_write_html(const struct table *t, struct strbuf *out);

#endif
