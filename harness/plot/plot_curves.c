/* SPDX-License-Identifier: Apache-2.0 */
/* plot_curves.c - how runs learn: the metric at each evaluation, and the training loss, against the step.
 *
 * A column per method; above the metric, below the training loss as a moving average (over an eighth of the
 * steps, no look beyond either end). A line per rank and modules at the best learning rate, the mean over
 * seeds: from three on in a band, its 95 % interval from the spread of all lines at that step, of two with a
 * dot for each seed. Colour is the rank, dashes are the modules. Full fine-tuning is in every
 * panel, the untouched base a dashed line. */
#include "harness/plot/plot_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analysis/verdict.h"
#include "harness/base/stats.h"

#define FULL_DASH  4   /* dash and dot: black is close to the darkest rank */
#define POINTS_MAX 150 /* per line; longer runs are thinned */

struct curve {
    int arm, point;
    bool diverged;
    double *step[2], *value[2], *ci[2]; /* [0]: metric, [1]: training loss, smoothed; NaN: no interval */
    double *each[2];                    /* [n][seeds] what value is the mean of, by step */
    int seeds[2];
    double *raw; /* the training loss as it was */
    int n[2];
};

struct curves {
    const struct plot_set *s;
    struct plot_figure *f;
    struct curve *curve;
    int n, cap;
    const char **method;
    int nmethod, method_cap;
};

/* ---- reading ------------------------------------------------------------------------------------------- */

/* Mean and interval over the runs at each step that all of them reached, into curve v's series k. The
 * complete runs are averaged, else those that diverged. */
static int series_read(struct curves *c, const char *key, struct curve *v, int k, struct err *e) {
    int cap[4] = {0}, from = 0;
    struct record_curve all;
    int rc = plot_curves_read(&all, c->s, v->point, v->diverged ? PLOT_DIVERGED : PLOT_OK, key, e);
    if (rc) return rc;
    for (int i = 0, end; i < all.n; i = end) {
        for (end = i; end < all.n && all.step[end] == all.step[i];) end++;
        if (end - i > v->seeds[k]) v->seeds[k] = end - i, v->n[k] = 0, from = i;
        if (end - i < v->seeds[k]) break;
        GROW(v->step[k], v->n[k], cap[0]);
        GROW(v->value[k], v->n[k], cap[1]);
        GROW(v->ci[k], v->n[k], cap[2]);
        v->step[k][v->n[k]] = all.step[i];
        v->value[k][v->n[k]] = stats_mean(all.value + i, end - i).mean, v->ci[k][v->n[k]++] = NAN;
    }
    size_t n = (size_t)v->n[k] * (size_t)v->seeds[k];
    v->each[k] = xmalloc((n + 1) * sizeof *v->each[k]);
    if (n) memcpy(v->each[k], all.value + from, n * sizeof *v->each[k]);
    record_curve_release(&all);
    return 0;
}

/* Intervals of all lines that have this step, at[i] their place there. */
static void step_judge(struct curves *c, int k, const int *at, double step) {
    struct verdict_config *v = xcalloc((size_t)c->n + 1, sizeof *v);
    struct verdict_model m;
    for (int i = 0; i < c->n; i++) {
        const struct curve *x = &c->curve[i];
        if (x->diverged || at[i] == x->n[k] || x->step[k][at[i]] != step) continue;
        v[i] = (struct verdict_config){.n = x->seeds[k],
                                       .score = x->each[k] + (size_t)at[i] * (size_t)x->seeds[k],
                                       .chosen = true,
                                       .choice = NAN};
    }
    verdict_fit(&m, &(struct verdict_setting){.n = c->n, .config = v, .sign = 1});
    for (int i = 0; i < c->n; i++)
        if (v[i].n >= PLOT_BAR_SEEDS && m.config[i].show == VERDICT_SHOW_POOLED)
            c->curve[i].ci[k][at[i]] = m.config[i].half;
    verdict_release(&m);
    free(v);
}

