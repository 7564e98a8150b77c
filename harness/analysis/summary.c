/* summary.c - cells of a sweep → groups → arms (learning rates) → one table row per group. See summary.h.
 *
 * Further axes: a configuration key is one when two points of the sweep agree in method, rank, modules and
 * learning rate and differ in that key. Keys that always change together (paired axes, a model's name and
 * path) give one column. */
#include "harness/analysis/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/core/method.h"
#include "harness/base/stats.h"

#define EXTRA_MAX 8 /* further axes that are told apart */

struct cell {
    int64_t point, run;
    char *method, *targets;
    int64_t r; /* -1: none */
    double lr, metric, train_s, trainable_fraction, adapted_fraction;
    bool untouched, concurrent, control; /* control: there only as the control arm of others */
    enum summary_state state;
    int64_t trainable, peak, checkpoint; /* -1: not known */
    char *extra[EXTRA_MAX];
    int order;
};

struct load {
    struct db *db;
    struct summary *s;
    struct cell *cell;
    size_t n, cap;
    char *axis[EXTRA_MAX]; /* keys of the further axes */
    int naxis;
};

static const char *const state_names[SUMMARY_NSTATE] = {"complete", "diverged",   "pruned",      "failed",
                                                        "oom",      "timeout",    "interrupted", "running",
                                                        "waiting",  "not started"};

const char *summary_state_name(enum summary_state s) { return state_names[s]; }

