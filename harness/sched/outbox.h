/* SPDX-License-Identifier: Apache-2.0 */
/* outbox.h - rows on their way into the record: kept in memory until they are on the disk.
 *
 * Everything that runs tell is put here, and written about once a second in one transaction. A write that
 * fails (a full disk, another program that holds the file) is undone whole and tried again later: nothing is
 * lost while this process lives, and what runs goes on. Rows keep their order. */
#ifndef BENCH_OUTBOX_H
#define BENCH_OUTBOX_H

#include "harness/record/db.h"

struct outbox;

/* A run that ended, for outbox_new's function. */
struct outbox_end {
    void *arg; /* outbox_finish's */
    struct train_result res;
    int concurrent;
    bool again;
};

/* done: called when the end of a run is on the disk; its error ends the writing. */
struct outbox *outbox_new(struct db *db, int (*done)(const struct outbox_end *x, struct err *e));
void outbox_free(struct outbox *b); /* drops what is left; accepts NULL */

/* As the functions of db.h; strings are copied. */
void outbox_metric(struct outbox *b, int64_t run, const char *key, long step, double value);
void outbox_item(struct outbox *b, int64_t run, const char *key, long item, double value, double weight);
void outbox_event(struct outbox *b, int64_t run, const char *kind, const char *text);
void outbox_finish(struct outbox *b, int64_t run, const struct outbox_end *x);

/* Write what is there. An error: nothing of it is lost, call again later. */
int outbox_flush(struct outbox *b, struct err *e);
bool outbox_is_empty(const struct outbox *b);
/* Runs whose end is not on the disk yet. */
int outbox_ends(const struct outbox *b);

#endif
