/* SPDX-License-Identifier: Apache-2.0 */
/* stats.c - see stats.h.
 *
 * Student's t and Fisher's F through the regularised incomplete beta function,
 *     P(|T| >= t) = I_x(df/2, 1/2), x = df / (df + t^2),
 *     P(F > f)    = I_x(d2/2, d1/2), x = d2 / (d2 + d1 f),
 * by Lentz's evaluation of its continued fraction (Abramowitz and Stegun 26.5.8, 26.6.2, 26.7.1). */
#include "harness/base/stats.h"

#include <math.h>
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

/* ---- means --------------------------------------------------------------------------------------------- */

/* Sum of squares around the mean, in two passes. */
static double sum_squares(const double *v, int n, double mean) {
    double ss = 0;
    for (int i = 0; i < n; i++) ss += (v[i] - mean) * (v[i] - mean);
    return ss;
}

struct stats_mean stats_mean(const double *v, int n) {
    struct stats_mean m = {.n = n, .mean = NAN, .sd = NAN};
    if (n < 1) return m;
    double sum = 0;
    for (int i = 0; i < n; i++) sum += v[i];
    m.mean = sum / n;
    if (n < 2) return m;
    m.sd = sqrt(sum_squares(v, n, m.mean) / (n - 1));
    return m;
}
