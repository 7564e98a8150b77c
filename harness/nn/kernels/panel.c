/* SPDX-License-Identifier: Apache-2.0 */
/* panel.c - matrix products on panels, gradients of weights, and the moves between layouts.
 *
 * panel_mm: the work is cut into items of (up to 8 panels) x (96 outputs). For each item the block of weights
 * is made ready (read in place when it is plain float32 and lies along the sum; else copied or expanded into
 * the thread's scratch, where it stays in the second-level cache), then applied to all panels of the item. A
 * long sum is cut into passes of at most PASS_K steps; where the cuts fall depends on the shapes alone. Every
 * output is one chain of multiply-adds in the order of the terms, so neither the cutting into items nor the
 * type of the weight changes a bit.
 *
 * panel_outer: the wider operand is transposed 32 x 32 at a time (features into the lanes), the other one is
 * broadcast, so that the weight gradient comes out of the same micro-kernel, row-major. */
#include <string.h>

#include "harness/base/err.h"
#include "harness/nn/kernels/narrow.h"
#include "harness/base/util.h"

enum {
    ROWS = 96,     /* outputs per item: a multiple of 32 (blocks of quantised types) and of 12 (the tile) */
    GROUP = 8,     /* panels per item */
    BLOCK_K = 768, /* longest piece of one term */
    PASS_K = 832,  /* longest pass: one piece and some low-rank terms */
    PASS_SEGS = 16,
    PIECES = 256, /* of all terms together */
    MAX_TERMS = 16,
};

/* ---- products ------------------------------------------------------------------------------------------ */

/* One piece [k0, k0 + k) of the sum of a term. */
struct piece {
    const struct term *t;
    int k0, k;
};

static int term_cols(const struct term *t) { return t->trans ? t->w->rows : t->w->cols; }

/* The pieces of all terms, cut evenly at multiples of 32. Returns their number, at most max. */
static int cut_terms(const struct term *terms, int nterms, struct piece *out, int max) {
    int n = 0;
    for (int i = 0; i < nterms; i++) {
        int k = term_cols(&terms[i]), parts = (k + BLOCK_K - 1) / BLOCK_K;
        int step = parts > 1 ? ((k + parts - 1) / parts + 31) / 32 * 32 : k;
        for (int k0 = 0; k0 < k; k0 += step) {
            BUG_ON(n == max, "more than %d pieces", max);
            out[n++] = (struct piece){&terms[i], k0, MIN_OF(step, k - k0)};
        }
    }
    return n;
}

/* Row length of a block in scratch: an odd number of cache lines, so that its rows do not share cache sets.
 */
static int tight_rows(int n) { return ((n + 15) / 16 | 1) * 16; }

/* The weights of rows i0..i0+m-1 of op(W) for one piece as a segment; scratch of ROWS x k floats (padded) may
 * be used. */
static struct seg ready_piece(const struct piece *pc, int i0, int m, int p0, float *scratch, size_t *used) {
    const struct term *t = pc->t;
    struct seg s = {.trans = t->trans,
                    .x = t->x + ((size_t)p0 * t->ldx + pc->k0) * PANEL,
                    .xp = (ptrdiff_t)t->ldx * PANEL,
                    .k = pc->k};
    const float *data;
    int ld;
    if (!t->trans && weight_is_plain(t->w, &data, &ld)) {
        s.w = data + (size_t)i0 * ld + pc->k0;
        s.ws = ld;
        return s;
    }
    float *to = scratch + *used;
    s.w = to;
    if (t->trans) {
        s.ws = ROWS + 16;
        weight_expand(t->w, pc->k0, pc->k, i0, m, to, ROWS + 16);
        *used += (size_t)pc->k * (ROWS + 16);
    } else {
        s.ws = tight_rows(pc->k);
        weight_expand(t->w, i0, m, pc->k0, pc->k, to, (int)s.ws);
        *used += (size_t)m * (size_t)s.ws;
    }
    return s;
}

/* Where the weights of rows i0.. for a piece are stored: fetched while another block is worked on (2 to 5 %).
 */
static struct fetch fetch_piece(const struct piece *pc, int i0, int m) {
    const struct term *t = pc->t;
    return t->trans ? weight_fetch(t->w, pc->k0, pc->k, i0, m) : weight_fetch(t->w, i0, m, pc->k0, pc->k);
}

struct mm_job {
    float *y;
    int ldy, m;
    const struct piece *pieces;
    int npieces;
    const float *bias;
    bool accumulate;
    float *scratch;
    const struct kernels *k;
};

