/* sched.c - packing runs onto the machine, and the loop that starts, hears and buries workers (see sched.h).
 *
 * Everything waits in one ppoll; signals arrive only there, so that none is lost between a check and the
 * wait. */
#include "harness/sched/sched.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/sched/proc.h"
#include "harness/base/util.h"
#include "harness/sched/worker.h"

#define TICK_S       0.2
#define STOP_GRACE_S 30.0 /* after the user's first signal */

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
    struct proc proc;
    int job, threads, concurrent;
    bool got_result, timed_out;
    double started, ask_at, kill_at; /* when to send SIGTERM, SIGKILL; INFINITY: never */
    struct train_result res;
    struct err err;
};

struct loop {
    const struct sched_room *room;
    struct sched_job *jobs;
    int njobs;
    const struct sched_hooks *hooks;
    const volatile sig_atomic_t *stops;
    const struct sched_job **waiting; /* in order */
    int nwaiting;
    struct slot **slots; /* running */
    int nslots, cap;
    int stops_seen;
};

static void tell_metric(void *arg, const char *key, long step, double value) {
    struct slot *s = arg;
    const struct sched_hooks *h = s->loop->hooks;
    if (h->metric) h->metric(h->arg, s->job, key, step, value);
}

static void tell_item(void *arg, const char *key, long item, double value) {
    struct slot *s = arg;
    const struct sched_hooks *h = s->loop->hooks;
    if (h->item) h->item(h->arg, s->job, key, item, value);
}

static void tell_event(void *arg, const char *kind, const char *text) {
    struct slot *s = arg;
    const struct sched_hooks *h = s->loop->hooks;
    if (h->event) h->event(h->arg, s->job, kind, text);
}

static void tell_progress(void *arg, const struct train_progress *p) {
    struct slot *s = arg;
    const struct sched_hooks *h = s->loop->hooks;
    if (h->progress) h->progress(h->arg, s->job, p);
}

static void on_line(void *arg, const char *line, size_t n) {
    struct slot *s = arg;
    struct train_report rep = {s, tell_metric, tell_item, tell_progress, tell_event};
    int rc = worker_parse(line, n, &rep, &s->res, &s->err);
    if (rc > 0) s->got_result = true;
    if (rc < 0) proc_signal(&s->proc, SIGKILL);
}

/* A worker ends by itself after the step in which its time is up; one that does not is asked, then killed. */
static void set_deadlines(struct slot *s, double limit) {
    s->started = now_seconds();
    s->ask_at = s->kill_at = INFINITY;
    if (limit <= 0) return;
    s->ask_at = s->started + limit + fmin(fmax(limit * 0.1, 1), 30);
    s->kill_at = s->ask_at + fmin(fmax(limit * 0.1, 2), 30);
}

static int start_one(struct loop *l, int at, int threads, struct err *e) {
    int job = (int)(l->waiting[at] - l->jobs);
    struct sched_job *j = &l->jobs[job];
    memmove(l->waiting + at, l->waiting + at + 1, (size_t)(l->nwaiting - at - 1) * sizeof *l->waiting);
    l->nwaiting--;
    char *out_dir = NULL;
    int rc = l->hooks->start(l->hooks->arg, job, threads, &out_dir, e);
    if (rc) return rc;
    j->job.threads = threads;
    j->job.out_dir = out_dir;
    char *text = worker_job_text(&j->job, j->index);
    j->job.out_dir = NULL;
    free(out_dir);
    struct slot *s = xcalloc(1, sizeof *s);
    s->loop = l;
    s->job = job;
    s->threads = threads;
    worker_result_init(&s->res);
    rc = proc_start(&s->proc, text, e);
    free(text);
    if (rc) {
        free(s);
        return rc;
    }
    set_deadlines(s, j->job.time_limit);
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
        for (int i = 0; i < l->nslots; i++) {
            running[i] = &l->jobs[l->slots[i]->job];
            used[i] = l->slots[i]->threads;
        }
        struct sched_load load = {running, used, l->nslots};
        sched_pick(l->room, &load, l->waiting, l->nwaiting, &pick, &threads);
        free(running);
        free(used);
        if (pick < 0) return 0;
        int rc = start_one(l, pick, threads, e);
        if (rc) return rc;
    }
    return 0;
}

/* Fill in what a worker could not say itself. */
static void explain_death(struct slot *s, bool stopped) {
    struct train_result *r = &s->res;
    double limit = s->loop->jobs[s->job].job.time_limit;
    if (!s->got_result) {
        enum run_state state = proc_why(&s->proc, r->error, sizeof r->error);
        if (s->err.code) snprintf(r->error, sizeof r->error, "%s", s->err.msg);
        if (stopped && s->proc.killed) {
            state = RUN_INTERRUPTED;
            snprintf(r->error, sizeof r->error, "stopped by the user");
        }
        r->state = state;
    }
    if (s->timed_out && (!s->got_result || r->state == RUN_INTERRUPTED)) {
        r->state = RUN_TIMEOUT;
        snprintf(r->error, sizeof r->error, "over limits.time, %g s%s", limit,
                 s->proc.killed ? "; it did not end when asked and was killed" : "");
    }
    if (!r->rss_bytes) r->rss_bytes = s->proc.rss;
    if (isnan(r->total_s)) r->total_s = now_seconds() - s->started;
}

