/* SPDX-License-Identifier: Apache-2.0 */
/* reader.c - see reader.h. */
#include "experiments/models/reader.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/util.h"

const char *reader_type(const struct modelfile *f) {
    const char *key = modelfile_is_gguf(f) ? "general.architecture" : "model_type";
    return json_string_value(json_object_get(modelfile_config(f), key));
}

bool reader_is(const struct modelfile *f, const char *type) {
    const char *own = reader_type(f);
    return own && !strcmp(own, type);
}

void reader_fail(struct reader *r, const char *what, const char *key) {
    if (!r->failed) err_set(r->e, ERR_USER, "%s: %s '%s'", modelfile_path(r->f), what, key);
    r->failed = true;
}

void reader_refuse(struct reader *r, const char *key, bool when) {
    if (when) reader_fail(r, "not implemented (it would change the computation): config field", key);
}

static const json_t *find_value(const struct reader *r, const char *key) {
    const json_t *v = json_object_get(r->config, key);
    return v && json_is_null(v) ? NULL : v;
}

int reader_int(struct reader *r, const char *key, int def) {
    const json_t *v = find_value(r, key);
    if (!v) {
        if (def < 0) reader_fail(r, "the config lacks", key);
        return def;
    }
    json_int_t n = json_is_integer(v) ? json_integer_value(v) : -1;
    if (n < 1 || n > 1 << 28) reader_fail(r, "the config has a bad value for", key);
    return (int)n;
}

double reader_num(struct reader *r, const char *key, double def) {
    const json_t *v = find_value(r, key);
    if (!v) return def;
    if (!json_is_number(v) || !(json_number_value(v) > 0))
        reader_fail(r, "the config has a bad value for", key);
    return json_number_value(v);
}

bool reader_bool(struct reader *r, const char *key, bool def) {
    const json_t *v = find_value(r, key);
    if (!v) return def;
    if (!json_is_boolean(v)) reader_fail(r, "the config has a bad value for", key);
    return json_is_true(v);
}

int reader_id(const struct reader *r, const char *key) {
    const json_t *v = json_object_get(r->config, key);
    return json_is_integer(v) ? (int)json_integer_value(v) : -1;
}

static void add_end(struct reader *r, const char *key, const json_t *v, struct ends *ret) {
    json_int_t id = json_is_integer(v) ? json_integer_value(v) : -1;
    if (!v || json_is_null(v) || id == UINT32_MAX) return; /* GGUF's word for none */
    if (id < 0 || id > INT32_MAX || ret->n == ENDS_MOST)
        reader_fail(r, "the config has a bad value for", key);
    else if (!ends_has(ret, (int32_t)id))
        ret->id[ret->n++] = (int32_t)id;
}

static void add_ends(struct reader *r, const char *key, const json_t *v, struct ends *ret) {
    for (size_t i = 0; i < json_array_size(v); i++) add_end(r, key, json_array_get(v, i), ret);
    if (!json_is_array(v)) add_end(r, key, v, ret);
}

/* generation_config.json of a folder; NULL: none, or it is damaged, which is an error. */
static json_t *generation_config(struct reader *r) {
    char *path = path_join(modelfile_path(r->f), "generation_config.json");
    json_error_t at;
    bool there = file_exists(path);
    json_t *c = there ? json_load_file(path, 0, &at) : NULL;
    free(path);
    if (there && !json_is_object(c)) reader_fail(r, "not a JSON object:", "generation_config.json");
    return c;
}

void reader_ends(struct reader *r, struct ends *ret) {
    static const char *const gguf[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                       "tokenizer.ggml.eom_token_id"};
    *ret = (struct ends){.n = 0};
    if (modelfile_is_gguf(r->f)) {
        for (size_t i = 0; i < ARRAY_LEN(gguf); i++)
            add_end(r, gguf[i], json_object_get(r->config, gguf[i]), ret);
        return;
    }
    json_t *generation = generation_config(r);
    const json_t *v = json_object_get(generation, "eos_token_id");
    if (!v || json_is_null(v)) v = json_object_get(r->config, "eos_token_id");
    add_ends(r, "eos_token_id", v, ret);
    json_decref(generation);
}

json_t *reader_ends_json(const struct ends *x) {
    if (!x->n) return json_null();
    if (x->n == 1) return json_integer(x->id[0]);
    json_t *list = json_array();
    for (int i = 0; i < x->n; i++) json_array_append_new(list, json_integer(x->id[i]));
    return list;
}

bool reader_has(const struct reader *r, const char *key) {
    const json_t *v = find_value(r, key);
    return v && !json_is_false(v);
}

/* Of a folder that is yet to be written: what is asked for will be there. */
static const struct tensor *draft_tensor(const struct modelfile *f, const struct reader_tensor *want) {
    int64_t shape[] = {want->rows, want->cols}, turned[] = {want->cols, want->rows},
            vector[] = {want->cols, 0};
    return modelfile_draft_add((struct modelfile *)(uintptr_t)f, want->file, want->rows ? 2 : 1,
                               !want->rows        ? vector
                               : want->transposed ? turned
                                                  : shape);
}

