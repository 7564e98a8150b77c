/* SPDX-License-Identifier: Apache-2.0 */
/* controls.c - pairs of the record -> arms with their learning rates -> rows. See controls.h. */
#include "harness/analysis/controls.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analysis/judge.h"
#include "harness/analysis/prefer.h"
#include "harness/base/util.h"

struct load {
    struct record_sweep r;
    struct record_pair *pair;
    int npair;
    struct control_choice {
        int first, of, control; /* the first of its pairs; points */
        int rates, control_rates;
    } * choice; /* a row each */
    int n, cap;
    struct judges judges;
};

static const struct record_point *point_at(const struct load *l, int i) { return &l->r.point[i]; }

static char *copy_text(const char *s) { return s ? xstrdup(s) : NULL; }

/* ---- arms ---------------------------------------------------------------------------------------------- */

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
                            .mean = NAN,
                            .half = NAN};
    const struct verdict_model *m = judges_model(&l->judges, point);
    const struct verdict_spread *x = &m->config[point];
    struct strbuf shown = {0};
    for (int i = p->first; i < p->first + p->ncell; i++) {
        const struct record_cell *c = &l->r.cell[i];
        a.complete += c->state == RUN_COMPLETE;
        if (c->trainable >= 0) a.trainable = c->trainable;
    }
    judge_mean_text(m, point, &shown);
    a.shown = shown.len ? strbuf_detach(&shown) : xstrdup("");
    a.n = x->n;
    if (x->n) a.mean = x->mean, a.half = judge_half(x);
    return a;
}

/* Are both the same computation but for a scale? */
static bool is_twin(const char *kind) { return !strncmp(kind, "alpha x ", 8); }

