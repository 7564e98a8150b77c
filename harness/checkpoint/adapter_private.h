/* SPDX-License-Identifier: Apache-2.0 */
/* adapter_private.h - what adapter.c (reading) and adapter_save.c (writing) share; for them alone. */
#ifndef BENCH_ADAPTER_PRIVATE_H
#define BENCH_ADAPTER_PRIVATE_H

#include "harness/checkpoint/adapter.h"

/* The same name in the bare model, without a head above it: what PEFT wraps where a task wants hidden states
 * alone. NULL: it has no other. Caller frees. */
char *adapter_bare_name(const struct net *net, const char *name);
/* The path of a base, the same by whatever name it is reached. Caller frees. */
char *adapter_base_path(const struct modelfile *f);

#endif
