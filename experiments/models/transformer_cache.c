/* SPDX-License-Identifier: Apache-2.0 */
/* transformer_cache.c - keys and values of sequences, kept while they grow.
 *
 * Each layer has two panel buffers over the capacity of all sequences; sequence s has the lanes from base[s]
 * on, token t of them is lane t % 32 of panel t / 32, as in a packed batch, so that the kernel of
 * attention_forward serves: the new tokens are the queries, query i sees the keys [base, its own place + 1),
 * which is what a causal mask over the whole sequence would leave it. Everything else of a pass is
 * transformer_forward over the new tokens.
 *
 * A pass over one new token multiplies matrices by a vector (team_one_token); one over a few costs as much as
 * 32, which is why many sequences go through together. Attention goes through the keys of every sequence from
 * the first of a panel's queries to the last. */
#include <stdlib.h>
#include <string.h>

#include "experiments/models/transformer.h"
#include "harness/base/util.h"
#include "harness/nn/kernels/attention.h"

struct kv {
    struct net *net;
    int layers, width; /* width: features of the keys, and of the values, of one token */
    int sequences;
    /* [sequences + 1] first lane of each; [sequences] tokens of each before this pass */
    int *base, *held;
    const int32_t *place; /* [added] lanes of this pass's tokens */
    int added;
    size_t stride; /* floats of one layer's keys */
    float *k, *v;  /* [layers] of panels; lanes not yet written are zero */
};

static size_t kv_bytes(const struct kv *kv) { return 2 * (size_t)kv->layers * kv->stride * sizeof(float); }

struct kv *transformer_kv_new(void *state, struct net *net, const int *capacity, int sequences) {
    const struct transformer *t = state;
    int total = 0, width = t->o.kv_heads * t->o.head_dim;
    for (int s = 0; s < sequences; s++) {
        BUG_ON(capacity[s] < 1 || capacity[s] > t->table_positions, "capacity %d, positions %d", capacity[s],
               t->table_positions);
        total += capacity[s];
    }
    struct kv kv = {.net = net,
                    .layers = t->o.layers,
                    .width = width,
                    .sequences = sequences,
                    .stride = panel_floats(panels(total), width)};
    kv.k = mem_alloc(net->mem, MEM_SCRATCH, kv_bytes(&kv)); /* first: a refusal does not come back */
    kv.v = kv.k + (size_t)kv.layers * kv.stride;
    kv.base = xcalloc(2 * (size_t)sequences + 1, sizeof *kv.base);
    kv.held = kv.base + sequences + 1;
    for (int s = 0; s < sequences; s++) kv.base[s + 1] = kv.base[s] + capacity[s];
    struct kv *ret = xcalloc(1, sizeof *ret);
    *ret = kv;
    return ret;
}

void transformer_kv_free(struct kv *kv) {
    if (!kv) return;
    mem_free(kv->net->mem, MEM_SCRATCH, kv->k, kv_bytes(kv));
    free(kv->base);
    free(kv);
}

/* Lanes of the new tokens to their places. */
static void add_tokens(const struct kv *kv, float *to, const float *from, int ld) {
    for (int i = 0; i < kv->added; i++) {
        int at = kv->place[i];
        float *y = to + (size_t)(at / PANEL) * (size_t)kv->width * PANEL + at % PANEL;
        const float *x = from + (size_t)(i / PANEL) * (size_t)ld * PANEL + i % PANEL;
        for (size_t f = 0; f < (size_t)kv->width; f++) y[f * PANEL] = x[f * PANEL];
    }
}

/* Attention of a pass that extends a cache: layer l's keys and values of the new tokens (after any rotation)
 * are added, then the queries see the whole cache. `a` describes the new tokens alone. */
static void kv_attention(struct kv *kv, int l, const struct attention *a, float *o, int ldo, float *lse,
                         const float *q, int ldq, const float *k, int ldk, const float *v, int ldv) {
    float *keys = kv->k + (size_t)l * kv->stride, *values = kv->v + (size_t)l * kv->stride;
    struct attention whole = *a;
    whole.causal = false; /* end[] of the pass says it: see transformer_extend */
    add_tokens(kv, keys, k, ldk);
    add_tokens(kv, values, v, ldv);
    attention_forward(kv->net->team, &whole, o, ldo, lse, q, ldq, keys, kv->width, values, kv->width);
}

const float *transformer_extend(void *state, struct net *net, struct kv *kv, const int *sequence,
                                const int32_t *ids, int n) {
    struct transformer *t = state;
    int lanes = panels(n) * PANEL;
    arena_reset(&net->tape);
    int32_t *all = arena_alloc(&net->tape, MEM_DATA, 5 * (size_t)lanes * sizeof *all);
    transformer_layout(t, net, panels(n), false);
    if (net->mem->counting) return NULL;
    int32_t *id = all, *pos = id + lanes, *start = pos + lanes, *end = start + lanes, *place = end + lanes;
    memset(all, 0, 5 * (size_t)lanes * sizeof *all);
    for (int i = 0; i < n; i++) {
        int s = sequence ? sequence[i] : 0;
        id[i] = ids[i];
        pos[i] = kv->held[s]++;
        start[i] = kv->base[s];
        place[i] = kv->base[s] + pos[i];
        end[i] = place[i] + 1;
        BUG_ON(end[i] > kv->base[s + 1], "token %d of sequence %d, room for %d", pos[i], s,
               kv->base[s + 1] - kv->base[s]);
    }
    struct batch b = {.n = n, .np = panels(n), .ids = id, .pos = pos, .start = start, .end = end};
    kv->added = n;
    kv->place = place;
    t->kv = kv;
    t->kv_attention = kv_attention;
    team_one_token(net->team, n == 1);
    const float *hidden = transformer_forward(t, net, &b);
    team_one_token(net->team, false);
    t->kv = NULL;
    return hidden;
}
