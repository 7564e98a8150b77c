/* SPDX-License-Identifier: Apache-2.0 */
/* arm.c - see arm.h. */
#include "harness/analysis/arm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analysis/judge.h"
#include "harness/analysis/prefer.h"
#include "harness/core/task.h"
#include "harness/base/util.h"
#include "harness/config/yaml.h"

/* ---- values -------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int sign; /* 0: the sweep's goal */
    bool exact;
} values[] = {
    {"metric", 0, false},           {"eval", 0, false},       {"half", 0, false},
    {"train_loss", -1, false},      {"peak_bytes", -1, true}, {"act_bytes", -1, true},
    {"checkpoint_bytes", -1, true}, {"trainable", -1, true},  {"train_s", -1, false},
};

static size_t value_index(const char *name) {
    size_t i = 0;
    while (i < ARRAY_LEN(values) && strcmp(values[i].name, name) != 0) i++;
    return i;
}

/* "eval/bleu": "maximize"; NULL: not a metric of an evaluation. */
static const char *metric_goal(const char *value) {
    const char *goal = NULL;
    for (int i = 0; task_list[i] && !goal; i++)
        if (!strncmp(value, "eval/", 5)) goal = task_list[i]->metric_goal(value + 5);
    return goal;
}

bool arm_value_known(const char *value) {
    return value_index(value) < ARRAY_LEN(values) || metric_goal(value);
}

bool arm_value_exact(const char *value) {
    size_t i = value_index(value);
    return i < ARRAY_LEN(values) && values[i].exact;
}

int arm_value_sign(const char *value, const char *goal) {
    size_t i = value_index(value);
    if (i == ARRAY_LEN(values))
        goal = metric_goal(value);
    else if (values[i].sign)
        return values[i].sign;
    return strcmp(goal, "maximize") ? -1 : 1;
}

static double count_or_nan(int64_t v) { return v < 0 ? NAN : (double)v; }

/* The metric at the last evaluation by half of the steps. */
static int value_at_half(const struct record_sweep *s, const struct record_cell *c, struct db *db, double *v,
                         struct err *e) {
    struct record_curve curve;
    int rc = record_curve_read(&curve, db, c->run, s->metric, e);
    *v = NAN;
    for (int i = 0; i < curve.n; i++)
        if (2 * curve.step[i] <= (double)c->steps) *v = curve.value[i];
    record_curve_release(&curve);
    return rc;
}

static int value_of(const struct record_sweep *s, const struct record_cell *c, const char *name,
                    struct db *db, double *v, struct err *e) {
    if (!strcmp(name, "half")) return value_at_half(s, c, db, v, e);
    if (value_index(name) == ARRAY_LEN(values)) return record_last_value(v, db, c->run, name, e);
    *v = !strcmp(name, "metric")             ? (isnan(c->test) ? c->metric : c->test)
         : !strcmp(name, "train_loss")       ? c->train_loss
         : !strcmp(name, "peak_bytes")       ? count_or_nan(c->peak_bytes)
         : !strcmp(name, "act_bytes")        ? count_or_nan(c->act_bytes)
         : !strcmp(name, "checkpoint_bytes") ? count_or_nan(c->checkpoint_bytes)
         : !strcmp(name, "trainable")        ? count_or_nan(c->trainable)
         : !strcmp(name, "train_s")          ? c->train_s
                                             : c->metric;
    return 0;
}

/* ---- the points of an arm ------------------------------------------------------------------------------ */

int arm_check(const struct ynode *where, struct err *e) {
    if (!where || where->kind != YNODE_MAP || !where->n)
        return err_set(e, ERR_USER, "an arm is a map: {method: lora, r: 8}");
    for (int i = 0; i < where->n; i++)
        if (where->items[i]->kind != YNODE_SCALAR)
            return err_set(e, ERR_USER,
                           "'%.40s' of an arm must be one value (target_modules as \"q_proj,v_proj\")",
                           where->keys[i]->text);
    return 0;
}

static bool fits_key(const struct record_point *p, const char *key, const struct ynode *want) {
    json_t *v = ynode_json(want);
    const json_t *have = json_object_get(p->flat, key);
    bool fits;
    if (!strcmp(key, "target_modules"))
        fits = p->target_modules && !strcmp(p->target_modules, want->text);
    else if (json_is_number(v) || json_is_boolean(v)) {
        double number = json_is_number(v) ? json_number_value(v) : json_is_true(v);
        fits = record_point_number(p, key) == number;
    } else
        fits = json_is_string(have) && !strcmp(json_string_value(have), want->text);
    json_decref(v);
    return fits;
}

static bool fits_where(const struct record_point *p, const struct ynode *where) {
    for (int i = 0; i < where->n; i++)
        if (!fits_key(p, where->keys[i]->text, where->items[i])) return false;
    return true;
}

/* ---- the arm ------------------------------------------------------------------------------------------- */

/* Of the points that fit and have runs, the best. */
static int choose_point(struct arm *a, const struct record_sweep *s, const struct ynode *where) {
    int *fit = xcalloc((size_t)s->npoint + 1, sizeof *fit), n = 0;
    for (int i = 0; i < s->npoint; i++) {
        struct candidate c = prefer_point(s, i);
        if ((c.n || c.diverged) && fits_where(&s->point[i], where)) fit[n++] = i;
    }
    int best = prefer_best(s, fit, n);
    a->points = n;
    free(fit);
    return best;
}

