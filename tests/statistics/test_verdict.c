/* test_verdict.c - what verdict.h promises beyond its values: symmetries, verdicts that agree with intervals,
 * what is said of one seed, of diverged, unstable and equal configurations, of margins and of plans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/statistics/world.h"

static const struct world plain = {.arms = 5, .seeds = 3, .rows = 60, .kappa = 0.1};

/* A sweep of `w`; released by teardown. */
static struct sweep_drawn *drawn;
static struct verdict_model m;

static void draw(const struct world *w, uint64_t seed) {
    if (drawn) world_close(drawn);
    drawn = world_open(w);
    world_seed(seed);
    world_draw(w, drawn);
}

static void fit(void) {
    verdict_release(&m);
    verdict_fit(&m, &drawn->setting);
}

static int teardown(void **state) {
    (void)state;
    verdict_release(&m);
    if (drawn) world_close(drawn);
    drawn = NULL;
    return 0;
}

static void near(double a, double b, const char *what) {
    if (!(fabs(a - b) <= 1e-9 * (fabs(a) + fabs(b)))) fail_msg("%s: %.15g is not %.15g", what, a, b);
}

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

static double *row_at(int c, int s, int r) {
    return (double *)&drawn->config[c].row[(size_t)s * (size_t)plain.rows + (size_t)r];
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

#define T(name) cmocka_unit_test_teardown(name, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(what_all_configurations_share_cancels),
        T(another_unit_scales_differences_and_intervals),
        T(weights_count_by_their_ratios),
        T(the_mirrored_pair_has_the_mirrored_interval),
        T(verdict_interval_and_p_say_the_same),
        T(a_larger_family_never_decides_more),
        T(one_seed_each_gives_no_verdict_about_methods),
        T(a_single_seed_borrows_the_spread_of_the_others),
        T(one_degree_of_freedom_shows_no_interval),
        T(two_seeds_with_few_degrees_of_freedom_are_shown_as_they_are),
        T(a_configuration_that_diverged_is_not_judged_by_its_survivors),
        T(an_unstable_configuration_leaves_the_pool_and_keeps_its_own_spread),
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
        T(twins_are_paired_by_seed_and_keep_the_error_of_rows),
        T(claims_are_answered_by_the_interval_against_the_margin),
        T(the_resolution_is_the_half_width_that_verdicts_are_made_with),
        T(a_plan_starts_from_the_interval_there_is_and_narrows_it),
        T(a_plan_comes_true),
        T(ranks_count_those_that_are_better),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
