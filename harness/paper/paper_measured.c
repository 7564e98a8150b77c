/* SPDX-License-Identifier: Apache-2.0 */
/* paper_measured.c - measured cells of tables: how they are shown, and TABLE.measured.csv, where a
 * measurement is kept. See paper.h.
 *
 * Columns: row, column, mean, sd (of one run over seeds; empty for one seed), seeds, lr, build, processor,
 * date. Quoted as usual in CSV. The interval is made of these anew. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analysis/verdict.h"
#include "harness/paper/measured.h"
#include "harness/paper/paper.h"
#include "harness/table/table.h"

enum { ROW, COLUMN, MEAN, SD, SEEDS, LR, BUILD, PROCESSOR, DATE, FIELDS };
static const char *const names[FIELDS] = {"row", "column", "mean",      "sd",  "seeds",
                                          "lr",  "build",  "processor", "date"};

/* ---- intervals ----------------------------------------------------------------------------------------- */

/* Values with this mean and sd: of two they are the measured ones. */
static void values_make(const struct paper_cell *x, double *v) {
    int n = x->measured.n;
    double middle = (n - 1) / 2.0, ss = 0;
    for (int i = 0; i < n; i++) ss += (i - middle) * (i - middle);
    for (int i = 0; i < n; i++)
        v[i] =
            n > 1 ? x->measured.mean + x->measured.sd * (i - middle) * sqrt((n - 1) / ss) : x->measured.mean;
}

static bool same_cell(const struct paper_cell *a, const struct paper_cell *b) {
    return !strcmp(a->measured.of, b->measured.of) && a->measured.mean == b->measured.mean &&
           a->measured.n == b->measured.n;
}

static void text_number(const struct paper_cell *x, double v, const char *format,
                        char out[TABLE_FORMAT_MAX]) {
    if (x->bytes)
        table_format_num(out, TABLE_BYTES, v);
    else
        snprintf(out, TABLE_FORMAT_MAX, format, v);
}

static void show_cell(struct paper_cell *x, const struct verdict_spread *s, const double *v) {
    char mean[TABLE_FORMAT_MAX], other[TABLE_FORMAT_MAX];
    int n = x->measured.n;
    x->verdict = n ? PAPER_MEASURED : PAPER_NOT_RUN;
    x->computed = n ? x->measured.mean : NAN;
    text_number(x, x->measured.mean, "%.5g", mean);
    if (!n)
        snprintf(x->shown, sizeof x->shown, x->arm->diverged ? "diverged" : "-");
    else if (n == 2 && s->show == VERDICT_SHOW_VALUES && !x->measured.exact) {
        text_number(x, v[0], "%.5g", mean), text_number(x, v[1], "%.5g", other);
        snprintf(x->shown, sizeof x->shown, "%.16s, %.16s", mean, other);
    } else if (s->show == VERDICT_SHOW_VALUES && !x->measured.exact) {
        text_number(x, x->measured.sd, "%.2g", other);
        snprintf(x->shown, sizeof x->shown, "%.14s, unstable: sd %.10s", mean, other);
    } else if (s->show == VERDICT_SHOW_POOLED && !x->measured.exact) {
        x->measured.half = s->half;
        text_number(x, s->half, "%.2g", other);
        snprintf(x->shown, sizeof x->shown, "%.16s ± %.12s (%d seeds)", mean, other, n);
    } else if (n == 1)
        snprintf(x->shown, sizeof x->shown, "%.20s (one seed)", mean);
    else
        snprintf(x->shown, sizeof x->shown, "%.20s (%d seeds)", mean, n);
}

