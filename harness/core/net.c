/* SPDX-License-Identifier: Apache-2.0 */
/* net.c - parameters, sites and the binding of a method. See net.h. */
#include "harness/core/net.h"

#include <string.h>

#include "harness/config/cfg.h"
#include "harness/core/method.h"
#include "harness/core/model.h"
#include "harness/core/target.h"
#include "harness/base/util.h"

/* Address space for one micro-batch: more than any machine has memory, and free until touched. */
#define TAPE_RESERVE ((size_t)1 << 42)

void net_init(struct net *net, struct mem *m, struct team *t, const json_t *config, uint64_t seed,
              bool training) {
    memset(net, 0, sizeof *net);
    net->mem = m;
    net->team = t;
    net->config = config;
    net->seed = seed;
    net->training = training;
    arena_init(&net->tape, m, TAPE_RESERVE);
}

/* A gate may refuse any allocation by leaving (longjmp): the net must then be as net_release wants it, so a
 * parameter is in it once its bytes are counted, not before. */

/* Bytes that a frozen parameter occupies in the mapped file. */
static ptrdiff_t file_bytes(const struct param *p) { return (ptrdiff_t)weight_stored_bytes(&p->w); }

static void param_free(struct net *net, struct param *p) {
    size_t bytes = param_size(p) * sizeof(float);
    if (p->value)
        mem_free(net->mem, p->value_cat, p->value, bytes);
    else
        mem_note(net->mem, MEM_BASE, -file_bytes(p));
    mem_free(net->mem, MEM_GRAD, p->grad, bytes);
    mem_free(net->mem, MEM_OPT, p->m, bytes);
    mem_free(net->mem, MEM_OPT, p->v, bytes);
    free(p->name);
    free(p);
}

void net_release(struct net *net) {
    arena_release(&net->tape);
    for (int i = 0; i < net->nmodels; i++) net->models[i].model->free(net->models[i].state);
    free(net->models);
    for (int i = 0; i < net->nparams; i++) param_free(net, net->params[i]);
    for (int i = 0; i < net->nsites; i++) {
        struct site *s = net->sites[i];
        if (s->state) mem_free(net->mem, MEM_MISC, s->state, net->method->site_size);
        free(s->name);
        free(s->module);
        free(s);
    }
    if (net->method_state) mem_free(net->mem, MEM_MISC, net->method_state, net->method->run_size);
    free(net->params);
    free(net->sites);
    memset(net, 0, sizeof *net);
}

static struct param *param_new(struct net *net, const char *name, enum param_role role, int ndim, int rows,
                               int cols) {
    struct param *p = xcalloc(1, sizeof *p);
    p->name = xstrdup(name);
    p->role = role;
    p->ndim = ndim;
    p->rows = rows;
    p->cols = cols;
    p->lr_mult = 1.0f;
    GROW(net->params, net->nparams, net->params_cap);
    net->params[net->nparams++] = p;
    return p;
}

/* As a parameter or a module is called in a net of several models. Caller frees. */
static char *scoped_name(const struct net *net, const char *name) {
    return xasprintf("%s%s", net->scope ? net->scope : "", name);
}

struct param *net_base_param(struct net *net, const char *name, int ndim, const struct weight *w) {
    mem_note(net->mem, MEM_BASE, (ptrdiff_t)weight_stored_bytes(w));
    char *full = scoped_name(net, name);
    struct param *p = param_new(net, full, PARAM_BASE, ndim, w->rows, w->cols);
    free(full);
    p->w = *w;
    p->transposed = w->transposed;
    /* Vectors (norms, biases) are read in place by the kernels: they are small, so always float32 in
     * memory. */
    if (ndim == 1) param_privatise(net, p, MEM_BASE);
    return p;
}

