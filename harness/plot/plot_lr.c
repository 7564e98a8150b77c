/* SPDX-License-Identifier: Apache-2.0 */
/* plot_lr.c - the metric against the learning rate: a line per method and rank, a panel per choice of
 * modules.
 *
 * Means over seeds with bars for their 95 % interval; rates at which seeds diverged are crosses at the
 * edge; the best rate of a line is ringed; the untouched base is a dashed line. Colour is the method, the
 * point's form the rank. Where that would put more than LINES_MAX lines into a panel, each method gets panels
 * of its own and colour is the rank. */
#include "harness/plot/plot_private.h"
#include "harness/analysis/prefer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX 10

struct line { /* as drawn: a arm of the sweep in a panel */
    int arm, panel;
};

struct lr {
    const struct plot_set *s;
    struct plot_figure *f;
    struct line *line;
    int nline, line_cap;
    const char **method; /* with learning rates, in order */
    int nmethod, method_cap;
    bool split; /* panels are targets x methods */
    int npanel, cols;
    double lo, hi;       /* of the metric axis */
    double lr_lo, lr_hi; /* of the rates */
};

static bool has_rates(const struct plot_set *s, const struct plot_arm *c) {
    const struct plot_point *p = &s->point[c->first];
    return !p->untouched && !isnan(p->lr) && p->lr > 0;
}

static const struct plot_point *first_of(const struct lr *l, int arm) {
    return &l->s->point[l->s->arm[arm].first];
}

static int method_index(const struct lr *l, const char *name) {
    for (int i = 0; i < l->nmethod; i++)
        if (!strcmp(l->method[i], name)) return i;
    return -1;
}

/* ---- panels and lines ---------------------------------------------------------------------------------- */

static void methods_collect(struct lr *l) {
    for (int i = 0; i < l->s->narm; i++) {
        const struct plot_point *p = first_of(l, i);
        if (!has_rates(l->s, &l->s->arm[i]) || p->full || method_index(l, p->method) >= 0) continue;
        GROW(l->method, l->nmethod, l->method_cap);
        l->method[l->nmethod++] = p->method;
    }
}

static void line_add(struct lr *l, int arm, int panel) {
    GROW(l->line, l->nline, l->line_cap);
    l->line[l->nline++] = (struct line){arm, panel};
}

/* Full fine-tuning chooses no modules: it is in every panel. */
static void lines_collect(struct lr *l) {
    const struct plot_set *s = l->s;
    int ntarget = MAX_OF(s->ntarget, 1), most = 0;
    int *count = xcalloc((size_t)ntarget, sizeof *count);
    for (int i = 0; i < s->narm; i++)
        if (has_rates(s, &s->arm[i]) && first_of(l, i)->target >= 0)
            most = MAX_OF(most, ++count[first_of(l, i)->target]);
    free(count);
    l->split = most > LINES_MAX && l->nmethod > 1;
    l->cols = l->split ? l->nmethod : MIN_OF(ntarget, 3);
    l->npanel = l->split ? l->nmethod * ntarget : ntarget;
    for (int panel = 0; panel < l->npanel; panel++)
        for (int i = 0; i < s->narm; i++) {
            const struct plot_point *p = first_of(l, i);
            if (!has_rates(s, &s->arm[i])) continue;
            int at = l->split ? p->target * l->nmethod + method_index(l, p->method) : p->target;
            if (p->full || at == panel) line_add(l, i, panel);
        }
}

/* ---- data ---------------------------------------------------------------------------------------------- */

static void columns_add(struct table *t) {
    static const char *const num[] = {"line", "lr",    "metric",   "low",   "high", "least",
                                      "most", "seeds", "diverged", "stack", "best", "r"};
    static const char *const text[] = {"state", "method", "target_modules"};
    for (size_t i = 0; i < ARRAY_LEN(num); i++) table_column(t, num[i], num[i], TABLE_PLAIN, TABLE_BOTH);
    for (size_t i = 0; i < ARRAY_LEN(text); i++) table_column(t, text[i], text[i], TABLE_TEXT, TABLE_BOTH);
}

/* How many crosses of lines before this one stand at the same rate in its panel. */
static int stack_of(const struct lr *l, int line, double lr) {
    int n = 0;
    for (int k = 0; k < line; k++) {
        const struct plot_arm *c = &l->s->arm[l->line[k].arm];
        if (l->line[k].panel != l->line[line].panel) continue;
        for (int i = c->first; i < c->first + c->n; i++)
            if (l->s->point[i].lr == lr && l->s->point[i].ndiverged) {
                n++;
                break;
            }
    }
    return n;
}

