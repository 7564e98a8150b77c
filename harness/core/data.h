/* SPDX-License-Identifier: Apache-2.0 */
/* data.h - rows of text: tables of records, templates over their columns, and data sets of three splits.
 *
 * The harness and the tasks know no particular data set; experiments/data implements this header. Everything
 * that leaves it is valid UTF-8 without NUL bytes. Files are mapped and indexed when they are opened
 * (encoding and record boundaries are checked then); the fields of a row are parsed when they are first asked
 * for, so that a worker that uses 500 rows pays for 500. data_check parses everything: the parent calls it
 * once before the first run, so that a mistake in row 7,000 is reported before anything trains.
 *
 * Ownership: rows belong to their dataset (or to who opened them); fields live as long as their rows. Lazy
 * parsing fills a cache behind the const: a struct rows belongs to one thread at a time. A file that is cut
 * off while it is mapped ends the process, with its name (map_explain_faults); replacing it by rename is
 * safe. */
#ifndef BENCH_DATA_H
#define BENCH_DATA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "harness/base/err.h"
#include "harness/core/remark.h"
#include "harness/base/util.h"

/* ---- rows ---------------------------------------------------------------------------------------------- */

enum rows_kind {
    ROWS_AUTO, /* by extension: .jsonl .ndjson .json, .csv, .tsv .tab */
    /* one object per line; strings, numbers and booleans as written, null = empty; nested values are refused
     * when referenced */
    ROWS_JSONL,
    ROWS_CSV, /* RFC 4180 */
    ROWS_TSV, /* the same with tabs, and no line breaks in quotes */
};

struct rows_format {
    enum rows_kind kind;
    bool no_header;      /* CSV, TSV: the first row is data; columns have numbers only */
    bool literal_quotes; /* CSV, TSV: '"' is a character like any other */
};

struct rows; /* an immutable table: records i = 0 .. count-1, columns c = 0 .. columns-1 */

/* Map and index a file. fmt may be NULL (all defaults). Errors (ERR_USER), with file and line where there is
 * one: not a readable regular file, no rows, invalid UTF-8, NUL bytes, an unbalanced quote (line where it
 * opened), in TSV also one around a line break, a row over 100 MB, a first row that is not a JSON object. */
int rows_open(struct rows **ret, const char *path, const struct rows_format *fmt, struct err *e);
/* The same over bytes in memory, borrowed until rows_free. `source` names them in messages; fmt->kind must be
 * given. */
int rows_parse(struct rows **ret, const char *source, const void *bytes, size_t n,
               const struct rows_format *fmt, struct err *e);
void rows_free(struct rows *r); /* accepts NULL */

long rows_count(const struct rows *r); /* >= 1 */
/* Index of a column by name, else by 1-based number; -1 unknown. JSONL: every key that some row has is a
 * column, in order of first appearance; a key that the first row lacks is searched for in all rows. */
int rows_column(const struct rows *r, const char *name_or_number);
int rows_columns(const struct rows *r); /* JSONL: those seen so far */
const char *rows_column_name(const struct rows *r,
                             int column); /* without a header: its number, "1", "2", ... */
/* The text of a field, not NUL-terminated, and its length; NULL with `e` filled (ERR_USER, "file:line: ...")
 * when the row is not valid JSON, lacks the column, or holds a list or an object there. Lives as long as r.
 */
const char *rows_field(const struct rows *r, long i, int column, size_t *len, struct err *e);

const char *rows_source(const struct rows *r,
                        long i); /* file of row i (of the table when i < 0), for messages */
long rows_line(const struct rows *r,
               long i); /* 1-based line where row i starts. Slow (counts lines): for messages */
