/* summary.h - a sweep as one table: per method, rank, modules and every further axis of the sweep one row, at
 * the learning rate whose mean over the seeds is best. The untouched base comes first.
 *
 * Seeds are never chosen among: they are the mean and its 95 % interval (Student's t). A learning rate at
 * which some seed diverged counts only when all rates did so. Runs of other sweeps that this one reuses are
 * in it. */
#ifndef BENCH_SUMMARY_H
#define BENCH_SUMMARY_H

#include "harness/table/table.h"

/* What can have become of a cell, in the order in which it is told. */
enum summary_state {
    SUMMARY_COMPLETE,
    SUMMARY_DIVERGED,
    SUMMARY_PRUNED,
    SUMMARY_FAILED,
    SUMMARY_OOM,
    SUMMARY_TIMEOUT,
    SUMMARY_INTERRUPTED,
    SUMMARY_RUNNING,
    SUMMARY_WAITING,
    SUMMARY_NOT_STARTED,
    SUMMARY_NSTATE
};
const char *summary_state_name(enum summary_state s); /* "complete", "diverged", ..., "not started" */

struct summary {
    char *name, *path, *metric, *goal, *begun;
    int cells, count[SUMMARY_NSTATE];
    long steps, batch_size; /* of all trained points; 0: they differ */
    bool concurrent;        /* some timings in the table were taken beside other workers; they carry a '*' */
    bool several_seeds;     /* some configuration finished with two: the table has a spread to show */
    struct table *table;
};

/* `sweep`: an id (db_sweep_find). Of sweeps with one name the last counts. On error nothing needs to be
 * released. */
int summary_read(struct summary *s, struct db *db, int64_t sweep, struct err *e);
void summary_release(struct summary *s);

#endif
