/* cmd_score.c - `bench score`: how near texts come to references: BLEU, NIST, ROUGE-L, CIDEr.
 *
 * Texts come one a line, references in as many files as a text may have; or both as JSON lines. Every text is
 * held, so a corpus must fit into memory; a file is limited to 1 GiB. */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cmd.h"
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

static int usage(int code) {
    fputs(
        "usage: bench score TEXTS.txt --refs FILE [--refs FILE]... [--lower] [--json | --csv | --markdown]\n"
        "       bench score TEXTS.jsonl\n"
        "How near generated texts come to references: BLEU, NIST, ROUGE-L and CIDEr of the whole file.\n\n"
        "  --refs FILE  one reference a line, of the text in the same line; may be repeated, then a text may "
        "have several, and an\n"
        "               empty line in a further file is none\n"
        "  --lower      BLEU in lower case too\n"
        "  --json       an object\n"
        "  --csv        one row a score\n"
        "  --markdown   the same as a table\n\n"
        "A .jsonl file has objects with \"text\" and \"refs\", a list of at least one.\n"
        "BLEU is sacreBLEU's (13a, exponential smoothing), NIST mteval's with 5-grams, ROUGE-L that of the "
        "package rouge-score without\n"
        "stemming, rouge_l_caption that of the caption scorers (and of E2E's), CIDEr their CIDEr-D times 10; "
        "both on lower case words\n"
        "without punctuation: their own cutter knows more contractions, which moves them a little.\n\n"
        "examples:\n"
        "  bench score generated.txt --refs a.txt --refs b.txt\n"
        "  bench score generated.jsonl --json\n",
        code ? stderr : stdout);
    return code;
}

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
    int rc = file_read(path, MAX_BYTES, b, e), line = 1;
    if (rc) return err_set(e, ERR_USER, "%s", e->msg);
    if (!b->s) strbuf_adds(b, "");
    size_t good = utf8_valid_prefix(b->s, b->len);
    if (strlen(b->s) < good) good = strlen(b->s); /* a NUL ends a C string: no text has one */
    for (size_t i = 0; i < good; i++) line += b->s[i] == '\n';
    if (good < b->len) return err_set(e, ERR_USER, "%s:%d: not UTF-8 text: convert the file", path, line);
    *text = b->s;
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

static int read_lines(struct corpus *c, const char *path, char *const *refs, int nrefs, struct err *e) {
    char *at, *line;
    int rc = read_text(c, path, &at, e);
    while (!rc && (line = next_line(&at))) add_row(c, line);
    for (int k = 0; !rc && k < nrefs; k++) {
        int i = 0;
        rc = read_text(c, refs[k], &at, e);
        for (; !rc && (line = next_line(&at)); i++)
            if (i < c->n && (*line || k == 0)) add_ref(&c->v[i], line);
        if (!rc && i != c->n)
            rc = err_set(e, ERR_USER, "%s has %d lines, %s %d: each text needs the line of its reference",
                         refs[k], i, path, c->n);
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
    } scores[] = {{"bleu", text_bleu(c->v, c->n, lower)},
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
        table_text(t, scores[i].name);
        table_num(t, scores[i].value);
        table_shown(t, "%.4f", scores[i].value);
        json_object_set_new(j, scores[i].name, json_real(scores[i].value));
    }
    if (f == TABLE_AS_JSON)
        table_json_write(j, &b);
    else
        table_write(t, f, table_terminal(), &b);
    fwrite(b.s, 1, b.len, stdout);
    strbuf_release(&b);
    table_free(t);
    json_decref(j);
}

static bool is_jsonl(const char *path) {
    size_t n = strlen(path);
    return n > 6 && !strcmp(path + n - 6, ".jsonl");
}

int cmd_score(int argc, char **argv) {
    static const struct option longs[] = {{"refs", required_argument, NULL, 'r'},
                                          {"lower", no_argument, NULL, 'l'},
                                          {"json", no_argument, NULL, 'J'},
                                          {"csv", no_argument, NULL, 'C'},
                                          {"markdown", no_argument, NULL, 'M'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    enum table_format format = TABLE_AS_TEXT;
    char *refs[MAX_REFS];
    int nrefs = 0;
    bool lower = false;
    for (int ch; (ch = getopt_long(argc, argv, "h", longs, NULL)) != -1;) {
        if (ch == 'h' || ch == '?' || (ch == 'r' && nrefs == MAX_REFS)) return usage(ch == 'h' ? 0 : 2);
        if (ch == 'r') refs[nrefs++] = optarg;
        if (ch == 'l') lower = true;
        if (ch == 'J' || ch == 'C' || ch == 'M')
            format = ch == 'J' ? TABLE_AS_JSON : ch == 'C' ? TABLE_AS_CSV : TABLE_AS_MARKDOWN;
    }
    if (optind != argc - 1 || is_jsonl(argv[optind]) == (nrefs > 0)) return usage(2);
    struct corpus c = {0};
    struct err e = {0};
    int rc = nrefs ? read_lines(&c, argv[optind], refs, nrefs, &e) : read_rows(&c, argv[optind], &e);
    if (!rc && !c.n) rc = err_set(&e, ERR_USER, "%s: has no texts", argv[optind]);
    if (!rc) print_scores(&c, lower, format);
    corpus_free(&c);
    if (!rc) return 0;
    fprintf(stderr, "bench score: %s\n", e.msg);
    return err_exit_code(&e);
}
