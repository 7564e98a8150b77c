/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_table.c - `bench table`: what papers printed, ours beside it, and whether they agree. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/command.h"
#include "harness/cli/cmd_sweep.h"
#include "harness/cli/cmd_table.h"
#include "harness/paper/paper.h"
#include "harness/table/table.h"
#include "harness/base/util.h"

struct options {
    const char *name, *db;
    enum table_format format;
    bool run, measured;
    struct option_list sets; /* of --run, as the workers */
    long workers;
};

/* ---- the list ------------------------------------------------------------------------------------------ */

static int add_listed(struct table *t, const char *name, const struct archs *archs, struct db *db,
                      struct err *e) {
    struct paper *p;
    int rc = paper_load(&p, name, archs, db, e);
    if (rc) return rc;
    table_text(t, p->name);
    table_int(t, p->ncells);
    for (int v = 0; v < PAPER_SILENT; v++) table_int(t, p->count[v]);
    table_int(t, p->count[PAPER_MEASURED]);
    table_int(t, p->unconfirmed);
    table_text(t, p->title);
    paper_free(p);
    return 0;
}

static int list_tables(const struct archs *archs, struct db *db, enum table_format f, struct err *e) {
    char **names;
    int n, rc = paper_names(&names, &n, e);
    if (rc) return rc;
    struct table *t = table_new();
    table_column(t, "name", "table", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "cells", "cells", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "reproduces", "reproduce", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "rounds", "round differently", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "differs", "do not", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "not_run", "not run", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "measured", "measured", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "unconfirmed", "from memory", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "title", "", TABLE_WHOLE, TABLE_BOTH);
    for (int i = 0; !rc && i < n; i++) rc = add_listed(t, names[i], archs, db, e);
    if (!rc) command_print_table(t, f);
    table_free(t);
    paper_names_free(names, n);
    return rc;
}

/* ---- one table ----------------------------------------------------------------------------------------- */

static void add_verdict(struct table *t, const struct paper_cell *x) {
    if (x->verdict == PAPER_SILENT) return table_null(t);
    if (x->verdict == PAPER_MEASURED) {
        table_text(t, paper_verdict_name(x->verdict));
        table_shown(t, x->printed ? "another model" : "measured");
        return;
    }
    table_text(t, paper_verdict_name(x->verdict));
    const char *mark = x->confirmed ? "" : " (printed value from memory)";
    if (x->verdict == PAPER_DIFFERS)
        table_shown(t, "does not reproduce: computed %s%s", x->shown, mark);
    else
        table_shown(t, "%s%s", paper_verdict_name(x->verdict), mark);
}

static void add_measured_columns(struct table *t) {
    table_column(t, "lr", "best lr", TABLE_RATE, TABLE_BOTH);
    table_column(t, "seeds", "seeds", TABLE_PLAIN, TABLE_DATA);
    table_column(t, "sd", "standard deviation", TABLE_PLAIN, TABLE_DATA);
    table_column(t, "ci", "half the 95 % interval", TABLE_PLAIN, TABLE_DATA);
    table_column(t, "build", "build", TABLE_WHOLE, TABLE_DATA);
    table_column(t, "processor", "processor", TABLE_WHOLE, TABLE_DATA);
    table_column(t, "date", "date", TABLE_WHOLE, TABLE_DATA);
}

static void add_measured(struct table *t, const struct paper_cell *x) {
    bool is = x->arm && x->measured.n;
    table_num_or_null(t, is ? x->arm->lr : NAN);
    table_int_or_null(t, is ? x->measured.n : -1);
    table_num_or_null(t, is ? x->measured.sd : NAN);
    table_num_or_null(t, is ? x->measured.half : NAN);
    table_text(t, is ? x->arm->build : NULL);
    table_text(t, is ? x->arm->cpu : NULL);
    table_text(t, is ? x->arm->date : NULL);
}

static struct table *cells_table(const struct paper *p, bool remarks) {
    struct table *t = table_new();
    bool columns = false, notes = false;
    for (int i = 0; i < p->ncells; i++) columns |= strcmp(p->cells[i].column, p->cells[0].column) != 0;
    for (int i = 0; i < p->ncells; i++) notes |= p->cells[i].note != NULL;
    table_column(t, "row", "row", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "column", "column", TABLE_WHOLE, columns ? TABLE_BOTH : TABLE_DATA);
    table_column(t, "printed", "printed", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "computed", "ours", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "shown", "ours in the printed unit", TABLE_WHOLE, TABLE_DATA);
    if (p->sweep) add_measured_columns(t);
    table_column(t, "verdict", "verdict", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "confirmed", "printed value seen in a text", TABLE_PLAIN, TABLE_DATA);
    table_column(t, "how", "computed as", TABLE_TEXT, TABLE_BOTH);
    table_column(t, "note", "remark", TABLE_TEXT, remarks && notes ? TABLE_BOTH : TABLE_DATA);
    for (int i = 0; i < p->ncells; i++) {
        const struct paper_cell *x = &p->cells[i];
        table_text(t, x->row);
        table_text(t, x->column);
        table_text(t, x->printed);
        table_num_or_null(t, x->computed);
        table_shown(t, "%s", x->shown);
        table_text(t, x->shown);
        if (p->sweep) add_measured(t, x);
        add_verdict(t, x);
        table_int(t, x->confirmed);
        table_text(t, x->how);
        table_text(t, x->note);
    }
    return t;
}

