/* SPDX-License-Identifier: Apache-2.0 */
/* lm.c - language modelling: prompt and completion templates, loss on the completion.
 *
 * A row is [start token, if the tokenizer adds one] prompt completion [end token]: prompt and completion are
 * tokenised separately and concatenated, then cut right at max_length (a cut row has no end token). Labels
 * are the completion and the end token; label t is predicted from position t-1. A row without labels is left
 * out and counted. Special tokens are recognised in the templates' own text; in data fields they are plain
 * text unless data.special_tokens.
 *
 * The loss is the sum of the negative log likelihoods of the labelled tokens; its weight is their number, so
 * that the core normalises by the labelled tokens of the whole step, also under accumulation. A hit is a
 * label that is the most probable token given those before it (the lowest id among equals): greedy generation
 * from the prompt gives the labels exactly when all of them are hits.
 *
 * With generate.max_tokens a score also continues prompts and compares texts (lm_texts.h): its items are the
 * rows, and behind them the groups of prompts that are continued together. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/tasks/lm_texts.h"
#include "harness/core/remark.h"
#include "harness/config/cfg.h"
#include "harness/core/data.h"
#include "harness/nn/kernels/xent.h"

static const struct opt lm_opts[] = {
    {"data.name", OPT_STR, NULL, 0, 0, NULL, "a built-in data set (`bench ls data`), instead of files"},
    {"data.train", OPT_STR, NULL, 0, 0, NULL, "file of training rows"},
    {"data.eval", OPT_STR, NULL, 0, 0, NULL, "file of rows to evaluate on while training"},
    {"data.test", OPT_STR, NULL, 0, 0, NULL, "file of rows scored once at the end, never used to choose"},
    {"data.prompt", OPT_STR, NULL, 0, 0, NULL, "template of the prompt: text with {column} references"},
    {"data.completion", OPT_STR, NULL, 0, 0, NULL, "template of the completion, whose tokens are learned"},
    {"data.format", OPT_ENUM, NULL, 0, 0, "jsonl|csv|tsv", "file format (default: by extension)"},
    {"data.header", OPT_BOOL, "true", 0, 0, NULL, "CSV, TSV: the first row names the columns"},
    {"data.quotes", OPT_ENUM, "standard", 0, 0, "standard|literal",
     "CSV, TSV: are quotes characters like any other?"},
    {"data.special_tokens", OPT_BOOL, "false", 0, 0, NULL, "recognise special tokens in data fields too"},
    {"generate.max_tokens", OPT_INT, NULL, 1, 1e6, NULL,
     "evaluations also continue prompts greedily, by at most so many tokens and within train.max_length, and "
     "tell bleu, bleu_lower, nist, rouge_l, "
     "rouge_l_caption and cider of the texts; absent: they do not"},
    {"generate.rows", OPT_INT, NULL, 0, 1e6, NULL,
     "the first so many rows of a split give prompts, each once, and completions as references; 0: all "
     "(absent: the rows that are scored)"},
    OPT_END,
};

/* A tokenised row, made on first use. */
struct lm_row {
    int n, prompt;   /* of ids; of the prompt with its start token (0: an empty one), before the cut */
    int labels_from; /* ids[labels_from..n) are labels */
    bool cut;        /* it was longer than max_length */
    int32_t ids[];
};

struct lm_split {
    struct rows *rows;
    struct template *prompt, *completion;
    struct lm_row **cache; /* [count], NULL: not yet */
    long count;
    long skipped, cut; /* of the rows met: without a label, and with the first of their labels alone */
    long twice;        /* of the rows met: with two start tokens */
    long special;      /* and with special tokens in a field, which are plain text there */
};

/* One row's part of a score. */
struct lm_row_score {
    double loss; /* sum over its labels */
    long labels; /* 0: left out */
};

