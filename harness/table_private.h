/* table_private.h - what the writers of tables share (table.c, table_markup.c). */
#ifndef BENCH_TABLE_PRIVATE_H
#define BENCH_TABLE_PRIVATE_H

#include "harness/table.h"

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
