/* stats.h - the statistics that tables, plots, comparisons and verdicts share.
 *
 * Means come with Student's t interval; differences of two arms are paired wherever the arms saw the same
 * seeds or rows, because what both share (a hard row, a lucky seed) then cancels. Families of tests are
 * corrected by Holm's method (Scand. J. Statist. 6, 1979). Resampling (Efron, Ann. Statist. 7, 1979) draws
 * from a stream of the counter-based generator, so that the same numbers always give the same interval.
 *
 * All functions are pure: they read n values, allocate nothing that outlives them, and never print. Values
 * must be finite; callers leave diverged runs out and say so. NaN in a result: not defined for so few values.
 */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stdbool.h>
#include <stdint.h>

/* P(T <= t) of Student's t with df > 0 degrees of freedom (any real number). */
double stats_t_cdf(double t, double df);
/* P(|T| >= |t|), exact also far out, where 1 - cdf would round to 0. */
double stats_t_p(double t, double df);
/* The t with P(T <= t) = p; 0 < p < 1. */
double stats_t_quantile(double p, double df);
/* P(F > f) of Fisher's F with d1 and d2 > 0 degrees of freedom (any real numbers), exact also far out. */
double stats_f_tail(double f, double d1, double d2);
/* The z with P(Z <= z) = p of the standard normal distribution; 0 < p < 1. */
double stats_normal_quantile(double p);

struct stats_mean {
    int n;
    double mean; /* NaN for n = 0 */
    double sd;   /* with n - 1; NaN for n < 2 */
    double ci;   /* half the 95 % t interval: t(n-1) sd / sqrt(n); NaN for n < 2 */
};
struct stats_mean stats_mean(const double *v, int n);

/* Two arms: b - a. */
struct stats_diff {
    int n;         /* pairs; of an unpaired difference the smaller arm */
    double diff;   /* mean of b - a */
    double se, df; /* standard error, its degrees of freedom; NaN when n < 2 */
    double lo, hi; /* 95 % interval; NaN when n < 2 */
    /* two-sided, of no difference; NaN when n < 2. 0 when se is 0 and diff is not; 1 when both are */
    double p;
};
/* Paired t test: a[i] and b[i] belong together. */
struct stats_diff stats_paired(const double *a, const double *b, int n);
/* Welch's test, for arms that share nothing. n < 2 in either arm: only diff. */
struct stats_diff stats_unpaired(const double *a, int na, const double *b, int nb);
/* From an estimate whose error has two independent parts, e.g. which rows were scored and which seeds were
 * run: se^2 = se1^2 + se2^2, degrees of freedom after Satterthwaite. A part that is not known (NaN) is left
 * out; when both are, everything but diff is NaN. n is 0. */
struct stats_diff stats_combine(double diff, double se1, double df1, double se2, double df2);

/* The mean of v over `draws` resamples of n values with replacement, from the stream of `seed`: its standard
 * error and the 95 % percentile interval. NaN for n < 2. */
struct stats_boot {
    double se, lo, hi;
};
struct stats_boot stats_bootstrap(const double *v, int n, int draws, uint64_t seed);

/* Holm's step-down correction: adjusted[i] <= 0.05 rejects i with 5 % for the whole family. NaNs stay NaN and
 * do not count. May be in place. */
void stats_holm(const double *p, int n, double *adjusted);

/* rank[i] of v[i] from 1 (smallest), ties share the mean of their places. */
void stats_ranks(const double *v, int n, double *rank);

/* The spread of repetitions, pooled over groups: group g has n[g] values v[g][0..]. Groups of one tell
 * nothing. *df: degrees of freedom; 0 and a NaN result when no group has two. */
double stats_pooled_sd(const double *const *v, const int *n, int ngroup, int *df);

/* The value below which a fraction q of the sorted v lies, interpolated (numpy's default). n > 0. */
double stats_quantile(const double *sorted, int n, double q);

#endif
