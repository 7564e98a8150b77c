/* SPDX-License-Identifier: Apache-2.0 */
/* run_sweep.c - from a sweep to its rows in the record (see run_sweep.h). */
#include "harness/sched/run_sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build/version.h"
#include "harness/base/blas.h"
#include "harness/base/util.h"
#include "harness/checkpoint/outdir.h"
#include "harness/config/cfg.h"
#include "harness/nn/kernels/panel.h"
#include "harness/sched/outbox.h"
#include "harness/sched/speed.h"

#define WRITE_PATIENCE_S 10.0 /* for a record that cannot be written while nothing runs */

/* A job and its row: whom the reports of its worker reach. */
struct heard_run {
    struct run_sweep *run;
    int job, item; /* item: index into pending.v */
    int threads;
    int64_t id; /* of its row */
};

/* What only the runs themselves need. */
struct run_sweep_work {
    struct sched_job *jobs;  /* those of pending that can run */
    struct heard_run *heard; /* by job */
    int njobs, nrefused;     /* heard: jobs from the front, what never became one from the end */
    int64_t env;
    json_t *told; /* {text: true} of the events that were printed: of every run the same */
    double flushed;
    struct outbox *outbox;
    double failing; /* since when the record cannot be written; 0: it can */
    double idle;    /* since when nothing runs; 0: something does */
    double tried;   /* the last attempt to begin a run while it is failing */
    struct err why;
};

static void tell_warning(const struct run_sweep_hooks *h, const char *text) {
    if (h && h->warning) h->warning(h->arg, text);
}

static void tell_line(const struct run_sweep *r, const char *text) {
    if (r->hooks && r->hooks->line) r->hooks->line(r->hooks->arg, text);
}

static void tell_status(const struct run_sweep *r) {
    if (r->hooks && r->hooks->status) r->hooks->status(r->hooks->arg);
}

/* ---- before the runs ----------------------------------------------------------------------------------- */

int run_sweep_open(struct sweep **ret, const struct run_sweep_options *o, const struct run_sweep_hooks *hooks,
                   struct err *e) {
    struct sweep_lookup lookup = sweep_lookup_real;
    lookup.db = o->db;
    *ret = NULL;
    char *path = sweep_find(o->file, e);
    int rc = path ? sweep_load(ret, path, o->sets, o->nsets, &lookup, e) : e->code;
    for (int i = 0; !rc && i < (*ret)->nwarnings; i++) tell_warning(hooks, (*ret)->warnings[i]);
    free(path);
    return rc;
}

int run_sweep_changed(const struct sweep *s, struct db *db, const struct run_sweep_hooks *hooks,
                      struct err *e) {
    char *text;
    int rc = pending_changed(s, db, &text, e);
    if (text) tell_warning(hooks, text);
    free(text);
    return rc;
}

static int record_env(struct run_sweep *r, struct err *e) {
    char *cpu = speed_cpu(&r->machine);
    /* The workers' kernel, which may be another than this process loaded. */
    const char *kernel = getenv("OPENBLAS_CORETYPE");
    char *blas = xasprintf("%.*s%s", (int)(strrchr(blas_name(), ' ') - blas_name() + 1), blas_name(),
                           kernel ? kernel : blas_kernel());
    struct db_env env = {.build = BENCH_VERSION,
                         .compiler = "gcc " __VERSION__,
                         .cflags = BENCH_CFLAGS,
                         .cpu = cpu,
                         .blas = blas,
                         .os = r->machine.os,
                         .host = r->machine.host,
                         .cores = r->machine.cores};
    int rc = db_env(r->db, &env, &r->work->env, e);
    free(cpu);
    free(blas);
    return rc;
}

/* ---- the rows of a run --------------------------------------------------------------------------------- */

static int open_row(struct run_sweep *r, struct heard_run *h, int threads, struct err *e) {
    const struct pending_run *x = &r->pending.v[h->item];
    h->threads = threads;
    struct db_run row = {
        .sweep = r->sweep_id, .point = x->point, .env = r->work->env, .seed = x->seed, .threads = threads};
    return db_run_new(r->db, &row, &h->id, e);
}

/* The scratch of one thread: how many a run got depends on what else ran, its peak should not. */
static void count_one_thread(struct train_result *res, int threads) {
    size_t more = threads > 1 ? (size_t)(threads - 1) * team_thread_bytes() : 0;
    size_t *const counts[] = {&res->peak_bytes, &res->peak_bytes_predicted, &res->mem_peak[MEM_SCRATCH],
                              &res->mem_at_peak[MEM_SCRATCH]};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) *counts[i] -= MIN_OF(more, *counts[i]);
}