static void mm_item(const struct mm_job *j, int p0, int np, int i0) {
    int m = MIN_OF(ROWS, j->m - i0);
    float *y = j->y + ((size_t)p0 * j->ldy + i0) * PANEL;
    int at = 0;
    do {
        struct seg segs[PASS_SEGS];
        int n = 0, k = 0;
        size_t used = 0;
        bool first = at == 0;
        for (; at < j->npieces && n < PASS_SEGS && (n == 0 || k + j->pieces[at].k <= PASS_K); at++) {
            k += j->pieces[at].k;
            segs[n++] = ready_piece(&j->pieces[at], i0, m, p0, j->scratch, &used);
        }
        struct fetch next = {0};
        if (at < j->npieces)
            next = fetch_piece(&j->pieces[at], i0, m);
        else if (j->npieces)
            next = fetch_piece(&j->pieces[0], i0 + ROWS, MIN_OF(ROWS, j->m - i0 - ROWS));
        j->k->mm(y, PANEL, (ptrdiff_t)j->ldy * PANEL, m, np, segs, n, first && j->bias ? j->bias + i0 : NULL,
                 !first || j->accumulate, &next);
    } while (at < j->npieces);
}

/* Items are ordered by panel groups and cut by their cost: a thread gets a contiguous range. */
static void mm_share(const struct mm_job *j, int np, int groups) {
    int blocks = (j->m + ROWS - 1) / ROWS;
    long lo, hi, at = 0;
    team_range((long)np * j->m, &lo, &hi);
    for (int g = 0; g < groups; g++) {
        int p0 = (int)((long)np * g / groups), p1 = (int)((long)np * (g + 1) / groups);
        for (int b = 0; b < blocks; b++) {
            int m = MIN_OF(ROWS, j->m - b * ROWS);
            if (at >= lo && at < hi) mm_item(j, p0, p1 - p0, b * ROWS);
            at += (long)(p1 - p0) * m;
        }
    }
}

/* Terms whose weight is stored as W^T read that matrix in the other order. stored: [nterms]; returns `terms`
 * where nothing changes. */
static const struct term *stored_terms(const struct term *terms, int nterms, struct term *out,
                                       struct weight *stored) {
    bool any = false;
    BUG_ON(nterms > MAX_TERMS, "%d terms", nterms);
    for (int i = 0; i < nterms; i++) {
        out[i] = terms[i];
        if (!terms[i].w->transposed) continue;
        stored[i] = weight_stored(terms[i].w);
        out[i].w = &stored[i];
        out[i].trans = !terms[i].trans;
        any = true;
    }
    return any ? out : terms;
}

void panel_mm(struct team *t, float *y, int ldy, int m, int np, const struct term *terms, int nterms,
              const float *bias, bool accumulate) {
    if (m == 0 || np == 0) return;
    struct term others[MAX_TERMS];
    struct weight stored[MAX_TERMS];
    terms = stored_terms(terms, nterms, others, stored);
    if (np == 1 && t->one_token && narrow_serves(terms, nterms)) {
        narrow_mm(t, y, m, terms, nterms, bias, accumulate);
        return;
    }
    struct piece pieces[PIECES];
    int n = cut_terms(terms, nterms, pieces, PIECES), k = 1;
    for (int i = 0; i < n; i++) k += pieces[i].k;
    for (int i = 0; i < nterms; i++) {
        int rows = terms[i].trans ? terms[i].w->cols : terms[i].w->rows;
        BUG_ON(rows != m, "term %d has %d outputs, not %d", i, rows, m);
    }
    /* Few outputs: smaller groups, so that every thread has some. */
    int blocks = (m + ROWS - 1) / ROWS, groups = (np + GROUP - 1) / GROUP;
    if (groups * blocks < 2 * t->n) groups = MIN_OF(np, (2 * t->n + blocks - 1) / blocks);
    TEAM_PARALLEL(t, 0.4 * m * k * np) {
        struct mm_job j = {y, ldy, m, pieces, n, bias, accumulate, team_local(t), kernels_get()};
        mm_share(&j, np, groups);
    }
}

/* ---- gradients of weights ------------------------------------------------------------------------------ */

/* out (m x n at ld, n <= 32) += the tile sum over np panels of a[i] * bt[..n]; bt is [np*32][32]. A partial
 * tile goes through `tmp`; with `flip` the tile is transposed on its way out. */
static void outer_tile(const struct kernels *k, float *out, int ld, bool flip, const struct seg *segs, int np,
                       int m, int n, float *tmp, struct fetch *next) {
    if (!flip && n == PANEL) {
        k->mm(out, ld, 0, m, 1, segs, np, NULL, true, next);
        return;
    }
    k->mm(tmp, PANEL, 0, m, 1, segs, np, NULL, false, next);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            float *o = flip ? out + (size_t)j * ld + i : out + (size_t)i * ld + j;
            *o += tmp[i * PANEL + j];
        }
}

/* Features j0..j1-1 of b (the wide operand), all m features of a. local: OUTER_PANELS * 32 * OUTER_WIDE
 * floats and a tile. */
