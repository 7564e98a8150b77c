/* SPDX-License-Identifier: Apache-2.0 */
/* losses_rank.c - multiple negatives ranking on normalised embeddings: scores in blocks of queries, never all
 * at once.
 *
 * A block of queries lies in panels (tokens in the lanes are queries here), the candidates are the rows of a
 * matrix C [n, dim], so that the engine's own products do the work: s = C q, dq = C^T ds, dC += ds q^T. The
 * symmetric half is the same pass with positives as queries and anchors as candidates.
 *
 *   loss_i = log sum_c exp(scale s_ic) - scale s_ii,   d loss_i / d s_ic = scale (p_ic - [c = i])
 *
 * Candidate c is left out for query i when it is not i's own and, as a text, is the own candidate of a query
 * whose text is i's: the same pair twice in a batch, or two right answers to one question, are not negatives
 * of each other. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/tasks/losses.h"
#include "harness/base/util.h"

/* One direction: `rows` queries, `n` candidates of which candidate i < rows is query i's own. */
struct pass {
    const struct loss_work *w;
    const float *q, *c; /* [rows][dim], [n][dim] */
    float *dq, *dc;     /* += ; NULL: no gradient */
    const int32_t *qsame, *csame;
    int rows, n, dim;
    double scale, gscale; /* of scores; of the gradient, per row */
};

/* The scores of query i in its lane of a panel: candidates that are right as well become -inf. */
static void leave_out(const struct pass *p, int i, float *lane) {
    for (int k = 0; k < p->rows; k++) {
        if (p->qsame[k] != p->qsame[i]) continue;
        for (int c = 0; c < p->n; c++)
            if (c != i && p->csame[c] == p->csame[k]) lane[(size_t)c * PANEL] = -INFINITY;
    }
}

/* The loss of a query; its lane becomes the gradient at its scores. */
static double softmax_lane(const struct pass *p, int i, float *lane) {
    double top = (double)lane[(size_t)i * PANEL], sum = 0;
    for (int c = 0; c < p->n; c++) top = fmax(top, (double)lane[(size_t)c * PANEL]);
    for (int c = 0; c < p->n; c++) sum += exp(p->scale * ((double)lane[(size_t)c * PANEL] - top));
    double own = (double)lane[(size_t)i * PANEL], lse = p->scale * top + log(sum);
    for (int c = 0; p->dq && c < p->n; c++) {
        double s = (double)lane[(size_t)c * PANEL], prob = exp(p->scale * s - lse);
        lane[(size_t)c * PANEL] = (float)(p->gscale * p->scale * (prob - (c == i)));
    }
    return lse - p->scale * own;
}

static double run_block(struct team *t, const struct pass *p, int first, int count) {
    const struct loss_work *w = p->w;
    int np = panels(count), D = p->dim;
    struct weight C = weight_f32(p->c, p->n, D, D);
    panel_from_rows(t, w->x, D, p->q + (size_t)first * (size_t)D, D, count);
    panel_mm(t, w->s, p->n, p->n, np, &(struct term){.w = &C, .x = w->x, .ldx = D}, 1, NULL, false);
    double sum = 0;
    for (int j = 0; j < np * PANEL; j++) {
        float *lane = w->s + (size_t)(j / PANEL) * (size_t)p->n * PANEL + j % PANEL;
        if (j < count) {
            if (p->qsame) leave_out(p, first + j, lane);
            sum += softmax_lane(p, first + j, lane);
        }
        for (int c = 0; j >= count && c < p->n; c++) lane[(size_t)c * PANEL] = 0;
    }
    if (!p->dq) return sum;
    panel_mm(t, w->dx, D, D, np, &(struct term){.w = &C, .trans = true, .x = w->s, .ldx = p->n}, 1, NULL,
             false);
    panel_outer(t, p->dc, D, w->s, p->n, p->n, w->x, D, D, np);
    panel_to_rows(t, w->block, w->dx, D, D, count);
    float *dq = p->dq + (size_t)first * (size_t)D;
    for (size_t i = 0; i < (size_t)count * (size_t)D; i++) dq[i] += w->block[i];
    return sum;
}

static double run_pass(struct team *t, const struct pass *p) {
    double sum = 0;
    for (int i = 0; i < p->rows; i += LOSS_BLOCK) sum += run_block(t, p, i, MIN_OF(LOSS_BLOCK, p->rows - i));
    return sum / p->rows;
}

double loss_ranking(struct team *t, const struct loss_work *w, const struct loss_spec *spec,
                    const struct loss_input *in, const float *hat, float *dhat, int dim, double scale) {
    size_t anchors = (size_t)in->rows * (size_t)dim;
    double part = spec->symmetric ? 0.5 : 1;
    struct pass p = {.w = w,
                     .q = hat,
                     .c = hat + anchors,
                     .dq = dhat,
                     .dc = dhat ? dhat + anchors : NULL,
                     .qsame = in->same,
                     .csame = in->same ? in->same + in->rows : NULL,
                     .rows = in->rows,
                     .n = (in->texts - 1) * in->rows,
                     .dim = dim,
                     .scale = spec->scale,
                     .gscale = part * scale / in->rows};
    double loss = part * run_pass(t, &p);
    if (!spec->symmetric) return loss;
    struct pass back = p;
    back.q = p.c, back.c = p.q, back.dq = p.dc, back.dc = p.dq;
    back.qsame = p.csame, back.csame = p.qsame;
    back.n = in->rows;
    return loss + part * run_pass(t, &back);
}
