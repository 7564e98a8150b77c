/* SPDX-License-Identifier: Apache-2.0 */
/* batch.c - see batch.h. */
#include "harness/core/batch.h"

#include "harness/base/err.h"

enum { ALIGN = 64 }; /* of panels */

static size_t lanes_of(int tokens) { return (size_t)panels(tokens) * PANEL; }

/* Ids, or features and what it may take to align them. */
static size_t input_bytes(int tokens, int d_in) {
    return lanes_of(tokens) * sizeof(int32_t) * (size_t)(d_in ? d_in : 1) + (d_in ? ALIGN : 0);
}

size_t batch_bytes(int tokens, int d_in, bool typed) {
    size_t arrays = typed ? 4 : 3; /* pos, start, end, types */
    return lanes_of(tokens) * (sizeof(int64_t) + arrays * sizeof(int32_t)) + input_bytes(tokens, d_in);
}

void batch_place(struct batch *b, void *block, int tokens, int d_in, bool typed) {
    size_t lanes = lanes_of(tokens);
    *b = (struct batch){.np = panels(tokens), .d_in = d_in, .row = block};
    b->pos = (int32_t *)(b->row + lanes);
    b->start = b->pos + lanes;
    b->end = b->start + lanes;
    int32_t *next = b->end + lanes;
    if (typed) b->types = next, next += lanes;
    if (d_in)
        b->features = (float *)(((uintptr_t)next + ALIGN - 1) / ALIGN * ALIGN);
    else
        b->ids = next;
}

int batch_add(struct batch *b, int len, int64_t row) {
    int first = b->n;
    BUG_ON(panels(first + len) > b->np, "%d tokens behind %d of at most %d", len, first, b->np * PANEL);
    for (int t = 0; t < len; t++) {
        b->row[first + t] = row;
        b->pos[first + t] = t;
        b->start[first + t] = first;
        b->end[first + t] = first + len;
    }
    b->n += len;
    return first;
}
