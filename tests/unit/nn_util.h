/* SPDX-License-Identifier: Apache-2.0 */
/* nn_util.h - what the tests of the numerics share: random arrays, panels from rows, comparison with a
 * tolerance, every instruction set that this machine has. */
#ifndef BENCH_TESTS_NN_UTIL_H
#define BENCH_TESTS_NN_UTIL_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/nn/kernels/kernels.h"
#include "harness/nn/kernels/panel.h"
#include "harness/nn/kernels/ref.h"
#include "harness/nn/kernels/team_private.h"
#include "harness/base/util.h"

static const char *const cpu_paths[] = {"avx512", "avx2", "baseline"};
#define FOR_CPUS(path)                                                                                       \
    for (size_t path##_i = 0; path##_i < ARRAY_LEN(cpu_paths); path##_i++)                                   \
        for (const char *path = cpu_paths[path##_i]; path && panel_cpu_force(path); path = NULL)

static uint64_t nn_seed = 88172645463325252ull;
static inline float nn_random(void) /* [-1, 1) */
{
    nn_seed ^= nn_seed << 13, nn_seed ^= nn_seed >> 7, nn_seed ^= nn_seed << 17;
    return (float)((double)(nn_seed >> 40) / (1 << 23) - 1.0);
}

static inline void *nn_alloc(size_t bytes) {
    size_t n = (bytes + 127) / 64 * 64;
    void *p = aligned_alloc(64, n);
    assert_non_null(p);
    memset(p, 0, n);
    return p;
}

static inline float *nn_zeros(size_t n) { return nn_alloc(n * sizeof(float)); }
static inline double *nn_doubles(size_t n) { return nn_alloc(n * sizeof(double)); }

static inline float *nn_floats(size_t n, float scale) {
    float *x = nn_zeros(n);
    for (size_t i = 0; i < n; i++) x[i] = scale * nn_random();
    return x;
}

static inline double *nn_widen(const float *x, size_t n) {
    double *y = nn_doubles(n);
    for (size_t i = 0; i < n; i++) y[i] = (double)x[i];
    return y;
}

/* Rows [n, d] as panels with ld features, written element by element (not by the functions under test). What
 * lies beyond d or n is `fill`. */
static inline float *nn_panels(const float *rows, int n, int d, int ld, float fill) {
    float *x = nn_zeros(panel_floats(panels(n), ld));
    for (size_t i = 0; i < panel_floats(panels(n), ld); i++) x[i] = fill;
    for (int t = 0; t < panels(n) * PANEL; t++)
        for (int f = 0; f < d; f++)
            x[((size_t)(t / PANEL) * ld + f) * PANEL + t % PANEL] = t < n ? rows[(size_t)t * d + f] : 0;
    return x;
}

static inline double *nn_rows(const float *x, int n, int d, int ld) {
    double *rows = nn_doubles((size_t)n * d);
    for (int t = 0; t < n; t++)
        for (int f = 0; f < d; f++)
            rows[(size_t)t * d + f] = (double)x[((size_t)(t / PANEL) * ld + f) * PANEL + t % PANEL];
    return rows;
}

/* Largest difference relative to the largest expected magnitude. */
static inline double nn_error(const double *got, const double *want, size_t n) {
    double err = 0, top = 1e-30;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(got[i])) return INFINITY;
        err = fmax(err, fabs(got[i] - want[i]));
        top = fmax(top, fabs(want[i]));
    }
    return err / top;
}

#define NN_CLOSE(got, want, n, tol)                                                                          \
    do {                                                                                                     \
        double err_ = nn_error(got, want, n);                                                                \
        if (!(err_ <= (tol)))                                                                                \
            fail_msg("%s: relative error %.3g > %.3g (%s)", #got, err_, (double)(tol), panel_cpu());         \
    } while (0)

static inline struct team *nn_team(struct mem *m, int threads) {
    mem_init(m, false, 0);
    struct team *t = team_new(m, threads);
    t->wake_ns = 0; /* even the smallest work is shared, so that the split is what is tested */
    return t;
}

/* A random stored matrix of type t; the caller frees data. */
static inline struct weight nn_weight(enum dtype t, int rows, int cols) {
    size_t block = (size_t)dtype_block(t), stored = ((size_t)cols + block - 1) / block * block;
    struct weight w = {.dtype = t, .rows = rows, .cols = cols, .row_bytes = dtype_bytes(t, stored)};
    uint8_t *data = nn_alloc((size_t)rows * w.row_bytes);
    for (size_t i = 0; i < (size_t)rows * w.row_bytes; i++) data[i] = (uint8_t)(nn_random() * 128);
    for (int i = 0; i < rows; i++) {
        uint8_t *row = data + (size_t)i * w.row_bytes;
        for (size_t j = 0; j < stored; j++) {
            float v = nn_random();
            uint16_t half = (uint16_t)(0x2800 | (int)(fabsf(v) * 1023)); /* about 0.03 .. 0.06 */
            uint32_t u;
            memcpy(&u, &v, 4);
            uint16_t bf = (uint16_t)(u >> 16), f16 = (uint16_t)(half | (v < 0 ? 0x8000 : 0));
            if (t == DT_F32)
                memcpy(row + 4 * j, &v, 4);
            else if (t == DT_BF16)
                memcpy(row + 2 * j, &bf, 2);
            else if (t == DT_F16)
                memcpy(row + 2 * j, &f16, 2);
            else if (j % 32 == 0) {
                memcpy(row + dtype_bytes(t, j), &half, 2);
                f16 = (uint16_t)(half | 0x8000);
                if (t == DT_Q4_1) memcpy(row + dtype_bytes(t, j) + 2, &f16, 2);
            }
        }
    }
    w.data = data;
    return w;
}

#endif
