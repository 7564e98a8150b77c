/* SPDX-License-Identifier: Apache-2.0 */
/* verdict.h - one statistical model behind every comparison: its intervals, its verdicts, and what a sweep of
 * this size can tell at all.
 *
 * The model. One setting (model, task, data, metric, split); configuration c was run with seeds s and scored
 * on rows r:
 *
 *     y[c,s,r] = mu[c] + rho[r] + g[c,s] + a[c,r] + e[c,s,r]
 *
 * Seeds are drawn anew for each configuration, rows are the same for all. How hard a row is (rho) cancels in
 * a difference; what does not is the seed (g, e) and which rows were drawn (a). The variance of a difference
 * is always both. `seeds` comes from the spread of run scores, pooled over the configurations of the setting
 * because two or three seeds tell almost nothing of their own variance. `rows` comes from the paired
 * differences of rows, weighted as the score is weighted, less what the seeds hold already. "Better" means:
 * on rows like these and with another seed.
 *
 * The verdict is the interval: better or worse when it leaves out 0, else undecided, which is not "equal";
 * equal within a margin when the whole interval lies inside. The intervals of a family of K comparisons hold
 * together with 95 %: each has level 1 - 0.05 / K (Bonferroni), and p is multiplied by K, so that p <= 0.05
 * says the same as the interval.
 *
 * Everything is pure: arrays in, structures out, no random numbers, nothing printed. NaN: not known.
 *
 * Sources: two-way clustering with the intersection taken off once, Cameron, Gelbach and Miller (J. Bus.
 * Econ. Stat. 29, 2011); degrees of freedom of a sum of variances, Satterthwaite (Biometrics Bull. 2, 1946),
 * and below three of them Cochran's weighted quantile (Biometrics 20, 1964); a pooled variance raised by its
 * own where that is larger, after Smyth (Stat. Appl. Genet. Mol. Biol. 3, 2004); equivalence by two one-sided
 * tests, Schuirmann (J. Pharmacokin. Biopharm. 15, 1987). */
#ifndef BENCH_VERDICT_H
#define BENCH_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

/* ---- rows ---------------------------------------------------------------------------------------------- */

struct verdict_row {
    int64_t item;         /* which row of the data */
    double value, weight; /* its score, NaN: none; what it counts in the run's score, NaN: not recorded */
};
/* The rows of one run, ascending by item. */
struct verdict_run {
    const struct verdict_row *row;
    int n;
};
/* The rows that all of several runs have with finite values. */
struct verdict_rows {
    int n;
    double *value;  /* [run][n] */
    double *weight; /* [n]; NULL: some run recorded none (an old record): all count alike, unlike the score */
    bool differ; /* runs weigh a row differently (other tokens of it were scored): its mean weight is taken */
    double share; /* of the rows of the run that has the most; below 0.9 is worth a remark */
};
/* nrun >= 1. Release with verdict_rows_release. */
void verdict_rows_join(struct verdict_rows *j, const struct verdict_run *run, int nrun);
void verdict_rows_release(struct verdict_rows *j);

/* ---- a setting ----------------------------------------------------------------------------------------- */

struct verdict_config {
    int n;               /* finished seeds */
    const double *score; /* [n], finite */
    const int64_t *seed; /* [n] which they are, for twins; NULL: not known */
    const double *row;   /* [n][rows of the setting] scores of rows; NULL: none recorded, or not read */
    int diverged;        /* further seeds, which diverged */
    int tried;     /* configurations that it was chosen from by this kind of score, itself included; 0 is 1 */
    bool chosen;   /* is compared; the others only lend their spread */
    double choice; /* mean of what the choice went by (the eval metric); NaN: none */
};
struct verdict_setting {
    int n, rows;
    const struct verdict_config *config; /* [n] */
    const double *weight;                /* [rows], > 0; NULL: all count alike */
    int sign;                            /* +1: a larger score is better, -1: a smaller one */
    double least, most;                  /* what a score can be, for intervals; equal: no bounds */
};

/* How a configuration is to be shown. */
enum verdict_show {
    VERDICT_SHOW_SCORE,    /* one seed and nobody has two, or one degree of freedom: the score alone */
    VERDICT_SHOW_POOLED,   /* mean +- half, from the pooled spread */
    VERDICT_SHOW_BORROWED, /* the same for a single seed: the spread is the others' */
    VERDICT_SHOW_VALUES,   /* unstable, or two seeds with fewer than three degrees of freedom: its values */
    VERDICT_SHOW_DIVERGED, /* some seeds diverged: the rest are the lucky ones, not ranked by their mean */
};
struct verdict_spread { /* of one configuration */
    int n, diverged, tried;
    double mean, sd; /* of its own scores; sd NaN below two seeds */
    bool pooled;     /* is in the pool */
    bool unstable;   /* spreads so much more than the others that it is judged by its own spread */
    double v, df;    /* variance of one run's score as used, its degrees of freedom; NaN and 0: not known */
    double residual; /* variance of a row's score that only its seeds explain (e); NaN: not known */
    /* half of the 95 % interval of the mean over seeds, on these rows, wide enough for what the choice among
     * several may have flattered it by; NaN: none */
    double half;
    double lo, hi; /* that interval, within the metric's bounds */
    enum verdict_show show;
};
struct verdict_model {
    int n, sign;
    struct verdict_spread *config; /* [n] */
    double s2, df;                 /* pooled variance of a run's score, its degrees of freedom; NaN and 0 */
    int pooled, unstable;          /* configurations */
    double residual;               /* mean variance e of a row over those with two seeds; 0: none has */
    int rows;
    double *k;   /* [rows] weights with mean 1 */
    double *row; /* [n][rows] mean over seeds; NaN where there are none */
    bool binary; /* all rows are 0 or 1 */
    double least, most;
    const struct verdict_config *in; /* the setting's, borrowed */
};
/* s must outlive m. Release with verdict_release. */
void verdict_fit(struct verdict_model *m, const struct verdict_setting *s);
void verdict_release(struct verdict_model *m);

