/* SPDX-License-Identifier: Apache-2.0 */
/* method_support.c - what methods call: collecting saved tensors, reading PEFT's fields, asking for control
 * arms. See method.h and method_support.h.
 *
 * It stands below the methods, so that no method reaches up into what drives methods: adapter.c writes what
 * was collected, sweep_controls.c resolves what was asked for. */
#include "harness/core/method_support.h"

#include <stdlib.h>
#include <string.h>

#include "harness/config/cfg.h"
#include "harness/base/util.h"

/* ---- saved tensors ------------------------------------------------------------------------------------- */

static void add_tensor(struct adapter_out *o, const char *name, int ndim, const int64_t *shape,
                       const float *data, float *owned) {
    GROW(o->t, o->n, o->cap);
    if (o->owned_cap < o->cap) {
        o->owned_cap = o->cap;
        o->owned = xrealloc(o->owned, (size_t)o->cap * sizeof *o->owned);
    }
    struct tensor_out t = {.name = xstrdup(name), .dtype = DT_F32, .ndim = ndim, .data = data};
    memcpy(t.shape, shape, (size_t)ndim * sizeof *shape);
    o->owned[o->n] = owned;
    o->t[o->n++] = t;
}

void adapter_add(struct adapter_out *o, const char *name, int ndim, const int64_t *shape, const float *data) {
    add_tensor(o, name, ndim, shape, data, NULL);
}

void adapter_add_owned(struct adapter_out *o, const char *name, int ndim, const int64_t *shape, float *data) {
    add_tensor(o, name, ndim, shape, data, data);
}

void adapter_out_release(struct adapter_out *o) {
    for (int i = 0; i < o->n; i++) {
        free((char *)o->t[i].name);
        free(o->owned[i]);
    }
    free(o->t);
    free(o->owned);
}

/* ---- fields of adapter_config.json --------------------------------------------------------------------- */

int adapter_refuse(const json_t *peft, const char *key, struct err *e) {
    const json_t *v = json_object_get(peft, key);
    const char *text = json_string_value(v);
    if (text) return err_set(e, ERR_USER, "%s '%.40s' is not implemented", key, text);
    return err_set(e, ERR_USER,
                   "'%.60s' is not implemented (remove it if it does not change what the adapter computes)",
                   key);
}

int adapter_read_number(const json_t *peft, const char *key, double def, json_t *cfg, struct err *e) {
    const json_t *v = json_object_get(peft, key);
    if (v && !json_is_number(v)) return err_set(e, ERR_USER, "'%.60s' is not a number", key);
    json_object_set_new(cfg, key, v ? json_deep_copy(v) : json_real(def));
    return 0;
}

/* ---- control arms -------------------------------------------------------------------------------------- */

void control_add(struct control_out *o, const char *kind, const char *method, json_t *options,
                 unsigned flags) {
    BUG_ON(!json_is_object(options), "control '%s': method %s", kind, method);
    GROW(o->v, o->n, o->cap);
    o->v[o->n++] = (struct wanted_control){xstrdup(kind), xstrdup(method), options, flags};
}

void control_out_release(struct control_out *o) {
    for (int i = 0; i < o->n; i++) {
        free(o->v[i].kind);
        free(o->v[i].method);
        json_decref(o->v[i].options);
    }
    free(o->v);
}
