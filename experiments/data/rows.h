/* SPDX-License-Identifier: Apache-2.0 */
/* rows.h - the inside of a struct rows, for the files that make one (rows.c: files; glosses.c: WordNet).
 *
 * A table is an array of places `at[i]` (what a place means is its maker's affair: mostly a byte offset) and
 * a parser that turns a place into cells when row i is first asked for. Cells point into the mapping where
 * the text stands there as it is, else into the table's pool. */
#ifndef BENCH_DATA_ROWS_H
#define BENCH_DATA_ROWS_H

#include <stdint.h>

#include "harness/core/data.h"

enum cell_kind { CELL_MISSING, CELL_TEXT, CELL_NESTED };

struct cell {
    const char *s;
    uint32_t len;
    uint8_t kind; /* enum cell_kind */
};

struct row {
    int n;              /* cells; columns from n on are missing */
    struct cell cell[]; /* in the order of the table's columns */
};

/* Memory that dies at once: blocks of 64 KB, larger ones for larger needs. */
struct pool_block;
struct pool {
    struct pool_block *head;
    size_t bytes; /* allocated in all */
};
void *pool_alloc(struct pool *a, size_t n);
char *pool_keep(struct pool *a, const char *s, size_t n); /* a copy, NUL-terminated */
void pool_release(struct pool *a);

struct rows_ops {
    /* Cells of row i, in the pool, into *ret. May add columns (JSONL). Error: "file:line: ...". */
    int (*parse)(struct rows *r, long i, struct row **ret, struct err *e);
    const char *(*source)(const struct rows *r, long i);
    long (*line)(const struct rows *r, long i);
    void (*release)(struct rows *r); /* impl only; may be NULL */
};

struct rows {
    const struct rows_ops *ops;
    void *impl;
    long n;
    uint64_t *at;     /* [n] place of each row */
    struct row **row; /* [n] NULL until parsed */
    char **column;    /* names */
    int columns, columns_cap;
    bool open_ended; /* rows not yet parsed may bring more columns (JSONL) */
    int optional;    /* the column that a row may lack: it is empty then; -1: none */
    struct pool pool;
};

/* template.c: the path that row i names (template_file). Caller frees; NULL: error. */
char *template_path(const struct template *t, long i, struct err *e);

#define ROWS_MAX_COLUMNS 4096
#define ROWS_MAX_BYTES   100000000 /* of one row */

/* A table of n rows (takes `at`), without columns. */
struct rows *rows_new(const struct rows_ops *ops, void *impl, uint64_t *at, long n);
int rows_add_column(struct rows *r, const char *name,
                    size_t len); /* its index, or -1 when there are too many */
/* Parse row i if it is not parsed yet. */
int rows_touch(const struct rows *r, long i, struct err *e);
/* Forget the cells of all rows: fields handed out die. */
void rows_drop_cells(const struct rows *r);
size_t rows_cell_bytes(const struct rows *r);
/* Forget the rows i with !keep[i]; the others close ranks. Fields of the others stay valid. */
void rows_keep(struct rows *r, const bool *keep);

#endif
