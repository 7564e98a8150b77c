/* SPDX-License-Identifier: Apache-2.0 */
/* verdict_private.h - what the files of verdict.h share: the error of a difference as the sum of two
 * independent estimates. */
#ifndef BENCH_VERDICT_PRIVATE_H
#define BENCH_VERDICT_PRIVATE_H

#include "harness/analysis/verdict.h"

#define VERDICT_ROUNDING 1e-13 /* of a score: what differs by less is equal */

struct error_parts {
    double seeds, den;    /* variance by seeds; sum of (part squared / its degrees of freedom) */
    double rows, rows_df; /* variance by rows */
};
/* Satterthwaite's degrees of freedom of the whole; NaN when there is no error. */
double error_df(const struct error_parts *e);
/* Of the seeds' part; NaN when it is 0. */
double error_seeds_df(const struct error_parts *e);
/* Is the quantile Cochran's? */
bool error_careful(const struct error_parts *e);
/* Two-sided: |difference| / sqrt(seeds + rows) exceeds it with probability `level`. */
double error_quantile(const struct error_parts *e, double level);

/* By how much the mean over so many seeds of the best of `tried` configurations lies above its truth, if all
 * are equally good, a run's score has this variance, and the seeds' luck is common to the scores that choose
 * and those that judge: at most. */
double choice_luck(int tried, double variance, int seeds);

/* sum (k (x - X))^2 over the rows, X = *mean the weighted mean of x[rows]. */
double weighted_squares(const struct verdict_model *m, const double *x, double *mean);

#endif
