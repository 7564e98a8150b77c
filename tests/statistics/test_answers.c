/* SPDX-License-Identifier: Apache-2.0 */
/* test_answers.c - what verdict.h says beyond single pairs: twins, claims against margins, ranks, the
 * resolution of a sweep, and what more seeds or rows would tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "harness/base/stats.h"
#include "tests/statistics/fitted.h"

/* ---- twins, claims, plans ------------------------------------------------------------------------------ */

/* Two configurations with one noise: the same seeds and residuals, own effects on rows. */
static void make_twin(const struct world *w, int64_t *seed) {
    for (int s = 0; s < w->seeds; s++) seed[s] = 10 + s;
    for (int r = 0; r < w->rows; r++) {
        double own = world_normal() * 3;
        for (int s = 0; s < w->seeds; s++)
            ((double *)drawn->config[1].row)[s * w->rows + r] =
                drawn->config[0].row[s * w->rows + r] + own + 0.1 * world_normal();
    }
    for (int s = 0; s < w->seeds; s++) {
        double sum = 0;
        for (int r = 0; r < w->rows; r++) sum += drawn->config[1].row[s * w->rows + r];
        drawn->score[1][s] = sum / w->rows;
    }
    drawn->config[0].seed = drawn->config[1].seed = seed;
}

/* The noise that they share must not be taken off their rows' part: it is not in it. */
static void twins_are_paired_by_seed_and_keep_the_error_of_rows(void **state) {
    (void)state;
    static const struct world w = {.arms = 4, .seeds = 3, .rows = 100, .kappa = 0.05};
    int64_t seed[3], other[] = {1, 2, 3};
    int wrong = 0, sweeps = 400;
    drawn = world_open(&w);
    world_seed(5);
    for (int i = 0; i < sweeps; i++) {
        world_draw(&w, drawn);
        make_twin(&w, seed);
        fit();
        struct verdict_pair p = verdict_twins(&m, 0, 1), q = verdict_judge(&m, 0, 1, 1);
        assert_true(p.twins && p.family == 1 && p.seeds < q.seeds && p.hi - p.lo < q.hi - q.lo);
        near(p.diff, q.diff, "diff");
        wrong += p.verdict != VERDICT_UNDECIDED;
    }
    if (wrong > 0.065 * sweeps + 2 * sqrt(0.065 * sweeps)) fail_msg("%d of %d", wrong, sweeps);
    drawn->config[1].seed = other;
    fit();
    assert_false(verdict_twins(&m, 0, 1).twins);
    drawn->config[1].seed = NULL;
    fit();
    assert_false(verdict_twins(&m, 0, 1).twins);
}

static void claims_are_answered_by_the_interval_against_the_margin(void **state) {
    (void)state;
    static const struct {
        double lo, hi;
        enum verdict_rule rule;
        double margin;
        enum verdict_answer answer;
    } c[] = {
        {0.1, 0.3, VERDICT_IS_BETTER, 0, ANSWER_SUPPORTED},
        {0.1, 0.3, VERDICT_IS_BETTER, 0.2, ANSWER_UNDECIDED},
        {0.2, 0.3, VERDICT_IS_BETTER, 0.2, ANSWER_UNDECIDED},
        {0.1, 0.3, VERDICT_IS_BETTER, 0.3, ANSWER_NOT_SUPPORTED},
        {-0.1, 0.3, VERDICT_IS_NOT_WORSE, 0.1, ANSWER_SUPPORTED},
        {-0.2, 0.3, VERDICT_IS_NOT_WORSE, 0.1, ANSWER_UNDECIDED},
        {-0.3, -0.2, VERDICT_IS_NOT_WORSE, 0.1, ANSWER_NOT_SUPPORTED},
        {-0.1, 0.1, VERDICT_IS_AS_GOOD, 0.1, ANSWER_SUPPORTED},
        {-0.1, 0.2, VERDICT_IS_AS_GOOD, 0.1, ANSWER_UNDECIDED},
        {0.2, 0.3, VERDICT_IS_AS_GOOD, 0.1, ANSWER_NOT_SUPPORTED},
        {-0.3, -0.2, VERDICT_IS_AS_GOOD, 0.1, ANSWER_NOT_SUPPORTED},
    };
    for (size_t i = 0; i < ARRAY_LEN(c); i++)
        for (int sign = -1; sign <= 1; sign += 2) {
            struct verdict_model x = {.sign = sign};
            struct verdict_pair p = {.lo1 = sign > 0 ? c[i].lo : -c[i].hi,
                                     .hi1 = sign > 0 ? c[i].hi : -c[i].lo};
            p.lo = p.lo1, p.hi = p.hi1;
            assert_int_equal(verdict_answer(&x, &p, c[i].rule, c[i].margin), c[i].answer);
            if (c[i].rule == VERDICT_IS_AS_GOOD)
                assert_int_equal(verdict_as_good(&p, c[i].margin), c[i].answer == ANSWER_SUPPORTED);
        }
}

