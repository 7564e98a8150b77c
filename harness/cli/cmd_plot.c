/* cmd_plot.c - `bench plot KIND [--db FILE] [--sweep NAME] [--where SQL] [-o DIR] [--format png,svg,pdf]
 * [--template FILE]`: draw a sweep and print the paths of what was written. The drawing is in plot*.c. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cmd.h"
#include "harness/plot/plot.h"
#include "harness/base/util.h"

static int usage(int code) {
    FILE *out = code ? stderr : stdout;
    fputs("usage: bench plot ", out);
    for (int i = 0; plot_kinds[i]; i++) fprintf(out, "%s%s", i ? "|" : "", plot_kinds[i]);
    fputs(" [--db FILE] [--sweep NAME] [--where SQL] [-o DIR] [--format png,svg,pdf] [--template FILE]\n\n",
          out);
    for (int i = 0; plot_kinds[i]; i++) fprintf(out, "  %-16s %s\n", plot_kinds[i], plot_kinds_help[i]);
    fputs("\n  --db FILE        the database (" DB_DEFAULT ")\n"
          "  --sweep NAME     a sweep of it (the latest)\n"
          "  --where SQL      only runs that meet a condition over the columns of the view `runs`\n"
          "  -o, --output DIR where the files go (plots/ beside the database)\n"
          "  --format LIST    of png, svg, pdf (png,svg)\n"
          "  --template FILE  a gnuplot script of your own in place of the kind's (the variables stand "
          "before it)\n\n"
          "Means over seeds carry their 95 % interval. Beside each picture are its numbers (.csv) and the "
          "gnuplot\n"
          "script that drew it (.gp).\n\n"
          "examples:\n"
          "  bench plot plane --sweep rank\n"
          "  bench plot lr --where \"method = 'lora' and seed = 0\" --format svg -o figures\n",
          out);
    return code;
}

static int print_error(const struct err *e) {
    fprintf(stderr, "bench plot: %s\n", e->msg);
    return err_exit_code(e);
}

/* "png,svg,pdf"; 0 when it is something else. */
static unsigned formats_read(const char *list) {
    unsigned f = 0;
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, ",");
        if (n == 3 && !strncmp(p, "png", n))
            f |= PLOT_PNG;
        else if (n == 3 && !strncmp(p, "svg", n))
            f |= PLOT_SVG;
        else if (n == 3 && !strncmp(p, "pdf", n))
            f |= PLOT_PDF;
        else
            return 0;
        p += n;
        if (*p == ',' && *++p == 0) return 0;
    }
    return f;
}

static int draw_plot(const char *path, const char *kind, const struct plot_job *job) {
    struct err e = {0};
    struct db *db;
    struct plot_paths paths = {0};
    if (db_open(&db, path, false, &e)) return print_error(&e);
    int rc = plot_kind(db, kind, job, &paths, &e);
    for (int i = 0; i < paths.n; i++) printf("%s\n", paths.path[i]);
    if (rc) fflush(stdout), print_error(&e);
    plot_paths_release(&paths);
    db_close(db);
    return rc ? err_exit_code(&e) : 0;
}

int cmd_plot(int argc, char **argv) {
    static const struct option longs[] = {
        {"db", required_argument, NULL, 'd'},     {"sweep", required_argument, NULL, 's'},
        {"where", required_argument, NULL, 'w'},  {"output", required_argument, NULL, 'o'},
        {"format", required_argument, NULL, 'f'}, {"template", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    struct plot_job job = {0};
    const char *db = DB_DEFAULT;
    int c;
    optind = 1;
    while ((c = getopt_long(argc, argv, "o:h", longs, NULL)) != -1) {
        switch (c) {
        case 'd':
            db = optarg;
            break;
        case 's':
            job.sweep = optarg;
            break;
        case 'w':
            job.where = optarg;
            break;
        case 'o':
            job.out_dir = optarg;
            break;
        case 't':
            job.template = optarg;
            break;
        case 'f':
            if (!(job.formats = formats_read(optarg))) {
                fprintf(stderr, "bench plot: --format '%s': must be of png, svg, pdf, separated by commas\n",
                        optarg);
                return 2;
            }
            break;
        case 'h':
            return usage(0);
        default:
            return usage(2);
        }
    }
    if (argc - optind != 1) {
        fprintf(stderr, "bench plot: %s\n\n",
                optind < argc ? "one kind of plot at a time" : "which kind of plot?");
        return usage(2);
    }
    return draw_plot(db, argv[optind], &job);
}
