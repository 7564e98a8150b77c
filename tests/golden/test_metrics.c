/* SPDX-License-Identifier: Apache-2.0 */
/* test_metrics.c - metrics against sentence-transformers, scipy and scikit-learn (make_golden_metrics.py),
 * and their edges. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "experiments/tasks/metrics.h"
#include "harness/nn/kernels/topk.h"
#include "harness/base/util.h"

static json_t *golden(const char *part) {
    json_t *all = json_load_file("tests/golden/golden_metrics.json", 0, NULL),
           *p = json_incref(json_object_get(all, part));
    assert_non_null(p);
    json_decref(all);
    return p;
}

static double num(const json_t *o, const char *key) { return json_number_value(json_object_get(o, key)); }

static double *nums(const json_t *o, const char *key, int *n) {
    const json_t *a = json_object_get(o, key);
    *n = (int)json_array_size(a);
    double *v = xcalloc((size_t)*n + 1, sizeof *v);
    for (int i = 0; i < *n; i++) v[i] = json_number_value(json_array_get(a, (size_t)i));
    return v;
}

static void near(const char *what, double a, double b) {
    if (!(fabs(a - b) <= 1e-9)) fail_msg("%s: %.12g is not %.12g", what, a, b);
}

static int descending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

/* The ranking of a case: documents offered in pieces. */
struct found {
    struct topk top;
    struct ranking r;
    float *rel, *ideal;
};

static void find(struct found *f, const double *score, const double *grade, int n, bool binary) {
    *f = (struct found){
        .top = {.k = 100, .score = xcalloc(100, sizeof(float)), .id = xcalloc(100, sizeof(int32_t))}};
    f->rel = xcalloc(100, sizeof *f->rel);
    f->ideal = xcalloc((size_t)n, sizeof *f->ideal);
    for (int i = 0; i < n; i += 7) {
        float piece[7];
        for (int j = 0; j < 7 && i + j < n; j++) piece[j] = (float)score[i + j];
        topk_add(&f->top, piece, MIN_OF(7, n - i), i);
    }
    f->r = (struct ranking){.rel = f->rel, .n = f->top.n, .ideal = f->ideal};
    for (int i = 0; i < n; i++)
        if (grade[i] > 0) f->ideal[f->r.relevant++] = binary ? 1 : (float)grade[i];
    qsort(f->ideal, (size_t)f->r.relevant, sizeof *f->ideal, descending);
    for (int i = 0; i < f->top.n; i++)
        f->rel[i] = binary ? grade[f->top.id[i]] > 0 : (float)grade[f->top.id[i]];
}

static void found_free(struct found *f) { free(f->top.score), free(f->top.id), free(f->rel), free(f->ideal); }

static void rankings_score_as_sentence_transformers_scores_them(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double (*of)(const struct ranking *, int);
    } metric[] = {
        {"ndcg", rank_ndcg},           {"mrr", rank_mrr},          {"map", rank_ap}, {"recall", rank_recall},
        {"precision", rank_precision}, {"accuracy", rank_accuracy}};
    json_t *all = golden("rankings"), *c;
    size_t i;
    json_array_foreach(all, i, c) {
        int n, nk, unused;
        double *score = nums(c, "score", &n), *grade = nums(c, "grade", &n), *k = nums(c, "k", &nk);
        struct found f;
        find(&f, score, grade, n, true);
        for (size_t m = 0; m < ARRAY_LEN(metric); m++) {
            double *want = nums(json_object_get(c, "binary"), metric[m].name, &unused);
            for (int j = 0; j < nk; j++) near(metric[m].name, metric[m].of(&f.r, (int)k[j]), want[j]);
            free(want);
        }
        found_free(&f);
        find(&f, score, grade, n, false);
        double *want = nums(c, "graded_ndcg", &unused);
        for (int j = 0; j < nk; j++) near("graded ndcg", rank_ndcg(&f.r, (int)k[j]), want[j]);
        found_free(&f);
        free(want), free(score), free(grade), free(k);
    }
    json_decref(all);
}

static void similarities_correlate_as_in_scipy(void **state) {
    (void)state;
    json_t *all = golden("similarities"), *c;
    size_t i;
    json_array_foreach(all, i, c) {
        int n;
        double *x = nums(c, "x", &n), *y = nums(c, "y", &n), *want = nums(c, "ranks", &n),
               *rank = xcalloc((size_t)n, sizeof *rank);
        int *order = xcalloc((size_t)n, sizeof *order);
        metric_ranks(rank, x, n, order);
        for (int j = 0; j < n; j++) near("rank", rank[j], want[j]);
        near("pearson", metric_pearson(x, y, n), num(c, "pearson"));
        near("spearman", metric_spearman(x, y, n), num(c, "spearman"));
        free(x), free(y), free(want), free(rank), free(order);
    }
    json_decref(all);
    const double flat[] = {1, 1, 1}, rise[] = {1, 2, 3}, hole[] = {1, NAN, 2};
    assert_true(isnan(metric_spearman(flat, rise, 3)) && isnan(metric_pearson(flat, rise, 3)));
    assert_true(isnan(metric_spearman(hole, rise, 3)) && isnan(metric_pearson(rise, rise, 1)));
}

static void classes_count_as_in_scikit_learn(void **state) {
    (void)state;
    json_t *all = golden("classes"), *c;
    size_t i;
    json_array_foreach(all, i, c) {
        int n, k = (int)num(c, "classes"), nf;
        double *truth = nums(c, "truth", &n), *guess = nums(c, "guess", &n), *f1 = nums(c, "f1", &nf);
        long *table = xcalloc((size_t)(k * k), sizeof *table);
        for (int j = 0; j < n; j++) table[(int)truth[j] * k + (int)guess[j]]++;
        near("accuracy", metric_accuracy(table, k), num(c, "accuracy"));
        near("macro F1", metric_f1_macro(table, k), num(c, "f1_macro"));
        near("Matthews", metric_matthews(table, k), num(c, "matthews"));
        for (int j = 0; j < nf; j++) near("F1", metric_f1(table, k, j), f1[j]);
        free(truth), free(guess), free(f1), free(table);
    }
    json_decref(all);
    const long one_sided[] = {3, 0, 2, 0};
    assert_true(metric_matthews(one_sided, 2) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rankings_score_as_sentence_transformers_scores_them),
        cmocka_unit_test(similarities_correlate_as_in_scipy),
        cmocka_unit_test(classes_count_as_in_scikit_learn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
