/* SPDX-License-Identifier: Apache-2.0 */
/* verdict_pair.c - the difference of two configurations, its interval and its verdict. See verdict.h. */
#include <math.h>
#include <stdlib.h>

#include "harness/analysis/verdict_private.h"
#include "harness/base/stats.h"
#include "harness/base/util.h"

#define LEVEL       0.05 /* of a family */
#define FEW_DEGREES 3    /* below, Satterthwaite's degrees of freedom promise too much */

const char *verdict_name(enum verdict v) {
    static const char *const names[] = {"no verdict", "diverged", "identical",
                                        "undecided",  "better",   "worse"};
    return names[v];
}

int verdict_family(int arms, bool against) {
    int pairs = against ? arms - 1 : arms * (arms - 1) / 2;
    return MAX_OF(pairs, 1);
}

/* ---- an error of two parts ----------------------------------------------------------------------------- */

double error_df(const struct error_parts *e) {
    double v = e->seeds + e->rows, rows = e->rows > 0 ? e->rows * e->rows / e->rows_df : 0;
    return v > 0 ? v * v / (e->den + rows) : NAN;
}

double error_seeds_df(const struct error_parts *e) {
    return e->seeds > 0 ? e->seeds * e->seeds / e->den : NAN;
}

bool error_careful(const struct error_parts *e) {
    return e->seeds > 0 && e->rows > 0 && error_seeds_df(e) < FEW_DEGREES;
}

double error_quantile(const struct error_parts *e, double level) {
    double v = e->seeds + e->rows;
    if (!error_careful(e)) return -stats_t_quantile(level / 2, error_df(e));
    return -(e->seeds * stats_t_quantile(level / 2, error_seeds_df(e)) +
             e->rows * stats_t_quantile(level / 2, e->rows_df)) /
           v;
}

/* The level of which x is the quantile, by halving its logarithm. */
static double error_tail(const struct error_parts *e, double x) {
    if (!error_careful(e)) return stats_t_p(x, error_df(e));
    double lo = log(1e-300), hi = 0;
    if (x <= 0) return 1;
    for (int i = 0; i < 100; i++) {
        double mid = (lo + hi) / 2;
        if (mid == lo || mid == hi) break;
        *(error_quantile(e, exp(mid)) > x ? &lo : &hi) = mid;
    }
    return exp(hi);
}

/* ---- the parts of a pair ------------------------------------------------------------------------------- */

static void seeds_part(const struct verdict_model *m, const struct verdict_pair *p, struct error_parts *e) {
    const struct verdict_spread *a = &m->config[p->a], *b = &m->config[p->b];
    double va = a->v / a->n, vb = b->v / b->n;
    e->seeds = va + vb;
    e->den = a->unstable || b->unstable ? va * va / a->df + vb * vb / b->df : e->seeds * e->seeds / m->df;
}

/* Variance of the mean of x[rows] by which rows were drawn: a weighted mean's, to the first order. Where rows
 * are right or wrong one more that disagrees is added: at the ceiling there may be none, and no spread. */
static double rows_variance(const struct verdict_model *m, const double *x, double *mean) {
    double ss = m->binary + weighted_squares(m, x, mean);
    return ss / ((double)m->rows * (m->rows - 1));
}

/* residual: variance of the mean of the rows' differences that the seeds hold already. x: room for rows. */
static void rows_part(const struct verdict_model *m, struct verdict_pair *p, struct error_parts *e,
                      double residual, double *x) {
    const double *a = m->row + (size_t)p->a * (size_t)m->rows, *b = m->row + (size_t)p->b * (size_t)m->rows;
    double mean;
    p->no_rows = m->rows < 2 || isnan(a[0]) || isnan(b[0]);
    e->rows = 0, e->rows_df = m->rows - 1;
    if (p->no_rows) return;
    p->same = m->config[p->a].n == m->config[p->b].n;
    for (int r = 0; r < m->rows; r++) {
        x[r] = b[r] - a[r];
        p->same &= x[r] == 0;
    }
    p->rows_raw = rows_variance(m, x, &mean);
    p->rows_residual = residual;
    p->approximate =
        fabs(mean - p->diff) > 0.25 * sqrt(p->rows_raw) && fabs(mean - p->diff) > 1e-9 * fabs(p->diff);
    e->rows = fmax(0, p->rows_raw - p->rows_residual);
}

/* ---- luck of the choice -------------------------------------------------------------------------------- */

/* The best of more configurations is more flattered: by how much at most. */
static double unequal_luck(const struct verdict_model *m, const struct verdict_pair *p) {
    const struct verdict_spread *a = &m->config[p->a], *b = &m->config[p->b];
    int seeds = MIN_OF(a->n, b->n);
    if (a->tried == b->tried || isnan(m->s2)) return 0;
    return m->sign * (choice_luck(b->tried, m->s2, seeds) - choice_luck(a->tried, m->s2, seeds));
}

