/* SPDX-License-Identifier: Apache-2.0 */
/* plot_forest.c - differences with their 95 % intervals, a line each: the methods against full fine-tuning
 * (without it, against the best of them), and below each method against its control arms.
 *
 * Methods stand at their best configuration and are compared as `bench compare` does; control arms as `bench
 * show` does. A difference that is not decided is grey. One seed has no interval: its point is hollow. */
#include "harness/plot/plot_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analysis/compare.h"
#include "harness/analysis/controls.h"
#include "harness/core/method.h"

#define ROWS_MAX 60

struct row {
    char *label, *told; /* owned */
    const char *color;
    double diff, lo, hi, y;
    int seeds;
};

struct forest {
    struct row row[ROWS_MAX];
    int n;
    char *head[2]; /* of the two parts; NULL: there is none */
    double head_y[2], y;
};

/* Grey: not decided. */
static void row_add(struct forest *f, char *label, const char *method, double diff, double lo, double hi,
                    int seeds, enum verdict verdict) {
    bool decided = verdict == VERDICT_BETTER || verdict == VERDICT_WORSE;
    if (f->n == ROWS_MAX || !isfinite(diff)) {
        free(label);
        return;
    }
    struct row *r = &f->row[f->n++];
    *r = (struct row){.label = label,
                      .color = decided ? plot_method_color(method) : "#999999",
                      .diff = diff,
                      .lo = lo,
                      .hi = hi,
                      .y = f->y++,
                      .seeds = seeds};
    r->told = isfinite(lo) ? xasprintf("%+.4f [%+.4f, %+.4f]", diff, lo, hi) : xasprintf("%+.4f", diff);
}

static void part_open(struct forest *f, int part, char *head) {
    if (f->n) f->y += 0.5;
    f->head[part] = head;
    f->head_y[part] = f->y++;
}

/* ---- methods ------------------------------------------------------------------------------------------- */

static bool in_setting(const struct compare *c, const struct compare_arm *a, const struct plot_set *s) {
    char *setting = xasprintf("%s, %s on %s", s->model ? s->model : "?", s->task ? s->task : "?",
                              s->data ? s->data : "?");
    bool same = !strcmp(c->point[a->any].setting, setting);
    free(setting);
    return same && a->rank > 0;
}

static bool is_full(const struct compare *c, const struct compare_arm *a) {
    const struct method *m = method_find(c->point[a->any].method);
    return m && m->flags & METHOD_FULL;
}

static void methods_add(struct forest *f, const struct compare *c, const struct plot_set *s) {
    int ref = -1;
    for (int i = 0; i < c->narm; i++) /* sorted: the first is the best */
        if (in_setting(c, &c->arm[i], s) && (ref < 0 || is_full(c, &c->arm[i]))) ref = i;
    for (int i = 0, open = 0; i < c->narm && ref >= 0; i++) {
        const struct compare_point *g = &c->point[c->arm[i].any];
        if (i == ref || !in_setting(c, &c->arm[i], s)) continue;
        if (!open++)
            part_open(f, 0,
                      xasprintf("less %s, each method at its best (%s)", c->point[c->arm[ref].any].method,
                                c->reported));
        for (int k = 0; k < c->npair; k++) {
            const struct compare_pair *p = &c->pair[k];
            int sign = p->a == ref && p->b == i ? 1 : p->b == ref && p->a == i ? -1 : 0;
            if (!sign) continue;
            row_add(f, xstrdup(c->point[c->arm[i].point].label), g->method, sign * p->v.diff,
                    sign > 0 ? p->v.lo : -p->v.hi, sign > 0 ? p->v.hi : -p->v.lo,
                    c->point[c->arm[i].point].nscore, p->v.verdict);
        }
    }
}

/* ---- control arms -------------------------------------------------------------------------------------- */

static char *control_label(const struct control_row *r) {
    struct strbuf b = {0};
    strbuf_adds(&b, r->of.method);
    if (r->of.r >= 0) strbuf_addf(&b, " r=%lld", (long long)r->of.r);
    strbuf_addf(&b, " - %s", r->control.method);
    if (r->control.r >= 0) strbuf_addf(&b, " r=%lld", (long long)r->control.r);
    strbuf_addf(&b, ": %s", r->kind);
    return strbuf_detach(&b);
}