/* ---- pairs --------------------------------------------------------------------------------------------- */

enum verdict {
    VERDICT_NONE,      /* one seed (or no spread was seen at all): nothing can be said of methods */
    VERDICT_DIVERGED,  /* one of both has diverged seeds */
    VERDICT_IDENTICAL, /* equal on every row and with every seed */
    VERDICT_UNDECIDED,
    VERDICT_BETTER, /* b is better than a */
    VERDICT_WORSE,
};
/* "no verdict", "diverged", "identical", "undecided", "better", "worse" */
const char *verdict_name(enum verdict v);

struct verdict_pair {
    int a, b;                       /* configurations; the difference is b - a */
    int family;                     /* comparisons judged together (K) */
    double diff;                    /* of the mean scores */
    double seeds, rows;             /* variance of diff by seeds, by rows */
    double rows_raw, rows_residual; /* rows = the first less the second, at least 0 */
    double df_seeds, df;
    /* by how much more configurations tried for one of both may have raised (+) or lowered (-) diff; what of
     * it favours the side that leads */
    double flat, allow;
    double lo, hi;    /* holds together with the family's others with 95 % */
    double lo1, hi1;  /* 95 % by itself, for one planned question */
    double p, p1;     /* two-sided, times the family, at most 1; by itself */
    bool careful;     /* fewer than three degrees of freedom beside rows: Cochran's quantile */
    bool twins;       /* paired by seed */
    bool same;        /* equal on every row, with as many seeds */
    bool no_rows;     /* scores of rows are missing: the interval does not know which rows were drawn */
    bool approximate; /* rows are weighted unlike the score: their difference is another number than diff */
    enum verdict verdict;
};
/* How many comparisons answer a question about `arms` ranked arms: each with each other, or each with a named
 * one. At least 1. */
int verdict_family(int arms, bool against);
/* a and b: chosen configurations. */
struct verdict_pair verdict_judge(const struct verdict_model *m, int a, int b, int family);
/* The same for two configurations that are declared to be one computation but for a scale, and so share their
 * noise: paired by seed where both have the same seeds, at least three, else verdict_judge's. family is 1. */
struct verdict_pair verdict_twins(const struct verdict_model *m, int a, int b);
/* rank[c] of the model's configurations = 1 + the number that are better, tied[c]: shares it; 0 for those
 * that no pair speaks of or that diverged. */
void verdict_ranks(const struct verdict_model *m, const struct verdict_pair *pair, int npair, int *rank,
                   bool *tied);

/* ---- claims -------------------------------------------------------------------------------------------- */

enum verdict_rule { VERDICT_IS_BETTER, VERDICT_IS_AS_GOOD, VERDICT_IS_NOT_WORSE };
enum verdict_answer { ANSWER_NO_VERDICT, ANSWER_UNDECIDED, ANSWER_SUPPORTED, ANSWER_NOT_SUPPORTED };
/* Is b better than a by more than the margin, within the margin of it, or at most a margin worse? One planned
 * question: lo1 and hi1 answer. */
enum verdict_answer verdict_answer(const struct verdict_model *m, const struct verdict_pair *p,
                                   enum verdict_rule rule, double margin);
/* Does the family's interval lie within the margin? Then b is as good as a. */
bool verdict_as_good(const struct verdict_pair *p, double margin);

/* ---- what a sweep can tell ----------------------------------------------------------------------------- */

struct verdict_resolution {
    double difference; /* median half-width of the pairs' intervals; NaN: no pair has one */
    double seeds;      /* share of the seeds in the variance of the pair at the median */
    int pairs;
};
/* pair: those with the best arm (or with the one named). */
struct verdict_resolution verdict_resolution(const struct verdict_pair *pair, int npair);

/* Half the width that the interval of p would have with so many seeds of each chosen configuration and so
 * many rows. NaN: not known (one seed). */
double verdict_expect(const struct verdict_model *m, const struct verdict_pair *p, int seeds, int rows);

enum { VERDICT_MOST_SEEDS = 20, VERDICT_MOST_ROWS = 32 /* times as many */ };
/* The least that brings half the interval below `target`. 0: not within the bounds above. */
struct verdict_need {
    int seeds;                 /* with these rows */
    int rows;                  /* with these seeds */
    int both_seeds, both_rows; /* the fewest seeds that do with enough rows, and those rows */
};
/* target: the difference that is to be told, e.g. |p->diff|. */
struct verdict_need verdict_plan(const struct verdict_model *m, const struct verdict_pair *p, double target);

#endif
