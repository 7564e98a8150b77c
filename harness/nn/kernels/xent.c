/* SPDX-License-Identifier: Apache-2.0 */
/* xent.c - softmax cross-entropy over the vocabulary without ever holding the logits.
 *
 * One pass over chunks of E: a chunk's logits, the running maximum and sum of each token (online softmax),
 * and at once dh += E^T exp(l - max). When a token's maximum grows by more than RESCALE the sum and its dh
 * are scaled down (exp stays below e^RESCALE), which is rare. At the end dh = scale (dh/Z - E[target]).
 *
 * Work items are (up to 8 panels) x (a part of the vocabulary); the number of parts depends on the shape
 * alone and the parts are merged in order, so the bits do not depend on the threads. The head's own gradient
 * needs the final sums: a second pass.
 *
 * Shapes: n tokens in np panels, d features, V words of the vocabulary; [np][d][32] are panels (panel.h). */
#include "harness/nn/kernels/xent.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "harness/base/err.h"
#include "harness/nn/kernels/narrow.h"
#include "harness/base/util.h"

enum {
    CHUNK = 96, /* rows of E at a time, fewer when they are long */
    CHUNK_FLOATS = 96 * 848,
    GROUP = 8,  /* panels per item */
    SUPER = 64, /* panels at a time; more tokens start over */
    PARTS = 4,  /* at most */
    RESCALE = 8,
    TOKENS = SUPER * PANEL,
};

/* Per part and token, then per token; at the start of the shared scratch. */
struct stats {
    double sum[PARTS][TOKENS];
    float max[PARTS][TOKENS], best[PARTS][TOKENS];
    int32_t index[PARTS][TOKENS];
    float logit[TOKENS], lse[TOKENS]; /* of the target; log-sum-exp */
};
enum { STATS = (sizeof(struct stats) / sizeof(float) + 15) / 16 * 16 };

struct job {
    const struct kernels *k;
    const struct weight *E; /* [V, d] */
    const float *bias;      /* [V], or NULL */
    const float *h;         /* [np][ldh][32] */
    int ldh, n, np, d, V;
    const int32_t *target; /* [n], in 0..V-1 */
    float scale;
    int chunk, ld; /* rows at a time, floats per row in scratch */
    int groups, parts;
    struct stats *st;
    float *dh;      /* [np][lddh][32]: part 0 sums here, */
    float *partial; /* [parts - 1][np][d][32]: part v > 0 in the (v-1)th */
    int lddh;
    bool top1;
};

static void job_split(struct job *j) {
    j->np = panels(j->n);
    j->ld = ((j->d + 15) / 16 | 1) * 16;
    j->chunk = MIN_OF(CHUNK, CHUNK_FLOATS / j->ld);
    BUG_ON(j->chunk < 1, "d=%d", j->d);
    if (j->chunk > 12) j->chunk -= j->chunk % 12;
    int chunks = (j->V + j->chunk - 1) / j->chunk;
    j->groups = (j->np + GROUP - 1) / GROUP;
    j->parts = j->groups <= 4 ? PARTS : j->groups < 8 ? 2 : 1;
    while (j->parts > 1 &&
           (j->parts > chunks || (size_t)(j->parts - 1) * panel_floats(j->np, j->d) > TEAM_SHARED - STATS))
        j->parts /= 2;
}

static int chunk_rows(const struct job *j, int v0) { return MIN_OF(j->chunk, j->V - v0); }

/* logits [panel][chunk][32] of rows v0.. of E (expanded into e) for panels p0..p0+np-1. */
static void chunk_logits(const struct job *j, float *e, float *logits, int v0, int p0, int np) {
    struct seg s = {.w = e,
                    .ws = j->ld,
                    .x = j->h + (size_t)p0 * j->ldh * PANEL,
                    .xp = (ptrdiff_t)j->ldh * PANEL,
                    .k = j->d};
    struct fetch next = weight_fetch(j->E, v0 + j->chunk, MIN_OF(j->chunk, j->V - v0 - j->chunk), 0, j->d);
    j->k->mm(logits, PANEL, (ptrdiff_t)j->chunk * PANEL, chunk_rows(j, v0), np, &s, 1,
             j->bias ? j->bias + v0 : NULL, false, &next);
}

