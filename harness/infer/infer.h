/* SPDX-License-Identifier: Apache-2.0 */
/* infer.h - a model for use rather than for training: opened, an adapter loaded, forward passes only. */
#ifndef BENCH_INFER_H
#define BENCH_INFER_H

#include "harness/core/model.h"

struct infer {
    struct mem mem;
    struct team *team;
    struct net net;
    struct modelfile *file;
    struct adapter_file *adapter; /* NULL: the model alone */
    struct tokenizer *tok;        /* NULL: the model reads no text (facts.d_in) */
    const struct model *model;
    void *state;
    struct model_facts facts;
    json_t *config;
};

/* `model`: a name of the catalog, a folder or a .gguf file. `adapter`: a folder, or NULL. `positions`: the
 * longest sequence that will be asked for (0: the model's own limit). threads 0: all usable cores. On error
 * everything is released. */
int infer_open(struct infer *m, const char *model, const char *adapter, int threads, long positions,
               struct err *e);
void infer_close(struct infer *m);

/* An error where the model has no tokenizer, for what begins with a text. */
int infer_reads_text(const struct infer *m, struct err *e);

/* Hidden states of one sequence, panels of facts.hidden on the tape, valid until the next call. n >= 1 ids
 * below facts.vocab. */
const float *infer_hidden(struct infer *m, const int32_t *ids, int n);

/* 0 when v[0..n) are finite; else the error that says what is not, and why as far as the files show. */
int infer_finite(const struct infer *m, const float *v, size_t n, const char *what, struct err *e);
/* 0 when every weight of the model and of its adapter is finite: before they are written elsewhere. */
int infer_weights_finite(const struct infer *m, struct err *e);

/* A resolved configuration in which every row of the core, of `task` and of `method` has its default. Caller
 * decrefs. */
json_t *infer_config(const char *task, const char *method);

/* The folder of an adapter that the user names: a folder, or the id of a run in the database `db` (NULL: the
 * default one) that saved one. Absolute; caller frees. *config (may be NULL) receives the run's configuration
 * as recorded, or NULL for a folder; caller decrefs. NULL with e filled: says what to do. */
char *infer_adapter(const char *run_or_dir, const char *db, json_t **config, struct err *e);

/* The same for whatever a run left: *whole says that it is a model (`full` with `save: all`), not an
 * adapter. */
char *infer_checkpoint(const char *run_or_dir, const char *db, json_t **config, bool *whole, struct err *e);

/* "f32", "f16", "bf16" as a user writes them; DT_COUNT: another word. */
enum dtype infer_type(const char *word);

/* The model that an adapter belongs to, as a name, folder or file: `given` when the user named one, else what
 * its run recorded, else what the adapter says is its base where that is here. Caller frees. NULL with e
 * filled: none of these. */
char *infer_model(const char *given, const json_t *recorded, const char *adapter, struct err *e);

#endif
