/* SPDX-License-Identifier: Apache-2.0 */
/* plot_private.h - between plot*.c: a sweep as drawn (plot_data.c), and a figure on its way to files
 * (plot_figure.c). */
#ifndef BENCH_PLOT_PRIVATE_H
#define BENCH_PLOT_PRIVATE_H

#include "harness/analysis/prefer.h"
#include "harness/plot/plot.h"
#include "harness/record/query.h"
#include "harness/table/table.h"

/* Returned, with e filled (ERR_RESOURCE), where there is too little data: no failure for a sweep's end. */
#define PLOT_NOTHING 1

#define PLOT_BAR_SEEDS 3 /* bars and bands from so many seeds on */

/* ---- data ---------------------------------------------------------------------------------------------- */

enum plot_state { PLOT_OK, PLOT_DIVERGED, PLOT_FAILED, PLOT_OPEN };

struct plot_run {
    int64_t id; /* 0: not started */
    const struct record_cell *cell;
    int point; /* index into points */
    enum plot_state state;
    const char *what; /* the state in the record, for people */
    double metric;    /* NaN when there is none */
};

struct plot_point { /* one configuration, over its seeds; texts are the record's */
    int64_t id;
    const struct record_point *record;
    const char *method;
    int method_order; /* in the registry */
    bool untouched, full;
    int64_t r; /* -1: none */
    const char *target_modules;
    int target; /* index into targets; -1: the method chooses none */
    int64_t batch_size, max_length;
    double lr; /* NaN: none */
    const char *model, *task, *data;
    double adapted;   /* fraction; NaN while unknown */
    int first, nruns; /* its runs */
    int nok, ndiverged, nfailed;
    double mean, min, max; /* over its complete runs */
    /* half the mean's 95 % interval from the pooled spread; NaN below three seeds, where it is unstable and
     * where a seed diverged: then the values are drawn, which of two are min and max */
    double ci;
    const char *what; /* the state of the last run that is not complete, or NULL */
};

/* What gives one place in a picture: method, rank, modules. `best` is the point whose mean is best; points at
 * which a seed diverged count only when all did. */
struct plot_arm {
    int first, n; /* points */
    int best;     /* index into points; -1: none has a value */
    enum plot_state state;
    int lr_tried;
};

struct plot_target {
    char *name, *label; /* as recorded; "q, v" */
    double adapted;     /* NaN: unknown */
};

struct plot_set {
    struct db *db;
    struct record_sweep record;
    const char *sweep, *metric, *goal; /* the record's */
    bool maximize, is_loss;
    const char *where;               /* the job's condition, or NULL */
    const char *model, *task, *data; /* of the points; NULL: not recorded */
    struct plot_run *run;
    int nrun, run_cap;
    struct plot_point *point; /* sorted: method, rank, modules, learning rate */
    int npoint, point_cap;
    struct plot_arm *arm;
    int narm, arm_cap;
    struct plot_target *target; /* by adapted fraction */
    int ntarget, target_cap;
    int64_t *rank; /* ascending */
    int nrank, rank_cap;
    double base;              /* the metric of the untouched base; NaN: unknown */
    int seeds_min, seeds_max; /* complete runs in the means drawn */
    bool other_axes;          /* some arm has several points at one learning rate */
    int ngroup;               /* pictures that this sweep gives */
};

/* Reads the sweep's arms, and keeps group `group` (0-based) of equal model, task and data. s->ngroup says
 * how many there are. PLOT_NOTHING without arms. Nothing needs to be released unless it returns 0. */
int plot_set_read(struct plot_set *s, struct db *db, const struct plot_job *job, int group, struct err *e);
void plot_set_release(struct plot_set *s);

/* A metric of the point's runs in one state, run after run and step after step, sorted by step. The caller
 * releases it, not after an error. */
int plot_curves_read(struct record_curve *ret, const struct plot_set *s, int point, enum plot_state state,
                     const char *key, struct err *e);
/* What to draw of a point without an interval: its least and its most value, null where that says no more
 * than the mean. Two cells of the table. */
void plot_add_values(struct table *t, const struct plot_point *p);
/* A point as a candidate for the best (analysis/prefer.h). */
struct candidate plot_candidate(const struct plot_point *p);
/* Index of a rank, -1 for none. */
int plot_rank_index(const struct plot_set *s, int64_t r);
/* An axis for n values of the metric (v is sorted): from the best to the worst, without those further from
 * the best than `reach` times the usual, which a plot marks at its edge; and with the base unless that would
 * squeeze the rest. */
