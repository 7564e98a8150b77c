/* SPDX-License-Identifier: Apache-2.0 */
/* sched.c - packing runs onto the machine, and the loop that starts workers, hears them and writes them off
 * (see sched.h).
 *
 * Everything waits in the launcher's wait; signals arrive only there, so that none is lost between a check
 * and the wait. */
#include "harness/sched/sched.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/awake.h"
#include "harness/base/util.h"
#include "harness/sched/worker.h"

#define TICK_S       0.2
#define STOP_GRACE_S 30.0 /* after the user's first signal */
#define END_GRACE_S  5.0  /* after an error */

/* ---- packing ------------------------------------------------------------------------------------------- */

static bool same_base(const struct sched_job *a, const struct sched_job *b) {
    return a->base_key && b->base_key && !strcmp(a->base_key, b->base_key) && a->base_f32 == b->base_f32;
}

/* Bytes that jobs[0..n) need together: what is their own, and each base once. */
static size_t bytes_together(const struct sched_job *const *jobs, int n) {
    size_t sum = 0;
    for (int i = 0; i < n; i++) {
        size_t base = jobs[i]->base_bytes;
        bool first = true;
        for (int k = 0; k < n; k++) {
            if (k == i || !same_base(jobs[i], jobs[k])) continue;
            if (k < i) first = false;
            base = MAX_OF(base, jobs[k]->base_bytes);
        }
        sum += jobs[i]->own_bytes + SCHED_OUTSIDE + (first ? base : 0);
    }
    return sum;
}

/* How many of `waiting`, up to `most`, fit beside what runs; *first: the index of the first. */
static int count_fitting(const struct sched_room *room, const struct sched_load *load,
                         const struct sched_job *const *waiting, int n, int most, int *first) {
    const struct sched_job **set = xmalloc(((size_t)load->n + (size_t)most) * sizeof *set);
    int k = load->n, found = 0;
    for (int i = 0; i < k; i++) set[i] = load->jobs[i];
    *first = -1;
    for (int i = 0; i < n && found < most; i++) {
        set[k] = waiting[i];
        if (room->memory && k > 0 && bytes_together(set, k + 1) > room->memory) continue;
        if (*first < 0) *first = i;
        k++;
        found++;
    }
    free(set);
    return found;
}

void sched_pick(const struct sched_room *room, const struct sched_load *load,
                const struct sched_job *const *waiting, int n, int *pick, int *threads) {
    *pick = -1;
    *threads = 0;
    int used = 0;
    for (int i = 0; i < load->n; i++) used += load->threads[i];
    int cores = room->cores - used, slots = room->workers ? room->workers - load->n : cores;
    /* Without -j nothing shares a core; with it the user has decided. */
    if (n <= 0 || (slots <= 0 && load->n > 0)) return;
    int most = MAX_OF(MIN_OF(MIN_OF(slots, cores), n), 1), first;
    int fit = count_fitting(room, load, waiting, n, most, &first);
    if (first < 0) return;
    int want = room->threads ? room->threads : waiting[first]->threads;
    if (want > cores && load->n > 0 && !room->workers) return;
    *pick = first;
    *threads = MIN_OF(want ? want : MAX_OF(cores / fit, 1), SCHED_MAX_THREADS);
}

/* ---- workers ------------------------------------------------------------------------------------------- */

struct loop;

struct slot {
    struct loop *loop;
    struct launched *worker; /* NULL: it could not be started yet */
    int job, threads, concurrent;
    bool got_result, timed_out, killed;
    double started, ask_at, kill_at; /* when to ask it to end, to kill it; INFINITY: never */
    double retry_at, give_up_at;     /* while there is no worker */
    struct train_report report;      /* who hears it */
    struct train_result res;
    struct err err;
};

struct loop {
    const struct sched_room *room;
    struct launcher *launcher;
    struct sched_job *jobs;
    int njobs;
    const struct sched_hooks *hooks;
    const volatile sig_atomic_t *stops;
    const struct sched_job **waiting; /* in order */
    int nwaiting;
    int *ended_unasked;  /* by job: how often its worker was ended by a stranger */
    struct slot **slots; /* running */
    int nslots, cap;
    int stops_seen;
};

