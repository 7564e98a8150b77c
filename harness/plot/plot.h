/* SPDX-License-Identifier: Apache-2.0 */
/* plot.h - the record as pictures: a kind of plot of a sweep becomes files beside each other.
 *
 *   <sweep>-<kind>.png, .svg, .pdf   the picture, about 1600 x 1000
 *   <sweep>-<kind>.csv         the numbers it drew
 *   <sweep>-<kind>.gp          the gnuplot script that drew it: restyle it, then `gnuplot <file>.gp` there
 *
 * Kinds: see plot_kinds. Their scripts come from share_dir()/plots (common.gp and <kind>.gp; xy.gp for some)
 * and are preceded by variables: sizes, labels, colours. gnuplot runs without a shell; names and titles from
 * the database reach it as quoted data and the file system as harmless letters. Sweeps over several models,
 * tasks or data sets give one picture for each, <sweep>-<model>-<kind>. Nothing here prints. */
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include "harness/record/db.h"

enum plot_format { PLOT_PNG = 1, PLOT_SVG = 2, PLOT_PDF = 4 };

struct plot_job {
    const char *sweep;    /* name or file; NULL: the latest */
    const char *where;    /* condition over the columns of the view `runs`; NULL: none */
    const char *out_dir;  /* made when needed; NULL: plots/ beside the database */
    unsigned formats;     /* of enum plot_format; 0: PNG and SVG */
    const char *template; /* a gnuplot script in place of the kind's own; NULL: none */
};

/* Paths of the files that were written, in order. Zero-initialise. */
struct plot_paths {
    char **path;
    int n, cap;
    /* Why there are no pictures although the data was written (no gnuplot), one line; "" when all is well. */
    struct err drawing;
};
void plot_paths_release(struct plot_paths *p);

/* "plane", "lr", ... and what each shows, as in plots.def; NULL-terminated. */
extern const char *const plot_kinds[], *const plot_kinds_help[];

/* Draw one kind. ERR_USER: no such kind or sweep, a bad condition. ERR_RESOURCE: nothing to draw (the message
 * says why), no template, no disk. gnuplot missing or failing: the data and the script are written,
 * paths->drawing is filled, and the return value is its code. */
int plot_kind(struct db *db, const char *kind, const struct plot_job *job, struct plot_paths *paths,
              struct err *e);

/* Draw plane, lr, memory, curves and pareto where this sweep has enough data (lr: at least two learning
 * rates; curves: at least two steps evaluated), which may be none. out_dir NULL: plots/ beside the database.
 * *paths is malloc'ed, as are its strings. Without gnuplot returns 0 too: then e->msg, "" otherwise, is a
 * remark for the user. */
int plot_sweep(struct db *db, const char *sweep_name, const char *out_dir, char ***paths, int *npaths,
               struct err *e);

#endif
