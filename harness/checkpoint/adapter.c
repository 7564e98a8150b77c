/* adapter.c - see adapter.h. The tensors' names are the parameters' own (PEFT's). */
#include "harness/checkpoint/adapter.h"

#include <stdlib.h>
#include <string.h>

#include "harness/config/cfg.h"
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

/* The same name in the bare model, without a head above it: what PEFT wraps where a task wants hidden states
 * alone. NULL: it has no other. Caller frees. */
static char *bare_name(const struct net *net, const char *name) {
    size_t head = strlen(HEAD_PREFIX), n = net->backbone ? strlen(net->backbone) : 0;
    if (!n || strncmp(name, HEAD_PREFIX, head) != 0 || strncmp(name + head, net->backbone, n) != 0)
        return NULL;
    return xasprintf(HEAD_PREFIX "%s", name + head + n);
}

static bool is_bare(const char *task_type) { return !strcmp(task_type, "FEATURE_EXTRACTION"); }

static void rename_bare(const struct net *net, struct adapter_out *o) {
    for (int i = 0; i < o->n; i++) {
        char *bare = bare_name(net, o->t[i].name);
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

static int write_config(struct net *net, const char *dir, const char *base_model, const char *task_type,
                        struct err *e) {
    json_t *c = json_object();
    json_object_set_new(c, "base_model_name_or_path", json_string(base_model));
    json_object_set_new(c, "task_type", json_string(task_type));
    json_object_set_new(c, "inference_mode", json_true());
    if (!(net->method->flags & METHOD_NO_SITES)) {
        json_object_set_new(c, "fan_in_fan_out", json_boolean(is_conv1d(net)));
        json_object_set_new(c, "target_modules", target_list(net, is_bare(task_type)));
        json_object_set_new(c, "modules_to_save", head_list(net));
    }
    if (net->method->peft_type)
        json_object_set_new(c, "peft_type", json_string(net->method->peft_type));
    else
        json_object_set_new(c, "method", json_string(net->method->name));
    net->method->save_config(net, c);
    char *json = json_dumps(c, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_REAL_PRECISION(9)),
         *text = xasprintf("%s\n", json);
    char *path = path_join(dir, "adapter_config.json");
    int rc = file_write(path, text, strlen(text), e);
    free(path);
    free(text);
    free(json);
    json_decref(c);
    return rc;
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
    if (dir && !net->mem->counting) {
        char *path = path_join(dir, "adapter_model.safetensors");
        rc = dir_make(dir, e);
        if (!rc) rc = safetensors_write(path, o.t, o.n, meta, e);
        if (!rc) rc = write_config(net, dir, base_model, task_type, e);
        if (!rc) rc = sha256_file(path, ret->sha256, e);
        free(path);
    }
    json_decref(meta);
    adapter_out_release(&o);
    return rc;
}

json_t *adapter_described(const char *dir) {
    char *path = path_join(dir, "task.json");
    json_t *task = file_exists(path) ? json_load_file(path, 0, NULL) : NULL;
    free(path);
    return task;
}

/* The path of a base, the same by whatever name it is reached. Caller frees. */
static char *full_path(const struct modelfile *f) {
    char *full = realpath(modelfile_path(f), NULL);
    return full ? full : xstrdup(modelfile_path(f));
}

int adapter_describe(const char *dir, const json_t *task, const char *sha256, const struct modelfile *f,
                     struct err *e) {
    char digest[65], *base = full_path(f);
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

/* Is it what was saved, on what it was trained on? */
static int check_described(const char *dir, const struct modelfile *f, struct err *e) {
    json_t *task = adapter_described(dir);
    const json_t *base = json_object_get(task, "base");
    const char *sha256 = json_string_value(json_object_get(task, "sha256")),
               *path = json_string_value(json_object_get(base, "path")),
               *digest = json_string_value(json_object_get(base, "digest"));
    char hex[65], *here = full_path(f);
    int rc = sha256 ? adapter_digest(dir, hex, e) : 0;
    if (!rc && sha256 && strcmp(hex, sha256) != 0)
        rc = err_set(
            e, ERR_USER,
            "%s/adapter_model.safetensors is not the file that was saved there (its SHA-256 is another): "
            "it is damaged or was replaced; remove task.json beside it to use it all the same",
            dir);
    bool same = !rc && path && digest && !strcmp(path, here);
    if (same) rc = modelfile_digest(f, hex, e);
    if (!rc && same && strcmp(hex, digest) != 0)
        rc = err_set(
            e, ERR_USER,
            "%s: the base has changed since the adapter %s was trained on it: put the former file back, "
            "or remove \"base\" from its task.json to use it all the same",
            here, dir);
    free(here);
    json_decref(task);
    return rc;
}

/* ---- loading ------------------------------------------------------------------------------------------- */

static json_t *read_config(const char *dir, struct err *e) {
    char *path = path_join(dir, "adapter_config.json");
    struct strbuf text = {0};
    json_t *c = NULL;
    if (!file_read(path, 16 << 20, &text, e)) {
        json_error_t je;
        c = json_loadb(text.s ? text.s : "", text.len, 0, &je);
        if (!json_is_object(c)) {
            json_decref(c);
            c = NULL;
            err_set(e, ERR_USER, "%s:%d: not a JSON object: %s", path, je.line, je.text);
        }
    }
    strbuf_release(&text);
    free(path);
    return c;
}

static bool is_off(const json_t *v) {
    const char *text = json_string_value(v);
    return json_is_null(v) || json_is_false(v) || (text && !*text) ||
           (json_is_object(v) && !json_object_size(v)) || (json_is_array(v) && !json_array_size(v));
}

/* Fields that every method's file may have: read here, only where it came from, or told by the tensors or by
 * the model. */
static const char *const common_fields[] = {
    "peft_type",    "method",    "target_modules", "auto_mapping",   "base_model_name_or_path", "revision",
    "peft_version", "task_type", "inference_mode", "fan_in_fan_out", "modules_to_save",         NULL};

static bool listed_name(const char *const *names, const char *key) {
    for (; names && *names; names++)
        if (!strcmp(*names, key)) return true;
    return false;
}

/* What method `m` does not know must be off. */
static int refuse_fields(const json_t *c, const struct method *m, struct err *e) {
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)c, key, v) {
        const char *text = json_string_value(v);
        if (listed_name(common_fields, key) || listed_name(m->peft_fields, key) || is_off(v)) continue;
        if (!strcmp(key, "bias") && text && !strcmp(text, "none")) continue;
        return adapter_refuse(c, key, e);
    }
    return 0;
}

/* What stands for layers: a name, or a list of nothing but names. */
static bool names_layers(const json_t *targets) {
    size_t n = json_array_size(targets);
    for (size_t i = 0; i < n; i++)
        if (!json_is_string(json_array_get(targets, i))) return false;
    return json_is_array(targets) || json_is_string(targets);
}

/* Sizes come from a file that may be damaged: within the range that the method's options have. */
static int check_sizes(const json_t *config, const struct method *m, struct err *e) {
    for (const struct opt *o = m->opts; o && o->key; o++) {
        const json_t *v = o->type == OPT_INT ? json_object_get(config, o->key) : NULL;
        json_t *same = NULL;
        int rc = json_is_number(v) ? opt_number(o, json_number_value(v), &same, e) : 0;
        json_decref(same);
        if (rc) return rc;
    }
    return 0;
}

/* The file as a configuration of method `m`, or NULL. */
static json_t *config_as(const json_t *c, const struct method *m, struct err *e) {
    json_t *out = json_pack("{s:s, s:n}", "method", m->name, "target_modules"),
           *targets = json_object_get(c, "target_modules");
    int rc = refuse_fields(c, m, e);
    if (!rc && !(m->flags & METHOD_NO_SITES)) {
        if (names_layers(targets))
            json_object_set(out, "target_modules", targets);
        else
            rc = err_set(e, ERR_USER, "target_modules is neither a name nor a list of names");
    }
    if (!rc && m->read_config) rc = m->read_config(c, out, e);
    if (!rc) rc = check_sizes(out, m, e);
    if (!rc) return out;
    json_decref(out);
    return NULL;
}

/* Does this method read such files at all? */
static bool reads_type(const struct method *m, const char *type, const char *named) {
    if (type) return m->peft_type && m->read_config && !strcmp(m->peft_type, type);
    return named && !m->peft_type && m->select && m->save_config && !strcmp(m->name, named);
}

json_t *adapter_config(const char *dir, const struct method *as, struct err *e) {
    json_t *c = read_config(dir, e), *out = NULL;
    if (!c) return NULL;
    const char *type = json_string_value(json_object_get(c, "peft_type")),
               *named = json_string_value(json_object_get(c, "method"));
    struct err first = {0}, other;
    bool tried = false;
    for (int i = 0; method_list[i] && !out; i++) {
        if (!reads_type(method_list[i], type, named) || (as && method_list[i] != as)) continue;
        out = config_as(c, method_list[i], tried ? &other : &first);
        tried = true;
    }
    if (!tried && as)
        err_set(&first, ERR_USER, "%s '%.40s' is no start for method %s", type ? "peft_type" : "method",
                type    ? type
                : named ? named
                        : "",
                as->name);
    else if (!tried)
        err_set(&first, ERR_USER, type ? "peft_type %.40s is not implemented" : "peft_type is missing", type);
    if (!out) err_set(e, ERR_USER, "%s/adapter_config.json: %s", dir, first.msg);
    json_decref(c);
    return out;
}

char *adapter_base(const char *dir) {
    json_t *c = read_config(dir, NULL);
    const char *base = json_string_value(json_object_get(c, "base_model_name_or_path"));
    char *ret = base ? xstrdup(base) : NULL;
    json_decref(c);
    return ret;
}

bool adapter_classifies(const char *dir) {
    json_t *c = read_config(dir, NULL);
    const char *type = json_string_value(json_object_get(c, "task_type"));
    bool yes = type && !strcmp(type, "SEQ_CLS");
    json_decref(c);
    return yes;
}

int adapter_digest(const char *dir, char out[65], struct err *e) {
    char *path = path_join(dir, "adapter_model.safetensors");
    int rc = digest_file_cached(path, out, e);
    free(path);
    return rc;
}

/* A shared tensor that the net has drawn already, while it trains: what is saved later leaves it out. */
static int same_draw(const struct param *p, const struct weight *w, const char *path, struct err *e) {
    float *theirs = xmalloc(param_size(p) * sizeof *theirs);
    weight_expand(w, 0, w->rows, 0, w->cols, theirs, p->cols);
    bool same = !memcmp(theirs, p->value, param_size(p) * sizeof *theirs);
    free(theirs);
    return same ? 0
                : err_set(e, ERR_USER,
                          "%s: its '%s' is not the one that its seed gives: training cannot go on from it",
                          path, p->name);
}

static int load_tensor(const struct net *net, struct param *p, const struct modelfile *f, struct err *e) {
    const struct tensor *t = modelfile_find(f, p->name);
    char *bare = t ? NULL : bare_name(net, p->name);
    if (bare) t = modelfile_find(f, bare);
    free(bare);
    if (!t)
        return err_set(e, ERR_USER, "%s: tensor '%s' is missing%s", modelfile_path(f), p->name,
                       net->training ? ": are target_modules the same?" : "");
    struct weight w;
    modelfile_take(t);
    if (tensor_weight(t, &w, e)) return ERR_USER;
    if (w.rows != p->rows || w.cols != p->cols)
        return err_set(e, ERR_USER,
                       "%s: tensor '%s' is [%d, %d], this model and adapter_config.json want [%d, %d]",
                       modelfile_path(f), p->name, w.rows, w.cols, p->rows, p->cols);
    if (p->site) p->regenerable = false; /* not the draw of this run's seed */
    if (net->mem->counting) return 0;
    if (net->training && !p->site && p->regenerable) return same_draw(p, &w, modelfile_path(f), e);
    weight_expand(&w, 0, w.rows, 0, w.cols, p->value, p->cols);
    return 0;
}

/* Not in the file, and rightly so? */
static bool may_lack(const struct net *net, const struct param *p) {
    return p->head ? net->training : !p->site && p->role == PARAM_FIXED;
}

/* Does the path hold the module, as a whole part or several? */
static bool passes_module(const char *path, const char *module) {
    size_t n = strlen(module);
    for (const char *at = path; n && (at = strstr(at, module)); at++)
        if ((at == path || at[-1] == '.') && at[n] == '.') return true;
    return false;
}

/* Is the tensor of one of these modules: "base_model.model.score.weight" of "score",
 * "base_model.model.model.embed_tokens.weight" of "embed_tokens"? */
static bool is_of_modules(const char *name, const json_t *modules) {
    size_t i, head = strlen(HEAD_PREFIX);
    const json_t *m;
    if (strncmp(name, HEAD_PREFIX, head) != 0 || strstr(name, ".lora_")) return false;
    json_array_foreach(modules, i, m) if (json_is_string(m) &&
                                          passes_module(name + head, json_string_value(m))) return true;
    return false;
}

/* The adapter's file where modules_to_save names modules; *f NULL: it names none. */
static int open_modules(const char *dir, json_t **config, struct modelfile **f, struct err *e) {
    *f = NULL;
    if (!(*config = read_config(dir, e))) return e->code;
    if (!json_array_size(json_object_get(*config, "modules_to_save"))) return 0;
    char *path = path_join(dir, "adapter_model.safetensors");
    int rc = modelfile_open(f, path, e);
    free(path);
    return rc;
}

int adapter_overlay(struct modelfile *model, const char *dir, struct err *e) {
    json_t *c;
    struct modelfile *f;
    int rc = check_described(dir, model, e);
    if (rc) return rc;
    rc = open_modules(dir, &c, &f, e);
    for (int i = 0; f && i < modelfile_count(f) && !rc; i++) {
        const struct tensor *t = modelfile_at(f, i);
        if (is_of_modules(t->name, json_object_get(c, "modules_to_save")))
            modelfile_replace(model, t->name + strlen(HEAD_PREFIX), t);
    }
    if (f) modelfile_adopt(model, f);
    json_decref(c);
    return rc;
}

/* The output layers of transformers' classes for sequence classification. */
static bool is_class_head(const char *name) {
    return !strncmp(name, "classifier.", 11) || !strncmp(name, "score.", 6) ||
           !strncmp(name, "pooled_classifier.", 18);
}

int adapter_heads(struct net *net, const struct modelfile *model, const char *dir, struct err *e) {
    json_t *c;
    struct modelfile *f;
    int rc = open_modules(dir, &c, &f, e);
    for (int i = 0; f && i < modelfile_count(f) && !rc; i++) {
        const struct tensor *t = modelfile_at(f, i), *copy;
        struct weight w;
        if (!is_of_modules(t->name, json_object_get(c, "modules_to_save"))) continue;
        copy = modelfile_replaced(model, t->name + strlen(HEAD_PREFIX), NULL);
        if ((copy && copy->taken) || !is_class_head(t->name + strlen(HEAD_PREFIX))) continue;
        rc = tensor_weight(t, &w, e);
        if (!rc) net_head(net, t->name + strlen(HEAD_PREFIX), t->ndim, w.rows, w.cols);
    }
    modelfile_close(f);
    json_decref(c);
    return rc;
}

/* The error that names what nobody reads. */
static int left_over(const struct net *net, const struct modelfile *model, const struct modelfile *f,
                     struct err *e) {
    const char *name = "";
    for (int i = 0; i < modelfile_count(f) && !*name; i++) {
        const struct tensor *t = modelfile_at(f, i);
        size_t n = strncmp(t->name, HEAD_PREFIX, strlen(HEAD_PREFIX)) ? 0 : strlen(HEAD_PREFIX);
        const struct tensor *copy = modelfile_replaced(model, t->name + n, NULL);
        if (!t->taken && !(copy && copy->taken)) name = t->name;
    }
    return err_set(e, ERR_USER, "%s: tensor '%s' belongs to nothing of this model's %s adapter%s",
                   modelfile_path(f), name, net->method->name,
                   net->training ? ": are target_modules the same?" : "");
}

int adapter_load(struct net *net, const struct modelfile *model, const char *dir, struct err *e) {
    char *path = path_join(dir, "adapter_model.safetensors");
    struct modelfile *f = NULL;
    int rc = modelfile_open(&f, path, e), used = modelfile_replacements(model);
    for (int i = 0; i < net->nparams && !rc; i++) {
        struct param *p = net->params[i];
        if (p->role == PARAM_BASE || p->kept || (may_lack(net, p) && !modelfile_find(f, p->name))) continue;
        rc = load_tensor(net, p, f, e);
        used++;
    }
    if (!rc && used != modelfile_count(f)) rc = left_over(net, model, f, e);
    modelfile_close(f);
    free(path);
    return rc;
}
