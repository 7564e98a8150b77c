/* adapter.c - see adapter.h. The tensors' names are the parameters' own (PEFT's). */
#include "harness/adapter.h"

#include <stdlib.h>
#include <string.h>

#include "harness/cfg.h"
#include "harness/hub.h"
#include "harness/method.h"
#include "harness/nn/modelfile.h"
#include "harness/util.h"

/* ---- collecting ---------------------------------------------------------------------------------------- */

struct adapter_out {
    struct tensor_out *t;
    float **owned; /* NULL where the data is the method's */
    int n, cap, owned_cap;
};

static void add(struct adapter_out *o, const char *name, int ndim, const int64_t *shape, const float *data,
                float *owned) {
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
    add(o, name, ndim, shape, data, NULL);
}

void adapter_add_owned(struct adapter_out *o, const char *name, int ndim, const int64_t *shape, float *data) {
    add(o, name, ndim, shape, data, data);
}

static void out_release(struct adapter_out *o) {
    for (int i = 0; i < o->n; i++) {
        free((char *)o->t[i].name);
        free(o->owned[i]);
    }
    free(o->t);
    free(o->owned);
}

static void add_param(struct adapter_out *o, const struct param *p) {
    int64_t shape[2] = {p->rows, p->cols};
    adapter_add(o, p->name, p->ndim, p->ndim == 1 ? shape + 1 : shape, p->value);
}

/* The adapters of the sites; then what the method trains of the base (vectors), under Hugging Face's names.
 */
static void collect(struct net *net, struct adapter_out *o) {
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
        BUG_ON(p->transposed, "%s is no vector", p->name);
        add_param(o, p);
    }
}

static bool is_regenerable(const struct net *net, const char *name) {
    const struct param *p = net_find_param(net, name);
    return p && p->regenerable;
}

/* ---- saving -------------------------------------------------------------------------------------------- */

/* PEFT's target_modules: kinds where every layer's site of that kind is adapted, full module names otherwise.
 */
