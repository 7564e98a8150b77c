/* SPDX-License-Identifier: Apache-2.0 */
/* pairs.c - embedding models: pairs that belong together, or pairs with a score; losses of their embeddings
 * (losses.h), search and similarity as scores (pairs_score.c).
 *
 * A row is an anchor, a positive and any number of negatives, or two sentences and a score. A training row
 * with a blank text is left out and counted. The loss sees the texts of a whole micro-batch of
 * train.batch_size rows: in-batch negatives come from there. Its weight is the number of rows.
 */
#include "experiments/tasks/pairs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/tasks/data_opts.h"
#include "harness/config/cfg.h"

static const struct opt pairs_opts[] = {
    DATA_FILE_OPTS,
    {"data.anchor", OPT_STR, NULL, 0, 0, NULL, "template of the text that asks, as \"{question}\""},
    {"data.positive", OPT_STR, NULL, 0, 0, NULL, "template of the text that answers"},
    {"data.negative", OPT_ANY, NULL, 0, 0, NULL,
     "template of a text that does not answer, or a list of templates"},
    {"data.sentence1", OPT_STR, NULL, 0, 0, NULL, "similarity: template of the first text"},
    {"data.sentence2", OPT_STR, NULL, 0, 0, NULL, "similarity: template of the second text"},
    {"data.score", OPT_STR, NULL, 0, 0, NULL, "similarity: template of the score, a number"},
    {"data.score_min", OPT_NUM, NULL, -OPT_BIG, OPT_BIG, NULL,
     "the lowest score there is: scores are brought to 0..1"},
    {"data.score_max", OPT_NUM, NULL, -OPT_BIG, OPT_BIG, NULL, "the highest score there is"},
    {"data.corpus", OPT_STR, NULL, 0, 0, NULL, "retrieval collection (BEIR): file of documents with _id"},
    {"data.queries", OPT_STR, NULL, 0, 0, NULL, "retrieval collection: file of queries with _id"},
    {"data.qrels.train", OPT_STR, NULL, 0, 0, NULL,
     "retrieval collection: which documents are relevant, of the queries to train on"},
    {"data.qrels.eval", OPT_STR, NULL, 0, 0, NULL, "the same, of the queries to evaluate on while training"},
    {"data.qrels.test", OPT_STR, NULL, 0, 0, NULL,
     "the same, of the queries that are scored once at the end"},
    {"data.document", OPT_STR, NULL, 0, 0, NULL, "template of a document (default: \"{title} {text}\")"},
    {"data.query", OPT_STR, NULL, 0, 0, NULL, "template of a query (default: \"{text}\")"},
    {"data.relevance", OPT_ENUM, "auto", 0, 0, "auto|binary|graded",
     "do grades count in nDCG? auto: those of a retrieval collection do, as BEIR has it"},
    {"embedding.pooling", OPT_ENUM, NULL, 0, 0, "mean|cls|last|max",
     "hidden states of a text to one vector (default: the model's own)"},
    {"embedding.normalize", OPT_BOOL, NULL, 0, 0, NULL,
     "bring vectors to length 1 (default: the model's own)"},
    {"embedding.similarity", OPT_ENUM, NULL, 0, 0, "cosine|dot|euclidean|manhattan",
     "how near two vectors are, in scores (default: the model's own; else the cosine). Losses keep the "
     "cosine"},
    {"matryoshka.dims", OPT_ANY, NULL, 0, 0, NULL,
     "list of sizes: train the leading features too, and score them"},
    {"matryoshka.weights", OPT_ANY, NULL, 0, 0, NULL, "list of their weights (default: 1 each)"},
    {"train.loss", OPT_ENUM, "auto", 0, 0, "auto|mnr|cosent|cosine_mse|triplet",
     "auto: mnr (multiple negatives ranking) for pairs, cosent for scores"},
    {"train.loss_scale", OPT_NUM, "20", 1e-6, 1e6, NULL, "mnr, cosent: what cosines are multiplied by"},
    {"train.symmetric", OPT_BOOL, "false", 0, 0, NULL, "mnr: also find the anchor of each positive"},
    {"train.margin", OPT_NUM, "5", 0, 1e6, NULL, "triplet: how much farther the negative is to be"},
    {"train.distance", OPT_ENUM, "euclidean", 0, 0, "euclidean|cosine|manhattan", "triplet: the distance"},
    {"train.mini_batch_size", OPT_INT, "0", 0, 1e6, NULL,
     "rows of a batch that are embedded at a time, by gradient caching: memory as for so many; 0: all at "
     "once"},
    OPT_END,
};

