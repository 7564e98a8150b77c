/* SPDX-License-Identifier: Apache-2.0 */
/* none.c - the untouched base: nothing trains. The origin of every comparison. */
#include "harness/core/method.h"

const struct method method_none = {
    .name = "none",
    .summary = "the untouched base model, evaluated only",
    .flags = METHOD_NO_SITES | METHOD_IDENTITY_AT_INIT,
};
