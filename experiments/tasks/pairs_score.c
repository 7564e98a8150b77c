/* SPDX-License-Identifier: Apache-2.0 */
/* pairs_score.c - scores of embeddings: search of every query over every document by similarity (the
 * cosine, unless the model says otherwise), or correlation of similarities with given scores; for the
 * whole embedding and for each of Matryoshka's sizes ("ndcg@10@dim64").
 *
 * All texts of a score are embedded first and kept (as data); the search then goes over blocks of
 * documents and of queries, each query keeping its best PAIRS_TOP. Ties: see topk.h. An embedding that
 * is not finite makes every metric NaN. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/tasks/metrics.h"
#include "experiments/tasks/pairs.h"
#include "harness/config/cfg.h"
#include "harness/nn/kernels/topk.h"

enum { QUERIES = LOSS_BLOCK };

static const struct {
    const char *name;
    double (*of)(const struct ranking *, int);
    int k;
    bool items; /* told for single queries */
} search_metric[] = {
    {"ndcg@10", rank_ndcg, 10, true},        {"mrr@10", rank_mrr, 10, true},
    {"map@100", rank_ap, 100, false},        {"recall@10", rank_recall, 10, false},
    {"recall@100", rank_recall, 100, false}, {"precision@10", rank_precision, 10, false},
    {"accuracy@1", rank_accuracy, 1, true},  {"accuracy@10", rank_accuracy, 10, false},
};
enum { METRICS = ARRAY_LEN(search_metric) };

const char *const pairs_metrics[] = {"ndcg@10",    "mrr@10",       "map@100",       "recall@10",
                                     "recall@100", "precision@10", "accuracy@1",    "accuracy@10",
                                     "spearman",   "pearson",      "ndcg@10@dim64", NULL};

/* All are better when larger. */
const char *pairs_metric_goal(const char *name) {
    const char *dim = strstr(name, "@dim");
    size_t n = dim ? (size_t)(dim - name) : strlen(name);
    for (const char *c = dim ? dim + 4 : "1"; c; c = *c ? c + 1 : NULL)
        if (*c ? *c < '0' || *c > '9' : c[-1] == 'm') return NULL;
    for (int i = 0; pairs_metrics[i]; i++)
        if (strlen(pairs_metrics[i]) == n && !strncmp(pairs_metrics[i], name, n)) return "maximize";
    return NULL;
}

const char *pairs_metric_needs(const json_t *config, const char *name) {
    const char *dim = strstr(name, "@dim");
    const json_t *dims = cfg_get(config, "matryoshka.dims");
    for (size_t i = 0; dim && i < json_array_size(dims); i++)
        if (json_number_value(json_array_get(dims, i)) == strtod(dim + 4, NULL)) return NULL;
    return dim ? "that size in matryoshka.dims" : NULL;
}

/* ---- begin --------------------------------------------------------------------------------------------- */

/* Correlation with scores that are all the same is not defined: the data's fault, not a run's. */
static int check_differ(const struct pairs_score *x, struct err *e) {
    for (long i = 1; i < x->queries; i++)
        if (x->gold[i] != x->gold[0]) return 0;
    return x->queries
               ? err_set(e, ERR_USER,
                         "the scores of the %ld %s rows are all %g: a correlation wants different ones",
                         x->queries, split_name(x->split), x->gold[0])
               : 0;
}

static int similarity_begin(struct pairs *p, enum split s, long rows, struct err *e) {
    struct pairs_score *x = &p->score;
    struct texts *t = &p->split[s];
    long n = rows > 0 && rows < texts_rows(t) ? rows : texts_rows(t);
    x->item = xcalloc((size_t)n + 1, sizeof *x->item);
    x->gold = xcalloc((size_t)n + 1, sizeof *x->gold);
    for (long i = 0; i < n; i++) {
        float gold;
        int full = texts_row(t, i, e);
        if (full < 0 || pairs_gold(p, s, i, &gold, e)) return ERR_USER;
        if (!full) continue;
        for (int k = 0; k < 2; k++) {
            GROW(x->ref, x->items, x->refs_cap);
            x->ref[x->items++] = (struct pairs_ref){t, i, k};
        }
        x->gold[x->queries] = (double)gold;
        x->item[x->queries++] = i;
    }
    return check_differ(x, e);
}

typedef void block_fn(struct pairs *p, enum mem_cat cat, void **block, size_t bytes);

