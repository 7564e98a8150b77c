/* SPDX-License-Identifier: Apache-2.0 */
/* transformer.h - one configurable block, for decoders and encoders, and the passes over a stack of them.
 *
 *   a = x + o(attention(q, k, v))       q, k, v: sites of n1(x), or one site with all three one after the
 *     other; q and k rotated or not
 *   y = a + down(h),                    h = silu(gate(n2(a))) * up(n2(a)), or gelu(up(n2(a)))
 *
 * n1, n2 and the last norm are RMSNorm or LayerNorm; learned positions and a token type are added to the
 * embedding. With post_norm (BERT) the sums start from what the norm before them gives, a = n1(x) + ..., y =
 * n2(a) + ...: n1 of layer 0 is then the norm of the embedding, n1 of layer l the last norm of layer l - 1,
 * and the last norm that of the last layer. A site has a bias when its architecture says so. An architecture
 * file fills the options and the names; it owns the mapping from its files' tensor names. What is kept for
 * backward per layer: x, a, q, k, v (after rope), log-sum-exp, the MLP before its activation; and the inputs
 * of the sites that want them (n1(x), the attention's output, n2(a), the MLP's product), which are otherwise
 * pass scratch and, for the norms, recomputed by nobody. Layers below the lowest trained parameter keep
 * nothing and get no gradient. */
#ifndef BENCH_MODELS_TRANSFORMER_H
#define BENCH_MODELS_TRANSFORMER_H

#include "harness/core/model.h"
#include "harness/nn/kernels/attention.h"

struct transformer_options {
    int layers, hidden, heads, kv_heads, head_dim, ff, vocab, max_positions;
    float norm_eps, rope_theta;
    float rope_factor; /* rotary: positions are divided by it (linear scaling); 1: as they are */
    bool tied;         /* the head is the embedding */
    int bos_id;
    struct ends ends;
    bool layernorm;         /* else RMSNorm */
    bool learned_positions; /* else rotary */
    bool fused_qkv;         /* SITE_Q is [q; k; v], SITE_K and SITE_V are NULL */
    bool plain_mlp;         /* gelu(up), SITE_GATE is NULL; else silu(gate) * up */
    bool gelu_erf;          /* gelu by erf; else its tanh form */
    bool post_norm;         /* residual sums start from the norms' outputs, as above */
    bool bidirectional;     /* a token sees its whole sequence; else itself and what stands before it */
    int position_offset;    /* learned: position p is row p + position_offset (RoBERTa: 2) */
    enum class_kind class_head;
    bool unscaled;       /* scores are not divided by sqrt(head_dim) */
    bool scale_by_layer; /* but, in layer l, by l + 1 */
};

enum layer_site { SITE_Q, SITE_K, SITE_V, SITE_O, SITE_GATE, SITE_UP, SITE_DOWN, LAYER_SITES };
enum layer_norm { NORM_ATTENTION, NORM_MLP, LAYER_NORMS };

/* The tensors of a model, declared by the architecture file. Shapes: np panels of tokens, D hidden, H heads,
 * G kv_heads, hd head_dim, F ff, V vocab; [np][f][32] are panels (panel.h). */
struct transformer_layer {
    struct site *site[LAYER_SITES];                           /* NULL: not of this architecture */
    struct param *norm[LAYER_NORMS], *norm_bias[LAYER_NORMS]; /* norm_bias: LayerNorm's, else NULL */
    /* One pass, on the tape. Kept or shared by all layers, as the layout decides. q, k, v may be slices of
     * one buffer. */
    float *x, *n1;        /* [np][D][32]: the layer's input, and normed */
    float *q;             /* [np][H hd][32] */
    float *k, *v;         /* [np][G hd][32] */
    float *lse;           /* [np][H][32]: log-sum-exp of the scores */
    float *ao;            /* [np][H hd][32]: what attention gives, before its projection */
    float *a, *n2;        /* [np][D][32]: after attention, and normed */
    float *gate, *up, *h; /* [np][F][32] */
};

struct transformer {
    struct transformer_options o;
    struct param *embed, *head;                 /* [V, D] */
    struct param *final_norm, *final_norm_bias; /* [D] */
    struct param *positions;         /* learned: [position_offset + max_positions, hidden]; else NULL */
    struct param *types;             /* token types: [types, hidden]; else NULL */
    struct transformer_layer *layer; /* [layers] */
    /* lowest layer with a trained parameter; -1: an embedding trains; layers: none but the head or final
     * norm */
    int lowest;
    float *cos_table, *sin_table; /* rotary: [table_positions][head_dim/2]; else NULL */
    struct mem *mem;
    int table_positions;
    /* The cache that this pass extends, and how it attends; NULL in any other pass: see
     * transformer_cache.c. */
    struct kv *kv;
    void (*kv_attention)(struct kv *kv, int l, const struct attention *a, float *o, int ldo, float *lse,
                         const float *q, int ldq, const float *k, int ldk, const float *v, int ldv);
    float *x_last, *hidden; /* [np][D][32]: after the last layer, and normed */
    int32_t *type_ids;      /* [np * 32]: the batch's, or zeros; where there are types */
    /* Scratch of backward: gradients of the layer's x, n1, q, k, v, ao and h (shapes as theirs), and
     * attention's sum of P dP. */
    float *dx, *dn, *dq, *dk, *dv, *dao, *dh;
    float *delta; /* [np][H][32] */
};

/* Made by the architecture file: options set, layers allocated, any rotary tables for sequences of up to
 * `positions` tokens. */
struct transformer *transformer_new(const struct transformer_options *o, struct mem *m, long positions);
void transformer_free(void *t);
void transformer_facts(const void *t, struct model_facts *f);
void transformer_bound(void *t, struct net *net);
void transformer_layout(void *t, struct net *net, int np, bool train);
const float *transformer_forward(void *t, struct net *net, const struct batch *b);
void transformer_backward(void *t, struct net *net, const struct batch *b, float *dh);

/* Generation (transformer_cache.c); the hooks of struct model. */
struct kv *transformer_kv_new(void *t, struct net *net, const int *capacity, int sequences);
void transformer_kv_free(struct kv *kv);
const float *transformer_extend(void *t, struct net *net, struct kv *kv, const int *sequence,
                                const int32_t *ids, int n);

#endif
