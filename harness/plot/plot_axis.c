/* SPDX-License-Identifier: Apache-2.0 */
/* plot_axis.c - see plot_axis.h. */
#include "harness/plot/plot_axis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analysis/prefer.h"

bool plot_point_counts(const struct plot_point *p) { return !p->untouched && p->nok > 0; }

static int key_compare(const void *va, const void *vb) {
    const char *a = *(const char *const *)va, *b = *(const char *const *)vb;
    bool rank_a = !strcmp(a, "r"), rank_b = !strcmp(b, "r");
    return rank_a != rank_b ? (rank_a ? -1 : 1) : strcmp(a, b);
}

/* Does this number take two values within some method? */
static bool varies_key(const struct plot_set *s, const double *v) {
    for (int i = 0; i < s->npoint; i++)
        for (int k = 0; k < i && isfinite(v[i]); k++)
            if (isfinite(v[k]) && v[k] != v[i] && !strcmp(s->point[i].method, s->point[k].method))
                return true;
    return false;
}

/* Do two numbers tell the same points apart? */
static bool axis_same(const struct plot_set *s, const double *a, const double *b) {
    for (int i = 0; i < s->npoint; i++)
        for (int k = 0; k < i; k++) {
            if (!plot_point_counts(&s->point[i]) || !plot_point_counts(&s->point[k]) ||
                strcmp(s->point[i].method, s->point[k].method))
                continue;
            if ((a[i] != a[k]) != (b[i] != b[k])) return false;
        }
    return true;
}

/* Numbers of the points' configurations, the rank first, then by name. Caller frees the array alone. */
static const char **number_keys(const struct plot_set *s, json_t *seen, int *n) {
    const char **keys = NULL, *key;
    int cap = 0;
    json_t *v;
    *n = 0;
    for (int i = 0; i < s->npoint; i++)
        if (plot_point_counts(&s->point[i]))
            json_object_foreach(s->point[i].record->flat, key,
                                v) if ((json_is_number(v) || json_is_boolean(v)) && strcmp(key, "train.lr"))
                json_object_set_new(seen, key, json_true());
    json_object_foreach(seen, key, v) {
        GROW(keys, *n, cap);
        keys[(*n)++] = key;
    }
    if (*n) qsort(keys, (size_t)*n, sizeof *keys, key_compare);
    return keys;
}

void plot_axis_fill(const struct plot_set *s, struct plot_axis *x, bool all) {
    for (int i = 0; i < s->npoint; i++)
        x->value[i] = (all && !s->point[i].untouched) || plot_point_counts(&s->point[i])
                          ? record_point_number(s->point[i].record, x->key)
                          : NAN;
}

int plot_axes_read(const struct plot_set *s, struct plot_axis *axis, int most) {
    json_t *seen = json_object();
    int nkeys, n = 0;
    const char **keys = number_keys(s, seen, &nkeys);
    for (int i = 0; i < nkeys && n < most; i++) {
        struct plot_axis x = {xstrdup(keys[i]), xmalloc((size_t)(s->npoint + 1) * sizeof *x.value)};
        plot_axis_fill(s, &x, false);
        bool keep = varies_key(s, x.value);
        for (int k = 0; k < n && keep; k++) keep = !axis_same(s, x.value, axis[k].value);
        if (keep)
            axis[n++] = x;
        else
            plot_axes_release(&x, 1);
    }
    free(keys);
    json_decref(seen);
    return n;
}

void plot_axes_release(struct plot_axis *axis, int n) {
    for (int i = 0; i < n; i++) free(axis[i].key), free(axis[i].value);
}

bool plot_point_preferred(const struct plot_set *s, const struct plot_point *a, const struct plot_point *b) {
    struct candidate x = plot_candidate(a), y = plot_candidate(b);
    return prefer_candidate(s->maximize, &x, &y);
}