struct param *net_param(struct net *net, struct site *site, const char *name, enum param_role role, int rows,
                        int cols) {
    BUG_ON(role == PARAM_BASE, "adapter parameter %s", name);
    enum mem_cat cat = role == PARAM_FIXED ? MEM_FIXED : MEM_PARAM;
    float *value = mem_alloc(net->mem, cat, (size_t)rows * (size_t)cols * sizeof *value);
    struct param *p = param_new(net, name, role, 2, rows, cols);
    p->site = site;
    p->value_cat = cat;
    p->value = value;
    p->w = weight_f32(p->value, rows, cols, cols);
    return p;
}

struct param *net_head(struct net *net, const char *name, int ndim, int rows, int cols) {
    char *full = xasprintf(HEAD_PREFIX "%s", name);
    struct param *p = net_param(net, NULL, full, net->training ? PARAM_TRAIN : PARAM_FIXED, rows, cols);
    p->ndim = ndim;
    p->head = true;
    free(full);
    return p;
}

void param_privatise(struct net *net, struct param *p, enum mem_cat cat) {
    size_t bytes = param_size(p) * sizeof(float);
    if (p->value) {
        mem_move(net->mem, p->value_cat, cat, bytes);
        p->value_cat = cat;
        return;
    }
    float *value = mem_alloc(net->mem, cat, bytes);
    if (!net->mem->counting) weight_expand(&p->w, 0, p->rows, 0, p->cols, value, p->cols);
    mem_note(net->mem, MEM_BASE, -file_bytes(p));
    p->value = value;
    p->value_cat = cat;
    p->w = weight_f32(value, p->rows, p->cols, p->cols);
}

struct site *net_site(struct net *net, const char *name, const char *module, const char *kind, int layer,
                      struct param *W, struct param *b) {
    struct site *s = xcalloc(1, sizeof *s);
    s->name = scoped_name(net, name);
    s->module = scoped_name(net, module);
    s->kind = kind;
    s->layer = layer;
    s->d_out = W->rows;
    s->d_in = W->cols;
    s->W = W;
    s->b = b;
    GROW(net->sites, net->nsites, net->sites_cap);
    net->sites[net->nsites++] = s;
    return s;
}

int net_add_model(struct net *net, const struct model *model, const struct modelfile *f, const char *scope,
                  struct task_net *ret, struct err *e) {
    const char *backbone = net->backbone;
    *ret = (struct task_net){.net = net, .model = model};
    net->scope = scope;
    int rc = model->build(net, f, &ret->model_state, e);
    net->scope = NULL;
    if (scope) net->backbone = backbone;
    if (rc) return rc;
    GROW(net->models, net->nmodels, net->models_cap);
    net->models[net->nmodels++] = (struct net_model){model, ret->model_state, f};
    model->facts(ret->model_state, &ret->facts);
    return 0;
}

struct param *net_find_param(const struct net *net, const char *name) {
    for (int i = 0; i < net->nparams; i++)
        if (!strcmp(net->params[i]->name, name)) return net->params[i];
    return NULL;
}

size_t net_trainable(const struct net *net) {
    size_t n = 0;
    for (int i = 0; i < net->nparams; i++)
        if (net->params[i]->role == PARAM_TRAIN) n += param_size(net->params[i]);
    return n;
}

/* ---- binding ------------------------------------------------------------------------------------------- */

static int sites_matching(const struct net *net, const json_t *spec) {
    int found = 0;
    for (int i = 0; i < net->nsites; i++) {
        const struct site *s = net->sites[i];
        found += target_match(spec, s->name, s->module, s->kind, s->layer);
    }
    return found;
}

/* One pattern that chooses nothing: a typo would otherwise train something else. */
static int no_match(const struct net *net, const char *pattern, const json_t *layers, struct err *e) {
    const char *kinds[64];
    int n = 0;
    struct strbuf list = {0};
    for (int i = 0; i < net->nsites && n < 64 && net->sites[i]->layer == net->sites[0]->layer; i++) {
        kinds[n++] = net->sites[i]->kind;
        strbuf_addf(&list, "%s%s", i ? ", " : "", net->sites[i]->kind);
    }
    const char *close = str_closest(pattern, kinds, (size_t)n);
    char *where = layers ? json_dumps(layers, JSON_ENCODE_ANY) : NULL;
    err_set(e, ERR_USER, "target_modules: '%s'%s%s matches no layer of this model%s%s%s; it has %s", pattern,
            where ? " in layers " : "", where ? where : "", close ? " (did you mean '" : "",
            close ? close : "", close ? "'?)" : "", list.s ? list.s : "none");
    free(where);
    strbuf_release(&list);
    return ERR_USER;
}

