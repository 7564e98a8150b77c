/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_gguf.c - any bytes as a GGUF file: an error, or tensors that lie inside the file and a tokenizer that
 * encodes. */
#include <string.h>

#include "harness/nn/format/modelfile.h"
#include "tests/fuzz/fuzz.h"

static void use_tokenizer(const struct modelfile *f) {
    static const char text[] = "What is a mikuzo? 12 \xc3\xa9<|im_end|>\n";
    struct tokenizer *t;
    struct err e = {0};
    int rc = modelfile_tokenizer(f, &t, &e);
    fuzz_check_error(rc, &e);
    if (rc) return;
    struct token_ids ids = {0};
    size_t len;
    char *json = NULL, *config = NULL;
    tokenizer_encode(t, text, strlen(text), true, &ids);
    for (int i = 0; i < ids.n; i++)
        BUG_ON(ids.v[i] < 0 || ids.v[i] >= tokenizer_vocab_size(t), "id %d of %d", ids.v[i],
               tokenizer_vocab_size(t));
    free(tokenizer_decode(t, ids.v, ids.n, false, &len));
    if (!modelfile_tokenizer_text(f, &json, &config, &e)) free(json), free(config);
    free(ids.v);
    tokenizer_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct modelfile *f = NULL;
    struct err e = {0};
    int rc = modelfile_open(&f, fuzz_file("m.gguf", data, size), &e);
    fuzz_check_error(rc, &e);
    if (rc) return 0;
    volatile uint8_t sum = 0;
    for (int i = 0; i < modelfile_count(f); i++) {
        const struct tensor *t = modelfile_at(f, i);
        struct weight w;
        float row[32];
        if (t->bytes) sum += ((const uint8_t *)t->data)[0] + ((const uint8_t *)t->data)[t->bytes - 1];
        if (!tensor_weight(t, &w, NULL) && t->bytes)
            weight_expand(&w, w.rows - 1, 1, 0, w.cols < 32 ? w.cols : 32, row, 32);
    }
    use_tokenizer(f);
    modelfile_close(f);
    return 0;
}
