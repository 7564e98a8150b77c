/* SPDX-License-Identifier: Apache-2.0 */
/* narrow.c - products with one token: matrix times vector.
 *
 * A panel of 32 tokens with one in use costs 32 times the multiplications. Here the weights stream through
 * once: rows of a stored type are expanded ROWS at a time into the first-level cache and multiplied there.
 * Sums run over features in the lanes, another order than panel_mm's, so results differ from it by rounding
 * (about 1e-7 of the largest); they depend on the shapes alone, not on the number of threads. The 31 other
 * lanes of y become zero: attention multiplies them by probabilities of zero, so they must be finite. */
#include "harness/nn/kernels/narrow.h"

#include <string.h>

#include "harness/base/util.h"

enum {
    BLOCK = 32,  /* outputs per item: a multiple of the blocks of quantised types */
    ROWS = 4,    /* rows expanded at once */
    COLS = 4096, /* of so many columns at most: a multiple of 32 */
    MAX_TERMS = 16,
};
_Static_assert(ROWS *COLS <= TEAM_LOCAL, "scratch of a thread");

bool narrow_serves(const struct term *terms, int nterms) {
    size_t floats = 0;
    for (int i = 0; i < nterms; i++) floats += (size_t)(terms[i].trans ? terms[i].w->rows : terms[i].w->cols);
    return nterms <= MAX_TERMS && floats <= TEAM_SHARED;
}

/* y[0..m) += rows i0.. of W times x. */
static void add_rows(const struct kernels *k, float *y, const struct weight *w, int i0, int m, const float *x,
                     float *scratch) {
    const float *data;
    int ld;
    if (weight_is_plain(w, &data, &ld)) {
        k->narrow_rows(y, data + (size_t)i0 * ld, ld, m, x, w->cols);
        return;
    }
    for (int c = 0; c < w->cols; c += COLS) {
        int nc = MIN_OF(COLS, w->cols - c);
        for (int i = 0; i < m; i += ROWS) {
            int n = MIN_OF(ROWS, m - i);
            weight_expand(w, i0 + i, n, c, nc, scratch, nc);
            k->narrow_rows(y + i, scratch, nc, n, x + c, nc);
        }
    }
}

/* y[0..m) += columns i0.. of W, transposed, times x. */
static void add_cols(const struct kernels *k, float *y, const struct weight *w, int i0, int m, const float *x,
                     float *scratch) {
    enum { DEEP = 64 };
    const float *data;
    int ld;
    if (weight_is_plain(w, &data, &ld)) {
        k->narrow_cols(y, data + i0, ld, m, x, w->rows);
        return;
    }
    for (int r = 0; r < w->rows; r += DEEP) {
        int n = MIN_OF((int)DEEP, w->rows - r);
        weight_expand(w, r, n, i0, m, scratch, BLOCK);
        k->narrow_cols(y, scratch, BLOCK, m, x + r, n);
    }
}

/* Outputs i0..i0+m-1, contiguous. */
static void one_block(float *out, const struct term *terms, int nterms, const float *const *x, int i0, int m,
                      float *scratch) {
    for (int i = 0; i < nterms; i++)
        (terms[i].trans ? add_cols : add_rows)(kernels_get(), out, terms[i].w, i0, m, x[i], scratch);
}

void narrow_mm(struct team *t, float *y, int m, const struct term *terms, int nterms, const float *bias,
               bool accumulate) {
    const float *x[MAX_TERMS];
    float *at = t->shared;
    double k = 1;
    for (int i = 0; i < nterms; i++) { /* lane 0 of each x, contiguous */
        int n = terms[i].trans ? terms[i].w->rows : terms[i].w->cols;
        x[i] = at;
        k += n;
        for (int f = 0; f < n; f++) *at++ = terms[i].x[(size_t)f * PANEL];
    }
    TEAM_PARALLEL(t, 0.12 * m * k) {
        long lo, hi;
        team_range((m + BLOCK - 1) / BLOCK, &lo, &hi);
        for (long b = lo; b < hi; b++) {
            float out[BLOCK];
            int i0 = (int)b * BLOCK, n = MIN_OF(BLOCK, m - i0);
            for (int i = 0; i < n; i++)
                out[i] = (accumulate ? y[(size_t)(i0 + i) * PANEL] : 0) + (bias ? bias[i0 + i] : 0);
            one_block(out, terms, nterms, x, i0, n, team_local(t));
            memset(y + (size_t)i0 * PANEL, 0, (size_t)n * PANEL * sizeof *y);
            for (int i = 0; i < n; i++) y[(size_t)(i0 + i) * PANEL] = out[i];
        }
    }
}

void narrow_logits(struct team *t, float *logits, const struct weight *E, const float *bias, const float *h) {
    float *x = t->shared;
    BUG_ON((size_t)E->cols > TEAM_SHARED, "%d features", E->cols);
    for (int f = 0; f < E->cols; f++) x[f] = h[(size_t)f * PANEL];
    const struct term term = {E, false, h, E->cols};
    const float *const xs[] = {x};
    TEAM_PARALLEL(t, 0.12 * E->rows * E->cols) {
        long lo, hi;
        team_range((E->rows + BLOCK - 1) / BLOCK, &lo, &hi);
        for (long b = lo; b < hi; b++) {
            int i0 = (int)b * BLOCK, n = MIN_OF(BLOCK, E->rows - i0);
            for (int i = 0; i < n; i++) logits[i0 + i] = bias ? bias[i0 + i] : 0;
            one_block(logits + i0, &term, 1, xs, i0, n, team_local(t));
        }
    }
}
