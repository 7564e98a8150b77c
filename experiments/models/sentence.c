/* sentence.c - see sentence.h. */
#include "experiments/models/sentence.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/util.h"

#define JSON_LIMIT ((size_t)4 << 20)

static const char *const names[] = {
    [POOL_MEAN] = "mean", [POOL_FIRST] = "cls", [POOL_LAST] = "last", [POOL_MAX] = "max"};

const char *pooling_name(enum pooling p) { return names[p]; }

bool pooling_find(const char *name, enum pooling *ret) {
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!strcmp(names[i], name)) {
            *ret = (enum pooling)i;
            return true;
        }
    return false;
}

/* ---- files --------------------------------------------------------------------------------------------- */

/* One file at work, for messages. */
struct file {
    char *path;
    json_t *root;
    struct err *e;
};

static int bad_field(const struct file *f, const char *field, const char *what) {
    return err_set(f->e, ERR_USER, "%s: %s '%s'", f->path, what, field);
}

static int refuse_module(const struct file *f, const char *what, const char *name) {
    return err_set(f->e, ERR_USER, "%s: %s '%.80s' is not implemented (it would change the vectors)", f->path,
                   what, name);
}

/* *f->root: NULL where the file is not there. `kind`: what the root must be. */
static int file_json(struct file *f, const char *dir, const char *name, json_type kind, struct err *e) {
    struct strbuf text = {0};
    *f = (struct file){.path = path_join(dir, name), .e = e};
    if (!file_exists(f->path)) return 0;
    int rc = file_read(f->path, JSON_LIMIT, &text, e);
    json_error_t at;
    if (!rc && !(f->root = json_loadb(text.s ? text.s : "", text.len, 0, &at)))
        rc = err_set(e, ERR_USER, "%s:%d: not valid JSON: %s: the file is damaged or cut off, fetch it again",
                     f->path, at.line, at.text);
    if (!rc && json_typeof(f->root) != kind)
        rc = err_set(e, ERR_USER, "%s: holds no JSON %s", f->path, kind == JSON_ARRAY ? "list" : "object");
    strbuf_release(&text);
    return rc;
}

static void file_close(struct file *f) {
    json_decref(f->root);
    free(f->path);
}

/* A positive integer; absent, null or beyond any length: 0. */
static int get_length(const struct file *f, const char *key, int *ret) {
    const json_t *v = json_object_get(f->root, key);
    *ret = 0;
    if (!v || json_is_null(v)) return 0;
    if (!json_is_number(v) || !(json_number_value(v) >= 1)) return bad_field(f, key, "a bad value for");
    if (json_number_value(v) <= 1 << 20) *ret = (int)json_number_value(v);
    return 0;
}

static int get_bool(const struct file *f, const char *key, bool def, bool *ret) {
    const json_t *v = json_object_get(f->root, key);
    *ret = def;
    if (!v || json_is_null(v)) return 0;
    if (!json_is_boolean(v)) return bad_field(f, key, "neither true nor false:");
    *ret = json_is_true(v);
    return 0;
}

/* A field that may only have this value, if any. */
static int only_value(const struct file *f, const char *key, const char *value) {
    const char *v = json_string_value(json_object_get(f->root, key));
    return v && strcmp(v, value) != 0 ? refuse_module(f, key, v) : 0;
}

/* ---- the Pooling module -------------------------------------------------------------------------------- */

