/* compare_read.c - the cells of a sweep as compare.h sees them: points with their runs, costs and
 * names. */
#include "harness/analysis/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/record/sweep_head.h"
#include "harness/core/task.h"

static char *text_copy(const struct db_query *q, int col) {
    const char *s = db_query_text(q, col);
    return xstrdup(s ? s : "");
}

/* ---- which sweep, which metric ------------------------------------------------------------------------- */

static int read_head(struct compare *c, struct db *db, const char *name, int64_t *sweep, struct err *e) {
    struct sweep_head h;
    int rc = sweep_head_read(&h, db, name, e);
    if (rc) return rc;
    *sweep = h.id;
    c->sweep = h.name;
    c->metric = h.metric;
    c->goal = h.goal;
    return 0;
}

/* Another metric than the sweep's: it must be recorded, and a task must know which way it is better. */
static int metric_choose(struct compare *c, struct db *db, const char *metric, int64_t sweep, struct err *e) {
    struct db_query *q;
    struct strbuf list = {0};
    bool found = false;
    if (!metric || !strcmp(metric, c->metric)) return 0;
    int rc = db_query(db, &q,
                      "SELECT DISTINCT m.key FROM sweep_runs c JOIN metric m ON m.run = c.run_id"
                      " WHERE c.sweep_id = ?1 AND m.key LIKE 'eval/%' ORDER BY 1",
                      e);
    if (rc) return rc;
    db_query_bind_int(q, 1, sweep);
    while ((rc = db_query_next(q, e)) == 1) {
        found |= !strcmp(db_query_text(q, 0), metric);
        strbuf_addf(&list, "%s%s", list.len ? ", " : "", db_query_text(q, 0));
    }
    db_query_close(q);
    const char *goal = NULL;
    for (int i = 0; found && task_list[i] && !goal; i++) goal = task_list[i]->metric_goal(metric + 5);
    if (rc >= 0 && !found)
        rc = err_set(e, ERR_USER, "--metric %.60s: this sweep's evaluations told %s", metric,
                     list.len ? list.s : "nothing yet");
    else if (rc >= 0 && !goal)
        rc = err_set(e, ERR_USER, "--metric %.60s: no task knows whether more or less of it is better",
                     metric);
    strbuf_release(&list);
    if (rc) return rc;
    free(c->metric), free(c->goal);
    c->metric = xstrdup(metric), c->goal = xstrdup(goal);
    return 0;
}

/* ---- the keys of arms ---------------------------------------------------------------------------------- */

static void key_add(struct compare *c, const char *key, size_t n) {
    c->key = xrealloc(c->key, (size_t)(c->nkey + 1) * sizeof *c->key);
    c->key[c->nkey++] = xstrndup(key, n);
}

static int keys_read(struct compare *c, const char *by, struct err *e) {
    for (const char *p = by ? by : "method"; *p;) {
        size_t n = strcspn(p, ",");
        if (!n || c->nkey == 8)
            return err_set(e, ERR_USER, "--by '%.60s': one to eight keys, separated by commas", by);
        key_add(c, p, n);
        p += n;
        if (*p == ',' && *++p == 0)
            return err_set(e, ERR_USER, "--by '%.60s': a key is missing at the end", by);
    }
    return c->nkey ? 0 : err_set(e, ERR_USER, "--by: which keys?");
}

/* A point's column by the name it has in the view `runs`, else NULL. */
static const char *column_of(const char *key) {
    static const struct {
        const char *key, *sql;
    } known[] = {{"method", "p.method"},
                 {"r", "p.r"},
                 {"target_modules", "p.target_modules"},
                 {"lr", "p.lr"},
                 {"model", "m.name"},
                 {"data", "d.name"},
                 {"task", "p.task"},
                 {"weights", "p.weights"},
                 {"batch_size", "p.batch_size"},
                 {"lora_alpha", "p.lora_alpha"},
                 {"max_length", "p.max_length"}};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (!strcmp(known[i].key, key)) return known[i].sql;
    return NULL;
}

