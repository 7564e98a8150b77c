/* SPDX-License-Identifier: Apache-2.0 */
/* plot_axis.h - which numbers a sweep varies, besides the learning rate: the axes of ablation lines and
 * heat-maps. */
#ifndef BENCH_PLOT_AXIS_H
#define BENCH_PLOT_AXIS_H

#include "harness/plot/plot_private.h"

struct plot_axis {
    char *key;     /* "r", "train.batch_size", ... */
    double *value; /* by point of the set; NaN: it has none, or no finished run */
};

/* At most `most` configuration numbers that take two values within some method, the rank first; of numbers
 * that always change together (alpha as twice the rank) the first. Returns how many; plot_axes_release. */
int plot_axes_read(const struct plot_set *s, struct plot_axis *axis, int most);
/* The values of its key; all: also of points without a finished run. */
void plot_axis_fill(const struct plot_set *s, struct plot_axis *x, bool all);
void plot_axes_release(struct plot_axis *axis, int n);

/* A trained point with a finished run. */
bool plot_point_counts(const struct plot_point *p);
/* Is a to be shown rather than b? Points at which a seed diverged come last. */
bool plot_point_preferred(const struct plot_set *s, const struct plot_point *a, const struct plot_point *b);

#endif
