/* SPDX-License-Identifier: Apache-2.0 */
/* gpt2.c - GPT-2 (Radford et al., 2019): tensor names and options of Hugging Face folders (model_type "gpt2")
 * and of GGUF files (general.architecture "gpt2").
 *
 * LayerNorm, learned positions, biases, a plain MLP with the tanh form of GELU, a tied head. Its linear
 * layers are of the class Conv1D: the file has [d_in, d_out], which weight.h reads as W [d_out, d_in] in
 * place. c_attn makes q, k and v at once and is one site, as in PEFT.
 *
 * Names are those of GPT2LMHeadModel ("transformer.h.0..."); files of the bare GPT2Model, which lack the
 * prefix, are read as well. Fields that would change the computation and are not implemented are refused by
 * name. reorder_and_upcast_attn concerns half precision alone: here attention is float32 anyway. */
#include <stdio.h>
#include <string.h>

#include "experiments/models/reader.h"
#include "experiments/models/transformer.h"
#include "harness/config/cfg.h"
#include "harness/base/util.h"

#define PREFIX "transformer."

/* ---- options ------------------------------------------------------------------------------------------- */

static const char *const used_fields[] = {"n_layer",
                                          "n_embd",
                                          "n_head",
                                          "vocab_size",
                                          "n_positions",
                                          "n_inner",
                                          "layer_norm_epsilon",
                                          "tie_word_embeddings",
                                          "scale_attn_weights",
                                          "scale_attn_by_inverse_layer_idx",
                                          "activation_function",
                                          NULL};
/* n_ctx repeats n_positions; summary_* are of a class with two heads; dropout is model_dropout's affair. */
static const char *const harmless_fields[] = {"n_ctx",
                                              "resid_pdrop",
                                              "embd_pdrop",
                                              "attn_pdrop",
                                              "summary_type",
                                              "summary_use_proj",
                                              "summary_activation",
                                              "summary_proj_to_labels",
                                              "summary_first_dropout",
                                              "reorder_and_upcast_attn",
                                              NULL};
static const char *const gguf_keys[] = {"block_count",          "context_length",
                                        "embedding_length",     "feed_forward_length",
                                        "attention.head_count", "attention.layer_norm_epsilon",
                                        "vocab_size",           NULL};
/* Masks of older files; an output layer that is tied all the same; a classifier's, which its task reads. */
static const char *const other_tensors[] = {"*h.*.attn.bias", "*h.*.attn.masked_bias", "lm_head.weight",
                                            "score.weight",   "pooled_classifier.*",   NULL};
static const struct reader_table table = {used_fields, harmless_fields, gguf_keys, other_tensors};

static void read_options(struct reader *r, struct transformer_options *o) {
    o->layers = reader_int(r, "n_layer", -1);
    o->hidden = reader_int(r, "n_embd", -1);
    o->heads = o->kv_heads = reader_int(r, "n_head", -1);
    o->vocab = reader_int(r, "vocab_size", -1);
    o->max_positions = reader_int(r, "n_positions", 1024);
    o->ff = reader_int(r, "n_inner", o->hidden > 0 ? 4 * o->hidden : 1);
    o->norm_eps = (float)reader_num(r, "layer_norm_epsilon", 1e-5);
    o->tied = reader_tied(r, reader_bool(r, "tie_word_embeddings", true), "lm_head.weight",
                          modelfile_find(r->f, PREFIX "wte.weight") ? PREFIX "wte.weight" : "wte.weight");
    o->bos_id = reader_id(r, "bos_token_id");
    reader_ends(r, &o->ends);
    o->unscaled = !reader_bool(r, "scale_attn_weights", true);
    o->scale_by_layer = reader_bool(r, "scale_attn_by_inverse_layer_idx", false);
    o->layernorm = o->learned_positions = o->fused_qkv = o->plain_mlp = true;
    const char *act = json_string_value(json_object_get(r->config, "activation_function"));
    reader_refuse(r, "activation_function",
                  act && strcmp(act, "gelu_new") != 0 && strcmp(act, "gelu_pytorch_tanh") != 0);
}

