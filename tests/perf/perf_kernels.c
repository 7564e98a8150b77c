/* SPDX-License-Identifier: Apache-2.0 */
/* perf_kernels.c - speed of every panel operation at the shapes of SmolLM2-135M, against the core's
 * multiply-add peak.
 *
 * `make perf`; arguments: repetitions (default 12), then names to select. Best of the repetitions: other
 * processes may share the machine. GFLOP/s where there are products, GB/s (read + written) elsewhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/nn/kernels/kernels.h"
#include "harness/nn/kernels/panel.h"
#include "harness/base/rng.h"
#include "harness/base/util.h"
#include "harness/nn/kernels/layers.h"
#include "harness/nn/kernels/attention.h"
#include "harness/nn/kernels/xent.h"
#include "harness/nn/kernels/vec.h"

enum { D = 576, KV = 192, FF = 1536, V = 49152, MAXN = 1024 };

static int reps = 12, n, np, threads;
static char **only;
static struct mem mem;
static struct team *team;

static float *floats(size_t count) {
    float *x = mem_alloc(&mem, MEM_MISC, count * sizeof(float));
    rng_fill_uniform(rng_make(1, "perf", count), x, count, 0.1f);
    return x;
}

static bool wanted(const char *name) {
    for (char **o = only; o && *o; o++)
        if (strstr(name, *o)) return true;
    return !only || !*only;
}

#define TIME(name, work, unit, ...)                                                                          \
    do {                                                                                                     \
        if (!wanted(name)) break;                                                                            \
        double best_ = 1e30;                                                                                 \
        for (int r_ = 0; r_ < reps; r_++) {                                                                  \
            double t_ = now_seconds();                                                                       \
            __VA_ARGS__;                                                                                     \
            t_ = now_seconds() - t_;                                                                         \
            if (t_ < best_) best_ = t_;                                                                      \
        }                                                                                                    \
        printf("%4d tokens %d threads  %-28s %9.3f ms  %8.1f %s\n", n, threads, name, best_ * 1e3,           \
               (double)(work) / best_ * 1e-9, unit);                                                         \
    } while (0)

#if defined(__x86_64__)
/* Multiply-adds on registers alone, as wide as the path's: the peak of the core. */
#define STEP(v) v = v * b + c;
#define PEAK(name, isa, lanes)                                                                               \
    typedef float name##_v __attribute__((vector_size(4 * lanes)));                                          \
    __attribute__((target(isa))) static double name(void) {                                                  \
        name##_v a0 = {0}, a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0, a8 = a0, a9 = a0,  \
                 b = a0 + 0.999f, c = a0 + 0.7f;                                                             \
        double best = 1e30;                                                                                  \
        for (int r = 0; r < 500; r++) {                                                                      \
            double t = now_seconds();                                                                        \
            for (int i = 0; i < 20000; i++) {                                                                \
                __asm__ volatile("" : "+v"(a0), "+v"(a1), "+v"(a2), "+v"(a3), "+v"(a4)); /* not merged */    \
                __asm__ volatile("" : "+v"(a5), "+v"(a6), "+v"(a7), "+v"(a8), "+v"(a9));                     \
                STEP(a0) STEP(a1) STEP(a2) STEP(a3) STEP(a4) STEP(a5) STEP(a6) STEP(a7) STEP(a8) STEP(a9)    \
            }                                                                                                \
            t = now_seconds() - t;                                                                           \
            if (t < best) best = t;                                                                          \
        }                                                                                                    \
        return 20000.0 * 10 * lanes * 2 / best * 1e-9;                                                       \
    }
PEAK(peak_avx512, "avx512f", 16)
PEAK(peak_avx2, "avx2,fma", 8)
#endif

/* The peak of one core for the path in use; 0: unknown. */
static double peak(void) {
#if defined(__x86_64__)
    if (strcmp(panel_cpu(), "avx512") == 0) return peak_avx512();
    if (strcmp(panel_cpu(), "avx2") == 0) return peak_avx2();
#endif
    return 0;
}

