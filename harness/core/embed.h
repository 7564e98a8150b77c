/* SPDX-License-Identifier: Apache-2.0 */
/* embed.h - texts to vectors: an embedding model over the net of a task, forward and backward.
 *
 * An embedder is a tokenizer, a limit on the length of a text, a pooling of the hidden states of a text into
 * one vector, and a normalisation or none. What a sentence-transformers folder says about these holds
 * (modules.json, the Pooling module's config, sentence_bert_config.json, config_sentence_transformers.json);
 * any other encoder pools by the mean, a decoder by its last token, and neither normalises.
 * experiments/models/embed.c implements this header.
 *
 * Use, per micro-batch of texts:
 *     struct embed_batch *b = embedder_batch_new(E, texts, rows, n);
 *     arena_reset(&net->tape);
 *     embedder_layout(E, tn, b, EMBED_TRAIN);                 all that counting mode does
 *     float *y = embedder_forward(E, tn, b);                  [n, embedder_dim], on the tape
 *     ... the loss and its gradient d [n, embedder_dim] ...
 *     embedder_backward(E, tn, b, d);
 *     embedder_batch_free(E, b);
 * One micro-batch at a time is between layout and backward: the model has the buffers of one pass. Another
 * model on the net may have one of its own beside it. Letters: n
 * texts, D = embedder_dim. */
#ifndef BENCH_EMBED_H
#define BENCH_EMBED_H

#include "harness/core/task.h"

struct embedder;

/* What overrides the folder. Zeroed but for normalize = -1: nothing. */
struct embed_options {
    const char *pooling; /* "mean", "cls" (the first token), "last", "max"; NULL: the folder's */
    const char
        *similarity; /* "cosine", "dot", "euclidean", "manhattan"; NULL: the folder's, else the cosine */
    int normalize;   /* 1: to length 1, 0: not; -1: the folder's */
    /* tokens of a text, those that the tokenizer adds included; 0: the folder's. The smallest of this, the
     * folder's and the model's positions holds */
    int max_length;
};

/* `path`: of the model (a folder or a file, cfg "model_path"). tok is borrowed until embedder_close, mem too
 * (texts and batches are counted there as DATA). Errors (ERR_USER) name the file and the module, pooling or
 * field that is not implemented. */
int embedder_open(struct embedder **ret, const char *path, struct tokenizer *tok,
                  const struct model_facts *facts, const struct embed_options *o, struct mem *mem,
                  struct err *e);
void embedder_close(struct embedder *E); /* accepts NULL */

int embedder_dim(const struct embedder *E);             /* numbers per text: the model's hidden size */
int embedder_max_length(const struct embedder *E);      /* the limit that holds */
const char *embedder_pooling(const struct embedder *E); /* "mean", "cls", "last" or "max" */
/* How near two of its vectors are: "cosine", "dot", "euclidean" or "manhattan" (sentence-transformers'
 * similarity_fn_name; the distances count negative). */
const char *embedder_similarity(const struct embedder *E);
bool embedder_normalizes(const struct embedder *E);
/* The folder's prompt of a name: "query", or "document" (for which "passage" and "corpus" stand in); NULL:
 * its default prompt. "" where it has none. What is put in front of each text. Borrowed. */
const char *embedder_prompt(const struct embedder *E, const char *name);
bool embedder_has_prompt(const struct embedder *E, const char *name);

/* ---- texts --------------------------------------------------------------------------------------------- */

/* A tokenised text, or two read as one. */
struct embed_text {
    int n;     /* tokens, 0 only where the tokenizer adds none and the text is empty */
    int whole; /* its own tokens before any cut (counted a little beyond the limit at most: embedder_pairs) */
    bool cut;  /* it was longer than the limit */
    bool special; /* special tokens are written in it, and were not to be recognised */
    bool typed;   /* behind ids[n] stand the n token types; else all are 0 */
    int32_t ids[];
};
/* `prompt` (may be NULL or "") and text[0..len) as one text, with the start and end tokens that the tokenizer
 * adds. `special`: special tokens written in the text are recognised, else they are plain text. NULL with e
 * filled: the tokenizer and the model do not belong together. */
struct embed_text *embedder_text_new(struct embedder *E, const char *prompt, const char *text, size_t len,
                                     bool special, struct err *e);
void embedder_text_free(struct embedder *E, struct embed_text *t); /* accepts NULL */
/* From now on texts are counted to their end: what embedder_pair_new wants of the texts that it joins. Error:
 * the limit leaves no room between the tokens that a pair gets. */
int embedder_pairs(struct embedder *E, struct err *e);
/* Two texts of embedder_text_new as one, as the tokenizer puts them together (tokenizer_pair: BERT's [CLS] a
 * [SEP] b [SEP] with token type 1 from b on, RoBERTa's <s> a </s></s> b </s>). What exceeds the limit is cut
 * from the end of the longer one, of both when half of the room is too little for either; the odd token is
 * the longer one's, or b's (tokenizers' "longest_first"). Error: a token type that the model lacks. */
struct embed_text *embedder_pair_new(struct embedder *E, const struct embed_text *a,
                                     const struct embed_text *b, struct err *e);

/* ---- passes -------------------------------------------------------------------------------------------- */

/* Texts packed into a micro-batch. */
struct embed_batch {
    struct batch b; /* of it b.n are real tokens */
    int texts;
};
/* In the order given, n >= 1; at least one token in all. rows[i]: what random draws of text i are keyed by
 * (two texts of one data row want two keys); NULL: 0, 1, ... The texts may go before the batch does. */
struct embed_batch *embedder_batch_new(struct embedder *E, const struct embed_text *const *texts,
                                       const int64_t *rows, int n);
void embedder_batch_free(struct embedder *E, struct embed_batch *b); /* accepts NULL */

enum embed_pass {
    EMBED_SCORE, /* forward alone, nothing drawn */
    EMBED_TRAIN, /* backward follows */
    /* forward alone, with the draws (dropout) that a training pass over the same rows makes in this step: for
     * gradients by two passes (Gao et al., 2101.06983) */
    EMBED_REHEARSE
};
/* Reserve the memory of one pass on tn->net->tape, the model's included; sets what draws are keyed by.
 * Touches nothing. */
void embedder_layout(struct embedder *E, struct task_net *tn, struct embed_batch *b, enum embed_pass pass);
/* After layout: the embeddings [n, D], row by row, on the tape (valid until it is reset). A text of no tokens
 * gives zeros. */
float *embedder_forward(struct embedder *E, struct task_net *tn, struct embed_batch *b);
/* After a forward whose layout was EMBED_TRAIN: d [n, D] is the gradient of the embeddings; adds to the
 * gradients of all that trains. */
void embedder_backward(struct embedder *E, struct task_net *tn, struct embed_batch *b, const float *d);

#endif
