/* SPDX-License-Identifier: Apache-2.0 */
/* judge.c - points, cells and rows of the record -> the arrays of verdict.h. See judge.h. */
#include "harness/analysis/judge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analysis/prefer.h"

/* ---- scores -------------------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b) { return !strcmp(a ? a : "", b ? b : ""); }

bool judge_same_setting(const struct record_point *a, const struct record_point *b) {
    return same_text(a->model, b->model) && same_text(a->task, b->task) && same_text(a->data, b->data);
}

double *judge_scores(const struct record_sweep *s, bool test) {
    double *v = xmalloc(((size_t)s->ncell + 1) * sizeof *v);
    for (int i = 0; i < s->ncell; i++) {
        const struct record_cell *c = &s->cell[i];
        v[i] = c->state != RUN_COMPLETE ? NAN : test ? c->test : c->metric;
    }
    return v;
}

bool judge_has_test(const struct record_sweep *s) {
    bool any = false;
    for (int i = 0; i < s->ncell; i++) {
        if (s->cell[i].state != RUN_COMPLETE) continue;
        if (isnan(s->cell[i].test)) return false;
        any = true;
    }
    return any;
}

/* What a score can be. */
static void bounds_of(const char *metric, double *least, double *most) {
    static const struct {
        const char *name;
        double least, most;
    } known[] = {{"loss", 0, INFINITY},  {"perplexity", 1, INFINITY},
                 {"accuracy", 0, 1},     {"f1", 0, 1},
                 {"matthews", -1, 1},    {"pearson", -1, 1},
                 {"spearman", -1, 1},    {"bleu", 0, 100},
                 {"rouge", 0, 100},      {"nist", 0, INFINITY},
                 {"cider", 0, INFINITY}, {"exact_match", 0, 1},
                 {"ndcg", 0, 1},         {"mrr", 0, 1},
                 {"map", 0, 1},          {"recall", 0, 1},
                 {"precision", 0, 1}};
    const char *name = strchr(metric, '/') ? strchr(metric, '/') + 1 : metric;
    *least = *most = 0;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (!strncmp(name, known[i].name, strlen(known[i].name)))
            *least = known[i].least, *most = known[i].most;
}

void judge_choose(const struct record_sweep *s, int *tried, bool *chosen) {
    int *of, n = prefer_groups(s, &of), *point = xmalloc(((size_t)s->npoint + 1) * sizeof *point);
    for (int i = 0; i < s->npoint; i++) tried[i] = 1, chosen[i] = false;
    for (int g = 0; g < n; g++) {
        int m = 0, run = 0;
        for (int i = 0; i < s->npoint; i++) {
            if (of[i] != g) continue;
            struct candidate c = prefer_point(s, i);
            point[m++] = i;
            run += c.n || c.diverged;
        }
        int best = prefer_best(s, point, m);
        chosen[best] = !s->point[best].untouched, tried[best] = MAX_OF(run, 1);
    }
    free(of), free(point);
}

/* ---- configurations ------------------------------------------------------------------------------------ */

