/* SPDX-License-Identifier: Apache-2.0 */
/* kernels_base.c - the inner loops (kernels.inc.c) for the compiler's default target: vectors of 4 floats. */
#define VL      4
#define K_TABLE kernels_base
#define K_NAME  "baseline"
#include "harness/nn/kernels/kernels.inc.c"