/* A score in progress: sums over the rows of a split. */
struct lm_score {
    enum split split;
    double loss, weight, hits;
    long rows, exact;         /* rows with labels; those whose labels are all hits */
    long cut;                 /* rows with labels that are not all of them */
    struct lm_row_score *row; /* [cap] */
    long cap;
    struct lm_texts texts;
};

struct lm {
    struct mem *mem;
    struct tokenizer *tok;
    struct dataset *data;
    struct lm_split split[SPLIT_COUNT];
    struct lm_score score;
    int max_length, bos_id, eos_id, vocab;
    struct ends stops;  /* of generated texts */
    int new_tokens;     /* generate.max_tokens; 0: nothing is generated */
    long generate_rows; /* -1: those that are scored; 0: all */
    bool met_special;   /* a field of the row at work has special tokens in it */
    long full, tight;   /* of the last score: prompts without room to go on, with less than is asked for */
};

/* One packed micro-batch, one block of memory. */
struct lm_batch {
    struct task_batch tb;
    struct batch b;
    int rows, labels;
    int group;               /* of texts, of a score: prompts to continue, and no rows; -1: rows */
    struct generation texts; /* of the group, while it runs */
    const long *items;       /* [rows], of a score: which rows these are; NULL in training */
    int32_t *row_labels;     /* [rows + 1]: label range of each row */
    int32_t *at, *target;    /* [labels]: packed position that predicts it, and the token */
    size_t bytes;
    /* of one pass */
    float *h, *dh, *dhidden, *nll; /* labelled tokens only: [labels] x hidden; whole: [n] x hidden */
    int32_t *top1;                 /* [labels], evaluation */
};

/* ---- rows ---------------------------------------------------------------------------------------------- */

static void release_score(struct lm *lm) {
    if (lm->score.row)
        mem_free(lm->mem, MEM_DATA, lm->score.row, (size_t)lm->score.cap * sizeof *lm->score.row);
    lm->score.row = NULL;
    lm_texts_release(&lm->score.texts);
}

static void lm_free(void *state) {
    struct lm *lm = state;
    if (!lm) return;
    release_score(lm);
    for (int s = 0; s < SPLIT_COUNT; s++) {
        struct lm_split *sp = &lm->split[s];
        for (long i = 0; sp->cache && i < sp->count; i++)
            if (sp->cache[i])
                mem_free(lm->mem, MEM_DATA, sp->cache[i],
                         sizeof(struct lm_row) + (size_t)sp->cache[i]->n * sizeof(int32_t));
        free(sp->cache);
        template_free(sp->prompt);
        template_free(sp->completion);
    }
    data_free(lm->data);
    free(lm);
}

static int open_split(struct lm *lm, enum split s, struct rows *rows, struct err *e) {
    struct lm_split *sp = &lm->split[s];
    if (!rows) return 0;
    sp->rows = rows;
    sp->count = rows_count(rows);
    sp->cache = xcalloc((size_t)sp->count, sizeof *sp->cache);
    int rc = template_compile(&sp->prompt, lm->data->prompt ? lm->data->prompt : "", rows, e);
    if (!rc) rc = template_compile(&sp->completion, lm->data->completion, rows, e);
    return rc;
}

static int open_generation(struct lm *lm, const json_t *config, struct err *e) {
    const json_t *tokens = cfg_get(config, "generate.max_tokens"), *rows = cfg_get(config, "generate.rows");
    lm->new_tokens = (int)json_integer_value(tokens);
    lm->generate_rows = json_is_integer(rows) ? (long)json_integer_value(rows) : -1;
    if (json_is_integer(rows) && !lm->new_tokens)
        return err_set(e, ERR_USER, "generate.rows needs generate.max_tokens");
    if (lm->new_tokens && !lm->data->prompt)
        return err_set(e, ERR_USER, "generate.max_tokens needs data.prompt: the text to continue");
    return 0;
}

