/* SPDX-License-Identifier: Apache-2.0 */
/* lora.c - LoRA (Hu et al., 2106.09685): h = W x + (alpha/r) B A x, A random, B zero, both trained. */
#include "methods/lowrank.h"

const struct method method_lora = {
    .name = "lora",
    .summary = "low-rank update B A beside the frozen matrix",
    .paper = "2106.09685",
    .flags = METHOD_MERGEABLE | METHOD_IDENTITY_AT_INIT,
    .opts = lowrank_opts,
    .run_size = sizeof(struct lowrank_run),
    .site_size = sizeof(struct lowrank_site),
    .count = lowrank_count,
    .setup = lowrank_setup,
    .attach = lowrank_attach_both,
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
