/* SPDX-License-Identifier: Apache-2.0 */
/* adapter_save.c - writing adapters, as PEFT has them. See adapter.h. Tensors have the parameters' names. */
#include "harness/checkpoint/adapter.h"

#include <stdlib.h>
#include <string.h>

#include "harness/checkpoint/adapter_private.h"
#include "harness/base/digest.h"
#include "harness/core/method_support.h"
#include "harness/nn/format/modelfile.h"
#include "harness/base/util.h"

/* ---- collecting ---------------------------------------------------------------------------------------- */

static void add_param(struct adapter_out *o, const struct param *p) {
    int64_t shape[2] = {p->rows, p->cols};
    adapter_add(o, p->name, p->ndim, p->ndim == 1 ? shape + 1 : shape, p->value);
}

/* A copy of one of the model's modules, as Hugging Face's file would have it. */
static void add_kept(struct adapter_out *o, const struct param *p) {
    char *name = xasprintf(HEAD_PREFIX "%s", p->name);
    int64_t shape[2] = {p->transposed ? p->cols : p->rows, p->transposed ? p->rows : p->cols};
    float *data = xmalloc(param_size(p) * sizeof *data);
    for (size_t r = 0; r < (size_t)p->rows; r++)
        for (size_t c = 0; c < (size_t)p->cols; c++)
            data[p->transposed ? c * (size_t)p->rows + r : r * (size_t)p->cols + c] =
                p->value[r * (size_t)p->cols + c];
    adapter_add_owned(o, name, p->ndim, p->ndim == 1 ? shape + 1 : shape, data);
    free(name);
}

/* The adapters of the sites; then what the method trains of the base (vectors), under Hugging Face's names.
 */
static void collect_tensors(struct net *net, struct adapter_out *o) {
    for (int i = 0; i < net->nsites; i++) {
        struct site *s = net->sites[i];
        if (!s->adapted) continue;
        if (net->method->save) {
            net->method->save(net, s, o);
            continue;
        }
        for (int j = 0; j < net->nparams; j++)
            if (net->params[j]->site == s) add_param(o, net->params[j]);
    }
    for (int i = 0; i < net->nparams; i++) {
        const struct param *p = net->params[i];
        if (p->site || p->role != PARAM_TRAIN) continue;
        BUG_ON(p->transposed && !p->kept, "%s is no vector", p->name);
        if (p->kept)
            add_kept(o, p);
        else
            add_param(o, p);
    }
}

static bool is_bare(const char *task_type) { return !strcmp(task_type, "FEATURE_EXTRACTION"); }

static void rename_bare(const struct net *net, struct adapter_out *o) {
    for (int i = 0; i < o->n; i++) {
        char *bare = adapter_bare_name(net, o->t[i].name);
        if (!bare) continue;
        free((char *)o->t[i].name);
        o->t[i].name = bare;
    }
}

static bool is_regenerable(const struct net *net, const char *name) {
    const struct param *p = net_find_param(net, name);
    return p && p->regenerable;
}

/* ---- saving -------------------------------------------------------------------------------------------- */

/* Does the name alone, as the end of a module's path, also mean a site that is not adapted? */
static bool means_more(const struct net *net, const char *kind) {
    size_t n = strlen(kind);
    for (int i = 0; i < net->nsites; i++) {
        const struct site *s = net->sites[i];
        size_t len = strlen(s->module);
        if (!s->adapted && len > n && s->module[len - n - 1] == '.' && !strcmp(s->module + len - n, kind))
            return true;
    }
    return false;
}

/* PEFT's target_modules: kinds where every layer's site of that kind is adapted, full module names otherwise.
 */
static json_t *target_list(const struct net *net, bool bare) {
    json_t *kinds = json_array(), *modules = json_array();
    size_t prefix = bare && net->backbone ? strlen(net->backbone) : 0;
    bool whole = true;
    for (int i = 0; i < net->nsites; i++) {
        const struct site *s = net->sites[i];
        if (s->adapted) json_array_append_new(modules, json_string(s->module + prefix));
        bool listed = false;
        for (int j = 0; j < i && !listed; j++)
            listed = !strcmp(net->sites[j]->kind, s->kind) && net->sites[j]->adapted;
        if (!listed && s->adapted) json_array_append_new(kinds, json_string(s->kind));
        if (s->adapted && means_more(net, s->kind)) whole = false;
    }
    json_decref(whole ? modules : kinds);
    return whole ? kinds : modules;
}

/* Are the adapted layers of the class Conv1D? Models have those or Linear, never both. */
static bool is_conv1d(const struct net *net) {
    for (int i = 0; i < net->nsites; i++)
        if (net->sites[i]->adapted) return net->sites[i]->W->transposed;
    return false;
}

/* PEFT's modules_to_save: the modules of the task's own parameters, each once ("classifier"); null without
 * any. */
