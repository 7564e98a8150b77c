/* transformer.c - see transformer.h. */
#include "experiments/models/transformer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/util.h"

struct transformer *transformer_new(const struct transformer_options *o, struct mem *m, long positions) {
    struct transformer *t = xcalloc(1, sizeof *t);
    t->o = *o;
    t->mem = m;
    t->layer = xcalloc((size_t)o->layers, sizeof *t->layer);
    t->table_positions = (int)MIN_OF(positions, (long)o->max_positions);
    size_t bytes = (size_t)t->table_positions * (size_t)(o->head_dim / 2) * sizeof(float);
    t->cos_table = mem_alloc(m, MEM_MISC, bytes);
    t->sin_table = mem_alloc(m, MEM_MISC, bytes);
    if (!m->counting) rope_table(t->cos_table, t->sin_table, t->table_positions, o->head_dim, o->rope_theta);
    return t;
}

void transformer_free(void *state) {
    struct transformer *t = state;
    if (!t) return;
    size_t bytes = (size_t)t->table_positions * (size_t)(t->o.head_dim / 2) * sizeof(float);
    mem_free(t->mem, MEM_MISC, t->cos_table, bytes);
    mem_free(t->mem, MEM_MISC, t->sin_table, bytes);
    free(t->layer);
    free(t);
}

void transformer_facts(const void *state, struct model_facts *f) {
    const struct transformer *t = state;
    *f = (struct model_facts){.hidden = t->o.hidden,
                              .vocab = t->o.vocab,
                              .layers = t->o.layers,
                              .max_positions = t->o.max_positions,
                              .bos_id = t->o.bos_id,
                              .eos_id = t->o.eos_id,
                              .head = t->head};
}

void transformer_bound(void *state, struct net *net) {
    struct transformer *t = state;
    t->lowest = t->o.layers;
    for (int l = t->o.layers - 1; l >= 0; l--) {
        bool trains = false;
        for (int i = 0; i < LAYER_NORMS; i++) trains |= t->layer[l].norm[i]->role == PARAM_TRAIN;
        for (int i = 0; i < LAYER_SITES; i++) {
            const struct site *s = t->layer[l].site[i];
            trains |= s->W->role == PARAM_TRAIN || (s->b && s->b->role == PARAM_TRAIN);
            trains |= s->adapted && net->training;
        }
        if (trains) t->lowest = l;
    }
    if (t->embed->role == PARAM_TRAIN) t->lowest = -1;
}

/* ---- memory of a pass -------------------------------------------------------------------------------- */

/* A buffer of this layer: kept on the tape, or the one that all layers share. */
static float *buffer(struct net *net, bool kept, float **shared, int np, int d) {
    if (kept) return net_keep(net, MEM_ACT, np, d);
    if (!*shared) *shared = net_keep(net, MEM_SCRATCH, np, d);
    return *shared;
}

static void layout_layer(struct transformer *t, struct net *net, int l, int np, bool train, struct transformer_layer *shared) {
    struct transformer_layer *L = &t->layer[l];
    const struct transformer_options *o = &t->o;
    struct site **s = L->site;
    int dq = o->heads * o->head_dim, dkv = o->kv_heads * o->head_dim;
    bool keep = train && l >= t->lowest;
    bool x_wanted = s[SITE_Q]->need_x || s[SITE_K]->need_x || s[SITE_V]->need_x;
    /* Without backward x and a may be one buffer: the layer's output replaces its input. */
    L->x = buffer(net, keep, &shared->x, np, o->hidden);
    L->n1 = buffer(net, keep && x_wanted, &shared->n1, np, o->hidden);
    L->q = buffer(net, keep, &shared->q, np, dq);
    L->k = buffer(net, keep, &shared->k, np, dkv);
    L->v = buffer(net, keep, &shared->v, np, dkv);
    L->lse = buffer(net, keep, &shared->lse, np, o->heads);
    L->ao = buffer(net, keep && s[SITE_O]->need_x, &shared->ao, np, dq);
    L->a = buffer(net, keep, &shared->a, np, o->hidden);
    L->n2 = buffer(net, keep && (s[SITE_GATE]->need_x || s[SITE_UP]->need_x), &shared->n2, np, o->hidden);
    L->gate = buffer(net, keep, &shared->gate, np, o->ff);
    L->up = buffer(net, keep, &shared->up, np, o->ff);
    L->h = buffer(net, keep && s[SITE_DOWN]->need_x, &shared->h, np, o->ff);
    for (int i = 0; i < LAYER_SITES; i++) site_layout(net, s[i], np);
}

