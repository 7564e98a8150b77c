/* SPDX-License-Identifier: Apache-2.0 */
/* delta_lora.c - Delta-LoRA (Zi et al., 2309.02411): LoRA that also moves W by the change of its low-rank
 * product.
 *
 * A and B train as in LoRA; after the optimizer's step t (0-based), from t >= K = delta_start on,
 *     W += lambda * s * (B' A' - B A),    s = alpha / r,  ' = after the step.
 * W gets no gradient and no moments; that B A may stand in for W rests on both having the same gradient,
 * which dropout before A would end: it is refused. The paper writes A B with A [d, r]; here B A as in LoRA.
 *
 * The deltas telescope: W_T + s B_T A_T = W_0 + s[(1 + lambda) B_T A_T - lambda B_K A_K], so the learned
 * change is a LoRA of rank 2r (r when K = 0 and B starts at 0, where B_K A_K = 0, or when no step reached K),
 * and that is how the adapter is saved: it loads as a plain LoRA on the untouched base. With K = 0, no decay,
 * no clipping and eps -> 0 under Adam it equals LoRA with alpha * (1 + lambda) step for step: its control. */
#include <stdio.h>

#include "harness/config/cfg.h"
#include "harness/nn/kernels/mat.h"
#include "methods/lowrank.h"

static const struct opt delta_lora_opts[] = {
    LOWRANK_OPTS,
    {"delta_lambda", OPT_NUM, "2", 0, 1e6, NULL, "lambda: how much of the low-rank change W takes over"},
    {"delta_start", OPT_INT, "500", 0, 1e9, NULL, "K: steps of plain LoRA before W starts to move"},
    OPT_END,
};

struct delta_run {
    struct lowrank_run lowrank;
    float lambda;
    long start;     /* K */
    bool started;   /* W has moved */
    bool from_zero; /* it moves from the first step on, and B is 0 before that: B_K A_K = 0 */
};

struct delta_site {
    struct lowrank_site lowrank;
    struct param *A_old, *B_old; /* before the step */
    struct param *A_K, *B_K;     /* when W started to move; NULL when B_K = 0 */
};

static int delta_check(const json_t *cfg, char *warn, size_t warn_size, struct err *e) {
    if (lowrank_dropout(cfg) > 0)
        return err_set(e, ERR_USER,
                       "delta_lora takes lora_dropout 0 only: the change of B A stands in for that of W, "
                       "which it does not with dropout");
    long K = cfg_int(cfg, "delta_start"), steps = cfg_int(cfg, "train.steps");
    if (K >= steps)
        snprintf(warn, warn_size,
                 "delta_start %ld is not below train.steps %ld: delta_lora is then plain lora", K, steps);
    return 0;
}

static bool starts_from_zero(const json_t *cfg) {
    return cfg_int(cfg, "delta_start") == 0 && !cfg_str(cfg, "init");
}

static void delta_setup(struct net *net) {
    struct delta_run *run = net->method_state;
    lowrank_setup(net);
    run->lambda = (float)cfg_num(net->config, "delta_lambda");
    run->start = cfg_int(net->config, "delta_start");
    run->from_zero = starts_from_zero(net->config);
    /* A plan takes no steps but must know what will be saved. */
    run->started = net->mem->counting && run->start < cfg_int(net->config, "train.steps");
}

static void delta_attach(struct net *net, struct site *s) {
    struct delta_run *run = net->method_state;
    struct delta_site *st = s->state;
    lowrank_attach(net, s, PARAM_TRAIN, 1.0f);
    if (!net->training) return;
    st->A_old = lowrank_snapshot(net, st->lowrank.A, "before");
    st->B_old = lowrank_snapshot(net, st->lowrank.B, "before");
    if (run->from_zero) return;
    st->A_K = lowrank_snapshot(net, st->lowrank.A, "start");
    st->B_K = lowrank_snapshot(net, st->lowrank.B, "start");
}

