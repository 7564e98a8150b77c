/* SPDX-License-Identifier: Apache-2.0 */
/* task.h - what a task is: rows to batches to loss to metrics.
 *
 * A micro-batch belongs to the task (struct task_batch is its own, beginning with what the core reads); the
 * core decides which rows, when to step, when to evaluate. Scores are the task's: a language model's are sums
 * over tokens, a search's need every text first. */
#ifndef BENCH_TASK_H
#define BENCH_TASK_H

#include <jansson.h>

#include "harness/core/model.h"
#include "harness/core/remark.h"
#include "harness/core/run_result.h"
#include "harness/nn/text/tokenizer.h"
#include "harness/config/opt.h"

enum split { SPLIT_TRAIN, SPLIT_EVAL, SPLIT_TEST, SPLIT_COUNT };
const char *split_name(enum split s); /* "train", "eval", "test" */

struct task_batch {
    long tokens;   /* in it, of all models */
    double weight; /* what the loss is divided by over the whole step: labelled tokens, pairs, ... */
};

enum { TASK_ALONE = 1 << 30 };

/* Where a score goes. Names are without the split: "loss", "accuracy", "ndcg@10"; `item` is a row of the
 * split (a query), for paired comparisons. weight > 0 is what the row counts in the metric of that name,
 * which is sum(weight value) / sum(weight): labelled tokens for a loss per token, 1 where rows count alike.
 * Values may be NaN or infinite. */
struct task_tell {
    void *arg;
    void (*metric)(void *arg, const char *name, double value);
    void (*item)(void *arg, const char *name, long item, double value, double weight);
    void (*count)(void *arg, const struct score_count *c); /* once */
};

struct task {
    const char *name, *summary;
    const char *task_type;  /* PEFT's: "CAUSAL_LM", "FEATURE_EXTRACTION", "SEQ_CLS" */
    bool texts;             /* its model reads texts: one with a tokenizer; else open is given none */
    const struct opt *opts; /* its keys: data.*, ... */
    /* What of its configuration counts otherwise in a run's identity than it is written: `hashed` is a
     * copy of `config` to be changed, so that equal identities have equal results also among records that
     * an older bench made. NULL: nothing. */
    void (*identity)(const json_t *config, json_t *hashed);
    const char *default_metric; /* "eval/loss" */
    const char *default_goal;   /* "minimize" */
    /* where this key is given, this is the metric instead; NULL: none */
    const char *other_key, *other_metric;
    /* what a score tells, for messages: "loss", "perplexity", ..., NULL; of a family one example each
     * ("ndcg@10") */
    const char *const *metrics;
    /* Which way a metric (its name without the split) is better: "minimize" or "maximize"; NULL: no score of
     * this task tells it. */
    const char *(*metric_goal)(const char *name);
    /* The option without which a score of this configuration does not tell such a metric; NULL: it does. A
     * NULL hook: all are told. */
    const char *(*metric_needs)(const json_t *config, const char *name);
    /* ends "no train row ", of rows that teach nothing: what is wrong with all of them, and the remedy */
    const char *nothing;

    /* Open the data of a run. config: resolved, model_path in it. mem: DATA is counted here. tok: NULL unless
     * `texts`; where it is, the model's tokens are ids. Error also when the model does not suit the task. */
    int (*open)(void **ret, const json_t *config, struct mem *mem, struct tokenizer *tok,
                const struct model_facts *facts, struct err *e);
    void (*free)(void *state); /* also of a score in progress */
    /* Before a method is bound: declare the task's own parameters (net_head); and, where the task drives more
     * models than the one of the configuration, build them (net_add_model). NULL: neither. */
    int (*declare)(void *state, struct net *net, struct err *e);
    /* What an adapter of it must bring along to be used again ("labels", ...): an object, which is saved
     * beside
     * it; caller decrefs. NULL hook: nothing. */
    json_t *(*describe)(const void *state);
    /* Rows of a split, 0 where the split is absent. */
    long (*rows)(void *state, enum split s);
    /* A micro-batch of rows[0..n) of the training split; rows that cannot be used add nothing. Returns NULL
     * and fills e on a bad row. batch_free gives it back. A batch of weight 0 must not be run. */
    struct task_batch *(*batch)(void *state, const long *rows, int n, struct err *e);
    void (*batch_free)(void *state, struct task_batch *b);
    /* Reserve the memory of one pass over b on net->tape (the model's included). */
    void (*layout)(void *state, struct task_net *tn, const struct task_batch *b, bool train);
    /* After layout. train: forward, the loss summed (not averaged) in double, and backward of scale * loss.
     * Else: forward over a batch of the score in progress, whose results are added to it; returns 0. Not
     * called in counting mode. */
    double (*run)(void *state, struct task_net *tn, const struct task_batch *b, bool train, double scale);

    /* A score of a split: begin; then for all items in order score_batch, layout, run; then end. One at a
     * time. begin: over the split's first `rows` rows (0: all); *items: how many things will be run through
     * the model (lm: the rows; retrieval: queries and documents). Reserves what the score needs through the
     * gate, the same in counting mode. */
    int (*score_begin)(void *state, struct task_net *tn, enum split s, long rows, long *items, struct err *e);
    /* Tokens that an item adds to a batch: 0 when it is left out, -1 with `e` filled on a bad row, TASK_ALONE
     * for one that has a batch of its own. */
    long (*item_tokens)(void *state, long item, struct err *e);
    /* as `batch`; items live as long as it */
    struct task_batch *(*score_batch)(void *state, const long *items, int n, struct err *e);
    /* Tell the metrics and the scores of single rows, give back what begin reserved. `tell` NULL: only the
     * latter (counting, or given up). Error, also when counting: not one row can be scored. */
    int (*score_end)(void *state, struct task_net *tn, const struct task_tell *tell, struct err *e);
    /* What is worth a remark about the rows met so far (left out, cut). */
    void (*remarks)(void *state, remark_fn *say, void *arg);
};

extern const struct task *const task_list[];
const struct task *task_find(const char *name);

#endif
