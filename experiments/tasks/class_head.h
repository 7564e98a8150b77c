/* SPDX-License-Identifier: Apache-2.0 */
/* class_head.h - what stands between the embedding of a text and the classes of `classify`.
 *
 *   logits = W t + c,   t = y, or tanh(P y + b)   y: the embedding of the text [n, D]
 *
 * The forms are those of transformers' classes for sequence classification, with their names: of decoders
 * score.weight alone; of BERT the pooler of the model's own file (P, b: frozen, or adapted by methods) and
 * classifier.weight and .bias; of RoBERTa classifier.dense (P, b) and classifier.out_proj, which all are new.
 * Where the run chose another pooling than the class has, the output layer stands alone and is called
 * "pooled_classifier", which no class of transformers takes for its own. New layers start uniform in
 * +-1/sqrt(D), biases zero, drawn from the seed; every method trains them and adapters carry them. */
#ifndef BENCH_TASKS_CLASS_HEAD_H
#define BENCH_TASKS_CLASS_HEAD_H

#include "harness/core/task.h"

struct class_head {
    enum class_head_form { HEAD_PLAIN, HEAD_SCORE, HEAD_POOLER, HEAD_DENSE } form;
    int D, classes;
    struct param *weight, *bias; /* [classes, D], [classes]; bias NULL: none */
    struct site *dense;          /* [D, D] and its bias, or NULL */
    struct site own;             /* it, where it is no site of the model */
};

/* The name of the tensor whose presence in a model's file says that it has such a head. */
const char *class_head_output(enum class_head_form form);
/* Declare the layers of head->form on the net's (first) model, D and classes set; `read`: they start as the
 * model's file has
 * them. */
int class_head_declare(struct class_head *head, struct net *net, bool read, struct err *e);

/* Of one pass over n texts; on the tape. */
struct class_pass {
    float *h, *t, *dh, *dt; /* panels of D features: y, tanh(P y + b), gradients of both; t is h without P */
    float *nll;             /* [np][1][32] */
    int32_t *top1;          /* [n] */
};
void class_head_layout(const struct class_head *head, struct net *net, struct class_pass *x, int n,
                       bool train);
/* y: [n, D]. nll and top1 of each text; train: dy [n, D] of scale * the summed loss, and gradients of all
 * that
 * trains. */
void class_head_run(const struct class_head *head, struct net *net, struct class_pass *x, const float *y,
                    int n, const int32_t *target, float *dy, double scale);

#endif