/* The cells of one sweep and value, each arm once: p->cells[i] is configuration i, others have no seeds. */
static void group_judge(struct paper *p, int first) {
    struct verdict_config *c = xcalloc((size_t)p->ncells, sizeof *c);
    double **v = xcalloc((size_t)p->ncells, sizeof *v);
    struct verdict_model m;
    for (int i = 0; i < p->ncells; i++) {
        const struct paper_cell *x = &p->cells[i];
        bool twice = false;
        if (!x->arm || strcmp(x->measured.of, p->cells[first].measured.of) != 0) continue;
        v[i] = xmalloc(((size_t)x->measured.n + 1) * sizeof **v);
        values_make(x, v[i]);
        for (int k = 0; k < i && !twice; k++) twice = p->cells[k].arm && same_cell(&p->cells[k], x);
        c[i] = (struct verdict_config){.n = x->measured.n, .score = v[i], .chosen = !twice, .choice = NAN};
    }
    verdict_fit(&m, &(struct verdict_setting){.n = p->ncells, .config = c, .sign = 1});
    for (int i = 0; i < p->ncells; i++)
        if (v[i]) show_cell(&p->cells[i], &m.config[i], v[i]);
    verdict_release(&m);
    for (int i = 0; i < p->ncells; i++) free(v[i]);
    free(v), free(c);
}

void paper_measured_judge(struct paper *p) {
    for (int i = 0; i < p->ncells; i++) {
        bool seen = !p->cells[i].arm;
        for (int k = 0; k < i && !seen; k++)
            seen = p->cells[k].arm && !strcmp(p->cells[k].measured.of, p->cells[i].measured.of);
        if (!seen) group_judge(p, i);
    }
}

/* ---- writing ------------------------------------------------------------------------------------------- */

void paper_measured_write(const struct paper *p, struct strbuf *out) {
    struct table *t = table_new();
    for (int i = 0; i < FIELDS; i++) table_column(t, names[i], names[i], TABLE_PLAIN, TABLE_BOTH);
    for (int i = 0; i < p->ncells; i++) {
        const struct paper_cell *x = &p->cells[i];
        if (!x->arm || !x->measured.n) continue;
        table_text(t, x->row);
        table_text(t, x->column);
        table_num(t, x->measured.mean);
        table_num_or_null(t, x->measured.sd);
        table_int(t, x->measured.n);
        table_num_or_null(t, x->arm->lr);
        table_text(t, x->arm->build);
        table_text(t, x->arm->cpu);
        table_text(t, x->arm->date);
    }
    table_write(t, TABLE_AS_CSV, 0, out);
    table_free(t);
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static int take_row(struct paper *p, const struct rows *r, long i, struct err *e) {
    double mean, sd, seeds, lr;
    if (!measured_number(r, i, MEAN, &mean) || !measured_number(r, i, SD, &sd) ||
        !measured_number(r, i, SEEDS, &seeds) || !measured_number(r, i, LR, &lr) || !(seeds >= 1) ||
        (seeds > 1 && isnan(sd)))
        return rows_error(r, i, e, "mean, sd, seeds and lr must be numbers, seeds at least 1");
    for (int k = 0; k < p->ncells; k++) {
        struct paper_cell *x = &p->cells[k];
        if (!x->arm || x->measured.n || !measured_is(r, i, ROW, x->row) ||
            !measured_is(r, i, COLUMN, x->column))
            continue;
        x->measured.n = (int)seeds, x->measured.mean = mean, x->measured.sd = seeds > 1 ? sd : NAN;
        x->arm->lr = lr;
        measured_text(r, i, BUILD, x->arm->build, sizeof x->arm->build);
        measured_text(r, i, PROCESSOR, x->arm->cpu, sizeof x->arm->cpu);
        measured_text(r, i, DATE, x->arm->date, sizeof x->arm->date);
    }
    return 0;
}

int paper_measured_read(struct paper *p, struct err *e) {
    struct rows *r;
    int rc = measured_open(&r, p->path, names, FIELDS, e);
    for (long i = 0; !rc && r && i < rows_count(r); i++) rc = take_row(p, r, i, e);
    rows_free(r);
    return rc;
}
