/* SPDX-License-Identifier: Apache-2.0 */
/* run_query.h - one run of the record: which one a word means, everything that is recorded of it, where its
 * checkpoint is. */
#ifndef BENCH_RUN_QUERY_H
#define BENCH_RUN_QUERY_H

#include "harness/record/db.h"

/* The run that a word means: a number, or the beginning (4 to 64 digits) of its point's hash. 0: none;
 * negative: an error, also a hash of several runs. */
int64_t run_find(struct db *db, const char *word, struct err *e);

/* Everything as one object: the columns of the view `runs`, and hash, attempt, created, started, ended,
 * adapted_params, config (an object), env, memory, metrics, checkpoints, events (lists of objects). NULL with
 * e filled; of a run that was tried again the message names the later one. Caller decrefs. */
json_t *run_json(struct db *db, int64_t run, struct err *e);

/* What of a run is needed to use its adapter. */
struct run_checkpoint {
    char *path; /* as recorded; NULL: it saved none */
    char *state, *method;
    json_t *config; /* resolved; may be NULL */
    int64_t seed;
};
/* ERR_USER: no such run, or it was tried again. On error nothing needs to be released. */
int run_checkpoint_read(struct run_checkpoint *ret, struct db *db, int64_t run, struct err *e);
void run_checkpoint_release(struct run_checkpoint *c);

#endif