static json_t *head_list(const struct net *net) {
    json_t *list = json_array();
    const char *last = "";
    for (int i = 0; i < net->nparams; i++) {
        const struct param *p = net->params[i];
        if (!p->head && !p->kept) continue;
        const char *module = p->name + (p->head ? strlen(HEAD_PREFIX) : 0),
                   *dot = p->head ? strchr(module, '.') : strrchr(module, '.');
        size_t n = dot ? (size_t)(dot - module) : strlen(module);
        if (strlen(last) != n || strncmp(last, module, n) != 0)
            json_array_append_new(list, json_stringn(module, n));
        last =
            json_array_size(list) ? json_string_value(json_array_get(list, json_array_size(list) - 1)) : "";
    }
    if (json_array_size(list)) return list;
    json_decref(list);
    return json_null();
}

json_t *adapter_head_json(const char *base_model, const char *task_type, const char *peft_type, bool conv1d,
                          json_t *targets, json_t *saved) {
    json_t *c = json_object();
    json_object_set_new(c, "base_model_name_or_path", json_string(base_model));
    json_object_set_new(c, "task_type", json_string(task_type));
    json_object_set_new(c, "inference_mode", json_true());
    if (targets) {
        json_object_set_new(c, "fan_in_fan_out", json_boolean(conv1d));
        json_object_set_new(c, "target_modules", targets);
        json_object_set_new(c, "modules_to_save", saved ? saved : json_null());
    }
    if (peft_type) json_object_set_new(c, "peft_type", json_string(peft_type));
    return c;
}

int adapter_write(const char *dir, const struct tensor_out *t, int n, json_t *config, char sha256[65],
                  struct err *e) {
    json_t *meta = json_pack("{ss}", "format", "pt");
    char *json = json_dumps(config, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_REAL_PRECISION(9)),
         *text = xasprintf("%s\n", json);
    char *weights = path_join(dir, "adapter_model.safetensors"),
         *path = path_join(dir, "adapter_config.json");
    int rc = dir_make(dir, e);
    if (!rc) rc = safetensors_write(weights, t, n, meta, e);
    if (!rc) rc = file_write(path, text, strlen(text), e);
    if (!rc && sha256) rc = sha256_file(weights, sha256, e);
    free(path), free(weights), free(text), free(json);
    json_decref(meta);
    json_decref(config);
    return rc;
}

/* adapter_config.json of a bound net. */
static json_t *config_of(struct net *net, const char *base_model, const char *task_type) {
    const struct method *m = net->method;
    bool sites = !(m->flags & METHOD_NO_SITES);
    json_t *c =
        adapter_head_json(base_model, task_type, m->peft_type, is_conv1d(net),
                          sites ? target_list(net, is_bare(task_type)) : NULL, sites ? head_list(net) : NULL);
    if (!m->peft_type) json_object_set_new(c, "method", json_string(m->name));
    m->save_config(net, c);
    return c;
}

int adapter_save(struct net *net, const char *dir, const char *base_model, const char *task_type,
                 struct adapter_saved *ret, struct err *e) {
    memset(ret, 0, sizeof *ret);
    if (!net->method->save_config) return 0;
    struct adapter_out o = {0};
    collect_tensors(net, &o);
    for (int i = 0; i < o.n; i++) {
        size_t bytes = sizeof(float);
        for (int d = 0; d < o.t[i].ndim; d++) bytes *= (size_t)o.t[i].shape[d];
        ret->min_bytes += is_regenerable(net, o.t[i].name) ? 8 : bytes;
    }
    if (is_bare(task_type)) rename_bare(net, &o);
    json_t *meta = json_pack("{ss}", "format", "pt");
    ret->file_bytes = safetensors_size(o.t, o.n, meta);
    int rc = 0;
    if (dir && !net->mem->counting)
        rc = adapter_write(dir, o.t, o.n, config_of(net, base_model, task_type), ret->sha256, e);
    json_decref(meta);
    adapter_out_release(&o);
    return rc;
}

int adapter_describe(const char *dir, const json_t *task, const char *sha256, const struct modelfile *f,
                     struct err *e) {
    char digest[65], *base = adapter_base_path(f);
    int rc = modelfile_digest(f, digest, e);
    json_t *all = task ? json_deep_copy(task) : json_object();
    json_object_set_new(all, "sha256", json_string(sha256));
    json_object_set_new(all, "base", json_pack("{ss,ss}", "path", base, "digest", digest));
    char *json = json_dumps(all, JSON_INDENT(2)), *text = xasprintf("%s\n", json);
    char *path = path_join(dir, "task.json");
    if (!rc) rc = file_write(path, text, strlen(text), e);
    json_decref(all);
    free(path);
    free(text);
    free(json);
    free(base);
    return rc;
}
