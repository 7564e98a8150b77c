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

/* Write the adapter of a bound net into folder `dir` (made when missing). `base_model` goes into
 * base_model_name_or_path, `task_type` is PEFT's ("CAUSAL_LM"). With dir NULL or in counting mode nothing is
 * written and only the sizes are filled. Error: disk. */
int adapter_save(struct net *net, const char *dir, const char *base_model, const char *task_type,
                 struct adapter_saved *ret, struct err *e);
/* What one must know of it later, as task.json in `dir`: what the task says (task.h, describe; NULL:
 * nothing),
 * the SHA-256 of its tensors, and path and digest of the base `f`. And back, NULL where there is none (caller
 * decrefs). */
int adapter_describe(const char *dir, const json_t *task, const char *sha256, const struct modelfile *f,
                     struct err *e);
json_t *adapter_described(const char *dir);

/* What a saved adapter says it is: the keys `method`, `target_modules` and the method's options, in the form
 * of a run's configuration, to be put over a base configuration. `as`: the method that shall read it (a LoRA
 * is a start for LoRA-FA); NULL: the first that does. Errors name the file and what is not implemented.
 * Caller decrefs. */
json_t *adapter_config(const char *dir, const struct method *as, struct err *e);
/* base_model_name_or_path of a saved adapter, or NULL. Caller frees. */
char *adapter_base(const char *dir);
/* Is it of a classifier (PEFT's SEQ_CLS)? */
bool adapter_classifies(const char *dir);
/* SHA-256 (hex) of its tensors, remembered (digest.h). */
int adapter_digest(const char *dir, char out[65], struct err *e);
/* Before a model is built: is the adapter the one that was saved, and the file at its base's path the one
 * that
 * it was trained on? (Another path is another matter: a quantised form of the base, or a copy.) Then the
 * copies of its modules that an adapter has (modules_to_save: lm_head, ...)
 * stand
 * in their place. Those that no model takes are a task's heads, or adapter_load's error. */
int adapter_overlay(struct modelfile *f, const char *dir, struct err *e);
/* Declare the classifier's layers that an adapter has saved (modules_to_save) in a net without a task,
 * before a method is
 * bound: adapter_load then finds a place for them. Nothing where it has none. */
int adapter_heads(struct net *net, const struct modelfile *f, const char *dir, struct err *e);
/* Fill the adapter parameters of a bound net, whose model is `f`, from the folder; every tensor must be there
 * with its shape, and none may be left over. A net that trains keeps its own start of what a task brings and
 * the file lacks, and
 * must have drawn the frozen tensors that all sites share as the file has them. In counting mode only names
 * and shapes are compared. */
int adapter_load(struct net *net, const struct modelfile *f, const char *dir, struct err *e);

#endif
