/* SPDX-License-Identifier: Apache-2.0 */
/* _template.c - an architecture, with every hook that one over the block of transformer.h needs: copy it
 * (README.md). It is complete: a decoder with RMSNorm, rotary positions, gated SiLU and biases at q, k and v.
 *
 * At the top of yours: who published it (arXiv id), which files it reads (model_type of config.json,
 * general.architecture of GGUF), what its block is, and what is refused by name. */
#include <stdio.h>
#include <string.h>

#include "experiments/models/reader.h"
#include "experiments/models/transformer.h"
#include "harness/config/cfg.h"
#include "harness/base/util.h"

/* ---- options ------------------------------------------------------------------------------------------- */

/* What the reader knows; any other field or tensor is refused by its name (reader_fields, reader_tensors): a
 * model is never silently another. Harmless is what changes nothing of a forward pass. */
static const char *const used_fields[] = {"num_hidden_layers",
                                          "hidden_size",
                                          "num_attention_heads",
                                          "num_key_value_heads",
                                          "intermediate_size",
                                          "vocab_size",
                                          "max_position_embeddings",
                                          "rms_norm_eps",
                                          "rope_theta",
                                          "tie_word_embeddings",
                                          NULL};
static const char *const harmless_fields[] = {"attention_dropout", NULL};
static const char *const other_tensors[] = {"lm_head.weight", "score.weight", "pooled_classifier.*", NULL};
static const struct reader_table table = {used_fields, harmless_fields, NULL, other_tensors};

/* Every field that changes the computation is read, or refused by its name. Numbers are bounded by
 * reader_int; what products of them must keep is checked behind it. */
static void read_options(struct reader *r, struct transformer_options *o) {
    o->layers = reader_int(r, "num_hidden_layers", -1); /* -1: required */
    o->hidden = reader_int(r, "hidden_size", -1);
    o->heads = reader_int(r, "num_attention_heads", -1);
    o->kv_heads = reader_int(r, "num_key_value_heads", o->heads);
    o->ff = reader_int(r, "intermediate_size", -1);
    o->vocab = reader_int(r, "vocab_size", -1);
    o->max_positions = reader_int(r, "max_position_embeddings", 2048);
    o->norm_eps = (float)reader_num(r, "rms_norm_eps", 1e-6);
    o->rope_theta = (float)reader_num(r, "rope_theta", 10000.0);
    o->rope_factor = 1;
    o->tied = reader_bool(r, "tie_word_embeddings", false);
    o->bos_id = reader_id(r, "bos_token_id");
    reader_ends(r, &o->ends);
}

