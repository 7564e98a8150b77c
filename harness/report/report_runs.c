/* SPDX-License-Identifier: Apache-2.0 */
/* report_runs.c - the runs of a sweep in a report: a row each, the failures with their reasons, and the
 * learning curves as data (at most CURVE_POINTS points of four digits, so that thousands of runs stay a few
 * megabytes). */
#include "harness/report/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/record/listing.h"
#include "harness/table/table.h"

#define CURVE_POINTS 24
#define ROWS         200

/* ---- the table ----------------------------------------------------------------------------------------- */

static const struct column {
    const char *title;
    enum table_kind kind;
    bool number;
    int width; /* px */
} columns[] = {{"run", TABLE_PLAIN, true, 64},       {"state", TABLE_TEXT, false, 92},
               {"method", TABLE_TEXT, false, 100},   {"r", TABLE_PLAIN, true, 56},
               {"modules", TABLE_TEXT, false, 130},  {"lr", TABLE_RATE, true, 76},
               {"settings", TABLE_TEXT, false, 170}, {"seed", TABLE_PLAIN, true, 66},
               {NULL, TABLE_LOSS, true, 96},         {"test", TABLE_LOSS, true, 82},
               {"peak mem", TABLE_BYTES, true, 96},  {"saved", TABLE_BYTES, true, 92},
               {"train", TABLE_SECONDS, true, 84},   {"model", TABLE_TEXT, false, 130},
               {"data", TABLE_TEXT, false, 110}};
enum { NCOL = ARRAY_LEN(columns), COL_STATE = 1, COL_SETTINGS = 6, COL_TRAIN = 12, COL_CONCURRENT = NCOL };

/* What is shown of a sweep; a column in which nothing stands is left out. */
struct view {
    const char *metric;
    bool settings;
};

static bool is_shown(const struct view *v, int column) { return column != COL_SETTINGS || v->settings; }

static void cell_write(struct strbuf *out, const struct db_query *q, int i) {
    const struct column *c = &columns[i];
    char text[TABLE_FORMAT_MAX];
    enum db_type type = db_query_type(q, i);
    if (type == DB_NULL)
        strbuf_addc(out, '-');
    else if (!c->number)
        report_text(out, db_query_text(q, i));
    else if (type == DB_INT && c->kind == TABLE_PLAIN)
        strbuf_addf(out, "%lld", (long long)db_query_int(q, i));
    else {
        table_format_num(text, c->kind, db_query_num(q, i));
        strbuf_adds(out, text);
        if (i == COL_TRAIN && db_query_int(q, COL_CONCURRENT) > 0) strbuf_addc(out, '*');
    }
}

static void header_write(struct strbuf *out, const struct view *v) {
    strbuf_adds(out, "<div class=\"wide runs\"><table>\n<colgroup>");
    for (int i = 0; i < NCOL; i++)
        if (is_shown(v, i)) strbuf_addf(out, "<col style=\"width:%dpx\">", columns[i].width);
    strbuf_adds(out, "</colgroup>\n<thead><tr>");
    for (int i = 0; i < NCOL; i++) {
        if (!is_shown(v, i)) continue;
        strbuf_addf(out, "<th scope=\"col\"%s><button type=\"button\">",
                    columns[i].number ? " class=\"n\"" : "");
        report_text(out, columns[i].title ? columns[i].title : v->metric);
        strbuf_adds(out, "</button></th>");
    }
    strbuf_adds(out, "</tr></thead>\n<tbody>\n");
}

static void row_write(struct strbuf *out, const struct db_query *q, const struct view *v) {
    bool well = !strcmp(db_query_text(q, COL_STATE), "complete");
    strbuf_adds(out, well ? "<tr>" : "<tr class=\"s\">");
    for (int i = 0; i < NCOL; i++) { /* closing tags of cells and rows are optional */
        if (!is_shown(v, i)) continue;
        strbuf_adds(out, columns[i].number ? "<td class=\"n\">" : "<td>");
        cell_write(out, q, i);
    }
    strbuf_addc(out, '\n');
}

static void line_write(struct strbuf *out, const struct db_query *q, const struct view *v) {
    for (int i = 0; i < NCOL; i++) {
        if (!is_shown(v, i)) continue;
        if (i) strbuf_addc(out, '\t');
        cell_write(out, q, i);
    }
    strbuf_addc(out, '\n');
}

static int rows_write(struct db *db, int64_t sweep, const struct view *v, struct strbuf *out, struct err *e) {
    struct db_query *q;
    int n = 0, rc = listing_cells(&q, db, sweep, e);
    if (rc) return rc;
    for (; (rc = db_query_next(q, e)) == 1; n++) {
        if (n == ROWS)
            strbuf_adds(
                out,
                "</tbody></table></div>\n<button type=\"button\" class=\"more\" hidden>Show more</button>\n"
                "<details class=\"rest\"><summary>The other runs, as text</summary>\n<pre>");
        (n < ROWS ? row_write : line_write)(out, q, v);
    }
    strbuf_adds(out, n > ROWS ? "</pre></details>\n" : "</tbody></table></div>\n");
    db_query_close(q);
    return rc;
}

