/* SPDX-License-Identifier: Apache-2.0 */
/* weight.c - stored matrices and their expansion to float32 (see weight.h; the block formats are in
 * kernels_expand.inc.c). */
#include "harness/nn/kernels/weight.h"

#include <string.h>

#include "harness/base/err.h"
#include "harness/nn/kernels/kernels.h"

static const struct {
    const char *name;
    int block, bytes; /* elements and bytes of a block */
} types[DT_COUNT] = {
    [DT_F32] = {"F32", 1, 4},     [DT_F16] = {"F16", 1, 2},     [DT_BF16] = {"BF16", 1, 2},
    [DT_Q8_0] = {"Q8_0", 32, 34}, [DT_Q4_0] = {"Q4_0", 32, 18}, [DT_Q4_1] = {"Q4_1", 32, 20},
};

const char *dtype_name(enum dtype t) { return types[t].name; }

int dtype_block(enum dtype t) { return types[t].block; }

size_t dtype_bytes(enum dtype t, size_t n) {
    BUG_ON(n % (size_t)types[t].block, "%s: %zu elements", types[t].name, n);
    return n / (size_t)types[t].block * (size_t)types[t].bytes;
}

struct weight weight_f32(const float *data, int rows, int cols, int ld) {
    return (struct weight){
        .dtype = DT_F32, .rows = rows, .cols = cols, .data = data, .row_bytes = (size_t)ld * sizeof(float)};
}

bool weight_is_plain(const struct weight *w, const float **data, int *ld) {
    if (w->dtype != DT_F32 || w->rope_heads || w->transposed || w->row_bytes % sizeof(float) ||
        (uintptr_t)w->data % sizeof(float))
        return false;
    *data = w->data;
    *ld = (int)(w->row_bytes / sizeof(float));
    return true;
}

struct weight weight_stored(const struct weight *w) {
    BUG_ON(!w->transposed, "[%d, %d] lies as it is", w->rows, w->cols);
    struct weight s = *w;
    s.rows = w->cols;
    s.cols = w->rows;
    s.transposed = false;
    return s;
}

size_t weight_stored_bytes(const struct weight *w) {
    return (size_t)(w->transposed ? w->cols : w->rows) * w->row_bytes;
}

/* Where logical row i is stored. */
static const char *stored_row(const struct weight *w, int i) {
    if (w->rope_heads) {
        int hd = w->rows / w->rope_heads, h = i / hd, j = i % hd;
        i = h * hd + (j % (hd / 2)) * 2 + j / (hd / 2);
    }
    return (const char *)w->data + (size_t)i * w->row_bytes;
}

struct fetch weight_fetch(const struct weight *w, int row0, int nrows, int col0, int ncols) {
    if (nrows <= 0 || ncols <= 0) return (struct fetch){0};
    size_t block = (size_t)types[w->dtype].block, size = (size_t)types[w->dtype].bytes;
    size_t bytes = ((size_t)ncols + block - 1) / block * size;
    return (struct fetch){.at = (const char *)w->data + (size_t)row0 * w->row_bytes +
                                (size_t)col0 / block * size,
                          .stride = (ptrdiff_t)w->row_bytes,
                          .rows = nrows,
                          .lines = (int)((bytes + 63) / 64)};
}

/* Blocks of 32 x 32 at most, so that neither side leaves the cache. */
static void expand_transposed(const struct weight *w, int row0, int nrows, int col0, int ncols, float *dst,
                              int ld) {
    struct weight s = weight_stored(w);
    BUG_ON(types[w->dtype].block > 1, "%s", types[w->dtype].name);
    for (int i = 0; i < nrows; i += 32)
        for (int j = 0; j < ncols; j += 32) {
            float block[32 * 32];
            int ni = nrows - i < 32 ? nrows - i : 32, nj = ncols - j < 32 ? ncols - j : 32;
            weight_expand(&s, col0 + j, nj, row0 + i, ni, block, 32);
            for (int a = 0; a < ni; a++)
                for (int b = 0; b < nj; b++) dst[(size_t)(i + a) * ld + j + b] = block[b * 32 + a];
        }
}

void weight_expand(const struct weight *w, int row0, int nrows, int col0, int ncols, float *dst, int ld) {
    if (w->transposed) {
        expand_transposed(w, row0, nrows, col0, ncols, dst, ld);
        return;
    }
    int block = types[w->dtype].block;
    BUG_ON(row0 < 0 || nrows < 0 || row0 + nrows > w->rows || col0 < 0 || ncols < 0 ||
               col0 + ncols > w->cols || col0 % block,
           "rows %d+%d of %d, columns %d+%d of %d, %s", row0, nrows, w->rows, col0, ncols, w->cols,
           types[w->dtype].name);
    size_t skip = (size_t)(col0 / block) * (size_t)types[w->dtype].bytes;
    if (w->dtype == DT_F32) {
        for (int i = 0; i < nrows; i++)
            memcpy(dst + (size_t)i * ld, stored_row(w, row0 + i) + skip, (size_t)ncols * sizeof(float));
        return;
    }
    void (*expand)(float *, const void *, size_t) = kernels_get()->expand[w->dtype];
    int whole = ncols - ncols % block;
    for (int i = 0; i < nrows; i++) {
        const char *src = stored_row(w, row0 + i) + skip;
        float *to = dst + (size_t)i * ld;
        expand(to, src, (size_t)whole);
        if (whole == ncols) continue;
        float last[32];
        expand(last, src + dtype_bytes(w->dtype, (size_t)whole), 32);
        memcpy(to + whole, last, (size_t)(ncols - whole) * sizeof(float));
    }
}
