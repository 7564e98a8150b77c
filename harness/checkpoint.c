/* checkpoint.c - see checkpoint.h.
 *
 * Trained parameters are written from where they are; only a parameter that stayed in its file in another
 * form than float32 rows is expanded, for the time of the writing, so that a fully trained model is never in
 * memory twice. model.safetensors comes last: a folder that has it is complete. */
#include "harness/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include "harness/util.h"

/* ---- tensors ------------------------------------------------------------------------------------------- */

struct tensors {
    struct tensor_out *t;
    float **owned; /* what had to be expanded, else NULL */
    int n;
};

static bool is_models(const struct param *p) { return p->head || (!p->site && p->role != PARAM_FIXED); }

/* The float32 rows of a parameter, one after the other. *owned: memory to free, or NULL. */
static const float *param_rows(const struct param *p, float **owned) {
    const float *data;
    int ld;
    *owned = NULL;
    if (p->value) return p->value;
    if (weight_is_plain(&p->w, &data, &ld) && ld == p->cols) return data;
    *owned = xmalloc(param_size(p) * sizeof(float));
    weight_expand(&p->w, 0, p->rows, 0, p->cols, *owned, p->cols);
    return *owned;
}

/* `values` false: names and shapes only. */
static void collect(const struct net *net, bool values, struct tensors *all) {
    all->t = xcalloc((size_t)net->nparams + 1, sizeof *all->t);
    all->owned = xcalloc((size_t)net->nparams + 1, sizeof *all->owned);
    for (int i = 0; i < net->nparams; i++) {
        const struct param *p = net->params[i];
        if (!is_models(p)) continue;
        struct tensor_out *t = &all->t[all->n];
        *t = (struct tensor_out){
            .name = p->head ? p->name + strlen(HEAD_PREFIX) : p->name, .dtype = DT_F32, .ndim = p->ndim, .shape = {p->rows, p->cols}};
        if (p->ndim == 1) t->shape[0] = p->cols;
        if (p->transposed) {
            t->shape[0] = p->cols;
            t->shape[1] = p->rows;
            t->transposed = true;
        }
        if (values) t->data = param_rows(p, &all->owned[all->n]);
        all->n++;
    }
}

static void tensors_release(struct tensors *all) {
    for (int i = 0; i < all->n; i++) free(all->owned[i]);
    free(all->t);
    free(all->owned);
}

/* ---- config.json --------------------------------------------------------------------------------------- */

/* Numbers as people write them (1e-05) where that reads back as the same, else with all their digits. */
static char *config_text(const json_t *c) {
    char *text = json_dumps(c, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    json_t *back = json_loads(text, 0, NULL);
    if (!json_equal(c, back)) {
        free(text);
        text = json_dumps(c, JSON_INDENT(2));
    }
    json_decref(back);
    return text;
}

/* transformers < 5 reads torch_dtype, later ones write dtype and read both. */
static void set_float32(json_t *c) {
    bool later = json_object_get(c, "dtype"), earlier = json_object_get(c, "torch_dtype");
    if (later) json_object_set_new(c, "dtype", json_string("float32"));
    if (earlier || !later) json_object_set_new(c, "torch_dtype", json_string("float32"));
}

/* NULL: the architecture has no such config. */
static char *make_config(const struct model *model, const void *state, const struct modelfile *f,
                         struct err *e) {
    if (modelfile_is_gguf(f) && !model->hf_config) {
        err_set(
            e, ERR_USER,
            "%s: saving a model of type %s from GGUF as a Hugging Face folder is not implemented: use its folder, or save: adapter",
            modelfile_path(f), model->name);
        return NULL;
    }
    json_t *c = modelfile_is_gguf(f) ? model->hf_config(state) : json_deep_copy(modelfile_config(f));
    set_float32(c);
    char *text = config_text(c);
    json_decref(c);
    return text;
}

/* ---- files --------------------------------------------------------------------------------------------- */

static int write_text(const char *dir, const char *name, const char *text, struct err *e) {
    char *path = path_join(dir, name), *line = xasprintf("%s\n", text);
    int rc = file_write(path, line, strlen(line), e);
    free(line);
    free(path);
    return rc;
}

static int copy_file(const char *from_dir, const char *dir, const char *name, bool required, struct err *e) {
    char *from = path_join(from_dir, name), *to = path_join(dir, name);
    struct map m;
    int rc = 0;
    if (required || file_exists(from)) {
        rc = map_open(&m, from, e);
        if (!rc) {
            rc = file_write(to, m.data, m.size, e);
            map_close(&m);
        }
    }
    free(from);
    free(to);
    return rc;
}

/* From a folder: its files. */
static int copy_tokenizer(const struct modelfile *f, const char *dir, struct err *e) {
    static const char *const beside[] = {"tokenizer_config.json", "special_tokens_map.json",
                                         "generation_config.json", "chat_template.jinja"};
    int rc = copy_file(modelfile_path(f), dir, "tokenizer.json", true, e);
    for (size_t i = 0; i < ARRAY_LEN(beside) && !rc; i++)
        rc = copy_file(modelfile_path(f), dir, beside[i], false, e);
    return rc;
}

/* From GGUF: generated; `dir` NULL: only tried. */
static int make_tokenizer(const struct modelfile *f, const char *dir, struct err *e) {
    char *json = NULL, *config = NULL;
    int rc = modelfile_tokenizer_text(f, &json, &config, e);
    if (!rc && dir) rc = write_text(dir, "tokenizer.json", json, e);
    if (!rc && dir) rc = write_text(dir, "tokenizer_config.json", config, e);
    free(json);
    free(config);
    return rc;
}

static int write_model(const char *dir, const struct tensors *all, const json_t *meta, char sha256[65],
                       struct err *e) {
    char *path = path_join(dir, "model.safetensors");
    int rc = safetensors_write(path, all->t, all->n, meta, e);
    if (!rc) rc = sha256_file(path, sha256, e);
    free(path);
    return rc;
}

int checkpoint_save(const struct net *net, const struct model *model, const void *state,
                    const struct modelfile *f, const char *dir, struct checkpoint_saved *ret, struct err *e) {
    memset(ret, 0, sizeof *ret);
    if (net->mem->counting) dir = NULL;
    char *config = make_config(model, state, f, e);
    if (!config) return ERR_USER;
    int rc = dir ? dir_make(dir, e) : 0;
    if (!rc && modelfile_is_gguf(f))
        rc = make_tokenizer(f, dir, e);
    else if (!rc && dir)
        rc = copy_tokenizer(f, dir, e);
    if (!rc && dir) rc = write_text(dir, "config.json", config, e);
    free(config);
    if (rc) return rc;
    struct tensors all = {0};
    json_t *meta = json_pack("{ss}", "format", "pt");
    collect(net, dir != NULL, &all);
    ret->file_bytes = safetensors_size(all.t, all.n, meta);
    if (dir) rc = write_model(dir, &all, meta, ret->sha256, e);
    tensors_release(&all);
    json_decref(meta);
    return rc;
}
