/* SPDX-License-Identifier: Apache-2.0 */
/* report_sweep.c - one sweep's part of a report: what ran on what, the comparison, plots, runs, provenance.
 */
#include "harness/record/listing.h"
#include "harness/report/report.h"

#include <stdlib.h>
#include <string.h>

#include "harness/analysis/compare.h"
#include "harness/analysis/controls.h"
#include "harness/analysis/summary.h"

/* ---- what ran ------------------------------------------------------------------------------------------ */

static void item_open(struct strbuf *out, const char *title) { strbuf_addf(out, "<dt>%s</dt><dd>", title); }
static void item_close(struct strbuf *out) { strbuf_adds(out, "</dd>\n"); }

static void states_write(const struct summary *s, struct strbuf *out) {
    strbuf_addf(out, "%d", s->cells);
    const char *sep = ": ";
    for (int i = 0; i < CELL_NSTATES; i++) {
        if (!s->count[cell_states[i]]) continue;
        strbuf_addf(out, "%s%d %s", sep, s->count[cell_states[i]], cell_state_name(cell_states[i]));
        sep = ", ";
    }
}

/* The rows of a query with one column of text, joined. */
static int fact_write(struct db *db, enum listing_fact fact, int64_t sweep, const char *sep,
                      struct strbuf *out, struct err *e) {
    struct db_query *q;
    int n = 0, rc = listing_fact(&q, db, sweep, fact, e);
    if (rc) return rc;
    while ((rc = db_query_next(q, e)) == 1) {
        if (n++) strbuf_adds(out, sep);
        report_text(out, db_query_text(q, 0));
    }
    db_query_close(q);
    if (!n && !rc) strbuf_adds(out, "-");
    return rc;
}

static const struct fact {
    const char *title, *sep;
} facts[LISTING_NFACTS] = {
    [LISTING_MODEL] = {"model", "<br>"},     [LISTING_DATA] = {"data", "<br>"},
    [LISTING_METHODS] = {"methods", ", "},   [LISTING_SEEDS] = {"seeds", ", "},
    [LISTING_MACHINE] = {"machine", "<br>"}, [LISTING_PROGRAM] = {"program", "<br>"},
    [LISTING_WHEN] = {"when", ""},           [LISTING_TIME] = {"time", ""},
};

static int what_ran(struct db *db, int64_t sweep, const struct summary *s, struct strbuf *out,
                    struct err *e) {
    strbuf_adds(out, "<dl>\n");
    item_open(out, "metric");
    report_text(out, s->metric);
    strbuf_addf(out, ", %s is better", strcmp(s->goal, "maximize") ? "lower" : "higher");
    item_close(out);
    item_open(out, "runs");
    states_write(s, out);
    item_close(out);
    if (s->steps) {
        item_open(out, "budget per run");
        strbuf_addf(out, "%ld steps", s->steps);
        if (s->batch_size) strbuf_addf(out, " of %ld rows", s->batch_size);
        item_close(out);
    }
    int rc = 0;
    for (int i = 0; i < LISTING_NFACTS && !rc; i++) {
        item_open(out, facts[i].title);
        rc = fact_write(db, (enum listing_fact)i, sweep, facts[i].sep, out, e);
        item_close(out);
    }
    strbuf_adds(out, "</dl>\n");
    return rc;
}

/* ---- the comparison ------------------------------------------------------------------------------------ */

/* Lines as a list; NULL: nothing. */
static void lines_write(struct strbuf *out, const char *text) {
    if (!text) return;
    char *all = xstrdup(text);
    strbuf_adds(out, "<ul class=\"soft\">\n");
    for (char *line = strtok(all, "\n"); line; line = strtok(NULL, "\n")) {
        strbuf_adds(out, "<li>");
        report_text(out, line);
        strbuf_adds(out, "</li>\n");
    }
    strbuf_adds(out, "</ul>\n");
    free(all);
}

static int write_comparison(struct db *db, const char *name, struct strbuf *out, struct err *e) {
    struct compare c;
    struct strbuf notes = {0};
    strbuf_adds(out, "<h3>Each method at its best configuration</h3>\n");
    int rc = compare_read(&c, db, &(struct compare_job){.sweep = name}, e);
    if (rc) {
        if (rc != ERR_RESOURCE) return rc;
        strbuf_adds(out, "<p>No run is finished yet.</p>\n");
        return 0;
    }
    struct table *arms = compare_arms_table(&c), *fronts = compare_front_table(&c);
    report_table(out, arms);
    compare_notes(&c, &notes);
    lines_write(out, notes.s);
    if (c.nfront > 1) {
        strbuf_addf(out,
                    "<details><summary>Pareto fronts: %d configurations against saved bytes, peak memory and "
                    "time</summary>\n",
                    c.nfront);
        strbuf_adds(out, "<p class=\"soft\">front: nothing is as good or better at no more cost; &lt; #n: "
                         "number n is; ~ #n: by a lead that the sweep cannot tell</p>\n");
        report_table(out, fronts);
        strbuf_adds(out, "</details>\n");
    }
    table_free(arms), table_free(fronts);
    strbuf_release(&notes);
    compare_release(&c);
    return 0;
}

