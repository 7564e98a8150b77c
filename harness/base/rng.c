/* SPDX-License-Identifier: Apache-2.0 */
/* rng.c - Philox4x32-10 as a function of (key, counter), and PyTorch's Mersenne Twister. See rng.h. */
#include "harness/base/rng.h"

#include <math.h>

#include "harness/base/err.h"

/* Philox4x32-10: Salmon et al., SC 2011, table 2 and section 3.3. */
static void philox(const uint32_t key[2], uint32_t c[4]) {
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53u * c[0], b = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t next[4] = {(uint32_t)(b >> 32) ^ c[1] ^ k0, (uint32_t)b, (uint32_t)(a >> 32) ^ c[3] ^ k1,
                            (uint32_t)a};
        for (int i = 0; i < 4; i++) c[i] = next[i];
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

/* splitmix64's finaliser: spreads (seed, name hash, extra) over the 64 key bits. */
static uint64_t mix_keys(uint64_t x) {
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

struct rng rng_make(uint64_t seed, const char *name, uint64_t extra) {
    uint64_t h = 0xCBF29CE484222325u; /* FNV-1a */
    for (const char *p = name; *p; p++) h = (h ^ (unsigned char)*p) * 0x100000001B3u;
    uint64_t k = mix_keys(mix_keys(mix_keys(seed) ^ h) ^ extra);
    return (struct rng){{(uint32_t)k, (uint32_t)(k >> 32)}};
}

uint32_t rng_u32(struct rng r, uint64_t counter) {
    uint32_t c[4] = {(uint32_t)(counter / 4), (uint32_t)(counter / 4 >> 32), 0, 0};
    philox(r.key, c);
    return c[counter % 4];
}

void rng_block(struct rng r, const uint32_t counter[4], uint32_t out[4]) {
    for (int i = 0; i < 4; i++) out[i] = counter[i];
    philox(r.key, out);
}

float rng_uniform(struct rng r, uint64_t counter) { return (float)(rng_u32(r, counter) >> 8) * 0x1p-24f; }

void rng_fill_uniform(struct rng r, float *out, size_t n, float bound) {
    for (size_t i = 0; i < n; i += 4) {
        uint32_t c[4] = {(uint32_t)(i / 4), (uint32_t)((uint64_t)i / 4 >> 32), 0, 0};
        philox(r.key, c);
        for (size_t j = 0; j < 4 && i + j < n; j++)
            out[i + j] = ((float)(c[j] >> 8) * 0x1p-23f - 1.0f) * bound;
    }
}

void rng_permute(struct rng r, int *out, int n) {
    for (int i = 0; i < n; i++) out[i] = i;
    for (int i = n - 1; i > 0; i--) {
        /* Multiply-shift over 32 bits: the bias is below 2^-32 * n. */
        int j = (int)(((uint64_t)rng_u32(r, (uint64_t)i) * (uint64_t)(i + 1)) >> 32);
        int t = out[i];
        out[i] = out[j];
        out[j] = t;
    }
}

/* Matsumoto & Nishimura 1998, MT19937. */
void mt19937_seed(struct mt19937 *m, uint32_t seed) {
    m->s[0] = seed;
    for (uint32_t i = 1; i < 624; i++) m->s[i] = 1812433253u * (m->s[i - 1] ^ (m->s[i - 1] >> 30)) + i;
    m->i = 624;
}

uint32_t mt19937_next(struct mt19937 *m) {
    if (m->i == 624) {
        for (int k = 0; k < 624; k++) {
            uint32_t y = (m->s[k] & 0x80000000u) | (m->s[(k + 1) % 624] & 0x7fffffffu);
            m->s[k] = m->s[(k + 397) % 624] ^ (y >> 1) ^ ((y & 1) ? 0x9908b0dfu : 0);
        }
        m->i = 0;
    }
    uint32_t y = m->s[m->i++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

void mt19937_fill_uniform(struct mt19937 *m, float *out, size_t n, float bound) {
    /* at::uniform_real_distribution<float>: (24 bits * 2^-24) * (to - from) + from, fused as PyTorch's AVX2
     * and AVX-512 kernels round it. */
    for (size_t i = 0; i < n; i++)
        out[i] = fmaf((float)(mt19937_next(m) & 0xffffffu) * 0x1p-24f, bound - -bound, -bound);
}
