/* SPDX-License-Identifier: Apache-2.0 */
/* pairs_search.c - what a search is made of: which texts are documents, which are queries, and what is
 * relevant to whom.
 *
 * A collection brings all three; its documents are all of the corpus, and it is judged as BEIR does: all
 * judged queries ask, blank ones too; no query finds the document that has its own id; documents of equal
 * score stand against the order of their ids (trec_eval). Rows of pairs are a collection too: the
 * documents are the different positives and negatives of the whole split (as token ids), the queries the
 * different anchors of its first rows, and relevant to a query are the positives of all rows with that
 * anchor. */
#include <stdlib.h>
#include <string.h>

#include "experiments/tasks/pairs.h"

static void add_ref(struct pairs_score *x, struct texts *t, long row, int column) {
    GROW(x->ref, x->items, x->refs_cap);
    x->ref[x->items++] = (struct pairs_ref){t, row, column};
}

/* ---- collections --------------------------------------------------------------------------------------- */

struct placed {
    const char *id;
    size_t len;
    long row;
};

/* The larger id first. */
static int against_ids(const void *a, const void *b) {
    const struct placed *x = a, *y = b;
    int c = memcmp(x->id, y->id, MIN_OF(x->len, y->len));
    return c ? -c : (x->len < y->len) - (x->len > y->len);
}

/* The documents as items; (*place)[row]: which of them. Caller frees. */
static int add_documents(struct pairs *p, long **place, struct err *e) {
    const struct rows *corpus = p->data->corpus;
    long n = rows_count(corpus);
    int column = rows_column(corpus, "_id"), rc = 0;
    struct placed *v = xcalloc((size_t)n, sizeof *v);
    *place = xcalloc((size_t)n, sizeof **place);
    for (long i = 0; i < n && !rc; i++) {
        v[i].row = i;
        v[i].id = rows_field(corpus, i, column, &v[i].len, e);
        rc = v[i].id ? 0 : ERR_USER;
    }
    if (!rc) qsort(v, (size_t)n, sizeof *v, against_ids);
    for (long k = 0; k < n && !rc; k++) {
        (*place)[v[k].row] = k;
        add_ref(&p->score, &p->documents, v[k].row, 0);
    }
    p->score.documents = p->score.items;
    free(v);
    return rc;
}

/* A query and what is relevant to it. A text without any token has no embedding and cannot ask. */
static int add_query(struct pairs *p, enum split s, long i, const long *place, struct err *e) {
    struct pairs_score *x = &p->score;
    const struct relevance *all = &p->data->relevance[s];
    const struct embed_text *t = texts_get(&p->split[s], i, 0, e);
    if (!t) return ERR_USER;
    if (!t->n) {
        texts_row(&p->split[s], i, e); /* counts it as left out */
        return 0;
    }
    add_ref(x, &p->split[s], i, 0);
    x->item[x->queries] = i;
    x->self[x->queries++] = all->self[i] < 0 ? -1 : place[all->self[i]];
    for (long k = all->from[i]; k < all->from[i + 1]; k++) {
        x->relevant.document[x->relevances] = all->document[k] < 0 ? -1 : place[all->document[k]];
        x->relevant.grade[x->relevances++] = p->graded ? all->grade[k] : 1;
    }
    x->relevant.from[x->queries] = x->relevances;
    return 0;
}

int pairs_search_collection(struct pairs *p, enum split s, long rows, struct err *e) {
    struct pairs_score *x = &p->score;
    const struct relevance *all = &p->data->relevance[s];
    long n = rows > 0 && rows < texts_rows(&p->split[s]) ? rows : texts_rows(&p->split[s]), *place;
    int rc = add_documents(p, &place, e);
    x->item = xcalloc((size_t)n + 1, sizeof *x->item);
    x->self = xcalloc((size_t)n + 1, sizeof *x->self);
    x->relevant.from = xcalloc((size_t)n + 1, sizeof *x->relevant.from);
    x->relevant.document = xcalloc((size_t)all->from[n] + 1, sizeof *x->relevant.document);
    x->relevant.grade = xcalloc((size_t)all->from[n] + 1, sizeof *x->relevant.grade);
    for (long i = 0; i < n && !rc; i++) rc = add_query(p, s, i, place, e);
    free(place);
    return rc;
}

/* ---- rows of pairs ------------------------------------------------------------------------------------- */

