/* SPDX-License-Identifier: Apache-2.0 */
/* test_compare.c - comparisons of arms, on synthetic runs: what is chosen, on which split it is judged, when
 * arms share a rank, what is said of few seeds, and who dominates whom. The statistics themselves are tested
 * in tests/statistics/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analysis/compare.h"
#include "harness/base/rng.h"
#include "tests/record_fixture.h"

struct cell {
    const char *method;
    int r;
    double lr;
    int seed;
    const char *state; /* NULL: complete */
    double eval, test; /* test 0: none */
    int rows;          /* scored one by one on the reported split, around its value */
    double row_noise;
    size_t bytes, peak;
    double train_s;
    int concurrent;
    bool weighted; /* rows count 1, 4, 7, ... in the score; else alike */
    bool old;      /* as an older bench recorded: no weights */
};

static void tell(int64_t run, const char *key, double value) {
    struct err e = {0};
    ok(db_metric(db, run, key, 60, value, &e), &e);
}

/* Rows share their difficulty over all runs: only paired they tell small differences. */
static void rows_tell(int64_t run, const struct cell *c) {
    struct err e = {0};
    double level = c->test != 0 ? c->test : c->eval;
    for (int i = 0; i < c->rows; i++) {
        double hard = (double)rng_uniform(rng_make(1, "hard", 0), (uint64_t)i),
               own = (double)rng_uniform(rng_make((uint64_t)c->seed, c->method, 1), (uint64_t)i);
        ok(db_item(db, run, c->test != 0 ? "test/loss" : "eval/loss", i,
                   level + 3 * (hard - 0.5) + c->row_noise * (own - 0.5),
                   c->old        ? NAN
                   : c->weighted ? 1 + i % 3 * 3
                                 : 1,
                   &e),
           &e);
    }
}

static void add(struct cell c) {
    struct err e = {0};
    char hash[65], *key = xasprintf("%s %d %g", c.method, c.r, c.lr);
    int64_t point, run;
    sha256_hex(key, strlen(key), hash);
    free(key);
    json_t *config =
        json_pack("{s:s,s:i,s:s,s:s,s:{s:f,s:i},s:s}", "method", c.method, "r", c.r, "target_modules",
                  "all-linear", "task", "lm", "train", "lr", c.lr, "batch_size", 8, "model", "m");
    ok(db_point(db, &(struct db_point){.hash = hash, .base_hash = "b", .config = config}, &point, &e), &e);
    json_decref(config);
    ok(db_cell(db, sweep, point, (uint64_t)c.seed, order++, &e), &e);
    struct db_run r = {.sweep = sweep, .point = point, .seed = (uint64_t)c.seed, .threads = 1};
    ok(db_run_new(db, &r, &run, &e), &e);
    struct train_result res = {.metric = c.eval,
                               .eval_loss = c.eval,
                               .test_metric = c.test != 0 ? c.test : NAN,
                               .best_metric = c.eval,
                               .train_loss = c.eval,
                               .steps = 60,
                               .peak_bytes = c.peak,
                               .checkpoint_bytes = (long)c.bytes,
                               .train_s = c.train_s};
    res.state = c.state ? run_state_parse(c.state) : RUN_COMPLETE;
    tell(run, "eval/loss", c.eval);
    tell(run, "eval/accuracy", 1 / c.eval);
    if (c.test != 0) tell(run, "test/loss", c.test);
    rows_tell(run, &c);
    ok(db_run_finish(db, run, &res, c.concurrent, &e), &e);
}

static struct compare read_job(struct compare_job job) {
    struct compare c;
    struct err e = {0};
    ok(db_sweep_ready(db, &e), &e);
    ok(compare_read(&c, db, &job, &e), &e);
    return c;
}

static struct compare read_as(const char *by, const char *metric) {
    return read_job((struct compare_job){.by = by, .metric = metric});
}

