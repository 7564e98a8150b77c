/* SPDX-License-Identifier: Apache-2.0 */
/* calibrate.c - a few real steps of each shape that was never measured (see calibrate.h). */
#include "harness/sched/calibrate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build/version.h"
#include "harness/base/util.h"
#include "harness/sched/run_sweep.h"
#include "harness/sched/speed.h"

struct calibration {
    struct plan *plan;
    struct db *db;
    int *rows; /* of the plan, by job */
    json_t **configs;
    struct sched_job *jobs;
    int *times; /* by row of the plan: of the next calibration, see speed.h; 0: none */
    int n;
    bool again; /* second round */
    calibrate_fn *tell;
    void *arg;
    const volatile sig_atomic_t *stops;
};

static int on_start(void *arg, int job, int threads, char **out_dir, struct train_report *report,
                    struct err *e) {
    struct calibration *c = arg;
    (void)out_dir, (void)report, (void)e;
    c->tell(c->arg, job + 1, c->n, c->again, c->plan->pending.v[c->rows[job]].label, threads);
    return 0;
}

static int on_finish(void *arg, int job, const struct train_result *res, int concurrent, bool again,
                     struct err *e) {
    struct calibration *c = arg;
    int i = c->rows[job];
    struct plan_row *row = &c->plan->rows[i];
    (void)concurrent, (void)again;
    c->times[i] = 0;
    if (res->state == RUN_INTERRUPTED) return 0;
    if (res->state != RUN_COMPLETE) {
        snprintf(row->problem, sizeof row->problem, "calibration: %s: %.400s", run_state_name(res->state),
                 res->error);
        return 0;
    }
    int times = speed_too_short(res);
    bool all = res->steps >= c->plan->pending.v[i].plan.steps;
    if (!c->again && times > 1 && !(all && res->steps)) {
        c->times[i] = times;
        return 0;
    }
    struct db_speed s = {.key = row->key,
                         .cpu = c->plan->cpu,
                         .build = BENCH_VERSION,
                         .threads = row->threads,
                         .calibration = true};
    speed_of(res, &s);
    return db_speed_put(c->db, &s, e);
}

/* Run the calibrations that are due. */
static int calibrate_round(struct calibration *c, struct err *e) {
    struct sched_room room = c->plan->room;
    struct sched_hooks hooks = {.arg = c, .start = on_start, .finish = on_finish};
    c->n = 0;
    for (int i = 0; i < c->plan->pending.n; i++) {
        const struct pending_run *x = &c->plan->pending.v[i];
        struct sched_job *job = &c->jobs[c->n];
        if (!c->times[i]) continue;
        *job = pending_job(x, c->plan->sweep);
        job->job.config = c->configs[c->n] = speed_calibration(x->config, c->times[i]);
        job->job.time_limit = 0; /* a plan says what the limit would do */
        job->job.save = "none";
        job->threads = c->plan->rows[i].threads;
        c->rows[c->n++] = i;
    }
    room.workers = 1;
    room.threads = 0; /* each job's own */
    int rc = c->n ? run_sweep_jobs(&room, c->jobs, c->n, &hooks, c->stops, e) : 0;
    for (int i = 0; i < c->n; i++) json_decref(c->configs[i]);
    return rc;
}

int calibrate_plan(struct plan *p, struct db *db, calibrate_fn *tell, void *arg,
                   const volatile sig_atomic_t *stops, struct err *e) {
    size_t n = (size_t)p->pending.n + 1;
    struct calibration c = {.plan = p,
                            .db = db,
                            .tell = tell,
                            .arg = arg,
                            .stops = stops,
                            .rows = xcalloc(n, sizeof *c.rows),
                            .times = xcalloc(n, sizeof *c.times),
                            .configs = xcalloc(n, sizeof *c.configs),
                            .jobs = xcalloc(n, sizeof *c.jobs)};
    for (int i = -1; (i = plan_missing(p, i)) >= 0;) c.times[i] = 1;
    int rc = calibrate_round(&c, e);
    c.again = true;
    if (!rc) rc = calibrate_round(&c, e);
    free(c.rows);
    free(c.times);
    free(c.configs);
    free(c.jobs);
    return rc;
}
