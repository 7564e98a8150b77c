/* cmd_import.c - `bench import`: a checkpoint of the original loralib as an adapter's folder. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cmd.h"
#include "harness/infer/import.h"
#include "harness/checkpoint/outdir.h"

static const char help[] =
    "usage: bench import PATH -o DIR --model M --alpha A [--blocks q|k|v|qk|qv|kv|qkv] [--skip-others]\n"
    "\n"
    "Make an adapter's folder, which PEFT and bench load, of a checkpoint that the original loralib wrote: a "
    "file\n"
    "of torch.save (.pt, .bin; read without executing anything) or .safetensors with tensors lora_A and "
    "lora_B.\n"
    "\n"
    "  -o DIR         the new folder: it must not exist, or be empty\n"
    "  --model M      the model that the adapter was trained on\n"
    "  --alpha A      lora_alpha of the training: loralib does not save it\n"
    "  --blocks B     of layers that make q, k and v at once (MergedLinear): the ones that were adapted\n"
    "                 (default qv where there are two)\n"
    "  --skip-others  leave out tensors that are no lora_A or lora_B, such as biases or a classifier\n"
    "\n"
    "examples:\n"
    "  bench import gpt2_md_lora_e2e.pt --model hf:openai-community/gpt2-medium --alpha 32 -o e2e\n"
    "  bench import lora.safetensors --model smollm2-135m --alpha 16 -o imported\n";

struct options {
    const char *path, *out, *model;
    struct import_options i;
};

/* That it loads is the proof that it fits. */
static int check_result(const char *model, const char *dir, struct err *e) {
    struct infer m;
    int rc = infer_open(&m, model, dir, 1, 0, e);
    if (!rc) infer_close(&m);
    return rc;
}

static int import_checkpoint(const struct options *o, struct err *e) {
    struct infer m;
    struct import_result res;
    int rc = infer_open(&m, o->model, NULL, 1, 0, e);
    if (rc) return rc;
    char *tmp = outdir_begin(o->out, e);
    rc = tmp ? import_loralib(&m, o->model, o->path, &o->i, tmp, &res, e) : e->code;
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

static int parse_options(int argc, char **argv, struct options *o) {
    static const struct option longs[] = {
        {"model", required_argument, NULL, 'm'},  {"alpha", required_argument, NULL, 'a'},
        {"blocks", required_argument, NULL, 'b'}, {"skip-others", no_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    char *end = NULL;
    for (int c; (c = getopt_long(argc, argv, "m:o:h", longs, NULL)) != -1;) {
        switch (c) {
        case 'm':
            o->model = optarg;
            break;
        case 'o':
            o->out = optarg;
            break;
        case 'a':
            o->i.alpha = strtod(optarg, &end);
            if (!*optarg || *end) o->i.alpha = -1;
            break;
        case 'b':
            o->i.blocks = optarg;
            break;
        case 's':
            o->i.skip_others = true;
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        default:
            fputs("see `bench import --help`\n", stderr);
            return 2;
        }
    }
    const char *wrong = argc - optind != 1  ? "it wants one file"
                        : !o->out           ? "-o is missing: where the adapter goes"
                        : !o->model         ? "--model is missing: what the adapter was trained on"
                        : isnan(o->i.alpha) ? "--alpha is missing: the file does not say it"
                        : !(o->i.alpha > 0) || isinf(o->i.alpha) ? "--alpha must be a number above 0"
                        : o->i.blocks && !are_blocks(o->i.blocks)
                            ? "--blocks is made of q, k and v, each once at most"
                            : NULL;
    if (wrong) fprintf(stderr, "bench import: %s; see `bench import --help`\n", wrong);
    o->path = argv[optind];
    return wrong ? 2 : -1;
}

int cmd_import(int argc, char **argv) {
    struct options o = {.i.alpha = NAN};
    struct err e = {0};
    int rc = parse_options(argc, argv, &o);
    if (rc >= 0) return rc;
    if (import_checkpoint(&o, &e) == 0) return 0;
    fprintf(stderr, "bench import: %s\n", e.msg);
    return err_exit_code(&e);
}
