/* transformer_cache.c - keys and values of one sequence, kept while it grows.
 *
 * Each layer has two panel buffers over the whole capacity; token t of the sequence is lane t % 32 of panel t
 * / 32, as in a packed batch, so that the kernel of attention_forward serves: the new tokens are the queries,
 * query i sees the keys [0, position of i + 1), which is what a causal mask over the whole sequence would
 * leave it. Everything else of a pass is transformer_forward over the new tokens.
 *
 * A pass over one new token multiplies matrices by a vector (team_one_token); one over a few costs as much as 32. Limits: one sequence. */
#include <stdlib.h>

#include "experiments/models/transformer.h"
#include "harness/util.h"

struct kv {
    struct net *net;
    int layers, width; /* width: features of the keys, and of the values, of one token */
    int n, capacity;   /* tokens held before this pass */
    int added;         /* tokens of this pass */
    size_t stride;     /* floats of one layer's keys */
    float *k, *v;      /* [layers] of panels; lanes not yet written are zero */
};

static size_t kv_bytes(const struct kv *kv) { return (size_t)kv->layers * kv->stride * sizeof(float); }

struct kv *transformer_kv_new(void *state, struct net *net, int capacity) {
    const struct transformer *t = state;
    struct kv *kv = xcalloc(1, sizeof *kv);
    BUG_ON(capacity < 1 || capacity > t->table_positions, "capacity %d, positions %d", capacity,
           t->table_positions);
    kv->net = net;
    kv->layers = t->o.layers;
    kv->width = t->o.kv_heads * t->o.head_dim;
    kv->capacity = capacity;
    kv->stride = panel_floats(panels(capacity), kv->width);
    kv->k = mem_alloc(net->mem, MEM_SCRATCH, kv_bytes(kv));
    kv->v = mem_alloc(net->mem, MEM_SCRATCH, kv_bytes(kv));
    return kv;
}

void transformer_kv_free(struct kv *kv) {
    if (!kv) return;
    mem_free(kv->net->mem, MEM_SCRATCH, kv->k, kv_bytes(kv));
    mem_free(kv->net->mem, MEM_SCRATCH, kv->v, kv_bytes(kv));
    free(kv);
}

/* Lanes of the new tokens to their places behind those that are held. */
static void add_tokens(const struct kv *kv, float *to, const float *from, int ld) {
    for (int i = 0; i < kv->added; i++) {
        int at = kv->n + i;
        float *y = to + (size_t)(at / PANEL) * (size_t)kv->width * PANEL + at % PANEL;
        const float *x = from + (size_t)(i / PANEL) * (size_t)ld * PANEL + i % PANEL;
        for (size_t f = 0; f < (size_t)kv->width; f++) y[f * PANEL] = x[f * PANEL];
    }
}

void transformer_kv_attention(struct kv *kv, int l, const struct attention *a, float *o, int ldo, float *lse,
                              const float *q, int ldq, const float *k, int ldk, const float *v, int ldv) {
    float *keys = kv->k + (size_t)l * kv->stride, *values = kv->v + (size_t)l * kv->stride;
    struct attention whole = *a;
    whole.causal = false; /* end[] of the pass says it: see transformer_extend */
    add_tokens(kv, keys, k, ldk);
    add_tokens(kv, values, v, ldv);
    attention_forward(kv->net->team, &whole, o, ldo, lse, q, ldq, keys, kv->width, values, kv->width);
}

const float *transformer_extend(void *state, struct net *net, struct kv *kv, const int32_t *ids, int n) {
    struct transformer *t = state;
    int lanes = panels(n) * PANEL;
    BUG_ON(n < 1 || n > kv->capacity - kv->n, "%d tokens after %d, room for %d", n, kv->n, kv->capacity);
    arena_reset(&net->tape);
    int32_t *all = arena_alloc(&net->tape, MEM_DATA, 4 * (size_t)lanes * sizeof *all);
    int32_t *id = all, *pos = id + lanes, *start = pos + lanes, *end = start + lanes;
    for (int i = 0; i < lanes; i++) {
        id[i] = i < n ? ids[i] : 0;
        pos[i] = i < n ? kv->n + i : 0;
        start[i] = 0;
        end[i] = i < n ? kv->n + i + 1 : 0;
    }
    struct batch b = {.n = n, .np = panels(n), .ids = id, .pos = pos, .start = start, .end = end};
    transformer_layout(t, net, b.np, false);
    kv->added = n;
    t->kv = kv;
    team_one_token(net->team, n == 1);
    const float *hidden = transformer_forward(t, net, &b);
    team_one_token(net->team, false);
    t->kv = NULL;
    kv->n += n;
    return hidden;
}