/* The blocks of a score: what is found is data, the rest scratch. */
static void score_blocks(struct pairs *p, block_fn *each) {
    struct pairs_score *x = &p->score;
    size_t D = (size_t)embedder_dim(p->E), q = x->documents ? (size_t)x->queries : 0;
    size_t some = (size_t)MIN_OF(x->documents, PAIRS_BLOCK), queries = x->documents ? QUERIES : 0;
    int np = panels((int)queries);
    each(p, MEM_DATA, (void **)&x->emb, (size_t)x->items * D * sizeof(float));
    each(p, MEM_DATA, (void **)&x->top_score, q * PAIRS_TOP * sizeof(float));
    each(p, MEM_DATA, (void **)&x->top_id, q * PAIRS_TOP * sizeof(int32_t));
    each(p, MEM_SCRATCH, (void **)&x->hat, some * D * sizeof(float));
    each(p, MEM_SCRATCH, (void **)&x->query, queries * D * sizeof(float));
    each(p, MEM_SCRATCH, (void **)&x->x, panel_floats(np, (int)D) * sizeof(float));
    each(p, MEM_SCRATCH, (void **)&x->s, panel_floats(np, (int)some) * sizeof(float));
}

static void take_block(struct pairs *p, enum mem_cat cat, void **block, size_t bytes) {
    if (bytes) *block = mem_alloc(p->mem, cat, bytes);
}

static void give_back(struct pairs *p, enum mem_cat cat, void **block, size_t bytes) {
    mem_free(p->mem, cat, *block, bytes);
    *block = NULL;
}

int pairs_score_begin(void *state, struct task_net *tn, enum split s, long rows, long *items, struct err *e) {
    (void)tn;
    struct pairs *p = state;
    struct pairs_score *x = &p->score;
    *x = (struct pairs_score){.split = s, .finite = true};
    int rc = p->similarity     ? similarity_begin(p, s, rows, e)
             : p->data->corpus ? pairs_search_collection(p, s, rows, e)
                               : pairs_search_rows(p, s, rows, e);
    *items = x->items;
    if (rc)
        pairs_score_release(p);
    else
        score_blocks(p, take_block);
    return rc;
}

void pairs_score_release(struct pairs *p) {
    struct pairs_score *x = &p->score;
    score_blocks(p, give_back);
    free(x->ref);
    free(x->item);
    free(x->gold);
    free(x->self);
    free(x->relevant.from);
    free(x->relevant.document);
    free(x->relevant.grade);
    *x = (struct pairs_score){.split = x->split};
}

/* ---- texts --------------------------------------------------------------------------------------------- */

static const struct embed_text *item_text(struct pairs *p, long item, struct err *e) {
    const struct pairs_ref *r = &p->score.ref[item];
    return texts_get(r->texts, r->row, r->column, e);
}

long pairs_item_tokens(void *state, long item, struct err *e) {
    const struct embed_text *t = item_text(state, item, e);
    return t ? t->n : -1;
}

struct task_batch *pairs_score_batch(void *state, const long *items, int n, struct err *e) {
    struct pairs *p = state;
    const struct embed_text **t = xcalloc((size_t)n, sizeof(struct embed_text *));
    struct pairs_batch *b = xcalloc(1, sizeof *b);
    bool bad = false;
    b->items = items;
    for (int i = 0; i < n; i++) {
        t[i] = item_text(p, items[i], e);
        bad |= !t[i];
        b->tb.tokens += t[i] ? t[i]->n : 0;
    }
    if (!bad && b->tb.tokens) {
        b->chunks = 1;
        b->chunk = xcalloc(1, sizeof *b->chunk);
        b->chunk[0] = embedder_batch_new(p->E, t, NULL, n);
        b->tb.weight = n;
    }
    free(t);
    if (!bad) return &b->tb;
    free(b);
    return NULL;
}

void pairs_score_add(struct pairs *p, const struct pairs_batch *b, const float *emb) {
    struct pairs_score *x = &p->score;
    size_t D = (size_t)embedder_dim(p->E);
    for (int i = 0; i < b->chunk[0]->texts; i++) {
        float *into = x->emb + (size_t)b->items[i] * D;
        memcpy(into, emb + (size_t)i * D, D * sizeof *into);
        for (size_t f = 0; f < D; f++) x->finite &= isfinite(into[f]) != 0;
    }
}

/* ---- end ----------------------------------------------------------------------------------------------- */

