/* SPDX-License-Identifier: Apache-2.0 */
/* layers.c - embedding, RMSNorm (Zhang & Sennrich, 1910.07467), LayerNorm (Ba et al., 1607.06450), rotary
 * positions (Su et al., 2104.09864) and activations. Each parallel over panels or features; sums in a fixed
 * order. */
#include "harness/nn/kernels/layers.h"

#include <math.h>
#include <string.h>

#include "harness/base/err.h"
#include "harness/nn/kernels/team_private.h"
#include "harness/base/util.h"

/* ---- embedding ----------------------------------------------------------------------------------------- */

void embed_block(float *dst, const struct weight *E, const int32_t *ids, int n, int f0, int w, float *local) {
    for (int j = 0; j < n; j++) weight_expand(E, ids[j], 1, f0, w, local + (size_t)j * (EMBED_COLS + 16), w);
    for (int f = 0; f < w; f += PANEL)
        rows_to_block(dst + (size_t)f * PANEL, local + f, EMBED_COLS + 16, n, MIN_OF(PANEL, w - f));
}

void embed_forward(struct team *t, float *x, int ldx, const struct weight *E, const int32_t *ids, int n) {
    int np = panels(n), d = E->cols;
    TEAM_PARALLEL(t, 0.3 * n * d) {
        long lo, hi;
        team_range(np, &lo, &hi);
        for (long p = lo; p < hi; p++)
            for (int f = 0; f < d; f += EMBED_COLS)
                embed_block(x + ((size_t)p * ldx + f) * PANEL, E, ids + p * PANEL,
                            MIN_OF(PANEL, n - (int)p * PANEL), f, MIN_OF(EMBED_COLS, d - f), team_local(t));
    }
}

void embed_backward(struct team *t, float *dE, int d, const float *dx, int ldx, const int32_t *ids, int n) {
    TEAM_PARALLEL(t, 1.0 * n * d) {
        float *rows = team_local(t);
        long lo, hi; /* over blocks of features: a row may be met in any panel */
        team_range((d + PANEL - 1) / PANEL, &lo, &hi);
        for (int j0 = 0; j0 < n; j0 += PANEL)
            for (long b = lo; b < hi; b++) {
                int f0 = (int)b * PANEL, w = MIN_OF(PANEL, d - f0), live = MIN_OF(PANEL, n - j0);
                block_to_rows(rows, PANEL, dx + ((size_t)(j0 / PANEL) * ldx + f0) * PANEL, live, w);
                for (int j = 0; j < live; j++) {
                    float *to = dE + (size_t)ids[j0 + j] * d + f0;
                    for (int f = 0; f < w; f++) to[f] += rows[j * PANEL + f];
                }
            }
    }
}

/* ---- RMSNorm ------------------------------------------------------------------------------------------- */

void rmsnorm_forward(struct team *t, float *y, int ldy, const float *x, int ldx, const float *gamma, int d,
                     int np, float eps) {
    TEAM_PARALLEL(t, 0.15 * np * d * PANEL) {
        long lo, hi;
        team_range(np, &lo, &hi);
        for (long p = lo; p < hi; p++)
            kernels_get()->rmsnorm(y + (size_t)p * ldy * PANEL, x + (size_t)p * ldx * PANEL, gamma, d, eps);
    }
}

static void rmsnorm_dgamma(struct team *t, float *dgamma, const float *x, int ldx, const float *dy, int lddy,
                           const float *inv, int d, int np) {
    TEAM_PARALLEL(t, 0.15 * np * d * PANEL) {
        long lo, hi;
        team_range(d, &lo, &hi);
        for (long f = lo; f < hi; f++)
            dgamma[f] += kernels_get()->dot3(x + f * PANEL, (ptrdiff_t)ldx * PANEL, dy + f * PANEL,
                                             (ptrdiff_t)lddy * PANEL, inv, np);
    }
}

void rmsnorm_backward(struct team *t, float *dx, int lddx, float *dgamma, const float *x, int ldx,
                      const float *gamma, const float *dy, int lddy, int d, int np, float eps) {
    enum { AT_ONCE = 256 }; /* panels whose 1/rms fits the shared scratch */
    for (int p0 = 0; p0 < np; p0 += AT_ONCE) {
        int n = MIN_OF(AT_ONCE, np - p0);
        const float *xs = x + (size_t)p0 * ldx * PANEL, *dys = dy + (size_t)p0 * lddy * PANEL;
        TEAM_PARALLEL(t, 0.3 * n * d * PANEL) {
            long lo, hi;
            team_range(n, &lo, &hi);
            for (long p = lo; p < hi; p++)
                kernels_get()->rmsnorm_grad(dx + (size_t)(p0 + p) * lddx * PANEL, t->shared + p * PANEL,
                                            xs + (size_t)p * ldx * PANEL, gamma,
                                            dys + (size_t)p * lddy * PANEL, d, eps);
        }
        if (dgamma) rmsnorm_dgamma(t, dgamma, xs, ldx, dys, lddy, t->shared, d, n);
    }
}

/* ---- LayerNorm ----------------------------------------------------------------------------------------- */

void layernorm_forward(struct team *t, float *y, int ldy, const float *x, int ldx, const float *gamma,
                       const float *beta, int d, int np, float eps) {
    TEAM_PARALLEL(t, 0.2 * np * d * PANEL) {
        long lo, hi;
        team_range(np, &lo, &hi);
        for (long p = lo; p < hi; p++)
            kernels_get()->layernorm(y + (size_t)p * ldy * PANEL, x + (size_t)p * ldx * PANEL, gamma, beta, d,
                                     eps);
    }
}

