/* SPDX-License-Identifier: Apache-2.0 */
/* reference.h - for tests: the loss of a small Llama, GPT-2 or BERT in double precision, token by token and
 * sequence by sequence, as the papers and Hugging Face's configs define them. It shares no code with the
 * engine but the parameters' values, so that the engine's passes are checked against an independent one.
 *
 * A method enters through merge(): the reference reads W and b of an adapted layer with the adapter merged
 * in. So every method that can be merged, or trains the base itself, has a reference without code of its own.
 */
#ifndef BENCH_TESTS_REFERENCE_H
#define BENCH_TESTS_REFERENCE_H

#include "tests/engine.h"

struct ref {
    struct engine *g;
    double **w; /* by place in net.params: the base's tensors, adapters merged in; NULL: an adapter's */
    int D, L, heads, kv, hd, ff;
    double eps, theta;
    int first_position; /* row of the table that position 0 reads */
    enum { REF_LLAMA, REF_GPT2, REF_BERT } type;
};

static inline double *ref_expand(const float *v, size_t n) {
    double *d = malloc((n + 1) * sizeof *d);
    for (size_t i = 0; i < n; i++) d[i] = (double)v[i];
    return d;
}

static inline float *ref_copy(const struct param *p) {
    float *v = malloc(param_size(p) * sizeof *v);
    weight_expand(&p->w, 0, p->rows, 0, p->cols, v, p->cols);
    return v;
}

static inline int ref_place(const struct net *net, const struct param *p) {
    for (int i = 0; i < net->nparams; i++)
        if (net->params[i] == p) return i;
    return -1;
}

static inline bool ref_is_base(const struct param *p) {
    return strncmp(p->name, HEAD_PREFIX, strlen(HEAD_PREFIX)) && !p->site;
}

static inline void ref_open(struct ref *r, struct engine *g) {
    const json_t *c = modelfile_config(g->file);
    const char *type = json_string_value(json_object_get(c, "model_type"));
    memset(r, 0, sizeof *r);
    r->g = g;
    bool roberta = !strcmp(type, "roberta");
    r->type = !strcmp(type, "llama") ? REF_LLAMA : !strcmp(type, "gpt2") ? REF_GPT2 : REF_BERT;
    if (r->type == REF_BERT && !roberta && strcmp(type, "bert") != 0)
        fail_msg("%s has no reference in double precision yet: add its layer to tests/reference.h", type);
    bool gpt2 = r->type == REF_GPT2;
#define NUMBER(key) json_number_value(json_object_get(c, key))
    r->D = (int)NUMBER(gpt2 ? "n_embd" : "hidden_size");
    r->L = (int)NUMBER(gpt2 ? "n_layer" : "num_hidden_layers");
    r->heads = r->kv = (int)NUMBER(gpt2 ? "n_head" : "num_attention_heads");
    if (r->type == REF_LLAMA) r->kv = (int)NUMBER("num_key_value_heads");
    r->hd = r->D / r->heads;
    r->ff = gpt2 ? 4 * r->D : (int)NUMBER("intermediate_size");
    r->eps = NUMBER(r->type == REF_LLAMA ? "rms_norm_eps" : gpt2 ? "layer_norm_epsilon" : "layer_norm_eps");
    r->theta = 10000;
    r->first_position = roberta ? (int)NUMBER("pad_token_id") + 1 : 0;
#undef NUMBER
    r->w = calloc((size_t)g->net.nparams, sizeof *r->w);
}

/* Take the parameters' values as they are now. */
static inline void ref_load(struct ref *r) {
    struct net *net = &r->g->net;
    for (int i = 0; i < net->nparams; i++) {
        const struct param *p = net->params[i];
        free(r->w[i]);
        r->w[i] = NULL;
        if (!ref_is_base(p) || (p->role == PARAM_FIXED)) continue;
        float *v = ref_copy(p);
        r->w[i] = ref_expand(v, param_size(p));
        free(v);
    }
    for (int i = 0; i < net->nsites; i++) {
        struct site *s = net->sites[i];
        if (!s->adapted || !net->method->merge) continue;
        float *W = ref_copy(s->W), *b = s->b ? ref_copy(s->b) : NULL;
        net->method->merge(net, s, W, b);
        int at = ref_place(net, s->W);
        free(r->w[at]);
        r->w[at] = ref_expand(W, param_size(s->W));
        if (b) {
            at = ref_place(net, s->b);
            free(r->w[at]);
            r->w[at] = ref_expand(b, param_size(s->b));
        }
        free(W), free(b);
    }
}

