/* SPDX-License-Identifier: Apache-2.0 */
/* pictures.h - for tests: what no text is. An architecture that reads vectors (patches of a picture), a task
 * without tokenizer over it, and a task of two towers, texts and pictures on one net.
 *
 * A picture is a file of bytes, in patches of PATCH; rows name it beside a text or a label. */
#ifndef BENCH_TESTS_PICTURES_H
#define BENCH_TESTS_PICTURES_H

#include "experiments/models/reader.h"
#include "harness/core/data.h"
#include "harness/core/embed.h"
#include "harness/nn/kernels/pool.h"
#include "tests/engine.h"
#include "harness/nn/kernels/layers.h"
#include "harness/nn/kernels/xent.h"

enum { PATCH = 16, CLASSES = 2, MAX_PICTURES = 64 };

/* ---- the architecture: y = W2 gelu(W1 x + b1) + b2 of each patch --------------------------------------- */

struct patches {
    int d_in, hidden, width;
    struct site *in, *out;
    /* of a pass: [np][width][32] before and after the activation, its gradient; [np][hidden][32] */
    float *h, *g, *dg, *y;
};

static struct site *patches_site(struct reader *r, struct net *net, const char *kind, int d_out, int d_in) {
    char *weight = xasprintf("%s.weight", kind), *bias = xasprintf("%s.bias", kind);
    struct param *W = reader_param(
        r, net, &(struct reader_tensor){.file = weight, .name = weight, .rows = d_out, .cols = d_in});
    struct param *b =
        reader_param(r, net, &(struct reader_tensor){.file = bias, .name = bias, .cols = d_out});
    free(weight), free(bias);
    return W && b ? net_site(net, kind, kind, kind, 0, W, b) : NULL;
}

static int patches_build(struct net *net, const struct modelfile *f, void **ret, struct err *e) {
    struct reader r = {f, modelfile_config(f), e, false};
    struct patches *p = xcalloc(1, sizeof *p);
    p->d_in = reader_int(&r, "patch", -1);
    p->hidden = reader_int(&r, "hidden", -1);
    p->width = reader_int(&r, "width", -1);
    p->in = patches_site(&r, net, "project", p->width, p->d_in);
    p->out = patches_site(&r, net, "mix", p->hidden, p->width);
    if (r.failed) free(p);
    if (!r.failed) *ret = p;
    return r.failed ? ERR_USER : 0;
}

static bool patches_match(const struct modelfile *f) { return reader_is(f, "patches"); }
static void patches_bound(void *state, struct net *net) { (void)state, (void)net; }

static void patches_facts(const void *state, struct model_facts *f) {
    const struct patches *p = state;
    *f = (struct model_facts){
        .hidden = p->hidden, .d_in = p->d_in, .layers = 1, .max_positions = 4096, .bos_id = -1};
}

static void patches_layout(void *state, struct net *net, int np, bool train) {
    struct patches *p = state;
    p->h = net_keep(net, train ? MEM_ACT : MEM_SCRATCH, np, p->width);
    p->g = net_keep(net, train && p->out->need_x ? MEM_ACT : MEM_SCRATCH, np, p->width);
    p->y = net_keep(net, MEM_SCRATCH, np, p->hidden);
    site_layout(net, p->in, np);
    site_layout(net, p->out, np);
    if (train) p->dg = net_keep(net, MEM_SCRATCH, np, p->width);
}

static const float *patches_forward(void *state, struct net *net, const struct batch *b) {
    struct patches *p = state;
    assert_int_equal(b->d_in, p->d_in);
    site_forward(net, p->in, b->features, p->d_in, p->h, p->width, b->np);
    gelu_forward(net->team, p->g, p->width, p->h, p->width, p->width, b->np);
    site_forward(net, p->out, p->g, p->width, p->y, p->hidden, b->np);
    return p->y;
}

static void patches_backward(void *state, struct net *net, const struct batch *b, float *dh) {
    struct patches *p = state;
    panel_zero(net->team, p->dg, p->width, p->width, b->np);
    site_backward(net, p->out, p->g, p->width, dh, p->hidden, p->dg, p->width, b->np);
    gelu_backward(net->team, p->h, p->width, p->dg, p->width, p->h, p->width, p->width, b->np);
    site_backward(net, p->in, b->features, p->d_in, p->h, p->width, NULL, 0, b->np);
}

static const struct model model_patches = {
    .name = "patches",
    .summary = "for tests: patches of a picture, each by itself",
    .match = patches_match,
    .build = patches_build,
    .free = free,
    .facts = patches_facts,
    .bound = patches_bound,
    .layout = patches_layout,
    .forward = patches_forward,
    .backward = patches_backward,
};