/* Do the remarks say this? */
static bool notes_say(const struct compare *c, const char *text) {
    struct strbuf notes = {0};
    compare_notes(c, &notes);
    bool found = strstr(notes.s, text) != NULL;
    strbuf_release(&notes);
    return found;
}

static const struct compare_pair *pair(const struct compare *c, const char *a, const char *b) {
    for (int i = 0; i < c->npair; i++)
        if (!strcmp(c->point[c->arm[c->pair[i].a].any].arm, a) &&
            !strcmp(c->point[c->arm[c->pair[i].b].any].arm, b))
            return &c->pair[i];
    fail_msg("no pair %s, %s", a, b);
    return NULL;
}

/* What the table of arms shows of one. */
static char *shown(const struct compare *c, const char *arm, const char *column) {
    struct table *t = compare_arms_table(c);
    struct strbuf b = {0};
    char *found = NULL;
    int wanted = -1;
    table_write(t, TABLE_AS_MARKDOWN, 0, &b);
    for (char *line = strtok(b.s, "\n"); line && !found; line = strtok(NULL, "\n")) {
        char *cell[32], *at = line + 1;
        int n = 0;
        for (char *end; n < 32 && (end = strchr(at, '|')); at = end + 1) {
            while (*at == ' ') at++;
            char *last = end;
            while (last > at && last[-1] == ' ') last--;
            cell[n++] = xstrndup(at, (size_t)(last - at));
        }
        if (wanted < 0) {
            for (int i = 0; i < n; i++)
                if (!strcmp(cell[i], column)) wanted = i;
            assert_true(wanted >= 0);
        } else if (n > wanted && (!strcmp(cell[0], arm) || !strcmp(cell[1], arm)))
            found = xstrdup(cell[wanted]);
        for (int i = 0; i < n; i++) free(cell[i]);
    }
    strbuf_release(&b);
    table_free(t);
    assert_non_null(found);
    return found;
}

static void is_shown(const struct compare *c, const char *arm, const char *column, const char *want) {
    char *have = shown(c, arm, column);
    assert_string_equal(have, want);
    free(have);
}

static const struct compare_arm *arm(const struct compare *c, const char *name) {
    for (int i = 0; i < c->narm; i++)
        if (!strcmp(c->point[c->arm[i].any].arm, name)) return &c->arm[i];
    fail_msg("no arm %s", name);
    return NULL;
}

static void the_choice_is_evals_and_the_score_tests(void **state) {
    (void)state;
    add((struct cell){"lora", 8, 1e-3, 0, .eval = 1.0, .test = 1.5});
    add((struct cell){"lora", 8, 2e-3, 0, .eval = 1.2, .test = 1.1});
    add((struct cell){"vera", 8, 1e-2, 0, .eval = 1.1, .test = 1.4});
    struct compare c = read_as(NULL, NULL);
    const struct compare_arm *lora = arm(&c, "lora");
    assert_true(c.has_test);
    assert_string_equal(c.reported, "test/loss");
    assert_int_equal(lora->tried, 2);
    assert_true(c.point[lora->point].lr == 1e-3 && c.point[lora->point].score == 1.5);
    assert_true(lora > arm(&c, "vera")); /* sorted by the score */
    compare_release(&c);
}

static void without_test_scores_it_says_that_it_is_optimistic(void **state) {
    (void)state;
    add((struct cell){"lora", 8, 1e-3, 0, .eval = 1.0, .test = 1.5});
    add((struct cell){"vera", 8, 1e-2, 0, .eval = 1.1});
    struct compare c = read_as(NULL, NULL);
    assert_false(c.has_test);
    assert_string_equal(c.reported, "eval/loss");
    assert_true(notes_say(&c, "optimistic"));
    compare_release(&c);
}

