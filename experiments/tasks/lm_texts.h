/* SPDX-License-Identifier: Apache-2.0 */
/* lm_texts.h - the texts that a language model's score generates: distinct prompts of a split's rows,
 * continued greedily, against the completions of all rows that have the prompt. */
#ifndef BENCH_LM_TEXTS_H
#define BENCH_LM_TEXTS_H

#include "harness/core/generation.h"

struct lm_texts {
    struct tokenizer *tok;
    struct generation_prompt *prompts; /* distinct ones */
    struct lm_prompt *v;               /* and what belongs to each */
    int n, cap, prompts_cap;
    int *from, groups, from_cap; /* group k, continued together: prompts from[k] .. from[k + 1] - 1 */
};

/* Prompt ids[0..n) of `row`, to be continued by at most max_tokens >= 1. ids are borrowed, `reference` is
 * taken. Prompts that are alike become one with several references. */
void lm_texts_add(struct lm_texts *t, long row, const int32_t *ids, int n, int max_tokens, char *reference);
/* After the last one: the groups. */
void lm_texts_group(struct lm_texts *t);
/* The tokens that group k puts through the model, at most: its prompts, and 32 for every pass after them,
 * which cost as much. */
long lm_texts_tokens(const struct lm_texts *t, int k);
/* The generation of group k, opened: its memory is counted. The caller closes it. */
void lm_texts_open(struct lm_texts *t, int k, struct task_net *tn, struct generation *g);
void lm_texts_run(struct lm_texts *t, int k, struct generation *g, const struct ends *stops);
/* "bleu", "bleu_lower", "nist", "rouge_l", "rouge_l_caption" and "cider" (text_metrics.h) of all texts, and
 * of each prompt's first row "rouge_l". */
void lm_texts_tell(const struct lm_texts *t, const struct task_tell *tell);
void lm_texts_release(struct lm_texts *t);

#endif
