/* cmd_run.c - `bench run SWEEP.yaml`: the runs that are missing, recorded, and the plots.
 *
 * Order: read and check the sweep (sweep.h) - lock the record (db.h) - find what is missing and plan it
 * (pending.h) - let the scheduler run it (sched.h), writing down what the workers tell - draw. Nothing is
 * written about a run before its sweep has been checked whole. Ctrl-C: once - the workers end after their
 * step; twice - they are killed. Rows are always closed; the same command continues. Exit codes: 0 done, 1 a
 * run failed, 2 bad usage or file, 3 missing resource or record busy, 130 after Ctrl-C. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "build/version.h"
#include "harness/base/blas.h"
#include "harness/config/cfg.h"
#include "harness/cli/cmd.h"
#include "harness/cli/cmd_sweep.h"
#include "harness/train/base_f32.h"
#include "harness/plot/plot.h"
#include "harness/sched/progress.h"
#include "harness/sched/sched.h"
#include "harness/sched/speed.h"
#include "harness/sched/pending.h"
#include "harness/base/util.h"

struct options {
    struct cmd_sweep s;
    bool dry_run, wait;
};

/* One command, from the lock to the last plot. */
struct command {
    const struct options *o;
    struct sweep *sweep;
    struct db *db;
    struct machine machine;
    struct pending pending;
    struct sched_job *jobs; /* those of pending that can run */
    int *items;             /* job -> index into pending.v */
    int njobs;
    int64_t sweep_id, env_id, *run_ids; /* run_ids: by item; 0: not started */
    int *threads;                       /* by item */
    struct base_f32_pool bases;         /* for runs with weights: f32 */
    struct progress progress;
    int counts[8];    /* by state, see states[] */
    char *last_event; /* told */
    bool tty;
    int drawn; /* lines of the block on the terminal */
    double flushed;
    struct err db_err; /* the first failure to write a metric */
};

static const char *const states[] = {"complete", "nan", "failed", "oom", "timeout", "interrupted"};

static volatile sig_atomic_t stops;

static void on_stop(int sig) {
    (void)sig;
    if (stops < 2) stops++;
}

static void catch_signals(void) {
    struct sigaction sa = {.sa_handler = on_stop}, old;
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGHUP, NULL, &old);
    if (old.sa_handler != SIG_IGN) sigaction(SIGHUP, &sa, NULL); /* nohup means it */
    signal(SIGPIPE, SIG_IGN);
}

/* ---- the terminal -------------------------------------------------------------------------------------- */

static void terminal_size(int *width, int *height) {
    struct winsize w;
    *width = 80;
    *height = 24;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0) return;
    if (w.ws_col > 1) *width = w.ws_col;
    if (w.ws_row > 2) *height = w.ws_row;
}

/* Replace the block by `line` (NULL: nothing) and, when `again`, a new block. One write: no flicker. */
static void redraw_status(struct command *c, const char *line, bool again) {
    struct strbuf out = {0};
    if (c->drawn) strbuf_addf(&out, "\r\033[%dA\033[J", c->drawn);
    c->drawn = 0;
    if (line) strbuf_addf(&out, "%s\n", line);
    if (again) {
        int width, height;
        terminal_size(&width, &height);
        progress_draw(&c->progress, now_seconds(), width - 1, height - 1, &out, &c->drawn);
    }
    if (out.len) fwrite(out.s, 1, out.len, stdout);
    fflush(stdout);
    strbuf_release(&out);
}

static void say_line(struct command *c, const char *line) {
    if (c->tty) {
        redraw_status(c, line, c->progress.done < c->progress.total);
        return;
    }
    printf("%s\n", line);
    fflush(stdout);
}

/* ---- what the scheduler tells -------------------------------------------------------------------------- */

static void on_event(void *arg, int job, const char *kind, const char *text);

static char *beside_db(const struct command *c, const char *name) {
    char *dir = path_dir(db_path(c->db)), *path = path_join(dir, name);
    free(dir);
    return path;
}

static int open_run(struct command *c, int item, int threads, struct err *e) {
    const struct pending_run *x = &c->pending.v[item];
    struct db_run r = {
        .sweep = c->sweep_id, .point = x->point, .env = c->env_id, .seed = x->seed, .threads = threads};
    return db_run_new(c->db, &r, &c->run_ids[item], e);
}

