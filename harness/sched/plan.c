/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c - plans of all runs of a sweep, their times and sums (see plan.h).
 *
 * The wall time is a rehearsal: the scheduler's own packing (sched_pick) over predicted bytes and predicted
 * times. Limits: times are of runs that have the machine to themselves; several at once share memory
 * bandwidth and end somewhat later than the rehearsal says. A run that the scheduler gives more threads than
 * were planned is counted as if it had not got them. */
#include "harness/sched/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build/version.h"
#include "harness/config/cfg.h"
#include "harness/core/method.h"
#include "harness/sched/progress.h"
#include "harness/sched/sched.h"
#include "harness/sched/speed.h"
#include "harness/base/util.h"

/* ---- rows ---------------------------------------------------------------------------------------------- */

static void fill_row(const struct plan *p, int i) {
    const struct pending_run *x = &p->pending.v[i];
    struct plan_row *row = &p->rows[i];
    int asked = (int)cfg_int(x->config, "threads");
    row->threads = p->room.threads ? p->room.threads : MAX_OF(asked, 1);
    row->seconds = NAN;
    speed_key(x->config, row->key);
    if (train_leaves_file(x->config, p->sweep->save)) {
        row->stored = x->plan.checkpoint_bytes;
        row->stored_min = x->plan.checkpoint_bytes_min;
    }
    snprintf(row->problem, sizeof row->problem, "%s", x->refused);
}

static int find_done(struct plan *p, struct db *db, struct err *e) {
    for (int i = 0; i < p->pending.n && db; i++) {
        const struct pending_run *x = &p->pending.v[i];
        int64_t run = db_run_done(db, x->hash, x->seed, e);
        if (run < 0) return (int)run;
        p->rows[i].done = run > 0;
        p->done += run > 0;
    }
    return 0;
}

/* Threads per run where nobody says: as the scheduler shares the cores out among many, or few. */
static int share_cores(const struct plan *p, int workers) {
    int left = MAX_OF(p->pending.n - p->done, 1), slots = workers ? workers : p->machine.cores;
    return MIN_OF(MAX_OF(p->machine.cores / MIN_OF(slots, left), 1), SCHED_MAX_THREADS);
}

int plan_make(struct plan *p, const struct sweep *s, struct db *db, int workers, int threads,
              const volatile sig_atomic_t *stop, struct err *e) {
    memset(p, 0, sizeof *p);
    p->sweep = s;
    p->largest = -1;
    machine_read(&p->machine);
    p->cpu = speed_cpu(&p->machine);
    int rc = pending_find(&p->pending, s, NULL, PENDING_MISSING, e);
    if (rc) return rc;
    p->rows = xcalloc((size_t)p->pending.n + 1, sizeof *p->rows);
    if ((rc = find_done(p, db, e))) return rc;
    bool asked = p->pending.n && cfg_int(p->pending.v[0].config, "threads");
    int judged = threads;
    if (!threads && !asked) threads = share_cores(p, workers);
    p->room = (struct sched_room){.cores = p->machine.cores,
                                  .workers = workers,
                                  .threads = threads,
                                  .memory = (size_t)((double)p->machine.mem_free * 0.95)};
    rc = pending_plan(&p->pending, s, &p->machine, threads, true, stop, e);
    if (!rc) pending_judge(&p->pending, s, &p->machine, judged);
    for (int i = 0; i < p->pending.n && !rc; i++) fill_row(p, i);
    return rc;
}

void plan_release(struct plan *p) {
    pending_release(&p->pending);
    free(p->rows);
    free(p->cpu);
    memset(p, 0, sizeof *p);
}

/* ---- times --------------------------------------------------------------------------------------------- */

int plan_times(struct plan *p, struct db *db, struct err *e) {
    for (int i = 0; i < p->pending.n; i++) {
        struct plan_row *row = &p->rows[i];
        struct db_speed s = {.key = row->key, .cpu = p->cpu, .build = BENCH_VERSION, .threads = row->threads};
        int rc = db_speed_get(db, &s, e);
        if (rc < 0) return rc;
        row->seconds = rc ? speed_predict(&s, &p->pending.v[i].plan) : NAN;
    }
    return 0;
}

static bool same_shape(const struct plan_row *a, const struct plan_row *b) {
    return a->threads == b->threads && !strcmp(a->key, b->key);
}

static bool wants_time(const struct plan_row *r) { return !r->done && !*r->problem && isnan(r->seconds); }