/* Raise the maximum of panel p where the chunk's is much larger; what was summed so far is scaled down. */
static void raise_max(const struct job *j, const float *now, float *max, double *sum, float *dh, bool first) {
    float f[PANEL];
    bool any = false;
    for (int i = 0; i < PANEL; i++) {
        f[i] = 1;
        if (first)
            max[i] = now[i] == -INFINITY ? -FLT_MAX : now[i];
        else if (now[i] > max[i] + RESCALE) {
            f[i] = expf(max[i] - now[i]);
            max[i] = now[i];
            sum[i] *= (double)f[i];
            any = true;
        }
    }
    if (any && dh) j->k->lane_scale(dh, f, j->d);
}

/* Statistics of one panel's logits, which become exp(l - max). dh: that panel's running sum or NULL. */
static void panel_stats(const struct job *j, int part, int p, int v0, float *logits, float *dh, bool first) {
    int rows = chunk_rows(j, v0);
    size_t t0 = (size_t)p * PANEL;
    float now[PANEL], sum[PANEL] = {0};
    for (int i = 0; i < PANEL && (int)t0 + i < j->n; i++) {
        int at = j->target[t0 + i] - v0;
        if (at >= 0 && at < rows) j->st->logit[t0 + i] = logits[at * PANEL + i];
    }
    if (j->top1) j->k->argmax(logits, rows, v0, j->st->best[part] + t0, j->st->index[part] + t0);
    for (int i = 0; i < PANEL; i++) now[i] = -INFINITY;
    j->k->max_rows(logits, rows, now);
    raise_max(j, now, j->st->max[part] + t0, j->st->sum[part] + t0, dh, first);
    j->k->exp_sum(logits, rows, j->st->max[part] + t0, sum);
    for (int i = 0; i < PANEL; i++) j->st->sum[part][t0 + i] += (double)sum[i];
}

static float *part_dh(const struct job *j, int part, int p, int *ld) {
    if (!j->dh) return NULL;
    *ld = part ? j->d : j->lddh;
    float *base = part ? j->partial + (size_t)(part - 1) * panel_floats(j->np, j->d) : j->dh;
    return base + (size_t)p * *ld * PANEL;
}

/* One part of the vocabulary for one group of panels. */
static void forward_item(const struct job *j, int part, int p0, int np, float *local) {
    float *e = local, *logits = local + (size_t)j->chunk * j->ld;
    int chunks = (j->V + j->chunk - 1) / j->chunk, ld = 0;
    int c0 = (int)((long)chunks * part / j->parts), c1 = (int)((long)chunks * (part + 1) / j->parts);
    float *dh = part_dh(j, part, p0, &ld);
    for (size_t i = (size_t)p0 * PANEL; i < (size_t)(p0 + np) * PANEL; i++) {
        j->st->sum[part][i] = 0;
        j->st->best[part][i] = -INFINITY;
        j->st->index[part][i] = c0 * j->chunk;
    }
    for (int c = c0; c < c1; c++) {
        int v0 = c * j->chunk, rows = chunk_rows(j, v0);
        weight_expand(j->E, v0, rows, 0, j->d, e, j->ld);
        chunk_logits(j, e, logits, v0, p0, np);
        for (int p = 0; p < np; p++)
            panel_stats(j, part, p0 + p, v0, logits + (size_t)p * j->chunk * PANEL,
                        dh ? dh + (size_t)p * ld * PANEL : NULL, c == c0);
        if (!dh) continue;
        struct seg s = {
            .w = e, .ws = j->ld, .trans = true, .x = logits, .xp = (ptrdiff_t)j->chunk * PANEL, .k = rows};
        j->k->mm(dh, PANEL, (ptrdiff_t)ld * PANEL, j->d, np, &s, 1, NULL, c != c0, NULL);
    }
}

