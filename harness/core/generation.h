/* SPDX-License-Identifier: Apache-2.0 */
/* generation.h - texts out of models, for whoever drives one: many prompts continued together, and text out
 * of tokens' bytes. */
#ifndef BENCH_GENERATION_H
#define BENCH_GENERATION_H

#include "harness/core/task.h"
#include "harness/base/util.h"

/* Many prompts continued together, greedily (the most probable token, the lowest id among equals): a pass
 * over up to 32 new tokens costs about as much as one over a few. Memory goes through net's gate; in counting
 * mode `run` is not called and `open` has counted all that it would take. */
struct generation_prompt {
    const int32_t *ids; /* [n], n >= 1; borrowed until the generation is closed */
    int n, max_tokens;  /* at most so many new ones, >= 1; n + max_tokens within what the net was built for */
};
struct generation {
    struct task_net *tn;
    const struct generation_prompt *prompts;
    int n;
    struct kv *kv;
    float *logits, *last; /* of the tokens that end a sequence: [n][vocab], and panels of hidden states */
    size_t logits_bytes, last_bytes;
};
/* *g is zeroed or closed; n >= 1. The architecture can generate (model->extend). */
void generation_open(struct generation *g, struct task_net *tn, const struct generation_prompt *prompts,
                     int n);
/* Tells each new token of prompt `which` in order, until one of `stops` (not told) or max_tokens.
 * Once. */
void generation_run(struct generation *g, const struct ends *stops,
                    void (*tell)(void *arg, int which, int32_t id), void *arg);
void generation_close(struct generation *g); /* also of one whose opening was refused, or zeroed */

/* The most probable token of logits[0..V), V >= 1: the lowest id among equals. */
int32_t generation_best(const float *logits, int V);

/* Bytes of tokens to text that is whole: what ends within a character waits for the rest; what can be no
 * character becomes U+FFFD. Appends to out what may be shown. `last`: nothing follows. */
struct generate_text {
    struct strbuf held;
};
void generate_text_add(struct generate_text *t, const char *s, size_t n, bool last, struct strbuf *out);
void generate_text_release(struct generate_text *t);

#endif
