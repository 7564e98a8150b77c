/* SPDX-License-Identifier: Apache-2.0 */
/* classify.c - texts to classes: a linear head on the pooled hidden states of a text, softmax cross-entropy.
 *
 * The head has the form and the names of transformers' class for the architecture (class_head.h): decoders
 * the last token and score, BERT its pooler and classifier, RoBERTa a classifier of two layers. With
 * embedding.pooling given it is one layer on that vector, as it is where BERT's file lacks the pooler.
 * Classes
 * that a model's folder brings along (id2label and such tensors) are taken with the head where they are those
 * of the data. Labels: those of
 * the training rows, sorted, or data.labels. The loss is the sum over texts, its weight their number. Rows
 * with a blank text are left out and counted. */
#include "experiments/tasks/classify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/tasks/class_head.h"
#include "experiments/tasks/data_opts.h"
#include "experiments/tasks/metrics.h"
#include "experiments/tasks/texts.h"
#include "harness/config/cfg.h"
#include "harness/nn/kernels/xent.h"

static const struct opt classify_opts[] = {
    DATA_FILE_OPTS,
    {"data.text", OPT_STR, NULL, 0, 0, NULL, "template of the text, as \"{title}: {body}\""},
    {"data.text2", OPT_STR, NULL, 0, 0, NULL, "template of a second text that is read behind the first"},
    {"data.label", OPT_STR, NULL, 0, 0, NULL, "template of the class, as \"{label}\""},
    {"data.labels", OPT_ANY, NULL, 0, 0, NULL,
     "list of the classes, in the order of the head's outputs (default: those of the training rows, sorted)"},
    {"embedding.pooling", OPT_ENUM, NULL, 0, 0, "mean|cls|last|max",
     "hidden states of a text to one vector (default: the model's own)"},
    OPT_END,
};

struct score {
    enum split split;
    long cap;     /* rows asked for */
    double *loss; /* [cap], -1: left out */
    bool *right;  /* [cap] */
    long *table;  /* [labels][labels]: truth, predicted */
    double sum;
    long rows;
};

struct classify {
    struct mem *mem;
    struct embedder *E;
    struct dataset *data;
    struct labels labels;
    struct texts split[SPLIT_COUNT];
    struct template *label[SPLIT_COUNT];
    struct class_head head;
    bool read_head;  /* as the model's file has it */
    bool other_head; /* the file has one of other classes */
    bool lacks_pooler;
    struct score score;
};

struct class_batch {
    struct task_batch tb;
    int n;
    struct embed_batch *texts;
    int32_t *target; /* [n] */
    long *row;       /* [n]: row of the split */
    struct class_pass pass;
    float *d; /* [n, D]: the gradient of the embeddings, of one pass */
};

/* ---- opening ------------------------------------------------------------------------------------------- */

static void release_score(struct classify *c) {
    struct score *x = &c->score;
    mem_free(c->mem, MEM_DATA, x->loss, (size_t)x->cap * sizeof *x->loss);
    mem_free(c->mem, MEM_DATA, x->right, (size_t)x->cap * sizeof *x->right);
    mem_free(c->mem, MEM_DATA, x->table, (size_t)c->labels.n * (size_t)c->labels.n * sizeof *x->table);
    x->loss = NULL, x->right = NULL, x->table = NULL;
}

static void classify_free(void *state) {
    struct classify *c = state;
    if (!c) return;
    release_score(c);
    for (int s = 0; s < SPLIT_COUNT; s++) {
        texts_release(&c->split[s]);
        template_free(c->label[s]);
    }
    labels_release(&c->labels);
    embedder_close(c->E);
    data_free(c->data);
    free(c);
}

static int open_split(struct classify *c, enum split s, const struct rows *rows, struct err *e) {
    if (!rows) return 0;
    texts_init(&c->split[s], c->E, rows, c->data->special_tokens);
    int rc =
        texts_add(&c->split[s], "text", data_template(c->data, "text", 0), embedder_prompt(c->E, NULL), e);
    const char *second = data_template(c->data, "text2", 0);
    if (!rc && second) rc = texts_add(&c->split[s], "text2", second, NULL, e);
    if (!rc && second) rc = texts_pair(&c->split[s], e);
    if (!rc && template_compile(&c->label[s], data_template(c->data, "label", 0), rows, e))
        rc = err_wrap(e, "data.label");
    return rc;
}

/* The classes, and whether the model's own head knows them: those given, else those of the training rows,
 * else
 * the model's. */