static enum summary_state state_of(const char *state) {
    if (!state) return SUMMARY_NOT_STARTED;
    if (!strcmp(state, "nan")) return SUMMARY_DIVERGED;
    for (int i = 0; i < SUMMARY_NSTATE; i++)
        if (!strcmp(state, state_names[i])) return (enum summary_state)i;
    return SUMMARY_FAILED;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static char *text_copy(const struct db_query *q, int col) {
    const char *s = db_query_text(q, col);
    return s ? xstrdup(s) : NULL;
}

static int64_t int_or(const struct db_query *q, int col, int64_t none) {
    return db_query_type(q, col) == DB_NULL ? none : db_query_int(q, col);
}

static int read_head(struct summary *s, struct db *db, int64_t *sweep, struct err *e) {
    struct db_query *q;
    int rc = db_query(
        db, &q,
        "SELECT id, name, path, metric, goal, begun FROM sweep"
        " WHERE id = (SELECT max(id) FROM sweep WHERE name = (SELECT name FROM sweep WHERE id = ?1))",
        e);
    if (rc) return rc;
    db_query_bind_int(q, 1, *sweep);
    if ((rc = db_query_next(q, e)) == 1) {
        *sweep = db_query_int(q, 0);
        s->name = text_copy(q, 1);
        s->path = text_copy(q, 2);
        s->metric = text_copy(q, 3);
        s->goal = text_copy(q, 4);
        s->begun = text_copy(q, 5);
    } else if (rc == 0)
        rc = err_set(e, ERR_USER, "%s: no sweep %lld", db_path(db), (long long)*sweep);
    db_query_close(q);
    return rc < 0 ? rc : 0;
}

static int read_cells(struct load *l, int64_t sweep, struct err *e) {
    struct db_query *q;
    char *sql = xasprintf(
        "SELECT c.point_id, c.run_id, c.metric, p.method, p.untouched, p.r, p.target_modules, p.lr, u.state,"
        " u.trainable, u.peak_bytes, u.checkpoint_bytes, u.train_s, u.concurrent, u.trainable_fraction,"
        " u.adapted_fraction, %s FROM sweep_runs c JOIN point p ON p.id = c.point_id"
        " LEFT JOIN runs u ON u.run_id = c.run_id WHERE c.sweep_id = ?1 ORDER BY c.ord",
        db_has_controls(l->db) ? "c.control" : "0");
    int rc = db_query(l->db, &q, sql, e);
    free(sql);
    if (rc) return rc;
    db_query_bind_int(q, 1, sweep);
    while ((rc = db_query_next(q, e)) == 1) {
        GROW(l->cell, l->n, l->cap);
        struct cell *c = &l->cell[l->n];
        *c = (struct cell){.point = db_query_int(q, 0),
                           .run = db_query_int(q, 1),
                           .metric = db_query_num(q, 2),
                           .method = text_copy(q, 3),
                           .untouched = db_query_int(q, 4) != 0,
                           .r = int_or(q, 5, -1),
                           .targets = text_copy(q, 6),
                           .lr = db_query_num(q, 7),
                           .state = state_of(db_query_text(q, 8)),
                           .trainable = int_or(q, 9, -1),
                           .peak = int_or(q, 10, -1),
                           .checkpoint = int_or(q, 11, -1),
                           .train_s = db_query_num(q, 12),
                           .concurrent = db_query_int(q, 13) > 0,
                           .trainable_fraction = db_query_num(q, 14),
                           .adapted_fraction = db_query_num(q, 15),
                           .control = db_query_int(q, 16) != 0,
                           .order = (int)l->n};
        l->s->count[c->state]++;
        l->n++;
    }
    db_query_close(q);
    l->s->cells = (int)l->n;
    return rc;
}

/* The value of `key` at each cell's point, into extra[a]. */
static int read_axis(struct load *l, int a, const char *key, struct err *e) {
    struct db_query *q;
    for (size_t i = 0; i < l->n; i++) {
        if (i && l->cell[i].point == l->cell[i - 1].point) {
            l->cell[i].extra[a] = xstrdup(l->cell[i - 1].extra[a]);
            continue;
        }
        int rc = db_query(
            l->db, &q, "SELECT coalesce(txt, printf('%.10g', num)) FROM param WHERE point = ?1 AND key = ?2",
            e);
        if (rc) return rc;
        db_query_bind_int(q, 1, l->cell[i].point);
        db_query_bind_text(q, 2, key);
        rc = db_query_next(q, e);
        const char *v = rc == 1 ? db_query_text(q, 0) : NULL;
        l->cell[i].extra[a] = xstrdup(v ? v : "-");
        db_query_close(q);
        if (rc < 0) return rc;
    }
    return 0;
}

/* Do axes a and b split the cells alike? */
static bool axis_same(const struct load *l, int a, int b) {
    for (size_t i = 0; i < l->n; i++)
        for (size_t j = 0; j < i; j++)
            if (!strcmp(l->cell[i].extra[a], l->cell[j].extra[a]) !=
                !strcmp(l->cell[i].extra[b], l->cell[j].extra[b]))
                return false;
    return true;
}

static void axis_drop(struct load *l, int a) {
    for (size_t i = 0; i < l->n; i++) {
        free(l->cell[i].extra[a]);
        l->cell[i].extra[a] = NULL;
    }
}

static int read_axes(struct load *l, int64_t sweep, struct err *e) {
    struct db_query *q;
    /* names before paths before digests: of keys that change together the first is kept */
    int rc =
        db_query(l->db, &q,
                 "WITH pt AS (SELECT DISTINCT p.* FROM sweep_point c JOIN point p ON p.id = c.point"
                 " WHERE c.sweep = ?1 AND NOT p.untouched)"
                 " SELECT key FROM (SELECT v.key, max(v.txt) AS txt FROM pt JOIN param v ON v.point = pt.id"
                 " GROUP BY v.key, method, r, target_modules, lr"
                 " HAVING count(DISTINCT coalesce(v.txt, v.num, '')) > 1)"
                 " GROUP BY key ORDER BY key LIKE '%\\_digest' ESCAPE '\\', max(txt) LIKE '/%', key",
                 e);
    if (rc) return rc;
    db_query_bind_int(q, 1, sweep);
    while ((rc = db_query_next(q, e)) == 1 && l->naxis < EXTRA_MAX) {
        int a = l->naxis;
        if ((rc = read_axis(l, a, db_query_text(q, 0), e))) break;
        bool same = false;
        for (int b = 0; b < a && !same; b++) same = axis_same(l, a, b);
        if (same)
            axis_drop(l, a);
        else
            l->axis[l->naxis++] = xstrdup(db_query_text(q, 0));
    }
    db_query_close(q);
    return rc < 0 ? rc : 0;
}

static int read_budget(struct load *l, int64_t sweep, struct err *e) {
    struct db_query *q;
    int rc = db_query(l->db, &q,
                      "SELECT v.key, min(v.num), max(v.num) FROM sweep_point c JOIN point p ON p.id = c.point"
                      " JOIN param v ON v.point = p.id WHERE c.sweep = ?1 AND NOT p.untouched"
                      " AND v.key IN ('train.steps', 'train.batch_size') GROUP BY v.key",
                      e);
    if (rc) return rc;
    db_query_bind_int(q, 1, sweep);
    while ((rc = db_query_next(q, e)) == 1) {
        long v = db_query_num(q, 1) == db_query_num(q, 2) ? (long)db_query_int(q, 1) : 0;
        *(strcmp(db_query_text(q, 0), "train.steps") ? &l->s->batch_size : &l->s->steps) = v;
    }
    db_query_close(q);
    return rc;
}

/* ---- grouping ------------------------------------------------------------------------------------------ */

static int text_compare(const char *a, const char *b) { return strcmp(a ? a : "", b ? b : ""); }

static bool group_same(const struct cell *a, const struct cell *b, int naxis) {
    bool same = !strcmp(a->method, b->method) && a->r == b->r && !text_compare(a->targets, b->targets) &&
                a->control == b->control;
    for (int i = 0; i < naxis && same; i++) same = !strcmp(a->extra[i], b->extra[i]);
    return same;
}

/* Groups in the table's order; `first` of each group stands for it. */
static int first_compare(const void *va, const void *vb) {
    const struct cell *a = *(const struct cell *const *)va, *b = *(const struct cell *const *)vb;
    if (a->untouched != b->untouched) return a->untouched ? -1 : 1;
    int ma = method_order(a->method), mb = method_order(b->method);
    if (ma != mb) return ma - mb;
    int c = strcmp(a->method, b->method);
    if (c) return c;
    if (a->r != b->r) return a->r < b->r ? -1 : 1;
    if (a->control != b->control) return a->control ? 1 : -1;
    return a->order - b->order;
}

struct arm { /* one learning rate of a group */
    double lr, mean, sd, ci;
    int n; /* runs in the mean */
    bool diverged;
    const struct cell *first; /* a complete run, or NULL */
};

static bool lr_same(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

static struct arm arm_read(struct cell *const *c, size_t n, double lr) {
    struct arm a = {.lr = lr};
    double *v = xmalloc((n + 1) * sizeof *v);
    for (size_t i = 0; i < n; i++) {
        if (!lr_same(c[i]->lr, lr)) continue;
        a.diverged |= c[i]->state == SUMMARY_DIVERGED;
        if (c[i]->state != SUMMARY_COMPLETE) continue;
        if (!a.first) a.first = c[i];
        if (isfinite(c[i]->metric)) v[a.n++] = c[i]->metric;
    }
    struct stats_mean m = stats_mean(v, a.n);
    free(v);
    a.mean = m.mean, a.sd = m.sd, a.ci = m.ci;
    return a;
}

static bool arm_better(const struct arm *a, const struct arm *b, bool maximize) {
    if ((a->n > 0) != (b->n > 0)) return a->n > 0;
    if (a->diverged != b->diverged) return b->diverged;
    return maximize ? a->mean > b->mean : a->mean < b->mean;
}

/* The best arm of a group of n cells, and how many there are. */
static struct arm arm_best(struct cell *const *c, size_t n, bool maximize, int *narm) {
    struct arm best = {0};
    *narm = 0;
    for (size_t i = 0; i < n; i++) {
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++) seen = lr_same(c[j]->lr, c[i]->lr);
        if (seen) continue;
        struct arm a = arm_read(c, n, c[i]->lr);
        if ((*narm)++ == 0 || arm_better(&a, &best, maximize)) best = a;
    }
    return best;
}

/* ---- the table ----------------------------------------------------------------------------------------- */

/* Has some configuration finished with two seeds, so that there is a spread to tell? */
static bool several_seeds(const struct load *l) {
    for (size_t i = 1; i < l->n; i++)
        for (size_t k = 0; k < i && l->cell[i].state == SUMMARY_COMPLETE; k++)
            if (l->cell[k].state == SUMMARY_COMPLETE && l->cell[k].point == l->cell[i].point) return true;
    return false;
}

static void columns_add(struct load *l) {
    struct table *t = l->s->table;
    table_column(t, "method", "method", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "r", "r", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "target_modules", "modules", TABLE_TEXT, TABLE_BOTH);
    for (int a = 0; a < l->naxis; a++) {
        const char *dot = strrchr(l->axis[a], '.');
        table_column(t, l->axis[a], dot ? dot + 1 : l->axis[a], TABLE_TEXT, TABLE_BOTH);
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
    for (int i = 0; i < SUMMARY_NSTATE; i++) {
        char *key = xstrdup(state_names[i]);
        if (strchr(key, ' ')) *strchr(key, ' ') = '_';
        table_column(t, key, "", TABLE_PLAIN, TABLE_DATA);
        free(key);
    }
    table_column(t, "control", "", TABLE_PLAIN, TABLE_DATA);
}

/* "3/3": complete of all; how many came to which end follows for data. */
static void states_add(struct table *t, struct cell *const *c, size_t n) {
    int count[SUMMARY_NSTATE] = {0};
    for (size_t i = 0; i < n; i++) count[c[i]->state]++;
    table_int(t, (int64_t)n);
    table_shown(t, "%d/%zu", count[SUMMARY_COMPLETE], n);
    for (int i = 0; i < SUMMARY_NSTATE; i++) table_int(t, count[i]);
    table_int(t, c[0]->control);
}

/* c[0..n): the group's cells; where no run gave a number, what became of them is told in its place. */
static void metric_add(struct table *t, const struct arm *a, struct cell *const *c, size_t n) {
    if (a->n > 0)
        table_num(t, a->mean);
    else {
        enum summary_state first = SUMMARY_NOT_STARTED;
        for (size_t i = 0; i < n; i++) first = MIN_OF(first, c[i]->state);
        table_null(t);
        if (first != SUMMARY_COMPLETE) table_shown(t, "%s", state_names[first]);
    }
    if (a->n > 1) {
        char mean[TABLE_FORMAT_MAX], ci[TABLE_FORMAT_MAX];
        table_format_num(mean, TABLE_LOSS, a->mean);
        table_format_num(ci, TABLE_LOSS, a->ci);
        table_shown(t, "%s \xc2\xb1 %s", mean, ci);
    }
    table_num_or_null(t, a->sd);
    table_num_or_null(t, a->ci);
    table_int(t, a->n);
}

/* Sizes and time of the arm: sizes are equal for all seeds but for the peak, of which the largest is told;
 * time is the mean. */
static void costs_add(struct load *l, const struct arm *a, struct cell *const *c, size_t n) {
    struct table *t = l->s->table;
    const struct cell *f = a->first;
    int64_t peak = -1;
    double train = 0;
    int timed = 0;
    bool concurrent = false;
    for (size_t i = 0; i < n; i++) {
        if (c[i]->state != SUMMARY_COMPLETE || !lr_same(c[i]->lr, a->lr)) continue;
        peak = MAX_OF(peak, c[i]->peak);
        concurrent |= c[i]->concurrent;
        if (!isnan(c[i]->train_s)) train += c[i]->train_s, timed++;
    }
    table_int_or_null(t, f ? f->trainable : -1);
    table_num_or_null(t, f ? f->trainable_fraction : NAN);
    table_num_or_null(t, f ? f->adapted_fraction : NAN);
    table_int_or_null(t, peak);
    table_int_or_null(t, f && !f->untouched ? f->checkpoint : -1);
    if (timed && !f->untouched) {
        char text[TABLE_FORMAT_MAX];
        table_num(t, train / timed);
        table_format_num(text, TABLE_SECONDS, train / timed);
        table_shown(t, "%s%s", text, concurrent ? "*" : "");
        l->s->concurrent |= concurrent;
    } else
        table_null(t);
    table_int(t, concurrent);
    table_int_or_null(t, f ? f->run : -1);
}

/* Is this the untouched base, and the axis nothing that tells several of them apart? */
static bool base_alike(const struct load *l, const struct cell *c, int a) {
    if (!c->untouched) return false;
    for (size_t i = 0; i < l->n; i++)
        if (l->cell[i].untouched && strcmp(l->cell[i].extra[a], c->extra[a])) return false;
    return true;
}

static void row_add(struct load *l, struct cell *const *c, size_t n) {
    struct table *t = l->s->table;
    int narm;
    struct arm best = arm_best(c, n, !strcmp(l->s->goal, "maximize"), &narm);
    table_text(t, c[0]->method);
    if (c[0]->control) table_shown(t, "%s (control)", c[0]->method);
    table_int_or_null(t, c[0]->r);
    table_text(t, c[0]->targets);
    for (int a = 0; a < l->naxis; a++) {
        const char *v = c[0]->extra[a], *slash = *v == '/' ? strrchr(v, '/') : NULL;
        table_text(t, v);
        /* a default that means nothing to it */
        if (base_alike(l, c[0], a))
            table_shown(t, "-");
        else if (slash)
            table_shown(t, "%s", slash + 1);
    }
    table_num_or_null(t, best.lr);
    if (narm > 1) {
        char text[TABLE_FORMAT_MAX];
        table_format_num(text, TABLE_RATE, best.lr);
        table_shown(t, "%s (%d)", text, narm);
    }
    if (isnan(best.lr))
        table_null(t);
    else
        table_int(t, narm);
    metric_add(t, &best, c, n);
    costs_add(l, &best, c, n);
    states_add(t, c, n);
}

static void table_fill(struct load *l) {
    struct cell **first = xmalloc((l->n + 1) * sizeof *first),
                **member = xmalloc((l->n + 1) * sizeof *member);
    size_t ngroup = 0;
    l->s->table = table_new();
    columns_add(l);
    for (size_t i = 0; i < l->n; i++) {
        size_t g = 0;
        while (g < ngroup && !group_same(first[g], &l->cell[i], l->naxis)) g++;
        if (g == ngroup) first[ngroup++] = &l->cell[i];
    }
    qsort(first, ngroup, sizeof *first, first_compare);
    for (size_t g = 0; g < ngroup; g++) {
        size_t n = 0;
        for (size_t i = 0; i < l->n; i++)
            if (group_same(first[g], &l->cell[i], l->naxis)) member[n++] = &l->cell[i];
        row_add(l, member, n);
    }
    free(first);
    free(member);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static void load_release(struct load *l) {
    for (size_t i = 0; i < l->n; i++) {
        free(l->cell[i].method);
        free(l->cell[i].targets);
        for (int a = 0; a < EXTRA_MAX; a++) free(l->cell[i].extra[a]);
    }
    for (int a = 0; a < l->naxis; a++) free(l->axis[a]);
    free(l->cell);
}

int summary_read(struct summary *s, struct db *db, int64_t sweep, struct err *e) {
    *s = (struct summary){0};
    struct load l = {.db = db, .s = s};
    int rc = read_head(s, db, &sweep, e);
    if (!rc) rc = read_cells(&l, sweep, e);
    if (!rc) rc = read_axes(&l, sweep, e);
    if (!rc) rc = read_budget(&l, sweep, e);
    if (!rc) {
        s->several_seeds = several_seeds(&l);
        table_fill(&l);
    }
    load_release(&l);
    if (rc) summary_release(s);
    return rc;
}

void summary_release(struct summary *s) {
    free(s->name);
    free(s->path);
    free(s->metric);
    free(s->goal);
    free(s->begun);
    table_free(s->table);
    *s = (struct summary){0};
}
