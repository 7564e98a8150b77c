/* SPDX-License-Identifier: Apache-2.0 */
/* transformer.c - see transformer.h. */
#include "experiments/models/transformer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/util.h"
#include "harness/nn/kernels/layers.h"
#include "harness/nn/kernels/attention.h"

static size_t table_bytes(const struct transformer *t) {
    return (size_t)t->table_positions * (size_t)(t->o.head_dim / 2) * sizeof(float);
}

struct transformer *transformer_new(const struct transformer_options *o, struct mem *m, long positions) {
    struct transformer *t = xcalloc(1, sizeof *t);
    t->o = *o;
    t->mem = m;
    t->layer = xcalloc((size_t)o->layers, sizeof *t->layer);
    t->table_positions = (int)MIN_OF(positions, (long)o->max_positions);
    if (o->learned_positions) return t;
    BUG_ON(!(o->rope_factor > 0 && o->rope_theta > 0), "rotary positions by %g, base %g",
           (double)o->rope_factor, (double)o->rope_theta);
    t->cos_table = mem_alloc(m, MEM_MISC, table_bytes(t));
    t->sin_table = mem_alloc(m, MEM_MISC, table_bytes(t));
    if (!m->counting)
        rope_table(t->cos_table, t->sin_table, t->table_positions, o->head_dim, o->rope_theta,
                   o->rope_factor);
    return t;
}

void transformer_free(void *state) {
    struct transformer *t = state;
    if (!t) return;
    if (t->cos_table) mem_free(t->mem, MEM_MISC, t->cos_table, table_bytes(t));
    if (t->sin_table) mem_free(t->mem, MEM_MISC, t->sin_table, table_bytes(t));
    free(t->layer);
    free(t);
}

void transformer_facts(const void *state, struct model_facts *f) {
    const struct transformer *t = state;
    *f = (struct model_facts){.hidden = t->o.hidden,
                              .causal = !t->o.bidirectional,
                              .vocab = t->o.vocab,
                              .layers = t->o.layers,
                              .max_positions = t->o.max_positions,
                              .types = t->types ? t->types->rows : 0,
                              .bos_id = t->o.bos_id,
                              .ends = t->o.ends,
                              .class_head = t->o.class_head,
                              .head = t->head};
}

static bool is_trained(const struct param *p) { return p && p->role == PARAM_TRAIN; }

static bool layer_trains(const struct transformer_layer *L, bool training) {
    for (int i = 0; i < LAYER_NORMS; i++)
        if (is_trained(L->norm[i]) || is_trained(L->norm_bias[i])) return true;
    for (int i = 0; i < LAYER_SITES; i++) {
        const struct site *s = L->site[i];
        if (s && (is_trained(s->W) || is_trained(s->b) || (s->adapted && training))) return true;
    }
    return false;
}

void transformer_bound(void *state, struct net *net) {
    struct transformer *t = state;
    t->lowest = 0;
    while (t->lowest < t->o.layers && !layer_trains(&t->layer[t->lowest], net->training)) t->lowest++;
    if (is_trained(t->embed) || is_trained(t->positions) || is_trained(t->types)) t->lowest = -1;
}

/* ---- widths -------------------------------------------------------------------------------------------- */

/* Features of the queries, and of the keys (or values). */
static int width_q(const struct transformer *t) { return t->o.heads * t->o.head_dim; }
static int width_kv(const struct transformer *t) { return t->o.kv_heads * t->o.head_dim; }
/* Features per panel of the buffers that hold them. */
static int ld_q(const struct transformer *t) {
    return t->o.fused_qkv ? width_q(t) + 2 * width_kv(t) : width_q(t);
}
static int ld_kv(const struct transformer *t) { return t->o.fused_qkv ? ld_q(t) : width_kv(t); }

/* ---- memory of a pass ---------------------------------------------------------------------------------- */

