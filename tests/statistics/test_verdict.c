/* SPDX-License-Identifier: Apache-2.0 */
/* test_verdict.c - what verdict.h promises beyond its values: symmetries, verdicts that agree with intervals,
 * what is said of one seed, of diverged, unstable and equal configurations, of bounds and rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/statistics/fitted.h"

static void same_pair(const struct verdict_pair *p, const struct verdict_pair *q, double scale) {
    near(p->diff * scale, q->diff, "diff");
    near(p->lo * scale, q->lo, "lo");
    near(p->hi * scale, q->hi, "hi");
    near(p->p, q->p, "p");
    assert_int_equal(p->verdict, q->verdict);
}

/* Fits before and after a change of the world, and compares all pairs. */
static void unchanged_by(void (*change)(void), double scale) {
    struct verdict_pair before[10];
    int n = 0;
    draw(&plain, 3);
    fit();
    for (int a = 0; a < m.n; a++)
        for (int b = a + 1; b < m.n; b++) before[n++] = verdict_judge(&m, a, b, 10);
    change();
    fit();
    n = 0;
    for (int a = 0; a < m.n; a++)
        for (int b = a + 1; b < m.n; b++) {
            struct verdict_pair now = verdict_judge(&m, a, b, 10);
            same_pair(&before[n++], &now, scale);
        }
}

/* Scores times `factor`, and each row harder by its own amount times `harder`. */
static void change_scores(double factor, double harder) {
    double mean = 0;
    for (int r = 0; r < plain.rows; r++) mean += harder * (r % 7) / plain.rows;
    for (int c = 0; c < drawn->n; c++)
        for (int s = 0; s < drawn->config[c].n; s++) {
            drawn->score[c][s] = factor * drawn->score[c][s] + mean;
            for (int r = 0; r < plain.rows; r++)
                *row_at(c, s, r) = factor * *row_at(c, s, r) + harder * (r % 7);
        }
}

static void harden_rows(void) { change_scores(1, 1); }
static void scale_scores(void) { change_scores(4, 0); }

static void scale_weights(void) {
    for (int r = 0; r < plain.rows; r++) drawn->weight[r] *= 17;
}
static void drop_weights(void) { drawn->setting.weight = NULL; }

static void what_all_configurations_share_cancels(void **state) {
    (void)state;
    unchanged_by(harden_rows, 1);
}

static void another_unit_scales_differences_and_intervals(void **state) {
    (void)state;
    unchanged_by(scale_scores, 4);
}

static void weights_count_by_their_ratios(void **state) {
    (void)state;
    unchanged_by(scale_weights, 1);
    unchanged_by(drop_weights, 1); /* all were 1 */
}

static void the_mirrored_pair_has_the_mirrored_interval(void **state) {
    (void)state;
    struct world w = {.arms = 4, .seeds = 2, .rows = 40, .kappa = 0.1, .effect = 8, .rates = 4, .rates_0 = 1};
    for (uint64_t seed = 0; seed < 30; seed++) {
        draw(&w, seed);
        fit();
        struct verdict_pair p = verdict_judge(&m, 0, 1, 6), q = verdict_judge(&m, 1, 0, 6);
        near(p.lo, -q.hi, "lo");
        near(p.hi, -q.lo, "hi");
        near(p.p, q.p, "p");
        assert_true(p.verdict == VERDICT_UNDECIDED || p.verdict == VERDICT_BETTER
                        ? q.verdict != VERDICT_BETTER
                        : q.verdict == VERDICT_BETTER);
    }
}

/* Of all worlds and families: the interval leaves out 0, p is at most 0.05, and it is called better or worse
 * together or not at all. */
static void verdict_interval_and_p_say_the_same(void **state) {
    (void)state;
    int decided = 0, undecided = 0, careful = 0;
    for (uint64_t seed = 0; seed < 120; seed++) {
        struct world w = {.arms = 2 + (int)seed % 3,
                          .seeds = 2 + (int)seed / 2 % 3,
                          .rows = 40,
                          .kappa = 0.1,
                          .effect = (double)(seed % 11),
                          .rates = 1 + (seed % 5 == 0),
                          .rates_0 = 1};
        draw(&w, seed);
        fit();
        for (int a = 0; a < w.arms; a++)
            for (int b = 0; b < w.arms; b++) {
                if (a == b) continue;
                struct verdict_pair p = verdict_judge(&m, a, b, verdict_family(w.arms, seed % 2));
                bool leaves = p.lo > 0 || p.hi < 0;
                assert_int_equal(leaves, p.p <= 0.05);
                assert_int_equal(leaves, p.verdict == VERDICT_BETTER || p.verdict == VERDICT_WORSE);
                assert_true(p.lo <= p.lo1 && p.hi1 <= p.hi && p.p1 <= p.p);
                if (leaves) assert_int_equal(p.verdict == VERDICT_BETTER, p.diff > 0);
                decided += leaves, undecided += !leaves, careful += p.careful;
            }
    }
    if (decided < 50 || undecided < 50 || careful < 20) fail_msg("%d, %d, %d", decided, undecided, careful);
}

