/* SPDX-License-Identifier: Apache-2.0 */
/* golden.h - for tests: a model folder against the values that make_golden.py wrote: logits (of an encoder
 * its hidden states), gradients at step 0, ten losses and the last one. A tensor's difference is max|a-b| /
 * max|b|.
 *
 * What is compared is told by cases.json, so that the committed files and live ones (tests/parity) take one
 * way. */
#ifndef BENCH_TESTS_GOLDEN_H
#define BENCH_TESTS_GOLDEN_H

#include "tests/engine.h"

#define TOL 1e-5

struct golden {
    struct modelfile *f;
    struct engine_batch batch;
    double lr;
};

static inline float *values(const struct modelfile *f, const char *name, size_t *n) {
    const struct tensor *t = modelfile_find(f, name);
    if (!t) return NULL;
    *n = t->bytes / sizeof(float);
    float *v = malloc(t->bytes + 1);
    memcpy(v, t->data, t->bytes);
    return v;
}

static inline double scalar(const struct modelfile *f, const char *name, double def) {
    size_t n = 0;
    float *v = values(f, name, &n);
    double x = v ? v[0] : def;
    free(v);
    return x;
}

static inline int *ints(const struct modelfile *f, const char *name, size_t *n) {
    float *v = values(f, name, n);
    assert_non_null(v);
    int *out = malloc(*n * sizeof *out);
    for (size_t i = 0; i < *n; i++) out[i] = (int)v[i];
    free(v);
    return out;
}

static inline void golden_open_file(struct golden *g, const char *path) {
    struct err e = {0};
    size_t n = 0;
    if (modelfile_open(&g->f, path, &e)) fail_msg("%s", e.msg);
    int *ids = ints(g->f, "input_ids", &n), *labels = ints(g->f, "labels", &n),
        *offsets = ints(g->f, "offsets", &n);
    engine_batch_init(&g->batch, ids, labels, offsets, (int)n - 1);
    free(ids), free(labels), free(offsets);
    g->lr = scalar(g->f, "lr", 0);
}

static inline void golden_open(struct golden *g, const char *kind, const char *name) {
    char path[128];
    snprintf(path, sizeof path, "tests/golden/golden_%s_%s.safetensors", kind, name);
    golden_open_file(g, path);
}

static inline void golden_close(struct golden *g) {
    engine_batch_release(&g->batch);
    modelfile_close(g->f);
}

static inline double difference(const float *a, const float *b, size_t n) {
    double d = 0, m = 0;
    for (size_t i = 0; i < n; i++) {
        d = fmax(d, fabs((double)a[i] - (double)b[i]));
        m = fmax(m, fabs((double)b[i]));
        if (!isfinite(a[i])) return INFINITY;
    }
    return m > 0 ? d / m : d;
}

/* "PREFIX.<the parameter's name>" of the file, in which an encoder's names lack what they begin with in
 * classes that have a head; NULL where it has none. */
static inline float *param_values(const struct engine *g, const struct modelfile *f, const char *prefix,
                                  const struct param *p, size_t *n) {
    const char *name = p->name, *backbone = g->net.backbone ? g->net.backbone : "";
    bool adapter = !strncmp(name, HEAD_PREFIX, strlen(HEAD_PREFIX));
    char *key = xasprintf("%s.%s", prefix, name);
    float *v = values(f, key, n);
    free(key);
    if (v) return v;
    if (adapter) name += strlen(HEAD_PREFIX);
    if (strncmp(name, backbone, strlen(backbone)) != 0) return NULL;
    key = xasprintf("%s.%s%s", prefix, adapter ? HEAD_PREFIX : "", name + strlen(backbone));
    v = values(f, key, n);
    free(key);
    return v;
}

/* Singular vectors are given up to their sign: that of PEFT's A decides for both. Flips row k of `value` (A),
 * or column k (B) and returns where they were flipped. */
static inline void take_signs(struct param *A, struct param *B, const float *want) {
    int r = A->rows;
    for (int k = 0; k < r; k++) {
        double dot = 0;
        float *row = A->value + (size_t)k * (size_t)A->cols;
        for (int j = 0; j < A->cols; j++) dot += (double)row[j] * (double)want[k * A->cols + j];
        if (dot >= 0) continue;
        for (int j = 0; j < A->cols; j++) row[j] = -row[j];
        for (int i = 0; i < B->rows; i++) B->value[i * r + k] = -B->value[i * r + k];
    }
}

/* Put the stored start values into the adapter; every tensor of a site must have one. What a method makes
 * itself is compared instead: shared matrices to the bit (VeRA draws them as PEFT does), with `own` (PiSSA) A
 * and B too. Returns the largest difference. */
static inline double load_init(struct engine *g, const struct golden *gold, bool own) {
    double worst = 0;
    for (int i = 0; i < g->net.nparams; i++) {
        struct param *p = g->net.params[i];
        size_t n;
        float *v = param_values(g, gold->f, "init", p, &n);
        if (!v) {
            if (p->site) fail_msg("no start values of %s", p->name);
            continue;
        }
        assert_int_equal(n, param_size(p));
        if (own && strstr(p->name, "lora_A")) take_signs(p, g->net.params[i + 1], v);
        if (own) worst = fmax(worst, difference(p->value, v, n));
        if (p->site)
            memcpy(p->value, v, n * sizeof *v);
        else
            assert_memory_equal(p->value, v, n * sizeof *v);
        free(v);
    }
    return worst;
}