/* ---- the tasks ----------------------------------------------------------------------------------------- */

struct pictures {
    struct mem *mem;
    struct dataset *data;
    struct template *image[SPLIT_COUNT], *words[SPLIT_COUNT]; /* words: a label, or the text */
    char *tower_path;
    struct embedder *E;          /* of the text tower; NULL: pictures alone */
    struct modelfile *file;      /* of the picture tower */
    struct task_net tower;       /* it, where the configuration's model reads the texts */
    struct param *weight, *bias; /* classes: [CLASSES, hidden], [CLASSES] */
    enum split split;            /* of the score in progress */
    double sum, n;
};

struct pictures_batch {
    struct task_batch tb;
    struct batch b;
    void *block;
    size_t bytes;
    int n;
    int32_t first[MAX_PICTURES + 1], label[MAX_PICTURES];
    struct embed_batch *texts;
    bool train;
    /* of a pass */
    float *rows, *drows, *dhidden, *h, *dh, *nll;
};

static struct rows *pictures_rows_of(const struct pictures *p, enum split s) {
    return s == SPLIT_TRAIN ? p->data->train : s == SPLIT_EVAL ? p->data->eval : p->data->test;
}

static void pictures_free(void *state) {
    struct pictures *p = state;
    for (int s = 0; s < SPLIT_COUNT; s++) template_free(p->image[s]), template_free(p->words[s]);
    embedder_close(p->E);
    modelfile_close(p->file);
    data_free(p->data);
    free(p->tower_path);
    free(p);
}

static int pictures_open(void **ret, const json_t *config, struct mem *mem, struct tokenizer *tok,
                         const struct model_facts *facts, struct err *e) {
    struct pictures *p = xcalloc(1, sizeof *p);
    int rc = data_open(&p->data, cfg_get(config, "data"), e);
    p->mem = mem;
    assert_true(facts->d_in ? !tok : tok != NULL);
    if (!rc && tok) {
        struct embed_options o = {.pooling = "mean"};
        rc = embedder_open(&p->E, cfg_str(config, "model_path"), tok, facts, &o, mem, e);
        p->tower_path = xstrdup(cfg_str(config, "image_model"));
    }
    for (int s = 0; s < SPLIT_COUNT && !rc; s++) {
        struct rows *r = pictures_rows_of(p, (enum split)s);
        if (!r) continue;
        rc = template_compile(&p->image[s], data_template(p->data, "image", 0), r, e);
        if (!rc) rc = template_compile(&p->words[s], data_template(p->data, tok ? "text" : "label", 0), r, e);
    }
    if (rc)
        pictures_free(p);
    else
        *ret = p;
    return rc;
}

static int pictures_declare(void *state, struct net *net, struct err *e) {
    struct pictures *p = state;
    if (p->E) {
        int rc = modelfile_open(&p->file, p->tower_path, e);
        const struct model *m = rc ? NULL : model_of(p->file, e);
        return m ? net_add_model(net, m, p->file, "image.", &p->tower, e) : ERR_USER;
    }
    p->weight = net_head(net, "classifier.weight", 2, CLASSES, 24);
    p->bias = net_head(net, "classifier.bias", 1, 1, CLASSES);
    if (!net->mem->counting)
        rng_fill_uniform(rng_make(net->seed, p->weight->name, 0), p->weight->value, CLASSES * 24, 0.2f);
    return 0;
}

static long pictures_rows(void *state, enum split s) {
    struct rows *r = pictures_rows_of(state, s);
    return r ? rows_count(r) : 0;
}

static void pictures_batch_free(void *state, struct task_batch *tb) {
    struct pictures *p = state;
    struct pictures_batch *b = (struct pictures_batch *)tb;
    if (!b) return;
    if (b->texts) embedder_batch_free(p->E, b->texts);
    mem_free(p->mem, MEM_DATA, b->block, b->bytes);
    free(b);
}

/* The texts of the rows, or their labels. */
static int pictures_words(struct pictures *p, struct pictures_batch *b, enum split s, const long *rows,
                          struct err *e) {
    struct embed_text *text[MAX_PICTURES];
    int64_t key[MAX_PICTURES];
    for (int i = 0; i < b->n; i++) {
        struct strbuf words = {0};
        if (template_render(p->words[s], rows[i], &words, e)) return ERR_USER;
        b->label[i] = atoi(words.s);
        key[i] = rows[i];
        if (p->E) text[i] = embedder_text_new(p->E, NULL, words.s, words.len, false, e);
        strbuf_release(&words);
    }
    if (!p->E) return 0;
    b->texts = embedder_batch_new(p->E, (const struct embed_text *const *)text, key, b->n);
    for (int i = 0; i < b->n; i++) embedder_text_free(p->E, text[i]);
    b->tb.tokens += b->texts->b.n;
    return 0;
}

