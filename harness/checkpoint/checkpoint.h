/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint.h - a trained model on disk as a Hugging Face folder, which `bench` and `transformers` load.
 *
 * model.safetensors (one file, Hugging Face's names, tied tensors once), config.json, tokenizer.json and what
 * stands beside it. An adapter is in the weights (merge.h). */
#ifndef BENCH_CHECKPOINT_H
#define BENCH_CHECKPOINT_H

#include "harness/core/model.h"

struct checkpoint_saved {
    size_t file_bytes; /* model.safetensors */
    char sha256[65];   /* of it; "" when nothing was written */
};

/* Write the model of a bound net into folder `dir` (made when missing) in float32. `model`, `state`: its
 * architecture and what build() made; `f`: the file it was built from, whose config and tokenizer go along
 * (copied from a folder, generated from GGUF). With dir NULL or in counting mode nothing is written, only
 * file_bytes is filled, and what would be refused is. Errors name the file: a disk that is full or read-only,
 * a GGUF tokenizer that tokenizer.json cannot express. */
int checkpoint_save(struct net *net, const struct model *model, const void *state, const struct modelfile *f,
                    const char *dir, struct checkpoint_saved *ret, struct err *e);
/* The same with weights of another type: DT_F32, DT_F16 or DT_BF16. */
int checkpoint_save_as(struct net *net, const struct model *model, const void *state,
                       const struct modelfile *f, enum dtype type, const char *dir,
                       struct checkpoint_saved *ret, struct err *e);

#endif
