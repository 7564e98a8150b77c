/* SPDX-License-Identifier: Apache-2.0 */
/* cfg.c - dotted paths into a resolved configuration. See cfg.h. */
#include "harness/config/cfg.h"

#include <string.h>

#include "harness/base/err.h"

json_t *cfg_get(const json_t *cfg, const char *key) {
    while (cfg) {
        const char *dot = strchr(key, '.');
        if (!dot) return json_object_get(cfg, key);
        cfg = json_object_getn(cfg, key, (size_t)(dot - key));
        key = dot + 1;
    }
    return NULL;
}

long cfg_int(const json_t *cfg, const char *key) {
    json_t *v = cfg_get(cfg, key);
    BUG_ON(!json_is_number(v), "key %s", key);
    return json_is_integer(v) ? (long)json_integer_value(v) : (long)json_real_value(v);
}

double cfg_num(const json_t *cfg, const char *key) {
    json_t *v = cfg_get(cfg, key);
    BUG_ON(!json_is_number(v), "key %s", key);
    return json_number_value(v);
}

bool cfg_bool(const json_t *cfg, const char *key) {
    json_t *v = cfg_get(cfg, key);
    BUG_ON(!json_is_boolean(v), "key %s", key);
    return json_is_true(v);
}

const char *cfg_str(const json_t *cfg, const char *key) {
    json_t *v = cfg_get(cfg, key);
    return json_is_string(v) ? json_string_value(v) : NULL;
}

void cfg_set(json_t *cfg, const char *key, json_t *value) {
    for (const char *dot; (dot = strchr(key, '.')); key = dot + 1) {
        json_t *next = json_object_getn(cfg, key, (size_t)(dot - key));
        if (!json_is_object(next)) {
            next = json_object();
            json_object_setn_new(cfg, key, (size_t)(dot - key), next);
        }
        cfg = next;
    }
    json_object_set_new(cfg, key, value);
}