void transformer_layout(void *state, struct net *net, int np, bool train) {
    struct transformer *t = state;
    const struct transformer_options *o = &t->o;
    struct transformer_layer shared = {0};
    int dq = o->heads * o->head_dim, dkv = o->kv_heads * o->head_dim;
    for (int l = 0; l < o->layers; l++) layout_layer(t, net, l, np, train, &shared);
    t->x_last = net_keep(net, train ? MEM_ACT : MEM_SCRATCH, np, o->hidden);
    t->hidden = net_keep(net, MEM_SCRATCH, np, o->hidden);
    if (!train) return;
    t->dx = net_keep(net, MEM_SCRATCH, np, o->hidden);
    t->dn = net_keep(net, MEM_SCRATCH, np, o->hidden);
    t->dq = net_keep(net, MEM_SCRATCH, np, dq);
    t->dk = net_keep(net, MEM_SCRATCH, np, dkv);
    t->dv = net_keep(net, MEM_SCRATCH, np, dkv);
    t->delta = net_keep(net, MEM_SCRATCH, np, o->heads);
    t->dao = net_keep(net, MEM_SCRATCH, np, dq);
    t->dh = net_keep(net, MEM_SCRATCH, np, o->ff);
}

/* ---- forward ----------------------------------------------------------------------------------------- */

static struct attention attention_of(const struct transformer *t, const struct batch *b) {
    return (struct attention){.heads = t->o.heads,
                              .kv_heads = t->o.kv_heads,
                              .hd = t->o.head_dim,
                              .scale = 1.0f / sqrtf((float)t->o.head_dim),
                              .causal = true,
                              .start = b->start,
                              .end = b->end,
                              .np = b->np};
}

static void forward_attention(struct transformer *t, struct net *net, struct transformer_layer *L, const struct batch *b) {
    const struct transformer_options *o = &t->o;
    int D = o->hidden, dq = o->heads * o->head_dim, dkv = o->kv_heads * o->head_dim, np = b->np;
    struct attention at = attention_of(t, b);
    rmsnorm_forward(net->team, L->n1, D, L->x, D, L->norm[NORM_ATTENTION]->value, D, np, o->norm_eps);
    site_forward(net, L->site[SITE_Q], L->n1, D, L->q, dq, np);
    site_forward(net, L->site[SITE_K], L->n1, D, L->k, dkv, np);
    site_forward(net, L->site[SITE_V], L->n1, D, L->v, dkv, np);
    rope_apply(net->team, L->q, dq, o->heads, o->head_dim, b->pos, t->cos_table, t->sin_table, np, false);
    rope_apply(net->team, L->k, dkv, o->kv_heads, o->head_dim, b->pos, t->cos_table, t->sin_table, np, false);
    if (t->kv)
        transformer_kv_attention(t->kv, (int)(L - t->layer), &at, L->ao, dq, L->lse, L->q, dq, L->k, dkv, L->v, dkv);
    else
        attention_forward(net->team, &at, L->ao, dq, L->lse, L->q, dq, L->k, dkv, L->v, dkv);
    site_forward(net, L->site[SITE_O], L->ao, dq, L->a, D, np);
    panel_add(net->team, L->a, D, L->x, D, D, np);
}

static void forward_mlp(struct transformer *t, struct net *net, struct transformer_layer *L, float *y, int np) {
    int D = t->o.hidden, F = t->o.ff;
    rmsnorm_forward(net->team, L->n2, D, L->a, D, L->norm[NORM_MLP]->value, D, np, t->o.norm_eps);
    site_forward(net, L->site[SITE_GATE], L->n2, D, L->gate, F, np);
    site_forward(net, L->site[SITE_UP], L->n2, D, L->up, F, np);
    silu_mul_forward(net->team, L->h, F, L->gate, F, L->up, F, F, np);
    site_forward(net, L->site[SITE_DOWN], L->h, F, y, D, np);
    panel_add(net->team, y, D, L->a, D, D, np);
}

