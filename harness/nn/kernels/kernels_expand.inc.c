/* SPDX-License-Identifier: Apache-2.0 */
/* kernels_expand.inc.c - rows of the stored types to float32. Part of kernels.inc.c.
 *
 * Block formats of GGUF, 32 elements each: Q8_0 = f16 d, 32 int8, value q d. Q4_0 = f16 d, 16 bytes (low
 * nibbles are elements 0..15, high ones 16..31), value (q - 8) d. Q4_1 = f16 d, f16 m, 16 bytes, value q d +
 * m. The product q d is exact (4 + 11 bits), so a fused q d + m rounds as the separate operations do and
 * equals what other dequantisers write. */

typedef uint8_t bytes16 __attribute__((vector_size(16)));

/* half bits (in the low 16 of each int) to float: shift the exponent by a multiplication, which handles
 * subnormals too. */
INLINE vec half_v(ivec h) {
    ivec mag = (h & 0x7fff) << 13;
    vec v = (vec)mag * 5.192296858534828e33f; /* 2^112 */
    ivec special = mag >= (0x7c00 << 13);
    return (vec)((ivec)v | (special & 0x7f800000) | ((h & 0x8000) << 16));
}

INLINE float half_1(const void *p) {
    uint16_t h;
    memcpy(&h, p, 2);
#if VL >= 8
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(h)));
#else
    uint32_t mag = (uint32_t)(h & 0x7fff) << 13, u;
    float v;
    memcpy(&v, &mag, 4);
    v *= 5.192296858534828e33f;
    memcpy(&u, &v, 4);
    if (mag >= (0x7c00u << 13)) u |= 0x7f800000;
    u |= (uint32_t)(h & 0x8000) << 16;
    memcpy(&v, &u, 4);
    return v;
#endif
}

/* VL bytes of a 16-byte vector, starting at i, as floats. */
#if VL == 16
INLINE vec bytes_to_v(bytes16 b, int i) {
    (void)i;
    return (vec)_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32((__m128i)b));
}
INLINE vec chars_to_v(const int8_t *p) {
    return (vec)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)p)));
}
#elif VL == 8
INLINE vec bytes_to_v(bytes16 b, int i) {
    __m128i v = (__m128i)b;
    return (vec)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(i ? _mm_unpackhi_epi64(v, v) : v));
}
INLINE vec chars_to_v(const int8_t *p) {
    return (vec)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)p)));
}
#else
INLINE vec bytes_to_v(bytes16 b, int i) {
    return __builtin_convertvector(((ivec){b[i], b[i + 1], b[i + 2], b[i + 3]}), vec);
}
INLINE vec chars_to_v(const int8_t *p) {
    return __builtin_convertvector(((ivec){p[0], p[1], p[2], p[3]}), vec);
}
#endif

static void expand_q8_0(float *dst, const void *src, size_t n) {
    const char *b = src;
    for (size_t i = 0; i < n; i += 32, b += 34, dst += 32) {
        float d = half_1(b);
#pragma GCC unroll 8
        for (int j = 0; j < 32; j += VL) st(dst + j, chars_to_v((const int8_t *)b + 2 + j) * d);
    }
}

static void expand_q4_0(float *dst, const void *src, size_t n) {
    const char *b = src;
    for (size_t i = 0; i < n; i += 32, b += 18, dst += 32) {
        float d = half_1(b);
        bytes16 q;
        memcpy(&q, b + 2, 16);
#pragma GCC unroll 4
        for (int j = 0; j < 16; j += VL) {
            st(dst + j, (bytes_to_v(q & 15, j) - 8.0f) * d);
            st(dst + 16 + j, (bytes_to_v(q >> 4, j) - 8.0f) * d);
        }
    }
}

static void expand_q4_1(float *dst, const void *src, size_t n) {
    const char *b = src;
    for (size_t i = 0; i < n; i += 32, b += 20, dst += 32) {
        float d = half_1(b), m = half_1(b + 2);
        bytes16 q;
        memcpy(&q, b + 4, 16);
#pragma GCC unroll 4
        for (int j = 0; j < 16; j += VL) {
            st(dst + j, bytes_to_v(q & 15, j) * d + m);
            st(dst + 16 + j, bytes_to_v(q >> 4, j) * d + m);
        }
    }
}

static void expand_f16(float *dst, const void *src, size_t n) {
    const char *b = src;
    size_t i = 0;
    for (; i + VL <= n; i += VL) {
#if VL == 16
        st(dst + i, (vec)_mm512_cvtph_ps(_mm256_loadu_si256((const void *)(b + 2 * i))));
#elif VL == 8
        st(dst + i, (vec)_mm256_cvtph_ps(_mm_loadu_si128((const void *)(b + 2 * i))));
#else
        uint16_t h[VL];
        memcpy(h, b + 2 * i, sizeof h);
        st(dst + i, half_v((ivec){h[0], h[1], h[2], h[3]}));
#endif
    }
    for (; i < n; i++) dst[i] = half_1(b + 2 * i);
}

static void expand_bf16(float *dst, const void *src, size_t n) {
    const char *b = src;
    for (size_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, b + 2 * i, 2);
        uint32_t u = (uint32_t)h << 16;
        memcpy(dst + i, &u, 4);
    }
}