/* Where measurements come from, each source once. */
static void add_sources(const struct paper *p, struct strbuf *b) {
    for (int i = 0; i < p->ncells; i++) {
        const struct arm *a = p->cells[i].arm;
        bool told = !a || !p->cells[i].measured.n || !*a->date;
        for (int k = 0; k < i && !told; k++) {
            const struct arm *o = p->cells[k].arm;
            told = o && !strcmp(o->date, a->date) && !strcmp(o->build, a->build) && !strcmp(o->cpu, a->cpu);
        }
        if (!told)
            strbuf_addf(b, "%smeasured %s by build %s on %s", b->len ? "\n" : "", a->date, a->build, a->cpu);
    }
}

static void add_counts(const struct paper *p, struct strbuf *b) {
    const char *sep = ": ";
    strbuf_addf(b, "%d cell%s", p->ncells, p->ncells == 1 ? "" : "s");
    static const char *const plural[PAPER_NVERDICT] = {
        "reproduce", "round differently",       "do not reproduce",
        "not run",   "without a printed value", "measured"};
    for (int v = 0; v < PAPER_NVERDICT; v++) {
        if (!p->count[v]) continue;
        strbuf_addf(b, "%s%d %s", sep, p->count[v], plural[v]);
        sep = ", ";
    }
    if (p->unconfirmed)
        strbuf_addf(b, "%s%d with a printed value from memory, not counted", sep, p->unconfirmed);
    if (p->count[PAPER_MEASURED])
        strbuf_adds(b, "; \u00b1: the 95 % interval over seeds, on the rows that were scored");
}

static void print_json(const struct paper *p, const struct table *t) {
    json_t *j = json_object(), *counts = json_object();
    struct strbuf b = {0};
    for (int v = 0; v < PAPER_NVERDICT; v++)
        json_object_set_new(counts, paper_verdict_name((enum paper_verdict)v), json_integer(p->count[v]));
    json_object_set_new(counts, "from memory", json_integer(p->unconfirmed));
    json_object_set_new(j, "name", json_string(p->name));
    json_object_set_new(j, "title", json_string(p->title ? p->title : p->name));
    json_object_set_new(j, "paper", p->source ? json_string(p->source) : json_null());
    json_object_set_new(j, "cells", table_json(t));
    json_object_set_new(j, "counts", counts);
    table_json_write(j, &b);
    command_print(&b);
    json_decref(j);
}

static void print_heading(const struct paper *p, enum table_format f) {
    const char *title = p->title ? p->title : p->name, *source = p->source ? p->source : "";
    if (f == TABLE_AS_MARKDOWN)
        printf("**%s** (%s)\n\n", title, source);
    else if (f == TABLE_AS_TEXT)
        printf("%s\n%s%s\n", title, source, *source ? "\n" : "");
}

/* A terminal has no room for remarks in a column: below the table, each once. */
static void add_remarks(const struct paper *p, struct strbuf *b) {
    for (int i = 0; i < p->ncells; i++) {
        const struct paper_cell *x = &p->cells[i];
        bool told = !x->note;
        for (int k = 0; k < i && !told; k++) told = p->cells[k].note && !strcmp(p->cells[k].note, x->note);
        if (!told) strbuf_addf(b, "  %s: %s\n", x->row, x->note);
    }
}

static int show_table(const struct options *o, const struct archs *archs, struct db *db, struct err *e) {
    struct paper *p;
    struct strbuf b = {0};
    enum table_format f = o->format;
    int rc = paper_load(&p, o->name, archs, db, e);
    if (rc) return rc;
    struct table *t = cells_table(p, f != TABLE_AS_TEXT);
    if (o->measured) {
        paper_measured_write(p, &b);
        command_print(&b);
    } else if (f == TABLE_AS_JSON) {
        print_json(p, t);
    } else {
        print_heading(p, f);
        command_print_table(t, f);
        if (f == TABLE_AS_TEXT) add_remarks(p, &b);
        if (f == TABLE_AS_TEXT || f == TABLE_AS_MARKDOWN) {
            add_sources(p, &b);
            if (b.len && b.s[b.len - 1] != '\n') strbuf_addc(&b, '\n');
            add_counts(p, &b);
            printf("\n%s\n", b.s ? b.s : "");
        }
        if (p->sweep && p->count[PAPER_NOT_RUN] && f == TABLE_AS_TEXT)
            printf("bench table %s --run fills it\n", p->name);
        strbuf_release(&b);
    }
    table_free(t);
    paper_free(p);
    return 0;
}

/* ---- --run --------------------------------------------------------------------------------------------- */