/* A buffer of this layer: kept on the tape, or the one that all layers share. */
static float *tape_buffer(struct net *net, bool kept, float **shared, int np, int d) {
    if (kept) return net_keep(net, MEM_ACT, np, d);
    if (!*shared) *shared = net_keep(net, MEM_SCRATCH, np, d);
    return *shared;
}

static bool wants_x(const struct site *s) { return s && s->need_x; }

/* k and v behind q where one site makes all three. */
static void slice_qkv(const struct transformer *t, float *q, float **k, float **v) {
    *k = q + (size_t)width_q(t) * PANEL;
    *v = *k + (size_t)width_kv(t) * PANEL;
}

static void layout_layer(struct transformer *t, struct net *net, int l, int np, bool train,
                         struct transformer_layer *shared) {
    struct transformer_layer *L = &t->layer[l];
    const struct transformer_options *o = &t->o;
    struct site **s = L->site;
    bool keep = train && l >= t->lowest;
    bool x_wanted = wants_x(s[SITE_Q]) || wants_x(s[SITE_K]) || wants_x(s[SITE_V]);
    /* Without backward x and a may be one buffer: the layer's output replaces its input. */
    L->x = tape_buffer(net, keep, &shared->x, np, o->hidden);
    L->n1 = tape_buffer(net, keep && x_wanted, &shared->n1, np, o->hidden);
    L->q = tape_buffer(net, keep, &shared->q, np, ld_q(t));
    if (o->fused_qkv)
        slice_qkv(t, L->q, &L->k, &L->v);
    else {
        L->k = tape_buffer(net, keep, &shared->k, np, ld_kv(t));
        L->v = tape_buffer(net, keep, &shared->v, np, ld_kv(t));
    }
    L->lse = tape_buffer(net, keep, &shared->lse, np, o->heads);
    L->ao = tape_buffer(net, keep && wants_x(s[SITE_O]), &shared->ao, np, width_q(t));
    L->a = tape_buffer(net, keep, &shared->a, np, o->hidden);
    L->n2 =
        tape_buffer(net, keep && (wants_x(s[SITE_GATE]) || wants_x(s[SITE_UP])), &shared->n2, np, o->hidden);
    if (!o->plain_mlp) L->gate = tape_buffer(net, keep, &shared->gate, np, o->ff);
    L->up = tape_buffer(net, keep, &shared->up, np, o->ff);
    L->h = tape_buffer(net, keep && wants_x(s[SITE_DOWN]), &shared->h, np, o->ff);
    for (int i = 0; i < LAYER_SITES; i++)
        if (s[i]) site_layout(net, s[i], np);
}

void transformer_layout(void *state, struct net *net, int np, bool train) {
    struct transformer *t = state;
    const struct transformer_options *o = &t->o;
    struct transformer_layer shared = {0};
    for (int l = 0; l < o->layers; l++) layout_layer(t, net, l, np, train, &shared);
    t->x_last = net_keep(net, train ? MEM_ACT : MEM_SCRATCH, np, o->hidden);
    t->hidden = net_keep(net, MEM_SCRATCH, np, o->hidden);
    if (t->types)
        t->type_ids = arena_alloc(&net->tape, MEM_SCRATCH, (size_t)np * PANEL * sizeof *t->type_ids);
    if (!train) return;
    /* What forward only passed through is free again in backward. */
    t->dx = net_keep(net, MEM_SCRATCH, np, o->hidden);
    t->dn = tape_buffer(net, false, &shared.n2, np, o->hidden);
    t->dq = net_keep(net, MEM_SCRATCH, np, ld_q(t));
    if (o->fused_qkv)
        slice_qkv(t, t->dq, &t->dk, &t->dv);
    else {
        t->dk = net_keep(net, MEM_SCRATCH, np, ld_kv(t));
        t->dv = net_keep(net, MEM_SCRATCH, np, ld_kv(t));
    }
    t->delta = net_keep(net, MEM_SCRATCH, np, o->heads);
    t->dao = tape_buffer(net, false, &shared.ao, np, width_q(t));
    t->dh = tape_buffer(net, false, &shared.h, np, o->ff);
}

