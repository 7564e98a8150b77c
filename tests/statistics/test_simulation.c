/* SPDX-License-Identifier: Apache-2.0 */
/* test_simulation.c - how often verdict.h is wrong, counted on sweeps whose truth is known (world.h).
 *
 * Of equal arms, under equal or lognormal seed variances, with and without a choice of rates: a false better
 * or worse in at most 6.5 % of pairs judged by themselves and in at most 8 % of sweeps as a whole, and
 * intervals that hold the truth in 93 to 98 %, each give or take two standard errors of the simulation.
 *
 * SIMULATION=long draws more sweeps, of more worlds; SIMULATION=tables prints tables for docs/results.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "tests/statistics/world.h"

/* ---- counting ------------------------------------------------------------------------------------------ */

/* A share of each sweep, whose parts are not independent: the error comes from the spread between sweeps. */
struct share {
    double sum, squares;
    int n;
};

static void share_add(struct share *s, double part, double whole) {
    if (!(whole > 0)) return;
    double v = part / whole;
    s->sum += v, s->squares += v * v, s->n++;
}

static double share_mean(const struct share *s) { return s->n ? s->sum / s->n : NAN; }

/* Of its mean; at least that of one sweep that is not like the rest, so that 0 has an error as well. */
static double share_se(const struct share *s) {
    double mean = share_mean(s), var = s->squares / s->n - mean * mean;
    return sqrt(fmax(var, 1.0 / s->n / s->n) / s->n);
}

struct count {
    struct share pair;     /* equal pairs told apart by themselves */
    struct share pair_0;   /* the same, of those with arm 0 */
    struct share rest;     /* the same, of those without */
    struct share any;      /* sweeps with a false verdict of the family */
    struct share covered;  /* intervals of differences by themselves that hold the truth */
    struct share config;   /* intervals of configurations that hold it */
    struct share told;     /* arm 0 against the others: told as one planned question */
    struct share told_all; /* ... among all pairs */
    struct share unstable; /* arm 0 is called unstable */
    struct share decided;  /* any verdict but undecided and no verdict */
    int intervals;
    double half, *resolution; /* sum of configurations' half intervals; of each sweep, for the median */
    int n;
};

struct tally {
    int pairs, wrong, pairs_0, wrong_0, held, all, told, told_all, against, decided;
    bool any;
};

static void tally_pair(struct tally *t, const struct verdict_pair *p, double truth) {
    bool decided = p->verdict == VERDICT_BETTER || p->verdict == VERDICT_WORSE, told = p->p1 <= 0.05;
    bool right = truth != 0 && (truth > 0) == (p->diff > 0);
    t->decided += decided;
    t->any |= decided && !right;
    if (!isnan(p->lo1)) t->all++, t->held += p->lo1 <= truth && truth <= p->hi1;
    if (truth == 0) {
        t->pairs++, t->wrong += told;
        if (p->a == 0) t->pairs_0++, t->wrong_0 += told;
    } else if (p->a == 0)
        t->against++, t->told += told && right, t->told_all += decided && right;
}

static void count_configs(struct count *n, const struct sweep_drawn *d, const struct verdict_model *m) {
    int shown = 0, held = 0;
    for (int a = 0; a < d->arms; a++) {
        const struct verdict_spread *x = &m->config[a];
        if (isnan(x->half)) continue;
        shown++, held += x->lo <= d->here[a] && d->here[a] <= x->hi;
        n->half += x->half, n->intervals++;
    }
    share_add(&n->config, held, shown);
}