static void a_smaller_loss_is_better(void **state) {
    (void)state;
    draw(&(struct world){.arms = 3, .seeds = 3, .rows = 60, .kappa = 0.1, .effect = 50}, 1); /* arm 0 above */
    for (int sign = -1; sign <= 1; sign += 2) {
        drawn->setting.sign = sign;
        fit();
        assert_int_equal(verdict_judge(&m, 0, 1, 3).verdict, sign > 0 ? VERDICT_WORSE : VERDICT_BETTER);
        assert_int_equal(verdict_judge(&m, 1, 0, 3).verdict, sign > 0 ? VERDICT_BETTER : VERDICT_WORSE);
    }
}

static void a_larger_family_never_decides_more(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        draw(&(struct world){.arms = 3, .seeds = 3, .rows = 40, .kappa = 0.1, .effect = 4}, seed);
        fit();
        double width = 0;
        for (int family = 1; family < 70; family *= 2) {
            struct verdict_pair p = verdict_judge(&m, 0, 1, family);
            assert_true(p.hi - p.lo > width);
            width = p.hi - p.lo;
        }
    }
    assert_int_equal(verdict_family(12, false), 66);
    assert_int_equal(verdict_family(12, true), 11);
    assert_int_equal(verdict_family(1, true), 1);
}

/* ---- few seeds, lost seeds, strange ones --------------------------------------------------------------- */

static void one_seed_each_gives_no_verdict_about_methods(void **state) {
    (void)state;
    draw(&(struct world){.arms = 4, .seeds = 1, .rows = 2000, .kappa = 0.1, .effect = 100}, 1);
    fit();
    assert_true(isnan(m.s2) && m.df == 0);
    struct verdict_pair p = verdict_judge(&m, 0, 1, 6);
    assert_int_equal(p.verdict, VERDICT_NONE);
    assert_true(isnan(p.lo) && isnan(p.hi) && isnan(p.p));
    assert_int_equal(verdict_answer(&m, &p, VERDICT_IS_BETTER, 0), ANSWER_NO_VERDICT);
    assert_false(verdict_as_good(&p, 1e9));
    assert_int_equal(verdict_resolution(&p, 1).pairs, 0);
    assert_true(isnan(verdict_expect(&m, &p, 3, 2000)));
    assert_int_equal(m.config[0].show, VERDICT_SHOW_SCORE);
    assert_true(isnan(m.config[0].half));
}

static void a_single_seed_borrows_the_spread_of_the_others(void **state) {
    (void)state;
    draw(&(struct world){.arms = 4, .seeds = 3, .rows = 60, .kappa = 0.1, .single = 1}, 1);
    fit();
    assert_true(m.config[3].n == 1 && m.config[3].v == m.s2 && m.config[3].df == 6);
    assert_int_equal(m.config[3].show, VERDICT_SHOW_BORROWED);
    assert_int_equal(verdict_judge(&m, 0, 3, 1).verdict, VERDICT_UNDECIDED);
}

static void one_degree_of_freedom_shows_no_interval(void **state) {
    (void)state;
    draw(&(struct world){.arms = 2, .seeds = 2, .rows = 60, .kappa = 0.1, .single = 1}, 1);
    fit();
    assert_true(m.df == 1);
    assert_true(isnan(m.config[0].half) && m.config[0].show == VERDICT_SHOW_SCORE);
}

static void two_seeds_with_few_degrees_of_freedom_are_shown_as_they_are(void **state) {
    (void)state;
    draw(&(struct world){.arms = 2, .seeds = 2, .rows = 60, .kappa = 0.1}, 1);
    fit();
    assert_int_equal(m.config[0].show, VERDICT_SHOW_VALUES);
    draw(&(struct world){.arms = 4, .seeds = 2, .rows = 60, .kappa = 0.1}, 1);
    fit();
    assert_int_equal(m.config[0].show, VERDICT_SHOW_POOLED);
}

