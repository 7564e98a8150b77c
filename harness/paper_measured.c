/* paper_measured.c - measured cells of tables: how they are shown, and TABLE.measured.csv, where a
 * measurement is kept. See paper.h.
 *
 * Columns: row, column, mean, ci (half the 95 % interval over seeds; empty for one seed), seeds, lr, build,
 * processor, date. Quoted as usual in CSV. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/paper.h"
#include "harness/table.h"

#define MAX_BYTES (1u << 20)
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
        if (isnan(x->measured.ci))
            table_null(t);
        else
            table_num(t, x->measured.ci);
        table_int(t, x->measured.n);
        if (isnan(x->arm->lr))
            table_null(t);
        else
            table_num(t, x->arm->lr);
        table_text(t, x->arm->build);
        table_text(t, x->arm->cpu);
        table_text(t, x->arm->date);
    }
    table_write(t, TABLE_AS_CSV, 0, out);
    table_free(t);
}

/* ---- reading ------------------------------------------------------------------------------------------- */

/* The next field at *s, unquoted in place; *s moves behind its comma or to the end of the line. */
static char *next_field(char **s) {
    char *start = *s, *to = *s, *at = *s;
    if (*at == '"') {
        for (at++; *at && !(*at == '"' && at[1] != '"'); at++) {
            if (*at == '"') at++; /* "" */
            *to++ = *at;
        }
        if (*at == '"') at++;
    } else {
        while (*at && *at != ',' && *at != '\n' && *at != '\r') *to++ = *at++;
    }
    if (*at == ',') at++;
    *s = at;
    *to = 0;
    return start;
}

/* One line into its fields; their number. */
static int split_line(char *line, char *field[FIELDS]) {
    int n = 0;
    char *end = line + strcspn(line, "\r\n"), *s = line;
    *end = 0;
    while (n < FIELDS && (s < end || n == 0)) field[n++] = next_field(&s);
    if (n < FIELDS && n > 0 && end > line && end[-1] == ',') field[n++] = end;
    return n;
}

static bool number(const char *s, double *v) {
    char *end;
    *v = *s ? strtod(s, &end) : NAN;
    return !*s || (end != s && !*end);
}

static int take_line(struct paper *p, char *field[FIELDS], int n) {
    double mean, ci, seeds, lr;
    if (n != FIELDS || !number(field[MEAN], &mean) || !number(field[CI], &ci) ||
        !number(field[SEEDS], &seeds) || !number(field[LR], &lr) || !(seeds >= 1))
        return -1;
    for (int i = 0; i < p->ncells; i++) {
        struct paper_cell *x = &p->cells[i];
        if (!x->arm || x->measured.n || strcmp(x->row, field[ROW]) || strcmp(x->column, field[COLUMN]))
            continue;
        x->measured = (struct stats_mean){.n = (int)seeds, .mean = mean, .sd = NAN, .ci = ci};
        x->arm->lr = lr;
        snprintf(x->arm->build, sizeof x->arm->build, "%s", field[BUILD]);
        snprintf(x->arm->cpu, sizeof x->arm->cpu, "%s", field[PROCESSOR]);
        snprintf(x->arm->date, sizeof x->arm->date, "%s", field[DATE]);
    }
    return 0;
}

int paper_measured_read(struct paper *p, struct err *e) {
    size_t n = strlen(p->path);
    if (n < 5 || strcmp(p->path + n - 5, ".yaml") != 0) return 0;
    char *path = xasprintf("%.*s.measured.csv", (int)(n - 5), p->path);
    struct strbuf b = {0};
    int rc = 0, line = 1;
    if (file_exists(path)) rc = file_read(path, MAX_BYTES, &b, e);
    for (char *s = b.s, *next; !rc && s && *s; s = next, line++) {
        char *field[FIELDS];
        next = s + strcspn(s, "\n");
        next += *next == '\n';
        if (s == next) break;
        int k = split_line(s, field);
        if (line > 1 && take_line(p, field, k))
            rc = err_set(e, ERR_USER, "%s:%d: must be row,column,mean,ci,seeds,lr,build,processor,date", path,
                         line);
    }
    strbuf_release(&b);
    free(path);
    return rc;
}
