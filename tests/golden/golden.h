/* golden.h - for tests: a model folder against the values that make_golden.py wrote: logits, gradients at
 * step 0, ten losses and the last one. A tensor's difference is max|a-b| / max|b|. */
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
    size_t n;
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

static inline void golden_open(struct golden *g, const char *model, const char *name) {
    struct err e = {0};
    size_t n = 0;
    char path[128];
    snprintf(path, sizeof path, "tests/golden/golden_%s_%s.safetensors", model, name);
    if (modelfile_open(&g->f, path, &e)) fail_msg("%s", e.msg);
    int *ids = ints(g->f, "input_ids", &n), *labels = ints(g->f, "labels", &n),
        *offsets = ints(g->f, "offsets", &n);
    engine_batch_init(&g->batch, ids, labels, offsets, (int)n - 1);
    free(ids), free(labels), free(offsets);
    g->lr = scalar(g->f, "lr", 0);
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

/* Put the stored start values into the adapter; every adapter tensor must have one (but those that a seed
 * regenerates are compared). */
static inline void load_init(struct engine *g, const struct golden *gold) {
    for (int i = 0; i < g->net.nparams; i++) {
        struct param *p = g->net.params[i];
        char name[192];
        size_t n;
        snprintf(name, sizeof name, "init.%s", p->name);
        float *v = values(gold->f, name, &n);
        if (!v) {
            assert_true(p->role == PARAM_BASE || strncmp(p->name, "base_model", 10) != 0 ||
                        strstr(p->name, ".before") || strstr(p->name, ".start"));
            continue;
        }
        assert_int_equal(n, param_size(p));
        if (p->site)
            memcpy(p->value, v, n * sizeof *v);
        else /* VeRA's shared matrices: drawn as PEFT draws them, to the bit */
            assert_memory_equal(p->value, v, n * sizeof *v);
        free(v);
    }
}

/* [cols, rows], as a Conv1D file has it, to [rows, cols]. */
static inline void turn(float *v, int rows, int cols) {
    size_t n = (size_t)rows * (size_t)cols;
    float *from = malloc(n * sizeof *from);
    memcpy(from, v, n * sizeof *from);
    for (size_t i = 0; i < n; i++) v[i] = from[i % (size_t)cols * (size_t)rows + i / (size_t)cols];
    free(from);
}

static inline int check_gradients(struct engine *g, const struct golden *gold, const char *what) {
    int checked = 0;
    for (int i = 0; i < g->net.nparams; i++) {
        struct param *p = g->net.params[i];
        char name[192];
        size_t n;
        snprintf(name, sizeof name, "grad.%s", p->name);
        float *v = p->grad ? values(gold->f, name, &n) : NULL;
        if (!v) continue;
        assert_int_equal(n, param_size(p));
        if (p->transposed) turn(v, p->rows, p->cols);
        double d = difference(p->grad, v, n);
        if (d > TOL) fail_msg("%s: gradient of %s differs by %g", what, p->name, d);
        free(v);
        checked++;
    }
    return checked;
}

/* Case `name` of `model` (as make_golden.py names them), whose folder is given; at least so many gradients
 * must have been compared. */
static inline void check(const char *folder, const char *model, const char *name, const char *method,
                         const char *over, int gradients) {
    struct golden gold;
    struct engine g;
    char what[64], config[256];
    snprintf(what, sizeof what, "%s %s", model, name);
    golden_open(&gold, model, name);
    snprintf(config, sizeof config, "{\"train.lr\": %.9g, %s}", gold.lr, over);
    engine_open(&g, folder, method, config, 2, 0, false);
    load_init(&g, &gold);
    size_t n;
    float *want = values(gold.f, "logits", &n);
    float *got = want ? malloc(n * sizeof *got) : NULL;
    double loss = engine_loss(&g, &gold.batch, true, got);
    if (want) {
        double d = difference(got, want, n);
        if (d > TOL) fail_msg("%s: logits differ by %g", what, d);
    }
    assert_true(check_gradients(&g, &gold, what) >= gradients);
    float *losses = values(gold.f, "losses", &n);
    assert_int_equal(n, 10);
    for (int step = 0; step < 10; step++) {
        if (step) loss = engine_loss(&g, &gold.batch, true, NULL);
        double d = fabs(loss - (double)losses[step]) / (double)losses[step];
        if (d > TOL)
            fail_msg("%s: loss at step %d is %.8g, PyTorch's %.8g", what, step, loss, (double)losses[step]);
        engine_update(&g);
    }
    loss = engine_loss(&g, &gold.batch, false, NULL);
    double final = scalar(gold.f, "final_loss", -1);
    if (fabs(loss - final) / final > TOL) fail_msg("%s: final loss %.8g, PyTorch's %.8g", what, loss, final);
    free(want), free(got), free(losses);
    engine_batch_release(&gold.batch);
    modelfile_close(gold.f);
    engine_close(&g);
}

#endif
