/* SPDX-License-Identifier: Apache-2.0 */
/* engine.h - for tests: a model folder bound to a method, a packed batch of ids, and steps on it, without
 * task or files of text. */
#ifndef BENCH_TESTS_ENGINE_H
#define BENCH_TESTS_ENGINE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/config/cfg.h"
#include "harness/core/method.h"
#include "harness/core/model.h"
#include "harness/base/util.h"
#include "harness/nn/kernels/xent.h"
#include "harness/nn/kernels/vec.h"

struct engine {
    struct mem mem;
    struct team *team;
    struct net net;
    const struct model *model;
    void *state;
    struct model_facts facts;
    struct modelfile *file;
    json_t *config;
    long step;
};

/* The core's keys that nets read, with the options of `method` at their defaults, and `over` (JSON text, may
 * be NULL) on top. */
static inline json_t *engine_config(const char *method, const char *over) {
    json_t *c = json_loads(
        "{\"target_modules\":\"all-linear\",\"r\":4,\"lora_alpha\":8,\"loraplus_lr_ratio\":16,\"delta_"
        "lambda\":2,"
        "\"delta_start\":3,\"d_initial\":0.1,\"projection_prng_key\":0,"
        "\"train\":{\"optimizer\":\"adamw\",\"momentum\":0,\"steps\":10,\"lr\":1e-3,\"weight_decay\":0.01,"
        "\"adam_eps\":1e-8,\"max_length\":128}}",
        0, NULL);
    json_object_set_new(c, "method", json_string(method));
    for (const struct opt *o = method_find(method)->opts; o && o->key; o++)
        if (!cfg_get(c, o->key)) cfg_set(c, o->key, opt_default(o));
    if (over) {
        json_t *o = json_loads(over, 0, NULL);
        assert_non_null(o);
        const char *key;
        json_t *value;
        json_object_foreach(o, key, value) cfg_set(c, key, json_incref(value));
        json_decref(o);
    }
    return c;
}

static inline void engine_open(struct engine *g, const char *folder, const char *method, const char *over,
                               int threads, uint64_t seed, bool counting) {
    struct err e = {0};
    memset(g, 0, sizeof *g);
    g->config = engine_config(method, over);
    mem_init(&g->mem, counting, 0);
    g->team = team_new(&g->mem, threads);
    if (modelfile_open(&g->file, folder, &e)) fail_msg("%s", e.msg);
    bool trains = strcmp(method, "none") != 0;
    net_init(&g->net, &g->mem, g->team, g->config, seed, trains);
    g->model = model_of(g->file, &e);
    if (!g->model) fail_msg("%s", e.msg);
    struct task_net tn;
    if (net_add_model(&g->net, g->model, g->file, NULL, &tn, &e)) fail_msg("%s", e.msg);
    if (net_bind(&g->net, method_find(method), &e)) fail_msg("%s", e.msg);
    g->state = tn.model_state;
    g->facts = tn.facts;
}

static inline void engine_close(struct engine *g) {
    net_release(&g->net);
    team_free(g->team);
    modelfile_close(g->file);
    json_decref(g->config);
}

/* ---- a packed batch ------------------------------------------------------------------------------------ */

struct engine_batch {
    struct batch b;
    int labels;
    int32_t *at, *target;
};

/* labels[t]: -100 or the token's id, predicted from t-1. offsets: nseq + 1 entries. */
static inline void engine_batch_init(struct engine_batch *x, const int *ids, const int *labels,
                                     const int *offsets, int nseq) {
    int n = offsets[nseq];
    size_t places = (size_t)panels(n) * PANEL;
    memset(x, 0, sizeof *x);
    batch_place(&x->b, xcalloc(1, batch_bytes(n, 0, false)), n, 0, false);
    x->at = xcalloc(places, sizeof *x->at);
    x->target = xcalloc(places, sizeof *x->target);
    for (int s = 0; s < nseq; s++) {
        int first = batch_add(&x->b, offsets[s + 1] - offsets[s], s);
        for (int t = first; t < x->b.n; t++) {
            x->b.ids[t] = ids[t];
            if (labels[t] < 0) continue;
            x->at[x->labels] = t - 1;
            x->target[x->labels++] = labels[t];
        }
    }
}

static inline void engine_batch_release(struct engine_batch *x) {
    free(x->b.row), free(x->at), free(x->target);
}

/* An encoder has no head: its loss is the mean over the labelled places of half the squared distance of the
 * hidden state (per feature) from a random target, drawn by place and feature. Rows of [n, D]; drows: the
 * gradient of scale * the loss, or NULL. */
static inline double engine_hidden_loss(const float *rows, float *drows, int D, const struct engine_batch *x,
                                        double scale) {
    struct rng r = rng_make(11, "target", 0);
    double sum = 0, each = 1.0 / x->labels / D;
    if (drows) memset(drows, 0, (size_t)x->b.n * (size_t)D * sizeof *drows);
    for (int i = 0; i < x->labels; i++)
        for (int f = 0; f < D; f++) {
            size_t k = (size_t)x->at[i] * (size_t)D + (size_t)f;
            double d = (double)rows[k] - 2 * (double)rng_uniform(r, k) + 1;
            sum += 0.5 * d * d * each;
            if (drows) drows[k] = (float)(scale * each * d);
        }
    return sum;
}

