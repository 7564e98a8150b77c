/* SPDX-License-Identifier: Apache-2.0 */
/* plot_plane.c - the rank/parameter plane: what a method reaches with which rank, adapting which part of the
 * model.
 *
 * x: rank, from the untouched base to full fine-tuning; y: the adapted fraction of the parameters, a row per
 * choice of modules; colour: the metric at the arm's best learning rate, mean over seeds. One panel per
 * method; base and full are in every panel. Both axes are categories: ranks grow by factors, and q, v against
 * all-linear lie at 10 % and 80 %, so neither a linear nor a logarithmic scale would give arms that one can
 * read. */
#include "harness/plot/plot_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/core/method.h"

enum { MARK_NONE, MARK_PARTLY, MARK_DIVERGED, MARK_FAILED, MARK_OPEN };

struct plane {
    const struct plot_set *s;
    struct plot_figure *f;
    const char **panel; /* methods */
    int npanel, panel_cap;
    int nx, ny;
    bool has_rankless, has_full; /* an adapter without rank has a column of its own */
    double lo, hi;               /* of the colours */
};

static int panel_of(const struct plane *p, const char *method) {
    for (int i = 0; i < p->npanel; i++)
        if (!strcmp(p->panel[i], method)) return i;
    return -1;
}

static void panels_collect(struct plane *p) {
    for (int i = 0; i < p->s->narm; i++) {
        const struct plot_point *pt = &p->s->point[p->s->arm[i].first];
        p->has_full |= pt->full;
        if (pt->full || pt->untouched) continue;
        p->has_rankless |= pt->r < 0;
        if (panel_of(p, pt->method) >= 0) continue;
        GROW(p->panel, p->npanel, p->panel_cap);
        p->panel[p->npanel++] = pt->method;
    }
    p->nx = 1 + p->s->nrank + p->has_rankless + p->has_full;
    p->ny = 1 + p->s->ntarget + p->has_full;
}

/* ---- data ---------------------------------------------------------------------------------------------- */

static void columns_add(struct table *t) {
    static const char *const num[] = {"panel", "x",  "y",        "metric",           "low", "high", "seeds",
                                      "mark",  "lr", "lr_tried", "adapted_fraction", "r"};
    static const char *const text[] = {"state", "method", "target_modules"};
    for (size_t i = 0; i < ARRAY_LEN(num); i++) table_column(t, num[i], num[i], TABLE_PLAIN, TABLE_BOTH);
    for (size_t i = 0; i < ARRAY_LEN(text); i++) table_column(t, text[i], text[i], TABLE_TEXT, TABLE_BOTH);
}

static void row_add(struct plane *p, int panel, int x, int y, const struct plot_arm *c) {
    static const int marks[] = {MARK_NONE, MARK_DIVERGED, MARK_FAILED, MARK_OPEN};
    struct table *t = p->f->csv;
    const struct plot_point *pt = &p->s->point[c->best >= 0 ? c->best : c->first];
    int mark = marks[c->state];
    if (mark == MARK_NONE && (pt->ndiverged || pt->nfailed)) mark = MARK_PARTLY;
    table_int(t, panel);
    table_int(t, x);
    table_int(t, y);
    table_num_or_null(t, pt->mean);
    table_num_or_null(t, pt->mean - pt->ci);
    table_num_or_null(t, pt->mean + pt->ci);
    table_int(t, pt->nok);
    table_int(t, mark);
    table_num_or_null(t, pt->lr);
    table_int(t, pt->untouched ? 0 : c->lr_tried);
    double adapted = pt->full          ? 1
                     : pt->untouched   ? 0
                     : pt->target >= 0 ? p->s->target[pt->target].adapted
                                       : NAN;
    table_num_or_null(t, adapted);
    if (pt->r >= 0 && !pt->full)
        table_int(t, pt->r);
    else
        table_null(t);
    table_text(t, mark == MARK_NONE       ? "complete"
                  : mark == MARK_DIVERGED ? "diverged"
                  : pt->what              ? pt->what
                                          : "");
    table_text(t, pt->method);
    table_text(t, pt->target_modules);
}

/* The base where its run is not among the arms but another run knows its value. */
static void base_add(struct plane *p, int panel) {
    struct table *t = p->f->csv;
    const double v[] = {panel, 0, 0, p->s->base};
    for (int i = 0; i < 3; i++) table_int(t, (int64_t)v[i]);
    table_num(t, v[3]);
    for (int i = 0; i < 2; i++) table_num(t, v[3]);
    table_int(t, 1);
    table_int(t, MARK_NONE);
    table_null(t), table_int(t, 0), table_num(t, 0), table_null(t);
    table_text(t, "complete"), table_text(t, method_base()->name), table_null(t);
}

