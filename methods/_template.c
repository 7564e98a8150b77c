/* SPDX-License-Identifier: Apache-2.0 */
/* _template.c - a method to copy: every hook of harness/core/method.h, at work and explained. Not built.
 *
 *   h = g * (W x + b)        elementwise; g [d_out] trained, 1 at the start; the base frozen
 *
 * To add a method of your own: copy this file to methods/NAME.c, rename `template` to NAME, delete the hooks
 * that you do not need (NULL means "nothing to do"), write the formula and the paper above, and add
 * METHOD(NAME) to methods.def. The battery in tests/methods tests it then. */
#include <stdlib.h>

#include "harness/config/cfg.h"
#include "harness/core/method.h"
#include "harness/base/util.h"

/* Options: YAML key, type, default as written, range, choices, help. The same rows fill defaults, check sweep
 * files and print help. */
static const struct opt template_opts[] = {
    {"g_initial", OPT_NUM, "1", -100, 100, NULL, "start value of g"},
    OPT_END,
};

/* State of a run: zeroed, run_size bytes, in net->method_state. */
struct template_run {
    struct net_pass pass; /* whose first site reserves what all share */
    float *dv;            /* scratch */
    int widest;
};

/* State of a site: zeroed, site_size bytes, in site->state. */
struct template_site {
    struct param *g;
    float *v; /* W x + b, kept for backward: d_out features */
};

/* Before anything runs: options that contradict each other (an error), or that are worth a remark
 * (`warn`). */
static int template_check(const json_t *cfg, char *warn, size_t warn_size, struct err *e) {
    (void)warn, (void)warn_size;
    return cfg_num(cfg, "g_initial") == 0 ? err_set(e, ERR_USER, "g_initial 0 makes every layer 0") : 0;
}

/* Closed form of what trains and what is stored; a test compares it with what the net has. */
static void template_count(const struct site_shape *s, int nsites, const json_t *cfg, size_t *trainable,
                           size_t *stored) {
    (void)cfg;
    *trainable = *stored = 0;
    for (int i = 0; i < nsites; i++) *trainable += (size_t)s[i].d_out;
    *stored = *trainable;
}

/* What a gain of this method must be measured against: here LoRA at rank 1, which trains about as few
 * numbers. `controls: auto` in a sweep adds it. */
static void template_controls(const json_t *cfg, const struct site_shape *s, int nsites,
                              struct control_out *o) {
    (void)cfg, (void)s, (void)nsites;
    control_add(o, "rank 1", "lora", json_pack("{s:i}", "r", 1), 0);
}

/* Which base parameters train beside the adapter? (full: all; bitfit: biases.) Called once for each, before
 * setup. `nothing` is the refusal of a model in which that finds none. */
static bool template_select(const struct net *net, const struct param *p) {
    (void)net, (void)p;
    return false;
}

/* Once, when all sites are known and marked: what is shared between them. */
static void template_setup(struct net *net) {
    struct template_run *run = net->method_state;
    for (int i = 0; i < net->nsites; i++) {
        struct site *s = net->sites[i];
        if (!s->adapted) continue;
        run->widest = MAX_OF(run->widest, s->d_out);
    }
}

/* For each adapted site: declare parameters under the names that PEFT saves, and say whether backward needs x
 * (s->need_x = true). In counting mode (bench plan) memory is reserved but must not be touched. */
static void template_attach(struct net *net, struct site *s) {
    struct template_site *st = s->state;
    char *name = xasprintf("base_model.model.%s.template_g", s->module);
    st->g = net_param(net, s, name, PARAM_TRAIN, 1, s->d_out);
    st->g->ndim = 1;
    free(name);
    if (net->mem->counting) return;
    for (int i = 0; i < s->d_out; i++) st->g->value[i] = (float)cfg_num(net->config, "g_initial");
}

/* Before each pass of np panels: reserve. MEM_ACT for what backward wants, MEM_SCRATCH for the rest; it is
 * gone after the pass. */
