/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_logits.c - `bench logits`: the logits of one text, for checking against other programs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/command.h"
#include "harness/infer/infer.h"
#include "harness/base/util.h"
#include "harness/nn/kernels/xent.h"

struct options {
    const char *model, *adapter, *in, *out, *db;
    bool ids, bare;
    long threads;
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
    int rc = input_read(strcmp(o->in, "-") ? o->in : "/dev/stdin", (size_t)64 << 20, &text, e);
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
    int rc = infer_finite(m, rows, bytes / sizeof *rows, "the logits", e);
    if (!rc) rc = npy_write(out, rows, 2, (int64_t[]){ids->n, m->facts.vocab}, e);
    mem_free(&m->mem, MEM_MISC, rows, bytes);
    return rc;
}

static int run_logits(void *options, struct err *e) {
    const struct options *o = options;
    struct infer m;
    struct token_ids ids = {0};
    char *adapter = o->adapter ? infer_adapter(o->adapter, o->db, NULL, e) : NULL;
    if (o->adapter && !adapter) return e->code;
    int rc = infer_open(&m, o->model, adapter, (int)o->threads, 0, e);
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

static const struct option_row logits_options[] = {
    {"model", 'm', AT_TEXT(model), "MODEL", "a language model", .names = NAMES_MODELS, .required = true},
    {"input", 'i', AT_TEXT(in), "FILE", "the text; - is standard input", .names = NAMES_FILES,
     .required = true},
    {"output", 'o', AT_TEXT(out), "X.npy", "the array: float32 [tokens, vocabulary]", .names = NAMES_FILES,
     .required = true},
    {"ids", 0, AT_FLAG(ids), NULL,
     "FILE holds token ids separated by white space instead of text: they are taken as they are"},
    {"no-special", 0, AT_FLAG(bare), NULL, "no start or end token is added"},
    ROW_ADAPTER(adapter),
    ROW_THREADS(threads),
    ROW_DB(db),
    {0}};

const struct command cmd_logits = {
    .name = "logits",
    .summary = "a model's logits for given tokens, as .npy",
    .about = "Run a text through the model and write the logits of every position as a NumPy array, for "
             "checking against other programs. A text gets the start and end tokens that the model's "
             "tokenizer adds.",
    .rows = logits_options,
    .size = sizeof(struct options),
    .examples =
        "printf 'The capital of France is' | bench logits --model smollm2-135m -i - -o france.npy\n"
        "bench logits --model smollm2-135m --adapter results/checkpoints/12 --ids -i ids.txt -o tuned.npy\n",
    .where = COMMAND_COMPUTES,
    .run = run_logits,
};
