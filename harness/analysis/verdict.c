/* SPDX-License-Identifier: Apache-2.0 */
/* verdict.c - the variance components of a setting and the interval of each configuration. See verdict.h. */
#include "harness/analysis/verdict_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/stats.h"
#include "harness/base/util.h"

#define UNSTABLE_P 0.01 /* of the family of F tests */

/* ---- rows ---------------------------------------------------------------------------------------------- */

/* Advances each run to its first row not before `item`; true: all of them have it with a finite value. */
static bool find_item(const struct verdict_run *run, int nrun, int *at, int64_t item) {
    bool all = true;
    for (int i = 0; i < nrun; i++) {
        while (at[i] < run[i].n && run[i].row[at[i]].item < item) at[i]++;
        all &= at[i] < run[i].n && run[i].row[at[i]].item == item && isfinite(run[i].row[at[i]].value);
    }
    return all;
}

/* The weight of the row that all runs stand at; NaN: one of them has none. */
static double join_weight(struct verdict_rows *j, const struct verdict_run *run, int nrun, const int *at) {
    double sum = 0;
    for (int i = 0; i < nrun; i++) {
        double w = run[i].row[at[i]].weight;
        if (!(w > 0)) return NAN;
        j->differ |= w != run[0].row[at[0]].weight;
        sum += w;
    }
    return sum / nrun;
}

void verdict_rows_join(struct verdict_rows *j, const struct verdict_run *run, int nrun) {
    int most = 0, least = run[0].n, *at = xcalloc((size_t)nrun, sizeof *at);
    for (int i = 0; i < nrun; i++) most = MAX_OF(most, run[i].n), least = MIN_OF(least, run[i].n);
    *j = (struct verdict_rows){.value = xmalloc(((size_t)nrun * (size_t)least + 1) * sizeof(double)),
                               .weight = xmalloc(((size_t)least + 1) * sizeof(double))};
    bool weighted = true;
    for (int r = 0; r < run[0].n; r++) {
        if (!find_item(run, nrun, at, run[0].row[r].item)) continue;
        for (int i = 0; i < nrun; i++)
            j->value[(size_t)i * (size_t)least + (size_t)j->n] = run[i].row[at[i]].value;
        j->weight[j->n] = join_weight(j, run, nrun, at);
        weighted &= !isnan(j->weight[j->n++]);
    }
    for (int i = 1; i < nrun && j->n < least; i++)
        memmove(j->value + (size_t)i * (size_t)j->n, j->value + (size_t)i * (size_t)least,
                (size_t)j->n * sizeof *j->value);
    j->share = most ? (double)j->n / most : 1;
    if (!weighted) {
        free(j->weight);
        j->weight = NULL, j->differ = false;
    }
    free(at);
}

void verdict_rows_release(struct verdict_rows *j) {
    free(j->value), free(j->weight);
    *j = (struct verdict_rows){0};
}

/* ---- the seeds' part ----------------------------------------------------------------------------------- */

/* Does its spread tell of those that one would choose? The chosen ones, and the better half of those with
 * several seeds: rates that are too high spread by orders of magnitude more. */
static bool is_quiet(const struct verdict_setting *s, int c) {
    const struct verdict_config *x = &s->config[c];
    int all = 0, better = 0;
    if (x->n < 2 || x->diverged) return false;
    if (x->chosen) return true;
    if (isnan(x->choice)) return false;
    for (int i = 0; i < s->n; i++) {
        const struct verdict_config *o = &s->config[i];
        if (o->n < 2 || o->diverged || isnan(o->choice)) continue;
        all++;
        better += s->sign * o->choice > s->sign * x->choice;
    }
    return 2 * better < all;
}

static int degrees_of(const struct verdict_spread *x) { return x->n - 1; }

/* Variance of all in the pool but one (-1: none is left out), and its degrees of freedom. */
static double pool_variance(const struct verdict_model *m, int without, int *df) {
    double ss = 0;
    *df = 0;
    for (int c = 0; c < m->n; c++) {
        const struct verdict_spread *x = &m->config[c];
        if (!x->pooled || c == without) continue;
        ss += degrees_of(x) * x->sd * x->sd;
        *df += degrees_of(x);
    }
    return *df ? ss / *df : NAN;
}

