/* controls.c - pairs of the record -> arms with their learning rates -> rows. See controls.h. */
#include "harness/analysis/controls.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/config/cfg.h"
#include "harness/base/util.h"

struct cell {
    uint64_t seed;
    bool complete, diverged;
    double metric; /* NaN: none */
};

struct point {
    int64_t id, r, trainable;
    char *method, *target_modules;
    double alpha, lr;
    char *rest; /* its configuration without the learning rate, as text */
    struct cell *cell;
    int ncell, cap;
};

struct pair {
    int of, control; /* indices into points */
    char *kind;
};

struct load {
    struct db *db;
    struct point *point;
    int npoint, point_cap;
    struct pair *pair;
    int npair, pair_cap;
    bool maximize;
};

/* ---- reading ------------------------------------------------------------------------------------------- */

static char *copy_text(const char *s) { return s ? xstrdup(s) : NULL; }

static int64_t int_or(const struct db_query *q, int col, int64_t none) {
    return db_query_type(q, col) == DB_NULL ? none : db_query_int(q, col);
}

static char *without_rate(const char *config) {
    json_t *c = json_loads(config, 0, NULL);
    if (!c) return xstrdup(config);
    cfg_set(c, "train.lr", json_null());
    char *text = json_dumps(c, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(c);
    return text;
}

static int point_index(const struct load *l, int64_t id) {
    for (int i = 0; i < l->npoint; i++)
        if (l->point[i].id == id) return i;
    return -1;
}

static int query_sweep(struct db *db, struct db_query **q, const char *sql, int64_t sweep, struct err *e) {
    int rc = db_query(db, q, sql, e);
    if (!rc) db_query_bind_int(*q, 1, sweep);
    return rc;
}

static int read_points(struct load *l, int64_t sweep, struct err *e) {
    struct db_query *q;
    int rc = query_sweep(l->db, &q,
                         "SELECT id, method, r, lora_alpha, target_modules, lr, config FROM point WHERE id IN"
                         " (SELECT point FROM point_control WHERE sweep = ?1"
                         "  UNION SELECT control FROM point_control WHERE sweep = ?1)",
                         sweep, e);
    if (rc) return rc;
    while ((rc = db_query_next(q, e)) == 1) {
        GROW(l->point, l->npoint, l->point_cap);
        l->point[l->npoint++] = (struct point){.id = db_query_int(q, 0),
                                               .method = copy_text(db_query_text(q, 1)),
                                               .r = int_or(q, 2, -1),
                                               .alpha = db_query_num(q, 3),
                                               .target_modules = copy_text(db_query_text(q, 4)),
                                               .lr = db_query_num(q, 5),
                                               .trainable = -1,
                                               .rest = without_rate(db_query_text(q, 6))};
    }
    db_query_close(q);
    return rc;
}

static int read_cells(struct load *l, int64_t sweep, struct err *e) {
    struct db_query *q;
    int rc = query_sweep(l->db, &q,
                         "SELECT c.point_id, c.seed, c.metric, r.state, r.trainable FROM sweep_runs c"
                         " LEFT JOIN run r ON r.id = c.run_id WHERE c.sweep_id = ?1 ORDER BY c.seed",
                         sweep, e);
    if (rc) return rc;
    while ((rc = db_query_next(q, e)) == 1) {
        int i = point_index(l, db_query_int(q, 0));
        if (i < 0) continue;
        struct point *p = &l->point[i];
        const char *state = db_query_text(q, 3);
        GROW(p->cell, p->ncell, p->cap);
        struct cell *c = &p->cell[p->ncell++];
        *c = (struct cell){.seed = (uint64_t)db_query_int(q, 1),
                           .complete = state && !strcmp(state, "complete"),
                           .diverged = state && !strcmp(state, "nan"),
                           .metric = db_query_num(q, 2)};
        if (!c->complete || !isfinite(c->metric)) c->metric = NAN;
        p->trainable = int_or(q, 4, p->trainable);
    }
    db_query_close(q);
    return rc;
}

static int read_pairs(struct load *l, int64_t sweep, struct err *e) {
    struct db_query *q;
    int rc = query_sweep(
        l->db, &q,
        "SELECT point, control, kind FROM point_control k WHERE sweep = ?1"
        " ORDER BY (SELECT min(ord) FROM sweep_point c WHERE c.sweep = k.sweep AND c.point = k.point), kind,"
        " (SELECT min(ord) FROM sweep_point c WHERE c.sweep = k.sweep AND c.point = k.control)",
        sweep, e);
    if (rc) return rc;
    while ((rc = db_query_next(q, e)) == 1) {
        GROW(l->pair, l->npair, l->pair_cap);
        l->pair[l->npair++] =
            (struct pair){point_index(l, db_query_int(q, 0)), point_index(l, db_query_int(q, 1)),
                          copy_text(db_query_text(q, 2))};
    }
    db_query_close(q);
    return rc;
}

static int read_goal(struct load *l, int64_t sweep, char **metric, struct err *e) {
    struct db_query *q;
    int rc = query_sweep(l->db, &q, "SELECT metric, goal FROM sweep WHERE id = ?1", sweep, e);
    if (rc) return rc;
    if ((rc = db_query_next(q, e)) == 1) {
        *metric = copy_text(db_query_text(q, 0));
        l->maximize = !strcmp(db_query_text(q, 1), "maximize");
    } else if (rc == 0)
        rc = err_set(e, ERR_USER, "there is no sweep %lld in %s", (long long)sweep, db_path(l->db));
    db_query_close(q);
    return rc < 0 ? rc : 0;
}

/* ---- arms ---------------------------------------------------------------------------------------------- */

static struct stats_mean mean_of(const struct point *p) {
    double *v = xmalloc(((size_t)p->ncell + 1) * sizeof *v);
    int n = 0;
    for (int i = 0; i < p->ncell; i++)
        if (!isnan(p->cell[i].metric)) v[n++] = p->cell[i].metric;
    struct stats_mean m = stats_mean(v, n);
    free(v);
    return m;
}

static bool has_diverged(const struct point *p) {
    for (int i = 0; i < p->ncell; i++)
        if (p->cell[i].diverged) return true;
    return false;
}

static bool is_better(const struct load *l, const struct point *a, const struct point *b) {
    struct stats_mean ma = mean_of(a), mb = mean_of(b);
    if ((ma.n > 0) != (mb.n > 0)) return ma.n > 0;
    if (has_diverged(a) != has_diverged(b)) return has_diverged(b);
    return l->maximize ? ma.mean > mb.mean : ma.mean < mb.mean;
}

/* Points of one side of a row, one per learning rate. */
struct side {
    int *v, n, cap;
};

static void side_add(struct side *s, int point) {
    for (int i = 0; i < s->n; i++)
        if (s->v[i] == point) return;
    GROW(s->v, s->n, s->cap);
    s->v[s->n++] = point;
}

static const struct point *side_best(const struct load *l, const struct side *s) {
    const struct point *best = &l->point[s->v[0]];
    for (int i = 1; i < s->n; i++)
        if (is_better(l, &l->point[s->v[i]], best)) best = &l->point[s->v[i]];
    return best;
}

static struct control_arm arm_of(const struct point *p, int rates) {
    struct control_arm a = {.point = p->id,
                            .method = copy_text(p->method),
                            .r = p->r,
                            .alpha = p->alpha,
                            .lr = p->lr,
                            .target_modules = copy_text(p->target_modules),
                            .rates = rates,
                            .trainable = p->trainable,
                            .runs = p->ncell,
                            .metric = mean_of(p)};
    for (int i = 0; i < p->ncell; i++) a.complete += p->cell[i].complete;
    return a;
}

/* a - b over the seeds at which both have a number. */
static struct stats_diff paired_difference(const struct point *a, const struct point *b) {
    double *va = xmalloc(((size_t)a->ncell + 1) * sizeof *va),
           *vb = xmalloc(((size_t)a->ncell + 1) * sizeof *vb);
    int n = 0;
    for (int i = 0; i < a->ncell; i++)
        for (int k = 0; k < b->ncell; k++) {
            if (a->cell[i].seed != b->cell[k].seed || isnan(a->cell[i].metric) || isnan(b->cell[k].metric))
                continue;
            va[n] = b->cell[k].metric;
            vb[n++] = a->cell[i].metric;
        }
    struct stats_diff d = {.diff = NAN, .se = NAN, .df = NAN, .lo = NAN, .hi = NAN, .p = NAN};
    if (n) d = stats_paired(va, vb, n);
    free(va);
    free(vb);
    return d;
}

/* ---- what else tells rows apart ------------------------------------------------------------------------ */

static void flatten_settings(const json_t *v, const char *key, json_t *out) {
    const char *name;
    json_t *child;
    if (!json_is_object(v)) {
        char *text = json_is_string(v)
                         ? xstrdup(json_string_value(v))
                         : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
        json_object_set_new(out, key, json_string(text));
        free(text);
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)v, name, child) {
        char *full = *key ? xasprintf("%s.%s", key, name) : xstrdup(name);
        flatten_settings(child, full, out);
        free(full);
    }
}

