/* SPDX-License-Identifier: Apache-2.0 */
/* pool.c - see pool.h. A thread has its share of the sequences (forward) or of the features (backward): no
 * two write one place. */
#include "harness/nn/kernels/pool.h"

#include <math.h>

#include "harness/nn/kernels/team_private.h"
#include "harness/base/util.h"

#define NORM_MIN 1e-12

/* Where feature f of a token is in panels. */
static size_t feature_offset(int ld, int token, int f) {
    return ((size_t)(token / PANEL) * (size_t)ld + (size_t)f) * PANEL + (size_t)(token % PANEL);
}

/* One sequence of tokens [a, b), b > a. */
static void mean_row(float *row, const float *x, int ldx, int d, int a, int b) {
    for (int f = 0; f < d; f++) {
        double sum = 0;
        for (int t = a; t < b;) {
            int end = MIN_OF(b, (t / PANEL + 1) * PANEL);
            const float *v = x + feature_offset(ldx, t, f);
            for (int j = 0; j < end - t; j++) sum += (double)v[j];
            t = end;
        }
        row[f] = (float)(sum / (b - a));
    }
}

static void max_row(float *row, int32_t *arg, const float *x, int ldx, int d, int a, int b) {
    for (int f = 0; f < d; f++) {
        row[f] = x[feature_offset(ldx, a, f)];
        arg[f] = a;
        for (int t = a + 1; t < b; t++) {
            float v = x[feature_offset(ldx, t, f)];
            if (!(v > row[f] || isnan(v)) || isnan(row[f])) continue;
            row[f] = v;
            arg[f] = t;
        }
    }
}

void pool_forward(struct team *t, enum pooling how, float *rows, int32_t *arg, const float *x, int ldx, int d,
                  const int32_t *first, int n) {
    TEAM_PARALLEL(t, 1.0 * (first[n] - first[0]) * d) {
        long lo, hi;
        team_range(n, &lo, &hi);
        for (long i = lo; i < hi; i++) {
            int a = first[i], b = first[i + 1];
            float *row = rows + (size_t)i * (size_t)d;
            if (a == b)
                for (int f = 0; f < d; f++) row[f] = 0;
            else if (how == POOL_MEAN)
                mean_row(row, x, ldx, d, a, b);
            else if (how == POOL_MAX)
                max_row(row, arg + (size_t)i * (size_t)d, x, ldx, d, a, b);
            else
                for (int f = 0; f < d; f++) row[f] = x[feature_offset(ldx, how == POOL_FIRST ? a : b - 1, f)];
        }
    }
}

/* Features [lo, hi) of one sequence's gradient; dx is zero there. */
static void backward_row(enum pooling how, float *dx, int lddx, const float *drow, const int32_t *arg,
                         long lo, long hi, int a, int b) {
    for (int f = (int)lo; f < (int)hi; f++) {
        if (how == POOL_MEAN)
            for (int t = a; t < b; t++) dx[feature_offset(lddx, t, f)] = drow[f] / (float)(b - a);
        else {
            int t = how == POOL_MAX ? arg[f] : how == POOL_FIRST ? a : b - 1;
            dx[feature_offset(lddx, t, f)] = drow[f];
        }
    }
}

void pool_backward(struct team *t, enum pooling how, float *dx, int lddx, int np, const float *drows,
                   const int32_t *arg, int d, const int32_t *first, int n) {
    panel_zero(t, dx, lddx, d, np);
    TEAM_PARALLEL(t, 1.0 * np * PANEL * d) {
        long lo, hi;
        team_range(d, &lo, &hi);
        for (int i = 0; i < n; i++)
            if (first[i + 1] > first[i])
                backward_row(how, dx, lddx, drows + (size_t)i * (size_t)d,
                             arg ? arg + (size_t)i * (size_t)d : NULL, lo, hi, first[i], first[i + 1]);
    }
}

static double dot_product(const float *a, const float *b, int d) {
    double sum = 0;
    for (int f = 0; f < d; f++) sum += (double)a[f] * (double)b[f];
    return sum;
}

void rows_normalize(struct team *t, float *rows, float *norm, int d, int n) {
    TEAM_PARALLEL(t, 2.0 * n * d) {
        long lo, hi;
        team_range(n, &lo, &hi);
        for (long i = lo; i < hi; i++) {
            float *x = rows + (size_t)i * (size_t)d;
            double length = sqrt(dot_product(x, x, d));
            if (length < NORM_MIN) length = NORM_MIN;
            norm[i] = (float)length;
            for (int f = 0; f < d; f++) x[f] = (float)((double)x[f] / length);
        }
    }
}

void rows_normalize_grad(struct team *t, float *dx, const float *dy, const float *y, const float *norm, int d,
                         int n) {
    TEAM_PARALLEL(t, 2.0 * n * d) {
        long lo, hi;
        team_range(n, &lo, &hi);
        for (long i = lo; i < hi; i++) {
            size_t o = (size_t)i * (size_t)d;
            /* below the least length the divisor is a constant */
            double c = norm[i] > (float)NORM_MIN ? dot_product(y + o, dy + o, d) : 0, r = 1 / (double)norm[i];
            for (int f = 0; f < d; f++)
                dx[o + (size_t)f] = (float)(((double)dy[o + (size_t)f] - c * (double)y[o + (size_t)f]) * r);
        }
    }
}
