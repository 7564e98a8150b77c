/* SPDX-License-Identifier: Apache-2.0 */
/* attention.h - attention over packed sequences, forward and backward. */
#ifndef BENCH_NN_ATTENTION_H
#define BENCH_NN_ATTENTION_H

#include "harness/nn/kernels/panel.h"

/* Attention over packed sequences, never T x T in memory. start[t], end[t]: token t may attend to keys in
 * [start[t], end[t]); causal adds key <= t. Both arrays have 32 np entries; for padding tokens start = end =
 * 0 (they attend to nothing and produce zeros). Query head h uses key/value head h / (heads/kv_heads). q, o:
 * heads*hd features; k, v: kv_heads*hd. lse: `heads` features (log-sum-exp of the scaled scores, kept for
 * backward). */
struct attention {
    int heads, kv_heads, hd;
    float scale; /* usually 1/sqrt(hd) */
    bool causal;
    const int32_t *start, *end; /* [np * 32] */
    int np;
};
void attention_forward(struct team *t, const struct attention *a, float *o, int ldo, float *lse,
                       const float *q, int ldq, const float *k, int ldk, const float *v, int ldv);
/* dq, dk, dv are overwritten. o is not needed: D = sum_j P_j dP_j is taken in the first pass. `delta` is
 * scratch for D: `heads` features x np panels. */
void attention_backward(struct team *t, const struct attention *a, float *dq, int lddq, float *dk, int lddk,
                        float *dv, int lddv, float *delta, const float *d_o, int lddo, const float *lse,
                        const float *q, int ldq, const float *k, int ldk, const float *v, int ldv);

#endif