static void template_layout(struct net *net, struct site *s, int np) {
    struct template_run *run = net->method_state;
    struct template_site *st = s->state;
    if (net_pass_opens(net, &run->pass, np)) run->dv = net_keep(net, MEM_SCRATCH, run->pass.np, run->widest);
    st->v = net_keep(net, MEM_ACT, np, s->d_out);
}

/* y = the adapted layer, the base product included. x and y are panels (harness/nn/kernels/panel.h). */
static void template_forward(struct net *net, struct site *s, const float *x, int ldx, float *y, int ldy,
                             int np) {
    struct template_site *st = s->state;
    site_base_forward(net, s, x, ldx, st->v, s->d_out, np);
    panel_row_scale(net->team, y, ldy, st->v, s->d_out, st->g->value, 1.0f, s->d_out, np, false);
}

/* Gradients accumulate (+=): those of the parameters, and dx unless it is NULL. x is NULL unless need_x. */
static void template_backward(struct net *net, struct site *s, const float *x, int ldx, const float *dy,
                              int lddy, float *dx, int lddx, int np) {
    struct template_run *run = net->method_state;
    struct template_site *st = s->state;
    panel_row_dot(net->team, st->g->grad, dy, lddy, st->v, s->d_out, s->d_out, np); /* dg = sum_t dy * v */
    /* dv = g * dy */
    panel_row_scale(net->team, run->dv, run->widest, dy, lddy, st->g->value, 1.0f, s->d_out, np, false);
    site_base_backward(net, s, x, ldx, run->dv, run->widest, dx, lddx, np);
}

/* Around the optimizer's step (0-based): Delta-LoRA moves W here. */
static void template_pre_step(struct net *net, long step) { (void)net, (void)step; }
static void template_post_step(struct net *net, long step) { (void)net, (void)step; }

/* `factors` stays NULL here: (g - 1) W is no product of thin matrices. methods/lowrank.c has one. */

/* W [d_out, d_in] and b (or NULL) are copies: put the adapter in, so that the plain layer gives the same
 * output. */
static void template_merge(struct net *net, struct site *s, float *W, float *b) {
    (void)net;
    struct template_site *st = s->state;
    for (int i = 0; i < s->d_out; i++) {
        for (int j = 0; j < s->d_in; j++) W[(size_t)i * s->d_in + j] *= st->g->value[i];
        if (b) b[i] *= st->g->value[i];
    }
}

/* Only where the saved form differs from the parameters: by default every parameter of the site is saved
 * under its name. */
static void template_save(struct net *net, struct site *s, struct adapter_out *o) {
    (void)net;
    struct template_site *st = s->state;
    adapter_add(o, st->g->name, 1, (int64_t[]){s->d_out}, st->g->value);
}

/* PEFT's adapter_config.json beyond what every method has. NULL: the method has no adapter file. */
static void template_save_config(struct net *net, json_t *config) {
    json_object_set_new(config, "g_initial", json_real(cfg_num(net->config, "g_initial")));
}

/* And back. A field that is not in the list must be off in a file that this method reads. */
static const char *const template_peft_fields[] = {"g_initial", NULL};

static int template_read_config(const json_t *peft, json_t *cfg, struct err *e) {
    return adapter_read_number(peft, "g_initial", 1, cfg, e);
}

const struct method method_template = {
    .name = "template",
    .summary = "one trained factor per output",
    .paper = NULL, /* arXiv id */
    .flags = METHOD_MERGEABLE | METHOD_IDENTITY_AT_INIT,
    .opts = template_opts,
    .run_size = sizeof(struct template_run),
    .site_size = sizeof(struct template_site),
    .check = template_check,
    .count = template_count,
    .controls = template_controls,
    .select = template_select,
    .setup = template_setup,
    .attach = template_attach,
    .layout = template_layout,
    .forward = template_forward,
    .backward = template_backward,
    .pre_step = template_pre_step,
    .post_step = template_post_step,
    .merge = template_merge,
    .save = template_save,
    .peft_type = "TEMPLATE",
    .save_config = template_save_config,
    .peft_fields = template_peft_fields,
    .read_config = template_read_config,
};