/* The micro-kernel on data in the first-level cache. */
static double hot(void) {
    static float x[64 * PANEL], w[64 * 16], y[12 * PANEL];
    const struct kernels *k = kernels_get();
    struct seg s = {.w = w, .ws = 16, .trans = true, .x = x, .k = 64};
    double best = 1e30;
    for (int r = 0; r < 200; r++) {
        double t = now_seconds();
        for (int i = 0; i < 100; i++) k->mm(y, PANEL, 0, 12, 1, &s, 1, NULL, false, NULL);
        t = now_seconds() - t;
        if (t < best) best = t;
    }
    return 100.0 * 2 * 12 * PANEL * 64 / best * 1e-9;
}

/* A matrix of a type with any contents that are finite. */
static struct weight stored(enum dtype t, int rows, int cols) {
    struct weight w = {.dtype = t, .rows = rows, .cols = cols, .row_bytes = dtype_bytes(t, (size_t)cols)};
    size_t size = (size_t)rows * w.row_bytes;
    uint8_t *b = mem_alloc(&mem, MEM_BASE, size);
    if (t == DT_F32) {
        rng_fill_uniform(rng_make(2, "perf", size), (float *)b, size / 4, 0.1f);
    } else {
        struct rng r = rng_make(3, "perf", size);
        /* small exponents everywhere */
        for (size_t i = 0; i < size; i++) b[i] = (uint8_t)(rng_u32(r, i) & 0x1f);
    }
    w.data = b;
    return w;
}

static struct weight head, mats[2][5]; /* f32, Q4_1: qkv, o, gate-up, down, A */

static float *xd, *yd, *xf, *yf, *logits_dw;

static void products(int type, const char *name) {
    const struct weight *w = mats[type];
    char label[64];
    struct one {
        const char *what;
        const struct weight *w;
        bool trans;
        float *x, *y;
    } list[] = {
        {"qkv", &w[0], false, xd, yf},     {"o", &w[1], false, xd, yd},
        {"gate-up", &w[2], false, xd, yf}, {"down", &w[3], false, xf, yd},
        {"qkv dx", &w[0], true, xf, yd},   {"gate-up dx", &w[2], true, xf, yd},
        {"down dx", &w[3], true, xd, yf},  {"u = A x", &w[4], false, xd, yd},
    };
    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        struct one *o = &list[i];
        int m = o->trans ? o->w->cols : o->w->rows, k = o->trans ? o->w->rows : o->w->cols;
        snprintf(label, sizeof label, "mm %s %s", name, o->what);
        TIME(label, 2.0 * m * k * n, "GFLOP/s",
             panel_mm(team, o->y, m, m, np, &(struct term){o->w, o->trans, o->x, k}, 1, NULL, false));
    }
}

/* All frozen products of a layer, 30 different layers: weights come from memory, as in a training step. */
static void layers(const char *name, struct weight (*all)[4]) {
    char label[64];
    snprintf(label, sizeof label, "30 layers %s fwd", name);
    double per = 2.0 * n * ((double)(D + 2 * KV) * D + D * D + 3.0 * FF * D);
    TIME(
        label, 30 * per, "GFLOP/s", for (int l = 0; l < 30; l++) {
            panel_mm(team, yf, D + 2 * KV, D + 2 * KV, np, &(struct term){&all[l][0], false, xd, D}, 1, NULL,
                     false);
            panel_mm(team, yd, D, D, np, &(struct term){&all[l][1], false, xd, D}, 1, NULL, false);
            panel_mm(team, yf, 2 * FF, 2 * FF, np, &(struct term){&all[l][2], false, xd, D}, 1, NULL, false);
            panel_mm(team, yd, D, D, np, &(struct term){&all[l][3], false, xf, FF}, 1, NULL, false);
        });
    snprintf(label, sizeof label, "30 layers %s bwd", name);
    TIME(
        label, 30 * per, "GFLOP/s", for (int l = 29; l >= 0; l--) {
            panel_mm(team, yf, FF, FF, np, &(struct term){&all[l][3], true, xd, D}, 1, NULL, false);
            panel_mm(team, yd, D, D, np, &(struct term){&all[l][2], true, xf, 2 * FF}, 1, NULL, false);
            panel_mm(team, yd, D, D, np, &(struct term){&all[l][1], true, xd, D}, 1, NULL, false);
            panel_mm(team, yd, D, D, np, &(struct term){&all[l][0], true, xf, D + 2 * KV}, 1, NULL, false);
        });
}

