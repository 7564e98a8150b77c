/* paper_measured.c - measured cells of tables: how they are shown, and TABLE.measured.csv, where a
 * measurement is kept. See paper.h.
 *
 * Columns: row, column, mean, ci (half the 95 % interval over seeds; empty for one seed), seeds, lr, build,
 * processor, date. Quoted as usual in CSV. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/paper/measured.h"
#include "harness/paper/paper.h"
#include "harness/table/table.h"

enum { ROW, COLUMN, MEAN, CI, SEEDS, LR, BUILD, PROCESSOR, DATE, FIELDS };
static const char *const names[FIELDS] = {"row", "column", "mean",      "ci",  "seeds",
                                          "lr",  "build",  "processor", "date"};

void paper_measured_show(struct paper_cell *x) {
    const struct stats_mean *m = &x->measured;
    char mean[TABLE_FORMAT_MAX], ci[TABLE_FORMAT_MAX];
    x->verdict = m->n ? PAPER_MEASURED : PAPER_NOT_RUN;
    x->computed = m->n ? m->mean : NAN;
    snprintf(mean, sizeof mean, "%.5g", m->mean);
    snprintf(ci, sizeof ci, "%.2g", m->ci);
    if (x->bytes && m->n) {
        table_format_num(mean, TABLE_BYTES, m->mean);
        table_format_num(ci, TABLE_BYTES, m->ci);
    }
    if (m->n == 0)
        snprintf(x->shown, sizeof x->shown, x->arm->diverged ? "diverged" : "-");
    else if (isnan(m->ci))
        snprintf(x->shown, sizeof x->shown, "%.20s (one seed)", mean);
    else
        snprintf(x->shown, sizeof x->shown, "%.16s ± %.12s (%d seeds)", mean, ci, m->n);
}

void paper_measured_write(const struct paper *p, struct strbuf *out) {
    struct table *t = table_new();
    for (int i = 0; i < FIELDS; i++) table_column(t, names[i], names[i], TABLE_PLAIN, TABLE_BOTH);
    for (int i = 0; i < p->ncells; i++) {
        const struct paper_cell *x = &p->cells[i];
        if (!x->arm || !x->measured.n) continue;
        table_text(t, x->row);
        table_text(t, x->column);
        table_num(t, x->measured.mean);
        table_num_or_null(t, x->measured.ci);
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
    double mean, ci, seeds, lr;
    if (!measured_number(r, i, MEAN, &mean) || !measured_number(r, i, CI, &ci) ||
        !measured_number(r, i, SEEDS, &seeds) || !measured_number(r, i, LR, &lr) || !(seeds >= 1))
        return rows_error(r, i, e, "mean, ci, seeds and lr must be numbers, seeds at least 1");
    for (int k = 0; k < p->ncells; k++) {
        struct paper_cell *x = &p->cells[k];
        if (!x->arm || x->measured.n || !measured_is(r, i, ROW, x->row) ||
            !measured_is(r, i, COLUMN, x->column))
            continue;
        /* stats_mean's way back */
        double sd = seeds > 1 ? ci * sqrt(seeds) / stats_t_quantile(0.975, seeds - 1) : NAN;
        x->measured = (struct stats_mean){.n = (int)seeds, .mean = mean, .sd = sd, .ci = ci};
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