/* One that spreads so much that it cannot be of the others' kind leaves the pool, at most a third of all. */
static void pool_seeds(struct verdict_model *m) {
    int count = 0, df;
    for (int c = 0; c < m->n; c++) count += m->config[c].pooled;
    for (int left = (count - 1) / 3; left > 0; left--, count--) {
        int widest = -1;
        for (int c = 0; c < m->n; c++)
            if (m->config[c].pooled && (widest < 0 || m->config[c].sd > m->config[widest].sd)) widest = c;
        struct verdict_spread *x = &m->config[widest];
        double rest = pool_variance(m, widest, &df), s2 = x->sd * x->sd;
        double p = rest > 0 ? stats_f_tail(s2 / rest, degrees_of(x), df) : s2 > 0 ? 0 : 1;
        if (p >= UNSTABLE_P / count) break;
        x->pooled = false, x->unstable = true;
        m->unstable++;
    }
    m->pooled = count;
    m->s2 = pool_variance(m, -1, &df);
    m->df = df;
}

/* The variance of one run's score: the pool's, or one between it and its own where that is larger: a noisy
 * configuration among quiet ones would be called better or worse by mere noise. */
static void spread_use(struct verdict_model *m, struct verdict_spread *x) {
    double own = x->sd * x->sd;
    int d = degrees_of(x);
    if (x->unstable) {
        x->v = own, x->df = d;
        return;
    }
    x->v = m->s2, x->df = m->df;
    if (d > 0) x->v = fmax(m->s2, (m->s2 + d * own) / (1 + d));
}

/* Expected largest of n standard normal values; beyond the table Blom's approximation (1958). */
static double expected_best(int n) {
    static const double best[] = {0,
                                  0,
                                  0.5641895835477563,
                                  0.8462843753216345,
                                  1.0293753730039641,
                                  1.1629644736405196,
                                  1.2672063606114713,
                                  1.3521783756069042,
                                  1.4236003060450443};
    if (n < (int)ARRAY_LEN(best)) return best[n];
    return stats_normal_quantile((n - 0.375) / (n + 0.25));
}

double choice_luck(int tried, double variance, int seeds) {
    return tried > 1 ? expected_best(tried) * sqrt(variance / seeds) : 0;
}

/* Half of an interval that holds the truth with 95 % though the estimate is too good by anything from nothing
 * to `luck`: P(-half <= error + luck <= half) is 0.95 (Imbens and Manski, Econometrica 72, 2004). */
static double biased_half(double se, double df, double luck) {
    double lo = stats_t_quantile(0.975, df) * se, hi = lo + luck;
    for (int i = 0; i < 100 && luck > 0; i++) {
        double mid = lo + (hi - lo) / 2;
        if (mid == lo || mid == hi) break;
        double inside = stats_t_cdf((mid + luck) / se, df) - stats_t_cdf((luck - mid) / se, df);
        *(inside < 0.95 ? &lo : &hi) = mid;
    }
    return lo;
}

static void spread_show(const struct verdict_model *m, struct verdict_spread *x) {
    x->half = NAN, x->lo = NAN, x->hi = NAN;
    if (x->diverged || x->n < 1) {
        x->show = VERDICT_SHOW_DIVERGED;
        return;
    }
    if (!(x->df > 1) && !x->unstable) return; /* VERDICT_SHOW_SCORE */
    x->half = biased_half(sqrt(x->v / x->n), x->df, choice_luck(x->tried, x->v, x->n));
    x->lo = x->mean - x->half, x->hi = x->mean + x->half;
    if (m->least < m->most) x->lo = fmax(x->lo, m->least), x->hi = fmin(x->hi, m->most);
    if (x->unstable || (x->n == 2 && x->df < 3))
        x->show = VERDICT_SHOW_VALUES;
    else
        x->show = x->n == 1 ? VERDICT_SHOW_BORROWED : VERDICT_SHOW_POOLED;
}

/* ---- the rows' part ------------------------------------------------------------------------------------ */

