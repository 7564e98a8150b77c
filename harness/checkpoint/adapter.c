/* SPDX-License-Identifier: Apache-2.0 */
/* adapter.c - adapters on disk: opened once, read as a configuration and into a net. See adapter.h. */
#include "harness/checkpoint/adapter.h"

#include <stdlib.h>
#include <string.h>

#include "harness/checkpoint/adapter_private.h"
#include "harness/base/digest.h"
#include "harness/base/util.h"
#include "harness/config/cfg.h"
#include "harness/core/method_support.h"
#include "harness/nn/format/jsonfile.h"

struct adapter_file {
    char *dir;
    json_t *config;            /* adapter_config.json */
    json_t *described;         /* task.json; NULL: there is none */
    struct modelfile *weights; /* opened when somebody asks for tensors */
    bool adopted;              /* the model's to close: its modules stand in the place of the model's */
};

/* ---- opening ------------------------------------------------------------------------------------------- */

int adapter_open(struct adapter_file **ret, const char *dir, struct err *e) {
    char *file = path_join(dir, "adapter_config.json");
    json_t *config = jsonfile_object(file, 0, e);
    free(file);
    *ret = NULL;
    if (!config) return e ? e->code : ERR_USER;
    char *path = path_join(dir, "task.json");
    struct adapter_file *a = xcalloc(1, sizeof *a);
    *a = (struct adapter_file){.dir = xstrdup(dir), .config = config};
    if (file_exists(path)) a->described = json_load_file(path, 0, NULL);
    free(path);
    *ret = a;
    return 0;
}

void adapter_close(struct adapter_file *a) {
    if (!a) return;
    if (!a->adopted) modelfile_close(a->weights);
    json_decref(a->config);
    json_decref(a->described);
    free(a->dir);
    free(a);
}

const json_t *adapter_described(const struct adapter_file *a) { return a->described; }

static int open_weights(struct adapter_file *a, struct err *e) {
    if (a->weights) return 0;
    char *path = path_join(a->dir, "adapter_model.safetensors");
    int rc = modelfile_open(&a->weights, path, e);
    free(path);
    return rc;
}

/* The same name in the bare model, without a head above it: what PEFT wraps where a task wants hidden states
 * alone. NULL: it has no other. Caller frees. */
char *adapter_bare_name(const struct net *net, const char *name) {
    size_t head = strlen(HEAD_PREFIX), n = net->backbone ? strlen(net->backbone) : 0;
    if (!n || strncmp(name, HEAD_PREFIX, head) != 0 || strncmp(name + head, net->backbone, n) != 0)
        return NULL;
    return xasprintf(HEAD_PREFIX "%s", name + head + n);
}

/* The path of a base, the same by whatever name it is reached. Caller frees. */
char *adapter_base_path(const struct modelfile *f) {
    char *full = realpath(modelfile_path(f), NULL);
    return full ? full : xstrdup(modelfile_path(f));
}

/* Is it what was saved, on what it was trained on? */
static int check_described(const struct adapter_file *a, const struct modelfile *f, struct err *e) {
    const json_t *task = a->described;
    const json_t *base = json_object_get(task, "base");
    const char *sha256 = json_string_value(json_object_get(task, "sha256")),
               *path = json_string_value(json_object_get(base, "path")),
               *digest = json_string_value(json_object_get(base, "digest"));
    char hex[65], *here = adapter_base_path(f);
    int rc = sha256 ? adapter_digest(a->dir, hex, e) : 0;
    if (!rc && sha256 && strcmp(hex, sha256) != 0)
        rc = err_set(
            e, ERR_USER,
            "%s/adapter_model.safetensors is not the file that was saved there (its SHA-256 is another): "
            "it is damaged or was replaced; remove task.json beside it to use it all the same",
            a->dir);
    bool same = !rc && path && digest && !strcmp(path, here);
    if (same) rc = modelfile_digest(f, hex, e);
    if (!rc && same && strcmp(hex, digest) != 0)
        rc = err_set(
            e, ERR_USER,
            "%s: the base has changed since the adapter %s was trained on it: put the former file back, "
            "or remove \"base\" from its task.json to use it all the same",
            here, a->dir);
    free(here);
    return rc;
}

/* ---- as a configuration ------------------------------------------------------------------------------- */

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

json_t *adapter_config(const struct adapter_file *a, const struct method *as, struct err *e) {
    const json_t *c = a->config;
    json_t *out = NULL;
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
    if (!out) err_set(e, ERR_USER, "%s/adapter_config.json: %s", a->dir, first.msg);
    return out;
}

const char *adapter_base(const struct adapter_file *a) {
    return json_string_value(json_object_get(a->config, "base_model_name_or_path"));
}

bool adapter_classifies(const struct adapter_file *a) {
    const char *type = json_string_value(json_object_get(a->config, "task_type"));
    return type && !strcmp(type, "SEQ_CLS");
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
    char *bare = t ? NULL : adapter_bare_name(net, p->name);
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

/* The modules of which the adapter has copies of its own (modules_to_save); NULL: none. */
static const json_t *saved_modules(const struct adapter_file *a) {
    const json_t *modules = json_object_get(a->config, "modules_to_save");
    return json_array_size(modules) ? modules : NULL;
}

int adapter_overlay(struct modelfile *model, struct adapter_file *a, struct err *e) {
    const json_t *modules = saved_modules(a);
    int rc = check_described(a, model, e);
    if (rc || !modules) return rc;
    if ((rc = open_weights(a, e))) return rc;
    for (int i = 0; i < modelfile_count(a->weights); i++) {
        const struct tensor *t = modelfile_at(a->weights, i);
        if (is_of_modules(t->name, modules)) modelfile_replace(model, t->name + strlen(HEAD_PREFIX), t);
    }
    modelfile_adopt(model, a->weights);
    a->adopted = true;
    return 0;
}

/* The output layers of transformers' classes for sequence classification. */
static bool is_class_head(const char *name) {
    return !strncmp(name, "classifier.", 11) || !strncmp(name, "score.", 6) ||
           !strncmp(name, "pooled_classifier.", 18);
}

int adapter_heads(struct net *net, const struct modelfile *model, struct adapter_file *a, struct err *e) {
    const json_t *modules = saved_modules(a);
    int rc = modules ? open_weights(a, e) : 0;
    for (int i = 0; modules && !rc && i < modelfile_count(a->weights); i++) {
        const struct tensor *t = modelfile_at(a->weights, i), *copy;
        struct weight w;
        if (!is_of_modules(t->name, modules)) continue;
        copy = modelfile_replaced(model, t->name + strlen(HEAD_PREFIX), NULL);
        if ((copy && copy->taken) || !is_class_head(t->name + strlen(HEAD_PREFIX))) continue;
        rc = tensor_weight(t, &w, e);
        if (!rc) net_head(net, t->name + strlen(HEAD_PREFIX), t->ndim, w.rows, w.cols);
    }
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

int adapter_load(struct net *net, const struct modelfile *model, struct adapter_file *a, struct err *e) {
    int rc = open_weights(a, e), used = modelfile_replacements(model);
    for (int i = 0; i < net->nparams && !rc; i++) {
        struct param *p = net->params[i];
        if (p->role == PARAM_BASE || p->kept || (may_lack(net, p) && !modelfile_find(a->weights, p->name)))
            continue;
        rc = load_tensor(net, p, a->weights, e);
        used++;
    }
    if (!rc && used != modelfile_count(a->weights)) rc = left_over(net, model, a->weights, e);
    return rc;
}
