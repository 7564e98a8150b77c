/* SPDX-License-Identifier: Apache-2.0 */
/* pretok_split.h - one Split step: find the matches of a pattern in a piece of text. See pretok.h. */
#ifndef BENCH_NN_PRETOK_SPLIT_H
#define BENCH_NN_PRETOK_SPLIT_H

#include <stdint.h>

#include "harness/nn/text/pretok.h"

struct split;

int split_new(struct split **ret, const char *pattern, size_t n, bool literal, enum split_behavior behavior,
              bool invert, struct err *e);
void split_free(struct split *s); /* accepts NULL */

/* Tell of the pieces [start, end) of text[0..n), in order, each as soon as it is found; empty ones may occur.
 * tell() returning false ends it. Not reentrant for one s. */
typedef bool split_tell(void *ctx, size_t start, size_t end);
void split_run(struct split *s, const char *text, size_t n, split_tell *tell, void *ctx);

#endif