static void signal_slot(struct slot *s, enum launch_signal what) {
    if (what == LAUNCH_KILL) s->killed = true;
    if (s->worker) s->loop->launcher->signal(s->worker, what);
}

static void on_line(void *arg, const char *line, size_t n) {
    struct slot *s = arg;
    int rc = worker_parse(line, n, &s->report, &s->res, &s->err);
    if (rc > 0) s->got_result = true;
    if (rc < 0) signal_slot(s, LAUNCH_KILL);
}

/* A worker ends by itself after the step in which its time is up; one that does not is asked, then killed. */
static void set_deadlines(struct slot *s, double limit) {
    s->started = awake_seconds();
    s->ask_at = s->kill_at = INFINITY;
    if (limit <= 0) return;
    s->ask_at = s->started + limit + fmin(fmax(limit * 0.1, 1), 30);
    s->kill_at = s->ask_at + fmin(fmax(limit * 0.1, 2), 30);
}

/* Let the launcher start it. What fails is tried again: a machine that is out of processes or descriptors may
 * have some again soon. */
static void launch_slot(struct slot *s) {
    struct sched_job *j = &s->loop->jobs[s->job];
    char *remark = NULL;
    int rc = s->loop->launcher->start(s->loop->launcher, j, &s->worker, &remark, &s->err);
    if (remark && s->report.event) s->report.event(s->report.arg, "warning", remark);
    free(remark);
    if (!rc) {
        memset(&s->err, 0, sizeof s->err);
        set_deadlines(s, j->job.time_limit);
        return;
    }
    s->worker = NULL;
    s->retry_at = awake_seconds() + s->loop->launcher->retry_s;
}

static int start_one(struct loop *l, int at, int threads, struct err *e) {
    int job = (int)(l->waiting[at] - l->jobs);
    struct sched_job *j = &l->jobs[job];
    struct slot *s = xcalloc(1, sizeof *s);
    char *out_dir = NULL;
    j->job.threads = threads;
    int rc = l->hooks->start(l->hooks->arg, job, threads, &out_dir, &s->report, e);
    if (rc) {
        free(s);
        return rc;
    }
    memmove(l->waiting + at, l->waiting + at + 1, (size_t)(l->nwaiting - at - 1) * sizeof *l->waiting);
    l->nwaiting--;
    j->job.out_dir = out_dir;
    s->loop = l;
    s->job = job;
    s->threads = threads;
    s->ask_at = s->kill_at = INFINITY;
    s->started = awake_seconds();
    s->give_up_at = s->started + l->launcher->patience_s;
    worker_result_init(&s->res);
    launch_slot(s);
    GROW(l->slots, l->nslots, l->cap);
    l->slots[l->nslots++] = s;
    for (int i = 0; i < l->nslots; i++)
        l->slots[i]->concurrent = MAX_OF(l->slots[i]->concurrent, l->nslots - 1);
    return 0;
}

static int start_what_fits(struct loop *l, struct err *e) {
    while (l->nwaiting && !*l->stops) {
        const struct sched_job **running = xmalloc(((size_t)l->nslots + 1) * sizeof *running);
        int *used = xmalloc(((size_t)l->nslots + 1) * sizeof *used), pick, threads;
        bool stuck = false;
        for (int i = 0; i < l->nslots; i++) {
            running[i] = &l->jobs[l->slots[i]->job];
            used[i] = l->slots[i]->threads;
            stuck |= !l->slots[i]->worker;
        }
        struct sched_load load = {running, used, l->nslots};
        sched_pick(l->room, &load, l->waiting, l->nwaiting, &pick, &threads);
        free(running);
        free(used);
        if (pick < 0 || stuck) return 0; /* one that cannot be started is enough */
        int rc = start_one(l, pick, threads, e);
        if (rc == SCHED_LATER) return 0;
        if (rc) return rc;
    }
    return 0;
}