static inline void ref_close(struct ref *r) {
    for (int i = 0; i < r->g->net.nparams; i++) free(r->w[i]);
    free(r->w);
}

/* The tensor whose name ends with the text; NULL: there is none. */
static inline const double *ref_find(const struct ref *r, const struct param **ret, const char *fmt,
                                     int layer, const char *part) {
    char name[128];
    snprintf(name, sizeof name, fmt, layer);
    strncat(name, part, sizeof name - strlen(name) - 1);
    for (int i = 0; i < r->g->net.nparams; i++) {
        const struct param *p = r->g->net.params[i];
        size_t n = strlen(p->name), k = strlen(name);
        if (!r->w[i] || n < k || strcmp(p->name + n - k, name) != 0 || (n > k && p->name[n - k - 1] != '.'))
            continue;
        if (ret) *ret = p;
        return r->w[i];
    }
    return NULL;
}

/* y [n, d_out] = W x + b of the layer that is called so. */
static inline void ref_linear(const struct ref *r, double *y, const double *x, int n, const char *fmt,
                              int layer) {
    const struct param *p = NULL;
    const double *W = ref_find(r, &p, fmt, layer, ".weight"), *b = ref_find(r, NULL, fmt, layer, ".bias");
    assert_non_null(W);
    for (int t = 0; t < n; t++)
        for (int i = 0; i < p->rows; i++) {
            double sum = b ? b[i] : 0;
            for (int j = 0; j < p->cols; j++) sum += W[i * p->cols + j] * x[t * p->cols + j];
            y[t * p->rows + i] = sum;
        }
}

static inline void ref_norm(const struct ref *r, double *y, const double *x, int n, const char *fmt,
                            int layer) {
    const double *gamma = ref_find(r, NULL, fmt, layer, ".weight"),
                 *beta = ref_find(r, NULL, fmt, layer, ".bias");
    int D = r->D;
    assert_non_null(gamma);
    for (int t = 0; t < n; t++) {
        double mean = 0, var = 0;
        for (int j = 0; j < D && beta; j++) mean += x[t * D + j] / D;
        for (int j = 0; j < D; j++) var += (x[t * D + j] - mean) * (x[t * D + j] - mean) / D;
        for (int j = 0; j < D; j++)
            y[t * D + j] = gamma[j] * (x[t * D + j] - mean) / sqrt(var + r->eps) + (beta ? beta[j] : 0);
    }
}

static inline void ref_rotate(const struct ref *r, double *q, int n, int heads) {
    for (int t = 0; t < n; t++)
        for (int h = 0; h < heads; h++)
            for (int i = 0; i < r->hd / 2; i++) {
                double *a = q + (t * heads + h) * r->hd + i, *b = a + r->hd / 2, x = *a, y = *b;
                double angle = t * pow(r->theta, -2.0 * i / r->hd);
                *a = x * cos(angle) - y * sin(angle);
                *b = y * cos(angle) + x * sin(angle);
            }
}

/* o [n, heads hd]; k and v have `kv` heads; each row of q is `ldq` wide, of k and v `ldk`. */
static inline void ref_attention(const struct ref *r, double *o, const double *q, const double *k,
                                 const double *v, int n, int ldq, int ldk) {
    double *s = malloc((size_t)n * sizeof *s);
    for (int h = 0; h < r->heads; h++)
        for (int t = 0; t < n; t++) {
            int kh = h / (r->heads / r->kv) * r->hd, end = r->type == REF_BERT ? n : t + 1;
            double top = -INFINITY, sum = 0;
            for (int u = 0; u < end; u++) {
                s[u] = 0;
                for (int i = 0; i < r->hd; i++)
                    s[u] += q[t * ldq + h * r->hd + i] * k[u * ldk + kh + i] / sqrt(r->hd);
                top = fmax(top, s[u]);
            }
            for (int u = 0; u < end; u++) sum += s[u] = exp(s[u] - top);
            for (int i = 0; i < r->hd; i++) {
                double out = 0;
                for (int u = 0; u < end; u++) out += s[u] / sum * v[u * ldk + kh + i];
                o[t * r->heads * r->hd + h * r->hd + i] = out;
            }
        }
    free(s);
}