/* ---- forward ------------------------------------------------------------------------------------------- */

static struct attention attention_of(const struct transformer *t, const struct transformer_layer *L,
                                     const struct batch *b) {
    float scale = t->o.unscaled ? 1.0f : 1.0f / sqrtf((float)t->o.head_dim);
    if (t->o.scale_by_layer) scale /= (float)(L - t->layer + 1);
    return (struct attention){.heads = t->o.heads,
                              .kv_heads = t->o.kv_heads,
                              .hd = t->o.head_dim,
                              .scale = scale,
                              .causal = !t->o.bidirectional,
                              .start = b->start,
                              .end = b->end,
                              .np = b->np};
}

static void forward_norm(const struct transformer *t, struct net *net, float *y, const float *x,
                         const struct param *gamma, const struct param *beta, int np) {
    int D = t->o.hidden;
    if (t->o.layernorm)
        layernorm_forward(net->team, y, D, x, D, gamma->value, beta->value, D, np, t->o.norm_eps);
    else
        rmsnorm_forward(net->team, y, D, x, D, gamma->value, D, np, t->o.norm_eps);
}

/* Rotate queries and keys (or back: their gradients) in place. */
static void rotate_heads(const struct transformer *t, struct net *net, float *q, float *k,
                         const struct batch *b, bool inverse) {
    const struct transformer_options *o = &t->o;
    if (o->learned_positions) return;
    rope_apply(net->team, q, ld_q(t), o->heads, o->head_dim, b->pos, t->cos_table, t->sin_table, b->np,
               inverse);
    rope_apply(net->team, k, ld_kv(t), o->kv_heads, o->head_dim, b->pos, t->cos_table, t->sin_table, b->np,
               inverse);
}

static void forward_attention(struct transformer *t, struct net *net, struct transformer_layer *L,
                              const struct batch *b) {
    int D = t->o.hidden, dq = width_q(t), lq = ld_q(t), lkv = ld_kv(t), np = b->np;
    struct attention at = attention_of(t, L, b);
    forward_norm(t, net, L->n1, L->x, L->norm[NORM_ATTENTION], L->norm_bias[NORM_ATTENTION], np);
    site_forward(net, L->site[SITE_Q], L->n1, D, L->q, lq, np);
    if (!t->o.fused_qkv) {
        site_forward(net, L->site[SITE_K], L->n1, D, L->k, lkv, np);
        site_forward(net, L->site[SITE_V], L->n1, D, L->v, lkv, np);
    }
    rotate_heads(t, net, L->q, L->k, b, false);
    if (t->kv)
        t->kv_attention(t->kv, (int)(L - t->layer), &at, L->ao, dq, L->lse, L->q, lq, L->k, lkv, L->v, lkv);
    else
        attention_forward(net->team, &at, L->ao, dq, L->lse, L->q, lq, L->k, lkv, L->v, lkv);
    site_forward(net, L->site[SITE_O], L->ao, dq, L->a, D, np);
    panel_add(net->team, L->a, D, t->o.post_norm ? L->n1 : L->x, D, D, np);
}

static void forward_mlp(struct transformer *t, struct net *net, struct transformer_layer *L, float *y,
                        int np) {
    int D = t->o.hidden, F = t->o.ff;
    forward_norm(t, net, L->n2, L->a, L->norm[NORM_MLP], L->norm_bias[NORM_MLP], np);
    site_forward(net, L->site[SITE_UP], L->n2, D, L->up, F, np);
    if (t->o.plain_mlp && t->o.gelu_erf)
        gelu_erf_forward(net->team, L->h, F, L->up, F, F, np);
    else if (t->o.plain_mlp)
        gelu_forward(net->team, L->h, F, L->up, F, F, np);
    else {
        site_forward(net, L->site[SITE_GATE], L->n2, D, L->gate, F, np);
        silu_mul_forward(net->team, L->h, F, L->gate, F, L->up, F, F, np);
    }
    site_forward(net, L->site[SITE_DOWN], L->h, F, y, D, np);
    panel_add(net->team, y, D, t->o.post_norm ? L->n2 : L->a, D, D, np);
}

