/* SPDX-License-Identifier: Apache-2.0 */
/* kernels_avx2.c - the inner loops (kernels.inc.c) for avx2: vectors of 8 floats. */
#if defined(__x86_64__)
#pragma GCC target("avx2,fma,f16c")
#define VL      8
#define K_TABLE kernels_avx2
#define K_NAME  "avx2"
#include "harness/nn/kernels/kernels.inc.c"
#else
typedef int kernels_avx2_is_for_x86_64;
#endif
