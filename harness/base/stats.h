/* SPDX-License-Identifier: Apache-2.0 */
/* stats.h - distributions, mean and standard deviation: what verdict.h builds intervals and verdicts of.
 *
 * All functions are pure. Values must be finite; NaN in a result: not defined for so few values. */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

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
};
struct stats_mean stats_mean(const double *v, int n);

#endif
