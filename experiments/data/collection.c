/* SPDX-License-Identifier: Apache-2.0 */
/* collection.c - see collection.h: ids to rows, judgements to relevances, training pairs joined from
 * both.
 *
 * As BEIR reads them: all queries of a judgement file ask, also those of which every grade says "not
 * relevant" (0 or less); of two judgements of one pair the last counts; a document that is judged and not
 * in the corpus is relevant and never found; a document may lack its title. Training rows are the
 * relevant pairs, a table of their own kind: a place is a judgement, whose cells are the rendered query
 * and document. */
#include "experiments/data/collection.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/data/rows.h"
#include "harness/config/cfg.h"

/* ---- ids ----------------------------------------------------------------------------------------------- */

/* Open addressing: the row of each id, -1: free. */
struct ids {
    const struct rows *rows;
    int column;
    long *slot;
    size_t slots; /* a power of two */
};

static uint64_t hash_of(const char *s, size_t n) {
    uint64_t h = 1469598103934665603ULL;
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 1099511628211ULL;
    return h ^ h >> 29;
}

/* The slot of an id, or where it would go. NULL: the table cannot be read there. */
static long *id_slot(const struct ids *x, const char *s, size_t n, struct err *e) {
    for (size_t k = hash_of(s, n);; k++) {
        long *at = &x->slot[k & (x->slots - 1)];
        size_t len;
        if (*at < 0) return at;
        const char *other = rows_field(x->rows, *at, x->column, &len, e);
        if (!other) return NULL;
        if (len == n && !memcmp(other, s, n)) return at;
    }
}

static void ids_init(struct ids *x, const struct rows *r, int column) {
    *x = (struct ids){.rows = r, .column = column, .slots = 16};
    while (x->slots < 2 * (size_t)rows_count(r)) x->slots *= 2;
    x->slot = xmalloc(x->slots * sizeof *x->slot);
    for (size_t k = 0; k < x->slots; k++) x->slot[k] = -1;
}

static int ids_index(struct ids *x, const struct rows *r, struct err *e) {
    int column = rows_column(r, "_id");
    if (column < 0)
        return err_set(e, ERR_USER, "%s: has no '_id': each document and each query needs one",
                       rows_source(r, -1));
    ids_init(x, r, column);
    for (long i = 0; i < rows_count(r); i++) {
        size_t len;
        const char *id = rows_field(r, i, x->column, &len, e);
        long *at = id ? id_slot(x, id, len, e) : NULL;
        if (!at) return ERR_USER;
        if (*at >= 0)
            return rows_error(r, i, e, "the id '%.*s' is there twice: line %ld has it too",
                              (int)MIN_OF(len, 80), id, rows_line(r, *at));
        *at = i;
    }
    return 0;
}

/* ---- judgements ---------------------------------------------------------------------------------------- */

struct judgement {
    long query;
    long document; /* below 0: not in the corpus, another number for each such id */
    float grade;
    long line; /* row of the file */
};

struct judgements {
    struct judgement *v;
    long n, cap;
    long missing; /* relevant, and not in the corpus */
};

/* The row of an id, -1 where there is none. */
static int find_id(const struct ids *x, const struct rows *r, long i, int column, long *ret, struct err *e) {
    size_t n;
    const char *id = rows_field(r, i, column, &n, e);
    long *at = id ? id_slot(x, id, n, e) : NULL;
    if (!at) return ERR_USER;
    *ret = *at;
    return 0;
}

static int unknown_query(const struct rows *qrels, long i, const struct ids *queries, struct err *e) {
    size_t n;
    const char *id = rows_field(qrels, i, 0, &n, e);
    return rows_error(qrels, i, e, "there is no query '%.*s' in %s", (int)MIN_OF(n, 80), id,
                      rows_source(queries->rows, -1));
}

