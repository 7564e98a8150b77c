/* SPDX-License-Identifier: Apache-2.0 */
/* modelfile_private.h - what modelfile.c, safetensors.c and gguf.c share; nobody else includes it.
 *
 * Readers append tensors with modelfile_add; modelfile.c sorts them by name afterwards and refuses
 * duplicates. Nothing here trusts a number from a file before it is compared with the length of that file. */
#ifndef BENCH_NN_MODELFILE_PRIVATE_H
#define BENCH_NN_MODELFILE_PRIVATE_H

#include "harness/nn/format/modelfile.h"
#include "harness/base/util.h"

/* One mapped tensor file. `copy`: the data part again, in memory, when the file's own alignment is unusable.
 */
struct mapped {
    char *path;
    struct map map;
    void *copy;
    size_t copy_bytes;
};

/* Where an array of GGUF metadata lies in the mapping; `at` is NULL when there is none. Its extent has been
 * checked. */
struct gguf_array {
    uint32_t type; /* element type */
    uint64_t n;
    const uint8_t *at;
};

struct replacement {
    char *name;
    const struct tensor *t;
};

struct modelfile {
    char *path;
    bool gguf, folder, draft;
    json_t *config; /* NULL for a bare .safetensors */
    struct mapped *files;
    int n_files, cap_files;
    struct tensor *tensors; /* sorted by name once open */
    int n, cap;
    struct gguf_array tokens, token_types, merges; /* GGUF only */
    struct modelfile *over;                        /* of an adapter, or NULL */
    struct replacement *replaced;
    int n_replaced, cap_replaced;
};

/* Map one more file. The struct stays valid until the next call. NULL on error. */
struct mapped *modelfile_map(struct modelfile *f, const char *path, struct err *e);
/* A new tensor with its name; the caller fills the rest. Valid until the next call. */
struct tensor *modelfile_add(struct modelfile *f, const char *name, size_t len);

/* Read one .safetensors file. `wanted` NULL: all of its tensors; else an object {tensor: shard name}: those
 * whose shard is `shard`. Appends tensors. */
int safetensors_read(struct modelfile *f, const char *path, const json_t *wanted, const char *shard,
                     struct err *e);

/* Read a GGUF file: metadata to f->config, tensors, where the tokenizer's arrays lie. */
int gguf_read(struct modelfile *f, const char *path, struct err *e);
/* The tokenizer's part of it: strings point into the mapping, the arrays are the caller's to release. */
int gguf_tokenizer_read(const struct modelfile *f, struct tokenizer_gguf *g, struct err *e);
void gguf_tokenizer_release(struct tokenizer_gguf *g);
int gguf_tokenizer(const struct modelfile *f, struct tokenizer **ret, struct err *e);

#endif
