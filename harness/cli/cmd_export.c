/* cmd_export.c - `bench export`: a model with an adapter in its weights, or the adapter alone, for llama.cpp.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cmd.h"
#include "harness/infer/export.h"
#include "harness/sched/progress.h"
#include "harness/base/util.h"

static const char help[] =
    "usage: bench export [RUN|DIR] [--gguf FILE] [--gguf-lora FILE] [--model M] [--type f32|f16|bf16] [--db "
    "FILE]\n"
    "\n"
    "Write GGUF files, which llama.cpp loads. RUN or DIR is an adapter, or a whole model that a run of "
    "`full`\n"
    "with `save: all` left; without it, the model of --model as it is.\n"
    "\n"
    "  --gguf FILE       the model, its adapter in the weights, with the tokenizer\n"
    "  --gguf-lora FILE  the adapter alone, for llama.cpp's --lora beside the base (methods that add B A to "
    "a layer)\n"
    "  --model M         the base; by default the one of the run, or the one that the adapter names\n"
    "  --type T          of matrices (default f16 for --gguf, f32 for --gguf-lora); vectors are always f32\n"
    "  --db FILE         where RUN is recorded (default results/bench.db)\n"
    "\n"
    "Files that are there already are not written over.\n"
    "\n"
    "examples:\n"
    "  bench export 12 --gguf tuned.gguf\n"
    "  bench export results/checkpoints/12 --model smollm2-135m --gguf-lora tuned-lora.gguf\n";

struct options {
    const char *adapter, *model, *gguf, *lora, *db;
    enum dtype type; /* DT_COUNT: not given */
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
    bool given = o->type != DT_COUNT;
    struct infer m;
    int rc = infer_open(&m, model, adapter, 0, 0, e);
    if (rc) return rc;
    rc = write_one(&m, o->gguf, false, given ? o->type : DT_F16, e);
    if (!rc) rc = write_one(&m, o->lora, true, given ? o->type : DT_F32, e);
    infer_close(&m);
    return rc;
}

static int export_file(const struct options *o, struct err *e) {
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

static int parse_options(int argc, char **argv, struct options *o) {
    static const struct option longs[] = {{"gguf", required_argument, NULL, 'g'},
                                          {"gguf-lora", required_argument, NULL, 'l'},
                                          {"model", required_argument, NULL, 'm'},
                                          {"type", required_argument, NULL, 't'},
                                          {"db", required_argument, NULL, 'd'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    bool bad_type = false;
    for (int c; (c = getopt_long(argc, argv, "m:h", longs, NULL)) != -1;) {
        switch (c) {
        case 'g':
            o->gguf = optarg;
            break;
        case 'l':
            o->lora = optarg;
            break;
        case 'm':
            o->model = optarg;
            break;
        case 'd':
            o->db = optarg;
            break;
        case 't':
            o->type = infer_type(optarg);
            bad_type = o->type == DT_COUNT;
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        default:
            fputs("see `bench export --help`\n", stderr);
            return 2;
        }
    }
    const char *wrong = argc - optind > 1             ? "one run or one adapter's folder at a time"
                        : !o->gguf && !o->lora        ? "--gguf or --gguf-lora says what to write"
                        : o->lora && optind == argc   ? "--gguf-lora wants a run or an adapter's folder"
                        : !o->model && optind == argc ? "it wants a run, an adapter's folder or --model"
                        : bad_type                    ? "--type is f32, f16 or bf16"
                        : o->gguf && o->lora && !strcmp(o->gguf, o->lora) ? "two files of one name"
                                                                          : NULL;
    if (wrong) fprintf(stderr, "bench export: %s; see `bench export --help`\n", wrong);
    o->adapter = argv[optind];
    return wrong ? 2 : -1;
}

int cmd_export(int argc, char **argv) {
    struct options o = {.type = DT_COUNT};
    struct err e = {0};
    int rc = parse_options(argc, argv, &o);
    if (rc >= 0) return rc;
    if (export_file(&o, &e) == 0) return 0;
    fflush(stdout);
    fprintf(stderr, "bench export: %s\n", e.msg);
    return err_exit_code(&e);
}
