/* SPDX-License-Identifier: Apache-2.0 */
/* mat.c - see mat.h. */
#include "harness/nn/kernels/mat.h"

#include <cblas.h>

void mat_add_product(float *W, int m, int k, float alpha, const float *B, const float *A, int r) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, k, r, alpha, B, r, A, k, 1.0f, W, k);
}