/* ---- opening ------------------------------------------------------------------------------------------- */

static void pairs_free(void *state) {
    struct pairs *p = state;
    if (!p) return;
    if (p->E) pairs_score_release(p); /* else it was not opened, and has no score */
    for (int s = 0; s < SPLIT_COUNT; s++) {
        texts_release(&p->split[s]);
        template_free(p->gold[s]);
    }
    texts_release(&p->documents);
    embedder_close(p->E);
    data_free(p->data);
    free(p);
}

static int read_dims(struct pairs *p, const json_t *config, struct err *e) {
    const json_t *dims = cfg_get(config, "matryoshka.dims"), *weights = cfg_get(config, "matryoshka.weights");
    int n = (int)json_array_size(dims), D = embedder_dim(p->E);
    if (dims && !json_is_null(dims) && !n)
        return err_set(e, ERR_USER, "matryoshka.dims: a list of sizes, as [384, 128, 32]");
    if (n > LOSS_MAX_DIMS) return err_set(e, ERR_USER, "matryoshka.dims: at most %d sizes", LOSS_MAX_DIMS);
    if (weights && !json_is_null(weights) && (int)json_array_size(weights) != n)
        return err_set(e, ERR_USER,
                       "matryoshka.weights: a list of as many numbers as matryoshka.dims has sizes");
    p->loss.ndims = n;
    for (int k = 0; k < n; k++) {
        const json_t *d = json_array_get(dims, (size_t)k), *w = json_array_get(weights, (size_t)k);
        if (!json_is_integer(d) || json_integer_value(d) < 1 || json_integer_value(d) > D)
            return err_set(e, ERR_USER, "matryoshka.dims: sizes are whole numbers from 1 to the model's %d",
                           D);
        if (w && (!json_is_number(w) || !(json_number_value(w) >= 0)))
            return err_set(e, ERR_USER, "matryoshka.weights: numbers from 0");
        p->loss.dims[k] = (int)json_integer_value(d);
        p->loss.weights[k] = w ? json_number_value(w) : 1;
    }
    return 0;
}

static int read_loss(struct pairs *p, const json_t *config, struct err *e) {
    const char *name = cfg_str(config, "train.loss"), *distance = cfg_str(config, "train.distance");
    struct loss_spec *l = &p->loss;
    bool scored = !strcmp(name, "cosent") || !strcmp(name, "cosine_mse");
    if (!strcmp(name, "auto")) scored = p->similarity;
    l->kind = !strcmp(name, "triplet")      ? LOSS_TRIPLET
              : !strcmp(name, "cosine_mse") ? LOSS_COSINE_MSE
              : scored                      ? LOSS_COSENT
                                            : LOSS_MNR;
    l->scale = cfg_num(config, "train.loss_scale");
    l->margin = cfg_num(config, "train.margin");
    l->symmetric = cfg_bool(config, "train.symmetric");
    l->distance = !strcmp(distance, "cosine")      ? LOSS_COSINE
                  : !strcmp(distance, "manhattan") ? LOSS_MANHATTAN
                                                   : LOSS_EUCLIDEAN;
    if (cfg_int(config, "train.steps") == 0) return 0; /* nothing trains */
    if (scored && !p->similarity)
        return err_set(e, ERR_USER, "train.loss %s needs data.sentence1, data.sentence2 and data.score",
                       name);
    if (!scored && p->similarity)
        return err_set(e, ERR_USER,
                       "train.loss %s needs data.anchor and data.positive, not sentences with a score", name);
    if (l->kind == LOSS_TRIPLET && !data_template(p->data, "negative", 0))
        return err_set(e, ERR_USER, "train.loss triplet needs data.negative");
    if (l->kind == LOSS_MNR && cfg_int(config, "train.batch_size") < 2 &&
        !data_template(p->data, "negative", 0))
        return err_set(e, ERR_USER,
                       "train.batch_size 1: negatives come from the other pairs of a batch: 2 at least, or "
                       "give data.negative");
    return 0;
}

