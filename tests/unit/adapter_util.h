/* SPDX-License-Identifier: Apache-2.0 */
/* adapter_util.h - an adapter's folder opened for one question. */
#ifndef BENCH_ADAPTER_UTIL_H
#define BENCH_ADAPTER_UTIL_H

#include "harness/checkpoint/adapter.h"

/* As adapter_config. */
static inline json_t *adapter_config_in(const char *dir, const struct method *as, struct err *e) {
    struct adapter_file *a;
    json_t *config = adapter_open(&a, dir, e) ? NULL : adapter_config(a, as, e);
    adapter_close(a);
    return config;
}

/* As adapter_load. */
static inline int adapter_load_from(struct net *net, const struct modelfile *model, const char *dir,
                                    struct err *e) {
    struct adapter_file *a;
    int rc = adapter_open(&a, dir, e);
    if (!rc) rc = adapter_load(net, model, a, e);
    adapter_close(a);
    return rc;
}

#endif