static void a_rate_at_which_a_seed_diverged_is_chosen_last(void **state) {
    (void)state;
    add((struct cell){"lora", 8, 1e-3, 0, .eval = 1.3});
    add((struct cell){"lora", 8, 1e-3, 1, .eval = 1.3});
    add((struct cell){"lora", 8, 9e-3, 0, .eval = 1.0});
    add((struct cell){"lora", 8, 9e-3, 1, "nan", .eval = NAN});
    struct compare c = read_as(NULL, NULL);
    assert_true(c.point[arm(&c, "lora")->point].lr == 1e-3);
    compare_release(&c);
}

/* One seed says nothing of methods, however many rows it was scored on. */
static void one_seed_gets_no_verdict_whatever_its_rows(void **state) {
    (void)state;
    add((struct cell){"lora", 8, 1e-3, 0, .eval = 1, .test = 1.00, .rows = 200, .row_noise = 0.2});
    add((struct cell){"vera", 8, 1e-3, 0, .eval = 1, .test = 1.50, .rows = 200, .row_noise = 0.2});
    struct compare c = read_as(NULL, NULL);
    assert_int_equal(pair(&c, "lora", "vera")->v.verdict, VERDICT_NONE);
    assert_true(isnan(pair(&c, "lora", "vera")->v.p) && isnan(c.setting[0].resolution.difference));
    assert_true(arm(&c, "lora")->tied && arm(&c, "vera")->rank == 1);
    assert_true(notes_say(&c, "no verdict, one seed each"));
    is_shown(&c, "vera", "", "no verdict");
    is_shown(&c, "lora", "test/loss", "1.0000");
    compare_release(&c);
}

/* Two paired differences over seeds that happen to agree are no proof. */
static void two_seeds_that_agree_by_accident_decide_nothing(void **state) {
    (void)state;
    static const double up[] = {0, 0.02};
    for (int seed = 0; seed < 2; seed++) {
        add((struct cell){"lora", 8, 1e-3, seed, .eval = 2 + up[seed], .rows = 300, .row_noise = 0.01});
        add((struct cell){"vera", 8, 1e-3, seed, .eval = 2.02 + up[seed], .rows = 300, .row_noise = 0.01});
        add((struct cell){"full", 8, 1e-3, seed, .eval = 2.6 + up[seed], .rows = 300, .row_noise = 0.01});
    }
    struct compare c = read_as(NULL, NULL);
    assert_int_equal(pair(&c, "lora", "vera")->v.verdict, VERDICT_UNDECIDED);
    assert_int_equal(pair(&c, "lora", "full")->v.verdict, VERDICT_WORSE);
    assert_true(arm(&c, "vera")->rank == 1 && arm(&c, "vera")->tied && arm(&c, "full")->rank == 3);
    assert_int_equal(arm(&c, "vera")->rows, 300);
    is_shown(&c, "vera", "", "undecided");
    compare_release(&c);
}

/* The interval, p, verdict and rank of a pair say the same, and so does the resolution. */
static void interval_p_verdict_and_rank_agree(void **state) {
    (void)state;
    static const char *const method[] = {"lora", "vera", "full", "ia3", "dora", "norms"};
    for (int m = 0; m < 6; m++)
        for (int seed = 0; seed < 3; seed++)
            add((struct cell){method[m], 8, 1e-3, seed, .eval = 2 + 0.03 * m + 0.02 * sin(7 * m + 3 * seed),
                              .rows = 100, .row_noise = 0.3});
    struct compare c = read_as(NULL, NULL);
    int better[6] = {0}, decided = 0;
    assert_int_equal(c.npair, 15);
    for (int i = 0; i < c.npair; i++) {
        const struct verdict_pair *p = &c.pair[i].v;
        bool out = p->lo > 0 || p->hi < 0, worse = p->verdict == VERDICT_WORSE;
        assert_int_equal(p->family, 15);
        assert_true(out == (p->p <= 0.05) && out == worse && p->verdict != VERDICT_BETTER);
        assert_true(!worse || fabs(p->diff) > (p->hi - p->lo) / 2);
        better[c.pair[i].b] += worse, decided += worse;
    }
    for (int i = 0; i < 6; i++) assert_int_equal(c.arm[i].rank, 1 + better[i]);
    assert_true(decided > 0 && decided < 15);
    assert_true(c.setting[0].resolution.difference > 0);
    assert_true(notes_say(&c, "15 pairs are judged together, 12 degrees of freedom"));
    assert_true(notes_say(&c, "this sweep can tell differences of about"));
    compare_release(&c);
}

