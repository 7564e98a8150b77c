/* cmd_report.c - `bench report [SWEEP...] -o FILE`: sweeps as one HTML page. The page is made in report*.c.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cmd.h"
#include "harness/report/report.h"

static int usage(int code) {
    fputs("usage: bench report [SWEEP...] [-o FILE] [--db FILE] [--no-plots]\n\n"
          "One page that needs no network and no other file: what ran on what, each method at its best "
          "configuration\n"
          "with intervals, control arms, plots, every run with its learning curve, failures, and the command "
          "that\n"
          "repeats it.\n\n"
          "  SWEEP            names or files of sweeps; default: all of the database\n"
          "  -o, --output FILE  the page (report.html beside the database)\n"
          "  --db FILE        the database (" DB_DEFAULT ")\n"
          "  --no-plots       without pictures, which need gnuplot\n\n"
          "examples:\n"
          "  bench report\n"
          "  bench report rank lr -o comparison.html\n",
          code ? stderr : stdout);
    return code;
}

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

int cmd_report(int argc, char **argv) {
    static const struct option longs[] = {{"output", required_argument, NULL, 'o'},
                                          {"db", required_argument, NULL, 'd'},
                                          {"no-plots", no_argument, NULL, 'n'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    struct report_job job = {.plots = true};
    const char *path = DB_DEFAULT, *file = NULL;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "o:h", longs, NULL)) != -1;) {
        if (c == 'o')
            file = optarg;
        else if (c == 'd')
            path = optarg;
        else if (c == 'n')
            job.plots = false;
        else
            return usage(c == 'h' ? 0 : 2);
    }
    job.sweep = (const char *const *)argv + optind;
    job.nsweep = argc - optind;
    struct err e = {0};
    if (!write_report(path, file, &job, &e)) return 0;
    fprintf(stderr, "bench report: %s\n", e.msg);
    return err_exit_code(&e);
}