static struct verdict_pair judge_row(const struct load *l, const struct control_choice *c, const char *kind) {
    const struct verdict_model *m = judges_model(&l->judges, c->of);
    struct verdict_pair d =
        is_twin(kind) ? verdict_twins(m, c->control, c->of) : verdict_judge(m, c->control, c->of, 1);
    if (d.verdict == VERDICT_DIVERGED) d.diff = NAN; /* the rest of the seeds are the lucky ones */
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

static void choose_row(struct load *l, int first) {
    struct side of = {0}, control = {0};
    for (int i = first; i < l->npair; i++) {
        if (!same_row(l, &l->pair[i], &l->pair[first])) continue;
        side_add(&of, l->pair[i].point);
        side_add(&control, l->pair[i].control);
    }
    GROW(l->choice, l->n, l->cap);
    l->choice[l->n++] = (struct control_choice){first, prefer_best(&l->r, of.v, of.n),
                                                prefer_best(&l->r, control.v, control.n), of.n, control.n};
    free(of.v);
    free(control.v);
}

static void choose_rows(struct load *l) {
    for (int i = 0; i < l->npair; i++) {
        bool seen = false;
        for (int k = 0; k < i && !seen; k++) seen = same_row(l, &l->pair[k], &l->pair[i]);
        if (!seen) choose_row(l, i);
    }
}

/* The pool is the sweep's: the other configurations lend their spread. */
static int fit_judges(struct load *l, struct control_set *c, struct db *db, struct err *e) {
    int *tried = xcalloc((size_t)l->r.npoint + 1, sizeof *tried), rc;
    bool *chosen = xcalloc((size_t)l->r.npoint + 1, sizeof *chosen), test = judge_has_test(&l->r);
    bool *rows = xcalloc((size_t)l->r.npoint + 1, sizeof *rows);
    double *score = judge_scores(&l->r, test);
    struct strbuf notes = {0};
    c->metric = test ? xasprintf("test/%s", strchr(l->r.metric, '/') ? strchr(l->r.metric, '/') + 1 : "")
                     : xstrdup(l->r.metric);
    judge_choose(&l->r, tried, chosen);
    for (int i = 0; i < l->n; i++) {
        const struct control_choice *x = &l->choice[i];
        chosen[x->of] = chosen[x->control] = rows[x->of] = rows[x->control] = true;
        tried[x->of] = x->rates, tried[x->control] = x->control_rates;
    }
    struct judge_ask ask = {.sweep = &l->r,
                            .tried = tried,
                            .chosen = chosen,
                            .score = score,
                            .metric = c->metric,
                            .sign = l->r.maximize ? 1 : -1,
                            .rows = rows};
    rc = judges_fit(&l->judges, &ask, db, e);
    if (!rc) judges_notes(&l->judges, &l->r, &notes);
    c->notes = notes.len ? strbuf_detach(&notes) : NULL;
    strbuf_release(&notes);
    free(tried), free(chosen), free(rows), free(score);
    return rc;
}

static void add_row(const struct load *l, const struct control_choice *x, struct control_set *c) {
    const char *kind = l->pair[x->first].kind;
    GROW(c->row, c->n, c->cap);
    c->row[c->n++] = (struct control_row){xstrdup(kind), tell_apart(l, x->of), arm_of(l, x->of, x->rates),
                                          arm_of(l, x->control, x->control_rates), judge_row(l, x, kind)};
}

int controls_read(struct control_set *c, struct db *db, int64_t sweep, struct err *e) {
    struct load l = {0};
    memset(c, 0, sizeof *c);
    int rc = record_has_pairs(db, sweep, e);
    if (!rc) c->metric = xstrdup(""); /* of no row */
    if (rc <= 0) return rc;
    rc = record_sweep_read_id(&l.r, db, sweep, NULL, e);
    if (rc) return rc;
    rc = record_pairs_read(&l.pair, &l.npair, &l.r, db, e);
    c->maximize = l.r.maximize;
    if (!rc) choose_rows(&l);
    if (!rc && l.n) rc = fit_judges(&l, c, db, e);
    if (!rc && !c->metric) c->metric = xstrdup(l.r.metric);
    for (int i = 0; i < l.n && !rc; i++) add_row(&l, &l.choice[i], c);
    for (int i = 0; i < l.npair; i++) free(l.pair[i].kind);
    free(l.pair), free(l.choice);
    judges_release(&l.judges);
    record_sweep_release(&l.r);
    if (rc) controls_release(c);
    return rc;
}

static void arm_release(struct control_arm *a) {
    free(a->method);
    free(a->target_modules);
    free(a->shown);
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
    free(c->notes);
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
    table_num_or_null(t, a->mean);
    if (a->n)
        table_shown(t, "%s", a->shown);
    else
        table_shown(t, "%d/%d complete", a->complete, a->runs);
}

static void add_difference(struct table *t, const struct verdict_pair *d) {
    struct strbuf b = {0};
    table_num_or_null(t, d->diff);
    judge_difference_text(d->diff, d->lo, d->hi, &b);
    if (b.len) table_shown(t, "%s", b.s);
    strbuf_release(&b);
}

/* "better", "undecided", ...; "not run" where there is nothing to judge. */
static void add_verdict(struct table *t, const struct control_row *r) {
    bool run = r->of.n && r->control.n;
    const char *word = r->d.verdict == VERDICT_DIVERGED || run ? verdict_name(r->d.verdict) : "not run";
    table_text(t, word);
    if (run && r->d.verdict == VERDICT_NONE) table_shown(t, "no verdict (one seed)");
    if (r->d.twins) table_shown(t, "%s (by seed)", word);
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
    table_column(t, "verdict", "", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "pairs", "seeds", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "paired_by_seed", "", TABLE_PLAIN, TABLE_DATA);
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
    table_num_or_null(t, a->half);
    table_int(t, a->n);
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
        add_difference(t, &r->d);
        table_num_or_null(t, r->d.lo);
        table_num_or_null(t, r->d.hi);
        table_num_or_null(t, r->d.p);
        add_verdict(t, r);
        table_int(t, MIN_OF(r->of.n, r->control.n));
        table_int(t, r->d.twins);
    }
    return t;
}
