/* SPDX-License-Identifier: Apache-2.0 */
/* sched.h - which run starts when, on how many cores; and the loop that watches over the workers.
 *
 * Packing: a run per core, one thread each, while at least as many runs wait as cores are free (best
 * throughput: no run waits for another's threads); otherwise the free cores are divided among the runs that
 * wait. A run starts only when its predicted bytes fit beside those that run; base weights are counted once
 * per model file, since workers share the mapping. A run that fits only alone runs alone. Results do not
 * depend on any of this: every computation is bit-identical for any number of threads.
 *
 * A worker's death is a result, not the end of the sweep: see struct sched_hooks.finish. */
#ifndef BENCH_SCHED_H
#define BENCH_SCHED_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "harness/sched/launcher.h"
#include "harness/train/train.h"

#define SCHED_MAX_THREADS 64
#define SCHED_LATER       1           /* a hook's answer */
#define SCHED_RESTARTS    2           /* of a run whose worker a stranger ended */
#define SCHED_OUTSIDE     (32u << 20) /* bytes of a worker that no gate counts: code, stacks, tokenizer */

struct sched_job {
    struct train_job job; /* threads and out_dir are set when it starts */
    int index;            /* in its sweep (test hook) */
    int threads;          /* wanted; 0: as packing sees fit */
    const char *base_key; /* runs with equal keys share their base weights, */
    bool base_f32;        /* those expanded to float32 apart from those as their file stores them */
    size_t base_bytes;    /* predicted: of the shared weights */
    size_t own_bytes;     /* predicted: the rest of the peak */
};

/* ---- packing: pure ------------------------------------------------------------------------------------- */

struct sched_room {
    int cores;     /* of the machine, for us */
    int workers;   /* at most so many at once; 0: as packing sees fit */
    int threads;   /* per worker, whatever the job wants; 0: as it wants */
    size_t memory; /* bytes for all workers together; 0: unknown, do not limit */
};

/* What runs already. */
struct sched_load {
    const struct sched_job *const *jobs;
    const int *threads;
    int n;
};

/* The next run to start among waiting[0..n), in order, and its threads; *pick -1: wait until one ends. A run
 * that would not fit lets later, smaller ones pass. With nothing running something always starts. */
void sched_pick(const struct sched_room *room, const struct sched_load *load,
                const struct sched_job *const *waiting, int n, int *pick, int *threads);

/* ---- the loop ------------------------------------------------------------------------------------------ */

/* `job` is the index into the jobs given. Functions that return int end the loop with that error when
 * negative; workers are then ended. */
struct sched_hooks {
    void *arg;
    /* About to start: record it, say where checkpoints go (malloc'ed; NULL: nowhere) and who hears what the
     * run tells (zeroed: nobody). SCHED_LATER: not now, ask again at the next tick. */
    int (*start)(void *arg, int job, int threads, char **out_dir, struct train_report *report, struct err *e);
    /* It ended, in a state of its own or by dying: killed by a signal - failed, or oom when the kernel ran
     * out of memory; over its time limit - timeout; stopped by the user - interrupted. `concurrent`: the most
     * others that ran at the same time. again: its worker was ended from outside, and it will start anew. */
    int (*finish)(void *arg, int job, const struct train_result *res, int concurrent, bool again,
                  struct err *e);
    /* about five times a second, also while nothing can start; running: how many workers */
    int (*tick)(void *arg, int running, struct err *e);
};

/* What asks to stop: the terminal's and the administrator's signals, and those by which batch systems
 * announce the end of the job's time. Ends with 0. */
extern const int sched_stop_signals[];

/* Run all jobs. *stops counts the user's signals, raised by the caller's handlers for sched_stop_signals
 * (which are blocked except while the loop waits): 1 - start nothing more, ask the workers to end after
 * their step (kill them after half a minute); 2 - kill them. A worker that cannot be started is tried again
 * while others run, and for the launcher's patience when none does. Returns 0, ERR_STOP when it was stopped,
 * or an error, a hook's or the launcher's. */
int sched_run(const struct sched_room *room, struct launcher *launcher, struct sched_job *jobs, int n,
              const struct sched_hooks *hooks, const volatile sig_atomic_t *stops, struct err *e);

#endif
