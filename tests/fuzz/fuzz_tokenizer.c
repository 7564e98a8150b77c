/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_tokenizer.c - any bytes as a tokenizer.json: an error, or a tokenizer that encodes and decodes. */
#include <string.h>

#include "harness/nn/text/tokenizer.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char text[] = "What's a mikuzo? 12  \n\xc3\xa9\xff\xe4\xbd\xa0<|im_end|> x\t\r\n";
    struct tokenizer *t = NULL;
    struct err e = {0};
    int rc = tokenizer_open_json(&t, fuzz_file("tokenizer.json", data, size), &e);
    fuzz_check_error(rc, &e);
    if (rc) return 0;
    struct token_ids ids = {0};
    size_t len;
    for (int special = 0; special < 2; special++) tokenizer_encode(t, text, sizeof text - 1, special, &ids);
    for (int i = 0; i < ids.n; i++)
        BUG_ON(ids.v[i] < 0 || ids.v[i] >= tokenizer_vocab_size(t), "id %d of %d", ids.v[i],
               tokenizer_vocab_size(t));
    for (int skip = 0; skip < 2; skip++) free(tokenizer_decode(t, ids.v, ids.n, skip, &len));
    tokenizer_id(t, "<|im_end|>");
    tokenizer_bos_to_add(t);
    free(ids.v);
    tokenizer_free(t);
    return 0;
}
