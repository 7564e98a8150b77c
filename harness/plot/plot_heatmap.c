/* SPDX-License-Identifier: Apache-2.0 */
/* plot_heatmap.c - a sweep as a heat-map: the metric over the learning rate and one more number, a panel per
 * method.
 *
 * Where a method has a ratio of two learning rates (a key that ends in lr_ratio, as LoRA+), the second axis
 * is that second rate, which shows the plane of both; otherwise it is the first number that the sweep varies,
 * the rank above all. A cell is the best mean over whatever else varied; the best of a panel is marked. */
#include "harness/plot/plot_axis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AXES_MAX  8
#define SIDE_MAX  24
#define PANEL_MAX 12

struct side { /* the categories of an axis, ascending */
    double value[SIDE_MAX];
    char text[SIDE_MAX][TABLE_FORMAT_MAX];
    const char *label[SIDE_MAX];
    int n;
};

struct grid {
    const struct plot_set *s;
    const double *y;      /* by point */
    enum table_kind kind; /* of its numbers */
    struct side xs, ys;
    double *value[PANEL_MAX];
    const char **state[PANEL_MAX];
    struct plot_heat_panel panel[PANEL_MAX];
    int npanel;
};

static bool nearly_equal(double a, double b) { return fabs(a - b) <= 1e-6 * fmax(fabs(a), fabs(b)); }

static int side_find(const struct side *s, double v) {
    for (int i = 0; i < s->n; i++)
        if (nearly_equal(s->value[i], v)) return i;
    return -1;
}

static void side_add(struct side *s, double v, enum table_kind kind) {
    int i = s->n;
    if (side_find(s, v) >= 0 || s->n == SIDE_MAX) return;
    for (; i > 0 && s->value[i - 1] > v; i--) s->value[i] = s->value[i - 1];
    s->value[i] = v;
    s->n++;
    for (i = 0; i < s->n; i++) {
        table_format_num(s->text[i], kind, s->value[i]);
        s->label[i] = s->text[i];
    }
}

static bool has_place(const struct grid *g, int i) {
    const struct plot_point *p = &g->s->point[i];
    return !p->untouched && isfinite(p->lr) && p->lr > 0 && isfinite(g->y[i]);
}

/* Does this method spread over both axes? */
static bool spreads_wide(const struct grid *g, const char *method) {
    bool x = false, y = false;
    int first = -1;
    for (int i = 0; i < g->s->npoint; i++) {
        if (!has_place(g, i) || strcmp(g->s->point[i].method, method)) continue;
        if (first < 0) first = i;
        x |= !nearly_equal(g->s->point[i].lr, g->s->point[first].lr);
        y |= !nearly_equal(g->y[i], g->y[first]);
    }
    return x && y;
}

static void panel_fill(struct grid *g, const char *method) {
    const struct plot_set *s = g->s;
    int cells = g->xs.n * g->ys.n, *best = xmalloc((size_t)cells * sizeof *best), k = g->npanel++;
    double *v = g->value[k] = xmalloc((size_t)cells * sizeof *v);
    const char **state = g->state[k] = xcalloc((size_t)cells, sizeof *state);
    struct plot_heat_panel *p = &g->panel[k];
    *p = (struct plot_heat_panel){.title = method, .value = v, .state = state};
    for (int i = 0; i < cells; i++) v[i] = NAN, best[i] = -1;
    for (int i = 0; i < s->npoint; i++) {
        const struct plot_point *q = &s->point[i];
        if (!has_place(g, i) || strcmp(q->method, method)) continue;
        int x = side_find(&g->xs, q->lr), y = side_find(&g->ys, g->y[i]), c = y * g->xs.n + x;
        if (x < 0 || y < 0) continue;
        if (!q->nok && best[c] < 0) state[c] = q->ndiverged ? "diverged" : q->what ? q->what : "";
        if (!q->nok || (best[c] >= 0 && !plot_point_preferred(s, q, &s->point[best[c]]))) continue;
        best[c] = i, v[c] = q->mean, state[c] = NULL;
    }
    for (int c = 0; c < cells; c++)
        if (best[c] >= 0 &&
            (!p->marked || plot_point_preferred(s, &s->point[best[c]], &s->point[best[p->mark]])))
            p->marked = true, p->mark = c;
    free(best);
}

static void panels_fill(struct grid *g) {
    const struct plot_set *s = g->s;
    for (int c = 0; c < s->narm && g->npanel < PANEL_MAX; c++) {
        const char *method = s->point[s->arm[c].first].method;
        bool seen = !spreads_wide(g, method);
        for (int k = 0; k < g->npanel && !seen; k++) seen = !strcmp(g->panel[k].title, method);
        if (seen) continue;
        if (!g->npanel) /* the axes are those of all panels */
            for (int i = 0; i < s->npoint; i++)
                if (has_place(g, i) && spreads_wide(g, s->point[i].method)) {
                    side_add(&g->xs, s->point[i].lr, TABLE_RATE);
                    side_add(&g->ys, g->y[i], g->kind);
                }
        panel_fill(g, method);
    }
}

