/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_plan.c - `bench plan SWEEP.yaml`: what every run takes before it starts: parameters, memory by
 * category, checkpoint, time; and the sums.
 *
 * Nothing of the sweep is run. Shapes whose speed the record does not know are calibrated: a few real steps
 * in a worker process, one after the other, kept in the record (table `speed`). That needs the record for
 * itself, like a run: beside a running `bench run` no time could be trusted. Rows and sums are plan.c's,
 * measurements calibrate.c's. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "harness/config/cfg.h"
#include "harness/cli/command.h"
#include "harness/cli/cmd_plan.h"
#include "harness/cli/cmd_sweep.h"
#include "harness/sched/calibrate.h"
#include "harness/sched/plan.h"
#include "harness/sched/progress.h"
#include "harness/table/table.h"
#include "harness/base/util.h"

struct options {
    struct run_sweep_options s; /* of the rows below */
    const char *file, *db;
    struct cmd_plan_arch arch;
    struct option_list sets;
    long workers, threads;
    bool no_calibrate;
    enum table_format format;
};

/* ---- tables -------------------------------------------------------------------------------------------- */

static const char *state_of(const struct plan *p, int i) {
    if (*p->pending.v[i].refused) return "cannot fit";
    if (p->rows[i].done) return "done";
    return *p->rows[i].problem ? "problem" : "to run";
}

static void add_bytes(struct table *t, long bytes) {
    if (bytes >= 0)
        table_int(t, bytes);
    else
        table_null(t);
}

static struct table *runs_table(const struct plan *p) {
    struct table *t = table_new();
    table_column(t, "run", "run", TABLE_TEXT, TABLE_BOTH);
    table_column(t, "state", "", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "method", "method", TABLE_WHOLE, TABLE_DATA);
    table_column(t, "seed", "seed", TABLE_PLAIN, TABLE_DATA);
    table_column(t, "threads", "threads", TABLE_PLAIN, TABLE_DATA);
    table_column(t, "trainable", "trainable", TABLE_COUNT, TABLE_BOTH);
    table_column(t, "total_params", "parameters", TABLE_COUNT, TABLE_DATA);
    table_column(t, "steps", "steps", TABLE_PLAIN, TABLE_DATA);
    table_column(t, "tokens", "tokens", TABLE_COUNT, TABLE_DATA);
    table_column(t, "peak_bytes", "peak", TABLE_BYTES, TABLE_BOTH);
    for (int c = 0; c < MEM_NCAT; c++) {
        char key[32];
        snprintf(key, sizeof key, "%s_at_peak", mem_cat_name((enum mem_cat)c));
        table_column(t, key, mem_cat_name((enum mem_cat)c), TABLE_BYTES, TABLE_DATA);
    }
    table_column(t, "checkpoint_bytes", "checkpoint", TABLE_BYTES, TABLE_BOTH);
    table_column(t, "checkpoint_bytes_min", "at least", TABLE_BYTES, TABLE_BOTH);
    table_column(t, "stored_bytes", "stored", TABLE_BYTES, TABLE_DATA);
    table_column(t, "time_s", "time", TABLE_SECONDS, TABLE_BOTH);
    table_column(t, "control", "control", TABLE_TEXT, p->sweep->ncontrols ? TABLE_BOTH : TABLE_DATA);
    table_column(t, "problem", "problem", TABLE_WHOLE, TABLE_DATA);
    for (int i = 0; i < p->pending.n; i++) {
        const struct pending_run *x = &p->pending.v[i];
        const struct plan_row *row = &p->rows[i];
        table_text(t, x->label);
        table_text(t, state_of(p, i));
        table_text(t, cfg_str(x->config, "method"));
        table_int(t, (int64_t)x->seed);
        table_int(t, row->threads);
        table_int(t, x->plan.trainable);
        table_int(t, x->plan.total_params);
        table_int(t, x->plan.steps);
        table_int(t, x->plan.tokens);
        table_int(t, (int64_t)x->plan.peak_bytes_predicted);
        for (int c = 0; c < MEM_NCAT; c++) table_int(t, (int64_t)x->plan.mem_at_peak[c]);
        add_bytes(t, x->plan.checkpoint_bytes);
        add_bytes(t, x->plan.checkpoint_bytes_min);
        table_int(t, row->stored);
        if (isnan(row->seconds))
            table_null(t);
        else
            table_num(t, row->seconds);
        char *control = x->cell >= 0 ? sweep_control_label(p->sweep, p->sweep->runs[x->cell].point) : NULL;
        table_text(t, control);
        if (control) table_shown(t, "%s", sweep_control_kind(p->sweep, p->sweep->runs[x->cell].point));
        free(control);
        table_text(t, *row->problem ? row->problem : NULL);
    }
    return t;
}

