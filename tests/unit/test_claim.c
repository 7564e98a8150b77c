/* SPDX-License-Identifier: Apache-2.0 */
/* test_claim.c - arms out of a record, the rules of claims, and the delivered list of claims. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "harness/paper/claim.h"
#include "harness/paper/paper.h"
#include "harness/base/util.h"
#include "harness/config/yaml.h"

/* ---- a record ------------------------------------------------------------------------------------------ */

struct record {
    char dir[32], path[64];
    struct db *db;
    int64_t sweep, env, model, data;
    int order;
};

static void ok(int rc, const struct err *e) {
    if (rc) fail_msg("%s", e->msg);
}

static void begin(struct record *r, const char *goal) {
    struct err e = {0};
    *r = (struct record){.dir = "/tmp/claim-XXXXXX"};
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->path, sizeof r->path, "%s/t.db", r->dir);
    ok(db_open(&r->db, r->path, true, &e), &e);
    ok(db_env(r->db, &(struct db_env){.build = "build 1", .cpu = "a processor"}, &r->env, &e), &e);
    ok(db_model(r->db, &(struct db_model){"m", "/m", "d", 1}, &r->model, &e), &e);
    ok(db_dataset(r->db, &(struct db_dataset){"d", "/d", "d"}, &r->data, &e), &e);
    struct db_sweep s = {.name = "s", .path = "/s.yaml", .yaml = "", .metric = "eval/loss", .goal = goal};
    ok(db_sweep_begin(r->db, &s, &r->sweep, &e), &e);
}

static int scored_rows; /* that each run tells one by one, around its metric, as its own method has it */

static void add_rows(struct record *r, int64_t run, const char *config, double metric) {
    struct err e = {0};
    for (int i = 0; i < scored_rows; i++) {
        double own = sin(31.0 * i + (strstr(config, "64") ? 2 : 0));
        ok(db_item(r->db, run, "eval/loss", i, metric + 0.5 * sin(17.0 * i) + 0.3 * own, 1, &e), &e);
    }
}

/* A finished run. NaN: it diverged. */
static void add(struct record *r, const char *config, int seed, double metric, size_t act) {
    struct err e = {0};
    json_t *c = json_loads(config, 0, NULL);
    assert_non_null(c);
    struct db_point p = {
        .hash = config, .base_hash = "base", .config = c, .model = r->model, .dataset = r->data};
    int64_t point, run;
    ok(db_point(r->db, &p, &point, &e), &e);
    ok(db_cell(r->db, r->sweep, point, (uint64_t)seed, r->order++, &e), &e);
    ok(db_run_new(r->db,
                  &(struct db_run){
                      .sweep = r->sweep, .point = point, .env = r->env, .seed = (uint64_t)seed, .threads = 1},
                  &run, &e),
       &e);
    struct train_result res = {.metric = metric,
                               .best_metric = metric,
                               .test_metric = NAN,
                               .train_loss = NAN,
                               .eval_loss = metric,
                               .steps = 10};
    res.state = isnan(metric) ? RUN_DIVERGED : RUN_COMPLETE;
    res.mem_peak[MEM_ACT] = res.mem_at_peak[MEM_ACT] = res.peak_bytes = act;
    add_rows(r, run, config, metric);
    ok(db_run_finish(r->db, run, &res, 0, &e), &e);
    ok(db_sweep_ready(r->db, &e), &e);
    json_decref(c);
}

static void end(struct record *r) {
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    db_close(r->db);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char path[80];
        snprintf(path, sizeof path, "%s%s", r->path, ends[i]);
        unlink(path);
    }
    rmdir(r->dir);
}

static struct arm arm(struct record *r, const char *where) {
    struct ynode *n;
    struct arm a;
    struct err e = {0};
    char goal[16];
    ok(ynode_parse(&n, where, strlen(where), "where", &e), &e);
    ok(arm_read(&a, r->db, "s", n, "metric", goal, &e), &e);
    ynode_free(n);
    return a;
}

