/* cmd_table.c - `bench table`: what papers printed, ours beside it, and whether they agree. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cmd.h"
#include "harness/paper.h"
#include "harness/table.h"
#include "harness/util.h"

static int usage(int code) {
    fputs(
        "usage: bench table [NAME | TABLE.yaml] [--markdown | --csv | --latex | --html | --json]\n"
        "A table of a paper: its cells as printed, ours beside them, and a verdict for each.\n\n"
        "  --markdown  for a README\n"
        "  --latex     a tabular of booktabs\n"
        "  --html      a fragment\n"
        "  --csv       exact numbers\n"
        "  --json      the same, with the verdicts counted\n\n"
        "Without NAME the tables are listed.\n"
        "verdicts: `reproduces` at the printed precision; `rounds differently`: digits cut off instead of rounded;\n"
        "`does not reproduce: computed X`; `not run`, with the reason. Printed values that were not seen in a text of\n"
        "the paper are computed all the same, marked and not counted.\n\n"
        "examples:\n"
        "  bench table\n"
        "  bench table lora-gpt3\n"
        "  bench table vera-1 --markdown\n",
        code ? stderr : stdout);
    return code;
}

static void print_buffer(struct strbuf *b) {
    fwrite(b->s, 1, b->len, stdout);
    strbuf_release(b);
}

static void print_table(const struct table *t, enum table_format f) {
    struct strbuf b = {0};
    table_write(t, f, table_terminal(), &b);
    print_buffer(&b);
}

/* ---- the list ------------------------------------------------------------------------------------------ */

static int add_listed(struct table *t, const char *name, const struct archs *archs, struct err *e) {
    struct paper *p;
    int rc = paper_load(&p, name, archs, e);
    if (rc) return rc;
    table_text(t, p->name);
    table_int(t, p->ncells);
    for (int v = 0; v < PAPER_SILENT; v++) table_int(t, p->count[v]);
    table_int(t, p->unconfirmed);
    table_text(t, p->title);
    paper_free(p);
    return 0;
}

static int list(const struct archs *archs, enum table_format f, struct err *e) {
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
    table_column(t, "unconfirmed", "from memory", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "title", "", TABLE_WHOLE, TABLE_BOTH);
    for (int i = 0; !rc && i < n; i++) rc = add_listed(t, names[i], archs, e);
    if (!rc) print_table(t, f);
    table_free(t);
    paper_names_free(names, n);
    return rc;
}

/* ---- one table ----------------------------------------------------------------------------------------- */

static void add_verdict(struct table *t, const struct paper_cell *x) {
    if (x->verdict == PAPER_SILENT) return table_null(t);
    table_text(t, paper_verdict_name(x->verdict));
    const char *mark = x->confirmed ? "" : " (printed value from memory)";
    if (x->verdict == PAPER_DIFFERS)
        table_shown(t, "does not reproduce: computed %s%s", x->shown, mark);
    else
        table_shown(t, "%s%s", paper_verdict_name(x->verdict), mark);
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
    table_column(t, "verdict", "verdict", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "confirmed", "printed value seen in a text", TABLE_PLAIN, TABLE_DATA);
    table_column(t, "how", "computed as", TABLE_TEXT, TABLE_BOTH);
    table_column(t, "note", "remark", TABLE_TEXT, remarks && notes ? TABLE_BOTH : TABLE_DATA);
    for (int i = 0; i < p->ncells; i++) {
        const struct paper_cell *x = &p->cells[i];
        table_text(t, x->row);
        table_text(t, x->column);
        table_text(t, x->printed);
        if (x->computed == x->computed)
            table_num(t, x->computed);
        else
            table_null(t);
        table_shown(t, "%s", x->shown);
        table_text(t, x->shown);
        add_verdict(t, x);
        table_int(t, x->confirmed);
        table_text(t, x->how);
        table_text(t, x->note);
    }
    return t;
}

static void add_counts(const struct paper *p, struct strbuf *b) {
    const char *sep = ": ";
    strbuf_addf(b, "%d cell%s", p->ncells, p->ncells == 1 ? "" : "s");
    static const char *const plural[] = {"reproduce", "round differently", "do not reproduce", "not run",
                                         "without a printed value"};
    for (int v = 0; v < PAPER_NVERDICT; v++) {
        if (!p->count[v]) continue;
        strbuf_addf(b, "%s%d %s", sep, p->count[v], plural[v]);
        sep = ", ";
    }
    if (p->unconfirmed)
        strbuf_addf(b, "%s%d with a printed value from memory, not counted", sep, p->unconfirmed);
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
    print_buffer(&b);
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

static int show(const char *name, const struct archs *archs, enum table_format f, struct err *e) {
    struct paper *p;
    int rc = paper_load(&p, name, archs, e);
    if (rc) return rc;
    struct table *t = cells_table(p, f != TABLE_AS_TEXT);
    if (f == TABLE_AS_JSON) {
        print_json(p, t);
    } else {
        print_heading(p, f);
        print_table(t, f);
    }
    if (f == TABLE_AS_TEXT || f == TABLE_AS_MARKDOWN) {
        struct strbuf b = {0};
        if (f == TABLE_AS_TEXT) add_remarks(p, &b);
        add_counts(p, &b);
        printf("\n%s\n", b.s);
        strbuf_release(&b);
    }
    table_free(t);
    paper_free(p);
    return 0;
}

int cmd_tables(int argc, char **argv) {
    static const struct option longs[] = {{"markdown", no_argument, NULL, TABLE_AS_MARKDOWN},
                                          {"csv", no_argument, NULL, TABLE_AS_CSV},
                                          {"latex", no_argument, NULL, TABLE_AS_LATEX},
                                          {"html", no_argument, NULL, TABLE_AS_HTML},
                                          {"json", no_argument, NULL, TABLE_AS_JSON},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    enum table_format format = TABLE_AS_TEXT;
    struct archs *archs = NULL;
    struct err e = {0};
    for (int ch; (ch = getopt_long(argc, argv, "h", longs, NULL)) != -1;) {
        if (ch == 'h' || ch == '?') return usage(ch == 'h' ? 0 : 2);
        format = (enum table_format)ch;
    }
    if (optind < argc - 1) return usage(2);
    int rc = archs_load(&archs, NULL, &e);
    if (!rc) rc = optind < argc ? show(argv[optind], archs, format, &e) : list(archs, format, &e);
    archs_free(archs);
    if (!rc) return 0;
    fprintf(stderr, "bench table: %s\n", e.msg);
    return err_exit_code(&e);
}