/* The base as float32 that its worker shares with others. A worker without one expands for itself. */
static void share_base(struct command *c, int job) {
    struct sched_job *j = &c->jobs[job];
    struct err e = {0};
    int fd = j->base_f32 ? base_f32_pool_take(&c->bases, j->base_key, &e) : 0;
    j->job.base_fd = MAX_OF(fd, 0);
    if (fd < 0) on_event(c, job, "warning", e.msg);
}

static void unshare_base(struct command *c, int job) {
    struct sched_job *j = &c->jobs[job];
    if (j->job.base_fd) base_f32_pool_drop(&c->bases, j->base_key);
    j->job.base_fd = 0;
}

/* checkpoints/<run> beside the record. What another record of that folder left under this number stays as it
 * is. */
static char *checkpoint_dir(const struct command *c, int64_t run) {
    for (int i = 1;; i++) {
        char name[64], again[16] = "";
        if (i > 1) snprintf(again, sizeof again, "-%d", i);
        snprintf(name, sizeof name, "checkpoints/%lld%s", (long long)run, again);
        char *dir = beside_db(c, name);
        if (!file_exists(dir) && !dir_exists(dir)) return dir;
        free(dir);
    }
}

static int on_start(void *arg, int job, int threads, char **out_dir, struct err *e) {
    struct command *c = arg;
    int item = c->items[job], rc = open_run(c, item, threads, e);
    c->threads[item] = threads;
    if (rc) return rc;
    if (strcmp(c->sweep->save, "none") != 0) *out_dir = checkpoint_dir(c, c->run_ids[item]);
    share_base(c, job);
    progress_start(&c->progress, job, c->pending.v[item].label, now_seconds());
    if (c->tty) redraw_status(c, NULL, true);
    return 0;
}

/* Rows of a run; a failure to write them (a full disk) ends the command at the next tick. */
static void on_metric(void *arg, int job, const char *key, long step, double value) {
    struct command *c = arg;
    if (!c->db_err.code) db_metric(c->db, c->run_ids[c->items[job]], key, step, value, &c->db_err);
}

static void on_item(void *arg, int job, const char *key, long i, double value) {
    struct command *c = arg;
    if (!c->db_err.code) db_item(c->db, c->run_ids[c->items[job]], key, i, value, &c->db_err);
}

static void on_event(void *arg, int job, const char *kind, const char *text) {
    struct command *c = arg;
    if (!c->db_err.code) db_event(c->db, c->run_ids[c->items[job]], kind, text, &c->db_err);
    if (c->last_event && !strcmp(c->last_event, text)) return; /* of every run the same */
    free(c->last_event);
    c->last_event = xstrdup(text);
    char *line = xasprintf("%s: %s: %s", c->pending.v[c->items[job]].label, kind, text);
    say_line(c, line);
    free(line);
}

static void on_progress(void *arg, int job, const struct train_progress *p) {
    struct command *c = arg;
    progress_update(&c->progress, job, p);
}

/* A run tells of its loss; the record has the value of the sweep's metric. */
static int read_metric(struct command *c, int64_t run, double *value, struct err *e) {
    struct db_query *q;
    int rc = db_query(c->db, &q, "SELECT metric FROM run WHERE id = ?1", e);
    if (rc) return rc;
    db_query_bind_int(q, 1, run);
    rc = db_query_next(q, e);
    if (rc > 0) *value = db_query_num(q, 0);
    db_query_close(q);
    return rc < 0 ? rc : 0;
}

static int close_run(struct command *c, int item, const struct train_result *res, int concurrent,
                     struct err *e) {
    struct train_result shown = *res;
    int rc = db_run_finish(c->db, c->run_ids[item], res, concurrent, e);
    if (!rc) rc = read_metric(c, c->run_ids[item], &shown.metric, e);
    if (rc) return rc;
    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (!strcmp(res->state, states[i])) c->counts[i]++;
    struct strbuf line = {0};
    progress_line(&c->progress, c->pending.v[item].label, c->sweep->metric, &shown, &line);
    say_line(c, line.s);
    strbuf_release(&line);
    return 0;
}

