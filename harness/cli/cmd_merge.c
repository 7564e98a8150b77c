/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_merge.c - `bench merge`: an adapter and its base as one Hugging Face folder. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/checkpoint/adapter.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/cli/command.h"
#include "harness/infer/infer.h"
#include "harness/core/method.h"
#include "harness/checkpoint/outdir.h"
#include "harness/sched/progress.h"

struct options {
    const char *adapter, *out, *model, *db, *type;
};

static int write_folder(struct infer *m, const struct options *o, struct checkpoint_saved *saved,
                        struct err *e) {
    char *tmp = outdir_begin(o->out, e);
    if (!tmp) return e->code;
    int rc = checkpoint_save_as(&m->net, m->model, m->state, m->file, infer_type(o->type), tmp, saved, e);
    if (!rc) rc = outdir_commit(tmp, o->out, e);
    if (rc) outdir_abort(tmp);
    free(tmp);
    return rc;
}

static int run_merge(void *options, struct err *e) {
    const struct options *o = options;
    json_t *recorded = NULL;
    struct infer m = {0};
    struct checkpoint_saved saved;
    char size[32];
    char *adapter = infer_adapter(o->adapter, o->db, &recorded, e);
    char *model = adapter ? infer_model(o->model, recorded, adapter, e) : NULL;
    int rc = model ? infer_open(&m, model, adapter, 0, 0, e) : e->code;
    if (!rc) m.net.classes = json_object_get(adapter_described(m.adapter), "labels");
    if (!rc) rc = infer_weights_finite(&m, e);
    if (!rc) rc = write_folder(&m, o, &saved, e);
    if (!rc)
        printf("%s: %s with the %s adapter of %s in its weights, %s, %s\n", o->out, model, m.net.method->name,
               o->adapter, dtype_name(infer_type(o->type)), progress_bytes((double)saved.file_bytes, size));
    infer_close(&m);
    json_decref(recorded);
    free(model);
    free(adapter);
    return rc;
}

static const struct option_row merge_options[] = {
    {NULL, 0, AT_TEXT(adapter), "RUN|DIR", "one run or one adapter's folder", .names = NAMES_RUNS,
     .required = true},
    {"output", 'o', AT_TEXT(out), "DIR", "the new folder: it must not exist, or be empty",
     .names = NAMES_FILES, .required = true},
    ROW_MODEL_OF_RUN(model),
    {"type", 0, AT_CHOICE(type), NULL, "of the weights", .def = "f32", .choices = "f32|f16|bf16"},
    ROW_DB(db),
    {0}};

const struct command cmd_merge = {
    .name = "merge",
    .summary = "a model with an adapter in its weights, as a Hugging Face folder",
    .about =
        "Put an adapter into the weights of its base and write the model as a Hugging Face folder, which "
        "transformers and bench load: config.json, tokenizer.json, model.safetensors (one file, whatever "
        "its size). The base is read, never written. A base from a GGUF file becomes a Hugging Face "
        "folder too.",
    .rows = merge_options,
    .size = sizeof(struct options),
    .examples = "bench merge 12 -o merged\n"
                "bench merge results/checkpoints/12 --model smollm2-135m --type bf16 -o merged-bf16\n",
    .where = COMMAND_COMPUTES,
    .run = run_merge,
};
