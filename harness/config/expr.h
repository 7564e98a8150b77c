/* SPDX-License-Identifier: Apache-2.0 */
/* expr.h - derived values in a sweep file: lora_alpha: "2*r".
 *
 *   sum    = product (('+' | '-') product)*
 *   product = sign (('*' | '/') sign)*
 *   sign   = ('-' | '+') sign | number | key | sqrt '(' sum ')' | '(' sum ')'
 *
 * A number is written as in YAML (5e-4), a key as in the sweep file (r, train.lr). */
#ifndef BENCH_EXPR_H
#define BENCH_EXPR_H

#include "harness/base/err.h"

#define EXPR_MAX_BYTES 256
#define EXPR_MAX_DEPTH 32

/* The value of a key: 0, or an error that ends the evaluation with this code. */
typedef int expr_lookup(void *arg, const char *key, double *ret, struct err *e);

/* Evaluate. Errors (ERR_USER, without a file position): syntax, division by zero, root of a negative number,
 * a result that is not finite, and those of `lookup`. Division by zero is reported even where the product
 * would be finite. */
int expr_eval(const char *text, expr_lookup *lookup, void *arg, double *ret, struct err *e);

#endif
