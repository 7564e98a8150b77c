/* plot_time.c - time to quality: the metric at each evaluation against the seconds of training until then.
 *
 * A line per method: its best rank, modules and learning rate, mean over seeds. Training is timed as a whole,
 * so that an evaluation's place is its share of the steps; evaluations themselves take no time here. Where
 * some runs had the machine to themselves the others are left out: their clocks do not compare. */
#include "harness/plot/plot_xy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/stats.h"
#include "harness/analysis/prefer.h"

/* The best arm of each method. Caller frees. */
static int *lines_choose(const struct plot_set *s, int *n) {
    int *arm = xmalloc((size_t)(s->narm + 1) * sizeof *arm);
    *n = 0;
    for (int i = 0; i < s->narm; i++) {
        int best = s->arm[i].best, k = 0;
        if (best < 0 || s->point[best].untouched) continue;
        while (k < *n && strcmp(s->point[s->arm[arm[k]].best].method, s->point[best].method)) k++;
        if (k == *n)
            arm[(*n)++] = i;
        else if (prefer_value(s->maximize, s->point[best].mean, s->point[s->arm[arm[k]].best].mean))
            arm[k] = i;
    }
    return arm;
}

static void runs_list(const struct plot_set *s, const struct plot_point *p, struct strbuf *b) {
    for (int i = p->first; i < p->first + p->nruns; i++)
        if (s->run[i].state == PLOT_OK) strbuf_addf(b, "%s%lld", b->len ? "," : "", (long long)s->run[i].id);
}

/* Was this point's training timed without company? -1: it was not timed. */
static int timed_alone(const struct plot_set *s, const char *runs, struct err *e) {
    struct db_query *q;
    char *sql = xasprintf("SELECT max(concurrent), count(train_s) FROM run WHERE id IN (%s)", runs);
    int rc = db_query(s->db, &q, sql, e);
    free(sql);
    if (rc) return -1;
    rc = db_query_next(q, e) == 1 && db_query_int(q, 1) > 0 ? db_query_int(q, 0) == 0 : -1;
    db_query_close(q);
    return rc;
}

/* One row per evaluation step that all seeds reached. */
static int line_add(struct plot_xy *x, const struct plot_point *p, const char *runs, struct err *e) {
    struct db_query *q;
    char *sql = xasprintf(
        "SELECT m.step, avg(r.train_s * m.step / r.steps), m.value FROM metric m JOIN run r ON r.id = m.run"
        " WHERE m.run IN (%s) AND m.key = ?1 AND m.kind = 'finite' AND r.steps > 0"
        " GROUP BY m.step, m.run ORDER BY m.step",
        runs);
    double *v = xmalloc((size_t)(p->nruns + 1) * sizeof *v), time = 0, step = NAN;
    int n = 0, rc = db_query(x->s->db, &q, sql, e);
    free(sql);
    if (!rc) {
        db_query_bind_text(q, 1, x->s->metric);
        do {
            rc = db_query_next(q, e);
            if (n && (rc != 1 || db_query_num(q, 0) != step)) {
                struct stats_mean m = stats_mean(v, n);
                if (n == p->nok)
                    plot_xy_add(x, (struct plot_xy_row){.series = plot_xy_method(x, p->method, true),
                                                        .role = PLOT_XY_LINE,
                                                        .x = time / n,
                                                        .y = m.mean,
                                                        .ci = m.ci,
                                                        .seeds = n,
                                                        .point = p});
                n = 0, time = 0;
            }
            if (rc == 1 && n < p->nruns) {
                step = db_query_num(q, 0);
                time += db_query_num(q, 1);
                v[n++] = db_query_num(q, 2);
            }
        } while (rc == 1);
        db_query_close(q);
    }
    free(v);
    return rc;
}

int plot_time(struct plot_figure *f, const struct plot_set *s, struct err *e) {
    struct plot_xy x = {.s = s};
    int n, rc = 0, *arm = lines_choose(s, &n), *alone = xcalloc((size_t)n + 1, sizeof *alone);
    struct strbuf *runs = xcalloc((size_t)n + 1, sizeof *runs);
    bool any_alone = false;
    for (int i = 0; i < n; i++) {
        runs_list(s, &s->point[s->arm[arm[i]].best], &runs[i]);
        alone[i] = timed_alone(s, runs[i].s, e);
        any_alone |= alone[i] == 1;
    }
    plot_xy_panel(&x, "",
                  any_alone ? "training time, s" : "training time, s (other runs were under way beside)",
                  false, TABLE_PLAIN);
    for (int i = 0; i < n && !rc; i++)
        if (alone[i] == 1 || (!any_alone && alone[i] == 0))
            rc = line_add(&x, &s->point[s->arm[arm[i]].best], runs[i].s, e);
    if (!rc) rc = plot_xy_finish(f, &x, "no run has evaluations and a training time yet (bench status)", e);
    if (!rc) {
        char *count = plot_count_text(s, true),
             *what = xasprintf("each method at its best configuration; %s", count);
        plot_head(f, s, what);
        free(count), free(what);
    }
    for (int i = 0; i < n; i++) strbuf_release(&runs[i]);
    free(runs), free(arm), free(alone);
    plot_xy_release(&x);
    return rc;
}
