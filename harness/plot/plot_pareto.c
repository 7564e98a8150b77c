/* SPDX-License-Identifier: Apache-2.0 */
/* plot_pareto.c - quality against what it costs: saved bytes, peak memory, training time; a panel each.
 *
 * A point per method, rank and modules at the best learning rate. What nothing beats at no more cost is on
 * the front: filled, joined by a staircase, named by its rank; the rest is hollow. Times of runs that had
 * company are left out, unless all had. The untouched base costs nothing and is a dashed line. */
#include "harness/plot/plot_xy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analysis/prefer.h"

enum { BYTES, MEMORY, SECONDS, NCOST };

struct compromise {
    int point, arm;
    double cost[NCOST];
    bool concurrent;
};

struct pareto {
    const struct plot_set *s;
    struct compromise *v;
    int n;
    bool alone; /* some time was measured without company */
};

/* Sizes are those of the largest seed, the time is the mean. */
static void cost_read(const struct plot_set *s, struct compromise *c) {
    const struct plot_point *pt = &s->point[c->point];
    double sum = 0;
    int timed = 0;
    for (int k = 0; k < NCOST; k++) c->cost[k] = NAN;
    for (int i = pt->first; i < pt->first + pt->nruns; i++) {
        const struct record_cell *x = s->run[i].cell;
        if (s->run[i].state != PLOT_OK) continue;
        if (x->checkpoint_bytes >= 0) c->cost[BYTES] = fmax(c->cost[BYTES], (double)x->checkpoint_bytes);
        if (x->peak_bytes >= 0) c->cost[MEMORY] = fmax(c->cost[MEMORY], (double)x->peak_bytes);
        if (!isnan(x->train_s)) sum += x->train_s, timed++;
        c->concurrent |= x->concurrent > 0;
    }
    if (timed) c->cost[SECONDS] = sum / timed;
}

static void costs_read(struct pareto *p) {
    const struct plot_set *s = p->s;
    p->v = xcalloc((size_t)s->narm + 1, sizeof *p->v);
    for (int i = 0; i < s->narm; i++) {
        if (s->arm[i].best < 0 || s->point[s->arm[i].best].untouched) continue;
        struct compromise *c = &p->v[p->n++];
        c->point = s->arm[i].best, c->arm = i;
        cost_read(s, c);
        p->alone |= !c->concurrent && isfinite(c->cost[SECONDS]);
    }
    for (int i = 0; i < p->n; i++)
        if (p->alone && p->v[i].concurrent) p->v[i].cost[SECONDS] = NAN;
}

static bool is_dominated(const struct pareto *p, int i, int k) {
    double x = p->v[i].cost[k], y = p->s->point[p->v[i].point].mean;
    for (int j = 0; j < p->n; j++) {
        double ox = p->v[j].cost[k], oy = p->s->point[p->v[j].point].mean;
        if (j == i || isnan(ox) || ox > x || prefer_value(p->s->maximize, y, oy)) continue;
        if (ox < x || prefer_value(p->s->maximize, oy, y)) return true;
    }
    return false;
}

/* Of one panel: by the cost on its x axis. */
struct cost_order {
    const struct pareto *p;
    int cost;
};

static int cost_compare(const void *va, const void *vb, void *arg) {
    const struct cost_order *o = arg;
    double a = o->p->v[*(const int *)va].cost[o->cost], b = o->p->v[*(const int *)vb].cost[o->cost];
    return a < b ? -1 : a > b ? 1 : *(const int *)va - *(const int *)vb;
}

/* "8 q+v": gnuplot splits columns at commas, also quoted ones. */
static char *label_of(const struct plot_set *s, const struct plot_point *p) {
    struct strbuf b = {0};
    if (p->full || p->r < 0) return NULL;
    strbuf_addf(&b, "%lld", (long long)p->r);
    const char *t = s->ntarget > 1 && p->target >= 0 ? s->target[p->target].label : "";
    if (*t) strbuf_addc(&b, ' ');
    for (; *t; t++)
        if (*t != ' ') strbuf_addc(&b, *t == ',' ? '+' : *t);
    return strbuf_detach(&b);
}

static void panel_fill(struct plot_xy *x, const struct pareto *p, int panel, int k) {
    int *order = xmalloc((size_t)(p->n + 1) * sizeof *order), n = 0;
    for (int i = 0; i < p->n; i++)
        if (isfinite(p->v[i].cost[k])) order[n++] = i;
    struct cost_order by = {p, k};
    if (n) qsort_r(order, (size_t)n, sizeof *order, cost_compare, &by);
    for (int pass = 0; pass < 3; pass++) /* staircase, then hollow points, then filled ones */
        for (int i = 0; i < n; i++) {
            const struct plot_point *pt = &p->s->point[p->v[order[i]].point];
            bool front = !is_dominated(p, order[i], k);
            if (front != (pass != 1)) continue;
            plot_xy_add(x, (struct plot_xy_row){.panel = panel,
                                                .series = plot_xy_method(x, pt->method, false),
                                                .role = pass == 0   ? PLOT_XY_STEP
                                                        : pass == 1 ? PLOT_XY_HOLLOW
                                                                    : PLOT_XY_FILLED,
                                                .x = p->v[order[i]].cost[k],
                                                .y = pt->mean,
                                                .ci = pt->ci,
                                                .seeds = pt->nok,
                                                .label = pass == 2 ? label_of(p->s, pt) : NULL,
                                                .point = pt});
        }
    free(order);
}

int plot_pareto(struct plot_figure *f, const struct plot_set *s, struct err *e) {
    static const char *const title[] = {"saved bytes", "peak memory", "training time"};
    static const char *const xlabel[] = {"adapter file", "bytes through the allocation gate", "seconds"};
    struct pareto p = {.s = s};
    struct plot_xy x = {.s = s};
    costs_read(&p);
    /* in order */
    for (int i = 0; i < p.n; i++) plot_xy_method(&x, s->point[p.v[i].point].method, false);
    for (int k = 0; k < NCOST; k++) {
        bool any = false;
        for (int i = 0; i < p.n; i++) any |= isfinite(p.v[i].cost[k]) && p.v[i].cost[k] > 0;
        if (!any) continue;
        int panel =
            plot_xy_panel(&x, title[k], k == SECONDS && !p.alone ? "seconds, other runs beside" : xlabel[k],
                          true, k == SECONDS ? TABLE_SECONDS : TABLE_BYTES);
        panel_fill(&x, &p, panel, k);
    }
    int rc = plot_xy_finish(f, &x, "no finished run to draw yet (bench status)", e);
    if (!rc) {
        char *count = plot_count_text(s, true),
             *what =
                 xasprintf("%s (%s is better) against cost; filled: on the front by means, with its rank; %s",
                           s->metric, s->maximize ? "higher" : "lower", count);
        plot_head(f, s, what);
        free(count), free(what);
    }
    plot_xy_release(&x);
    free(p.v);
    return rc;
}
