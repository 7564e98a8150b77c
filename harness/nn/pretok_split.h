/* pretok_split.h - one Split step: find the matches of a pattern in a piece of text. See pretok.h. */
#ifndef BENCH_NN_PRETOK_SPLIT_H
#define BENCH_NN_PRETOK_SPLIT_H

#include <stdint.h>

#include "harness/nn/pretok.h"

struct split;

struct span {
    size_t start, end;
};

int split_new(struct split **ret, const char *pattern, size_t n, bool literal, enum split_behavior behavior,
              bool invert, struct err *e);
void split_free(struct split *s); /* accepts NULL */

/* The pieces of text[0..n), in order; empty ones may occur. Owned by s, valid until the next call. */
const struct span *split_run(struct split *s, const char *text, size_t n, size_t *n_spans);

#endif
