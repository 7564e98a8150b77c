/* ident.c - what makes two runs the same: models and data by digest, configurations by hash.
 *
 * The hash is SHA-256 over the configuration as JSON with sorted keys, without whitespace, reals with 17
 * digits, and without nulls, so that an option that is added later, absent by default, leaves old hashes
 * alone. Left out: threads, `weights` (no bit of a result depends on either), the names and paths of model
 * and data (their digests stand for them), and for the untouched base everything that it ignores. Not in a
 * configuration at all: the sweep's name, limits, workers, `save`. */
#include <stdlib.h>
#include <string.h>

#include "harness/adapter.h"
#include "harness/catalog.h"
#include "harness/cfg.h"
#include "harness/data.h"
#include "harness/infer.h"
#include "harness/nn/modelfile.h"
#include "harness/sites.h"
#include "harness/sweep_private.h"

#define IDENT_VERSION 1 /* raise when equal configurations no longer give equal results */

/* ---- lookups ------------------------------------------------------------------------------------------- */

static int real_model_digest(const char *path, char out[65], struct err *e) {
    struct modelfile *f;
    int rc = modelfile_open(&f, path, e);
    if (rc) return rc;
    rc = modelfile_digest(f, out, e);
    modelfile_close(f);
    return rc;
}

/* Files are read to the end, so that a bad row or an unknown column is known before anything runs. */
static int real_data_digest(const json_t *data_cfg, char out[65], struct err *e) {
    struct dataset *d;
    int rc = data_open(&d, data_cfg, e);
    if (rc) return rc;
    if (!cfg_str(data_cfg, "name")) rc = data_check(d, e);
    data_free(d);
    return rc ? rc : data_digest(data_cfg, out, e);
}

/* From the sweep file's folder, as the paths of data, then from the current one; or a run. */
static int real_adapter(const struct sweep_lookup *l, const char *dir, const char *word, char **path, char digest[65],
                        struct err *e) {
    char *beside = path_join(dir, word);
    *path = infer_adapter(dir_exists(beside) ? beside : word, l->db, NULL, e);
    free(beside);
    return *path ? adapter_digest(*path, digest, e) : e->code;
}

const struct sweep_lookup sweep_lookup_real = {catalog_model_path, real_model_digest, real_data_digest, sites_read, real_adapter, NULL};

/* ---- hashes -------------------------------------------------------------------------------------------- */