static int lm_open(void **ret, const json_t *config, struct mem *mem, struct tokenizer *tok,
                   const struct model_facts *facts, struct err *e) {
    if (!facts->head)
        return err_set(e, ERR_USER,
                       "task lm needs a language model: this one is an encoder without a head (task: pairs "
                       "or classify)");
    struct lm *lm = xcalloc(1, sizeof *lm);
    lm->mem = mem;
    lm->tok = tok;
    lm->max_length = (int)cfg_int(config, "train.max_length");
    lm->bos_id = tokenizer_bos_to_add(tok);
    lm->eos_id = model_end(facts, tok);
    lm->stops = model_stops(facts, tok);
    lm->vocab = facts->vocab;
    int rc = data_open(&lm->data, cfg_get(config, "data"), e);
    if (!rc && !lm->data->completion)
        rc = err_set(e, ERR_USER, "task lm needs data.completion: a template such as \"{answer}\"");
    if (!rc) rc = open_generation(lm, config, e);
    if (!rc) rc = open_split(lm, SPLIT_TRAIN, lm->data->train, e);
    if (!rc) rc = open_split(lm, SPLIT_EVAL, lm->data->eval, e);
    if (!rc) rc = open_split(lm, SPLIT_TEST, lm->data->test, e);
    if (rc)
        lm_free(lm);
    else
        *ret = lm;
    return rc;
}

static long lm_rows(void *state, enum split s) { return ((struct lm *)state)->split[s].count; }

/* Words beyond max_length are not wanted: the row is cut there (a text of 100 MB is cut after its first
 * words). One token more shows that it is. */
static void encode_text(struct lm *lm, struct strbuf *text, struct token_ids *out) {
    if (text->len) tokenizer_encode_upto(lm->tok, text->s, text->len, false, lm->max_length + 1, out);
    strbuf_reset(text);
}

/* Text is gathered across pieces, so that words may cross from template to field, and cut only at special
 * tokens. */
static void encode_piece(struct lm *lm, struct strbuf *text, const char *s, size_t len, bool special,
                         struct token_ids *out) {
    size_t at, n;
    int id;
    while (special && out->n <= lm->max_length &&
           (id = tokenizer_find_special(lm->tok, s, len, &at, &n)) >= 0) {
        strbuf_add(text, s, at);
        encode_text(lm, text, out);
        GROW(out->v, out->n, out->cap);
        out->v[out->n++] = id;
        s += at + n;
        len -= at + n;
    }
    strbuf_add(text, s, len);
}

/* Bytes per token of max_length in which special tokens are looked for: what is cut off does not matter. */
enum { LOOK = 64 };

static int encode_template(struct lm *lm, const struct template *t, long row, struct token_ids *out,
                           struct err *e) {
    struct strbuf text = {0};
    int rc = 0;
    for (int k = 0; k < template_pieces(t) && out->n <= lm->max_length && !rc; k++) {
        struct template_piece p;
        rc = template_piece(t, row, k, &p, e);
        bool plain = !rc && p.is_field && !lm->data->special_tokens;
        size_t at, n;
        if (plain &&
            tokenizer_find_special(lm->tok, p.s, MIN_OF(p.len, LOOK * (size_t)lm->max_length), &at, &n) >= 0)
            lm->met_special = true;
        if (!rc) encode_piece(lm, &text, p.s, p.len, !plain, out);
    }
    if (!rc) encode_text(lm, &text, out);
    strbuf_release(&text);
    return rc;
}

static int check_ids(struct lm *lm, const struct token_ids *ids, struct err *e) {
    for (int i = 0; i < ids->n; i++)
        if (ids->v[i] < 0 || ids->v[i] >= lm->vocab)
            return err_set(
                e, ERR_USER,
                "the tokenizer gives id %d but the model has %d tokens: they do not belong together",
                ids->v[i], lm->vocab);
    return 0;
}

