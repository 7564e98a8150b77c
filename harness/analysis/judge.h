/* SPDX-License-Identifier: Apache-2.0 */
/* judge.h - the model of verdict.h for a sweep of the record: whoever shows an interval or a verdict of runs
 * asks here.
 *
 * A setting is the points of one model, task and data. Those that are compared are `chosen`; the others lend
 * their spread over seeds where they are quiet (verdict.h). Rows of the chosen ones are read, with what each
 * counts in the score. Configuration c of the model is point c of the sweep. The untouched base takes part
 * only when it is chosen, with one run. */
#ifndef BENCH_JUDGE_H
#define BENCH_JUDGE_H

#include "harness/analysis/verdict.h"
#include "harness/record/query.h"
#include "harness/table/table.h"

struct judge_ask {
    const struct record_sweep *sweep;
    /* [npoint] 0: of another setting; else it is one of so many configurations among which it was chosen */
    const int *tried;
    const bool *chosen;  /* [npoint] */
    const double *score; /* [ncell] of complete cells, NaN: none */
    const char *metric;  /* what the score is, "test/loss": for its bounds and its rows */
    int sign;            /* +1: more is better, -1: less */
    const bool *rows;    /* [npoint] whose scores of rows are read, chosen ones; NULL: nobody's */
};

struct judge {
    struct verdict_model model;
    struct verdict_rows rows;
    bool unweighted; /* rows were read, and some run (of an older record) tells no weights: all count alike */
    /* ---- memory of the above */
    struct verdict_config *config;
    double *score;
    int64_t *seed;
};

/* `a` and what it points to may go; the judge keeps what it needs. db NULL: ask for no rows. On error nothing
 * needs to be released. */
int judge_fit(struct judge *j, const struct judge_ask *a, struct db *db, struct err *e);
void judge_release(struct judge *j); /* accepts a zeroed one */

/* The settings of a sweep, each fitted to its own points. */
struct judges {
    struct judge *v;
    int n;
    int *of; /* [npoint] index of the point's */
};
/* The same for all points: a->tried of none is 0 (1 of those that were not chosen). */
int judges_fit(struct judges *j, const struct judge_ask *a, struct db *db, struct err *e);
void judges_release(struct judges *j); /* accepts a zeroed one */
const struct verdict_model *judges_model(const struct judges *j, int point);
/* The remarks of all, without repeats. */
void judges_notes(const struct judges *j, const struct record_sweep *s, struct strbuf *out);

/* What a table of a sweep shows: of points that differ in the learning rate alone the best (prefer.h) is
 * chosen, of so many tried; the others were chosen from themselves. */
void judge_choose(const struct record_sweep *s, int *tried, bool *chosen);

/* Points of one setting. */
bool judge_same_setting(const struct record_point *a, const struct record_point *b);
/* Scores of all cells: on the test split, or of the last evaluation; NaN for those not complete. Caller
 * frees. */
double *judge_scores(const struct record_sweep *s, bool test);
/* Has every complete cell of the sweep a score on the test split (and is there one)? */
bool judge_has_test(const struct record_sweep *s);

/* The score of a configuration as people read it: "3.2750 ± 0.0021", the values themselves, "(3.31) 2/3" of
 * which a seed diverged, ...; the cell's own value is the mean, null where nothing has a number. */
void judge_mean_add(struct table *t, const struct verdict_model *m, int c);
/* The same as text: "" where nothing has a number. */
void judge_mean_text(const struct verdict_model *m, int c, struct strbuf *out);
/* Half of the interval where one is shown around the mean, else NaN: for data and bars. */
double judge_half(const struct verdict_spread *x);
/* "+0.0120 [+0.0043, +0.0197]"; without an interval the difference alone; "" where that is unknown. */
void judge_difference_text(double diff, double lo, double hi, struct strbuf *out);
/* What readers must know of the model: lines, appended. None: "". */
void judge_notes(const struct judge *j, const struct record_sweep *s, struct strbuf *out);

#endif
