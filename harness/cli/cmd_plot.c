/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_plot.c - `bench plot KIND [--db FILE] [--sweep NAME] [--where SQL] [-o DIR] [--format png,svg,pdf]
 * [--template FILE]`: draw a sweep and print the paths of what was written. The drawing is in plot*.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/command.h"
#include "harness/plot/plot.h"
#include "harness/base/util.h"

static int draw_plot(const char *path, const char *kind, const struct plot_job *job, struct err *e) {
    struct db *db;
    struct plot_paths paths = {0};
    int rc = db_open(&db, path, false, e);
    if (rc) return rc;
    rc = plot_kind(db, kind, job, &paths, e);
    for (int i = 0; i < paths.n; i++) printf("%s\n", paths.path[i]);
    plot_paths_release(&paths);
    db_close(db);
    return rc;
}

struct options {
    const char *kind, *db, *sweep, *where, *out, *template;
    unsigned formats;
};

static int run_plot(void *options, struct err *e) {
    const struct options *o = options;
    struct plot_job job = {.sweep = o->sweep, .where = o->where, .out_dir = o->out, .template = o->template};
    for (int i = 0; i < 3; i++) /* in the order of the choices */
        if (o->formats >> i & 1) job.formats |= (unsigned[]){PLOT_PNG, PLOT_SVG, PLOT_PDF}[i];
    return draw_plot(o->db, o->kind, &job, e);
}

#define PLOT(name, at_end, help) {#name, help},
static const struct option_word kinds[] = {
#include "harness/plot/plots.def"
    {0}};

static const struct option_row plot_options[] = {
    {NULL, 0, AT_CHOICE(kind), "KIND", "what to draw", .words = kinds, .required = true},
    {"sweep", 0, AT_TEXT(sweep), "SWEEP", "a sweep of the record", .otherwise = "the latest",
     .names = NAMES_SWEEPS},
    {"where", 0, AT_TEXT(where), "SQL",
     "only runs that meet a condition over the columns of the view `runs`"},
    {"output", 'o', AT_TEXT(out), "DIR", "where the files go", .otherwise = "plots/ beside the record",
     .names = NAMES_FILES},
    {"format", 0, AT_SET(formats), "LIST", "of pictures, separated by commas", .def = "png,svg",
     .choices = "png|svg|pdf"},
    {"template", 0, AT_TEXT(template), "FILE",
     "a gnuplot script of your own in place of the kind's (the variables stand before it)",
     .names = NAMES_FILES},
    ROW_DB(db),
    {0}};

const struct command cmd_plot = {
    .name = "plot",
    .summary = "draw a sweep: plane, lr, curves, pareto, memory, ...",
    .about =
        "Draw a sweep and print the paths of what was written. Means over three seeds or more carry their 95 "
        "% "
        "interval. Beside each picture are its numbers (.csv) and the gnuplot script that drew it (.gp).",
    .rows = plot_options,
    .size = sizeof(struct options),
    .examples = "bench plot plane --sweep rank\n"
                "bench plot lr --where \"method = 'lora' and seed = 0\" --format svg -o figures\n",
    .run = run_plot,
};