static inline double ref_gelu_new(double x) {
    return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

static inline void ref_add(double *x, const double *y, int n) {
    for (int i = 0; i < n; i++) x[i] += y[i];
}

/* Room of one sequence, [n, widest] each. */
struct ref_room {
    double *x, *a, *q, *k, *v, *o, *h, *u;
};

static inline void ref_llama_layer(const struct ref *r, struct ref_room *m, int n, int l) {
    int D = r->D;
    ref_norm(r, m->a, m->x, n, "layers.%d.input_layernorm", l);
    ref_linear(r, m->q, m->a, n, "layers.%d.self_attn.q_proj", l);
    ref_linear(r, m->k, m->a, n, "layers.%d.self_attn.k_proj", l);
    ref_linear(r, m->v, m->a, n, "layers.%d.self_attn.v_proj", l);
    ref_rotate(r, m->q, n, r->heads), ref_rotate(r, m->k, n, r->kv);
    ref_attention(r, m->o, m->q, m->k, m->v, n, D, r->kv * r->hd);
    ref_linear(r, m->a, m->o, n, "layers.%d.self_attn.o_proj", l);
    ref_add(m->x, m->a, n * D);
    ref_norm(r, m->a, m->x, n, "layers.%d.post_attention_layernorm", l);
    ref_linear(r, m->h, m->a, n, "layers.%d.mlp.gate_proj", l);
    ref_linear(r, m->u, m->a, n, "layers.%d.mlp.up_proj", l);
    for (int i = 0; i < n * r->ff; i++) m->h[i] *= m->u[i] / (1 + exp(-m->h[i]));
    ref_linear(r, m->a, m->h, n, "layers.%d.mlp.down_proj", l);
    ref_add(m->x, m->a, n * D);
}

static inline void ref_gpt2_layer(const struct ref *r, struct ref_room *m, int n, int l) {
    int D = r->D;
    ref_norm(r, m->a, m->x, n, "h.%d.ln_1", l);
    ref_linear(r, m->q, m->a, n, "h.%d.attn.c_attn", l);
    ref_attention(r, m->o, m->q, m->q + D, m->q + 2 * D, n, 3 * D, 3 * D);
    ref_linear(r, m->a, m->o, n, "h.%d.attn.c_proj", l);
    ref_add(m->x, m->a, n * D);
    ref_norm(r, m->a, m->x, n, "h.%d.ln_2", l);
    ref_linear(r, m->h, m->a, n, "h.%d.mlp.c_fc", l);
    for (int i = 0; i < n * r->ff; i++) m->h[i] = ref_gelu_new(m->h[i]);
    ref_linear(r, m->a, m->h, n, "h.%d.mlp.c_proj", l);
    ref_add(m->x, m->a, n * D);
}

static inline void ref_bert_layer(const struct ref *r, struct ref_room *m, int n, int l) {
    int D = r->D;
    ref_linear(r, m->q, m->x, n, "layer.%d.attention.self.query", l);
    ref_linear(r, m->k, m->x, n, "layer.%d.attention.self.key", l);
    ref_linear(r, m->v, m->x, n, "layer.%d.attention.self.value", l);
    ref_attention(r, m->o, m->q, m->k, m->v, n, D, D);
    ref_linear(r, m->a, m->o, n, "layer.%d.attention.output.dense", l);
    ref_add(m->a, m->x, n * D);
    ref_norm(r, m->x, m->a, n, "layer.%d.attention.output.LayerNorm", l);
    ref_linear(r, m->h, m->x, n, "layer.%d.intermediate.dense", l);
    for (int i = 0; i < n * r->ff; i++) m->h[i] *= 0.5 * (1 + erf(m->h[i] / sqrt(2)));
    ref_linear(r, m->a, m->h, n, "layer.%d.output.dense", l);
    ref_add(m->a, m->x, n * D);
    ref_norm(r, m->x, m->a, n, "layer.%d.output.LayerNorm", l);
}

/* m->x: the embedded tokens. */
static inline void ref_embed(const struct ref *r, struct ref_room *m, const int32_t *ids, int n) {
    static const char *const names[][3] = {
        {"embed_tokens", NULL, NULL},
        {"wte", "wpe", NULL},
        {"word_embeddings", "position_embeddings", "token_type_embeddings"}};
    for (int k = 0; k < 3; k++) {
        const double *E = names[r->type][k] ? ref_find(r, NULL, names[r->type][k], 0, ".weight") : NULL;
        for (int t = 0; t < n && E; t++)
            for (int j = 0; j < r->D; j++)
                m->x[t * r->D + j] += E[(k == 0 ? ids[t] : k == 1 ? t + r->first_position : 0) * r->D + j];
    }
    if (r->type != REF_BERT) return;
    memcpy(m->a, m->x, (size_t)(n * r->D) * sizeof *m->a);
    ref_norm(r, m->x, m->a, n, "embeddings.LayerNorm", 0);
}

/* The last hidden states of a sequence, normed, into `rows`. */
static inline void ref_sequence(const struct ref *r, double *rows, const int32_t *ids, int n) {
    struct ref_room m;
    double **all[] = {&m.x, &m.a, &m.q, &m.k, &m.v, &m.o, &m.h, &m.u};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        *all[i] = calloc((size_t)n * (size_t)(4 * r->D + r->ff), sizeof(double));
    ref_embed(r, &m, ids, n);
    for (int l = 0; l < r->L; l++)
        (r->type == REF_LLAMA  ? ref_llama_layer
         : r->type == REF_GPT2 ? ref_gpt2_layer
                               : ref_bert_layer)(r, &m, n, l);
    if (r->type == REF_BERT)
        memcpy(rows, m.x, (size_t)(n * r->D) * sizeof *rows);
    else
        ref_norm(r, rows, m.x, n, r->type == REF_LLAMA ? "model.norm" : "ln_f", 0);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) free(*all[i]);
}

