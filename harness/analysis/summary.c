/* SPDX-License-Identifier: Apache-2.0 */
/* summary.c - points of a sweep → groups that differ in the learning rate alone → one table row per group.
 * See summary.h.
 *
 * Columns: a configuration key is one when two points agree in method, rank and modules and differ in that
 * key. Keys that always change together (paired axes, a model's name and path) give one column. What tells
 * rows apart never depends on the columns. */
#include "harness/analysis/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analysis/judge.h"
#include "harness/analysis/prefer.h"
#include "harness/base/stats.h"
#include "harness/core/method.h"

#define SHOWN_MAX 8 /* columns of keys that people see; data has them all */

/* A key that varies, and its values as texts. */
struct axis {
    const char *key;
    char **value; /* [npoint], "-" where a point has none */
};

struct load {
    struct summary *s;
    struct record_sweep r;
    int ngroup;
    json_t *keys; /* of all configurations; owns the names of axes */
    struct axis *axis;
    int naxis, axis_cap;
    struct judges judges;
};

/* ---- columns ------------------------------------------------------------------------------------------- */

/* Does the key differ between points of one method, rank and choice of modules? */
static bool key_varies(const struct record_sweep *r, const char *key) {
    json_t *first = json_object(), *none = json_null(); /* method, rank, modules -> the first value */
    bool varies = false;
    for (int i = 0; i < r->npoint && !varies; i++) {
        const struct record_point *p = &r->point[i];
        if (p->untouched) continue;
        char *alike =
            xasprintf("%s %lld %s", p->method, (long long)p->r, p->target_modules ? p->target_modules : "");
        json_t *value = json_object_get(p->flat, key), *seen = json_object_get(first, alike);
        if (!value) value = none;
        if (seen)
            varies = !json_equal(seen, value);
        else
            json_object_set(first, alike, value);
        free(alike);
    }
    json_decref(first);
    return varies;
}

/* Do two axes split the points alike? */
static bool axis_same(const struct load *l, const struct axis *a, const struct axis *b) {
    json_t *ab = json_object(), *ba = json_object();
    bool same = true;
    for (int i = 0; i < l->r.npoint && same; i++) {
        const char *x = json_string_value(json_object_get(ab, a->value[i])),
                   *y = json_string_value(json_object_get(ba, b->value[i]));
        same = (!x || !strcmp(x, b->value[i])) && (!y || !strcmp(y, a->value[i]));
        if (!x) json_object_set_new(ab, a->value[i], json_string(b->value[i]));
        if (!y) json_object_set_new(ba, b->value[i], json_string(a->value[i]));
    }
    json_decref(ab);
    json_decref(ba);
    return same;
}

static void axis_release(const struct load *l, struct axis *a) {
    for (int i = 0; i < l->r.npoint; i++) free(a->value[i]);
    free(a->value);
}

static void axis_add(struct load *l, const char *key) {
    struct axis a = {key, xcalloc((size_t)l->r.npoint + 1, sizeof *a.value)};
    for (int i = 0; i < l->r.npoint; i++) {
        char buf[32];
        const json_t *v = json_object_get(l->r.point[i].flat, key);
        const char *text = record_point_text(&l->r.point[i], key, buf);
        a.value[i] = text               ? xstrdup(text)
                     : json_is_array(v) ? json_dumps(v, JSON_COMPACT | JSON_REAL_PRECISION(6))
                                        : xstrdup("-");
    }
    bool same = false;
    for (int b = 0; b < l->naxis && !same; b++) same = axis_same(l, &a, &l->axis[b]);
    if (same) {
        axis_release(l, &a);
        return;
    }
    GROW(l->axis, l->naxis, l->axis_cap);
    l->axis[l->naxis++] = a;
}

/* Names before paths before digests: of keys that change together the first is kept. */
static int key_class(const struct record_sweep *r, const char *key) {
    if (str_ends_with(key, "_digest")) return 2;
    for (int i = 0; i < r->npoint; i++) {
        const char *s = json_string_value(json_object_get(r->point[i].flat, key));
        if (s && *s == '/') return 1;
    }
    return 0;
}

struct varied_key {
    const char *key;
    int class;
};

static int key_compare(const void *va, const void *vb) {
    const struct varied_key *a = va, *b = vb;
    return a->class != b->class ? a->class - b->class : strcmp(a->key, b->key);
}