static struct task_batch *pictures_make(struct pictures *p, enum split s, const long *rows, int n,
                                        struct err *e) {
    struct map picture[MAX_PICTURES];
    struct pictures_batch *b = xcalloc(1, sizeof *b);
    int tokens = 0;
    b->n = n;
    for (int i = 0; i < n; i++) {
        if (template_file(p->image[s], rows[i], &picture[i], e)) fail_msg("%s", e->msg);
        tokens += (int)picture[i].size / PATCH;
    }
    b->bytes = batch_bytes(tokens, PATCH, false);
    b->block = mem_alloc(p->mem, MEM_DATA, b->bytes);
    batch_place(&b->b, b->block, tokens, PATCH, false);
    for (int i = 0; i < n; i++) {
        int len = (int)picture[i].size / PATCH, at = batch_add(&b->b, len, rows[i]);
        for (int k = 0; k < len * PATCH; k++)
            *batch_feature(&b->b, at + k / PATCH, k % PATCH) = (float)picture[i].data[k] / 127.5f - 1;
        b->first[i + 1] = at + len;
        map_close(&picture[i]);
    }
    b->tb.tokens = tokens;
    b->tb.weight = n;
    if (!pictures_words(p, b, s, rows, e)) return &b->tb;
    pictures_batch_free(p, &b->tb);
    return NULL;
}

static struct task_batch *pictures_batch(void *state, const long *rows, int n, struct err *e) {
    return pictures_make(state, SPLIT_TRAIN, rows, n, e);
}

/* The model of the pictures: the configuration's, or the other one. */
static struct task_net *pictures_tower(struct pictures *p, struct task_net *tn) {
    return p->E ? &p->tower : tn;
}

static void pictures_layout(void *state, struct task_net *tn, const struct task_batch *tb, bool train) {
    struct pictures *p = state;
    struct pictures_batch *b = (struct pictures_batch *)tb;
    struct task_net *tower = pictures_tower(p, tn);
    struct net *net = tn->net;
    int D = tower->facts.hidden;
    size_t bytes = (size_t)b->n * (size_t)D * sizeof(float);
    b->train = train;
    if (p->E) embedder_layout(p->E, tn, b->texts, train ? EMBED_TRAIN : EMBED_SCORE);
    net_draw(net, train ? b->b.row : NULL, b->b.pos);
    tower->model->layout(tower->model_state, net, b->b.np, train);
    b->rows = arena_alloc(&net->tape, MEM_ACT, bytes);
    b->drows = arena_alloc(&net->tape, MEM_SCRATCH, bytes);
    b->dhidden = net_keep(net, MEM_SCRATCH, b->b.np, D);
    b->h = net_keep(net, MEM_SCRATCH, panels(b->n), D);
    b->dh = net_keep(net, MEM_SCRATCH, panels(b->n), D);
    b->nll = net_keep(net, MEM_SCRATCH, panels(b->n), 1);
}

/* The loss over the rows of the pictures, and its gradient there. */
static double pictures_classes(struct pictures *p, struct team *team, struct pictures_batch *b,
                               double scale) {
    double sum = 0;
    int D = p->weight->cols;
    panel_from_rows(team, b->h, D, b->rows, D, b->n);
    xent(team, b->nll, NULL, b->train ? b->dh : NULL, D, b->train ? p->weight->grad : NULL,
         b->train ? p->bias->grad : NULL, &p->weight->w, p->bias->value, b->h, D, b->n, b->label,
         (float)scale);
    if (b->train) panel_to_rows(team, b->drows, b->dh, D, D, b->n);
    for (int i = 0; i < b->n; i++) sum += (double)b->nll[i];
    return sum;
}

/* Half the squared distance of text and picture, by row; the text's gradient is sent back at once. */
static double pictures_distance(struct pictures *p, struct task_net *tn, struct pictures_batch *b,
                                double scale) {
    int n = b->n * tn->facts.hidden;
    const float *text = embedder_forward(p->E, tn, b->texts);
    float *back = xcalloc((size_t)n, sizeof *back);
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double d = (double)b->rows[i] - (double)text[i];
        sum += 0.5 * d * d;
        b->drows[i] = (float)(scale * d);
        back[i] = -b->drows[i];
    }
    if (b->train) embedder_backward(p->E, tn, b->texts, back);
    free(back);
    return sum;
}