/* err_set with "file:line: " of row i in front. Returns ERR_USER. */
int rows_error(const struct rows *r, long i, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- templates ----------------------------------------------------------------------------------------- */

/* "Question: {question}\nAnswer: ": literal text and references {column} or {5} (1-based; a column of that
 * name goes first); {{ and }} are braces. */
struct template;
/* Compile against the columns of `rows`, which must outlive it. An unknown column is an error (ERR_USER) that
 * lists the columns and suggests. */
int template_compile(struct template **ret, const char *text, const struct rows *rows, struct err *e);
/* The same of a template that is to differ from row to row: a text without a reference is an error too, for
 * "query" in the place of "{query}" gives every row the same text. */
int template_compile_column(struct template **ret, const char *text, const struct rows *rows, struct err *e);
void template_free(struct template *t); /* accepts NULL */

struct template_piece {
    const char *s; /* not NUL-terminated; lives as long as the template and its rows */
    size_t len;    /* may be 0 for a field */
    /* false: the template's own text, which may hold special tokens; true: data, plain text unless
     * data.special_tokens */
    bool is_field;
};
int template_pieces(const struct template *t);        /* how many pieces any row has */
int template_column(const struct template *t, int k); /* the column of piece k; -1: the template's own text */
/* Piece k (0 .. pieces-1) of row i. Errors as rows_field. */
int template_piece(const struct template *t, long i, int k, struct template_piece *p, struct err *e);
/* Append the whole text of row i. Errors as rows_field. */
int template_render(const struct template *t, long i, struct strbuf *out, struct err *e);

/* Row i as the name of a file ("{image}"), whose bytes are what the row yields: the way of data that is no
 * text. A relative name begins at the folder of the row's own file. Mapped; the caller closes the map.
 * Errors (ERR_USER) name the row: the template names no file, or none that can be read. */
int template_file(const struct template *t, long i, struct map *ret, struct err *e);

/* ---- data sets ----------------------------------------------------------------------------------------- */

/* Of a retrieval split: which documents (rows of the corpus) are relevant to query i (row i of the split):
 * document[k] by grade[k] > 0, k from from[i] to from[i + 1]. None: the query is judged, and nothing answers
 * it. A document of -1 is relevant and not in the corpus. */
struct relevance {
    long *from, *document;
    float *grade;
    long *self;   /* [queries] the document that has the query's id, -1: none; it is no answer to itself */
    long missing; /* judgements of documents that the corpus does not have */
};

struct dataset {
    /* of the built-in; of files: the base name of the training (else first) file without its extension; of a
     * retrieval collection: its folder's */
    char *name;
    struct rows *train, *eval, *test; /* any may be NULL */
    char *prompt, *completion;        /* template texts: the config's, else the built-in's, else NULL */
    bool special_tokens;              /* data.special_tokens */
    json_t *templates;                /* data_template reads it */
    /* A retrieval collection (data.corpus; NULL otherwise): eval and test are then queries, and train has the
     * columns anchor and positive, one row for each query and document that is relevant to it. */
    struct rows *corpus;
    struct relevance relevance[3]; /* train (unused), eval, test */
};

/* data_cfg: {"name": built-in}, or {"train","eval","test": absolute paths, "format":
 * "jsonl"|"csv"|"tsv"|null, "header": bool, "quotes": "standard"|"literal"}, or {"corpus","queries": paths,
 * "qrels": {"train","eval","test": paths}}; each with templates ("prompt", "completion", "anchor",
 * "positive", "label", ...; see data.c; "image" names a file by row: template_file), "special_tokens" and
 * "where" ("column=value": only rows that have that value there); any key may be null or absent. Opens every
 * split and compiles the templates against each. Errors: ERR_USER (unknown name, bad file, unknown column, no
 * row left by `where`), ERR_RESOURCE (a built-in whose files are not installed; says what to do). */
int data_open(struct dataset **ret, const json_t *data_cfg, struct err *e);
/* The text template of a key ("anchor", "label", ...): the configuration's, else the built-in's default where
 * the configuration knows the key, else NULL. Where it is a list of templates, the k-th; else k is 0.
 * Compiled against every split when the data set was opened, but for "document" (against the corpus). */
const char *data_template(const struct dataset *d, const char *key, int k);
/* Does this key of a configuration ("data.train") name a file? The n-th such key; NULL behind the last. */
bool data_is_path(const char *key);
const char *data_path_key(int n);
void data_free(struct dataset *d); /* accepts NULL */
/* Parse every row of every split, render its templates and look for the files that they name; the first
 * mistake is the error. Invalidates fields handed out before. */
int data_check(const struct dataset *d, struct err *e);
/* What may make its scores say something else than is meant, as remarks of the kind "data": a prompt
 * without a column, a column on both sides; and with `rows`, which reads every row: equal texts on both
 * sides, rows that are in two splits. Rows that cannot be read are passed over. Invalidates fields handed
 * out before. */
void data_remarks(const struct dataset *d, bool rows, remark_fn *say, void *arg);
/* SHA-256 over the contents of all splits (which file is which split counts; paths, format and templates do
 * not), and of the files that rows name. File digests are cached (digest.h). */
int data_digest(const json_t *data_cfg, char out[65], struct err *e);

/* The built-in data sets, for `bench ls data`: a new array of {"name", "summary", "available": bool,
 * "problem": string or null (what is missing and the remedy), "train", "eval", "test": row counts or null,
 * "prompt", "completion", "columns": [names]}. */
json_t *data_list(void);

#endif