/* What a run that had the machine to itself says about the next of its shape: `bench plan` reads it. */
static int keep_speed(struct command *c, int item, const struct train_result *res, struct err *e) {
    if (strcmp(res->state, "complete") != 0 || (res->steps && res->steps < SPEED_STEPS)) return 0;
    char key[65], *cpu = speed_cpu(&c->machine);
    speed_key(c->pending.v[item].config, key);
    struct db_speed s = {.key = key, .cpu = cpu, .build = BENCH_VERSION, .threads = c->threads[item]};
    speed_of(res, &s);
    int rc = db_speed_put(c->db, &s, e);
    free(cpu);
    return rc;
}

static int on_finish(void *arg, int job, const struct train_result *res, int concurrent, struct err *e) {
    struct command *c = arg;
    progress_end(&c->progress, job, now_seconds());
    unshare_base(c, job);
    if (c->db_err.code) {
        *e = c->db_err;
        return e->code;
    }
    int rc = close_run(c, c->items[job], res, concurrent, e);
    return rc || concurrent ? rc : keep_speed(c, c->items[job], res, e);
}

static int on_tick(void *arg, struct err *e) {
    struct command *c = arg;
    if (c->tty) redraw_status(c, NULL, true);
    if (c->db_err.code) {
        *e = c->db_err;
        return e->code;
    }
    double now = now_seconds();
    if (now - c->flushed < 1) return 0;
    c->flushed = now;
    return db_flush(c->db, e);
}

/* ---- running ------------------------------------------------------------------------------------------- */

static int record_env(struct command *c, struct err *e) {
    char *cpu = speed_cpu(&c->machine);
    /* The workers' kernel, which may be another than this process loaded. */
    const char *kernel = getenv("OPENBLAS_CORETYPE");
    char *blas = xasprintf("%.*s%s", (int)(strrchr(blas_name(), ' ') - blas_name() + 1), blas_name(),
                           kernel ? kernel : blas_kernel());
    struct db_env env = {.build = BENCH_VERSION,
                         .compiler = "gcc " __VERSION__,
                         .cflags = BENCH_CFLAGS,
                         .cpu = cpu,
                         .blas = blas,
                         .os = c->machine.os,
                         .host = c->machine.host,
                         .cores = c->machine.cores};
    int rc = db_env(c->db, &env, &c->env_id, e);
    free(cpu);
    free(blas);
    return rc;
}

/* Runs that can never fit become rows at once; the others become jobs. */
static int make_jobs(struct command *c, struct err *e) {
    const struct pending *t = &c->pending;
    c->jobs = xcalloc((size_t)t->n + 1, sizeof *c->jobs);
    c->items = xcalloc((size_t)t->n + 1, sizeof *c->items);
    c->run_ids = xcalloc((size_t)t->n + 1, sizeof *c->run_ids);
    c->threads = xcalloc((size_t)t->n + 1, sizeof *c->threads);
    for (int i = 0; i < t->n; i++) {
        const struct pending_run *x = &t->v[i];
        if (*x->refused) {
            struct train_result res = x->plan;
            snprintf(res.state, sizeof res.state, "oom");
            snprintf(res.error, sizeof res.error, "%s", x->refused);
            res.steps = res.tokens = 0;
            res.peak_bytes = 0;
            res.checkpoint_bytes = res.checkpoint_bytes_min = -1;
            res.total_s = 0;
            int rc = open_run(c, i, 0, e);
            progress_end(&c->progress, -2, now_seconds());
            if (!rc) rc = close_run(c, i, &res, 0, e);
            if (rc) return rc;
            continue;
        }
        c->items[c->njobs] = i;
        c->jobs[c->njobs++] = pending_job(x, c->sweep);
    }
    return 0;
}

static int run_jobs(struct command *c, struct err *e) {
    struct sched_room room = {.cores = c->machine.cores,
                              .workers = c->o->s.workers,
                              .threads = c->o->s.threads,
                              .memory = (size_t)((double)c->machine.mem_free * 0.95)};
    struct sched_hooks hooks = {c, on_start, on_metric, on_item, on_event, on_progress, on_finish, on_tick};
    blas_set_env();
    setenv("OPENBLAS_NUM_THREADS", "1", 0);
    int rc = sched_run(&room, c->jobs, c->njobs, &hooks, &stops, e);
    if (c->tty) redraw_status(c, NULL, false);
    return rc;
}

/* ---- before and after ---------------------------------------------------------------------------------- */