static json_t *target_list(const struct net *net) {
    json_t *kinds = json_array(), *modules = json_array();
    bool whole = true;
    for (int i = 0; i < net->nsites; i++) {
        const struct site *s = net->sites[i];
        if (s->adapted) json_array_append_new(modules, json_string(s->module));
        bool listed = false, first_adapted = false;
        for (int j = 0; j < i && !listed; j++)
            if (!strcmp(net->sites[j]->kind, s->kind)) {
                listed = true;
                first_adapted = net->sites[j]->adapted;
            }
        if (!listed && s->adapted) json_array_append_new(kinds, json_string(s->kind));
        if (listed && s->adapted != first_adapted) whole = false;
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

static int write_config(struct net *net, const char *dir, const char *base_model, const char *task_type,
                        struct err *e) {
    json_t *c = json_object();
    char *base = hub_repo_of(base_model); /* OWNER/NAME, as PEFT would look for it */
    json_object_set_new(c, "base_model_name_or_path", json_string(base));
    free(base);
    json_object_set_new(c, "task_type", json_string(task_type));
    json_object_set_new(c, "inference_mode", json_true());
    if (!(net->method->flags & METHOD_NO_SITES)) {
        json_object_set_new(c, "fan_in_fan_out", json_boolean(is_conv1d(net)));
        json_object_set_new(c, "target_modules", target_list(net));
        json_object_set_new(c, "modules_to_save", json_null());
    }
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
    collect(net, &o);
    for (int i = 0; i < o.n; i++) {
        size_t bytes = sizeof(float);
        for (int d = 0; d < o.t[i].ndim; d++) bytes *= (size_t)o.t[i].shape[d];
        ret->min_bytes += is_regenerable(net, o.t[i].name) ? 8 : bytes;
    }
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
    out_release(&o);
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

static bool is_empty(const json_t *v) {
    const char *text = json_string_value(v);
    return json_is_null(v) || json_is_false(v) || (text && !*text) ||
           (json_is_object(v) && !json_object_size(v)) || (json_is_array(v) && !json_array_size(v));
}

/* Is this field read here, or does it not change what a trained adapter computes? */
static bool is_known(const char *key) {
    static const char *const known[] = {
        "peft_type", "method", "r", "lora_alpha", "target_modules", "d_initial", "projection_prng_key",
        /* only where it came from, or only in training */
        "auto_mapping", "base_model_name_or_path", "revision", "peft_version", "task_type", "inference_mode",
        "lora_dropout", "vera_dropout", "init_weights",
        /* told by the tensors or by the model, or of use only beside a field that is refused */
        "save_projection", "fan_in_fan_out", "megatron_core", "qalora_group_size"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (!strcmp(known[i], key)) return true;
    return false;
}

/* PEFT grows fields that change the computation with every release: what is not known here must be off. */
static int refuse_fields(json_t *c, const char *dir, struct err *e) {
    const char *key;
    json_t *v;
    json_object_foreach(c, key, v) {
        const char *text = json_string_value(v);
        if (is_known(key) || is_empty(v)) continue;
        if (!strcmp(key, "bias") && text) {
            if (!strcmp(text, "none")) continue;
            return err_set(e, ERR_USER, "%s/adapter_config.json: bias '%.40s' is not implemented", dir, text);
        }
        /* Other starts than these also change the weights of the base. */
        if (!strcmp(key, "init_lora_weights")) {
            if (json_is_true(v) || (text && !strcmp(text, "gaussian"))) continue;
            return err_set(e, ERR_USER,
                           "%s/adapter_config.json: init_lora_weights '%.40s' is not implemented", dir,
                           text ? text : "of this type");
        }
        return err_set(
            e, ERR_USER,
            "%s/adapter_config.json: '%.60s' is not implemented (remove it if it does not change what the adapter "
            "computes)",
            dir, key);
    }
    return 0;
}

static json_t *number_or(const json_t *c, const char *key, double def) {
    const json_t *v = json_object_get(c, key);
    return json_is_number(v) ? json_deep_copy(v) : json_real(def);
}

json_t *adapter_config(const char *dir, struct err *e) {
    json_t *c = read_config(dir, e), *out = NULL;
    if (!c) return NULL;
    const char *type = json_string_value(json_object_get(c, "peft_type")),
               *named = json_string_value(json_object_get(c, "method"));
    json_t *targets = json_object_get(c, "target_modules");
    const struct method *own = method_find(named ? named : "");
    if (!type && own && own->select && own->save_config) {
        if (refuse_fields(c, dir, e)) goto done;
        out = json_pack("{s:s, s:n}", "method", own->name, "target_modules");
        goto done;
    }
    if (!type || (strcmp(type, "LORA") != 0 && strcmp(type, "VERA") != 0)) {
        err_set(e, ERR_USER, "%s/adapter_config.json: peft_type %s is not implemented", dir,
                type ? type : "is missing");
        goto done;
    }
    if (refuse_fields(c, dir, e)) goto done;
    if (!json_is_array(targets) && !json_is_string(targets)) {
        err_set(e, ERR_USER, "%s/adapter_config.json: target_modules is neither a list nor a name", dir);
        goto done;
    }
    out = json_object();
    json_object_set(out, "target_modules", targets);
    json_object_set_new(out, "r", number_or(c, "r", 8));
    if (!strcmp(type, "LORA")) {
        json_object_set_new(out, "method", json_string("lora"));
        json_object_set_new(out, "lora_alpha", number_or(c, "lora_alpha", 8));
    } else {
        json_object_set_new(out, "method", json_string("vera"));
        json_object_set_new(out, "d_initial", number_or(c, "d_initial", 0.1));
        json_object_set_new(out, "projection_prng_key", number_or(c, "projection_prng_key", 0));
    }
done:
    json_decref(c);
    return out;
}

static int load_tensor(struct param *p, const struct modelfile *f, struct err *e) {
    const struct tensor *t = modelfile_find(f, p->name);
    if (!t) return err_set(e, ERR_USER, "%s: tensor '%s' is missing", modelfile_path(f), p->name);
    struct weight w;
    if (tensor_weight(t, &w, e)) return ERR_USER;
    if (w.rows != p->rows || w.cols != p->cols)
        return err_set(e, ERR_USER,
                       "%s: tensor '%s' is [%d, %d], this model and adapter_config.json want [%d, %d]",
                       modelfile_path(f), p->name, w.rows, w.cols, p->rows, p->cols);
    weight_expand(&w, 0, w.rows, 0, w.cols, p->value, p->cols);
    return 0;
}

int adapter_load(struct net *net, const char *dir, struct err *e) {
    char *path = path_join(dir, "adapter_model.safetensors");
    struct modelfile *f = NULL;
    int rc = modelfile_open(&f, path, e), used = 0;
    for (int i = 0; i < net->nparams && !rc; i++) {
        struct param *p = net->params[i];
        if (p->role == PARAM_BASE) continue;
        if (!p->site && p->role == PARAM_FIXED && !modelfile_find(f, p->name))
            continue; /* shared and regenerated from its seed */
        rc = load_tensor(p, f, e);
        used++;
    }
    if (!rc && used != modelfile_count(f))
        rc = err_set(e, ERR_USER, "%s: it has %d tensors, %d of them belong to this model's %s adapter", path,
                     modelfile_count(f), used, net->method->name);
    modelfile_close(f);
    free(path);
    return rc;
}