static int load_row(struct lm *lm, struct lm_split *sp, long i, struct err *e) {
    if (sp->cache[i]) return 0;
    struct token_ids ids = {0};
    if (lm->bos_id >= 0) {
        GROW(ids.v, ids.n, ids.cap);
        ids.v[ids.n++] = lm->bos_id;
    }
    lm->met_special = false;
    int rc = encode_template(lm, sp->prompt, i, &ids, e);
    int from = ids.n;
    if (!rc) rc = encode_template(lm, sp->completion, i, &ids, e);
    sp->special += lm->met_special;
    sp->twice += lm->bos_id >= 0 && ids.n > 1 && ids.v[1] == lm->bos_id;
    if (!rc && lm->eos_id >= 0) {
        GROW(ids.v, ids.n, ids.cap);
        ids.v[ids.n++] = lm->eos_id;
    }
    if (!rc) rc = check_ids(lm, &ids, e);
    if (!rc) {
        int n = MIN_OF(ids.n, lm->max_length), prompt = from;
        if (from == 0) from = 1; /* nothing predicts the first token */
        struct lm_row *r = mem_alloc(lm->mem, MEM_DATA, sizeof *r + (size_t)n * sizeof(int32_t));
        r->n = n;
        r->prompt = prompt;
        r->labels_from = MIN_OF(from, n);
        r->cut = ids.n > n;
        memcpy(r->ids, ids.v, (size_t)n * sizeof(int32_t));
        sp->cache[i] = r;
        sp->skipped += r->labels_from == n;
        sp->cut += r->cut && r->labels_from < n;
    }
    free(ids.v);
    return rc;
}

static long lm_item_tokens(void *state, long row, struct err *e) {
    struct lm *lm = state;
    struct lm_split *sp = &lm->split[lm->score.split];
    if (row >= lm->score.cap) return TASK_ALONE;
    if (load_row(lm, sp, row, e)) return -1;
    const struct lm_row *r = sp->cache[row];
    return r->labels_from < r->n ? r->n : 0;
}

/* ---- micro-batches ------------------------------------------------------------------------------------- */

/* The arrays of a batch of `tokens` tokens in one zeroed block. */
static struct lm_batch *batch_new(struct lm *lm, int tokens, int rows, int labels) {
    size_t own = (sizeof(struct lm_batch) + 7) / 8 * 8, packed = batch_bytes(tokens, 0, false);
    size_t bytes = own + packed + ((size_t)rows + 1 + 2 * (size_t)labels) * sizeof(int32_t);
    struct lm_batch *b = mem_alloc(lm->mem, MEM_DATA, bytes);
    batch_place(&b->b, (char *)b + own, tokens, 0, false);
    b->bytes = bytes;
    b->rows = rows;
    b->labels = labels;
    b->group = -1;
    b->row_labels = (int32_t *)(void *)((char *)b + own + packed);
    b->at = b->row_labels + rows + 1;
    b->target = b->at + labels;
    b->tb.tokens = tokens;
    b->tb.weight = labels;
    return b;
}

static void batch_add_row(struct lm_batch *b, const struct lm_row *r, long row, int *label) {
    int first = batch_add(&b->b, r->n, row);
    memcpy(b->b.ids + first, r->ids, (size_t)r->n * sizeof *r->ids);
    for (int t = r->labels_from; t < r->n; t++) {
        b->at[*label] = first + t - 1;
        b->target[(*label)++] = r->ids[t];
    }
}

static struct lm_batch *make_batch(struct lm *lm, struct lm_split *sp, const long *rows, int n,
                                   struct err *e) {
    int tokens = 0, labels = 0;
    for (int i = 0; i < n; i++) {
        if (load_row(lm, sp, rows[i], e)) return NULL;
        const struct lm_row *r = sp->cache[rows[i]];
        if (r->labels_from == r->n) continue;
        tokens += r->n;
        labels += r->n - r->labels_from;
    }
    struct lm_batch *b = batch_new(lm, tokens, n, labels);
    int label = 0;
    for (int i = 0; i < n; i++) {
        const struct lm_row *r = sp->cache[rows[i]];
        if (r->labels_from < r->n) batch_add_row(b, r, rows[i], &label);
        b->row_labels[i + 1] = label;
    }
    return b;
}