static void print_start(const struct command *c) {
    const struct sweep *s = c->sweep;
    int bases = c->pending.n + c->pending.finished - s->nruns, arms = 0;
    for (int i = 0; i < s->nruns; i++) arms += s->points[s->runs[i].point]->is_control;
    if (c->pending.finished)
        printf("%s: %d of %d runs are done already", s->name, c->pending.finished, s->nruns);
    else
        printf("%s: %d run%s", s->name, s->nruns, s->nruns == 1 ? "" : "s");
    if (bases > 0) printf(", and the untouched base");
    if (arms) printf(", %d of them control arms", arms);
    if (s->nruns_all > s->nruns) printf("; %d more stay behind run_cap", s->nruns_all - s->nruns);
    if (c->pending.n) {
        char b[32];
        printf("; %d core%s, %s free", c->machine.cores, c->machine.cores == 1 ? "" : "s",
               progress_bytes((double)c->machine.mem_free, b));
    }
    printf("\n");
    fflush(stdout);
}

static void print_end(const struct command *c, double seconds) {
    char t[32];
    const char *sep = "";
    printf("%s: ", c->sweep->name);
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        if (!c->counts[i]) continue;
        printf("%s%d %s", sep, c->counts[i], !strcmp(states[i], "nan") ? "diverged (nan)" : states[i]);
        sep = ", ";
    }
    if (!*sep) printf("nothing to do");
    printf("; %s\n", progress_time(seconds, t));
}

static void print_continue(const struct command *c) {
    int left = c->pending.n;
    for (int i = 0; i < 5; i++) left -= c->counts[i]; /* all but the interrupted */
    printf("Stopped; %d run%s left. The same command continues: bench run %s", left,
           left == 1 ? " is" : "s are", c->o->s.file);
    if (strcmp(c->o->s.db, DB_DEFAULT) != 0) printf(" --db %s", c->o->s.db);
    for (int i = 0; i < c->o->s.nsets; i++) printf(" --set '%s'", c->o->s.sets[i]);
    printf("\n");
}

static bool ends_in(const char *s, const char *end) {
    size_t n = strlen(s), k = strlen(end);
    return n >= k && !strcmp(s + n - k, end);
}

/* Whatever the sweep has data for. Plots are no reason to fail. Of each one file is named: the picture, or
 * the data where gnuplot is missing; the others lie beside it. */
static void draw_plots(struct command *c) {
    char **paths = NULL;
    int n = 0, pictures = 0;
    struct err e = {0};
    if (plot_sweep(c->db, c->sweep->name, NULL, &paths, &n, &e) != 0 || *e.msg)
        fprintf(stderr, "bench run: plots: %s\n", e.msg);
    for (int i = 0; i < n; i++) pictures += ends_in(paths[i], ".png");
    for (int i = 0; i < n; i++) {
        if (ends_in(paths[i], pictures ? ".png" : ".csv")) printf("Plot: %s\n", paths[i]);
        free(paths[i]);
    }
    free(paths);
}

/* ---- the command --------------------------------------------------------------------------------------- */

static int usage(int rc) {
    fprintf(
        rc ? stderr : stdout,
        "usage: bench run SWEEP.yaml [options]\n"
        "Runs what is missing of a sweep and draws it. The same command again continues.\n\n"
        "  --db FILE        the record (default " DB_DEFAULT "); checkpoints and plots go beside it\n"
        "  -j, --workers N  so many runs at once (default: as cores and memory allow)\n"
        "  --threads N      threads per run (default: cores divided by runs)\n"
        "  --set KEY=VALUE  replace a value of `base`, and its axis; may be repeated\n"
        "  --dry-run        list the runs, run nothing\n"
        "  --wait           wait while another `bench run` uses the record\n"
        "  --new            repeat also what is finished, as new attempts\n\n"
        "`weights` in the file's `base` says how the frozen model is held: native (default), as its file "
        "stores it; f32, expanded once to float32\n"
        "for all workers; auto, f32 where that measured faster: micro-batches of up to 64 tokens on a CPU "
        "without AVX2. The results are the\n"
        "same to the bit.\n\n"
        "examples:\n"
        "  bench run sweeps/rank.yaml\n"
        "  bench run sweeps/rank.yaml --set model=smoke --set data.name=smoke --db /tmp/try/bench.db -j 1\n");
    return rc;
}