static void count_sweep(struct count *n, const struct sweep_drawn *d) {
    struct verdict_model m;
    struct verdict_pair *pair = xmalloc(((size_t)d->arms + 1) * sizeof *pair);
    struct tally t = {0};
    int family = verdict_family(d->arms, false);
    verdict_fit(&m, &d->setting);
    for (int a = 0; a < d->arms; a++)
        for (int b = a + 1; b < d->arms; b++) {
            struct verdict_pair p = verdict_judge(&m, a, b, family);
            tally_pair(&t, &p, d->mean[b] - d->mean[a]);
            if (a == 0) pair[b - 1] = p;
        }
    share_add(&n->pair, t.wrong, t.pairs);
    share_add(&n->pair_0, t.wrong_0, t.pairs_0);
    share_add(&n->rest, t.wrong - t.wrong_0, t.pairs - t.pairs_0);
    share_add(&n->any, t.any, 1);
    share_add(&n->covered, t.held, t.all);
    share_add(&n->told, t.told, t.against);
    share_add(&n->told_all, t.told_all, t.against);
    share_add(&n->unstable, m.config[0].unstable, 1);
    share_add(&n->decided, t.decided, 1);
    count_configs(n, d, &m);
    n->resolution[n->n++] = verdict_resolution(pair, d->arms - 1).difference;
    verdict_release(&m);
    free(pair);
}

static int order_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The same sweeps every time. Release with free(n.resolution). */
static struct count count_world(const struct world *w, int sweeps) {
    struct count n = {.resolution = xmalloc((size_t)sweeps * sizeof(double))};
    struct sweep_drawn *d = world_open(w);
    world_seed(1);
    for (int i = 0; i < sweeps; i++) {
        world_draw(w, d);
        count_sweep(&n, d);
    }
    world_close(d);
    qsort(n.resolution, (size_t)n.n, sizeof(double), order_doubles);
    return n;
}

/* ---- the promise --------------------------------------------------------------------------------------- */

static bool is_long;

static void assert_share(const struct share *s, double least, double most, const char *what,
                         const struct world *w) {
    double mean = share_mean(s), se = share_se(s);
    if (mean >= least - 2 * se && mean <= most + 2 * se) return;
    fail_msg(
        "%d arms, %d seeds, %d rows, kappa %g, spread %g, rates %d and %d: %s in %.1f %% (se %.1f), not in "
        "%.1f to %.1f",
        w->arms, w->seeds, w->rows, w->kappa, w->spread, w->rates, w->rates_0, what, 100 * mean, 100 * se,
        100 * least, 100 * most);
}

/* Of rates that are equally good the best is nearer to its truth than one alone (the largest of four varies
 * half as much), and the allowance for a choice is what it can be at most: intervals are then wider than they
 * need be, and no bound above is promised. */
static void check_world(const struct world *w, int sweeps) {
    struct count n = count_world(w, sweeps);
    bool choice = w->rates > 1 || w->rates_0 > 1;
    if (w->seeds == 1) {
        assert_share(&n.decided, 0, 0, "a verdict of one seed", w);
        assert_int_equal(n.covered.n + n.config.n, 0);
        assert_true(n.decided.sum == 0);
    } else {
        assert_share(&n.pair, 0, 0.065, "a false verdict of a pair", w);
        assert_share(&n.any, 0, 0.08, "any false verdict", w);
        assert_share(&n.covered, 0.93, choice ? 1 : 0.98, "the truth inside a difference's interval", w);
        assert_share(&n.config, 0.93, choice ? 1 : 0.98, "the truth inside a configuration's interval", w);
    }
    free(n.resolution);
}

static void check_seeds(int seeds) {
    static const struct world rows[] = {
        {.rows = 200, .kappa = 0.1}, {.rows = 60, .kappa = 0.02}, {.rows = 500, .kappa = 0.02}};
    static const int arms[] = {4, 12, 8};
    for (int r = 0; r < (is_long ? 3 : 2); r++)
        for (int c = 0; c < (is_long ? 3 : 2); c++)
            for (int k = 0; k < 6; k++) {
                struct world w = rows[r];
                w.arms = arms[c], w.seeds = seeds;
                w.spread = k % 2 ? 0.5 : 0;
                w.rates = k >= 2 ? 4 : 1, w.rates_0 = k >= 4 ? 1 : 0;
                check_world(&w, seeds == 1 ? 20 : is_long ? 2500 : 1200 / (arms[c] > 4 ? 2 * seeds : seeds));
            }
}

