/* SPDX-License-Identifier: Apache-2.0 */
/* test_topk.c - the k best of what is offered, and exact search by products, against a sort of all scores. */
#include "harness/nn/kernels/topk.h"
#include "tests/unit/nn_util.h"

enum { DOCUMENTS = 203, QUERIES = 41, D = 19, WIDTH = 24, K = 10 };

static void equal_scores_stand_in_the_order_of_documents_and_nan_stands_last(void **state) {
    (void)state;
    float score[4], piece[] = {0.5f, NAN, 0.5f, 0.5f, 0.9f};
    int32_t id[4];
    struct topk t = {.k = 4, .score = score, .id = id};
    topk_add(&t, piece, 2, 0);
    assert_int_equal(t.n, 2);
    topk_add(&t, piece + 2, 3, 2);
    const int32_t want[] = {4, 0, 2, 3};
    assert_int_equal(t.n, 4);
    assert_memory_equal(id, want, sizeof want);
}

static void unit_rows_are_the_leading_features_at_length_one(void **state) {
    (void)state;
    float rows[2 * WIDTH] = {3, 4, 100}, hat[2 * 2];
    rows_unit(hat, rows, WIDTH, 2, 2); /* the second row is zero */
    const float want[] = {0.6f, 0.8f, 0, 0};
    for (int i = 0; i < 4; i++) assert_true(fabsf(hat[i] - want[i]) < 1e-7f);
}

struct search {
    float *document, *query; /* unit rows [.][D] */
    bool skip[DOCUMENTS];
    float score[QUERIES][K];
    int32_t id[QUERIES][K];
};

/* Documents in blocks of `block`. */
static void search_all(struct search *x, int block, int threads) {
    struct mem mem;
    struct team *t = nn_team(&mem, threads);
    struct topk top[QUERIES];
    float *panels_of_queries = nn_zeros((int)panel_floats(panels(QUERIES), D)),
          *scores = nn_zeros((int)panel_floats(panels(QUERIES), block));
    for (int q = 0; q < QUERIES; q++) top[q] = (struct topk){.k = K, .score = x->score[q], .id = x->id[q]};
    for (int d = 0; d < DOCUMENTS; d += block)
        topk_products(t, top, x->query, QUERIES, x->document + d * D, MIN_OF(block, DOCUMENTS - d), D, d,
                      x->skip + d, NULL, panels_of_queries, scores);
    for (int q = 0; q < QUERIES; q++) assert_int_equal(top[q].n, K);
    team_free(t);
    free(panels_of_queries), free(scores);
}

static double product_of(const struct search *x, int q, int d) {
    double sum = 0;
    for (int f = 0; f < D; f++) sum += (double)x->query[q * D + f] * (double)x->document[d * D + f];
    return x->skip[d] ? -INFINITY : sum;
}

/* Its k-th best is no worse than any that it left out. */
static void check_query(const struct search *x, int q) {
    bool kept[DOCUMENTS] = {false};
    double last = INFINITY;
    for (int k = 0; k < K; k++) {
        double p = product_of(x, q, x->id[q][k]);
        assert_false(kept[x->id[q][k]]);
        kept[x->id[q][k]] = true;
        assert_true(fabs(p - (double)x->score[q][k]) < 1e-5);
        assert_true(p < last + 1e-6);
        last = p;
    }
    for (int d = 0; d < DOCUMENTS; d++)
        if (!kept[d] && product_of(x, q, d) > last + 1e-6) fail_msg("query %d misses document %d", q, d);
}

static void products_find_the_best_documents_whatever_the_blocks_and_threads(void **state) {
    (void)state;
    float *d = nn_floats(DOCUMENTS * WIDTH, 3), *q = nn_floats(QUERIES * WIDTH, 4);
    struct search one = {.document = nn_zeros(DOCUMENTS * D), .query = nn_zeros(QUERIES * D)}, other;
    memcpy(d + 7 * WIDTH, d + 150 * WIDTH, WIDTH * sizeof *d); /* equals: the earlier one goes first */
    rows_unit(one.document, d, WIDTH, DOCUMENTS, D);
    rows_unit(one.query, q, WIDTH, QUERIES, D);
    one.skip[11] = one.skip[120] = true;
    other = one;
    search_all(&one, DOCUMENTS, 1);
    for (int j = 0; j < QUERIES; j++) check_query(&one, j);
    search_all(&other, 64, 3);
    assert_memory_equal(one.id, other.id, sizeof one.id);
    assert_memory_equal(one.score, other.score, sizeof one.score);
    for (int j = 0; j < QUERIES; j++)
        for (int k = 0; k < K; k++) assert_true(one.id[j][k] != 11 && one.id[j][k] != 120);
    free(d), free(q), free(one.document), free(one.query);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_scores_stand_in_the_order_of_documents_and_nan_stands_last),
        cmocka_unit_test(unit_rows_are_the_leading_features_at_length_one),
        cmocka_unit_test(products_find_the_best_documents_whatever_the_blocks_and_threads),
    };
    return cmocka_run_group_tests_name("topk", tests, NULL, NULL);
}
