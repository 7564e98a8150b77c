/* SPDX-License-Identifier: Apache-2.0 */
/* plot_xy.c - see plot_xy.h. Axes reach from the least to the largest x of their panel; the vertical one is
 * chosen as in all plots (plot_range): what lies far off is drawn at its edge. */
#include "harness/plot/plot_xy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/core/method.h"

int plot_xy_panel(struct plot_xy *x, const char *title, const char *xlabel, bool log, enum table_kind kind) {
    GROW(x->panel, x->npanel, x->panel_cap);
    x->panel[x->npanel] = (struct plot_xy_panel){
        .title = xstrdup(title), .xlabel = xstrdup(xlabel), .log = log, .kind = kind, .lo = NAN, .hi = NAN};
    return x->npanel++;
}

int plot_xy_method(struct plot_xy *x, const char *method, bool line) {
    static const int form[] = {7, 5, 9, 13, 11, 15};
    enum { NFORM = ARRAY_LEN(form) };
    int n = x->nseries, order = method_order(method), used[NFORM] = {0};
    for (int i = 0; i < n; i++) {
        if (!strcmp(x->series[i].name, method)) return i;
        for (int k = 0; k < NFORM; k++) used[k] += x->series[i].form == form[k];
    }
    int f = (order > 0 ? order : 0) % NFORM; /* a method has its form in all plots, unless that is taken */
    for (int k = 0; k < NFORM && used[f] > n / NFORM; k++) f = (f + 1) % NFORM;
    GROW(x->series, x->nseries, x->series_cap);
    x->series[x->nseries++] = (struct plot_xy_series){method, plot_method_color(method), form[f], line};
    return n;
}

void plot_xy_add(struct plot_xy *x, struct plot_xy_row row) {
    struct plot_xy_panel *p = &x->panel[row.panel];
    if (!isfinite(row.x) || !isfinite(row.y) || (p->log && row.x <= 0)) {
        free(row.label);
        return;
    }
    p->lo = fmin(isnan(p->lo) ? row.x : p->lo, row.x);
    p->hi = fmax(isnan(p->hi) ? row.x : p->hi, row.x);
    GROW(x->row, x->nrow, x->row_cap);
    x->row[x->nrow++] = row;
}

void plot_xy_release(struct plot_xy *x) {
    for (int i = 0; i < x->nrow; i++) free(x->row[i].label);
    for (int i = 0; i < x->npanel; i++) {
        free(x->panel[i].title), free(x->panel[i].xlabel);
        free((void *)(uintptr_t)x->panel[i].category);
    }
    free(x->row), free(x->panel), free(x->series);
    *x = (struct plot_xy){0};
}

/* ---- axes ---------------------------------------------------------------------------------------------- */

/* Labels stand to the left of their points. */
static void panel_widen(struct plot_xy_panel *p, bool labels) {
    if (isnan(p->lo)) p->lo = p->hi = 1;
    if (p->category) {
        p->lo = -0.4, p->hi = p->ncategory - 0.6;
    } else if (p->log) {
        double by = fmax(pow(p->hi / p->lo, 0.07), 1.2);
        p->lo /= labels ? fmax(pow(p->hi / p->lo, 0.3), 1.3) : by, p->hi *= by;
    } else {
        double by = p->hi > p->lo ? 0.05 * (p->hi - p->lo) : fmax(1e-9, fabs(p->hi) * 0.1);
        p->hi += by;
        p->lo = p->lo >= 0 && p->lo < 0.3 * p->hi ? 0 : p->lo - by;
    }
}

static double axis_place(const struct plot_xy_panel *p, double v) {
    return p->log ? log(v / p->lo) / log(p->hi / p->lo) : (v - p->lo) / (p->hi - p->lo);
}

struct tics {
    double at[200], panel[200];
    char text[200][TABLE_FORMAT_MAX];
    int n;
};

static void tic_add(struct tics *t, const struct plot_xy_panel *p, int panel, double at) {
    if (t->n == (int)ARRAY_LEN(t->at) || at < p->lo * (1 - 1e-9) || at > p->hi * (1 + 1e-9)) return;
    t->at[t->n] = at, t->panel[t->n] = panel + 1;
    table_format_num(t->text[t->n], p->kind, at);
    char *zero = strstr(t->text[t->n], ".0 "); /* "1.0 MiB" */
    if (zero) memmove(zero, zero + 2, strlen(zero + 2) + 1);
    t->n++;
}

