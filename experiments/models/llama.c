/* SPDX-License-Identifier: Apache-2.0 */
/* llama.c - Llama-type decoders: tensor names and options of Hugging Face folders and of GGUF files.
 *
 * Hugging Face: model_type "llama". GGUF: general.architecture "llama", whose q and k rows are in llama.cpp's
 * rope order (weight.h undoes it). Fields that would change the computation and are not implemented are
 * refused by name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/models/reader.h"
#include "experiments/models/transformer.h"
#include "harness/config/cfg.h"
#include "harness/base/util.h"

/* ---- options from either kind of file ------------------------------------------------------------------ */

/* rope_parameters of transformers >= 5 holds rope_theta too; before, rope_scaling stood beside it, whose type
 * may be called "type". Where both say something, rope_scaling goes first there and here. Linear scaling is
 * implemented, {} and null are none. */
static void hf_rope(struct reader *r, struct transformer_options *o) {
    o->rope_theta = (float)reader_num(r, "rope_theta", 10000.0);
    o->rope_factor = 1;
    const char *name = "rope_scaling";
    const json_t *p = json_object_get(r->config, name);
    if (json_is_null(p) || (json_is_object(p) && !json_object_size(p))) p = NULL;
    if (!p) p = json_object_get(r->config, name = "rope_parameters");
    const json_t *theta = json_object_get(p, "rope_theta"), *factor = json_object_get(p, "factor");
    const json_t *type = json_object_get(p, "rope_type");
    const char *word = json_string_value(type ? type : json_object_get(p, "type"));
    bool linear = word && !strcmp(word, "linear");
    if (json_is_number(theta)) o->rope_theta = (float)json_number_value(theta);
    if (linear && json_is_number(factor) && json_number_value(factor) > 0)
        o->rope_factor = (float)json_number_value(factor);
    else if (linear)
        reader_fail(r, "linear scaling needs a positive factor in", name);
    reader_refuse(r, name, p && !json_is_null(p) && !json_is_object(p));
    reader_refuse(r, name, word && !linear && strcmp(word, "default") != 0);
    const json_t *partial = json_object_get(p, "partial_rotary_factor");
    if (!partial) partial = json_object_get(r->config, "partial_rotary_factor");
    reader_refuse(r, "partial_rotary_factor", json_is_number(partial) && json_number_value(partial) != 1.0);
}

static const char *const used_fields[] = {
    "num_hidden_layers", "hidden_size",           "num_attention_heads", "num_key_value_heads",
    "head_dim",          "intermediate_size",     "vocab_size",          "max_position_embeddings",
    "rms_norm_eps",      "tie_word_embeddings",   "rope_theta",          "rope_parameters",
    "rope_scaling",      "partial_rotary_factor", "hidden_act",          NULL};
/* pretraining_tp cuts products into pieces, dropout is model_dropout's affair. */
static const char *const harmless_fields[] = {"attention_dropout", "pretraining_tp", NULL};
/* rope.scaling.original_context_length and finetuned tell of linear scaling what it was made from. */
static const char *const gguf_keys[] = {"block_count",
                                        "context_length",
                                        "embedding_length",
                                        "feed_forward_length",
                                        "attention.head_count",
                                        "attention.head_count_kv",
                                        "attention.key_length",
                                        "attention.value_length",
                                        "attention.layer_norm_rms_epsilon",
                                        "rope.dimension_count",
                                        "rope.freq_base",
                                        "rope.scaling.type",
                                        "rope.scaling.factor",
                                        "rope.scale_linear",
                                        "rope.scaling.original_context_length",
                                        "rope.scaling.finetuned",
                                        "vocab_size",
                                        NULL};
/* Buffers of older files; an output layer that is tied all the same; a classifier's, which its task reads. */
static const char *const other_tensors[] = {"*rotary_emb.inv_freq", "lm_head.weight", "score.weight",
                                            "pooled_classifier.*", NULL};
static const struct reader_table table = {used_fields, harmless_fields, gguf_keys, other_tensors};