static void row_add(struct lr *l, int line, int point) {
    const struct plot_arm *c = &l->s->arm[l->line[line].arm];
    const struct plot_point *p = &l->s->point[point];
    struct table *t = l->f->csv;
    table_int(t, line + 1);
    table_num(t, p->lr);
    table_num_or_null(t, p->mean);
    table_num_or_null(t, p->mean - p->ci);
    table_num_or_null(t, p->mean + p->ci);
    plot_add_values(t, p);
    table_int(t, p->nok);
    table_int(t, p->ndiverged);
    table_int(t, p->ndiverged ? stack_of(l, line, p->lr) : 0);
    table_int(t, point == c->best && c->lr_tried > 1);
    if (p->r >= 0 && !p->full)
        table_int(t, p->r);
    else
        table_null(t);
    table_text(t, p->what ? (strcmp(p->what, "nan") ? p->what : "diverged") : "complete");
    table_text(t, p->method);
    table_text(t, p->target_modules);
}

/* A point per rate; of several at one rate (further axes) the best. */
static void rows_add(struct lr *l) {
    for (int k = 0; k < l->nline; k++) {
        const struct plot_arm *c = &l->s->arm[l->line[k].arm];
        for (int i = c->first, end = c->first + c->n; i < end;) {
            int best = i, j = i;
            for (; j < end && l->s->point[j].lr == l->s->point[i].lr; j++)
                if (j == c->best || (best != c->best && prefer_value(l->s->maximize, l->s->point[j].mean,
                                                                     l->s->point[best].mean)))
                    best = j;
            row_add(l, k, best);
            i = j;
        }
    }
}

/* ---- axes ---------------------------------------------------------------------------------------------- */

/* Rates and values that occur; false when there is nothing to draw. */
static bool range_find(struct lr *l) {
    const struct plot_set *s = l->s;
    double *v = xmalloc((size_t)(s->npoint + 1) * sizeof *v);
    int n = 0;
    bool several = false;
    l->lr_lo = INFINITY, l->lr_hi = 0;
    for (int i = 0; i < s->narm; i++) {
        several |= s->arm[i].lr_tried > 1;
        for (int k = s->arm[i].first; k < s->arm[i].first + s->arm[i].n && has_rates(s, &s->arm[i]); k++) {
            l->lr_lo = fmin(l->lr_lo, s->point[k].lr), l->lr_hi = fmax(l->lr_hi, s->point[k].lr);
            if (s->point[k].nok) v[n++] = s->point[k].mean;
        }
    }
    plot_range(s, v, n, 5, &l->lo, &l->hi);
    free(v);
    return n > 0 && several;
}

/* Decades, or the rates themselves when they span less than one and a half. */
static void rate_tics(struct lr *l) {
    double at[64];
    char text[64][TABLE_FORMAT_MAX];
    const char *label[64];
    int n = 0;
    if (l->lr_hi / l->lr_lo > 31) {
        for (int d = (int)ceil(log10(l->lr_lo) - 0.3); d <= floor(log10(l->lr_hi) + 0.3) && n < 64; d++)
            at[n++] = pow(10, d);
    } else
        for (int i = 0; i < l->s->npoint && n < 64; i++) {
            bool seen = isnan(l->s->point[i].lr) || l->s->point[i].untouched || l->s->point[i].lr <= 0;
            for (int k = 0; k < n; k++) seen |= fabs(log(at[k] / l->s->point[i].lr)) < 0.25;
            if (!seen) at[n++] = l->s->point[i].lr;
        }
    for (int i = 0; i < n; i++) {
        table_format_num(text[i], TABLE_RATE, at[i]);
        label[i] = text[i];
    }
    plot_tics(l->f, "lr_label", label, n);
    plot_nums(l->f, "lr_at", at, n);
}

/* ---- what is drawn how --------------------------------------------------------------------------------- */

/* gnuplot's points by rank: filled circle, square, triangle, diamond, triangle down; then the hollow ones. */
static double rank_point(int i) {
    static const double pt[] = {7, 5, 9, 13, 11, 6, 4, 8, 12, 10};
    return i < 0 ? 7 : pt[i % (int)ARRAY_LEN(pt)];
}

static void style_of(const struct lr *l, const struct plot_point *p, char color[8], double *pt) {
    int rank = p->full ? -1 : plot_rank_index(l->s, p->r);
    *pt = p->full ? 15 : rank_point(rank);
    if (l->split && rank >= 0)
        plot_shade(color, rank, l->s->nrank);
    else
        snprintf(color, 8, "%s", plot_method_color(p->method));
}

