/* SPDX-License-Identifier: Apache-2.0 */
/* rng.h - counter-based random numbers: a value depends on (key, counter) alone, never on what was drawn
 * before.
 *
 * Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011). A key is made from
 * the run's seed and a name (a tensor, "shuffle", ...), so that adapter initialisation, data order and
 * dropout each depend on the seed alone. MT19937 is here because VeRA's shared matrices must be the ones that
 * PyTorch draws. */
#ifndef BENCH_RNG_H
#define BENCH_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint32_t key[2];
};
/* The stream of (seed, name, extra). */
struct rng rng_make(uint64_t seed, const char *name, uint64_t extra);
uint32_t rng_u32(struct rng r, uint64_t counter);
float rng_uniform(struct rng r, uint64_t counter); /* [0, 1), 24 bits */
/* The four words of the 128-bit counter. */
void rng_block(struct rng r, const uint32_t counter[4], uint32_t out[4]);
/* out[i] = uniform in [-bound, bound), i = 0..n-1, from counters 0..n-1. */
void rng_fill_uniform(struct rng r, float *out, size_t n, float bound);
/* A permutation of 0..n-1 (Fisher-Yates over the stream). */
void rng_permute(struct rng r, int *out, int n);

/* Mersenne Twister as PyTorch's CPU generator uses it; n uniform floats in [-bound, bound) exactly as
 * torch.empty(n).uniform_(-bound, bound, generator=g) draws them (24 bits per value, serial order). */
struct mt19937 {
    uint32_t s[624];
    int i;
};
void mt19937_seed(struct mt19937 *m, uint32_t seed);
uint32_t mt19937_next(struct mt19937 *m);
void mt19937_fill_uniform(struct mt19937 *m, float *out, size_t n, float bound);

#endif
