/* SPDX-License-Identifier: Apache-2.0 */
/* plot_data.c - a sweep as plots see it: runs -> points (a configuration over its seeds) -> arms (method,
 * rank, modules; shown at its best learning rate). See plot_private.h.
 *
 * The rules are those of `bench show`: seeds are averaged, never chosen among; a point at which some seed
 * diverged counts only when that is so at all learning rates. A sweep over several models, tasks or data sets
 * falls into groups, one picture each. */
#include "harness/plot/plot_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analysis/judge.h"
#include "harness/core/method.h"
#include "harness/base/stats.h"

static const char *or_empty(const char *s) { return s ? s : ""; }
static int int_compare(int64_t a, int64_t b) { return a < b ? -1 : a > b; }

/* ---- reading ------------------------------------------------------------------------------------------- */

static enum plot_state state_of(const struct record_cell *c) {
    switch (c->state) {
    case RUN_COMPLETE:
        return isfinite(c->metric) ? PLOT_OK : PLOT_OPEN;
    case RUN_DIVERGED:
        return PLOT_DIVERGED;
    case RUN_FAILED:
    case RUN_OOM:
    case RUN_TIMEOUT:
    case RUN_PRUNED:
        return PLOT_FAILED;
    default:
        return PLOT_OPEN;
    }
}

const char *plot_full_name(const struct plot_set *s) {
    for (int i = 0; i < s->npoint; i++)
        if (s->point[i].full) return s->point[i].method;
    return "";
}

static void add_run(struct plot_set *s, struct plot_point *p, const struct record_cell *c) {
    GROW(s->run, s->nrun, s->run_cap);
    s->run[s->nrun++] = (struct plot_run){.id = c->run,
                                          .cell = c,
                                          .metric = c->metric,
                                          .state = state_of(c),
                                          .what = cell_state_name(c->state)};
    p->nruns++;
    if (c->adapted_params >= 0 && c->total_params > 0)
        p->adapted = (double)c->adapted_params / (double)c->total_params;
    /* The untouched base may stand outside the sweep's arms (or be left out by --where). */
    if (isnan(s->base)) s->base = c->base;
}

static void add_point(struct plot_set *s, const struct record_point *r) {
    GROW(s->point, s->npoint, s->point_cap);
    struct plot_point *p = &s->point[s->npoint++];
    const struct method *m = method_find(r->method);
    *p = (struct plot_point){.id = r->id,
                             .record = r,
                             .method = r->method,
                             .method_order = method_order(r->method),
                             .untouched = r->untouched,
                             .full = m && m->flags & METHOD_FULL,
                             .r = r->r,
                             .target_modules = r->target_modules,
                             .target = -1,
                             .batch_size = r->batch_size,
                             .max_length = r->max_length,
                             .lr = r->lr,
                             .model = r->model,
                             .task = r->task,
                             .data = r->data,
                             .adapted = NAN,
                             .first = s->nrun};
    for (int i = r->first; i < r->first + r->ncell; i++) add_run(s, p, &s->record.cell[i]);
}

/* Points of one picture: equal model, task and data. */
static int picture_compare(const void *va, const void *vb) {
    const struct record_point *a = *(const struct record_point *const *)va,
                              *b = *(const struct record_point *const *)vb;
    int c = strcmp(or_empty(a->model), or_empty(b->model));
    if (!c) c = strcmp(or_empty(a->task), or_empty(b->task));
    return c ? c : strcmp(or_empty(a->data), or_empty(b->data));
}

static int by_picture(const void *va, const void *vb) {
    const struct record_point *a = *(const struct record_point *const *)va,
                              *b = *(const struct record_point *const *)vb;
    int c = picture_compare(va, vb);
    return c ? c : int_compare(a->id, b->id);
}

/* s->ngroup comes as the wanted picture and goes as their number. */
static void choose_picture(struct plot_set *s) {
    const struct record_sweep *r = &s->record;
    const struct record_point **all = xcalloc((size_t)r->npoint + 1, sizeof *all);
    int keep = s->ngroup;
    s->ngroup = 0;
    for (int i = 0; i < r->npoint; i++) all[i] = &r->point[i];
    qsort(all, (size_t)r->npoint, sizeof *all, by_picture);
    for (int i = 0; i < r->npoint; i++) {
        if (!i || picture_compare(&all[i - 1], &all[i])) s->ngroup++;
        if (s->ngroup - 1 == keep) add_point(s, all[i]);
    }
    free(all);
}

