/* SPDX-License-Identifier: Apache-2.0 */
/* rows.c - tables of records: what every table shares. The makers are textrows.c (JSONL, CSV, TSV) and
 * glosses.c.
 *
 * Owns the columns, the lazily filled cells and the pool that holds what could not stay in the mapping. */
#include "experiments/data/rows.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- pool ---------------------------------------------------------------------------------------------- */

struct pool_block {
    struct pool_block *next;
    size_t used, cap;
    char bytes[];
};

#define ARENA_BLOCK ((size_t)64 << 10)

void *pool_alloc(struct pool *a, size_t n) {
    BUG_ON(n > SIZE_MAX / 2, "n=%zu", n);
    n = (n + 7) & ~(size_t)7;
    struct pool_block *b = a->head;
    if (!b || b->cap - b->used < n) {
        size_t cap = MAX_OF(n, ARENA_BLOCK);
        struct pool_block *fresh = xmalloc(sizeof *fresh + cap);
        fresh->used = 0;
        fresh->cap = cap;
        a->bytes += cap;
        if (b && n > ARENA_BLOCK / 4) { /* a large piece goes behind the head, whose room stays in use */
            fresh->next = b->next;
            b->next = fresh;
        } else {
            fresh->next = b;
            a->head = fresh;
        }
        b = fresh;
    }
    void *p = b->bytes + b->used;
    b->used += n;
    return p;
}

char *pool_keep(struct pool *a, const char *s, size_t n) {
    char *p = pool_alloc(a, n + 1);
    memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

void pool_release(struct pool *a) {
    for (struct pool_block *b = a->head, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    *a = (struct pool){0};
}

/* ---- the table ----------------------------------------------------------------------------------------- */

struct rows *rows_new(const struct rows_ops *ops, void *impl, uint64_t *at, long n) {
    struct rows *r = xcalloc(1, sizeof *r);
    r->ops = ops;
    r->impl = impl;
    r->at = at;
    r->n = n;
    r->optional = -1;
    r->row = xcalloc((size_t)n, sizeof(struct row *));
    return r;
}

void rows_free(struct rows *r) {
    if (!r) return;
    if (r->ops->release) r->ops->release(r);
    pool_release(&r->pool);
    for (int c = 0; c < r->columns; c++) free(r->column[c]);
    free(r->column);
    free(r->row);
    free(r->at);
    free(r);
}

int rows_add_column(struct rows *r, const char *name, size_t len) {
    if (r->columns == ROWS_MAX_COLUMNS) return -1;
    GROW(r->column, r->columns, r->columns_cap);
    r->column[r->columns] = xstrndup(name, len);
    return r->columns++;
}

void rows_drop_cells(const struct rows *cr) {
    struct rows *r = (struct rows *)(uintptr_t)cr;
    pool_release(&r->pool);
    memset(r->row, 0, (size_t)r->n * sizeof(struct row *));
}

size_t rows_cell_bytes(const struct rows *r) { return r->pool.bytes; }

void rows_keep(struct rows *r, const bool *keep) {
    long n = 0;
    for (long i = 0; i < r->n; i++) {
        if (!keep[i]) continue;
        r->at[n] = r->at[i];
        r->row[n++] = r->row[i];
    }
    r->n = n;
}

long rows_count(const struct rows *r) { return r->n; }
int rows_columns(const struct rows *r) { return r->columns; }
const char *rows_source(const struct rows *r, long i) { return r->ops->source(r, i); }

const char *rows_column_name(const struct rows *r, int column) {
    BUG_ON(column < 0 || column >= r->columns, "column=%d columns=%d", column, r->columns);
    return r->column[column];
}

long rows_line(const struct rows *r, long i) {
    BUG_ON(i < 0 || i >= r->n, "i=%ld n=%ld", i, r->n);
    return r->ops->line(r, i);
}

int rows_error(const struct rows *r, long i, struct err *e, const char *fmt, ...) {
    char msg[768];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    return err_set(e, ERR_USER, "%s:%ld: %s", rows_source(r, i), rows_line(r, i), msg);
}

/* The cells of row i, parsed now if they are not yet; NULL: error. */
static const struct row *row_get(const struct rows *cr, long i, struct err *e) {
    struct rows *r = (struct rows *)(uintptr_t)cr; /* the cache behind the const: see data.h */
    BUG_ON(i < 0 || i >= r->n, "i=%ld n=%ld", i, r->n);
    if (!r->row[i] && r->ops->parse(r, i, &r->row[i], e)) return NULL;
    return r->row[i];
}

int rows_touch(const struct rows *r, long i, struct err *e) { return row_get(r, i, e) ? 0 : ERR_USER; }

static int column_find(const struct rows *r, int from, const char *name) {
    for (int c = from; c < r->columns; c++)
        if (!strcmp(r->column[c], name)) return c;
    return -1;
}

/* Look for a key that no row so far had. Broken rows are passed over here: who reads them gets their error.
 */
static int column_search(struct rows *r, const char *name) {
    for (long i = 0; r->open_ended && i < r->n; i++) {
        int before = r->columns;
        row_get(r, i, NULL);
        int c = r->columns > before ? column_find(r, before, name) : -1;
        if (c >= 0) return c;
    }
    r->open_ended = false;
    return -1;
}

int rows_column(const struct rows *r, const char *name) {
    int c = column_find(r, 0, name);
    if (c >= 0) return c;
    char *end;
    long number = name[0] >= '1' && name[0] <= '9' ? strtol(name, &end, 10) : 0;
    if (number > 0 && *end) number = 0;
    if (!(number > 0 && number <= r->columns) && (c = column_search((struct rows *)(uintptr_t)r, name)) >= 0)
        return c;
    return number > 0 && number <= r->columns ? (int)number - 1 : -1;
}

const char *rows_field(const struct rows *r, long i, int column, size_t *len, struct err *e) {
    BUG_ON(column < 0 || column >= r->columns, "column=%d columns=%d", column, r->columns);
    const struct row *row = row_get(r, i, e);
    if (!row) return NULL;
    const struct cell *cell = column < row->n ? &row->cell[column] : NULL;
    if ((!cell || cell->kind == CELL_MISSING) && column == r->optional) {
        *len = 0;
        return "";
    }
    if (!cell || cell->kind == CELL_MISSING) {
        rows_error(r, i, e, "this row has no '%.100s' (column %d)", r->column[column], column + 1);
        return NULL;
    }
    if (cell->kind == CELL_NESTED) {
        rows_error(r, i, e, "'%.100s' is a list or an object: only strings, numbers and booleans can be used",
                   r->column[column]);
        return NULL;
    }
    *len = cell->len;
    return cell->s;
}