/* Merge the parts of panel p: nll, top1, log-sum-exp, and the factor of each part's dh. */
static void merge_stats(const struct job *j, int p, float *nll, int32_t *top1, float factor[PARTS][PANEL]) {
    struct stats *s = j->st;
    for (int i = 0; i < PANEL; i++) {
        size_t t = (size_t)p * PANEL + i;
        double max = -INFINITY, sum = 0;
        int best = 0;
        for (int v = 0; v < j->parts; v++) {
            if ((double)s->max[v][t] > max) max = (double)s->max[v][t];
            if (s->best[v][t] > s->best[best][t]) best = v;
        }
        for (int v = 0; v < j->parts; v++) sum += s->sum[v][t] * exp((double)s->max[v][t] - max);
        bool live = (int)t < j->n;
        for (int v = 0; v < j->parts; v++)
            factor[v][i] = live ? (float)((double)j->scale * exp((double)s->max[v][t] - max) / sum) : 0;
        double lse = max + log(sum);
        s->lse[t] = (float)lse;
        if (!live) continue;
        nll[t] = (float)(lse - (double)s->logit[t]);
        if (top1) top1[t] = s->index[best][t];
    }
}

/* dh = sum of parts * factor - scale E[target] for panel p. */
static void merge_dh(const struct job *j, int p, float factor[PARTS][PANEL], float *local) {
    int ld, live = MIN_OF(PANEL, j->n - p * PANEL);
    float *dh = part_dh(j, 0, p, &ld), minus[PANEL];
    j->k->lane_scale(dh, factor[0], j->d);
    for (int v = 1; v < j->parts; v++) j->k->lane_axpy(dh, part_dh(j, v, p, &ld), factor[v], j->d);
    for (int i = 0; i < PANEL; i++) minus[i] = -j->scale;
    for (int f = 0; f < j->d; f += EMBED_COLS) {
        int w = MIN_OF(EMBED_COLS, j->d - f);
        float *rows = local + EMBED_LOCAL;
        embed_block(rows, j->E, j->target + p * PANEL, live, f, w, local);
        j->k->lane_axpy(dh + (size_t)f * PANEL, rows, minus, w);
    }
}

static void forward_pass(struct team *t, const struct job *j, float *nll, int32_t *top1) {
    TEAM_PARALLEL(t, 0.02 * j->n * j->V * j->d) {
        float *local = team_local(t), factor[PARTS][PANEL];
        long lo, hi, at = 0;
        team_range((long)j->np * j->parts, &lo, &hi);
        for (int g = 0; g < j->groups; g++) {
            int p0 = (int)((long)j->np * g / j->groups), p1 = (int)((long)j->np * (g + 1) / j->groups);
            for (int v = 0; v < j->parts; v++, at += p1 - p0)
                if (at >= lo && at < hi) forward_item(j, v, p0, p1 - p0, local);
        }
#pragma omp barrier
        team_range(j->np, &lo, &hi);
        for (long p = lo; p < hi; p++) {
            merge_stats(j, (int)p, nll, top1, factor);
            if (j->dh) merge_dh(j, (int)p, factor, local);
        }
    }
}

/* logits of one panel to scale (softmax - onehot), zero for padding. */
static void panel_dlogits(const struct job *j, int p, int v0, float *l) {
    int rows = chunk_rows(j, v0);
    j->k->softmax_given(l, rows, j->st->lse + (size_t)p * PANEL);
    for (int i = 0; i < PANEL; i++) {
        int t = p * PANEL + i;
        if (t >= j->n) {
            for (int r = 0; r < rows; r++) l[r * PANEL + i] = 0;
            continue;
        }
        int at = j->target[t] - v0;
        if (at >= 0 && at < rows) l[at * PANEL + i] -= 1;
    }
    j->k->scale(l, (size_t)rows * PANEL, j->scale);
}

