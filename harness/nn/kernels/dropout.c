/* SPDX-License-Identifier: Apache-2.0 */
/* dropout.c - see dropout.h: the counter of a draw is {feature / 8, position, row (low word), row (high
 * word)}. */
#include "harness/nn/kernels/dropout.h"

#include <math.h>

#include "harness/base/err.h"
#include "harness/nn/kernels/team_private.h"
#include "harness/base/util.h"

enum { BLOCK = 64 }; /* features per item of work: a multiple of 8 */

static int keep_threshold(double p) {
    BUG_ON(!(p >= 0 && p < 1), "p=%g", p);
    return MIN_OF((int)lround(p * 65536), 65535);
}

double dropout_rate(double p) { return keep_threshold(p) / 65536.0; }

static void panel_counters(uint32_t c[3][PANEL], const struct dropout *m, int p) {
    for (int i = 0; i < PANEL; i++) {
        uint64_t row = (uint64_t)m->row[(size_t)p * PANEL + (size_t)i];
        c[0][i] = (uint32_t)m->pos[(size_t)p * PANEL + (size_t)i];
        c[1][i] = (uint32_t)row;
        c[2][i] = (uint32_t)(row >> 32);
    }
}

void panel_dropout(struct team *t, float *y, int ldy, const float *x, int ldx, int d, int np,
                   const struct dropout *m, bool accumulate) {
    int below = keep_threshold(m->p), blocks = (d + BLOCK - 1) / BLOCK;
    float scale = (float)(1 / (1 - dropout_rate(m->p)));
    const struct kernels *k = kernels_get();
    TEAM_PARALLEL(t, 20.0 * d * np) {
        uint32_t c[3][PANEL];
        long lo, hi;
        int at = -1;
        team_range((long)np * blocks, &lo, &hi);
        for (long item = lo; item < hi; item++) {
            int p = (int)(item / blocks), f = (int)(item % blocks) * BLOCK;
            if (p != at) panel_counters(c, m, at = p);
            k->dropout(y + ((size_t)p * (size_t)ldy + (size_t)f) * PANEL,
                       x + ((size_t)p * (size_t)ldx + (size_t)f) * PANEL, f, MIN_OF(BLOCK, d - f), m->key.key,
                       c, below, scale, accumulate);
        }
    }
}
