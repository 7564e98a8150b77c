/* SPDX-License-Identifier: Apache-2.0 */
/* compare.h - which method is better, and can this sweep tell?
 *
 * Arms are groups of a sweep's points: one per method, or per value of any keys. Each arm is shown at
 * the one point (learning rate, rank, ...) whose mean over the seeds is best on the evaluation split;
 * a point at which some seed diverged counts only when all of them did. It is judged on the test
 * split, which had no say in that choice; a sweep without test data is judged on the evaluation split, and is
 * optimistic then: the best of many noisy values looks better than it is.
 *
 * Differences, intervals, verdicts and what the sweep can tell at all are those of verdict.h, fitted to each
 * setting (model, task, data) by judge.h. All pairs of a setting are one family, or with `against` those with
 * the named arm. An arm's rank is 1 + the arms that are better: arms that cannot be told apart share a rank.
 * An arm of whose point some seed diverged has none.
 *
 * Nothing here prints. Strings belong to the struct. */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include "harness/analysis/judge.h"
#include "harness/analysis/prefer.h"
#include "harness/record/db.h"
#include "harness/table/table.h"

struct compare_job {
    const char *sweep;  /* name or file; NULL: the latest */
    const char *by;     /* keys, comma-separated: columns of a point or configuration keys; NULL: "method" */
    const char *metric; /* "eval/..."; NULL: the sweep's */
    const char *where;  /* condition over the view `runs`; NULL: none */
    const char
        *against;  /* an arm, by its values of `by`: all others are compared with it alone; NULL: none */
    double margin; /* differences within it are as good as none; 0: no margin is asked for */
};

struct compare_run {
    int64_t id; /* 0: not started */
    int64_t seed;
    bool complete, diverged, concurrent;
    double eval, test; /* NaN: none */
    double train_s;
};

struct compare_point {
    int64_t id;
    char *setting; /* model, task and data, for people: "smollm2-135m, lm on glosses" */
    char *arm;     /* its values of the keys `by`, "lora, 8" */
    char *method, *targets;
    bool untouched;
    int64_t r;           /* -1: none */
    double lr;           /* NaN: none */
    char *label;         /* "lora r=8 all-linear lr=5e-4" */
    int first, nrun;     /* its runs, by seed */
    int64_t bytes, peak; /* of the saved adapter, and of memory (the largest seed); -1: unknown */
    double train_s;      /* mean; NaN: unknown */
    bool concurrent;     /* measured while other runs were under way */
    int diverged;        /* seeds */
    int neval, nscore;   /* complete seeds with a number; score: on the reported split */
    double eval, score;  /* their means; NaN: none */
};

struct compare_arm {
    int point; /* the chosen one; -1: no run of it is complete */
    int any;   /* one of its points */
    int tried; /* points */
    int rank;  /* within its setting; 0: the untouched base, no number, a diverged seed, or `against` */
    bool tied; /* shares its rank */
    int pair;  /* with its setting's `ref`; -1: it is that, the base, or not ranked */
    long rows; /* with scores of their own on the reported split, in all its seeds */
};

struct compare_pair {
    int a, b;              /* arms: the better mean first, or the one that the others are compared with */
    int setting;           /* its number */
    long rows;             /* scored by both; 0: no scores per row */
    struct verdict_pair v; /* of points; score of b - a */
};

struct compare_setting {
    int first, narm; /* its arms */
    int ranked;      /* of them */
    int ref;         /* arm that the others are shown against: the best, or the one named; -1: none */
    int family;      /* pairs judged together */
    struct judge judge;
    struct verdict_resolution resolution;
};

struct compare_front { /* a point as a compromise: its group's best (method, rank and modules) */
    int point;
    bool untimed; /* no time that compares */
    /* against saved bytes, peak memory, time: the point that dominates it; -1: none, on the front; -2:
     * unknown */
    int by[3];
};

struct compare {
    char *sweep, *metric, *reported, *goal; /* "rank", "eval/loss", "test/loss", "minimize" */
    bool maximize, has_test;
    char **key; /* of `by` */
    int nkey;
    struct compare_run *run;
    int nrun, run_cap;
    struct compare_point *point;
    int npoint, point_cap;
    struct compare_arm *arm; /* settings apart; the base, then by score */
    int narm, arm_cap;
    struct compare_pair *pair;
    int npair, pair_cap;
    struct compare_front *front;
    int nfront, front_cap;
    struct compare_setting *setting;
    int nsetting, setting_cap;
    double margin;
    bool against;
    struct record_sweep record; /* point i and run i of the above are its point i and cell i */
    /* the time front compares runs that had the machine to themselves; else all had company */
    bool timings_alone;
};

/* ERR_USER: no such sweep, no such key, a bad condition, a metric nobody recorded; ERR_RESOURCE: no finished
 * run. On error nothing needs to be released. */
int compare_read(struct compare *c, struct db *db, const struct compare_job *job, struct err *e);
void compare_release(struct compare *c);

/* One row per arm; per point on or behind the Pareto fronts. Caller frees. */
struct table *compare_arms_table(const struct compare *c);
struct table *compare_pairs_table(const struct compare *c);
struct table *compare_front_table(const struct compare *c);
/* Everything. New reference. */
json_t *compare_json(const struct compare *c);
/* What would decide the undecided pairs with the best (or named) arm: one row each. */
struct table *compare_plan_table(const struct compare *c);
/* "better", "undecided", ...: what pair p says of b, with the margin. */
const char *compare_verdict(const struct compare *c, const struct compare_pair *p);
/* What a reader must know: which split, what the sweep can tell, how many seeds. Lines, appended. */
void compare_notes(const struct compare *c, struct strbuf *out);

/* ---- between compare*.c -------------------------------------------------------------------------------- */

int compare_cells(struct compare *c, struct db *db, const struct compare_job *job, struct err *e);
/* Arms, their choice, differences and ranks. */
int compare_arms(struct compare *c, struct db *db, const struct compare_job *job, struct err *e);
/* Has a number, no diverged seed, and is no base: takes part in the ranking. */
bool compare_ranked(const struct compare *c, const struct compare_arm *a);
bool compare_same_setting(const struct compare *c, int point_a, int point_b);
void compare_fronts(struct compare *c);
/* A point as a candidate for the best (prefer.h): by the evaluation split. */
struct candidate compare_candidate(const struct compare *c, int point);

#endif