/* vera has one seed: what seeds do is known from lora's configurations, the better half of them: a rate that
 * is too high spreads widely. */
static void a_single_seed_borrows_the_spread_of_the_others(void **state) {
    (void)state;
    for (int seed = 0; seed < 4; seed++)
        for (int k = 0; k < 3; k++)
            add((struct cell){"lora", 8, 1e-3 * (k + 1), seed,
                              .eval = 1 + k + (k == 2 ? 5 : 0.01) * (seed % 2)});
    add((struct cell){"vera", 8, 1e-3, 0, .eval = 1.1});
    add((struct cell){"bitfit", 8, 1e-3, 0, .eval = 1.015});
    struct compare c = read_as(NULL, NULL);
    assert_int_equal(arm(&c, "vera")->rank, 3);
    assert_int_equal(arm(&c, "lora")->rank, 1);
    assert_true(arm(&c, "bitfit")->rank == 1 && arm(&c, "bitfit")->tied);
    assert_true(c.setting[0].judge.model.df == 6 && sqrt(c.setting[0].judge.model.s2) < 0.01);
    assert_true(notes_say(&c, "one seed, its interval is from the spread of the others"));
    assert_true(notes_say(&c, "no scores per row"));
    compare_release(&c);
}

/* lora is the best of four equal rates: what it leads by may be luck. */
static void unequal_numbers_of_tried_rates_are_allowed_for(void **state) {
    (void)state;
    for (int seed = 0; seed < 3; seed++) {
        for (int k = 0; k < 4; k++)
            add((struct cell){"lora", 8, 1e-3 * (k + 1), seed, .eval = 2 + 0.01 * seed + 0.001 * k});
        add((struct cell){"vera", 8, 1e-3, seed, .eval = 2.02 + 0.01 * seed});
    }
    struct compare c = read_as(NULL, NULL);
    const struct verdict_pair *p = &pair(&c, "lora", "vera")->v;
    assert_int_equal(arm(&c, "lora")->tried, 4);
    assert_true(fabs(p->allow - 1.0293753730039641 * 0.01 / sqrt(3)) < 1e-9);
    assert_true(notes_say(&c, "the arms tried 1 to 4 configurations: up to 0.0059 of a difference"));
    compare_release(&c);
}

static void compared_with_one_arm_alone_the_family_is_smaller(void **state) {
    (void)state;
    static const char *const method[] = {"lora", "vera", "full", "ia3"};
    for (int m = 0; m < 4; m++)
        for (int seed = 0; seed < 3; seed++)
            add((struct cell){method[m], 8, 1e-3, seed, .eval = 2 + 0.03 * m + 0.01 * seed});
    struct compare all = read_as(NULL, NULL),
                   one = read_job((struct compare_job){.against = "vera", .margin = 0.08});
    assert_int_equal(one.npair, 3);
    assert_int_equal(one.pair[0].v.family, 3);
    const struct verdict_pair *wide = &pair(&all, "vera", "full")->v,
                              *narrow = &pair(&one, "vera", "full")->v;
    assert_true(narrow->hi - narrow->lo < wide->hi - wide->lo && narrow->diff == wide->diff);
    assert_true(fabs(pair(&one, "vera", "lora")->v.diff + 0.03) < 1e-12);
    assert_int_equal(arm(&one, "lora")->rank, 0);
    is_shown(&one, "vera", "", "reference");
    is_shown(&one, "full", "", "worse, within the margin");
    is_shown(&one, "lora", "to vera", "-0.0300 \\[-0.0546, -0.0054]");
    assert_true(notes_say(&one, "3 comparisons with vera are judged together"));
    compare_release(&all), compare_release(&one);
    struct err e = {0};
    struct compare c;
    assert_int_equal(compare_read(&c, db, &(struct compare_job){.against = "dora"}, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "no such arm with finished runs; there are: lora; vera; full; ia3"));
}

