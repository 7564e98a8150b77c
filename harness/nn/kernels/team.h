/* SPDX-License-Identifier: Apache-2.0 */
/* team.h - the threads of a run, and which instruction set they use. */
#ifndef BENCH_NN_TEAM_H
#define BENCH_NN_TEAM_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/mem.h"

/* The threads of a run and their scratch. Created once; every function below takes it first. Not
 * reentrant. */
struct team;
/* Scratch passes through the gate as MEM_SCRATCH (the same bytes for a given nthreads). Sets flush-to-zero
 * nowhere. nthreads >= 1 and <= 64. */
struct team *team_new(struct mem *m, int nthreads);
void team_free(struct team *t);
int team_threads(const struct team *t);
size_t team_thread_bytes(void); /* of its scratch, what each thread adds */
/* While on: of a product with np = 1 only lane 0 (the first token) counts, and panel_mm may take the way for
 * one token: up to 1e-6 of the largest output away from the other, the other lanes 0. For passes that extend
 * a sequence by a token. */
void team_one_token(struct team *t, bool on);
const char *panel_cpu(void); /* "avx512", "avx2", "baseline": the path in use */

#endif
