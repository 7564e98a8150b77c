/* SPDX-License-Identifier: Apache-2.0 */
/* kernels.h - the single-threaded inner loops, one table per instruction set (private to harness/nn).
 *
 * kernels.inc.c is compiled three times (AVX-512, AVX2+FMA, the compiler's default target) with another
 * vector width; the table in use is chosen once, at run time. Everything with a thread in it lives in the
 * callers (panel.c, layers.c, attention.c, xent.c); everything here works on panels (tokens in the lanes, 32
 * floats per feature) or on flat arrays. */
#ifndef BENCH_NN_KERNELS_H
#define BENCH_NN_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/nn/kernels/panel.h"
#include "harness/nn/kernels/vec.h"

/* One summand of a small product, all panels of it: y[p][i][:] += sum over kk < k of A(i, kk) x[p][kk][:].
 * The broadcast operand A is w[i*ws + kk], or, with trans, w[kk*ws + i]. */
struct seg {
    const float *w;
    ptrdiff_t ws;
    bool trans;
    const float *x; /* row kk of panel p at x + p*xp + kk*32 */
    ptrdiff_t xp;
    int k;
};

/* What to fetch into the second-level cache while a product runs: `rows` pieces of `bytes`, `stride` bytes
 * apart. The cursor moves from call to call. NULL or exhausted: nothing. */
struct fetch {
    const char *at;
    ptrdiff_t stride;
    int rows, lines, line; /* lines: 64-byte lines per row; line: next line of the current row */
};

struct kernels {
    const char *name;

    /* y[p*yp + i*ys + lane] = (add ? y : 0) + bias[i] + segs, in order; i < m, p < np. Every element is one
     * chain of fused multiply-adds, so neither m nor np nor the place in a tile changes its bits. bias may be
     * NULL. */
    void (*mm)(float *y, ptrdiff_t ys, ptrdiff_t yp, int m, int np, const struct seg *s, int ns,
               const float *bias, bool add, struct fetch *f);
    /* One token, features apart by 1: y[i] += sum over kk < k of A(i, kk) x[kk], i < m, A(i, kk) = w[i*ws +
     * kk] or w[kk*ws + i]. */
    void (*narrow_rows)(float *y, const float *w, ptrdiff_t ws, int m, const float *x, int k);
    void (*narrow_cols)(float *y, const float *w, ptrdiff_t ws, int m, const float *x, int k);
    /* 32 x 32: dst[j*ds + i] = src[i*ss + j]. */
    void (*transpose)(float *dst, ptrdiff_t ds, const float *src, ptrdiff_t ss);
    /* n elements of a stored row to float32; n a multiple of the block. Not for DT_F32. */
    void (*expand[DT_COUNT])(float *dst, const void *src, size_t n);

    /* Flat arrays; n a multiple of 32 (whole features). */
    void (*add)(float *y, const float *x, size_t n);
    void (*silu)(float *h, const float *g, const float *u, size_t n);
    void (*silu_grad)(float *dg, float *du, const float *dh, const float *g, const float *u, size_t n);
    void (*gelu)(float *h, const float *g, size_t n);
    void (*gelu_grad)(float *dg, const float *dh, const float *g, size_t n);
    void (*gelu_erf)(float *h, const float *g, size_t n);
    void (*gelu_erf_grad)(float *dg, const float *dh, const float *g, size_t n);