/* [cols, rows], as a Conv1D file has it, to [rows, cols]. */
static inline void turn(float *v, int rows, int cols) {
    size_t n = (size_t)rows * (size_t)cols;
    float *from = malloc(n * sizeof *from);
    memcpy(from, v, n * sizeof *from);
    for (size_t i = 0; i < n; i++) v[i] = from[i % (size_t)cols * (size_t)rows + i / (size_t)cols];
    free(from);
}

static inline double largest(const float *v, size_t n) {
    double m = 0;
    for (size_t i = 0; i < n; i++) m = fmax(m, fabs((double)v[i]));
    return m;
}

/* What was seen of one case. */
struct golden_gap {
    double start; /* of a start that the method computes */
    double logits;
    double gradient; /* the worst tensor's */
    double loss;     /* the worst of eleven, relative */
    int gradients;   /* tensors compared */
    int missing;     /* tensors that train and have no stored gradient */
    char worst[160]; /* the tensor */
};

static inline void measure_gradients(struct engine *g, const struct golden *gold, struct golden_gap *gap) {
    double top = 0;
    for (int i = 0; i < g->net.nparams; i++)
        if (g->net.params[i]->grad)
            top = fmax(top, largest(g->net.params[i]->grad, param_size(g->net.params[i])));
    for (int i = 0; i < g->net.nparams; i++) {
        struct param *p = g->net.params[i];
        size_t n;
        float *v = p->grad ? param_values(g, gold->f, "grad", p, &n) : NULL;
        gap->missing += p->grad && !v;
        if (!v) continue;
        assert_int_equal(n, param_size(p));
        if (p->transposed) turn(v, p->rows, p->cols);
        double d = difference(p->grad, v, n);
        /* The bias of a key moves all scores of a query alike: its gradient is nothing but rounding. */
        if (largest(v, n) < 1e-5 * top && largest(p->grad, n) < 1e-5 * top) d = 0;
        if (d > gap->gradient) snprintf(gap->worst, sizeof gap->worst, "%s", p->name);
        gap->gradient = fmax(gap->gradient, d);
        gap->gradients++;
        free(v);
    }
}

/* The loss, with gradients when `train`; an encoder's is half the mean squared difference of its hidden
 * states from `target`. rows: logits or hidden states, or NULL. */
static inline double golden_loss(struct engine *g, struct golden *gold, bool train, float *rows) {
    if (g->facts.head) return engine_loss(g, &gold->batch, train, rows);
    size_t n = 0;
    float *target = values(gold->f, "target", &n);
    float *hidden = malloc(n * sizeof *hidden), *d = malloc(n * sizeof *d);
    double sum = 0;
    assert_true(target && n == (size_t)gold->batch.b.n * (size_t)g->facts.hidden);
    engine_encoder_pass(g, &gold->batch, false, 1, hidden, NULL);
    for (size_t i = 0; i < n; i++) {
        d[i] = (hidden[i] - target[i]) / (float)n;
        sum += 0.5 * pow((double)hidden[i] - (double)target[i], 2) / (double)n;
    }
    if (train) engine_encoder_pass(g, &gold->batch, true, 1, NULL, d);
    if (rows) memcpy(rows, hidden, n * sizeof *rows);
    free(target), free(hidden), free(d);
    return sum;
}

static inline double measure_rows(const struct engine *g, const struct golden *gold, const float *got) {
    size_t n = 0, k = 0;
    float *want = values(gold->f, "logits", &n);
    int *rows = ints(gold->f, "rows", &k);
    size_t width = (size_t)(g->facts.head ? g->facts.vocab : g->facts.hidden);
    assert_true(want && n == k * width);
    float *some = malloc(n * sizeof *some);
    for (size_t i = 0; i < k; i++)
        memcpy(some + i * width, got + (size_t)rows[i] * width, width * sizeof *some);
    double d = difference(some, want, n);
    free(want), free(rows), free(some);
    return d;
}

/* One case of the cases.json in folder `dir`. */
static inline void golden_measure(const char *dir, const json_t *c, struct golden_gap *gap) {
    const char *kind = json_string_value(json_object_get(c, "kind")),
               *name = json_string_value(json_object_get(c, "case")),
               *method = json_string_value(json_object_get(c, "method"));
    struct golden gold;
    struct engine g;
    memset(gap, 0, sizeof *gap);
    char *path = xasprintf("%s/golden_%s_%s.safetensors", dir, kind, name),
         *folder = path_join(dir, json_string_value(json_object_get(c, "folder"))),
         *config = json_dumps(json_object_get(c, "config"), 0);
    golden_open_file(&gold, path);
    engine_open(&g, folder, method, config, 2, 0, false);
    gap->start = load_init(&g, &gold, !strcmp(method, "pissa"));
    float *rows = malloc((size_t)gold.batch.b.n * (size_t)(g.facts.vocab + g.facts.hidden) * sizeof *rows);
    double loss = golden_loss(&g, &gold, true, rows);
    gap->logits = measure_rows(&g, &gold, rows);
    measure_gradients(&g, &gold, gap);
    size_t n = 0;
    float *losses = values(gold.f, "losses", &n);
    assert_int_equal(n, 10);
    for (int step = 0; step < 10; step++) {
        if (step) loss = golden_loss(&g, &gold, true, NULL);
        gap->loss = fmax(gap->loss, fabs(loss - (double)losses[step]) / (double)losses[step]);
        engine_update(&g);
    }
    double final = scalar(gold.f, "final_loss", -1);
    gap->loss = fmax(gap->loss, fabs(golden_loss(&g, &gold, false, NULL) - final) / final);
    free(losses), free(rows), free(path), free(folder), free(config);
    golden_close(&gold);
    engine_close(&g);
}

#endif
