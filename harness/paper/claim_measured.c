/* SPDX-License-Identifier: Apache-2.0 */
/* claim_measured.c - claims.measured.csv: the comparisons of claims as they were once measured (claim.h,
 * measured.h).
 *
 * The interval is kept, not the verdict: rule and margin are those of the file. rows: that were scored,
 * counted: that the interval knows of; where these are fewer it is of the seeds alone. */
#include <math.h>
#include <stdlib.h>

#include "harness/paper/claim.h"
#include "harness/paper/measured.h"
#include "harness/table/table.h"

enum { CLAIM, A, B, MEAN_A, MEAN_B, GAIN, LO, HI, SEEDS, ROWS, COUNTED, BUILD, PROCESSOR, DATE, FIELDS };
static const char *const names[FIELDS] = {"claim", "a",     "b",    "mean_a",  "mean_b", "gain",      "lo",
                                          "hi",    "seeds", "rows", "counted", "build",  "processor", "date"};

void claims_measured_write(const struct claims *all, struct strbuf *out) {
    struct table *t = table_new();
    for (int i = 0; i < FIELDS; i++) table_column(t, names[i], names[i], TABLE_PLAIN, TABLE_BOTH);
    for (int i = 0; i < all->n; i++) {
        const struct claim *c = &all->v[i];
        for (int k = 0; k < c->npairs && !c->partial; k++) {
            const struct claim_pair *p = &c->pairs[k];
            const double v[] = {p->mean_a, p->mean_b, p->gain, p->lo, p->hi};
            if (!p->seeds) continue;
            table_text(t, c->name);
            table_text(t, p->a);
            table_text(t, p->b);
            for (size_t j = 0; j < ARRAY_LEN(v); j++) table_num_or_null(t, v[j]);
            table_int(t, p->seeds);
            table_int(t, p->rows);
            table_int(t, p->counted);
            table_text(t, p->build);
            table_text(t, p->cpu);
            table_text(t, p->date);
        }
    }
    table_write(t, TABLE_AS_CSV, 0, out);
    table_free(t);
}

static bool has_runs(const struct claim *c) {
    for (int k = 0; k < c->npairs; k++)
        if (!isnan(c->pairs[k].mean_a) || !isnan(c->pairs[k].mean_b)) return true;
    return false;
}

static int take_row(struct claim *c, const struct rows *r, long i, struct err *e) {
    double v[COUNTED - MEAN_A + 1];
    bool good = true;
    for (int k = MEAN_A; k <= COUNTED; k++) good = measured_number(r, i, k, &v[k - MEAN_A]) && good;
    if (!good || !(v[SEEDS - MEAN_A] >= 1))
        return rows_error(r, i, e, "mean_a to counted must be numbers, seeds at least 1");
    for (int k = 0; k < c->npairs; k++) {
        struct claim_pair *p = &c->pairs[k];
        if (!measured_is(r, i, A, p->a) || !measured_is(r, i, B, p->b)) continue;
        p->mean_a = v[0];
        p->mean_b = v[1];
        p->gain = v[2];
        p->lo = v[3];
        p->hi = v[4];
        p->seeds = (int)v[5];
        p->rows = (int)v[6];
        p->counted = (int)v[7];
        p->margin = c->relative ? c->margin * fabs(p->mean_a) : c->margin;
        p->verdict = claim_judge(c->rule, p, arm_value_exact(c->value));
        measured_text(r, i, BUILD, p->build, sizeof p->build);
        measured_text(r, i, PROCESSOR, p->cpu, sizeof p->cpu);
        measured_text(r, i, DATE, p->date, sizeof p->date);
        c->kept = true;
    }
    return 0;
}

int claims_measured(struct claims *all, struct err *e) {
    struct rows *r;
    int rc = measured_open(&r, all->path, names, FIELDS, e);
    for (int n = 0; !rc && r && n < all->n; n++) {
        struct claim *c = &all->v[n];
        if (c->why || has_runs(c)) continue;
        for (long i = 0; !rc && i < rows_count(r); i++)
            if (measured_is(r, i, CLAIM, c->name)) rc = take_row(c, r, i, e);
        c->verdict = claim_together(c);
    }
    rows_free(r);
    return rc;
}