    /* One panel of m (or d) features. v NULL: ones. */
    void (*row_scale)(float *y, const float *x, const float *v, float s, int m, bool add);
    /* Features f0..f0+n-1 (f0 a multiple of 8; x and y point at them): y = (add ? y : 0) + s*x where the 16
     * random bits of (key, counter of the lane, feature) are not below `below`. */
    void (*dropout)(float *y, const float *x, int f0, int n, const uint32_t key[2],
                    const uint32_t c[3][PANEL], int below, float s, bool add);
    void (*lane_scale)(float *y, const float *f, int m); /* y[i][lane] *= f[lane] */
    void (*lane_axpy)(float *y, const float *x, const float *f,
                      int m); /* y[i][lane] += f[lane] * x[i][lane] */
    void (*rmsnorm)(float *y, const float *x, const float *gamma, int d, float eps);
    void (*rmsnorm_grad)(float *dx, float *inv, const float *x, const float *gamma, const float *dy, int d,
                         float eps);
    void (*layernorm)(float *y, const float *x, const float *gamma, const float *beta, int d, float eps);
    /* stats[2][32]: the means and 1/sigma are returned. */
    void (*layernorm_grad)(float *dx, float *stats, const float *x, const float *gamma, const float *dy,
                           int d, float eps);
    void (*rope)(float *x, const float *c, const float *s, int half,
                 bool inverse); /* one head; c, s [half][32] */

    /* One feature over all panels: the sum over tokens of a; of a*b; of a*b*c, where c has one feature per
     * panel. sa, sb: floats from panel to panel. */
    float (*sum)(const float *a, ptrdiff_t sa, int np);
    float (*dot)(const float *a, ptrdiff_t sa, const float *b, ptrdiff_t sb, int np);
    float (*dot3)(const float *a, ptrdiff_t sa, const float *b, ptrdiff_t sb, const float *c, int np);
    /* Of (a - mean) * inv * b, with stats of layernorm_grad, one [2][32] per panel. */
    float (*dot_normed)(const float *a, ptrdiff_t sa, const float *b, ptrdiff_t sb, const float *stats,
                        int np);

    /* Softmax over rows of s [n][32], lanes apart. Row j is key key0 + j; a lane sees keys in [start, lim).
     */
    void (*score_max)(float *s, int n, float scale, int key0, const int32_t *start, const int32_t *lim,
                      bool masked, float *max); /* s *= scale, masked to -inf; max = max(max, s) */
    void (*exp_sum)(float *s, int n, const float *max, float *sum); /* s = exp(s - max), sum += s */
    void (*prob)(float *s, int n, float scale, int key0, const int32_t *start, const int32_t *lim,
                 bool masked, const float *lse);                         /* s = exp(s*scale - lse) or 0 */
    void (*dot_lanes)(float *d, const float *p, const float *dp, int n); /* d[lane] += p*dp */
    void (*ds_lanes)(float *dp, const float *p, const float *d, float scale,
                     int n); /* dp = scale*p*(dp - d) */
    /* The same with queries in the 32 rows and keys key0 + lane in the lanes. */
    void (*prob_rows)(float *s, float scale, int key0, const int32_t *start, const int32_t *lim, bool masked,
                      const float *lse);
    void (*ds_rows)(float *dp, const float *p, const float *d, float scale);

    /* Running arg max over logits l [n][32], rows v0...; strict, so the lowest index wins. */
    void (*argmax)(const float *l, int n, int v0, float *best, int32_t *index);
    void (*max_rows)(const float *l, int n, float *max);      /* max = max(max, l) */
    void (*softmax_given)(float *l, int n, const float *lse); /* l = exp(l - lse) */

    double (*sum_squares)(const float *x, size_t n);
    void (*scale)(float *x, size_t n, float s);
    void (*adamw)(float *p, float *m, float *v, const float *g, size_t n, const struct adamw *h);
    void (*sgd)(float *p, float *buf, const float *g, size_t n, float lr, float mu, float wd, float gs,
                bool first);
};

extern const struct kernels kernels_base;
#if defined(__x86_64__)
extern const struct kernels kernels_avx2, kernels_avx512;
#endif

/* The table in use: chosen at the first call by the CPU and by BENCH_CPU (avx512, avx2, baseline). A path
 * that this CPU lacks or that does not exist is not taken: the best one is. */
const struct kernels *kernels_get(void);
/* The stored bytes of a block of w (arguments as in weight_expand; empty when a size is not positive). */
struct fetch weight_fetch(const struct weight *w, int row0, int nrows, int col0, int ncols);
/* For tests: use this path from now on. False, and no change, when there is none or the CPU lacks it. */
bool panel_cpu_force(const char *name);

#endif