void plot_range(const struct plot_set *s, double *v, int n, double reach, double *lo, double *hi);
/* The first complete run of a point, or -1 (index). */
int plot_first_ok(const struct plot_set *s, int point);

/* ---- figure -------------------------------------------------------------------------------------------- */

struct plot_figure {
    const char *kind;
    const char *template;      /* plots/<template>.gp draws it; NULL: named as the kind */
    const char *template_file; /* a user's own in its place; NULL: none */
    struct strbuf head;        /* gnuplot assignments */
    struct table *csv;
};

/* Variables of the script. Text is cleaned and quoted. */
void plot_text(struct plot_figure *f, const char *name, const char *v);
void plot_textf(struct plot_figure *f, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void plot_num(struct plot_figure *f, const char *name, double v);
/* Arrays, 1-based in gnuplot; their length is n_<name>. An empty one has one element, "" or 0. */
void plot_texts(struct plot_figure *f, const char *name, const char *const *v, int n);
void plot_tics(struct plot_figure *f, const char *name, const char *const *v, int n); /* tic labels */
void plot_nums(struct plot_figure *f, const char *name, const double *v, int n);

/* The method that trains the model itself, as the sweep names it; "" where it has none. */
const char *plot_full_name(const struct plot_set *s);
/* "#0072b2": of a method, the same in every plot. Caller does not free. */
const char *plot_method_color(const char *method);
/* 1, 2 or 5 times a power of ten: at most `most` tics over `span`. */
double plot_tic_step(double span, int most);
/* Place i of n on the sequential palette. */
void plot_shade(char out[8], int i, int n);
/* "mean over 3 seeds, 95 % interval" (intervals: they are drawn), "1 seed"; caller frees. */
char *plot_count_text(const struct plot_set *s, bool intervals);
/* title (sweep, model, task, data), base, base_known, metric, goal words. */
void plot_head(struct plot_figure *f, const struct plot_set *s, const char *what);

/* ---- kinds: fill f from s; 0, PLOT_NOTHING or an error ------------------------------------------------- */

int plot_plane(struct plot_figure *f, const struct plot_set *s, struct err *e);
int plot_lr(struct plot_figure *f, const struct plot_set *s, struct err *e);
int plot_memory(struct plot_figure *f, const struct plot_set *s, struct err *e);
int plot_curves(struct plot_figure *f, const struct plot_set *s, struct err *e);
int plot_pareto(struct plot_figure *f, const struct plot_set *s, struct err *e);
int plot_time(struct plot_figure *f, const struct plot_set *s, struct err *e);
int plot_ablation(struct plot_figure *f, const struct plot_set *s, struct err *e);
int plot_forest(struct plot_figure *f, const struct plot_set *s, struct err *e);
int plot_heatmap(struct plot_figure *f, const struct plot_set *s, struct err *e);

/* ---- heat-maps (plot_heat_panels.c) -------------------------------------------------------------------- */

struct plot_heat_panel {
    const char *title;
    const double *value; /* [ny][nx], the first row below; NaN: an empty cell */
    const char *const
        *state;  /* what to say in a cell ("diverged"), [ny][nx] with NULLs; NULL: nothing anywhere */
    bool marked; /* is there a cell to mark (the best)? */
    int mark;    /* its index */
};

struct plot_heat {
    const char *title, *subtitle, *xlabel, *ylabel, *zlabel; /* zlabel: what the colours mean */
    const char *const *xlab, *const *ylab;                   /* labels of all categories; "": none shown */
    int nx, ny;
    const struct plot_heat_panel *panel;
    int npanel;
    double lo, hi; /* ends of the scale; NaN: those of the values */
    bool maximize; /* higher is better, and dark */
    bool square;   /* cells as high as wide */
};
/* Fills a zeroed figure, which is then drawn by heatmap.gp: plot_figure_write. */
void plot_heat_panels(struct plot_figure *f, const struct plot_heat *h);

/* ---- files (plot_figure.c) ----------------------------------------------------------------------------- */

/* A name for a file: letters, digits, '.', '_', '-', no leading dot, at most 80 bytes; when that changes it,
 * with a digest so that two names never meet. Caller frees. */
char *plot_file_name(const char *name);
/* Write <base>.csv and <base>.gp into dir, run gnuplot, append the paths. */
int plot_figure_write(struct plot_figure *f, const char *dir, const char *base, unsigned formats,
                      struct plot_paths *paths, struct err *e);
void plot_figure_release(struct plot_figure *f);

#endif
