/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer_steps.h - the parts of a tokenizer.json around its model, and how its fields are read (private to
 * tokenizer_*.c). */
#ifndef BENCH_NN_TOKENIZER_STEPS_H
#define BENCH_NN_TOKENIZER_STEPS_H

#include <jansson.h>

#include "harness/nn/text/tokenizer_impl.h"

#define REMEDY                                                                                               \
    "use a model with a byte-level BPE (GPT-2, Llama 3, Qwen, SmolLM, RoBERTa, ...) or BERT's WordPiece"

/* ERR_USER: "WHAT 'NAME' is not implemented", with the remedy. */
int steps_refuse(struct err *e, const char *what, const char *name);
bool steps_is_set(const json_t *j); /* there, and neither null nor false */
/* Every key of `o` must be one of keys[0..n), or off (null, false, nothing in it). Else ERR_USER names it. */
int steps_known(const json_t *o, const char *where, const char *const *keys, size_t n, struct err *e);
/* A flag of an object: absent or null is `dflt`. */
int steps_flag(const json_t *o, const char *key, bool dflt, bool *out, struct err *e);

/* Read normalizer, pre_tokenizer, post_processor and decoder of the file into t, whose vocabulary is
 * complete. `wordpiece`: the model is that, and the steps must be BERT's; else they must be those of a
 * byte-level BPE. Whatever else would change ids is refused by name. */
int steps_read(struct tokenizer *t, const json_t *root, bool wordpiece, struct err *e);

#endif
