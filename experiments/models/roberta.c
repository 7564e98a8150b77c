/* roberta.c - RoBERTa (Liu et al., 1907.11692): Hugging Face folders of model_type "roberta".
 *
 * BERT's encoder (bert.c) under another prefix; position p is row p + padding index + 1 of its table. */
#include "experiments/models/bert.h"
#include "experiments/models/reader.h"
#include "experiments/models/transformer.h"

static bool roberta_match(const struct modelfile *f) { return reader_is(f, "roberta"); }

static int roberta_build(struct net *net, const struct modelfile *f, void **ret, struct err *e) {
    static const struct bert_kind kind = {.prefix = "roberta.", .after_padding = true, .vocab = 50265};
    return bert_build_kind(net, f, ret, e, &kind);
}

/* No kv hooks: an encoder sees the whole sequence at once and generates nothing. */
const struct model model_roberta = {
    .name = "roberta",
    .summary = "RoBERTa: BERT's encoder with positions after the padding index",
    .match = roberta_match,
    .build = roberta_build,
    .free = transformer_free,
    .facts = transformer_facts,
    .bound = transformer_bound,
    .layout = transformer_layout,
    .forward = transformer_forward,
    .backward = transformer_backward,
};