static int choose_labels(struct classify *c, const json_t *list, const struct labels *own, bool plain,
                         struct err *e) {
    if (list && !json_is_null(list)) {
        int rc = labels_given(&c->labels, list, e);
        c->read_head = !rc && own->n == c->labels.n && (plain || labels_same(own, &c->labels));
        return rc;
    }
    if (c->label[SPLIT_TRAIN]) {
        int rc = labels_found(&c->labels, c->label[SPLIT_TRAIN], c->data->train, e);
        c->read_head = !rc && own->n && (plain ? own->n == c->labels.n : labels_within(&c->labels, own));
        if (!c->read_head || plain) return rc;
        labels_release(&c->labels);
    } else if (!own->n) {
        return err_set(e, ERR_USER,
                       "task classify: without training rows the classes are not known: give data.labels, in "
                       "the order of training");
    }
    c->read_head = true;
    json_t *names = labels_json(own);
    int rc = labels_given(&c->labels, names, e);
    json_decref(names);
    return rc;
}

static int read_labels(struct classify *c, const json_t *config, struct err *e) {
    const char *path = cfg_str(config, "model_path"), *init = cfg_str(config, "init_path");
    struct labels own = {0}, before = {0};
    struct modelfile *f = NULL;
    bool plain = false, ignored;
    int rc = dir_exists(path) ? modelfile_open(&f, path, e) : 0;
    if (f && modelfile_find(f, class_head_output(c->head.form)))
        rc = labels_of_folder(&own, path, &plain, NULL, e);
    modelfile_close(f);
    if (!rc) rc = choose_labels(c, cfg_get(config, "data.labels"), &own, plain, e);
    c->other_head = !rc && own.n && !c->read_head;
    if (!rc && init) rc = labels_of_folder(&before, init, &ignored, NULL, e);
    if (!rc && before.n && !labels_same(&before, &c->labels))
        rc = err_set(e, ERR_USER,
                     "init: %s was trained on other classes, or in another order: give them as data.labels "
                     "(its task.json has them)",
                     init);
    labels_release(&own);
    labels_release(&before);
    c->head.classes = c->labels.n;
    return rc;
}

/* The head's form and, with it, how texts are pooled: NULL is the folder's way. */
static const char *choose_form(struct classify *c, const json_t *config, const struct model_facts *facts) {
    const char *given = cfg_str(config, "embedding.pooling");
    c->lacks_pooler = !given && facts->class_head == CLASS_NONE;
    c->head.form = facts->causal                      ? HEAD_SCORE
                   : given || c->lacks_pooler         ? HEAD_PLAIN
                   : facts->class_head == CLASS_DENSE ? HEAD_DENSE
                                                      : HEAD_POOLER;
    return given || c->lacks_pooler ? given : facts->causal ? "last" : "cls";
}

static int classify_open(void **ret, const json_t *config, struct mem *mem, struct tokenizer *tok,
                         const struct model_facts *facts, struct err *e) {
    struct classify *c = xcalloc(1, sizeof *c);
    struct embed_options o = {.pooling = choose_form(c, config, facts),
                              .normalize = 0,
                              .max_length = (int)cfg_int(config, "train.max_length")};
    c->mem = mem;
    int rc = embedder_open(&c->E, cfg_str(config, "model_path"), tok, facts, &o, mem, e);
    if (!rc) rc = data_open(&c->data, cfg_get(config, "data"), e);
    if (!rc && !(data_template(c->data, "text", 0) && data_template(c->data, "label", 0)))
        rc = err_set(
            e, ERR_USER,
            "task classify needs data.text and data.label: templates such as \"{sentence}\" and \"{label}\"");
    const struct rows *rows[] = {rc ? NULL : c->data->train, rc ? NULL : c->data->eval,
                                 rc ? NULL : c->data->test};
    for (int s = 0; s < SPLIT_COUNT && !rc; s++) rc = open_split(c, (enum split)s, rows[s], e);
    if (!rc) rc = read_labels(c, config, e);
    if (!rc) c->head.D = embedder_dim(c->E);
    if (rc)
        classify_free(c);
    else
        *ret = c;
    return rc;
}

static int classify_declare(void *state, struct net *net, struct err *e) {
    struct classify *c = state;
    return class_head_declare(&c->head, net, c->read_head, e);
}

/* What `bench eval` and merging want to know of an adapter's head. */
static json_t *classify_describe(const void *state) {
    const struct classify *c = state;
    json_t *d = json_pack("{ss,so}", "task", "classify", "labels", labels_json(&c->labels));
    if (c->head.form == HEAD_PLAIN) json_object_set_new(d, "pooling", json_string(embedder_pooling(c->E)));
    return d;
}

