/* SPDX-License-Identifier: Apache-2.0 */
/* weight.h - a matrix in the type in which its file stores it, expanded to float32 block by block.
 *
 * W is [rows = d_out, cols = d_in] row-major, y = x W^T + b (Hugging Face's order). llama.cpp permutes the
 * rows of q and k (rope pairs interleaved); `rope_heads` says so and every function here speaks of logical
 * (Hugging Face) rows. `transposed` says that the file has W^T; products then read the file's rows with the
 * other of their two orders (panel.c), and nothing is copied. A weight owns nothing: `data` points into a
 * mapped file or into memory that a parameter owns. */
#ifndef BENCH_NN_WEIGHT_H
#define BENCH_NN_WEIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dtype { DT_F32, DT_F16, DT_BF16, DT_Q8_0, DT_Q4_0, DT_Q4_1, DT_COUNT };
const char *dtype_name(enum dtype t);
/* Bytes of n consecutive elements of a row; n must be a multiple of dtype_block(t) (32 for the Q types, else
 * 1). */
size_t dtype_bytes(enum dtype t, size_t n);
int dtype_block(enum dtype t);

struct weight {
    enum dtype dtype;
    int rows, cols;   /* a vector of n is rows 1, cols n */
    const void *data; /* row 0 as stored */
    size_t row_bytes; /* distance of stored rows; >= dtype_bytes(dtype, cols) */
    /* 0, or number of heads whose rows are in llama.cpp's order: logical row h*hd + j is stored at h*hd + (j
     * % (hd/2))*2 + j/(hd/2), hd = rows / rope_heads */
    int rope_heads;
    /* stored as [cols, rows] (GPT-2's Conv1D): row_bytes is then the distance of those stored rows. Not for
     * block types, nor with rope_heads */
    bool transposed;
};

/* A float32 view of memory: row-major [rows, cols] with row stride ld (floats). */
struct weight weight_f32(const float *data, int rows, int cols, int ld);
/* Is it float32 in logical order, so that the kernels may read it in place? *data, *ld then say where. */
bool weight_is_plain(const struct weight *w, const float **data, int *ld);

/* The stored matrix as it lies in the file, which is W^T: for a transposed weight only. */
struct weight weight_stored(const struct weight *w);
/* Bytes that the stored matrix takes. */
size_t weight_stored_bytes(const struct weight *w);

/* dst[i*ld + j] = W[row0+i][col0+j], i < nrows, j < ncols. col0 is a multiple of 32 for block types; ncols
 * may end inside a block. Single-threaded, as fast as memory for every type (it sits inside the matrix
 * products). */
void weight_expand(const struct weight *w, int row0, int nrows, int col0, int ncols, float *dst, int ld);

#endif
