/* SPDX-License-Identifier: Apache-2.0 */
/* attention.c - scaled dot-product attention over packed sequences, by the same micro-kernel as every other
 * product.
 *
 * A panel of 32 queries sits in the lanes; scores are S^T [keys][32], so softmax needs no reduction across
 * lanes, and a lane's own [start, lim) masks the keys of other sequences. Forward keeps the running maximum
 * and sum over pieces of at most KEYS keys (Milakov & Gimelshein, 1805.02867; Dao et al., 2205.14135);
 * backward recomputes P from the saved log-sum-exp:
 *
 *   pass 1, per query panel and head:  P, dP = dO V^T, D = sum P dP, dS = scale P (dP - D), dQ = dS K
 *   pass 2, per key panel and kv head: P and dP again with the keys in the lanes, dV = P^T dO, dK = dS^T Q,
 *                                      summed over the query heads of the group and the query panels in order
 *
 * Shapes: np panels of tokens, H query heads, G key/value heads, hd features of a head; [np][f][32] are
 * panels (panel.h).
 *
 * Every output has one writer: no atomics, and the same bits for any number of threads. Limit: about
 * 50,000 panels in a batch (the shared scratch holds the key limits). */
#include "harness/nn/kernels/attention.h"

#include <math.h>
#include <string.h>

#include "harness/base/err.h"
#include "harness/nn/kernels/team_private.h"
#include "harness/base/util.h"

enum {
    KEY_PANELS = 32, /* key panels per piece: 1024 keys; two score buffers are 256 KiB */
    KEYS = KEY_PANELS * PANEL,
};

/* What the 32 queries of a panel may see: per token lim (end, or token + 1 when causal), per panel the hull
 * [lo, hi) and the range [all_lo, all_hi) that every lane sees. */
struct reach {
    int32_t lo, hi, all_lo, all_hi;
};

struct att_job {
    const struct attention *a;
    const struct kernels *k;
    const int32_t *start, *lim; /* [np * 32], by query */
    const struct reach *reach;  /* [np] */
    double pairs;               /* about how many (query, key) pairs there are */
};

static struct att_job att_start(struct team *t, const struct attention *a) {
    size_t np = (size_t)a->np;
    BUG_ON(np * (PANEL + 4) > TEAM_SHARED, "np=%d", a->np);
    BUG_ON(a->heads % a->kv_heads, "%d heads, %d kv heads", a->heads, a->kv_heads);
    int32_t *lim = (int32_t *)t->shared;
    struct reach *reach = (struct reach *)(lim + np * PANEL);
    double pairs = 0;
    for (size_t p = 0; p < np; p++) {
        struct reach r = {INT32_MAX, 0, 0, INT32_MAX};
        for (size_t i = p * PANEL; i < (p + 1) * PANEL; i++) {
            lim[i] = a->causal ? MIN_OF(a->end[i], (int32_t)i + 1) : a->end[i];
            r.all_lo = MAX_OF(r.all_lo, a->start[i]);
            r.all_hi = MIN_OF(r.all_hi, lim[i]);
            if (a->start[i] >= lim[i]) continue;
            r.lo = MIN_OF(r.lo, a->start[i]);
            r.hi = MAX_OF(r.hi, lim[i]);
        }
        if (r.lo > r.hi) r.lo = r.hi = 0;
        reach[p] = r;
        pairs += (double)(r.hi - r.lo) * PANEL;
    }
    return (struct att_job){a, kernels_get(), a->start, lim, reach, pairs};
}

static bool is_masked(const struct reach *r, int key_panel) {
    return r->all_lo > key_panel * PANEL || r->all_hi < (key_panel + 1) * PANEL;
}

static const float *head_at(const float *x, int ld, int p, int h, int hd) {
    return x + ((size_t)p * ld + (size_t)h * hd) * PANEL;
}

/* out [32][32] = A^T x: row j of the broadcast panel `w` against the lanes of x, over hd features. */
static void score_panel(const struct att_job *j, float *out, const float *w, const float *x) {
    struct seg s = {.w = w, .ws = PANEL, .trans = true, .x = x, .k = j->a->hd};
    j->k->mm(out, PANEL, 0, PANEL, 1, &s, 1, NULL, false, NULL);
}

/* ---- forward ------------------------------------------------------------------------------------------- */