/* The loss that engine_loss computes. ref_load first. */
static inline double ref_loss(const struct ref *r, const struct engine_batch *x) {
    int D = r->D, V = r->g->facts.vocab;
    double *rows = calloc((size_t)(x->b.n * D), sizeof *rows), loss = 0;
    for (int t = 0; t < x->b.n; t = x->b.end[t]) ref_sequence(r, rows + t * D, x->b.ids + t, x->b.end[t] - t);
    const double *E = r->type == REF_BERT ? NULL : r->w[ref_place(&r->g->net, r->g->facts.head)];
    struct rng target = rng_make(11, "target", 0);
    for (int i = 0; i < x->labels; i++) {
        const double *h = rows + x->at[i] * D;
        double top = -INFINITY, sum = 0, hit = 0;
        for (int f = 0; f < D && !E; f++) {
            size_t at = (size_t)x->at[i] * (size_t)D + (size_t)f;
            double d = h[f] - 2 * (double)rng_uniform(target, at) + 1;
            loss += 0.5 * d * d / x->labels / D;
        }
        if (!E) continue;
        double *z = malloc((size_t)V * sizeof *z);
        for (int w = 0; w < V; w++) {
            z[w] = 0;
            for (int j = 0; j < D; j++) z[w] += E[w * D + j] * h[j];
            top = fmax(top, z[w]);
            if (w == x->target[i]) hit = z[w];
        }
        for (int w = 0; w < V; w++) sum += exp(z[w] - top);
        loss += (log(sum) + top - hit) / x->labels;
        free(z);
    }
    free(rows);
    return loss;
}

#endif