static int read_record(struct plot_set *s, const char *sweep, const char *where, struct err *e) {
    /* A control arm is no try of its method: at another alpha it would pass for another learning rate. */
    struct record_filter f = {.where = where, .without_controls = !where || !strstr(where, "control_of")};
    int rc = record_sweep_read(&s->record, s->db, sweep, &f, e);
    if (rc) return rc;
    s->sweep = s->record.name, s->metric = s->record.metric, s->goal = s->record.goal;
    s->maximize = s->record.maximize;
    s->is_loss = strstr(s->metric, "loss") != NULL;
    choose_picture(s);
    return 0;
}

struct step_value {
    double step, value;
};

static int step_compare(const void *va, const void *vb) {
    const struct step_value *a = va, *b = vb;
    return (a->step > b->step) - (a->step < b->step);
}

static void sort_steps(struct record_curve *c) {
    struct step_value *v = xmalloc(((size_t)c->n + 1) * sizeof *v);
    for (int i = 0; i < c->n; i++) v[i] = (struct step_value){c->step[i], c->value[i]};
    qsort(v, (size_t)c->n, sizeof *v, step_compare);
    for (int i = 0; i < c->n; i++) c->step[i] = v[i].step, c->value[i] = v[i].value;
    free(v);
}

int plot_curves_read(struct record_curve *ret, const struct plot_set *s, int point, enum plot_state state,
                     const char *key, struct err *e) {
    const struct plot_point *p = &s->point[point];
    *ret = (struct record_curve){0};
    for (int i = p->first; i < p->first + p->nruns; i++) {
        struct record_curve one;
        if (s->run[i].state != state) continue;
        int rc = record_curve_read(&one, s->db, s->run[i].id, key, e);
        for (int k = 0; k < one.n && !rc; k++) {
            GROW(ret->step, ret->n, ret->cap);
            GROW(ret->value, ret->n, ret->value_cap);
            ret->step[ret->n] = one.step[k], ret->value[ret->n++] = one.value[k];
        }
        record_curve_release(&one);
        if (rc) {
            record_curve_release(ret);
            return rc;
        }
    }
    sort_steps(ret);
    return 0;
}

/* ---- points -------------------------------------------------------------------------------------------- */

static void point_reduce(struct plot_set *s, struct plot_point *p) {
    double *v = xmalloc((size_t)(p->nruns + 1) * sizeof *v);
    p->min = p->max = NAN;
    for (int i = p->first; i < p->first + p->nruns; i++) {
        const struct plot_run *r = &s->run[i];
        if (r->state != PLOT_OK) p->what = r->what;
        p->ndiverged += r->state == PLOT_DIVERGED;
        p->nfailed += r->state == PLOT_FAILED;
        if (r->state != PLOT_OK) continue;
        p->min = p->nok ? fmin(p->min, r->metric) : r->metric;
        p->max = p->nok ? fmax(p->max, r->metric) : r->metric;
        v[p->nok++] = r->metric;
    }
    p->mean = stats_mean(v, p->nok).mean, p->ci = NAN;
    free(v);
}

void plot_add_values(struct table *t, const struct plot_point *p) {
    bool drawn = isnan(p->ci) && p->nok > 1;
    table_num_or_null(t, drawn ? p->min : NAN);
    table_num_or_null(t, drawn ? p->max : NAN);
}

/* Intervals are those of `bench show`. */
static int intervals_read(struct plot_set *s, struct err *e) {
    const struct record_sweep *r = &s->record;
    int *tried = xcalloc((size_t)r->npoint + 1, sizeof *tried);
    bool *chosen = xcalloc((size_t)r->npoint + 1, sizeof *chosen);
    double *score = judge_scores(r, false);
    struct judges j;
    judge_choose(r, tried, chosen);
    struct judge_ask ask = {.sweep = r,
                            .tried = tried,
                            .chosen = chosen,
                            .score = score,
                            .metric = r->metric,
                            .sign = r->maximize ? 1 : -1};
    int rc = judges_fit(&j, &ask, s->db, e);
    for (int i = 0; i < s->npoint && !rc; i++) {
        int at = (int)(s->point[i].record - r->point);
        const struct verdict_spread *x = &judges_model(&j, at)->config[at];
        if (x->show == VERDICT_SHOW_POOLED && x->n >= PLOT_BAR_SEEDS) s->point[i].ci = x->half;
    }
    if (!rc) judges_release(&j);
    free(tried), free(chosen), free(score);
    return rc;
}

