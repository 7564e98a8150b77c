/* SPDX-License-Identifier: Apache-2.0 */
/* norms.c - only the model's norms train: the weights, and biases where there are any, of its RMSNorm or
 * LayerNorm layers.
 *
 * The smallest baseline that every architecture has. A norm's tensors are the vectors that are no bias of a
 * linear layer. They are saved under Hugging Face's names; PEFT has no form for them. */
#include "harness/core/method.h"

static bool norms_select(const struct net *net, const struct param *p) {
    for (int i = 0; i < net->nsites; i++)
        if (net->sites[i]->b == p) return false;
    return p->ndim == 1;
}

static void norms_save_config(struct net *net, json_t *config) {
    (void)net, (void)config; /* the tensors are all there is to say */
}

const struct method method_norms = {
    .name = "norms",
    .summary = "only the weights and biases of the norms train",
    .flags = METHOD_NO_SITES | METHOD_IDENTITY_AT_INIT,
    .select = norms_select,
    .nothing = "the model's norms have no parameters: train an adapter (method: lora)",
    .save_config = norms_save_config,
};
