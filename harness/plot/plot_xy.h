/* SPDX-License-Identifier: Apache-2.0 */
/* plot_xy.h - panels of points and lines over numbers: what pareto, time and ablation share. Drawn by
 * plots/xy.gp.
 *
 * A kind adds panels, series (what the legend tells) and rows, then plot_xy_finish turns them into a figure:
 * axes, tics, legend, data. All panels share the vertical axis, the sweep's metric. Series differ in colour
 * and in form, so that a print without colours can be read. */
#ifndef BENCH_PLOT_XY_H
#define BENCH_PLOT_XY_H

#include "harness/plot/plot_private.h"

enum plot_xy_role {
    PLOT_XY_HOLLOW, /* a point */
    PLOT_XY_FILLED, /* a point, with its interval */
    PLOT_XY_LINE,   /* a vertex of the series's line, a point, its interval */
    PLOT_XY_STEP,   /* a vertex of a staircase, no point: a front */
};

struct plot_xy_row {
    int panel, series;
    enum plot_xy_role role;
    double x, y, ci; /* ci: half the interval; NaN: none */
    int seeds;
    char *label; /* drawn beside the point where there is room; NULL: none. Owned once added */
    const struct plot_point *point;
    bool shown; /* its label has room */
};

struct plot_xy_panel {
    char *title, *xlabel;
    bool log;
    enum table_kind kind; /* of the numbers below the axis */
    const char *
        *category; /* labels of 0..ncategory-1; NULL: numbers. The array is owned, its strings are not */
    int ncategory;
    double lo, hi; /* set by plot_xy_finish */
};

struct plot_xy_series {
    const char *name, *color; /* borrowed */
    int form;                 /* gnuplot's filled point; the hollow one is one less */
    bool line;
};

struct plot_xy {
    const struct plot_set *s;
    struct plot_xy_row *row;
    int nrow, row_cap;
    struct plot_xy_panel *panel;
    int npanel, panel_cap;
    struct plot_xy_series *series;
    int nseries, series_cap;
};

/* title and xlabel are copied. Returns its index. */
int plot_xy_panel(struct plot_xy *x, const char *title, const char *xlabel, bool log, enum table_kind kind);
/* The series of a method, made when new. */
int plot_xy_method(struct plot_xy *x, const char *method, bool line);
/* Rows of one line come in its order. Rows with x or y not finite are left out, and where the axis is
 * logarithmic x <= 0. */
void plot_xy_add(struct plot_xy *x, struct plot_xy_row row);
/* PLOT_NOTHING when there is no row; `nothing` says what is lacking. Fills f but for its subtitle
 * (plot_head). */
int plot_xy_finish(struct plot_figure *f, struct plot_xy *x, const char *nothing, struct err *e);
void plot_xy_release(struct plot_xy *x);

#endif
