/* SPDX-License-Identifier: Apache-2.0 */
/* adapter.h - adapters on disk as PEFT writes them: adapter_model.safetensors (float32) and
 * adapter_config.json.
 *
 * Methods that train vectors of the base (bitfit, norms) have no form in PEFT: the same two files, with
 * Hugging Face's tensor names, and "method" in place of "peft_type". */
#ifndef BENCH_ADAPTER_H
#define BENCH_ADAPTER_H

#include <jansson.h>

#include "harness/core/net.h"
#include "harness/nn/format/modelfile.h"

struct method;

struct adapter_saved {
    size_t file_bytes; /* adapter_model.safetensors */
    size_t min_bytes;  /* tensors without the regenerable ones, which count one seed (8 bytes) each */
    char sha256[65];
};

/* ---- writing: adapter_save.c ------------------------------------------------------------------- */

/* Write the adapter of a bound net into folder `dir` (made when missing). `base_model` goes into
 * base_model_name_or_path, `task_type` is PEFT's ("CAUSAL_LM"). With dir NULL or in counting mode nothing is
 * written and only the sizes are filled. Error: disk. */
int adapter_save(struct net *net, const char *dir, const char *base_model, const char *task_type,
                 struct adapter_saved *ret, struct err *e);
/* What one must know of it later, as task.json in `dir`: what the task says (task.h, describe; NULL:
 * nothing), the SHA-256 of its tensors, and path and digest of the base `f`. Error: disk. */
int adapter_describe(const char *dir, const json_t *task, const char *sha256, const struct modelfile *f,
                     struct err *e);
/* The fields of adapter_config.json that every adapter has. `peft_type` NULL: a method that PEFT lacks.
 * `conv1d`: are the adapted layers stored as [inputs, outputs]? `targets` (taken over): target_modules; NULL:
 * there are no adapted layers. `saved` (taken over): modules_to_save; NULL: null. Caller decrefs. */
json_t *adapter_head_json(const char *base_model, const char *task_type, const char *peft_type, bool conv1d,
                          json_t *targets, json_t *saved);
/* The one writer: `n` tensors and `config` (taken over) as the two files of folder `dir`, made when missing.
 * `sha256` (NULL: not wanted) receives the hex digest of the tensors' file. Error: disk. */
int adapter_write(const char *dir, const struct tensor_out *t, int n, json_t *config, char sha256[65],
                  struct err *e);

/* ---- reading: adapter.c ------------------------------------------------------------------------ */

/* An adapter's folder: each of its files is read once, its tensors when somebody asks for them. */
struct adapter_file;

/* Errors: adapter_config.json missing or no JSON object. Close it when the net has loaded it: the net has
 * copies, and the model keeps the tensors that stand in its own's place. */
int adapter_open(struct adapter_file **ret, const char *dir, struct err *e);
void adapter_close(struct adapter_file *a); /* NULL is fine */
/* What adapter_describe wrote, borrowed; NULL where there is none. */
const json_t *adapter_described(const struct adapter_file *a);
/* What a saved adapter says it is: the keys `method`, `target_modules` and the method's options, in the form
 * of a run's configuration, to be put over a base configuration. `as`: the method that shall read it (a LoRA
 * is a start for LoRA-FA); NULL: the first that does. Errors name the file and what is not implemented.
 * Caller decrefs. */
json_t *adapter_config(const struct adapter_file *a, const struct method *as, struct err *e);
/* Its base_model_name_or_path, borrowed; NULL where it names none. */
const char *adapter_base(const struct adapter_file *a);
/* Is it of a classifier (PEFT's SEQ_CLS)? */
bool adapter_classifies(const struct adapter_file *a);
/* SHA-256 (hex) of the tensors of folder `dir`, remembered (digest.h). */
int adapter_digest(const char *dir, char out[65], struct err *e);
/* Before a model is built: is the adapter the one that was saved, and the file at its base's path the one
 * that it was trained on? (Another path is another matter: a quantised form of the base, or a copy.) Then the
 * copies of its modules that an adapter has (modules_to_save: lm_head, ...) stand in their place, and are
 * `model`'s to close. Those that no model takes are a task's heads, or adapter_load's error. */
int adapter_overlay(struct modelfile *model, struct adapter_file *a, struct err *e);
/* Declare the classifier's layers that an adapter has saved (modules_to_save) in a net without a task,
 * before a method is bound: adapter_load then finds a place for them. Nothing where it has none. */
int adapter_heads(struct net *net, const struct modelfile *model, struct adapter_file *a, struct err *e);
/* Fill the adapter parameters of a bound net, whose model is `model`; every tensor must be there with its
 * shape, and none may be left over. A net that trains keeps its own start of what a task brings and the file
 * lacks, and must have drawn the frozen tensors that all sites share as the file has them. In counting mode
 * only names and shapes are compared. */
int adapter_load(struct net *net, const struct modelfile *model, struct adapter_file *a, struct err *e);

#endif
