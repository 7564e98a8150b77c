/* SPDX-License-Identifier: Apache-2.0 */
/* sentence.h - what a sentence-transformers folder says about making vectors of texts.
 *
 * Read: modules.json (Transformer, Pooling, Normalize, in that order), the Pooling module's config in its
 * older form (pooling_mode_* flags) and its newer (pooling_mode), sentence_bert_config.json (or its older
 * names, sentence_roberta_config.json, ...), config_sentence_transformers.json (prompts, similarity), and
 * from tokenizer_config.json the length limit. A folder without modules.json is a plain model: only the
 * limit is read. Every field is read, known to change nothing, or refused by name (the tables in
 * sentence.c). */
#ifndef BENCH_MODELS_SENTENCE_H
#define BENCH_MODELS_SENTENCE_H

#include <jansson.h>
#include <stdbool.h>

#include "harness/base/err.h"
#include "harness/nn/kernels/pool.h"

struct sentence {
    bool has_pooling; /* the folder says how */
    enum pooling pooling;
    int dim; /* width that it pools, or 0 */
    bool normalize;
    bool lower_case;            /* the text is lower-cased before the tokenizer sees it */
    int max_length;             /* tokens, 0: no limit told */
    json_t *prompts;            /* {name: text}, or NULL */
    const char *default_prompt; /* its text, in prompts; or NULL */
    const char *similarity;     /* of sentence_similarity; NULL: not told */
};

/* The name itself (constant) of a similarity function that there is: cosine (also for NULL), dot, euclidean,
 * manhattan; NULL: there is no such one. */
const char *sentence_similarity(const char *name);

/* "mean", "cls", "last", "max" */
const char *pooling_name(enum pooling p);
bool pooling_find(const char *name, enum pooling *ret);

/* `path`: a folder, or a model file (then everything stays at its default). Errors name file and field. */
int sentence_open(struct sentence *s, const char *path, struct err *e);
void sentence_release(struct sentence *s);

#endif
