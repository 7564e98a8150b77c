/* SPDX-License-Identifier: Apache-2.0 */
/* kernels_dropout.inc.c - dropout by counter-based random numbers. Part of kernels.inc.c. */

/* Philox4x32-10 (rng.c has it for one counter) for the 32 tokens of a panel: counter {block, c[0], c[1],
 * c[2]} of each lane. */
static void philox_lanes(uint32_t r[4][PANEL], const uint32_t key[2], uint32_t block,
                         const uint32_t c[3][PANEL]) {
    for (int i = 0; i < PANEL; i++) {
        uint32_t x0 = block, x1 = c[0][i], x2 = c[1][i], x3 = c[2][i], k0 = key[0], k1 = key[1];
#pragma GCC unroll 10
        for (int round = 0; round < 10; round++) {
            uint64_t a = (uint64_t)0xD2511F53u * x0, b = (uint64_t)0xCD9E8D57u * x2;
            x0 = (uint32_t)(b >> 32) ^ x1 ^ k0;
            x2 = (uint32_t)(a >> 32) ^ x3 ^ k1;
            x1 = (uint32_t)b;
            x3 = (uint32_t)a;
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        r[0][i] = x0, r[1][i] = x1, r[2][i] = x2, r[3][i] = x3;
    }
}

/* A block of random numbers serves eight features: halves of its four words, low half first. */
static void dropout(float *y, const float *x, int f0, int n, const uint32_t key[2],
                    const uint32_t c[3][PANEL], int below, float s, bool addto) {
    for (int f = 0; f < n; f += 8) {
        uint32_t r[4][PANEL];
        philox_lanes(r, key, (uint32_t)(f0 + f) / 8, c);
        for (int k = 0; k < 8 && f + k < n; k++)
            for (int j = 0; j < PANEL; j += VL) {
                size_t o = (size_t)(f + k) * PANEL + (size_t)j;
                ivec u = ldi((const int32_t *)r[k / 2] + j), draw = (k % 2 ? u >> 16 : u) & splati(0xffff);
                vec v = (vec)((ivec)(ld(x + o) * s) & (draw >= splati(below)));
                st(y + o, addto ? ld(y + o) + v : v);
            }
    }
}
