/* SPDX-License-Identifier: Apache-2.0 */
/* pairs_batch.c - a micro-batch of the task `pairs`, in one piece or by gradient caching, forward and
 * backward.
 *
 * Gradient caching (Gao et al., 2101.06983): with train.mini_batch_size m below the batch size, the texts are
 * embedded m rows at a time without keeping anything, the loss gives the gradient at the embeddings, and a
 * second pass, m rows at a time, sends it back. The same gradient, half as much work again, and activations
 * as of m rows whatever the batch; embeddings and their gradients are counted as activations too.
 * Rows are dealt to the pieces so that all have about as many tokens. */
#include <stdlib.h>
#include <string.h>

#include "experiments/tasks/pairs.h"

/* ---- micro-batches ------------------------------------------------------------------------------------- */

static size_t floats_of(const struct pairs *p, const struct pairs_batch *b) {
    return (size_t)b->rows * (size_t)b->texts * (size_t)embedder_dim(p->E);
}

void pairs_batch_free(void *state, struct task_batch *tb) {
    struct pairs *p = state;
    struct pairs_batch *b = (struct pairs_batch *)tb;
    if (!b) return;
    for (int c = 0; c < b->chunks; c++) embedder_batch_free(p->E, b->chunk[c]);
    mem_free(p->mem, MEM_ACT, b->emb, floats_of(p, b) * sizeof(float));
    mem_free(p->mem, MEM_ACT, b->grad, floats_of(p, b) * sizeof(float));
    free(b->chunk);
    free(b->first);
    free(b->same);
    free(b->gold);
    free(b);
}

/* The rows that have all their texts; how many, or -1. */
static int usable_rows(struct pairs *p, const long *rows, int n, long *out, struct err *e) {
    int kept = 0;
    for (int i = 0; i < n; i++) {
        int full = texts_row(&p->split[SPLIT_TRAIN], rows[i], e);
        if (full < 0) return -1;
        if (full) out[kept++] = rows[i];
    }
    return kept;
}

/* Equal texts get equal numbers: the place of the first of them. */
static void number_texts(struct pairs *p, struct pairs_batch *b, const long *rows) {
    struct texts *x = &p->split[SPLIT_TRAIN];
    int n = b->rows * b->texts;
    const struct embed_text **t = xcalloc((size_t)n, sizeof(struct embed_text *));
    uint64_t *hash = xcalloc((size_t)n, sizeof *hash);
    for (int i = 0; i < n; i++) {
        t[i] = texts_get(x, rows[i % b->rows], i / b->rows, NULL);
        hash[i] = texts_hash(t[i]);
        b->same[i] = i;
        for (int j = 0; j < i && b->same[i] == i; j++)
            if (hash[j] == hash[i] && texts_equal(t[j], t[i])) b->same[i] = j;
    }
    free(hash);
    free(t);
}

/* Rows [from, to) of a batch, column after column. */
static struct embed_batch *make_chunk(struct pairs *p, const struct pairs_batch *b, const long *rows,
                                      int from, int to) {
    size_t n = (size_t)(to - from) * (size_t)b->texts, at = 0;
    const struct embed_text **t = xcalloc(n, sizeof(struct embed_text *));
    int64_t *key = xcalloc(n, sizeof *key);
    for (int k = 0; k < b->texts; k++)
        for (int i = from; i < to; i++, at++) {
            t[at] = texts_get(&p->split[SPLIT_TRAIN], rows[i], k, NULL);
            key[at] = (int64_t)rows[i] * TEXTS_COLUMNS + k;
        }
    struct embed_batch *e = embedder_batch_new(p->E, t, key, (int)n);
    free(key);
    free(t);
    return e;
}

static long row_tokens(struct pairs *p, long row) {
    long n = 0;
    for (int k = 0; k < p->split[SPLIT_TRAIN].columns; k++)
        n += texts_get(&p->split[SPLIT_TRAIN], row, k, NULL)->n;
    return n;
}

struct sized {
    long row, tokens;
};