struct param *reader_param(struct reader *r, struct net *net, const struct reader_tensor *want) {
    const struct tensor *own = modelfile_find(r->f, want->file),
                        *copy = modelfile_replaced(r->f, want->name, net->backbone), *t = copy ? copy : own;
    bool transposed = copy ? want->conv1d : want->transposed;
    struct weight w;
    if (own) modelfile_take(own);
    if (!t && modelfile_is_draft(r->f)) t = draft_tensor(r->f, want);
    if (!t) {
        reader_fail(r, "the model is incomplete (fetch it again): it lacks the tensor", want->file);
        return NULL;
    }
    int ndim = want->rows ? 2 : 1;
    int64_t first = transposed ? want->cols : want->rows, last = transposed ? want->rows : want->cols;
    if (t->ndim != ndim || t->shape[ndim - 1] != last || (ndim == 2 && t->shape[0] != first)) {
        reader_fail(r,
                    "the config and the weights are of different models (fetch both again): the shapes "
                    "disagree for tensor",
                    want->file);
        return NULL;
    }
    if (tensor_weight(t, &w, r->e)) {
        r->failed = true;
        return NULL;
    }
    modelfile_take(t);
    if (transposed) {
        w.rows = want->rows;
        w.cols = want->cols;
        w.transposed = true;
    }
    w.rope_heads = copy ? 0 : want->rope_heads;
    struct param *p = net_base_param(net, want->name, ndim, &w);
    p->kept = copy != NULL;
    return p;
}

bool reader_tied(struct reader *r, bool config, const char *head, const char *embed) {
    const struct tensor *h = modelfile_find(r->f, head), *x = modelfile_find(r->f, embed);
    return config &&
           (!h || (x && h->dtype == x->dtype && h->bytes == x->bytes && !memcmp(h->data, x->data, x->bytes)));
}

struct param *reader_head(struct reader *r, struct net *net, struct param *embed, bool *tied,
                          const struct reader_tensor *head, const char *embed_file) {
    bool was_tied = *tied;
    *tied = was_tied && !(embed && embed->kept) && !modelfile_replaced(r->f, head->name, NULL);
    if (*tied || r->failed) return embed;
    struct reader_tensor want = *head;
    if (was_tied) want.file = embed_file;
    return reader_param(r, net, &want);
}

/* ---- the rest ------------------------------------------------------------------------------------------ */

/* Of every architecture: where it came from, what training, generating or another program does with it, how
 * it
 * is stored or computed in transformers (not what), and what every reader looks at. */
static const char *const everywhere[] = {
    /* used */
    "model_type", "bos_token_id", "eos_token_id",
    /* harmless */
    "_attn_implementation", "_attn_implementation_autoset", "_name_or_path", "_commit_hash", "architectures",
    "bad_words_ids", "begin_suppress_tokens", "chunk_size_feed_forward", "decoder_start_token_id",
    "diversity_penalty", "do_sample", "dtype", "early_stopping", "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty", "finetuning_task", "forced_bos_token_id", "forced_eos_token_id",
    "gradient_checkpointing", "id2label", "initializer_range", "is_llama_config", "label2id",
    "length_penalty", "max_length", "min_length", "name", "no_repeat_ngram_size", "num_beam_groups",
    "num_beams", "num_labels", "num_return_sequences", "output_attentions", "output_hidden_states",
    "output_past", "output_scores", "pad_token_id", "prefix", "remove_invalid_values", "repetition_penalty",
    "return_dict", "return_dict_in_generate", "sep_token_id", "suppress_tokens", "task_specific_params",
    "temperature", "tf_legacy_loss", "tokenizer_class", "top_k", "top_p", "torch_dtype", "torchscript",
    "transformers.js_config", "transformers_version", "typical_p", "unsloth_fixed", "unsloth_version",
    "use_bfloat16", "use_cache", NULL};

static bool is_listed(const char *const *list, const char *key) {
    for (; list && *list; list++)
        if (!strcmp(*list, key)) return true;
    return false;
}

/* A value that says of any field that it is not used. */
static bool is_off(const json_t *v) {
    return json_is_null(v) || json_is_false(v) || (json_is_string(v) && !json_string_length(v)) ||
           (json_is_array(v) && !json_array_size(v)) || (json_is_object(v) && !json_object_size(v));
}

static void check_gguf(struct reader *r, const struct reader_table *t) {
    const char *key, *arch = json_string_value(json_object_get(r->config, "general.architecture"));
    size_t n = strlen(arch);
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)r->config, key, v) {
        if (strncmp(key, arch, n) != 0 || key[n] != '.' || is_listed(t->gguf, key + n + 1) || is_off(v))
            continue;
        reader_fail(r, "not implemented (it may change the computation): metadata key", key);
    }
}

void reader_fields(struct reader *r, const struct reader_table *t) {
    const char *key, *kind = json_string_value(json_object_get(r->config, "problem_type"));
    json_t *v;
    if (modelfile_is_gguf(r->f)) {
        check_gguf(r, t);
        return;
    }
    reader_refuse(r, "problem_type", kind && strcmp(kind, "single_label_classification") != 0);
    json_object_foreach((json_t *)(uintptr_t)r->config, key, v) {
        if (is_listed(everywhere, key) || is_listed(t->used, key) || is_listed(t->harmless, key) ||
            is_off(v) || !strcmp(key, "problem_type"))
            continue;
        reader_fail(r, "not implemented (it may change the computation): config field", key);
    }
}

void reader_tensors(struct reader *r, const struct reader_table *t) {
    for (int i = 0; i < modelfile_count(r->f) && !r->failed; i++) {
        const struct tensor *x = modelfile_at(r->f, i);
        bool known = x->taken;
        for (const char *const *glob = t->tensors; !known && *glob; glob++)
            known = !fnmatch(*glob, x->name, 0);
        if (!known) reader_fail(r, "not implemented (nobody here reads it): tensor", x->name);
    }
}

json_t *reader_float(float x) {
    char text[32];
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)x);
        if ((float)strtod(text, NULL) == x) break;
    }
    return json_real(strtod(text, NULL));
}