/* Every layer that `layers` names must exist. */
static int check_layers(const struct net *net, const json_t *layers, struct err *e) {
    int last = -1;
    for (int i = 0; i < net->nsites; i++) last = MAX_OF(last, net->sites[i]->layer);
    json_t *any = json_pack("{ss,sO}", "modules", "*", "layers", layers);
    int beyond = -1;
    for (int l = last + 1; l <= TARGET_MAX_LAYER && beyond < 0; l++)
        if (target_match(any, "x", "x", "x", l)) beyond = l;
    json_decref(any);
    return beyond < 0
               ? 0
               : err_set(e, ERR_USER, "target_modules: layer %d is not in this model, which has 0 to %d",
                         beyond, last);
}

static int mark_sites(struct net *net, struct err *e) {
    const json_t *spec = cfg_get(net->config, "target_modules");
    json_t *layers = json_is_object(spec) ? json_object_get(spec, "layers") : NULL;
    const json_t *modules = json_is_object(spec) ? json_object_get(spec, "modules") : spec;
    if (json_is_null(layers)) layers = NULL;
    if (layers && check_layers(net, layers, e)) return ERR_USER;
    for (size_t i = 0; i < (json_is_array(modules) ? json_array_size(modules) : 1); i++) {
        json_t *pattern = json_is_array(modules) ? json_array_get(modules, i) : (json_t *)(uintptr_t)modules;
        json_t *one =
            layers ? json_pack("{sO,sO}", "modules", pattern, "layers", layers) : json_incref(pattern);
        int found = sites_matching(net, one);
        json_decref(one);
        if (!found) return no_match(net, json_string_value(pattern), layers, e);
    }
    for (int i = 0; i < net->nsites; i++) {
        struct site *s = net->sites[i];
        s->adapted = target_match(spec, s->name, s->module, s->kind, s->layer);
    }
    return 0;
}

/* Gradients and the state that the optimizer of this run needs. */
static void allocate_training(struct net *net) {
    bool adam = !strcmp(cfg_str(net->config, "train.optimizer"), "adamw");
    bool momentum = adam || cfg_num(net->config, "train.momentum") != 0;
    for (int i = 0; i < net->nparams; i++) {
        struct param *p = net->params[i];
        if (p->role != PARAM_TRAIN) continue;
        size_t bytes = param_size(p) * sizeof(float);
        p->grad = mem_alloc(net->mem, MEM_GRAD, bytes);
        if (momentum) p->m = mem_alloc(net->mem, MEM_OPT, bytes);
        if (adam) p->v = mem_alloc(net->mem, MEM_OPT, bytes);
    }
}

/* Those that the method trains; their number. */
static int select_params(struct net *net, const struct method *method) {
    int chosen = 0;
    for (int i = 0; i < net->nparams; i++) {
        struct param *p = net->params[i];
        if (p->role != PARAM_BASE || !method->select(net, p)) continue;
        param_privatise(net, p, MEM_PARAM);
        p->role = PARAM_TRAIN;
        chosen++;
    }
    return chosen;
}

/* An adapter's copies of modules train with it. */
static void train_kept(struct net *net) {
    for (int i = 0; net->training && i < net->nparams; i++) {
        struct param *p = net->params[i];
        if (!p->kept || p->role != PARAM_BASE) continue;
        param_privatise(net, p, MEM_PARAM);
        p->role = PARAM_TRAIN;
    }
}