/* ---- judging ------------------------------------------------------------------------------------------- */

static void bound_interval(const struct verdict_model *m, double *lo, double *hi) {
    double range = m->most - m->least;
    if (range > 0) *lo = fmax(*lo, -range), *hi = fmin(*hi, range);
}

static enum verdict interval_verdict(const struct verdict_model *m, const struct verdict_pair *p) {
    if (p->same) return VERDICT_IDENTICAL;
    if (p->lo > 0) return m->sign > 0 ? VERDICT_BETTER : VERDICT_WORSE;
    if (p->hi < 0) return m->sign > 0 ? VERDICT_WORSE : VERDICT_BETTER;
    return VERDICT_UNDECIDED;
}

/* Is a difference, or a standard error, of these two nothing but rounding? */
static bool is_rounding(const struct verdict_model *m, const struct verdict_pair *p, double v) {
    return fabs(v) <= VERDICT_ROUNDING * (fabs(m->config[p->a].mean) + fabs(m->config[p->b].mean));
}

/* Interval, p and verdict from diff, family and the parts of the error. */
static void finish_pair(const struct verdict_model *m, struct verdict_pair *p, const struct error_parts *e) {
    double v = e->seeds + e->rows, se = sqrt(v);
    p->seeds = e->seeds, p->rows = e->rows;
    p->df_seeds = error_seeds_df(e), p->df = error_df(e), p->careful = error_careful(e);
    p->same &= is_rounding(m, p, p->diff);
    if (is_rounding(m, p, se)) { /* no spread was seen at all: equal scores are equal, others tell nothing */
        p->same |= p->no_rows && is_rounding(m, p, p->diff);
        p->verdict = p->same ? VERDICT_IDENTICAL : VERDICT_NONE;
        if (p->same) p->lo = p->hi = p->lo1 = p->hi1 = 0, p->p = p->p1 = 1;
        return;
    }
    p->flat = unequal_luck(m, p);
    double up = fmax(0, p->flat), down = fmax(0, -p->flat);
    double half = error_quantile(e, LEVEL / p->family) * se, half1 = error_quantile(e, LEVEL) * se;
    p->allow = p->diff > 0 ? up : down;
    p->lo = p->diff - half - up, p->hi = p->diff + half + down;
    p->lo1 = p->diff - half1 - up, p->hi1 = p->diff + half1 + down;
    bound_interval(m, &p->lo, &p->hi);
    bound_interval(m, &p->lo1, &p->hi1);
    p->p1 = error_tail(e, fmax(0, fabs(p->diff) - p->allow) / se);
    p->p = fmin(1, p->family * p->p1);
    p->verdict = interval_verdict(m, p);
}

static struct verdict_pair begin_pair(const struct verdict_model *m, int a, int b, int family) {
    const struct verdict_spread *x = &m->config[a], *y = &m->config[b];
    struct verdict_pair p = {.a = a,
                             .b = b,
                             .family = family,
                             .diff = y->mean - x->mean,
                             .seeds = NAN,
                             .rows = NAN,
                             .df_seeds = NAN,
                             .df = NAN,
                             .lo = NAN,
                             .hi = NAN,
                             .lo1 = NAN,
                             .hi1 = NAN,
                             .p = NAN,
                             .p1 = NAN};
    if (x->diverged || y->diverged)
        p.verdict = VERDICT_DIVERGED;
    else if (!x->n || !y->n || isnan(x->v) || isnan(y->v))
        p.verdict = VERDICT_NONE;
    else
        p.verdict = VERDICT_UNDECIDED;
    return p;
}

/* Variance that the seeds of c leave in the mean of a row: all configurations' or its own, whichever is less.
 * Taking off too much leaves rows out of the error: one noisy configuration would make the others seem sure.
 * Of a single seed it is the others': fmin leaves NaN out. */
static double seed_residual(const struct verdict_model *m, int c) {
    return fmin(m->residual, m->config[c].residual) / m->config[c].n;
}

struct verdict_pair verdict_judge(const struct verdict_model *m, int a, int b, int family) {
    struct verdict_pair p = begin_pair(m, a, b, family);
    struct error_parts e;
    if (p.verdict != VERDICT_UNDECIDED) return p;
    double *x = xmalloc(((size_t)m->rows + 1) * sizeof *x);
    seeds_part(m, &p, &e);
    rows_part(m, &p, &e, m->rows < 2 ? 0 : (seed_residual(m, a) + seed_residual(m, b)) / m->rows, x);
    finish_pair(m, &p, &e);
    free(x);
    return p;
}