static void find_axes(struct load *l) {
    static const char *const own[] = {"method", "r", "target_modules", "train.lr"}; /* columns of their own */
    struct varied_key *v = NULL;
    int n = 0, cap = 0;
    const char *key;
    json_t *value;
    l->keys = json_object();
    for (int i = 0; i < l->r.npoint; i++)
        if (!l->r.point[i].untouched) json_object_update_missing(l->keys, l->r.point[i].flat);
    json_object_foreach(l->keys, key, value) {
        bool told = false;
        for (size_t i = 0; i < ARRAY_LEN(own); i++) told |= !strcmp(own[i], key);
        if (told || !key_varies(&l->r, key)) continue;
        GROW(v, n, cap);
        v[n++] = (struct varied_key){key, key_class(&l->r, key)};
    }
    if (n) qsort(v, (size_t)n, sizeof *v, key_compare);
    for (int i = 0; i < n; i++) axis_add(l, v[i].key);
    free(v);
}

/* The steps and rows per step of all trained points, 0 where they differ. */
static long common_number(const struct record_sweep *r, const char *key) {
    double common = NAN;
    for (int i = 0; i < r->npoint; i++) {
        double v = record_point_number(&r->point[i], key);
        if (r->point[i].untouched || isnan(v)) continue;
        if (!isnan(common) && v != common) return 0;
        common = v;
    }
    return isnan(common) ? 0 : (long)common;
}

/* ---- groups -------------------------------------------------------------------------------------------- */

/* A group of points, and the one that stands for it. */
struct group {
    const struct record_sweep *r;
    int *point, n;
    int best; /* index into the sweep's points */
    int order;
};

static const struct record_point *group_point(const struct group *g, int i) {
    return &g->r->point[g->point[i]];
}

/* Groups in the table's order. */
static int group_compare(const void *va, const void *vb) {
    const struct group *ga = va, *gb = vb;
    const struct record_point *a = group_point(ga, 0), *b = group_point(gb, 0);
    if (a->untouched != b->untouched) return a->untouched ? -1 : 1;
    int ma = method_order(a->method), mb = method_order(b->method);
    if (ma != mb) return ma - mb;
    int c = strcmp(a->method, b->method);
    if (c) return c;
    if (a->r != b->r) return a->r < b->r ? -1 : 1;
    if (a->control != b->control) return a->control ? 1 : -1;
    return ga->order - gb->order;
}

static struct group *make_groups(struct load *l) {
    int *of, n = prefer_groups(&l->r, &of);
    struct group *g = xcalloc((size_t)n + 1, sizeof *g);
    l->ngroup = n;
    for (int i = 0; i < l->r.npoint; i++) {
        struct group *x = &g[of[i]];
        x->r = &l->r;
        x->order = of[i];
        x->point = xrealloc(x->point, (size_t)(x->n + 1) * sizeof *x->point);
        x->point[x->n++] = i;
    }
    for (int i = 0; i < n; i++) g[i].best = prefer_best(&l->r, g[i].point, g[i].n);
    qsort(g, (size_t)n, sizeof *g, group_compare);
    free(of);
    return g;
}

/* Means over the complete runs of the group's best point. */
struct costs {
    double train_s;
    int64_t peak;
    bool concurrent;
    const struct record_cell *first; /* a complete run, or NULL */
};

static struct costs costs_of(const struct group *g) {
    const struct record_point *p = &g->r->point[g->best];
    struct costs c = {.peak = -1};
    double *train = xmalloc(((size_t)p->ncell + 1) * sizeof *train);
    int timed = 0;
    for (int i = p->first; i < p->first + p->ncell; i++) {
        const struct record_cell *x = &g->r->cell[i];
        if (x->state != RUN_COMPLETE) continue;
        if (!c.first) c.first = x;
        if (!isnan(x->train_s)) train[timed++] = x->train_s;
        c.peak = MAX_OF(c.peak, x->peak_bytes);
        c.concurrent |= x->concurrent > 0;
    }
    c.train_s = stats_mean(train, timed).mean;
    free(train);
    return c;
}

/* ---- the table ----------------------------------------------------------------------------------------- */

/* Has some point finished with two seeds, so that there is a spread to tell? */
static bool several_seeds(const struct record_sweep *r) {
    for (int i = 0; i < r->npoint; i++) {
        int complete = 0;
        for (int k = r->point[i].first; k < r->point[i].first + r->point[i].ncell; k++)
            complete += r->cell[k].state == RUN_COMPLETE;
        if (complete > 1) return true;
    }
    return false;
}

