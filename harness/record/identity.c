/* SPDX-License-Identifier: Apache-2.0 */
/* identity.c - what makes two configurations the same: their hash. Pure: nothing is looked up. See
 * identity.h.
 *
 * The hash is SHA-256 over the configuration as JSON with sorted keys, without whitespace, reals with 17
 * digits, and without nulls. Left out: threads, `weights` (no bit of a result depends on either), the names
 * and paths of model and data (their digests stand for them), and for the untouched base everything that it
 * ignores. Not in a configuration at all: the sweep's name, limits, workers, `save`.
 *
 * Records outlive upgrades: a key that is not in identity_first.def was added later, and counts only where it
 * differs from its default. An option that is added to the core, a task or a method so leaves every recorded
 * run what it is, without its author's doing anything. A default that changes would give old runs a new
 * meaning: add a key instead. */
#include "harness/record/identity.h"

#include <stdlib.h>
#include <string.h>

#include "harness/config/cfg.h"
#include "harness/core/data.h"
#include "harness/base/digest.h"
#include "harness/core/method.h"
#include "harness/core/task.h"
#include "harness/base/util.h"

#define IDENT_VERSION 1 /* raise when equal configurations no longer give equal results */

bool identity_base_ignores(const char *key) {
    if (!strcmp(key, "train.max_length")) return false; /* it cuts the rows that are evaluated */
    return !strncmp(key, "train.", 6) || !strcmp(key, "eval.every") || !strcmp(key, "target_modules") ||
           !strncmp(key, "init", 4);
}

static void cfg_delete(json_t *config, const char *key) {
    const char *dot = strrchr(key, '.');
    if (!dot) {
        json_object_del(config, key);
        return;
    }
    char *above = xstrndup(key, (size_t)(dot - key));
    json_t *o = cfg_get(config, above);
    if (o) json_object_del(o, dot + 1);
    free(above);
}

static void drop_nulls(json_t *o) {
    const char *key;
    void *next;
    json_t *v;
    json_object_foreach_safe(o, next, key, v) {
        if (json_is_null(v)) {
            json_object_del(o, key);
        } else if (json_is_object(v)) {
            drop_nulls(v);
            if (!json_object_size(v)) json_object_del(o, key);
        }
    }
}

static const struct task *find_task(const json_t *config) {
    const char *name = cfg_str(config, "task");
    return name ? task_find(name) : NULL;
}

static const struct opt *task_opts(const json_t *config) {
    const struct task *t = find_task(config);
    return t ? t->opts : NULL;
}

static void drop_ignored(json_t *c, const struct opt *o) {
    for (; o && o->key; o++)
        if (identity_base_ignores(o->key)) cfg_delete(c, o->key);
}

static void reset_ignored(json_t *c, const struct opt *o) {
    for (; o && o->key; o++)
        if (identity_base_ignores(o->key)) cfg_set(c, o->key, opt_default(o));
}

static bool is_first(const char *key) {
    static const char *const first[] = {
#define KEY(name) name,
#include "harness/record/identity_first.def"
#undef KEY
    };
    for (size_t i = 0; i < ARRAY_LEN(first); i++)
        if (!strcmp(first[i], key)) return true;
    return false;
}

/* Keys of later versions that have their default. */
static void drop_later(json_t *c, const struct opt *o) {
    for (; o && o->key; o++) {
        const json_t *v = cfg_get(c, o->key);
        if (!v || is_first(o->key)) continue;
        json_t *def = opt_default(o);
        if (json_equal(v, def)) cfg_delete(c, o->key);
        json_decref(def);
    }
}

char *identity_text(const json_t *config) {
    static const char *const aside[] = {"threads", "weights", "model", "model_path", "init", "init_path"};
    const char *name = cfg_str(config, "method");
    const struct method *m = name ? method_find(name) : NULL;
    const struct task *t = find_task(config);
    json_t *c = json_deep_copy(config);
    if (t && t->identity) t->identity(config, c);
    for (size_t i = 0; i < ARRAY_LEN(aside); i++) cfg_delete(c, aside[i]);
    for (int i = 0; data_path_key(i); i++) cfg_delete(c, data_path_key(i));
    if (m && method_is_base(m)) drop_ignored(c, opt_core), drop_ignored(c, task_opts(config));
    drop_later(c, opt_core), drop_later(c, task_opts(config)), drop_later(c, m ? m->opts : NULL);
    drop_nulls(c);
    json_object_set_new(c, "version", json_integer(IDENT_VERSION));
    char *text = json_dumps(c, JSON_SORT_KEYS | JSON_COMPACT | JSON_REAL_PRECISION(17));
    BUG_ON(!text, "method %s", name);
    json_decref(c);
    return text;
}

void identity_hash(const json_t *config, char out[65]) {
    char *text = identity_text(config);
    sha256_hex(text, strlen(text), out);
    free(text);
}

json_t *identity_base(const json_t *config) {
    const struct method *base = method_base(), *m = method_find(cfg_str(config, "method"));
    json_t *c = json_deep_copy(config);
    for (const struct opt *o = m ? m->opts : NULL; o && o->key; o++) cfg_delete(c, o->key);
    reset_ignored(c, opt_core);
    reset_ignored(c, task_opts(config));
    for (const struct opt *o = base->opts; o && o->key; o++) cfg_set(c, o->key, opt_default(o));
    cfg_delete(c, "init_path");
    cfg_delete(c, "init_digest");
    cfg_set(c, "method", json_string(base->name));
    cfg_set(c, "target_modules", json_null());
    cfg_set(c, "train.steps", json_integer(0));
    return c;
}
