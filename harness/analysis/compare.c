/* SPDX-License-Identifier: Apache-2.0 */
/* compare.c - arms of a sweep: the choice of each one's point, their differences and ranks. See compare.h. */
#include "harness/analysis/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analysis/prefer.h"
#include "harness/base/stats.h"

/* ---- points -------------------------------------------------------------------------------------------- */

static double score_of(const struct compare *c, const struct compare_run *r) {
    return c->has_test ? r->test : r->eval;
}

static void point_reduce(struct compare *c, struct compare_point *g) {
    double *v = xmalloc((size_t)(g->nrun + 1) * 3 * sizeof *v), *score = v + g->nrun, *time = score + g->nrun;
    int nt = 0;
    for (int i = g->first; i < g->first + g->nrun; i++) {
        const struct compare_run *r = &c->run[i];
        if (!r->complete) continue;
        if (isfinite(r->eval)) v[g->neval++] = r->eval;
        if (isfinite(score_of(c, r))) score[g->nscore++] = score_of(c, r);
        if (isfinite(r->train_s)) time[nt++] = r->train_s;
    }
    g->eval = stats_mean(v, g->neval).mean;
    g->score = stats_mean(score, g->nscore).mean;
    g->train_s = stats_mean(time, nt).mean;
    free(v);
}

/* Is point a, which has a number, to be chosen before b (-1: none)? */
static bool point_preferred(const struct compare *c, int a, int b) {
    struct candidate x = compare_candidate(c, a), y = b < 0 ? (struct candidate){0} : compare_candidate(c, b);
    return x.n && prefer_candidate(c->maximize, &x, &y);
}

/* Test data count only when every arm's choice was scored on them. */
static void split_choose(struct compare *c) {
    c->has_test = judge_has_test(&c->record);
    if (c->has_test) return;
    free(c->reported);
    c->reported = xstrdup(c->metric);
}

/* ---- arms ---------------------------------------------------------------------------------------------- */

bool compare_same_setting(const struct compare *c, int a, int b) {
    return judge_same_setting(&c->record.point[a], &c->record.point[b]);
}

bool compare_ranked(const struct compare *c, const struct compare_arm *a) {
    if (a->point < 0) return false;
    const struct compare_point *g = &c->point[a->point];
    return !g->untouched && g->nscore > 0 && !g->diverged;
}

static void arms_collect(struct compare *c) {
    for (int i = 0; i < c->npoint; i++) {
        const struct compare_point *p = &c->point[i];
        int k = 0;
        for (; k < c->narm; k++) {
            const struct compare_point *g = &c->point[c->arm[k].any];
            if (!strcmp(g->arm, p->arm) && compare_same_setting(c, c->arm[k].any, i) &&
                g->untouched == p->untouched)
                break;
        }
        if (k == c->narm) {
            GROW(c->arm, c->narm, c->arm_cap);
            c->arm[c->narm++] = (struct compare_arm){.point = -1, .any = i, .pair = -1};
        }
        c->arm[k].tried += p->neval > 0 || p->diverged > 0;
        if (point_preferred(c, i, c->arm[k].point)) c->arm[k].point = i;
    }
}

static double arm_score(const struct compare *c, const struct compare_arm *a) {
    return compare_ranked(c, a) ? c->point[a->point].score : NAN;
}

/* Settings apart; the base, the ranked ones by score, the rest. */
static int order_arms(const void *va, const void *vb, void *arg) {
    const struct compare *c = arg;
    const struct compare_arm *a = va, *b = vb;
    const struct compare_point *x = &c->point[a->any], *y = &c->point[b->any];
    int o = strcmp(x->setting, y->setting);
    if (o) return o;
    if (x->untouched != y->untouched) return x->untouched ? -1 : 1;
    double p = arm_score(c, a), q = arm_score(c, b);
    if (prefer_value(c->maximize, p, q) != prefer_value(c->maximize, q, p))
        return prefer_value(c->maximize, p, q) ? -1 : 1;
    return a->any - b->any;
}

static void settings_collect(struct compare *c) {
    for (int i = 0; i < c->narm; i++) {
        struct compare_setting *s = c->nsetting ? &c->setting[c->nsetting - 1] : NULL;
        if (!s || !compare_same_setting(c, c->arm[s->first].any, c->arm[i].any)) {
            GROW(c->setting, c->nsetting, c->setting_cap);
            s = &c->setting[c->nsetting++];
            *s = (struct compare_setting){.first = i, .ref = -1};
        }
        s->narm++;
        if (!compare_ranked(c, &c->arm[i])) continue;
        if (s->ref < 0) s->ref = i;
        s->ranked++;
    }
}

/* The arm named takes the place of the best. */
static int name_reference(struct compare *c, const char *against, struct err *e) {
    struct strbuf arms = {0};
    bool found = false;
    for (int k = 0; k < c->nsetting; k++) {
        struct compare_setting *s = &c->setting[k];
        s->ref = -1;
        for (int i = s->first; i < s->first + s->narm; i++) {
            const char *name = c->point[c->arm[i].any].arm;
            if (!compare_ranked(c, &c->arm[i])) continue;
            strbuf_addf(&arms, "%s%s", arms.len ? "; " : "", name);
            if (!strcmp(name, against)) s->ref = i, found = true;
        }
    }
    int rc = found ? 0
                   : err_set(e, ERR_USER, "--against '%.60s': no such arm with finished runs; there are: %s",
                             against, arms.len ? arms.s : "none");
    strbuf_release(&arms);
    return rc;
}

/* ---- differences --------------------------------------------------------------------------------------- */

