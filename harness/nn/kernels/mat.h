/* SPDX-License-Identifier: Apache-2.0 */
/* mat.h - whole-matrix products on row-major float32, through OpenBLAS. */
#ifndef BENCH_NN_MAT_H
#define BENCH_NN_MAT_H

/* W [m, k] += alpha * B [m, r] A [r, k]. One thread, and one call at a time in a process: Debian's serial
 * OpenBLAS is built without locks, and two concurrent calls share its buffers (seen as other bits, rarely).
 * Not inside a parallel region. */
void mat_add_product(float *W, int m, int k, float alpha, const float *B, const float *A, int r);

#endif
