/* SPDX-License-Identifier: Apache-2.0 */
/* bert.h - what the encoders of BERT's type share: they differ in names and in where positions begin. */
#ifndef BENCH_MODELS_BERT_H
#define BENCH_MODELS_BERT_H

#include "harness/core/model.h"

struct bert_kind {
    const char *prefix; /* of the classes with a head: "bert." */
    bool after_padding; /* position p is row p + padding index + 1 of the table */
    bool dense_head;    /* its class for classification has a layer of its own in the pooler's place */
    int vocab;          /* where the config does not say */
};

/* The `build` hook of struct model, for one kind. */
int bert_build_kind(struct net *net, const struct modelfile *f, void **ret, struct err *e,
                    const struct bert_kind *kind);

/* The `pooler` hook. */
struct site *bert_pooler(void *state, struct net *net, const struct modelfile *f, struct err *e);

#endif