static int finish_one(struct loop *l, int i, struct err *e) {
    struct slot *s = l->slots[i];
    proc_read(&s->proc, on_line, s); /* what was still in the pipes */
    explain_death(s, l->stops_seen > 0);
    int rc = l->hooks->finish(l->hooks->arg, s->job, &s->res, s->concurrent, e);
    proc_release(&s->proc);
    free(s);
    memmove(l->slots + i, l->slots + i + 1, (size_t)(l->nslots - i - 1) * sizeof *l->slots);
    l->nslots--;
    return rc;
}

/* ---- the loop ------------------------------------------------------------------------------------------ */

/* Until something can be read, a signal comes, or it is time for a tick. */
static void wait_for_news(struct loop *l, const sigset_t *during) {
    struct pollfd *fds = xcalloc(2 * (size_t)l->nslots + 1, sizeof *fds);
    nfds_t n = 0;
    bool deaf = false; /* a worker closed its pipes but has not ended: SIGCHLD will tell */
    for (int i = 0; i < l->nslots; i++) {
        const struct proc *p = &l->slots[i]->proc;
        if (p->report >= 0) fds[n++] = (struct pollfd){p->report, POLLIN, 0};
        if (p->text >= 0) fds[n++] = (struct pollfd){p->text, POLLIN, 0};
        deaf |= p->report < 0;
    }
    struct timespec t = {0, (long)((deaf ? 0.02 : TICK_S) * 1e9)};
    if (ppoll(fds, n, &t, during) < 0 && errno != EINTR) BUG_ON(1, "ppoll: %s", strerror(errno));
    free(fds);
}

/* Pass on the user's signals; ask and kill workers that are over their time. */
static void stop_what_must(struct loop *l) {
    int stops = *l->stops;
    double now = now_seconds();
    for (int i = 0; i < l->nslots; i++) {
        struct slot *s = l->slots[i];
        if (stops > l->stops_seen) {
            proc_signal(&s->proc, stops == 1 ? SIGTERM : SIGKILL);
            s->kill_at = fmin(s->kill_at, now + STOP_GRACE_S);
        }
        if (now >= s->ask_at) {
            s->timed_out = true;
            proc_signal(&s->proc, SIGTERM);
            s->ask_at = INFINITY;
        }
        if (now >= s->kill_at) {
            proc_signal(&s->proc, SIGKILL);
            s->kill_at = INFINITY;
        }
    }
    l->stops_seen = stops;
}

static int read_reports(struct loop *l, struct err *e) {
    for (int i = l->nslots; i-- > 0;) {
        struct slot *s = l->slots[i];
        bool done = proc_done(&s->proc); /* before reading: then nothing more comes */
        proc_read(&s->proc, on_line, s);
        if (!done) continue;
        int rc = finish_one(l, i, e);
        if (rc) return rc;
    }
    return 0;
}

static void kill_all(struct loop *l) {
    for (int i = 0; i < l->nslots; i++) proc_signal(&l->slots[i]->proc, SIGKILL);
    for (int i = 0; i < l->nslots; i++) {
        while (!proc_done(&l->slots[i]->proc)) {
            struct timespec t = {0, 1000000};
            nanosleep(&t, NULL);
        }
        proc_release(&l->slots[i]->proc);
        free(l->slots[i]);
    }
    l->nslots = 0;
}

static int loop_go(struct loop *l, const sigset_t *during, struct err *e) {
    double ticked = 0;
    for (;;) {
        int rc = start_what_fits(l, e);
        if (rc) return rc;
        if (!l->nslots) return *l->stops ? err_set(e, ERR_STOP, "stopped by the user") : 0;
        wait_for_news(l, during);
        stop_what_must(l);
        if ((rc = read_reports(l, e))) return rc;
        double now = now_seconds();
        if (now - ticked >= TICK_S && l->hooks->tick) {
            ticked = now;
            if ((rc = l->hooks->tick(l->hooks->arg, e))) return rc;
        }
    }
}

static void on_child(int sig) { (void)sig; } /* only to interrupt ppoll */

int sched_run(const struct sched_room *room, struct sched_job *jobs, int n, const struct sched_hooks *hooks,
              const volatile sig_atomic_t *stops, struct err *e) {
    struct loop l = {.room = room, .jobs = jobs, .njobs = n, .hooks = hooks, .stops = stops, .nwaiting = n};
    l.waiting = xmalloc(((size_t)n + 1) * sizeof *l.waiting);
    for (int i = 0; i < n; i++) l.waiting[i] = &jobs[i];
    sigset_t block, before;
    sigemptyset(&block);
    const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) sigaddset(&block, signals[i]);
    struct sigaction chld = {.sa_handler = on_child}, old;
    sigaction(SIGCHLD, &chld, &old);
    sigprocmask(SIG_BLOCK, &block, &before);
    sigset_t during = before;
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) sigdelset(&during, signals[i]);
    int rc = loop_go(&l, &during, e);
    if (rc) kill_all(&l);
    sigprocmask(SIG_SETMASK, &before, NULL);
    sigaction(SIGCHLD, &old, NULL);
    free(l.slots);
    free(l.waiting);
    return rc;
}
