/* SPDX-License-Identifier: Apache-2.0 */
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

const char *sentence_similarity(const char *name) {
    static const char *const all[] = {"cosine", "dot", "euclidean", "manhattan"};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (!name || !strcmp(all[i], name)) return all[i];
    return NULL;
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
    if (!rc && !(f->root = json_loadb(text.s ? text.s : "", text.len, JSON_DECODE_INT_AS_REAL, &at)))
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

/* What becomes of a field of a file. Whatever has no row is refused by its name. */
enum field_use {
    FIELD_READ,  /* here */
    FIELD_IDLE,  /* changes no vector and no score */
    FIELD_EMPTY, /* would change them, and is implemented only as absent: null, false, "", {} or [] */
};
struct field {
    const char *name;
    enum field_use use;
};

static bool is_empty_value(const json_t *v) {
    return json_is_null(v) || json_is_false(v) || (json_is_string(v) && !*json_string_value(v)) ||
           (json_is_array(v) && !json_array_size(v)) || (json_is_object(v) && !json_object_size(v));
}

/* `o`: the file's root, or an object in it. */
static int check_fields(const struct file *f, const json_t *o, const struct field *table) {
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)o, key, v) {
        const struct field *row = table;
        while (row->name && strcmp(row->name, key) != 0) row++;
        if (!row->name || (row->use == FIELD_EMPTY && !is_empty_value(v)))
            return refuse_module(f, row->name ? "the field" : "the unknown field", key);
    }
    return 0;
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

static const struct field pooling_fields[] = {{"embedding_dimension", FIELD_READ},
                                              {"word_embedding_dimension", FIELD_READ},
                                              {"pooling_mode", FIELD_READ},
                                              {"include_prompt", FIELD_READ},
                                              {"pooling_mode_cls_token", FIELD_READ},
                                              {"pooling_mode_max_tokens", FIELD_READ},
                                              {"pooling_mode_mean_tokens", FIELD_READ},
                                              {"pooling_mode_lasttoken", FIELD_READ},
                                              {"pooling_mode_mean_sqrt_len_tokens", FIELD_READ},
                                              {"pooling_mode_weightedmean_tokens", FIELD_READ},
                                              {NULL, FIELD_READ}};

static int read_pooling(struct sentence *s, const char *dir, const char *module, struct err *e) {
    char *name = *module ? xasprintf("%s/config.json", module) : xstrdup("config.json");
    struct file f;
    bool prompt = true;
    int rc = file_json(&f, dir, name, JSON_OBJECT, e);
    if (!rc && !f.root) rc = err_set(e, ERR_USER, "%s: missing: modules.json names it", f.path);
    const json_t *mode = json_object_get(f.root, "pooling_mode");
    if (!rc) rc = check_fields(&f, f.root, pooling_fields);
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

/* Normalize has a file of its own in newer folders. */
static int read_normalize(struct sentence *s, const char *dir, const char *module, struct err *e) {
    static const struct field fields[] = {
        {"module_input_name", FIELD_READ}, {"module_output_name", FIELD_READ}, {NULL, FIELD_READ}};
    char *name = *module ? xasprintf("%s/config.json", module) : xstrdup("");
    struct file f = {0};
    int rc = *name ? file_json(&f, dir, name, JSON_OBJECT, e) : 0;
    if (!rc) rc = check_fields(&f, f.root, fields);
    if (!rc) rc = only_value(&f, "module_input_name", "sentence_embedding");
    if (!rc) rc = only_value(&f, "module_output_name", "sentence_embedding");
    s->normalize = true;
    file_close(&f);
    free(name);
    return rc;
}

static const struct field module_fields[] = {{"idx", FIELD_IDLE},    {"name", FIELD_IDLE},
                                             {"path", FIELD_READ},   {"type", FIELD_READ},
                                             {"kwargs", FIELD_IDLE}, {NULL, FIELD_READ}};

/* Module number i. They come in one order: the model, the pooling, then any normalisation. */
static int read_module(struct sentence *s, const struct file *f, const char *dir, size_t i, const json_t *m) {
    const char *type = json_string_value(json_object_get(m, "type")),
               *path = json_string_value(json_object_get(m, "path"));
    if (!type || !path) return err_set(f->e, ERR_USER, "%s: module %zu has no type or no path", f->path, i);
    if (check_fields(f, m, module_fields)) return ERR_USER;
    const char *name = last_part(type);
    if (path[0] == '/' || strstr(path, "..")) return bad_field(f, path, "a path that leaves the folder:");
    if (i == 0 && !strcmp(name, "Transformer"))
        return *path ? refuse_module(f, "a Transformer in a folder below, in", path) : 0;
    if (i == 1 && !strcmp(name, "Pooling")) return read_pooling(s, dir, path, f->e);
    if (i >= 2 && !strcmp(name, "Normalize")) return read_normalize(s, dir, path, f->e);
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

static const struct field transformer_fields[] = {{"max_seq_length", FIELD_READ},
                                                  {"do_lower_case", FIELD_READ},
                                                  {"transformer_task", FIELD_READ},
                                                  {"module_output_name", FIELD_READ},
                                                  {"modality_config", FIELD_READ},
                                                  {"unpad_inputs", FIELD_IDLE},
                                                  {"processing_kwargs", FIELD_EMPTY},
                                                  {"query_length", FIELD_EMPTY},
                                                  {"document_length", FIELD_EMPTY},
                                                  {"query_expansion", FIELD_EMPTY},
                                                  {"model_args", FIELD_EMPTY},
                                                  {"model_kwargs", FIELD_EMPTY},
                                                  {"tokenizer_args", FIELD_EMPTY},
                                                  {"processor_kwargs", FIELD_EMPTY},
                                                  {"config_args", FIELD_EMPTY},
                                                  {"config_kwargs", FIELD_EMPTY},
                                                  {"tokenizer_name_or_path", FIELD_EMPTY},
                                                  {NULL, FIELD_READ}};

/* What a text takes from the model: its last hidden states. Other modalities stay unused. */
static int check_modality(const struct file *f) {
    const json_t *text = json_object_get(json_object_get(f->root, "modality_config"), "text"), *v;
    static const struct {
        const char *field, *value;
    } only[] = {{"method", "forward"}, {"method_output_name", "last_hidden_state"}};
    const char *key;
    json_object_foreach((json_t *)(uintptr_t)text, key, v) {
        size_t i = 0;
        while (i < ARRAY_LEN(only) && strcmp(only[i].field, key) != 0) i++;
        if (i == ARRAY_LEN(only)) return refuse_module(f, "the unknown field modality_config.text", key);
        if (!json_is_string(v) || strcmp(json_string_value(v), only[i].value) != 0)
            return refuse_module(f, "modality_config.text of another", key);
    }
    return 0;
}

/* The first of these names that is there, as sentence-transformers looks for them. */
static int find_limits(struct file *f, const char *dir, struct err *e) {
    static const char *const kinds[] = {"bert",   "roberta",     "distilbert", "camembert",
                                        "albert", "xlm-roberta", "xlnet"};
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds) && !rc; i++) {
        char *name = xasprintf("sentence_%s_config.json", kinds[i]);
        file_close(f);
        rc = file_json(f, dir, name, JSON_OBJECT, e);
        free(name);
        if (f->root) break;
    }
    return rc;
}