static int read_grade(const struct rows *qrels, long i, float *ret, struct err *e) {
    size_t n;
    char text[32], *end;
    const char *s = rows_field(qrels, i, 2, &n, e);
    if (!s) return ERR_USER;
    snprintf(text, sizeof text, "%.*s", (int)MIN_OF(n, sizeof text - 1), s);
    *ret = strtof(text, &end);
    if (end == text || *end || !isfinite(*ret))
        return rows_error(qrels, i, e,
                          "the grade '%s' is not a number (the columns are query, document, grade)", text);
    return 0;
}

/* Judgements have a header; one in its place would be lost. */
static int check_columns(const struct rows *qrels, struct err *e) {
    if (rows_columns(qrels) < 3)
        return err_set(e, ERR_USER,
                       "%s: has %d columns where judgements have three: query, document, grade (with a "
                       "header, between tabs)",
                       rows_source(qrels, -1), rows_columns(qrels));
    char *end;
    const char *third = rows_column_name(qrels, 2);
    if (strtod(third, &end), end > third && !*end)
        return err_set(e, ERR_USER,
                       "%s:1: a judgement where the header stands: put the line query-id, corpus-id, score "
                       "(between tabs) in front",
                       rows_source(qrels, -1));
    return 0;
}

/* `unknown`: the ids that the corpus does not have. */
static int read_judgement(const struct rows *qrels, long i, const struct ids *queries,
                          const struct ids *documents, const struct ids *unknown, struct judgement *x,
                          struct err *e) {
    size_t n;
    *x = (struct judgement){.line = i};
    if (find_id(queries, qrels, i, 0, &x->query, e)) return ERR_USER;
    if (x->query < 0) return unknown_query(qrels, i, queries, e);
    if (find_id(documents, qrels, i, 1, &x->document, e)) return ERR_USER;
    if (x->document < 0) {
        const char *id = rows_field(qrels, i, 1, &n, e);
        long *at = id_slot(unknown, id, n, e);
        if (*at < 0) *at = i;
        x->document = -1 - *at;
    }
    return read_grade(qrels, i, &x->grade, e);
}

static int by_pair(const void *a, const void *b) {
    const struct judgement *x = a, *y = b;
    if (x->query != y->query) return (x->query > y->query) - (x->query < y->query);
    if (x->document != y->document) return (x->document > y->document) - (x->document < y->document);
    return (x->line > y->line) - (x->line < y->line);
}

static int by_line(const void *a, const void *b) {
    const struct judgement *x = a, *y = b;
    return (x->line > y->line) - (x->line < y->line);
}

/* Sorted by pair; of several judgements of a pair the last stays. */
static void settle_pairs(struct judgements *j) {
    long n = 0;
    if (j->n) qsort(j->v, (size_t)j->n, sizeof *j->v, by_pair);
    for (long i = 0; i < j->n; i++) {
        const struct judgement *x = &j->v[i], *next = x + 1;
        if (i + 1 < j->n && next->query == x->query && next->document == x->document) continue;
        j->v[n++] = *x;
    }
    j->n = n;
}

static int read_judgements(struct judgements *j, const struct rows *qrels, const struct ids *queries,
                           const struct ids *documents, struct err *e) {
    if (check_columns(qrels, e)) return ERR_USER;
    struct ids unknown;
    long found = 0;
    int rc = 0;
    ids_init(&unknown, qrels, 1);
    for (long i = 0; i < rows_count(qrels) && !rc; i++) {
        struct judgement x;
        rc = read_judgement(qrels, i, queries, documents, &unknown, &x, e);
        GROW(j->v, j->n, j->cap);
        j->v[j->n++] = x;
    }
    free(unknown.slot);
    settle_pairs(j);
    for (long i = 0; i < j->n; i++) {
        found += j->v[i].grade > 0 && j->v[i].document >= 0;
        j->missing += j->v[i].grade > 0 && j->v[i].document < 0;
    }
    if (rc || found) return rc;
    return err_set(e, ERR_USER, "%s: no document of the corpus is relevant to any query",
                   rows_source(qrels, -1));
}

/* ---- training pairs ------------------------------------------------------------------------------------ */

struct joined {
    struct judgement *v; /* by place */
    struct rows *queries, *qrels;
    const struct rows *corpus; /* the data set's */
    struct template *query, *document;
};

