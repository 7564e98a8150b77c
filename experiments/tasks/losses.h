/* SPDX-License-Identifier: Apache-2.0 */
/* losses.h - what embeddings are trained on: a loss of the embeddings of a batch and its gradient, nothing of
 * texts or models.
 *
 * Rows of texts: row i has `texts` of them, an anchor, a positive and any number of negatives, or two
 * sentences with a score. Their embeddings lie column after column, [texts][rows][dim] row-major. Cosines
 * normalise what they are given, so that it does not matter whether the model did.
 *
 *   mnr         multiple negatives ranking (Henderson et al., 1705.00652; "in-batch negatives", InfoNCE): the
 * mean over anchors of the cross-entropy of scale * cos(anchor, c) over all positives and negatives c of the
 * batch, the own positive being right. `symmetric` adds the same of positives over anchors and halves the
 * sum. A candidate that is, as a text, a positive of an equal anchor is left out. cosent      CoSENT: log(1 +
 * sum over pairs (i, j) with score_i < score_j of exp(scale (cos_i - cos_j))), one value for the batch
 *   cosine_mse  mean of (cos - score)^2
 *   triplet     mean of max(0, d(anchor, positive) - d(anchor, negative) + margin), over rows and negatives
 *
 * All as sentence-transformers defines them; a golden file holds its values and gradients. Matryoshka
 * (Kusupati et al., 2205.13147): the sum over `dims` of weight * the same loss of the leading features,
 * normalised again. Sums in double, whatever the number of threads. */
#ifndef BENCH_TASKS_LOSSES_H
#define BENCH_TASKS_LOSSES_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/nn/kernels/panel.h"

enum loss_kind { LOSS_MNR, LOSS_COSENT, LOSS_COSINE_MSE, LOSS_TRIPLET };
enum loss_distance { LOSS_EUCLIDEAN, LOSS_COSINE, LOSS_MANHATTAN };
enum { LOSS_MAX_DIMS = 16 };

struct loss_spec {
    enum loss_kind kind;
    enum loss_distance distance; /* triplet */
    bool symmetric;              /* mnr */
    double scale, margin;        /* mnr and cosent; triplet */
    int ndims;                   /* Matryoshka sizes, 0: the whole embedding alone */
    int dims[LOSS_MAX_DIMS];
    double weights[LOSS_MAX_DIMS];
};

struct loss_input {
    int rows, texts, dim;
    const float *emb;    /* [texts][rows][dim] */
    const int32_t *same; /* mnr, [texts * rows]: equal numbers are equal texts; NULL: all differ */
    const float *score;  /* cosent, cosine_mse, [rows] */
};

/* Scratch of one loss_run. */
struct loss_work {
    float *hat, *dhat; /* [texts * rows][dim]: normalised embeddings and the gradient at them */
    double *norm;      /* [texts * rows] */
    float *x, *dx;     /* panels of a block of queries */
    float *s;          /* their scores against every candidate */
    float *block;      /* [LOSS_BLOCK][dim] */
    double *value;     /* [rows]: cosines */
};
enum { LOSS_BLOCK = 64 }; /* queries at a time */

/* Reserve it on `tape` as MEM_SCRATCH. The same bytes whatever the values. */
void loss_layout(struct loss_work *w, struct arena *tape, int rows, int texts, int dim);

/* The mean over rows (of cosent: its one value). With grad, [texts][rows][dim], that is overwritten by the
 * gradient of scale * the mean. NaN in, NaN out. */
double loss_run(struct team *t, const struct loss_work *w, const struct loss_spec *spec,
                const struct loss_input *in, float *grad, double scale);

/* mnr alone, on normalised embeddings hat [texts * rows][dim]: adds `scale` * its gradient to dhat (NULL:
 * none). Used by loss_run. */
double loss_ranking(struct team *t, const struct loss_work *w, const struct loss_spec *spec,
                    const struct loss_input *in, const float *hat, float *dhat, int dim, double scale);

#endif