static bool same_memory(const struct train_result *a, const struct train_result *b) {
    return a->trainable == b->trainable && !memcmp(a->mem_at_peak, b->mem_at_peak, sizeof a->mem_at_peak);
}

/* The peak by category, one row for all runs that share it; categories that nobody uses are left out. */
static struct table *memory_table(const struct plan *p) {
    struct table *t = table_new();
    bool used[MEM_NCAT] = {false};
    for (int i = 0; i < p->pending.n; i++)
        for (int c = 0; c < MEM_NCAT; c++) used[c] |= p->pending.v[i].plan.mem_at_peak[c] > 0;
    table_column(t, "run", "bytes at the peak", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "runs", "runs", TABLE_PLAIN, TABLE_BOTH);
    for (int c = 0; c < MEM_NCAT; c++)
        if (used[c])
            table_column(t, mem_cat_name((enum mem_cat)c), mem_cat_name((enum mem_cat)c), TABLE_BYTES,
                         TABLE_BOTH);
    for (int i = 0; i < p->pending.n; i++) {
        const struct pending_run *x = &p->pending.v[i];
        int before = 0, more = 0;
        for (int k = 0; k < p->pending.n; k++)
            if (k != i && same_memory(&p->pending.v[k].plan, &x->plan)) k < i ? before++ : more++;
        if (before) continue;
        table_text(t, x->label);
        table_int(t, more + 1);
        for (int c = 0; c < MEM_NCAT; c++)
            if (used[c]) table_int(t, (int64_t)x->plan.mem_at_peak[c]);
    }
    return t;
}

/* Free bytes where the record is, or will be; NaN: unknown. */
static double disk_free(const char *db) {
    char *dir = path_dir(db);
    struct statvfs s;
    while (!dir_exists(dir) && strcmp(dir, ".") != 0 && strcmp(dir, "/") != 0) {
        char *up = path_dir(dir);
        free(dir);
        dir = up;
    }
    double n = statvfs(dir, &s) == 0 ? (double)s.f_bavail * (double)s.f_frsize : NAN;
    free(dir);
    return n;
}

