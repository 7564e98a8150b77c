/* SPDX-License-Identifier: Apache-2.0 */
/* topk.c - see topk.h. Insertion into a sorted list: most scores are turned away by one comparison with the
 * last that is kept. */
#include "harness/nn/kernels/topk.h"

#include <math.h>

#include "harness/base/util.h"

/* Does a go before b? Earlier documents come first, so that equals do not move. */
static bool ranks_before(float a, float b) { return a > b || (isnan(b) && !isnan(a)); }

void topk_add(struct topk *t, const float *score, int n, int32_t first) {
    for (int i = 0; i < n; i++) {
        if (t->n == t->k && !ranks_before(score[i], t->score[t->k - 1])) continue;
        int at = t->n < t->k ? t->n++ : t->k - 1;
        for (; at > 0 && ranks_before(score[i], t->score[at - 1]); at--) {
            t->score[at] = t->score[at - 1];
            t->id[at] = t->id[at - 1];
        }
        t->score[at] = score[i];
        t->id[at] = first + i;
    }
}

void rows_unit(float *hat, const float *rows, size_t ld, long n, int d) {
    for (long i = 0; i < n; i++) {
        const float *y = rows + (size_t)i * ld;
        double sum = 0;
        for (int f = 0; f < d; f++) sum += (double)y[f] * (double)y[f];
        double norm = fmax(sqrt(sum), 1e-12);
        for (int f = 0; f < d; f++) hat[(size_t)i * (size_t)d + (size_t)f] = (float)((double)y[f] / norm);
    }
}

void topk_products(struct team *t, struct topk *top, const float *query, int queries, const float *document,
                   int n, int d, int32_t first, const bool *skip, const long *self, float *x, float *s) {
    struct weight C = weight_f32(document, n, d, d);
    panel_from_rows(t, x, d, query, d, queries);
    panel_mm(t, s, n, n, panels(queries), &(struct term){.w = &C, .x = x, .ldx = d}, 1, NULL, false);
    for (int j = 0; j < queries; j++) {
        const float *lane = s + (size_t)(j / PANEL) * (size_t)n * PANEL + j % PANEL;
        for (int i = 0; i < n; i++) {
            bool hidden = (skip && skip[i]) || (self && self[j] == first + i);
            float score = hidden ? -INFINITY : lane[(size_t)i * PANEL];
            topk_add(&top[j], &score, 1, first + i);
        }
    }
}
