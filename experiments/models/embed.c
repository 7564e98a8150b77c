/* SPDX-License-Identifier: Apache-2.0 */
/* embed.c - an embedding model over any architecture. See harness/core/embed.h.
 *
 * The vector of a text is the pooling (harness/nn/kernels/pool.h) of its hidden states after the last norm,
 * divided by its length where the folder says so; backward goes the same way back into model->backward. Texts
 * are packed back to back without padding, so that a batch of unequal lengths costs what its tokens cost.
 * Owns: what the folder says; texts and batches are the caller's, counted as DATA. */
#include "harness/core/embed.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/models/sentence.h"
#include "harness/nn/text/berttext.h"
#include "harness/nn/text/uniclass.h"
#include "harness/base/util.h"

struct embedder {
    struct sentence s;
    struct tokenizer *tok;
    struct mem *mem;
    int dim, vocab, max_length, types;
    bool pairs; /* texts are counted to their end */
    enum pooling pooling;
    const char *similarity; /* of sentence_similarities */
    bool normalize;
    struct strbuf text; /* of the text at work */
    struct token_ids ids;
};

/* What a batch has behind what the header shows; then its arrays, in one block. */
struct batch_own {
    struct embed_batch shown;
    int32_t *first; /* [texts + 1] */
    size_t bytes;
    const int64_t *drawn; /* by this pass: shown.b.row, or NULL */
    /* of one pass, on the tape */
    float *rows, *norm, *drows, *dhidden;
    int32_t *arg;
};

/* ---- opening ------------------------------------------------------------------------------------------- */

static int choose_pooling(struct embedder *E, const char *path, const struct model_facts *facts,
                          const struct embed_options *o, struct err *e) {
    E->dim = facts->hidden;
    E->vocab = facts->vocab;
    E->types = facts->types;
    E->max_length = facts->max_positions;
    if (E->s.max_length) E->max_length = MIN_OF(E->max_length, E->s.max_length);
    if (o->max_length) E->max_length = MIN_OF(E->max_length, o->max_length);
    int added = (tokenizer_bos_to_add(E->tok) >= 0) + (tokenizer_eos_to_add(E->tok) >= 0);
    if (E->max_length <= added)
        return err_set(e, ERR_USER, "%s: a text of %d tokens leaves no room for words", path, E->max_length);
    E->pooling = E->s.has_pooling ? E->s.pooling : facts->causal ? POOL_LAST : POOL_MEAN;
    if (o->pooling && !pooling_find(o->pooling, &E->pooling))
        return err_set(e, ERR_USER, "the pooling '%.40s' is unknown: mean, cls, last and max are implemented",
                       o->pooling);
    E->similarity = sentence_similarity(o->similarity ? o->similarity : E->s.similarity);
    BUG_ON(!E->similarity, "similarity %s", o->similarity);
    E->normalize = o->normalize < 0 ? E->s.normalize : o->normalize > 0;
    if (E->s.dim && E->s.dim != facts->hidden)
        return err_set(e, ERR_USER,
                       "%s: its pooling is of %d numbers, the model has %d: they do not belong together",
                       path, E->s.dim, facts->hidden);
    return 0;
}

int embedder_open(struct embedder **ret, const char *path, struct tokenizer *tok,
                  const struct model_facts *facts, const struct embed_options *o, struct mem *mem,
                  struct err *e) {
    struct embedder *E = xcalloc(1, sizeof *E);
    E->tok = tok;
    E->mem = mem;
    int rc = sentence_open(&E->s, path, e);
    if (!rc) rc = choose_pooling(E, path, facts, o, e);
    *ret = rc ? NULL : E;
    if (rc) embedder_close(E);
    return rc;
}

void embedder_close(struct embedder *E) {
    if (!E) return;
    sentence_release(&E->s);
    strbuf_release(&E->text);
    free(E->ids.v);
    free(E);
}

int embedder_dim(const struct embedder *E) { return E->dim; }
int embedder_max_length(const struct embedder *E) { return E->max_length; }
const char *embedder_pooling(const struct embedder *E) { return pooling_name(E->pooling); }
const char *embedder_similarity(const struct embedder *E) { return E->similarity; }
bool embedder_normalizes(const struct embedder *E) { return E->normalize; }

static const char *find_prompt(const struct embedder *E, const char *name) {
    static const char *const documents[] = {"document", "passage", "corpus"};
    const char *text = json_string_value(json_object_get(E->s.prompts, name));
    for (size_t i = 1; !text && !strcmp(name, documents[0]) && i < ARRAY_LEN(documents); i++)
        text = json_string_value(json_object_get(E->s.prompts, documents[i]));
    return text;
}

bool embedder_has_prompt(const struct embedder *E, const char *name) { return find_prompt(E, name); }

const char *embedder_prompt(const struct embedder *E, const char *name) {
    const char *text = name ? find_prompt(E, name) : NULL;
    if (!text) text = E->s.default_prompt;
    return text ? text : "";
}

/* ---- texts --------------------------------------------------------------------------------------------- */

