/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_embed.c - `bench embed`: the vectors of many texts as a NumPy array.
 *
 * A text is a line of the file, or of a table (JSONL, CSV, TSV) what a template makes of a row. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/command.h"
#include "harness/core/data.h"
#include "harness/infer/encode.h"
#include "harness/infer/infer.h"
#include "harness/base/util.h"

struct options {
    const char *model, *adapter, *in, *out, *db, *text, *prompt;
    const char *pooling, *normalize;
    bool special;
    long threads, max_length;
};

struct texts {
    struct embed_text **v;
    long n, cap, cut, empty;
};

static int add_text(struct embedder *E, const struct options *o, const char *s, size_t n, struct texts *all,
                    struct err *e) {
    struct embed_text *t = embedder_text_new(E, embedder_prompt(E, o->prompt), s, n, o->special, e);
    if (!t) return ERR_USER;
    GROW(all->v, all->n, all->cap);
    all->v[all->n++] = t;
    all->cut += t->cut;
    all->empty += n == 0;
    return 0;
}

static int read_lines(struct embedder *E, const struct options *o, struct texts *all, struct err *e) {
    struct strbuf b = {0};
    int rc = input_read(strcmp(o->in, "-") ? o->in : "/dev/stdin", (size_t)4 << 30, &b, e);
    const char *s = b.s, *end = b.s + b.len;
    s += utf8_mark(s, b.len);
    while (!rc && s < end) {
        const char *nl = memchr(s, '\n', (size_t)(end - s));
        size_t n = (size_t)((nl ? nl : end) - s), next = n + (nl != NULL);
        if (n && s[n - 1] == '\r') n--;
        if (utf8_valid_prefix(s, n) != n)
            rc = err_set(e, ERR_USER, "%s:%ld: not valid UTF-8: convert the file (iconv)", o->in, all->n + 1);
        else
            rc = add_text(E, o, s, n, all, e);
        s += next;
    }
    strbuf_release(&b);
    return rc;
}

static int read_rows(struct embedder *E, const struct options *o, struct texts *all, struct err *e) {
    struct rows *rows;
    struct template *t = NULL;
    struct strbuf b = {0};
    if (!strcmp(o->in, "-"))
        return err_set(e, ERR_USER, "--text wants a file: its extension says how to read it");
    int rc = rows_open(&rows, o->in, NULL, e);
    if (rc) return rc;
    rc = template_compile_column(&t, o->text, rows, e);
    if (rc) err_wrap(e, "--text");
    for (long i = 0; !rc && i < rows_count(rows); i++) {
        strbuf_reset(&b);
        rc = template_render(t, i, &b, e);
        if (!rc) rc = add_text(E, o, b.s ? b.s : "", b.len, all, e);
    }
    strbuf_release(&b);
    template_free(t);
    rows_free(rows);
    return rc;
}

/* A table without --text would be embedded with its syntax. */
static int check_input(const struct options *o, struct err *e) {
    static const char *const tables[] = {".jsonl", ".ndjson", ".json", ".csv", ".tsv"};
    const char *dot = strrchr(o->in, '.');
    for (size_t i = 0; dot && !o->text && i < ARRAY_LEN(tables); i++)
        if (!strcmp(dot, tables[i]))
            return err_set(e, ERR_USER, "%s: say which column is the text: --text '{text}'", o->in);
    return 0;
}

static bool show_progress(void *arg, long done) {
    fprintf(stderr, "\r%ld of %ld texts\033[K", done, ((const struct texts *)arg)->n);
    return true;
}

static int write_vectors(struct infer *m, struct embedder *E, const struct options *o, struct texts *all,
                         struct err *e) {
    struct task_net tn = {.net = &m->net, .model = m->model, .model_state = m->state, .facts = m->facts};
    size_t bytes = (size_t)all->n * (size_t)embedder_dim(E) * sizeof(float);
    float *out = mem_alloc(&m->mem, MEM_MISC, bytes);
    bool talk = isatty(STDERR_FILENO);
    double start = now_seconds();
    encode_texts(E, &tn, (const struct embed_text *const *)all->v, all->n, out, talk ? show_progress : NULL,
                 all);
    if (talk) fputs("\r\033[K", stderr);
    int rc = infer_finite(m, out, bytes / sizeof *out, "the vectors", e);
    if (!rc) rc = npy_write(o->out, out, 2, (int64_t[]){all->n, embedder_dim(E)}, e);
    mem_free(&m->mem, MEM_MISC, out, bytes);
    if (rc) return rc;
    printf("%s: %ld texts x %d numbers (%s of the tokens%s) in %.3g s", o->out, all->n, embedder_dim(E),
           embedder_pooling(E), embedder_normalizes(E) ? ", length 1" : "", now_seconds() - start);
    if (all->cut) printf("; %ld cut at %d tokens", all->cut, embedder_max_length(E));
    if (all->empty) printf("; %ld empty", all->empty);
    putchar('\n');
    return 0;
}

