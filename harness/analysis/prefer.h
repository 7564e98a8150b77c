/* SPDX-License-Identifier: Apache-2.0 */
/* prefer.h - the one rule of what is best, and of what is the same configuration.
 *
 * Seeds are averaged, never chosen among. A point at which some seed diverged is preferred only to points of
 * which that is true as well: a rate that blows up now and then is none to recommend. A point of one finished
 * seed is preferred only to others of one: a single seed may be luck. Between the rest the mean of the metric
 * over the finished seeds decides. Tables, comparisons, control arms, plots, claims and papers'
 * tables all ask here. */
#ifndef BENCH_PREFER_H
#define BENCH_PREFER_H

#include "harness/record/query.h"

/* A point as a candidate for the best. {0}: nothing of it has a number. */
struct candidate {
    int n;       /* finished seeds with a number */
    double mean; /* of the metric over them */
    bool diverged;
};

/* Is the value a better than b? NaN is worse than anything, and two of them are equal. */
bool prefer_value(bool maximize, double a, double b);

/* Is a to be preferred to b? Of equals neither is: the first in the sweep's order stays. */
bool prefer_candidate(bool maximize, const struct candidate *a, const struct candidate *b);

/* A point of a sweep as a candidate, by the metric of its cells on the evaluation split. */
struct candidate prefer_point(const struct record_sweep *s, int point);

/* The best of n points of a sweep (indices); ties stay with the first. -1: n is 0. */
int prefer_best(const struct record_sweep *s, const int *points, int n);

/* Points that differ in nothing but the learning rate are one group, control arms apart. *group: [npoint]
 * the group of each point, numbered in the order of the sweep, malloc'ed; returns how many there are. */
int prefer_groups(const struct record_sweep *s, int **group);

#endif