static void hf_options(struct reader *r, struct transformer_options *o) {
    const json_t *c = r->config;
    o->layers = reader_int(r, "num_hidden_layers", -1);
    o->hidden = reader_int(r, "hidden_size", -1);
    o->heads = reader_int(r, "num_attention_heads", -1);
    o->kv_heads = reader_int(r, "num_key_value_heads", o->heads);
    o->head_dim = reader_int(r, "head_dim", o->heads > 0 ? o->hidden / o->heads : 1);
    o->ff = reader_int(r, "intermediate_size", -1);
    o->vocab = reader_int(r, "vocab_size", -1);
    o->max_positions = reader_int(r, "max_position_embeddings", 2048);
    o->norm_eps = (float)reader_num(r, "rms_norm_eps", 1e-6);
    o->tied = reader_tied(r, json_is_true(json_object_get(c, "tie_word_embeddings")), "lm_head.weight",
                          "model.embed_tokens.weight");
    o->bos_id = reader_id(r, "bos_token_id");
    reader_ends(r, &o->ends);
    hf_rope(r, o);
    const char *act = json_string_value(json_object_get(c, "hidden_act"));
    reader_refuse(r, "hidden_act", act && strcmp(act, "silu") != 0 && strcmp(act, "swish") != 0);
}

/* As llama.cpp: a factor without a type, or under its older name, is linear scaling; 0 is none. */
static void gguf_rope(struct reader *r, struct transformer_options *o) {
    static const char *const names[] = {"llama.rope.scaling.factor", "llama.rope.scale_linear"};
    const char *type = json_string_value(json_object_get(r->config, "llama.rope.scaling.type"));
    const json_t *v = NULL;
    o->rope_theta = (float)reader_num(r, "llama.rope.freq_base", 10000.0);
    o->rope_factor = 1;
    reader_refuse(r, "llama.rope.scaling.type", type && strcmp(type, "none") != 0 && strcmp(type, "linear"));
    for (size_t i = 0; i < ARRAY_LEN(names) && !v; i++) {
        v = json_object_get(r->config, names[i]);
        if (v && !(json_is_number(v) && json_number_value(v) >= 0))
            reader_fail(r, "the config has a bad value for", names[i]);
    }
    if (v && json_number_value(v) > 0 && !(type && !strcmp(type, "none")))
        o->rope_factor = (float)json_number_value(v);
}

static void gguf_options(struct reader *r, struct transformer_options *o) {
    o->layers = reader_int(r, "llama.block_count", -1);
    o->hidden = reader_int(r, "llama.embedding_length", -1);
    o->heads = reader_int(r, "llama.attention.head_count", -1);
    o->kv_heads = reader_int(r, "llama.attention.head_count_kv", o->heads);
    o->head_dim = reader_int(r, "llama.attention.key_length", o->heads > 0 ? o->hidden / o->heads : 1);
    o->ff = reader_int(r, "llama.feed_forward_length", -1);
    o->max_positions = reader_int(r, "llama.context_length", 2048);
    o->norm_eps = (float)reader_num(r, "llama.attention.layer_norm_rms_epsilon", 1e-6);
    o->bos_id = reader_id(r, "tokenizer.ggml.bos_token_id");
    reader_ends(r, &o->ends);
    const struct tensor *embed = modelfile_find(r->f, "token_embd.weight");
    o->vocab = embed && embed->ndim == 2 && embed->shape[0] <= 1 << 28 ? (int)embed->shape[0] : 0;
    o->tied = !modelfile_find(r->f, "output.weight");
    if (!embed)
        reader_fail(r, "the model is incomplete (fetch it again): it lacks the tensor", "token_embd.weight");
    gguf_rope(r, o);
    int value = reader_int(r, "llama.attention.value_length", o->head_dim);
    reader_refuse(r, "llama.attention.value_length", value != o->head_dim);
    reader_refuse(r, "rope_freqs.weight", modelfile_find(r->f, "rope_freqs.weight") != NULL);
    int rot = reader_int(r, "llama.rope.dimension_count", o->head_dim);
    reader_refuse(r, "llama.rope.dimension_count", rot != o->head_dim);
}