static size_t text_bytes(int n, bool typed) {
    return sizeof(struct embed_text) + (size_t)n * sizeof(int32_t) * (typed ? 2 : 1);
}

static struct embed_text *text_new(struct embedder *E, int n, bool typed) {
    struct embed_text *t = mem_alloc(E->mem, MEM_DATA, text_bytes(n, typed));
    t->n = n;
    t->typed = typed;
    return t;
}

static void add_id(struct token_ids *ids, int id) {
    GROW(ids->v, ids->n, ids->cap);
    ids->v[ids->n++] = id;
}

/* E->ids: start token, text, end token, cut to the limit; returns how long the text itself is. */
static int tokenize_text(struct embedder *E, bool special) {
    struct token_ids *ids = &E->ids;
    int bos = tokenizer_bos_to_add(E->tok), eos = tokenizer_eos_to_add(E->tok),
        limit = E->max_length - (eos >= 0);
    ids->n = 0;
    if (bos >= 0) add_id(ids, bos);
    tokenizer_encode_upto(E->tok, E->text.s ? E->text.s : "", E->text.len, special,
                          E->pairs ? INT_MAX : limit + 1, ids);
    int whole = ids->n - (bos >= 0);
    ids->n = MIN_OF(ids->n, limit);
    if (eos >= 0) add_id(ids, eos);
    return whole;
}

static void add_as_is(struct strbuf *out, const char *s, size_t n) { strbuf_add(out, s, n); }

/* Bad UTF-8 is made good first, as the tokenizer does. */
static void add_lower(struct strbuf *out, const char *s, size_t n) {
    struct strbuf good = {0};
    uniclass_repair(s, n, &good);
    if (good.len) berttext_lower(good.s, good.len, out);
    strbuf_release(&good);
}

struct embed_text *embedder_text_new(struct embedder *E, const char *prompt, const char *text, size_t len,
                                     bool special, struct err *e) {
    void (*add)(struct strbuf *, const char *, size_t) = E->s.lower_case ? add_lower : add_as_is;
    strbuf_reset(&E->text);
    if (prompt) add(&E->text, prompt, strlen(prompt));
    add(&E->text, text, len);
    int whole = tokenize_text(E, special),
        added = (tokenizer_bos_to_add(E->tok) >= 0) + (tokenizer_eos_to_add(E->tok) >= 0);
    for (int i = 0; i < E->ids.n; i++)
        if (E->ids.v[i] < 0 || E->ids.v[i] >= E->vocab) {
            err_set(e, ERR_USER,
                    "the tokenizer gives id %d but the model has %d tokens: they do not belong together",
                    E->ids.v[i], E->vocab);
            return NULL;
        }
    struct embed_text *t = text_new(E, E->ids.n, false);
    t->whole = whole;
    t->cut = whole + added > t->n;
    size_t at, n;
    len = MIN_OF(len, 64 * (size_t)E->max_length); /* what is cut off does not matter */
    t->special = !special && tokenizer_find_special(E->tok, text, len, &at, &n) >= 0;
    if (t->n) memcpy(t->ids, E->ids.v, (size_t)t->n * sizeof *t->ids);
    return t;
}

void embedder_text_free(struct embedder *E, struct embed_text *t) {
    if (t) mem_free(E->mem, MEM_DATA, t, text_bytes(t->n, t->typed));
}

/* ---- pairs --------------------------------------------------------------------------------------------- */

int embedder_pairs(struct embedder *E, struct err *e) {
    int pieces, added = 0;
    const struct tokenizer_piece *piece = tokenizer_pair(E->tok, &pieces);
    for (int i = 0; i < pieces; i++) added += piece[i].id >= 0;
    E->pairs = true;
    if (E->max_length >= added + 2) return 0;
    return err_set(e, ERR_USER, "two texts as one of %d tokens leave no room for words", E->max_length);
}

/* How many tokens of texts of *a and *b fit `room` together. */
static void cut_pair(int *a, int *b, int room) {
    int longer = MAX_OF(*a, *b), shorter = MIN_OF(*a, *b);
    if (longer + shorter <= room) return;
    bool first = *a > *b;
    shorter = MIN_OF(shorter, room / 2);
    longer = room - shorter;
    *a = first ? longer : shorter;
    *b = first ? shorter : longer;
}