static long classify_rows(void *state, enum split s) {
    return texts_rows(&((struct classify *)state)->split[s]);
}

/* ---- micro-batches ------------------------------------------------------------------------------------- */

static void classify_batch_free(void *state, struct task_batch *tb) {
    struct classify *c = state;
    struct class_batch *b = (struct class_batch *)tb;
    if (!b) return;
    embedder_batch_free(c->E, b->texts);
    free(b->target);
    free(b->row);
    free(b);
}

/* Text and label of a row into the batch. 0: done or left out. */
static int add_row(struct classify *c, enum split s, long row, struct class_batch *b,
                   const struct embed_text **text, int64_t *key, struct err *e) {
    int full = texts_row(&c->split[s], row, e), label;
    if (full < 0) return ERR_USER;
    if (!full) return 0;
    if ((label = labels_of(&c->labels, c->label[s], c->split[s].rows, row, e)) < 0) return ERR_USER;
    text[b->n] = texts_whole(&c->split[s], row, e);
    key[b->n] = row;
    b->target[b->n] = label;
    b->row[b->n++] = row;
    b->tb.tokens += text[b->n - 1]->n;
    return 0;
}

static struct task_batch *make_batch(struct classify *c, enum split s, const long *rows, int n,
                                     struct err *e) {
    struct class_batch *b = xcalloc(1, sizeof *b);
    const struct embed_text **text = xcalloc((size_t)n, sizeof(struct embed_text *));
    int64_t *key = xcalloc((size_t)n, sizeof *key);
    int rc = 0;
    b->target = xcalloc((size_t)n, sizeof *b->target);
    b->row = xcalloc((size_t)n, sizeof *b->row);
    for (int i = 0; i < n && !rc; i++) rc = add_row(c, s, rows[i], b, text, key, e);
    if (!rc && b->n) b->texts = embedder_batch_new(c->E, text, key, b->n);
    b->tb.weight = b->n;
    free(key);
    free(text);
    if (!rc) return &b->tb;
    classify_batch_free(c, &b->tb);
    return NULL;
}

static struct task_batch *classify_batch(void *state, const long *rows, int n, struct err *e) {
    return make_batch(state, SPLIT_TRAIN, rows, n, e);
}

/* ---- passes -------------------------------------------------------------------------------------------- */

static void classify_layout(void *state, struct task_net *tn, const struct task_batch *tb, bool train) {
    struct classify *c = state;
    struct class_batch *b = (struct class_batch *)tb;
    size_t bytes = (size_t)b->n * (size_t)c->head.D * sizeof *b->d;
    embedder_layout(c->E, tn, b->texts, train ? EMBED_TRAIN : EMBED_SCORE);
    class_head_layout(&c->head, tn->net, &b->pass, b->n, train);
    b->d = train ? arena_alloc(&tn->net->tape, MEM_SCRATCH, bytes) : NULL;
}

static void add_score(struct classify *c, const struct class_batch *b) {
    struct score *x = &c->score;
    for (int i = 0; i < b->n; i++) {
        x->loss[b->row[i]] = (double)b->pass.nll[i];
        x->right[b->row[i]] = b->pass.top1[i] == b->target[i];
        x->table[b->target[i] * c->labels.n + b->pass.top1[i]]++;
        x->sum += (double)b->pass.nll[i];
    }
}

static double classify_run(void *state, struct task_net *tn, const struct task_batch *tb, bool train,
                           double scale) {
    struct classify *c = state;
    struct class_batch *b = (struct class_batch *)tb;
    class_head_run(&c->head, tn->net, &b->pass, embedder_forward(c->E, tn, b->texts), b->n, b->target,
                   train ? b->d : NULL, scale);
    if (!train) {
        add_score(c, b);
        return 0;
    }
    embedder_backward(c->E, tn, b->texts, b->d);
    double sum = 0;
    for (int i = 0; i < b->n; i++) sum += (double)b->pass.nll[i];
    return sum;
}

/* ---- scores -------------------------------------------------------------------------------------------- */

static const char nothing[] = "has a text: all are blank";

static const char *const classify_metrics[] = {"loss", "accuracy", "f1", "f1_macro", "matthews", NULL};

static const char *classify_metric_goal(const char *name) {
    for (int i = 0; classify_metrics[i]; i++)
        if (!strcmp(classify_metrics[i], name)) return i < 1 ? "minimize" : "maximize";
    return NULL;
}

