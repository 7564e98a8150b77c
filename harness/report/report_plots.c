/* SPDX-License-Identifier: Apache-2.0 */
/* report_plots.c - the plots of a sweep as figures of a page: drawn as SVG into a folder that is gone
 * afterwards.
 *
 * gnuplot names its shapes alike in every picture (gpPt0, gnuplot_plot_1); on one page the names must differ,
 * so each picture's get a prefix. Titles of plots, which browsers show as tooltips, are left out. */
#include "harness/report/report.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/plot/plot.h"

#define SVG_MAX (16u << 20)

/* From `from` the first of the three forms of a name's use, and where its name begins; NULL: none. */
static const char *next_name(const char *from, const char **name) {
    static const char *const form[] = {"id=\"", "id='", "xlink:href='#", "url(#"};
    const char *first = NULL;
    for (size_t i = 0; i < ARRAY_LEN(form); i++) {
        const char *hit = strstr(from, form[i]);
        if (hit && (!first || hit < first)) first = hit, *name = hit + strlen(form[i]);
    }
    return first;
}

static void svg_add(struct strbuf *out, const char *svg, int sweep, int picture, const char *label) {
    const char *p = strstr(svg, "<svg"), *name = p;
    if (!p) return;
    strbuf_adds(out, "<svg role=\"img\" aria-label=\"");
    report_text(out, label);
    strbuf_addc(out, '"');
    for (p += 4; next_name(p, &name);) {
        const char *title = strstr(p, "<title>"), *end = title ? strstr(title, "</title>") : NULL;
        if (end && title < name) {
            strbuf_add(out, p, (size_t)(title - p));
            p = end + strlen("</title>");
            continue;
        }
        strbuf_add(out, p, (size_t)(name - p));
        strbuf_addf(out, "s%dp%d-", sweep, picture);
        p = name;
    }
    strbuf_adds(out, p);
}

static void figure_add(struct strbuf *out, const char *path, const char *kind, const char *help, int sweep,
                       int picture) {
    struct strbuf svg = {0};
    char *label = xasprintf("%s: %s", kind, help);
    if (!file_read(path, SVG_MAX, &svg, NULL)) {
        strbuf_adds(out, "<figure>\n");
        svg_add(out, svg.s, sweep, picture, label);
        strbuf_addf(out, "<figcaption>%s: %s</figcaption>\n</figure>\n", kind, help);
    }
    free(label);
    strbuf_release(&svg);
}

/* 1: this kind was drawn; 0: too little data; negative: no pictures at all (e says why). */
static int kind_draw(struct db *db, const char *sweep, int number, int kind, const char *dir, int *picture,
                     struct strbuf *out, struct err *e) {
    struct plot_paths paths = {0};
    struct plot_job job = {.sweep = sweep, .out_dir = dir, .formats = PLOT_SVG};
    int before = *picture, rc = plot_kind(db, plot_kinds[kind], &job, &paths, e);
    for (int i = 0; i < paths.n; i++) {
        if (str_ends_with(paths.path[i], ".svg"))
            figure_add(out, paths.path[i], plot_kinds[kind], plot_kinds_help[kind], number, (*picture)++);
        unlink(paths.path[i]);
    }
    if (paths.drawing.code) {
        *e = paths.drawing;
        rc = paths.drawing.code;
    } else
        rc = *picture > before ? 1 : 0;
    plot_paths_release(&paths);
    return rc;
}

int report_plots(struct db *db, const char *sweep, int number, struct strbuf *out, struct err *e) {
    const char *tmp = getenv("TMPDIR");
    char *dir = xasprintf("%s/bench-report-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    int picture = 0, rc = 0;
    strbuf_adds(out, "<h3>Plots</h3>\n");
    if (!mkdtemp(dir)) {
        rc = err_set(e, ERR_RESOURCE, "no folder for temporary files: %s", dir);
        free(dir);
        return rc;
    }
    for (int i = 0; plot_kinds[i] && rc >= 0; i++)
        rc = kind_draw(db, sweep, number, i, dir, &picture, out, e);
    rmdir(dir);
    free(dir);
    if (rc < 0) { /* the page is good without them */
        strbuf_adds(out, "<p>");
        report_text(out, e->msg);
        strbuf_adds(out, "</p>\n");
    } else if (!picture)
        strbuf_adds(out, "<p>No run has numbers to draw yet.</p>\n");
    return 0;
}
