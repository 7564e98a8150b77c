/* SPDX-License-Identifier: Apache-2.0 */
/* query.h - a sweep as the record has it: its points, and a struct per cell with all that readers want of its
 * run. The one place where a sweep is asked for; what is better than what is decided in analysis/prefer.h.
 *
 * A cell is read for one metric: the sweep's own, or any other that its evaluations told. Its values on the
 * evaluation split, on the test split and of the untouched base are all of that metric, whatever sweep ran
 * the run and under whatever metric. */
#ifndef BENCH_QUERY_H
#define BENCH_QUERY_H

#include "harness/base/util.h"
#include "harness/record/db.h"

/* A cell is in the state of its run, or in this one. */
#define CELL_NOT_STARTED RUN_NSTATES
#define CELL_NSTATES     (RUN_NSTATES + 1)
/* All of them, in the order in which they are told: what is complete first, what has not run last. */
extern const enum run_state cell_states[CELL_NSTATES];
/* "complete", "diverged", ..., "not started": for people. */
const char *cell_state_name(enum run_state s);

/* The run of a cell, its last attempt. Counts are -1, numbers NaN and texts NULL where not known. */
struct record_cell {
    int64_t run; /* 0: not started */
    int64_t seed;
    int point;                 /* index into the sweep's points */
    enum run_state state;      /* or CELL_NOT_STARTED */
    double metric, test, base; /* last evaluation; test split; untouched base */
    int64_t base_run;          /* 0: the base has not run */
    double train_loss, eval_loss, base_loss;
    double train_s, eval_s, total_s;
    int64_t steps, tokens, trainable, total_params, adapted_params;
    int64_t peak_bytes, act_bytes, rss_bytes, checkpoint_bytes;
    int64_t concurrent; /* the most other workers beside it: above 0, its times are not comparable */
    char *error, *build, *cpu, *ended;
};

/* A configuration of the sweep. */
struct record_point {
    int64_t id;
    char *method, *target_modules, *model, *task, *data, *weights; /* any but method may be NULL */
    bool untouched;
    bool control;                      /* there only as the control arm of others */
    int64_t r, batch_size, max_length; /* -1: none */
    double alpha, lr;                  /* NaN: none */
    json_t *flat;                      /* the configuration as {"train.steps": value, ...}: leaves only */
    /* the configuration without its learning rate, as text: points that agree in it differ in nothing else */
    char *but_rate;
    int first, ncell; /* its cells, by seed */
};

struct record_sweep {
    int64_t id;
    char *name, *path, *begun, *overrides, *yaml; /* yaml: the file's text */
    char *metric, *goal;                          /* the one read, "eval/loss"; "minimize" or "maximize" */
    bool maximize;
    struct record_point *point; /* in the order of the sweep */
    int npoint, point_cap;
    struct record_cell *cell; /* by point */
    int ncell, cell_cap;
};

struct record_filter {
    const char *metric; /* NULL: the sweep's own */
    const char *goal;   /* of another metric than the sweep's */
    const char *where;  /* a user's condition over the view `runs`; NULL: none. Cells without a run fail it */
    bool without_controls; /* leave out points that are there only as control arms */
};

/* Of several sweeps of one name the last counts. filter NULL: everything. ERR_USER: no such sweep, a bad
 * condition (the message begins with "--where"). On error nothing needs to be released. */
int record_sweep_read(struct record_sweep *ret, struct db *db, const char *name,
                      const struct record_filter *filter, struct err *e);
/* The same, of the sweep whose row is `id` (or of the last of its name). */
int record_sweep_read_id(struct record_sweep *ret, struct db *db, int64_t id,
                         const struct record_filter *filter, struct err *e);
void record_sweep_release(struct record_sweep *s); /* accepts a zeroed one */

/* The value of a key at a point, for people: the names of the view `runs` (method, r, lr, model, ...) or keys
 * of the configuration ("train.batch_size"). NULL: it has none. The text is in `buf` or the point's. */
const char *record_point_text(const struct record_point *p, const char *key, char buf[32]);
/* Does any point of the sweep have this key? */
bool record_knows_key(const struct record_sweep *s, const char *key);
/* A number of a point's configuration; NaN: none. */
double record_point_number(const struct record_point *p, const char *key);

/* ---- rows and curves of runs --------------------------------------------------------------------------- */

/* Scores per row of one run: item ascending. {0} is empty. */
struct record_rows {
    int64_t *item;
    double *value;  /* NaN: not a number */
    double *weight; /* what the row counts in the score; NaN: not recorded (an older record) */
    int n, cap, value_cap, weight_cap;
};
int record_rows_read(struct record_rows *ret, struct db *db, int64_t run, const char *key, struct err *e);
void record_rows_release(struct record_rows *r);

/* A metric of one run over its steps, finite values alone, steps ascending. {0} is empty. */
struct record_curve {
    double *step, *value;
    int n, cap, value_cap;
};
int record_curve_read(struct record_curve *ret, struct db *db, int64_t run, const char *key, struct err *e);
void record_curve_release(struct record_curve *c);

/* The value of a metric at the run's last evaluation; NaN: none, or not a number. */
int record_last_value(double *ret, struct db *db, int64_t run, const char *key, struct err *e);

/* Did the sweep's evaluations tell this metric? *told: all that they told, "eval/accuracy, eval/loss",
 * appended; may stay empty. */
int record_metric_told(struct db *db, int64_t sweep, const char *metric, bool *found, struct strbuf *told,
                       struct err *e);

/* What the sweep's runs told of their rows (cut, left out, ...), each text once with how many runs told it:
 * [{"text": ..., "runs": n}], a new reference. Of records that an older bench made, which cut test splits
 * without a word, what their scores show of it. */
int record_remarks_read(json_t **ret, struct db *db, int64_t sweep, struct err *e);

/* Bytes by category of the allocation gate at the moment of the run's peak, by enum mem_cat; 0 where the
 * record has none. */
int record_memory_read(double at_peak[MEM_NCAT], struct db *db, int64_t run, struct err *e);

/* ---- control arms -------------------------------------------------------------------------------------- */

/* Has the sweep (or the last of its name) any? Cheap, before reading it whole. Negative: error. */
int record_has_pairs(struct db *db, int64_t sweep, struct err *e);

struct record_pair {
    int point, control; /* indices into the sweep's points */
    char *kind;         /* what is held equal */
};
/* The pairs of a sweep read with its control arms, in its order. *ret: malloc'ed, *n of them, each kind the
 * caller's. */
int record_pairs_read(struct record_pair **ret, int *n, const struct record_sweep *s, struct db *db,
                      struct err *e);

#endif
