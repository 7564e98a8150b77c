/* SPDX-License-Identifier: Apache-2.0 */
/* full.c - full fine-tuning: every parameter of the model trains, embeddings and norms included. */
#include "harness/core/method.h"

static bool full_select(const struct net *net, const struct param *p) {
    (void)net;
    (void)p;
    return true;
}

const struct method method_full = {
    .name = "full",
    .summary = "full fine-tuning: all parameters, embeddings and norms included",
    .flags = METHOD_NO_SITES | METHOD_IDENTITY_AT_INIT | METHOD_FULL,
    .select = full_select,
};
