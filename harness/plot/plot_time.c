/* SPDX-License-Identifier: Apache-2.0 */
/* plot_time.c - time to quality: the metric at each evaluation against the seconds of training until then.
 *
 * A line per method: its best rank, modules and learning rate, mean over seeds. Training is timed as a whole,
 * so that an evaluation's place is its share of the steps; evaluations themselves take no time here. Where
 * some runs had the machine to themselves the others are left out: their clocks do not compare. */
#include "harness/plot/plot_xy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/stats.h"
#include "harness/analysis/prefer.h"

/* The best arm of each method. Caller frees. */
static int *lines_choose(const struct plot_set *s, int *n) {
    int *arm = xmalloc((size_t)(s->narm + 1) * sizeof *arm);
    *n = 0;
    for (int i = 0; i < s->narm; i++) {
        int best = s->arm[i].best, k = 0;
        if (best < 0 || s->point[best].untouched) continue;
        while (k < *n && strcmp(s->point[s->arm[arm[k]].best].method, s->point[best].method)) k++;
        if (k == *n)
            arm[(*n)++] = i;
        else if (prefer_value(s->maximize, s->point[best].mean, s->point[s->arm[arm[k]].best].mean))
            arm[k] = i;
    }
    return arm;
}

/* Was this point's training timed without company? -1: it was not timed. */
static int timed_alone(const struct plot_set *s, const struct plot_point *p) {
    int timed = 0;
    bool company = false;
    for (int i = p->first; i < p->first + p->nruns; i++) {
        if (s->run[i].state != PLOT_OK) continue;
        timed += !isnan(s->run[i].cell->train_s);
        company |= s->run[i].cell->concurrent > 0;
    }
    return timed ? !company : -1;
}

/* Seconds of training per step, mean over the runs. */
static double seconds_per_step(const struct plot_set *s, const struct plot_point *p) {
    double sum = 0;
    int n = 0;
    for (int i = p->first; i < p->first + p->nruns; i++) {
        const struct record_cell *c = s->run[i].cell;
        if (s->run[i].state != PLOT_OK || isnan(c->train_s) || c->steps <= 0) continue;
        sum += c->train_s / (double)c->steps;
        n++;
    }
    return n ? sum / n : NAN;
}

/* One row per evaluation step that all seeds reached. */
static int line_add(struct plot_xy *x, int point, struct err *e) {
    const struct plot_point *p = &x->s->point[point];
    struct record_curve all;
    double each = seconds_per_step(x->s, p);
    int rc = plot_curves_read(&all, x->s, point, PLOT_OK, x->s->metric, e);
    if (rc) return rc;
    for (int i = 0, end; i < all.n && !isnan(each); i = end) {
        for (end = i; end < all.n && all.step[end] == all.step[i];) end++;
        struct stats_mean m = stats_mean(all.value + i, end - i);
        if (m.n == p->nok) /* the interval is that of the last evaluation, which is what `bench show` tells */
            plot_xy_add(x, (struct plot_xy_row){.series = plot_xy_method(x, p->method, true),
                                                .role = PLOT_XY_LINE,
                                                .x = each * all.step[i],
                                                .y = m.mean,
                                                .ci = end == all.n ? p->ci : NAN,
                                                .seeds = m.n,
                                                .point = p});
    }
    record_curve_release(&all);
    return 0;
}

int plot_time(struct plot_figure *f, const struct plot_set *s, struct err *e) {
    struct plot_xy x = {.s = s};
    int n, rc = 0, *arm = lines_choose(s, &n), *alone = xcalloc((size_t)n + 1, sizeof *alone);
    bool any_alone = false;
    for (int i = 0; i < n; i++) {
        alone[i] = timed_alone(s, &s->point[s->arm[arm[i]].best]);
        any_alone |= alone[i] == 1;
    }
    plot_xy_panel(&x, "",
                  any_alone ? "training time, s" : "training time, s (other runs were under way beside)",
                  false, TABLE_PLAIN);
    for (int i = 0; i < n && !rc; i++)
        if (alone[i] == 1 || (!any_alone && alone[i] == 0)) rc = line_add(&x, s->arm[arm[i]].best, e);
    if (!rc) rc = plot_xy_finish(f, &x, "no run has evaluations and a training time yet (bench status)", e);
    if (!rc) {
        char *count = plot_count_text(s, true),
             *what = xasprintf("each method at its best configuration; %s", count);
        plot_head(f, s, what);
        free(count), free(what);
    }
    free(arm), free(alone);
    plot_xy_release(&x);
    return rc;
}
