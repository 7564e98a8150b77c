/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_doctor.c - `bench doctor [--db FILE] [--json]`: what this machine offers, what is missing, and the
 * remedy.
 *
 * Every line is a finding: ok, note (works without), or problem. Exit code 3 when there is a problem. Speeds
 * are measured, one thread first, then one per usable core; the rest is asked of the system. */
#include <cblas.h>
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "build/version.h"
#include "harness/base/blas.h"
#include "harness/cli/command.h"
#include "harness/core/data.h"
#include "harness/record/db.h"
#include "harness/base/machine.h"
#include "harness/nn/kernels/panel.h"
#include "harness/base/util.h"

#define GIB (1024.0 * 1024 * 1024)

enum { OK, NOTE, PROBLEM };

struct findings {
    json_t *list;
    bool problem;
};

/* One finding. `remedy` NULL: nothing to do. */
static void add_line(struct findings *f, int level, const char *what, const char *remedy, const char *fmt,
                     ...) __attribute__((format(printf, 5, 6)));
static void add_line(struct findings *f, int level, const char *what, const char *remedy, const char *fmt,
                     ...) {
    static const char *const names[] = {"ok", "note", "problem"};
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    json_array_append_new(f->list, json_pack("{s:s, s:s, s:s, s:s?}", "what", what, "level", names[level],
                                             "text", text, "remedy", remedy));
    if (level == PROBLEM) f->problem = true;
}

/* ---- speed --------------------------------------------------------------------------------------------- */

enum { DIM = 512, TOKENS = 512 };

static double sgemm_gflops(void) {
    float *a = xcalloc(3 * (size_t)DIM * DIM, sizeof *a), *b = a + DIM * DIM, *c = b + DIM * DIM;
    for (int i = 0; i < 2 * DIM * DIM; i++) a[i] = 0.5f;
    double best = 1e9, begun = now_seconds();
    for (int k = 0; k < 40 && now_seconds() - begun < 0.5; k++) {
        double t = now_seconds();
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, DIM, DIM, DIM, 1, a, DIM, b, DIM, 0, c, DIM);
        t = now_seconds() - t;
        if (t < best) best = t;
    }
    free(a);
    return 2.0 * DIM * DIM * DIM / best * 1e-9;
}

static double panel_gflops(int threads) {
    struct mem m;
    mem_init(&m, false, 0);
    struct team *t = team_new(&m, threads);
    size_t nw = (size_t)DIM * DIM, nx = panel_floats(panels(TOKENS), DIM);
    float *w = mem_alloc(&m, MEM_MISC, nw * sizeof *w), *x = mem_alloc(&m, MEM_MISC, nx * sizeof *x),
          *y = mem_alloc(&m, MEM_MISC, nx * sizeof *y);
    for (size_t i = 0; i < nw; i++) w[i] = 0.5f;
    for (size_t i = 0; i < nx; i++) x[i] = 0.5f;
    struct weight wt = weight_f32(w, DIM, DIM, DIM);
    struct term term = {&wt, false, x, DIM};
    double best = 1e9, begun = now_seconds();
    for (int k = 0; k < 40 && now_seconds() - begun < 0.5; k++) {
        double s = now_seconds();
        panel_mm(t, y, DIM, DIM, panels(TOKENS), &term, 1, NULL, false);
        s = now_seconds() - s;
        if (s < best) best = s;
    }
    mem_free(&m, MEM_MISC, w, nw * sizeof *w);
    mem_free(&m, MEM_MISC, x, nx * sizeof *x);
    mem_free(&m, MEM_MISC, y, nx * sizeof *y);
    team_free(t);
    return 2.0 * DIM * DIM * TOKENS / best * 1e-9;
}

