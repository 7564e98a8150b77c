/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_score.c - `bench score`: how near texts come to references: BLEU, NIST, ROUGE-L, CIDEr.
 *
 * Texts come one a line, references in as many files as a text may have; or both as JSON lines. Every text is
 * held, so a corpus must fit into memory; a file is limited to 1 GiB. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/command.h"
#include "harness/table/table.h"
#include "harness/core/text_metrics.h"
#include "harness/base/util.h"

#define MAX_BYTES ((size_t)1 << 30)
#define MAX_REFS  64

struct corpus {
    struct text_case *v;
    int n, cap;
    struct strbuf file[MAX_REFS + 1]; /* what lines point into */
    int nfiles;
    json_t **rows; /* what JSON texts point into */
    int nrows, rows_cap;
};

/* ---- reading ------------------------------------------------------------------------------------------- */

/* The next line of a file, NUL-terminated in place; NULL at the end. */
static char *next_line(char **at) {
    char *line = *at;
    if (!line || !*line) return NULL;
    char *end = line + strcspn(line, "\n");
    *at = end + (*end == '\n');
    *end = 0;
    if (end > line && end[-1] == '\r') end[-1] = 0;
    return line;
}

static int read_text(struct corpus *c, const char *path, char **text, struct err *e) {
    struct strbuf *b = &c->file[c->nfiles++];
    int rc = input_read(path, MAX_BYTES, b, e), line = 1;
    if (rc) return err_set(e, ERR_USER, "%s", e->msg);
    if (!b->s) strbuf_adds(b, "");
    size_t good = utf8_valid_prefix(b->s, b->len);
    if (strlen(b->s) < good) good = strlen(b->s); /* a NUL ends a C string: no text has one */
    for (size_t i = 0; i < good; i++) line += b->s[i] == '\n';
    if (good < b->len) return err_set(e, ERR_USER, "%s:%d: not UTF-8 text: convert the file", path, line);
    *text = b->s + utf8_mark(b->s, b->len);
    return 0;
}

static struct text_case *add_row(struct corpus *c, const char *text) {
    GROW(c->v, c->n, c->cap);
    c->v[c->n] = (struct text_case){.text = text};
    return &c->v[c->n++];
}

static void add_ref(struct text_case *t, const char *ref) {
    const char **refs = xrealloc((void *)(uintptr_t)t->refs, (size_t)(t->nrefs + 1) * sizeof *refs);
    refs[t->nrefs++] = ref;
    t->refs = refs;
}

static int read_lines(struct corpus *c, const char *path, const struct option_list *refs, struct err *e) {
    char *at, *line;
    int rc = read_text(c, path, &at, e);
    while (!rc && (line = next_line(&at))) add_row(c, line);
    for (int k = 0; !rc && k < refs->n; k++) {
        int i = 0;
        rc = read_text(c, refs->v[k], &at, e);
        for (; !rc && (line = next_line(&at)); i++)
            if (i < c->n && (*line || k == 0)) add_ref(&c->v[i], line);
        if (!rc && i != c->n)
            rc = err_set(e, ERR_USER, "%s has %d lines, %s %d: each text needs the line of its reference",
                         refs->v[k], i, path, c->n);
    }
    return rc;
}

static int read_row(struct corpus *c, const char *line, struct err *e) {
    json_error_t je;
    json_t *row = json_loads(line, JSON_REJECT_DUPLICATES, &je);
    if (!row) return err_set(e, ERR_USER, "%s", je.text);
    GROW(c->rows, c->nrows, c->rows_cap);
    c->rows[c->nrows++] = row;
    const json_t *text = json_object_get(row, "text"), *refs = json_object_get(row, "refs");
    if (!json_is_string(text) || !json_array_size(refs))
        return err_set(e, ERR_USER, "needs \"text\", a string, and \"refs\", a list of at least one");
    struct text_case *t = add_row(c, json_string_value(text));
    for (size_t i = 0; i < json_array_size(refs); i++) {
        const char *ref = json_string_value(json_array_get(refs, i));
        if (!ref) return err_set(e, ERR_USER, "\"refs\" must be strings");
        add_ref(t, ref);
    }
    return 0;
}

static int read_rows(struct corpus *c, const char *path, struct err *e) {
    char *at, *line;
    int rc = read_text(c, path, &at, e);
    for (int n = 1; !rc && (line = next_line(&at)); n++)
        if (line[strspn(line, " \t")] && (rc = read_row(c, line, e))) err_wrap(e, "%s:%d", path, n);
    return rc;
}

