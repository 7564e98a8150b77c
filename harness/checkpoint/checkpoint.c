/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint.c - see checkpoint.h.
 *
 * Trained parameters are written from where they are; only what has to be converted or merged is made, one
 * tensor at a time, so that a model is never in memory twice. model.safetensors comes last: a folder that has
 * it is complete. */
#include "harness/checkpoint/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include "harness/checkpoint/merge.h"
#include "harness/base/util.h"

/* ---- tensors ------------------------------------------------------------------------------------------- */

struct source {
    struct net *net;
    const struct param *p;
};

struct tensors {
    struct tensor_out *t;
    struct source *of; /* of each, for those that are made */
    int n;
    char **names; /* made for tensors that are written as they are */
    int n_names, cap_names;
};

static void make_values(void *arg, float *dst) {
    const struct source *s = arg;
    merge_values(s->net, s->p, dst);
}

/* The float32 rows of a parameter where they lie one after the other as they shall be written, or NULL. */
static const float *plain_rows(const struct net *net, const struct param *p) {
    const float *data;
    int ld;
    if (merge_changes(net, p)) return NULL;
    if (p->value) return p->value;
    return weight_is_plain(&p->w, &data, &ld) && ld == p->cols ? data : NULL;
}

/* A tensor of the file that the model as it is built does not read (a pooler, a head of pretraining):
 * written as
 * it is. Classes with a head have the backbone's prefix before what a bare file has without it. */
static void add_unread(const struct net *net, const struct tensor *x, bool bare, struct tensors *all) {
    static const char *const heads[] = {"cls.",   "lm_head.",   "classifier.", "pooled_classifier.",
                                        "score.", "qa_outputs."};
    bool head = false;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) head |= !strncmp(x->name, heads[i], strlen(heads[i]));
    char *name = bare && !head ? xasprintf("%s%s", net->backbone, x->name) : xstrdup(x->name);
    bool there = !strcmp(name, "lm_head.weight"); /* tied, and written as the embedding */
    for (int i = 0; i < all->n && !there; i++) there = !strcmp(all->t[i].name, name);
    if (there) {
        free(name);
        return;
    }
    struct tensor_out *t = &all->t[all->n++];
    *t = (struct tensor_out){.name = name, .dtype = x->dtype, .ndim = x->ndim, .data = x->data};
    memcpy(t->shape, x->shape, sizeof t->shape);
    GROW(all->names, all->n_names, all->cap_names);
    all->names[all->n_names++] = name;
}

static void add_all_unread(const struct net *net, const struct modelfile *f, struct tensors *all) {
    bool bare = net->backbone != NULL;
    for (int i = 0; bare && i < modelfile_count(f); i++)
        bare = strncmp(modelfile_at(f, i)->name, net->backbone, strlen(net->backbone)) != 0;
    for (int i = 0; i < modelfile_count(f); i++)
        if (!modelfile_at(f, i)->taken) add_unread(net, modelfile_at(f, i), bare, all);
}

static void collect_tensors(struct net *net, const struct modelfile *f, enum dtype type,
                            struct tensors *all) {
    size_t most = (size_t)net->nparams + (size_t)modelfile_count(f) + 1;
    all->t = xcalloc(most, sizeof *all->t);
    all->of = xcalloc(most, sizeof *all->of);
    for (int i = 0; i < net->nparams; i++) {
        const struct param *p = net->params[i];
        if (!merge_is_models(p)) continue;
        struct tensor_out *t = &all->t[all->n];
        *t = (struct tensor_out){.name = p->head ? p->name + strlen(HEAD_PREFIX) : p->name,
                                 .dtype = type,
                                 .ndim = p->ndim,
                                 .shape = {p->rows, p->cols}};
        if (p->ndim == 1) t->shape[0] = p->cols;
        if (p->transposed) {
            t->shape[0] = p->cols;
            t->shape[1] = p->rows;
            t->transposed = true;
        }
        t->data = type == DT_F32 ? plain_rows(net, p) : NULL;
        all->of[all->n] = (struct source){net, p};
        if (!t->data) {
            t->make = make_values;
            t->arg = &all->of[all->n];
        }
        all->n++;
    }
    if (!modelfile_is_gguf(f)) add_all_unread(net, f, all);
}

