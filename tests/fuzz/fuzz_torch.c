/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_torch.c - any bytes as a file of torch.save: an error, or float32 tensors of the sizes that they
 * claim. */
#include "harness/nn/format/torchfile.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct torchfile f;
    struct err e = {0};
    int rc = torchfile_open(&f, fuzz_file("m.pt", data, size), &e);
    fuzz_check_error(rc, &e);
    volatile float sum = 0;
    size_t total = 0;
    for (int i = 0; !rc && i < f.n; i++) {
        size_t count = 1;
        for (int d = 0; d < f.v[i].ndim; d++) count *= (size_t)f.v[i].shape[d];
        for (size_t k = 0; k < count; k++) sum += f.v[i].data[k];
        total += count;
    }
    BUG_ON(total > 4 * size, "%zu elements of a file of %zu bytes", total, size);
    if (!rc) torchfile_release(&f);
    return 0;
}