static int longest_first(const void *a, const void *b) {
    const struct sized *x = a, *y = b;
    if (x->tokens != y->tokens) return (x->tokens < y->tokens) - (x->tokens > y->tokens);
    return (x->row > y->row) - (x->row < y->row);
}

/* Rows in the order in which chunks of b->first take them, so that all have about as many tokens: each row,
 * longest first, goes to the chunk with the fewest that has room. */
static void deal_rows(struct pairs *p, const struct pairs_batch *b, long *rows) {
    struct sized *x = xcalloc((size_t)b->rows, sizeof *x);
    long *tokens = xcalloc((size_t)b->chunks, sizeof *tokens);
    int *at = xcalloc((size_t)b->chunks, sizeof *at);
    for (int i = 0; i < b->rows; i++) x[i] = (struct sized){rows[i], row_tokens(p, rows[i])};
    qsort(x, (size_t)b->rows, sizeof *x, longest_first);
    for (int c = 0; c < b->chunks; c++) at[c] = b->first[c];
    for (int i = 0; i < b->rows; i++) {
        int best = -1;
        for (int c = 0; c < b->chunks; c++)
            if (at[c] < b->first[c + 1] && (best < 0 || tokens[c] < tokens[best])) best = c;
        rows[at[best]++] = x[i].row;
        tokens[best] += x[i].tokens;
    }
    free(at);
    free(tokens);
    free(x);
}

/* How many chunks, and which rows: sizes differ by one at most. */
static void plan_chunks(struct pairs *p, struct pairs_batch *b, long *rows) {
    int size = p->mini_batch && p->mini_batch < b->rows ? p->mini_batch : b->rows;
    b->chunks = (b->rows + size - 1) / size;
    b->chunk = xcalloc((size_t)b->chunks, sizeof *b->chunk);
    b->first = xcalloc((size_t)b->chunks + 1, sizeof *b->first);
    for (int c = 0; c < b->chunks; c++)
        b->first[c + 1] = b->first[c] + b->rows / b->chunks + (c < b->rows % b->chunks);
    if (b->chunks > 1) deal_rows(p, b, rows);
}

static void make_chunks(struct pairs *p, struct pairs_batch *b, const long *rows) {
    for (int c = 0; c < b->chunks; c++) {
        b->chunk[c] = make_chunk(p, b, rows, b->first[c], b->first[c + 1]);
        b->tb.tokens += b->chunk[c]->b.n;
    }
}

struct task_batch *pairs_batch(void *state, const long *rows, int n, struct err *e) {
    struct pairs *p = state;
    long *kept = xcalloc((size_t)n, sizeof *kept);
    struct pairs_batch *b = xcalloc(1, sizeof *b);
    b->texts = p->split[SPLIT_TRAIN].columns;
    b->rows = usable_rows(p, rows, n, kept, e);
    bool bad = b->rows < 0;
    /* In-batch negatives of a single pair: there are none, and nothing to learn. */
    if (b->rows == 1 && p->loss.kind == LOSS_MNR && b->texts == 2) b->rows = 0;
    if (b->rows > 0) {
        plan_chunks(p, b, kept);
        b->same = xcalloc((size_t)b->rows * (size_t)b->texts, sizeof *b->same);
        b->gold = xcalloc((size_t)b->rows, sizeof *b->gold);
        for (int i = 0; i < b->rows && p->similarity && !bad; i++)
            bad = pairs_gold(p, SPLIT_TRAIN, kept[i], &b->gold[i], e) != 0;
        number_texts(p, b, kept);
        make_chunks(p, b, kept);
        b->emb = mem_alloc(p->mem, MEM_ACT, floats_of(p, b) * sizeof(float));
        b->grad = mem_alloc(p->mem, MEM_ACT, floats_of(p, b) * sizeof(float));
    }
    b->tb.weight = MAX_OF(b->rows, 0);
    free(kept);
    if (!bad) return &b->tb;
    b->rows = MAX_OF(b->rows, 0);
    pairs_batch_free(p, &b->tb);
    return NULL;
}

/* ---- passes -------------------------------------------------------------------------------------------- */

static void layout_loss(struct pairs *p, struct task_net *tn, struct pairs_batch *b) {
    loss_layout(&b->work, &tn->net->tape, b->rows, b->texts, embedder_dim(p->E));
}

