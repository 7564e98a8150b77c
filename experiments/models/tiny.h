/* SPDX-License-Identifier: Apache-2.0 */
/* tiny.h - a tiny random instance of an architecture, as the folder that it is read from. */
#ifndef BENCH_MODELS_TINY_H
#define BENCH_MODELS_TINY_H

#include "harness/core/model.h"

enum { TINY_VOCAB = 288 }; /* what every `tiny` says as its vocab_size: room for the tokens of all bytes */

/* Write model->tiny[which], its tensors drawn from a fixed seed, and a tokenizer of bytes into `dir`, made
 * when needed. The tensors are those that `build` asks for (reader_param): an architecture lists them once.
 * Error also when it refuses its own configuration. */
int tiny_write(const struct model *model, int which, const char *dir, struct err *e);

#endif
