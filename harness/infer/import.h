/* SPDX-License-Identifier: Apache-2.0 */
/* import.h - a checkpoint of the original loralib as an adapter that PEFT and bench load.
 *
 * loralib (Hu et al., 2106.09685) saves A [r, d_in] and B [d_out, r] of a layer as "<module>.lora_A" and
 * "<module>.lora_B". Its MergedLinear, for a layer that makes q, k and v at once (GPT-2's c_attn), has A [k
 * r, d_in] and B [k d, r]: k of the layer's blocks of d outputs have a LoRA of their own, block i of B times
 * block i of A. That is one LoRA of rank k r whose B is block-diagonal, with zeros in the blocks that have
 * none; PEFT's alpha is then k alpha. */
#ifndef BENCH_IMPORT_H
#define BENCH_IMPORT_H

#include "harness/infer/infer.h"

struct import_options {
    double alpha; /* lora_alpha of the training: not in the file */
    /* which blocks of a fused layer: "qv", "q", "qkv", ...; NULL: q and v where there are two, all where
     * there are three */
    const char *blocks;
    bool skip_others; /* leave tensors aside that are no lora_A or lora_B */
};

struct import_result {
    int sites, r; /* layers, and PEFT's rank */
    double alpha; /* PEFT's */
    int skipped;
};

/* Read `path` (torch.save's, or .safetensors) and write adapter_config.json and adapter_model.safetensors for
 * model `m` into the folder `dir`, which exists. base_model: what the config says of the base. Errors name
 * the file and the tensor. */
int import_loralib(const struct infer *m, const char *base_model, const char *path,
                   const struct import_options *o, const char *dir, struct import_result *ret, struct err *e);

#endif
