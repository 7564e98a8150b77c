/* lora_fa.c - LoRA-FA (Zhang et al., 2308.03303): LoRA with A frozen at its random start; only B trains.
 *
 * dB = s G (A x)^T needs A x (r wide) but not x (d_in wide), so x is not kept for backward: that is the method's memory saving,
 * 4 n d_in bytes per distinct input that nobody else keeps. A saved adapter is a plain LoRA. */
#include "harness/cfg.h"
#include "methods/lowrank.h"

static void lora_fa_attach(struct net *net, struct site *s) { lowrank_attach(net, s, PARAM_FIXED, 1.0f); }

static void lora_fa_count(const struct site_shape *s, int nsites, const json_t *cfg, size_t *trainable, size_t *stored) {
    lowrank_count(s, nsites, cfg, trainable, stored);
    size_t n = 0, r = (size_t)cfg_int(cfg, "r");
    for (int i = 0; i < nsites; i++) n += r * (size_t)s[i].d_out;
    *trainable = n;
}

/* Half of the trained numbers are gone: is LoRA with as few as good, and is LoRA-FA with as many? */
static void lora_fa_controls(const json_t *cfg, const struct site_shape *s, int nsites, struct control_out *o) {
    size_t trainable, stored;
    lora_fa_count(s, nsites, cfg, &trainable, &stored);
    lowrank_control_count(s, nsites, trainable, 0, o);
    control_add(o, "rank 2r", "lora_fa", json_pack("{s:I}", "r", (json_int_t)(2 * cfg_int(cfg, "r"))), 0);
}

const struct method method_lora_fa = {
    .name = "lora_fa",
    .summary = "LoRA with A frozen: keeps A x instead of x for backward",
    .paper = "2308.03303",
    .flags = METHOD_MERGEABLE | METHOD_IDENTITY_AT_INIT,
    .opts = lowrank_opts,
    .run_size = sizeof(struct lowrank_run),
    .site_size = sizeof(struct lowrank_site),
    .count = lora_fa_count,
    .controls = lora_fa_controls,
    .setup = lowrank_setup,
    .attach = lora_fa_attach,
    .layout = lowrank_layout,
    .forward = lowrank_forward,
    .backward = lowrank_backward,
    .merge = lowrank_merge,
    .peft_type = "LORA",
    .save_config = lowrank_save_config,
    .peft_fields = lowrank_peft_fields,
    .read_config = lowrank_read_config,
};