static void bands_judge(struct curves *c, int k) {
    int *at = xcalloc((size_t)c->n + 1, sizeof *at);
    for (;;) {
        double step = INFINITY;
        for (int i = 0; i < c->n; i++)
            if (at[i] < c->curve[i].n[k]) step = fmin(step, c->curve[i].step[k][at[i]]);
        if (isinf(step)) break;
        step_judge(c, k, at, step);
        for (int i = 0; i < c->n; i++)
            if (at[i] < c->curve[i].n[k] && c->curve[i].step[k][at[i]] == step) at[i]++;
    }
    free(at);
}

/* The moving average of v[0..n), a new array. */
static double *smoothed_value(const double *v, int n) {
    double *out = xmalloc((size_t)(n + 1) * sizeof *out);
    for (int i = 0, half = n / 16; i < n; i++) {
        int from = MAX_OF(i - MIN_OF(half, i), 0), to = MIN_OF(i + MIN_OF(half, i), n - 1);
        double sum = 0;
        for (int k = from; k <= to; k++) sum += v[k];
        out[i] = sum / (to - from + 1);
    }
    return out;
}

static void smooth_curve(struct curve *c) {
    double *ci = c->ci[1];
    c->raw = c->value[1];
    c->value[1] = smoothed_value(c->raw, c->n[1]);
    c->ci[1] = smoothed_value(ci, c->n[1]);
    free(ci);
}

/* Every so many points, and the last. */
static void thin_curve(struct curve *c, int k) {
    int n = c->n[k], every = (n + POINTS_MAX - 1) / POINTS_MAX, out = 0;
    for (int i = 0; i < n; i++) {
        if (every > 1 && i % every && i != n - 1) continue;
        c->step[k][out] = c->step[k][i], c->value[k][out] = c->value[k][i], c->ci[k][out] = c->ci[k][i];
        for (int j = 0; j < c->seeds[k]; j++)
            c->each[k][out * c->seeds[k] + j] = c->each[k][i * c->seeds[k] + j];
        if (k) c->raw[out] = c->raw[i];
        out++;
    }
    c->n[k] = out;
}

static int curve_read(struct curves *c, int arm, struct err *e) {
    const struct plot_set *s = c->s;
    int point = s->arm[arm].best >= 0 ? s->arm[arm].best : s->arm[arm].first;
    struct curve v = {.arm = arm, .point = point, .diverged = !s->point[point].nok};
    int rc = series_read(c, s->metric, &v, 0, e);
    if (!rc) rc = series_read(c, "train/loss", &v, 1, e);
    GROW(c->curve, c->n, c->cap);
    c->curve[c->n++] = v; /* also on error: released with the rest */
    return rc;
}

static int method_index(const struct curves *c, const char *name) {
    for (int i = 0; i < c->nmethod; i++)
        if (!strcmp(c->method[i], name)) return i;
    return -1;
}

static int curves_read(struct curves *c, struct err *e) {
    for (int i = 0; i < c->s->narm; i++) {
        const struct plot_point *p = &c->s->point[c->s->arm[i].first];
        if (p->untouched) continue;
        int rc = curve_read(c, i, e);
        if (rc) return rc;
        if (p->full || method_index(c, p->method) >= 0) continue;
        GROW(c->method, c->nmethod, c->method_cap);
        c->method[c->nmethod++] = p->method;
    }
    for (int k = 0; k < 2; k++) bands_judge(c, k);
    for (int i = 0; i < c->n; i++) {
        smooth_curve(&c->curve[i]);
        for (int k = 0; k < 2; k++) thin_curve(&c->curve[i], k);
    }
    return 0;
}

static void curves_release(struct curves *c) {
    for (int i = 0; i < c->n; i++) {
        for (int k = 0; k < 2; k++)
            free(c->curve[i].step[k]), free(c->curve[i].value[k]), free(c->curve[i].ci[k]),
                free(c->curve[i].each[k]);
        free(c->curve[i].raw);
    }
    free(c->curve), free(c->method);
}

/* ---- what is written ----------------------------------------------------------------------------------- */

/* Of two seeds both values; evaluations only, the training loss would be a cloud. */
static void values_add(struct table *t, const struct curve *v, int k, int j) {
    bool two = !k && v->seeds[k] == 2;
    const double *each = v->each[k] + (size_t)j * (size_t)v->seeds[k];
    table_num_or_null(t, two ? fmin(each[0], each[1]) : NAN);
    table_num_or_null(t, two ? fmax(each[0], each[1]) : NAN);
}

