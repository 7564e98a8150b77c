/* SPDX-License-Identifier: Apache-2.0 */
/* launcher.h - where the runs of a sweep are carried out: what starts a worker, hears it, and stops it.
 *
 * The scheduler knows workers through this alone; how one comes to be (a process here, a job of a cluster) is
 * the launcher's. Whatever it is, it carries a job (worker.h) to `bench worker` and brings the lines of its
 * report back. launch_local.c is the first. A launcher of one's own: fill a struct launcher, and give it to
 * run_sweep. */
#ifndef BENCH_LAUNCHER_H
#define BENCH_LAUNCHER_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "harness/base/err.h"
#include "harness/core/run_result.h"

struct sched_job; /* sched.h */
struct launched;  /* a worker: each launcher has its own */

enum launch_signal {
    LAUNCH_STOP, /* end after the step at hand, with a result */
    LAUNCH_KILL  /* end now */
};

struct launcher {
    const char *name; /* "local" */
    void *state;      /* the launcher's own */
    /* seconds between attempts to start a worker, and for how long while no other runs */
    double retry_s, patience_s;

    /* Start a worker with this job, which is borrowed for the call. *remark: something to tell about it
     * (malloc'ed), or NULL. An error (ERR_RESOURCE) means that nothing was started and that it may be tried
     * again later. */
    int (*start)(struct launcher *l, const struct sched_job *job, struct launched **ret, char **remark,
                 struct err *e);
    /* Read what has come, and call line() for each whole line of the report, without its newline. Never
     * blocks. True: the worker has ended, and all that it said was read. */
    bool (*read)(struct launched *w, void (*line)(void *arg, const char *s, size_t n), void *arg);
    void (*signal)(struct launched *w, enum launch_signal s); /* nothing, when it has ended */
    /* Sleep until a worker has something to read or has ended, or a signal comes that `mask` lets through, at
     * most so many seconds. */
    void (*wait)(struct launcher *l, struct launched *const *w, int n, double seconds, const sigset_t *mask);
    /* Of a worker that ended without a result: fills state, error (how it ended, in words, with its last
     * lines) and rss_bytes. */
    void (*why)(const struct launched *w, struct train_result *res);
    void (*release)(struct launched *w); /* after it has ended */
    void (*free)(struct launcher *l);    /* after all workers were released */
};

/* Processes of this machine. Free with l->free(l). */
struct launcher *launch_local(void);

#endif