static void config_fill(struct judge *j, const struct judge_ask *a, int point, int *used) {
    const struct record_point *p = &a->sweep->point[point];
    struct verdict_config *c = &j->config[point];
    double choice = 0;
    int chosen_by = 0;
    *c = (struct verdict_config){.score = j->score + *used, .seed = j->seed + *used, .choice = NAN};
    if (!a->tried[point] || (p->untouched && !a->chosen[point])) return;
    c->tried = a->tried[point];
    c->chosen = a->chosen[point];
    for (int i = p->first; i < p->first + p->ncell; i++) {
        const struct record_cell *x = &a->sweep->cell[i];
        if (x->state == RUN_COMPLETE && isfinite(x->metric)) choice += x->metric, chosen_by++;
        c->diverged += x->state == RUN_DIVERGED;
        if (x->state != RUN_COMPLETE || !isfinite(a->score[i])) continue;
        j->seed[*used] = x->seed;
        j->score[(*used)++] = a->score[i];
        c->n++;
        if (p->untouched) break; /* no seed changes it: it has no spread to lend */
    }
    if (chosen_by) c->choice = choice / chosen_by;
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

struct row_read {
    struct verdict_run *run; /* of configurations that have rows with every seed */
    int nrun, run_cap;
    struct verdict_row **row; /* all that was read */
    int nrow, row_cap;
    int *first; /* [npoint] its first run; -1: not every seed has rows */
};

static int run_read(struct row_read *r, struct db *db, int64_t id, const char *metric, struct err *e) {
    struct record_rows v;
    int rc = record_rows_read(&v, db, id, metric, e);
    if (rc) return rc;
    struct verdict_row *row = xmalloc(((size_t)v.n + 1) * sizeof *row);
    for (int i = 0; i < v.n; i++) row[i] = (struct verdict_row){v.item[i], v.value[i], v.weight[i]};
    GROW(r->row, r->nrow, r->row_cap);
    r->row[r->nrow++] = row;
    GROW(r->run, r->nrun, r->run_cap);
    r->run[r->nrun++] = (struct verdict_run){row, v.n};
    record_rows_release(&v);
    return 0;
}

/* A configuration of which some seed has no rows has none: its mean over seeds would be another number. */
static int point_read(struct row_read *r, const struct judge_ask *a, int point, struct db *db,
                      struct err *e) {
    const struct record_point *p = &a->sweep->point[point];
    int from = r->nrun, rc = 0;
    bool all = true;
    for (int i = p->first; i < p->first + p->ncell && !rc; i++) {
        if (a->sweep->cell[i].state != RUN_COMPLETE || !isfinite(a->score[i])) continue;
        rc = run_read(r, db, a->sweep->cell[i].run, a->metric, e);
        if (!rc) all &= r->run[r->nrun - 1].n > 0;
        if (p->untouched) break;
    }
    r->first[point] = all && r->nrun > from ? from : -1;
    if (r->first[point] < 0) r->nrun = from;
    return rc;
}

static int rows_read(struct judge *j, const struct judge_ask *a, struct db *db, struct err *e) {
    struct row_read r = {.first = xcalloc((size_t)a->sweep->npoint + 1, sizeof *r.first)};
    int rc = 0;
    for (int i = 0; i < a->sweep->npoint && !rc; i++) {
        r.first[i] = -1;
        if (a->rows[i] && j->config[i].chosen) rc = point_read(&r, a, i, db, e);
    }
    if (!rc && r.nrun) {
        verdict_rows_join(&j->rows, r.run, r.nrun);
        j->unweighted = j->rows.n > 0 && !j->rows.weight;
        for (int i = 0; i < a->sweep->npoint; i++)
            if (r.first[i] >= 0 && j->rows.n)
                j->config[i].row = j->rows.value + (size_t)r.first[i] * (size_t)j->rows.n;
    }
    for (int i = 0; i < r.nrow; i++) free(r.row[i]);
    free(r.row), free(r.run), free(r.first);
    return rc;
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

int judge_fit(struct judge *j, const struct judge_ask *a, struct db *db, struct err *e) {
    const struct record_sweep *s = a->sweep;
    int used = 0;
    *j = (struct judge){.config = xcalloc((size_t)s->npoint + 1, sizeof *j->config),
                        .score = xmalloc(((size_t)s->ncell + 1) * sizeof *j->score),
                        .seed = xmalloc(((size_t)s->ncell + 1) * sizeof *j->seed)};
    for (int i = 0; i < s->npoint; i++) config_fill(j, a, i, &used);
    int rc = a->rows ? rows_read(j, a, db, e) : 0;
    if (rc) {
        judge_release(j);
        return rc;
    }
    struct verdict_setting v = {
        .n = s->npoint, .rows = j->rows.n, .config = j->config, .weight = j->rows.weight, .sign = a->sign};
    bounds_of(a->metric, &v.least, &v.most);
    verdict_fit(&j->model, &v);
    return 0;
}

void judge_release(struct judge *j) {
    verdict_release(&j->model);
    verdict_rows_release(&j->rows);
    free(j->config), free(j->score), free(j->seed);
    *j = (struct judge){0};
}

/* ---- all settings of a sweep --------------------------------------------------------------------------- */

/* j->of and j->n: points of one model, task and data share a number. */
static void settings_number(struct judges *j, const struct record_sweep *s) {
    j->of = xcalloc((size_t)s->npoint + 1, sizeof *j->of);
    for (int i = 0; i < s->npoint; i++) {
        int k = 0;
        while (k < i && !judge_same_setting(&s->point[k], &s->point[i])) k++;
        j->of[i] = k < i ? j->of[k] : j->n++;
    }
}

int judges_fit(struct judges *j, const struct judge_ask *a, struct db *db, struct err *e) {
    const struct record_sweep *s = a->sweep;
    int *tried = xcalloc((size_t)s->npoint + 1, sizeof *tried), rc = 0;
    *j = (struct judges){0};
    settings_number(j, s);
    j->v = xcalloc((size_t)j->n + 1, sizeof *j->v);
    for (int k = 0; k < j->n && !rc; k++) {
        struct judge_ask one = *a;
        for (int i = 0; i < s->npoint; i++) tried[i] = j->of[i] == k ? a->tried[i] : 0;
        one.tried = tried;
        rc = judge_fit(&j->v[k], &one, db, e);
    }
    free(tried);
    if (rc) judges_release(j);
    return rc;
}

void judges_release(struct judges *j) {
    for (int k = 0; k < j->n; k++) judge_release(&j->v[k]);
    free(j->v), free(j->of);
    *j = (struct judges){0};
}

const struct verdict_model *judges_model(const struct judges *j, int point) {
    return &j->v[j->of[point]].model;
}
