/* mat.h - whole-matrix products on row-major float32, through OpenBLAS.
 *
 * OpenBLAS runs with one thread per call; the work is cut into row blocks whose size depends on the shape alone and spread over the team, so a
 * result does not depend on the number of threads. */
#ifndef BENCH_NN_MAT_H
#define BENCH_NN_MAT_H

#include "harness/nn/panel.h"

/* W [m, k] (row stride k) += alpha * B [m, r] A [r, k]. */
void mat_add_product(struct team *t, float *W, int m, int k, float alpha, const float *B, const float *A, int r);

#endif
