/* pairs.c - embedding models: pairs that belong together, or pairs with a score; losses of their embeddings
 * (losses.h), search and similarity as scores (pairs_score.c).
 *
 * A row is an anchor, a positive and any number of negatives, or two sentences and a score. A training row
 * with a blank text is left out and counted. The loss sees the texts of a whole micro-batch of
 * train.batch_size rows: in-batch negatives come from there. Its weight is the number of rows.
 *
 * Gradient caching (Gao et al., 2101.06983): with train.mini_batch_size m below the batch size, the texts are
 * embedded m rows at a time without keeping anything, the loss gives the gradient at the embeddings, and a
 * second pass, m rows at a time, sends it back. The same gradient, half as much work again, and activations
 * as of m rows whatever the batch; embeddings and their gradients are counted as activations too. */
#include "experiments/tasks/pairs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/tasks/data_opts.h"
#include "harness/cfg.h"

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
    {"data.relevance", OPT_ENUM, "binary", 0, 0, "binary|graded", "do grades count in nDCG?"},
    {"embedding.pooling", OPT_ENUM, NULL, 0, 0, "mean|cls|last|max",
     "hidden states of a text to one vector (default: the model's own)"},
    {"embedding.normalize", OPT_BOOL, NULL, 0, 0, NULL,
     "bring vectors to length 1 (default: the model's own)"},
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
     "rows of a batch that are embedded at a time, by gradient caching: memory as for so many; 0: all at once"},
    OPT_END,
};

/* ---- opening ------------------------------------------------------------------------------------------- */

