/* SPDX-License-Identifier: Apache-2.0 */
/* kernels_mm.inc.c - the matrix product: a tile of MR outputs x 2 vectors of tokens held in registers (24
 * accumulators with 32 registers, 12 with 16), one broadcast of a weight per two multiply-adds. Part of
 * kernels.inc.c. */

enum {
    MR = VL == 16 ? 12 : 6,
    TILE_LANES = 2 * VL,
};

/* One line of the next weight block towards the second-level cache, for each FETCH_STEPS steps of the sum. */
enum { FETCH_STEPS = 8 };
INLINE void fetch_line(struct fetch *f) {
    if (f->rows <= 0) return;
    __builtin_prefetch(f->at + (ptrdiff_t)f->line * 64, 0, 2);
    if (++f->line < f->lines) return;
    f->line = 0;
    f->at += f->stride;
    f->rows--;
}

/* acc += one step of the sum; weights of rows i at w0[i] (trans) or at r[i/3][(i%3)*ws]. */
INLINE void step_trans(vec (*a)[2], const int mr, const float *w, const float *x) {
    vec x0 = ld(x), x1 = ld(x + VL);
#pragma GCC unroll 12
    for (int i = 0; i < mr; i++) {
        vec b = splat(w[i]);
        a[i][0] += b * x0;
        a[i][1] += b * x1;
    }
}

INLINE void step_rows(vec (*a)[2], const int mr, const float *w0, const float *w1, const float *w2,
                      const float *w3, ptrdiff_t ws, const float *x, int k) {
    const float *w[4] = {w0, w1, w2, w3};
    vec x0 = ld(x), x1 = ld(x + VL);
#pragma GCC unroll 12
    for (int i = 0; i < mr; i++) {
        vec b = splat(w[i / 3][(i % 3) * ws + k]);
        a[i][0] += b * x0;
        a[i][1] += b * x1;
    }
}

INLINE void seg_trans(vec (*a)[2], const int mr, const struct seg *s, int i0, const float *x,
                      struct fetch *f) {
    const float *w = s->w + i0;
    const ptrdiff_t ws = s->ws;
    int k = 0, n = s->k;
    for (; k + FETCH_STEPS <= n; k += FETCH_STEPS) {
        fetch_line(f);
        for (int j = 0; j < FETCH_STEPS; j++) {
            step_trans(a, mr, w, x);
            w += ws;
            x += PANEL;
        }
    }
    for (; k < n; k++) {
        step_trans(a, mr, w, x);
        w += ws;
        x += PANEL;
    }
}

INLINE void seg_rows(vec (*a)[2], const int mr, const struct seg *s, int i0, const float *x,
                     struct fetch *f) {
    const ptrdiff_t ws = s->ws;
    const float *w0 = s->w + i0 * ws, *w1 = w0 + 3 * ws, *w2 = w0 + 6 * ws, *w3 = w0 + 9 * ws;
    int k = 0, n = s->k;
    for (; k + FETCH_STEPS <= n; k += FETCH_STEPS) {
        fetch_line(f);
#pragma GCC unroll 8
        for (int j = 0; j < FETCH_STEPS; j++) step_rows(a, mr, w0, w1, w2, w3, ws, x + j * PANEL, j);
        w0 += FETCH_STEPS, w1 += FETCH_STEPS, w2 += FETCH_STEPS, w3 += FETCH_STEPS;
        x += FETCH_STEPS * PANEL;
    }
    for (; k < n; k++) {
        step_rows(a, mr, w0, w1, w2, w3, ws, x, 0);
        w0++, w1++, w2++, w3++;
        x += PANEL;
    }
}

/* One tile: outputs i0..i0+mr-1, tokens lane..lane+TILE_LANES-1 of panel p. */
INLINE void tile(const int mr, float *y, ptrdiff_t ys, const struct seg *s, int ns, int i0, ptrdiff_t p,
                 int lane, const float *bias, bool add, struct fetch *f) {
    vec a[MR][2];
    y += i0 * ys + lane;
#pragma GCC unroll 12
    for (int i = 0; i < mr; i++) {
        if (add) {
            a[i][0] = ld(y + i * ys);
            a[i][1] = ld(y + i * ys + VL);
        } else
            a[i][0] = a[i][1] = (vec){0};
        if (bias) {
            vec b = splat(bias[i0 + i]);
            a[i][0] += b;
            a[i][1] += b;
        }
    }
    for (; ns > 0; ns--, s++) {
        const float *x = s->x + p * s->xp + lane;
        if (s->trans)
            seg_trans(a, mr, s, i0, x, f);
        else
            seg_rows(a, mr, s, i0, x, f);
    }
#pragma GCC unroll 12
    for (int i = 0; i < mr; i++) {
        st(y + i * ys, a[i][0]);
        st(y + i * ys + VL, a[i][1]);
    }
}