/* "q_proj,v_proj" -> "q, v": long names do not fit an axis; the data file has them in full. */
static char *target_label(const char *name) {
    struct strbuf b = {0};
    for (const char *p = name; *p;) {
        size_t n = strcspn(p, ",");
        size_t cut = n > 5 && !strncmp(p + n - 5, "_proj", 5) ? n - 5 : n;
        strbuf_add(&b, p, cut);
        p += n;
        if (*p == ',') strbuf_adds(&b, ", "), p++;
    }
    char *clean = table_clean(b.s ? b.s : "");
    strbuf_release(&b);
    if (strlen(clean) > 24) { /* at a letter's border */
        size_t n = 21;
        while (n && ((unsigned char)clean[n] & 0xc0) == 0x80) n--;
        clean[n] = 0;
        char *cut = xasprintf("%s...", clean);
        free(clean);
        clean = cut;
    }
    return clean;
}

static int target_compare(const void *va, const void *vb) {
    const struct plot_target *a = va, *b = vb;
    double fa = isnan(a->adapted) ? 2 : a->adapted, fb = isnan(b->adapted) ? 2 : b->adapted;
    return fa < fb ? -1 : fa > fb ? 1 : strcmp(a->name, b->name);
}

static int target_find(const struct plot_set *s, const char *name) {
    for (int i = 0; i < s->ntarget; i++)
        if (!strcmp(s->target[i].name, name)) return i;
    return -1;
}

static void targets_collect(struct plot_set *s) {
    for (int i = 0; i < s->npoint; i++) {
        struct plot_point *p = &s->point[i];
        if (p->untouched || p->full) continue;
        const char *name = p->target_modules ? p->target_modules : "own";
        int t = target_find(s, name);
        if (t < 0) {
            GROW(s->target, s->ntarget, s->target_cap);
            t = s->ntarget++;
            s->target[t] = (struct plot_target){xstrdup(name), target_label(name), NAN};
        }
        if (isnan(s->target[t].adapted)) s->target[t].adapted = p->adapted;
    }
    if (s->ntarget) qsort(s->target, (size_t)s->ntarget, sizeof *s->target, target_compare);
    for (int i = 0; i < s->npoint; i++) {
        struct plot_point *p = &s->point[i];
        if (!p->untouched && !p->full)
            p->target = target_find(s, p->target_modules ? p->target_modules : "own");
    }
}

int plot_rank_index(const struct plot_set *s, int64_t r) {
    for (int i = 0; i < s->nrank; i++)
        if (s->rank[i] == r) return i;
    return -1;
}

static int rank_compare(const void *a, const void *b) {
    return int_compare(*(const int64_t *)a, *(const int64_t *)b);
}

static void ranks_collect(struct plot_set *s) {
    for (int i = 0; i < s->npoint; i++) {
        int64_t r = s->point[i].r;
        if (r < 0 || s->point[i].untouched || s->point[i].full || plot_rank_index(s, r) >= 0) continue;
        GROW(s->rank, s->nrank, s->rank_cap);
        s->rank[s->nrank++] = r;
    }
    if (s->nrank) qsort(s->rank, (size_t)s->nrank, sizeof *s->rank, rank_compare);
}

/* ---- arms ---------------------------------------------------------------------------------------------- */

static int arm_compare(const struct plot_point *a, const struct plot_point *b) {
    int c = int_compare(a->method_order, b->method_order);
    if (!c) c = strcmp(a->method, b->method);
    if (!c) c = int_compare(a->r, b->r);
    if (!c) c = int_compare(a->target, b->target);
    return c;
}

static int point_compare(const void *va, const void *vb) {
    const struct plot_point *a = va, *b = vb;
    int c = arm_compare(a, b);
    if (!c && !isnan(a->lr) && !isnan(b->lr)) c = a->lr < b->lr ? -1 : a->lr > b->lr;
    return c ? c : int_compare(a->id, b->id);
}

struct candidate plot_candidate(const struct plot_point *p) {
    return (struct candidate){p->nok, p->mean, p->ndiverged > 0};
}