int net_bind(struct net *net, const struct method *method, struct err *e) {
    net->method = method;
    if (!(method->flags & METHOD_NO_SITES) && mark_sites(net, e)) return e ? e->code : ERR_USER;
    if (method->run_size) net->method_state = mem_alloc(net->mem, MEM_MISC, method->run_size);
    if (method->select && !select_params(net, method) && method->nothing)
        return err_set(e, ERR_USER, "method %s has nothing to train: %s", method->name, method->nothing);
    train_kept(net);
    for (int i = 0; i < net->nsites; i++) {
        struct site *s = net->sites[i];
        s->need_x = s->W->role == PARAM_TRAIN;
        if (s->adapted && (method->flags & METHOD_MUTATES_BASE)) param_privatise(net, s->W, MEM_PARAM);
    }
    if (method->setup) method->setup(net);
    for (int i = 0; i < net->nsites; i++) {
        struct site *s = net->sites[i];
        if (!s->adapted) continue;
        if (method->site_size) s->state = mem_alloc(net->mem, MEM_MISC, method->site_size);
        if (method->attach) method->attach(net, s);
    }
    if (net->training) allocate_training(net);
    for (int i = 0; i < net->nmodels; i++) net->models[i].model->bound(net->models[i].state, net);
    return 0;
}

/* ---- passes -------------------------------------------------------------------------------------------- */

bool net_pass_opens(const struct net *net, struct net_pass *p, int np) {
    uint64_t now = net->tape.resets + 1; /* 0: of none */
    bool same = p->tape == now, draws = net->row != NULL;
    if (same && p->np >= np && (p->draws || !draws)) return false;
    *p = (struct net_pass){
        .tape = now, .np = same ? MAX_OF(np, p->np) : np, .draws = draws || (same && p->draws)};
    return true;
}

float *net_keep(struct net *net, enum mem_cat cat, int np, int d) {
    return arena_alloc(&net->tape, cat, panel_floats(np, d) * sizeof(float));
}

void site_layout(struct net *net, struct site *s, int np) {
    if (s->adapted && net->method->layout) net->method->layout(net, s, np);
}

void site_base_forward(struct net *net, struct site *s, const float *x, int ldx, float *y, int ldy, int np) {
    struct term t = {&s->W->w, false, x, ldx};
    panel_mm(net->team, y, ldy, s->d_out, np, &t, 1, s->b ? s->b->value : NULL, false);
}

void site_base_backward(struct net *net, struct site *s, const float *x, int ldx, const float *dy, int lddy,
                        float *dx, int lddx, int np) {
    if (dx) {
        struct term t = {&s->W->w, true, dy, lddy};
        panel_mm(net->team, dx, lddx, s->d_in, np, &t, 1, NULL, true);
    }
    if (s->W->role == PARAM_TRAIN)
        panel_outer(net->team, s->W->grad, s->d_in, dy, lddy, s->d_out, x, ldx, s->d_in, np);
    if (s->b && s->b->role == PARAM_TRAIN) panel_row_sum(net->team, s->b->grad, dy, lddy, s->d_out, np);
}

void site_forward(struct net *net, struct site *s, const float *x, int ldx, float *y, int ldy, int np) {
    if (s->adapted && net->method->forward)
        net->method->forward(net, s, x, ldx, y, ldy, np);
    else
        site_base_forward(net, s, x, ldx, y, ldy, np);
}

void site_backward(struct net *net, struct site *s, const float *x, int ldx, const float *dy, int lddy,
                   float *dx, int lddx, int np) {
    if (!s->need_x) x = NULL;
    if (s->adapted && net->method->backward)
        net->method->backward(net, s, x, ldx, dy, lddy, dx, lddx, np);
    else
        site_base_backward(net, s, x, ldx, dy, lddy, dx, lddx, np);
}

void net_zero_grad(struct net *net) {
    for (int i = 0; i < net->nparams; i++) {
        struct param *p = net->params[i];
        if (p->grad) memset(p->grad, 0, param_size(p) * sizeof(float));
    }
}
