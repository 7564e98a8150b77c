/* task.h - what a task is: rows to batches to loss to metrics.
 *
 * A micro-batch belongs to the task (struct task_batch is its own, beginning with what the core reads); the core decides which rows, when
 * to step, when to evaluate. */
#ifndef BENCH_TASK_H
#define BENCH_TASK_H

#include <jansson.h>

#include "harness/model.h"
#include "harness/nn/tokenizer.h"
#include "harness/opt.h"

enum split { SPLIT_TRAIN, SPLIT_EVAL, SPLIT_TEST, SPLIT_COUNT };
const char *split_name(enum split s); /* "train", "eval", "test" */

/* The model that a task drives. */
struct task_net {
    struct net *net;
    const struct model *model;
    void *model_state;
    struct model_facts facts;
};

struct task_batch {
    struct batch b;
    long tokens;   /* real tokens in it */
    double weight; /* what the loss is divided by over the whole step: labelled tokens, pairs, ... */
};

/* What a row of a batch scored. */
struct task_row {
    int row;             /* its index among the rows that the batch was made of */
    double loss, weight; /* summed loss and what it is divided by; weight 0: the row was left out */
    double hits;         /* lm: labels that are the model's first choice given what stands before them */
};

struct task {
    const char *name, *summary;
    const struct opt *opts;      /* its keys: data.*, ... */
    const char *default_metric;  /* "eval/loss" */
    const char *default_goal;    /* "minimize" */

    /* Open the data of a run. config: resolved. mem: DATA is counted here. */
    int (*open)(void **ret, const json_t *config, struct mem *mem, struct tokenizer *tok, const struct model_facts *facts,
                struct err *e);
    void (*free)(void *state);
    /* Rows of a split, 0 where the split is absent. */
    long (*rows)(void *state, enum split s);
    /* Tokens that a row adds to a batch: 0 when it is left out, -1 with `e` filled on a bad row. */
    long (*row_tokens)(void *state, enum split s, long row, struct err *e);
    /* A micro-batch of rows[0..n); rows that cannot be used add nothing. Returns NULL and fills e on a bad row. batch_free gives
     * it back. A batch of weight 0 must not be run. */
    struct task_batch *(*batch)(void *state, enum split s, const long *rows, int n, struct err *e);
    void (*batch_free)(void *state, struct task_batch *b);
    /* Reserve the memory of one pass over b on net->tape (the model's included). */
    void (*layout)(void *state, struct task_net *tn, const struct task_batch *b, bool train);
    /* After layout: forward, loss summed (not averaged) in double, and with `train` backward of scale * loss. `each`: per-row scores
     * through the callback, for evaluation (must be NULL with `train`). */
    double (*run)(void *state, struct task_net *tn, const struct task_batch *b, bool train, double scale,
                  void (*each)(void *arg, const struct task_row *r), void *arg);
    /* Rows met so far that were left out (lm: no label within max_length). */
    long (*skipped)(void *state, enum split s);
};

extern const struct task *const task_list[];
const struct task *task_find(const char *name);

#endif