static struct task_batch *lm_batch(void *state, const long *rows, int n, struct err *e) {
    struct lm *lm = state;
    struct lm_batch *b = make_batch(lm, &lm->split[SPLIT_TRAIN], rows, n, e);
    return b ? &b->tb : NULL;
}

static void lm_batch_free(void *state, struct task_batch *tb) {
    struct lm *lm = state;
    if (!tb) return;
    generation_close(&((struct lm_batch *)tb)->texts);
    mem_free(lm->mem, MEM_DATA, tb, ((struct lm_batch *)tb)->bytes);
}

/* ---- passes -------------------------------------------------------------------------------------------- */

static void lm_layout(void *state, struct task_net *tn, const struct task_batch *tb, bool train) {
    struct lm *lm = state;
    struct lm_batch *b = (struct lm_batch *)tb;
    struct net *net = tn->net;
    if (b->group >= 0) {
        lm_texts_open(&lm->score.texts, b->group, tn, &b->texts);
        return;
    }
    int D = tn->facts.hidden, nl = panels(b->labels);
    net_draw(net, train ? b->b.row : NULL, b->b.pos);
    tn->model->layout(tn->model_state, net, b->b.np, train);
    b->h = net_keep(net, MEM_SCRATCH, nl, D);
    b->nll = net_keep(net, MEM_SCRATCH, nl, 1);
    b->top1 = train ? NULL : arena_alloc(&net->tape, MEM_SCRATCH, (size_t)b->labels * sizeof *b->top1);
    if (!train) return;
    b->dh = net_keep(net, MEM_SCRATCH, nl, D);
    b->dhidden = net_keep(net, MEM_SCRATCH, b->b.np, D);
}

/* Forward to the hidden states of the labelled positions and their losses; with `train` the gradient of scale
 * times those. */
static void run_loss(struct task_net *tn, struct lm_batch *b, bool train, double scale) {
    struct net *net = tn->net;
    struct param *head = tn->facts.head, *bias = tn->facts.head_bias;
    int D = tn->facts.hidden;
    const float *hidden = tn->model->forward(tn->model_state, net, &b->b);
    panel_gather(net->team, b->h, D, hidden, D, D, b->at, b->labels);
    xent(net->team, b->nll, b->top1, train ? b->dh : NULL, D, train ? head->grad : NULL,
         train && bias ? bias->grad : NULL, &head->w, bias ? bias->value : NULL, b->h, D, b->labels,
         b->target, (float)scale);
}

static double row_loss(const struct lm_batch *b, int i) {
    double sum = 0;
    for (int j = b->row_labels[i]; j < b->row_labels[i + 1]; j++) sum += b->nll[j];
    return sum;
}

static void add_score(struct lm_score *x, const struct lm_batch *b, int i) {
    long n = b->row_labels[i + 1] - b->row_labels[i], hits = 0;
    if (!n) return;
    for (int j = b->row_labels[i]; j < b->row_labels[i + 1]; j++) hits += b->top1[j] == b->target[j];
    double loss = row_loss(b, i);
    x->loss += loss;
    x->hits += (double)hits;
    x->exact += hits == n;
    x->row[b->items[i]] = (struct lm_row_score){loss, n};
}

static double lm_run(void *state, struct task_net *tn, const struct task_batch *tb, bool train,
                     double scale) {
    struct lm *lm = state;
    struct lm_batch *b = (struct lm_batch *)tb;
    double sum = 0;
    if (b->group >= 0) {
        lm_texts_run(&lm->score.texts, b->group, &b->texts, &lm->stops);
        return 0;
    }
    run_loss(tn, b, train, scale);
    for (int i = 0; i < b->rows; i++)
        if (train)
            sum += row_loss(b, i);
        else
            add_score(&lm->score, b, i);
    if (!train) return 0;
    panel_scatter(tn->net->team, b->dhidden, tn->facts.hidden, b->b.np, b->dh, tn->facts.hidden,
                  tn->facts.hidden, b->at, b->labels);
    tn->model->backward(tn->model_state, tn->net, &b->b, b->dhidden);
    return sum;
}