static void of_one_seed_there_is_no_verdict(void **state) {
    (void)state;
    check_seeds(1);
}

static void two_seeds(void **state) {
    (void)state;
    check_seeds(2);
}

static void three_seeds(void **state) {
    (void)state;
    check_seeds(3);
}

static void five_seeds(void **state) {
    (void)state;
    check_seeds(5);
}

static void ten_seeds(void **state) {
    (void)state;
    check_seeds(10);
}

/* A noisy arm is no reason to find the others different: its noise is not taken off their rows' part. */
static void a_noisy_arm_leaves_the_verdicts_of_the_others_true(void **state) {
    (void)state;
    for (int seeds = 2; seeds <= 5; seeds++) {
        struct world w = {.arms = 4, .seeds = seeds, .rows = 500, .kappa = 0.02, .noisy = 4};
        struct count n = count_world(&w, is_long ? 3000 : 200);
        assert_share(&n.rest, 0, 0.065, "a false verdict of a pair without the noisy arm", &w);
        free(n.resolution);
    }
}

static void a_single_seed_beside_several_is_judged_truly(void **state) {
    (void)state;
    for (int arms = 4; arms <= 6; arms++) {
        struct world w = {.arms = arms, .seeds = 3, .rows = 200, .kappa = 0.1, .single = 2};
        struct count n = count_world(&w, is_long ? 3000 : 400);
        assert_share(&n.pair, 0, 0.065, "a false verdict of a pair", &w);
        assert_share(&n.any, 0, 0.08, "any false verdict", &w);
        free(n.resolution);
    }
}

/* Rows of very unequal lengths: the mean that counts is the one by tokens. */
static void rows_of_unequal_weight_are_judged_truly(void **state) {
    (void)state;
    for (int seeds = 2; seeds <= 3; seeds++) {
        struct world w = {.arms = 4, .seeds = seeds, .rows = 200, .kappa = 0.05, .lengths = 1};
        struct count n = count_world(&w, is_long ? 3000 : 400);
        assert_share(&n.pair, 0, 0.065, "a false verdict of a pair", &w);
        assert_share(&n.any, 0, 0.08, "any false verdict", &w);
        free(n.resolution);
    }
}

/* Not only the absence of errors: what is large is found. */
static void large_differences_are_found(void **state) {
    (void)state;
    struct world w = {.arms = 4, .seeds = 3, .rows = 2000, .kappa = 0.1, .effect = 4};
    struct count n = count_world(&w, is_long ? 2000 : 150);
    assert_share(&n.told, 0.85, 1, "a difference of 4 seed sds found", &w);
    assert_share(&n.told_all, 0.65, 1, "a difference of 4 seed sds found among all pairs", &w);
    free(n.resolution);
}

/* ---- tables -------------------------------------------------------------------------------------------- */

enum { TABLE_SWEEPS = 2000 };

static double percent(const struct share *s) { return 100 * share_mean(s); }

static void print_false(void) {
    static const char *const kinds[] = {"equal",
                                        "lognormal",
                                        "equal, 4 rates each",
                                        "lognormal, 4 rates each",
                                        "equal, 1 rate against 4",
                                        "lognormal, 1 rate against 4"};
    printf("| arms | seeds | variances of the seeds | false, per pair | false, any pair | interval of a "
           "difference holds "
           "| interval of a mean holds |\n|---|---|---|---|---|---|---|\n");
    for (int arms = 4; arms <= 12; arms += 4)
        for (int i = 0; i < 4; i++)
            for (int k = 0; k < 6; k++) {
                struct world w = {.arms = arms, .seeds = (int[]){2, 3, 5, 10}[i], .rows = 200, .kappa = 0.1};
                w.spread = k % 2 ? 0.5 : 0, w.rates = k >= 2 ? 4 : 1, w.rates_0 = k >= 4 ? 1 : 0;
                struct count n = count_world(&w, TABLE_SWEEPS);
                printf("| %d | %d | %s | %.1f | %.1f | %.1f | %.1f |\n", arms, w.seeds, kinds[k],
                       percent(&n.pair), percent(&n.any), percent(&n.covered), percent(&n.config));
                free(n.resolution);
            }
}

