/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_safetensors.c - any bytes as a model.safetensors: an error, or tensors that lie inside the file. */
#include "harness/nn/format/modelfile.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct modelfile *f = NULL;
    struct err e = {0};
    int rc = modelfile_open(&f, fuzz_file("m.safetensors", data, size), &e);
    fuzz_check_error(rc, &e);
    volatile uint8_t sum = 0;
    size_t bytes = 0;
    for (int i = 0; !rc && i < modelfile_count(f); i++) {
        const struct tensor *t = modelfile_at(f, i);
        struct weight w;
        if (t->bytes) sum += ((const uint8_t *)t->data)[0] + ((const uint8_t *)t->data)[t->bytes - 1];
        bytes += t->bytes;
        if (!tensor_weight(t, &w, NULL))
            BUG_ON(w.row_bytes * (size_t)w.rows != t->bytes, "%s: %zu bytes", t->name, t->bytes);
        BUG_ON(modelfile_find(f, t->name) != t, "%s is not found", t->name);
    }
    BUG_ON(bytes > size, "%zu bytes of tensors in a file of %zu", bytes, size);
    modelfile_close(f);
    return 0;
}