static void check_options(struct reader *r, const struct transformer_options *o) {
    if (r->failed) return;
    if (o->head_dim % 2) reader_fail(r, "an odd", "head_dim");
    if (o->head_dim > 256) reader_fail(r, "more than 256 is not implemented for", "head_dim");
    if (o->heads % o->kv_heads)
        reader_fail(r, "the number of heads is no multiple of", "num_key_value_heads");
    if ((int64_t)o->heads * o->head_dim > 1 << 28)
        reader_fail(r, "an absurd number of heads in", "num_attention_heads");
    if (o->layers > 1000) reader_fail(r, "an absurd number of layers in", "num_hidden_layers");
    if (o->max_positions > 1 << 17)
        reader_fail(r, "more than 131072 positions in", "max_position_embeddings");
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

static const struct {
    const char *kind, *hf, *gguf; /* short, below model.layers.N., below blk.N. */
} site_names[LAYER_SITES] = {
    [SITE_Q] = {"q_proj", "self_attn.q_proj", "attn_q"},
    [SITE_K] = {"k_proj", "self_attn.k_proj", "attn_k"},
    [SITE_V] = {"v_proj", "self_attn.v_proj", "attn_v"},
    [SITE_O] = {"o_proj", "self_attn.o_proj", "attn_output"},
    [SITE_GATE] = {"gate_proj", "mlp.gate_proj", "ffn_gate"},
    [SITE_UP] = {"up_proj", "mlp.up_proj", "ffn_up"},
    [SITE_DOWN] = {"down_proj", "mlp.down_proj", "ffn_down"},
};

static const struct {
    const char *hf, *gguf;
} norm_names[LAYER_NORMS] = {
    [NORM_ATTENTION] = {"input_layernorm", "attn_norm"},
    [NORM_MLP] = {"post_attention_layernorm", "ffn_norm"},
};

/* Is `hf`, up to its ".weight", this one? */
static bool is_tensor(const char *hf, const char *module) {
    size_t n = strlen(module);
    return !strncmp(hf, module, n) && !strcmp(hf + n, ".weight");
}

static bool llama_gguf_name(const void *state, const char *hf, char *name, size_t size, int *rope_heads) {
    static const char *const top[][2] = {
        {"model.embed_tokens", "token_embd"}, {"model.norm", "output_norm"}, {"lm_head", "output"}};
    const struct transformer_options *o = &((const struct transformer *)state)->o;
    const char *below = NULL;
    int l, at = 0;
    *rope_heads = 0;
    for (size_t i = 0; i < ARRAY_LEN(top); i++)
        if (is_tensor(hf, top[i][0])) return snprintf(name, size, "%s.weight", top[i][1]) > 0;
    if (sscanf(hf, "model.layers.%d.%n", &l, &at) != 1 || !at) return false;
    for (int i = 0; i < LAYER_SITES; i++)
        if (is_tensor(hf + at, site_names[i].hf)) {
            below = site_names[i].gguf;
            *rope_heads = i == SITE_Q ? o->heads : i == SITE_K ? o->kv_heads : 0;
        }
    for (int i = 0; i < LAYER_NORMS; i++)
        if (is_tensor(hf + at, norm_names[i].hf)) below = norm_names[i].gguf;
    return below && snprintf(name, size, "blk.%d.%s.weight", l, below) > 0;
}

/* Declare the tensor as parameter `hf`, with the shape that the options demand; rows 0: a vector. */
static struct param *take_tensor(struct reader *r, struct net *net, const struct transformer *t,
                                 const char *hf, int rows, int cols) {
    char gguf[64];
    int rope_heads;
    bool known = llama_gguf_name(t, hf, gguf, sizeof gguf, &rope_heads), of_gguf = modelfile_is_gguf(r->f);
    BUG_ON(!known, "%s", hf);
    struct reader_tensor want = {.file = of_gguf ? gguf : hf,
                                 .name = hf,
                                 .rows = rows,
                                 .cols = cols,
                                 .rope_heads = of_gguf ? rope_heads : 0};
    return reader_param(r, net, &want);
}

static void take_site(struct reader *r, struct net *net, struct transformer *t, int l, int i, int d_out,
                      int d_in) {
    char name[64], module[96], hf[128];
    snprintf(name, sizeof name, "layers.%d.%s", l, site_names[i].kind);
    snprintf(module, sizeof module, "model.layers.%d.%s", l, site_names[i].hf);
    snprintf(hf, sizeof hf, "%s.weight", module);
    struct param *W = take_tensor(r, net, t, hf, d_out, d_in);
    if (W) t->layer[l].site[i] = net_site(net, name, module, site_names[i].kind, l, W, NULL);
}

static void take_layer(struct reader *r, struct net *net, struct transformer *t, int l) {
    const struct transformer_options *o = &t->o;
    int dq = o->heads * o->head_dim, dkv = o->kv_heads * o->head_dim;
    for (int i = 0; i < LAYER_NORMS; i++) {
        char hf[128];
        snprintf(hf, sizeof hf, "model.layers.%d.%s.weight", l, norm_names[i].hf);
        t->layer[l].norm[i] = take_tensor(r, net, t, hf, 0, o->hidden);
    }
    take_site(r, net, t, l, SITE_Q, dq, o->hidden);
    take_site(r, net, t, l, SITE_K, dkv, o->hidden);
    take_site(r, net, t, l, SITE_V, dkv, o->hidden);
    take_site(r, net, t, l, SITE_O, o->hidden, dq);
    take_site(r, net, t, l, SITE_GATE, o->ff, o->hidden);
    take_site(r, net, t, l, SITE_UP, o->ff, o->hidden);
    take_site(r, net, t, l, SITE_DOWN, o->hidden, o->ff);
}

static int llama_build(struct net *net, const struct modelfile *f, void **ret, struct err *e) {
    struct err local = {0};
    struct reader r = {f, modelfile_config(f), e ? e : &local, false};
    struct transformer_options o = {0};
    if (modelfile_is_gguf(f))
        gguf_options(&r, &o);
    else
        hf_options(&r, &o);
    reader_fields(&r, &table);
    check_options(&r, &o);
    if (r.failed) return r.e->code;
    struct transformer *t = transformer_new(&o, net->mem, cfg_int(net->config, "train.max_length"));
    net->backbone = "model.";
    t->embed = take_tensor(&r, net, t, "model.embed_tokens.weight", o.vocab, o.hidden);
    for (int l = 0; l < o.layers && !r.failed; l++) take_layer(&r, net, t, l);
    t->final_norm = take_tensor(&r, net, t, "model.norm.weight", 0, o.hidden);
    bool gguf = modelfile_is_gguf(f);
    struct reader_tensor head = {.file = gguf ? "output.weight" : "lm_head.weight",
                                 .name = "lm_head.weight",
                                 .rows = o.vocab,
                                 .cols = o.hidden};
    t->head = reader_head(&r, net, t->embed, &t->o.tied, &head,
                          gguf ? "token_embd.weight" : "model.embed_tokens.weight");
    reader_tensors(&r, &table);
    if (r.failed) {
        transformer_free(t);
        return r.e->code;
    }
    *ret = t;
    return 0;
}

static json_t *id_json(int id) { return id < 0 ? json_null() : json_integer(id); }

/* rope_theta and a scaling stand twice: for transformers < 5, and in rope_parameters for later ones. */
static json_t *llama_hf_config(const void *state) {
    const struct transformer_options *o = &((const struct transformer *)state)->o;
    json_t *c = json_pack("{s[s],ss,ss,sb,sb,sf,sb,sb}", "architectures", "LlamaForCausalLM", "model_type",
                          "llama", "hidden_act", "silu", "attention_bias", false, "mlp_bias", false,
                          "attention_dropout", 0.0, "use_cache", true, "tie_word_embeddings", o->tied);
    const struct {
        const char *key;
        int value;
    } sizes[] = {{"num_hidden_layers", o->layers},  {"hidden_size", o->hidden},
                 {"num_attention_heads", o->heads}, {"num_key_value_heads", o->kv_heads},
                 {"head_dim", o->head_dim},         {"intermediate_size", o->ff},
                 {"vocab_size", o->vocab},          {"max_position_embeddings", o->max_positions}};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        json_object_set_new(c, sizes[i].key, json_integer(sizes[i].value));
    json_object_set_new(c, "rms_norm_eps", reader_float(o->norm_eps));
    json_object_set_new(c, "rope_theta", reader_float(o->rope_theta));
    bool linear = o->rope_factor != 1.0f;
    json_t *rope = json_pack("{ss,so}", "rope_type", linear ? "linear" : "default", "rope_theta",
                             reader_float(o->rope_theta));
    if (linear) {
        json_object_set_new(rope, "factor", reader_float(o->rope_factor));
        json_object_set_new(c, "rope_scaling",
                            json_pack("{ss,so,so}", "rope_type", "linear", "factor",
                                      reader_float(o->rope_factor), "rope_theta",
                                      reader_float(o->rope_theta)));
    }
    json_object_set_new(c, "rope_parameters", rope);
    json_object_set_new(c, "bos_token_id", id_json(o->bos_id));
    json_object_set_new(c, "eos_token_id", reader_ends_json(&o->ends));
    return c;
}

static int llama_gguf_meta(const void *state, struct gguf_out *o, struct err *e) {
    const struct transformer_options *x = &((const struct transformer *)state)->o;
    gguf_put_str(o, "general.architecture", "llama");
    const struct {
        const char *key;
        int value;
    } sizes[] = {{"llama.block_count", x->layers},
                 {"llama.context_length", x->max_positions},
                 {"llama.embedding_length", x->hidden},
                 {"llama.feed_forward_length", x->ff},
                 {"llama.attention.head_count", x->heads},
                 {"llama.attention.head_count_kv", x->kv_heads},
                 {"llama.attention.key_length", x->head_dim},
                 {"llama.attention.value_length", x->head_dim},
                 {"llama.rope.dimension_count", x->head_dim},
                 {"llama.vocab_size", x->vocab}};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) gguf_put_u32(o, sizes[i].key, (uint32_t)sizes[i].value);
    gguf_put_f32(o, "llama.attention.layer_norm_rms_epsilon", x->norm_eps);
    gguf_put_f32(o, "llama.rope.freq_base", x->rope_theta);
    if (x->rope_factor != 1.0f) {
        gguf_put_str(o, "llama.rope.scaling.type", "linear");
        gguf_put_f32(o, "llama.rope.scaling.factor", x->rope_factor);
    }
    (void)e;
    return 0;
}

