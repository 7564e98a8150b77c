/* SPDX-License-Identifier: Apache-2.0 */
/* test_losses.c - losses of embeddings against sentence-transformers (make_golden_pairs.py): value and
 * gradient. */
#include "experiments/tasks/losses.h"
#include "tests/golden/golden.h"

static const struct {
    const char *name;
    struct loss_spec spec;
} cases[] = {
    {"mnr", {.kind = LOSS_MNR, .scale = 20}},
    {"mnr_hard", {.kind = LOSS_MNR, .scale = 12.5}},
    {"mnr_blocks", {.kind = LOSS_MNR, .scale = 5}},
    {"mnr_symmetric", {.kind = LOSS_MNR, .scale = 20, .symmetric = true}},
    {"mnr_same", {.kind = LOSS_MNR, .scale = 20}},
    {"cosent", {.kind = LOSS_COSENT, .scale = 20}},
    {"cosine_mse", {.kind = LOSS_COSINE_MSE}},
    {"triplet_euclidean", {.kind = LOSS_TRIPLET, .margin = 1, .distance = LOSS_EUCLIDEAN}},
    {"triplet_cosine", {.kind = LOSS_TRIPLET, .margin = 0.3, .distance = LOSS_COSINE}},
    {"triplet_manhattan", {.kind = LOSS_TRIPLET, .margin = 2, .distance = LOSS_MANHATTAN}},
    {"matryoshka_mnr", {.kind = LOSS_MNR, .scale = 20}},
    {"matryoshka_cosent", {.kind = LOSS_COSENT, .scale = 20}},
    {"matryoshka_triplet", {.kind = LOSS_TRIPLET, .margin = 0.2}},
};

static float *part(const struct modelfile *f, const char *name, const char *what, size_t *n) {
    char key[96];
    snprintf(key, sizeof key, "%s.%s", name, what);
    return values(f, key, n);
}

struct given {
    struct loss_spec spec;
    struct loss_input in;
    float *emb, *score, *grad, *want, *loss;
    int32_t *same;
    size_t n;
};

static void given_load(struct given *g, const struct modelfile *f, int c) {
    const char *name = cases[c].name;
    char key[96];
    size_t n = 0;
    *g = (struct given){.spec = cases[c].spec};
    snprintf(key, sizeof key, "%s.emb", name);
    const struct tensor *t = modelfile_find(f, key);
    assert_non_null(t);
    g->emb = part(f, name, "emb", &g->n);
    g->want = part(f, name, "grad", &n);
    g->loss = part(f, name, "loss", &n);
    g->score = part(f, name, "score", &n);
    g->grad = xcalloc(g->n, sizeof(float));
    float *dims = part(f, name, "dims", &n), *weights = part(f, name, "weights", &n);
    for (size_t k = 0; dims && k < n; k++) {
        g->spec.dims[k] = (int)dims[k];
        g->spec.weights[k] = (double)weights[k];
        g->spec.ndims = (int)n;
    }
    float *same = part(f, name, "same", &n);
    if (same) g->same = xcalloc(n, sizeof(int32_t));
    for (size_t k = 0; same && k < n; k++) g->same[k] = (int32_t)same[k];
    free(dims), free(weights), free(same);
    g->in = (struct loss_input){.rows = (int)t->shape[1],
                                .texts = (int)t->shape[0],
                                .dim = (int)t->shape[2],
                                .emb = g->emb,
                                .same = g->same,
                                .score = g->score};
}

static void given_free(struct given *g) {
    free(g->emb), free(g->score), free(g->grad), free(g->want), free(g->loss), free(g->same);
}

static struct modelfile *open_golden(void) {
    struct err e = {0};
    struct modelfile *f;
    if (modelfile_open(&f, "tests/golden/golden_losses.safetensors", &e)) fail_msg("%s", e.msg);
    return f;
}

/* grad NULL: the value alone. */
static double run(struct given *g, int threads, float *grad, double scale) {
    struct mem mem;
    struct arena tape;
    struct loss_work w;
    mem_init(&mem, false, 0);
    struct team *team = team_new(&mem, threads);
    arena_init(&tape, &mem, (size_t)1 << 24);
    loss_layout(&w, &tape, g->in.rows, g->in.texts, g->in.dim);
    double loss = loss_run(team, &w, &g->spec, &g->in, grad, scale);
    arena_release(&tape);
    team_free(team);
    return loss;
}

static void losses_and_gradients_are_those_of_sentence_transformers(void **state) {
    (void)state;
    struct modelfile *f = open_golden();
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct given g;
        given_load(&g, f, (int)c);
        double loss = run(&g, 1, g.grad, 1), off = difference(g.grad, g.want, g.n);
        if (!(fabs(loss - (double)g.loss[0]) <= TOL * fabs((double)g.loss[0])))
            fail_msg("%s: loss %.9g is not %.9g", cases[c].name, loss, (double)g.loss[0]);
        if (!(off <= TOL)) fail_msg("%s: gradient off by %.2g", cases[c].name, off);
        given_free(&g);
    }
    modelfile_close(f);
}

static void a_gradient_scales_and_does_not_change_the_value(void **state) {
    (void)state;
    struct modelfile *f = open_golden();
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct given g;
        given_load(&g, f, (int)c);
        double loss = run(&g, 1, NULL, 0);
        assert_true(loss == run(&g, 1, g.grad, -4));
        for (size_t i = 0; i < g.n; i++) g.grad[i] /= -4;
        assert_true(difference(g.grad, g.want, g.n) <= TOL);
        given_free(&g);
    }
    modelfile_close(f);
}

static void threads_do_not_change_a_bit(void **state) {
    (void)state;
    struct modelfile *f = open_golden();
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct given g;
        given_load(&g, f, (int)c);
        float *other = xcalloc(g.n, sizeof *other);
        double one = run(&g, 1, g.grad, 1);
        assert_true(one == run(&g, 4, other, 1));
        assert_memory_equal(g.grad, other, g.n * sizeof *other);
        free(other);
        given_free(&g);
    }
    modelfile_close(f);
}

static void an_embedding_that_is_not_a_number_makes_no_number(void **state) {
    (void)state;
    struct modelfile *f = open_golden();
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct given g;
        given_load(&g, f, (int)c);
        g.emb[3] = NAN;
        double loss = run(&g, 1, g.grad, 1);
        if (!isnan(loss)) fail_msg("%s: %g", cases[c].name, loss);
        given_free(&g);
    }
    modelfile_close(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_and_gradients_are_those_of_sentence_transformers),
        cmocka_unit_test(a_gradient_scales_and_does_not_change_the_value),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(an_embedding_that_is_not_a_number_makes_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
