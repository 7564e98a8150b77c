/* SPDX-License-Identifier: Apache-2.0 */
/* roberta.c - RoBERTa (Liu et al., 1907.11692): Hugging Face folders of model_type "roberta".
 *
 * BERT's encoder (bert.c) under another prefix; position p is row p + padding index + 1 of its table. */
#include "experiments/models/bert.h"
#include "experiments/models/reader.h"
#include "experiments/models/transformer.h"

static bool roberta_match(const struct modelfile *f) { return reader_is(f, "roberta"); }

static int roberta_build(struct net *net, const struct modelfile *f, void **ret, struct err *e) {
    static const struct bert_kind kind = {
        .prefix = "roberta.", .after_padding = true, .dense_head = true, .vocab = 50265};
    return bert_build_kind(net, f, ret, e, &kind);
}

static const char *const roberta_tiny[] = {
    "{\"model_type\": \"roberta\", \"num_hidden_layers\": 2, \"hidden_size\": 24, \"num_attention_heads\": 3,"
    " \"intermediate_size\": 40, \"vocab_size\": 288, \"max_position_embeddings\": 512, \"hidden_act\": "
    "\"gelu\","
    " \"pad_token_id\": 1, \"type_vocab_size\": 1, \"layer_norm_eps\": 1e-12}",
    NULL};

/* No kv hooks: an encoder sees the whole sequence at once and generates nothing. */
const struct model model_roberta = {
    .name = "roberta",
    .summary = "RoBERTa: BERT's encoder with positions after the padding index",
    .match = roberta_match,
    .tiny = roberta_tiny,
    .build = roberta_build,
    .free = transformer_free,
    .facts = transformer_facts,
    .bound = transformer_bound,
    .layout = transformer_layout,
    .forward = transformer_forward,
    .backward = transformer_backward,
    .pooler = bert_pooler,
};