static void check_options(struct reader *r, struct transformer_options *o) {
    if (r->failed) return;
    if (o->hidden % o->heads) reader_fail(r, "hidden_size is no multiple of", "num_attention_heads");
    if (o->heads % o->kv_heads) reader_fail(r, "the heads are no multiple of", "num_key_value_heads");
    o->head_dim = o->hidden / o->heads;
    if (o->head_dim % 2 || o->head_dim > 256) reader_fail(r, "odd or above 256: heads of", "hidden_size");
    if (o->layers > 1000) reader_fail(r, "an absurd number of layers in", "num_hidden_layers");
    if (o->max_positions > 1 << 17) reader_fail(r, "more than 131072 in", "max_position_embeddings");
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

/* The short names are what users write in target_modules; the modules are Hugging Face's, below
 * model.layers.N., and become the names of saved adapters. */
static const struct {
    const char *kind, *module;
    bool bias;
} sites[LAYER_SITES] = {
    [SITE_Q] = {"q_proj", "self_attn.q_proj", true},     [SITE_K] = {"k_proj", "self_attn.k_proj", true},
    [SITE_V] = {"v_proj", "self_attn.v_proj", true},     [SITE_O] = {"o_proj", "self_attn.o_proj", false},
    [SITE_GATE] = {"gate_proj", "mlp.gate_proj", false}, [SITE_UP] = {"up_proj", "mlp.up_proj", false},
    [SITE_DOWN] = {"down_proj", "mlp.down_proj", false},
};

/* The parameter that is called so, in the file and here; rows 0: a vector. */
static struct param *take_tensor(struct reader *r, struct net *net, const char *name, int rows, int cols) {
    return reader_param(r, net,
                        &(struct reader_tensor){.file = name, .name = name, .rows = rows, .cols = cols});
}

static void take_site(struct reader *r, struct net *net, struct transformer *t, int l, int i, int d_out,
                      int d_in) {
    char name[64], module[96], tensor[128];
    snprintf(name, sizeof name, "layers.%d.%s", l, sites[i].kind);
    snprintf(module, sizeof module, "model.layers.%d.%s", l, sites[i].module);
    snprintf(tensor, sizeof tensor, "%s.weight", module);
    struct param *W = take_tensor(r, net, tensor, d_out, d_in), *b = NULL;
    snprintf(tensor, sizeof tensor, "%s.bias", module);
    if (sites[i].bias) b = take_tensor(r, net, tensor, 0, d_out);
    if (!r->failed) t->layer[l].site[i] = net_site(net, name, module, sites[i].kind, l, W, b);
}

static void take_layer(struct reader *r, struct net *net, struct transformer *t, int l) {
    static const char *const norms[LAYER_NORMS] = {"input_layernorm", "post_attention_layernorm"};
    const struct transformer_options *o = &t->o;
    int dkv = o->kv_heads * o->head_dim;
    for (int i = 0; i < LAYER_NORMS; i++) {
        char name[96];
        snprintf(name, sizeof name, "model.layers.%d.%s.weight", l, norms[i]);
        t->layer[l].norm[i] = take_tensor(r, net, name, 0, o->hidden);
    }
    take_site(r, net, t, l, SITE_Q, o->hidden, o->hidden);
    take_site(r, net, t, l, SITE_K, dkv, o->hidden);
    take_site(r, net, t, l, SITE_V, dkv, o->hidden);
    take_site(r, net, t, l, SITE_O, o->hidden, o->hidden);
    take_site(r, net, t, l, SITE_GATE, o->ff, o->hidden);
    take_site(r, net, t, l, SITE_UP, o->ff, o->hidden);
    take_site(r, net, t, l, SITE_DOWN, o->hidden, o->ff);
}

/* ---- hooks --------------------------------------------------------------------------------------------- */

static bool template_match(const struct modelfile *f) {
    return !modelfile_is_gguf(f) && reader_is(f, "template");
}

/* Sites are declared layer by layer in the order of enum layer_site: backward, and what memory is told of
 * first, follow it. */
static int template_build(struct net *net, const struct modelfile *f, void **ret, struct err *e) {
    struct err local = {0};
    struct reader r = {f, modelfile_config(f), e ? e : &local, false};
    struct transformer_options o = {0};
    read_options(&r, &o);
    reader_fields(&r, &table);
    check_options(&r, &o);
    if (r.failed) return r.e->code;
    struct transformer *t = transformer_new(&o, net->mem, cfg_int(net->config, "train.max_length"));
    net->backbone = "model.";
    t->embed = take_tensor(&r, net, "model.embed_tokens.weight", o.vocab, o.hidden);
    for (int l = 0; l < o.layers && !r.failed; l++) take_layer(&r, net, t, l);
    t->final_norm = take_tensor(&r, net, "model.norm.weight", 0, o.hidden);
    t->head = o.tied ? t->embed : take_tensor(&r, net, "lm_head.weight", o.vocab, o.hidden);
    reader_tensors(&r, &table);
    if (r.failed) {
        transformer_free(t);
        return r.e->code;
    }
    *ret = t;
    return 0;
}

/* One for each way in which the file is built: the batteries run on all. */
static const char *const template_tiny[] = {
    "{\"model_type\": \"template\", \"num_hidden_layers\": 2, \"hidden_size\": 24, \"num_attention_heads\": "
    "3,"
    " \"num_key_value_heads\": 1, \"intermediate_size\": 40, \"vocab_size\": 288,"
    " \"max_position_embeddings\": 512, \"bos_token_id\": 1, \"eos_token_id\": 2}",
    NULL};

/* hf_config, gguf_meta and gguf_name are for models that GGUF knows: llama.c has them. The kv hooks are for
 * decoders; an encoder leaves them out (bert.c). */
const struct model model_template = {
    .name = "template",
    .summary = "one line: what its block is",
    .match = template_match,
    .tiny = template_tiny,
    .build = template_build,
    .free = transformer_free,
    .facts = transformer_facts,
    .bound = transformer_bound,
    .layout = transformer_layout,
    .forward = transformer_forward,
    .backward = transformer_backward,
    .kv_new = transformer_kv_new,
    .kv_free = transformer_kv_free,
    .extend = transformer_extend,
};