static json_t *number_or_null(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static void print_json(const struct plan *p, const struct table *runs, const struct options *o) {
    const struct pending_run *x = p->largest >= 0 ? &p->pending.v[p->largest] : NULL;
    json_t *j = json_object(), *sums = json_object();
    json_object_set_new(sums, "to_run", json_integer(p->to_run));
    json_object_set_new(sums, "done", json_integer(p->done));
    json_object_set_new(sums, "cannot", json_integer(p->cannot));
    json_object_set_new(sums, "unmeasured", json_integer(p->unmeasured));
    json_object_set_new(sums, "workers", json_integer(p->most));
    json_object_set_new(sums, "work_s", number_or_null(p->work_s));
    json_object_set_new(sums, "wall_s", number_or_null(p->wall_s));
    json_object_set_new(sums, "largest_peak_bytes",
                        json_integer(x ? (json_int_t)x->plan.peak_bytes_predicted : 0));
    json_object_set_new(sums, "memory_free", json_integer((json_int_t)p->machine.mem_free));
    json_object_set_new(sums, "checkpoint_bytes", json_integer((json_int_t)p->stored));
    json_object_set_new(sums, "disk_free", number_or_null(disk_free(o->s.db)));
    json_object_set_new(j, "sweep", json_string(p->sweep->name));
    json_object_set_new(j, "runs", table_json(runs));
    json_object_set_new(j, "totals", sums);
    struct strbuf b = {0};
    table_json_write(j, &b);
    command_print(&b);
    json_decref(j);
}

/* ---- text ---------------------------------------------------------------------------------------------- */

static void print_problems(const struct plan *p) {
    const char *last = "";
    for (int i = 0; i < p->pending.n; i++) {
        const char *text = p->rows[i].problem;
        if (*text && !p->rows[i].done && strcmp(text, last) != 0)
            printf("%s: %s\n", p->pending.v[i].label, text);
        if (*text) last = text;
    }
}

static void print_time(const struct plan *p, const struct options *o) {
    char a[32], b[32];
    if (p->work_s > 0)
        printf("time: about %s with %d run%s at once; %s one after the other\n", progress_time(p->wall_s, a),
               p->most, p->most == 1 ? "" : "s", progress_time(p->work_s, b));
    if (p->unmeasured > 0)
        printf("time: %d run%s not measured%s\n", p->unmeasured, p->unmeasured == 1 ? " is" : "s are",
               o->no_calibrate ? ": leave out --no-calibrate" : "");
}

static void print_sums(const struct plan *p, const struct options *o) {
    char a[32], b[32];
    printf("\n%s: %d run%s to do, %d done", p->sweep->name, p->to_run, p->to_run == 1 ? "" : "s", p->done);
    if (p->cannot) printf(", %d of them will not complete", p->cannot);
    if (p->sweep->nruns_all > p->sweep->nruns)
        printf("; %d more stay behind run_cap", p->sweep->nruns_all - p->sweep->nruns);
    printf("\n");
    print_time(p, o);
    if (p->largest >= 0)
        printf("memory: at most %s per run (%s), %s free\n",
               progress_bytes((double)p->pending.v[p->largest].plan.peak_bytes_predicted, a),
               p->pending.v[p->largest].label, progress_bytes((double)p->machine.mem_free, b));
    double left = disk_free(o->s.db);
    printf("checkpoints: %s", progress_bytes(p->stored, a));
    if (!isnan(left)) printf(", %s free%s", progress_bytes(left, b), p->stored > left ? ": TOO LITTLE" : "");
    printf("\n");
    print_problems(p);
}

static void print_plan(const struct plan *p, const struct options *o) {
    struct table *runs = runs_table(p);
    if (o->format == TABLE_AS_JSON) {
        print_json(p, runs, o);
    } else {
        command_print_table(runs, o->format);
        if (o->format != TABLE_AS_CSV) {
            struct table *memory = memory_table(p);
            printf("\n");
            command_print_table(memory, o->format);
            table_free(memory);
            print_sums(p, o);
        }
    }
    table_free(runs);
}

/* ---- the command --------------------------------------------------------------------------------------- */

/* A plan that needs no calibration asks nothing of the record but reading. */
static int read_record(struct plan *p, const struct sweep *s, const struct options *o,
                       const volatile sig_atomic_t *stops, struct err *e) {
    struct db *db = NULL;
    int rc = file_exists(o->s.db) ? db_open(&db, o->s.db, false, e) : 0;
    if (!rc) rc = plan_make(p, s, db, o->s.workers, o->s.threads, stops, e);
    if (!rc && db) rc = plan_times(p, db, e);
    db_close(db);
    return rc;
}

static void on_calibration(void *arg, int n, int of, bool again, const char *label, int threads) {
    (void)arg;
    fprintf(stderr, "calibrating %d of %d%s: %s, %d thread%s\n", n, of, again ? ", longer" : "", label,
            threads, threads == 1 ? "" : "s");
}

/* Measure and keep. A record in use by a run is left alone: nothing measured beside it would hold. */
static int measure_speeds(struct plan *p, const struct options *o, const volatile sig_atomic_t *stops,
                          struct err *e) {
    struct db *db;
    struct err busy = {0};
    int rc = db_open(&db, o->s.db, true, e);
    if (rc) return rc;
    if (db_lock(db, false, stops, &busy)) {
        fprintf(stderr, "bench plan: nothing is calibrated: %s\n", busy.msg);
    } else {
        rc = calibrate_plan(p, db, on_calibration, NULL, stops, e);
        if (!rc) rc = plan_times(p, db, e);
    }
    db_close(db);
    return rc;
}

static int plan_sweep(const struct options *o, const struct sweep *s, struct err *e) {
    struct plan p = {0};
    const volatile sig_atomic_t *stops = cmd_sweep_stops();
    int rc = read_record(&p, s, o, stops, e);
    if (!rc && !o->no_calibrate && plan_missing(&p, -1) >= 0) rc = measure_speeds(&p, o, stops, e);
    if (!rc) {
        plan_sum(&p);
        print_plan(&p, o);
    }
    plan_release(&p);
    return rc;
}

/* Two commands of one name: what goes with the one has no meaning for the other. */
static int check_plan(const void *options, struct err *e) {
    const struct options *o = options;
    const char *wrong = !o->file && !o->arch.arch ? "SWEEP.yaml is missing, or --arch"
                        : o->file && o->arch.arch ? "a sweep file or --arch, not both"
                        : o->arch.arch && (o->workers || o->threads || o->no_calibrate)
                            ? "--workers, --threads and --no-calibrate go with a sweep file, not with --arch"
                        : !o->arch.arch && (o->arch.methods.n || o->arch.weights)
                            ? "--method and --weights go with --arch: of a sweep file use --set"
                            : NULL;
    return wrong ? err_set(e, ERR_USER, "%s", wrong) : 0;
}

static int run_plan(void *options, struct err *e) {
    struct options *o = options;
    if (o->arch.arch) return cmd_plan_arch(&o->arch, &o->sets, o->format, e);
    o->s = (struct run_sweep_options){.file = o->file,
                                      .db = o->db,
                                      .sets = o->sets.v,
                                      .nsets = o->sets.n,
                                      .workers = (int)o->workers,
                                      .threads = (int)o->threads};
    struct sweep *s = NULL;
    int rc = cmd_sweep_open(&s, &o->s, e);
    if (!rc) rc = plan_sweep(o, s, e);
    sweep_free(s);
    return rc;
}

static const struct option_row plan_options[] = {
    {NULL, 0, AT_TEXT(file), "SWEEP.yaml", "a sweep file: `bench help sweep`", .names = NAMES_SWEEP_FILES},
    ROW_SET(sets),
    {"workers", 'j', AT_INT(workers), "N", "so many runs at once", 1, 1024,
     .otherwise = "as cores and memory allow"},
    {"threads", 0, AT_INT(threads), "N", "threads per run", 1, SCHED_MAX_THREADS,
     .otherwise = "cores divided by runs"},
    {"no-calibrate", 0, AT_FLAG(no_calibrate), NULL,
     "run nothing: times of shapes that were never measured stay empty"},
    {"arch", 0, AT_TEXT(arch.arch), "ARCH",
     "in place of a sweep a preset (`--arch list` lists them), a config.json, or a folder that has one",
     .names = NAMES_ARCHS},
    {"method", 0, AT_LIST(arch.methods), "METHOD", "with --arch: only this method; may be given again",
     .names = NAMES_METHODS},
    {"weights", 0, AT_CHOICE(arch.weights), "TYPE", "with --arch, of what is frozen", .otherwise = "float32",
     .choices = "float32|bfloat16|bf16|float16"},
    {"db", 0, AT_TEXT(db), "FILE", "the record: what is done, and measured speeds", .def = DB_DEFAULT,
     .names = NAMES_FILES},
    ROWS_FORMAT(format),
    {0}};

const struct command cmd_plan = {
    .name = "plan",
    .summary = "what every run of a sweep takes: memory, checkpoint, time",
    .usage = "SWEEP.yaml [--set KEY=VALUE]... [-j N] [--threads N]\n"
             " [--no-calibrate] [--db FILE] [--json | --csv | --markdown]\n"
             "--arch ARCH [--method METHOD]... [--set KEY=VALUE]...\n"
             " [--weights TYPE] [--json | --csv | --markdown]",
    .about =
        "What every run of a sweep takes before it starts: trained parameters, memory, checkpoint, time. "
        "With --arch: what methods take on a known architecture, from its shapes alone.",
    .rows = plan_options,
    .size = sizeof(struct options),
    .notes =
        "Memory is predicted to the byte by the code that trains, counting instead of computing. Times are "
        "those of a run that has the machine to itself; where the record has none for a shape, a few real "
        "steps are run (only these: nothing of the sweep), and kept in the record.",
    .examples = "bench plan sweeps/rank.yaml\n"
                "bench plan sweeps/rank.yaml --set train.batch_size=32 --no-calibrate --csv > plan.csv\n"
                "bench plan --arch llama-2-7b --method lora --method full --set r=16 --weights bfloat16\n",
    .where = COMMAND_STARTS_WORKERS,
    .check = check_plan,
    .run = run_plan,
};
