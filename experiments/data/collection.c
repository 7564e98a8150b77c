/* collection.c - see collection.h: ids to rows, judgements to relevances, training pairs joined from both.
 *
 * A judgement with a grade of 0 or less says "not relevant" and is passed over, as is a query without a
 * relevant document. Training rows are a table of their own kind: a place is a judgement, whose cells are the
 * rendered query and document. */
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

static int ids_index(struct ids *x, const struct rows *r, struct err *e) {
    long n = rows_count(r);
    *x = (struct ids){.rows = r, .column = rows_column(r, "_id"), .slots = 16};
    if (x->column < 0)
        return err_set(e, ERR_USER, "%s: has no '_id': each document and each query needs one",
                       rows_source(r, -1));
    while (x->slots < 2 * (size_t)n) x->slots *= 2;
    x->slot = xmalloc(x->slots * sizeof *x->slot);
    for (size_t k = 0; k < x->slots; k++) x->slot[k] = -1;
    for (long i = 0; i < n; i++) {
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
    long query, document;
    float grade;
};

struct judgements {
    struct judgement *v;
    long n, cap;
};

static int find_row(const struct ids *x, const struct rows *qrels, long i, int column, const char *what,
                    long *ret, struct err *e) {
    size_t n;
    const char *id = rows_field(qrels, i, column, &n, e);
    long *at = id ? id_slot(x, id, n, e) : NULL;
    if (!at) return ERR_USER;
    *ret = *at;
    if (*at >= 0) return 0;
    return rows_error(qrels, i, e, "there is no %s '%.*s' in %s", what, (int)MIN_OF(n, 80), id,
                      rows_source(x->rows, -1));
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

static int read_judgements(struct judgements *j, const struct rows *qrels, const struct ids *queries,
                           const struct ids *documents, struct err *e) {
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
    for (long i = 0; i < rows_count(qrels); i++) {
        struct judgement x;
        if (find_row(queries, qrels, i, 0, "query", &x.query, e)) return ERR_USER;
        if (find_row(documents, qrels, i, 1, "document", &x.document, e)) return ERR_USER;
        if (read_grade(qrels, i, &x.grade, e)) return ERR_USER;
        if (!(x.grade > 0)) continue;
        GROW(j->v, j->n, j->cap);
        j->v[j->n++] = x;
    }
    return j->n ? 0
                : err_set(e, ERR_USER, "%s: no document is relevant to any query", rows_source(qrels, -1));
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

static int joined_cell(struct rows *r, const struct template *t, long i, struct cell *ret, struct err *e) {
    struct strbuf b = {0};
    int rc = template_render(t, i, &b, e);
    if (!rc) *ret = (struct cell){pool_keep(&r->pool, b.s ? b.s : "", b.len), (uint32_t)b.len, CELL_TEXT};
    strbuf_release(&b);
    return rc;
}

static int joined_parse(struct rows *r, long i, struct row **ret, struct err *e) {
    const struct joined *x = r->impl;
    const struct judgement *j = &x->v[r->at[i]];
    struct row *row = pool_alloc(&r->pool, sizeof *row + 2 * sizeof row->cell[0]);
    row->n = 2;
    int rc = joined_cell(r, x->query, j->query, &row->cell[0], e);
    if (!rc) rc = joined_cell(r, x->document, j->document, &row->cell[1], e);
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

/* Takes queries, qrels and the judgements, also on error. */
static int join_ids(struct dataset *d, struct rows *queries, struct rows *qrels, struct judgements *j,
                    struct err *e) {
    struct joined *x = xcalloc(1, sizeof *x);
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

static int by_pair(const void *a, const void *b) {
    const struct judgement *x = a, *y = b;
    if (x->query != y->query) return (x->query > y->query) - (x->query < y->query);
    if (x->document != y->document) return (x->document > y->document) - (x->document < y->document);
    return (x->grade > y->grade) - (x->grade < y->grade);
}

/* Queries that have relevant documents stay, in their order. */
static void keep_judged(struct rows *queries, struct judgements *j, struct relevance *ret) {
    bool *keep = xcalloc((size_t)rows_count(queries), sizeof *keep);
    for (long i = 0; i < j->n; i++) keep[j->v[i].query] = true;
    rows_keep(queries, keep);
    free(keep);
    qsort(j->v, (size_t)j->n, sizeof *j->v, by_pair);
    ret->from = xcalloc((size_t)rows_count(queries) + 1, sizeof *ret->from);
    ret->document = xcalloc((size_t)j->n, sizeof *ret->document);
    ret->grade = xcalloc((size_t)j->n, sizeof *ret->grade);
    long query = -1, n = 0;
    for (long i = 0; i < j->n; i++) {
        bool same = i && j->v[i].query == j->v[i - 1].query;
        if (!same) ret->from[++query] = n;
        if (same && j->v[i].document == j->v[i - 1].document) n--; /* judged twice: the higher grade */
        ret->document[n] = j->v[i].document;
        ret->grade[n++] = j->v[i].grade;
    }
    ret->from[query + 1] = n;
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
    if (!rc && split == 0) return join_ids(d, queries, qrels, &j, e);
    if (!rc) {
        keep_judged(queries, &j, &d->relevance[split]);
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
        set_default(d, "document", rows_column(d->corpus, "title") >= 0 ? "{title} {text}" : "{text}");
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
        free(d->relevance[s].document);
        free(d->relevance[s].grade);
    }
    rows_free(d->train); /* reads the corpus */
    rows_free(d->corpus);
    d->train = d->corpus = NULL;
}