/* The leading d features of n embeddings, [n][d]; at length 1 where cosines are asked. */
static void leading_rows(const struct pairs *p, float *hat, long from, long n, int d) {
    size_t D = (size_t)embedder_dim(p->E);
    const float *rows = p->score.emb + (size_t)from * D;
    if (p->similar_by == BY_COSINE) return rows_unit(hat, rows, D, n, d);
    for (long i = 0; i < n; i++) memcpy(hat + i * d, rows + (size_t)i * D, (size_t)d * sizeof *hat);
}

/* The same of documents by feature, [d][n]: what distances run over. */
static void leading_columns(const struct pairs *p, float *hat, long from, long n, int d) {
    size_t D = (size_t)embedder_dim(p->E);
    for (long i = 0; i < n; i++)
        for (int f = 0; f < d; f++)
            hat[(size_t)f * (size_t)n + (size_t)i] = p->score.emb[(size_t)(from + i) * D + (size_t)f];
}

/* score[n]: minus the distances of a query to the documents of a block. */
static void score_distances(const struct pairs *p, float *score, const float *query, const float *columns,
                            int n, int d) {
    bool squares = p->similar_by == BY_EUCLIDEAN;
    for (int i = 0; i < n; i++) score[i] = 0;
    for (int f = 0; f < d; f++) {
        const float *y = columns + (size_t)f * (size_t)n, q = query[f];
        for (int i = 0; i < n; i++) {
            float by = y[i] - q;
            score[i] += squares ? by * by : fabsf(by);
        }
    }
    for (int i = 0; i < n; i++) score[i] = squares ? -sqrtf(score[i]) : -score[i];
}

/* A text without tokens has no embedding: it is never found. */
static bool is_empty_text(struct pairs *p, long item) { return item_text(p, item, NULL)->n == 0; }

static bool by_distance(const struct pairs *p) {
    return p->similar_by == BY_EUCLIDEAN || p->similar_by == BY_MANHATTAN;
}

/* The queries q .. q + count - 1 against a block of documents, by distance. */
static void search_distances(struct pairs *p, struct topk *top, long q, int count, long first, int n, int d,
                             const bool *empty) {
    struct pairs_score *x = &p->score;
    float score[PAIRS_BLOCK];
    for (int j = 0; j < count; j++) {
        long self = x->self ? x->self[q + j] : -1;
        score_distances(p, score, x->query + (size_t)j * (size_t)d, x->hat, n, d);
        for (int i = 0; i < n; i++)
            if (empty[i] || first + i == self) score[i] = -INFINITY;
        topk_add(&top[q + j], score, n, (int32_t)first);
    }
}

/* Documents [first, first + n) against every query, by their leading d features. */
static void search_block(struct pairs *p, struct team *team, struct topk *top, long first, int n, int d) {
    struct pairs_score *x = &p->score;
    bool empty[PAIRS_BLOCK];
    for (int i = 0; i < n; i++) empty[i] = is_empty_text(p, first + i);
    (by_distance(p) ? leading_columns : leading_rows)(p, x->hat, first, n, d);
    for (long q = 0; q < x->queries; q += QUERIES) {
        int count = (int)MIN_OF(QUERIES, x->queries - q);
        leading_rows(p, x->query, x->documents + q, count, d);
        if (by_distance(p))
            search_distances(p, top, q, count, first, n, d, empty);
        else
            topk_products(team, top + q, x->query, count, x->hat, n, d, (int32_t)first, empty,
                          x->self ? x->self + q : NULL, x->x, x->s);
    }
}