static double pictures_run(void *state, struct task_net *tn, const struct task_batch *tb, bool train,
                           double scale) {
    struct pictures *p = state;
    struct pictures_batch *b = (struct pictures_batch *)tb;
    struct task_net *tower = pictures_tower(p, tn);
    struct net *net = tn->net;
    int D = tower->facts.hidden;
    net_draw(net, train ? b->b.row : NULL, b->b.pos);
    const float *hidden = tower->model->forward(tower->model_state, net, &b->b);
    pool_forward(net->team, POOL_MEAN, b->rows, NULL, hidden, D, D, b->first, b->n);
    double sum = p->E ? pictures_distance(p, tn, b, scale) : pictures_classes(p, net->team, b, scale);
    if (!train) p->sum += sum, p->n += b->n;
    if (!train) return 0;
    pool_backward(net->team, POOL_MEAN, b->dhidden, D, b->b.np, b->drows, NULL, D, b->first, b->n);
    net_draw(net, b->b.row, b->b.pos);
    tower->model->backward(tower->model_state, net, &b->b, b->dhidden);
    return sum;
}

static int pictures_score_begin(void *state, struct task_net *tn, enum split s, long rows, long *items,
                                struct err *e) {
    struct pictures *p = state;
    (void)tn, (void)e;
    *items = rows > 0 ? MIN_OF(rows, pictures_rows(p, s)) : pictures_rows(p, s);
    p->split = s;
    p->sum = p->n = 0;
    return 0;
}

static long pictures_item_tokens(void *state, long item, struct err *e) {
    (void)state, (void)item, (void)e;
    return 32;
}

static struct task_batch *pictures_score_batch(void *state, const long *items, int n, struct err *e) {
    struct pictures *p = state;
    return pictures_make(p, p->split, items, n, e);
}

static int pictures_score_end(void *state, struct task_net *tn, const struct task_tell *tell, struct err *e) {
    struct pictures *p = state;
    (void)tn, (void)e;
    if (tell) tell->metric(tell->arg, "loss", p->sum / p->n);
    if (tell) tell->count(tell->arg, &(struct score_count){.what = "rows", .scored = (long)p->n});
    return 0;
}

static const struct opt pictures_opts[] = {
    {"data.train", OPT_STR, NULL, 0, 0, NULL, "rows"},
    {"data.eval", OPT_STR, NULL, 0, 0, NULL, "rows"},
    {"data.image", OPT_STR, NULL, 0, 0, NULL, "template of the name of the picture's file"},
    {"data.label", OPT_STR, NULL, 0, 0, NULL, "template of its class"},
    {"data.text", OPT_STR, NULL, 0, 0, NULL, "template of what it shows"},
    {"image_model", OPT_STR, NULL, 0, 0, NULL, "folder of the model of the pictures"},
    OPT_END,
};
static const char *const pictures_metrics[] = {"loss", NULL};
static const char *pictures_metric_goal(const char *name) {
    return strcmp(name, "loss") != 0 ? NULL : "minimize";
}

#define PICTURES_TASK(NAME, TEXTS, TYPE)                                                                     \
    static const struct task task_##NAME = {                                                                 \
        .name = #NAME,                                                                                       \
        .task_type = TYPE,                                                                                   \
        .texts = TEXTS,                                                                                      \
        .opts = pictures_opts,                                                                               \
        .default_metric = "eval/loss",                                                                       \
        .default_goal = "minimize",                                                                          \
        .metrics = pictures_metrics,                                                                         \
        .metric_goal = pictures_metric_goal,                                                                 \
        .nothing = "has a picture",                                                                          \
        .open = pictures_open,                                                                               \
        .free = pictures_free,                                                                               \
        .declare = pictures_declare,                                                                         \
        .rows = pictures_rows,                                                                               \
        .batch = pictures_batch,                                                                             \
        .batch_free = pictures_batch_free,                                                                   \
        .layout = pictures_layout,                                                                           \
        .run = pictures_run,                                                                                 \
        .score_begin = pictures_score_begin,                                                                 \
        .item_tokens = pictures_item_tokens,                                                                 \
        .score_batch = pictures_score_batch,                                                                 \
        .score_end = pictures_score_end,                                                                     \
    }
PICTURES_TASK(pictures, false, "SEQ_CLS");
PICTURES_TASK(captions, true, "FEATURE_EXTRACTION");

#endif
