/* SPDX-License-Identifier: Apache-2.0 */
/* plot_heat_panels.c - grids of numbers as colours: panels over the same two axes, with one scale.
 *
 * Both axes are categories with labels of their own (learning rates, ranks, numbers of directions), so that
 * steps of a factor and steps of one look alike. Where a cell is large enough it shows its value as well.
 * Nothing here knows what the numbers mean: plots of sweeps and `bench inspect` hand over what they have. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/plot/plot_private.h"

static void add_columns(struct table *t) {
    static const char *const num[] = {"panel", "x", "y", "value", "mark"};
    static const char *const text[] = {"state", "x_label", "y_label", "panel_title"};
    for (size_t i = 0; i < ARRAY_LEN(num); i++) table_column(t, num[i], num[i], TABLE_PLAIN, TABLE_BOTH);
    for (size_t i = 0; i < ARRAY_LEN(text); i++) table_column(t, text[i], text[i], TABLE_TEXT, TABLE_BOTH);
}

static void add_rows(struct table *t, const struct plot_heat *h) {
    for (int p = 0; p < h->npanel; p++)
        for (int i = 0; i < h->nx * h->ny; i++) {
            double v = h->panel[p].value[i];
            const char *state = h->panel[p].state ? h->panel[p].state[i] : NULL;
            table_int(t, p + 1);
            table_int(t, i % h->nx);
            table_int(t, i / h->nx);
            if (isfinite(v))
                table_num(t, v);
            else
                table_null(t);
            table_int(t, h->panel[p].marked && i == h->panel[p].mark);
            table_text(t, state ? state : "");
            table_text(t, h->xlab[i % h->nx]);
            table_text(t, h->ylab[i / h->nx]);
            table_text(t, h->panel[p].title);
        }
}

/* Lowest and highest value of all panels; 0 to 1 where there is none, never empty. */
static void find_range(const struct plot_heat *h, double *lo, double *hi) {
    *lo = INFINITY, *hi = -INFINITY;
    for (int p = 0; p < h->npanel; p++)
        for (int i = 0; i < h->nx * h->ny; i++) {
            double v = h->panel[p].value[i];
            if (!isfinite(v)) continue;
            *lo = fmin(*lo, v);
            *hi = fmax(*hi, v);
        }
    if (*lo > *hi) *lo = 0, *hi = 1;
    if (!isnan(h->lo)) *lo = h->lo;
    if (!isnan(h->hi)) *hi = h->hi;
    if (*hi <= *lo) *hi = *lo + fmax(1e-9, fabs(*lo) * 1e-3);
}

/* Three digits that differ over the range. */
static void value_format(char out[16], double lo, double hi) {
    double top = fmax(fabs(lo), fabs(hi)), span = hi - lo;
    int places = (int)ceil(2 - log10(span)), most = top >= 100 ? 2 : 3;
    if (top >= 1e5 || (top < 1e-3 && top > 0))
        snprintf(out, 16, "%%.1e");
    else
        snprintf(out, 16, "%%.%df", places < 0 ? 0 : places > most ? most : places);
}

static double widest_label(const char *const *v, int n) {
    size_t w = 0;
    for (int i = 0; i < n; i++) w = MAX_OF(w, strlen(v[i]));
    return (double)w;
}

void plot_heat_panels(struct plot_figure *f, const struct plot_heat *h) {
    double lo, hi;
    char format[16];
    const char **title = xcalloc((size_t)h->npanel + 1, sizeof *title);
    find_range(h, &lo, &hi);
    value_format(format, lo, hi);
    for (int p = 0; p < h->npanel; p++) title[p] = h->panel[p].title;
    f->kind = "heatmap";
    plot_text(f, "title", h->title);
    plot_text(f, "subtitle", h->subtitle);
    plot_text(f, "xlabel", h->xlabel);
    plot_text(f, "ylabel", h->ylabel);
    plot_text(f, "zlabel", h->zlabel);
    plot_text(f, "vfmt", format);
    plot_num(f, "maximize", h->maximize);
    plot_num(f, "square", h->square);
    plot_num(f, "lo", lo);
    plot_num(f, "hi", hi);
    plot_num(f, "tic_step", plot_tic_step(hi - lo, 5));
    plot_num(f, "nx", h->nx);
    plot_num(f, "ny", h->ny);
    plot_num(f, "npanel", h->npanel);
    plot_num(f, "cols", MIN_OF(h->npanel, h->npanel > 4 ? 3 : h->npanel == 4 ? 2 : 3));
    plot_num(f, "ylab_width", widest_label(h->ylab, h->ny));
    plot_texts(f, "panel", title, h->npanel);
    plot_tics(f, "xlab", h->xlab, h->nx);
    plot_tics(f, "ylab", h->ylab, h->ny);
    free(title);
    f->csv = table_new();
    add_columns(f->csv);
    add_rows(f->csv, h);
}