static int classify_score_begin(void *state, struct task_net *tn, enum split s, long rows, long *items,
                                struct err *e) {
    (void)tn, (void)e;
    struct classify *c = state;
    struct score *x = &c->score;
    long n = texts_rows(&c->split[s]);
    *items = rows > 0 ? MIN_OF(rows, n) : n;
    *x = (struct score){.split = s, .cap = *items};
    x->loss = mem_alloc(c->mem, MEM_DATA, (size_t)x->cap * sizeof *x->loss);
    x->right = mem_alloc(c->mem, MEM_DATA, (size_t)x->cap * sizeof *x->right);
    x->table = mem_alloc(c->mem, MEM_DATA, (size_t)c->labels.n * (size_t)c->labels.n * sizeof *x->table);
    for (long i = 0; i < x->cap && !c->mem->counting; i++) x->loss[i] = -1;
    return 0;
}

static long classify_item_tokens(void *state, long item, struct err *e) {
    struct classify *c = state;
    int full = texts_row(&c->split[c->score.split], item, e);
    return full < 0 ? -1 : full ? texts_whole(&c->split[c->score.split], item, e)->n : 0;
}

static struct task_batch *classify_score_batch(void *state, const long *items, int n, struct err *e) {
    struct classify *c = state;
    struct task_batch *b = make_batch(c, c->score.split, items, n, e);
    if (b) c->score.rows += ((struct class_batch *)b)->n;
    return b;
}

static void tell_score(const struct classify *c, const struct task_tell *tell) {
    const struct score *x = &c->score;
    int n = c->labels.n;
    double loss = x->sum / (double)x->rows, macro = metric_f1_macro(x->table, n);
    const double v[] = {loss, metric_accuracy(x->table, n), n == 2 ? metric_f1(x->table, n, 1) : macro, macro,
                        metric_matthews(x->table, n)};
    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        tell->metric(tell->arg, classify_metrics[i], isnan(loss) ? NAN : v[i]);
    for (long i = 0; i < x->cap; i++) {
        if (x->loss[i] == -1) continue;
        tell->item(tell->arg, "loss", i, x->loss[i], 1);
        tell->item(tell->arg, "accuracy", i, x->right[i], 1);
    }
    tell->count(tell->arg, &(struct score_count){"rows", x->rows, x->cap - x->rows, c->split[x->split].cut});
}

static int classify_score_end(void *state, struct task_net *tn, const struct task_tell *tell, struct err *e) {
    (void)tn;
    struct classify *c = state;
    if (tell && c->score.rows) tell_score(c, tell);
    release_score(c);
    return c->score.rows ? 0 : err_set(e, ERR_USER, "no %s row %s", split_name(c->score.split), nothing);
}

static void classify_remarks(void *state, remark_fn *say, void *arg) {
    struct classify *c = state;
    if (c->lacks_pooler)
        say(arg, "head",
            "the model's file has no pooler, which transformers' class would draw at random: the head is one "
            "layer on the pooled text, and its adapters are this program's alone");
    if (c->other_head)
        say(arg, "head", "the model's own head is of other classes than the data's: a new one was drawn");
    for (int s = 0; s < SPLIT_COUNT; s++)
        texts_remarks(&c->split[s], split_name((enum split)s), embedder_max_length(c->E), say, arg);
}

/* Heads of runs before the classes of transformers were followed were one layer on the model's own pooling.
 * */
static void classify_identity(const json_t *config, json_t *hashed) {
    if (!cfg_str(config, "embedding.pooling")) json_object_set_new(hashed, "head", json_string("class"));
}

const struct task task_classify = {
    .name = "classify",
    .summary = "texts to classes: a linear head on the pooled hidden states",
    .task_type = "SEQ_CLS",
    .texts = true,
    .opts = classify_opts,
    .identity = classify_identity,
    .default_metric = "eval/accuracy",
    .default_goal = "maximize",
    .metrics = classify_metrics,
    .metric_goal = classify_metric_goal,
    .nothing = nothing,
    .open = classify_open,
    .free = classify_free,
    .declare = classify_declare,
    .describe = classify_describe,
    .rows = classify_rows,
    .batch = classify_batch,
    .batch_free = classify_batch_free,
    .layout = classify_layout,
    .run = classify_run,
    .score_begin = classify_score_begin,
    .item_tokens = classify_item_tokens,
    .score_batch = classify_score_batch,
    .score_end = classify_score_end,
    .remarks = classify_remarks,
};