const float *transformer_forward(void *state, struct net *net, const struct batch *b) {
    struct transformer *t = state;
    int D = t->o.hidden;
    embed_forward(net->team, t->layer[0].x, D, &t->embed->w, b->ids, b->n);
    for (int l = 0; l < t->o.layers; l++) {
        struct transformer_layer *L = &t->layer[l];
        forward_attention(t, net, L, b);
        forward_mlp(t, net, L, l + 1 < t->o.layers ? t->layer[l + 1].x : t->x_last, b->np);
    }
    rmsnorm_forward(net->team, t->hidden, D, t->x_last, D, t->final_norm->value, D, b->np, t->o.norm_eps);
    return t->hidden;
}

/* ---- backward ---------------------------------------------------------------------------------------- */

/* The norm's own gradient is wanted even where nothing below trains. */
static void backward_norm(struct transformer *t, struct net *net, float *dx, const struct param *gamma, const float *x,
                          const float *dy, int np) {
    int D = t->o.hidden;
    rmsnorm_backward(net->team, dx, D, gamma->grad, x, D, gamma->value, dy, D, D, np, t->o.norm_eps);
}

/* t->dx: gradient of the layer's output, becomes that of `a`. */
static void backward_mlp(struct transformer *t, struct net *net, struct transformer_layer *L, int np) {
    int D = t->o.hidden, F = t->o.ff;
    panel_zero(net->team, t->dh, F, F, np);
    site_backward(net, L->site[SITE_DOWN], L->h, F, t->dx, D, t->dh, F, np);
    /* gate and up are not needed again: their buffers take their gradients */
    silu_mul_backward(net->team, L->gate, F, L->up, F, t->dh, F, L->gate, F, L->up, F, F, np);
    panel_zero(net->team, t->dn, D, D, np);
    site_backward(net, L->site[SITE_GATE], L->n2, D, L->gate, F, t->dn, D, np);
    site_backward(net, L->site[SITE_UP], L->n2, D, L->up, F, t->dn, D, np);
    backward_norm(t, net, t->dx, L->norm[NORM_MLP], L->a, t->dn, np);
}

/* `below`: somebody below, or this layer's first norm, wants the gradient of x. */
static void backward_attention(struct transformer *t, struct net *net, struct transformer_layer *L, const struct batch *b,
                               bool below) {
    const struct transformer_options *o = &t->o;
    int D = o->hidden, dq = o->heads * o->head_dim, dkv = o->kv_heads * o->head_dim, np = b->np;
    struct attention at = attention_of(t, b);
    panel_zero(net->team, t->dao, dq, dq, np);
    site_backward(net, L->site[SITE_O], L->ao, dq, t->dx, D, t->dao, dq, np);
    attention_backward(net->team, &at, t->dq, dq, t->dk, dkv, t->dv, dkv, t->delta, t->dao, dq, L->lse, L->q, dq, L->k, dkv,
                       L->v, dkv);
    rope_apply(net->team, t->dq, dq, o->heads, o->head_dim, b->pos, t->cos_table, t->sin_table, np, true);
    rope_apply(net->team, t->dk, dkv, o->kv_heads, o->head_dim, b->pos, t->cos_table, t->sin_table, np, true);
    float *dn = below ? t->dn : NULL;
    if (below) panel_zero(net->team, t->dn, D, D, np);
    site_backward(net, L->site[SITE_Q], L->n1, D, t->dq, dq, dn, D, np);
    site_backward(net, L->site[SITE_K], L->n1, D, t->dk, dkv, dn, D, np);
    site_backward(net, L->site[SITE_V], L->n1, D, t->dv, dkv, dn, D, np);
    if (below) backward_norm(t, net, t->dx, L->norm[NORM_ATTENTION], L->x, t->dn, np);
}

void transformer_backward(void *state, struct net *net, const struct batch *b, float *dh) {
    struct transformer *t = state;
    int D = t->o.hidden, np = b->np;
    panel_zero(net->team, t->dx, D, D, np);
    backward_norm(t, net, t->dx, t->final_norm, t->x_last, dh, np);
    for (int l = t->o.layers - 1; l >= 0 && l >= t->lowest; l--) {
        struct transformer_layer *L = &t->layer[l];
        backward_mlp(t, net, L, np);
        backward_attention(t, net, L, b, l > t->lowest || L->norm[NORM_ATTENTION]->role == PARAM_TRAIN);
    }
    if (t->embed->role == PARAM_TRAIN) embed_backward(net->team, t->embed->grad, D, t->dx, D, b->ids, b->n);
}
