/* SPDX-License-Identifier: Apache-2.0 */
/* sweep_head.h - which sweep of a record the user means, and what it is judged by. */
#ifndef BENCH_SWEEP_HEAD_H
#define BENCH_SWEEP_HEAD_H

#include "harness/record/db.h"

/* Of sweeps with one name the last counts. */
struct sweep_head {
    int64_t id;
    char *name, *metric, *goal; /* goal: "minimize" or "maximize" */
};

/* name: a sweep's name, its file, or NULL for the last of all. Errors: ERR_RESOURCE where the record holds
 * none, ERR_USER where none has that name: the message suggests a close one and lists what there is. */
int sweep_head_read(struct sweep_head *ret, struct db *db, const char *name, struct err *e);
void sweep_head_release(struct sweep_head *h); /* accepts a zeroed one */

/* Fills e with that error; `what`: what `word` could have been, "sweep" or "run and no sweep". Returns its
 * code. */
int sweep_head_unknown(struct db *db, const char *what, const char *word, struct err *e);

#endif
