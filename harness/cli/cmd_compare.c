/* cmd_compare.c - `bench compare [SWEEP]`: each method at its best configuration, with what can be said about
 * their differences, and the Pareto fronts. The statistics are in compare*.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/command.h"
#include "harness/analysis/compare.h"

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
        compare_release(&c);
    }
    command_print(&out);
    db_close(db);
    return rc;
}

struct options {
    const char *sweep, *by, *metric, *where, *db;
    enum table_format format;
};

static int run_compare(void *options, struct err *e) {
    const struct options *o = options;
    struct compare_job job = {.sweep = o->sweep, .by = o->by, .metric = o->metric, .where = o->where};
    return compare_sweep(o->db, &job, o->format, e);
}

static const struct option_row compare_options[] = {
    {NULL, 0, AT_TEXT(sweep), "SWEEP", "a sweep's name or file", .otherwise = "the last sweep",
     .names = NAMES_SWEEPS},
    {"by", 0, AT_TEXT(by), "KEYS",
     "what is compared, separated by commas: method, r, target_modules, train.batch_size, ...",
     .otherwise = "method"},
    {"metric", 0, AT_TEXT(metric), "METRIC", "another metric of the evaluations than the sweep's"},
    {"where", 0, AT_TEXT(where), "SQL",
     "only runs that meet a condition over the columns of the view `runs`"},
    ROW_DB(db),
    ROWS_FORMAT(format),
    {0}};

const struct command cmd_compare = {
    .name = "compare",
    .summary = "which method is better, and can the sweep tell: ranks, intervals, Pareto fronts",
    .about =
        "Each method at the configuration that is best on the evaluation split, judged on the test split; "
        "paired differences with 95 % intervals, ranks with ties, and which configurations are dominated "
        "in cost.",
    .rows = compare_options,
    .size = sizeof(struct options),
    .examples = "bench compare rank\n"
                "bench compare rank --by method,r --where \"target_modules = 'all-linear'\" --markdown\n",
    .run = run_compare,
};