static int key_check(struct db *db, const char *key, int64_t sweep, struct err *e) {
    struct db_query *q;
    if (column_of(key)) return 0;
    int rc = db_query(db, &q,
                      "SELECT 1 FROM sweep_point c JOIN param v ON v.point = c.point"
                      " WHERE c.sweep = ?1 AND v.key = ?2 LIMIT 1",
                      e);
    if (rc) return rc;
    db_query_bind_int(q, 1, sweep);
    db_query_bind_text(q, 2, key);
    rc = db_query_next(q, e);
    db_query_close(q);
    if (rc == 0)
        return err_set(
            e, ERR_USER,
            "--by %.60s: no such key in this sweep's configurations (method, r, target_modules, lr, "
            "model, data, or as in the sweep file: train.batch_size, ...)",
            key);
    return rc < 0 ? rc : 0;
}

/* ---- cells --------------------------------------------------------------------------------------------- */

enum {
    Q_POINT,
    Q_SEED,
    Q_RUN,
    Q_STATE,
    Q_METHOD,
    Q_UNTOUCHED,
    Q_R,
    Q_TARGETS,
    Q_LR,
    Q_MODEL,
    Q_TASK,
    Q_DATA,
    Q_EVAL,
    Q_TEST,
    Q_BYTES,
    Q_PEAK,
    Q_TRAIN,
    Q_CONCURRENT,
    Q_KEY
};

static char *cells_sql(const struct compare *c, struct db *db, const char *where) {
    struct strbuf b = {0};
    strbuf_adds(
        &b,
        "SELECT c.point_id, c.seed, c.run_id, r.state, p.method, p.untouched, p.r, p.target_modules, p.lr,"
        " m.name, p.task, d.name,"
        " (SELECT value FROM metric WHERE run = c.run_id AND key = ?2 ORDER BY step DESC LIMIT 1),"
        " (SELECT value FROM metric WHERE run = c.run_id AND key = ?3 ORDER BY step DESC LIMIT 1),"
        " r.checkpoint_bytes, r.peak_bytes, r.train_s, r.concurrent");
    for (int i = 0; i < c->nkey; i++) {
        const char *column = column_of(c->key[i]);
        if (column)
            strbuf_addf(&b, ", %s", column);
        else
            strbuf_addf(
                &b,
                ", (SELECT coalesce(txt, printf('%%.10g', num)) FROM param WHERE point = p.id AND key = ?%d)",
                i + 4);
    }
    strbuf_adds(&b, " FROM sweep_runs c JOIN point p ON p.id = c.point_id LEFT JOIN model m ON m.id = p.model"
                    " LEFT JOIN dataset d ON d.id = p.dataset LEFT JOIN run r ON r.id = c.run_id"
                    " WHERE c.sweep_id = ?1");
    if (db_has_controls(db)) strbuf_adds(&b, " AND NOT c.control");
    if (where) strbuf_addf(&b, " AND c.run_id IN (SELECT run_id FROM runs WHERE (%s\n))", where);
    strbuf_adds(&b, " ORDER BY m.name, p.task, d.name, c.point_id, c.seed");
    return strbuf_detach(&b);
}

/* "lora r=8 all-linear lr=5e-4": what tells configurations of a sweep apart, for people. */
static char *label_make(const struct compare_point *g) {
    struct strbuf b = {0};
    char lr[TABLE_FORMAT_MAX];
    strbuf_adds(&b, g->method);
    if (g->r >= 0) strbuf_addf(&b, " r=%lld", (long long)g->r);
    if (*g->targets) strbuf_addf(&b, " %s", g->targets);
    if (!isnan(g->lr)) {
        table_format_num(lr, TABLE_RATE, g->lr);
        strbuf_addf(&b, " lr=%s", lr);
    }
    return strbuf_detach(&b);
}

static char *setting_make(const struct db_query *q) {
    const char *model = db_query_text(q, Q_MODEL), *task = db_query_text(q, Q_TASK),
               *data = db_query_text(q, Q_DATA);
    return xasprintf("%s, %s on %s", model ? model : "?", task ? task : "?", data ? data : "?");
}