/* ---- what did not end well ----------------------------------------------------------------------------- */

static int failures_write(struct db *db, int64_t sweep, struct strbuf *out, struct err *e) {
    struct db_query *q;
    struct table *t;
    int rc = listing_failures(&q, db, sweep, e);
    if (rc) return rc;
    if ((rc = table_query(&t, q, e))) return rc;
    strbuf_adds(out, "<h3>What did not end well</h3>\n");
    if (table_rows(t)) {
        report_table(out, t);
        if (table_rows(t) == 200) strbuf_adds(out, "<p>The first 200; the table of runs has all.</p>\n");
    } else
        strbuf_adds(out, "<p>Nothing: every run that started is complete.</p>\n");
    table_free(t);
    return 0;
}

int report_runs(struct db *db, int64_t sweep, const char *metric, struct strbuf *out, struct err *e) {
    struct view v = {.metric = metric};
    int rc = listing_settings_vary(&v.settings, db, sweep, e);
    if (!rc) {
        strbuf_adds(out,
                    "<h3>Runs</h3>\n<div class=\"tools\"><label>Filter <input type=\"search\" "
                    "placeholder=\"words\"></label>"
                    "<label>State <select class=\"state\"><option value=\"\">all</option></select></label>"
                    "<label>Method <select class=\"method\"><option value=\"\">all</option></select></label>"
                    "<output aria-live=\"polite\"></output>"
                    "<span class=\"soft\">a column's title sorts; arrow keys walk; a row shows its "
                    "curves</span></div>\n");
        header_write(out, &v);
        rc = rows_write(db, sweep, &v, out, e);
        strbuf_adds(out, "<p class=\"soft\">*: other runs were under way at the same time: times do "
                         "not compare.</p>\n");
    }
    return rc ? rc : failures_write(db, sweep, out, e);
}

/* ---- curves -------------------------------------------------------------------------------------------- */

struct curve {
    double *step, *value;
    int n, step_cap, value_cap;
};

static void curve_write(struct strbuf *out, const char *key, struct curve *c) {
    int every = (c->n + CURVE_POINTS - 1) / CURVE_POINTS;
    const char *sep = "";
    strbuf_addf(out, "\"%s\":[", key);
    for (int i = 0; i < c->n; i++) {
        if (every > 1 && i % every && i != c->n - 1) continue;
        strbuf_addf(out, "%s[%.0f,%.4g]", sep, c->step[i], c->value[i]);
        sep = ",";
    }
    strbuf_adds(out, "]");
    c->n = 0;
}

/* A JSON string that cannot end a script element. */
static void json_text(struct strbuf *out, const char *s) {
    char *clean = table_clean(s);
    json_t *v = json_string(clean);
    char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    for (const char *p = text; *p; p++)
        if (*p == '<')
            strbuf_adds(out, "\\u003c");
        else
            strbuf_addc(out, *p);
    json_decref(v);
    free(text), free(clean);
}

static void run_write(struct strbuf *out, int64_t run, const char *metric, struct curve c[2], bool *first) {
    if (!c[0].n && !c[1].n) return;
    strbuf_addf(out, "%s\n\"%lld\":{\"k\":", *first ? "" : ",", (long long)run);
    json_text(out, metric);
    strbuf_addc(out, ',');
    curve_write(out, "e", &c[0]);
    strbuf_addc(out, ',');
    curve_write(out, "t", &c[1]);
    strbuf_addc(out, '}');
    *first = false;
}

int report_curves(struct db *db, int64_t sweep, const char *metric, struct strbuf *out, bool *first,
                  struct err *e) {
    struct db_query *q;
    struct curve c[2] = {0};
    int64_t run = 0;
    int rc = listing_curves(&q, db, sweep, metric, e);
    if (rc) return rc;
    while ((rc = db_query_next(q, e)) == 1) {
        if (db_query_int(q, 0) != run) run_write(out, run, metric, c, first);
        run = db_query_int(q, 0);
        struct curve *k = &c[db_query_int(q, 1) != 0];
        GROW(k->step, k->n, k->step_cap);
        GROW(k->value, k->n, k->value_cap);
        k->step[k->n] = db_query_num(q, 2);
        k->value[k->n++] = db_query_num(q, 3);
    }
    run_write(out, run, metric, c, first);
    db_query_close(q);
    for (int k = 0; k < 2; k++) free(c[k].step), free(c[k].value);
    return rc;
}
