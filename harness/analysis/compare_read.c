/* SPDX-License-Identifier: Apache-2.0 */
/* compare_read.c - a sweep of the record as compare.h sees it: points with their runs, costs and names. */
#include "harness/analysis/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/record/query.h"
#include "harness/record/sweep_head.h"
#include "harness/core/task.h"

/* ---- which sweep, which metric ------------------------------------------------------------------------- */

/* Another metric than the sweep's: it must be recorded, and a task must know which way it is better. */
static int metric_choose(const char *metric, struct db *db, const struct sweep_head *h,
                         struct record_filter *f, struct err *e) {
    struct strbuf told = {0};
    bool found;
    if (!metric || !strcmp(metric, h->metric)) return 0;
    int rc = record_metric_told(db, h->id, metric, &found, &told, e);
    const char *goal = NULL;
    for (int i = 0; !rc && found && task_list[i] && !goal; i++) goal = task_list[i]->metric_goal(metric + 5);
    if (!rc && !found)
        rc = err_set(e, ERR_USER, "--metric %.60s: this sweep's evaluations told %s", metric,
                     told.len ? told.s : "nothing yet");
    else if (!rc && !goal)
        rc = err_set(e, ERR_USER, "--metric %.60s: no task knows whether more or less of it is better",
                     metric);
    strbuf_release(&told);
    f->metric = metric;
    f->goal = goal;
    return rc;
}

/* ---- the keys of arms ---------------------------------------------------------------------------------- */

static void key_add(struct compare *c, const char *key, size_t n) {
    c->key = xrealloc(c->key, (size_t)(c->nkey + 1) * sizeof *c->key);
    c->key[c->nkey++] = xstrndup(key, n);
}

static int keys_read(struct compare *c, const char *by, struct err *e) {
    for (const char *p = by ? by : "method"; *p;) {
        size_t n = strcspn(p, ",");
        if (!n || c->nkey == 8)
            return err_set(e, ERR_USER, "--by '%.60s': one to eight keys, separated by commas", by);
        key_add(c, p, n);
        p += n;
        if (*p == ',' && *++p == 0)
            return err_set(e, ERR_USER, "--by '%.60s': a key is missing at the end", by);
    }
    return c->nkey ? 0 : err_set(e, ERR_USER, "--by: which keys?");
}

static int keys_check(const struct compare *c, const struct record_sweep *all, struct err *e) {
    for (int i = 0; i < c->nkey; i++)
        if (!record_knows_key(all, c->key[i]))
            return err_set(
                e, ERR_USER,
                "--by %.60s: no such key in this sweep's configurations (method, r, target_modules, lr, "
                "model, data, or as in the sweep file: train.batch_size, ...)",
                c->key[i]);
    return 0;
}

/* ---- points -------------------------------------------------------------------------------------------- */

/* "lora r=8 all-linear lr=5e-4": what tells configurations of a sweep apart, for people. */
static char *label_make(const struct compare_point *g) {
    struct strbuf b = {0};
    char lr[TABLE_FORMAT_MAX];
    strbuf_adds(&b, g->method);
    if (g->r >= 0) strbuf_addf(&b, " r=%lld", (long long)g->r);
    if (*g->targets) strbuf_addf(&b, " %s", g->targets);
    if (!isnan(g->lr)) {
        table_format_num(lr, TABLE_RATE, g->lr);
        strbuf_addf(&b, " lr=%s", lr);
    }
    return strbuf_detach(&b);
}

static char *setting_make(const struct record_point *p) {
    return xasprintf("%s, %s on %s", p->model ? p->model : "?", p->task ? p->task : "?",
                     p->data ? p->data : "?");
}

static char *arm_make(const struct compare *c, const struct record_point *p) {
    struct strbuf b = {0};
    for (int i = 0; i < c->nkey; i++) {
        char buf[32];
        const char *v = record_point_text(p, c->key[i], buf);
        strbuf_addf(&b, "%s%s", i ? ", " : "", v ? v : "-");
    }
    return strbuf_detach(&b);
}

static void add_run(struct compare *c, struct compare_point *g, const struct record_cell *x) {
    GROW(c->run, c->nrun, c->run_cap);
    struct compare_run *r = &c->run[c->nrun++];
    *r = (struct compare_run){.id = x->run,
                              .seed = x->seed,
                              .complete = x->state == RUN_COMPLETE,
                              .diverged = x->state == RUN_DIVERGED,
                              .concurrent = x->concurrent > 0,
                              .eval = x->metric,
                              .test = x->test,
                              .train_s = x->train_s};
    g->nrun++;
    g->diverged += r->diverged;
    if (!r->complete) return;
    g->bytes = MAX_OF(g->bytes, x->checkpoint_bytes);
    g->peak = MAX_OF(g->peak, x->peak_bytes);
    g->concurrent |= r->concurrent;
}

static void add_point(struct compare *c, const struct record_sweep *all, const struct record_point *p) {
    GROW(c->point, c->npoint, c->point_cap);
    struct compare_point *g = &c->point[c->npoint++];
    *g = (struct compare_point){.id = p->id,
                                .setting = setting_make(p),
                                .arm = arm_make(c, p),
                                .method = xstrdup(p->method),
                                .targets = xstrdup(p->target_modules ? p->target_modules : ""),
                                .untouched = p->untouched,
                                .r = p->r,
                                .lr = p->lr,
                                .first = c->nrun,
                                .bytes = -1,
                                .peak = -1,
                                .train_s = NAN};
    g->label = label_make(g);
    for (int i = p->first; i < p->first + p->ncell; i++) add_run(c, g, &all->cell[i]);
}

int compare_cells(struct compare *c, struct db *db, const struct compare_job *job, struct err *e) {
    struct record_filter f = {.where = job->where, .without_controls = true};
    struct record_sweep all = {0};
    struct sweep_head h;
    int rc = sweep_head_read(&h, db, job->sweep, e);
    if (!rc) rc = metric_choose(job->metric, db, &h, &f, e);
    if (!rc) rc = keys_read(c, job->by, e);
    if (!rc) rc = record_sweep_read_id(&all, db, h.id, &f, e);
    sweep_head_release(&h);
    if (!rc) rc = keys_check(c, &all, e);
    if (!rc) {
        c->sweep = xstrdup(all.name), c->metric = xstrdup(all.metric), c->goal = xstrdup(all.goal);
        c->maximize = all.maximize;
        /* until it shows that there is no test split */
        c->reported = xasprintf("test/%s", strncmp(c->metric, "eval/", 5) ? c->metric : c->metric + 5);
    }
    for (int i = 0; i < all.npoint && !rc; i++) add_point(c, &all, &all.point[i]);
    c->record = all;
    return rc;
}

struct candidate compare_candidate(const struct compare *c, int point) {
    const struct compare_point *g = &c->point[point];
    return (struct candidate){g->neval, g->eval, g->diverged > 0};
}