static char *arm_make(const struct compare *c, const struct db_query *q) {
    struct strbuf b = {0};
    for (int i = 0; i < c->nkey; i++) {
        const char *v = db_query_text(q, Q_KEY + i);
        strbuf_addf(&b, "%s%s", i ? ", " : "", v ? v : "-");
    }
    return strbuf_detach(&b);
}

static void point_add(struct compare *c, const struct db_query *q) {
    GROW(c->point, c->npoint, c->point_cap);
    struct compare_point *g = &c->point[c->npoint++];
    *g = (struct compare_point){.id = db_query_int(q, Q_POINT),
                                .setting = setting_make(q),
                                .arm = arm_make(c, q),
                                .method = text_copy(q, Q_METHOD),
                                .targets = text_copy(q, Q_TARGETS),
                                .untouched = db_query_int(q, Q_UNTOUCHED) != 0,
                                .r = db_query_type(q, Q_R) == DB_NULL ? -1 : db_query_int(q, Q_R),
                                .lr = db_query_num(q, Q_LR),
                                .first = c->nrun,
                                .bytes = -1,
                                .peak = -1,
                                .train_s = NAN};
    g->label = label_make(g);
}

static void row_add(struct compare *c, const struct db_query *q) {
    if (!c->npoint || c->point[c->npoint - 1].id != db_query_int(q, Q_POINT)) point_add(c, q);
    struct compare_point *g = &c->point[c->npoint - 1];
    const char *state = db_query_text(q, Q_STATE);
    GROW(c->run, c->nrun, c->run_cap);
    struct compare_run *r = &c->run[c->nrun++];
    *r = (struct compare_run){.id = db_query_int(q, Q_RUN),
                              .seed = db_query_int(q, Q_SEED),
                              .complete = state && !strcmp(state, "complete"),
                              .diverged = state && !strcmp(state, "nan"),
                              .concurrent = db_query_int(q, Q_CONCURRENT) > 0,
                              .eval = db_query_num(q, Q_EVAL),
                              .test = db_query_num(q, Q_TEST),
                              .train_s = db_query_num(q, Q_TRAIN)};
    g->nrun++;
    g->diverged |= r->diverged;
    if (!r->complete) return;
    if (db_query_type(q, Q_BYTES) != DB_NULL) g->bytes = MAX_OF(g->bytes, db_query_int(q, Q_BYTES));
    if (db_query_type(q, Q_PEAK) != DB_NULL) g->peak = MAX_OF(g->peak, db_query_int(q, Q_PEAK));
    g->concurrent |= r->concurrent;
}

int compare_cells(struct compare *c, struct db *db, const struct compare_job *job, struct err *e) {
    struct db_query *q;
    int64_t sweep = 0;
    int rc = read_head(c, db, job->sweep, &sweep, e);
    if (!rc) rc = metric_choose(c, db, job->metric, sweep, e);
    if (!rc) rc = keys_read(c, job->by, e);
    for (int i = 0; i < c->nkey && !rc; i++) rc = key_check(db, c->key[i], sweep, e);
    if (rc) return rc;
    c->maximize = !strcmp(c->goal, "maximize");
    char *sql = cells_sql(c, db, job->where),
         *test = xasprintf("test/%s", strncmp(c->metric, "eval/", 5) ? c->metric : c->metric + 5);
    rc = db_query(db, &q, sql, e);
    free(sql);
    if (rc) {
        free(test);
        return job->where && rc == ERR_USER ? err_wrap(e, "--where") : rc;
    }
    db_query_bind_int(q, 1, sweep);
    db_query_bind_text(q, 2, c->metric);
    db_query_bind_text(q, 3, test);
    for (int i = 0; i < c->nkey; i++)
        if (!column_of(c->key[i])) db_query_bind_text(q, i + 4, c->key[i]);
    while ((rc = db_query_next(q, e)) == 1) row_add(c, q);
    db_query_close(q);
    c->reported = test; /* until it shows that there is no test split */
    return rc;
}
