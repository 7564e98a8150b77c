/* SPDX-License-Identifier: Apache-2.0 */
/* team_private.h - the inside of a team: shares of the work, and the scratch that threads own. For harness/nn
 * alone.
 *
 * Every parallel function splits its own work: TEAM_PARALLEL(t, ns) opens a region when `ns`, the rough time
 * of the work on one core, is worth waking threads for; team_range gives a thread its contiguous share.
 * Scratch is bounded and allocated once, so that the memory of a run does not depend on which operations it
 * calls: TEAM_LOCAL floats for each thread and TEAM_SHARED floats for all. Functions that would need more
 * split their work. */
#ifndef BENCH_NN_TEAM_PRIVATE_H
#define BENCH_NN_TEAM_PRIVATE_H

#include <omp.h>

#include "harness/base/util.h"
#include "harness/nn/kernels/kernels.h"
#include "harness/nn/kernels/panel.h"

enum {
    TEAM_LOCAL = 320 << 10, /* 1.25 MiB for each thread */
    TEAM_SHARED = 2 << 20,  /* 8 MiB, touched only by the operations that need it */
    TEAM_WAKE = 20000,      /* ns; waking costs 5 (spinning) to 50 us (sleeping threads) */
};

struct team {
    struct mem *mem;
    int n;
    float *local, *shared;
    bool one_token; /* team_one_token */
    double wake_ns; /* TEAM_WAKE; a test sets 0, so that every region is parallel */
};

static inline float *team_local(const struct team *t) {
    return t->local + (size_t)omp_get_thread_num() * TEAM_LOCAL;
}

/* The share [*lo, *hi) of `items` that belongs to the calling thread. */
static inline void team_range(long items, long *lo, long *hi) {
    long n = omp_get_num_threads(), i = omp_get_thread_num();
    *lo = items * i / n;
    *hi = items * (i + 1) / n;
}

/* ---- elementwise: work is cut over (panel, feature) rows ----------------------------------------------- */

/* The next run of features of one panel in the row range [*at, hi): panel *p, first feature *f. Returns their
 * number. */
static inline int next_rows(long *at, long hi, int d, long *p, int *f) {
    if (*at >= hi) return 0;
    *p = *at / d;
    *f = (int)(*at % d);
    int n = (int)MIN_OF((long)(d - *f), hi - *at);
    *at += n;
    return n;
}

#define ROWS_OF(ld) (((size_t)p * (size_t)(ld) + (size_t)f) * PANEL)
#define FOR_ROWS(t, d, np, cost)                                                                             \
    TEAM_PARALLEL(t, (double)(cost) * (d) * (np)*PANEL)                                                      \
    for (long at_, hi_, p, once_ = 1; once_ && (team_range((long)(np) * (d), &at_, &hi_), 1); once_ = 0)     \
        for (int f, n; (n = next_rows(&at_, hi_, d, &p, &f)) > 0;)

/* ---- serial pieces that several files use; `local` is scratch of the calling thread -------------------- */

enum {
    EMBED_COLS = 512,
    EMBED_LOCAL = PANEL * (EMBED_COLS + 16), /* floats of scratch of embed_block */
    OUTER_PANELS = 16,                       /* panels per chain of a sum over tokens */
    OUTER_WIDE = 96,
    OUTER_LOCAL = PANEL * OUTER_PANELS * OUTER_WIDE + PANEL * PANEL, /* of outer_serial */
};
/* dst[32 features][32 lanes] from n rows of w features at src (row stride ss); what is missing is zero. */
void rows_to_block(float *dst, const float *src, ptrdiff_t ss, int n, int w);
/* n rows of w features (both <= 32) at dst, row stride ds, from src [w features][32 lanes]. */
void block_to_rows(float *dst, ptrdiff_t ds, const float *src, int n, int w);
/* Columns f0..f0+w-1 (w <= EMBED_COLS, f0 a multiple of 32) of rows ids[0..n-1] of E, n <= 32, as dst [w][32
 * lanes]. */
void embed_block(float *dst, const struct weight *E, const int32_t *ids, int n, int f0, int w, float *local);
/* panel_outer by the calling thread alone. */
void outer_serial(float *dw, int ld, const float *dy, int ldy, int m, const float *x, int ldx, int k, int np,
                  float *local);

#define TEAM_STR(x) #x
#define TEAM_PARALLEL(t, ns)                                                                                 \
    _Pragma(TEAM_STR(omp parallel num_threads((t)->n) if ((t)->n > 1 && (double)(ns) > (t)->wake_ns)))

#endif