/* The numbers themselves where they are few and not crowded, as ranks are. */
static bool tics_values(struct tics *t, const struct plot_xy *x, int panel) {
    double v[9];
    int n = 0;
    const struct plot_xy_panel *p = &x->panel[panel];
    for (int i = 0; i < x->nrow; i++) {
        bool seen = x->row[i].panel != panel;
        for (int k = 0; k < n && !seen; k++) {
            seen = v[k] == x->row[i].x;
            if (!seen && fabs(axis_place(p, v[k]) - axis_place(p, x->row[i].x)) < 0.06) return false;
        }
        if (seen) continue;
        if (n == (int)ARRAY_LEN(v)) return false;
        v[n++] = x->row[i].x;
    }
    for (int i = 0; i < n; i++) tic_add(t, p, panel, v[i]);
    return true;
}

/* Powers of ten (bytes: of four), at most five; of two where that is too few; plain steps on a linear axis.
 */
static void tics_number(struct tics *t, const struct plot_xy_panel *p, int panel) {
    if (!p->log || p->hi / p->lo < 6) { /* over a short stretch of a logarithmic axis too */
        double unit = 1;
        while (p->kind == TABLE_BYTES && unit * 1024 <= p->hi) unit *= 1024;
        double step = plot_tic_step((p->hi - p->lo) / unit, p->log ? 4 : 5) * unit;
        for (double v = ceil(p->lo / step) * step; v <= p->hi * (1 + 1e-12); v += step)
            tic_add(t, p, panel, fabs(v) < step / 2 ? 0 : v);
        return;
    }
    double ratio = p->kind == TABLE_BYTES ? 4 : 10;
    while (log(p->hi / p->lo) / log(ratio) > 5) ratio *= ratio;
    if (log(p->hi / p->lo) / log(ratio) < 2.5) ratio = 2;
    while (log(p->hi / p->lo) / log(ratio) > 5) ratio *= 2;
    for (double v = pow(ratio, ceil(log(p->lo) / log(ratio) - 1e-9)); v <= p->hi; v *= ratio)
        tic_add(t, p, panel, v);
}

static void tics_write(struct plot_figure *f, struct plot_xy *x) {
    struct tics *t = xcalloc(1, sizeof *t);
    const char *label[ARRAY_LEN(t->at)];
    for (int i = 0; i < x->npanel; i++) {
        const struct plot_xy_panel *p = &x->panel[i];
        for (int k = 0; p->category && k < p->ncategory && t->n < (int)ARRAY_LEN(t->at); k++) {
            t->at[t->n] = k, t->panel[t->n] = i + 1;
            snprintf(t->text[t->n++], TABLE_FORMAT_MAX, "%.16s", p->category[k]);
        }
        if (!p->category && !(p->log && p->kind == TABLE_PLAIN && tics_values(t, x, i))) tics_number(t, p, i);
    }
    for (int i = 0; i < t->n; i++) label[i] = t->text[i];
    plot_tics(f, "tic", label, t->n);
    plot_nums(f, "tic_at", t->at, t->n);
    plot_nums(f, "tic_panel", t->panel, t->n);
    free(t);
}

/* Of labels that would cover each other the first is drawn. Sizes are fractions of a panel. */
static void labels_choose(struct plot_xy *x, double lo, double hi) {
    const double high = 0.05;
    for (int i = 0; i < x->nrow; i++) {
        struct plot_xy_row *a = &x->row[i];
        const struct plot_xy_panel *p = &x->panel[a->panel];
        double ax = axis_place(p, a->x), ay = (a->y - lo) / (hi - lo);
        if (!a->label || ay < 0 || ay > 1) continue;
        a->shown = true;
        for (int k = 0; k < i && a->shown; k++) {
            const struct plot_xy_row *b = &x->row[k];
            if (!b->shown || b->panel != a->panel) continue;
            double bx = axis_place(p, b->x), by = (b->y - lo) / (hi - lo);
            bool left = ax < bx;
            size_t chars = strlen(left ? a->label : b->label);
            if (fabs(ay - by) < high && fabs(ax - bx) < 0.03 * (double)(chars + 2)) a->shown = false;
        }
    }
}

/* ---- what is written ----------------------------------------------------------------------------------- */

