/* SPDX-License-Identifier: Apache-2.0 */
/* lora_plus.c - LoRA+ (Hayou et al., 2402.12354): LoRA whose B learns with lr * ratio, A with lr.
 *
 * With Adam, B = 0 at the start, no decay, no clipping and eps -> 0 it equals LoRA at alpha * ratio step for
 * step, so that is the control it must be compared with. A saved adapter is a plain LoRA. */
#include "harness/config/cfg.h"
#include "methods/lowrank.h"

static const struct opt lora_plus_opts[] = {
    LOWRANK_OPTS,
    {"loraplus_lr_ratio", OPT_NUM, "16", 1e-6, 1e6, NULL, "learning rate of B over that of A"},
    OPT_END,
};

static void lora_plus_attach(struct net *net, struct site *s) {
    lowrank_attach(net, s, PARAM_TRAIN, (float)cfg_num(net->config, "loraplus_lr_ratio"));
}

static void lora_plus_controls(const json_t *cfg, const struct site_shape *s, int nsites,
                               struct control_out *o) {
    (void)s, (void)nsites;
    double alpha = cfg_num(cfg, "lora_alpha") * cfg_num(cfg, "loraplus_lr_ratio");
    control_add(o, "alpha x ratio", "lora", json_pack("{s:f}", "lora_alpha", alpha), 0);
}

const struct method method_lora_plus = {
    .name = "lora_plus",
    .summary = "LoRA with a higher learning rate for B",
    .paper = "2402.12354",
    .flags = METHOD_MERGEABLE | METHOD_IDENTITY_AT_INIT,
    .opts = lora_plus_opts,
    .run_size = sizeof(struct lowrank_run),
    .site_size = sizeof(struct lowrank_site),
    .count = lowrank_count,
    .controls = lora_plus_controls,
    .setup = lowrank_setup,
    .attach = lora_plus_attach,
    .layout = lowrank_layout,
    .forward = lowrank_forward,
    .backward = lowrank_backward,
    .merge = lowrank_merge,
    .factors = lowrank_factors,
    .peft_type = "LORA",
    .save_config = lowrank_save_config,
    .peft_fields = lowrank_peft_fields,
    .read_config = lowrank_read_config,
};
