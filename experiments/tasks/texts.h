/* SPDX-License-Identifier: Apache-2.0 */
/* texts.h - the texts of a table's rows as tokens, made on first use and kept for the run.
 *
 * A table of texts is a few columns of templates over the rows of a split: anchor, positive, negatives; one
 * text; a document. Owned by whoever opened it; tokens are counted as DATA by the embedder. */
#ifndef BENCH_TASKS_TEXTS_H
#define BENCH_TASKS_TEXTS_H

#include "harness/core/remark.h"
#include "harness/core/data.h"
#include "harness/core/embed.h"

enum { TEXTS_COLUMNS = 32 };

struct texts {
    struct embedder *E;
    const struct rows *rows; /* NULL: closed, or never opened */
    bool special;
    bool trim; /* white space at both ends of a text goes, as BEIR has it of documents */
    int columns;
    struct template *template[TEXTS_COLUMNS];
    const char *prompt[TEXTS_COLUMNS];
    struct embed_text **text; /* [rows][columns], NULL: not yet */
    bool *blank;              /* [rows][columns]: nothing but white space */
    long cut, blanks;         /* of those made so far */
    long specials;            /* those with special tokens that are plain text */
    bool *left;               /* [rows]: a column is blank, as texts_row found */
    long left_out;            /* such rows, each once */
    /* texts_pair: two columns that are read as one */
    struct embed_text **joined; /* [rows] */
};

/* `rows` and E are borrowed. Then add columns; their templates are compiled (error: as template_compile).
 * prompt (may be NULL) is borrowed. */
void texts_init(struct texts *x, struct embedder *E, const struct rows *rows, bool special);
int texts_add(struct texts *x, const char *key, const char *text, const char *prompt, struct err *e);
void texts_release(struct texts *x); /* of a zeroed one too */
long texts_rows(const struct texts *x);

/* The text of a row; NULL with e filled ("file:line: ..."). Owned by x. */
const struct embed_text *texts_get(struct texts *x, long row, int column, struct err *e);
/* 1: all columns of the row have text, 0: one is blank, negative: an error. Makes them all. */
int texts_row(struct texts *x, long row, struct err *e);
/* From now on texts_whole joins both columns (embedder_pair_new). Errors: as embedder_pairs. */
int texts_pair(struct texts *x, struct err *e);
/* All of a row as one text: its only column, or both joined. */
const struct embed_text *texts_whole(struct texts *x, long row, struct err *e);
/* What there is to say of the texts made so far: rows left out, texts cut at `limit` tokens. `name`: the
 * split's. */
void texts_remarks(const struct texts *x, const char *name, int limit, remark_fn *say, void *arg);
bool texts_equal(const struct embed_text *a, const struct embed_text *b);
uint64_t texts_hash(const struct embed_text *t);

#endif