/* Fill in what a worker could not say itself. */
static void explain_death(struct slot *s, bool stopped) {
    struct train_result *r = &s->res;
    double limit = s->loop->jobs[s->job].job.time_limit;
    if (!s->got_result) {
        s->loop->launcher->why(s->worker, r);
        if (s->err.code) snprintf(r->error, sizeof r->error, "%s", s->err.msg);
        if (stopped && s->killed) {
            r->state = RUN_INTERRUPTED;
            snprintf(r->error, sizeof r->error, "stopped by the user");
        }
    }
    if (s->timed_out && (!s->got_result || r->state == RUN_INTERRUPTED)) {
        r->state = RUN_TIMEOUT;
        snprintf(r->error, sizeof r->error, "over limits.time, %g s%s", limit,
                 s->killed ? "; it did not end when asked and was killed" : "");
    }
    if (isnan(r->total_s)) r->total_s = awake_seconds() - s->started;
}

/* A worker that ended as if asked, and was not: a stranger's SIGTERM. Its run starts again, a few times. */
static bool ended_unasked(struct slot *s) {
    if (s->loop->stops_seen || *s->loop->stops || s->timed_out || s->res.state != RUN_INTERRUPTED)
        return false;
    if (++s->loop->ended_unasked[s->job] <= SCHED_RESTARTS) {
        snprintf(s->res.error, sizeof s->res.error,
                 "its worker was ended from outside, by a SIGTERM that bench did not send; started again");
        return true;
    }
    s->res.state = RUN_FAILED;
    snprintf(s->res.error, sizeof s->res.error,
             "its worker was ended from outside, by a SIGTERM that bench did not send, %d times",
             s->loop->ended_unasked[s->job]);
    return false;
}

/* The slot's run has ended as s->res says; `i` becomes free. */
static int close_slot(struct loop *l, int i, bool again, struct err *e) {
    struct slot *s = l->slots[i];
    struct sched_job *j = &l->jobs[s->job];
    int rc = l->hooks->finish(l->hooks->arg, s->job, &s->res, s->concurrent, again, e);
    if (s->worker) l->launcher->release(s->worker);
    free((char *)(uintptr_t)j->job.out_dir);
    j->job.out_dir = NULL;
    if (again) {
        memmove(l->waiting + 1, l->waiting, (size_t)l->nwaiting * sizeof *l->waiting);
        l->waiting[0] = j;
        l->nwaiting++;
    }
    free(s);
    memmove(l->slots + i, l->slots + i + 1, (size_t)(l->nslots - i - 1) * sizeof *l->slots);
    l->nslots--;
    return rc;
}

/* ---- the loop ------------------------------------------------------------------------------------------ */

static void wait_for_news(struct loop *l, const sigset_t *during) {
    struct launched **w = xmalloc(((size_t)l->nslots + 1) * sizeof *w);
    int n = 0;
    for (int i = 0; i < l->nslots; i++)
        if (l->slots[i]->worker) w[n++] = l->slots[i]->worker;
    l->launcher->wait(l->launcher, w, n, TICK_S, during);
    free(w);
}

/* Pass on the user's signals; ask and kill workers that are over their time. */
static void stop_what_must(struct loop *l) {
    int stops = *l->stops;
    double now = awake_seconds();
    for (int i = 0; i < l->nslots; i++) {
        struct slot *s = l->slots[i];
        if (stops > l->stops_seen) {
            signal_slot(s, stops == 1 ? LAUNCH_STOP : LAUNCH_KILL);
            s->kill_at = fmin(s->kill_at, now + STOP_GRACE_S);
        }
        if (now >= s->ask_at) {
            s->timed_out = true;
            signal_slot(s, LAUNCH_STOP);
            s->ask_at = INFINITY;
        }
        if (now >= s->kill_at) {
            signal_slot(s, LAUNCH_KILL);
            s->kill_at = INFINITY;
        }
    }
    l->stops_seen = stops;
}

static int read_reports(struct loop *l, struct err *e) {
    for (int i = l->nslots; i-- > 0;) {
        struct slot *s = l->slots[i];
        if (!s->worker || !l->launcher->read(s->worker, on_line, s)) continue;
        explain_death(s, l->stops_seen > 0);
        int rc = close_slot(l, i, ended_unasked(s), e);
        if (rc) return rc;
    }
    return 0;
}