static void lines_write(struct lr *l) {
    size_t n = (size_t)l->nline + 1;
    char(*color)[8] = xmalloc(n * sizeof *color);
    const char **color_text = xmalloc(n * sizeof *color_text);
    double *pt = xmalloc(n * sizeof *pt), *panel = xmalloc(n * sizeof *panel);
    for (int i = 0; i < l->nline; i++) {
        style_of(l, first_of(l, l->line[i].arm), color[i], &pt[i]);
        color_text[i] = color[i];
        panel[i] = l->line[i].panel + 1;
    }
    plot_texts(l->f, "line_color", color_text, l->nline);
    plot_nums(l->f, "line_point", pt, l->nline);
    plot_nums(l->f, "line_panel", panel, l->nline);
    free(color), free(color_text), free(pt), free(panel);
}

/* The legend: methods by colour (in a panel each: their titles), ranks by point (then also by colour). */
static void legend_write(struct lr *l) {
    const struct plot_set *s = l->s;
    int cap = l->nmethod + s->nrank + 2, n = 0;
    const char **text = xmalloc((size_t)cap * sizeof *text), **color = xmalloc((size_t)cap * sizeof *color);
    double *pt = xmalloc((size_t)cap * sizeof *pt), *drawn = xmalloc((size_t)cap * sizeof *drawn);
    char(*own)[40] = xmalloc((size_t)cap * sizeof *own), (*shade)[8] = xmalloc((size_t)cap * sizeof *shade);
    for (int i = 0; i < l->nmethod && !l->split; i++, n++)
        text[n] = l->method[i], color[n] = plot_method_color(l->method[i]), pt[n] = s->nrank > 1 ? 0 : 7,
        drawn[n] = 1;
    for (int i = 0; i < s->nrank && (l->split || s->nrank > 1); i++, n++) {
        snprintf(own[n], sizeof own[n], "r = %lld", (long long)s->rank[i]);
        plot_shade(shade[n], i, s->nrank);
        text[n] = own[n], color[n] = l->split ? shade[n] : "#555555", pt[n] = rank_point(i),
        drawn[n] = l->split;
    }
    for (int i = 0; i < l->nline; i++)
        if (first_of(l, l->line[i].arm)->full) {
            text[n] = plot_full_name(s), color[n] = "#000000", pt[n] = 15, drawn[n++] = 1;
            break;
        }
    plot_texts(l->f, "legend", text, n);
    plot_texts(l->f, "legend_color", color, n);
    plot_nums(l->f, "legend_point", pt, n);
    plot_nums(l->f, "legend_line", drawn, n);
    free(text), free(color), free(pt), free(drawn), free(own), free(shade);
}

static void panels_write(struct lr *l) {
    const char **title = xmalloc((size_t)(l->npanel + 1) * sizeof *title),
               **color = xmalloc((size_t)(l->npanel + 1) * sizeof *color);
    for (int i = 0; i < l->npanel; i++) {
        int target = l->split ? i / l->nmethod : i;
        const char *modules = l->s->ntarget ? l->s->target[target].label : "";
        const char *method = l->split ? l->method[i % l->nmethod] : NULL;
        title[i] = xasprintf("%s%s%s", method ? method : "", method && *modules ? ": " : "", modules);
        color[i] = method ? plot_method_color(method) : "#222222";
    }
    plot_texts(l->f, "panel", title, l->npanel);
    plot_texts(l->f, "panel_color", color, l->npanel);
    plot_num(l->f, "cols", l->cols);
    for (int i = 0; i < l->npanel; i++) free((void *)(uintptr_t)title[i]);
    free(title), free(color);
}

static void head_write(struct lr *l) {
    bool diverged = false;
    for (int i = 0; i < l->s->npoint; i++) diverged |= l->s->point[i].ndiverged > 0;
    char *count = plot_count_text(l->s, true),
         *what =
             xasprintf("%s (%s is better), %s; ringed: the best rate%s", l->s->metric,
                       l->s->maximize ? "higher" : "lower", count, diverged ? "; \xc3\x97: diverged" : "");
    plot_head(l->f, l->s, what);
    plot_num(l->f, "lo", l->lo);
    plot_num(l->f, "hi", l->hi);
    plot_num(l->f, "lr_lo", l->lr_lo);
    plot_num(l->f, "lr_hi", l->lr_hi);
    plot_num(l->f, "tic_step", plot_tic_step(l->hi - l->lo, 8));
    free(count), free(what);
}

int plot_lr(struct plot_figure *f, const struct plot_set *s, struct err *e) {
    struct lr l = {.s = s, .f = f};
    if (!range_find(&l)) {
        err_set(
            e, ERR_RESOURCE,
            "sweep '%.100s': no method ran at two learning rates, so there is nothing to plot against them",
            s->sweep);
        return PLOT_NOTHING;
    }
    methods_collect(&l);
    lines_collect(&l);
    head_write(&l);
    panels_write(&l);
    rate_tics(&l);
    lines_write(&l);
    legend_write(&l);
    f->csv = table_new();
    columns_add(f->csv);
    rows_add(&l);
    free(l.line), free(l.method);
    return 0;
}