/* x += row ids[i] of the table for token i; by way of a buffer that is not yet in use. */
static void add_rows(struct transformer *t, struct net *net, float *x, const struct weight *table,
                     const int32_t *ids, int n) {
    int D = t->o.hidden;
    embed_forward(net->team, t->hidden, D, table, ids, n);
    panel_add(net->team, x, D, t->hidden, D, D, panels(n));
}

/* The table without its first rows, which stand for no position. */
static struct weight position_table(const struct transformer *t) {
    struct weight w = t->positions->w;
    w.data = (const char *)w.data + (size_t)t->o.position_offset * w.row_bytes;
    w.rows -= t->o.position_offset;
    return w;
}

static void forward_embedding(struct transformer *t, struct net *net, const struct batch *b) {
    float *x = t->layer[0].x;
    BUG_ON(b->d_in, "tokens of %d numbers", b->d_in);
    embed_forward(net->team, x, t->o.hidden, &t->embed->w, b->ids, b->n);
    if (t->types) {
        size_t bytes = (size_t)b->np * PANEL * sizeof *t->type_ids;
        if (b->types)
            memcpy(t->type_ids, b->types, bytes);
        else
            memset(t->type_ids, 0, bytes);
        add_rows(t, net, x, &t->types->w, t->type_ids, b->n);
    }
    if (!t->positions) return;
    struct weight table = position_table(t);
    add_rows(t, net, x, &table, b->pos, b->n);
}

const float *transformer_forward(void *state, struct net *net, const struct batch *b) {
    struct transformer *t = state;
    forward_embedding(t, net, b);
    for (int l = 0; l < t->o.layers; l++) {
        struct transformer_layer *L = &t->layer[l];
        forward_attention(t, net, L, b);
        forward_mlp(t, net, L, l + 1 < t->o.layers ? t->layer[l + 1].x : t->x_last, b->np);
    }
    forward_norm(t, net, t->hidden, t->x_last, t->final_norm, t->final_norm_bias, b->np);
    return t->hidden;
}

/* ---- backward ------------------------------------------------------------------------------------------ */

/* dx += its gradient. The norm's own gradient is wanted even where nothing below trains. */
static void backward_norm(struct transformer *t, struct net *net, float *dx, const struct param *gamma,
                          const struct param *beta, const float *x, const float *dy, int np) {
    int D = t->o.hidden;
    if (t->o.layernorm)
        layernorm_backward(net->team, dx, D, gamma->grad, beta->grad, x, D, gamma->value, dy, D, D, np,
                           t->o.norm_eps);
    else
        rmsnorm_backward(net->team, dx, D, gamma->grad, x, D, gamma->value, dy, D, D, np, t->o.norm_eps);
}

/* Before what a block's sites add to the gradient of their norm's output: nothing, or what has come past the
 * block. */
static void start_dn(struct transformer *t, struct net *net, int np) {
    int D = t->o.hidden;
    if (t->o.post_norm) {
        panel_copy(net->team, t->dn, D, t->dx, D, D, np);
        panel_zero(net->team, t->dx, D, D, np);
    } else
        panel_zero(net->team, t->dn, D, D, np);
}