static int fill_arm(struct arm *a, const struct record_sweep *s, int point, const char *value, struct db *db,
                    struct err *e) {
    const struct record_point *p = &s->point[point];
    a->lr = p->lr;
    a->diverged = prefer_point(s, point).diverged;
    for (int i = p->first; i < p->first + p->ncell; i++) {
        const struct record_cell *c = &s->cell[i];
        double v;
        if (c->state != RUN_COMPLETE) continue;
        int rc = value_of(s, c, value, db, &v, e);
        if (rc) return rc;
        if (!isfinite(v)) a->diverged = true;
        if (!isfinite(v) || a->n >= ARM_MAX_SEEDS) continue;
        a->seed[a->n] = c->seed;
        a->value[a->n++] = v;
        snprintf(a->build, sizeof a->build, "%s", c->build ? c->build : "");
        snprintf(a->cpu, sizeof a->cpu, "%s", c->cpu ? c->cpu : "");
        snprintf(a->date, sizeof a->date, "%s", c->ended ? c->ended : "");
    }
    return 0;
}

int arm_read(struct arm *a, struct db *db, const char *sweep, const struct ynode *where, const char *value,
             char goal[16], struct err *e) {
    struct record_sweep s;
    *a = (struct arm){.lr = NAN};
    if (goal) *goal = 0;
    int rc = arm_check(where, e);
    int64_t id = rc ? 0 : db_sweep_find(db, sweep, e);
    if (rc || id <= 0) return rc ? rc : (int)id;
    rc = record_sweep_read_id(&s, db, id, NULL, e);
    if (rc) return rc;
    if (goal) snprintf(goal, 16, "%s", s.goal);
    int point = choose_point(a, &s, where);
    if (point >= 0) rc = fill_arm(a, &s, point, value, db, e);
    record_sweep_release(&s);
    return rc;
}

/* ---- two arms ------------------------------------------------------------------------------------------ */

/* The rows that a value is the mean of; NULL: it has none. Caller frees. */
static char *rows_key(const struct record_sweep *s, const char *value, bool test) {
    const char *name = strchr(s->metric, '/') ? strchr(s->metric, '/') + 1 : s->metric;
    if (!strcmp(value, "metric") && test) return xasprintf("test/%s", name);
    if (!strcmp(value, "metric") || !strcmp(value, "eval") || !strcmp(value, "half"))
        return xstrdup(s->metric);
    return value_index(value) == ARRAY_LEN(values) ? xstrdup(value) : NULL;
}

/* The value of every complete cell. */
static int values_of(const struct record_sweep *s, const char *value, struct db *db, double *v,
                     struct err *e) {
    for (int i = 0; i < s->ncell; i++) {
        v[i] = NAN;
        int rc = s->cell[i].state == RUN_COMPLETE ? value_of(s, &s->cell[i], value, db, &v[i], e) : 0;
        if (rc) return rc;
    }
    return 0;
}

static int judge_points(struct arm_pair *p, const struct record_sweep *s, int a, int b, const char *value,
                        struct db *db, struct err *e) {
    size_t n = (size_t)s->npoint + 1;
    int *tried = xcalloc(n, sizeof *tried);
    bool *chosen = xcalloc(n, sizeof *chosen), *rows = xcalloc(n, sizeof *rows);
    double *score = xmalloc(((size_t)s->ncell + 1) * sizeof *score);
    char *key = rows_key(s, value, judge_has_test(s));
    struct judges j = {0};
    int rc = values_of(s, value, db, score, e);
    judge_choose(s, tried, chosen);
    chosen[a] = chosen[b] = true;
    rows[a] = rows[b] = key != NULL;
    tried[a] = p->a.points, tried[b] = p->b.points;
    struct judge_ask ask = {.sweep = s,
                            .tried = tried,
                            .chosen = chosen,
                            .score = score,
                            .metric = key ? key : value,
                            .sign = p->sign,
                            .rows = rows};
    if (!rc) rc = judges_fit(&j, &ask, db, e);
    if (!rc && j.of[a] == j.of[b]) {
        p->d = verdict_judge(judges_model(&j, a), a, b, 1);
        p->rows = isnan(p->d.rows) || p->d.no_rows ? 0 : j.v[j.of[a]].rows.n;
    }
    judges_release(&j);
    free(tried), free(chosen), free(rows), free(score), free(key);
    return rc;
}

int arm_judge(struct arm_pair *p, struct db *db, const char *sweep, const struct ynode *a,
              const struct ynode *b, const char *value, struct err *e) {
    struct record_sweep s;
    *p = (struct arm_pair){.a = {.lr = NAN}, .b = {.lr = NAN}};
    p->d = (struct verdict_pair){.diff = NAN, .lo1 = NAN, .hi1 = NAN, .lo = NAN, .hi = NAN};
    int rc = arm_check(a, e);
    if (!rc) rc = arm_check(b, e);
    int64_t id = rc ? 0 : db_sweep_find(db, sweep, e);
    if (rc || id <= 0) return rc ? rc : (int)id;
    rc = record_sweep_read_id(&s, db, id, NULL, e);
    if (rc) return rc;
    p->sign = arm_value_sign(value, s.goal);
    int x = choose_point(&p->a, &s, a), y = choose_point(&p->b, &s, b);
    if (x >= 0) rc = fill_arm(&p->a, &s, x, value, db, e);
    if (!rc && y >= 0) rc = fill_arm(&p->b, &s, y, value, db, e);
    if (!rc && p->a.n && p->b.n && !p->a.diverged && !p->b.diverged)
        rc = judge_points(p, &s, x, y, value, db, e);
    record_sweep_release(&s);
    return rc;
}