static int by_larger(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

/* The metrics of one query. */
static void score_query(const struct pairs *p, long q, const struct topk *top, double out[METRICS]) {
    const struct relevance *r = &p->score.relevant;
    long from = r->from[q], n = r->from[q + 1] - from;
    float rel[PAIRS_TOP], *ideal = xcalloc((size_t)n + 1, sizeof *ideal);
    memcpy(ideal, r->grade + from, (size_t)n * sizeof *ideal);
    qsort(ideal, (size_t)n, sizeof *ideal, by_larger);
    for (int i = 0; i < top->n; i++) {
        rel[i] = 0;
        for (long k = from; k < from + n && !isinf(top->score[i]); k++)
            if (r->document[k] == top->id[i]) rel[i] = r->grade[k];
    }
    struct ranking found = {
        .rel = rel, .n = top->n, .ideal = ideal, .relevant = (int)n, .all = p->data->corpus != NULL};
    for (int m = 0; m < METRICS; m++) out[m] = search_metric[m].of(&found, search_metric[m].k);
    free(ideal);
}

/* "ndcg@10", or of a size "ndcg@10@dim64". */
static const char *named_metric(char buf[48], const char *name, int size) {
    if (!size) return name;
    snprintf(buf, 48, "%s@dim%d", name, size);
    return buf;
}

/* size: 0, or one of Matryoshka's. */
static void tell_search(struct pairs *p, struct team *team, const struct task_tell *tell, int size) {
    struct pairs_score *x = &p->score;
    double sum[METRICS] = {0}, one[METRICS];
    char buf[48];
    struct topk *top = xcalloc((size_t)x->queries, sizeof *top);
    for (long q = 0; q < x->queries; q++)
        top[q] = (struct topk){
            .k = PAIRS_TOP, .score = x->top_score + q * PAIRS_TOP, .id = x->top_id + q * PAIRS_TOP};
    for (long d = 0; d < x->documents; d += PAIRS_BLOCK)
        search_block(p, team, top, d, (int)MIN_OF(PAIRS_BLOCK, x->documents - d),
                     size ? size : embedder_dim(p->E));
    for (long q = 0; q < x->queries; q++) {
        score_query(p, q, &top[q], one);
        for (int m = 0; m < METRICS; m++) {
            sum[m] += one[m];
            if (search_metric[m].items && !size && x->finite)
                tell->item(tell->arg, search_metric[m].name, x->item[q], one[m], 1);
        }
    }
    for (int m = 0; m < METRICS; m++)
        tell->metric(tell->arg, named_metric(buf, search_metric[m].name, size),
                     x->finite ? sum[m] / (double)x->queries : NAN);
    free(top);
}

static double row_similarity(enum pairs_similarity by, const float *a, const float *b, int d) {
    double ab = 0, aa = 0, bb = 0, squares = 0, sum = 0;
    for (int f = 0; f < d; f++) {
        double off = (double)a[f] - (double)b[f];
        ab += (double)a[f] * (double)b[f];
        aa += (double)a[f] * (double)a[f];
        bb += (double)b[f] * (double)b[f];
        squares += off * off;
        sum += fabs(off);
    }
    switch (by) {
    case BY_DOT:
        return ab;
    case BY_EUCLIDEAN:
        return -sqrt(squares);
    case BY_MANHATTAN:
        return -sum;
    default:
        return ab / (fmax(sqrt(aa), 1e-12) * fmax(sqrt(bb), 1e-12));
    }
}

static void tell_similarity(struct pairs *p, const struct task_tell *tell, int size) {
    struct pairs_score *x = &p->score;
    int D = embedder_dim(p->E), n = (int)x->queries;
    double *near = xcalloc((size_t)n, sizeof *near);
    char buf[48];
    for (int i = 0; i < n; i++) {
        const float *a = x->emb + 2 * (size_t)i * (size_t)D;
        near[i] = row_similarity(p->similar_by, a, a + D, size ? size : D);
        if (!size) tell->item(tell->arg, embedder_similarity(p->E), x->item[i], near[i], 1);
    }
    tell->metric(tell->arg, named_metric(buf, "spearman", size),
                 x->finite ? metric_spearman(near, x->gold, n) : NAN);
    tell->metric(tell->arg, named_metric(buf, "pearson", size),
                 x->finite ? metric_pearson(near, x->gold, n) : NAN);
    free(near);
}

int pairs_score_end(void *state, struct task_net *tn, const struct task_tell *tell, struct err *e) {
    struct pairs *p = state;
    struct pairs_score *x = &p->score;
    int rc = 0;
    if (!x->queries)
        rc = err_set(e, ERR_USER, "no %s row has texts in all its columns", split_name(x->split));
    if (tell && !rc)
        tell->count(tell->arg, &(struct score_count){x->documents ? "queries" : "rows", x->queries,
                                                     p->split[x->split].left_out,
                                                     p->split[x->split].cut + p->documents.cut});
    for (int k = -1; k < p->loss.ndims && tell && !rc; k++) {
        int size = k < 0 ? 0 : p->loss.dims[k];
        if (size == embedder_dim(p->E)) continue; /* the whole */
        if (p->similarity)
            tell_similarity(p, tell, size);
        else
            tell_search(p, tn->net->team, tell, size);
    }
    pairs_score_release(p);
    return rc;
}