static void columns_add(struct load *l) {
    struct table *t = l->s->table;
    table_column(t, "method", "method", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "r", "r", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "target_modules", "modules", TABLE_TEXT, TABLE_BOTH);
    for (int a = 0; a < l->naxis; a++) {
        const char *key = l->axis[a].key, *dot = strrchr(key, '.');
        table_column(t, key, dot ? dot + 1 : key, TABLE_TEXT, a < SHOWN_MAX ? TABLE_BOTH : TABLE_DATA);
    }
    table_column(t, "lr", "best lr", TABLE_RATE, TABLE_BOTH);
    table_column(t, "lr_tried", "", TABLE_PLAIN, TABLE_DATA);
    table_column(t, "metric", l->s->metric, TABLE_LOSS, TABLE_BOTH);
    table_column(t, "sd", "sd", TABLE_LOSS, l->s->several_seeds ? TABLE_BOTH : TABLE_DATA);
    table_column(t, "ci95", "", TABLE_LOSS, TABLE_DATA);
    table_column(t, "n", "seeds", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "trainable", "trained", TABLE_COUNT, TABLE_BOTH);
    table_column(t, "trainable_fraction", "", TABLE_PERCENT, TABLE_DATA);
    table_column(t, "adapted_fraction", "", TABLE_PERCENT, TABLE_DATA);
    table_column(t, "peak_bytes", "peak mem", TABLE_BYTES, TABLE_BOTH);
    table_column(t, "checkpoint_bytes", "saved", TABLE_BYTES, TABLE_BOTH);
    table_column(t, "train_s", "train", TABLE_SECONDS, TABLE_BOTH);
    table_column(t, "concurrent", "", TABLE_PLAIN, TABLE_DATA);
    table_column(t, "run_id", "", TABLE_PLAIN, TABLE_DATA);
    table_column(t, "runs", "runs", TABLE_PLAIN, TABLE_BOTH);
    for (int i = 0; i < CELL_NSTATES; i++) {
        char *key = xstrdup(cell_state_name(cell_states[i]));
        if (strchr(key, ' ')) *strchr(key, ' ') = '_';
        table_column(t, key, "", TABLE_PLAIN, TABLE_DATA);
        free(key);
    }
    table_column(t, "control", "", TABLE_PLAIN, TABLE_DATA);
}

static void states_count(const struct group *g, int count[CELL_NSTATES], int *all) {
    memset(count, 0, CELL_NSTATES * sizeof *count);
    *all = 0;
    for (int i = 0; i < g->n; i++) {
        const struct record_point *p = group_point(g, i);
        for (int k = p->first; k < p->first + p->ncell; k++) count[g->r->cell[k].state]++;
        *all += p->ncell;
    }
}

/* "3/3": complete of all; how many came to which end follows for data. */
static void states_add(struct table *t, const struct group *g) {
    int count[CELL_NSTATES], all;
    states_count(g, count, &all);
    table_int(t, all);
    table_shown(t, "%d/%d", count[RUN_COMPLETE], all);
    for (int i = 0; i < CELL_NSTATES; i++) table_int(t, count[cell_states[i]]);
    table_int(t, group_point(g, 0)->control);
}

/* What became of the runs, where none gave a number. */
static void state_shown(struct table *t, const struct group *g) {
    int count[CELL_NSTATES], all, first = 0;
    states_count(g, count, &all);
    while (first < CELL_NSTATES - 1 && !count[cell_states[first]]) first++;
    if (cell_states[first] != RUN_COMPLETE) table_shown(t, "%s", cell_state_name(cell_states[first]));
}

static void metric_add(struct load *l, const struct group *g) {
    struct table *t = l->s->table;
    struct candidate c = prefer_point(g->r, g->best);
    const struct verdict_model *m = judges_model(&l->judges, g->best);
    const struct verdict_spread *x = &m->config[g->best];
    if (x->n)
        judge_mean_add(t, m, g->best);
    else
        table_num_or_null(t, c.n ? c.mean : NAN); /* the untouched base is no configuration of the model */
    if (!c.n) state_shown(t, g);
    table_num_or_null(t, x->n ? x->sd : NAN);
    table_num_or_null(t, x->n ? judge_half(x) : NAN);
    table_int(t, c.n);
}

static double fraction_of(int64_t part, int64_t whole) {
    return part < 0 || whole <= 0 ? NAN : (double)part / (double)whole;
}

/* Sizes are equal for all seeds but for the peak, of which the largest is told; time is the mean. */
static void costs_add(struct load *l, const struct costs *c, bool untouched) {
    struct table *t = l->s->table;
    const struct record_cell *f = c->first;
    table_int_or_null(t, f ? f->trainable : -1);
    table_num_or_null(t, f ? fraction_of(f->trainable, f->total_params) : NAN);
    table_num_or_null(t, f ? fraction_of(f->adapted_params, f->total_params) : NAN);
    table_int_or_null(t, c->peak);
    table_int_or_null(t, f && !untouched ? f->checkpoint_bytes : -1);
    if (!isnan(c->train_s) && !untouched) {
        char text[TABLE_FORMAT_MAX];
        table_num(t, c->train_s);
        table_format_num(text, TABLE_SECONDS, c->train_s);
        table_shown(t, "%s%s", text, c->concurrent ? "*" : "");
        l->s->concurrent |= c->concurrent;
    } else
        table_null(t);
    table_int(t, c->concurrent);
    table_int_or_null(t, f ? f->run : -1);
}