static void print_noisy(void) {
    printf("\n| arms | seeds | rows, kappa | false, pairs with it | false, pairs without it | false, any "
           "pair | called "
           "unstable |\n|---|---|---|---|---|---|---|\n");
    static const struct world rows[] = {
        {.rows = 2000, .kappa = 0.1}, {.rows = 200, .kappa = 0.1}, {.rows = 500, .kappa = 0.02}};
    for (int c = 0; c < 2; c++)
        for (int r = 0; r < 3; r++)
            for (int i = 0; i < 4; i++) {
                struct world w = rows[r];
                w.arms = c ? 12 : 4, w.seeds = (int[]){2, 3, 5, 10}[i], w.noisy = 4;
                struct count n = count_world(&w, w.rows > 1000 ? TABLE_SWEEPS / 4 : TABLE_SWEEPS);
                printf("| %d | %d | %d, %g | %.1f | %.1f | %.1f | %.0f |\n", w.arms, w.seeds, w.rows, w.kappa,
                       percent(&n.pair_0), percent(&n.rest), percent(&n.any), percent(&n.unstable));
                free(n.resolution);
            }
}

static void print_power(void) {
    static const struct world rows[] = {
        {.rows = 2000, .kappa = 0.1}, {.rows = 200, .kappa = 0.1}, {.rows = 500, .kappa = 0.02}};
    printf("\n| rows, kappa | seeds | arms | planned question: 1, 2, 4 sds | among all pairs: 1, 2, 4 sds | "
           "resolution, "
           "sds |\n|---|---|---|---|---|---|\n");
    for (int r = 0; r < 3; r++)
        for (int i = 0; i < 4; i++)
            for (int c = 0; c < 2; c++) {
                struct world w = rows[r];
                double told[3], all[3], resolution = NAN;
                w.seeds = (int[]){2, 3, 5, 10}[i], w.arms = c ? 12 : 4;
                for (int k = 0; k < 3; k++) {
                    w.effect = 1 << k;
                    struct count n = count_world(&w, w.rows > 1000 ? TABLE_SWEEPS / 5 : TABLE_SWEEPS / 2);
                    told[k] = percent(&n.told), all[k] = percent(&n.told_all);
                    resolution = n.resolution[n.n / 2];
                    free(n.resolution);
                }
                printf("| %d, %g | %d | %d | %.0f, %.0f, %.0f %% | %.0f, %.0f, %.0f %% | %.1f |\n", w.rows,
                       w.kappa, w.seeds, w.arms, told[0], told[1], told[2], all[0], all[1], all[2],
                       resolution);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_one_seed_there_is_no_verdict),
        cmocka_unit_test(two_seeds),
        cmocka_unit_test(three_seeds),
        cmocka_unit_test(five_seeds),
        cmocka_unit_test(ten_seeds),
        cmocka_unit_test(a_noisy_arm_leaves_the_verdicts_of_the_others_true),
        cmocka_unit_test(a_single_seed_beside_several_is_judged_truly),
        cmocka_unit_test(rows_of_unequal_weight_are_judged_truly),
        cmocka_unit_test(large_differences_are_found),
    };
    const char *how = getenv("SIMULATION");
    is_long = how && !strcmp(how, "long");
    if (how && !strcmp(how, "tables")) {
        print_false();
        print_noisy();
        print_power();
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
