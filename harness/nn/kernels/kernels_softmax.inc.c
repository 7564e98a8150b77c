/* SPDX-License-Identifier: Apache-2.0 */
/* kernels_softmax.inc.c - softmax along the rows of score and logit tiles [n][32], one token per lane. Part
 * of kernels.inc.c. */

INLINE ivec seen(int key, const int32_t *start, const int32_t *lim) {
    return (splati(key) >= ldi(start)) & (splati(key) < ldi(lim));
}

static void score_max(float *s, int n, float sc, int key0, const int32_t *start, const int32_t *lim,
                      bool masked, float *max) {
    for (int j = 0; j < PANEL; j += VL) {
        vec m = ld(max + j);
        for (int i = 0; i < n; i++) {
            float *at = s + (size_t)i * PANEL + j;
            vec v = ld(at) * sc;
            if (masked) v = select_v(seen(key0 + i, start + j, lim + j), v, splat(-INFINITY));
            st(at, v);
            m = max_v(m, v);
        }
        st(max + j, m);
    }
}

/* exp(s - max) is of one sign, so plain float sums of a few hundred rows lose nothing that matters. */
static void exp_sum(float *s, int n, const float *max, float *total) {
    for (int j = 0; j < PANEL; j += VL) {
        vec m = ld(max + j), a[2] = {{0}, {0}};
        for (int i = 0; i < n; i++) {
            float *at = s + (size_t)i * PANEL + j;
            vec e = exp_v(ld(at) - m);
            st(at, e);
            a[i & 1] += e;
        }
        st(total + j, ld(total + j) + (a[0] + a[1]));
    }
}

static void prob(float *s, int n, float sc, int key0, const int32_t *start, const int32_t *lim, bool masked,
                 const float *lse) {
    for (int j = 0; j < PANEL; j += VL) {
        vec l = ld(lse + j);
        for (int i = 0; i < n; i++) {
            float *at = s + (size_t)i * PANEL + j;
            vec e = exp_v(ld(at) * sc - l);
            if (masked) e = select_v(seen(key0 + i, start + j, lim + j), e, (vec){0});
            st(at, e);
        }
    }
}

static void dot_lanes(float *d, const float *p, const float *dp, int n) {
    for (int j = 0; j < PANEL; j += VL) {
        vec a[2] = {{0}, {0}};
        for (int i = 0; i < n; i++)
            a[i & 1] += ld(p + (size_t)i * PANEL + j) * ld(dp + (size_t)i * PANEL + j);
        st(d + j, ld(d + j) + (a[0] + a[1]));
    }
}

static void ds_lanes(float *dp, const float *p, const float *d, float sc, int n) {
    for (int i = 0; i < n; i++)
#pragma GCC unroll 8
        for (int j = 0; j < PANEL; j += VL) {
            size_t o = (size_t)i * PANEL + j;
            st(dp + o, ld(p + o) * (ld(dp + o) - ld(d + j)) * sc);
        }
}

static void prob_rows(float *s, float sc, int key0, const int32_t *start, const int32_t *lim, bool masked,
                      const float *lse) {
    int32_t key[PANEL];
    for (int j = 0; j < PANEL; j++) key[j] = key0 + j;
    for (int i = 0; i < PANEL; i++)
#pragma GCC unroll 8
        for (int j = 0; j < PANEL; j += VL) {
            float *at = s + (size_t)i * PANEL + j;
            vec e = exp_v(ld(at) * sc - lse[i]);
            if (masked) {
                ivec k = ldi(key + j);
                e = select_v((k >= splati(start[i])) & (k < splati(lim[i])), e, (vec){0});
            }
            st(at, e);
        }
}

static void ds_rows(float *dp, const float *p, const float *d, float sc) {
    for (int i = 0; i < PANEL; i++)
#pragma GCC unroll 8
        for (int j = 0; j < PANEL; j += VL) {
            size_t o = (size_t)i * PANEL + j;
            st(dp + o, ld(p + o) * (ld(dp + o) - d[i]) * sc);
        }
}

static void argmax(const float *l, int n, int v0, float *best, int32_t *index) {
    for (int j = 0; j < PANEL; j += VL) {
        vec b = ld(best + j);
        ivec at = ldi(index + j);
        for (int i = 0; i < n; i++) {
            vec v = ld(l + (size_t)i * PANEL + j);
            ivec gt = v > b;
            at = select_i(gt, splati(v0 + i), at);
            b = select_v(gt, v, b);
        }
        st(best + j, b);
        sti(index + j, at);
    }
}

static void max_rows(const float *l, int n, float *max) {
    for (int j = 0; j < PANEL; j += VL) {
        vec m = ld(max + j);
        for (int i = 0; i < n; i++) m = max_v(m, ld(l + (size_t)i * PANEL + j));
        st(max + j, m);
    }
}

static void softmax_given(float *l, int n, const float *lse) {
    for (int i = 0; i < n; i++)
#pragma GCC unroll 8
        for (int j = 0; j < PANEL; j += VL) {
            float *at = l + (size_t)i * PANEL + j;
            st(at, exp_v(ld(at) - ld(lse + j)));
        }
}
