/* SPDX-License-Identifier: Apache-2.0 */
/* bert.c - encoders of BERT's type (Devlin et al., 1810.04805): tensor names and options of Hugging Face
 * folders.
 *
 * model_type "bert" (MiniLM and most sentence encoders are that); roberta.c is built on it. Learned
 * positions, token types, LayerNorm after each sum, biases, GELU, every token sees its whole sequence. There
 * is no head: what a task needs above the hidden states is the task's.
 *
 * Names are those of the classes with a head ("bert.encoder.layer.0..."); files of the bare model, which lack
 * the prefix, and those whose LayerNorms have gamma and beta for weight and bias are read as well. The pooler
 * and pretraining heads of a file are left alone. Fields that would change the computation and are not
 * implemented are refused by name. */
#include <stdio.h>
#include <string.h>

#include "experiments/models/bert.h"
#include "experiments/models/reader.h"
#include "experiments/models/transformer.h"
#include "harness/config/cfg.h"
#include "harness/base/util.h"

/* ---- options ------------------------------------------------------------------------------------------- */

/* How the words of hidden_act are computed here. */
static const struct {
    const char *name;
    bool erf;
} activations[] = {{"gelu", true},
                   {"gelu_python", true},
                   {"gelu_new", false},
                   {"gelu_fast", false},
                   {"gelu_pytorch_tanh", false}};

static void read_activation(struct reader *r, struct transformer_options *o) {
    const char *act = json_string_value(json_object_get(r->config, "hidden_act"));
    size_t i = 0;
    while (act && i < ARRAY_LEN(activations) && strcmp(activations[i].name, act) != 0) i++;
    reader_refuse(r, "hidden_act", i == ARRAY_LEN(activations));
    o->gelu_erf = activations[i % ARRAY_LEN(activations)].erf;
}

static const char *const used_fields[] = {"num_hidden_layers",       "hidden_size",     "num_attention_heads",
                                          "intermediate_size",       "vocab_size",      "layer_norm_eps",
                                          "max_position_embeddings", "type_vocab_size", "hidden_act",
                                          "position_embedding_type", "pruned_heads",    NULL};
/* Dropout is model_dropout's affair; the output layer of masked words is not read; pooler_* and
 * directionality stand in older files and say what every BERT is. */
static const char *const harmless_fields[] = {"hidden_dropout_prob",
                                              "attention_probs_dropout_prob",
                                              "classifier_dropout",
                                              "tie_word_embeddings",
                                              "directionality",
                                              "pooler_fc_size",
                                              "pooler_num_attention_heads",
                                              "pooler_num_fc_layers",
                                              "pooler_size_per_head",
                                              "pooler_type",
                                              "summary_type",
                                              NULL};
/* The pooler and classifiers, which their tasks read; heads of other tasks; a buffer of older files. */
static const char *const other_tensors[] = {
    "*position_ids", "*pooler.dense.weight", "*pooler.dense.bias", "cls.*", "lm_head.*",
    "classifier.*",  "pooled_classifier.*",  "qa_outputs.*",       NULL};
static const struct reader_table table = {used_fields, harmless_fields, NULL, other_tensors};

static void read_options(struct reader *r, struct transformer_options *o, const struct bert_kind *kind) {
    o->layers = reader_int(r, "num_hidden_layers", 12);
    o->hidden = reader_int(r, "hidden_size", 768);
    o->heads = o->kv_heads = reader_int(r, "num_attention_heads", 12);
    o->ff = reader_int(r, "intermediate_size", 3072);
    o->vocab = reader_int(r, "vocab_size", kind->vocab);
    o->norm_eps = (float)reader_num(r, "layer_norm_eps", 1e-12);
    o->max_positions = reader_int(r, "max_position_embeddings", 512);
    if (kind->after_padding) {
        int pad = reader_id(r, "pad_token_id");
        o->position_offset = (pad < 0 ? 1 : pad) + 1;
        o->max_positions -= o->position_offset;
        if (o->max_positions < 1)
            reader_fail(r, "no position is left after the padding index by", "max_position_embeddings");
    }
    o->bos_id = reader_id(r, "bos_token_id");
    reader_ends(r, &o->ends);
    o->layernorm = o->learned_positions = o->plain_mlp = o->post_norm = o->bidirectional = true;
    read_activation(r, o);
    const char *positions = json_string_value(json_object_get(r->config, "position_embedding_type"));
    reader_refuse(r, "position_embedding_type", positions && strcmp(positions, "absolute") != 0);
    reader_refuse(r, "pruned_heads", json_object_size(json_object_get(r->config, "pruned_heads")) > 0);
}

