/* plot_data.c - a sweep as plots see it: runs -> points (a configuration over its seeds) -> arms (method,
 * rank, modules; shown at its best learning rate). See plot_private.h.
 *
 * The rules are those of `bench show`: seeds are averaged, never chosen among; a point at which some seed
 * diverged counts only when that is so at all learning rates. A sweep over several models, tasks or data sets
 * falls into groups, one picture each. */
#include "harness/plot/plot_private.h"
#include "harness/analysis/prefer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/core/method.h"
#include "harness/base/stats.h"
#include "harness/record/sweep_head.h"

static const char *or_empty(const char *s) { return s ? s : ""; }
static int int_compare(int64_t a, int64_t b) { return a < b ? -1 : a > b; }

/* ---- reading ------------------------------------------------------------------------------------------- */

static char *text_copy(const struct db_query *q, int col) {
    const char *s = db_query_text(q, col);
    return s ? xstrdup(s) : NULL;
}

static int64_t int_or_none(const struct db_query *q, int col) {
    return db_query_type(q, col) == DB_NULL ? -1 : db_query_int(q, col);
}

static int read_head(struct plot_set *s, const char *name, struct err *e) {
    struct sweep_head h;
    int rc = sweep_head_read(&h, s->db, name, e);
    if (rc) return rc;
    s->sweep = h.name;
    s->metric = h.metric;
    s->goal = h.goal;
    s->maximize = !strcmp(s->goal, "maximize");
    s->is_loss = strstr(s->metric, "loss") != NULL;
    return 0;
}

static enum plot_state state_of(const char *state, double metric) {
    if (!state) return PLOT_OPEN;
    if (!strcmp(state, "complete")) return isfinite(metric) ? PLOT_OK : PLOT_OPEN;
    if (!strcmp(state, "nan")) return PLOT_DIVERGED;
    static const char *const failed[] = {"failed", "oom", "timeout", "pruned"};
    for (size_t i = 0; i < ARRAY_LEN(failed); i++)
        if (!strcmp(state, failed[i])) return PLOT_FAILED;
    return PLOT_OPEN;
}

enum {
    Q_POINT,
    Q_RUN,
    Q_METRIC,
    Q_METHOD,
    Q_UNTOUCHED,
    Q_R,
    Q_TARGETS,
    Q_LR,
    Q_BATCH,
    Q_MAXLEN,
    Q_MODEL,
    Q_TASK,
    Q_DATA,
    Q_STATE,
    Q_ADAPTED,
    Q_BASE
};
#define CELLS                                                                                                \
    "SELECT c.point_id, c.run_id, c.metric, p.method, p.untouched, p.r, p.target_modules, p.lr, "            \
    "p.batch_size,"                                                                                          \
    " p.max_length, m.name, p.task, d.name, u.state, u.adapted_fraction,"                                    \
    " CASE WHEN u.metric_name = c.metric_name THEN u.base_metric END"                                        \
    " FROM sweep_runs c JOIN point p ON p.id = c.point_id LEFT JOIN model m ON m.id = p.model"               \
    " LEFT JOIN dataset d ON d.id = p.dataset LEFT JOIN runs u ON u.run_id = c.run_id WHERE c.sweep = ?1"

static void point_add(struct plot_set *s, const struct db_query *q) {
    GROW(s->point, s->npoint, s->point_cap);
    struct plot_point *p = &s->point[s->npoint++];
    const char *method = or_empty(db_query_text(q, Q_METHOD));
    const struct method *m = method_find(method);
    *p = (struct plot_point){.id = db_query_int(q, Q_POINT),
                             .method = xstrdup(method),
                             .method_order = method_order(method),
                             .untouched = db_query_int(q, Q_UNTOUCHED) != 0,
                             .full = m && m->flags & METHOD_FULL,
                             .r = int_or_none(q, Q_R),
                             .target_modules = text_copy(q, Q_TARGETS),
                             .target = -1,
                             .batch_size = int_or_none(q, Q_BATCH),
                             .max_length = int_or_none(q, Q_MAXLEN),
                             .lr = db_query_num(q, Q_LR),
                             .model = text_copy(q, Q_MODEL),
                             .task = text_copy(q, Q_TASK),
                             .data = text_copy(q, Q_DATA),
                             .adapted = NAN,
                             .first = s->nrun};
}

