/* SPDX-License-Identifier: Apache-2.0 */
/* inspect_plot.c - subspace similarity as pictures: figure 3 of LoRA (2106.09685) for any two runs. See
 * inspect.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/report/inspect.h"
#include "harness/plot/plot_private.h"

enum { LABEL = 12 };

/* 1, then about eight more, evenly; the others stay unlabelled. */
static const char **axis_labels(int n, char (**own)[LABEL]) {
    const char **out = xcalloc((size_t)n + 1, sizeof *out);
    int step = n <= 10 ? 1 : (n + 7) / 8;
    *own = xcalloc((size_t)n + 1, sizeof **own);
    for (int i = 0; i < n; i++) {
        bool told = i == 0 || (i + 1) % step == 0;
        if (told) snprintf((*own)[i], LABEL, "%d", i + 1);
        out[i] = (*own)[i];
    }
    return out;
}

/* phi [ni][nj] as rows of j from below, columns of i; and what random subspaces have. */
static void turn_matrix(const double *phi, int ni, int nj, int d, double *out, double *random) {
    for (int j = 0; j < nj; j++)
        for (int i = 0; i < ni; i++) {
            out[j * ni + i] = phi[i * nj + j];
            random[j * ni + i] = inspect_phi_random(i + 1, j + 1, d);
        }
}

/* The end of a label, which tells a long path. Caller frees. */
static char *shorten_label(const char *label) {
    size_t n = strlen(label), most = 40;
    if (n <= most) return xstrdup(label);
    const char *end = label + n - most;
    while ((*(const unsigned char *)end & 0xc0) == 0x80) end++;
    return xasprintf("...%s", end);
}

static int draw_kind(const struct inspect *x, const struct inspect *y, const char *kind, const char *dir,
                     struct plot_paths *paths, struct err *e) {
    int ni, nj, d, layers;
    double *phi = inspect_phi_mean(x, y, kind, &ni, &nj, &d, &layers);
    if (!phi) return 0;
    size_t n = (size_t)ni * (size_t)nj;
    double *value = xmalloc(n * sizeof *value), *random = xmalloc(n * sizeof *random);
    char(*xown)[LABEL], (*yown)[LABEL];
    const char **xlab = axis_labels(ni, &xown), **ylab = axis_labels(nj, &yown);
    char *over = layers > 1 ? xasprintf("%s, mean over %d layers", kind, layers) : xasprintf("%s", kind);
    char *xname = shorten_label(x->label), *yname = shorten_label(y->label);
    char *title = xasprintf("%s: %s and %s", kind, xname, yname);
    char *xlabel = xasprintf("first i of %s", xname), *ylabel = xasprintf("first j of %s", yname);
    turn_matrix(phi, ni, nj, d, value, random);
    struct plot_heat_panel panels[] = {{.title = over, .value = value},
                                       {.title = "random subspaces (expected)", .value = random}};
    struct plot_heat h = {
        .title = title,
        .subtitle =
            x->of_A && y->of_A
                ? "similarity \xcf\x86(i,j) of the right-singular directions of A; 1: one contains the other"
                : "similarity \xcf\x86(i,j) of the right-singular directions; 1: one contains the other",
        .xlabel = xlabel,
        .ylabel = ylabel,
        .zlabel = "\xcf\x86(i,j)",
        .xlab = xlab,
        .ylab = ylab,
        .nx = ni,
        .ny = nj,
        .panel = panels,
        .npanel = 2,
        .lo = 0,
        .hi = NAN,
        .maximize = true,
        .square = true};
    struct plot_figure f = {0};
    plot_heat_panels(&f, &h);
    char *named = xasprintf("phi-%s", kind), *base = plot_file_name(named);
    int rc = plot_figure_write(&f, dir, base, PLOT_PNG | PLOT_SVG, paths, e);
    plot_figure_release(&f);
    free(named), free(base), free(over), free(title), free(xlabel), free(ylabel);
    free(xname), free(yname), free(xlab), free(ylab), free(xown), free(yown), free(value), free(random),
        free(phi);
    return rc;
}

int inspect_plot(const struct inspect *x, const struct inspect *y, const char *dir, struct plot_paths *paths,
                 struct err *e) {
    const char *kind;
    int rc = 0;
    for (int i = 0; (kind = inspect_kind(x, i)) && !rc; i++) rc = draw_kind(x, y, kind, dir, paths, e);
    return rc;
}