static void delta_pre_step(struct net *net, long step) {
    struct delta_run *run = net->method_state;
    if (step < run->start) return;
    for (int i = 0; i < net->nsites; i++) {
        if (!net->sites[i]->adapted) continue;
        struct delta_site *st = net->sites[i]->state;
        lowrank_keep(st->A_old, st->lowrank.A);
        lowrank_keep(st->B_old, st->lowrank.B);
        if (run->started || !st->A_K) continue;
        lowrank_keep(st->A_K, st->lowrank.A);
        lowrank_keep(st->B_K, st->lowrank.B);
    }
    run->started = true;
}

static void delta_post_step(struct net *net, long step) {
    struct delta_run *run = net->method_state;
    if (step < run->start || run->lambda == 0) return;
    float c = run->lambda * run->lowrank.scale;
    int r = run->lowrank.r;
    for (int i = 0; i < net->nsites; i++) {
        struct site *s = net->sites[i];
        if (!s->adapted) continue;
        struct delta_site *st = s->state;
        mat_add_product(s->W->value, s->d_out, s->d_in, c, st->lowrank.B->value, st->lowrank.A->value, r);
        mat_add_product(s->W->value, s->d_out, s->d_in, -c, st->B_old->value, st->A_old->value, r);
    }
}

/* [A; A_K] and [(1+lambda) B, -lambda B_K] */
static void delta_save(struct net *net, struct site *s, struct adapter_out *o) {
    struct delta_run *run = net->method_state;
    struct delta_site *st = s->state;
    bool both = run->started && st->A_K;
    lowrank_save_sum(s, o, run->started ? 1.0f + run->lambda : 1.0f, both ? st->A_K : NULL, st->B_K,
                     -run->lambda);
}

static void delta_save_config(struct net *net, json_t *config) {
    struct delta_run *run = net->method_state;
    lowrank_save_config(net, config);
    if (run->started && !run->from_zero) lowrank_save_doubled(net, config);
}

/* Trains what LoRA trains; stores rank 2r unless B_K = 0 or no step reaches K. */
static void delta_count(const struct site_shape *s, int nsites, const json_t *cfg, size_t *trainable,
                        size_t *stored) {
    lowrank_count(s, nsites, cfg, trainable, stored);
    long K = cfg_int(cfg, "delta_start");
    if (!starts_from_zero(cfg) && cfg_int(cfg, "train.steps") > K) *stored *= 2;
}

static void delta_controls(const json_t *cfg, const struct site_shape *s, int nsites, struct control_out *o) {
    (void)s, (void)nsites;
    double alpha = cfg_num(cfg, "lora_alpha") * (1 + cfg_num(cfg, "delta_lambda"));
    control_add(o, "alpha x (1+lambda)", "lora", json_pack("{s:f}", "lora_alpha", alpha), 0);
}

const struct method method_delta_lora = {
    .name = "delta_lora",
    .summary = "LoRA whose change is also added to W, step by step",
    .paper = "2309.02411",
    .flags = METHOD_MUTATES_BASE | METHOD_MERGEABLE | METHOD_IDENTITY_AT_INIT,
    .opts = delta_lora_opts,
    .phase_key = "delta_start",
    .run_size = sizeof(struct delta_run),
    .site_size = sizeof(struct delta_site),
    .check = delta_check,
    .count = delta_count,
    .controls = delta_controls,
    .setup = delta_setup,
    .attach = delta_attach,
    .layout = lowrank_layout,
    .forward = lowrank_forward,
    .backward = lowrank_backward,
    .pre_step = delta_pre_step,
    .post_step = delta_post_step,
    .merge = lowrank_merge, /* into a copy of the moved W */
    .save = delta_save,
    .peft_type = "LORA",
    .save_config = delta_save_config,
    .peft_fields = lowrank_peft_fields,
    .read_config = lowrank_read_config,
};