static void a_configuration_that_diverged_is_not_judged_by_its_survivors(void **state) {
    (void)state;
    draw(&(struct world){.arms = 3, .seeds = 3, .rows = 60, .kappa = 0.1, .effect = 50}, 1);
    drawn->config[0].n = 2, drawn->config[0].diverged = 1;
    fit();
    struct verdict_pair pair[3] = {verdict_judge(&m, 0, 1, 3), verdict_judge(&m, 0, 2, 3),
                                   verdict_judge(&m, 1, 2, 3)};
    assert_int_equal(pair[0].verdict, VERDICT_DIVERGED);
    assert_int_equal(pair[2].verdict, VERDICT_UNDECIDED);
    assert_true(isnan(pair[0].lo) && isnan(pair[0].p));
    assert_int_equal(verdict_twins(&m, 0, 1).verdict, VERDICT_DIVERGED);
    assert_int_equal(verdict_answer(&m, &pair[0], VERDICT_IS_NOT_WORSE, 1), ANSWER_NO_VERDICT);
    assert_false(m.config[0].pooled);
    assert_true(m.df == 4 && m.config[0].show == VERDICT_SHOW_DIVERGED);
    int rank[3];
    bool tied[3];
    verdict_ranks(&m, pair, 3, rank, tied);
    assert_true(rank[0] == 0 && rank[1] == 1 && rank[2] == 1 && tied[1] && !tied[0]);
}

static void an_unstable_configuration_leaves_the_pool_and_keeps_its_own_spread(void **state) {
    (void)state;
    draw(&(struct world){.arms = 5, .seeds = 3, .rows = 60, .kappa = 0.1, .noisy = 100}, 2);
    fit();
    const struct verdict_spread *x = &m.config[0];
    assert_true(x->unstable && !x->pooled && m.unstable == 1 && m.pooled == 4 && m.df == 8);
    near(x->v, x->sd * x->sd, "v");
    assert_true(x->df == 2 && x->show == VERDICT_SHOW_VALUES);
    struct verdict_pair with = verdict_judge(&m, 0, 1, 1), without = verdict_judge(&m, 1, 2, 1);
    assert_true(with.df_seeds < 2.1 && without.df_seeds == 8);
    assert_true(with.hi - with.lo > 10 * (without.hi - without.lo));
}

/* Among five an F test at 1 % each would call one unstable by accident in every twentieth sweep. */
static void unstable_is_what_stands_out_of_all(void **state) {
    (void)state;
    draw(&plain, 1);
    for (int c = 0; c < 5; c++)
        for (int s = 0; s < 3; s++)
            drawn->score[c][s] = (s - 1) * (c ? 1 : sqrt(11)); /* P(F(2, 8) > 11) = 0.005 */
    fit();
    assert_int_equal(m.unstable, 0);
    for (int s = 0; s < 3; s++) drawn->score[0][s] = (s - 1) * sqrt(17); /* 0.0013, below 0.01 / 5 */
    fit();
    assert_int_equal(m.unstable, 1);
}

/* At most a third leaves: else the quietest few would be the measure of all. */
static void the_pool_keeps_two_thirds(void **state) {
    (void)state;
    draw(&plain, 1);
    for (int c = 0; c < 4; c++) /* each ten times as wide as the one before */
        for (int s = 0; s < 3; s++) drawn->score[c][s] = pow(10, c) * (s - 1);
    for (int s = 0; s < 3; s++) drawn->score[4][s] = 0;
    fit();
    assert_int_equal(m.unstable, 1);
    assert_true(m.config[3].unstable);
}

/* Rates that are too high diverge nearly, and spread by orders of magnitude more. */
static void only_the_better_half_of_what_was_not_chosen_lends_its_spread(void **state) {
    (void)state;
    draw(&(struct world){.arms = 1, .seeds = 2, .rows = 10, .kappa = 0.1, .rates = 4}, 1);
    double choice[] = {10, 9, 3, 2};
    for (int c = 0; c < 4; c++) drawn->config[c].choice = choice[c];
    fit();
    assert_true(m.config[0].pooled && m.config[1].pooled && !m.config[2].pooled && !m.config[3].pooled);
    drawn->setting.sign = -1; /* now the others are better; what is chosen stays */
    fit();
    assert_true(m.config[0].pooled && !m.config[1].pooled && m.config[2].pooled && m.config[3].pooled);
    drawn->config[3].diverged = 1;
    drawn->config[2].choice = NAN;
    fit();
    assert_int_equal(m.pooled, 2); /* of those left, 0 is chosen and 1 is the better half */
}