/* Is this the untouched base, and the axis nothing that tells several of them apart? */
static bool base_alike(const struct load *l, int point, const struct axis *a) {
    if (!l->r.point[point].untouched) return false;
    for (int i = 0; i < l->r.npoint; i++)
        if (l->r.point[i].untouched && strcmp(a->value[i], a->value[point])) return false;
    return true;
}

static void axes_write(struct load *l, const struct group *g) {
    for (int a = 0; a < l->naxis; a++) {
        const char *v = l->axis[a].value[g->point[0]], *slash = *v == '/' ? strrchr(v, '/') : NULL;
        table_text(l->s->table, v);
        /* a default that means nothing to it */
        if (base_alike(l, g->point[0], &l->axis[a]))
            table_shown(l->s->table, "-");
        else if (slash)
            table_shown(l->s->table, "%s", slash + 1);
    }
}

static void row_add(struct load *l, const struct group *g) {
    struct table *t = l->s->table;
    const struct record_point *p = group_point(g, 0);
    double lr = l->r.point[g->best].lr;
    struct costs c = costs_of(g);
    table_text(t, p->method);
    if (p->control) table_shown(t, "%s (control)", p->method);
    table_int_or_null(t, p->r);
    table_text(t, p->target_modules);
    axes_write(l, g);
    table_num_or_null(t, lr);
    if (g->n > 1) {
        char text[TABLE_FORMAT_MAX];
        table_format_num(text, TABLE_RATE, lr);
        table_shown(t, "%s (%d)", text, g->n);
    }
    if (isnan(lr))
        table_null(t);
    else
        table_int(t, g->n);
    metric_add(l, g);
    costs_add(l, &c, p->untouched);
    states_add(t, g);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static char *name_more_keys(const struct load *l) {
    struct strbuf b = {0};
    for (int a = SHOWN_MAX; a < l->naxis; a++) strbuf_addf(&b, "%s%s", b.len ? ", " : "", l->axis[a].key);
    return b.len ? strbuf_detach(&b) : NULL;
}

/* The best of each group are the configurations that are shown. */
static int fit_judges(struct load *l, struct db *db, struct err *e) {
    int *tried = xcalloc((size_t)l->r.npoint + 1, sizeof *tried), rc;
    bool *chosen = xcalloc((size_t)l->r.npoint + 1, sizeof *chosen);
    double *score = judge_scores(&l->r, false);
    struct strbuf notes = {0};
    judge_choose(&l->r, tried, chosen);
    struct judge_ask ask = {.sweep = &l->r,
                            .tried = tried,
                            .chosen = chosen,
                            .score = score,
                            .metric = l->r.metric,
                            .sign = l->r.maximize ? 1 : -1};
    rc = judges_fit(&l->judges, &ask, db, e);
    if (!rc) judges_notes(&l->judges, &l->r, &notes);
    l->s->notes = notes.len ? strbuf_detach(&notes) : NULL;
    strbuf_release(&notes);
    free(tried), free(chosen), free(score);
    return rc;
}

static int fill_summary(struct load *l, struct db *db, struct err *e) {
    struct summary *s = l->s;
    s->name = xstrdup(l->r.name), s->path = l->r.path ? xstrdup(l->r.path) : NULL;
    s->metric = xstrdup(l->r.metric), s->goal = xstrdup(l->r.goal), s->begun = xstrdup(l->r.begun);
    s->cells = l->r.ncell;
    for (int i = 0; i < l->r.ncell; i++) s->count[l->r.cell[i].state]++;
    s->steps = common_number(&l->r, "train.steps");
    s->batch_size = common_number(&l->r, "train.batch_size");
    s->several_seeds = several_seeds(&l->r);
    find_axes(l);
    s->more_keys = name_more_keys(l);
    s->table = table_new();
    columns_add(l);
    struct group *g = make_groups(l);
    int rc = fit_judges(l, db, e);
    for (int i = 0; i < l->ngroup; i++) {
        if (!rc) row_add(l, &g[i]);
        free(g[i].point);
    }
    free(g);
    return rc;
}

int summary_read(struct summary *s, struct db *db, int64_t sweep, struct err *e) {
    *s = (struct summary){0};
    struct load l = {.s = s};
    int rc = record_sweep_read_id(&l.r, db, sweep, NULL, e);
    if (rc) return rc;
    rc = fill_summary(&l, db, e);
    judges_release(&l.judges);
    for (int a = 0; a < l.naxis; a++) axis_release(&l, &l.axis[a]);
    free(l.axis);
    json_decref(l.keys);
    s->record = l.r;
    if (rc) summary_release(s);
    return rc;
}

void summary_release(struct summary *s) {
    free(s->name);
    free(s->path);
    free(s->metric);
    free(s->goal);
    free(s->begun);
    free(s->more_keys);
    free(s->notes);
    table_free(s->table);
    record_sweep_release(&s->record);
    *s = (struct summary){0};
}