/* Rows come grouped by point. */
static void row_add(struct plot_set *s, const struct db_query *q) {
    if (!s->npoint || s->point[s->npoint - 1].id != db_query_int(q, Q_POINT)) point_add(s, q);
    struct plot_point *p = &s->point[s->npoint - 1];
    if (isfinite(db_query_num(q, Q_ADAPTED))) p->adapted = db_query_num(q, Q_ADAPTED);
    GROW(s->run, s->nrun, s->run_cap);
    struct plot_run *r = &s->run[s->nrun++];
    const char *state = db_query_text(q, Q_STATE);
    *r = (struct plot_run){.id = db_query_int(q, Q_RUN), .metric = db_query_num(q, Q_METRIC)};
    r->state = state_of(state, r->metric);
    snprintf(r->what, sizeof r->what, "%s", state ? state : "not started");
    p->nruns++;
    /* The untouched base may stand outside the sweep's arms (or be left out by --where). */
    if (isnan(s->base)) s->base = db_query_num(q, Q_BASE);
}

static int read_rows(struct plot_set *s, const char *where, struct err *e) {
    struct db_query *q;
    struct strbuf sql = {0};
    strbuf_adds(&sql, CELLS);
    /* A control arm is no try of its method: at another alpha it would pass for another learning rate. */
    bool wanted = where && strstr(where, "control_of");
    if (db_has_controls(s->db) && !wanted) strbuf_adds(&sql, " AND NOT c.control");
    if (where) strbuf_addf(&sql, " AND c.run_id IN (SELECT run_id FROM runs WHERE (%s\n))", where);
    strbuf_adds(
        &sql,
        " ORDER BY coalesce(m.name, ''), coalesce(p.task, ''), coalesce(d.name, ''), c.point_id, c.seed");
    int rc = db_query(s->db, &q, sql.s, e);
    strbuf_release(&sql);
    if (rc) return where && rc == ERR_USER ? err_wrap(e, "--where") : rc;
    db_query_bind_text(q, 1, s->sweep);
    const char *model = NULL, *task = NULL, *data = NULL; /* of the group that is read */
    char *key = NULL;
    int keep = s->ngroup; /* the wanted group */
    s->ngroup = 0;
    while ((rc = db_query_next(q, e)) == 1) {
        model = db_query_text(q, Q_MODEL), task = db_query_text(q, Q_TASK), data = db_query_text(q, Q_DATA);
        char *now = xasprintf("%s\n%s\n%s", or_empty(model), or_empty(task), or_empty(data));
        if (!key || strcmp(key, now)) s->ngroup++;
        free(key);
        key = now;
        if (s->ngroup - 1 == keep) row_add(s, q);
    }
    free(key);
    db_query_close(q);
    return rc;
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
    struct stats_mean m = stats_mean(v, p->nok);
    p->mean = m.mean, p->ci = m.ci;
    free(v);
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

static bool point_preferred(const struct plot_set *s, const struct plot_point *a,
                            const struct plot_point *b) {
    if ((a->ndiverged > 0) != (b->ndiverged > 0)) return b->ndiverged > 0;
    return prefer_value(s->maximize, a->mean, b->mean);
}

static void arm_choose(struct plot_set *s, struct plot_arm *c) {
    int diverged = 0, failed = 0;
    c->best = -1;
    for (int i = c->first; i < c->first + c->n; i++) {
        const struct plot_point *p = &s->point[i];
        diverged += p->ndiverged, failed += p->nfailed;
        if (i == c->first || p->lr != p[-1].lr) c->lr_tried++;
        if (i > c->first && p->lr == p[-1].lr) s->other_axes = true;
        if (p->nok && (c->best < 0 || point_preferred(s, p, &s->point[c->best]))) c->best = i;
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
    int rc = read_head(s, job->sweep, e);
    if (!rc) rc = read_rows(s, job->where, e);
    if (!rc && !s->npoint) rc = nothing_found(s, job->where, e);
    if (rc) {
        plot_set_release(s);
        return rc;
    }
    for (int i = 0; i < s->npoint; i++) point_reduce(s, &s->point[i]);
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
    for (int i = 0; i < s->npoint; i++) {
        struct plot_point *p = &s->point[i];
        free(p->method), free(p->target_modules), free(p->model), free(p->task), free(p->data);
    }
    for (int i = 0; i < s->ntarget; i++) free(s->target[i].name), free(s->target[i].label);
    free(s->sweep), free(s->metric), free(s->goal);
    free(s->run), free(s->point), free(s->arm), free(s->target), free(s->rank);
    *s = (struct plot_set){0};
}
