/* controls.c - pairs of the record -> arms with their learning rates -> rows. See controls.h. */
#include "harness/analysis/controls.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analysis/prefer.h"
#include "harness/base/util.h"

struct load {
    struct record_sweep r;
    struct record_pair *pair;
    int npair;
};

static const struct record_point *point_at(const struct load *l, int i) { return &l->r.point[i]; }

static char *copy_text(const char *s) { return s ? xstrdup(s) : NULL; }

/* ---- arms ---------------------------------------------------------------------------------------------- */

static bool has_number(const struct record_cell *c) {
    return c->state == RUN_COMPLETE && isfinite(c->metric);
}

static struct stats_mean mean_of(const struct load *l, int point) {
    const struct record_point *p = point_at(l, point);
    double *v = xmalloc(((size_t)p->ncell + 1) * sizeof *v);
    int n = 0;
    for (int i = p->first; i < p->first + p->ncell; i++)
        if (has_number(&l->r.cell[i])) v[n++] = l->r.cell[i].metric;
    struct stats_mean m = stats_mean(v, n);
    free(v);
    return m;
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

static struct control_arm arm_of(const struct load *l, int point, int rates) {
    const struct record_point *p = point_at(l, point);
    struct control_arm a = {.point = p->id,
                            .method = copy_text(p->method),
                            .r = p->r,
                            .alpha = p->alpha,
                            .lr = p->lr,
                            .target_modules = copy_text(p->target_modules),
                            .rates = rates,
                            .trainable = -1,
                            .runs = p->ncell,
                            .metric = mean_of(l, point)};
    for (int i = p->first; i < p->first + p->ncell; i++) {
        const struct record_cell *c = &l->r.cell[i];
        a.complete += c->state == RUN_COMPLETE;
        if (c->trainable >= 0) a.trainable = c->trainable;
    }
    return a;
}

/* a - b over the seeds at which both have a number. */
static struct stats_diff paired_difference(const struct load *l, int ia, int ib) {
    const struct record_point *a = point_at(l, ia), *b = point_at(l, ib);
    double *va = xmalloc(((size_t)a->ncell + 1) * sizeof *va),
           *vb = xmalloc(((size_t)a->ncell + 1) * sizeof *vb);
    int n = 0;
    for (int i = a->first; i < a->first + a->ncell; i++)
        for (int k = b->first; k < b->first + b->ncell; k++) {
            const struct record_cell *x = &l->r.cell[i], *y = &l->r.cell[k];
            if (x->seed != y->seed || !has_number(x) || !has_number(y)) continue;
            va[n] = y->metric;
            vb[n++] = x->metric;
        }
    struct stats_diff d = {.diff = NAN, .se = NAN, .df = NAN, .lo = NAN, .hi = NAN, .p = NAN};
    if (n) d = stats_paired(va, vb, n);
    free(va);
    free(vb);
    return d;
}

/* ---- what else tells rows apart ------------------------------------------------------------------------ */

static bool looks_like(const struct record_point *a, const struct record_point *b) {
    bool targets = a->target_modules && b->target_modules ? !strcmp(a->target_modules, b->target_modules)
                                                          : a->target_modules == b->target_modules;
    return !strcmp(a->method, b->method) && a->r == b->r && targets &&
           (a->alpha == b->alpha || (isnan(a->alpha) && isnan(b->alpha)));
}

/* The rate stands in a column of its own; beside the names of model and data their digests and paths tell
 * nothing. */
static bool is_told(const char *key) {
    return !strstr(key, "digest") && strcmp(key, "model_path") != 0 && strcmp(key, "train.lr") != 0;
}

static void add_value(struct strbuf *b, const char *key, const json_t *v) {
    char *text = json_is_string(v) ? xstrdup(json_string_value(v))
                                   : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
    strbuf_addf(b, "%s%s=%s", b->len ? " " : "", key, text);
    free(text);
}

static char *tell_apart(const struct load *l, int point) {
    const struct record_point *p = point_at(l, point);
    struct strbuf b = {0};
    json_t *v;
    const char *key;
    json_object_foreach(p->flat, key, v) {
        bool differs = false;
        for (int i = 0; i < l->npair && !differs; i++) {
            const struct record_point *o = point_at(l, l->pair[i].point);
            differs = o != p && looks_like(o, p) && !json_equal(v, json_object_get(o->flat, key));
        }
        if (differs && is_told(key)) add_value(&b, key, v);
    }
    return b.s ? strbuf_detach(&b) : xstrdup("");
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

static bool same_row(const struct load *l, const struct record_pair *a, const struct record_pair *b) {
    return !strcmp(a->kind, b->kind) &&
           !strcmp(point_at(l, a->point)->but_rate, point_at(l, b->point)->but_rate);
}

static void add_row(struct load *l, int first, struct control_set *c) {
    struct side of = {0}, control = {0};
    for (int i = first; i < l->npair; i++) {
        if (!same_row(l, &l->pair[i], &l->pair[first])) continue;
        side_add(&of, l->pair[i].point);
        side_add(&control, l->pair[i].control);
    }
    int a = prefer_best(&l->r, of.v, of.n), b = prefer_best(&l->r, control.v, control.n);
    GROW(c->row, c->n, c->cap);
    c->row[c->n++] = (struct control_row){xstrdup(l->pair[first].kind), tell_apart(l, a), arm_of(l, a, of.n),
                                          arm_of(l, b, control.n), paired_difference(l, a, b)};
    free(of.v);
    free(control.v);
}

int controls_read(struct control_set *c, struct db *db, int64_t sweep, struct err *e) {
    struct load l = {0};
    memset(c, 0, sizeof *c);
    int rc = record_sweep_read_id(&l.r, db, sweep, NULL, e);
    if (rc) return rc;
    rc = record_pairs_read(&l.pair, &l.npair, &l.r, db, e);
    c->metric = xstrdup(l.r.metric);
    c->maximize = l.r.maximize;
    for (int i = 0; i < l.npair && !rc; i++) {
        bool seen = false;
        for (int k = 0; k < i && !seen; k++) seen = same_row(&l, &l.pair[k], &l.pair[i]);
        if (!seen) add_row(&l, i, c);
    }
    for (int i = 0; i < l.npair; i++) free(l.pair[i].kind);
    free(l.pair);
    record_sweep_release(&l.r);
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