/* One piece of keys: o, max and sum are brought up to date. */
static void forward_piece(const struct att_job *j, float *o, float *max, float *sum, float *s, int p,
                          const float *q, const float *k, int ldk, const float *v, int ldv, int kvh, int k0,
                          int k1, bool first) {
    const struct attention *a = j->a;
    const int32_t *start = j->start + p * PANEL, *lim = j->lim + p * PANEL;
    float old[PANEL], safe[PANEL];
    struct seg segs[KEY_PANELS];
    memcpy(old, max, sizeof old);
    for (int kp = k0; kp < k1; kp++) {
        float *at = s + (size_t)(kp - k0) * PANEL * PANEL;
        score_panel(j, at, head_at(k, ldk, kp, kvh, a->hd), q);
        j->k->score_max(at, PANEL, a->scale, kp * PANEL, start, lim, is_masked(&j->reach[p], kp), max);
        segs[kp - k0] = (struct seg){.w = head_at(v, ldv, kp, kvh, a->hd), .ws = PANEL, .x = at, .k = PANEL};
    }
    /* a lane that has seen no key yet */
    for (int i = 0; i < PANEL; i++) safe[i] = max[i] == -INFINITY ? 0 : max[i];
    if (!first) {
        for (int i = 0; i < PANEL; i++) {
            old[i] = old[i] == -INFINITY ? 0 : expf(old[i] - safe[i]);
            sum[i] *= old[i];
        }
        j->k->lane_scale(o, old, a->hd);
    }
    j->k->exp_sum(s, (k1 - k0) * PANEL, safe, sum);
    j->k->mm(o, PANEL, 0, a->hd, 1, segs, k1 - k0, NULL, !first, NULL);
}

void attention_forward(struct team *t, const struct attention *a, float *o, int ldo, float *lse,
                       const float *q, int ldq, const float *k, int ldk, const float *v, int ldv) {
    struct att_job j = att_start(t, a);
    TEAM_PARALLEL(t, 0.03 * j.pairs * a->heads * a->hd) {
        float *s = team_local(t);
#pragma omp for schedule(dynamic, 1)
        for (int item = a->np * a->heads - 1; item >= 0; item--) {
            int p = item / a->heads, h = item % a->heads;
            int k0 = j.reach[p].lo / PANEL, k1 = (j.reach[p].hi + PANEL - 1) / PANEL;
            float *op = o + ((size_t)p * ldo + (size_t)h * a->hd) * PANEL, max[PANEL], sum[PANEL] = {0};
            for (int i = 0; i < PANEL; i++) max[i] = -INFINITY;
            for (int kp = k0; kp < k1; kp += KEY_PANELS)
                forward_piece(&j, op, max, sum, s, p, head_at(q, ldq, p, h, a->hd), k, ldk, v, ldv,
                              h / (a->heads / a->kv_heads), kp, MIN_OF(kp + KEY_PANELS, k1), kp == k0);
            if (k0 == k1) memset(op, 0, sizeof(float) * PANEL * (size_t)a->hd);
            float *l = lse + ((size_t)p * a->heads + h) * PANEL;
            for (int i = 0; i < PANEL; i++) {
                bool none = sum[i] == 0; /* no key at all: padding. A NaN is not 0 and stays */
                l[i] = none ? 0 : max[i] + logf(sum[i]);
                sum[i] = none ? 0 : 1 / sum[i];
            }
            j.k->lane_scale(op, sum, a->hd);
        }
    }
}

/* ---- backward ------------------------------------------------------------------------------------------ */

struct att_grad {
    const float *q;     /* [np][H hd][32], with ldq features per panel */
    const float *k, *v; /* [np][G hd][32], with ldk, ldv */
    const float *d_o;   /* [np][H hd][32], with lddo */
    const float *lse;   /* [np][H][32] */
    int ldq, ldk, ldv, lddo;
    float *delta;   /* [np][H][32] */
    float *dq;      /* [np][H hd][32], with lddq */
    float *dk, *dv; /* [np][G hd][32], with lddk, lddv */
    int lddq, lddk, lddv;
};

/* P and dP of query panel p, head h, for key panels k0..k1-1. */
static void query_piece(const struct att_job *j, const struct att_grad *g, int p, int h, int k0, int k1,
                        float *s, float *dp) {
    const struct attention *a = j->a;
    int kvh = h / (a->heads / a->kv_heads);
    for (int kp = k0; kp < k1; kp++) {
        size_t at = (size_t)(kp - k0) * PANEL * PANEL;
        score_panel(j, s + at, head_at(g->k, g->ldk, kp, kvh, a->hd), head_at(g->q, g->ldq, p, h, a->hd));
        j->k->prob(s + at, PANEL, a->scale, kp * PANEL, j->start + p * PANEL, j->lim + p * PANEL,
                   is_masked(&j->reach[p], kp), g->lse + ((size_t)p * a->heads + h) * PANEL);
        score_panel(j, dp + at, head_at(g->v, g->ldv, kp, kvh, a->hd), head_at(g->d_o, g->lddo, p, h, a->hd));
    }
}