static int setting_fit(struct compare *c, struct compare_setting *s, struct db *db, struct err *e) {
    int *tried = xcalloc((size_t)c->npoint + 1, sizeof *tried);
    bool *chosen = xcalloc((size_t)c->npoint + 1, sizeof *chosen);
    double *score = judge_scores(&c->record, c->has_test);
    for (int i = 0; i < c->npoint; i++) tried[i] = compare_same_setting(c, c->arm[s->first].any, i);
    for (int i = s->first; i < s->first + s->narm; i++) {
        const struct compare_arm *a = &c->arm[i];
        if (a->point < 0 || c->point[a->point].untouched) continue;
        tried[a->point] = MAX_OF(a->tried, 1), chosen[a->point] = true;
    }
    struct judge_ask ask = {.sweep = &c->record,
                            .tried = tried,
                            .chosen = chosen,
                            .score = score,
                            .metric = c->reported,
                            .sign = c->maximize ? 1 : -1,
                            .rows = chosen};
    int rc = judge_fit(&s->judge, &ask, db, e);
    free(tried), free(chosen), free(score);
    return rc;
}

static void pair_add(struct compare *c, int setting, int a, int b) {
    struct compare_setting *s = &c->setting[setting];
    GROW(c->pair, c->npair, c->pair_cap);
    struct compare_pair *p = &c->pair[c->npair];
    *p = (struct compare_pair){.a = a, .b = b, .setting = setting};
    p->v = verdict_judge(&s->judge.model, c->arm[a].point, c->arm[b].point, s->family);
    p->rows = isnan(p->v.rows) || p->v.no_rows ? 0 : s->judge.rows.n;
    if (a == s->ref) c->arm[b].pair = c->npair;
    c->npair++;
}

static void pairs_judge(struct compare *c, int setting) {
    struct compare_setting *s = &c->setting[setting];
    int from = c->npair, n = 0;
    s->family = verdict_family(s->ranked, c->against);
    for (int i = s->first; i < s->first + s->narm; i++)
        for (int j = s->first; j < s->first + s->narm; j++) {
            bool asked = c->against ? i == s->ref && j != i : j > i;
            if (asked && compare_ranked(c, &c->arm[i]) && compare_ranked(c, &c->arm[j]))
                pair_add(c, setting, i, j);
        }
    struct verdict_pair *v = xmalloc(((size_t)(c->npair - from) + 1) * sizeof *v);
    for (int i = from; i < c->npair; i++)
        if (c->pair[i].a == s->ref) v[n++] = c->pair[i].v;
    s->resolution = verdict_resolution(v, n);
    free(v);
}

static void rows_count(struct compare *c, const struct compare_setting *s) {
    const struct judge *j = &s->judge;
    for (int i = s->first; i < s->first + s->narm; i++)
        if (c->arm[i].point >= 0 && j->model.in[c->arm[i].point].row) c->arm[i].rows = j->rows.n;
}

/* Compared with one arm alone nobody has a rank. */
static void ranks_assign(struct compare *c, int setting) {
    const struct compare_setting *s = &c->setting[setting];
    struct verdict_pair *v = xmalloc(((size_t)c->npair + 1) * sizeof *v);
    int n = 0, *rank = xcalloc((size_t)c->npoint + 1, sizeof *rank);
    bool *tied = xcalloc((size_t)c->npoint + 1, sizeof *tied);
    for (int i = 0; i < c->npair; i++)
        if (c->pair[i].setting == setting) v[n++] = c->pair[i].v;
    verdict_ranks(&s->judge.model, v, n, rank, tied);
    for (int i = s->first; i < s->first + s->narm && !c->against; i++) {
        struct compare_arm *a = &c->arm[i];
        if (!compare_ranked(c, a)) continue;
        a->rank = s->ranked == 1 ? 1 : rank[a->point];
        a->tied = tied[a->point];
    }
    free(v), free(rank), free(tied);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

int compare_arms(struct compare *c, struct db *db, const struct compare_job *job, struct err *e) {
    bool any = false;
    split_choose(c);
    for (int i = 0; i < c->npoint; i++) {
        point_reduce(c, &c->point[i]);
        any |= c->point[i].neval > 0;
    }
    if (!any)
        return err_set(e, ERR_RESOURCE,
                       "sweep '%.100s' has no finished run with %s to compare (bench status)", c->sweep,
                       c->metric);
    arms_collect(c);
    qsort_r(c->arm, (size_t)c->narm, sizeof *c->arm, order_arms, c);
    settings_collect(c);
    c->margin = job->margin, c->against = job->against != NULL;
    int rc = job->against ? name_reference(c, job->against, e) : 0;
    for (int i = 0; i < c->nsetting && !rc; i++) {
        rc = setting_fit(c, &c->setting[i], db, e);
        if (rc) break;
        rows_count(c, &c->setting[i]);
        pairs_judge(c, i);
        ranks_assign(c, i);
    }
    return rc;
}

int compare_read(struct compare *c, struct db *db, const struct compare_job *job, struct err *e) {
    *c = (struct compare){0};
    int rc = compare_cells(c, db, job, e);
    if (!rc) rc = compare_arms(c, db, job, e);
    if (!rc) compare_fronts(c);
    if (rc) compare_release(c);
    return rc;
}

void compare_release(struct compare *c) {
    for (int i = 0; i < c->npoint; i++) {
        struct compare_point *g = &c->point[i];
        free(g->setting), free(g->arm), free(g->method), free(g->targets), free(g->label);
    }
    for (int i = 0; i < c->nkey; i++) free(c->key[i]);
    for (int i = 0; i < c->nsetting; i++) judge_release(&c->setting[i].judge);
    free(c->sweep), free(c->metric), free(c->reported), free(c->goal);
    free(c->key), free(c->run), free(c->point), free(c->arm), free(c->pair), free(c->front);
    free(c->setting);
    record_sweep_release(&c->record);
    *c = (struct compare){0};
}