static bool llama_match(const struct modelfile *f) { return reader_is(f, "llama"); }

/* Tied and untied. */
#define TINY(TIED)                                                                                           \
    "{\"model_type\": \"llama\", \"num_hidden_layers\": 2, \"hidden_size\": 24, \"num_attention_heads\": 3," \
    " \"num_key_value_heads\": 1, \"intermediate_size\": 40, \"vocab_size\": 288,"                           \
    " \"max_position_embeddings\": 512, \"rms_norm_eps\": 1e-05, \"hidden_act\": \"silu\", "                 \
    "\"bos_token_id\": 1,"                                                                                   \
    " \"eos_token_id\": 2, \"tie_word_embeddings\": " TIED "}"
static const char *const llama_tiny[] = {TINY("true"), TINY("false"), NULL};

const struct model model_llama = {
    .name = "llama",
    .summary = "Llama-type decoders: RMSNorm, rotary positions, grouped-query attention, gated SiLU",
    .match = llama_match,
    .tiny = llama_tiny,
    .build = llama_build,
    .free = transformer_free,
    .facts = transformer_facts,
    .hf_config = llama_hf_config,
    .gguf_meta = llama_gguf_meta,
    .gguf_name = llama_gguf_name,
    .bound = transformer_bound,
    .layout = transformer_layout,
    .forward = transformer_forward,
    .backward = transformer_backward,
    .kv_new = transformer_kv_new,
    .kv_free = transformer_kv_free,
    .extend = transformer_extend,
};