static void outer_item(const struct kernels *k, float *out, int ld, bool flip, const float *a, int lda, int m,
                       const float *b, int ldb, int j0, int j1, int np, float *local) {
    float *tmp = local + OUTER_PANELS * PANEL * OUTER_WIDE;
    for (int p0 = 0; p0 < np; p0 += OUTER_PANELS) {
        int n = MIN_OF(OUTER_PANELS, np - p0);
        for (int j = j0; j < j1; j += PANEL)
            for (int p = 0; p < n; p++) {
                float *to = local + ((size_t)(j - j0) * n + (size_t)p * PANEL) * PANEL;
                const float *from = b + ((size_t)(p0 + p) * ldb + j) * PANEL;
                /* the rows beyond the last feature belong to somebody else: read zeros */
                if (j1 - j < PANEL) {
                    memset(tmp, 0, sizeof(float) * PANEL * PANEL);
                    memcpy(tmp, from, sizeof(float) * PANEL * (size_t)(j1 - j));
                    from = tmp;
                }
                k->transpose(to, PANEL, from, PANEL);
            }
        for (int i = 0; i < m; i += 12) {
            struct fetch next = {.at = (const char *)(a + ((size_t)p0 * lda + i + 12) * PANEL),
                                 .stride = (ptrdiff_t)lda * PANEL * (ptrdiff_t)sizeof(float),
                                 .rows = i + 12 < m ? n : 0,
                                 .lines = MIN_OF(12, m - i - 12) * PANEL / 16};
            for (int j = j0; j < j1; j += PANEL) {
                struct seg segs[OUTER_PANELS];
                for (int p = 0; p < n; p++)
                    segs[p] = (struct seg){.w = a + ((size_t)(p0 + p) * lda + i) * PANEL,
                                           .ws = PANEL,
                                           .x = local + ((size_t)(j - j0) * n + (size_t)p * PANEL) * PANEL,
                                           .k = PANEL};
                float *o = flip ? out + (size_t)j * ld + i : out + (size_t)i * ld + j;
                outer_tile(k, o, ld, flip, segs, n, MIN_OF(12, m - i), MIN_OF(PANEL, j1 - j), tmp, &next);
            }
        }
    }
}

void outer_serial(float *dw, int ld, const float *dy, int ldy, int m, const float *x, int ldx, int k, int np,
                  float *local) {
    for (int j = 0; j < k; j += OUTER_WIDE)
        outer_item(kernels_get(), dw, ld, false, dy, ldy, m, x, ldx, j, MIN_OF(j + OUTER_WIDE, k), np, local);
}

void panel_outer(struct team *t, float *dw, int ld, const float *dy, int ldy, int m, const float *x, int ldx,
                 int k, int np) {
    bool flip = k < PANEL && k < m; /* a narrow x is the one to broadcast */
    int wide = flip ? m : k;
    TEAM_PARALLEL(t, 0.6 * m * k * np) {
        long lo, hi;
        team_range((wide + PANEL - 1) / PANEL, &lo, &hi);
        for (long b = lo; b < hi; b += OUTER_WIDE / PANEL) {
            int j0 = (int)b * PANEL, j1 = MIN_OF(wide, (int)MIN_OF(b + OUTER_WIDE / PANEL, hi) * PANEL);
            if (flip)
                outer_item(kernels_get(), dw, ld, true, x, ldx, k, dy, ldy, j0, j1, np, team_local(t));
            else
                outer_item(kernels_get(), dw, ld, false, dy, ldy, m, x, ldx, j0, j1, np, team_local(t));
        }
    }
}

void panel_row_sum(struct team *t, float *db, const float *dy, int ldy, int m, int np) {
    TEAM_PARALLEL(t, 0.15 * m * np * PANEL) {
        long lo, hi;
        team_range(m, &lo, &hi);
        for (long i = lo; i < hi; i++)
            db[i] += kernels_get()->sum(dy + i * PANEL, (ptrdiff_t)ldy * PANEL, np);
    }
}

void panel_row_dot(struct team *t, float *d, const float *a, int lda, const float *b, int ldb, int m,
                   int np) {
    TEAM_PARALLEL(t, 0.15 * m * np * PANEL) {
        long lo, hi;
        team_range(m, &lo, &hi);
        for (long i = lo; i < hi; i++)
            d[i] += kernels_get()->dot(a + i * PANEL, (ptrdiff_t)lda * PANEL, b + i * PANEL,
                                       (ptrdiff_t)ldb * PANEL, np);
    }
}

/* ---- elementwise: work is cut over (panel, feature) rows ----------------------------------------------- */

