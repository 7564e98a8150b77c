/* SPDX-License-Identifier: Apache-2.0 */
/* rslora.c - rsLoRA (Kalajdzievski, 2312.03732): LoRA scaled by s = alpha / sqrt(r) in place of alpha / r.
 *
 * With alpha / r the update and its gradient shrink as r grows; with alpha / sqrt(r) they keep their size, so
 * that one learning rate serves all ranks. It is LoRA at alpha * sqrt(r), to the bit where that product is
 * exact; PEFT: use_rslora. */
#include <math.h>

#include "harness/config/cfg.h"
#include "methods/lowrank.h"

static void rslora_setup(struct net *net) {
    struct lowrank_run *run = net->method_state;
    lowrank_setup(net);
    run->scale = (float)(cfg_num(net->config, "lora_alpha") / sqrt(run->r));
}

/* To the letter the same run where the product is exact. */
static void rslora_controls(const json_t *cfg, const struct site_shape *s, int nsites,
                            struct control_out *o) {
    (void)s, (void)nsites;
    double alpha = cfg_num(cfg, "lora_alpha") * sqrt((double)cfg_int(cfg, "r"));
    control_add(o, "alpha x sqrt(r)", "lora", json_pack("{s:f}", "lora_alpha", alpha), 0);
}

static void rslora_save_config(struct net *net, json_t *config) {
    lowrank_save_config(net, config);
    json_object_set_new(config, "use_rslora", json_true());
}

static const char *const rslora_peft_fields[] = {"use_rslora", LOWRANK_PEFT_FIELDS, NULL};

static int rslora_read_config(const json_t *peft, json_t *cfg, struct err *e) {
    return lowrank_read_flagged(peft, "use_rslora", cfg, e);
}

static const struct opt rslora_opts[] = {
    {"r", OPT_INT, "8", 1, 65536, NULL, "rank of the update"},
    {"lora_alpha", OPT_NUM, "16", 0, 1e9, NULL, "scale of the update: s = lora_alpha / sqrt(r)"},
    {"lora_dropout", OPT_NUM, NULL, 0, 0.99, NULL,
     "probability of dropping a feature of the input of A, in training (default 0)"},
    OPT_END,
};

const struct method method_rslora = {
    .name = "rslora",
    .summary = "LoRA scaled by alpha / sqrt(r): one learning rate for all ranks",
    .paper = "2312.03732",
    .flags = METHOD_MERGEABLE | METHOD_IDENTITY_AT_INIT,
    .opts = rslora_opts,
    .run_size = sizeof(struct lowrank_run),
    .site_size = sizeof(struct lowrank_site),
    .count = lowrank_count,
    .controls = rslora_controls,
    .setup = rslora_setup,
    .attach = lowrank_attach_both,
    .layout = lowrank_layout,
    .forward = lowrank_forward,
    .backward = lowrank_backward,
    .merge = lowrank_merge,
    .factors = lowrank_factors,
    .peft_type = "LORA",
    .save_config = rslora_save_config,
    .peft_fields = rslora_peft_fields,
    .read_config = rslora_read_config,
};
