/* SPDX-License-Identifier: Apache-2.0 */
/* summary.h - a sweep as one table: per configuration, learning rates aside, one row, at the rate that is
 * best by the rule of prefer.h. The untouched base comes first.
 *
 * Seeds are the mean and its 95 % interval from the pooled spread (verdict.h), or the values themselves where
 * an interval says nothing. Runs of other sweeps that this one reuses are in it. */
#ifndef BENCH_SUMMARY_H
#define BENCH_SUMMARY_H

#include "harness/record/query.h"
#include "harness/table/table.h"

struct summary {
    struct record_sweep record; /* what it was made of */
    char *name, *path, *metric, *goal, *begun;
    int cells, count[CELL_NSTATES];
    long steps, batch_size; /* of all trained points; 0: they differ */
    bool concurrent;        /* some timings in the table were taken beside other workers; they carry a '*' */
    bool several_seeds;     /* some configuration finished with two: the table has a spread to show */
    char *notes;            /* what readers must know of the intervals, lines; NULL: nothing */
    /* keys that tell rows apart beyond the columns that people see, "a, b"; NULL: none */
    char *more_keys;
    struct table *table;
};

/* `sweep`: an id (db_sweep_find). Of sweeps with one name the last counts. On error nothing needs to be
 * released. */
int summary_read(struct summary *s, struct db *db, int64_t sweep, struct err *e);
void summary_release(struct summary *s);

#endif
