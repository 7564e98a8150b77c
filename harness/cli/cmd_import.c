/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_import.c - `bench import`: a checkpoint of the original loralib as an adapter's folder. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/command.h"
#include "harness/infer/import.h"
#include "harness/checkpoint/outdir.h"

struct options {
    const char *path, *out, *model, *blocks;
    double alpha;
    bool skip_others;
};

/* That it loads is the proof that it fits. */
static int check_result(const char *model, const char *dir, struct err *e) {
    struct infer m;
    int rc = infer_open(&m, model, dir, 1, 0, e);
    if (!rc) infer_close(&m);
    return rc;
}

static int run_import(void *options, struct err *e) {
    const struct options *o = options;
    struct import_options how = {.alpha = o->alpha, .blocks = o->blocks, .skip_others = o->skip_others};
    struct infer m;
    struct import_result res;
    int rc = infer_open(&m, o->model, NULL, 1, 0, e);
    if (rc) return rc;
    char *tmp = outdir_begin(o->out, e);
    rc = tmp ? import_loralib(&m, o->model, o->path, &how, tmp, &res, e) : e->code;
    infer_close(&m);
    if (!rc) rc = check_result(o->model, tmp, e);
    if (!rc) rc = outdir_commit(tmp, o->out, e);
    if (!rc) {
        printf("%s: %d layer%s, r %d, lora_alpha %.10g\n", o->out, res.sites, res.sites == 1 ? "" : "s",
               res.r, res.alpha);
        if (res.skipped) printf("%d other tensor%s left out\n", res.skipped, res.skipped == 1 ? "" : "s");
    } else if (tmp) {
        outdir_abort(tmp);
    }
    free(tmp);
    return rc;
}

static bool are_blocks(const char *s) {
    size_t n = strlen(s);
    for (size_t i = 0; i < n; i++)
        if (!strchr("qkv", s[i]) || strchr(s + i + 1, s[i])) return false;
    return n > 0;
}

static int check_import(const void *options, struct err *e) {
    const struct options *o = options;
    if (!o->blocks || are_blocks(o->blocks)) return 0;
    return err_set(e, ERR_USER, "--blocks: '%s' is not made of q, k and v, each once at most", o->blocks);
}

static const struct option_row import_options[] = {
    {NULL, 0, AT_TEXT(path), "PATH",
     "a file of torch.save (.pt, .bin; read without executing anything) or .safetensors with tensors lora_A "
     "and lora_B",
     .names = NAMES_FILES, .required = true},
    {"output", 'o', AT_TEXT(out), "DIR", "the new folder: it must not exist, or be empty",
     .names = NAMES_FILES, .required = true},
    {"model", 'm', AT_TEXT(model), "MODEL", "what the adapter was trained on", .names = NAMES_MODELS,
     .required = true},
    {"alpha", 0, AT_NUMBER(alpha), "A", "lora_alpha of the training: loralib does not save it", 1e-9, 1e9,
     .required = true},
    {"blocks", 0, AT_TEXT(blocks), "BLOCKS",
     "of layers that make q, k and v at once (MergedLinear): the ones that were adapted, as in qkv",
     .otherwise = "qv where there are two"},
    {"skip-others", 0, AT_FLAG(skip_others), NULL,
     "leave out tensors that are no lora_A or lora_B, such as biases or a classifier"},
    {0}};

const struct command cmd_import = {
    .name = "import",
    .summary = "a checkpoint of the original loralib as an adapter",
    .about = "Make an adapter's folder, which PEFT and bench load, of a checkpoint that the original loralib "
             "wrote.",
    .rows = import_options,
    .size = sizeof(struct options),
    .examples = "bench import gpt2_md_lora_e2e.pt --model hf:openai-community/gpt2-medium --alpha 32 -o e2e\n"
                "bench import lora.safetensors --model smollm2-135m --alpha 16 -o imported\n",
    .where = COMMAND_COMPUTES,
    .check = check_import,
    .run = run_import,
};
