/* SPDX-License-Identifier: Apache-2.0 */
/* run_sweep.h - run what is missing of a sweep and write it down: the library below `bench run`, `bench table
 * --run` and `bench plan`.
 *
 * Order: open (find, read and check the file) - lock the record - find what is missing and plan it
 * (pending.h) - let the scheduler run it (sched.h), writing down what the workers tell. Nothing is written
 * about a run before its sweep has been checked whole, and rows are always closed. Nothing here prints: what
 * a command may want to show goes through struct run_sweep_hooks. */
#ifndef BENCH_RUN_SWEEP_H
#define BENCH_RUN_SWEEP_H

#include <signal.h>
#include <stdbool.h>

#include "harness/base/machine.h"
#include "harness/record/db.h"
#include "harness/sched/pending.h"
#include "harness/sched/progress.h"
#include "harness/sched/sched.h"
#include "harness/sweep/sweep.h"

/* What a command was asked for. All strings are borrowed. */
struct run_sweep_options {
    const char *file, *db; /* db: path of the record */
    const char **sets;     /* of --set, any number */
    int nsets;
    int workers, threads; /* 0: as cores and memory allow */
    bool again;           /* also what is finished */
    bool repair;          /* also what is finished and has lost its checkpoint */
    bool wait;            /* while another process runs on the record, instead of an error */
};

/* What there is to show. Any may be NULL. */
struct run_sweep_hooks {
    void *arg;
    void (*warning)(void *arg, const char *text); /* before anything runs; one line */
    void (*found)(void *arg);                     /* machine and pending are known; nothing is planned yet */
    void (*line)(void *arg, const char *text);    /* a run ended, or tells something */
    void (*status)(void *arg);                    /* progress may have moved; about five times a second */
};

/* A sweep that runs. Zeroed but for the first four; the others are filled by run_sweep and are for reading in
 * hooks and afterwards. */
struct run_sweep {
    const struct run_sweep_options *options;
    const struct sweep *sweep;
    const struct run_sweep_hooks *hooks;
    const volatile sig_atomic_t *stops; /* as sched_run's */

    struct db *db;
    struct machine machine;
    struct pending pending;
    struct progress progress;
    int counts[RUN_NSTATES]; /* runs that ended, by enum run_state */
    int64_t sweep_id;        /* its row; 0: nothing was written yet */
    struct run_sweep_work *work;
};

/* Find the file (sweep_find), read and check it; warnings go to the hook. *ret: sweep_free, NULL on error. */
int run_sweep_open(struct sweep **ret, const struct run_sweep_options *o, const struct run_sweep_hooks *hooks,
                   struct err *e);

/* From the lock on the record to the last run. Returns 0; ERR_STOP when it was stopped (sweep_id tells
 * whether anything had begun); or an error. Release r also after an error. */
int run_sweep(struct run_sweep *r, struct err *e);
void run_sweep_release(struct run_sweep *r);

/* Tell the hook when a model is another file than that of the sweep's finished runs. */
int run_sweep_changed(const struct sweep *s, struct db *db, const struct run_sweep_hooks *hooks,
                      struct err *e);

/* sched_run for worker processes of this program: with the environment that their numerics need. */
int run_sweep_jobs(const struct sched_room *room, struct sched_job *jobs, int n,
                   const struct sched_hooks *hooks, const volatile sig_atomic_t *stops, struct err *e);

#endif