static int read_limits(struct sentence *s, const char *dir, struct err *e) {
    struct file f = {0}, t = {0};
    int own = 0, tokenizer = 0;
    int rc = find_limits(&f, dir, e);
    if (!rc && f.root) {
        rc = check_fields(&f, f.root, transformer_fields);
        if (!rc) rc = get_length(&f, "max_seq_length", &own);
        if (!rc) rc = get_bool(&f, "do_lower_case", false, &s->lower_case);
        if (!rc) rc = only_value(&f, "transformer_task", "feature-extraction");
        if (!rc) rc = only_value(&f, "module_output_name", "token_embeddings");
        if (!rc) rc = check_modality(&f);
    }
    if (!rc) rc = file_json(&t, dir, "tokenizer_config.json", JSON_OBJECT, e);
    if (!rc && t.root) rc = get_length(&t, "model_max_length", &tokenizer);
    s->max_length = own ? own : tokenizer;
    file_close(&f);
    file_close(&t);
    return rc;
}

static const struct field model_fields[] = {
    {"__version__", FIELD_IDLE},         {"requirements", FIELD_IDLE},
    {"model_type", FIELD_READ},          {"prompts", FIELD_READ},
    {"default_prompt_name", FIELD_READ}, {"similarity_fn_name", FIELD_READ},
    {"truncate_dim", FIELD_EMPTY},       {NULL, FIELD_READ}};

static int read_prompts(struct sentence *s, const char *dir, struct err *e) {
    struct file f;
    int rc = file_json(&f, dir, "config_sentence_transformers.json", JSON_OBJECT, e);
    json_t *prompts = json_object_get(f.root, "prompts"), *text;
    const char *key, *name = json_string_value(json_object_get(f.root, "default_prompt_name"));
    if (!rc) rc = check_fields(&f, f.root, model_fields);
    if (!rc) rc = only_value(&f, "model_type", "SentenceTransformer");
    if (!rc && prompts && !json_is_null(prompts) && !json_is_object(prompts))
        rc = bad_field(&f, "prompts", "no object:");
    if (!rc && json_is_object(prompts)) {
        json_object_foreach(prompts, key, text) if (!json_is_string(text)) rc =
            bad_field(&f, key, "no text as the prompt");
        s->prompts = json_incref(prompts);
    }
    if (!rc && name && !(s->default_prompt = json_string_value(json_object_get(prompts, name))))
        rc = bad_field(&f, name, "there is no prompt of the default's name");
    const char *similarity = json_string_value(json_object_get(f.root, "similarity_fn_name"));
    s->similarity = sentence_similarity(similarity);
    if (!rc && !s->similarity) rc = refuse_module(&f, "the similarity function", similarity);
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