static void csv_write(struct curves *c) {
    struct table *t = c->f->csv = table_new();
    static const char *const num[] = {"line", "training", "step",  "value",         "low", "high", "least",
                                      "most", "raw",      "seeds", "diverged_here", "lr",  "r"};
    for (size_t i = 0; i < ARRAY_LEN(num); i++) table_column(t, num[i], num[i], TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "method", "", TABLE_TEXT, TABLE_BOTH);
    table_column(t, "target_modules", "", TABLE_TEXT, TABLE_BOTH);
    for (int i = 0; i < c->n; i++)
        for (int k = 0; k < 2; k++)
            for (int j = 0; j < c->curve[i].n[k]; j++) {
                const struct curve *v = &c->curve[i];
                const struct plot_point *p = &c->s->point[v->point];
                table_int(t, i + 1);
                table_int(t, k);
                table_num(t, v->step[k][j]);
                table_num(t, v->value[k][j]);
                for (int side = -1; side <= 1; side += 2)
                    if (isnan(v->ci[k][j]))
                        table_null(t);
                    else
                        table_num(t, v->value[k][j] + side * v->ci[k][j]);
                values_add(t, v, k, j);
                table_num(t, k ? v->raw[j] : v->value[k][j]);
                table_int(t, p->nok ? p->nok : p->ndiverged);
                table_int(t, v->diverged && j == v->n[k] - 1);
                table_num(t, p->lr);
                if (p->r >= 0 && !p->full)
                    table_int(t, p->r);
                else
                    table_null(t);
                table_text(t, p->method);
                table_text(t, p->target_modules);
            }
}

/* The axes: of the metric, of the training loss, of the steps. False when there are no two points to join. */
static bool ranges_write(struct curves *c) {
    static const char *const name[2][3] = {{"lo", "hi", "tic_step"}, {"train_lo", "train_hi", "train_step"}};
    struct plot_set loss = {.base = NAN}; /* the training loss always falls, and the base has none */
    double last = 0, lo, hi;
    bool lines = false, all_diverged = true;
    for (int i = 0; i < c->n; i++) all_diverged &= c->curve[i].diverged;
    for (int k = 0; k < 2; k++) {
        int n = 0, cap = 0;
        double *v = NULL;
        for (int i = 0; i < c->n; i++)
            for (int j = 0; j < c->curve[i].n[k]; j++) {
                /* it leaves the frame: that is what it shows */
                if (c->curve[i].diverged && !all_diverged) break;
                GROW(v, n, cap);
                v[n++] = c->curve[i].value[k][j];
                last = fmax(last, c->curve[i].step[k][j]);
                lines |= j > 0;
            }
        plot_range(k ? &loss : c->s, v, n, 6, &lo, &hi);
        free(v);
        plot_num(c->f, name[k][0], lo);
        plot_num(c->f, name[k][1], hi);
        plot_num(c->f, name[k][2], plot_tic_step(hi - lo, 6));
    }
    plot_num(c->f, "last_step", last);
    plot_num(c->f, "step_tic", plot_tic_step(last, 4));
    return lines;
}

/* Modules: the largest choice is solid. */
static double dash_of(const struct curves *c, int target) {
    return target < 0 ? 1 : (c->s->ntarget - 1 - target) % 5 + 1;
}

static void color_of(const struct curves *c, const struct plot_point *p, char out[8]) {
    int rank = p->full ? -1 : plot_rank_index(c->s, p->r);
    if (rank >= 0 && c->s->nrank > 1)
        plot_shade(out, rank, c->s->nrank);
    else
        snprintf(out, 8, "%s", plot_method_color(p->method));
}