/* Different texts, numbered in the order in which they come. */
struct set {
    const struct embed_text **text;
    long n, cap;
    long *slot; /* -1: free */
    size_t slots;
};

static void set_init(struct set *x, long most) {
    *x = (struct set){.slots = 16};
    while (x->slots < 2 * (size_t)most) x->slots *= 2;
    x->slot = xmalloc(x->slots * sizeof *x->slot);
    for (size_t k = 0; k < x->slots; k++) x->slot[k] = -1;
}

static void set_release(struct set *x) {
    free(x->slot);
    free(x->text);
}

/* The number of a text; *fresh: it is new (add), or -1 is returned (not add). */
static long set_find(struct set *x, const struct embed_text *t, bool add, bool *fresh) {
    size_t k = texts_hash(t) & (x->slots - 1);
    while (x->slot[k] >= 0 && !texts_equal(x->text[x->slot[k]], t)) k = (k + 1) & (x->slots - 1);
    *fresh = x->slot[k] < 0;
    if (!*fresh) return x->slot[k];
    if (!add) return -1;
    GROW(x->text, x->n, x->cap);
    x->text[x->n] = t;
    return x->slot[k] = x->n++;
}

struct link {
    long query, document;
};

static int by_link(const void *a, const void *b) {
    const struct link *x = a, *y = b;
    if (x->query != y->query) return (x->query > y->query) - (x->query < y->query);
    return (x->document > y->document) - (x->document < y->document);
}

struct gathering {
    struct pairs_score *x;
    struct texts *t;
    struct set queries, documents;
    struct link *link;
    long links, cap;
};

/* The documents of a row, and that its positive answers its anchor. */
static void gather_row(struct gathering *g, long row) {
    bool fresh;
    long q = set_find(&g->queries, texts_get(g->t, row, 0, NULL), false, &fresh);
    for (int k = 1; k < g->t->columns; k++) {
        long d = set_find(&g->documents, texts_get(g->t, row, k, NULL), true, &fresh);
        if (fresh) add_ref(g->x, g->t, row, k);
        if (k > 1 || q < 0) continue;
        GROW(g->link, g->links, g->cap);
        g->link[g->links++] = (struct link){q, d};
    }
}

static void relate_rows(struct gathering *g) {
    struct pairs_score *x = g->x;
    if (g->links) qsort(g->link, (size_t)g->links, sizeof *g->link, by_link);
    x->relevant.from = xcalloc((size_t)x->queries + 1, sizeof *x->relevant.from);
    x->relevant.document = xcalloc((size_t)g->links + 1, sizeof *x->relevant.document);
    x->relevant.grade = xcalloc((size_t)g->links + 1, sizeof *x->relevant.grade);
    for (long i = 0; i < g->links; i++) {
        if (i && !by_link(&g->link[i - 1], &g->link[i])) continue;
        x->relevant.document[x->relevances] = g->link[i].document;
        x->relevant.grade[x->relevances++] = 1;
        x->relevant.from[g->link[i].query + 1] = x->relevances;
    }
}

int pairs_search_rows(struct pairs *p, enum split s, long rows, struct err *e) {
    struct pairs_score *x = &p->score;
    struct gathering g = {.x = x, .t = &p->split[s]};
    long n = texts_rows(g.t), asking = rows > 0 && rows < n ? rows : n,
         *first = xcalloc((size_t)asking + 1, sizeof *first);
    int rc = 0;
    set_init(&g.queries, asking);
    set_init(&g.documents, n * (g.t->columns - 1));
    for (long i = 0; i < asking && !rc; i++) {
        int full = texts_row(g.t, i, e);
        bool fresh = false;
        if (full < 0) rc = ERR_USER;
        if (full > 0) set_find(&g.queries, texts_get(g.t, i, 0, NULL), true, &fresh);
        if (fresh) first[x->queries++] = i;
    }
    for (long i = 0; i < n && !rc; i++) {
        int full = texts_row(g.t, i, e);
        if (full < 0) rc = ERR_USER;
        if (full > 0) gather_row(&g, i);
    }
    x->documents = x->items;
    if (!rc) relate_rows(&g);
    for (long q = 0; q < x->queries && !rc; q++) add_ref(x, g.t, first[q], 0);
    x->item = first;
    set_release(&g.queries);
    set_release(&g.documents);
    free(g.link);
    return rc;
}