static void check_options(struct reader *r, struct transformer_options *o) {
    if (r->failed) return;
    if (o->hidden > 1 << 24) reader_fail(r, "an absurd size in", "hidden_size");
    if (o->hidden % o->heads) reader_fail(r, "hidden_size is no multiple of", "num_attention_heads");
    o->head_dim = o->hidden / o->heads;
    if (o->head_dim > 256)
        reader_fail(r, "more than 256 features per head are not implemented: too small is",
                    "num_attention_heads");
    if (o->layers > 1000) reader_fail(r, "an absurd number of layers in", "num_hidden_layers");
    if (o->max_positions > 1 << 17)
        reader_fail(r, "more than 131072 positions in", "max_position_embeddings");
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

struct bert {
    struct reader r;
    struct net *net;
    const char *prefix; /* "bert." */
};

/* The parameter PREFIX`name`; rows 0: a vector. `old`: another name that files may have for it, or NULL. */
static struct param *take_tensor(struct bert *b, const char *name, const char *old, int rows, int cols) {
    char full[160], full_old[160];
    snprintf(full, sizeof full, "%s%s", b->prefix, name);
    snprintf(full_old, sizeof full_old, "%s%s", b->prefix, old ? old : name);
    const char *const names[] = {full, name, full_old, old ? old : name};
    struct reader_tensor t = {.file = full, .name = full, .rows = rows, .cols = cols};
    for (size_t i = ARRAY_LEN(names); i-- > 0;)
        if (modelfile_find(b->r.f, names[i])) t.file = names[i];
    return reader_param(&b->r, b->net, &t);
}

/* The norm of `module` ("encoder.layer.0.output") as weight and bias, in old files gamma and beta. */
static void take_norm(struct bert *b, const char *module, int d, struct param **gamma, struct param **beta) {
    char name[128], old[128];
    snprintf(name, sizeof name, "%s.LayerNorm.weight", module);
    snprintf(old, sizeof old, "%s.LayerNorm.gamma", module);
    *gamma = take_tensor(b, name, old, 0, d);
    snprintf(name, sizeof name, "%s.LayerNorm.bias", module);
    snprintf(old, sizeof old, "%s.LayerNorm.beta", module);
    *beta = take_tensor(b, name, old, 0, d);
}

static void take_embeddings(struct bert *b, struct transformer *t) {
    const struct transformer_options *o = &t->o;
    t->embed = take_tensor(b, "embeddings.word_embeddings.weight", NULL, o->vocab, o->hidden);
    t->positions = take_tensor(b, "embeddings.position_embeddings.weight", NULL,
                               o->position_offset + o->max_positions, o->hidden);
    t->types = take_tensor(b, "embeddings.token_type_embeddings.weight", NULL,
                           reader_int(&b->r, "type_vocab_size", 2), o->hidden);
    take_norm(b, "embeddings", o->hidden, &t->layer[0].norm[NORM_ATTENTION],
              &t->layer[0].norm_bias[NORM_ATTENTION]);
}

/* Below encoder.layer.N.: the names that tell the sites of a block apart, as PEFT's target_modules have them.
 */
static const struct {
    const char *module, *kind;
} sites[LAYER_SITES] = {
    [SITE_Q] = {"attention.self.query", "query"},
    [SITE_K] = {"attention.self.key", "key"},
    [SITE_V] = {"attention.self.value", "value"},
    [SITE_O] = {"attention.output.dense", "attention.output.dense"},
    [SITE_UP] = {"intermediate.dense", "intermediate.dense"},
    [SITE_DOWN] = {"output.dense", "output.dense"},
};

static void take_site(struct bert *b, struct transformer *t, int l, int i, int d_out, int d_in) {
    char name[64], module[96], tensor[128];
    snprintf(name, sizeof name, "layers.%d.%s", l, sites[i].module);
    snprintf(tensor, sizeof tensor, "encoder.layer.%d.%s.weight", l, sites[i].module);
    struct param *W = take_tensor(b, tensor, NULL, d_out, d_in);
    snprintf(tensor, sizeof tensor, "encoder.layer.%d.%s.bias", l, sites[i].module);
    struct param *bias = take_tensor(b, tensor, NULL, 0, d_out);
    snprintf(module, sizeof module, "%sencoder.layer.%d.%s", b->prefix, l, sites[i].module);
    if (W && bias) t->layer[l].site[i] = net_site(b->net, name, module, sites[i].kind, l, W, bias);
}

/* The norm after a layer is the one before the next (transformer.h). */
static void take_layer(struct bert *b, struct transformer *t, int l) {
    struct transformer_layer *L = &t->layer[l];
    int D = t->o.hidden, F = t->o.ff;
    bool last = l + 1 == t->o.layers;
    char module[64];
    take_site(b, t, l, SITE_Q, D, D);
    take_site(b, t, l, SITE_K, D, D);
    take_site(b, t, l, SITE_V, D, D);
    take_site(b, t, l, SITE_O, D, D);
    snprintf(module, sizeof module, "encoder.layer.%d.attention.output", l);
    take_norm(b, module, D, &L->norm[NORM_MLP], &L->norm_bias[NORM_MLP]);
    take_site(b, t, l, SITE_UP, F, D);
    take_site(b, t, l, SITE_DOWN, D, F);
    snprintf(module, sizeof module, "encoder.layer.%d.output", l);
    take_norm(b, module, D, last ? &t->final_norm : &L[1].norm[NORM_ATTENTION],
              last ? &t->final_norm_bias : &L[1].norm_bias[NORM_ATTENTION]);
}

/* ---- the pooler ---------------------------------------------------------------------------------------- */

static bool has_pooler(const struct bert *b) {
    char full[64];
    snprintf(full, sizeof full, "%spooler.dense.weight", b->prefix);
    return modelfile_find(b->r.f, full) || modelfile_find(b->r.f, full + strlen(b->prefix));
}

/* Not of the model itself: only classifiers read it. */
struct site *bert_pooler(void *state, struct net *net, const struct modelfile *f, struct err *e) {
    struct bert b = {{f, modelfile_config(f), e, false}, net, net->backbone};
    int D = ((const struct transformer *)state)->o.hidden;
    struct param *W = take_tensor(&b, "pooler.dense.weight", NULL, D, D),
                 *bias = take_tensor(&b, "pooler.dense.bias", NULL, 0, D);
    char module[64];
    snprintf(module, sizeof module, "%spooler.dense", b.prefix);
    return W && bias ? net_site(net, "pooler.dense", module, "pooler.dense", -1, W, bias) : NULL;
}

int bert_build_kind(struct net *net, const struct modelfile *f, void **ret, struct err *e,
                    const struct bert_kind *kind) {
    struct err local = {0};
    struct bert b = {{f, modelfile_config(f), e ? e : &local, false}, net, kind->prefix};
    struct transformer_options o = {0};
    if (modelfile_is_gguf(f))
        return err_set(b.r.e, ERR_USER, "%s: BERT in GGUF is not implemented: use its Hugging Face folder",
                       modelfile_path(f));
    read_options(&b.r, &o, kind);
    reader_fields(&b.r, &table);
    check_options(&b.r, &o);
    if (b.r.failed) return b.r.e->code;
    struct transformer *t = transformer_new(&o, net->mem, cfg_int(net->config, "train.max_length"));
    net->backbone = b.prefix;
    t->o.class_head = kind->dense_head ? CLASS_DENSE : has_pooler(&b) ? CLASS_POOLER : CLASS_NONE;
    take_embeddings(&b, t);
    for (int l = 0; l < o.layers && !b.r.failed; l++) take_layer(&b, t, l);
    reader_tensors(&b.r, &table);
    if (b.r.failed) {
        transformer_free(t);
        return b.r.e->code;
    }
    *ret = t;
    return 0;
}

static bool bert_match(const struct modelfile *f) { return reader_is(f, "bert"); }

static int bert_build(struct net *net, const struct modelfile *f, void **ret, struct err *e) {
    static const struct bert_kind kind = {.prefix = "bert.", .vocab = 30522};
    return bert_build_kind(net, f, ret, e, &kind);
}

static const char *const bert_tiny[] = {
    "{\"model_type\": \"bert\", \"num_hidden_layers\": 2, \"hidden_size\": 24, \"num_attention_heads\": 3,"
    " \"intermediate_size\": 40, \"vocab_size\": 288, \"max_position_embeddings\": 512, \"hidden_act\": "
    "\"gelu\","
    " \"layer_norm_eps\": 1e-12}",
    NULL};

/* No kv hooks: an encoder sees the whole sequence at once and generates nothing. */
const struct model model_bert = {
    .name = "bert",
    .summary =
        "BERT-type encoders (MiniLM, ...): LayerNorm after each sum, learned positions, token types, GELU",
    .match = bert_match,
    .tiny = bert_tiny,
    .build = bert_build,
    .free = transformer_free,
    .facts = transformer_facts,
    .bound = transformer_bound,
    .layout = transformer_layout,
    .forward = transformer_forward,
    .backward = transformer_backward,
    .pooler = bert_pooler,
};
