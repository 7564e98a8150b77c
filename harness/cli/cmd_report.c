/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_report.c - `bench report [SWEEP...] -o FILE`: sweeps as one HTML page. The page is made in report*.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/command.h"
#include "harness/report/report.h"

static int write_report(const char *path, const char *file, const struct report_job *job, struct err *e) {
    struct db *db;
    struct strbuf page = {0};
    int rc = db_open(&db, path, false, e);
    if (rc) return rc;
    char *dir = path_dir(db_path(db)), *out = file ? xstrdup(file) : path_join(dir, "report.html");
    rc = report_write(db, job, &page, e);
    if (!rc) rc = file_write(out, page.s, page.len, e);
    if (!rc) printf("%s\n", out);
    free(dir), free(out);
    strbuf_release(&page);
    db_close(db);
    return rc;
}

struct options {
    struct option_list sweeps;
    const char *out, *db;
    bool no_plots;
};

static int run_report(void *options, struct err *e) {
    const struct options *o = options;
    struct report_job job = {.sweep = o->sweeps.v, .nsweep = o->sweeps.n, .plots = !o->no_plots};
    return write_report(o->db, o->out, &job, e);
}

static const struct option_row report_options[] = {
    {NULL, 0, AT_LIST(sweeps), "SWEEP", "names or files of sweeps", .otherwise = "all of the record",
     .names = NAMES_SWEEPS},
    {"output", 'o', AT_TEXT(out), "FILE", "the page", .otherwise = "report.html beside the record",
     .names = NAMES_FILES},
    {"no-plots", 0, AT_FLAG(no_plots), NULL, "without pictures, which need gnuplot"},
    ROW_DB(db),
    {0}};

const struct command cmd_report = {
    .name = "report",
    .summary = "sweeps as one HTML page",
    .about =
        "One page that needs no network and no other file: what ran on what, each method at its best "
        "configuration with intervals, control arms, plots, every run with its learning curve, failures, "
        "and the command that repeats it.",
    .rows = report_options,
    .size = sizeof(struct options),
    .examples = "bench report\n"
                "bench report rank lr -o comparison.html\n",
    .run = run_report,
};