static void csv_write(struct plot_figure *f, const struct plot_xy *x) {
    static const char *const num[] = {"panel", "series", "role", "x",     "y", "low",
                                      "high",  "least",  "most", "seeds", "r", "lr"};
    static const char *const text[] = {"label", "method", "target_modules"};
    struct table *t = f->csv = table_new();
    for (size_t i = 0; i < ARRAY_LEN(num); i++) table_column(t, num[i], num[i], TABLE_PLAIN, TABLE_BOTH);
    for (size_t i = 0; i < ARRAY_LEN(text); i++) table_column(t, text[i], text[i], TABLE_TEXT, TABLE_BOTH);
    for (int i = 0; i < x->nrow; i++) {
        const struct plot_xy_row *r = &x->row[i];
        table_int(t, r->panel + 1);
        table_int(t, r->series + 1);
        table_int(t, (int)r->role);
        table_num(t, r->x);
        table_num(t, r->y);
        table_num_or_null(t, r->y - r->ci);
        table_num_or_null(t, r->y + r->ci);
        if (r->point && r->y == r->point->mean)
            plot_add_values(t, r->point);
        else
            table_null(t), table_null(t);
        table_int(t, r->seeds);
        table_num_or_null(t, r->point && r->point->r >= 0 && !r->point->full ? (double)r->point->r : NAN);
        table_num_or_null(t, r->point ? r->point->lr : NAN);
        table_text(t, r->shown ? r->label : "");
        table_text(t, r->point ? r->point->method : "");
        table_text(t, r->point ? r->point->target_modules : "");
    }
}

static void panels_write(struct plot_figure *f, const struct plot_xy *x) {
    size_t n = (size_t)x->npanel;
    const char **title = xmalloc(n * sizeof *title), **xlabel = xmalloc(n * sizeof *xlabel);
    double *log_ = xmalloc(n * sizeof *log_), *lo = xmalloc(n * sizeof *lo), *hi = xmalloc(n * sizeof *hi);
    for (int i = 0; i < x->npanel; i++) {
        title[i] = x->panel[i].title, xlabel[i] = x->panel[i].xlabel;
        log_[i] = x->panel[i].log, lo[i] = x->panel[i].lo, hi[i] = x->panel[i].hi;
    }
    plot_texts(f, "panel", title, x->npanel);
    plot_texts(f, "xlabel", xlabel, x->npanel);
    plot_nums(f, "xlog", log_, x->npanel);
    plot_nums(f, "xlo", lo, x->npanel);
    plot_nums(f, "xhi", hi, x->npanel);
    free(title), free(xlabel), free(log_), free(lo), free(hi);
}

static void series_write(struct plot_figure *f, const struct plot_xy *x) {
    size_t n = (size_t)MAX_OF(x->nseries, 1);
    const char **name = xmalloc(n * sizeof *name), **color = xmalloc(n * sizeof *color);
    double *form = xmalloc(n * sizeof *form), *line = xmalloc(n * sizeof *line);
    bool steps = false;
    for (int i = 0; i < x->nseries; i++)
        name[i] = x->series[i].name, color[i] = x->series[i].color, form[i] = x->series[i].form,
        line[i] = x->series[i].line;
    for (int i = 0; i < x->nrow; i++) steps |= x->row[i].role == PLOT_XY_STEP;
    plot_texts(f, "series", name, x->nseries);
    plot_texts(f, "series_color", color, x->nseries);
    plot_nums(f, "series_form", form, x->nseries);
    plot_nums(f, "series_line", line, x->nseries);
    plot_num(f, "steps", steps);
    free(name), free(color), free(form), free(line);
}

int plot_xy_finish(struct plot_figure *f, struct plot_xy *x, const char *nothing, struct err *e) {
    double lo, hi, *v = xmalloc((size_t)(x->nrow + 1) * sizeof *v);
    bool labels = false;
    if (!x->nrow) {
        free(v);
        err_set(e, ERR_RESOURCE, "sweep '%.100s': %s", x->s->sweep, nothing);
        return PLOT_NOTHING;
    }
    for (int i = 0; i < x->nrow; i++) v[i] = x->row[i].y;
    plot_range(x->s, v, x->nrow, 6, &lo, &hi);
    free(v);
    for (int i = 0; i < x->nrow; i++) labels |= x->row[i].label != NULL;
    for (int i = 0; i < x->npanel; i++) panel_widen(&x->panel[i], labels);
    labels_choose(x, lo, hi);
    plot_num(f, "lo", lo);
    plot_num(f, "hi", hi);
    plot_num(f, "tic_step", plot_tic_step(hi - lo, 8));
    panels_write(f, x);
    series_write(f, x);
    tics_write(f, x);
    csv_write(f, x);
    f->template = "xy";
    return 0;
}