static void attention(int per_sequence) {
    int32_t *start = mem_alloc(&mem, MEM_MISC, sizeof(int32_t) * MAXN),
            *end = mem_alloc(&mem, MEM_MISC, sizeof(int32_t) * MAXN);
    for (int t = 0; t < n; t++) {
        start[t] = t / per_sequence * per_sequence;
        end[t] = MIN_OF(n, start[t] + per_sequence);
    }
    struct attention a = {9, 3, 64, 0.125f, true, start, end, np};
    float *q = xf, *k = q + panel_floats(np, D), *v = k + panel_floats(np, KV), *lse = yf,
          *delta = yf + panel_floats(np, 9);
    float *dq = yf + panel_floats(np, 18), *dk = dq + panel_floats(np, D), *dv = dk + panel_floats(np, KV);
    double pairs = (double)n * (per_sequence + 1) / 2;
    char label[64];
    snprintf(label, sizeof label, "attention fwd T=%d", per_sequence);
    TIME(label, 4.0 * pairs * D, "GFLOP/s (causal)",
         attention_forward(team, &a, yd, D, lse, q, D, k, KV, v, KV));
    attention_forward(team, &a, yd, D, lse, q, D, k, KV, v, KV);
    snprintf(label, sizeof label, "attention bwd T=%d", per_sequence);
    TIME(label, 14.0 * pairs * D, "GFLOP/s (causal)",
         attention_backward(team, &a, dq, D, dk, KV, dv, KV, delta, xd, D, lse, q, D, k, KV, v, KV));
}

static void elementwise(void) {
    float *gamma = logits_dw, *c = logits_dw + D, *s = c + 1024 * 32;
    static int32_t pos[MAXN], ids[MAXN], target[MAXN];
    static float nll[MAXN];
    for (int i = 0; i < n; i++) pos[i] = i % 128, ids[i] = target[i] = i * 97 % V;
    rope_table(c, s, 1024, 64, 10000, 1);
    double bytes = 4.0 * n;
    TIME("rmsnorm fwd", bytes * D * 2, "GB/s", rmsnorm_forward(team, yd, D, xd, D, gamma, D, np, 1e-5f));
    TIME("rmsnorm bwd", bytes * D * 4, "GB/s",
         rmsnorm_backward(team, yd, D, NULL, xd, D, gamma, xf, D, D, np, 1e-5f));
    TIME("silu_mul fwd", bytes * FF * 3, "GB/s",
         silu_mul_forward(team, yf, FF, xf, 2 * FF, xf + (size_t)FF * PANEL, 2 * FF, FF, np));
    TIME("silu_mul bwd", bytes * FF * 5, "GB/s",
         silu_mul_backward(team, yf, 2 * FF, yf + (size_t)FF * PANEL, 2 * FF, xf, FF, xf, 2 * FF, xf, 2 * FF,
                           FF, np));
    TIME("rope q", bytes * D * 2, "GB/s", rope_apply(team, yd, D, 9, 64, pos, c, s, np, false));
    TIME("add", bytes * D * 3, "GB/s", panel_add(team, yd, D, xd, D, D, np));
    TIME("embed Q8_0", bytes * D * 2, "GB/s", embed_forward(team, yd, D, &head, ids, n));
    TIME("gather", bytes * D * 2, "GB/s", panel_gather(team, yd, D, xd, D, D, pos, n));
    TIME("outer dA 8x576", 2.0 * 8 * D * n, "GFLOP/s",
         panel_outer(team, logits_dw, D, yd, 8, 8, xd, D, D, np));
    TIME("outer dB 576x8", 2.0 * 8 * D * n, "GFLOP/s",
         panel_outer(team, logits_dw, 8, yd, D, D, xd, 8, 8, np));
    TIME("outer 1536x576", 2.0 * FF * D * n, "GFLOP/s",
         panel_outer(team, logits_dw, D, xf, FF, FF, xd, D, D, np));
    TIME("outer 576x1536", 2.0 * FF * D * n, "GFLOP/s",
         panel_outer(team, logits_dw, FF, xd, D, D, xf, FF, FF, np));
    TIME("xent loss Q8_0", 2.0 * V * D * n, "GFLOP/s",
         xent(team, nll, NULL, NULL, 0, NULL, NULL, &head, NULL, xd, D, n, target, 1));
    TIME("xent loss + dh Q8_0", 4.0 * V * D * n, "GFLOP/s",
         xent(team, nll, ids, yd, D, NULL, NULL, &head, NULL, xd, D, n, target, 1));
    if (n == 512)
        TIME("xent + dh + dE Q8_0", 8.0 * V * D * n, "GFLOP/s",
             xent(team, nll, ids, yd, D, logits_dw, NULL, &head, NULL, xd, D, n, target, 1));
    size_t count = (size_t)V * D;
    TIME("adamw 28M", 28.0 * (double)count, "GB/s",
         vec_adamw(team, logits_dw, logits_dw + count, logits_dw + 2 * count, logits_dw + 3 * count, count,
                   &(struct adamw){1e-3, 0.9, 0.999, 1e-8, 0.1, 1, 10}));
    TIME("sum of squares 28M", 4.0 * (double)count, "GB/s", (void)vec_sum_squares(team, logits_dw, count));
}