#define LORA(r, lr)                                                                                          \
    "{\"method\": \"lora\", \"r\": " #r                                                                      \
    ", \"target_modules\": [\"q_proj\", \"v_proj\"], \"train\": {\"lr\": " #lr "}}"

static void an_arm_is_its_best_learning_rate(void **state) {
    (void)state;
    struct record r;
    begin(&r, "minimize");
    for (int seed = 0; seed < 3; seed++) {
        add(&r, LORA(8, 0.001), seed, 2.0 + 0.1 * seed, 100);
        add(&r, LORA(8, 0.004), seed, 1.5 + 0.1 * seed, 100);
        add(&r, LORA(8, 0.016), seed, seed == 1 ? NAN : 1.0, 100); /* better, but one seed diverged */
        add(&r, LORA(64, 0.001), seed, 1.2, 100);
    }
    add(&r, LORA(8, 0.002), 0, 0.5, 100); /* better still, but of one seed */
    struct arm a = arm(&r, "{method: lora, r: 8}");
    assert_int_equal(a.n, 3);
    assert_int_equal(a.points, 4);
    assert_true(a.lr == 0.004);
    assert_true(a.value[0] == 1.5 && a.value[1] == 1.6 && a.seed[2] == 2);
    assert_false(a.diverged);
    assert_string_equal(a.build, "build 1");
    assert_string_equal(a.cpu, "a processor");
    assert_int_equal(arm(&r, "{method: lora, r: 64, target_modules: \"q_proj,v_proj\"}").n, 3);
    assert_int_equal(arm(&r, "{method: lora, train.lr: 0.001}").points, 2);
    assert_int_equal(arm(&r, "{method: vera}").n, 0);
    assert_int_equal(arm(&r, "{target_modules: q_proj}").n, 0);
    assert_int_equal(arm(&r, "{\"x' OR 1 --\": 8}").n, 0);
    end(&r);
}

static void where_more_is_better_the_largest_mean_is_best(void **state) {
    (void)state;
    struct record r;
    begin(&r, "maximize");
    add(&r, LORA(8, 0.001), 0, 0.7, 100);
    add(&r, LORA(8, 0.004), 0, 0.9, 100);
    assert_true(arm(&r, "{r: 8}").value[0] == 0.9);
    end(&r);
}

static void an_arm_that_always_diverged_says_so(void **state) {
    (void)state;
    struct record r;
    begin(&r, "minimize");
    add(&r, LORA(8, 0.5), 0, NAN, 100);
    assert_true(arm(&r, "{r: 8}").diverged);
    end(&r);
}

/* ---- rules --------------------------------------------------------------------------------------------- */

static void judged(enum claim_rule rule, double lo, double hi, double margin, enum claim_verdict want) {
    struct claim_pair p = {.seeds = 3, .gain = (lo + hi) / 2, .lo = lo, .hi = hi, .margin = margin};
    assert_int_equal(claim_judge(rule, &p, false), want);
    p.rows = 200; /* which the interval does not know of */
    assert_int_equal(claim_judge(rule, &p, false), CLAIM_NO_VERDICT);
    p.counted = 200;
    assert_int_equal(claim_judge(rule, &p, false), want);
}