static void close_row(struct run_sweep *r, struct heard_run *h, const struct train_result *res,
                      int concurrent, bool again) {
    struct outbox_end end = {.arg = h, .res = *res, .concurrent = concurrent, .again = again};
    count_one_thread(&end.res, h->threads);
    outbox_finish(r->work->outbox, h->id, &end);
}

/* What a run that had the machine to itself says about the next of its shape: `bench plan` reads it, and
 * measures it where it is missing. */
static void keep_speed(struct run_sweep *r, const struct heard_run *h, const struct train_result *res) {
    if (res->state != RUN_COMPLETE || (res->steps && res->steps < SPEED_STEPS)) return;
    char key[65], *cpu = speed_cpu(&r->machine);
    speed_key(r->pending.v[h->item].config, key);
    struct db_speed s = {.key = key, .cpu = cpu, .build = BENCH_VERSION, .threads = h->threads};
    speed_of(res, &s);
    if (db_speed_put(r->db, &s, NULL)) db_undo(r->db);
    free(cpu);
}

/* The end of a run is on the disk: what there is to show. */
static int on_written(const struct outbox_end *x, struct err *e) {
    const struct heard_run *h = x->arg;
    struct run_sweep *r = h->run;
    struct train_result shown = x->res;
    /* A run tells of its loss; the record has the value of the sweep's metric. */
    int rc = db_run_metric(r->db, h->id, &shown.metric, e);
    if (rc) return rc;
    progress_end(&r->progress, h->job, now_seconds());
    r->counts[x->res.state]++;
    struct strbuf line = {0};
    progress_line(&r->progress, r->pending.v[h->item].label, r->sweep->metric, &shown, &line);
    tell_line(r, line.s);
    strbuf_release(&line);
    if (x->again) { /* another attempt, of the same number of runs */
        r->progress.done--;
        r->counts[x->res.state]--;
    }
    if (!x->concurrent) keep_speed(r, h, &x->res);
    return 0;
}

/* The record could be written, or could not, as `why` says. */
static void tell_writing(struct run_sweep *r, bool ok, const struct err *why) {
    struct run_sweep_work *w = r->work;
    if (ok) {
        if (w->failing) tell_line(r, "the record can be written again");
        w->failing = 0;
        return;
    }
    w->why = *why;
    if (w->failing) return;
    w->failing = now_seconds();
    char *line = xasprintf("%s; kept in memory, and tried again each second", why->msg);
    tell_line(r, line);
    free(line);
}

/* Into the record with what has gathered. What cannot be written now is tried again while something runs, and
 * for WRITE_PATIENCE_S when nothing does: `idle`. */
static int write_rows(struct run_sweep *r, bool idle, struct err *e) {
    struct run_sweep_work *w = r->work;
    struct err why = {0};
    bool any = !outbox_is_empty(w->outbox);
    int rc = outbox_flush(w->outbox, &why);
    w->flushed = now_seconds();
    if (rc || any) tell_writing(r, !rc, &why);
    if (!idle || !w->idle) w->idle = idle ? w->flushed : 0;
    if (!idle || !w->failing || w->flushed - MAX_OF(w->failing, w->idle) < WRITE_PATIENCE_S) return 0;
    *e = w->why;
    return e->code;
}

/* ---- what the scheduler tells -------------------------------------------------------------------------- */

static void on_metric(void *arg, const char *key, long step, double value) {
    struct heard_run *h = arg;
    outbox_metric(h->run->work->outbox, h->id, key, step, value);
}

static void on_item(void *arg, const char *key, long i, double value, double weight) {
    struct heard_run *h = arg;
    outbox_item(h->run->work->outbox, h->id, key, i, value, weight);
}

static void on_event(void *arg, const char *kind, const char *text) {
    struct heard_run *h = arg;
    struct run_sweep_work *w = h->run->work;
    outbox_event(w->outbox, h->id, kind, text);
    if (!w->told) w->told = json_object();
    if (json_object_get(w->told, text)) return;
    json_object_set_new(w->told, text, json_true());
    char *line = xasprintf("%s: %s: %s", h->run->pending.v[h->item].label, kind, text);
    tell_line(h->run, line);
    free(line);
}

static void on_progress(void *arg, const struct train_progress *p) {
    struct heard_run *h = arg;
    progress_update(&h->run->progress, h->job, p);
}

/* checkpoints/<run> beside the record. What another record of that folder left under this number stays as it
 * is. */
