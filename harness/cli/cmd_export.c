/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_export.c - `bench export`: a model with an adapter in its weights, or the adapter alone, for llama.cpp.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/command.h"
#include "harness/infer/export.h"
#include "harness/sched/progress.h"
#include "harness/base/util.h"

struct options {
    const char *adapter, *model, *gguf, *lora, *db, *type;
};

static int write_one(struct infer *m, const char *path, bool lora, enum dtype type, struct err *e) {
    size_t bytes;
    char size[32];
    if (!path) return 0;
    int rc = lora ? export_adapter(m, type, path, &bytes, e) : export_model(m, type, path, &bytes, e);
    if (!rc)
        printf("%s: %s, %s, %s\n", path, lora ? "adapter" : "model", dtype_name(type),
               progress_bytes((double)bytes, size));
    return rc;
}

static int write_files(const struct options *o, const char *model, const char *adapter, struct err *e) {
    enum dtype given = o->type ? infer_type(o->type) : DT_COUNT;
    struct infer m;
    int rc = infer_open(&m, model, adapter, 0, 0, e);
    if (rc) return rc;
    rc = infer_weights_finite(&m, e);
    if (!rc) rc = write_one(&m, o->gguf, false, given != DT_COUNT ? given : DT_F16, e);
    if (!rc) rc = write_one(&m, o->lora, true, given != DT_COUNT ? given : DT_F32, e);
    infer_close(&m);
    return rc;
}

static int run_export(void *options, struct err *e) {
    const struct options *o = options;
    json_t *recorded = NULL;
    char *adapter = NULL, *model = NULL;
    int rc = 0;
    const char *const outs[] = {o->gguf, o->lora};
    for (int i = 0; i < 2; i++)
        if (outs[i] && (file_exists(outs[i]) || dir_exists(outs[i])))
            return err_set(e, ERR_USER, "%s: exists already: give another file, or remove it", outs[i]);
    bool whole = false;
    if (o->adapter && !(adapter = infer_checkpoint(o->adapter, o->db, &recorded, &whole, e))) rc = e->code;
    if (!rc && whole && o->lora)
        rc = err_set(e, ERR_USER, "%s: this is a whole model: --gguf-lora wants an adapter", o->adapter);
    if (!rc && whole) {
        model = adapter;
        adapter = NULL;
    }
    if (!rc && !model && !(model = infer_model(o->model, recorded, adapter, e))) rc = e->code;
    if (!rc) rc = write_files(o, model, adapter, e);
    json_decref(recorded);
    free(adapter);
    free(model);
    return rc;
}

static int check_export(const void *options, struct err *e) {
    const struct options *o = options;
    const char *wrong = !o->gguf && !o->lora       ? "--gguf or --gguf-lora says what to write"
                        : o->lora && !o->adapter   ? "--gguf-lora wants a run or an adapter's folder"
                        : !o->model && !o->adapter ? "it wants a run, an adapter's folder or --model"
                        : o->gguf && o->lora && !strcmp(o->gguf, o->lora) ? "two files of one name"
                                                                          : NULL;
    return wrong ? err_set(e, ERR_USER, "%s", wrong) : 0;
}

static const struct option_row export_options[] = {
    {NULL, 0, AT_TEXT(adapter), "RUN|DIR",
     "an adapter, or a whole model that a run of `full` with `save: all` left; without it, the model of "
     "--model as it is",
     .names = NAMES_RUNS},
    {"gguf", 0, AT_TEXT(gguf), "FILE", "the model, its adapter in the weights, with the tokenizer",
     .names = NAMES_FILES},
    {"gguf-lora", 0, AT_TEXT(lora), "FILE",
     "the adapter alone, for llama.cpp's --lora beside the base (methods that add B A to a layer)",
     .names = NAMES_FILES},
    ROW_MODEL_OF_RUN(model),
    {"type", 0, AT_CHOICE(type), NULL, "of matrices; vectors are always f32",
     .otherwise = "f16 for --gguf, f32 for --gguf-lora", .choices = "f32|f16|bf16"},
    ROW_DB(db),
    {0}};

const struct command cmd_export = {
    .name = "export",
    .summary = "a model or an adapter as a GGUF file, for llama.cpp",
    .about = "Write GGUF files, which llama.cpp loads. Files that are there already are not written over.",
    .rows = export_options,
    .size = sizeof(struct options),
    .examples = "bench export 12 --gguf tuned.gguf\n"
                "bench export results/checkpoints/12 --model smollm2-135m --gguf-lora tuned-lora.gguf\n",
    .where = COMMAND_COMPUTES,
    .check = check_export,
    .run = run_export,
};