static void every_cell(const struct summary *s, struct strbuf *out) {
    strbuf_addf(out,
                "<details><summary>Every method, rank and choice of modules at its best learning rate "
                "(%zu)</summary>\n",
                table_rows(s->table));
    report_table(out, s->table);
    strbuf_adds(out, s->several_seeds ? "<p class=\"soft\">\xc2\xb1: 95 % interval of the mean over seeds, "
                                        "from the spread of all; sd: of one run"
                                      : "<p class=\"soft\">one seed: differences may be chance, no interval");
    strbuf_adds(out, s->concurrent ? "; *: other runs were under way beside</p>\n" : "</p>\n");
    lines_write(out, s->notes);
    strbuf_adds(out, "</details>\n");
}

static int control_arms(struct db *db, int64_t sweep, struct strbuf *out, struct err *e) {
    struct control_set c;
    int rc = controls_read(&c, db, sweep, e);
    if (rc) return rc;
    strbuf_adds(out, "<h3>Control arms</h3>\n");
    if (c.n) {
        struct table *t = controls_table(&c);
        report_table(out, t);
        table_free(t);
        strbuf_adds(out, "<p class=\"soft\">difference: method less control, each at its best learning rate, "
                         "95 % interval</p>\n");
        lines_write(out, c.notes);
    } else
        strbuf_adds(out, "<p>This sweep has none (<code>controls: auto</code> adds what its methods must be "
                         "compared with).</p>\n");
    controls_release(&c);
    return 0;
}

/* ---- where it comes from ------------------------------------------------------------------------------- */

/* 'it'\''s': one word for a shell. */
static void shell_word(struct strbuf *b, const char *s) {
    if (*s && !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./=,:+-@%")]) {
        strbuf_adds(b, s);
        return;
    }
    strbuf_addc(b, '\'');
    for (; *s; s++)
        if (*s == '\'')
            strbuf_adds(b, "'\\''");
        else
            strbuf_addc(b, *s);
    strbuf_addc(b, '\'');
}

static void command_write(struct strbuf *out, const char *path, const char *overrides) {
    struct strbuf b = {0};
    strbuf_adds(&b, "bench run ");
    shell_word(&b, path ? path : "SWEEP.yaml");
    char *all = xstrdup(overrides ? overrides : "");
    for (char *line = strtok(all, "\n"); line; line = strtok(NULL, "\n")) {
        strbuf_adds(&b, " --set ");
        shell_word(&b, line);
    }
    free(all);
    strbuf_adds(out, "<p>The command that repeats it; what is finished is not run again (<code>--new</code>: "
                     "all of it):</p>\n<pre>");
    report_text(out, b.s);
    strbuf_adds(out, "</pre>\n");
    strbuf_release(&b);
}

/* Like report_text, but lines stay lines. */
static void lines_of_file(struct strbuf *out, const char *text) {
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\n");
        char *line = xstrndup(p, n);
        report_text(out, line);
        free(line);
        p += n;
        if (*p) strbuf_addc(out, *p++);
    }
}

static void write_provenance(struct db *db, const struct record_sweep *r, struct strbuf *out) {
    strbuf_adds(out, "<h3>Provenance</h3>\n");
    command_write(out, r->path, r->overrides);
    strbuf_adds(out, "<details><summary>The sweep file as it was read</summary>\n<pre>");
    lines_of_file(out, r->yaml ? r->yaml : "");
    strbuf_adds(out, "</pre>\n</details>\n<details><summary>Databases and "
                     "configurations</summary>\n<p>Record: <code>");
    report_text(out, db_path(db));
    strbuf_adds(out, "</code>. Every run's configuration, curves and rows: <code>bench show RUN "
                     "--json</code>.</p>\n</details>\n");
}

int report_sweep(struct db *db, int64_t sweep, int number, bool plots, struct strbuf *out,
                 struct strbuf *curves, bool *first, struct err *e) {
    struct summary s;
    int rc = summary_read(&s, db, sweep, e);
    if (rc) return rc;
    strbuf_addf(out, "<section id=\"sweep%d\">\n<h2>", number);
    report_text(out, s.name);
    strbuf_adds(out, "</h2>\n");
    rc = what_ran(db, sweep, &s, out, e);
    if (!rc) rc = write_comparison(db, s.name, out, e);
    if (!rc) every_cell(&s, out);
    if (!rc) rc = control_arms(db, sweep, out, e);
    if (!rc && plots) rc = report_plots(db, s.name, number, out, e);
    if (!rc) rc = report_runs(db, sweep, s.metric, out, e);
    if (!rc) rc = report_curves(db, sweep, s.metric, curves, first, e);
    if (!rc) write_provenance(db, &s.record, out);
    strbuf_adds(out, "</section>\n");
    summary_release(&s);
    return rc;
}
