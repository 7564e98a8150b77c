/* stats.c - see stats.h.
 *
 * Student's t and Fisher's F through the regularised incomplete beta function,
 *     P(|T| >= t) = I_x(df/2, 1/2), x = df / (df + t^2),
 *     P(F > f)    = I_x(d2/2, d1/2), x = d2 / (d2 + d1 f),
 * by Lentz's evaluation of its continued fraction (Abramowitz and Stegun 26.5.8, 26.6.2, 26.7.1). */
#include "harness/base/stats.h"

#include <math.h>
#include <stdlib.h>

#include "harness/base/rng.h"
#include "harness/base/util.h"

/* ---- distributions ------------------------------------------------------------------------------------- */

/* The continued fraction of I_x(a, b), for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double x, double a, double b) {
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double h = d;
    for (int m = 1; m < 10000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), step = 1;
        for (int k = 0; k < 2; k++) {
            double t = k ? odd : even;
            d = 1 + t * d, c = 1 + t / c;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            if (fabs(c) < tiny) c = tiny;
            h *= step = c * d;
        }
        if (fabs(step - 1) < 1e-16) break;
    }
    return h;
}

/* ln gamma(x) less Stirling's (x - 1/2) ln x - x + ln(2 pi) / 2, for x >= 10 (Abramowitz and Stegun 6.1.41).
 */
static double stirling_rest(double x) {
    double y = 1 / (x * x);
    return (1 / 12.0 - y * (1 / 360.0 -
                            y * (1 / 1260.0 - y * (1 / 1680.0 - y * (1 / 1188.0 - y * (691 / 360360.0 -
                                                                                       y * (1 / 156.0))))))) /
           x;
}

/* ln B(a, b). Of large arguments the logarithms of gamma would lose digits in their difference; those cancel
 * in Stirling's formula before any is computed. */
static double log_beta(double a, double b) {
    const double half_log_2pi = 0.91893853320467274178;
    double p = fmin(a, b), q = fmax(a, b);
    if (q < 10) return lgamma(p) + lgamma(q) - lgamma(p + q);
    double rest = stirling_rest(q) - stirling_rest(p + q), tail = q * log1p(-p / (p + q));
    if (p < 10) return lgamma(p) + rest + p - p * log(p + q) + tail - 0.5 * log1p(-p / (p + q));
    return half_log_2pi - 0.5 * log(q) + stirling_rest(p) + rest + (p - 0.5) * log(p / (p + q)) + tail;
}

/* I_x(a, b); y = 1 - x, given apart because one of the two may be too small for the difference. */
static double beta_regularised(double x, double y, double a, double b) {
    if (x <= 0) return 0;
    if (y <= 0) return 1;
    double log_x = x > 0.5 ? log1p(-y) : log(x), log_y = y > 0.5 ? log1p(-x) : log(y);
    double front = exp(a * log_x + b * log_y - log_beta(a, b));
    if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(x, a, b) / a;
    return 1 - front * beta_fraction(y, b, a) / b;
}

double stats_t_p(double t, double df) {
    double q = t * t;
    if (isnan(t) || !(df > 0)) return NAN;
    if (isinf(q)) return 0;
    return beta_regularised(df / (df + q), q / (df + q), df / 2, 0.5);
}

double stats_t_cdf(double t, double df) {
    double tail = stats_t_p(t, df) / 2;
    return t > 0 ? 1 - tail : tail;
}

/* d ln P(T > t) / d ln t, where P(|T| >= t) is p. */
static double tail_slope(double t, double df, double p) {
    double density = exp(-0.5 * (df + 1) * log1p(t * t / df) - log_beta(df / 2, 0.5)) / sqrt(df);
    return -2 * t * density / p;
}

/* By Newton's steps in ln t on ln p, which is nearly straight there (a power of t far out, a parabola for
 * many degrees of freedom), kept between bounds that close in on the quantile: halved where a step leaves
 * them. */
