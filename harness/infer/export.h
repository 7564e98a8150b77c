/* SPDX-License-Identifier: Apache-2.0 */
/* export.h - models and adapters for llama.cpp: GGUF files.
 *
 * A model is written with its adapter in its weights (merge.h), matrices in the type asked for, vectors and
 * position tables in float32 as llama.cpp wants them, with its tokenizer. An adapter is written in the form
 * of llama.cpp's own converter: A and B of every site beside alpha. */
#ifndef BENCH_EXPORT_H
#define BENCH_EXPORT_H

#include "harness/infer/infer.h"

/* type: DT_F32, DT_F16 or DT_BF16. *bytes: the file's. Errors: an architecture, a tokenizer or a method that
 * has no such form, by name; the disk. */
int export_model(struct infer *m, enum dtype type, const char *path, size_t *bytes, struct err *e);
int export_adapter(struct infer *m, enum dtype type, const char *path, size_t *bytes, struct err *e);

#endif
