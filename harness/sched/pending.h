/* SPDX-License-Identifier: Apache-2.0 */
/* pending.h - what a sweep still has to do: its cells, less what is in the record, plus the untouched bases
 * it needs, each with a plan.
 *
 * Between the sweep file (sweep.h) and the scheduler (sched.h). A cell whose run is finished is not repeated,
 * whoever ran it. A base that no cell evaluates, and that the record does not hold, is added once per set of
 * data, so that every run has a base_eval_loss. */
#ifndef BENCH_PENDING_H
#define BENCH_PENDING_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "harness/record/db.h"
#include "harness/base/machine.h"
#include "harness/sched/sched.h"
#include "harness/sweep/sweep.h"
#include "harness/train/train.h"

struct pending_run {
    int cell;             /* index into sweep->runs; -1: an added base */
    const json_t *config; /* borrowed, or `own` */
    json_t *own;
    const char *hash; /* borrowed */
    uint64_t seed;
    bool is_base;
    char *label;
    int line;                 /* where its point stands in the sweep file; 0: none */
    struct train_result plan; /* after pending_plan, */
    int threads;              /* with so many */
    char refused[256];        /* why it cannot run: too much memory; "": it can */
    int64_t point;            /* row of the record, after pending_record */
};

struct pending {
    struct pending_run *v; /* to run, in order: bases first */
    int n, cap;
    int finished;  /* cells that are done already */
    int lost;      /* of them, those whose checkpoint is gone */
    char *lost_at; /* one of those; NULL: none */
};

enum pending_what {
    PENDING_MISSING, /* what has no finished run */
    PENDING_LOST,    /* and what has one whose checkpoint is gone */
    PENDING_ALL
};

/* What there is to do. db NULL: everything. Borrows from `s`. */
int pending_find(struct pending *t, const struct sweep *s, struct db *db, enum pending_what what,
                 struct err *e);
void pending_release(struct pending *t);

/* What to tell the user when a model of the sweep is not the file that its finished runs were made with:
 * *ret, one line, the caller frees; NULL when all is as it was. Those runs stay in the record; the points of
 * the new file are other points. */
int pending_changed(const struct sweep *s, struct db *db, char **ret, struct err *e);

/* Plan each distinct point in this process, and mark what can never fit: into limits.memory, or this
 * machine. threads: per run; 0: what the sweep asks for, else the most that a worker can get, all cores.
 * each_seed: every seed of a point is planned by itself, as its batches differ a little; else the first one
 * stands for all, which is what can be told before a run. An error names the sweep file and line: a point
 * that cannot run as it is written. ERR_STOP when *stop becomes nonzero. */
int pending_plan(struct pending *t, const struct sweep *s, const struct machine *m, int threads,
                 bool each_seed, const volatile sig_atomic_t *stop, struct err *e);

/* The bytes of a planned run's peak with other threads than it was planned with. */
size_t pending_peak(const struct pending_run *x, int threads);

/* After pending_plan with other threads than a run would be judged with: mark what cannot fit with those.
 * threads: as pending_plan's. What `bench run` refuses, `bench plan` refuses, whatever threads it counts
 * with. */
void pending_judge(struct pending *t, const struct sweep *s, const struct machine *m, int threads);

/* The job of a planned item, threads and output left to who starts it. Borrows from both. */
struct sched_job pending_job(const struct pending_run *x, const struct sweep *s);

/* Enter the sweep, its points and cells into the record; sets item->point. *sweep: the sweep's row. */
int pending_record(struct pending *t, const struct sweep *s, struct db *db, int64_t *sweep, struct err *e);

#endif