static int parse_options(int argc, char **argv, struct options *o) {
    static const struct option longs[] = {{"db", required_argument, NULL, 'd'},
                                          {"workers", required_argument, NULL, 'j'},
                                          {"threads", required_argument, NULL, 't'},
                                          {"set", required_argument, NULL, 's'},
                                          {"dry-run", no_argument, NULL, 'n'},
                                          {"wait", no_argument, NULL, 'w'},
                                          {"new", no_argument, NULL, 'N'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    *o = (struct options){.s.db = DB_DEFAULT};
    o->s.sets = xcalloc((size_t)argc, sizeof *o->s.sets);
    for (int ch; (ch = getopt_long(argc, argv, "j:h", longs, NULL)) != -1;) {
        switch (ch) {
        case 'd':
            o->s.db = optarg;
            break;
        case 'j':
            o->s.workers = cmd_sweep_number("bench run", optarg, 1024);
            break;
        case 't':
            o->s.threads = cmd_sweep_number("bench run", optarg, SCHED_MAX_THREADS);
            break;
        case 's':
            o->s.sets[o->s.nsets++] = optarg;
            break;
        case 'n':
            o->dry_run = true;
            break;
        case 'w':
            o->wait = true;
            break;
        case 'N':
            o->s.again = true;
            break;
        case 'h':
            return usage(0);
        default:
            return usage(2);
        }
        if (o->s.workers < 0 || o->s.threads < 0) return 2;
    }
    if (optind != argc - 1) return usage(2);
    o->s.file = argv[optind];
    return -1; /* go on */
}

/* From the lock to the last run. */
static int work_off(struct command *c, struct err *e) {
    int rc = db_open(&c->db, c->o->s.db, true, e);
    if (!rc) rc = db_lock(c->db, c->o->wait, &stops, e);
    if (!rc) rc = pending_find(&c->pending, c->sweep, c->db, c->o->s.again, e);
    if (!rc && c->pending.n) rc = cmd_sweep_changed(c->sweep, c->db, e);
    if (rc) return rc;
    print_start(c);
    rc = pending_plan(&c->pending, c->sweep, &c->machine, c->o->s.threads, false, &stops, e);
    if (!rc) rc = record_env(c, e);
    if (!rc) rc = pending_record(&c->pending, c->sweep, c->db, &c->sweep_id, e);
    if (rc) return rc;
    progress_init(&c->progress, c->sweep->name, c->pending.n, c->pending.finished, now_seconds());
    rc = make_jobs(c, e);
    return rc ? rc : run_jobs(c, e);
}

static void command_release(struct command *c) {
    db_close(c->db);
    pending_release(&c->pending);
    progress_release(&c->progress);
    base_f32_pool_release(&c->bases);
    free(c->last_event);
    free(c->jobs);
    free(c->items);
    free(c->run_ids);
    free(c->threads);
}

static int run_sweep(const struct options *o, struct sweep *s, struct err *e) {
    struct command c = {.o = o, .sweep = s};
    const char *term = getenv("TERM");
    c.tty = isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
    machine_read(&c.machine);
    catch_signals();
    double begun = now_seconds();
    int rc = work_off(&c, e), code;
    if (rc && (rc != ERR_STOP || !c.sweep_id)) { /* nothing ran, or it is broken */
        command_release(&c);
        return rc;
    }
    print_end(&c, now_seconds() - begun);
    if (rc == ERR_STOP) print_continue(&c);
    printf("Record: %s\n", db_path(c.db));
    fflush(stdout);
    if (rc != ERR_STOP) draw_plots(&c);
    code = rc == ERR_STOP ? 130 : c.counts[2] + c.counts[3] + c.counts[4] ? 1 : 0;
    command_release(&c);
    return code;
}

int cmd_run(int argc, char **argv) {
    struct options o;
    struct err e = {0};
    int rc = parse_options(argc, argv, &o);
    if (rc >= 0) {
        free(o.s.sets);
        return rc;
    }
    struct sweep *s = NULL;
    rc = cmd_sweep_open(&s, &o.s, &e);
    if (!rc) rc = o.dry_run ? cmd_sweep_dry_run(&o.s, s, &e) : run_sweep(&o, s, &e);
    if (rc < 0) {
        fprintf(stderr, "bench run: %s\n", e.msg);
        rc = err_exit_code(&e);
    }
    sweep_free(s);
    free(o.s.sets);
    return rc;
}