/* Second pass: dE and dbias, each chunk of the vocabulary by one thread, tokens in order. */
static void head_pass(struct team *t, const struct job *j, float *dE, float *dbias) {
    TEAM_PARALLEL(t, 0.02 * j->n * j->V * j->d) {
        float *e = team_local(t), *logits = e + (size_t)j->chunk * j->ld;
        float *local = logits + (size_t)j->chunk * PANEL * OUTER_PANELS;
        long lo, hi;
        team_range((j->V + j->chunk - 1) / j->chunk, &lo, &hi);
        for (long c = lo; c < hi; c++) {
            int v0 = (int)c * j->chunk, rows = chunk_rows(j, v0);
            weight_expand(j->E, v0, rows, 0, j->d, e, j->ld);
            for (int p0 = 0; p0 < j->np; p0 += OUTER_PANELS) {
                int np = MIN_OF(OUTER_PANELS, j->np - p0);
                chunk_logits(j, e, logits, v0, p0, np);
                for (int p = 0; p < np; p++)
                    panel_dlogits(j, p0 + p, v0, logits + (size_t)p * j->chunk * PANEL);
                if (dE)
                    outer_serial(dE + (size_t)v0 * j->d, j->d, logits, j->chunk, rows,
                                 j->h + (size_t)p0 * j->ldh * PANEL, j->ldh, j->d, np, local);
                for (int r = 0; dbias && r < rows; r++)
                    dbias[v0 + r] += j->k->sum(logits + (size_t)r * PANEL, (ptrdiff_t)j->chunk * PANEL, np);
            }
        }
    }
}

void xent(struct team *t, float *nll, int32_t *top1, float *dh, int lddh, float *dE, float *dbias,
          const struct weight *E, const float *bias, const float *h, int ldh, int n, const int32_t *target,
          float scale) {
    _Static_assert(STATS < TEAM_SHARED / 4, "the statistics leave room for partial sums");
    _Static_assert(CHUNK_FLOATS + CHUNK * PANEL * OUTER_PANELS + OUTER_LOCAL <= TEAM_LOCAL,
                   "scratch of the head");
    for (int t0 = 0; t0 < n; t0 += TOKENS) {
        struct job j = {
            .k = kernels_get(),
            .E = E,
            .bias = bias,
            .h = h + (size_t)(t0 / PANEL) * ldh * PANEL,
            .ldh = ldh,
            .n = MIN_OF(n - t0, (int)TOKENS),
            .d = E->cols,
            .V = E->rows,
            .target = target + t0,
            .scale = scale,
            .st = (struct stats *)t->shared,
            .partial = t->shared + STATS,
            .dh = dh ? dh + (size_t)(t0 / PANEL) * lddh * PANEL : NULL,
            .lddh = lddh,
            .top1 = top1 != NULL,
        };
        job_split(&j);
        forward_pass(t, &j, nll + t0, top1 ? top1 + t0 : NULL);
        if (dE || dbias) head_pass(t, &j, dE, dbias);
    }
}

void logits_rows(struct team *t, float *rows, const struct weight *E, const float *bias, const float *h,
                 int ldh, int n) {
    if (n == 1 && !E->transposed) {
        narrow_logits(t, rows, E, bias, h);
        return;
    }
    struct job j = {
        .k = kernels_get(), .E = E, .bias = bias, .h = h, .ldh = ldh, .n = n, .d = E->cols, .V = E->rows};
    job_split(&j);
    TEAM_PARALLEL(t, 0.01 * n * j.V * j.d) {
        float *e = team_local(t), *logits = e + (size_t)j.chunk * j.ld;
        long lo, hi;
        team_range((j.V + j.chunk - 1) / j.chunk, &lo, &hi);
        for (long c = lo; c < hi; c++) {
            int v0 = (int)c * j.chunk, m = chunk_rows(&j, v0);
            weight_expand(E, v0, m, 0, j.d, e, j.ld);
            for (int p = 0; p < j.np; p++) {
                chunk_logits(&j, e, logits, v0, p, 1);
                for (int f = 0; f < m; f += PANEL)
                    block_to_rows(rows + (size_t)p * PANEL * j.V + v0 + f, j.V, logits + (size_t)f * PANEL,
                                  MIN_OF(PANEL, n - p * PANEL), MIN_OF(PANEL, m - f));
            }
        }
    }
}