static int embed_texts(struct infer *m, const struct options *o, struct err *e) {
    struct embedder *E;
    struct texts all = {0};
    struct embed_options how = {.pooling = o->pooling,
                                .normalize = o->normalize ? !strcmp(o->normalize, "yes") : -1,
                                .max_length = (int)o->max_length};
    int rc = infer_reads_text(m, e);
    if (!rc) rc = embedder_open(&E, modelfile_path(m->file), m->tok, &m->facts, &how, &m->mem, e);
    if (rc) return rc;
    if (o->prompt && !embedder_has_prompt(E, o->prompt))
        rc = err_set(e, ERR_USER, "the model has no prompt '%s'", o->prompt);
    if (!rc) rc = o->text ? read_rows(E, o, &all, e) : read_lines(E, o, &all, e);
    if (!rc && !all.n) rc = err_set(e, ERR_USER, "%s: no texts", o->in);
    if (!rc) rc = write_vectors(m, E, o, &all, e);
    for (long i = 0; i < all.n; i++) embedder_text_free(E, all.v[i]);
    free(all.v);
    embedder_close(E);
    return rc;
}

static int run_embed(void *options, struct err *e) {
    const struct options *o = options;
    struct infer m;
    char *adapter = NULL;
    int rc = check_input(o, e);
    if (rc) return rc;
    if (o->adapter && !(adapter = infer_adapter(o->adapter, o->db, NULL, e))) return e->code;
    rc = infer_open(&m, o->model, adapter, (int)o->threads, 0, e);
    if (!rc) {
        rc = embed_texts(&m, o, e);
        infer_close(&m);
    }
    free(adapter);
    return rc;
}

static const struct option_row embed_options[] = {
    {"model", 'm', AT_TEXT(model), "MODEL",
     "an encoder, a sentence-transformers folder (whose pooling, normalisation, length limit and prompts "
     "hold) or a language model",
     .names = NAMES_MODELS, .required = true},
    {"input", 'i', AT_TEXT(in), "FILE",
     "one text a line; with --text the rows of a .jsonl, .csv or .tsv file; - is standard input",
     .names = NAMES_FILES, .required = true},
    {"output", 'o', AT_TEXT(out), "X.npy", "the array: float32 [texts, numbers]", .names = NAMES_FILES,
     .required = true},
    ROW_ADAPTER(adapter),
    {"text", 0, AT_TEXT(text), "TEMPLATE", "what to make of a row: \"{title} {text}\""},
    {"prompt", 0, AT_TEXT(prompt), "NAME",
     "put the folder's prompt of that name in front: query, document, ...",
     .otherwise = "its default prompt, if it has one"},
    {"pooling", 0, AT_CHOICE(pooling), NULL, "which tokens make the vector",
     .otherwise = "the folder's; else mean, of a language model last", .choices = "mean|cls|last|max"},
    {"normalize", 0, AT_CHOICE(normalize), NULL, "vectors of length 1", .otherwise = "the folder's; else no",
     .choices = "yes|no"},
    {"max-length", 0, AT_INT(max_length), "N", "tokens at which a text is cut", 1, 1e6,
     .otherwise = "the folder's limit"},
    {"special-tokens", 0, AT_FLAG(special), NULL,
     "special tokens written in a text are that, not plain text"},
    ROW_THREADS(threads),
    ROW_DB(db),
    {0}};

const struct command cmd_embed = {
    .name = "embed",
    .summary = "the vectors of texts, as .npy",
    .about = "Write the vectors of many texts as a NumPy array.",
    .rows = embed_options,
    .size = sizeof(struct options),
    .examples = "bench embed --model minilm-l6 -i sentences.txt -o sentences.npy\n"
                "bench embed --model minilm-l6 --adapter 12 -i corpus.jsonl --text '{title} {text}' --prompt "
                "document -o corpus.npy\n",
    .where = COMMAND_COMPUTES,
    .run = run_embed,
};
