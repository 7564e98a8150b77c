/* SPDX-License-Identifier: Apache-2.0 */
/* plan.h - what a sweep will take before it starts: memory, files and time of every run, and their sums.
 *
 * Memory and files come from train_plan, the same code as a run, in counting mode; times from speed.h.
 * Nothing here prints or runs anything; plan_missing and plan_measured are for who does the calibration. */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "harness/record/db.h"
#include "harness/base/machine.h"
#include "harness/sweep/sweep.h"
#include "harness/sched/pending.h"

struct plan_row { /* of the item with the same index */
    bool done;    /* the record holds its run */
    int threads;
    char key[65];            /* of its shape, see speed.h */
    double seconds;          /* NaN: not measured */
    long stored, stored_min; /* bytes of the checkpoint that it will leave; 0: none */
    char problem[512];       /* why it will not run to its end; "": it will, as far as is known */
};

struct plan {
    const struct sweep *sweep;
    struct machine machine;
    struct sched_room room;
    struct pending pending; /* every run of the sweep, and the untouched bases it needs */
    struct plan_row *rows;
    char *cpu;
    /* sums over what is not done yet, after plan_sum */
    int to_run, done, cannot, unmeasured;
    double work_s, wall_s; /* one after the other; as the scheduler packs them. Runs without a time count 0 */
    double stored;
    int largest; /* the row with the highest peak of all; -1: no rows */
    int most;    /* runs at the same time, at most */
};

/* Plan every run. db NULL: nothing is done and nothing measured. workers, threads: as the options of `bench
 * run`, 0: not given. Borrows `s`. Release p also after an error. */
int plan_make(struct plan *p, const struct sweep *s, struct db *db, int workers, int threads,
              const volatile sig_atomic_t *stop, struct err *e);
void plan_release(struct plan *p);

/* Look up the times of all rows. */
int plan_times(struct plan *p, struct db *db, struct err *e);
/* The next row after `from` (-1: from the start) whose shape is to run, fits, and was not measured, each
 * shape once; -1: none. */
int plan_missing(const struct plan *p, int from);
/* The times, marked problems and sums as far as the times are known. */
void plan_sum(struct plan *p);

#endif
