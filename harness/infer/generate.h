/* SPDX-License-Identifier: Apache-2.0 */
/* generate.h - continuing a text token by token with a model that is open for use. Many at once:
 * generation.h. */
#ifndef BENCH_GENERATE_H
#define BENCH_GENERATE_H

#include "harness/infer/infer.h"
#include "harness/nn/text/tokenizer.h"
#include "harness/base/util.h"

struct generate_options {
    int max_tokens;     /* at most so many new tokens */
    double temperature; /* 0: greedy, the most probable token (the lowest id among equals) */
    double top_p;       /* sample among the most probable tokens that reach this share together; 1: all */
    int top_k;          /* and among so many; 0: all */
    uint64_t seed;      /* the i-th new token depends on the seed and i alone, given its probabilities */
};

enum generate_end {
    GENERATE_STOPPED,   /* the model gave an end token, which is not among the tokens told */
    GENERATE_LENGTH,    /* max_tokens reached */
    GENERATE_POSITIONS, /* the model has no more positions */
    GENERATE_REFUSED,   /* the callback wanted no more */
};

/* The ids of a prompt: the tokenizer's own start token if it adds one, then the text, in which special tokens
 * are recognised. With `chat` the text is the plain words of a user, put into the model's own chat
 * template (chat.h; its default system turn and its start token are the template's), or, where it has none,
 * into ChatML (<|im_start|>user ... <|im_end|>, then the assistant's turn is begun); an error where the
 * template
 * needs what is not implemented, or the model lacks these tokens. Appends to out. Returns 1, which is no
 * error,
 * when the text itself begins with the start token that was added. */
int generate_prompt(struct infer *m, const char *text, size_t len, bool chat, struct token_ids *out,
                    struct err *e);

/* Continue prompt[0..n), n >= 1, telling each new token as it comes; `tell` returns false to stop. Error: a
 * prompt that is longer than the model's positions, an id outside the vocabulary, an architecture that cannot
 * generate. */
int generate_run(struct infer *m, const int32_t *prompt, int n, const struct generate_options *o,
                 bool (*tell)(void *arg, int32_t id), void *arg, enum generate_end *end, struct err *e);

/* One token drawn from logits[0..V), which are used up. `place`: the counter of the draw. */
int generate_pick(float *logits, int V, const struct generate_options *o, uint64_t place);

#endif