static void as_good_needs_the_whole_interval_within_the_margin(void **state) {
    (void)state;
    for (int seed = 0; seed < 5; seed++) {
        add((struct cell){"lora", 8, 1e-3, seed, .eval = 2 + 0.01 * (seed % 2)});
        add((struct cell){"vera", 8, 1e-3, seed, .eval = 2.001 + 0.01 * (seed % 2)});
    }
    struct compare c = read_job((struct compare_job){.margin = 0.02});
    is_shown(&c, "vera", "", "as good");
    assert_true(notes_say(&c, "as good: the whole interval lies within 0.02"));
    compare_release(&c);
    c = read_job((struct compare_job){.margin = 0.005});
    is_shown(&c, "vera", "", "undecided");
    compare_release(&c);
}

static void a_plan_tells_the_seeds_and_rows_that_would_decide(void **state) {
    (void)state;
    for (int seed = 0; seed < 3; seed++) {
        add((struct cell){"lora", 8, 1e-3, seed, .eval = 2 + 0.02 * seed, .rows = 50, .row_noise = 0.1});
        add((struct cell){"vera", 8, 1e-3, seed, .eval = 2.03 + 0.02 * seed, .rows = 50, .row_noise = 0.1});
        add((struct cell){"full", 8, 1e-3, seed, .eval = 2.5 + 0.02 * seed, .rows = 50, .row_noise = 0.1});
    }
    struct compare c = read_as(NULL, NULL);
    json_t *j = compare_json(&c), *plan = json_object_get(j, "plan"), *row = json_array_get(plan, 0);
    assert_int_equal(json_array_size(plan), 1); /* full is decided */
    assert_string_equal(json_string_value(json_object_get(row, "b")), "vera");
    const struct verdict_pair *p = &pair(&c, "lora", "vera")->v;
    int seeds = (int)json_integer_value(json_object_get(row, "seeds"));
    assert_true(seeds > 3);
    assert_true(verdict_expect(&c.setting[0].judge.model, p, seeds, 50) < p->diff);
    assert_true(verdict_expect(&c.setting[0].judge.model, p, seeds - 1, 50) >= p->diff);
    json_decref(j);
    compare_release(&c);
}

/* The rest of its seeds are the lucky ones. */
static void an_arm_of_which_a_seed_diverged_is_not_ranked(void **state) {
    (void)state;
    for (int seed = 0; seed < 3; seed++) {
        add((struct cell){"lora", 8, 1e-3, seed, .eval = 2 + 0.01 * seed});
        add((struct cell){"vera", 8, 1e-3, seed, .eval = 2.3 + 0.01 * seed});
        add((struct cell){"full", 8, 1e-3, seed, seed == 1 ? "nan" : NULL, .eval = seed == 1 ? NAN : 1});
    }
    struct compare c = read_as(NULL, NULL);
    assert_int_equal(arm(&c, "lora")->rank, 1);
    assert_int_equal(arm(&c, "full")->rank, 0);
    assert_int_equal(c.npair, 1);
    assert_int_equal(c.pair[0].v.family, 1);
    assert_true(arm(&c, "full") > arm(&c, "vera")); /* behind all that finished */
    is_shown(&c, "full", "eval/loss", "(1.0000) 2/3");
    is_shown(&c, "full", "", "diverges in 1 of 3 seeds");
    for (int i = 0; i < c.nfront; i++) assert_string_not_equal(c.point[c.front[i].point].arm, "full");
    compare_release(&c);
}