static void tensors_release(struct tensors *all) {
    for (int i = 0; i < all->n_names; i++) free(all->names[i]);
    free(all->names);
    free(all->t);
    free(all->of);
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
static void set_type(json_t *c, enum dtype type) {
    const char *name = type == DT_F32 ? "float32" : type == DT_F16 ? "float16" : "bfloat16";
    bool later = json_object_get(c, "dtype"), earlier = json_object_get(c, "torch_dtype");
    if (later) json_object_set_new(c, "dtype", json_string(name));
    if (earlier || !later) json_object_set_new(c, "torch_dtype", json_string(name));
}

/* A classifier's config: transformers' class for it, the names of its classes. */
static void set_classes(const struct net *net, const struct model *model, json_t *c) {
    static const char *const classes[][2] = {{"bert", "BertForSequenceClassification"},
                                             {"roberta", "RobertaForSequenceClassification"},
                                             {"gpt2", "GPT2ForSequenceClassification"},
                                             {"llama", "LlamaForSequenceClassification"}};
    static const char *const outputs[] = {HEAD_PREFIX "classifier.weight",
                                          HEAD_PREFIX "classifier.out_proj.weight",
                                          HEAD_PREFIX "score.weight"};
    const struct param *out = NULL;
    char key[24], word[32];
    for (size_t i = 0; i < ARRAY_LEN(outputs) && !out; i++) out = net_find_param(net, outputs[i]);
    if (!out) return;
    json_t *names = json_object(), *ids = json_object();
    for (int i = 0; i < out->rows; i++) {
        const char *name = json_string_value(json_array_get(net->classes, (size_t)i));
        snprintf(key, sizeof key, "%d", i);
        snprintf(word, sizeof word, "LABEL_%d", i);
        json_object_set_new(names, key, json_string(name ? name : word));
        json_object_set_new(ids, name ? name : word, json_integer(i));
    }
    json_object_set_new(c, "id2label", names);
    json_object_set_new(c, "label2id", ids);
    json_object_set_new(c, "problem_type", json_string("single_label_classification"));
    for (size_t i = 0; i < ARRAY_LEN(classes); i++)
        if (!strcmp(classes[i][0], model->name))
            json_object_set_new(c, "architectures", json_pack("[s]", classes[i][1]));
}

/* NULL: the architecture has no such config. */
static char *make_config(const struct net *net, const struct model *model, const void *state,
                         const struct modelfile *f, enum dtype type, struct err *e) {
    if (modelfile_is_gguf(f) && !model->hf_config) {
        err_set(e, ERR_USER,
                "%s: saving a model of type %s from GGUF as a Hugging Face folder is not implemented: use "
                "its folder, or save: adapter",
                modelfile_path(f), model->name);
        return NULL;
    }
    json_t *c = modelfile_is_gguf(f) ? model->hf_config(state) : json_deep_copy(modelfile_config(f));
    set_type(c, type);
    set_classes(net, model, c);
    if (net_find_param(net, "lm_head.weight") && !modelfile_is_gguf(f))
        json_object_set_new(c, "tie_word_embeddings", json_false());
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
        char *folder = path_dir(to);
        rc = dir_make(folder, e);
        free(folder);
        if (!rc) rc = map_open(&m, from, e);
        if (!rc) {
            rc = file_write(to, m.data, m.size, e);
            map_close(&m);
        }
    }
    free(from);
    free(to);
    return rc;
}

/* From a folder: its files. `texts`: the model reads texts, and a tokenizer must be among them. */
static int copy_tokenizer(const struct modelfile *f, const char *dir, bool texts, struct err *e) {
    static const char *const beside[] = {"tokenizer_config.json", "special_tokens_map.json",
                                         "added_tokens.json", "vocab.json", "merges.txt", "vocab.txt",
                                         "generation_config.json", "chat_template.jinja",
                                         /* of a sentence encoder */
                                         "modules.json", "1_Pooling/config.json", "2_Normalize/config.json",
                                         "sentence_bert_config.json", "config_sentence_transformers.json"};
    char *vocab = path_join(modelfile_path(f), "vocab.txt");
    int rc = copy_file(modelfile_path(f), dir, "tokenizer.json", texts && !file_exists(vocab), e);
    free(vocab);
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

int checkpoint_save(struct net *net, const struct model *model, const void *state, const struct modelfile *f,
                    const char *dir, struct checkpoint_saved *ret, struct err *e) {
    return checkpoint_save_as(net, model, state, f, DT_F32, dir, ret, e);
}

int checkpoint_save_as(struct net *net, const struct model *model, const void *state,
                       const struct modelfile *f, enum dtype type, const char *dir,
                       struct checkpoint_saved *ret, struct err *e) {
    struct model_facts facts;
    memset(ret, 0, sizeof *ret);
    model->facts(state, &facts);
    if (net->mem->counting) dir = NULL;
    if (merge_check(net, e)) return ERR_USER;
    if (net->nmodels > 1)
        return err_set(e, ERR_USER, "a net of %d models cannot be saved as one model: use save: adapter",
                       net->nmodels);
    char *config = make_config(net, model, state, f, type, e);
    if (!config) return ERR_USER;
    int rc = dir ? dir_make(dir, e) : 0;
    if (!rc && modelfile_is_gguf(f))
        rc = make_tokenizer(f, dir, e);
    else if (!rc && dir)
        rc = copy_tokenizer(f, dir, !facts.d_in, e);
    if (!rc && dir) rc = write_text(dir, "config.json", config, e);
    free(config);
    if (rc) return rc;
    struct tensors all = {0};
    json_t *meta = json_pack("{ss}", "format", "pt");
    collect_tensors(net, f, type, &all);
    ret->file_bytes = safetensors_size(all.t, all.n, meta);
    if (dir) rc = write_model(dir, &all, meta, ret->sha256, e);
    tensors_release(&all);
    json_decref(meta);
    return rc;
}