static void joined_release(struct rows *r) {
    struct joined *x = r->impl;
    template_free(x->query);
    template_free(x->document);
    rows_free(x->queries);
    rows_free(x->qrels);
    free(x->v);
    free(x);
}

static int joined_cell(struct rows *r, const struct template *t, long i, bool trim, struct cell *ret,
                       struct err *e) {
    struct strbuf b = {0};
    int rc = template_render(t, i, &b, e);
    if (trim) strbuf_trim(&b);
    if (!rc) *ret = (struct cell){pool_keep(&r->pool, b.s ? b.s : "", b.len), (uint32_t)b.len, CELL_TEXT};
    strbuf_release(&b);
    return rc;
}

static int joined_parse(struct rows *r, long i, struct row **ret, struct err *e) {
    const struct joined *x = r->impl;
    const struct judgement *j = &x->v[r->at[i]];
    struct row *row = pool_alloc(&r->pool, sizeof *row + 2 * sizeof row->cell[0]);
    row->n = 2;
    int rc = joined_cell(r, x->query, j->query, false, &row->cell[0], e);
    if (!rc) rc = joined_cell(r, x->document, j->document, true, &row->cell[1], e);
    *ret = rc ? NULL : row;
    return rc;
}

static const char *joined_source(const struct rows *r, long i) {
    const struct joined *x = r->impl;
    return i < 0 ? "data.qrels.train" : rows_source(x->queries, x->v[r->at[i]].query);
}

static long joined_line(const struct rows *r, long i) {
    const struct joined *x = r->impl;
    return rows_line(x->queries, x->v[r->at[i]].query);
}

static const struct rows_ops joined_ops = {joined_parse, joined_source, joined_line, joined_release};

/* The relevant pairs of documents that are there, in the order of the file. */
static void keep_relevant(struct judgements *j) {
    long n = 0;
    for (long i = 0; i < j->n; i++)
        if (j->v[i].grade > 0 && j->v[i].document >= 0) j->v[n++] = j->v[i];
    j->n = n;
    qsort(j->v, (size_t)n, sizeof *j->v, by_line);
}

/* Takes queries, qrels and the judgements, also on error. */
static int join_ids(struct dataset *d, struct rows *queries, struct rows *qrels, struct judgements *j,
                    struct err *e) {
    struct joined *x = xcalloc(1, sizeof *x);
    keep_relevant(j);
    uint64_t *at = xmalloc((size_t)j->n * sizeof *at);
    for (long i = 0; i < j->n; i++) at[i] = (uint64_t)i;
    *x = (struct joined){.v = j->v, .queries = queries, .qrels = qrels, .corpus = d->corpus};
    d->train = rows_new(&joined_ops, x, at, j->n);
    rows_add_column(d->train, "anchor", strlen("anchor"));
    rows_add_column(d->train, "positive", strlen("positive"));
    int rc = template_compile(&x->query, data_template(d, "query", 0), queries, e);
    if (rc) return err_wrap(e, "data.query");
    rc = template_compile(&x->document, data_template(d, "document", 0), d->corpus, e);
    return rc ? err_wrap(e, "data.document") : 0;
}

/* ---- searches ------------------------------------------------------------------------------------------ */

/* Queries that are judged stay, in their order. j: sorted by pair. */
static int keep_judged(struct rows *queries, const struct judgements *j, const struct ids *documents,
                       struct relevance *ret, struct err *e) {
    bool *keep = xcalloc((size_t)rows_count(queries), sizeof *keep);
    for (long i = 0; i < j->n; i++) keep[j->v[i].query] = true;
    rows_keep(queries, keep);
    free(keep);
    ret->from = xcalloc((size_t)rows_count(queries) + 1, sizeof *ret->from);
    ret->self = xcalloc((size_t)rows_count(queries) + 1, sizeof *ret->self);
    ret->document = xcalloc((size_t)j->n, sizeof *ret->document);
    ret->grade = xcalloc((size_t)j->n, sizeof *ret->grade);
    long query = -1, n = 0;
    for (long i = 0; i < j->n; i++) {
        const struct judgement *x = &j->v[i];
        if (!i || x->query != x[-1].query) ret->from[++query] = n;
        if (!(x->grade > 0)) continue;
        ret->document[n] = MAX_OF(x->document, -1);
        ret->grade[n++] = x->grade;
    }
    ret->from[query + 1] = n;
    int column = rows_column(queries, "_id"), rc = 0;
    for (long i = 0; i <= query && !rc; i++) rc = find_id(documents, queries, i, column, &ret->self[i], e);
    return rc;
}

