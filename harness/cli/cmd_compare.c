/* cmd_compare.c - `bench compare [SWEEP]`: each method at its best configuration, with what can be said about
 * their differences, and the Pareto fronts. The statistics are in compare*.c. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cmd.h"
#include "harness/analysis/compare.h"

static int usage(int code) {
    fputs("usage: bench compare [SWEEP] [--by KEY,...] [--metric M] [--db FILE] [--where SQL] [--json | "
          "--csv | --markdown]\n\n"
          "Each method at the configuration that is best on the evaluation split, judged on the test split; "
          "paired\n"
          "differences with 95 % intervals, ranks with ties, and which configurations are dominated in "
          "cost.\n\n"
          "  SWEEP          a sweep's name or file; default: the last sweep\n"
          "  --by KEYS      what is compared: method, r, target_modules, train.batch_size, ... (method)\n"
          "  --metric M     another metric of the evaluations than the sweep's\n"
          "  --where SQL    only runs that meet a condition over the columns of the view `runs`\n"
          "  --db FILE      the database (" DB_DEFAULT ")\n\n"
          "examples:\n"
          "  bench compare rank\n"
          "  bench compare rank --by method,r --where \"target_modules = 'all-linear'\" --markdown\n",
          code ? stderr : stdout);
    return code;
}

static void write_tables(const struct compare *c, enum table_format format, struct strbuf *out) {
    bool text = format == TABLE_AS_TEXT;
    const char *item = text ? "" : "- ";
    int width = text ? table_terminal() : 0;
    struct table *arms = compare_arms_table(c), *fronts = compare_front_table(c);
    struct strbuf notes = {0};
    char *name = table_clean(c->sweep);
    strbuf_addf(out, text ? "sweep %s, %s (%s)\n\n" : "## %s: %s (%s)\n\n", name, c->reported, c->goal);
    table_write(arms, format, width, out);
    compare_notes(c, &notes);
    strbuf_adds(out, "\n");
    for (char *line = strtok(notes.s, "\n"); line; line = strtok(NULL, "\n"))
        strbuf_addf(out, "%s%s\n", item, line);
    if (c->nfront > 1) {
        strbuf_adds(out,
                    text ? "\nPareto fronts: `front`, or which other is as good or better at no more cost\n\n"
                         : "\n### Pareto fronts\n\n");
        table_write(fronts, format, width, out);
        bool beside = false;
        for (int i = 0; i < c->nfront; i++) beside |= c->point[c->front[i].point].concurrent;
        if (beside)
            strbuf_addf(out, "\n%s*: other runs were under way at the same time%s\n", item,
                        c->timings_alone ? ": not comparable" : ", in all of these");
    }
    free(name);
    strbuf_release(&notes);
    table_free(arms);
    table_free(fronts);
}

static int compare_sweep(const char *path, const struct compare_job *job, enum table_format format,
                         struct err *e) {
    struct db *db;
    struct compare c;
    struct strbuf out = {0};
    int rc = db_open(&db, path, false, e);
    if (!rc) rc = compare_read(&c, db, job, e);
    if (!rc) {
        if (format == TABLE_AS_JSON) {
            json_t *v = compare_json(&c);
            table_json_write(v, &out);
            json_decref(v);
        } else if (format == TABLE_AS_CSV) {
            struct table *t = compare_arms_table(&c);
            table_write(t, format, 0, &out);
            table_free(t);
        } else
            write_tables(&c, format, &out);
        fwrite(out.s, 1, out.len, stdout);
        compare_release(&c);
    }
    strbuf_release(&out);
    db_close(db);
    return rc;
}

int cmd_compare(int argc, char **argv) {
    static const struct option longs[] = {{"by", required_argument, NULL, 'b'},
                                          {"metric", required_argument, NULL, 'M'},
                                          {"where", required_argument, NULL, 'w'},
                                          {"db", required_argument, NULL, 'd'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"csv", no_argument, NULL, 'c'},
                                          {"markdown", no_argument, NULL, 'm'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    enum table_format format = TABLE_AS_TEXT;
    struct compare_job job = {0};
    const char *path = DB_DEFAULT;
    for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;) {
        if (c == 'b')
            job.by = optarg;
        else if (c == 'M')
            job.metric = optarg;
        else if (c == 'w')
            job.where = optarg;
        else if (c == 'd')
            path = optarg;
        else if (c == 'j')
            format = TABLE_AS_JSON;
        else if (c == 'c')
            format = TABLE_AS_CSV;
        else if (c == 'm')
            format = TABLE_AS_MARKDOWN;
        else
            return usage(c == 'h' ? 0 : 2);
    }
    if (optind + 1 < argc) return usage(2);
    job.sweep = optind < argc ? argv[optind] : NULL;
    struct err e = {0};
    if (!compare_sweep(path, &job, format, &e)) return 0;
    fprintf(stderr, "bench compare: %s\n", e.msg);
    return err_exit_code(&e);
}