static void expansion(void) {
    static const enum dtype types[] = {DT_F32, DT_F16, DT_BF16, DT_Q8_0, DT_Q4_0, DT_Q4_1};
    float *dst = yf;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct weight w = stored(types[i], 96, D);
        double best = 1e30;
        for (int r = 0; r < reps * 20; r++) {
            double t = now_seconds();
            weight_expand(&w, 0, 96, 0, D, dst, 592);
            t = now_seconds() - t;
            if (t < best) best = t;
        }
        printf("expand %-5s %8.2f G weights/s, hot\n", dtype_name(types[i]), 96.0 * D / best * 1e-9);
    }
}

int main(int argc, char **argv) {
    if (argc > 1) reps = atoi(argv[1]);
    only = argc > 2 ? argv + 2 : NULL;
    mem_init(&mem, false, 0);
    printf("path %s; one core: multiply-add peak %.1f, micro-kernel in the first-level cache %.1f GFLOP/s\n",
           panel_cpu(), peak(), hot());
    static const int shapes[5][2] = {{D + 2 * KV, D}, {D, D}, {2 * FF, D}, {D, FF}, {8, D}};
    static struct weight all[2][30][4];
    for (int t = 0; t < 2; t++) {
        for (int i = 0; i < 5; i++) mats[t][i] = stored(t ? DT_Q4_1 : DT_F32, shapes[i][0], shapes[i][1]);
        for (int l = 0; l < 30; l++)
            for (int i = 0; i < 4; i++)
                all[t][l][i] = stored(t ? DT_Q4_1 : DT_F32, shapes[i][0], shapes[i][1]);
    }
    head = stored(DT_Q8_0, V, D);
    xd = floats((size_t)MAXN * D), yd = floats((size_t)MAXN * D);
    xf = floats((size_t)MAXN * 2 * FF), yf = floats((size_t)MAXN * 2 * FF);
    logits_dw = floats(4 * (size_t)V * D);
    expansion();
    static const int ns[] = {160, 512};
    for (size_t i = 0; i < ARRAY_LEN(ns); i++)
        for (threads = 1; threads <= 2; threads++) {
            n = ns[i], np = panels(n);
            team = team_new(&mem, threads);
            products(0, "f32");
            products(1, "q4_1");
            layers("f32", all[0]);
            layers("q4_1", all[1]);
            attention(128 < n ? 128 : n);
            if (n == 512) attention(512);
            elementwise();
            team_free(team);
        }
    return 0;
}
