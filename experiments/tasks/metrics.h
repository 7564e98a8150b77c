/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.h - what predictions are scored by: rankings, similarities, classes. Pure functions of numbers.
 *
 * Rankings. A query has a list of documents, best first, and the relevances of all documents that are
 * relevant to it. Documents of equal score stand in the order in which they are offered. A relevance is 0 or
 * less for an irrelevant document; grades count in nDCG alone (gain = grade, discount log2(rank + 1), as
 * trec_eval's ndcg_cut; with grades of 0 and 1 that is sentence-transformers' nDCG). AP at k divides by
 * min(k, relevant documents), as sentence-transformers does, or by the relevant documents, as trec_eval's
 * map_cut (and so BEIR).
 *
 * Classes. F1 of a class is 2 tp / (2 tp + fp + fn), 0 when that is 0/0; macro: the mean over the classes
 * that occur among truth or predictions, as scikit-learn does. Matthews' coefficient is Gorodkin's of the
 * whole confusion table (2004), 0 where a side has one class only. */
#ifndef BENCH_TASKS_METRICS_H
#define BENCH_TASKS_METRICS_H

#include <stdbool.h>
#include <stdint.h>

/* ---- rankings ------------------------------------------------------------------------------------------ */

/* The documents that a query found, best first. */
struct ranking {
    const float *rel; /* [n]: their relevances */
    int n;
    const float *ideal; /* [relevant]: the relevances of all relevant documents, largest first */
    int relevant;       /* 0: nothing is relevant, and every score is 0 */
    bool all;           /* AP divides by all relevant documents (trec_eval), not by the k that can be found */
};
double rank_ndcg(const struct ranking *r, int k);
double rank_mrr(const struct ranking *r,
                int k); /* 1 / rank of the first relevant one among the first k, or 0 */
double rank_ap(const struct ranking *r, int k);
double rank_recall(const struct ranking *r, int k);
double rank_precision(const struct ranking *r, int k);
double rank_accuracy(const struct ranking *r, int k); /* 1: a relevant one among the first k */

/* ---- similarities -------------------------------------------------------------------------------------- */

/* Average ranks from 1; ties share the mean of theirs. order: scratch [n]. */
void metric_ranks(double *rank, const double *x, int n, int *order);
/* NaN when a side is constant, or n < 2, or a value is NaN. */
double metric_pearson(const double *x, const double *y, int n);
double metric_spearman(const double *x, const double *y, int n);

/* ---- classes ------------------------------------------------------------------------------------------- */

/* table[truth * classes + predicted]: counts. */
double metric_accuracy(const long *table, int classes);
double metric_f1(const long *table, int classes, int of); /* of that class */
double metric_f1_macro(const long *table, int classes);
double metric_matthews(const long *table, int classes);

#endif