static int open_split(struct dataset *d, const json_t *cfg, int split, const char *path,
                      const struct ids *documents, struct err *e) {
    const struct rows_format tsv = {.kind = ROWS_TSV};
    struct rows *queries = NULL, *qrels = NULL, **into[] = {&d->train, &d->eval, &d->test};
    struct judgements j = {0};
    struct ids ids = {0};
    int rc = rows_open(&queries, cfg_str(cfg, "queries"), NULL, e);
    if (!rc) rc = rows_open(&qrels, path, &tsv, e);
    if (!rc) rc = ids_index(&ids, queries, e);
    if (!rc) rc = read_judgements(&j, qrels, &ids, documents, e);
    free(ids.slot);
    d->relevance[split].missing = j.missing;
    if (!rc && split == 0) return join_ids(d, queries, qrels, &j, e);
    if (!rc) rc = keep_judged(queries, &j, documents, &d->relevance[split], e);
    if (!rc) {
        *into[split] = queries;
        queries = NULL;
    }
    rows_free(queries);
    rows_free(qrels);
    free(j.v);
    return rc;
}

static void set_default(struct dataset *d, const char *key, const char *text) {
    if (!data_template(d, key, 0)) json_object_set_new(d->templates, key, json_string(text));
}

/* "/a/scifact/corpus.jsonl" -> "scifact" */
static char *folder_name(const char *corpus) {
    char *dir = path_dir(corpus);
    const char *slash = strrchr(dir, '/');
    char *name = xstrdup(slash && slash[1] ? slash + 1 : "collection");
    free(dir);
    return name;
}

int collection_open(struct dataset *d, const json_t *cfg, struct err *e) {
    static const char *const key[] = {"qrels.train", "qrels.eval", "qrels.test"};
    const char *corpus = cfg_str(cfg, "corpus");
    struct ids documents = {0};
    int rc = 0, splits = 0;
    if (!corpus || !cfg_str(cfg, "queries"))
        return err_set(e, ERR_USER, "data: a retrieval collection needs both data.corpus and data.queries");
    d->name = folder_name(corpus);
    rc = rows_open(&d->corpus, corpus, NULL, e);
    if (!rc) rc = ids_index(&documents, d->corpus, e);
    if (!rc) {
        d->corpus->optional = rows_column(d->corpus, "title");
        set_default(d, "document", d->corpus->optional >= 0 ? "{title} {text}" : "{text}");
        set_default(d, "query", "{text}");
        set_default(d, "anchor", "{anchor}");
        set_default(d, "positive", "{positive}");
    }
    for (int s = 0; s < 3 && !rc; s++) {
        const char *path = cfg_str(cfg, key[s]);
        if (!path) continue;
        splits++;
        rc = open_split(d, cfg, s, path, &documents, e);
    }
    free(documents.slot);
    if (!rc && !splits)
        rc = err_set(e, ERR_USER,
                     "data: a retrieval collection needs judgements: data.qrels.train, data.qrels.eval or "
                     "data.qrels.test");
    return rc;
}

void collection_release(struct dataset *d) {
    for (int s = 0; s < 3; s++) {
        free(d->relevance[s].from);
        free(d->relevance[s].self);
        free(d->relevance[s].document);
        free(d->relevance[s].grade);
    }
    rows_free(d->train); /* reads the corpus */
    rows_free(d->corpus);
    d->train = d->corpus = NULL;
}
