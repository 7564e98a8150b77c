/* transformer.h - one configurable pre-norm decoder block and the passes over a stack of them.
 *
 *   a = x + o(attention(rope(q(n1(x))), rope(k(n1(x))), v(n1(x))))       n1, n2: RMSNorm
 *   y = a + down(silu(gate(n2(a))) * up(n2(a)))
 *
 * An architecture file fills the options and the names; it owns the mapping from its files' tensor names.
 * What is kept for backward per layer: x, a, q, k, v (after rope), log-sum-exp, gate, up; and the inputs of the sites that want them
 * (n1(x), the attention's output, n2(a), the MLP's product), which are otherwise pass scratch and, for the norms, recomputed by nobody.
 * Layers below the lowest trained parameter keep nothing and get no gradient. */
#ifndef BENCH_MODELS_TRANSFORMER_H
#define BENCH_MODELS_TRANSFORMER_H

#include "harness/model.h"

struct transformer_options {
    int layers, hidden, heads, kv_heads, head_dim, ff, vocab, max_positions;
    float norm_eps, rope_theta;
    bool tied; /* the head is the embedding */
    int bos_id, eos_id;
};

enum layer_site { SITE_Q, SITE_K, SITE_V, SITE_O, SITE_GATE, SITE_UP, SITE_DOWN, LAYER_SITES };
enum layer_norm { NORM_ATTENTION, NORM_MLP, LAYER_NORMS };

/* The tensors of a model, declared by the architecture file. */
struct transformer_layer {
    struct site *site[LAYER_SITES];
    struct param *norm[LAYER_NORMS];
    /* One pass, on the tape. Kept or shared by all layers, as the layout decides. */
    float *x, *n1, *q, *k, *v, *lse, *ao, *a, *n2, *gate, *up, *h;
};

struct transformer {
    struct transformer_options o;
    struct param *embed, *final_norm, *head;
    struct transformer_layer *layer; /* [layers] */
    int lowest; /* lowest layer with a trained parameter; -1: the embedding trains; layers: none but the head or final norm */
    float *cos_table, *sin_table;    /* [table_positions][head_dim/2] */
    struct mem *mem;
    int table_positions;
    struct kv *kv; /* the cache that this pass extends, or NULL: see transformer_cache.c */
    float *x_last, *hidden;                                      /* after the last layer, and normed */
    float *dx, *dn, *dq, *dk, *dv, *delta, *dao, *dh;            /* backward scratch */
};

/* Made by the architecture file: options set, layers allocated, rotary tables for sequences of up to `positions` tokens. */
struct transformer *transformer_new(const struct transformer_options *o, struct mem *m, long positions);
void transformer_free(void *t);
void transformer_facts(const void *t, struct model_facts *f);
void transformer_bound(void *t, struct net *net);
void transformer_layout(void *t, struct net *net, int np, bool train);
const float *transformer_forward(void *t, struct net *net, const struct batch *b);
void transformer_backward(void *t, struct net *net, const struct batch *b, float *dh);

/* Generation (transformer_cache.c); the hooks of struct model. */
struct kv *transformer_kv_new(void *t, struct net *net, int capacity);
void transformer_kv_free(struct kv *kv);
const float *transformer_extend(void *t, struct net *net, struct kv *kv, const int32_t *ids, int n);
/* Attention of a pass that extends a cache: layer l's keys and values of the new tokens (after any rotation) are added, then the queries see the
 * whole cache. `a` describes the new tokens alone. */
void transformer_kv_attention(struct kv *kv, int l, const struct attention *a, float *o, int ldo, float *lse, const float *q, int ldq,
                              const float *k, int ldk, const float *v, int ldv);

#endif