double stats_t_quantile(double p, double df) {
    if (!(p > 0 && p < 1) || !(df > 0)) return NAN;
    double both = 2 * (p < 0.5 ? p : 1 - p), lo = 0, hi = INFINITY, t = 1;
    if (both == 1) return 0;
    for (int i = 0; i < 2000; i++) {
        double now = stats_t_p(t, df), next = t * exp((log(both) - log(now)) / tail_slope(t, df, now));
        if (now == both) break;
        *(now > both ? &lo : &hi) = t;
        if (!(next > lo && next < hi)) next = isinf(hi) ? 2 * t : lo + (hi - lo) / 2;
        if (next == t || fabs(next - t) < 1e-15 * t) break;
        t = next;
    }
    return p < 0.5 ? -t : t;
}

double stats_f_tail(double f, double d1, double d2) {
    if (isnan(f) || !(d1 > 0) || !(d2 > 0)) return NAN;
    if (f <= 0) return 1;
    if (isinf(f)) return 0;
    return beta_regularised(d2 / (d2 + d1 * f), d1 * f / (d2 + d1 * f), d2 / 2, d1 / 2);
}

/* Halving P(Z > z) = erfc(z / sqrt 2) / 2, which is exact far out as well. */
double stats_normal_quantile(double p) {
    if (!(p > 0 && p < 1)) return NAN;
    double tail = p < 0.5 ? p : 1 - p, lo = 0, hi = 40;
    for (int i = 0; i < 200; i++) {
        double mid = lo + (hi - lo) / 2;
        if (mid == lo || mid == hi) break;
        *(erfc(mid * M_SQRT1_2) / 2 > tail ? &lo : &hi) = mid;
    }
    return p < 0.5 ? -lo : lo;
}

/* ---- means and differences ----------------------------------------------------------------------------- */

/* Sum of squares around the mean, in two passes. */
static double sum_squares(const double *v, int n, double mean) {
    double ss = 0;
    for (int i = 0; i < n; i++) ss += (v[i] - mean) * (v[i] - mean);
    return ss;
}

struct stats_mean stats_mean(const double *v, int n) {
    struct stats_mean m = {.n = n, .mean = NAN, .sd = NAN, .ci = NAN};
    if (n < 1) return m;
    double sum = 0;
    for (int i = 0; i < n; i++) sum += v[i];
    m.mean = sum / n;
    if (n < 2) return m;
    m.sd = sqrt(sum_squares(v, n, m.mean) / (n - 1));
    m.ci = stats_t_quantile(0.975, n - 1) * m.sd / sqrt(n);
    return m;
}

/* Interval and p from diff, se and df. */
static void diff_finish(struct stats_diff *d) {
    double half = stats_t_quantile(0.975, d->df) * d->se;
    d->lo = d->diff - half, d->hi = d->diff + half;
    if (d->se > 0)
        d->p = stats_t_p(d->diff / d->se, d->df);
    else
        d->p = d->diff == 0 ? 1 : 0;
}

static struct stats_diff diff_only(double diff, int n) {
    return (struct stats_diff){.n = n, .diff = diff, .se = NAN, .df = NAN, .lo = NAN, .hi = NAN, .p = NAN};
}

struct stats_diff stats_paired(const double *a, const double *b, int n) {
    double *v = xmalloc((size_t)MAX_OF(n, 1) * sizeof *v);
    for (int i = 0; i < n; i++) v[i] = b[i] - a[i];
    struct stats_mean m = stats_mean(v, n);
    free(v);
    struct stats_diff d = diff_only(m.mean, n);
    if (n < 2) return d;
    d.se = m.sd / sqrt(n), d.df = n - 1;
    diff_finish(&d);
    return d;
}

struct stats_diff stats_unpaired(const double *a, int na, const double *b, int nb) {
    struct stats_mean ma = stats_mean(a, na), mb = stats_mean(b, nb);
    struct stats_diff d = diff_only(mb.mean - ma.mean, MIN_OF(na, nb));
    if (d.n < 2) return d;
    double va = ma.sd * ma.sd / na, vb = mb.sd * mb.sd / nb;
    d.se = sqrt(va + vb);
    d.df = va + vb > 0 ? (va + vb) * (va + vb) / (va * va / (na - 1) + vb * vb / (nb - 1)) : na + nb - 2;
    diff_finish(&d);
    return d;
}

