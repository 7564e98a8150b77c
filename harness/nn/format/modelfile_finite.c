/* SPDX-License-Identifier: Apache-2.0 */
/* modelfile_finite.c - weights that are no numbers (modelfile.h).
 *
 * A float is not finite when all bits of its exponent are set; block types hold their scales as F16 at the
 * start of each block, and nothing else in them can be other than finite. */
#include <stdio.h>
#include <string.h>

#include "harness/nn/format/modelfile_private.h"

/* The first element (of a block type: of its block) that is not finite, or -1. */
static int64_t bad_at(const struct tensor *t) {
    static const struct {
        int step,
            scales; /* bytes from one exponent to the next group of `scales` F16 or to the next element */
    } by[DT_COUNT] = {[DT_F32] = {4, 0},   [DT_F16] = {2, 1},   [DT_BF16] = {2, 0},
                      [DT_Q8_0] = {34, 1}, [DT_Q4_0] = {18, 1}, [DT_Q4_1] = {20, 2}};
    const uint8_t *p = t->data;
    const int step = by[t->dtype].step, block = dtype_block(t->dtype);
    for (size_t at = 0; at + (size_t)step <= t->bytes; at += (size_t)step) {
        bool bad = false;
        uint16_t h;
        for (int k = 0; k < by[t->dtype].scales; k++) {
            memcpy(&h, p + at + 2 * k, 2);
            bad |= (h & 0x7c00) == 0x7c00;
        }
        if (!by[t->dtype].scales) { /* F32 and BF16: the upper half has the exponent */
            memcpy(&h, p + at + step - 2, 2);
            bad = (h & 0x7f80) == 0x7f80;
        }
        if (bad) return (int64_t)(at / (size_t)step) * block;
    }
    return -1;
}

bool modelfile_bad_weight(const struct modelfile *f, char *why, size_t size) {
    if (f->over && modelfile_bad_weight(f->over, why, size)) return true;
    for (int i = 0; i < modelfile_count(f); i++) {
        const struct tensor *t = modelfile_at(f, i);
        int64_t at = bad_at(t), cols = t->ndim ? t->shape[t->ndim - 1] : 1;
        if (at < 0) continue;
        snprintf(
            why, size,
            "%s: tensor '%.200s' is not finite at row %lld, column %lld: the file is damaged, fetch it again",
            modelfile_path(f), t->name, (long long)(at / cols), (long long)(at % cols));
        return true;
    }
    return false;
}