/* ---- scores -------------------------------------------------------------------------------------------- */

static const char nothing[] = "has a label within train.max_length: raise it, or shorten data.prompt";

/* Of the first two less is better; those from the fifth on are of generated texts. */
static const char *const lm_metrics[] = {"loss",       "perplexity", "accuracy", "exact_match",     "bleu",
                                         "bleu_lower", "nist",       "rouge_l",  "rouge_l_caption", "cider",
                                         NULL};
enum { LM_PLAIN_METRICS = 4 };

static const char *lm_metric_goal(const char *name) {
    for (int i = 0; lm_metrics[i]; i++)
        if (!strcmp(lm_metrics[i], name)) return i < 2 ? "minimize" : "maximize";
    return NULL;
}

static const char *lm_metric_needs(const json_t *config, const char *name) {
    for (int i = LM_PLAIN_METRICS; lm_metrics[i]; i++)
        if (!strcmp(lm_metrics[i], name) && !json_is_integer(cfg_get(config, "generate.max_tokens")))
            return "generate.max_tokens";
    return NULL;
}

/* The prompts of the split's rows, as many as are wanted: `scored` of them are scored. A row without room for
 * a token beside its prompt has none. */
static int gather_prompts(struct lm *lm, struct lm_split *sp, long scored, struct err *e) {
    long rows = lm->generate_rows < 0    ? scored
                : lm->generate_rows == 0 ? sp->count
                                         : MIN_OF(lm->generate_rows, sp->count);
    lm->full = lm->tight = 0;
    for (long i = 0; lm->new_tokens && i < rows; i++) {
        struct strbuf ref = {0};
        int rc = load_row(lm, sp, i, e);
        if (!rc) rc = template_render(sp->completion, i, &ref, e);
        const struct lm_row *r = sp->cache[i];
        int room = rc ? 0 : lm->max_length - r->prompt;
        lm->full += room <= 0;
        lm->tight += room > 0 && room < lm->new_tokens;
        if (!rc && r->prompt > 0 && room > 0)
            lm_texts_add(&lm->score.texts, i, r->ids, r->prompt, MIN_OF(lm->new_tokens, room),
                         ref.s ? ref.s : xstrdup(""));
        else
            strbuf_release(&ref);
        if (rc) return rc;
    }
    lm_texts_group(&lm->score.texts);
    return 0;
}

static int lm_score_begin(void *state, struct task_net *tn, enum split s, long rows, long *items,
                          struct err *e) {
    (void)tn;
    struct lm *lm = state;
    *items = rows > 0 ? MIN_OF(rows, lm->split[s].count) : lm->split[s].count;
    lm->score = (struct lm_score){.split = s, .cap = *items, .texts = {.tok = lm->tok}};
    lm->score.row = mem_alloc(lm->mem, MEM_DATA, (size_t)*items * sizeof *lm->score.row);
    for (long i = 0; i < *items && !lm->mem->counting; i++) lm->score.row[i].labels = 0;
    int rc = gather_prompts(lm, &lm->split[s], *items, e);
    if (rc) release_score(lm);
    *items += lm->score.texts.groups;
    return rc;
}

static struct task_batch *group_batch(struct lm *lm, int group) {
    struct lm_batch *b = batch_new(lm, 0, 0, 0);
    b->group = group;
    b->tb.tokens = lm_texts_tokens(&lm->score.texts, group);
    b->tb.weight = 1; /* it is to be run */
    return &b->tb;
}

