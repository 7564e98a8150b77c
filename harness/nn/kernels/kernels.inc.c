/* SPDX-License-Identifier: Apache-2.0 */
/* kernels.inc.c - the inner loops, written once with GCC vector extensions for vectors of VL floats.
 *
 * Included by kernels_{avx512,avx2,base}.c, which define VL, K_TABLE and K_NAME. kernels_mm.inc.c has the
 * product, kernels_expand.inc.c the stored types, kernels_ops.inc.c everything elementwise. Contraction to
 * fused multiply-add is wanted (GCC's default for gnu11); reassociation is not (no -ffast-math): a sum is the
 * order in which it is written, and NaN and infinity behave as IEEE 754 says. */
#include <math.h>
#include <string.h>

#include "harness/nn/kernels/kernels.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef float vec __attribute__((vector_size(VL * 4)));
typedef int32_t ivec __attribute__((vector_size(VL * 4)));
typedef float uvec __attribute__((vector_size(VL * 4), aligned(4), may_alias));
typedef int32_t uivec __attribute__((vector_size(VL * 4), aligned(4), may_alias));

enum { NV = PANEL / VL }; /* vectors per feature */

#define INLINE static inline __attribute__((always_inline))

INLINE vec ld(const float *p) { return *(const uvec *)p; }
INLINE void st(float *p, vec v) { *(uvec *)p = v; }
INLINE ivec ldi(const int32_t *p) { return *(const uivec *)p; }
INLINE void sti(int32_t *p, ivec v) { *(uivec *)p = v; }
INLINE vec splat(float s) { return s - (vec){0}; }
INLINE ivec splati(int32_t s) { return s - (ivec){0}; }
INLINE vec select_v(ivec m, vec a, vec b) { return (vec)(((ivec)a & m) | ((ivec)b & ~m)); }
INLINE ivec select_i(ivec m, ivec a, ivec b) { return (a & m) | (b & ~m); }

/* max and min of which b is NaN is b: the NaN survives. */
#if VL == 16
INLINE vec max_v(vec a, vec b) { return (vec)_mm512_max_ps((__m512)a, (__m512)b); }
INLINE vec min_v(vec a, vec b) { return (vec)_mm512_min_ps((__m512)a, (__m512)b); }
INLINE vec sqrt_v(vec a) { return (vec)_mm512_sqrt_ps((__m512)a); }
#elif VL == 8
INLINE vec max_v(vec a, vec b) { return (vec)_mm256_max_ps((__m256)a, (__m256)b); }
INLINE vec min_v(vec a, vec b) { return (vec)_mm256_min_ps((__m256)a, (__m256)b); }
INLINE vec sqrt_v(vec a) { return (vec)_mm256_sqrt_ps((__m256)a); }
#else
INLINE vec max_v(vec a, vec b) { return select_v(a > b, a, b); }
INLINE vec min_v(vec a, vec b) { return select_v(a < b, a, b); }
INLINE vec sqrt_v(vec a) {
    for (int i = 0; i < VL; i++) a[i] = sqrtf(a[i]);
    return a;
}
#endif

/* The sum of the lanes as a fixed tree. */
INLINE float hsum(vec v) {
    float a[VL];
    st(a, v);
    for (int h = VL / 2; h > 0; h /= 2)
        for (int i = 0; i < h; i++) a[i] += a[i + h];
    return a[0];
}

/* exp to about 1 ulp: x = n ln 2 + r, |r| <= ln 2 / 2, Taylor to r^7; 2^n in two factors, so that overflow
 * gives infinity and underflow goes through the subnormals to 0. NaN stays NaN (min and max keep it). */
INLINE vec exp_v(vec x) {
    const vec magic = splat(12582912.0f); /* 1.5 * 2^23: the fraction is rounded away */
    x = max_v(splat(-150.0f), min_v(splat(100.0f), x));
    vec t = x * 1.44269504f + magic;
    vec n = t - magic;
    ivec e = (ivec)t - (ivec)magic;
    vec r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    vec r2 = r * r;
    vec p = r * (1.0f / 5040) + 1.0f / 720;
    vec q = r * (1.0f / 120) + 1.0f / 24;
    vec s = r * (1.0f / 6) + 0.5f;
    p = (p * r2 + q) * r2 + s;
    p = p * r2 + r + 1.0f;
    ivec e1 = e >> 1;
    ivec e2 = e - e1;
    return p * (vec)((e1 + 127) << 23) * (vec)((e2 + 127) << 23);
}

#include "harness/nn/kernels/kernels_mm.inc.c"
#include "harness/nn/kernels/kernels_narrow.inc.c"
#include "harness/nn/kernels/kernels_expand.inc.c"
#include "harness/nn/kernels/kernels_ops.inc.c"
#include "harness/nn/kernels/kernels_dropout.inc.c"
#include "harness/nn/kernels/kernels_softmax.inc.c"

const struct kernels K_TABLE = {
    .name = K_NAME,
    .mm = mm,
    .narrow_rows = narrow_rows,
    .narrow_cols = narrow_cols,
    .transpose = transpose,
    .expand = {[DT_F16] = expand_f16,
               [DT_BF16] = expand_bf16,
               [DT_Q8_0] = expand_q8_0,
               [DT_Q4_0] = expand_q4_0,
               [DT_Q4_1] = expand_q4_1},
    .add = add,
    .silu = silu,
    .silu_grad = silu_grad,
    .gelu = gelu,
    .gelu_grad = gelu_grad,
    .gelu_erf = gelu_erf,
    .gelu_erf_grad = gelu_erf_grad,
    .row_scale = row_scale,
    .dropout = dropout,
    .lane_scale = lane_scale,
    .lane_axpy = lane_axpy,
    .rmsnorm = rmsnorm,
    .rmsnorm_grad = rmsnorm_grad,
    .layernorm = layernorm,
    .layernorm_grad = layernorm_grad,
    .rope = rope,
    .sum = sum,
    .dot = dot,
    .dot3 = dot3,
    .dot_normed = dot_normed,
    .score_max = score_max,
    .exp_sum = exp_sum,
    .prob = prob,
    .dot_lanes = dot_lanes,
    .ds_lanes = ds_lanes,
    .prob_rows = prob_rows,
    .ds_rows = ds_rows,
    .argmax = argmax,
    .max_rows = max_rows,
    .softmax_given = softmax_given,
    .sum_squares = sum_squares,
    .scale = scale,
    .adamw = adamw,
    .sgd = sgd,
};
