/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_tokenize.c - `bench tokenize`: text on stdin to token ids on stdout. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/hub/catalog.h"
#include "harness/cli/command.h"
#include "harness/nn/format/modelfile.h"
#include "harness/base/util.h"

struct options {
    const char *model;
    enum table_format format;
    bool lines, plain, bare;
};

static void print_json(struct tokenizer *t, const struct token_ids *ids) {
    json_t *list = json_array(), *tokens = json_array();
    for (int i = 0; i < ids->n; i++) {
        size_t len;
        char *s = tokenizer_decode(t, &ids->v[i], 1, false, &len);
        json_array_append_new(list, json_integer(ids->v[i]));
        /* a token may be part of a character: then U+FFFD stands for it */
        json_t *text = json_stringn(s, len);
        json_array_append_new(tokens, text ? text : json_string("\xEF\xBF\xBD"));
        free(s);
    }
    json_t *o = json_pack("{so,so}", "ids", list, "tokens", tokens);
    json_dumpf(o, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(o);
}

static void tokenize_line(struct tokenizer *t, const struct options *o, const char *text, size_t n) {
    struct token_ids ids = {0};
    if (o->bare)
        tokenizer_encode(t, text, n, !o->plain, &ids);
    else if (tokenizer_encode_whole(t, text, n, !o->plain, &ids))
        fputs("bench tokenize: warning: the text begins with the start token that the tokenizer adds: there "
              "are two now (--no-special adds none)\n",
              stderr);
    if (o->format == TABLE_AS_JSON)
        print_json(t, &ids);
    else {
        for (int i = 0; i < ids.n; i++) printf(i ? " %d" : "%d", ids.v[i]);
        putchar('\n');
    }
    free(ids.v);
}

static void each_line(struct tokenizer *t, const struct options *o, const char *s, size_t n) {
    while (n) {
        const char *nl = memchr(s, '\n', n);
        size_t len = nl ? (size_t)(nl - s) : n;
        tokenize_line(t, o, s, len);
        s += len + (nl != NULL);
        n -= len + (nl != NULL);
    }
}

static int run_tokenize(void *options, struct err *e) {
    const struct options *o = options;
    struct modelfile *f = NULL;
    struct tokenizer *t = NULL;
    struct strbuf text = {0};
    char *path = catalog_model_path(o->model, e);
    int rc = path ? modelfile_open(&f, path, e) : e->code;
    if (!rc) rc = modelfile_tokenizer(f, &t, e);
    if (!rc) rc = input_read("/dev/stdin", (size_t)1 << 30, &text, e);
    if (!rc && o->lines)
        each_line(t, o, text.s, text.len);
    else if (!rc)
        tokenize_line(t, o, text.s ? text.s : "", text.len);
    strbuf_release(&text);
    tokenizer_free(t);
    modelfile_close(f);
    free(path);
    return rc;
}

static const struct option_row tokenize_options[] = {
    {"model", 'm', AT_TEXT(model), "MODEL",
     "a name of `bench ls models`, a Hugging Face folder or a .gguf file", .names = NAMES_MODELS,
     .required = true},
    {"lines", 0, AT_FLAG(lines), NULL, "every line is a text of its own (without its newline)"},
    {"plain", 0, AT_FLAG(plain), NULL, "special tokens written in the text are plain text"},
    {"no-special", 0, AT_FLAG(bare), NULL, "no start or end token is added"},
    {"json", 0, AT_VALUE(format, TABLE_AS_JSON), NULL,
     "{\"ids\": [...], \"tokens\": [...]}, one object per text"},
    {0}};

const struct command cmd_tokenize = {
    .name = "tokenize",
    .summary = "text to token ids",
    .about = "The ids that the model reads for the text on standard input, separated by spaces, with the "
             "start and end tokens that its tokenizer adds.",
    .rows = tokenize_options,
    .size = sizeof(struct options),
    .examples = "printf 'x  12' | bench tokenize --model smollm2-135m\n"
                "bench tokenize --model smoke --json --lines < questions.txt\n",
    .run = run_tokenize,
};
