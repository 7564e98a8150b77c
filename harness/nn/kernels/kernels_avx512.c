/* SPDX-License-Identifier: Apache-2.0 */
/* kernels_avx512.c - the inner loops (kernels.inc.c) for avx512: vectors of 16 floats. */
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")
#define VL      16
#define K_TABLE kernels_avx512
#define K_NAME  "avx512"
#include "harness/nn/kernels/kernels.inc.c"
#else
typedef int kernels_avx512_is_for_x86_64;
#endif