/* A batch in one piece holds all at once; in several, each of its passes has the tape for itself. */
void pairs_layout(void *state, struct task_net *tn, const struct task_batch *tb, bool train) {
    struct pairs *p = state;
    struct pairs_batch *b = (struct pairs_batch *)tb;
    struct arena *tape = &tn->net->tape;
    if (!train || b->chunks == 1) {
        embedder_layout(p->E, tn, b->chunk[0], train ? EMBED_TRAIN : EMBED_SCORE);
        if (train) layout_loss(p, tn, b);
        return;
    }
    for (int c = 0; c < b->chunks; c++) {
        arena_reset(tape);
        embedder_layout(p->E, tn, b->chunk[c], EMBED_REHEARSE);
    }
    arena_reset(tape);
    layout_loss(p, tn, b);
    for (int c = 0; c < b->chunks; c++) {
        arena_reset(tape);
        embedder_layout(p->E, tn, b->chunk[c], EMBED_TRAIN);
    }
}

/* Between the embeddings of a chunk and those of the batch: [texts][chunk rows] and [texts][rows]. */
static float *in_batch(const struct pairs *p, const struct pairs_batch *b, float *all, int c, int k) {
    return all + ((size_t)k * (size_t)b->rows + (size_t)b->first[c]) * (size_t)embedder_dim(p->E);
}

static size_t chunk_floats(const struct pairs *p, const struct pairs_batch *b, int c) {
    return (size_t)(b->first[c + 1] - b->first[c]) * (size_t)embedder_dim(p->E);
}

static void embed_chunk(struct pairs *p, struct task_net *tn, struct pairs_batch *b, int c) {
    const float *y = embedder_forward(p->E, tn, b->chunk[c]);
    size_t n = chunk_floats(p, b, c);
    for (int k = 0; k < b->texts; k++) memcpy(in_batch(p, b, b->emb, c, k), y + (size_t)k * n, n * sizeof *y);
}

static double run_loss(struct pairs *p, struct task_net *tn, struct pairs_batch *b, double scale) {
    struct loss_input in = {.rows = b->rows,
                            .texts = b->texts,
                            .dim = embedder_dim(p->E),
                            .emb = b->emb,
                            .same = b->same,
                            .score = b->gold};
    return b->rows * loss_run(tn->net->team, &b->work, &p->loss, &in, b->grad, scale * b->rows);
}

static double run_cached(struct pairs *p, struct task_net *tn, struct pairs_batch *b, double scale) {
    struct arena *tape = &tn->net->tape;
    for (int c = 0; c < b->chunks; c++) {
        arena_reset(tape);
        embedder_layout(p->E, tn, b->chunk[c], EMBED_REHEARSE);
        embed_chunk(p, tn, b, c);
    }
    arena_reset(tape);
    layout_loss(p, tn, b);
    double loss = run_loss(p, tn, b, scale);
    for (int c = 0; c < b->chunks; c++) {
        arena_reset(tape);
        embedder_layout(p->E, tn, b->chunk[c], EMBED_TRAIN);
        embedder_forward(p->E, tn, b->chunk[c]);
        size_t n = chunk_floats(p, b, c);
        float *d = b->emb; /* has done its work */
        for (int k = 0; k < b->texts; k++)
            memcpy(d + (size_t)k * n, in_batch(p, b, b->grad, c, k), n * sizeof *d);
        embedder_backward(p->E, tn, b->chunk[c], d);
    }
    return loss;
}

double pairs_run(void *state, struct task_net *tn, const struct task_batch *tb, bool train, double scale) {
    struct pairs *p = state;
    struct pairs_batch *b = (struct pairs_batch *)tb;
    if (!train) {
        pairs_score_add(p, b, embedder_forward(p->E, tn, b->chunk[0]));
        return 0;
    }
    if (b->chunks > 1) return run_cached(p, tn, b, scale);
    embed_chunk(p, tn, b, 0);
    double loss = run_loss(p, tn, b, scale);
    embedder_backward(p->E, tn, b->chunk[0], b->grad);
    return loss;
}
