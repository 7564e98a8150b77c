/* SPDX-License-Identifier: Apache-2.0 */
/* narrow.h - panel_mm and logits_rows for one token (private to harness/nn; the callers are in panel.c and
 * xent.c). */
#ifndef BENCH_NN_NARROW_H
#define BENCH_NN_NARROW_H

#include "harness/nn/kernels/team_private.h"

/* Do the inputs of these terms fit into the scratch that narrow_mm has? */
bool narrow_serves(const struct term *terms, int nterms);
/* panel_mm of one panel whose lane 0 alone counts; the other lanes of y become 0. No term's weight is
 * `transposed`. */
void narrow_mm(struct team *t, float *y, int m, const struct term *terms, int nterms, const float *bias,
               bool accumulate);
/* logits[0..E->rows) of the token in lane 0 of h. */
void narrow_logits(struct team *t, float *logits, const struct weight *E, const float *bias, const float *h);

#endif
