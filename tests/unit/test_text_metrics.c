/* SPDX-License-Identifier: Apache-2.0 */
/* test_text_metrics.c - scores of texts equal those of sacreBLEU, mteval, rouge-score and the caption scorers
 * (make_text_cases.py). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "harness/core/text_metrics.h"
#include "harness/base/util.h"

static json_t *cases;

static int load(void **state) {
    json_error_t e;
    (void)state;
    cases = json_load_file("tests/unit/text_cases.json", 0, &e);
    if (!cases) fail_msg("%s", e.text);
    return 0;
}

static int unload(void **state) {
    (void)state;
    json_decref(cases);
    return 0;
}

static struct text_case *read_cases(const json_t *corpus) {
    const json_t *texts = json_object_get(corpus, "texts"), *refs = json_object_get(corpus, "refs");
    size_t n = json_array_size(texts);
    struct text_case *c = xcalloc(n, sizeof *c);
    for (size_t i = 0; i < n; i++) {
        const json_t *r = json_array_get(refs, i);
        const char **v = xcalloc(json_array_size(r), sizeof *v);
        for (size_t k = 0; k < json_array_size(r); k++) v[k] = json_string_value(json_array_get(r, k));
        c[i] = (struct text_case){json_string_value(json_array_get(texts, i)), v, (int)json_array_size(r)};
    }
    return c;
}

static void check(const json_t *corpus, const char *key, double mine) {
    double want = json_number_value(json_object_get(json_object_get(corpus, "scores"), key));
    if (!(fabs(mine - want) < 1e-6))
        fail_msg("%s, %s: %.9f, not %.9f", json_string_value(json_object_get(corpus, "name")), key, mine,
                 want);
}

static void scores_equal_the_published_scorers(void **state) {
    (void)state;
    size_t i;
    const json_t *corpus;
    json_array_foreach(json_object_get(cases, "corpora"), i, corpus) {
        struct text_case *c = read_cases(corpus);
        int n = (int)json_array_size(json_object_get(corpus, "texts"));
        check(corpus, "bleu", text_bleu(c, n, false));
        check(corpus, "bleu_lower", text_bleu(c, n, true));
        check(corpus, "nist", text_nist(c, n));
        check(corpus, "rouge_l", text_rouge_l(c, n));
        check(corpus, "rouge_l_spaces", text_rouge_l_caption(c, n, TEXT_SPACES));
        check(corpus, "cider_spaces", text_cider(c, n, TEXT_SPACES));
        for (int k = 0; k < n; k++) free((void *)(uintptr_t)c[k].refs);
        free(c);
    }
    assert_true(i >= 10);
}

static void lines_are_cut_as_mteval_cuts_them(void **state) {
    (void)state;
    size_t i;
    const json_t *pair;
    json_array_foreach(json_object_get(cases, "lines_13a"), i, pair) {
        char *mine = text_tokenized(json_string_value(json_array_get(pair, 0)), TEXT_13A, false);
        assert_string_equal(mine, json_string_value(json_array_get(pair, 1)));
        free(mine);
    }
}

static void captions_are_lower_case_without_punctuation(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"The Vaults, near Café Adriatic!", "the vaults near café adriatic"},
        {"It doesn't cost $1,000.50 (they're family-friendly).",
         "it does n't cost $ 1,000.50 they 're family-friendly"},
        {"Zizzi's 'best' 5 out of 5...", "zizzi 's best 5 out of 5"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        char *mine = text_tokenized(pairs[i][0], TEXT_CAPTION, false);
        assert_string_equal(mine, pairs[i][1]);
        free(mine);
    }
}

static void a_perfect_text_scores_the_most(void **state) {
    (void)state;
    const char *const refs[2][1] = {{"the cat sat on the mat today"}, {"a dog ran over the green hill"}};
    struct text_case c[2] = {{refs[0][0], refs[0], 1}, {refs[1][0], refs[1], 1}};
    assert_true(fabs(text_bleu(c, 2, false) - 100) < 1e-9);
    assert_true(fabs(text_rouge_l(c, 2) - 1) < 1e-12);
    assert_true(fabs(text_cider(c, 2, TEXT_CAPTION) - 10) < 1e-9);
    assert_true(text_cider(c, 1, TEXT_CAPTION) == 0);
    assert_true(text_bleu(c, 0, false) == 0 && text_nist(c, 0) == 0 && text_rouge_l(c, 0) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_equal_the_published_scorers),
        cmocka_unit_test(lines_are_cut_as_mteval_cuts_them),
        cmocka_unit_test(captions_are_lower_case_without_punctuation),
        cmocka_unit_test(a_perfect_text_scores_the_most),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