/* The range of scores: both ends or none; cosine_mse compares with cosines and needs scores from -1 to 1. */
static int read_range(struct pairs *p, const json_t *config, struct err *e) {
    const json_t *lo = cfg_get(config, "data.score_min"), *hi = cfg_get(config, "data.score_max");
    p->score_min = p->score_max = NAN;
    if (json_is_number(lo) != json_is_number(hi))
        return err_set(e, ERR_USER, "data.score_min and data.score_max: give both or none");
    if (!json_is_number(lo)) return 0;
    p->score_min = json_number_value(lo);
    p->score_max = json_number_value(hi);
    return p->score_min < p->score_max ? 0
                                       : err_set(e, ERR_USER, "data.score_min must be below data.score_max");
}

static int read_data(struct pairs *p, struct err *e) {
    bool one = data_template(p->data, "sentence1", 0), two = data_template(p->data, "sentence2", 0),
         score = data_template(p->data, "score", 0);
    bool anchor = data_template(p->data, "anchor", 0), positive = data_template(p->data, "positive", 0);
    p->similarity = one && two && score;
    if ((one || two || score) && !p->similarity)
        return err_set(e, ERR_USER,
                       "task pairs: data.sentence1, data.sentence2 and data.score belong together");
    if (p->similarity && (anchor || positive))
        return err_set(e, ERR_USER,
                       "task pairs: give data.anchor and data.positive, or data.sentence1, sentence2 and "
                       "score, not both");
    if (!p->similarity && !(anchor && positive) && !p->data->corpus)
        return err_set(e, ERR_USER,
                       "task pairs needs data.anchor and data.positive (templates such as \"{question}\"), "
                       "or data.sentence1, data.sentence2 "
                       "and data.score, or data.corpus and data.queries");
    return 0;
}

static int open_split(struct pairs *p, enum split s, const struct rows *rows, struct err *e) {
    struct texts *x = &p->split[s];
    const struct dataset *d = p->data;
    const char *ask = embedder_prompt(p->E, "query"), *answer = embedder_prompt(p->E, "document"),
               *plain = embedder_prompt(p->E, NULL);
    if (!rows) return 0;
    texts_init(x, p->E, rows, d->special_tokens);
    if (d->corpus && s != SPLIT_TRAIN) return texts_add(x, "query", data_template(d, "query", 0), ask, e);
    if (p->similarity) {
        int rc = texts_add(x, "sentence1", data_template(d, "sentence1", 0), plain, e);
        if (!rc) rc = texts_add(x, "sentence2", data_template(d, "sentence2", 0), plain, e);
        if (!rc && template_compile(&p->gold[s], data_template(d, "score", 0), rows, e))
            rc = err_wrap(e, "data.score");
        return rc;
    }
    int rc = texts_add(x, "anchor", data_template(d, "anchor", 0), ask, e);
    if (!rc) rc = texts_add(x, "positive", data_template(d, "positive", 0), answer, e);
    for (int k = 0; !rc && data_template(d, "negative", k); k++)
        rc = texts_add(x, "negative", data_template(d, "negative", k), answer, e);
    return rc;
}

static int open_splits(struct pairs *p, struct err *e) {
    const struct rows *rows[] = {p->data->train, p->data->eval, p->data->test};
    int rc = 0;
    for (int s = 0; s < SPLIT_COUNT && !rc; s++) rc = open_split(p, (enum split)s, rows[s], e);
    if (rc || !p->data->corpus) return rc;
    texts_init(&p->documents, p->E, p->data->corpus, p->data->special_tokens);
    p->documents.trim = true;
    return texts_add(&p->documents, "document", data_template(p->data, "document", 0),
                     embedder_prompt(p->E, "document"), e);
}

static enum pairs_similarity find_similarity(const char *name) {
    return !strcmp(name, "dot")         ? BY_DOT
           : !strcmp(name, "euclidean") ? BY_EUCLIDEAN
           : !strcmp(name, "manhattan") ? BY_MANHATTAN
                                        : BY_COSINE;
}

