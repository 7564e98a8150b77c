/* SPDX-License-Identifier: Apache-2.0 */
/* prefer.c - see prefer.h. */
#include "harness/analysis/prefer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/stats.h"
#include "harness/base/util.h"

bool prefer_value(bool maximize, double a, double b) {
    if (isnan(a) || isnan(b)) return !isnan(a) && isnan(b);
    return maximize ? a > b : a < b;
}

bool prefer_candidate(bool maximize, const struct candidate *a, const struct candidate *b) {
    if ((a->n > 0) != (b->n > 0)) return a->n > 0;
    if (a->diverged != b->diverged) return b->diverged;
    if ((a->n > 1) != (b->n > 1)) return a->n > 1; /* one lucky seed is no mean */
    return prefer_value(maximize, a->mean, b->mean);
}

struct candidate prefer_point(const struct record_sweep *s, int point) {
    const struct record_point *p = &s->point[point];
    struct candidate c = {.mean = NAN};
    double *v = xmalloc(((size_t)p->ncell + 1) * sizeof *v);
    for (int i = p->first; i < p->first + p->ncell; i++) {
        const struct record_cell *x = &s->cell[i];
        c.diverged |= x->state == RUN_DIVERGED;
        if (x->state == RUN_COMPLETE && isfinite(x->metric)) v[c.n++] = x->metric;
    }
    if (c.n) c.mean = stats_mean(v, c.n).mean;
    free(v);
    return c;
}

int prefer_best(const struct record_sweep *s, const int *points, int n) {
    int best = -1;
    struct candidate of_best = {0};
    for (int i = 0; i < n; i++) {
        struct candidate c = prefer_point(s, points[i]);
        if (best >= 0 && !prefer_candidate(s->maximize, &c, &of_best)) continue;
        best = points[i];
        of_best = c;
    }
    return best;
}

int prefer_groups(const struct record_sweep *s, int **group) {
    json_t *seen = json_object(); /* what a group has in common -> its number */
    int n = 0;
    *group = xcalloc((size_t)s->npoint + 1, sizeof **group);
    for (int i = 0; i < s->npoint; i++) {
        char *key = xasprintf("%d%s", s->point[i].control, s->point[i].but_rate);
        json_t *hit = json_object_get(seen, key);
        if (!hit) json_object_set_new(seen, key, json_integer(n));
        (*group)[i] = hit ? (int)json_integer_value(hit) : n++;
        free(key);
    }
    json_decref(seen);
    return n;
}