/* ---- equal ones, bounds, rows -------------------------------------------------------------------------- */

static void copy_arm(int to, int from) {
    memcpy(drawn->score[to], drawn->score[from], sizeof drawn->score[to]);
    memcpy(row_at(to, 0, 0), row_at(from, 0, 0), 3 * (size_t)plain.rows * sizeof(double));
}

static void equal_on_every_row_is_identical_not_better_and_not_undecided(void **state) {
    (void)state;
    draw(&plain, 1);
    copy_arm(1, 0);
    fit();
    struct verdict_pair p = verdict_judge(&m, 0, 1, 10);
    assert_int_equal(p.verdict, VERDICT_IDENTICAL);
    assert_true(p.diff == 0 && p.lo <= 0 && p.hi >= 0 && p.p == 1);
    *row_at(1, 0, 0) += 1;
    *row_at(1, 0, 1) -= 1;
    fit();
    assert_int_equal(verdict_judge(&m, 0, 1, 10).verdict, VERDICT_UNDECIDED);
}

/* Every run of each configuration gave the same number: that is no proof that the next would. */
static void a_difference_without_any_spread_is_no_verdict(void **state) {
    (void)state;
    draw(&plain, 1);
    for (int c = 0; c < 5; c++) {
        drawn->config[c].row = NULL;
        for (int s = 0; s < 3; s++) drawn->score[c][s] = c > 1 ? c : 0;
    }
    fit();
    assert_int_equal(verdict_judge(&m, 0, 2, 1).verdict, VERDICT_NONE);
    assert_int_equal(verdict_judge(&m, 0, 1, 1).verdict, VERDICT_IDENTICAL);
}

/* The mean of three times 0.1 is not 0.1, and their spread no spread. */
static void rounding_is_no_spread(void **state) {
    (void)state;
    draw(&plain, 1);
    for (int c = 0; c < 5; c++)
        for (int s = 0; s < 3; s++) {
            drawn->score[c][s] = c > 1 ? 0.3 : 0.1;
            for (int r = 0; r < plain.rows; r++) *row_at(c, s, r) = drawn->score[c][s] + r;
        }
    fit();
    assert_true(m.s2 == 0 && m.unstable == 0);
    assert_int_equal(verdict_judge(&m, 0, 2, 1).verdict, VERDICT_NONE);
    assert_int_equal(verdict_judge(&m, 0, 1, 1).verdict, VERDICT_IDENTICAL);
    drawn->score[1][0] += 1e-3; /* by rows that both do not have */
    fit();
    assert_true(verdict_judge(&m, 0, 1, 1).verdict != VERDICT_IDENTICAL);
}

/* Two arms, two seeds: the tail is found by halving, and must not end at what 1 - p can hold. */
static void p_is_exact_far_out(void **state) {
    (void)state;
    draw(&(struct world){.arms = 2, .seeds = 2, .rows = 60, .kappa = 0.1, .effect = 1e9}, 1);
    fit();
    struct verdict_pair p = verdict_judge(&m, 0, 1, 1);
    assert_true(p.careful && p.p > 0 && p.p < 1e-15 && p.verdict == VERDICT_WORSE);
}

static void bounded_metrics_stay_within_their_bounds(void **state) {
    (void)state;
    draw(&(struct world){.arms = 2, .seeds = 2, .rows = 20, .kappa = 0.1}, 1);
    for (int c = 0; c < 2; c++)
        for (int s = 0; s < 2; s++) {
            drawn->score[c][s] = s ? 1 : 0.9 - 0.1 * c;
            for (int r = 0; r < 20; r++) ((double *)drawn->config[c].row)[s * 20 + r] = s || r > 1 + 2 * c;
        }
    fit();
    double half = m.config[0].half, hi = verdict_judge(&m, 0, 1, 500).hi;
    assert_true(m.binary && m.config[0].mean + half > 1 && hi > 1);
    drawn->setting.least = 0, drawn->setting.most = 1;
    fit();
    assert_true(m.config[0].hi == 1 && m.config[0].lo >= 0 && m.config[0].half == half);
    struct verdict_pair p = verdict_judge(&m, 0, 1, 500);
    assert_true(p.hi == 1 && p.lo == -1);
}

