/* SPDX-License-Identifier: Apache-2.0 */
/* kernels_narrow.inc.c - products with one token: features in the lanes. Part of kernels.inc.c. */

/* y[i] += sum over kk < k of w[i*ws + kk] x[kk], i < m: four rows at a time, two vectors of partial sums
 * each. */
INLINE void narrow_tile(const int mr, float *y, const float *w, ptrdiff_t ws, const float *x, int k) {
    vec a[4][2];
    int kk = 0;
#pragma GCC unroll 4
    for (int i = 0; i < mr; i++) a[i][0] = a[i][1] = (vec){0};
    for (; kk + 2 * VL <= k; kk += 2 * VL) {
        vec x0 = ld(x + kk), x1 = ld(x + kk + VL);
#pragma GCC unroll 4
        for (int i = 0; i < mr; i++) {
            a[i][0] += ld(w + i * ws + kk) * x0;
            a[i][1] += ld(w + i * ws + kk + VL) * x1;
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < mr; i++) {
        float s = hsum(a[i][0] + a[i][1]);
        for (int j = kk; j < k; j++) s += w[i * ws + j] * x[j];
        y[i] += s;
    }
}

static void narrow_rows(float *y, const float *w, ptrdiff_t ws, int m, const float *x, int k) {
    int i = 0;
    for (; i + 4 <= m; i += 4) narrow_tile(4, y + i, w + i * ws, ws, x, k);
    for (; i < m; i++) narrow_tile(1, y + i, w + i * ws, ws, x, k);
}

/* y[i] += sum over kk < k of w[kk*ws + i] x[kk], i < m. */
static void narrow_cols(float *y, const float *w, ptrdiff_t ws, int m, const float *x, int k) {
    int i = 0;
    for (; i + 2 * VL <= m; i += 2 * VL) {
        vec a = ld(y + i), b = ld(y + i + VL);
        const float *at = w + i;
        for (int kk = 0; kk < k; kk++, at += ws) {
            vec s = splat(x[kk]);
            a += ld(at) * s;
            b += ld(at + VL) * s;
        }
        st(y + i, a);
        st(y + i + VL, b);
    }
    for (; i < m; i++)
        for (int kk = 0; kk < k; kk++) y[i] += w[kk * ws + i] * x[kk];
}