static void check_compute(struct findings *f, const struct machine *m) {
    static const char *const by[] = {"OpenBLAS's own choice", "chosen by bench",
                                     "chosen by OPENBLAS_CORETYPE"};
    double one = panel_gflops(1), all = m->cores > 1 ? panel_gflops(MIN_OF(m->cores, 64)) : one;
    add_line(f, OK, "processor", NULL, "%s", m->cpu);
    add_line(f, OK, "kernels", NULL, "%s path: %.0f GFLOP/s on one core, %.0f on %d", panel_cpu(), one, all,
             m->cores);
    double blas = sgemm_gflops();
    const char *should = blas_should();
    /* The generic kernels reach a fifth; anything that slow is worth more than a note. */
    int level = blas < one / 3 ? PROBLEM : should ? NOTE : OK;
    char remedy[160];
    snprintf(remedy, sizeof remedy, "%s OPENBLAS_CORETYPE%s%s: this processor can do better",
             blas_kernel_set_by() == 2 ? "unset" : "set", blas_kernel_set_by() == 2 || !should ? "" : "=",
             blas_kernel_set_by() == 2 || !should ? "" : should);
    add_line(f, level, "blas", level == OK ? NULL : remedy, "%s (%s): %.0f GFLOP/s on one core", blas_name(),
             by[blas_kernel_set_by()], blas);
}

/* ---- machine ------------------------------------------------------------------------------------------- */

static void check_machine(struct findings *f, const struct machine *m) {
    char why[128] = "";
    if (m->cores < m->online) {
        if (m->quota > 0 && m->quota < m->affinity)
            snprintf(why, sizeof why, " (of %d; a control group grants %.1f)", m->online, m->quota);
        else
            snprintf(why, sizeof why, " (of %d; this process may use no more)", m->online);
    }
    add_line(f, OK, "cores", NULL, "%d%s", m->cores, why);
    char limit[96] = "";
    if (m->mem_limit)
        snprintf(limit, sizeof limit, ", limited to %.1f GiB by a control group", m->mem_limit / GIB);
    bool low = m->mem_free < 1024u * 1024 * 1024;
    add_line(f, low ? PROBLEM : OK, "memory",
             low ? "SmolLM2-135M needs about 1 GiB per run: end other programs, or raise the limit" : NULL,
             "%.1f GiB free of %.1f GiB%s", m->mem_free / GIB, m->mem_total / GIB, limit);
}

/* The folder that results go to, or its nearest ancestor that exists. */
static char *existing_dir(const char *path) {
    char *dir = path_dir(path);
    while (!dir_exists(dir) && strcmp(dir, "/") != 0 && strcmp(dir, ".") != 0) {
        char *up = path_dir(dir);
        free(dir);
        dir = up;
    }
    return dir;
}

/* A file in the record's place that is none would only be noticed by the first command that reads it. */
static bool check_record(struct findings *f, const char *path) {
    struct db *db = NULL;
    struct err e = {0};
    bool good = !file_exists(path) || db_open(&db, path, false, &e) == 0;
    if (!good) add_line(f, PROBLEM, "results", NULL, "%s", e.msg);
    db_close(db);
    return good;
}

static void check_disk(struct findings *f, const char *db) {
    char *dir = existing_dir(db);
    struct statvfs s;
    if (!check_record(f, db)) {
        free(dir);
        return;
    }
    if (access(dir, W_OK) != 0)
        add_line(f, PROBLEM, "results", "run from a folder of your own, or choose one with --db FILE",
                 "%s: cannot write: %s", dir, strerror(errno));
    else if (statvfs(dir, &s) == 0) {
        double left = (double)s.f_bavail * (double)s.f_frsize;
        bool low = left < GIB;
        add_line(f, low ? PROBLEM : OK, "results",
                 low ? "make room, or choose another disk with --db FILE" : NULL, "%s: %.1f GiB free", db,
                 left / GIB);
    }
    free(dir);
}

/* ---- programs and data --------------------------------------------------------------------------------- */

/* First line that a program prints; false when it cannot be run. */
static bool program_says(const char *command, char *line, size_t size) {
    FILE *p = popen(command, "re");
    if (!p) return false;
    bool ok = fgets(line, (int)size, p) != NULL;
    char rest[256];
    while (fgets(rest, sizeof rest, p)) {
    }
    ok = pclose(p) == 0 && ok;
    line[ok ? strcspn(line, "\n") : 0] = '\0';
    return ok;
}

