/* SPDX-License-Identifier: Apache-2.0 */
/* run.h - the state of one run, shared by train.c (the loop), evaluate.c (scores) and run.c (reports,
 * batches). Not for others: see train.h. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include <setjmp.h>

#include "harness/train/early_stop.h"
#include "harness/train/base_f32.h"
#include "harness/core/method.h"
#include "harness/core/task.h"
#include "harness/train/train.h"

struct run {
    const struct train_job *job;
    const struct train_report *rep;
    struct train_result *res;
    struct err *e;
    const json_t *cfg;
    bool counting;
    struct mem mem;
    struct team *team;
    struct net net;
    struct base_f32 expand; /* what frozen matrices read with weights: f32 */
    struct task_net tn;
    struct modelfile *file;
    struct adapter_file *adapter; /* its start, or what it measures; NULL: none */
    struct tokenizer *tok;
    const struct task *task;
    void *task_state;
    const struct method *method;
    int *order;               /* this epoch's permutation of the training rows */
    long *batch_rows;         /* [train.batch_size] */
    struct task_batch **live; /* batches made and not yet dropped: also after the gate's longjmp */
    long nlive, live_cap;
    long rows, cursor, epoch;
    long steps, step;
    double started, loss_sum; /* of the last tenth of the steps */
    long loss_count;
    struct early_stop early;
    bool part_told[SPLIT_COUNT]; /* that a part of the split is scored */
    double watched;              /* its metric at the last evaluation */
    double *losses;              /* of every step, where a run may end early */
    long nlosses, losses_cap;
    char *saving; /* the checkpoint's folder while it is being written; NULL: none */
    jmp_buf denied;
};

/* Reports of a run that counts go nowhere. */
void run_tell_metric(struct run *r, const char *key, long step, double value);
void run_tell_event(struct run *r, const char *kind, const char *text);
void run_tell_progress(struct run *r, const char *phase, double loss); /* loss NaN: none */

/* A task's batch, dropped with all others that live: also after the gate has ended the run. Takes `b` or
 * NULL, and returns it. */
struct task_batch *run_keep_batch(struct run *r, struct task_batch *b);
void run_drop_batches(struct run *r);

/* Score the first eval.rows rows of the eval split, test.rows of the test split (0: all); *loss: its metric
 * "loss", NaN when the task tells none. `items`: also report single rows' scores. Returns 1 when a metric is
 * not a number or the loss not finite; ERR_STOP when the job was asked to stop. */
int evaluate(struct run *r, enum split s, bool items, double *loss);
/* Evaluate on the eval split, where there is one, and keep the best. Returns as evaluate. */
int evaluate_step(struct run *r, bool last);

#endif
