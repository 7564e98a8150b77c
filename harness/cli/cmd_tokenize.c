/* cmd_tokenize.c - `bench tokenize`: text on stdin to token ids on stdout. */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/hub/catalog.h"
#include "harness/cli/cmd.h"
#include "harness/nn/format/modelfile.h"
#include "harness/base/util.h"

static const char help[] =
    "usage: bench tokenize --model M [--json] [--lines] [--plain] [--no-special] < text\n"
    "\n"
    "The ids that model M reads for the text on standard input, separated by spaces, with the start and end\n"
    "tokens that its tokenizer adds.\n"
    "\n"
    "  --model M     a name of `bench ls models`, a Hugging Face folder or a .gguf file\n"
    "  --json        {\"ids\": [...], \"tokens\": [...]}, one object per text\n"
    "  --lines       every line is a text of its own (without its newline)\n"
    "  --plain       special tokens written in the text are plain text\n"
    "  --no-special  no start or end token is added\n"
    "\n"
    "examples:\n"
    "  printf 'x  12' | bench tokenize --model smollm2-135m\n"
    "  bench tokenize --model smoke --json --lines < questions.txt\n";

struct options {
    const char *model;
    bool json, lines, plain, bare;
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
    if (o->json)
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

static int tokenize_input(const struct options *o, struct err *e) {
    struct modelfile *f = NULL;
    struct tokenizer *t = NULL;
    struct strbuf text = {0};
    char *path = catalog_model_path(o->model, e);
    int rc = path ? modelfile_open(&f, path, e) : e->code;
    if (!rc) rc = modelfile_tokenizer(f, &t, e);
    if (!rc) rc = file_read("/dev/stdin", (size_t)1 << 30, &text, e);
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

int cmd_tokenize(int argc, char **argv) {
    static const struct option longs[] = {{"model", required_argument, NULL, 'm'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"lines", no_argument, NULL, 'l'},
                                          {"plain", no_argument, NULL, 'p'},
                                          {"no-special", no_argument, NULL, 'n'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    struct options o = {0};
    struct err e = {0};
    for (int c; (c = getopt_long(argc, argv, "m:h", longs, NULL)) != -1;) {
        switch (c) {
        case 'm':
            o.model = optarg;
            break;
        case 'j':
            o.json = true;
            break;
        case 'l':
            o.lines = true;
            break;
        case 'p':
            o.plain = true;
            break;
        case 'n':
            o.bare = true;
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        default:
            fputs("see `bench tokenize --help`\n", stderr);
            return 2;
        }
    }
    if (!o.model || optind < argc) {
        fprintf(stderr, "bench tokenize: %s; see `bench tokenize --help`\n",
                o.model ? "it takes no arguments, the text comes on standard input" : "--model is missing");
        return 2;
    }
    if (tokenize_input(&o, &e) == 0) return 0;
    fprintf(stderr, "bench tokenize: %s\n", e.msg);
    return err_exit_code(&e);
}