static void rules_ask_where_the_interval_lies(void **state) {
    (void)state;
    judged(CLAIM_BETTER, 0.1, 0.3, 0, CLAIM_SUPPORTED);
    judged(CLAIM_BETTER, -0.1, 0.3, 0, CLAIM_UNDECIDED);
    judged(CLAIM_BETTER, -0.3, -0.1, 0, CLAIM_NOT_SUPPORTED);
    judged(CLAIM_BETTER, 0.1, 0.3, 0.2, CLAIM_UNDECIDED);
    judged(CLAIM_BETTER, 0, 0, 0, CLAIM_NOT_SUPPORTED); /* the same is not better */
    judged(CLAIM_EQUAL, -0.1, 0.1, 0.2, CLAIM_SUPPORTED);
    judged(CLAIM_EQUAL, -0.1, 0.3, 0.2, CLAIM_UNDECIDED);
    judged(CLAIM_EQUAL, 0.3, 0.4, 0.2, CLAIM_NOT_SUPPORTED);
    judged(CLAIM_EQUAL, -0.4, -0.3, 0.2, CLAIM_NOT_SUPPORTED);
    judged(CLAIM_NOT_WORSE, -0.1, 0.5, 0.2, CLAIM_SUPPORTED);
    judged(CLAIM_NOT_WORSE, -0.3, 0.5, 0.2, CLAIM_UNDECIDED);
    judged(CLAIM_NOT_WORSE, -0.5, -0.3, 0.2, CLAIM_NOT_SUPPORTED);
    struct claim_pair one = {.seeds = 1, .gain = 5, .lo = NAN, .hi = NAN}, none = {.lo = NAN, .hi = NAN};
    assert_int_equal(claim_judge(CLAIM_BETTER, &one, false), CLAIM_NO_VERDICT);
    assert_int_equal(claim_judge(CLAIM_BETTER, &one, true), CLAIM_SUPPORTED);
    assert_int_equal(claim_judge(CLAIM_BETTER, &none, true), CLAIM_NOT_RUN);
}

static struct claims *load_text(struct record *r, const char *text, struct err *e) {
    struct claims *all;
    char path[64];
    snprintf(path, sizeof path, "%s/claims.yaml", r->dir);
    ok(file_write(path, text, strlen(text), e), e);
    int rc = claims_load(&all, path, r->db, e);
    unlink(path);
    if (rc) assert_null(all);
    return all;
}

static void claims_are_judged_by_the_record(void **state) {
    (void)state;
    struct record r;
    struct err e = {0};
    begin(&r, "minimize");
    for (int seed = 0; seed < 3; seed++) {
        add(&r, LORA(8, 0.001), seed, 2.0 + 0.01 * seed, 100);
        add(&r, LORA(64, 0.001), seed, 1.9 + 0.01 * seed, 200);
    }
    struct claims *all =
        load_text(&r,
                  "claims:\n"
                  "  - {name: rank helps, sweep: s, rule: better, compare: [{a: {r: 8}, b: {r: 64}}]}\n"
                  "  - {name: rank hurts, sweep: s, rule: better, compare: [{a: {r: 64}, b: {r: 8}}]}\n"
                  "  - {name: rank is even, sweep: s, rule: equal, margin: 0.01, relative: true, compare: "
                  "[{a: {r: 64}, b: {r: 8}}]}\n"
                  "  - {name: rank costs, sweep: s, value: act_bytes, rule: better, compare: [{a: {r: 64}, "
                  "b: {r: 8}}]}\n"
                  "  - {name: one of two, sweep: s, rule: better, compare: [{a: {r: 8}, b: {r: 64}}, {a: {r: "
                  "8}, b: {r: 3}}]}\n"
                  "  - {name: elsewhere, sweep: other, rule: better, compare: [{a: {r: 8}, b: {r: 64}}]}\n"
                  "  - {name: nowhere, skip: no recipe}\n",
                  &e);
    if (!all) fail_msg("%s", e.msg);
    static const enum claim_verdict want[] = {CLAIM_SUPPORTED, CLAIM_NOT_SUPPORTED, CLAIM_NOT_SUPPORTED,
                                              CLAIM_SUPPORTED, CLAIM_NOT_RUN,       CLAIM_NOT_RUN,
                                              CLAIM_NOT_RUN};
    assert_int_equal(all->n, ARRAY_LEN(want));
    for (int i = 0; i < all->n; i++)
        if (all->v[i].verdict != want[i])
            fail_msg("%s: %s", all->v[i].name, claim_verdict_name(all->v[i].verdict));
    assert_true(fabs(all->v[0].pairs[0].gain - 0.1) < 1e-9); /* a gain, though the loss falls */
    double half = 2.7764451 * 0.01 * sqrt(2.0 / 3); /* t(4): the spread of both, not paired by seed */
    assert_true(fabs(all->v[0].pairs[0].lo - 0.1 + half) < 1e-8);
    assert_true(fabs(all->v[0].pairs[0].hi - 0.1 - half) < 1e-8);
    assert_string_equal(all->v[0].pairs[0].b, "r=64");
    claims_free(all);
    end(&r);
}