/* "binary" or "graded" */
static const char *read_relevance(const json_t *config) {
    const char *word = cfg_str(config, "data.relevance");
    return strcmp(word, "auto") != 0 ? word : cfg_str(config, "data.corpus") ? "graded" : "binary";
}

/* Rows of pairs were always judged as binary. Collections were judged otherwise at first: "judged" makes the
 * runs that are recorded without it others. */
static void pairs_identity(const json_t *config, json_t *hashed) {
    if (!cfg_str(config, "data.relevance")) return;
    cfg_set(hashed, "data.relevance", json_string(read_relevance(config)));
    if (cfg_str(config, "data.corpus")) cfg_set(hashed, "data.judged", json_string("beir"));
}

static int pairs_open(void **ret, const json_t *config, struct mem *mem, struct tokenizer *tok,
                      const struct model_facts *facts, struct err *e) {
    struct pairs *p = xcalloc(1, sizeof *p);
    const json_t *normalize = cfg_get(config, "embedding.normalize");
    struct embed_options o = {.pooling = cfg_str(config, "embedding.pooling"),
                              .similarity = cfg_str(config, "embedding.similarity"),
                              .normalize = json_is_boolean(normalize) ? json_is_true(normalize) : -1,
                              .max_length = (int)cfg_int(config, "train.max_length")};
    p->mem = mem;
    p->graded = !strcmp(read_relevance(config), "graded");
    p->mini_batch = (int)cfg_int(config, "train.mini_batch_size");
    int rc = embedder_open(&p->E, cfg_str(config, "model_path"), tok, facts, &o, mem, e);
    if (!rc) p->similar_by = find_similarity(embedder_similarity(p->E));
    if (!rc) rc = data_open(&p->data, cfg_get(config, "data"), e);
    if (!rc) rc = read_data(p, e);
    if (!rc) rc = read_loss(p, config, e);
    if (!rc) rc = read_range(p, config, e);
    if (!rc) rc = read_dims(p, config, e);
    if (!rc) rc = open_splits(p, e);
    if (rc)
        pairs_free(p);
    else
        *ret = p;
    return rc;
}

static long pairs_rows(void *state, enum split s) { return texts_rows(&((struct pairs *)state)->split[s]); }

/* ---- remarks ------------------------------------------------------------------------------------------- */

static void pairs_remarks(void *state, remark_fn *say, void *arg) {
    struct pairs *p = state;
    int limit = embedder_max_length(p->E);
    for (int s = 0; s < SPLIT_COUNT; s++)
        texts_remarks(&p->split[s], split_name((enum split)s), limit, say, arg);
    remark_count(say, arg, "cut", p->documents.cut, "%ld documents are longer than %d tokens and were cut",
                 p->documents.cut, limit);
    remark_count(say, arg, "special", p->documents.specials, SPECIAL_REMARK, p->documents.specials, "corpus",
                 "texts");
    remark_count(say, arg, "blank", p->documents.blanks, "%ld documents are blank", p->documents.blanks);
}

const struct task task_pairs = {
    .name = "pairs",
    .summary = "embedding models: pairs that belong together, or with a score; retrieval and similarity",
    .task_type = "FEATURE_EXTRACTION",
    .texts = true,
    .opts = pairs_opts,
    .identity = pairs_identity,
    .default_metric = "eval/ndcg@10",
    .default_goal = "maximize",
    .other_key = "data.score",
    .other_metric = "eval/spearman",
    .metrics = pairs_metrics,
    .metric_goal = pairs_metric_goal,
    .metric_needs = pairs_metric_needs,
    .nothing = "has texts in all its columns (or every batch was left with a single pair)",
    .open = pairs_open,
    .free = pairs_free,
    .rows = pairs_rows,
    .batch = pairs_batch,
    .batch_free = pairs_batch_free,
    .layout = pairs_layout,
    .run = pairs_run,
    .score_begin = pairs_score_begin,
    .item_tokens = pairs_item_tokens,
    .score_batch = pairs_score_batch,
    .score_end = pairs_score_end,
    .remarks = pairs_remarks,
};