static void rows_add(struct plane *p) {
    const struct plot_set *s = p->s;
    int npanel = MAX_OF(p->npanel, 1);
    bool base_seen = false;
    for (int i = 0; i < s->narm; i++) {
        const struct plot_arm *c = &s->arm[i];
        const struct plot_point *pt = &s->point[c->first];
        if (pt->full || pt->untouched) {
            base_seen |= pt->untouched;
            for (int k = 0; k < npanel; k++)
                row_add(p, k + 1, pt->full ? p->nx - 1 : 0, pt->full ? p->ny - 1 : 0, c);
        } else {
            int x = pt->r < 0 ? 1 + s->nrank : 1 + plot_rank_index(s, pt->r);
            row_add(p, panel_of(p, pt->method) + 1, x, 1 + pt->target, c);
        }
    }
    for (int k = 0; k < npanel && !base_seen && !isnan(s->base); k++) base_add(p, k + 1);
}

/* ---- colours ------------------------------------------------------------------------------------------- */

static int num_compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The trained arms span the colours; the base and arms far worse than the others take the end's colour
 * (they show their number), or else the differences that matter would all look alike. */
static bool range_find(struct plane *p) {
    const struct plot_set *s = p->s;
    double *v = xmalloc((size_t)(s->narm + 1) * sizeof *v);
    int n = 0;
    for (int i = 0; i < s->narm; i++) {
        const struct plot_arm *c = &s->arm[i];
        if (c->best >= 0 && !s->point[c->best].untouched)
            v[n++] = s->maximize ? -s->point[c->best].mean : s->point[c->best].mean;
    }
    if (n) {
        qsort(v, (size_t)n, sizeof *v, num_compare);
        double best = v[0], worst = v[n - 1], usual = v[(n - 1) * 3 / 4];
        if (usual > best && worst - best > 3 * (usual - best)) worst = best + 3 * (usual - best);
        if (worst - best < 1e-6 * fmax(1, fabs(best))) worst = best + 0.05 * fmax(1e-3, fabs(best));
        p->lo = s->maximize ? -worst : best;
        p->hi = s->maximize ? -best : worst;
    }
    free(v);
    return n > 0;
}

/* As many digits as tell the arms apart. */
static const char *value_format(const struct plane *p) {
    double top = fmax(fabs(p->lo), fabs(p->hi)), span = p->hi - p->lo;
    if (top >= 1000) return "%.3g";
    if (top >= 100) return "%.1f";
    return span < 0.05 ? "%.4f" : span < 0.25 || top < 1 ? "%.3f" : "%.2f";
}

/* ---- words --------------------------------------------------------------------------------------------- */

#define RATE_MAX (2 * TABLE_FORMAT_MAX + 8)

static void rate_text(char out[RATE_MAX], double lo, double hi) {
    char a[TABLE_FORMAT_MAX], b[TABLE_FORMAT_MAX];
    table_format_num(a, TABLE_RATE, lo);
    table_format_num(b, TABLE_RATE, hi);
    if (lo == hi)
        snprintf(out, RATE_MAX, "%s", a);
    else
        snprintf(out, RATE_MAX, "%s to %s", a, b);
}

/* "lora  (lr 5e-4)": the rates that its arms show. */
static char *method_title(const struct plane *p, const char *method) {
    double lo = INFINITY, hi = -INFINITY;
    for (int i = 0; i < p->s->narm; i++) {
        const struct plot_arm *c = &p->s->arm[i];
        if (c->best < 0 || strcmp(p->s->point[c->best].method, method) || isnan(p->s->point[c->best].lr))
            continue;
        lo = fmin(lo, p->s->point[c->best].lr);
        hi = fmax(hi, p->s->point[c->best].lr);
    }
    char rate[RATE_MAX];
    if (lo > hi) return xstrdup(method);
    rate_text(rate, lo, hi);
    return xasprintf("%s  (lr %s)", method, rate);
}

static void panels_write(struct plane *p) {
    const char **title = xmalloc((size_t)(p->npanel + 1) * sizeof *title),
               **color = xmalloc((size_t)(p->npanel + 1) * sizeof *color);
    for (int i = 0; i < p->npanel; i++) {
        title[i] = method_title(p, p->panel[i]);
        color[i] = plot_method_color(p->panel[i]);
    }
    int n = p->npanel;
    if (!n) title[n] = xstrdup("base and full fine-tuning"), color[n] = "#000000", n++;
    plot_texts(p->f, "panel", title, n);
    plot_texts(p->f, "panel_color", color, n);
    for (int i = 0; i < n; i++) free((void *)(uintptr_t)title[i]);
    free(title), free(color);
}

static char *percent_label(double fraction) {
    if (isnan(fraction)) return xstrdup("?");
    double v = 100 * fraction;
    return xasprintf(v == 0 || v >= 9.95 ? "%.0f %%" : v >= 0.095 ? "%.1f %%" : "%.2g %%", v);
}

