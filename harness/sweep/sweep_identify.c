/* SPDX-License-Identifier: Apache-2.0 */
/* sweep_identify.c - models and data of all points by their digests, points by their hashes (identity.h);
 * equal ones are merged. */
#include <stdlib.h>
#include <string.h>

#include "harness/checkpoint/adapter.h"
#include "harness/config/cfg.h"
#include "harness/record/identity.h"
#include "harness/sweep/sweep_private.h"

static void find_data(struct load *l, struct sweep_point *p) {
    json_t *data = json_object_get(p->config, "data");
    char *key = data ? json_dumps(data, JSON_SORT_KEYS | JSON_COMPACT) : NULL, digest[65];
    struct err e = {0};
    if (!key) return;
    json_t *hit = json_object_get(l->data_cache, key);
    if (!hit) {
        json_t *remarks = json_array();
        int rc = l->lookup->data_digest(data, remarks, digest, &e);
        if (rc) load_lookup_fail(l, p->data_line, &e);
        hit = json_pack("{s:o, s:o}", "digest", rc ? json_null() : json_string(digest), "remarks", remarks);
        json_object_set_new(l->data_cache, key, hit);
    }
    json_object_set(p->config, "data_digest", json_object_get(hit, "digest"));
    p->remarks = json_incref(json_object_get(hit, "remarks"));
    free(key);
}

/* What the adapter says of itself, where the run says otherwise. */
static int check_init(const struct sweep_point *p, const struct method *m, const char *path, struct err *e) {
    if (m->flags & METHOD_FULL)
        return err_set(
            e, ERR_USER,
            "method %s does not start from an adapter: give `model` a folder (`bench merge` makes one)",
            m->name);
    struct adapter_file *a;
    if (adapter_open(&a, path, e)) return e->code;
    json_t *says = adapter_config(a, m, e), *theirs;
    const char *key;
    int rc = says ? 0 : e->code;
    json_object_foreach(says, key, theirs) {
        const json_t *ours = cfg_get(p->config, key);
        if (rc || !json_is_number(theirs) || json_number_value(ours) == json_number_value(theirs)) continue;
        rc = err_set(e, ERR_USER, "%s: its %s is %.10g, this run's is %.10g: write `%s: %.10g`", path, key,
                     json_number_value(theirs), json_number_value(ours), key, json_number_value(theirs));
    }
    json_decref(says);
    adapter_close(a);
    return rc;
}

static void find_init(struct load *l, struct sweep_point *p) {
    const char *word = cfg_str(p->config, "init");
    const struct method *m = method_find(cfg_str(p->config, "method"));
    if (!word || p->is_base) return;
    char *path = NULL, digest[65];
    struct err e = {0};
    int rc = l->lookup->adapter ? l->lookup->adapter(l->lookup, l->dir, word, &path, digest, &e)
                                : err_set(&e, ERR_USER, "there are no adapters");
    if (!rc) rc = check_init(p, m, path, &e);
    if (rc) {
        err_wrap(&e, "init");
        load_lookup_fail(l, p->line, &e);
    } else {
        json_object_set_new(p->config, "init_path", json_string(path));
        json_object_set_new(p->config, "init_digest", json_string(digest));
    }
    free(path);
}

static void hash_point(struct sweep_point *p) {
    json_t *base = p->is_base ? NULL : identity_base(p->config);
    identity_hash(p->config, p->hash);
    if (p->is_base) memcpy(p->base_hash, p->hash, sizeof p->hash);
    if (base) identity_hash(base, p->base_hash);
    json_decref(base);
}

/* Points of one hash run once: the first of them. Control arms come behind the file's own points here, and
 * step back for them in silence. */
static void merge_points(struct load *l) {
    struct sweep *s = l->s;
    json_t *seen = json_object(); /* hash -> index */
    int kept = 0, repeats = 0;
    for (int i = 0; i < s->npoints; i++) {
        struct sweep_point *p = s->points[i];
        json_t *hit = json_object_get(seen, p->hash);
        struct sweep_point *first = hit ? s->points[json_integer_value(hit)] : NULL;
        bool last = i + 1 == s->npoints || s->points[i + 1]->line != p->line || s->points[i + 1]->is_control;
        bool control = p->is_control;
        int line = p->line;
        if (first) {
            repeats += !control;
            sweep_replace_point(l, p, first);
            json_decref(p->config);
            json_decref(p->remarks);
            free(p);
        } else {
            json_object_set_new(seen, p->hash, json_integer(kept));
            s->points[kept++] = p;
        }
        if (!last || control) continue;
        if (first && first->line != line && first->line > 0)
            load_warn(l, line, "%d of its points repeat others (of line %d, for example); each runs once",
                      repeats, first->line);
        else if (repeats)
            load_warn(l, line, "%d of its points repeat others; each runs once", repeats);
        repeats = 0;
    }
    s->npoints = kept;
    json_decref(seen);
}

void sweep_identify(struct load *l) {
    struct sweep *s = l->s;
    for (int i = 0; i < s->npoints; i++) {
        struct sweep_point *p = s->points[i];
        const json_t *m = load_model(l, cfg_str(p->config, "model"), p->model_line);
        json_t *path = json_object_get(m, "path"), *digest = json_object_get(m, "digest");
        json_object_set(p->config, "model_path", path ? path : json_null());
        json_object_set(p->config, "model_digest", digest ? digest : json_null());
        find_data(l, p);
        find_init(l, p);
    }
    if (l->code) return;
    for (int i = 0; i < s->npoints; i++) hash_point(s->points[i]);
    merge_points(l);
}