static void check_programs(struct findings *f) {
    char line[256];
    if (program_says("gnuplot --version 2>/dev/null", line, sizeof line))
        add_line(f, OK, "gnuplot", NULL, "%s", line);
    else
        add_line(f, PROBLEM, "gnuplot", "apt-get install gnuplot-nox (or: make deps)",
                 "not found: nothing can be drawn");
    /* "pip 23.0.1 from ..." */
    if (program_says("python3 -m pip --version 2>/dev/null", line, sizeof line))
        add_line(f, OK, "pip", NULL, "%.*s", (int)strcspn(line, "f") - 1, line);
    else
        add_line(f, NOTE, "pip", "apt-get install python3-pip (or: make deps)",
                 "not found: `bench pull` needs it");
}

static void check_data(struct findings *f) {
    json_t *list = data_list(), *d;
    size_t i;
    json_array_foreach(list, i, d) {
        const char *name = json_string_value(json_object_get(d, "name"));
        const char *problem = json_string_value(json_object_get(d, "problem"));
        if (!name) continue;
        char what[64];
        snprintf(what, sizeof what, "data %s", name);
        if (json_is_true(json_object_get(d, "available")))
            add_line(f, OK, what, NULL, "%s", json_string_value(json_object_get(d, "summary")));
        else
            add_line(f, PROBLEM, what, NULL, "%s", problem ? problem : "not available");
    }
    json_decref(list);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void check_models(struct findings *f) {
    char *cache = cache_dir(), *dir = path_join(cache, "models"), **names = NULL;
    size_t n = 0, cap = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        GROW(names, n, cap);
        names[n++] = xstrdup(e->d_name);
    }
    if (d) closedir(d);
    if (n) qsort(names, n, sizeof *names, by_name);
    struct strbuf all = {0};
    for (size_t i = 0; i < n; i++) {
        strbuf_addf(&all, "%s%s", i ? ", " : "", names[i]);
        free(names[i]);
    }
    if (n)
        add_line(f, OK, "models", NULL, "%s (in %s)", all.s, dir);
    else
        add_line(f, NOTE, "models", "bench pull smollm2-135m", "none in %s", dir);
    strbuf_release(&all);
    free(names);
    free(cache);
    free(dir);
}

/* ---- the command --------------------------------------------------------------------------------------- */

static void print_findings(const struct findings *f) {
    size_t i;
    json_t *x;
    json_array_foreach(f->list, i, x) {
        const char *level = json_string_value(json_object_get(x, "level"));
        const char *remedy = json_string_value(json_object_get(x, "remedy"));
        printf("%-8s %-14s %s\n", level, json_string_value(json_object_get(x, "what")),
               json_string_value(json_object_get(x, "text")));
        if (remedy) printf("%-8s %-14s -> %s\n", "", "", remedy);
    }
    printf(f->problem ? "\nThere are problems.\n" : "\nEverything that bench needs is here.\n");
}

struct options {
    const char *db;
    enum table_format format;
};

static int run_doctor(void *options, struct err *e) {
    const struct options *o = options;
    struct machine m;
    (void)e;
    machine_read(&m);
    struct findings f = {json_array(), false};
    add_line(&f, OK, "bench", NULL, "%s, gcc %s, %s; %s", BENCH_VERSION, __VERSION__, BENCH_CFLAGS, m.os);
    check_compute(&f, &m);
    check_machine(&f, &m);
    check_disk(&f, o->db);
    check_programs(&f);
    check_data(&f);
    check_models(&f);
    if (o->format == TABLE_AS_JSON) {
        json_dumpf(f.list, stdout, JSON_INDENT(2));
        printf("\n");
    } else
        print_findings(&f);
    json_decref(f.list);
    return f.problem ? 3 : 0;
}

static const struct option_row doctor_options[] = {ROW_DB(db), ROW_JSON(format), {0}};

const struct command cmd_doctor = {
    .name = "doctor",
    .summary = "what this machine offers, what is missing, and the remedy",
    .about = "Says what this machine offers, what is missing, and the remedy. Exit code 3: a problem.",
    .rows = doctor_options,
    .size = sizeof(struct options),
    .examples = "bench doctor\n"
                "bench doctor --db /data/runs/bench.db --json\n",
    .where = COMMAND_COMPUTES,
    .run = run_doctor,
};
