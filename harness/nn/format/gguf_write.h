/* SPDX-License-Identifier: Apache-2.0 */
/* gguf_write.h - writing a GGUF file (version 3): metadata in the order in which it was put, then tensors.
 *
 * The format is described in gguf.c, which reads it. Keys and values are copied. */
#ifndef BENCH_NN_GGUF_WRITE_H
#define BENCH_NN_GGUF_WRITE_H

#include "harness/nn/format/modelfile.h"

struct gguf_out;
struct gguf_out *gguf_out_new(void);
void gguf_out_free(struct gguf_out *o); /* accepts NULL */

void gguf_put_str(struct gguf_out *o, const char *key, const char *value);
void gguf_put_u32(struct gguf_out *o, const char *key, uint32_t value);
void gguf_put_f32(struct gguf_out *o, const char *key, float value);
void gguf_put_bool(struct gguf_out *o, const char *key, bool value);
/* Arrays; strings may hold any bytes. */
void gguf_put_strs(struct gguf_out *o, const char *key, const char *const *s, const size_t *len, size_t n);
void gguf_put_i32s(struct gguf_out *o, const char *key, const int32_t *v, size_t n);

/* Write the file, atomically; shapes are PyTorch's (outermost first). Errors name the file. */
int gguf_write(const char *path, const struct gguf_out *o, const struct tensor_out *t, int n, size_t *bytes,
               struct err *e);

/* A byte-level BPE tokenizer as metadata: that of `f` (a folder's tokenizer.json and tokenizer_config.json,
 * or another GGUF file's), for a model with `vocab` embeddings; ids without a token get one that no text
 * contains. bos: the model's, -1: none; ends[0..n): its end
 * tokens, the one that training appends first (GGUF has a word for three). Error: what GGUF, or llama.cpp,
 * has no word for, by name:
 * another kind of tokenizer, a rule for cutting words that is in nobody's list, more tokens than embeddings.
 */
int gguf_put_tokenizer(struct gguf_out *o, const struct modelfile *f, int vocab, int bos, const int32_t *ends,
                       int n, struct err *e);

#endif
