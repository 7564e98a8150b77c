/* SPDX-License-Identifier: Apache-2.0 */
/* ia3.c - (IA)^3 (Liu et al., 2205.05638): one learned factor per feature, 1 at the start.
 *
 *   h = l * (W x + b)    l [d_out], elementwise *: keys, values, and whatever else is adapted
 *   h = W (l * x) + b    l [d_in]: sites that feedforward_modules names, as the paper scales the inner
 * activations of the feed-forward block
 *
 * Backward, G = dL/dh: outputs dl = sum_t G * (W x + b), dx = W^T (l * G); inputs dl = sum_t x * (W^T G), dx
 * = l * (W^T G).
 *
 * The paper adapts keys, values and the second matrix of the feed-forward block: as PEFT maps it,
 * target_modules [k_proj, v_proj, down_proj] of a Llama, [c_attn, mlp.c_proj] of a GPT-2, [key, value,
 * output.dense] of a BERT; the default of feedforward_modules fits all three. */
#include <stdlib.h>
#include <string.h>

#include "harness/config/cfg.h"
#include "harness/core/method.h"
#include "harness/base/util.h"
#include "harness/core/target.h"

static const struct opt ia3_opts[] = {
    {"feedforward_modules", OPT_ANY, "[down_proj, mlp.c_proj, output.dense]", 0, 0, NULL,
     "names or globs: of the adapted layers those whose input is scaled, not the output"},
    OPT_END,
};

struct ia3_run {
    struct net_pass pass;
    int widest;
    float *z; /* scratch [widest]: l * x, l * G, or W^T G */
};

struct ia3_site {
    struct param *l;
    bool of_input;
    float *v; /* W x + b, kept: d_out features; NULL where the input is scaled */
};

static int ia3_check(const json_t *cfg, char *warn, size_t warn_size, struct err *e) {
    (void)warn, (void)warn_size;
    const json_t *spec = cfg_get(cfg, "feedforward_modules");
    struct err why;
    if ((json_is_array(spec) && !json_array_size(spec)) || !target_check(spec, &why)) return 0;
    const char *text = strchr(why.msg, ':');
    return err_set(e, ERR_USER, "feedforward_modules%s", text ? text : " is no choice of layers");
}

/* Which side of a site is scaled goes by its name, which shapes do not have: a closed form there is only for
 * one that is as wide as it is high. */
static bool is_of_input(const struct net *net, const struct site *s) {
    return target_match(cfg_get(net->config, "feedforward_modules"), s->name, s->module, s->kind, s->layer);
}

static void ia3_attach(struct net *net, struct site *s) {
    struct ia3_run *run = net->method_state;
    struct ia3_site *st = s->state;
    st->of_input = is_of_input(net, s);
    run->widest = MAX_OF(run->widest, st->of_input ? s->d_in : s->d_out);
    char *name = xasprintf("base_model.model.%s.ia3_l", s->module);
    st->l = st->of_input ? net_param(net, s, name, PARAM_TRAIN, 1, s->d_in)
                         : net_param(net, s, name, PARAM_TRAIN, s->d_out, 1);
    free(name);
    if (st->of_input) s->need_x = true;
    for (size_t i = 0; i < param_size(st->l) && !net->mem->counting; i++) st->l->value[i] = 1;
}

static void ia3_layout(struct net *net, struct site *s, int np) {
    struct ia3_run *run = net->method_state;
    struct ia3_site *st = s->state;
    if (net_pass_opens(net, &run->pass, np)) run->z = net_keep(net, MEM_SCRATCH, run->pass.np, run->widest);
    st->v = st->of_input ? NULL : net_keep(net, MEM_ACT, np, s->d_out);
}

static void ia3_forward(struct net *net, struct site *s, const float *x, int ldx, float *y, int ldy, int np) {
    struct ia3_run *run = net->method_state;
    struct ia3_site *st = s->state;
    if (st->of_input) {
        panel_row_scale(net->team, run->z, run->widest, x, ldx, st->l->value, 1.0f, s->d_in, np, false);
        site_base_forward(net, s, run->z, run->widest, y, ldy, np);
        return;
    }
    site_base_forward(net, s, x, ldx, st->v, s->d_out, np);
    panel_row_scale(net->team, y, ldy, st->v, s->d_out, st->l->value, 1.0f, s->d_out, np, false);
}