/* 50 rows leave more open than three seeds that agree. */
static void rows_that_were_drawn_widen_the_interval_of_a_claim(void **state) {
    (void)state;
    struct record r;
    struct err e = {0};
    const char *text =
        "claims:\n  - {name: x, sweep: s, rule: not worse, margin: 0.05, compare: [{a: {r: 8}, b: "
        "{r: 64}}]}\n";
    for (int rows = 0; rows <= 50; rows += 50) {
        begin(&r, "minimize");
        scored_rows = rows;
        for (int seed = 0; seed < 3; seed++) {
            add(&r, LORA(8, 0.001), seed, 2.0 + 0.001 * seed, 100);
            add(&r, LORA(64, 0.001), seed, 2.0 + 0.001 * seed, 200);
        }
        scored_rows = 0;
        struct claims *all = load_text(&r, text, &e);
        if (!all) fail_msg("%s", e.msg);
        const struct claim_pair *p = &all->v[0].pairs[0];
        assert_int_equal(all->v[0].verdict, rows ? CLAIM_UNDECIDED : CLAIM_SUPPORTED);
        assert_int_equal(p->counted, rows);
        assert_true(rows ? p->hi > 0.05 : p->hi < 0.01);
        struct strbuf b = {0};
        claim_remedy(&all->v[0], &b);
        assert_int_equal(b.len > 0, rows > 0);
        if (rows) assert_non_null(strstr(b.s, "the margin 0.05 is below what these runs can tell"));
        strbuf_release(&b);
        claims_free(all);
        end(&r);
    }
}

/* What was kept without rows is not taken for more than it is. */
static void a_kept_claim_says_why_it_has_no_verdict(void **state) {
    (void)state;
    struct record r;
    struct err e = {0};
    begin(&r, "minimize");
    char path[64], beside[80];
    snprintf(path, sizeof path, "%s/claims.yaml", r.dir);
    snprintf(beside, sizeof beside, "%s/claims.measured.csv", r.dir);
    const char *text = "claims:\n"
                       "  - {name: x, sweep: s, rule: better, compare: [{a: {r: 8}, b: {r: 64}}]}\n"
                       "  - {name: y, sweep: s, rule: better, compare: [{a: {r: 8}, b: {r: 64}}]}\n"
                       "  - {name: z, sweep: s, rule: better, compare: [{a: {r: 8}, b: {r: 64}}]}\n",
               *kept = "claim,a,b,mean_a,mean_b,gain,lo,hi,seeds,rows,counted,build,processor,date\n"
                       "x,r=8,r=64,2,1,1,0.9,1.1,3,200,0,b,c,d\n"
                       "y,r=8,r=64,2,1,1,,,1,200,200,b,c,d\n"
                       "z,r=8,r=64,2,1,1,0.9,1.1,3,200,200,b,c,d\n";
    static const char *const want[] = {"no verdict (200 rows)", "no verdict (one seed)", "supported"};
    struct claims *all;
    ok(file_write(path, text, strlen(text), &e), &e);
    ok(file_write(beside, kept, strlen(kept), &e), &e);
    ok(claims_load(&all, path, r.db, &e), &e);
    ok(claims_measured(all, &e), &e);
    for (int i = 0; i < 3; i++) {
        struct strbuf b = {0};
        claim_verdict_text(&all->v[i], &b);
        assert_string_equal(b.s, want[i]);
        strbuf_release(&b);
    }
    claims_free(all);
    unlink(path), unlink(beside);
    end(&r);
}

