/* SPDX-License-Identifier: Apache-2.0 */
/* compare_front.c - Pareto fronts: quality against saved bytes, peak memory and training time.
 *
 * A compromise is the best point (learning rate and whatever else) of one method, rank and choice of
 * modules. It is dominated when another one is at least as good and costs no more, and one of both is strict;
 * then the best of those that dominate it is named. Means decide: what lies within the sweep's resolution
 * of a front may as well be on it. Points of which a seed diverged have no mean to compare: left out. */
#include "harness/analysis/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analysis/prefer.h"

static bool same_group(const struct compare_point *a, const struct compare_point *b) {
    return !strcmp(a->setting, b->setting) && !strcmp(a->method, b->method) && a->r == b->r &&
           !strcmp(a->targets, b->targets);
}

/* NaN: not known, or not comparable. */
static double cost_of(const struct compare *c, const struct compare_front *f, int axis) {
    const struct compare_point *g = &c->point[f->point];
    if (axis == 0) return g->bytes < 0 ? NAN : (double)g->bytes;
    if (axis == 1) return g->peak < 0 ? NAN : (double)g->peak;
    return f->untimed ? NAN : g->train_s;
}

static double score_of(const struct compare *c, const struct compare_front *f) {
    return c->point[f->point].score;
}

static bool dominates_point(const struct compare *c, const struct compare_front *a,
                            const struct compare_front *b, int axis) {
    double ca = cost_of(c, a, axis), cb = cost_of(c, b, axis), sa = score_of(c, a), sb = score_of(c, b);
    if (isnan(ca) || prefer_value(c->maximize, sb, sa) || ca > cb) return false;
    return prefer_value(c->maximize, sa, sb) || ca < cb;
}

static void dominators_find(struct compare *c, struct compare_front *f) {
    for (int axis = 0; axis < 3; axis++) {
        f->by[axis] = isnan(cost_of(c, f, axis)) ? -2 : -1;
        for (int i = 0; i < c->nfront && f->by[axis] != -2; i++) {
            const struct compare_front *o = &c->front[i];
            if (o == f || strcmp(c->point[o->point].setting, c->point[f->point].setting) ||
                !dominates_point(c, o, f, axis))
                continue;
            if (f->by[axis] < 0 || prefer_value(c->maximize, score_of(c, o), c->point[f->by[axis]].score))
                f->by[axis] = o->point;
        }
    }
}

static int front_compare(const void *va, const void *vb, void *arg) {
    const struct compare *sorting = arg;
    const struct compare_front *a = va, *b = vb;
    int o = strcmp(sorting->point[a->point].setting, sorting->point[b->point].setting);
    if (o) return o;
    double x = score_of(sorting, a), y = score_of(sorting, b);
    if (x != y) return prefer_value(sorting->maximize, x, y) ? -1 : 1;
    return a->point - b->point;
}

void compare_fronts(struct compare *c) {
    for (int i = 0; i < c->npoint; i++) {
        const struct compare_point *g = &c->point[i];
        int k = 0;
        if (g->untouched || !g->neval || !g->nscore || g->diverged) continue;
        while (k < c->nfront && !same_group(&c->point[c->front[k].point], g)) k++;
        if (k == c->nfront) {
            GROW(c->front, c->nfront, c->front_cap);
            c->front[c->nfront++] = (struct compare_front){.point = i};
            continue;
        }
        struct candidate old = compare_candidate(c, c->front[k].point), now = compare_candidate(c, i);
        if (prefer_candidate(c->maximize, &now, &old)) c->front[k].point = i;
    }
    if (!c->nfront) return;
    qsort_r(c->front, (size_t)c->nfront, sizeof *c->front, front_compare, c);
    c->timings_alone = false;
    for (int i = 0; i < c->nfront; i++) c->timings_alone |= !c->point[c->front[i].point].concurrent;
    for (int i = 0; i < c->nfront; i++)
        c->front[i].untimed = c->timings_alone && c->point[c->front[i].point].concurrent;
    for (int i = 0; i < c->nfront; i++) dominators_find(c, &c->front[i]);
}
