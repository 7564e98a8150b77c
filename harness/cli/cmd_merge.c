/* cmd_merge.c - `bench merge`: an adapter and its base as one Hugging Face folder. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/checkpoint/checkpoint.h"
#include "harness/cli/cmd.h"
#include "harness/infer/infer.h"
#include "harness/core/method.h"
#include "harness/checkpoint/outdir.h"
#include "harness/sched/progress.h"

static const char help[] =
    "usage: bench merge RUN|DIR -o DIR [--model M] [--type f32|f16|bf16] [--db FILE]\n"
    "\n"
    "Put an adapter into the weights of its base and write the model as a Hugging Face folder, which\n"
    "transformers and bench load: config.json, tokenizer.json, model.safetensors (one file, whatever its "
    "size).\n"
    "The base is read, never written. A base from a GGUF file becomes a Hugging Face folder too.\n"
    "\n"
    "  -o DIR       the new folder: it must not exist, or be empty\n"
    "  --model M    the base; by default the one of the run, or the one that the adapter names\n"
    "  --type T     of the weights (default f32)\n"
    "  --db FILE    where RUN is recorded (default results/bench.db)\n"
    "\n"
    "examples:\n"
    "  bench merge 12 -o merged\n"
    "  bench merge results/checkpoints/12 --model smollm2-135m --type bf16 -o merged-bf16\n";

struct options {
    const char *adapter, *out, *model, *db;
    enum dtype type;
};

static int write_folder(struct infer *m, const struct options *o, struct checkpoint_saved *saved,
                        struct err *e) {
    char *tmp = outdir_begin(o->out, e);
    if (!tmp) return e->code;
    int rc = checkpoint_save_as(&m->net, m->model, m->state, m->file, o->type, tmp, saved, e);
    if (!rc) rc = outdir_commit(tmp, o->out, e);
    if (rc) outdir_abort(tmp);
    free(tmp);
    return rc;
}

static int merge_model(const struct options *o, struct err *e) {
    json_t *recorded = NULL;
    struct infer m = {0};
    struct checkpoint_saved saved;
    char size[32];
    char *adapter = infer_adapter(o->adapter, o->db, &recorded, e);
    char *model = adapter ? infer_model(o->model, recorded, adapter, e) : NULL;
    int rc = model ? infer_open(&m, model, adapter, 0, 0, e) : e->code;
    if (!rc) rc = write_folder(&m, o, &saved, e);
    if (!rc)
        printf("%s: %s with the %s adapter of %s in its weights, %s, %s\n", o->out, model, m.net.method->name,
               o->adapter, dtype_name(o->type), progress_bytes((double)saved.file_bytes, size));
    infer_close(&m);
    json_decref(recorded);
    free(model);
    free(adapter);
    return rc;
}

int cmd_merge(int argc, char **argv) {
    static const struct option longs[] = {{"model", required_argument, NULL, 'm'},
                                          {"type", required_argument, NULL, 't'},
                                          {"db", required_argument, NULL, 'd'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    struct options o = {.type = DT_F32};
    struct err e = {0};
    for (int c; (c = getopt_long(argc, argv, "m:o:h", longs, NULL)) != -1;) {
        switch (c) {
        case 'm':
            o.model = optarg;
            break;
        case 'o':
            o.out = optarg;
            break;
        case 'd':
            o.db = optarg;
            break;
        case 't':
            o.type = infer_type(optarg);
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        default:
            fputs("see `bench merge --help`\n", stderr);
            return 2;
        }
    }
    const char *wrong = argc - optind != 1   ? "it wants one run or one adapter's folder"
                        : !o.out             ? "-o is missing: where the model goes"
                        : o.type == DT_COUNT ? "--type is f32, f16 or bf16"
                                             : NULL;
    if (wrong) {
        fprintf(stderr, "bench merge: %s; see `bench merge --help`\n", wrong);
        return 2;
    }
    o.adapter = argv[optind];
    if (merge_model(&o, &e) == 0) return 0;
    fprintf(stderr, "bench merge: %s\n", e.msg);
    return err_exit_code(&e);
}
