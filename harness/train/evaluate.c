/* SPDX-License-Identifier: Apache-2.0 */
/* evaluate.c - scores of a split, and the best evaluation of a run (run.h). What a score is belongs
 * to the task; which rows, how many at a time and what becomes of the numbers is the same for all. */
#include <math.h>
#include <string.h>

#include "harness/config/cfg.h"
#include "harness/train/run.h"
#include "harness/base/awake.h"
#include "harness/base/util.h"

/* Tokens per evaluation batch: enough for the kernels, and below what training a few rows takes in memory. */
enum { EVAL_TOKENS = 512, EVAL_ITEMS = 512 };

/* The items from *next on that fit into one batch. -1: an error. */
static int take_items(struct run *r, long *next, long limit, long *items) {
    long tokens = 0;
    int n = 0;
    while (*next < limit && n < EVAL_ITEMS) {
        long t = r->task->item_tokens(r->task_state, *next, r->e);
        if (t < 0) return -1;
        if (n && tokens + t > EVAL_TOKENS) break;
        tokens += t;
        items[n++] = (*next)++;
    }
    return n;
}

static int score_items(struct run *r, enum split s, long limit) {
    long items[EVAL_ITEMS];
    for (long next = 0; next < limit;) {
        int n = take_items(r, &next, limit, items);
        if (n < 0) return ERR_USER;
        struct task_batch *b = run_keep_batch(r, r->task->score_batch(r->task_state, items, n, r->e));
        if (!b) return ERR_USER;
        arena_reset(&r->net.tape);
        if (b->weight > 0) {
            r->task->layout(r->task_state, &r->tn, b, false);
            if (!r->counting) r->task->run(r->task_state, &r->tn, b, false, 0);
            r->res->eval_tokens += b->tokens;
        }
        arena_reset(&r->net.tape);
        run_drop_batches(r);
        if (r->job->stop && *r->job->stop) return ERR_STOP;
        run_tell_progress(r, s == SPLIT_TEST ? "test" : "eval", NAN);
    }
    return 0;
}

/* ---- what a score tells -------------------------------------------------------------------------------- */

struct telling {
    struct run *r;
    enum split split;
    bool items;
    double loss; /* NaN: none told */
    bool finite; /* no metric is NaN, nor is the loss infinite (a perplexity may be) */
};

static void on_metric(void *arg, const char *name, double value) {
    struct telling *t = arg;
    char key[64];
    snprintf(key, sizeof key, "%s/%s", split_name(t->split), name);
    run_tell_metric(t->r, key, t->r->step, value);
    if (isnan(value) || (!strcmp(name, "loss") && !isfinite(value))) t->finite = false;
    if (!strcmp(name, "loss")) t->loss = value;
    if (t->split == SPLIT_EVAL && !strcmp(key, t->r->early.metric)) t->r->watched = value;
}

static void on_item(void *arg, const char *name, long item, double value, double weight) {
    struct telling *t = arg;
    const struct train_report *rep = t->r->rep;
    char key[64];
    if (!t->items || !rep || !rep->item) return;
    snprintf(key, sizeof key, "%s/%s", split_name(t->split), name);
    rep->item(rep->arg, key, item, value, weight);
}

/* How many rows of a split are asked for: 0: all. */
static long rows_wanted(const struct run *r, enum split s) {
    return cfg_int(r->cfg, s == SPLIT_TEST ? "test.rows" : "eval.rows");
}

/* A score of a part of the split is not the split's. Told once. */
static void tell_part(struct run *r, enum split s) {
    long wanted = rows_wanted(r, s), all = r->task->rows(r->task_state, s);
    const char *name = split_name(s);
    char text[160];
    if (wanted <= 0 || wanted >= all || r->part_told[s]) return;
    snprintf(text, sizeof text, "only the first %ld of %ld %s rows are scored (%s.rows; 0 scores all)",
             wanted, all, name, name);
    run_tell_event(r, "cut", text);
    r->part_told[s] = true;
}

static void on_count(void *arg, const struct score_count *c) {
    struct telling *t = arg;
    *(t->split == SPLIT_TEST ? &t->r->res->test_count : &t->r->res->eval_count) = *c;
}

int evaluate(struct run *r, enum split s, bool items, double *loss) {
    struct telling t = {r, s, items, NAN, true};
    struct task_tell tell = {&t, on_metric, on_item, on_count};
    double t0 = awake_seconds();
    long limit;
    int rc = r->task->score_begin(r->task_state, &r->tn, s, rows_wanted(r, s), &limit, r->e);
    if (rc) return rc;
    tell_part(r, s);
    struct err given_up; /* the first error is the one to tell */
    rc = score_items(r, s, limit);
    int ended =
        r->task->score_end(r->task_state, &r->tn, rc || r->counting ? NULL : &tell, rc ? &given_up : r->e);
    r->res->eval_s += awake_seconds() - t0;
    *loss = t.loss;
    if (rc || ended) return rc ? rc : ended;
    return !t.finite;
}

int evaluate_step(struct run *r, bool last) {
    if (!r->task->rows(r->task_state, SPLIT_EVAL)) return 0;
    double loss;
    int rc = evaluate(r, SPLIT_EVAL, last, &loss);
    if (rc < 0 || r->counting) return rc;
    r->res->eval_loss = r->res->metric = loss;
    if (isnan(r->res->best_metric) || loss < r->res->best_metric) {
        r->res->best_metric = loss;
        r->res->best_step = isnan(loss) ? -1 : r->step;
    }
    return rc;
}