/* Pass 1. More keys than one piece holds are gone through twice: for D, then for dQ. */
static void query_pass(const struct att_job *j, const struct att_grad *g, int p, int h, float *s, float *dp) {
    const struct attention *a = j->a;
    int k0 = j->reach[p].lo / PANEL, k1 = (j->reach[p].hi + PANEL - 1) / PANEL;
    int kvh = h / (a->heads / a->kv_heads);
    float *dq = g->dq + ((size_t)p * g->lddq + (size_t)h * a->hd) * PANEL;
    float *d = g->delta + ((size_t)p * a->heads + h) * PANEL;
    memset(d, 0, sizeof(float) * PANEL);
    if (k0 == k1) memset(dq, 0, sizeof(float) * PANEL * (size_t)a->hd);
    for (int kp = k0; kp < k1; kp += KEY_PANELS) {
        int end = MIN_OF(kp + KEY_PANELS, k1);
        query_piece(j, g, p, h, kp, end, s, dp);
        j->k->dot_lanes(d, s, dp, (end - kp) * PANEL);
    }
    for (int kp = k0; kp < k1; kp += KEY_PANELS) {
        int end = MIN_OF(kp + KEY_PANELS, k1);
        struct seg segs[KEY_PANELS];
        if (k1 - k0 > KEY_PANELS) query_piece(j, g, p, h, kp, end, s, dp);
        j->k->ds_lanes(dp, s, d, a->scale, (end - kp) * PANEL);
        for (int i = kp; i < end; i++)
            segs[i - kp] = (struct seg){.w = head_at(g->k, g->ldk, i, kvh, a->hd),
                                        .ws = PANEL,
                                        .x = dp + (size_t)(i - kp) * PANEL * PANEL,
                                        .k = PANEL};
        j->k->mm(dq, PANEL, 0, a->hd, 1, segs, end - kp, NULL, kp != k0, NULL);
    }
}

/* P and dS of query panel p, head h, with the keys of panel kp in the lanes. */
static void key_piece(const struct att_job *j, const struct att_grad *g, int p, int h, int kp, int kvh,
                      float *s, float *dp) {
    const struct attention *a = j->a;
    size_t row = ((size_t)p * a->heads + h) * PANEL;
    score_panel(j, s, head_at(g->q, g->ldq, p, h, a->hd), head_at(g->k, g->ldk, kp, kvh, a->hd));
    j->k->prob_rows(s, a->scale, kp * PANEL, j->start + p * PANEL, j->lim + p * PANEL,
                    is_masked(&j->reach[p], kp), g->lse + row);
    score_panel(j, dp, head_at(g->d_o, g->lddo, p, h, a->hd), head_at(g->v, g->ldv, kp, kvh, a->hd));
    j->k->ds_rows(dp, s, g->delta + row, a->scale);
}

/* Pass 2. */
static void key_pass(const struct att_job *j, const struct att_grad *g, int kp, int kvh, float *s,
                     float *dp) {
    const struct attention *a = j->a;
    int group = a->heads / a->kv_heads, n = 0;
    bool first = true;
    float *dk = g->dk + ((size_t)kp * g->lddk + (size_t)kvh * a->hd) * PANEL;
    float *dv = g->dv + ((size_t)kp * g->lddv + (size_t)kvh * a->hd) * PANEL;
    struct seg sv[KEY_PANELS], sk[KEY_PANELS];
    for (int h = kvh * group; h < (kvh + 1) * group; h++)
        for (int p = 0; p < a->np; p++) {
            if (j->reach[p].lo < (kp + 1) * PANEL && j->reach[p].hi > kp * PANEL) {
                size_t at = (size_t)n * PANEL * PANEL;
                key_piece(j, g, p, h, kp, kvh, s + at, dp + at);
                sv[n] = (struct seg){
                    .w = head_at(g->d_o, g->lddo, p, h, a->hd), .ws = PANEL, .x = s + at, .k = PANEL};
                sk[n] = (struct seg){
                    .w = head_at(g->q, g->ldq, p, h, a->hd), .ws = PANEL, .x = dp + at, .k = PANEL};
                n++;
            }
            bool last = h == (kvh + 1) * group - 1 && p == a->np - 1;
            if (n < KEY_PANELS && !last) continue;
            j->k->mm(dv, PANEL, 0, a->hd, 1, sv, n, NULL, !first, NULL);
            j->k->mm(dk, PANEL, 0, a->hd, 1, sk, n, NULL, !first, NULL);
            first = false;
            n = 0;
        }
}

void attention_backward(struct team *t, const struct attention *a, float *dq, int lddq, float *dk, int lddk,
                        float *dv, int lddv, float *delta, const float *d_o, int lddo, const float *lse,
                        const float *q, int ldq, const float *k, int ldk, const float *v, int ldv) {
    struct att_job j = att_start(t, a);
    struct att_grad g = {q, k, v, d_o, lse, ldq, ldk, ldv, lddo, delta, dq, dk, dv, lddq, lddk, lddv};
    TEAM_PARALLEL(t, 0.1 * j.pairs * a->heads * a->hd) {
        float *s = team_local(t), *dp = s + (size_t)KEYS * PANEL;
#pragma omp for schedule(dynamic, 1)
        for (int item = a->np * a->heads - 1; item >= 0; item--)
            query_pass(&j, &g, item / a->heads, item % a->heads, s, dp);
#pragma omp for schedule(dynamic, 1)
        for (int item = 0; item < a->np * a->kv_heads; item++)
            key_pass(&j, &g, item / a->kv_heads, item % a->kv_heads, s, dp);
    }
}