static struct task_batch *lm_score_batch(void *state, const long *items, int n, struct err *e) {
    struct lm *lm = state;
    if (items[0] >= lm->score.cap) return group_batch(lm, (int)(items[0] - lm->score.cap));
    struct lm_batch *b = make_batch(lm, &lm->split[lm->score.split], items, n, e);
    if (!b) return NULL;
    b->items = items;
    lm->score.weight += b->tb.weight;
    for (int i = 0; i < n; i++) {
        bool scored = b->row_labels[i + 1] > b->row_labels[i];
        lm->score.rows += scored;
        lm->score.cut += scored && lm->split[lm->score.split].cache[items[i]]->cut;
    }
    return &b->tb;
}

static void tell_score(const struct lm_score *x, const struct task_tell *tell) {
    const double v[] = {x->loss / x->weight, exp(x->loss / x->weight), x->hits / x->weight,
                        (double)x->exact / (double)x->rows};
    for (size_t i = 0; i < LM_PLAIN_METRICS; i++) tell->metric(tell->arg, lm_metrics[i], v[i]);
    for (long i = 0; i < x->cap; i++)
        if (x->row[i].labels > 0)
            tell->item(tell->arg, "loss", i, x->row[i].loss / (double)x->row[i].labels,
                       (double)x->row[i].labels);
    tell->count(tell->arg, &(struct score_count){"rows", x->rows, x->cap - x->rows, x->cut});
    lm_texts_tell(&x->texts, tell);
}

static int lm_score_end(void *state, struct task_net *tn, const struct task_tell *tell, struct err *e) {
    (void)tn;
    struct lm *lm = state;
    if (tell && lm->score.weight > 0) tell_score(&lm->score, tell);
    release_score(lm);
    return lm->score.weight > 0 ? 0
                                : err_set(e, ERR_USER, "no %s row %s", split_name(lm->score.split), nothing);
}

static void lm_remarks(void *state, remark_fn *say, void *arg) {
    struct lm *lm = state;
    for (int s = 0; s < SPLIT_COUNT; s++) {
        const struct lm_split *sp = &lm->split[s];
        const char *name = split_name((enum split)s);
        remark_count(say, arg, "skipped", sp->skipped,
                     "%ld %s rows have no label within train.max_length and were left out", sp->skipped,
                     name);
        remark_count(
            say, arg, "cut", sp->cut,
            "%ld %s rows are longer than %d tokens (train.max_length) and were cut: of their completion "
            "only the beginning counts",
            sp->cut, name, lm->max_length);
        remark_count(say, arg, "special", sp->special, SPECIAL_REMARK, sp->special, name, "rows");
        remark_count(
            say, arg, "start token", sp->twice,
            "%ld %s rows begin with the start token that the tokenizer adds: they have two; leave it "
            "out of data.prompt",
            sp->twice, name);
    }
    remark_count(say, arg, "skipped", lm->full,
                 "%ld prompts leave no room within train.max_length and are not continued", lm->full);
    remark_count(
        say, arg, "cut", lm->tight,
        "%ld prompts leave room for fewer than %d tokens (generate.max_tokens) within train.max_length",
        lm->tight, lm->new_tokens);
}

const struct task task_lm = {
    .name = "lm",
    .summary = "language modelling: prompt -> completion, loss per completion token",
    .task_type = "CAUSAL_LM",
    .texts = true,
    .opts = lm_opts,
    .default_metric = "eval/loss",
    .default_goal = "minimize",
    .metrics = lm_metrics,
    .metric_goal = lm_metric_goal,
    .metric_needs = lm_metric_needs,
    .nothing = nothing,
    .open = lm_open,
    .free = lm_free,
    .rows = lm_rows,
    .batch = lm_batch,
    .batch_free = lm_batch_free,
    .layout = lm_layout,
    .run = lm_run,
    .score_begin = lm_score_begin,
    .item_tokens = lm_item_tokens,
    .score_batch = lm_score_batch,
    .score_end = lm_score_end,
    .remarks = lm_remarks,
};