static void layernorm_dgamma(struct team *t, float *dgamma, const float *x, int ldx, const float *dy,
                             int lddy, const float *stats, int d, int np) {
    TEAM_PARALLEL(t, 0.2 * np * d * PANEL) {
        long lo, hi;
        team_range(d, &lo, &hi);
        for (long f = lo; f < hi; f++)
            dgamma[f] += kernels_get()->dot_normed(x + f * PANEL, (ptrdiff_t)ldx * PANEL, dy + f * PANEL,
                                                   (ptrdiff_t)lddy * PANEL, stats, np);
    }
}

void layernorm_backward(struct team *t, float *dx, int lddx, float *dgamma, float *dbeta, const float *x,
                        int ldx, const float *gamma, const float *dy, int lddy, int d, int np, float eps) {
    enum { AT_ONCE = 128 }; /* panels whose mean and 1/sigma fit the shared scratch */
    if (dbeta) panel_row_sum(t, dbeta, dy, lddy, d, np);
    for (int p0 = 0; p0 < np; p0 += AT_ONCE) {
        int n = MIN_OF(AT_ONCE, np - p0);
        const float *xs = x + (size_t)p0 * ldx * PANEL, *dys = dy + (size_t)p0 * lddy * PANEL;
        TEAM_PARALLEL(t, 0.4 * n * d * PANEL) {
            long lo, hi;
            team_range(n, &lo, &hi);
            for (long p = lo; p < hi; p++)
                kernels_get()->layernorm_grad(dx + (size_t)(p0 + p) * lddx * PANEL, t->shared + p * 2 * PANEL,
                                              xs + (size_t)p * ldx * PANEL, gamma,
                                              dys + (size_t)p * lddy * PANEL, d, eps);
        }
        if (dgamma) layernorm_dgamma(t, dgamma, xs, ldx, dys, lddy, t->shared, d, n);
    }
}

/* ---- rotary positions ---------------------------------------------------------------------------------- */

void rope_table(float *cos_out, float *sin_out, int max_pos, int hd, float theta, float factor) {
    int half = hd / 2;
    for (int i = 0; i < half; i++) {
        float inv = 1.0f / powf(theta, (float)(2 * i) / (float)hd) / factor;
        for (int p = 0; p < max_pos; p++) {
            float angle = (float)p * inv;
            cos_out[(size_t)p * half + i] = (float)cos((double)angle);
            sin_out[(size_t)p * half + i] = (float)sin((double)angle);
        }
    }
}

void rope_apply(struct team *t, float *x, int ldx, int heads, int hd, const int32_t *pos, const float *cos_t,
                const float *sin_t, int np, bool inverse) {
    int half = hd / 2;
    BUG_ON(hd % 2 || hd > 2048, "hd=%d", hd);
    TEAM_PARALLEL(t, 0.15 * np * heads * hd * PANEL) {
        float *c = team_local(t), *s = c + (size_t)half * PANEL;
        long lo, hi;
        team_range(np, &lo, &hi);
        for (long p = lo; p < hi; p++) {
            for (int j = 0; j < PANEL; j++) {
                size_t row = (size_t)pos[p * PANEL + j] * half;
                for (int i = 0; i < half; i++) {
                    c[i * PANEL + j] = cos_t[row + i];
                    s[i * PANEL + j] = sin_t[row + i];
                }
            }
            for (int h = 0; h < heads; h++)
                kernels_get()->rope(x + ((size_t)p * ldx + (size_t)h * hd) * PANEL, c, s, half, inverse);
        }
    }
}

/* ---- activations --------------------------------------------------------------------------------------- */

void silu_mul_forward(struct team *t, float *h, int ldh, const float *g, int ldg, const float *u, int ldu,
                      int d, int np) {
    FOR_ROWS(t, d, np, 0.3)
    kernels_get()->silu(h + ROWS_OF(ldh), g + ROWS_OF(ldg), u + ROWS_OF(ldu), (size_t)n * PANEL);
}

void silu_mul_backward(struct team *t, float *dg, int lddg, float *du, int lddu, const float *dh, int lddh,
                       const float *g, int ldg, const float *u, int ldu, int d, int np) {
    FOR_ROWS(t, d, np, 0.3)
    kernels_get()->silu_grad(dg + ROWS_OF(lddg), du + ROWS_OF(lddu), dh + ROWS_OF(lddh), g + ROWS_OF(ldg),
                             u + ROWS_OF(ldu), (size_t)n * PANEL);
}

void gelu_forward(struct team *t, float *h, int ldh, const float *g, int ldg, int d, int np) {
    FOR_ROWS(t, d, np, 0.3)
    kernels_get()->gelu(h + ROWS_OF(ldh), g + ROWS_OF(ldg), (size_t)n * PANEL);
}

void gelu_backward(struct team *t, float *dg, int lddg, const float *dh, int lddh, const float *g, int ldg,
                   int d, int np) {
    FOR_ROWS(t, d, np, 0.3)
    kernels_get()->gelu_grad(dg + ROWS_OF(lddg), dh + ROWS_OF(lddh), g + ROWS_OF(ldg), (size_t)n * PANEL);
}

void gelu_erf_forward(struct team *t, float *h, int ldh, const float *g, int ldg, int d, int np) {
    FOR_ROWS(t, d, np, 0.3)
    kernels_get()->gelu_erf(h + ROWS_OF(ldh), g + ROWS_OF(ldg), (size_t)n * PANEL);
}

void gelu_erf_backward(struct team *t, float *dg, int lddg, const float *dh, int lddh, const float *g,
                       int ldg, int d, int np) {
    FOR_ROWS(t, d, np, 0.3)
    kernels_get()->gelu_erf_grad(dg + ROWS_OF(lddg), dh + ROWS_OF(lddh), g + ROWS_OF(ldg), (size_t)n * PANEL);
}
