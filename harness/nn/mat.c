/* mat.c - see mat.h. */
#include "harness/nn/mat.h"

#include <cblas.h>

enum { ROWS = 64 }; /* rows per block: fixed, so that bits do not depend on the number of threads */

void mat_add_product(struct team *t, float *W, int m, int k, float alpha, const float *B, const float *A, int r) {
    int blocks = (m + ROWS - 1) / ROWS;
#pragma omp parallel for num_threads(team_threads(t)) schedule(static)
    for (int i = 0; i < blocks; i++) {
        int row = i * ROWS, n = m - row < ROWS ? m - row : ROWS;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, k, r, alpha, B + (size_t)row * r, r, A, k, 1.0f,
                    W + (size_t)row * k, k);
    }
}