/* ---- twins --------------------------------------------------------------------------------------------- */

/* Runs of both with the same seed, at most `most`. */
static int common_seeds(const struct verdict_config *a, const struct verdict_config *b, int (*of)[2]) {
    int n = 0;
    if (!a->seed || !b->seed) return 0;
    for (int i = 0; i < a->n; i++)
        for (int j = 0; j < b->n; j++)
            if (a->seed[i] == b->seed[j]) of[n][0] = i, of[n++][1] = j;
    return n;
}

/* What of the rows' differences changes with the seed: twins share most of a row's residual too, so that the
 * pool's would take off too much. Mean over seeds, as of their difference's mean. */
static double twins_residual(const struct verdict_model *m, const struct verdict_config *a,
                             const struct verdict_config *b, int (*of)[2], int n, double *x) {
    double ss = 0, shift;
    size_t rows = (size_t)m->rows;
    if (m->rows < 2 || !a->row || !b->row) return 0;
    double *mean = xcalloc(rows, sizeof *mean);
    for (int s = 0; s < n; s++)
        for (size_t r = 0; r < rows; r++)
            mean[r] += (b->row[(size_t)of[s][1] * rows + r] - a->row[(size_t)of[s][0] * rows + r]) / n;
    for (int s = 0; s < n; s++) {
        for (size_t r = 0; r < rows; r++)
            x[r] = b->row[(size_t)of[s][1] * rows + r] - a->row[(size_t)of[s][0] * rows + r] - mean[r];
        ss += weighted_squares(m, x, &shift) / (m->rows - 1);
    }
    free(mean);
    return ss / (n - 1) / n / m->rows;
}

struct verdict_pair verdict_twins(const struct verdict_model *m, int a, int b) {
    const struct verdict_config *x = &m->in[a], *y = &m->in[b];
    struct verdict_pair p = begin_pair(m, a, b, 1);
    int(*of)[2] = xcalloc((size_t)x->n * (size_t)y->n + 1, sizeof *of), n = common_seeds(x, y, of);
    if (p.verdict == VERDICT_DIVERGED || n < 3 || n < x->n || n < y->n) {
        free(of);
        return verdict_judge(m, a, b, 1);
    }
    double *d = xmalloc((size_t)n * sizeof *d), *room = xmalloc(((size_t)m->rows + 1) * sizeof *room);
    for (int s = 0; s < n; s++) d[s] = y->score[of[s][1]] - x->score[of[s][0]];
    double sd = stats_mean(d, n).sd;
    struct error_parts e = {.seeds = sd * sd / n};
    e.den = e.seeds * e.seeds / (n - 1);
    p.twins = true;
    rows_part(m, &p, &e, twins_residual(m, x, y, of, n, room), room);
    finish_pair(m, &p, &e);
    free(of), free(d), free(room);
    return p;
}

/* ---- ranks and claims ---------------------------------------------------------------------------------- */

void verdict_ranks(const struct verdict_model *m, const struct verdict_pair *pair, int npair, int *rank,
                   bool *tied) {
    for (int c = 0; c < m->n; c++) rank[c] = 0, tied[c] = false;
    for (int i = 0; i < npair; i++)
        if (pair[i].verdict != VERDICT_DIVERGED) rank[pair[i].a] = rank[pair[i].b] = 1;
    for (int i = 0; i < npair; i++) {
        if (pair[i].verdict == VERDICT_BETTER) rank[pair[i].a]++;
        if (pair[i].verdict == VERDICT_WORSE) rank[pair[i].b]++;
    }
    for (int i = 0; i < m->n; i++)
        for (int j = 0; j < m->n; j++) tied[i] |= i != j && rank[i] && rank[i] == rank[j];
}

enum verdict_answer verdict_answer(const struct verdict_model *m, const struct verdict_pair *p,
                                   enum verdict_rule rule, double margin) {
    double lo = m->sign > 0 ? p->lo1 : -p->hi1, hi = m->sign > 0 ? p->hi1 : -p->lo1;
    if (isnan(lo) || isnan(hi)) return ANSWER_NO_VERDICT;
    double from = rule == VERDICT_IS_BETTER ? margin : -margin,
           to = rule == VERDICT_IS_AS_GOOD ? margin : INFINITY;
    bool open = rule == VERDICT_IS_BETTER; /* a gain of exactly the margin is not more than it */
    if ((open ? lo > from : lo >= from) && hi <= to) return ANSWER_SUPPORTED;
    if ((open ? hi <= from : hi < from) || lo > to) return ANSWER_NOT_SUPPORTED;
    return ANSWER_UNDECIDED;
}

bool verdict_as_good(const struct verdict_pair *p, double margin) {
    return p->lo >= -margin && p->hi <= margin; /* false of NaN */
}
