/* SPDX-License-Identifier: Apache-2.0 */
/* plot_ablation.c - what one choice changes: the metric against each number that the sweep varies (rank,
 * alpha, batch, a method's own), and against the choice of modules; a panel per choice, a line per method.
 *
 * A point is the best mean over everything else the sweep varied at that value, the learning rate above all:
 * it says what can be had there, not what changes when all else stands still. Numbers that always change
 * together (alpha as twice the rank) give one panel. The learning rate has its own plot. */
#include "harness/plot/plot_axis.h"
#include "harness/plot/plot_xy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PANELS_MAX 6

/* The best point of a method at the least value above `after`; -1: none is left. */
static int next_point(const struct plot_set *s, const double *v, const char *method, double after) {
    int best = -1;
    for (int i = 0; i < s->npoint; i++) {
        const struct plot_point *p = &s->point[i];
        if (!plot_point_counts(p) || strcmp(p->method, method) || !(v[i] > after)) continue;
        if (best < 0 || v[i] < v[best] || (v[i] == v[best] && plot_point_preferred(s, p, &s->point[best])))
            best = i;
    }
    return best;
}

static void lines_add(struct plot_xy *x, int panel, const double *v) {
    const struct plot_set *s = x->s;
    for (int c = 0; c < s->narm; c++) {
        const char *method = s->point[s->arm[c].first].method;
        bool seen = s->point[s->arm[c].first].untouched;
        for (int k = 0; k < c && !seen; k++) seen = !strcmp(s->point[s->arm[k].first].method, method);
        int first = seen ? -1 : next_point(s, v, method, -INFINITY);
        if (first < 0 || next_point(s, v, method, v[first]) < 0) continue; /* two values make a line */
        int series = plot_xy_method(x, method, true);
        for (int i = first; i >= 0; i = next_point(s, v, method, v[i]))
            plot_xy_add(x, (struct plot_xy_row){.panel = panel,
                                                .series = series,
                                                .role = PLOT_XY_LINE,
                                                .x = v[i],
                                                .y = s->point[i].mean,
                                                .ci = s->point[i].ci,
                                                .seeds = s->point[i].nok,
                                                .point = &s->point[i]});
    }
}

static void number_panel(struct plot_xy *x, const struct plot_axis *ax) {
    double lo = INFINITY, hi = -INFINITY;
    for (int i = 0; i < x->s->npoint; i++)
        if (isfinite(ax->value[i])) lo = fmin(lo, ax->value[i]), hi = fmax(hi, ax->value[i]);
    const char *dot = strrchr(ax->key, '.');
    lines_add(x, plot_xy_panel(x, "", dot ? dot + 1 : ax->key, lo > 0 && hi / lo >= 8, TABLE_PLAIN),
              ax->value);
}

static void modules_panel(struct plot_xy *x) {
    const struct plot_set *s = x->s;
    double *v = xmalloc((size_t)(s->npoint + 1) * sizeof *v);
    const char **label = xmalloc((size_t)s->ntarget * sizeof *label);
    for (int i = 0; i < s->ntarget; i++) label[i] = s->target[i].label;
    for (int i = 0; i < s->npoint; i++) v[i] = s->point[i].target < 0 ? NAN : s->point[i].target;
    int panel = plot_xy_panel(x, "", "adapted modules", false, TABLE_TEXT);
    x->panel[panel].category = label, x->panel[panel].ncategory = s->ntarget;
    lines_add(x, panel, v);
    free(v);
}

int plot_ablation(struct plot_figure *f, const struct plot_set *s, struct err *e) {
    struct plot_axis axis[PANELS_MAX - 1];
    struct plot_xy x = {.s = s};
    int n = plot_axes_read(s, axis, PANELS_MAX - 1);
    for (int i = 0; i < n; i++) number_panel(&x, &axis[i]);
    if (s->ntarget > 1) modules_panel(&x);
    int rc = plot_xy_finish(
        f, &x, "no method ran with two values of anything but the learning rate (bench plot lr)", e);
    if (!rc) {
        char *count = plot_count_text(s, true),
             *what = xasprintf("%s (%s is better), best over everything else varied; %s", s->metric,
                               s->maximize ? "higher" : "lower", count);
        plot_head(f, s, what);
        free(count), free(what);
    }
    plot_axes_release(axis, n);
    plot_xy_release(&x);
    return rc;
}