/* The second axis: a second learning rate, else what varies first. NULL: none; *ylabel is for people. */
static double *axis_choose(const struct plot_set *s, struct plot_axis *axis, int n, const char **ylabel,
                           bool *rates) {
    if (!n) return NULL;
    for (int i = 0; i < n; i++) {
        size_t len = strlen(axis[i].key);
        *rates = len >= 8 && !strcmp(axis[i].key + len - 8, "lr_ratio");
        if (!*rates) continue;
        for (int k = 0; k < s->npoint; k++) axis[i].value[k] *= s->point[k].lr;
        *ylabel = "learning rate of B";
        return axis[i].value;
    }
    const char *dot = strrchr(axis[0].key, '.');
    *ylabel = dot ? dot + 1 : axis[0].key;
    return axis[0].value;
}

/* Labels that would cover each other are left out. */
static void side_thin(struct side *s, int room) {
    int every = (s->n + room - 1) / room;
    for (int i = 0; i < s->n; i++)
        if (i % every) s->label[i] = "";
}

/* Where the colours end: a value far off, a run that came apart, would leave one colour to all others. Its
 * own number stands in its cell. */
static void colour_range(const struct grid *g, double *lo, double *hi) {
    size_t cells = (size_t)g->xs.n * (size_t)g->ys.n;
    double *v = xcalloc((size_t)g->npanel * cells, sizeof *v), from = INFINITY, to = -INFINITY;
    int n = 0;
    for (int p = 0; p < g->npanel; p++)
        for (size_t i = 0; i < cells; i++) {
            double x = g->value[p][i];
            if (!isfinite(x)) continue;
            from = fmin(from, x);
            to = fmax(to, x);
            v[n++] = x;
        }
    plot_range(g->s, v, n, 2, lo, hi);
    if (n) { /* no colour for what no cell has */
        *lo = fmax(*lo, from);
        *hi = fmin(*hi, to);
    }
    free(v);
}

static void grid_draw(struct plot_figure *f, struct grid *g, const char *ylabel, bool rates) {
    const struct plot_set *s = g->s;
    side_thin(&g->xs, g->npanel == 1 ? 12 : g->npanel == 2 || g->npanel == 4 ? 8 : 5);
    char *count = plot_count_text(s, false), *best = xasprintf("framed: the best; %s", count);
    plot_head(f, s, best); /* for a template of one's own; those of the heat-map follow and count */
    char *title = xasprintf("%s: %s, task %s on %s", s->sweep, s->model ? s->model : "",
                            s->task ? s->task : "", s->data ? s->data : ""),
         *what = xasprintf("%s (%s is better); %s", s->metric, s->maximize ? "higher" : "lower", best);
    double lo, hi;
    colour_range(g, &lo, &hi);
    struct plot_heat h = {.title = title,
                          .subtitle = what,
                          .xlabel = rates ? "learning rate of A" : "learning rate",
                          .ylabel = ylabel,
                          .zlabel = s->metric,
                          .xlab = g->xs.label,
                          .ylab = g->ys.label,
                          .nx = g->xs.n,
                          .ny = g->ys.n,
                          .panel = g->panel,
                          .npanel = g->npanel,
                          .lo = lo,
                          .hi = hi,
                          .maximize = s->maximize};
    plot_heat_panels(f, &h);
    free(count), free(best), free(title), free(what);
}

int plot_heatmap(struct plot_figure *f, const struct plot_set *s, struct err *e) {
    struct plot_axis axis[AXES_MAX];
    struct grid g = {.s = s};
    int n = plot_axes_read(s, axis, AXES_MAX), rc = 0;
    const char *ylabel = NULL;
    bool rates = false;
    /* a diverged point has its place here too */
    for (int i = 0; i < n; i++) plot_axis_fill(s, &axis[i], true);
    if ((g.y = axis_choose(s, axis, n, &ylabel, &rates))) {
        g.kind = rates ? TABLE_RATE : TABLE_PLAIN;
        panels_fill(&g);
    }
    if (!g.npanel) {
        err_set(e, ERR_RESOURCE,
                "sweep '%.100s': no method ran over two learning rates and two values of something else",
                s->sweep);
        rc = PLOT_NOTHING;
    }
    if (!rc) grid_draw(f, &g, ylabel, rates);
    for (int k = 0; k < g.npanel; k++) {
        free(g.value[k]);
        free((void *)(uintptr_t)g.state[k]);
    }
    plot_axes_release(axis, n);
    return rc;
}