/* It has one run, whatever the seeds of the others. */
static void an_arm_may_be_the_untouched_base(void **state) {
    (void)state;
    struct record r;
    struct err e = {0};
    begin(&r, "minimize");
    for (int seed = 0; seed < 3; seed++) {
        add(&r, LORA(8, 0.001), seed, 2.0 + 0.01 * seed, 100);
        add(&r, "{\"method\": \"none\"}", seed, 3.0, 100); /* equal values: no spread to lend */
    }
    struct claims *all = load_text(
        &r, "claims:\n  - {name: x, sweep: s, rule: better, compare: [{a: {method: none}, b: {r: 8}}]}\n",
        &e);
    if (!all) fail_msg("%s", e.msg);
    const struct claim_pair *p = &all->v[0].pairs[0];
    assert_int_equal(p->verdict, CLAIM_SUPPORTED);
    assert_true(fabs(p->gain - 0.99) < 1e-9);
    assert_true(fabs(p->hi - p->gain - 4.3026527 * 0.01 * sqrt(1 + 1.0 / 3)) < 1e-8); /* t(2) */
    claims_free(all);
    end(&r);
}

static void nothing_is_decided_while_runs_are_missing(void **state) {
    (void)state;
    struct record r;
    struct err e = {0};
    begin(&r, "minimize");
    for (int seed = 0; seed < 3; seed++) {
        add(&r, LORA(8, 0.001), seed, 2.0 + 0.01 * seed, 100);
        add(&r, LORA(64, 0.001), seed, 1.9 + 0.01 * seed, 200);
    }
    json_t *c = json_loads(LORA(64, 0.004), 0, NULL);
    int64_t point;
    struct db_point p = {.hash = "x", .base_hash = "base", .config = c, .model = r.model, .dataset = r.data};
    ok(db_point(r.db, &p, &point, &e), &e);
    ok(db_cell(r.db, r.sweep, point, 0, 99, &e), &e);
    ok(db_sweep_ready(r.db, &e), &e);
    struct claims *all = load_text(
        &r, "claims:\n  - {name: x, sweep: s, rule: better, compare: [{a: {r: 8}, b: {r: 64}}]}\n", &e);
    if (!all) fail_msg("%s", e.msg);
    assert_int_equal(all->v[0].verdict, CLAIM_UNDECIDED);
    assert_int_equal(all->v[0].pairs[0].verdict, CLAIM_SUPPORTED);
    assert_string_equal(all->v[0].note, "so far: 1 of 7 runs are not done");
    claims_free(all);
    json_decref(c);
    end(&r);
}

static void mistakes_in_claims_name_their_line(void **state) {
    (void)state;
    static const char *const bad[][2] = {
        {"claims:\n  - {name: x, swep: s}\n", ":2: unknown key 'swep'"},
        {"claims:\n  - {name: x}\n", ":2: a claim needs `sweep`"},
        {"claims:\n  - {name: x, sweep: s, rule: best, compare: [{a: {r: 1}, b: {r: 2}}]}\n",
         ":2: `rule` must be"},
        {"claims:\n  - {name: x, sweep: s, rule: equal, compare: [{a: {r: 1}, b: {r: 2}}]}\n",
         ":2: `rule: equal` needs a margin"},
        {"claims:\n  - {name: x, sweep: s, rule: better, compare: [{a: {r: 1}}]}\n", ":2: an arm is a map"},
        {"claims:\n  - {name: x, sweep: s, rule: better, compare: [{a: {r: [1]}, b: {r: 2}}]}\n",
         ":2: 'r' of an arm"},
        {"claims:\n  - {name: x, sweep: s, rule: better, value: speed, compare: [{a: {r: 1}, b: {r: 2}}]}\n",
         ":2: unknown value 'speed'"},
        {"claims: 3\n", "must have a list"},
    };
    struct record r;
    begin(&r, "minimize");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err e = {0};
        assert_null(load_text(&r, bad[i][0], &e));
        assert_int_equal(e.code, ERR_USER);
        if (!strstr(e.msg, bad[i][1])) fail_msg("'%s' is not in '%s'", bad[i][1], e.msg);
    }
    end(&r);
}

