/* SPDX-License-Identifier: Apache-2.0 */
/* reader.h - what the architecture files share: reading a config field by field, declaring a file's tensors
 * as parameters.
 *
 * The first failure is kept and names the file; what follows it is harmless, so that callers look at `failed`
 * once. Integers are bounded, so that products of three of them fit 64 bits. */
#ifndef BENCH_MODELS_READER_H
#define BENCH_MODELS_READER_H

#include "harness/core/model.h"

struct reader {
    const struct modelfile *f;
    const json_t *config; /* of f */
    struct err *e;
    bool failed;
};

/* What the file calls itself: model_type, or of a GGUF file general.architecture. NULL: it does not say. */
const char *reader_type(const struct modelfile *f);
/* Is that `type`? The `match` hook of most architectures. */
bool reader_is(const struct modelfile *f, const char *type);

/* The error "FILE: what 'key'". */
void reader_fail(struct reader *r, const char *what, const char *key);
/* Fail on a field that would change the computation and is not implemented. */
void reader_refuse(struct reader *r, const char *key, bool when);
/* A required (def < 0) or optional positive integer. */
int reader_int(struct reader *r, const char *key, int def);
/* An optional positive number. */
double reader_num(struct reader *r, const char *key, double def);
/* An optional true or false; null counts as absent. */
bool reader_bool(struct reader *r, const char *key, bool def);
/* A token id, or -1. */
int reader_id(const struct reader *r, const char *key);
/* The end tokens: of generation_config.json, which goes first as in transformers, else of the config, each a
 * number or a list; of GGUF, the ends of a text, of a turn and of a message. */
void reader_ends(struct reader *r, struct ends *ret);
/* For a config that is written: null, a number or a list. */
json_t *reader_ends_json(const struct ends *x);
/* Is the field there, and neither null nor false? */
bool reader_has(const struct reader *r, const char *key);

/* A float32 as the shortest decimal that reads back as it: 1e-05, not 9.99999975e-06. For configs that are
 * written. */
json_t *reader_float(float x);

/* ---- the rest: used, harmless, or refused -------------------------------------------------------------- */

/* What a reader knows of its files. Lists end with NULL. A field, key or tensor that is in none of them is
 * refused by name, unless its value says "off" (null, false, an empty list, object or text). */
struct reader_table {
    const char *const *used;     /* fields of config.json that the reader reads or refuses by their values */
    const char *const *harmless; /* and that change nothing of a forward pass here */
    const char *const *gguf;     /* keys of a GGUF file below "<architecture>.", read or harmless */
    const char *const *tensors;  /* globs (fnmatch) of tensors that nobody needs to read */
};
/* Fails on the first field or key that the table does not have. */
void reader_fields(struct reader *r, const struct reader_table *t);
/* After the build: fails on the first tensor that was not taken and that the table does not have. */
void reader_tensors(struct reader *r, const struct reader_table *t);

/* A tensor of the file as a parameter. rows 0: a vector of `cols`. */
struct reader_tensor {
    const char *file; /* its name there */
    const char *name; /* the parameter's: Hugging Face's */
    int rows, cols;   /* of the parameter */
    int rope_heads;   /* weight.h */
    bool transposed;  /* the file has it as [cols, rows] */
    bool conv1d;      /* Hugging Face's has it so, and with it an adapter's copy */
};
/* An adapter's copy of it goes first (modelfile_replace). NULL (and failed) when it is missing or has another
 * shape. */
struct param *reader_param(struct reader *r, struct net *net, const struct reader_tensor *t);
/* Is the output layer the embedding, where the config says so? Not where the file has one with other values.
 * */
bool reader_tied(struct reader *r, bool config, const char *head, const char *embed);
/* The output layer of a decoder: `embed`, where it is tied; the file's (`head`) where it is not, or where an
 * adapter has a copy of one of the two. *tied tells it. */
struct param *reader_head(struct reader *r, struct net *net, struct param *embed, bool *tied,
                          const struct reader_tensor *head, const char *embed_file);

#endif