/* What is missing of the table's sweep runs, as by `bench run`. Returns cmd_sweep_run's exit code. */
static int run_recipe(const struct options *o, const struct archs *archs, struct err *e) {
    struct paper *p;
    struct sweep *s = NULL;
    int rc = paper_load(&p, o->name, archs, NULL, e);
    if (!rc && !p->sweep) rc = err_set(e, ERR_USER, "table %s is computed, there is nothing to run", p->name);
    if (!rc) {
        char *file = xasprintf("tables/%s.sweep.yaml", p->sweep);
        struct run_sweep_options run = {
            .file = file, .db = o->db, .sets = o->sets.v, .nsets = o->sets.n, .workers = (int)o->workers};
        rc = cmd_sweep_open(&s, &run, e);
        if (!rc) rc = cmd_sweep_run(&run, s, e);
        free(file);
    }
    sweep_free(s);
    paper_free(p);
    return rc;
}

/* ---- the command --------------------------------------------------------------------------------------- */

static int run_command(const struct options *o, const struct archs *archs, struct err *e) {
    struct db *db = NULL;
    int rc = o->run ? run_recipe(o, archs, e) : 0;
    if (!rc && file_exists(o->db)) rc = db_open(&db, o->db, false, e);
    if (rc) return rc;
    if (!o->name)
        rc = list_tables(archs, db, o->format, e);
    else if (!strcmp(o->name, "claims"))
        rc = cmd_table_claims(db, o->format, o->measured, e);
    else
        rc = show_table(o, archs, db, e);
    db_close(db);
    return rc;
}

static int check_table(const void *options, struct err *e) {
    const struct options *o = options;
    const char *wrong = !o->name && (o->run || o->measured)    ? "NAME is missing: of which table?"
                        : (o->sets.n || o->workers) && !o->run ? "--workers and --set go with --run"
                                                               : NULL;
    return wrong ? err_set(e, ERR_USER, "%s", wrong) : 0;
}

static int run_table(void *options, struct err *e) {
    struct archs *archs = NULL;
    int rc = archs_load(&archs, NULL, e);
    if (!rc) rc = run_command(options, archs, e);
    archs_free(archs);
    return rc;
}

static const struct option_row table_options[] = {
    {NULL, 0, AT_TEXT(name), "NAME", "a table, a TABLE.yaml, or `claims`: what papers conclude",
     .otherwise = "the list of tables", .names = NAMES_PAPERS},
    {"run", 0, AT_FLAG(run), NULL, "run what is missing of the table's sweep first"},
    {"workers", 'j', AT_INT(workers), "N", "with --run: so many runs at once", 1, 1024,
     .otherwise = "as cores and memory allow"},
    {"set", 0, AT_LIST(sets), "KEY=VALUE", "with --run: replace a value of the sweep; may be given again",
     .names = NAMES_KEYS},
    {"measured", 0, AT_FLAG(measured), NULL,
     "the measured cells, or the comparisons of claims, as CSV with build, processor and date: kept beside "
     "the "
     "table as NAME.measured.csv they are shown where the record has nothing"},
    {"db", 0, AT_TEXT(db), "FILE", "the record that measured cells and claims are read from",
     .def = DB_DEFAULT, .names = NAMES_FILES},
    {"markdown", 0, AT_VALUE(format, TABLE_AS_MARKDOWN), NULL, "for a README"},
    {"csv", 0, AT_VALUE(format, TABLE_AS_CSV), NULL, "exact numbers"},
    {"latex", 0, AT_VALUE(format, TABLE_AS_LATEX), NULL, "a tabular of booktabs"},
    {"html", 0, AT_VALUE(format, TABLE_AS_HTML), NULL, "a fragment"},
    {"json", 0, AT_VALUE(format, TABLE_AS_JSON), NULL, "exact numbers, with the verdicts counted"},
    {0}};

const struct command cmd_table = {
    .name = "table",
    .summary = "a paper's table: its cells as printed, ours beside them, a verdict each",
    .usage = "[NAME | TABLE.yaml | claims] [--db FILE]\n"
             " [--markdown | --csv | --latex | --html | --json]\n"
             "NAME --run [-j N] [--set KEY=VALUE]...\n"
             "NAME | claims --measured",
    .about = "A table of a paper: its cells as printed, ours beside them, and a verdict for each.",
    .rows = table_options,
    .size = sizeof(struct options),
    .notes =
        "Verdicts: `reproduces` at the printed precision; `rounds differently`: digits cut off instead of "
        "rounded; `does not reproduce: computed X`; `not run`, with the reason. Printed values that were not "
        "seen in a text of the paper are computed all the same, marked and not counted. Measured cells stand "
        "beside the figures of another model and have no verdict; `bench table claims` says whether what "
        "papers conclude holds here: supported, not supported, undecided (the 95 % interval over "
        "seeds and rows does not decide), no verdict (one seed, or rows that it does not know of), not run.",
    .examples = "bench table\n"
                "bench table lora-gpt3\n"
                "bench table vera-1 --markdown\n"
                "bench table claims\n"
                "bench table lora-6 --run\n",
    .where = COMMAND_STARTS_WORKERS,
    .check = check_table,
    .run = run_table,
};