/* One pass of a model without head; rows: [n, D] hidden states, or NULL. dhidden: their gradient [n, D],
 * NULL: the loss's above. */
static inline double engine_encoder_pass(struct engine *g, struct engine_batch *x, bool train, double scale,
                                         float *hidden_rows, const float *dhidden) {
    int D = g->facts.hidden, n = x->b.n;
    struct net *net = &g->net;
    arena_reset(&net->tape);
    g->model->layout(g->state, net, x->b.np, train);
    float *dh = net_keep(net, MEM_SCRATCH, x->b.np, D);
    const float *hidden = g->model->forward(g->state, net, &x->b);
    float *rows = xcalloc((size_t)n * (size_t)D, sizeof *rows),
          *drows = xcalloc((size_t)n * (size_t)D, sizeof *drows);
    panel_to_rows(g->team, rows, hidden, D, D, n);
    double loss = engine_hidden_loss(rows, train ? drows : NULL, D, x, scale);
    if (hidden_rows) memcpy(hidden_rows, rows, (size_t)n * (size_t)D * sizeof *rows);
    if (train) {
        net_zero_grad(net);
        panel_from_rows(g->team, dh, D, dhidden ? dhidden : drows, D, n);
        g->model->backward(g->state, net, &x->b, dh);
    }
    free(rows), free(drows);
    return loss;
}

/* Mean loss over the labels; with `train` gradients are zeroed first and then hold those of scale * the mean.
 * logits: [n, V] or NULL. A model without head: the loss above, and in place of logits its hidden states, the
 * rest zero. */
static inline double engine_loss_scaled(struct engine *g, struct engine_batch *x, bool train, double scale,
                                        float *logits) {
    int D = g->facts.hidden, nl = panels(x->labels);
    struct net *net = &g->net;
    if (!g->facts.head) {
        assert_true(g->facts.vocab >= D);
        if (logits) memset(logits, 0, (size_t)x->b.n * (size_t)g->facts.vocab * sizeof *logits);
        return engine_encoder_pass(g, x, train, scale, logits, NULL);
    }
    arena_reset(&net->tape);
    g->model->layout(g->state, net, x->b.np, train);
    float *h = net_keep(net, MEM_SCRATCH, nl, D), *dh = net_keep(net, MEM_SCRATCH, nl, D);
    float *all = net_keep(net, MEM_SCRATCH, x->b.np, D), *nll = net_keep(net, MEM_SCRATCH, nl, 1);
    const float *hidden = g->model->forward(g->state, net, &x->b);
    if (logits) logits_rows(g->team, logits, &g->facts.head->w, NULL, hidden, D, x->b.n);
    panel_gather(g->team, h, D, hidden, D, D, x->at, x->labels);
    if (train) net_zero_grad(net);
    xent(g->team, nll, NULL, train ? dh : NULL, D, train ? g->facts.head->grad : NULL, NULL,
         &g->facts.head->w, NULL, h, D, x->labels, x->target, (float)(scale / x->labels));
    if (train) {
        panel_scatter(g->team, all, D, x->b.np, dh, D, D, x->at, x->labels);
        g->model->backward(g->state, net, &x->b, all);
    }
    double sum = 0;
    for (int i = 0; i < x->labels; i++) sum += nll[i];
    return sum / x->labels;
}

static inline double engine_loss(struct engine *g, struct engine_batch *x, bool train, float *logits) {
    return engine_loss_scaled(g, x, train, 1, logits);
}

/* The factor that train.grad_clip has for all gradients. */
static inline double engine_clip(struct engine *g) {
    double limit = json_number_value(cfg_get(g->config, "train.grad_clip")), sum = 0;
    if (limit <= 0) return 1;
    for (int i = 0; i < g->net.nparams; i++)
        if (g->net.params[i]->grad)
            sum += vec_sum_squares(g->team, g->net.params[i]->grad, param_size(g->net.params[i]));
    return fmin(1, limit / (sqrt(sum) + 1e-6));
}

/* One AdamW (or SGD) step with the gradients at hand. */
static inline void engine_update(struct engine *g) {
    const struct method *m = g->net.method;
    bool adam = !strcmp(cfg_str(g->config, "train.optimizer"), "adamw");
    double wd = cfg_num(g->config, "train.weight_decay"), lr = cfg_num(g->config, "train.lr");
    double clip = engine_clip(g);
    if (m->pre_step) m->pre_step(&g->net, g->step);
    for (int i = 0; i < g->net.nparams; i++) {
        struct param *p = g->net.params[i];
        if (!p->grad) continue;
        struct adamw h = {
            lr * (double)p->lr_mult, 0.9, 0.999, cfg_num(g->config, "train.adam_eps"), wd, clip, g->step + 1};
        if (adam)
            vec_adamw(g->team, p->value, p->m, p->v, p->grad, param_size(p), &h);
        else
            vec_sgd(g->team, p->value, NULL, p->grad, param_size(p), h.lr, 0, wd, clip, g->step == 0);
    }
    if (m->post_step) m->post_step(&g->net, g->step);
    g->step++;
}

#endif
