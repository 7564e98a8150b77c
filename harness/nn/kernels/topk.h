/* SPDX-License-Identifier: Apache-2.0 */
/* topk.h - the k best of the scores that are offered, and rows of one matrix scored against rows of another:
 * what a search over vectors is made of, exact and without an index.
 *
 * Equal scores stand in the order of their ids, NaN behind every number. Results do not depend on how the
 * documents are cut into blocks, nor on the number of threads. */
#ifndef BENCH_NN_TOPK_H
#define BENCH_NN_TOPK_H

#include "harness/nn/kernels/panel.h"

/* Both arrays belong to the caller. */
struct topk {
    int k, n;     /* as many as are kept, and as are there */
    float *score; /* [k], best first */
    int32_t *id;
};
/* Offer score[0..n) of documents first, first + 1, ...: in ascending order of documents over all calls. */
void topk_add(struct topk *t, const float *score, int n, int32_t first);

/* hat[i] = the leading d features of row i at length 1, i < n; rows are ld apart in `rows`, d in `hat`. Sums
 * in double; a length below 1e-12 counts as that. */
void rows_unit(float *hat, const float *rows, size_t ld, long n, int d);

/* Offer to top[j] the products of query j [d] with the documents first .. first + n - 1 (rows [n, d]), j <
 * queries. At minus infinity stand the documents first + i of which skip[i] is true, and for query j document
 * self[j] (-1: none); either NULL: none does. x, s: scratch of panels(queries) panels of d and of n
 * features. */
void topk_products(struct team *t, struct topk *top, const float *query, int queries, const float *document,
                   int n, int d, int32_t first, const bool *skip, const long *self, float *x, float *s);

#endif