static void the_resolution_is_the_half_width_that_verdicts_are_made_with(void **state) {
    (void)state;
    draw(&plain, 4);
    fit();
    struct verdict_pair pair[3] = {verdict_judge(&m, 0, 1, 10), verdict_judge(&m, 0, 2, 10),
                                   verdict_judge(&m, 0, 3, 10)};
    struct verdict_resolution all = verdict_resolution(pair, 3), one = verdict_resolution(pair, 1);
    near(one.difference, (pair[0].hi - pair[0].lo) / 2, "of one pair");
    assert_true(one.pairs == 1 && all.pairs == 3 && one.seeds > 0 && one.seeds < 1);
    near(all.difference * 2,
         pair[0].hi - pair[0].lo + pair[1].hi - pair[1].lo + pair[2].hi - pair[2].lo -
             fmax(pair[0].hi - pair[0].lo, fmax(pair[1].hi - pair[1].lo, pair[2].hi - pair[2].lo)) -
             fmin(pair[0].hi - pair[0].lo, fmin(pair[1].hi - pair[1].lo, pair[2].hi - pair[2].lo)),
         "median");
    near(verdict_resolution(pair, 2).difference * 4, pair[0].hi - pair[0].lo + pair[1].hi - pair[1].lo,
         "of two");
}

static void a_plan_starts_from_the_interval_there_is_and_narrows_it(void **state) {
    (void)state;
    draw(&plain, 4);
    fit();
    struct verdict_pair p = verdict_judge(&m, 0, 1, 10);
    double half = (p.hi - p.lo) / 2;
    near(verdict_expect(&m, &p, 3, 60), half, "as it is");
    assert_true(verdict_expect(&m, &p, 4, 60) < half && verdict_expect(&m, &p, 3, 120) < half);
    struct verdict_need now = verdict_plan(&m, &p, half * 1.01), more = verdict_plan(&m, &p, half * 0.8),
                        never = verdict_plan(&m, &p, half / 1000);
    assert_true(now.seeds == 3 && now.rows == 60 && now.both_seeds == 3);
    assert_true(more.both_seeds >= 3 && verdict_expect(&m, &p, more.both_seeds, more.both_rows) < half * 0.8);
    assert_true(!more.seeds || (verdict_expect(&m, &p, more.seeds, 60) < half * 0.8 &&
                                verdict_expect(&m, &p, more.seeds - 1, 60) >= half * 0.8));
    assert_true(never.seeds == 0 && never.rows == 0 && never.both_seeds == 0);
}

/* Five configurations with 6 seeds each have 25 degrees of freedom; four times the rows take three quarters
 * off the rows' part, and off what the residual of rows adds to a run's score. */
static void a_plan_counts_new_degrees_of_freedom_and_rows(void **state) {
    (void)state;
    draw(&plain, 4);
    fit();
    struct verdict_pair p = verdict_judge(&m, 0, 1, 10);
    double seeds = 0, rows = p.rows / 4, own = m.residual / 60;
    for (int c = 0; c < 2; c++) seeds += fmax(m.config[c].v - own + own / 4, m.config[c].v / 4) / 6;
    double df = pow(seeds + rows, 2) / (seeds * seeds / 25 + rows * rows / 239);
    assert_true(rows > 0 && own > 0.01 * m.config[0].v);
    near(verdict_expect(&m, &p, 6, 240), -stats_t_quantile(0.0025, df) * sqrt(seeds + rows), "half");
}

/* What is promised comes true: sweeps with the planned seeds and rows have intervals of about that width. */
static void a_plan_comes_true(void **state) {
    (void)state;
    struct world w = {.arms = 6, .seeds = 3, .rows = 60, .kappa = 0.1}, large = w;
    large.seeds = 6, large.rows = 240;
    double promised = 0, found = 0;
    for (uint64_t i = 0; i < 60; i++) {
        draw(&w, i);
        fit();
        struct verdict_pair p = verdict_judge(&m, 0, 1, 15);
        promised += verdict_expect(&m, &p, large.seeds, large.rows);
        draw(&large, 1000 + i);
        fit();
        p = verdict_judge(&m, 0, 1, 15);
        found += (p.hi - p.lo) / 2;
    }
    if (fabs(promised / found - 1) > 0.12) fail_msg("promised %g, found %g", promised / 60, found / 60);
}

static void ranks_count_those_that_are_better(void **state) {
    (void)state;
    struct verdict_model x = {.n = 4};
    struct verdict_pair p[] = {{.a = 0, .b = 1, .verdict = VERDICT_UNDECIDED},
                               {.a = 0, .b = 2, .verdict = VERDICT_WORSE},
                               {.a = 1, .b = 2, .verdict = VERDICT_UNDECIDED},
                               {.a = 3, .b = 0, .verdict = VERDICT_BETTER}};
    int rank[4];
    bool tied[4];
    verdict_ranks(&x, p, 4, rank, tied);
    assert_true(rank[0] == 1 && rank[1] == 1 && rank[2] == 2 && rank[3] == 2);
    assert_true(tied[0] && tied[1] && tied[2] && tied[3]);
    assert_string_equal(verdict_name(VERDICT_NONE), "no verdict");
    assert_string_equal(verdict_name(VERDICT_WORSE), "worse");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        T(twins_are_paired_by_seed_and_keep_the_error_of_rows),
        T(claims_are_answered_by_the_interval_against_the_margin),
        T(the_resolution_is_the_half_width_that_verdicts_are_made_with),
        T(a_plan_starts_from_the_interval_there_is_and_narrows_it),
        T(a_plan_counts_new_degrees_of_freedom_and_rows),
        T(a_plan_comes_true),
        T(ranks_count_those_that_are_better),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
