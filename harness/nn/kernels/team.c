/* SPDX-License-Identifier: Apache-2.0 */
/* team.c - threads of a run, their scratch, and the choice of the instruction set. */
#include "harness/nn/kernels/team_private.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/err.h"
#include "harness/base/util.h"

struct team *team_new(struct mem *m, int nthreads) {
    BUG_ON(nthreads < 1 || nthreads > 64, "nthreads=%d", nthreads);
    struct team *t = xcalloc(1, sizeof *t);
    t->mem = m;
    t->n = nthreads;
    t->wake_ns = TEAM_WAKE;
    t->local = mem_alloc(m, MEM_SCRATCH, (size_t)nthreads * TEAM_LOCAL * sizeof(float));
    t->shared = mem_alloc(m, MEM_SCRATCH, TEAM_SHARED * sizeof(float));
    kernels_get();
    return t;
}

void team_free(struct team *t) {
    if (!t) return;
    mem_free(t->mem, MEM_SCRATCH, t->shared, TEAM_SHARED * sizeof(float));
    mem_free(t->mem, MEM_SCRATCH, t->local, (size_t)t->n * TEAM_LOCAL * sizeof(float));
    free(t);
}

void team_one_token(struct team *t, bool on) { t->one_token = on; }

size_t team_thread_bytes(void) { return TEAM_LOCAL * sizeof(float); }

int team_threads(const struct team *t) { return t->n; }

static const struct kernels *in_use; /* written once, before threads start, or by a test */

/* Tables that this CPU can run, best first. */
static int kernels_usable(const struct kernels *out[3]) {
    int n = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool avx2 =
        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        out[n++] = &kernels_avx512;
    if (avx2) out[n++] = &kernels_avx2;
#endif
    out[n++] = &kernels_base;
    return n;
}

bool panel_cpu_force(const char *name) {
    const struct kernels *k[3];
    int n = kernels_usable(k);
    for (int i = 0; i < n; i++)
        if (strcmp(k[i]->name, name) == 0) {
            __atomic_store_n(&in_use, k[i], __ATOMIC_RELEASE);
            return true;
        }
    return false;
}

const struct kernels *kernels_get(void) {
    const struct kernels *k = __atomic_load_n(&in_use, __ATOMIC_ACQUIRE);
    if (k) return k;
    const struct kernels *usable[3];
    kernels_usable(usable);
    const char *want = getenv("BENCH_CPU");
    if (!want || !panel_cpu_force(want)) __atomic_store_n(&in_use, usable[0], __ATOMIC_RELEASE);
    return __atomic_load_n(&in_use, __ATOMIC_ACQUIRE);
}

const char *panel_cpu(void) { return kernels_get()->name; }
