/* SPDX-License-Identifier: Apache-2.0 */
/* outbox.c - see outbox.h. */
#include "harness/sched/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/util.h"

enum row_kind { ROW_METRIC, ROW_ITEM, ROW_EVENT, ROW_END };

struct row {
    enum row_kind kind;
    int64_t run;
    char *key;  /* of an event: its kind */
    char *text; /* of an event */
    long at;    /* step or item */
    double value, weight;
    struct outbox_end *end;
};

struct outbox {
    struct db *db;
    int (*done)(const struct outbox_end *x, struct err *e);
    struct row *v;
    size_t n, cap;
    int ends;
};

struct outbox *outbox_new(struct db *db, int (*done)(const struct outbox_end *x, struct err *e)) {
    struct outbox *b = xcalloc(1, sizeof *b);
    b->db = db;
    b->done = done;
    return b;
}

/* The first n rows are written. */
static void drop_rows(struct outbox *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        free(b->v[i].key);
        free(b->v[i].text);
        b->ends -= b->v[i].end != NULL;
        free(b->v[i].end);
    }
    b->n -= n;
    if (b->n) memmove(b->v, b->v + n, b->n * sizeof *b->v);
}

void outbox_free(struct outbox *b) {
    if (!b) return;
    drop_rows(b, b->n);
    free(b->v);
    free(b);
}

static struct row *add_row(struct outbox *b, enum row_kind kind, int64_t run) {
    GROW(b->v, b->n, b->cap);
    struct row *r = &b->v[b->n++];
    *r = (struct row){.kind = kind, .run = run};
    return r;
}

void outbox_metric(struct outbox *b, int64_t run, const char *key, long step, double value) {
    struct row *r = add_row(b, ROW_METRIC, run);
    r->key = xstrdup(key);
    r->at = step;
    r->value = value;
}

void outbox_item(struct outbox *b, int64_t run, const char *key, long item, double value, double weight) {
    struct row *r = add_row(b, ROW_ITEM, run);
    r->key = xstrdup(key);
    r->at = item;
    r->value = value;
    r->weight = weight;
}

void outbox_event(struct outbox *b, int64_t run, const char *kind, const char *text) {
    struct row *r = add_row(b, ROW_EVENT, run);
    r->key = xstrdup(kind);
    r->text = xstrdup(text);
}

void outbox_finish(struct outbox *b, int64_t run, const struct outbox_end *x) {
    struct row *r = add_row(b, ROW_END, run);
    r->end = xmalloc(sizeof *r->end);
    *r->end = *x;
    b->ends++;
}

bool outbox_is_empty(const struct outbox *b) { return b->n == 0; }

int outbox_ends(const struct outbox *b) { return b->ends; }

static int write_row(struct outbox *b, const struct row *r, struct err *e) {
    switch (r->kind) {
    case ROW_METRIC:
        return db_metric(b->db, r->run, r->key, r->at, r->value, e);
    case ROW_ITEM:
        return db_item(b->db, r->run, r->key, r->at, r->value, r->weight, e);
    case ROW_EVENT:
        return db_event(b->db, r->run, r->key, r->text, e);
    default: /* commits itself and all before it */
        return db_run_finish(b->db, r->run, &r->end->res, r->end->concurrent, e);
    }
}

int outbox_flush(struct outbox *b, struct err *e) {
    int rc = 0;
    size_t i = 0;
    while (i < b->n && !rc) {
        const struct row *r = &b->v[i];
        if ((rc = write_row(b, r, e))) break;
        i++;
        if (r->kind != ROW_END) continue;
        struct outbox_end *end = r->end;
        b->v[i - 1].end = NULL;
        b->ends--;
        drop_rows(b, i);
        i = 0;
        rc = b->done(end, e);
        free(end);
    }
    if (!rc) rc = db_flush(b->db, e);
    if (rc)
        db_undo(b->db);
    else
        drop_rows(b, i);
    return rc;
}