/* Each has a statement and a paper, and a recipe that exists or the reason why there is none. */
static void the_delivered_claims_have_recipes(void **state) {
    (void)state;
    struct claims *all;
    struct err e = {0};
    setenv("BENCH_SHARE", "experiments", 1);
    if (claims_load(&all, NULL, NULL, &e)) fail_msg("%s", e.msg);
    assert_true(all->n >= 15);
    for (int i = 0; i < all->n; i++) {
        const struct claim *c = &all->v[i];
        if (!c->statement || !c->paper || (!c->sweep && !c->why)) fail_msg("%s is incomplete", c->name);
        if (c->sweep && !c->control) fail_msg("%s names no control", c->name);
        assert_int_equal(c->verdict, CLAIM_NOT_RUN);
        if (!c->sweep) continue;
        char *path = xasprintf("experiments/tables/%s.sweep.yaml", c->sweep);
        if (!file_exists(path)) fail_msg("%s: %s is missing", c->name, path);
        free(path);
    }
    claims_free(all);
}

/* ---- measured cells ------------------------------------------------------------------------------------ */

static void measured_cells_come_from_the_record_else_from_the_file_beside(void **state) {
    (void)state;
    struct record r;
    struct err e = {0};
    struct archs *book;
    struct paper *p;
    char path[64], beside[64];
    begin(&r, "minimize");
    for (int seed = 0; seed < 3; seed++) add(&r, LORA(8, 0.001), seed, 2.0 + 0.1 * seed, 100);
    snprintf(path, sizeof path, "%s/t.yaml", r.dir);
    snprintf(beside, sizeof beside, "%s/t.measured.csv", r.dir);
    const char *text = "sweep: s\ncells:\n  - {row: \"a, \\\"b\\\"\", printed: 87.5±.3, arm: {r: 8}}\n  - "
                       "{row: c, arm: {r: 64}}\n  - {row: d, arm: {r: 1}}\n";
    ok(file_write(path, text, strlen(text), &e), &e);
    setenv("BENCH_SHARE", "experiments", 1);
    ok(archs_load(&book, NULL, &e), &e);
    ok(paper_load(&p, path, book, r.db, &e), &e);
    assert_string_equal(p->cells[0].shown, "2.1 ± 0.25 (3 seeds)");
    assert_int_equal(p->cells[0].verdict, PAPER_MEASURED);
    assert_int_equal(p->cells[1].verdict, PAPER_NOT_RUN);
    struct strbuf csv = {0};
    paper_measured_write(p, &csv);
    paper_free(p);
    strbuf_adds(&csv, "c,,1.5,,1,0.002,build 0,old,2026-01-01\n");
    ok(file_write(beside, csv.s, csv.len, &e), &e);
    ok(paper_load(&p, path, book, NULL, &e), &e);
    assert_string_equal(p->cells[0].shown, "2.1 ± 0.25 (3 seeds)");
    assert_string_equal(p->cells[0].arm->cpu, "a processor");
    assert_string_equal(p->cells[1].shown, "1.5 (one seed)");
    assert_int_equal(p->cells[2].verdict, PAPER_NOT_RUN);
    paper_free(p);
    ok(file_write(beside, "row\na,b\n", 8, &e), &e);
    assert_int_equal(paper_load(&p, path, book, NULL, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "t.measured.csv:1: must be row,column"));
    archs_free(book);
    strbuf_release(&csv);
    unlink(path);
    unlink(beside);
    end(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_arm_is_its_best_learning_rate),
        cmocka_unit_test(where_more_is_better_the_largest_mean_is_best),
        cmocka_unit_test(an_arm_that_always_diverged_says_so),
        cmocka_unit_test(rules_ask_where_the_interval_lies),
        cmocka_unit_test(claims_are_judged_by_the_record),
        cmocka_unit_test(rows_that_were_drawn_widen_the_interval_of_a_claim),
        cmocka_unit_test(a_kept_claim_says_why_it_has_no_verdict),
        cmocka_unit_test(an_arm_may_be_the_untouched_base),
        cmocka_unit_test(nothing_is_decided_while_runs_are_missing),
        cmocka_unit_test(mistakes_in_claims_name_their_line),
        cmocka_unit_test(the_delivered_claims_have_recipes),
        cmocka_unit_test(measured_cells_come_from_the_record_else_from_the_file_beside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
