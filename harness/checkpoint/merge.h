/* SPDX-License-Identifier: Apache-2.0 */
/* merge.h - the weights of a bound net with its adapter put into them.
 *
 * Values are made one tensor at a time, in memory of the caller; the net and the file that it reads stay as
 * they are. What a method changes of a site's W and b is its own knowledge (method.h, merge). */
#ifndef BENCH_MERGE_H
#define BENCH_MERGE_H

#include "harness/core/net.h"

/* 0, or the error that the net's method cannot be merged. */
int merge_check(const struct net *net, struct err *e);
/* The values [rows, cols] of a parameter of the model, float32. */
void merge_values(struct net *net, const struct param *p, float *dst);
/* Does the adapter change it? */
bool merge_changes(const struct net *net, const struct param *p);
/* Is it of the model, or a task's head on it, and not an adapter's? */
bool merge_is_models(const struct param *p);

#endif