static void axes_write(struct plane *p) {
    const struct plot_set *s = p->s;
    size_t most = (size_t)MAX_OF(p->nx, p->ny) + 1;
    const char **label = xmalloc(most * sizeof *label), **fraction = xmalloc(most * sizeof *fraction);
    char(*rank)[24] = xmalloc((size_t)(s->nrank + 1) * sizeof *rank);
    int n = 0, width = 4;
    label[n++] = "base";
    for (int i = 0; i < s->nrank; i++) {
        snprintf(rank[i], sizeof rank[i], "%lld", (long long)s->rank[i]);
        label[n++] = rank[i];
    }
    if (p->has_rankless) label[n++] = "\xe2\x80\x93";
    if (p->has_full) label[n++] = plot_full_name(s);
    plot_tics(p->f, "xlab", label, n);
    label[n = 0] = "base", fraction[n++] = percent_label(0);
    for (int i = 0; i < s->ntarget; i++) {
        label[n] = s->target[i].label, fraction[n++] = percent_label(s->target[i].adapted);
        width = MAX_OF(width, table_width(s->target[i].label));
    }
    if (p->has_full) label[n] = plot_full_name(s), fraction[n++] = percent_label(1);
    plot_tics(p->f, "ylab", label, n);
    plot_tics(p->f, "yfrac", fraction, n);
    plot_num(p->f, "ylab_width", width);
    for (int i = 0; i < n; i++) free((void *)(uintptr_t)fraction[i]);
    free(label), free(fraction), free(rank);
}

/* What the picture does not say by itself, a line each. */
static void notes_write(struct plane *p) {
    const struct plot_set *s = p->s;
    const char *note[8];
    char full[100], value[TABLE_FORMAT_MAX];
    int n = 0;
    bool diverged = false, partly = false, failed = false, off = s->base < p->lo || s->base > p->hi;
    for (int i = 0; i < s->narm; i++) {
        const struct plot_arm *c = &s->arm[i];
        const struct plot_point *pt = &s->point[c->best >= 0 ? c->best : c->first];
        diverged |= c->state == PLOT_DIVERGED, failed |= c->state == PLOT_FAILED;
        partly |= c->state == PLOT_OK && (pt->ndiverged || pt->nfailed);
        off |= c->state == PLOT_OK && (pt->mean < p->lo || pt->mean > p->hi);
        if (!pt->full || isnan(pt->lr)) continue;
        table_format_num(value, TABLE_RATE, pt->lr);
        snprintf(full, sizeof full, "%s: full fine-tuning, lr %s", pt->method, value);
        if (!n) note[n++] = full;
    }
    if (!isnan(s->base)) note[n++] = "base: the untouched model";
    if (off) note[n++] = "framed: off the scale";
    if (diverged || failed) note[n++] = "\xc3\x97  diverged or failed: no value";
    if (partly) note[n++] = "\xc3\x97  in a corner: some seed gave no value";
    if (s->other_axes) note[n++] = "other settings: the best of each arm";
    plot_texts(p->f, "note", note, n);
}

static void layout_write(struct plane *p) {
    int n = MAX_OF(p->npanel, 1), fit = MAX_OF(1, 1280 / (p->nx * 62)), cols = n <= 3 ? n : n == 4 ? 2 : 3;
    if (cols > fit) cols = fit;
    plot_num(p->f, "cols", cols);
    plot_num(p->f, "rows", (n + cols - 1) / cols);
    plot_num(p->f, "nx", p->nx);
    plot_num(p->f, "ny", p->ny);
}

static void subtitle_write(struct plane *p) {
    const struct plot_set *s = p->s;
    int tried = 0;
    for (int i = 0; i < s->narm; i++) tried = MAX_OF(tried, s->arm[i].lr_tried);
    char *count = plot_count_text(s, false),
         *what = xasprintf("%s (%s is better) at %s, %s", s->metric, s->maximize ? "higher" : "lower",
                           tried > 1 ? "each arm's best learning rate" : "the learning rate of each panel",
                           count);
    plot_head(p->f, s, what);
    free(count), free(what);
}

/* A row of no panel: gnuplot 5.4 crashes on a picture of this kind whose data are a single row. */
static void unseen_row(struct table *t) {
    for (int i = 0; i < 12; i++) table_int(t, 0);
    table_text(t, "not drawn"), table_text(t, ""), table_text(t, "");
}

int plot_plane(struct plot_figure *f, const struct plot_set *s, struct err *e) {
    struct plane p = {.s = s, .f = f};
    if (!range_find(&p)) {
        err_set(e, ERR_RESOURCE, "sweep '%.100s': no finished run with a value of %.60s yet (bench status)",
                s->sweep, s->metric);
        return PLOT_NOTHING;
    }
    panels_collect(&p);
    subtitle_write(&p);
    layout_write(&p);
    panels_write(&p);
    axes_write(&p);
    notes_write(&p);
    plot_num(f, "lo", p.lo);
    plot_num(f, "hi", p.hi);
    plot_num(f, "tic_step", plot_tic_step(p.hi - p.lo, 5));
    plot_text(f, "vfmt", value_format(&p));
    f->csv = table_new();
    columns_add(f->csv);
    rows_add(&p);
    if (table_rows(f->csv) == 1) unseen_row(f->csv);
    free(p.panel);
    return 0;
}