/* Two configurations with two seeds: 2 degrees of freedom. */
static void values_stand_where_an_interval_says_nothing(void **state) {
    (void)state;
    for (int seed = 0; seed < 2; seed++) {
        add((struct cell){"lora", 8, 1e-3, seed, .eval = 2 + 0.01 * seed});
        add((struct cell){"vera", 8, 1e-3, seed, .eval = 2.1 + 0.02 * seed});
    }
    struct compare c = read_as(NULL, NULL);
    is_shown(&c, "vera", "eval/loss", "2.1000, 2.1200");
    assert_true(notes_say(&c, "only 2 degrees of freedom for seeds"));
    compare_release(&c);
}

static void an_unstable_configuration_is_shown_by_its_values_and_named(void **state) {
    (void)state;
    static const char *const method[] = {"lora", "vera", "full", "ia3", "dora"};
    for (int m = 0; m < 5; m++)
        for (int seed = 0; seed < 3; seed++)
            add((struct cell){method[m], 8, 1e-3, seed, .eval = 2 + m * 0.1 + (m == 3 ? 0.5 : 0.01) * seed});
    struct compare c = read_as(NULL, NULL);
    is_shown(&c, "ia3", "eval/loss", "2.3000, 2.8000, 3.3000");
    is_shown(&c, "lora", "eval/loss", "2.0100 \xc2\xb1 0.0133");
    assert_true(notes_say(&c, "unstable: ia3 lr=0.001 spreads 50 times as much"));
    compare_release(&c);
}

/* The rows' part belongs to the number that is shown: long rows count more. */
static void rows_weigh_as_in_the_score_and_old_records_say_that_they_lack_it(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++)
        for (int seed = 0; seed < 3; seed++) {
            add((struct cell){"lora", 8 + k, 1e-3, seed, .eval = 1 + 0.01 * seed, .rows = 60, .row_noise = 1,
                              .weighted = true, .old = k});
            add((struct cell){"vera", 8 + k, 1e-3, seed, .eval = 1.1 + 0.01 * seed, .rows = 60,
                              .row_noise = 1, .weighted = true, .old = k});
        }
    struct compare_job job = {.where = "r = 8"};
    struct compare weighted = read_job(job), old = read_job((struct compare_job){.where = "r = 9"});
    assert_true(weighted.setting[0].judge.model.k[1] == 1 && weighted.setting[0].judge.model.k[2] == 1.75);
    assert_false(notes_say(&weighted, "without the weights"));
    assert_true(old.setting[0].judge.model.k[2] == 1);
    assert_true(notes_say(&old, "an older record without the weights of rows"));
    assert_true(weighted.pair[0].v.rows_raw != old.pair[0].v.rows_raw);
    compare_release(&weighted), compare_release(&old);
}

static void keys_of_the_configuration_make_arms(void **state) {
    (void)state;
    add((struct cell){"lora", 8, 1e-3, 0, .eval = 1.0});
    add((struct cell){"lora", 64, 1e-3, 0, .eval = 0.9});
    add((struct cell){"vera", 64, 1e-3, 0, .eval = 1.1});
    struct compare c = read_as("method,r", NULL);
    assert_int_equal(c.narm, 3);
    assert_non_null(arm(&c, "lora, 64"));
    compare_release(&c);
    c = read_as("train.batch_size", NULL);
    assert_int_equal(c.narm, 1);
    assert_non_null(arm(&c, "8"));
    compare_release(&c);
}

static void another_metric_is_better_its_own_way(void **state) {
    (void)state;
    add((struct cell){"lora", 8, 1e-3, 0, .eval = 1.0});
    add((struct cell){"vera", 8, 1e-3, 0, .eval = 2.0});
    struct compare c = read_as(NULL, "eval/accuracy");
    assert_true(c.maximize);
    assert_true(arm(&c, "lora") < arm(&c, "vera"));
    compare_release(&c);
}