static void ia3_backward(struct net *net, struct site *s, const float *x, int ldx, const float *dy, int lddy,
                         float *dx, int lddx, int np) {
    struct ia3_run *run = net->method_state;
    struct ia3_site *st = s->state;
    if (st->of_input) {
        struct term back = {&s->W->w, true, dy, lddy};
        panel_mm(net->team, run->z, run->widest, s->d_in, np, &back, 1, NULL, false);
        panel_row_dot(net->team, st->l->grad, run->z, run->widest, x, ldx, s->d_in, np);
        if (dx)
            panel_row_scale(net->team, dx, lddx, run->z, run->widest, st->l->value, 1.0f, s->d_in, np, true);
        return;
    }
    panel_row_dot(net->team, st->l->grad, dy, lddy, st->v, s->d_out, s->d_out, np);
    if (!dx) return;
    panel_row_scale(net->team, run->z, run->widest, dy, lddy, st->l->value, 1.0f, s->d_out, np, false);
    site_base_backward(net, s, x, ldx, run->z, run->widest, dx, lddx, np);
}

static void ia3_merge(struct net *net, struct site *s, float *W, float *b) {
    (void)net;
    const struct ia3_site *st = s->state;
    for (int i = 0; i < s->d_out; i++) {
        for (int j = 0; j < s->d_in; j++)
            W[(size_t)i * (size_t)s->d_in + (size_t)j] *= st->l->value[st->of_input ? j : i];
        if (b && !st->of_input) b[i] *= st->l->value[i];
    }
}

/* Does `list` (PEFT's target_modules) have a name that stands for layers of both sorts? */
static bool is_mixed(const struct net *net, const json_t *list) {
    for (size_t k = 0; k < json_array_size(list); k++) {
        bool seen[2] = {false, false};
        for (int i = 0; i < net->nsites; i++) {
            const struct site *s = net->sites[i];
            if (s->adapted && target_match(json_array_get(list, k), s->name, s->module, s->kind, s->layer))
                seen[is_of_input(net, s)] = true;
        }
        if (seen[0] && seen[1]) return true;
    }
    return false;
}

/* PEFT wants feedforward_modules to be among target_modules, word by word: full names for both where a kind
 * is of both sorts. */
static void ia3_save_config(struct net *net, json_t *config) {
    json_t *targets = json_incref(json_object_get(config, "target_modules")), *inputs = json_array();
    if (is_mixed(net, targets)) {
        json_decref(targets);
        targets = json_array();
        for (int i = 0; i < net->nsites; i++)
            if (net->sites[i]->adapted) json_array_append_new(targets, json_string(net->sites[i]->module));
    }
    for (size_t k = 0; k < json_array_size(targets); k++) {
        json_t *name = json_array_get(targets, k);
        for (int i = 0; i < net->nsites; i++) {
            const struct site *s = net->sites[i];
            if (!s->adapted || !target_match(name, s->name, s->module, s->kind, s->layer)) continue;
            if (is_of_input(net, s)) json_array_append(inputs, name);
            break;
        }
    }
    json_object_set_new(config, "target_modules", targets);
    json_object_set_new(config, "feedforward_modules", inputs);
    json_object_set_new(config, "init_ia3_weights", json_true());
}

static const char *const ia3_peft_fields[] = {"feedforward_modules", "init_ia3_weights", NULL};

static int ia3_read_config(const json_t *peft, json_t *cfg, struct err *e) {
    json_t *inputs = json_object_get(peft, "feedforward_modules");
    if (inputs && !json_is_array(inputs) && !json_is_null(inputs))
        return adapter_refuse(peft, "feedforward_modules", e);
    json_object_set_new(cfg, "feedforward_modules",
                        json_is_array(inputs) ? json_deep_copy(inputs) : json_array());
    return 0;
}

const struct method method_ia3 = {
    .name = "ia3",
    .summary = "one trained factor per feature",
    .paper = "2205.05638",
    .flags = METHOD_MERGEABLE | METHOD_IDENTITY_AT_INIT,
    .opts = ia3_opts,
    .run_size = sizeof(struct ia3_run),
    .site_size = sizeof(struct ia3_site),
    .check = ia3_check,
    .attach = ia3_attach,
    .layout = ia3_layout,
    .forward = ia3_forward,
    .backward = ia3_backward,
    .merge = ia3_merge,
    .peft_type = "IA3",
    .save_config = ia3_save_config,
    .peft_fields = ia3_peft_fields,
    .read_config = ia3_read_config,
};