static char *checkpoint_dir(const struct run_sweep *r, int64_t run) {
    char *beside = path_dir(db_path(r->db)), *dir = NULL;
    for (int i = 1; !dir; i++) {
        char name[64], again[16] = "";
        if (i > 1) snprintf(again, sizeof again, "-%d", i);
        snprintf(name, sizeof name, "checkpoints/%lld%s", (long long)run, again);
        dir = path_join(beside, name);
        if (!file_exists(dir) && !dir_exists(dir)) break;
        free(dir);
        dir = NULL;
    }
    free(beside);
    return dir;
}

/* What there is to say on the data of a run. */
static void tell_data(struct heard_run *h) {
    const struct sweep *s = h->run->sweep;
    int cell = h->run->pending.v[h->item].cell;
    const json_t *list = cell < 0 ? NULL : s->points[s->runs[cell].point]->remarks, *v;
    size_t i;
    json_array_foreach(list, i, v) on_event(h, json_string_value(json_object_get(v, "kind")),
                                            json_string_value(json_object_get(v, "text")));
}

static int on_start(void *arg, int job, int threads, char **out_dir, struct train_report *report,
                    struct err *e) {
    struct run_sweep *r = arg;
    struct heard_run *h = &r->work->heard[job];
    const struct pending_run *x = &r->pending.v[h->item];
    struct run_sweep_work *w = r->work;
    struct err why = {0};
    (void)e; /* a record that cannot be written now is no reason to end */
    if (w->failing && now_seconds() - w->tried < 1) return SCHED_LATER;
    w->tried = now_seconds();
    if (open_row(r, h, threads, &why)) {
        db_undo(r->db);
        tell_writing(r, false, &why);
        return SCHED_LATER;
    }
    tell_writing(r, true, NULL);
    if (strcmp(r->sweep->save, "none") != 0) *out_dir = checkpoint_dir(r, h->id);
    r->work->jobs[job].job.predicted = pending_peak(x, threads);
    *report = (struct train_report){h, on_metric, on_item, on_progress, on_event};
    progress_start(&r->progress, job, x->label, now_seconds());
    tell_status(r);
    tell_data(h);
    return 0;
}

static int on_finish(void *arg, int job, const struct train_result *res, int concurrent, bool again,
                     struct err *e) {
    struct run_sweep *r = arg;
    close_row(r, &r->work->heard[job], res, concurrent, again);
    return write_rows(r, false, e);
}

/* The record is not where it was: what that means for the runs of this command. */
static int tell_lost(const struct run_sweep *r, struct err *e) {
    int ended = r->progress.done;
    return err_set(
        e, ERR_RESOURCE,
        "%s; what this command has run (%d run%s) is in that file or gone with it, and what was under "
        "way is stopped: with the file in its place the same command continues",
        e->msg, ended, ended == 1 ? "" : "s");
}

static int on_tick(void *arg, int running, struct err *e) {
    struct run_sweep *r = arg;
    tell_status(r);
    if (now_seconds() - r->work->flushed < 1) return 0;
    int rc = db_check(r->db, e);
    return rc ? tell_lost(r, e) : write_rows(r, running == 0, e);
}

/* ---- running ------------------------------------------------------------------------------------------- */

/* A run that can never fit becomes a row at once. */
static int refuse_item(struct run_sweep *r, int i, struct err *e) {
    const struct pending_run *x = &r->pending.v[i];
    struct train_result res = x->plan;
    res.state = RUN_OOM;
    snprintf(res.error, sizeof res.error, "%s", x->refused);
    res.steps = res.tokens = 0;
    res.peak_bytes = 0;
    res.checkpoint_bytes = res.checkpoint_bytes_min = -1;
    res.total_s = 0;
    struct heard_run *h = &r->work->heard[r->pending.n - 1 - r->work->nrefused++];
    *h = (struct heard_run){.run = r, .job = -2, .item = i};
    int rc = open_row(r, h, 0, e);
    if (rc) return rc;
    close_row(r, h, &res, 1, false); /* no run: it has no speed */
    return outbox_flush(r->work->outbox, e);
}

static int make_jobs(struct run_sweep *r, struct err *e) {
    struct run_sweep_work *w = r->work;
    size_t n = (size_t)r->pending.n + 1;
    w->jobs = xcalloc(n, sizeof *w->jobs);
    w->heard = xcalloc(n, sizeof *w->heard);
    for (int i = 0; i < r->pending.n; i++) {
        const struct pending_run *x = &r->pending.v[i];
        if (*x->refused) {
            int rc = refuse_item(r, i, e);
            if (rc) return rc;
            continue;
        }
        w->heard[w->njobs] = (struct heard_run){.run = r, .job = w->njobs, .item = i};
        w->jobs[w->njobs++] = pending_job(x, r->sweep);
    }
    return 0;
}