static void fronts_name_who_dominates(void **state) {
    (void)state;
    add((struct cell){"none", 0, 0, 0, .eval = 5});
    add((struct cell){"full", 0, 1e-5, 0, .eval = 1.0, .bytes = 900, .peak = 900, .train_s = 9});
    add((struct cell){"lora", 8, 1e-3, 0, .eval = 1.1, .bytes = 50, .peak = 500, .train_s = 5});
    add((struct cell){"lora", 64, 1e-3, 0, .eval = 1.2, .bytes = 90, .peak = 600, .train_s = 6,
                      .concurrent = 1});
    add((struct cell){"vera", 64, 1e-3, 0, .eval = 1.3, .bytes = 10, .peak = 700, .train_s = 4});
    struct compare c = read_as(NULL, NULL);
    assert_int_equal(c.nfront, 4); /* the base is no compromise */
    assert_true(c.timings_alone);
    const struct compare_front *full = &c.front[0], *l8 = &c.front[1], *l64 = &c.front[2],
                               *vera = &c.front[3];
    for (int k = 0; k < 3; k++) assert_true(full->by[k] == -1 && l8->by[k] == -1);
    assert_true(l64->by[0] == l8->point && l64->by[1] == l8->point);
    assert_int_equal(l64->by[2], -2); /* measured beside another run */
    assert_true(vera->by[0] == -1 && vera->by[1] == l8->point && vera->by[2] == -1);
    compare_release(&c);
}

static void mistakes_are_told_with_what_there_is(void **state) {
    (void)state;
    struct compare c;
    struct err e = {0};
    add((struct cell){"lora", 8, 1e-3, 0, "failed", .eval = NAN});
    ok(db_sweep_ready(db, &e), &e);
    assert_int_equal(compare_read(&c, db, &(struct compare_job){0}, &e), ERR_RESOURCE);
    add((struct cell){"lora", 16, 1e-3, 0, .eval = 1});
    ok(db_sweep_ready(db, &e), &e);
    assert_int_equal(compare_read(&c, db, &(struct compare_job){.sweep = "x"}, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "its sweeps: s"));
    assert_int_equal(compare_read(&c, db, &(struct compare_job){.by = "rank"}, &e), ERR_USER);
    assert_int_equal(compare_read(&c, db, &(struct compare_job){.by = "method,"}, &e), ERR_USER);
    assert_int_equal(compare_read(&c, db, &(struct compare_job){.metric = "eval/bleu"}, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "eval/accuracy"));
    assert_int_equal(compare_read(&c, db, &(struct compare_job){.where = "r >"}, &e), ERR_USER);
}

int main(void) {
#define WITH_DB(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_DB(the_choice_is_evals_and_the_score_tests),
        WITH_DB(without_test_scores_it_says_that_it_is_optimistic),
        WITH_DB(a_rate_at_which_a_seed_diverged_is_chosen_last),
        WITH_DB(one_seed_gets_no_verdict_whatever_its_rows),
        WITH_DB(two_seeds_that_agree_by_accident_decide_nothing),
        WITH_DB(interval_p_verdict_and_rank_agree),
        WITH_DB(a_single_seed_borrows_the_spread_of_the_others),
        WITH_DB(unequal_numbers_of_tried_rates_are_allowed_for),
        WITH_DB(compared_with_one_arm_alone_the_family_is_smaller),
        WITH_DB(as_good_needs_the_whole_interval_within_the_margin),
        WITH_DB(a_plan_tells_the_seeds_and_rows_that_would_decide),
        WITH_DB(an_arm_of_which_a_seed_diverged_is_not_ranked),
        WITH_DB(values_stand_where_an_interval_says_nothing),
        WITH_DB(an_unstable_configuration_is_shown_by_its_values_and_named),
        WITH_DB(rows_weigh_as_in_the_score_and_old_records_say_that_they_lack_it),
        WITH_DB(keys_of_the_configuration_make_arms),
        WITH_DB(another_metric_is_better_its_own_way),
        WITH_DB(fronts_name_who_dominates),
        WITH_DB(mistakes_are_told_with_what_there_is),
    };
    return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