static void rows_at_the_ceiling_are_not_without_spread(void **state) {
    (void)state;
    draw(&plain, 1);
    for (int c = 0; c < 5; c++)
        for (int s = 0; s < 3; s++)
            for (int r = 0; r < plain.rows; r++) *row_at(c, s, r) = 1;
    fit();
    struct verdict_pair p = verdict_judge(&m, 0, 1, 1);
    near(p.rows_raw, 1 / (60.0 * 59), "one row that disagrees");
    *row_at(0, 0, 0) = 0.5;
    fit();
    assert_false(m.binary);
}

static void rows_weighted_unlike_the_score_are_told(void **state) {
    (void)state;
    struct world w = plain;
    w.lengths = 1.5;
    int told = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        draw(&w, seed);
        fit();
        assert_false(verdict_judge(&m, 0, 1, 1).approximate);
        drawn->setting.weight = NULL;
        fit();
        told += verdict_judge(&m, 0, 1, 1).approximate;
    }
    assert_true(told > 5);
}

static void without_rows_the_seeds_alone_are_the_error_and_that_is_said(void **state) {
    (void)state;
    draw(&plain, 1);
    drawn->config[1].row = NULL;
    fit();
    struct verdict_pair p = verdict_judge(&m, 0, 1, 1), q = verdict_judge(&m, 0, 2, 1);
    assert_true(p.no_rows && p.rows == 0 && p.df == 10 && !q.no_rows && q.rows > 0);
}

static void rows_that_all_runs_have_are_joined_with_their_weights(void **state) {
    (void)state;
    struct verdict_row a[] = {{1, 10, 2}, {3, 30, 4}, {4, 40, 1}, {7, 70, 5}, {9, 90, 1}};
    struct verdict_row b[] = {{0, 1, 1}, {3, 31, 4}, {4, NAN, 1}, {7, 71, 7}, {9, 91, 1}};
    struct verdict_row c[] = {{3, 32, 4}, {4, 42, 1}, {7, 72, 6}, {8, 82, 1}};
    struct verdict_run run[] = {{a, 5}, {b, 5}, {c, 4}};
    struct verdict_rows j;
    verdict_rows_join(&j, run, 3);
    assert_int_equal(j.n, 2);
    double want[] = {30, 70, 31, 71, 32, 72};
    for (int i = 0; i < 6; i++) assert_true(j.value[i] == want[i]);
    assert_true(j.weight[0] == 4 && j.weight[1] == 6 && j.differ && j.share == 0.4);
    verdict_rows_release(&j);
    c[2].weight = NAN; /* an old record */
    verdict_rows_join(&j, run, 3);
    assert_true(j.n == 2 && !j.weight && !j.differ);
    verdict_rows_release(&j);
    run[1].n = 0;
    verdict_rows_join(&j, run, 3);
    assert_true(j.n == 0 && j.share == 0);
    verdict_rows_release(&j);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        T(what_all_configurations_share_cancels),
        T(another_unit_scales_differences_and_intervals),
        T(weights_count_by_their_ratios),
        T(the_mirrored_pair_has_the_mirrored_interval),
        T(verdict_interval_and_p_say_the_same),
        T(a_smaller_loss_is_better),
        T(a_larger_family_never_decides_more),
        T(one_seed_each_gives_no_verdict_about_methods),
        T(a_single_seed_borrows_the_spread_of_the_others),
        T(one_degree_of_freedom_shows_no_interval),
        T(two_seeds_with_few_degrees_of_freedom_are_shown_as_they_are),
        T(a_configuration_that_diverged_is_not_judged_by_its_survivors),
        T(an_unstable_configuration_leaves_the_pool_and_keeps_its_own_spread),
        T(unstable_is_what_stands_out_of_all),
        T(the_pool_keeps_two_thirds),
        T(only_the_better_half_of_what_was_not_chosen_lends_its_spread),
        T(equal_on_every_row_is_identical_not_better_and_not_undecided),
        T(a_difference_without_any_spread_is_no_verdict),
        T(rounding_is_no_spread),
        T(p_is_exact_far_out),
        T(bounded_metrics_stay_within_their_bounds),
        T(rows_at_the_ceiling_are_not_without_spread),
        T(rows_weighted_unlike_the_score_are_told),
        T(without_rows_the_seeds_alone_are_the_error_and_that_is_said),
        T(rows_that_all_runs_have_are_joined_with_their_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