static int controls_add(struct forest *f, const struct plot_set *s, struct err *e) {
    struct control_set c;
    int64_t sweep = db_sweep_find(s->db, s->sweep, e);
    if (sweep <= 0) return (int)sweep;
    int rc = controls_read(&c, s->db, sweep, e);
    if (rc) return rc;
    for (int i = 0, open = 0; i < c.n; i++) {
        const struct control_row *r = &c.row[i];
        if (isnan(r->d.diff)) continue;
        if (!open++) part_open(f, 1, xasprintf("less its control arm (%s)", c.metric));
        row_add(f, control_label(r), r->of.method, r->d.diff, r->d.lo, r->d.hi, MIN_OF(r->of.n, r->control.n),
                r->d.verdict);
    }
    controls_release(&c);
    return 0;
}

/* ---- what is written ----------------------------------------------------------------------------------- */

static void csv_write(struct plot_figure *f, const struct forest *p) {
    static const char *const num[] = {"y", "difference", "low", "high", "seeds", "known"};
    struct table *t = f->csv = table_new();
    for (size_t i = 0; i < ARRAY_LEN(num); i++) table_column(t, num[i], num[i], TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "label", "", TABLE_TEXT, TABLE_BOTH);
    for (int i = 0; i < p->n; i++) {
        const struct row *r = &p->row[i];
        bool known = isfinite(r->lo);
        table_num(t, r->y);
        table_num(t, r->diff);
        table_num(t, known ? r->lo : r->diff);
        table_num(t, known ? r->hi : r->diff);
        table_int(t, r->seeds);
        table_int(t, known);
        table_text(t, r->label);
    }
}

static void variables_write(struct plot_figure *f, const struct forest *p) {
    const char *label[ROWS_MAX], *told[ROWS_MAX], *color[ROWS_MAX], *head[2];
    double y[ROWS_MAX], head_y[2], most = 0, wide = 0;
    int n = 0;
    for (int i = 0; i < p->n; i++) {
        const struct row *r = &p->row[i];
        label[i] = r->label, told[i] = r->told, color[i] = r->color, y[i] = r->y;
        most = fmax(most, fabs(r->diff));
        wide = fmax(wide, (double)strlen(r->label));
    }
    double reach = most; /* intervals of two seeds reach far: what leaves the frame is cut */
    for (int i = 0; i < p->n; i++)
        if (isfinite(p->row[i].lo))
            reach = fmax(reach, fmin(fmax(fabs(p->row[i].lo), fabs(p->row[i].hi)), 2.5 * most));
    for (int k = 0; k < 2; k++)
        if (p->head[k]) head[n] = p->head[k], head_y[n++] = p->head_y[k];
    plot_texts(f, "row", label, p->n);
    plot_texts(f, "row_told", told, p->n);
    plot_texts(f, "row_color", color, p->n);
    plot_nums(f, "row_y", y, p->n);
    plot_texts(f, "head", head, n);
    plot_nums(f, "head_y", head_y, n);
    plot_num(f, "label_width", wide);
    plot_num(f, "y_last", p->y - 1);
    plot_num(f, "reach", reach > 0 ? 1.1 * reach : 1);
    plot_num(f, "tic_step", plot_tic_step(reach > 0 ? 2.2 * reach : 2, 7));
}

int plot_forest(struct plot_figure *f, const struct plot_set *s, struct err *e) {
    struct forest p = {0};
    struct compare c;
    int rc = compare_read(&c, s->db, &(struct compare_job){.sweep = s->sweep, .where = s->where}, e);
    if (!rc) {
        methods_add(&p, &c, s);
        compare_release(&c);
    } else if (rc == ERR_RESOURCE)
        rc = 0;
    if (!rc) rc = controls_add(&p, s, e);
    if (!rc && !p.n) {
        err_set(e, ERR_RESOURCE, "sweep '%.100s': no two methods have finished runs to compare", s->sweep);
        rc = PLOT_NOTHING;
    }
    bool hollow = false;
    for (int i = 0; i < p.n; i++) hollow |= isnan(p.row[i].lo);
    if (!rc) {
        char *count = plot_count_text(s, false),
             *what = xasprintf("differences with 95 %% intervals, %s is better, grey: undecided%s; %s",
                               s->maximize ? "right" : "left",
                               hollow ? "; hollow: one seed, no interval" : "", count);
        plot_head(f, s, what);
        variables_write(f, &p);
        csv_write(f, &p);
        free(count), free(what);
    }
    for (int i = 0; i < p.n; i++) free(p.row[i].label), free(p.row[i].told);
    free(p.head[0]), free(p.head[1]);
    return rc;
}
