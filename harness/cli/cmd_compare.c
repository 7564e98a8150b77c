/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_compare.c - `bench compare [SWEEP]`: each method at its best configuration, with what can be said about
 * their differences, and the Pareto fronts. The statistics are in compare*.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/command.h"
#include "harness/analysis/compare.h"

/* What would decide the open pairs, in place of the fronts. */
static void write_plan(const struct compare *c, enum table_format format, int width, struct strbuf *out) {
    bool text = format == TABLE_AS_TEXT;
    struct table *t = compare_plan_table(c);
    bool none = false;
    for (int i = 0; i < c->npair; i++) none |= c->pair[i].v.verdict == VERDICT_NONE;
    if (table_rows(t)) {
        strbuf_addf(
            out,
            "\n%swhat would decide the undecided, if the differences are as they seem (-: no %d seeds, "
            "no %d times the rows do)\n\n",
            text ? "" : "### Plan: ", VERDICT_MOST_SEEDS, VERDICT_MOST_ROWS);
        table_write(t, format, width, out);
    } else
        strbuf_addf(out, "\n%s%s\n", text ? "" : "- ",
                    none ? "no plan before two seeds have run: how much seeds spread is not known"
                         : "nothing is undecided");
    table_free(t);
}

static void write_fronts(const struct compare *c, enum table_format format, int width, struct strbuf *out) {
    bool text = format == TABLE_AS_TEXT, beside = false;
    if (c->nfront < 2) return;
    struct table *fronts = compare_front_table(c);
    strbuf_adds(
        out, text ? "\nPareto fronts: `front`, or which other is as good or better (<) at no more cost; ~: "
                    "by a lead that the sweep cannot tell\n\n"
                  : "\n### Pareto fronts\n\n");
    table_write(fronts, format, width, out);
    for (int i = 0; i < c->nfront; i++) beside |= c->point[c->front[i].point].concurrent;
    if (beside)
        strbuf_addf(out, "\n%s*: other runs were under way at the same time%s\n", text ? "" : "- ",
                    c->timings_alone ? ": not comparable" : ", in all of these");
    table_free(fronts);
}

static void write_tables(const struct compare *c, enum table_format format, bool plan, struct strbuf *out) {
    bool text = format == TABLE_AS_TEXT;
    const char *item = text ? "" : "- ";
    int width = text ? table_terminal() : 0;
    struct table *arms = compare_arms_table(c);
    struct strbuf notes = {0};
    char *name = table_clean(c->sweep);
    strbuf_addf(out, text ? "sweep %s, %s (%s)\n\n" : "## %s: %s (%s)\n\n", name, c->reported, c->goal);
    table_write(arms, format, width, out);
    compare_notes(c, &notes);
    strbuf_adds(out, "\n");
    for (char *line = strtok(notes.s, "\n"); line; line = strtok(NULL, "\n"))
        strbuf_addf(out, "%s%s\n", item, line);
    if (plan)
        write_plan(c, format, width, out);
    else
        write_fronts(c, format, width, out);
    free(name);
    strbuf_release(&notes);
    table_free(arms);
}

static int compare_sweep(const char *path, const struct compare_job *job, enum table_format format, bool plan,
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
            struct table *t = plan ? compare_plan_table(&c) : compare_arms_table(&c);
            table_write(t, format, 0, &out);
            table_free(t);
        } else
            write_tables(&c, format, plan, &out);
        compare_release(&c);
    }
    command_print(&out);
    db_close(db);
    return rc;
}

struct options {
    const char *sweep, *by, *metric, *where, *against, *db;
    double margin;
    bool plan;
    enum table_format format;
};

static int run_compare(void *options, struct err *e) {
    const struct options *o = options;
    struct compare_job job = {.sweep = o->sweep,
                              .by = o->by,
                              .metric = o->metric,
                              .where = o->where,
                              .against = o->against,
                              .margin = o->margin};
    return compare_sweep(o->db, &job, o->format, o->plan, e);
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
    {"against", 0, AT_TEXT(against), "ARM",
     "compare all with this arm alone (its values of --by): fewer comparisons, narrower intervals",
     .otherwise = "each with each"},
    {"margin", 0, AT_NUMBER(margin), "M",
     "differences within it do not matter: an interval that lies inside says `as good`", .min = 0, .max = 1e9,
     .otherwise = "none"},
    {"plan", 0, AT_FLAG(plan), NULL, "how many seeds or rows would decide what is undecided"},
    ROW_DB(db),
    ROWS_FORMAT(format),
    {0}};

const struct command cmd_compare = {
    .name = "compare",
    .summary = "which method is better, and can the sweep tell: ranks, intervals, Pareto fronts",
    .about =
        "Each method at the configuration that is best on the evaluation split, judged on the test split; "
        "differences with intervals that hold together with 95 % over seeds and rows, ranks with ties, what "
        "the sweep can tell at all, and which configurations are dominated in cost.",
    .rows = compare_options,
    .size = sizeof(struct options),
    .examples = "bench compare rank\n"
                "bench compare rank --by method,r --where \"target_modules = 'all-linear'\" --markdown\n"
                "bench compare rank --against lora --margin 0.02 --plan\n",
    .run = run_compare,
};