int plan_missing(const struct plan *p, int from) {
    for (int i = from + 1; i < p->pending.n; i++) {
        bool known = !wants_time(&p->rows[i]);
        for (int k = 0; k < i && !known; k++)
            known = wants_time(&p->rows[k]) && same_shape(&p->rows[k], &p->rows[i]);
        if (!known) return i;
    }
    return -1;
}

static void mark_over_time(struct plan *p) {
    char a[32], b[32];
    double limit = p->sweep->time_limit;
    for (int i = 0; i < p->pending.n && limit > 0; i++) {
        struct plan_row *row = &p->rows[i];
        if (!*row->problem && row->seconds > limit)
            snprintf(row->problem, sizeof row->problem, "needs about %s, limits.time is %s",
                     progress_time(row->seconds, a), progress_time(limit, b));
    }
}

/* ---- sums ---------------------------------------------------------------------------------------------- */

struct rehearsal {
    struct sched_job *jobs;
    const struct sched_job **waiting, **running;
    int *used;    /* threads of the running */
    double *left; /* seconds of the running */
    double *time; /* of each job */
    int nwait, nrun;
};

static void rehearse_starts(struct rehearsal *r, struct plan *p) {
    while (r->nwait) {
        int pick, threads;
        struct sched_load load = {r->running, r->used, r->nrun};
        sched_pick(&p->room, &load, r->waiting, r->nwait, &pick, &threads);
        if (pick < 0) return;
        r->running[r->nrun] = r->waiting[pick];
        r->used[r->nrun] = threads;
        r->left[r->nrun++] = r->time[r->waiting[pick] - r->jobs];
        r->nwait--;
        memmove(r->waiting + pick, r->waiting + pick + 1, (size_t)(r->nwait - pick) * sizeof *r->waiting);
        p->most = MAX_OF(p->most, r->nrun);
    }
}

/* The next one ends. */
static double rehearse_end(struct rehearsal *r) {
    int first = 0;
    BUG_ON(!r->nrun, "nothing runs, %d wait", r->nwait);
    for (int i = 1; i < r->nrun; i++)
        if (r->left[i] < r->left[first]) first = i;
    double dt = r->left[first];
    for (int i = 0; i < r->nrun; i++) r->left[i] -= dt;
    r->nrun--;
    r->running[first] = r->running[r->nrun];
    r->used[first] = r->used[r->nrun];
    r->left[first] = r->left[r->nrun];
    return dt;
}

static void rehearse_runs(struct plan *p) {
    size_t n = (size_t)p->pending.n + 1;
    struct rehearsal r = {.jobs = xcalloc(n, sizeof *r.jobs),
                          .waiting = xcalloc(n, sizeof *r.waiting),
                          .running = xcalloc(n, sizeof *r.running),
                          .used = xcalloc(n, sizeof *r.used),
                          .left = xcalloc(n, sizeof *r.left),
                          .time = xcalloc(n, sizeof *r.time)};
    for (int i = 0; i < p->pending.n; i++) {
        if (p->rows[i].done || *p->pending.v[i].refused) continue;
        r.jobs[r.nwait] = pending_job(&p->pending.v[i], p->sweep);
        r.waiting[r.nwait] = &r.jobs[r.nwait];
        double t = p->rows[i].seconds, limit = p->sweep->time_limit;
        r.time[r.nwait++] = isnan(t) ? 0 : limit > 0 && t > limit ? limit : t;
    }
    while (r.nwait || r.nrun) {
        rehearse_starts(&r, p);
        p->wall_s += rehearse_end(&r);
    }
    free(r.jobs);
    free(r.waiting);
    free(r.running);
    free(r.used);
    free(r.left);
    free(r.time);
}

void plan_sum(struct plan *p) {
    p->to_run = p->cannot = p->unmeasured = p->most = 0;
    p->work_s = p->wall_s = p->stored = 0;
    p->largest = -1;
    mark_over_time(p);
    for (int i = 0; i < p->pending.n; i++) {
        const struct plan_row *row = &p->rows[i];
        const struct pending_run *x = &p->pending.v[i];
        if (p->largest < 0 ||
            x->plan.peak_bytes_predicted > p->pending.v[p->largest].plan.peak_bytes_predicted)
            p->largest = i;
        if (row->done) continue;
        p->to_run++;
        p->cannot += *row->problem != 0;
        if (*x->refused) continue;
        p->unmeasured += isnan(row->seconds);
        if (!isnan(row->seconds)) p->work_s += row->seconds;
        p->stored += (double)row->stored;
    }
    rehearse_runs(p);
}