static void check_options(struct reader *r, struct transformer_options *o) {
    if (r->failed) return;
    if (o->hidden > 1 << 24) reader_fail(r, "an absurd size in", "n_embd");
    if (o->hidden % o->heads) reader_fail(r, "n_embd is no multiple of", "n_head");
    o->head_dim = o->hidden / o->heads;
    if (o->head_dim > 256)
        reader_fail(r, "more than 256 features per head are not implemented: too small is", "n_head");
    if (o->layers > 1000) reader_fail(r, "an absurd number of layers in", "n_layer");
    if (o->max_positions > 1 << 17) reader_fail(r, "more than 131072 positions in", "n_positions");
}

static void gguf_options(struct reader *r, struct transformer_options *o) {
    o->layers = reader_int(r, "gpt2.block_count", -1);
    o->hidden = reader_int(r, "gpt2.embedding_length", -1);
    o->heads = o->kv_heads = reader_int(r, "gpt2.attention.head_count", -1);
    o->max_positions = reader_int(r, "gpt2.context_length", 1024);
    o->ff = reader_int(r, "gpt2.feed_forward_length", o->hidden > 0 ? 4 * o->hidden : 1);
    o->norm_eps = (float)reader_num(r, "gpt2.attention.layer_norm_epsilon", 1e-5);
    o->tied = !modelfile_find(r->f, "output.weight");
    o->bos_id = reader_id(r, "tokenizer.ggml.bos_token_id");
    reader_ends(r, &o->ends);
    o->layernorm = o->learned_positions = o->fused_qkv = o->plain_mlp = true;
    const struct tensor *embed = modelfile_find(r->f, "token_embd.weight");
    o->vocab = embed && embed->ndim == 2 && embed->shape[0] <= 1 << 28 ? (int)embed->shape[0] : 0;
    if (!embed)
        reader_fail(r, "the model is incomplete (fetch it again): it lacks the tensor", "token_embd.weight");
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

/* The same for weights and biases. */
static bool gpt2_gguf_name(const void *state, const char *hf, char *name, size_t size, int *rope_heads) {
    static const char *const top[][2] = {{PREFIX "wte", "token_embd"},
                                         {PREFIX "wpe", "position_embd"},
                                         {PREFIX "ln_f", "output_norm"},
                                         {"lm_head", "output"}};
    static const char *const below[][2] = {{"ln_1", "attn_norm"},          {"attn.c_attn", "attn_qkv"},
                                           {"attn.c_proj", "attn_output"}, {"ln_2", "ffn_norm"},
                                           {"mlp.c_fc", "ffn_up"},         {"mlp.c_proj", "ffn_down"}};
    const char *dot = strrchr(hf, '.');
    int l, at = 0;
    (void)state;
    *rope_heads = 0;
    for (size_t i = 0; i < ARRAY_LEN(top); i++)
        if (dot && strlen(top[i][0]) == (size_t)(dot - hf) && !strncmp(hf, top[i][0], (size_t)(dot - hf)))
            return snprintf(name, size, "%s%s", top[i][1], dot) > 0;
    if (sscanf(hf, PREFIX "h.%d.%n", &l, &at) != 1 || !at) return false;
    for (size_t i = 0; i < ARRAY_LEN(below); i++)
        if (strlen(below[i][0]) == (size_t)(dot - hf - at) &&
            !strncmp(hf + at, below[i][0], (size_t)(dot - hf - at)))
            return snprintf(name, size, "blk.%d.%s%s", l, below[i][1], dot) > 0;
    return false;
}

/* `name` begins with PREFIX; rows 0: a vector. */
static struct param *take_tensor(struct reader *r, struct net *net, const char *name, int rows, int cols,
                                 bool conv1d) {
    const char *bare = name + strlen(PREFIX);
    struct reader_tensor t = {
        .file = name, .name = name, .rows = rows, .cols = cols, .transposed = conv1d, .conv1d = conv1d};
    char gguf[64];
    int order;
    if (modelfile_is_gguf(r->f) && gpt2_gguf_name(NULL, name, gguf, sizeof gguf, &order)) {
        t.file = gguf;
        t.transposed = false; /* llama.cpp's converter turned it */
    } else if (!modelfile_find(r->f, name) && modelfile_find(r->f, bare)) {
        t.file = bare;
    }
    struct param *p = reader_param(r, net, &t);
    if (p) p->transposed = conv1d; /* what a Hugging Face folder has */
    return p;
}

static void take_norm(struct reader *r, struct net *net, const char *module, int d, struct param **gamma,
                      struct param **beta) {
    char name[128];
    snprintf(name, sizeof name, "%s.weight", module);
    *gamma = take_tensor(r, net, name, 0, d, false);
    snprintf(name, sizeof name, "%s.bias", module);
    *beta = take_tensor(r, net, name, 0, d, false);
}

/* Two sites of a block are of kind c_proj: their short names tell them apart. */
static struct site *take_site(struct reader *r, struct net *net, int l, const char *below, int d_out,
                              int d_in) {
    char name[64], module[96], tensor[128];
    snprintf(name, sizeof name, "layers.%d.%s", l, below);
    snprintf(module, sizeof module, PREFIX "h.%d.%s", l, below);
    snprintf(tensor, sizeof tensor, "%s.weight", module);
    struct param *W = take_tensor(r, net, tensor, d_out, d_in, true);
    snprintf(tensor, sizeof tensor, "%s.bias", module);
    struct param *b = take_tensor(r, net, tensor, 0, d_out, false);
    return W && b ? net_site(net, name, module, strrchr(below, '.') + 1, l, W, b) : NULL;
}

static void take_layer(struct reader *r, struct net *net, struct transformer *t, int l) {
    struct transformer_layer *L = &t->layer[l];
    int D = t->o.hidden, F = t->o.ff;
    char module[64];
    snprintf(module, sizeof module, PREFIX "h.%d.ln_1", l);
    take_norm(r, net, module, D, &L->norm[NORM_ATTENTION], &L->norm_bias[NORM_ATTENTION]);
    L->site[SITE_Q] = take_site(r, net, l, "attn.c_attn", 3 * D, D);
    L->site[SITE_O] = take_site(r, net, l, "attn.c_proj", D, D);
    snprintf(module, sizeof module, PREFIX "h.%d.ln_2", l);
    take_norm(r, net, module, D, &L->norm[NORM_MLP], &L->norm_bias[NORM_MLP]);
    L->site[SITE_UP] = take_site(r, net, l, "mlp.c_fc", F, D);
    L->site[SITE_DOWN] = take_site(r, net, l, "mlp.c_proj", D, F);
}

static struct param *take_head(struct reader *r, struct net *net, struct transformer *t) {
    bool gguf = modelfile_is_gguf(r->f);
    struct reader_tensor head = {.file = gguf ? "output.weight" : "lm_head.weight",
                                 .name = "lm_head.weight",
                                 .rows = t->o.vocab,
                                 .cols = t->o.hidden};
    const char *embed = gguf                                        ? "token_embd.weight"
                        : modelfile_find(r->f, PREFIX "wte.weight") ? PREFIX "wte.weight"
                                                                    : "wte.weight";
    return reader_head(r, net, t->embed, &t->o.tied, &head, embed);
}

static int gpt2_build(struct net *net, const struct modelfile *f, void **ret, struct err *e) {
    struct err local = {0};
    struct reader r = {f, modelfile_config(f), e ? e : &local, false};
    struct transformer_options o = {0};
    if (modelfile_is_gguf(f))
        gguf_options(&r, &o);
    else
        read_options(&r, &o);
    reader_fields(&r, &table);
    check_options(&r, &o);
    if (r.failed) return r.e->code;
    struct transformer *t = transformer_new(&o, net->mem, cfg_int(net->config, "train.max_length"));
    net->backbone = PREFIX;
    t->embed = take_tensor(&r, net, PREFIX "wte.weight", o.vocab, o.hidden, false);
    t->positions = take_tensor(&r, net, PREFIX "wpe.weight", o.max_positions, o.hidden, false);
    for (int l = 0; l < o.layers && !r.failed; l++) take_layer(&r, net, t, l);
    take_norm(&r, net, PREFIX "ln_f", o.hidden, &t->final_norm, &t->final_norm_bias);
    t->head = take_head(&r, net, t);
    reader_tensors(&r, &table);
    if (r.failed) {
        transformer_free(t);
        return r.e->code;
    }
    *ret = t;
    return 0;
}

static int gpt2_gguf_meta(const void *state, struct gguf_out *o, struct err *e) {
    const struct transformer_options *x = &((const struct transformer *)state)->o;
    if (x->unscaled || x->scale_by_layer)
        return err_set(e, ERR_USER, "GGUF cannot say '%s'",
                       x->unscaled ? "scale_attn_weights: false" : "scale_attn_by_inverse_layer_idx");
    gguf_put_str(o, "general.architecture", "gpt2");
    gguf_put_u32(o, "gpt2.block_count", (uint32_t)x->layers);
    gguf_put_u32(o, "gpt2.context_length", (uint32_t)x->max_positions);
    gguf_put_u32(o, "gpt2.embedding_length", (uint32_t)x->hidden);
    gguf_put_u32(o, "gpt2.feed_forward_length", (uint32_t)x->ff);
    gguf_put_u32(o, "gpt2.attention.head_count", (uint32_t)x->heads);
    gguf_put_f32(o, "gpt2.attention.layer_norm_epsilon", x->norm_eps);
    return 0;
}

static json_t *gpt2_hf_config(const void *state) {
    const struct transformer_options *o = &((const struct transformer *)state)->o;
    json_t *c = json_pack("{s[s],ss,ss,si,si,si,si,si,si,sb}", "architectures", "GPT2LMHeadModel",
                          "model_type", "gpt2", "activation_function", "gelu_new", "n_layer", o->layers,
                          "n_embd", o->hidden, "n_head", o->heads, "n_positions", o->max_positions, "n_inner",
                          o->ff, "vocab_size", o->vocab, "tie_word_embeddings", o->tied);
    json_object_set_new(c, "layer_norm_epsilon", reader_float(o->norm_eps));
    json_object_set_new(c, "bos_token_id", o->bos_id < 0 ? json_null() : json_integer(o->bos_id));
    json_object_set_new(c, "eos_token_id", reader_ends_json(&o->ends));
    return c;
}

static bool gpt2_match(const struct modelfile *f) { return reader_is(f, "gpt2"); }

static const char *const gpt2_tiny[] = {
    "{\"model_type\": \"gpt2\", \"n_layer\": 2, \"n_embd\": 20, \"n_head\": 2, \"n_positions\": 512,"
    " \"vocab_size\": 288, \"layer_norm_epsilon\": 1e-05, \"activation_function\": \"gelu_new\","
    " \"bos_token_id\": 1, \"eos_token_id\": 2}",
    NULL};

const struct model model_gpt2 = {
    .name = "gpt2",
    .summary = "GPT-2: LayerNorm, learned positions, biases, GELU",
    .match = gpt2_match,
    .tiny = gpt2_tiny,
    .build = gpt2_build,
    .free = transformer_free,
    .facts = transformer_facts,
    .hf_config = gpt2_hf_config,
    .gguf_meta = gpt2_gguf_meta,
    .gguf_name = gpt2_gguf_name,
    .bound = transformer_bound,
    .layout = transformer_layout,
    .forward = transformer_forward,
    .backward = transformer_backward,
    .kv_new = transformer_kv_new,
    .kv_free = transformer_kv_free,
    .extend = transformer_extend,
};
