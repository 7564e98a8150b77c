/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.c - see metrics.h for the definitions. */
#include "experiments/tasks/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/util.h"

/* ---- rankings ------------------------------------------------------------------------------------------ */

static double dcg(const float *rel, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++)
        if (rel[i] > 0) sum += (double)rel[i] / log2(i + 2.0);
    return sum;
}

static int count_hits(const struct ranking *r, int k) {
    int found = 0;
    for (int i = 0; i < r->n && i < k; i++) found += r->rel[i] > 0;
    return found;
}

double rank_ndcg(const struct ranking *r, int k) {
    double best = dcg(r->ideal, MIN_OF(k, r->relevant));
    return best > 0 ? dcg(r->rel, MIN_OF(k, r->n)) / best : 0;
}

double rank_mrr(const struct ranking *r, int k) {
    for (int i = 0; i < r->n && i < k; i++)
        if (r->rel[i] > 0) return 1 / (i + 1.0);
    return 0;
}

double rank_ap(const struct ranking *r, int k) {
    double sum = 0;
    int found = 0;
    for (int i = 0; i < r->n && i < k; i++)
        if (r->rel[i] > 0) sum += ++found / (i + 1.0);
    int most = r->all ? r->relevant : MIN_OF(k, r->relevant);
    return most ? sum / most : 0;
}

double rank_recall(const struct ranking *r, int k) {
    return r->relevant ? (double)count_hits(r, k) / r->relevant : 0;
}
double rank_precision(const struct ranking *r, int k) { return (double)count_hits(r, k) / k; }
double rank_accuracy(const struct ranking *r, int k) { return count_hits(r, k) > 0; }

/* ---- similarities -------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b, void *arg) {
    const double *x = arg, p = x[*(const int *)a], q = x[*(const int *)b];
    return (p > q) - (p < q);
}

void metric_ranks(double *rank, const double *x, int n, int *order) {
    for (int i = 0; i < n; i++) order[i] = i;
    qsort_r(order, (size_t)n, sizeof *order, by_value, (void *)(uintptr_t)x);
    for (int i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && x[order[j]] == x[order[i]]; j++) continue;
        for (int k = i; k < j; k++) rank[order[k]] = (i + 1 + j) / 2.0;
    }
}

double metric_pearson(const double *x, const double *y, int n) {
    double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
    for (int i = 0; i < n; i++) mx += x[i], my += y[i];
    mx /= n, my /= n;
    for (int i = 0; i < n; i++) {
        double a = x[i] - mx, b = y[i] - my;
        xx += a * a, yy += b * b, xy += a * b;
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx) / sqrt(yy) : NAN;
}

double metric_spearman(const double *x, const double *y, int n) {
    for (int i = 0; i < n; i++)
        if (isnan(x[i]) || isnan(y[i])) return NAN; /* no order */
    double *rx = xcalloc(2 * (size_t)n, sizeof *rx);
    int *order = xcalloc((size_t)n, sizeof *order);
    metric_ranks(rx, x, n, order);
    metric_ranks(rx + n, y, n, order);
    double r = metric_pearson(rx, rx + n, n);
    free(order);
    free(rx);
    return r;
}

/* ---- classes ------------------------------------------------------------------------------------------- */

static long row_sum(const long *table, int classes, int c) {
    long sum = 0;
    for (int j = 0; j < classes; j++) sum += table[c * classes + j];
    return sum;
}

static long column_sum(const long *table, int classes, int c) {
    long sum = 0;
    for (int i = 0; i < classes; i++) sum += table[i * classes + c];
    return sum;
}

double metric_accuracy(const long *table, int classes) {
    double right = 0, all = 0;
    for (int c = 0; c < classes; c++) {
        right += (double)table[c * classes + c];
        all += (double)row_sum(table, classes, c);
    }
    return right / all;
}

double metric_f1(const long *table, int classes, int of) {
    long both = row_sum(table, classes, of) + column_sum(table, classes, of);
    return both ? 2.0 * (double)table[of * classes + of] / (double)both : 0;
}

double metric_f1_macro(const long *table, int classes) {
    double sum = 0;
    int n = 0;
    for (int c = 0; c < classes; c++) {
        if (!row_sum(table, classes, c) && !column_sum(table, classes, c)) continue;
        sum += metric_f1(table, classes, c);
        n++;
    }
    return sum / n;
}

double metric_matthews(const long *table, int classes) {
    double right = 0, all = 0, cross = 0, truth = 0, predicted = 0;
    for (int c = 0; c < classes; c++) {
        double t = (double)row_sum(table, classes, c), p = (double)column_sum(table, classes, c);
        right += (double)table[c * classes + c];
        all += t;
        cross += t * p;
        truth += t * t;
        predicted += p * p;
    }
    double below = sqrt(all * all - predicted) * sqrt(all * all - truth);
    return below > 0 ? (right * all - cross) / below : 0;
}