/* Weights with mean 1, so that the weighted mean is mean(k y). */
static void weights_scale(struct verdict_model *m, const double *weight) {
    double sum = 0;
    for (int r = 0; r < m->rows; r++) sum += weight ? weight[r] : 1;
    for (int r = 0; r < m->rows; r++) m->k[r] = (weight ? weight[r] : 1) * m->rows / sum;
}

double weighted_squares(const struct verdict_model *m, const double *x, double *mean) {
    double sum = 0, ss = 0;
    for (int r = 0; r < m->rows; r++) sum += m->k[r] * x[r];
    *mean = sum / m->rows;
    for (int r = 0; r < m->rows; r++) ss += m->k[r] * m->k[r] * (x[r] - *mean) * (x[r] - *mean);
    return ss;
}

/* Mean over seeds of each row; NaN: a configuration without rows. */
static void rows_mean(struct verdict_model *m, int c) {
    const struct verdict_config *x = &m->in[c];
    double *mean = m->row + (size_t)c * (size_t)m->rows;
    for (int r = 0; r < m->rows; r++) {
        double sum = x->row && x->n ? 0 : NAN;
        for (int s = 0; s < x->n && x->row; s++) {
            double y = x->row[(size_t)s * (size_t)m->rows + (size_t)r];
            m->binary &= y == 0 || y == 1;
            sum += y;
        }
        mean[r] = sum / x->n;
    }
}

/* Sum of squares of what a row's scores with several seeds differ by, less what a seed shifts all rows by.
 * e: room for the rows. */
static double residual_squares(struct verdict_model *m, int c, double *e) {
    const struct verdict_config *x = &m->in[c];
    const double *mean = m->row + (size_t)c * (size_t)m->rows;
    double ss = 0, shift;
    for (int s = 0; s < x->n; s++) {
        for (int r = 0; r < m->rows; r++) e[r] = x->row[(size_t)s * (size_t)m->rows + (size_t)r] - mean[r];
        ss += weighted_squares(m, e, &shift);
    }
    return ss;
}

static void rows_fit(struct verdict_model *m, const struct verdict_setting *s) {
    size_t cells = (size_t)m->n * (size_t)m->rows;
    double *e = xmalloc(((size_t)m->rows + 1) * sizeof *e), ss = 0, df = 0;
    m->k = xmalloc(((size_t)m->rows + 1) * sizeof *m->k);
    m->row = xmalloc((cells + 1) * sizeof *m->row);
    m->binary = m->rows > 0;
    weights_scale(m, s->weight);
    for (int c = 0; c < m->n; c++) {
        struct verdict_spread *x = &m->config[c];
        rows_mean(m, c);
        x->residual = NAN;
        if (!m->in[c].row || x->n < 2 || m->rows < 2) continue;
        double own = residual_squares(m, c, e), d = (double)degrees_of(x) * (m->rows - 1);
        x->residual = own / d;
        ss += own, df += d;
    }
    m->residual = df > 0 ? ss / df : 0;
    free(e);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

void verdict_fit(struct verdict_model *m, const struct verdict_setting *s) {
    *m = (struct verdict_model){.n = s->n,
                                .sign = s->sign,
                                .rows = s->rows,
                                .least = s->least,
                                .most = s->most,
                                .in = s->config,
                                .config = xcalloc((size_t)s->n + 1, sizeof *m->config)};
    for (int c = 0; c < s->n; c++) {
        const struct verdict_config *x = &s->config[c];
        struct stats_mean mean = stats_mean(x->score, x->n);
        if (mean.sd <= VERDICT_ROUNDING * fabs(mean.mean)) mean.sd = 0;
        m->config[c] = (struct verdict_spread){.n = x->n,
                                               .diverged = x->diverged,
                                               .tried = MAX_OF(x->tried, 1),
                                               .mean = mean.mean,
                                               .sd = mean.sd,
                                               .pooled = is_quiet(s, c)};
    }
    pool_seeds(m);
    rows_fit(m, s);
    for (int c = 0; c < s->n; c++) {
        spread_use(m, &m->config[c]);
        spread_show(m, &m->config[c]);
    }
}

void verdict_release(struct verdict_model *m) {
    free(m->config), free(m->k), free(m->row);
    *m = (struct verdict_model){0};
}