struct embed_text *embedder_pair_new(struct embedder *E, const struct embed_text *a,
                                     const struct embed_text *b, struct err *e) {
    int pieces, added = 0, type = 0, len[2] = {a->whole, b->whole}, at = 0;
    const struct tokenizer_piece *piece = tokenizer_pair(E->tok, &pieces);
    const int32_t *own[] = {a->ids + (tokenizer_bos_to_add(E->tok) >= 0),
                            b->ids + (tokenizer_bos_to_add(E->tok) >= 0)};
    for (int i = 0; i < pieces; i++) {
        added += piece[i].id >= 0;
        type = MAX_OF(type, piece[i].type);
    }
    if (type && E->types && type >= E->types) {
        err_set(e, ERR_USER,
                "the tokenizer gives the second text the token type %d, the model has %d: they do not belong "
                "together",
                type, E->types);
        return NULL;
    }
    cut_pair(&len[0], &len[1], MAX_OF(E->max_length - added, 0));
    struct embed_text *t = text_new(E, len[0] + len[1] + added, type && E->types);
    t->whole = a->whole + b->whole;
    t->cut = len[0] < a->whole || len[1] < b->whole;
    for (int i = 0; i < pieces; i++) {
        int from = at, id = piece[i].id, which = id == TOKENIZER_SECOND;
        if (id >= 0) t->ids[at++] = id;
        for (int k = 0; id < 0 && k < len[which]; k++) t->ids[at++] = own[which][k];
        for (int k = from; t->typed && k < at; k++) t->ids[t->n + k] = piece[i].type;
    }
    return t;
}

/* ---- micro-batches ------------------------------------------------------------------------------------- */

struct embed_batch *embedder_batch_new(struct embedder *E, const struct embed_text *const *texts,
                                       const int64_t *rows, int n) {
    int tokens = 0;
    bool typed = false;
    for (int i = 0; i < n; i++) tokens += texts[i]->n, typed |= texts[i]->typed;
    BUG_ON(n < 1 || tokens < 1, "%d texts of %d tokens", n, tokens);
    size_t own = (sizeof(struct batch_own) + 7) / 8 * 8, packed = batch_bytes(tokens, 0, typed);
    size_t bytes = own + packed + ((size_t)n + 1) * sizeof(int32_t);
    struct batch_own *b = mem_alloc(E->mem, MEM_DATA, bytes);
    struct batch *x = &b->shown.b;
    batch_place(x, (char *)b + own, tokens, 0, typed);
    b->bytes = bytes;
    b->first = (int32_t *)(void *)((char *)b + own + packed);
    b->shown.texts = n;
    for (int i = 0; i < n; i++) {
        int len = texts[i]->n, at = batch_add(x, len, rows ? rows[i] : i);
        memcpy(x->ids + at, texts[i]->ids, (size_t)len * sizeof *x->ids);
        if (texts[i]->typed) memcpy(x->types + at, texts[i]->ids + len, (size_t)len * sizeof *x->types);
        b->first[i + 1] = at + len;
    }
    return &b->shown;
}

void embedder_batch_free(struct embedder *E, struct embed_batch *b) {
    if (b) mem_free(E->mem, MEM_DATA, b, ((struct batch_own *)b)->bytes);
}

/* ---- passes -------------------------------------------------------------------------------------------- */

void embedder_layout(struct embedder *E, struct task_net *tn, struct embed_batch *shown,
                     enum embed_pass pass) {
    struct batch_own *b = (struct batch_own *)shown;
    struct net *net = tn->net;
    bool train = pass == EMBED_TRAIN;
    size_t bytes = (size_t)shown->texts * (size_t)E->dim * sizeof(float);
    b->drawn = pass == EMBED_SCORE ? NULL : shown->b.row;
    net_draw(net, b->drawn, shown->b.pos);
    tn->model->layout(tn->model_state, net, shown->b.np, train);
    b->rows = arena_alloc(&net->tape, train ? MEM_ACT : MEM_SCRATCH, bytes);
    b->arg = E->pooling == POOL_MAX ? arena_alloc(&net->tape, train ? MEM_ACT : MEM_SCRATCH, bytes) : NULL;
    b->norm = E->normalize ? arena_alloc(&net->tape, train ? MEM_ACT : MEM_SCRATCH,
                                         (size_t)shown->texts * sizeof(float))
                           : NULL;
    if (!train) return;
    b->drows = arena_alloc(&net->tape, MEM_SCRATCH, bytes);
    b->dhidden = net_keep(net, MEM_SCRATCH, shown->b.np, E->dim);
}

float *embedder_forward(struct embedder *E, struct task_net *tn, struct embed_batch *shown) {
    struct batch_own *b = (struct batch_own *)shown;
    struct team *team = tn->net->team;
    net_draw(tn->net, b->drawn, shown->b.pos);
    const float *hidden = tn->model->forward(tn->model_state, tn->net, &shown->b);
    pool_forward(team, E->pooling, b->rows, b->arg, hidden, E->dim, E->dim, b->first, shown->texts);
    if (E->normalize) rows_normalize(team, b->rows, b->norm, E->dim, shown->texts);
    return b->rows;
}

void embedder_backward(struct embedder *E, struct task_net *tn, struct embed_batch *shown, const float *d) {
    struct batch_own *b = (struct batch_own *)shown;
    struct team *team = tn->net->team;
    if (E->normalize) {
        rows_normalize_grad(team, b->drows, d, b->rows, b->norm, E->dim, shown->texts);
        d = b->drows;
    }
    pool_backward(team, E->pooling, b->dhidden, E->dim, shown->b.np, d, b->arg, E->dim, b->first,
                  shown->texts);
    net_draw(tn->net, b->drawn, shown->b.pos);
    tn->model->backward(tn->model_state, tn->net, &shown->b, b->dhidden);
}