void panel_row_scale(struct team *t, float *y, int ldy, const float *x, int ldx, const float *v, float s,
                     int m, int np, bool accumulate) {
    FOR_ROWS(t, m, np, 0.1)
    kernels_get()->row_scale(y + ROWS_OF(ldy), x + ROWS_OF(ldx), v ? v + f : NULL, s, n, accumulate);
}

void panel_add(struct team *t, float *y, int ldy, const float *x, int ldx, int d, int np) {
    FOR_ROWS(t, d, np, 0.1)
    kernels_get()->add(y + ROWS_OF(ldy), x + ROWS_OF(ldx), (size_t)n * PANEL);
}

void panel_zero(struct team *t, float *y, int ldy, int d, int np) {
    FOR_ROWS(t, d, np, 0.1)
    memset(y + ROWS_OF(ldy), 0, (size_t)n * PANEL * sizeof(float));
}

void panel_copy(struct team *t, float *y, int ldy, const float *x, int ldx, int d, int np) {
    FOR_ROWS(t, d, np, 0.1)
    memmove(y + ROWS_OF(ldy), x + ROWS_OF(ldx), (size_t)n * PANEL * sizeof(float));
}

/* ---- layouts ------------------------------------------------------------------------------------------- */

void rows_to_block(float *dst, const float *src, ptrdiff_t ss, int n, int w) {
    if (n == PANEL && w == PANEL) {
        kernels_get()->transpose(dst, PANEL, src, ss);
        return;
    }
    for (int f = 0; f < w; f++)
        for (int j = 0; j < PANEL; j++) dst[f * PANEL + j] = j < n ? src[j * ss + f] : 0;
}

void panel_from_rows(struct team *t, float *x, int ldx, const float *rows, int d, int n) {
    int np = panels(n);
    TEAM_PARALLEL(t, 0.2 * np * d * PANEL) {
        long lo, hi;
        team_range(np, &lo, &hi);
        for (long p = lo; p < hi; p++)
            for (int f = 0; f < d; f += PANEL)
                rows_to_block(x + ((size_t)p * ldx + f) * PANEL, rows + (size_t)p * PANEL * d + f, d,
                              MIN_OF(PANEL, n - (int)p * PANEL), MIN_OF(PANEL, d - f));
    }
}

void block_to_rows(float *dst, ptrdiff_t ds, const float *src, int n, int w) {
    if (n == PANEL && w == PANEL) {
        kernels_get()->transpose(dst, ds, src, PANEL);
        return;
    }
    for (int j = 0; j < n; j++)
        for (int f = 0; f < w; f++) dst[j * ds + f] = src[f * PANEL + j];
}

void panel_to_rows(struct team *t, float *rows, const float *x, int ldx, int d, int n) {
    int np = panels(n);
    TEAM_PARALLEL(t, 0.2 * np * d * PANEL) {
        long lo, hi;
        team_range(np, &lo, &hi);
        for (long p = lo; p < hi; p++)
            for (int f = 0; f < d; f += PANEL)
                block_to_rows(rows + (size_t)p * PANEL * d + f, d, x + ((size_t)p * ldx + f) * PANEL,
                              MIN_OF(PANEL, n - (int)p * PANEL), MIN_OF(PANEL, d - f));
    }
}

static size_t token_offset(int32_t token, int ld) {
    return (size_t)(token / PANEL) * (size_t)ld * PANEL + token % PANEL;
}

void panel_gather(struct team *t, float *y, int ldy, const float *x, int ldx, int d, const int32_t *idx,
                  int n) {
    int np = panels(n);
    TEAM_PARALLEL(t, 1.0 * np * d * PANEL) {
        long lo, hi;
        team_range(np, &lo, &hi);
        for (long p = lo; p < hi; p++) {
            int live = MIN_OF(PANEL, n - (int)p * PANEL);
            size_t from[PANEL];
            for (int j = 0; j < live; j++) from[j] = token_offset(idx[p * PANEL + j], ldx);
            for (int f = 0; f < d; f++) {
                float *to = y + ((size_t)p * ldy + f) * PANEL;
                for (int j = 0; j < PANEL; j++) to[j] = j < live ? x[from[j] + (size_t)f * PANEL] : 0;
            }
        }
    }
}

void panel_scatter(struct team *t, float *y, int ldy, int np_y, const float *x, int ldx, int d,
                   const int32_t *idx, int n) {
    panel_zero(t, y, ldy, d, np_y);
    TEAM_PARALLEL(t, 1.0 * n * d) {
        long lo, hi; /* over features: every token of y may be in any panel of x */
        team_range(d, &lo, &hi);
        for (int j = 0; j < n; j++) {
            float *to = y + token_offset(idx[j], ldy);
            const float *from = x + token_offset(j, ldx);
            for (long f = lo; f < hi; f++) to[f * PANEL] = from[f * PANEL];
        }
    }
}
