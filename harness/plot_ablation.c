/* plot_ablation.c - what one choice changes: the metric against each number that the sweep varies (rank,
 * alpha, batch, a method's own), and against the choice of modules; a panel per choice, a line per method.
 *
 * A point is the best mean over everything else the sweep varied at that value, the learning rate above all:
 * it says what can be had there, not what changes when all else stands still. Numbers that always change
 * together (alpha as twice the rank) give one panel. The learning rate has its own plot. */
#include "harness/plot_xy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PANELS_MAX 6

struct axis {
    char *key;
    double *value; /* by point; NaN: none */
};

struct ablation {
    const struct plot_set *s;
    struct axis axis[PANELS_MAX];
    int naxis;
};

/* ---- which numbers vary -------------------------------------------------------------------------------- */

static bool counts(const struct plot_point *p) { return !p->untouched && p->nok > 0; }

static int axis_read(const struct plot_set *s, const char *key, double *value, struct err *e) {
    struct db_query *q;
    for (int i = 0; i < s->npoint; i++) value[i] = NAN;
    for (int i = 0; i < s->npoint; i++) {
        if (!counts(&s->point[i])) continue;
        int rc = db_query(s->db, &q, "SELECT num FROM param WHERE point = ?1 AND key = ?2", e);
        if (rc) return rc;
        db_query_bind_int(q, 1, s->point[i].id);
        db_query_bind_text(q, 2, key);
        if ((rc = db_query_next(q, e)) == 1) value[i] = db_query_num(q, 0);
        db_query_close(q);
        if (rc < 0) return rc;
    }
    return 0;
}

/* Does this number take two values within some method? */
static bool varies(const struct plot_set *s, const double *v) {
    for (int i = 0; i < s->npoint; i++)
        for (int k = 0; k < i && isfinite(v[i]); k++)
            if (isfinite(v[k]) && v[k] != v[i] && !strcmp(s->point[i].method, s->point[k].method))
                return true;
    return false;
}

/* Do two numbers tell the same points apart? */
static bool axis_same(const struct plot_set *s, const double *a, const double *b) {
    for (int i = 0; i < s->npoint; i++)
        for (int k = 0; k < i; k++) {
            if (!counts(&s->point[i]) || !counts(&s->point[k]) ||
                strcmp(s->point[i].method, s->point[k].method))
                continue;
            if ((a[i] != a[k]) != (b[i] != b[k])) return false;
        }
    return true;
}

static int axes_read(struct ablation *a, struct err *e) {
    struct strbuf sql = {0};
    struct db_query *q;
    strbuf_adds(&sql,
                "SELECT key FROM param WHERE num IS NOT NULL AND key NOT IN ('train.lr') AND point IN (0");
    for (int i = 0; i < a->s->npoint; i++)
        if (counts(&a->s->point[i])) strbuf_addf(&sql, ",%lld", (long long)a->s->point[i].id);
    strbuf_adds(&sql, ") GROUP BY key HAVING count(DISTINCT num) > 1 ORDER BY key <> 'r', key");
    int rc = db_query(a->s->db, &q, sql.s, e);
    strbuf_release(&sql);
    if (rc) return rc;
    while ((rc = db_query_next(q, e)) == 1 && a->naxis < PANELS_MAX - 1) {
        struct axis *x = &a->axis[a->naxis];
        x->value = xmalloc((size_t)(a->s->npoint + 1) * sizeof *x->value);
        if ((rc = axis_read(a->s, db_query_text(q, 0), x->value, e))) break;
        bool keep = varies(a->s, x->value);
        for (int k = 0; k < a->naxis && keep; k++) keep = !axis_same(a->s, x->value, a->axis[k].value);
        if (keep)
            a->axis[a->naxis++].key = xstrdup(db_query_text(q, 0));
        else
            free(x->value);
        if (!keep) x->value = NULL;
    }
    db_query_close(q);
    return rc < 0 ? rc : 0;
}

/* ---- panels -------------------------------------------------------------------------------------------- */

