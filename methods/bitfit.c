/* SPDX-License-Identifier: Apache-2.0 */
/* bitfit.c - BitFit (Ben Zaken et al., 2106.10199): the biases of the model train, those of its norms too,
 * and nothing else.
 *
 * A bias adds to its layer's output, so db needs dy alone: no activation is kept for it. What is saved are
 * the biases under Hugging Face's names; PEFT has no form for them. Models without biases (Llama) are
 * refused. */
#include <string.h>

#include "harness/core/method.h"

static bool bitfit_select(const struct net *net, const struct param *p) {
    (void)net;
    size_t n = strlen(p->name);
    return n > 5 && !strcmp(p->name + n - 5, ".bias");
}

static void bitfit_save_config(struct net *net, json_t *config) {
    (void)net, (void)config; /* the tensors are all there is to say */
}

const struct method method_bitfit = {
    .name = "bitfit",
    .summary = "only the biases train",
    .paper = "2106.10199",
    .flags = METHOD_NO_SITES | METHOD_IDENTITY_AT_INIT,
    .select = bitfit_select,
    .nothing = "the model has no biases: train its norms (method: norms) or an adapter (method: lora)",
    .save_config = bitfit_save_config,
};
