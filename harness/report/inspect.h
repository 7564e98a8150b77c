/* SPDX-License-Identifier: Apache-2.0 */
/* inspect.h - what a run changed: per layer the total change Delta W of its weight, taken apart into singular
 * values, after LoRA (2106.09685), section 7.
 *
 * - rank: the singular values above `tolerance` = max(d_in, d_out) * 2^-23 * the largest one; where Delta W
 * is a difference of float32 weights at least 2^-23 * ||W||_F, the rounding of those.
 *
 * - amplification: ||Delta W||_F / ||U^T W V^T||_F, U and V being the singular directions of Delta W, the
 * first `top` where there are more (then of that part of Delta W): how much the change favours directions in
 * which W itself is small. For k random directions ||U^T W V^T||_F is ||W||_F k / sqrt(d_in d_out), root mean
 * square.
 *
 * - directions: right-singular vectors of A, or of Delta W where a method has no A (of the saved A: that of
 *   delta_lora and pissa is stacked of two). Subspaces of two runs are compared by
 *       phi(i, j) = ||V1_i V2_j^T||_F^2 / min(i, j),    V_i: the first i of them;
 *   it is 1 when one contains the other, and max(i, j) / d_in in the mean for random subspaces. */
#ifndef BENCH_INSPECT_H
#define BENCH_INSPECT_H

#include <stdbool.h>

#include "harness/plot/plot.h"
#include "harness/table/table.h"

struct inspect_site {
    char *name, *kind; /* "layers.3.q_proj", "q_proj": layers of one kind have one shape */
    int layer, d_out, d_in;
    int r; /* columns of the factors that Delta W is made of; 0: it is a difference of weights */
    int rank;
    double tolerance;
    int n;                                         /* singular values: min(d_out, d_in, r) */
    double *sigma;                                 /* [n], descending */
    double norm, weight_norm;                      /* ||Delta W||_F, ||W||_F */
    double projected, amplification;               /* ||U^T W V^T||_F; both NaN when the rank is 0 */
    double random_projected, random_amplification; /* the same for random directions */
    int ndirections;
    double *direction; /* [ndirections][d_in] */
};

struct inspect {
    char *label;               /* as the user named it, with method, rank and seed */
    char *model;               /* the base, as it was opened */
    const char *method;        /* as trained, where the record knows it; else as saved */
    bool of_A;                 /* directions: of A, not of Delta W */
    long seed;                 /* of a recorded run; -1: unknown */
    struct inspect_site *site; /* in the model's order */
    int n;
};

/* Take apart what a run (its number in the record `db`, NULL: the default one) or a folder holds: an adapter,
 * or a whole model against its base. `model`: the base where neither says it; NULL: not given. At most `top`
 * directions are kept per layer. progress (may be NULL) is called before each layer. On error nothing needs
 * to be released. */
int inspect_read(struct inspect *x, const char *run_or_dir, const char *db, const char *model, int top,
                 void (*progress)(int done, int all), struct err *e);
void inspect_release(struct inspect *x);

/* The layer of this name, or NULL. */
const struct inspect_site *inspect_find(const struct inspect *x, const char *name);

/* phi(i + 1, j + 1) into phi[i * nj + j] for i < ni <= a->ndirections, j < nj <= b->ndirections. Both layers
 * have the same d_in. */
void inspect_phi(const struct inspect_site *a, const struct inspect_site *b, int ni, int nj, double *phi);
/* Its mean for random subspaces of d dimensions. */
double inspect_phi_random(int i, int j, int d);

/* ---- tables and pictures (inspect_table.c, inspect_plot.c) --------------------------------------------- */

/* A row per layer; a row per kind of layer: means over its layers. Callers free. */
struct table *inspect_table(const struct inspect *x);
struct table *inspect_kinds(const struct inspect *x);
/* Two runs: a row per kind that both adapt: phi of the first directions and of all, beside random subspaces.
 */
struct table *inspect_phi_table(const struct inspect *x, const struct inspect *y);
/* All of it, singular values and the whole of phi per layer included; y NULL: one run. New reference. */
json_t *inspect_json(const struct inspect *x, const struct inspect *y);

/* The number of directions that are compared in layers of this kind: of all of them the fewest. Mean phi
 * [*ni][*nj] over its *layers layers (malloc'ed; NULL when none is common), *d: their input width. */
double *inspect_phi_mean(const struct inspect *x, const struct inspect *y, const char *kind, int *ni, int *nj,
                         int *d, int *layers);
/* Error when two runs cannot be compared: no common layer, or other widths. */
int inspect_check_pair(const struct inspect *x, const struct inspect *y, struct err *e);
/* The i-th kind of x, in the model's order; NULL behind the last. Borrowed. */
const char *inspect_kind(const struct inspect *x, int i);

/* A picture per kind that both have: mean phi over its layers beside that of random subspaces. Files
 * <dir>/phi-<kind>.*, as plot.h. */
int inspect_plot(const struct inspect *x, const struct inspect *y, const char *dir, struct plot_paths *paths,
                 struct err *e);

#endif
