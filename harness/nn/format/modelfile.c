/* SPDX-License-Identifier: Apache-2.0 */
/* modelfile.c - a pretrained model on disk: which files it has, its tensors by name, its digest. See
 * modelfile.h.
 *
 * The formats are read in safetensors.c and gguf.c; this file finds the parts of a folder, keeps the mappings
 * and the list of tensors (sorted by name: lookup is a binary search), and refuses a name that occurs twice.
 *
 * Limit: a file that somebody cuts off while it is mapped ends the process that reads it, with the file's
 * name (map_explain_faults in util.h). */
#include "harness/nn/format/modelfile.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "harness/base/digest.h"
#include "harness/nn/format/jsonfile.h"
#include "harness/nn/format/modelfile_private.h"
#include "harness/base/util.h"

/* ---- opening ------------------------------------------------------------------------------------------- */

/* One shard of a folder with an index. */
static int open_shard(struct modelfile *f, const char *index, const char *shard, const json_t *map,
                      struct err *e) {
    if (strchr(shard, '/') || !str_ends_with(shard, ".safetensors"))
        return err_set(e, ERR_USER,
                       "%s: names the shard '%s', which is not the name of a .safetensors file beside it",
                       index, shard);
    char *path = path_join(f->path, shard);
    int code;
    if (!file_exists(path))
        code = err_set(e, ERR_USER,
                       "%s: this part of the model is missing (%s names it): fetch it into the folder", path,
                       index);
    else
        code = safetensors_read(f, path, map, shard, e);
    free(path);
    return code;
}

/* model.safetensors.index.json: {"weight_map": {tensor: shard}}. */
static int open_index(struct modelfile *f, const char *index, struct err *e) {
    json_t *j = jsonfile_object(index, 0, e), *seen = json_object();
    int code = j ? 0 : ERR_USER;
    json_t *map = j ? json_object_get(j, "weight_map") : NULL, *shard;
    if (j && (!json_is_object(map) || json_object_size(map) == 0))
        code = err_set(e, ERR_USER, "%s: has no object \"weight_map\"", index);
    const char *tensor;
    if (!code) json_object_foreach(map, tensor, shard) {
            if (!json_is_string(shard)) {
                code = err_set(e, ERR_USER, "%s: the shard of '%s' is not a string", index, tensor);
                break;
            }
            const char *name = json_string_value(shard);
            if (json_object_get(seen, name)) continue;
            json_object_set_new(seen, name, json_true());
            if ((code = open_shard(f, index, name, map, e)) != 0) break;
        }
    json_decref(seen);
    json_decref(j);
    return code;
}