static void corpus_free(struct corpus *c) {
    for (int i = 0; i < c->n; i++) free((void *)(uintptr_t)c->v[i].refs);
    for (int i = 0; i < c->nfiles; i++) strbuf_release(&c->file[i]);
    for (int i = 0; i < c->nrows; i++) json_decref(c->rows[i]);
    free(c->v);
    free(c->rows);
}

/* ---- scores -------------------------------------------------------------------------------------------- */

static void print_scores(const struct corpus *c, bool lower, enum table_format f) {
    const struct {
        const char *name;
        double value;
    } scores[] = {{"bleu", text_bleu(c->v, c->n, false)},
                  {lower ? "bleu_lower" : NULL, lower ? text_bleu(c->v, c->n, true) : 0},
                  {"nist", text_nist(c->v, c->n)},
                  {"rouge_l", text_rouge_l(c->v, c->n)},
                  {"rouge_l_caption", text_rouge_l_caption(c->v, c->n, TEXT_CAPTION)},
                  {"cider", text_cider(c->v, c->n, TEXT_CAPTION)}};
    struct strbuf b = {0};
    struct table *t = table_new();
    json_t *j = json_pack("{si}", "texts", c->n);
    table_column(t, "score", "score", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "value", "value", TABLE_PLAIN, TABLE_BOTH);
    for (size_t i = 0; i < ARRAY_LEN(scores); i++) {
        if (!scores[i].name) continue;
        table_text(t, scores[i].name);
        table_num(t, scores[i].value);
        table_shown(t, "%.4f", scores[i].value);
        json_object_set_new(j, scores[i].name, json_real(scores[i].value));
    }
    if (f == TABLE_AS_JSON)
        table_json_write(j, &b);
    else
        table_write(t, f, table_terminal(), &b);
    command_print(&b);
    table_free(t);
    json_decref(j);
}

static bool is_jsonl(const char *path) {
    size_t n = strlen(path);
    return n > 6 && !strcmp(path + n - 6, ".jsonl");
}

struct options {
    const char *texts;
    struct option_list refs;
    bool lower;
    enum table_format format;
};

static int check_score(const void *options, struct err *e) {
    const struct options *o = options;
    if (is_jsonl(o->texts) && o->refs.n)
        return err_set(e, ERR_USER, "%s has its references in it: --refs goes with a file of texts",
                       o->texts);
    if (!is_jsonl(o->texts) && !o->refs.n)
        return err_set(e, ERR_USER, "--refs is missing: the references of %s, one a line", o->texts);
    if (o->refs.n > MAX_REFS) return err_set(e, ERR_USER, "--refs: %d files at most", MAX_REFS);
    return 0;
}

static int run_score(void *options, struct err *e) {
    const struct options *o = options;
    struct corpus c = {0};
    int rc = o->refs.n ? read_lines(&c, o->texts, &o->refs, e) : read_rows(&c, o->texts, e);
    if (!rc && !c.n) rc = err_set(e, ERR_USER, "%s: has no texts", o->texts);
    if (!rc) print_scores(&c, o->lower, o->format);
    corpus_free(&c);
    return rc;
}

static const struct option_row score_options[] = {
    {NULL, 0, AT_TEXT(texts), "TEXTS",
     "one text a line; or .jsonl: objects with \"text\" and \"refs\", a list "
     "of at least one",
     .names = NAMES_FILES, .required = true},
    {"refs", 0, AT_LIST(refs), "FILE",
     "one reference a line, of the text in the same line; may be given again, then a text may have several, "
     "and an empty line in a further file is none",
     .names = NAMES_FILES},
    {"lower", 0, AT_FLAG(lower), NULL, "BLEU in lower case too"},
    ROWS_FORMAT(format),
    {0}};

const struct command cmd_score = {
    .name = "score",
    .summary = "generated texts against references: BLEU, NIST, ROUGE-L, CIDEr",
    .usage = "TEXTS.txt --refs FILE... [--lower]\n"
             " [--json | --csv | --markdown]\n"
             "TEXTS.jsonl [--lower] [--json | --csv | --markdown]",
    .about = "How near generated texts come to references: BLEU, NIST, ROUGE-L and CIDEr of the whole file.",
    .rows = score_options,
    .size = sizeof(struct options),
    .notes =
        "BLEU is sacreBLEU's (13a, exponential smoothing), NIST mteval's with 5-grams, ROUGE-L that of the "
        "package rouge-score without stemming, rouge_l_caption that of the caption scorers (and of "
        "E2E's), CIDEr their CIDEr-D times 10; both on lower case words without punctuation: their own "
        "cutter knows more contractions, which moves them a little.",
    .examples = "bench score generated.txt --refs a.txt --refs b.txt\n"
                "bench score generated.jsonl --json\n",
    .check = check_score,
    .run = run_score,
};