#define TILE_FN(mr)                                                                                          \
    static __attribute__((noinline)) void tile_##mr(float *y, ptrdiff_t ys, const struct seg *s, int ns,     \
                                                    int i0, ptrdiff_t p, int lane, const float *bias,        \
                                                    bool add, struct fetch *f) {                             \
        tile(mr, y, ys, s, ns, i0, p, lane, bias, add, f);                                                   \
    }
#if VL == 16
TILE_FN(12)
TILE_FN(8)
#else
TILE_FN(6)
#endif
TILE_FN(4)
TILE_FN(2)
TILE_FN(1)

typedef void tile_fn(float *, ptrdiff_t, const struct seg *, int, int, ptrdiff_t, int, const float *, bool,
                     struct fetch *);

/* The tile for the next rows when `left` remain: the widest, but 16 as 8 + 8. */
INLINE int tile_rows(int left, tile_fn **fn) {
#if VL == 16
    if (left >= 12 && left != 16) return *fn = tile_12, 12;
    if (left >= 8) return *fn = tile_8, 8;
#else
    if (left >= 6 && left != 8) return *fn = tile_6, 6;
#endif
    if (left >= 4) return *fn = tile_4, 4;
    if (left >= 2) return *fn = tile_2, 2;
    return *fn = tile_1, 1;
}

static void mm(float *y, ptrdiff_t ys, ptrdiff_t yp, int m, int np, const struct seg *s, int ns,
               const float *bias, bool addto, struct fetch *f) {
    struct fetch none = {0};
    if (!f) f = &none;
    for (int i = 0; i < m;) {
        tile_fn *fn;
        int rows = tile_rows(m - i, &fn);
        for (int p = 0; p < np; p++)
            for (int lane = 0; lane < PANEL; lane += TILE_LANES)
                fn(y + p * yp, ys, s, ns, i, p, lane, bias, addto, f);
        i += rows;
    }
}

/* ---- transposition: log2(VL) rounds of interleaving rows i and i + VL/2 -------------------------------- */

#if VL == 16
#define INTERLEAVE_LO                                                                                        \
    { 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23 }
#define INTERLEAVE_HI                                                                                        \
    { 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31 }
#elif VL == 8
#define INTERLEAVE_LO                                                                                        \
    { 0, 8, 1, 9, 2, 10, 3, 11 }
#define INTERLEAVE_HI                                                                                        \
    { 4, 12, 5, 13, 6, 14, 7, 15 }
#else
#define INTERLEAVE_LO                                                                                        \
    { 0, 4, 1, 5 }
#define INTERLEAVE_HI                                                                                        \
    { 2, 6, 3, 7 }
#endif

INLINE void interleave_round(vec *out, const vec *in) {
    const ivec lo = INTERLEAVE_LO, hi = INTERLEAVE_HI;
#pragma GCC unroll 16
    for (int i = 0; i < VL / 2; i++) {
        out[2 * i] = __builtin_shuffle(in[i], in[i + VL / 2], lo);
        out[2 * i + 1] = __builtin_shuffle(in[i], in[i + VL / 2], hi);
    }
}

static void transpose(float *dst, ptrdiff_t ds, const float *src, ptrdiff_t ss) {
    for (int i = 0; i < PANEL; i += VL)
        for (int j = 0; j < PANEL; j += VL) {
            vec a[VL], b[VL];
#pragma GCC unroll 16
            for (int r = 0; r < VL; r++) a[r] = ld(src + (i + r) * ss + j);
            interleave_round(b, a);
            interleave_round(a, b);
#if VL >= 8
            interleave_round(b, a);
#endif
#if VL == 16
            interleave_round(a, b);
#endif
#pragma GCC unroll 16
            for (int r = 0; r < VL; r++) st(dst + (j + r) * ds + i, VL == 8 ? b[r] : a[r]);
        }
}