static json_t *settings_of(const struct point *p) {
    json_t *config = json_loads(p->rest, 0, NULL), *flat = json_object();
    if (config) flatten_settings(config, "", flat);
    json_decref(config);
    return flat;
}

static bool looks_like(const struct point *a, const struct point *b) {
    bool targets = a->target_modules && b->target_modules ? !strcmp(a->target_modules, b->target_modules)
                                                          : a->target_modules == b->target_modules;
    return !strcmp(a->method, b->method) && a->r == b->r && targets &&
           (a->alpha == b->alpha || (isnan(a->alpha) && isnan(b->alpha)));
}

/* Beside the names of model and data, their digests and paths tell nothing. */
static bool is_told(const char *key) { return !strstr(key, "digest") && strcmp(key, "model_path") != 0; }

static char *tell_apart(const struct load *l, const struct point *p) {
    struct strbuf b = {0};
    json_t *own = settings_of(p), *v;
    const char *key;
    json_t *differs = json_object();
    for (int i = 0; i < l->npair; i++) {
        const struct point *o = &l->point[l->pair[i].of];
        if (o == p || !looks_like(o, p)) continue;
        json_t *other = settings_of(o);
        json_object_foreach(own, key, v) if (is_told(key) && !json_equal(v, json_object_get(other, key)))
            json_object_set(differs, key, v);
        json_decref(other);
    }
    json_object_foreach(differs, key, v)
        strbuf_addf(&b, "%s%s=%s", b.len ? " " : "", key, json_string_value(v));
    json_decref(differs);
    json_decref(own);
    return b.s ? strbuf_detach(&b) : xstrdup("");
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

static bool same_row(const struct load *l, const struct pair *a, const struct pair *b) {
    return !strcmp(a->kind, b->kind) && !strcmp(l->point[a->of].rest, l->point[b->of].rest);
}

static void add_row(struct load *l, int first, struct control_set *c) {
    struct side of = {0}, control = {0};
    for (int i = first; i < l->npair; i++) {
        if (!same_row(l, &l->pair[i], &l->pair[first])) continue;
        side_add(&of, l->pair[i].of);
        side_add(&control, l->pair[i].control);
    }
    const struct point *a = side_best(l, &of), *b = side_best(l, &control);
    GROW(c->row, c->n, c->cap);
    c->row[c->n++] = (struct control_row){xstrdup(l->pair[first].kind), tell_apart(l, a), arm_of(a, of.n),
                                          arm_of(b, control.n), paired_difference(a, b)};
    free(of.v);
    free(control.v);
}

static void load_release(struct load *l) {
    for (int i = 0; i < l->npoint; i++) {
        free(l->point[i].method);
        free(l->point[i].target_modules);
        free(l->point[i].rest);
        free(l->point[i].cell);
    }
    for (int i = 0; i < l->npair; i++) free(l->pair[i].kind);
    free(l->point);
    free(l->pair);
}

int controls_read(struct control_set *c, struct db *db, int64_t sweep, struct err *e) {
    struct load l = {.db = db};
    memset(c, 0, sizeof *c);
    int rc = read_goal(&l, sweep, &c->metric, e);
    if (!rc && !db_has_controls(db)) return 0;
    if (!rc) rc = read_points(&l, sweep, e);
    if (!rc) rc = read_cells(&l, sweep, e);
    if (!rc) rc = read_pairs(&l, sweep, e);
    c->maximize = l.maximize;
    for (int i = 0; i < l.npair && !rc; i++) {
        bool seen = false;
        for (int k = 0; k < i && !seen; k++) seen = same_row(&l, &l.pair[k], &l.pair[i]);
        if (!seen) add_row(&l, i, c);
    }
    load_release(&l);
    if (rc) controls_release(c);
    return rc;
}

static void arm_release(struct control_arm *a) {
    free(a->method);
    free(a->target_modules);
}

void controls_release(struct control_set *c) {
    for (int i = 0; i < c->n; i++) {
        free(c->row[i].kind);
        free(c->row[i].settings);
        arm_release(&c->row[i].of);
        arm_release(&c->row[i].control);
    }
    free(c->row);
    free(c->metric);
    memset(c, 0, sizeof *c);
}

/* ---- the table ----------------------------------------------------------------------------------------- */

/* "r=8 alpha=16": in a row of text both arms are told by what they have. */
static void add_name(struct table *t, const struct control_arm *a) {
    struct strbuf b = {0};
    strbuf_adds(&b, a->method);
    if (a->r >= 0) strbuf_addf(&b, " r=%lld", (long long)a->r);
    if (!isnan(a->alpha)) strbuf_addf(&b, " alpha=%g", a->alpha);
    table_text(t, a->method);
    table_shown(t, "%s", b.s);
    strbuf_release(&b);
}

/* The mean, or what became of the runs. */
static void add_metric(struct table *t, const struct control_arm *a) {
    table_num_or_null(t, a->metric.mean);
    if (!a->metric.n) table_shown(t, "%d/%d complete", a->complete, a->runs);
}

/* Signed, with the interval; "better" where it leaves no room for zero. */
static void add_difference(struct table *t, const struct control_set *c, const struct stats_diff *d) {
    table_num_or_null(t, d->n ? d->diff : NAN);
    if (!d->n) return;
    bool sure = !isnan(d->lo) && (d->lo > 0 || d->hi < 0), better = (d->diff > 0) == c->maximize;
    if (isnan(d->lo))
        table_shown(t, "%+.4g", d->diff);
    else
        table_shown(t, "%+.4g \xc2\xb1 %.2g%s", d->diff, (d->hi - d->lo) / 2,
                    !sure    ? ""
                    : better ? " better"
                             : " worse");
}

/* The columns of one side; what both sides have in common is shown once, "3.6 k / 448", in the first. */
static void add_side(struct table *t, const struct control_set *c, const char *prefix, bool modules,
                     bool second) {
    const struct {
        const char *key, *title;
        enum table_kind kind;
        enum table_where where;
    } cols[] = {
        {"method", second ? "control" : "method", TABLE_WHOLE, TABLE_BOTH},
        {"r", "", TABLE_PLAIN, TABLE_DATA},
        {"lora_alpha", "", TABLE_PLAIN, TABLE_DATA},
        {"target_modules", "modules", TABLE_TEXT, modules && !second ? TABLE_BOTH : TABLE_DATA},
        {"trainable", "trained", TABLE_COUNT, second ? TABLE_DATA : TABLE_BOTH},
        {"lr", "best lr", TABLE_RATE, second ? TABLE_DATA : TABLE_BOTH},
        {"lr_tried", "", TABLE_PLAIN, TABLE_DATA},
        {"metric", second ? "control" : c->metric, TABLE_LOSS, TABLE_BOTH},
        {"ci95", "", TABLE_LOSS, TABLE_DATA},
        {"n", "", TABLE_PLAIN, TABLE_DATA},
        {"point_id", "", TABLE_PLAIN, TABLE_DATA},
    };
    for (size_t k = 0; k < ARRAY_LEN(cols); k++) {
        char key[40];
        snprintf(key, sizeof key, "%s%s", prefix, cols[k].key);
        table_column(t, key, cols[k].title, cols[k].kind, cols[k].where);
    }
}

static void add_columns(struct table *t, const struct control_set *c) {
    bool modules = false, settings = false;
    for (int i = 0; i < c->n; i++) {
        const char *a = c->row[i].of.target_modules, *b = c->row[0].of.target_modules;
        modules |= a && b && strcmp(a, b) != 0;
        settings |= *c->row[i].settings != 0;
    }
    table_column(t, "kind", "held equal", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "settings", "settings", TABLE_TEXT, settings ? TABLE_BOTH : TABLE_DATA);
    add_side(t, c, "", modules, false);
    add_side(t, c, "control_", modules, true);
    table_column(t, "difference", "difference", TABLE_LOSS, TABLE_BOTH);
    table_column(t, "difference_lo", "", TABLE_LOSS, TABLE_DATA);
    table_column(t, "difference_hi", "", TABLE_LOSS, TABLE_DATA);
    table_column(t, "p", "", TABLE_PLAIN, TABLE_DATA);
    table_column(t, "pairs", "n", TABLE_PLAIN, TABLE_BOTH);
}

/* "3.6 k", or "3.6 k / 448" where the control has another. */
static void show_both(struct table *t, enum table_kind kind, double a, double b) {
    char one[TABLE_FORMAT_MAX], two[TABLE_FORMAT_MAX];
    if (a == b || isnan(a) || isnan(b)) return;
    table_format_num(one, kind, a);
    table_format_num(two, kind, b);
    table_shown(t, "%s / %s", one, two);
}

static void add_arm(struct table *t, const struct control_arm *a, const struct control_arm *other) {
    add_name(t, a);
    table_int_or_null(t, a->r);
    table_num_or_null(t, a->alpha);
    table_text(t, a->target_modules);
    table_int_or_null(t, a->trainable);
    if (a->trainable >= 0 && other->trainable >= 0)
        show_both(t, TABLE_COUNT, (double)a->trainable, (double)other->trainable);
    table_num_or_null(t, a->lr);
    show_both(t, TABLE_RATE, a->lr, other->lr);
    table_int(t, a->rates);
    add_metric(t, a);
    table_num_or_null(t, a->metric.ci);
    table_int(t, a->metric.n);
    table_int(t, a->point);
}

struct table *controls_table(const struct control_set *c) {
    struct table *t = table_new();
    add_columns(t, c);
    for (int i = 0; i < c->n; i++) {
        const struct control_row *r = &c->row[i];
        table_text(t, r->kind);
        table_text(t, r->settings);
        add_arm(t, &r->of, &r->control);
        add_arm(t, &r->control, &r->of);
        add_difference(t, c, &r->diff);
        table_num_or_null(t, r->diff.lo);
        table_num_or_null(t, r->diff.hi);
        table_num_or_null(t, r->diff.p);
        table_int(t, r->diff.n);
    }
    return t;
}