static void arm_choose(struct plot_set *s, struct plot_arm *c) {
    int diverged = 0, failed = 0;
    c->best = -1;
    for (int i = c->first; i < c->first + c->n; i++) {
        const struct plot_point *p = &s->point[i];
        diverged += p->ndiverged, failed += p->nfailed;
        if (i == c->first || p->lr != p[-1].lr) c->lr_tried++;
        if (i > c->first && p->lr == p[-1].lr) s->other_axes = true;
        struct candidate now = plot_candidate(p), best = {0};
        if (c->best >= 0) best = plot_candidate(&s->point[c->best]);
        if (p->nok && prefer_candidate(s->maximize, &now, &best)) c->best = i;
    }
    c->state = c->best >= 0 ? PLOT_OK : diverged ? PLOT_DIVERGED : failed ? PLOT_FAILED : PLOT_OPEN;
    if (c->best < 0) return;
    const struct plot_point *p = &s->point[c->best];
    if (p->untouched) {
        s->base = p->mean;
        return;
    }
    s->seeds_min = s->seeds_max ? MIN_OF(s->seeds_min, p->nok) : p->nok;
    s->seeds_max = MAX_OF(s->seeds_max, p->nok);
}

static void arms_collect(struct plot_set *s) {
    if (s->npoint) qsort(s->point, (size_t)s->npoint, sizeof *s->point, point_compare);
    for (int i = 0; i < s->npoint; i++) {
        for (int k = s->point[i].first; k < s->point[i].first + s->point[i].nruns; k++) s->run[k].point = i;
        if (!s->narm || arm_compare(&s->point[i - 1], &s->point[i])) {
            GROW(s->arm, s->narm, s->arm_cap);
            s->arm[s->narm++] = (struct plot_arm){.first = i};
        }
        s->arm[s->narm - 1].n++;
    }
    for (int i = 0; i < s->narm; i++) arm_choose(s, &s->arm[i]);
}

/* ---- an axis ------------------------------------------------------------------------------------------- */

static int num_compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void plot_range(const struct plot_set *s, double *v, int n, double reach, double *lo, double *hi) {
    double sign = s->maximize ? -1 : 1, base = sign * s->base;
    *lo = 0, *hi = 1;
    if (!n) return;
    for (int i = 0; i < n; i++) v[i] *= sign;
    qsort(v, (size_t)n, sizeof *v, num_compare);
    double best = v[0], worst = v[n - 1], usual = v[(n - 1) * 3 / 4];
    if (usual > best && worst - best > reach * (usual - best)) worst = best + reach * (usual - best);
    if (base > worst && (worst == best || base - best < 2.2 * (worst - best))) worst = base;
    double span = worst > best ? worst - best : fmax(0.1 * fabs(best), 1e-9);
    best -= 0.06 * span, worst += 0.09 * span;
    *lo = s->maximize ? -worst : best, *hi = s->maximize ? -best : worst;
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static int nothing_found(struct plot_set *s, const char *where, struct err *e) {
    if (where)
        err_set(e, ERR_RESOURCE,
                "sweep '%.100s': --where leaves no run to draw (bench ls runs shows what there is)",
                s->sweep);
    else
        err_set(e, ERR_RESOURCE, "sweep '%.100s' has no arms to draw", s->sweep);
    return PLOT_NOTHING;
}

int plot_set_read(struct plot_set *s, struct db *db, const struct plot_job *job, int group, struct err *e) {
    *s = (struct plot_set){.db = db, .where = job->where, .base = NAN, .ngroup = group};
    int rc = read_record(s, job->sweep, job->where, e);
    if (!rc && !s->npoint) rc = nothing_found(s, job->where, e);
    if (rc) {
        plot_set_release(s);
        return rc;
    }
    for (int i = 0; i < s->npoint; i++) point_reduce(s, &s->point[i]);
    rc = intervals_read(s, e);
    if (rc) {
        plot_set_release(s);
        return rc;
    }
    targets_collect(s);
    ranks_collect(s);
    arms_collect(s);
    s->model = s->point[0].model, s->task = s->point[0].task, s->data = s->point[0].data;
    return 0;
}

int plot_first_ok(const struct plot_set *s, int point) {
    const struct plot_point *p = &s->point[point];
    for (int i = p->first; i < p->first + p->nruns; i++)
        if (s->run[i].state == PLOT_OK) return i;
    return -1;
}

void plot_set_release(struct plot_set *s) {
    for (int i = 0; i < s->ntarget; i++) free(s->target[i].name), free(s->target[i].label);
    record_sweep_release(&s->record);
    free(s->run), free(s->point), free(s->arm), free(s->target), free(s->rank);
    *s = (struct plot_set){0};
}