static void pairs_free(void *state) {
    struct pairs *p = state;
    if (!p) return;
    pairs_score_release(p);
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
        return err_set(
            e, ERR_USER,
            "train.batch_size 1: negatives come from the other pairs of a batch: 2 at least, or give data.negative");
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
        return err_set(
            e, ERR_USER,
            "task pairs: give data.anchor and data.positive, or data.sentence1, sentence2 and score, not both");
    if (!p->similarity && !(anchor && positive) && !p->data->corpus)
        return err_set(
            e, ERR_USER,
            "task pairs needs data.anchor and data.positive (templates such as \"{question}\"), or data.sentence1, data.sentence2 "
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
    return texts_add(&p->documents, "document", data_template(p->data, "document", 0),
                     embedder_prompt(p->E, "document"), e);
}

static int pairs_open(void **ret, const json_t *config, struct mem *mem, struct tokenizer *tok,
                      const struct model_facts *facts, struct err *e) {
    struct pairs *p = xcalloc(1, sizeof *p);
    const json_t *normalize = cfg_get(config, "embedding.normalize");
    struct embed_options o = {.pooling = cfg_str(config, "embedding.pooling"),
                              .normalize = json_is_boolean(normalize) ? json_is_true(normalize) : -1,
                              .max_length = (int)cfg_int(config, "train.max_length")};
    p->mem = mem;
    p->graded = !strcmp(cfg_str(config, "data.relevance"), "graded");
    p->mini_batch = (int)cfg_int(config, "train.mini_batch_size");
    int rc = embedder_open(&p->E, cfg_str(config, "model_path"), tok, facts, &o, mem, e);
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

int pairs_gold(struct pairs *p, enum split s, long row, float *ret, struct err *e) {
    struct strbuf b = {0};
    char *end;
    const struct rows *rows = p->split[s].rows;
    int rc = template_render(p->gold[s], row, &b, e);
    double v = strtod(b.s ? b.s : "", &end);
    bool range = !isnan(p->score_min);
    double lo = range ? p->score_min : -1, hi = range ? p->score_max : 1;
    if (!rc && (!b.len || *end || !isfinite(v)))
        rc = rows_error(rows, row, e, "the score '%.40s' is not a number", b.s ? b.s : "");
    else if (!rc && (range || p->loss.kind == LOSS_COSINE_MSE) && !(v >= lo && v <= hi))
        rc = rows_error(rows, row, e, "the score %g is outside %g..%g%s", v, lo, hi,
                        range ? "" : ", where cosines lie: give data.score_min and data.score_max");
    strbuf_release(&b);
    *ret = (float)(range ? (v - lo) / (hi - lo) : v);
    return rc;
}

/* ---- micro-batches ------------------------------------------------------------------------------------- */

static size_t floats_of(const struct pairs *p, const struct pairs_batch *b) {
    return (size_t)b->rows * (size_t)b->texts * (size_t)embedder_dim(p->E);
}

static void pairs_batch_free(void *state, struct task_batch *tb) {
    struct pairs *p = state;
    struct pairs_batch *b = (struct pairs_batch *)tb;
    if (!b) return;
    for (int c = 0; c < b->chunks; c++) embedder_batch_free(p->E, b->chunk[c]);
    mem_free(p->mem, MEM_ACT, b->emb, floats_of(p, b) * sizeof(float));
    mem_free(p->mem, MEM_ACT, b->grad, floats_of(p, b) * sizeof(float));
    free(b->chunk);
    free(b->first);
    free(b->same);
    free(b->gold);
    free(b);
}

/* The rows that have all their texts; how many, or -1. */
static int usable_rows(struct pairs *p, const long *rows, int n, long *out, struct err *e) {
    int kept = 0;
    for (int i = 0; i < n; i++) {
        int full = texts_row(&p->split[SPLIT_TRAIN], rows[i], e);
        if (full < 0) return -1;
        if (full)
            out[kept++] = rows[i];
        else
            p->left_out[SPLIT_TRAIN]++;
    }
    return kept;
}

/* Equal texts get equal numbers: the place of the first of them. */
static void number_texts(struct pairs *p, struct pairs_batch *b, const long *rows) {
    struct texts *x = &p->split[SPLIT_TRAIN];
    int n = b->rows * b->texts;
    const struct embed_text **t = xcalloc((size_t)n, sizeof(struct embed_text *));
    uint64_t *hash = xcalloc((size_t)n, sizeof *hash);
    for (int i = 0; i < n; i++) {
        t[i] = texts_get(x, rows[i % b->rows], i / b->rows, NULL);
        hash[i] = texts_hash(t[i]);
        b->same[i] = i;
        for (int j = 0; j < i && b->same[i] == i; j++)
            if (hash[j] == hash[i] && texts_equal(t[j], t[i])) b->same[i] = j;
    }
    free(hash);
    free(t);
}

/* Rows [from, to) of a batch, column after column. */
static struct embed_batch *make_chunk(struct pairs *p, const struct pairs_batch *b, const long *rows,
                                      int from, int to) {
    size_t n = (size_t)(to - from) * (size_t)b->texts, at = 0;
    const struct embed_text **t = xcalloc(n, sizeof(struct embed_text *));
    int64_t *key = xcalloc(n, sizeof *key);
    for (int k = 0; k < b->texts; k++)
        for (int i = from; i < to; i++, at++) {
            t[at] = texts_get(&p->split[SPLIT_TRAIN], rows[i], k, NULL);
            key[at] = (int64_t)rows[i] * TEXTS_COLUMNS + k;
        }
    struct embed_batch *e = embedder_batch_new(p->E, t, key, (int)n);
    free(key);
    free(t);
    return e;
}

static void make_chunks(struct pairs *p, struct pairs_batch *b, const long *rows) {
    int size = p->mini_batch && p->mini_batch < b->rows ? p->mini_batch : b->rows;
    b->chunks = (b->rows + size - 1) / size;
    b->chunk = xcalloc((size_t)b->chunks, sizeof *b->chunk);
    b->first = xcalloc((size_t)b->chunks + 1, sizeof *b->first);
    for (int c = 0; c < b->chunks; c++) {
        b->first[c + 1] = MIN_OF(b->first[c] + size, b->rows);
        b->chunk[c] = make_chunk(p, b, rows, b->first[c], b->first[c + 1]);
        b->tb.tokens += b->chunk[c]->b.n;
    }
}

static struct task_batch *pairs_batch(void *state, const long *rows, int n, struct err *e) {
    struct pairs *p = state;
    long *kept = xcalloc((size_t)n, sizeof *kept);
    struct pairs_batch *b = xcalloc(1, sizeof *b);
    b->texts = p->split[SPLIT_TRAIN].columns;
    b->rows = usable_rows(p, rows, n, kept, e);
    bool bad = b->rows < 0;
    /* In-batch negatives of a single pair: there are none, and nothing to learn. */
    if (b->rows == 1 && p->loss.kind == LOSS_MNR && b->texts == 2) b->rows = 0;
    if (b->rows > 0) {
        b->same = xcalloc((size_t)b->rows * (size_t)b->texts, sizeof *b->same);
        b->gold = xcalloc((size_t)b->rows, sizeof *b->gold);
        for (int i = 0; i < b->rows && p->similarity && !bad; i++)
            bad = pairs_gold(p, SPLIT_TRAIN, kept[i], &b->gold[i], e) != 0;
        number_texts(p, b, kept);
        make_chunks(p, b, kept);
        b->emb = mem_alloc(p->mem, MEM_ACT, floats_of(p, b) * sizeof(float));
        b->grad = mem_alloc(p->mem, MEM_ACT, floats_of(p, b) * sizeof(float));
    }
    b->tb.weight = MAX_OF(b->rows, 0);
    free(kept);
    if (!bad) return &b->tb;
    b->rows = MAX_OF(b->rows, 0);
    pairs_batch_free(p, &b->tb);
    return NULL;
}

/* ---- passes -------------------------------------------------------------------------------------------- */

static void layout_loss(struct pairs *p, struct task_net *tn, struct pairs_batch *b) {
    loss_layout(&b->work, &tn->net->tape, b->rows, b->texts, embedder_dim(p->E));
}

/* A batch in one piece holds all at once; in several, each of its passes has the tape for itself. */
static void pairs_layout(void *state, struct task_net *tn, const struct task_batch *tb, bool train) {
    struct pairs *p = state;
    struct pairs_batch *b = (struct pairs_batch *)tb;
    struct arena *tape = &tn->net->tape;
    if (!train || b->chunks == 1) {
        embedder_layout(p->E, tn, b->chunk[0], train ? EMBED_TRAIN : EMBED_SCORE);
        if (train) layout_loss(p, tn, b);
        return;
    }
    for (int c = 0; c < b->chunks; c++) {
        arena_reset(tape);
        embedder_layout(p->E, tn, b->chunk[c], EMBED_REHEARSE);
    }
    arena_reset(tape);
    layout_loss(p, tn, b);
    for (int c = 0; c < b->chunks; c++) {
        arena_reset(tape);
        embedder_layout(p->E, tn, b->chunk[c], EMBED_TRAIN);
    }
}

/* Between the embeddings of a chunk and those of the batch: [texts][chunk rows] and [texts][rows]. */
static float *in_batch(const struct pairs *p, const struct pairs_batch *b, float *all, int c, int k) {
    return all + ((size_t)k * (size_t)b->rows + (size_t)b->first[c]) * (size_t)embedder_dim(p->E);
}

static size_t chunk_floats(const struct pairs *p, const struct pairs_batch *b, int c) {
    return (size_t)(b->first[c + 1] - b->first[c]) * (size_t)embedder_dim(p->E);
}

static void embed_chunk(struct pairs *p, struct task_net *tn, struct pairs_batch *b, int c) {
    const float *y = embedder_forward(p->E, tn, b->chunk[c]);
    size_t n = chunk_floats(p, b, c);
    for (int k = 0; k < b->texts; k++) memcpy(in_batch(p, b, b->emb, c, k), y + (size_t)k * n, n * sizeof *y);
}

static double run_loss(struct pairs *p, struct task_net *tn, struct pairs_batch *b, double scale) {
    struct loss_input in = {.rows = b->rows,
                            .texts = b->texts,
                            .dim = embedder_dim(p->E),
                            .emb = b->emb,
                            .same = b->same,
                            .score = b->gold};
    return b->rows * loss_run(tn->net->team, &b->work, &p->loss, &in, b->grad, scale * b->rows);
}

static double run_cached(struct pairs *p, struct task_net *tn, struct pairs_batch *b, double scale) {
    struct arena *tape = &tn->net->tape;
    for (int c = 0; c < b->chunks; c++) {
        arena_reset(tape);
        embedder_layout(p->E, tn, b->chunk[c], EMBED_REHEARSE);
        embed_chunk(p, tn, b, c);
    }
    arena_reset(tape);
    layout_loss(p, tn, b);
    double loss = run_loss(p, tn, b, scale);
    for (int c = 0; c < b->chunks; c++) {
        arena_reset(tape);
        embedder_layout(p->E, tn, b->chunk[c], EMBED_TRAIN);
        embedder_forward(p->E, tn, b->chunk[c]);
        size_t n = chunk_floats(p, b, c);
        float *d = b->emb; /* has done its work */
        for (int k = 0; k < b->texts; k++)
            memcpy(d + (size_t)k * n, in_batch(p, b, b->grad, c, k), n * sizeof *d);
        embedder_backward(p->E, tn, b->chunk[c], d);
    }
    return loss;
}

static double pairs_run(void *state, struct task_net *tn, const struct task_batch *tb, bool train,
                        double scale) {
    struct pairs *p = state;
    struct pairs_batch *b = (struct pairs_batch *)tb;
    if (!train) {
        pairs_score_add(p, b, embedder_forward(p->E, tn, b->chunk[0]));
        return 0;
    }
    if (b->chunks > 1) return run_cached(p, tn, b, scale);
    embed_chunk(p, tn, b, 0);
    double loss = run_loss(p, tn, b, scale);
    embedder_backward(p->E, tn, b->chunk[0], b->grad);
    return loss;
}

/* ---- remarks ------------------------------------------------------------------------------------------- */

static void say_count(void (*say)(void *arg, const char *kind, const char *text), void *arg, const char *kind,
                      long n, const char *format, const char *where, int limit) {
    char text[200];
    if (n <= 0) return;
    snprintf(text, sizeof text, format, n, where, limit);
    say(arg, kind, text);
}

static void pairs_remarks(void *state, void (*say)(void *arg, const char *kind, const char *text),
                          void *arg) {
    struct pairs *p = state;
    int limit = embedder_max_length(p->E);
    for (int s = 0; s < SPLIT_COUNT; s++) {
        const char *name = split_name((enum split)s);
        say_count(say, arg, "skipped", p->left_out[s], "%ld %s rows have a blank text and were left out",
                  name, 0);
        say_count(say, arg, "cut", p->split[s].cut, "%ld %s texts are longer than %d tokens and were cut",
                  name, limit);
    }
    say_count(say, arg, "cut", p->documents.cut, "%ld %s are longer than %d tokens and were cut", "documents",
              limit);
    say_count(say, arg, "blank", p->documents.blanks, "%ld %s are blank", "documents", 0);
}

const struct task task_pairs = {
    .name = "pairs",
    .summary = "embedding models: pairs that belong together, or with a score; retrieval and similarity",
    .task_type = "FEATURE_EXTRACTION",
    .opts = pairs_opts,
    .default_metric = "eval/ndcg@10",
    .default_goal = "maximize",
    .metrics = pairs_metrics,
    .metric_goal = pairs_metric_goal,
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
