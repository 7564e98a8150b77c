/* SPDX-License-Identifier: Apache-2.0 */
/* modelfile.h - a pretrained model on disk: a Hugging Face folder or a GGUF file, memory-mapped.
 *
 * Folder: config.json, tokenizer.json, model.safetensors or several with model.safetensors.index.json; F32,
 * F16, BF16. GGUF v2/v3: F32, F16, BF16, Q8_0, Q4_0, Q4_1, metadata and tokenizer inside. Everything that the
 * file claims (offsets, sizes, counts) is checked against its length before use; errors name the file and the
 * remedy. */
#ifndef BENCH_NN_MODELFILE_H
#define BENCH_NN_MODELFILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/nn/text/tokenizer.h"
#include "harness/nn/kernels/weight.h"

struct tensor {
    char *name; /* as in the file */
    enum dtype dtype;
    int ndim;
    /* outermost first, as PyTorch prints it: a matrix is [d_out, d_in] (GGUF's order is reversed on
     * reading) */
    int64_t shape[4];
    const void *data; /* in the mapping */
    size_t bytes;
    bool taken; /* somebody reads it (modelfile_take) */
};

struct modelfile;
/* `path`: a folder, a .gguf file, or a .safetensors file (then there is no config). Maps everything; reads no
 * weights. */
int modelfile_open(struct modelfile **ret, const char *path, struct err *e);
/* A folder that is yet to be written: a configuration (a reference is taken), and the tensors that are added.
 * They have no data: for counting mode alone. `path` is for messages. */
struct modelfile *modelfile_draft(const char *path, json_t *config);
bool modelfile_is_draft(const struct modelfile *f);
/* A float32 tensor of 1 or 2 dimensions, not there yet. Borrowed until the next. */
const struct tensor *modelfile_draft_add(struct modelfile *f, const char *name, int ndim,
                                         const int64_t shape[2]);
void modelfile_close(struct modelfile *f); /* accepts NULL; unmaps: weights that point into it die */

bool modelfile_is_gguf(const struct modelfile *f);
const char *modelfile_path(const struct modelfile *f);
/* Folder: config.json's object. GGUF: an object of its scalar metadata, keys as in the file
 * ("llama.block_count"); arrays of more than 64 elements are only noted (true). Borrowed. NULL for a bare
 * .safetensors. */
const json_t *modelfile_config(const struct modelfile *f);
/* NULL when there is none of that name. Borrowed. */
const struct tensor *modelfile_find(const struct modelfile *f, const char *name);
int modelfile_count(const struct modelfile *f);
/* Note that this tensor of an open file is read: what nobody reads is not a part of the model as it is
 * built. */
void modelfile_take(const struct tensor *t);
/* An adapter's own copies of modules of the model stand in the model's place. `over`, which f owns from now
 * on, holds them; its tensor `t` is the model's tensor `name` in Hugging Face's names. */
void modelfile_adopt(struct modelfile *f, struct modelfile *over);
void modelfile_replace(struct modelfile *f, const char *name, const struct tensor *t);
/* What stands in the place of tensor `name`, whose last part may be all that the replacement has (`backbone`:
 * what it then lacks, or NULL); NULL: nothing does. */
const struct tensor *modelfile_replaced(const struct modelfile *f, const char *name, const char *backbone);
/* How many replacements were taken. */
int modelfile_replacements(const struct modelfile *f);
const struct tensor *modelfile_at(const struct modelfile *f, int i);
size_t modelfile_weight_bytes(const struct modelfile *f); /* sum of the tensors' bytes */
/* Open its tokenizer. Caller frees. */
int modelfile_tokenizer(const struct modelfile *f, struct tokenizer **ret, struct err *e);
/* A GGUF file's tokenizer as the texts of Hugging Face's tokenizer.json and tokenizer_config.json: the same
 * ids, here and there. For a file whose tokenizer opens. Caller frees both. Error: what those files cannot
 * express, by name. */
int modelfile_tokenizer_text(const struct modelfile *f, char **tokenizer_json, char **tokenizer_config,
                             struct err *e);
/* Its chat template: of tokenizer_config.json (the one called "default" of several), of chat_template.jinja,
 * of
 * GGUF's metadata. NULL: it has none. *words: an object with the texts of its special tokens, under the names
 * that templates know them by ("bos_token"). Caller frees and decrefs. */
char *modelfile_chat(const struct modelfile *f, struct tokenizer *tok, json_t **words);
/* SHA-256 over the tensor files, config, tokenizer and what a sentence encoder's folder says beside them
 * (names and contents), hex. Cached in cache_dir()/digests (digest.h). */
int modelfile_digest(const struct modelfile *f, char out[65], struct err *e);

/* Is there a weight that is NaN or infinite, in the file or in an adapter's copies? Reads every tensor: for a
 * result that is not finite. *why: file, tensor and place of the first one, in the order of the names, and
 * the
 * remedy. Of a block type the scales are looked at. */
bool modelfile_bad_weight(const struct modelfile *f, char *why, size_t size);

/* A tensor as a weight (1-d: rows 1). Error when it has more than 2 dimensions or too large ones. rope_heads
 * is the caller's to set. */
int tensor_weight(const struct tensor *t, struct weight *w, struct err *e);

/* Writing: float32 (or given dtype) tensors, atomically (temporary file, fsync, rename). `metadata`: string
 * pairs for __metadata__, or NULL. */
struct tensor_out {
    const char *name;
    enum dtype dtype; /* DT_F32, DT_F16 or DT_BF16: data is already in that type */
    int ndim;
    int64_t shape[4];
    const void *data;
    /* a float32 matrix whose data lies as [shape[1], shape[0]]: turned while it is written */
    bool transposed;
    /* Not NULL: `data` is not looked at. Called once, when the tensor's turn comes: fills `dst` with its
     * elements as float32, in the order in which data would lie; they are converted to dtype. A value too
     * large for it is an error of the file. */
    void (*make)(void *arg, float *dst);
    void *arg;
};
int safetensors_write(const char *path, const struct tensor_out *t, int n, const json_t *metadata,
                      struct err *e);
/* How many bytes that file has or would have. The data is not read. */
size_t safetensors_size(const struct tensor_out *t, int n, const json_t *metadata);
/* NumPy .npy version 1.0, little-endian float32, C order. */
int npy_write(const char *path, const float *data, int ndim, const int64_t *shape, struct err *e);

#endif