int run_sweep_jobs(const struct sched_room *room, struct sched_job *jobs, int n,
                   const struct sched_hooks *hooks, const volatile sig_atomic_t *stops, struct err *e) {
    blas_set_env();
    setenv("OPENBLAS_NUM_THREADS", "1", 0);
    struct launcher *local = launch_local();
    int rc = sched_run(room, local, jobs, n, hooks, stops, e);
    local->free(local);
    return rc;
}

/* What the last runs told, also when the record cannot be written at the moment. */
static int write_rest(struct run_sweep *r, int rc, struct err *e) {
    struct err why = {0};
    while (!write_rows(r, true, &why) && !outbox_is_empty(r->work->outbox)) usleep(500000);
    if (!why.code) return rc;
    int lost = outbox_ends(r->work->outbox);
    return err_set(e, why.code, "%s; lost: %d run%s, which the same command repeats", why.msg, lost,
                   lost == 1 ? "" : "s");
}

static int work_off(struct run_sweep *r, struct err *e) {
    struct sched_room room = {.cores = r->machine.cores,
                              .workers = r->options->workers,
                              .threads = r->options->threads,
                              .memory = (size_t)((double)r->machine.mem_free * 0.95)};
    struct sched_hooks hooks = {r, on_start, on_finish, on_tick};
    int rc = make_jobs(r, e);
    if (!rc) rc = run_sweep_jobs(&room, r->work->jobs, r->work->njobs, &hooks, r->stops, e);
    return rc && rc != ERR_STOP ? rc : write_rest(r, rc, e);
}

/* What killed runs left half written. */
static void sweep_leftovers(const struct run_sweep *r) {
    static const char *const folders[] = {"checkpoints", "plots"};
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        char *beside = path_dir(db_path(r->db)), *folder = path_join(beside, folders[i]);
        outdir_sweep(folder);
        free(beside);
        free(folder);
    }
}

static void tell_lost_checkpoints(const struct run_sweep *r) {
    int n = r->pending.lost;
    char *text = xasprintf("%d finished run%s lost %s checkpoint: %s is gone%s; --repair runs %s again", n,
                           n == 1 ? " has" : "s have", n == 1 ? "its" : "their", r->pending.lost_at,
                           n == 1 ? "" : ", for one", n == 1 ? "it" : "them");
    tell_warning(r->hooks, text);
    free(text);
}

int run_sweep(struct run_sweep *r, struct err *e) {
    const struct run_sweep_options *o = r->options;
    r->work = xcalloc(1, sizeof *r->work);
    struct run_sweep_work *w = r->work;
    blas_set_env(); /* before the record tells which kernel the workers have */
    machine_read(&r->machine);
    int rc = db_open(&r->db, o->db, true, e);
    w->outbox = outbox_new(r->db, on_written);
    if (!rc) rc = db_lock(r->db, o->wait, r->stops, e);
    if (!rc)
        rc = pending_find(&r->pending, r->sweep, r->db,
                          o->again    ? PENDING_ALL
                          : o->repair ? PENDING_LOST
                                      : PENDING_MISSING,
                          e);
    if (!rc) sweep_leftovers(r);
    if (!rc && r->pending.lost && !o->repair) tell_lost_checkpoints(r);
    if (!rc && r->pending.n) rc = run_sweep_changed(r->sweep, r->db, r->hooks, e);
    if (rc) return rc;
    if (r->hooks && r->hooks->found) r->hooks->found(r->hooks->arg);
    rc = pending_plan(&r->pending, r->sweep, &r->machine, o->threads, true, r->stops, e);
    if (!rc) rc = record_env(r, e);
    if (!rc) rc = pending_record(&r->pending, r->sweep, r->db, &r->sweep_id, e);
    if (rc) return rc;
    progress_init(&r->progress, r->sweep->name, r->pending.n, r->pending.finished, now_seconds());
    return work_off(r, e);
}

void run_sweep_release(struct run_sweep *r) {
    struct run_sweep_work *w = r->work;
    db_close(r->db);
    pending_release(&r->pending);
    progress_release(&r->progress);
    if (!w) return;
    json_decref(w->told);
    outbox_free(w->outbox);
    free(w->jobs);
    free(w->heard);
    free(w);
    r->work = NULL;
}