static void lines_write(struct curves *c) {
    size_t n = (size_t)c->n + 1;
    char(*color)[8] = xmalloc(n * sizeof *color);
    const char **text = xmalloc(n * sizeof *text);
    double *panel = xmalloc(n * sizeof *panel), *dash = xmalloc(n * sizeof *dash);
    for (int i = 0; i < c->n; i++) {
        const struct plot_point *p = &c->s->point[c->curve[i].point];
        color_of(c, p, color[i]);
        text[i] = color[i];
        panel[i] = p->full ? 0 : method_index(c, p->method) + 1; /* 0: all */
        dash[i] = p->full ? FULL_DASH : dash_of(c, p->target);
    }
    plot_texts(c->f, "line_color", text, c->n);
    plot_nums(c->f, "line_panel", panel, c->n);
    plot_nums(c->f, "line_dash", dash, c->n);
    bool diverged = false;
    for (int i = 0; i < c->n; i++) diverged |= c->curve[i].diverged;
    plot_num(c->f, "any_diverged", diverged);
    plot_num(c->f, "bands", c->s->seeds_max >= PLOT_BAR_SEEDS);
    plot_num(c->f, "dots", c->s->seeds_min < PLOT_BAR_SEEDS && c->s->seeds_max > 1);
    free(color), free(text), free(panel), free(dash);
}

static void panels_write(struct curves *c) {
    const char *only[] = {plot_full_name(c->s)}, **name = c->nmethod ? c->method : only;
    int n = MAX_OF(c->nmethod, 1);
    const char **color = xmalloc((size_t)n * sizeof *color);
    for (int i = 0; i < n; i++) color[i] = plot_method_color(name[i]);
    plot_texts(c->f, "panel", name, n);
    plot_texts(c->f, "panel_color", color, n);
    free(color);
}

static void legend_write(struct curves *c) {
    const struct plot_set *s = c->s;
    size_t cap = (size_t)(s->nrank + s->ntarget) + 2;
    const char **text = xmalloc(cap * sizeof *text), **color = xmalloc(cap * sizeof *color);
    double *dash = xmalloc(cap * sizeof *dash);
    char(*own)[40] = xmalloc(cap * sizeof *own), (*shade)[8] = xmalloc(cap * sizeof *shade);
    int n = 0;
    for (int i = 0; i < s->nrank && s->nrank > 1; i++, n++) {
        snprintf(own[n], sizeof own[n], "r = %lld", (long long)s->rank[i]);
        plot_shade(shade[n], i, s->nrank);
        text[n] = own[n], color[n] = shade[n], dash[n] = 1;
    }
    for (int i = 0; i < s->ntarget && s->ntarget > 1; i++, n++)
        /* two greys: gnuplot's SVG keeps the dashes of a line before when nothing else changes */
        text[n] = s->target[i].label, color[n] = i % 2 ? "#555555" : "#565656", dash[n] = dash_of(c, i);
    for (int i = 0; i < c->n; i++)
        if (s->point[c->curve[i].point].full && c->curve[i].n[0] + c->curve[i].n[1] > 0) {
            text[n] = plot_full_name(s), color[n] = "#000000", dash[n++] = FULL_DASH;
            break;
        }
    plot_texts(c->f, "legend", text, n);
    plot_texts(c->f, "legend_color", color, n);
    plot_nums(c->f, "legend_dash", dash, n);
    free(text), free(color), free(dash), free(own), free(shade);
}

static void head_write(struct curves *c) {
    bool several = false;
    for (int i = 0; i < c->s->narm; i++) several |= c->s->arm[i].lr_tried > 1;
    char *count = plot_count_text(c->s, true),
         *what = xasprintf("%s and training loss (moving average)%s; %s", c->s->metric,
                           several ? ", best learning rate" : "", count);
    plot_head(c->f, c->s, what);
    free(count), free(what);
}

int plot_curves(struct plot_figure *f, const struct plot_set *s, struct err *e) {
    struct curves c = {.s = s, .f = f};
    int rc = curves_read(&c, e);
    if (!rc) {
        head_write(&c);
        if (!ranges_write(&c)) {
            err_set(e, ERR_RESOURCE,
                    "sweep '%.100s': no run has two evaluations or training steps yet (bench status)",
                    s->sweep);
            rc = PLOT_NOTHING;
        }
    }
    if (!rc) {
        panels_write(&c);
        lines_write(&c);
        legend_write(&c);
        csv_write(&c);
    }
    curves_release(&c);
    return rc;
}