struct stats_diff stats_combine(double diff, double se1, double df1, double se2, double df2) {
    struct stats_diff d = diff_only(diff, 0);
    double v1 = isnan(se1) ? 0 : se1 * se1, v2 = isnan(se2) ? 0 : se2 * se2;
    if (isnan(diff) || (isnan(se1) && isnan(se2))) return d;
    double each = (isnan(se1) ? 0 : v1 * v1 / df1) + (isnan(se2) ? 0 : v2 * v2 / df2);
    d.se = sqrt(v1 + v2);
    d.df = each > 0 ? (v1 + v2) * (v1 + v2) / each : (isnan(se1) ? 0 : df1) + (isnan(se2) ? 0 : df2);
    diff_finish(&d);
    return d;
}

/* ---- resampling ---------------------------------------------------------------------------------------- */

static int num_compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double stats_quantile(const double *sorted, int n, double q) {
    double at = q * (n - 1);
    int i = (int)at;
    if (i >= n - 1) return sorted[n - 1];
    return sorted[i] + (at - i) * (sorted[i + 1] - sorted[i]);
}

struct stats_boot stats_bootstrap(const double *v, int n, int draws, uint64_t seed) {
    struct stats_boot b = {NAN, NAN, NAN};
    if (n < 2 || draws < 2) return b;
    struct rng stream = rng_make(seed, "bootstrap", (uint64_t)n);
    double *mean = xmalloc((size_t)draws * sizeof *mean);
    uint64_t counter = 0;
    for (int k = 0; k < draws; k++) {
        double sum = 0;
        for (int i = 0; i < n; i++) /* a 32-bit draw scaled to 0..n-1: the bias is below n / 2^32 */
            sum += v[(uint64_t)rng_u32(stream, counter++) * (uint64_t)n >> 32];
        mean[k] = sum / n;
    }
    b.se = stats_mean(mean, draws).sd;
    qsort(mean, (size_t)draws, sizeof *mean, num_compare);
    b.lo = stats_quantile(mean, draws, 0.025);
    b.hi = stats_quantile(mean, draws, 0.975);
    free(mean);
    return b;
}

/* ---- families and ranks -------------------------------------------------------------------------------- */

struct placed {
    double v;
    int i;
};

static int placed_compare(const void *va, const void *vb) {
    const struct placed *a = va, *b = vb;
    return a->v < b->v ? -1 : a->v > b->v ? 1 : a->i - b->i;
}

/* The n' values that are not NaN, ascending, with their places. Caller frees. */
static struct placed *placed_sort(const double *v, int n, int *kept) {
    struct placed *s = xmalloc((size_t)MAX_OF(n, 1) * sizeof *s);
    *kept = 0;
    for (int i = 0; i < n; i++)
        if (!isnan(v[i])) s[(*kept)++] = (struct placed){v[i], i};
    qsort(s, (size_t)*kept, sizeof *s, placed_compare);
    return s;
}

void stats_holm(const double *p, int n, double *adjusted) {
    int m;
    struct placed *s = placed_sort(p, n, &m);
    double least = 0; /* adjusted values never fall along the order */
    for (int i = 0; i < n; i++) adjusted[i] = p[i];
    for (int k = 0; k < m; k++) {
        least = fmax(least, fmin(1, (m - k) * s[k].v));
        adjusted[s[k].i] = least;
    }
    free(s);
}

void stats_ranks(const double *v, int n, double *rank) {
    int m;
    struct placed *s = placed_sort(v, n, &m);
    for (int i = 0; i < n; i++) rank[i] = NAN;
    for (int i = 0, j; i < m; i = j) {
        for (j = i + 1; j < m && s[j].v == s[i].v; j++) continue;
        for (int k = i; k < j; k++) rank[s[k].i] = (i + 1 + j) / 2.0;
    }
    free(s);
}

double stats_pooled_sd(const double *const *v, const int *n, int ngroup, int *df) {
    double ss = 0;
    *df = 0;
    for (int g = 0; g < ngroup; g++) {
        if (n[g] < 2) continue;
        ss += sum_squares(v[g], n[g], stats_mean(v[g], n[g]).mean);
        *df += n[g] - 1;
    }
    return *df ? sqrt(ss / *df) : NAN;
}
