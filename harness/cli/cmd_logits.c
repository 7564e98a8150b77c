/* cmd_logits.c - `bench logits`: the logits of one text, for checking against other programs. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cmd.h"
#include "harness/infer/infer.h"
#include "harness/base/util.h"

static const char help[] =
    "usage: bench logits --model M [--adapter RUN|DIR] -i FILE -o X.npy [--ids|--no-special] [--db FILE]\n"
    "                    [--threads N]\n"
    "\n"
    "Run the text in FILE (- for standard input) through the model and write the logits of every position\n"
    "as a float32 NumPy array [tokens, vocabulary]. A text gets the start and end tokens that the model's\n"
    "tokenizer adds.\n"
    "\n"
    "  --ids         FILE holds token ids separated by white space instead of text: they are taken as they "
    "are\n"
    "  --no-special  no start or end token is added\n"
    "  --adapter A   a folder with adapter_model.safetensors, or a run of the database\n"
    "\n"
    "examples:\n"
    "  printf 'The capital of France is' | bench logits --model smollm2-135m -i - -o france.npy\n"
    "  bench logits --model smollm2-135m --adapter results/checkpoints/12 --ids -i ids.txt -o tuned.npy\n";

struct options {
    const char *model, *adapter, *in, *out, *db;
    bool ids, bare;
    int threads;
};

static int parse_ids(const char *text, const char *file, struct token_ids *ids, struct err *e) {
    for (const char *p = text; *(p += strspn(p, " \t\r\n"));) {
        char *end;
        errno = 0;
        long id = strtol(p, &end, 10);
        if (end == p || errno || id < 0 || id > INT32_MAX)
            return err_set(e, ERR_USER, "%s: '%.*s' is no token id", file,
                           (int)MIN_OF(strcspn(p, " \t\r\n"), (size_t)20), p);
        GROW(ids->v, ids->n, ids->cap);
        ids->v[ids->n++] = (int32_t)id;
        p = end;
    }
    return 0;
}

static int read_ids(struct infer *m, const struct options *o, struct token_ids *ids, struct err *e) {
    struct strbuf text = {0};
    int rc = file_read(strcmp(o->in, "-") ? o->in : "/dev/stdin", (size_t)64 << 20, &text, e);
    if (!rc && o->ids)
        rc = parse_ids(text.s ? text.s : "", o->in, ids, e);
    else if (!rc && o->bare)
        tokenizer_encode(m->tok, text.s ? text.s : "", text.len, true, ids);
    else if (!rc && text.len && tokenizer_encode_whole(m->tok, text.s, text.len, true, ids))
        fputs(
            "bench logits: warning: the text begins with the start token that the tokenizer adds: there are "
            "two now (--no-special adds none)\n",
            stderr);
    strbuf_release(&text);
    if (!rc && !ids->n) rc = err_set(e, ERR_USER, "%s: no tokens", o->in);
    if (!rc && ids->n > m->facts.max_positions)
        rc = err_set(e, ERR_USER, "%s: %d tokens, the model has %d positions", o->in, ids->n,
                     m->facts.max_positions);
    for (int i = 0; i < ids->n && !rc; i++)
        if (ids->v[i] >= m->facts.vocab)
            rc = err_set(e, ERR_USER, "%s: id %d is outside the vocabulary of %d", o->in, ids->v[i],
                         m->facts.vocab);
    return rc;
}

static int write_logits(struct infer *m, const struct token_ids *ids, const char *out, struct err *e) {
    const float *hidden = infer_hidden(m, ids->v, ids->n);
    size_t bytes = (size_t)ids->n * (size_t)m->facts.vocab * sizeof(float);
    float *rows = mem_alloc(&m->mem, MEM_MISC, bytes);
    const struct param *bias = m->facts.head_bias;
    logits_rows(m->team, rows, &m->facts.head->w, bias ? bias->value : NULL, hidden, m->facts.hidden, ids->n);
    int rc = npy_write(out, rows, 2, (int64_t[]){ids->n, m->facts.vocab}, e);
    mem_free(&m->mem, MEM_MISC, rows, bytes);
    return rc;
}

static int logits_of_file(const struct options *o, struct err *e) {
    struct infer m;
    struct token_ids ids = {0};
    char *adapter = o->adapter ? infer_adapter(o->adapter, o->db, NULL, e) : NULL;
    if (o->adapter && !adapter) return e->code;
    int rc = infer_open(&m, o->model, adapter, o->threads, 0, e);
    if (!rc && !m.facts.head) {
        rc = err_set(e, ERR_USER, "%s is an encoder and has no logits: `bench embed` gives its vectors",
                     o->model);
        infer_close(&m);
    }
    if (!rc) {
        rc = infer_reads_text(&m, e);
        if (!rc) rc = read_ids(&m, o, &ids, e);
        if (!rc) rc = write_logits(&m, &ids, o->out, e);
        infer_close(&m);
    }
    free(ids.v);
    free(adapter);
    return rc;
}

int cmd_logits(int argc, char **argv) {
    static const struct option longs[] = {
        {"model", required_argument, NULL, 'm'}, {"adapter", required_argument, NULL, 'a'},
        {"db", required_argument, NULL, 'd'},    {"ids", no_argument, NULL, 'I'},
        {"no-special", no_argument, NULL, 'n'},  {"threads", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0}};
    struct options o = {0};
    struct err e = {0};
    for (int c; (c = getopt_long(argc, argv, "m:i:o:h", longs, NULL)) != -1;) {
        switch (c) {
        case 'm':
            o.model = optarg;
            break;
        case 'a':
            o.adapter = optarg;
            break;
        case 'd':
            o.db = optarg;
            break;
        case 'i':
            o.in = optarg;
            break;
        case 'o':
            o.out = optarg;
            break;
        case 'I':
            o.ids = true;
            break;
        case 'n':
            o.bare = true;
            break;
        case 't':
            o.threads = atoi(optarg);
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        default:
            fputs("see `bench logits --help`\n", stderr);
            return 2;
        }
    }
    if (!o.model || !o.in || !o.out || optind < argc || o.threads < 0 || o.threads > 64) {
        fputs("bench logits: it wants --model, -i and -o (and 1 to 64 threads); see `bench logits --help`\n",
              stderr);
        return 2;
    }
    if (logits_of_file(&o, &e) == 0) return 0;
    fprintf(stderr, "bench logits: %s\n", e.msg);
    return err_exit_code(&e);
}