/* t->dx: gradient of the layer's output, becomes that of `a`. */
static void backward_mlp(struct transformer *t, struct net *net, struct transformer_layer *L, int np) {
    int D = t->o.hidden, F = t->o.ff;
    panel_zero(net->team, t->dh, F, F, np);
    site_backward(net, L->site[SITE_DOWN], L->h, F, t->dx, D, t->dh, F, np);
    /* gate and up are not needed again: their buffers take their gradients */
    if (t->o.plain_mlp && t->o.gelu_erf)
        gelu_erf_backward(net->team, L->up, F, t->dh, F, L->up, F, F, np);
    else if (t->o.plain_mlp)
        gelu_backward(net->team, L->up, F, t->dh, F, L->up, F, F, np);
    else
        silu_mul_backward(net->team, L->gate, F, L->up, F, t->dh, F, L->gate, F, L->up, F, F, np);
    start_dn(t, net, np);
    if (!t->o.plain_mlp) site_backward(net, L->site[SITE_GATE], L->n2, D, L->gate, F, t->dn, D, np);
    site_backward(net, L->site[SITE_UP], L->n2, D, L->up, F, t->dn, D, np);
    backward_norm(t, net, t->dx, L->norm[NORM_MLP], L->norm_bias[NORM_MLP], L->a, t->dn, np);
}

/* `below`: somebody below, or this layer's first norm, wants the gradient of x. */
static void backward_attention(struct transformer *t, struct net *net, struct transformer_layer *L,
                               const struct batch *b, bool below) {
    int D = t->o.hidden, dq = width_q(t), lq = ld_q(t), lkv = ld_kv(t), np = b->np;
    struct attention at = attention_of(t, L, b);
    panel_zero(net->team, t->dao, dq, dq, np);
    site_backward(net, L->site[SITE_O], L->ao, dq, t->dx, D, t->dao, dq, np);
    attention_backward(net->team, &at, t->dq, lq, t->dk, lkv, t->dv, lkv, t->delta, t->dao, dq, L->lse, L->q,
                       lq, L->k, lkv, L->v, lkv);
    rotate_heads(t, net, t->dq, t->dk, b, true);
    float *dn = below ? t->dn : NULL;
    if (below) start_dn(t, net, np);
    site_backward(net, L->site[SITE_Q], L->n1, D, t->dq, lq, dn, D, np);
    if (!t->o.fused_qkv) {
        site_backward(net, L->site[SITE_K], L->n1, D, t->dk, lkv, dn, D, np);
        site_backward(net, L->site[SITE_V], L->n1, D, t->dv, lkv, dn, D, np);
    }
    if (below)
        backward_norm(t, net, t->dx, L->norm[NORM_ATTENTION], L->norm_bias[NORM_ATTENTION], L->x, t->dn, np);
}

static void backward_embedding(struct transformer *t, struct net *net, const struct batch *b) {
    int D = t->o.hidden;
    if (is_trained(t->embed)) embed_backward(net->team, t->embed->grad, D, t->dx, D, b->ids, b->n);
    if (is_trained(t->types)) embed_backward(net->team, t->types->grad, D, t->dx, D, t->type_ids, b->n);
    if (is_trained(t->positions))
        embed_backward(net->team, t->positions->grad + (size_t)t->o.position_offset * (size_t)D, D, t->dx, D,
                       b->pos, b->n);
}

void transformer_backward(void *state, struct net *net, const struct batch *b, float *dh) {
    struct transformer *t = state;
    int D = t->o.hidden, np = b->np;
    panel_zero(net->team, t->dx, D, D, np);
    backward_norm(t, net, t->dx, t->final_norm, t->final_norm_bias, t->x_last, dh, np);
    for (int l = t->o.layers - 1; l >= 0 && l >= t->lowest; l--) {
        struct transformer_layer *L = &t->layer[l];
        bool norm = is_trained(L->norm[NORM_ATTENTION]) || is_trained(L->norm_bias[NORM_ATTENTION]);
        backward_mlp(t, net, L, np);
        backward_attention(t, net, L, b, l > t->lowest || norm);
    }
    backward_embedding(t, net, b);
}