/* What is wrong with a folder that has no weights we can read. */
static int no_weights(const char *path, struct err *e) {
    static const struct {
        const char *file, *text;
    } known[] = {
        {"adapter_config.json",
         "this is a saved adapter, not a model: give it with --adapter and its base with --model"},
        {"pytorch_model.bin",
         "its weights are a Python pickle (pytorch_model.bin), which is not read: save it again with "
         "save_pretrained(..., safe_serialization=True)"},
        {"pytorch_model.bin.index.json",
         "its weights are Python pickles, which are not read: save it again with "
         "save_pretrained(..., safe_serialization=True)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        char *p = path_join(path, known[i].file);
        bool there = file_exists(p);
        free(p);
        if (there) return err_set(e, ERR_USER, "%s: %s", path, known[i].text);
    }
    return err_set(
        e, ERR_USER,
        "%s: has no model.safetensors and no model.safetensors.index.json: give a Hugging Face folder or a "
        ".gguf file",
        path);
}

static int open_folder(struct modelfile *f, struct err *e) {
    f->folder = true;
    char *config = path_join(f->path, "config.json"), *single = path_join(f->path, "model.safetensors");
    char *index = path_join(f->path, "model.safetensors.index.json");
    int code = 0;
    if (!file_exists(single) && !file_exists(index))
        code = no_weights(f->path, e);
    else if (!file_exists(config))
        code = err_set(e, ERR_USER, "%s: missing: a model folder needs it", config);
    else if (!(f->config = jsonfile_object(config, 0, e)))
        code = ERR_USER;
    else if (file_exists(single))
        code = safetensors_read(f, single, NULL, NULL, e);
    else
        code = open_index(f, index, e);
    free(config);
    free(single);
    free(index);
    return code;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

static int sort_names(struct modelfile *f, struct err *e) {
    if (f->n == 0) return err_set(e, ERR_USER, "%s: holds no tensors", f->path);
    qsort(f->tensors, (size_t)f->n, sizeof *f->tensors, by_name);
    for (int i = 1; i < f->n; i++)
        if (!by_name(&f->tensors[i - 1], &f->tensors[i]))
            return err_set(e, ERR_USER,
                           "%s: has two tensors of the name '%.200s': the file is damaged, fetch it again",
                           f->path, f->tensors[i].name);
    return 0;
}

int modelfile_open(struct modelfile **ret, const char *path, struct err *e) {
    struct stat st;
    *ret = NULL;
    if (stat(path, &st) < 0) return err_set(e, ERR_USER, "%s: cannot open: %s", path, strerror(errno));
    struct modelfile *f = xcalloc(1, sizeof *f);
    f->path = xstrdup(path);
    int code;
    if (S_ISDIR(st.st_mode))
        code = open_folder(f, e);
    else if (str_ends_with(path, ".safetensors"))
        code = safetensors_read(f, path, NULL, NULL, e);
    else if (str_ends_with(path, ".gguf"))
        code = gguf_read(f, path, e);
    else
        code =
            err_set(e, ERR_USER,
                    "%s: is not a model: give a Hugging Face folder, a .gguf or a .safetensors file", path);
    if (!code) code = sort_names(f, e);
    if (code)
        modelfile_close(f);
    else
        *ret = f;
    return code;
}

void modelfile_close(struct modelfile *f) {
    if (!f) return;
    for (int i = 0; i < f->n; i++) free(f->tensors[i].name);
    for (int i = 0; i < f->n_files; i++) {
        free(f->files[i].path);
        if (f->files[i].copy) munmap(f->files[i].copy, f->files[i].copy_bytes);
        map_close(&f->files[i].map);
    }
    for (int i = 0; i < f->n_replaced; i++) free(f->replaced[i].name);
    free(f->replaced);
    modelfile_close(f->over);
    json_decref(f->config);
    free(f->tensors);
    free(f->files);
    free(f->path);
    free(f);
}

/* ---- drafts -------------------------------------------------------------------------------------------- */

struct modelfile *modelfile_draft(const char *path, json_t *config) {
    struct modelfile *f = xcalloc(1, sizeof *f);
    f->path = xstrdup(path);
    f->config = json_incref(config);
    f->folder = f->draft = true;
    return f;
}

bool modelfile_is_draft(const struct modelfile *f) { return f->draft; }

const struct tensor *modelfile_draft_add(struct modelfile *f, const char *name, int ndim,
                                         const int64_t shape[2]) {
    struct tensor *t = modelfile_add(f, name, strlen(name));
    t->dtype = DT_F32;
    t->ndim = ndim;
    for (int k = 0; k < ndim; k++) t->shape[k] = shape[k];
    t->bytes = (size_t)shape[0] * (size_t)(ndim == 2 ? shape[1] : 1) * sizeof(float);
    qsort(f->tensors, (size_t)f->n, sizeof *f->tensors, by_name);
    return modelfile_find(f, name);
}

/* ---- asking -------------------------------------------------------------------------------------------- */

bool modelfile_is_gguf(const struct modelfile *f) { return f->gguf; }
const char *modelfile_path(const struct modelfile *f) { return f->path; }
const json_t *modelfile_config(const struct modelfile *f) { return f->config; }
int modelfile_count(const struct modelfile *f) { return f->n; }

const struct tensor *modelfile_at(const struct modelfile *f, int i) {
    BUG_ON(i < 0 || i >= f->n, "i=%d n=%d", i, f->n);
    return &f->tensors[i];
}

const struct tensor *modelfile_find(const struct modelfile *f, const char *name) {
    struct tensor key = {.name = (char *)(uintptr_t)name};
    return !f->n ? NULL : bsearch(&key, f->tensors, (size_t)f->n, sizeof key, by_name);
}

void modelfile_take(const struct tensor *t) { ((struct tensor *)(uintptr_t)t)->taken = true; }

void modelfile_adopt(struct modelfile *f, struct modelfile *over) {
    BUG_ON(f->over, "%s: two adapters", f->path);
    f->over = over;
}

void modelfile_replace(struct modelfile *f, const char *name, const struct tensor *t) {
    GROW(f->replaced, f->n_replaced, f->cap_replaced);
    f->replaced[f->n_replaced++] = (struct replacement){xstrdup(name), t};
}

const struct tensor *modelfile_replaced(const struct modelfile *f, const char *name, const char *backbone) {
    size_t n = backbone ? strlen(backbone) : 0;
    for (int i = 0; i < f->n_replaced; i++) {
        const char *other = f->replaced[i].name;
        if (!strcmp(other, name) || (n && !strncmp(name, backbone, n) && !strcmp(other, name + n)))
            return f->replaced[i].t;
    }
    return NULL;
}

int modelfile_replacements(const struct modelfile *f) {
    int n = 0;
    for (int i = 0; i < f->n_replaced; i++) n += f->replaced[i].t->taken;
    return n;
}

size_t modelfile_weight_bytes(const struct modelfile *f) {
    size_t sum = 0;
    for (int i = 0; i < f->n; i++) sum += f->tensors[i].bytes;
    return sum;
}

int modelfile_tokenizer(const struct modelfile *f, struct tokenizer **ret, struct err *e) {
    *ret = NULL;
    if (f->gguf) return gguf_tokenizer(f, ret, e);
    if (!f->folder)
        return err_set(e, ERR_USER, "%s: a bare .safetensors file has no tokenizer: give the folder",
                       f->path);
    char *path = path_join(f->path, "tokenizer.json"), *vocab = path_join(f->path, "vocab.txt");
    int code;
    if (!file_exists(path) && file_exists(vocab))
        code = tokenizer_open_vocab(ret, f->path, e);
    else if (!file_exists(path))
        code = err_set(e, ERR_USER,
                       "%s: missing: the model's tokenizer is read from it (save it with a fast tokenizer's "
                       "save_pretrained)",
                       path);
    else
        code = tokenizer_open_json(ret, path, e);
    if (!code) code = tokenizer_read_config(*ret, f->path, e);
    if (code) {
        tokenizer_free(*ret);
        *ret = NULL;
    }
    free(path);
    free(vocab);
    return code;
}

/* One line "role sha256" of the text whose digest is the model's. The role is a folder's file name; a single
 * file has the same role whatever it is called, so that a renamed model is still the same model. */
static int digest_line(struct strbuf *b, const char *path, const char *role, struct err *e) {
    char hex[65];
    int code = digest_file_cached(path, hex, e);
    if (code) return code;
    strbuf_addf(b, "%s %s\n", role, hex);
    return 0;
}

static void add_json(struct strbuf *b, const char *key, const json_t *v) {
    char *text = v ? json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (text) strbuf_addf(b, "%s %s\n", key, text);
    free(text);
}

/* The value of a key of a file beside the model, a new reference; NULL: no such file or key, or an error. */
static json_t *key_beside(const struct modelfile *f, const char *file, const char *key, int *code,
                          struct err *e) {
    char *path = path_join(f->path, file);
    /* a tokenizer's length without end (1e30) is no integer of 64 bits */
    size_t flags = !strcmp(file, "tokenizer_config.json") ? JSON_DECODE_INT_AS_REAL : 0;
    json_t *all = file_exists(path) ? jsonfile_object(path, flags, e) : NULL;
    if (!all && file_exists(path)) *code = ERR_USER;
    json_t *v = json_incref(json_object_get(all, key));
    json_decref(all);
    free(path);
    return v;
}

/* The end tokens, where config.json does not say it all: generation_config.json has others, or there are
 * several (or none), of which the tokenizer's settings choose one. A folder of which that is not so has the
 * digest that it had before these files were read, and its runs stay those of the same model. */
static int digest_ends(struct strbuf *b, const struct modelfile *f, struct err *e) {
    static const char *const chooses[] = {"tokenizer_config.json", "special_tokens_map.json"};
    int code = 0;
    json_t *own = json_object_get(f->config, "eos_token_id"),
           *other = key_beside(f, "generation_config.json", "eos_token_id", &code, e),
           *ends = other && !json_is_null(other) ? other : own;
    if (ends != own && !json_equal(ends, own)) add_json(b, "eos_token_id", ends);
    bool one = json_is_integer(ends) || json_array_size(ends) == 1;
    for (size_t i = 0; i < ARRAY_LEN(chooses) && !one && !code; i++) {
        json_t *name = key_beside(f, chooses[i], "eos_token", &code, e);
        add_json(b, "eos_token", name);
        json_decref(name);
    }
    json_decref(other);
    return code;
}

int modelfile_digest(const struct modelfile *f, char out[65], struct err *e) {
    /* The later ones are those of sentence encoders: what they say changes the vectors. */
    static const char *const beside[] = {"config.json",
                                         "tokenizer.json",
                                         "model.safetensors.index.json",
                                         "vocab.txt",
                                         "modules.json",
                                         "1_Pooling/config.json",
                                         "sentence_bert_config.json",
                                         "config_sentence_transformers.json",
                                         "sentence_roberta_config.json",
                                         "sentence_distilbert_config.json",
                                         "sentence_camembert_config.json",
                                         "sentence_albert_config.json",
                                         "sentence_xlm-roberta_config.json",
                                         "sentence_xlnet_config.json"};
    struct strbuf b = {0};
    int code = 0;
    for (size_t i = 0; f->folder && i < ARRAY_LEN(beside) && !code; i++) {
        char *path = path_join(f->path, beside[i]);
        if (file_exists(path)) code = digest_line(&b, path, beside[i], e);
        free(path);
    }
    if (f->folder && !code) code = digest_ends(&b, f, e);
    for (int i = 0; i < f->n_files && !code; i++) {
        const char *slash = strrchr(f->files[i].path, '/');
        const char *base = slash ? slash + 1 : f->files[i].path;
        code = digest_line(&b, f->files[i].path, f->folder ? base : f->gguf ? "gguf" : "safetensors", e);
    }
    if (!code) sha256_hex(b.s, b.len, out);
    strbuf_release(&b);
    return code;
}

int tensor_weight(const struct tensor *t, struct weight *w, struct err *e) {
    if (t->ndim > 2)
        return err_set(e, ERR_USER, "tensor '%.200s' has %d dimensions; at most 2 are expected", t->name,
                       t->ndim);
    int64_t rows = t->ndim == 2 ? t->shape[0] : 1, cols = t->ndim ? t->shape[t->ndim - 1] : 1;
    if (rows > INT_MAX || cols > INT_MAX || rows < 1 || cols < 1)
        return err_set(e, ERR_USER, "tensor '%.200s' is %lld x %lld: out of range", t->name, (long long)rows,
                       (long long)cols);
    *w = (struct weight){.dtype = t->dtype, .rows = (int)rows, .cols = (int)cols, .data = t->data};
    w->row_bytes = dtype_bytes(t->dtype, (size_t)cols);
    return 0;
}
