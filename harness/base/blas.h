/* SPDX-License-Identifier: Apache-2.0 */
/* blas.h - the environment that computing wants: the right OpenBLAS kernel, and threads that wait politely.
 *
 * Debian 12's OpenBLAS (0.3.21) knows processors by their model number: on one newer than itself it takes a
 * generic kernel, on an AMD one with AVX-512 the AVX2 kernel; 2 to 5 times slower than need be.
 * OPENBLAS_CORETYPE, read when the library is loaded, overrides the choice; hence the exec.
 * BENCH_CPU=avx2|baseline asks for a weaker kernel (valgrind needs that). */
#ifndef BENCH_BLAS_H
#define BENCH_BLAS_H

/* Pure: the kernel to ask for, given what OpenBLAS chose, or NULL when that is right. level: 3 AVX-512 (f,
 * dq, bw, vl), 2 AVX2 and FMA, 1 less. `exact`: a stronger kernel than `level` is wrong too. */
const char *blas_better(const char *chosen, int level, int exact);

/* Exec this program again with that environment, unless it is there already or the user decided
 * (OPENBLAS_CORETYPE; OMP_WAIT_POLICY or GOMP_SPINCOUNT). Returns otherwise. First thing in main, before any
 * thread. */
void blas_reexec(char **argv);
/* Set the environment for programs started from here, so that they need no second exec. */
void blas_set_env(void);

/* The kernel that this processor (and BENCH_CPU) deserves instead of the one in use, whoever chose that;
 * NULL: it is right. */
const char *blas_should(void);
/* "OpenBLAS 0.3.21 SkylakeX". Static storage. */
const char *blas_name(void);
const char *blas_kernel(void); /* "SkylakeX" */
int blas_kernel_set_by(void);  /* 0: OpenBLAS's own choice, 1: bench's, 2: the user's */
/* One thread for every call from here on: bench has its own team. */
void blas_single(void);

#endif