/* Runs whose worker could not be started: once more; given up when the user stops, and after a while in which
 * nothing else ran whose end could have helped. */
static int retry_starts(struct loop *l, struct err *e) {
    double now = awake_seconds();
    int running = 0;
    for (int i = 0; i < l->nslots; i++) running += l->slots[i]->worker != NULL;
    for (int i = l->nslots; i-- > 0;) {
        struct slot *s = l->slots[i];
        if (s->worker) continue;
        if (running) s->give_up_at = now + l->launcher->patience_s;
        bool stopped = *l->stops, given_up = now >= s->give_up_at;
        if (!stopped && !given_up) {
            if (now >= s->retry_at) launch_slot(s);
            continue;
        }
        struct err why = s->err;
        s->res.state = RUN_INTERRUPTED;
        snprintf(s->res.error, sizeof s->res.error, "%s", why.msg);
        int rc = close_slot(l, i, false, e);
        if (!rc && !stopped) rc = err_set(e, ERR_RESOURCE, "%s, for %g s", why.msg, l->launcher->patience_s);
        if (rc) return rc;
    }
    return 0;
}

/* After an error: the workers end after their step, or are killed. */
static void end_all(struct loop *l) {
    sigset_t all;
    sigfillset(&all);
    double patience = awake_seconds() + END_GRACE_S;
    for (int i = 0; i < l->nslots; i++) signal_slot(l->slots[i], LAUNCH_STOP);
    for (int i = 0; i < l->nslots; i++) {
        struct slot *s = l->slots[i];
        while (s->worker && !l->launcher->read(s->worker, on_line, s)) {
            if (awake_seconds() > patience) signal_slot(s, LAUNCH_KILL);
            l->launcher->wait(l->launcher, &s->worker, 1, TICK_S, &all);
        }
        if (s->worker) l->launcher->release(s->worker);
        free((char *)(uintptr_t)l->jobs[s->job].job.out_dir);
        l->jobs[s->job].job.out_dir = NULL;
        free(s);
    }
    l->nslots = 0;
}

static int loop_go(struct loop *l, const sigset_t *during, struct err *e) {
    double ticked = 0;
    for (;;) {
        int rc = start_what_fits(l, e);
        if (rc) return rc;
        if (!l->nslots && *l->stops) return err_set(e, ERR_STOP, "stopped by the user");
        if (!l->nslots && !l->nwaiting) return 0;
        wait_for_news(l, during);
        stop_what_must(l);
        if ((rc = read_reports(l, e))) return rc;
        if ((rc = retry_starts(l, e))) return rc;
        double now = awake_seconds();
        if (now - ticked >= TICK_S && l->hooks->tick) {
            ticked = now;
            if ((rc = l->hooks->tick(l->hooks->arg, l->nslots, e))) return rc;
        }
    }
}

const int sched_stop_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, 0};

int sched_run(const struct sched_room *room, struct launcher *launcher, struct sched_job *jobs, int n,
              const struct sched_hooks *hooks, const volatile sig_atomic_t *stops, struct err *e) {
    struct loop l = {.room = room,
                     .launcher = launcher,
                     .jobs = jobs,
                     .njobs = n,
                     .hooks = hooks,
                     .stops = stops,
                     .nwaiting = n};
    l.waiting = xmalloc(((size_t)n + 1) * sizeof *l.waiting);
    l.ended_unasked = xcalloc((size_t)n + 1, sizeof *l.ended_unasked);
    for (int i = 0; i < n; i++) l.waiting[i] = &jobs[i];
    sigset_t block, before;
    sigemptyset(&block);
    for (int i = 0; sched_stop_signals[i]; i++) sigaddset(&block, sched_stop_signals[i]);
    sigprocmask(SIG_BLOCK, &block, &before);
    sigset_t during = before;
    for (int i = 0; sched_stop_signals[i]; i++) sigdelset(&during, sched_stop_signals[i]);
    int rc = loop_go(&l, &during, e);
    if (rc) end_all(&l);
    sigprocmask(SIG_SETMASK, &before, NULL);
    free(l.slots);
    free(l.waiting);
    free(l.ended_unasked);
    return rc;
}