bool ident_base_ignores(const char *key) {
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

static const struct opt *task_opts(const json_t *config) {
    const char *name = cfg_str(config, "task");
    const struct task *t = name ? task_find(name) : NULL;
    return t ? t->opts : NULL;
}

static void drop_ignored(json_t *c, const struct opt *o) {
    for (; o && o->key; o++)
        if (ident_base_ignores(o->key)) cfg_delete(c, o->key);
}

static void reset_ignored(json_t *c, const struct opt *o) {
    for (; o && o->key; o++)
        if (ident_base_ignores(o->key)) cfg_set(c, o->key, opt_default(o));
}

void ident_hash(const json_t *config, char out[65]) {
    static const char *const aside[] = {"threads", "weights", "model", "model_path", "init", "init_path"};
    const struct method *m = method_find(cfg_str(config, "method"));
    json_t *c = json_deep_copy(config);
    for (size_t i = 0; i < ARRAY_LEN(aside); i++) cfg_delete(c, aside[i]);
    for (int i = 0; data_path_key(i); i++) cfg_delete(c, data_path_key(i));
    if (m && method_is_base(m)) drop_ignored(c, opt_core), drop_ignored(c, task_opts(config));
    drop_nulls(c);
    json_object_set_new(c, "version", json_integer(IDENT_VERSION));
    char *text = json_dumps(c, JSON_SORT_KEYS | JSON_COMPACT | JSON_REAL_PRECISION(17));
    BUG_ON(!text, "method %s", cfg_str(config, "method"));
    sha256_hex(text, strlen(text), out);
    free(text);
    json_decref(c);
}

json_t *ident_base(const json_t *config) {
    const struct method *base = NULL, *m = method_find(cfg_str(config, "method"));
    for (int i = 0; method_list[i] && !base; i++)
        if (method_is_base(method_list[i])) base = method_list[i];
    if (!base) return NULL;
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

/* ---- all points of a sweep ----------------------------------------------------------------------------- */

static void lookup_fail(struct load *l, int line, const struct err *e) {
    load_fail(l, line, "%s", e->msg);
    if (e->code == ERR_RESOURCE) l->code = ERR_RESOURCE;
}

/* A path may be meant from the sweep file's folder, as those of data are. */
static char *model_name(struct load *l, const char *name) {
    size_t n = strlen(name);
    bool path = strchr(name, '/') || name[0] == '.' || (n > 5 && !strcmp(name + n - 5, ".gguf"));
    char *beside = path_join(l->dir, name);
    if (path && (file_exists(beside) || dir_exists(beside))) return beside;
    free(beside);
    return xstrdup(name);
}

const json_t *load_model(struct load *l, const char *name, int line) {
    json_t *hit = json_object_get(l->path_cache, name);
    if (hit) return hit;
    struct err e = {0};
    char digest[65], *wanted = model_name(l, name), *path = l->lookup->model_path(wanted, &e);
    hit = json_null();
    if (path && !l->lookup->model_digest(path, digest, &e))
        hit = json_pack("{s:s,s:s}", "path", path, "digest", digest);
    else
        lookup_fail(l, line, &e);
    json_object_set_new(l->path_cache, name, hit);
    free(path);
    free(wanted);
    return hit;
}

static void find_data(struct load *l, struct sweep_point *p) {
    json_t *data = json_object_get(p->config, "data");
    char *key = data ? json_dumps(data, JSON_SORT_KEYS | JSON_COMPACT) : NULL, digest[65];
    struct err e = {0};
    if (!key) return;
    json_t *hit = json_object_get(l->data_cache, key);
    if (!hit) {
        hit = l->lookup->data_digest(data, digest, &e) ? json_null() : json_string(digest);
        if (json_is_null(hit)) lookup_fail(l, p->data_line, &e);
        json_object_set_new(l->data_cache, key, hit);
    }
    json_object_set(p->config, "data_digest", hit);
    free(key);
}

/* What the adapter says of itself, where the run says otherwise. */
static int check_init(const struct sweep_point *p, const struct method *m, const char *path, struct err *e) {
    if (m->flags & METHOD_FULL)
        return err_set(e, ERR_USER, "method %s does not start from an adapter: give `model` a folder (`bench merge` makes one)", m->name);
    json_t *says = adapter_config(path, m, e), *theirs;
    const char *key;
    int rc = says ? 0 : e->code;
    json_object_foreach(says, key, theirs) {
        const json_t *ours = cfg_get(p->config, key);
        if (rc || !json_is_number(theirs) || json_number_value(ours) == json_number_value(theirs)) continue;
        rc = err_set(e, ERR_USER, "%s: its %s is %.10g, this run's is %.10g: write `%s: %.10g`", path, key,
                     json_number_value(theirs), json_number_value(ours), key, json_number_value(theirs));
    }
    json_decref(says);
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
        lookup_fail(l, p->line, &e);
    } else {
        json_object_set_new(p->config, "init_path", json_string(path));
        json_object_set_new(p->config, "init_digest", json_string(digest));
    }
    free(path);
}

static void hash_point(struct sweep_point *p) {
    json_t *base = p->is_base ? NULL : ident_base(p->config);
    ident_hash(p->config, p->hash);
    if (p->is_base) memcpy(p->base_hash, p->hash, sizeof p->hash);
    if (base) ident_hash(base, p->base_hash);
    json_decref(base);
}

/* Points of one hash run once: the first of them. Control arms come behind the file's own points here, and step back for them in silence. */
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
