/* SPDX-License-Identifier: Apache-2.0 */
/* verdict_plan.c - what a sweep of this size can tell, and how many seeds or rows would tell more. See
 * verdict.h. */
#include <math.h>
#include <stdlib.h>

#include "harness/analysis/verdict_private.h"
#include "harness/base/util.h"

/* ---- resolution ---------------------------------------------------------------------------------------- */

struct half_width {
    double half, seeds;
};

static int compare_halves(const void *va, const void *vb) {
    const struct half_width *a = va, *b = vb;
    return (a->half > b->half) - (a->half < b->half);
}

struct verdict_resolution verdict_resolution(const struct verdict_pair *pair, int npair) {
    struct verdict_resolution r = {NAN, NAN, 0};
    struct half_width *v = xmalloc(((size_t)npair + 1) * sizeof *v);
    for (int i = 0; i < npair; i++) {
        const struct verdict_pair *p = &pair[i];
        if (isnan(p->lo) || isnan(p->hi) || !(p->seeds + p->rows > 0)) continue;
        v[r.pairs++] = (struct half_width){(p->hi - p->lo) / 2, p->seeds / (p->seeds + p->rows)};
    }
    qsort(v, (size_t)r.pairs, sizeof *v, compare_halves);
    if (r.pairs) {
        int mid = r.pairs / 2;
        r.difference = r.pairs % 2 ? v[mid].half : (v[mid - 1].half + v[mid].half) / 2;
        r.seeds = v[mid].seeds;
    }
    free(v);
    return r;
}

/* ---- planning ------------------------------------------------------------------------------------------ */

/* Variance of one run's score with other rows: what they add (residual / rows) changes, the seeds' own stays.
 * With as many rows as there are it is v itself. */
static double run_variance(const struct verdict_model *m, double v, int rows) {
    if (m->rows < 2) return v;
    double now = m->residual / m->rows, then = m->residual / rows;
    return fmax(v - now + then, v * fmin(1, (double)m->rows / rows));
}

/* Degrees of freedom of the pool when each chosen configuration has at least so many seeds. */
static double pool_degrees(const struct verdict_model *m, int seeds) {
    double df = 0;
    for (int c = 0; c < m->n; c++) {
        const struct verdict_spread *x = &m->config[c];
        if (x->unstable || x->diverged || x->n < 1) continue;
        if (m->in[c].chosen)
            df += MAX_OF(x->n, seeds) - 1;
        else if (x->pooled)
            df += x->n - 1;
    }
    return df;
}

double verdict_expect(const struct verdict_model *m, const struct verdict_pair *p, int seeds, int rows) {
    const struct verdict_spread *of[] = {&m->config[p->a], &m->config[p->b]};
    struct error_parts e = {.rows_df = rows - 1};
    double own = 0;
    if (!(p->seeds + p->rows > 0)) return NAN;
    for (int i = 0; i < 2; i++) {
        int n = MAX_OF(of[i]->n, seeds);
        double v = run_variance(m, of[i]->v, rows) / n;
        e.seeds += v;
        own += v * v / (of[i]->unstable ? n - 1 : pool_degrees(m, seeds));
    }
    bool unstable = of[0]->unstable || of[1]->unstable;
    e.den = unstable ? own : e.seeds * e.seeds / pool_degrees(m, seeds);
    if (m->rows >= 2) e.rows = p->rows * m->rows / rows;
    return error_quantile(&e, 0.05 / p->family) * sqrt(e.seeds + e.rows);
}

struct verdict_need verdict_plan(const struct verdict_model *m, const struct verdict_pair *p, double target) {
    struct verdict_need need = {0};
    int have = MIN_OF(m->config[p->a].n, m->config[p->b].n), rows = MAX_OF(m->rows, 2);
    if (!(p->seeds + p->rows > 0)) return need;
    for (int s = have; s <= VERDICT_MOST_SEEDS && !need.seeds; s++)
        if (verdict_expect(m, p, s, rows) < target) need.seeds = s;
    for (int f = 1; f <= VERDICT_MOST_ROWS && m->rows >= 2 && !need.rows; f *= 2)
        if (verdict_expect(m, p, have, f * rows) < target) need.rows = f * rows;
    for (int s = have; s <= VERDICT_MOST_SEEDS && m->rows >= 2 && !need.both_seeds; s++)
        for (int f = 1; f <= VERDICT_MOST_ROWS && !need.both_seeds; f *= 2)
            if (verdict_expect(m, p, s, f * rows) < target) need.both_seeds = s, need.both_rows = f * rows;
    return need;
}
