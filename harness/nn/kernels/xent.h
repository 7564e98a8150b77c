/* SPDX-License-Identifier: Apache-2.0 */
/* xent.h - cross-entropy over the vocabulary, logits never held whole. */
#ifndef BENCH_NN_XENT_H
#define BENCH_NN_XENT_H

#include "harness/nn/kernels/panel.h"

/* h: panels of the n labelled tokens only (panel_gather), d features. E [V, d], bias [V] or NULL. target[j]
 * in 0..V-1, j < n. nll[j] = log sum exp(logits) - logit[target] (float32), top1[j] = arg max (lowest index
 * on ties; top1 may be NULL). With dh: dh[j] = scale * (softmax - onehot) E (overwritten; padding lanes
 * zero). With dE / dbias (row-major [V, d], += ): also the head's gradient; this takes one more pass over the
 * vocabulary. dE needs dh. */
void xent(struct team *t, float *nll, int32_t *top1, float *dh, int lddh, float *dE, float *dbias,
          const struct weight *E, const float *bias, const float *h, int ldh, int n, const int32_t *target,
          float scale);
/* Rows of logits [n, V] row-major, for `bench logits` and sampling. One token (n = 1) is summed in another
 * order than many: 1e-6 apart. */
void logits_rows(struct team *t, float *rows, const struct weight *E, const float *bias, const float *h,
                 int ldh, int n);

#endif