static bool preferred(const struct plot_set *s, const struct plot_point *a, const struct plot_point *b) {
    if ((a->ndiverged > 0) != (b->ndiverged > 0)) return b->ndiverged > 0;
    return plot_better(s, a->mean, b->mean);
}

/* The best point of a method at the least value above `after`; -1: none is left. */
static int next_point(const struct plot_set *s, const double *v, const char *method, double after) {
    int best = -1;
    for (int i = 0; i < s->npoint; i++) {
        const struct plot_point *p = &s->point[i];
        if (!counts(p) || strcmp(p->method, method) || !(v[i] > after)) continue;
        if (best < 0 || v[i] < v[best] || (v[i] == v[best] && preferred(s, p, &s->point[best]))) best = i;
    }
    return best;
}

static void lines_add(struct plot_xy *x, int panel, const double *v) {
    const struct plot_set *s = x->s;
    for (int c = 0; c < s->ncell; c++) {
        const char *method = s->point[s->cell[c].first].method;
        bool seen = s->point[s->cell[c].first].untouched;
        for (int k = 0; k < c && !seen; k++) seen = !strcmp(s->point[s->cell[k].first].method, method);
        int first = seen ? -1 : next_point(s, v, method, -INFINITY);
        if (first < 0 || next_point(s, v, method, v[first]) < 0) continue; /* two values make a line */
        int series = plot_xy_method(x, method, true);
        for (int i = first; i >= 0; i = next_point(s, v, method, v[i]))
            plot_xy_add(x, (struct plot_xy_row){.panel = panel,
                                                .series = series,
                                                .role = PLOT_XY_LINE,
                                                .x = v[i],
                                                .y = s->point[i].mean,
                                                .ci = s->point[i].ci,
                                                .seeds = s->point[i].nok,
                                                .point = &s->point[i]});
    }
}

static void number_panel(struct plot_xy *x, const struct ablation *a, const struct axis *ax) {
    double lo = INFINITY, hi = -INFINITY;
    for (int i = 0; i < a->s->npoint; i++)
        if (isfinite(ax->value[i])) lo = fmin(lo, ax->value[i]), hi = fmax(hi, ax->value[i]);
    const char *dot = strrchr(ax->key, '.');
    lines_add(x, plot_xy_panel(x, "", dot ? dot + 1 : ax->key, lo > 0 && hi / lo >= 8, TABLE_PLAIN),
              ax->value);
}

static void modules_panel(struct plot_xy *x) {
    const struct plot_set *s = x->s;
    double *v = xmalloc((size_t)(s->npoint + 1) * sizeof *v);
    const char **label = xmalloc((size_t)s->ntarget * sizeof *label);
    for (int i = 0; i < s->ntarget; i++) label[i] = s->target[i].label;
    for (int i = 0; i < s->npoint; i++) v[i] = s->point[i].target < 0 ? NAN : s->point[i].target;
    int panel = plot_xy_panel(x, "", "adapted modules", false, TABLE_TEXT);
    x->panel[panel].category = label, x->panel[panel].ncategory = s->ntarget;
    lines_add(x, panel, v);
    free(v);
}

int plot_ablation(struct plot_figure *f, const struct plot_set *s, struct err *e) {
    struct ablation a = {.s = s};
    struct plot_xy x = {.s = s};
    int rc = axes_read(&a, e);
    for (int i = 0; i < a.naxis && !rc; i++) number_panel(&x, &a, &a.axis[i]);
    if (!rc && s->ntarget > 1) modules_panel(&x);
    if (!rc)
        rc = plot_xy_finish(
            f, &x, "no method ran with two values of anything but the learning rate (bench plot lr)", e);
    if (!rc) {
        char *count = plot_count_text(s),
             *what = xasprintf("%s (%s is better), best over everything else varied; %s", s->metric,
                               s->maximize ? "higher" : "lower", count);
        plot_head(f, s, what);
        free(count), free(what);
    }
    for (int i = 0; i < PANELS_MAX; i++) free(a.axis[i].key), free(a.axis[i].value);
    plot_xy_release(&x);
    return rc;
}