static const struct {
    const char *flag, *mode; /* of the older and the newer form */
    int pooling;             /* -1: not implemented */
} modes[] = {{"pooling_mode_cls_token", "cls", POOL_FIRST},
             {"pooling_mode_max_tokens", "max", POOL_MAX},
             {"pooling_mode_mean_tokens", "mean", POOL_MEAN},
             {"pooling_mode_lasttoken", "lasttoken", POOL_LAST},
             {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", -1},
             {"pooling_mode_weightedmean_tokens", "weightedmean", -1}};

/* The newer form: a name or a list of one. */
static int read_mode(const struct file *f, const json_t *v, enum pooling *ret) {
    if (json_is_array(v) && json_array_size(v) > 1)
        return refuse_module(f, "the pooling", "of several modes side by side");
    if (json_is_array(v)) v = json_array_get(v, 0);
    const char *mode = json_string_value(v);
    if (!mode) return bad_field(f, "pooling_mode", "a bad value for");
    size_t i = 0;
    while (i < ARRAY_LEN(modes) && strcmp(modes[i].mode, mode) != 0) i++;
    if (i == ARRAY_LEN(modes) || modes[i].pooling < 0) return refuse_module(f, "the pooling", mode);
    *ret = (enum pooling)modes[i].pooling;
    return 0;
}

/* The older form. Without any flag it is the mean, as there. */
static int read_flags(const struct file *f, enum pooling *ret) {
    int chosen = 0, rc = 0;
    *ret = POOL_MEAN;
    for (size_t i = 0; i < ARRAY_LEN(modes) && !rc; i++) {
        bool set;
        rc = get_bool(f, modes[i].flag, false, &set);
        if (rc || !set) continue;
        if (modes[i].pooling < 0) return refuse_module(f, "the pooling", modes[i].flag);
        if (chosen++) return refuse_module(f, "the pooling", "of several modes side by side");
        *ret = (enum pooling)modes[i].pooling;
    }
    return rc;
}

static int read_pooling(struct sentence *s, const char *dir, const char *module, struct err *e) {
    char *name = *module ? xasprintf("%s/config.json", module) : xstrdup("config.json");
    struct file f;
    bool prompt = true;
    int rc = file_json(&f, dir, name, JSON_OBJECT, e);
    if (!rc && !f.root) rc = err_set(e, ERR_USER, "%s: missing: modules.json names it", f.path);
    const json_t *mode = json_object_get(f.root, "pooling_mode");
    if (!rc) rc = mode ? read_mode(&f, mode, &s->pooling) : read_flags(&f, &s->pooling);
    if (!rc) rc = get_bool(&f, "include_prompt", true, &prompt);
    if (!rc && !prompt) rc = refuse_module(&f, "include_prompt", "false");
    if (!rc)
        rc = get_length(&f,
                        json_object_get(f.root, "embedding_dimension") ? "embedding_dimension"
                                                                       : "word_embedding_dimension",
                        &s->dim);
    s->has_pooling = !rc;
    file_close(&f);
    free(name);
    return rc;
}

/* ---- modules.json -------------------------------------------------------------------------------------- */

/* "sentence_transformers.models.Pooling" -> "Pooling" */
static const char *last_part(const char *type) {
    const char *dot = strrchr(type, '.');
    return dot ? dot + 1 : type;
}

/* Module number i. They come in one order: the model, the pooling, then any normalisation. */
static int read_module(struct sentence *s, const struct file *f, const char *dir, size_t i, const json_t *m) {
    const char *type = json_string_value(json_object_get(m, "type")),
               *path = json_string_value(json_object_get(m, "path"));
    if (!type || !path) return err_set(f->e, ERR_USER, "%s: module %zu has no type or no path", f->path, i);
    const char *name = last_part(type);
    if (path[0] == '/' || strstr(path, "..")) return bad_field(f, path, "a path that leaves the folder:");
    if (i == 0 && !strcmp(name, "Transformer"))
        return *path ? refuse_module(f, "a Transformer in a folder below, in", path) : 0;
    if (i == 1 && !strcmp(name, "Pooling")) return read_pooling(s, dir, path, f->e);
    if (i >= 2 && !strcmp(name, "Normalize")) {
        s->normalize = true;
        return 0;
    }
    return refuse_module(f,
                         i < 2 && (!strcmp(name, "Pooling") || !strcmp(name, "Normalize"))
                             ? "the order of modules, with at this place"
                             : "the module",
                         name);
}

static int read_modules(struct sentence *s, const char *dir, struct err *e) {
    struct file f;
    int rc = file_json(&f, dir, "modules.json", JSON_ARRAY, e);
    for (size_t i = 0; !rc && i < json_array_size(f.root); i++)
        rc = read_module(s, &f, dir, i, json_array_get(f.root, i));
    if (!rc && f.root && !s->has_pooling) rc = err_set(e, ERR_USER, "%s: names no Pooling module", f.path);
    file_close(&f);
    return rc;
}

/* ---- limits, case, prompts ----------------------------------------------------------------------------- */

static int read_limits(struct sentence *s, const char *dir, struct err *e) {
    struct file f, t = {0};
    int own = 0, tokenizer = 0;
    int rc = file_json(&f, dir, "sentence_bert_config.json", JSON_OBJECT, e);
    if (!rc && f.root) {
        rc = get_length(&f, "max_seq_length", &own);
        if (!rc) rc = get_bool(&f, "do_lower_case", false, &s->lower_case);
        if (!rc) rc = only_value(&f, "transformer_task", "feature-extraction");
        if (!rc) rc = only_value(&f, "module_output_name", "token_embeddings");
    }
    if (!rc) rc = file_json(&t, dir, "tokenizer_config.json", JSON_OBJECT, e);
    if (!rc && t.root) rc = get_length(&t, "model_max_length", &tokenizer);
    s->max_length = own ? own : tokenizer;
    file_close(&f);
    file_close(&t);
    return rc;
}

static int read_prompts(struct sentence *s, const char *dir, struct err *e) {
    struct file f;
    int rc = file_json(&f, dir, "config_sentence_transformers.json", JSON_OBJECT, e);
    json_t *prompts = json_object_get(f.root, "prompts"), *text;
    const char *key, *name = json_string_value(json_object_get(f.root, "default_prompt_name"));
    if (!rc && prompts && !json_is_null(prompts) && !json_is_object(prompts))
        rc = bad_field(&f, "prompts", "no object:");
    if (!rc && json_is_object(prompts)) {
        json_object_foreach(prompts, key, text) if (!json_is_string(text)) rc =
            bad_field(&f, key, "no text as the prompt");
        s->prompts = json_incref(prompts);
    }
    if (!rc && name && !(s->default_prompt = json_string_value(json_object_get(prompts, name))))
        rc = bad_field(&f, name, "there is no prompt of the default's name");
    file_close(&f);
    return rc;
}

int sentence_open(struct sentence *s, const char *path, struct err *e) {
    *s = (struct sentence){0};
    if (!dir_exists(path)) return 0;
    int rc = read_modules(s, path, e);
    if (!rc) rc = read_limits(s, path, e);
    if (!rc) rc = read_prompts(s, path, e);
    if (rc) sentence_release(s);
    return rc;
}

void sentence_release(struct sentence *s) {
    json_decref(s->prompts);
    *s = (struct sentence){0};
}
