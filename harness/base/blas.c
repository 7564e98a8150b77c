/* SPDX-License-Identifier: Apache-2.0 */
/* blas.c - which OpenBLAS kernel runs, and running the right one (see blas.h). */
#include "harness/base/blas.h"

#include <cblas.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define CORETYPE "OPENBLAS_CORETYPE"
#define MARK     "BENCH_CORETYPE_SET" /* bench itself set CORETYPE: also what keeps the exec from repeating */

/* The instruction set of OpenBLAS's x86 kernels that are not of the plain SSE sort. */
static int kernel_level(const char *name) {
    static const char *const avx512[] = {"SkylakeX", "Cooperlake", "SapphireRapids"};
    static const char *const avx2[] = {"Haswell", "Zen"};
    for (size_t i = 0; i < sizeof avx512 / sizeof *avx512; i++)
        if (!strcasecmp(name, avx512[i])) return 3;
    for (size_t i = 0; i < sizeof avx2 / sizeof *avx2; i++)
        if (!strcasecmp(name, avx2[i])) return 2;
    return 1;
}

const char *blas_better(const char *chosen, int level, int exact) {
    int have = kernel_level(chosen);
    if (have == level || (have > level && !exact)) return NULL;
    return level == 3 ? "SkylakeX" : level == 2 ? "Haswell" : exact ? "Nehalem" : NULL;
}

/* What this process may use: the processor and the operating system, and BENCH_CPU. */
static int cpu_level(int *exact) {
    int level = 0;
    *exact = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    level = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
                ? 3
            : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 2
                                                                              : 1;
    const char *force = getenv("BENCH_CPU");
    int cap = !force ? 3 : !strcmp(force, "avx2") ? 2 : !strcmp(force, "baseline") ? 1 : 3;
    if (cap < level) {
        level = cap;
        *exact = 1;
    }
#endif
    return level;
}

const char *blas_should(void) {
    int exact, level = cpu_level(&exact);
    return level ? blas_better(openblas_get_corename(), level, exact) : NULL;
}

/* The kernel to ask for, or NULL: it is right, or the user decided, or this is no x86. */
static const char *wanted_kernel(void) { return getenv(CORETYPE) || getenv(MARK) ? NULL : blas_should(); }

/* Threads of a team that wait burn their core for milliseconds by default; when somebody else wants that core
 * too, every parallel region then waits for a time slice (measured with one foreign process on two cores: 7
 * times slower). With a short spin the loss on an idle machine is within the noise. libgomp reads this once,
 * before main. */
static bool spins_wait(void) { return !getenv("OMP_WAIT_POLICY") && !getenv("GOMP_SPINCOUNT"); }

void blas_set_env(void) {
    const char *k = wanted_kernel();
    if (spins_wait()) setenv("GOMP_SPINCOUNT", "2000", 1);
    if (!k) return;
    setenv(CORETYPE, k, 1);
    setenv(MARK, "1", 1);
}

void blas_reexec(char **argv) {
    if (!wanted_kernel() && !spins_wait()) return;
    blas_set_env();
    execv("/proc/self/exe", argv);
    /* No /proc: slower, not wrong. `bench doctor` shows it. */
}

const char *blas_kernel(void) { return openblas_get_corename(); }

const char *blas_name(void) {
    static char name[64];
    char config[128];
    snprintf(config, sizeof config, "%s", openblas_get_config());
    const char *version = "";
    char *save, *word = strtok_r(config, " ", &save);
    if (word && !strcmp(word, "OpenBLAS") && (word = strtok_r(NULL, " ", &save))) version = word;
    snprintf(name, sizeof name, "OpenBLAS %s%s%.32s", version, *version ? " " : "", blas_kernel());
    return name;
}

int blas_kernel_set_by(void) { return getenv(MARK) ? 1 : getenv(CORETYPE) ? 2 : 0; }

void blas_single(void) { openblas_set_num_threads(1); }
