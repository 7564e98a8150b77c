/* SPDX-License-Identifier: Apache-2.0 */
/* query.c - see query.h. Two queries per sweep, whatever its size: its points, and its cells with their
 * runs. */
#include "harness/record/query.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/util.h"
#include "harness/config/cfg.h"
#include "harness/record/identity.h"
#include "harness/record/sweep_head.h"

const enum run_state cell_states[CELL_NSTATES] = {RUN_COMPLETE, RUN_DIVERGED,    RUN_PRUNED,      RUN_FAILED,
                                                  RUN_OOM,      RUN_TIMEOUT,     RUN_INTERRUPTED, RUN_RUNNING,
                                                  RUN_WAITING,  CELL_NOT_STARTED};

const char *cell_state_name(enum run_state s) {
    return s == CELL_NOT_STARTED ? "not started" : s == RUN_DIVERGED ? "diverged" : run_state_name(s);
}

/* A state that a newer bench wrote reads as failed. */
static enum run_state state_of(const char *name) {
    if (!name) return CELL_NOT_STARTED;
    enum run_state s = run_state_parse(name);
    return s == RUN_NSTATES ? RUN_FAILED : s;
}

static char *text_or_null(const struct db_query *q, int col) {
    const char *s = db_query_text(q, col);
    return s ? xstrdup(s) : NULL;
}

static int64_t int_or_none(const struct db_query *q, int col) {
    return db_query_type(q, col) == DB_NULL ? -1 : db_query_int(q, col);
}

/* ---- the sweep ----------------------------------------------------------------------------------------- */

static int read_head(struct record_sweep *s, struct db *db, int64_t id, struct err *e) {
    struct db_query *q;
    int rc = db_query(db, &q,
                      "SELECT id, name, path, begun, overrides, metric, goal, yaml FROM sweep"
                      " WHERE id = (SELECT max(id) FROM sweep WHERE name ="
                      " (SELECT name FROM sweep WHERE id = ?1))",
                      e);
    if (rc) return rc;
    db_query_bind_int(q, 1, id);
    if ((rc = db_query_next(q, e)) == 1) {
        s->id = db_query_int(q, 0);
        s->name = text_or_null(q, 1);
        s->path = text_or_null(q, 2);
        s->begun = text_or_null(q, 3);
        s->overrides = text_or_null(q, 4);
        s->metric = text_or_null(q, 5);
        s->goal = text_or_null(q, 6);
        s->yaml = text_or_null(q, 7);
    } else if (rc == 0)
        rc = err_set(e, ERR_USER, "%s: no sweep %lld", db_path(db), (long long)id);
    db_query_close(q);
    return rc < 0 ? rc : 0;
}

static void set_metric(struct record_sweep *s, const struct record_filter *f) {
    if (f->metric && strcmp(f->metric, s->metric)) {
        free(s->metric);
        s->metric = xstrdup(f->metric);
        if (f->goal) {
            free(s->goal);
            s->goal = xstrdup(f->goal);
        }
    }
    s->maximize = !strcmp(s->goal, "maximize");
}

/* ---- points -------------------------------------------------------------------------------------------- */

static void flatten_config(const json_t *v, const char *above, json_t *out) {
    const char *name;
    json_t *child;
    json_object_foreach((json_t *)(uintptr_t)v, name, child) {
        char *key = *above ? xasprintf("%s.%s", above, name) : xstrdup(name);
        if (json_is_object(child))
            flatten_config(child, key, out);
        else if (!json_is_null(child))
            json_object_set(out, key, child);
        free(key);
    }
}

/* What its result depends on, less the learning rate. The columns stand before the configuration: a record
 * that was made by hand may hold no whole one. */
static char *text_but_rate(const struct record_point *p, json_t *config, const struct db_query *q) {
    char *identity = NULL;
    if (json_is_object(config)) {
        cfg_set(config, "train.lr", json_null());
        identity = identity_text(config);
    }
    char *text = xasprintf("%s %lld %s %lld %lld\n%s", p->method, (long long)p->r,
                           p->target_modules ? p->target_modules : "-", (long long)db_query_int(q, 16),
                           (long long)db_query_int(q, 17), identity ? identity : "");
    free(identity);
    return text;
}

static void add_point(struct record_sweep *s, const struct db_query *q) {
    GROW(s->point, s->npoint, s->point_cap);
    struct record_point *p = &s->point[s->npoint++];
    *p = (struct record_point){.id = db_query_int(q, 0),
                               .method = xstrdup(db_query_text(q, 1) ? db_query_text(q, 1) : ""),
                               .untouched = db_query_int(q, 2) != 0,
                               .r = int_or_none(q, 3),
                               .alpha = db_query_num(q, 4),
                               .lr = db_query_num(q, 5),
                               .target_modules = text_or_null(q, 6),
                               .batch_size = int_or_none(q, 7),
                               .max_length = int_or_none(q, 8),
                               .model = text_or_null(q, 9),
                               .task = text_or_null(q, 10),
                               .data = text_or_null(q, 11),
                               .weights = text_or_null(q, 12),
                               .control = db_query_int(q, 14) != 0,
                               .flat = json_object()};
    json_t *config = json_loads(db_query_text(q, 13) ? db_query_text(q, 13) : "", 0, NULL);
    flatten_config(config, "", p->flat);
    p->but_rate = text_but_rate(p, config, q);
    json_decref(config);
}

static int read_points(struct record_sweep *s, struct db *db, const struct record_filter *f, struct err *e) {
    struct db_query *q;
    int rc = db_query(db, &q,
                      "SELECT p.id, p.method, p.untouched, p.r, p.lora_alpha, p.lr, p.target_modules,"
                      " p.batch_size, p.max_length, m.name, p.task, d.name, p.weights, p.config,"
                      " min(c.control), min(c.ord), p.model, p.dataset"
                      " FROM sweep_point c JOIN point p ON p.id = c.point LEFT JOIN model m ON m.id = p.model"
                      " LEFT JOIN dataset d ON d.id = p.dataset WHERE c.sweep = ?1"
                      " GROUP BY p.id HAVING NOT (?2 AND min(c.control)) ORDER BY min(c.ord)",
                      e);
    if (rc) return rc;
    db_query_bind_int(q, 1, s->id);
    db_query_bind_int(q, 2, f->without_controls);
    while ((rc = db_query_next(q, e)) == 1) add_point(s, q);
    db_query_close(q);
    return rc;
}

/* ---- cells --------------------------------------------------------------------------------------------- */

/* ?1 the sweep, ?2 and ?3 the metric on both splits, ?4 1 where that is the sweep's own. */
static const char cells_sql[] =
    "SELECT c.point_id, c.seed, c.run_id, c.state,"
    " CASE WHEN ?4 THEN c.metric ELSE"
    "  (SELECT value FROM metric WHERE run = c.run_id AND key = ?2 ORDER BY step DESC LIMIT 1) END,"
    " CASE WHEN ?4 THEN c.test_metric ELSE"
    "  (SELECT value FROM metric WHERE run = c.run_id AND key = ?3 ORDER BY step DESC LIMIT 1) END,"
    " CASE WHEN ?4 THEN c.base_metric ELSE"
    "  (SELECT value FROM metric WHERE run = c.base_run_id AND key = ?2 ORDER BY step DESC LIMIT 1) END,"
    " r.train_loss, r.eval_loss, b.eval_loss, r.train_s, r.eval_s, r.total_s, r.steps, r.tokens,"
    " r.trainable, r.total_params, r.adapted_params, r.peak_bytes,"
    " (SELECT peak FROM memory WHERE run = r.id AND category = 'act'), r.rss_bytes, r.checkpoint_bytes,"
    " r.concurrent, r.error, v.build, v.cpu, substr(r.ended, 1, 10), c.base_run_id"
    " FROM sweep_runs c LEFT JOIN run r ON r.id = c.run_id LEFT JOIN run b ON b.id = c.base_run_id"
    " LEFT JOIN env v ON v.id = r.env WHERE c.sweep_id = ?1";

static struct record_cell cell_from(const struct db_query *q) {
    return (struct record_cell){.seed = db_query_int(q, 1),
                                .run = db_query_int(q, 2),
                                .state = state_of(db_query_text(q, 3)),
                                .metric = db_query_num(q, 4),
                                .test = db_query_num(q, 5),
                                .base = db_query_num(q, 6),
                                .train_loss = db_query_num(q, 7),
                                .eval_loss = db_query_num(q, 8),
                                .base_loss = db_query_num(q, 9),
                                .train_s = db_query_num(q, 10),
                                .eval_s = db_query_num(q, 11),
                                .total_s = db_query_num(q, 12),
                                .steps = int_or_none(q, 13),
                                .tokens = int_or_none(q, 14),
                                .trainable = int_or_none(q, 15),
                                .total_params = int_or_none(q, 16),
                                .adapted_params = int_or_none(q, 17),
                                .peak_bytes = int_or_none(q, 18),
                                .act_bytes = int_or_none(q, 19),
                                .rss_bytes = int_or_none(q, 20),
                                .checkpoint_bytes = int_or_none(q, 21),
                                .concurrent = int_or_none(q, 22),
                                .error = text_or_null(q, 23),
                                .build = text_or_null(q, 24),
                                .cpu = text_or_null(q, 25),
                                .ended = text_or_null(q, 26),
                                .base_run = db_query_int(q, 27)};
}

struct id_place {
    int64_t id;
    int place;
};

static int id_compare(const void *va, const void *vb) {
    const struct id_place *a = va, *b = vb;
    return (a->id > b->id) - (a->id < b->id);
}

static struct id_place *index_points(const struct record_sweep *s) {
    struct id_place *v = xcalloc((size_t)s->npoint + 1, sizeof *v);
    for (int i = 0; i < s->npoint; i++) v[i] = (struct id_place){s->point[i].id, i};
    qsort(v, (size_t)s->npoint, sizeof *v, id_compare);
    return v;
}

static int cell_compare(const void *va, const void *vb) {
    const struct record_cell *a = va, *b = vb;
    if (a->point != b->point) return a->point - b->point;
    return (a->seed > b->seed) - (a->seed < b->seed);
}

static int open_cells(struct db_query **q, const struct record_sweep *s, struct db *db,
                      const struct record_filter *f, struct err *e) {
    struct strbuf sql = {0};
    bool own = !f->metric || !f->goal;
    const char *name = strncmp(s->metric, "eval/", 5) ? s->metric : s->metric + 5;
    strbuf_adds(&sql, cells_sql);
    if (f->where)
        strbuf_addf(&sql,
                    " AND c.run_id IN (SELECT run_id FROM runs WHERE run_id IN"
                    " (SELECT run_id FROM sweep_runs WHERE sweep_id = ?1) AND (%s\n))",
                    f->where);
    int rc = db_query(db, q, sql.s, e);
    strbuf_release(&sql);
    if (rc) return f->where && rc == ERR_USER ? err_wrap(e, "--where") : rc;
    char *test = xasprintf("test/%s", name);
    db_query_bind_int(*q, 1, s->id);
    db_query_bind_text(*q, 2, s->metric);
    db_query_bind_text(*q, 3, test);
    db_query_bind_int(*q, 4, own);
    free(test);
    return 0;
}

static void drop_empty_points(struct record_sweep *s);

static int read_cells(struct record_sweep *s, struct db *db, const struct record_filter *f, struct err *e) {
    struct db_query *q;
    int rc = open_cells(&q, s, db, f, e);
    if (rc) return rc;
    struct id_place *places = index_points(s);
    while ((rc = db_query_next(q, e)) == 1) {
        struct id_place key = {db_query_int(q, 0), 0},
                        *hit = bsearch(&key, places, (size_t)s->npoint, sizeof key, id_compare);
        if (!hit) continue;
        GROW(s->cell, s->ncell, s->cell_cap);
        s->cell[s->ncell] = cell_from(q);
        s->cell[s->ncell++].point = hit->place;
    }
    db_query_close(q);
    free(places);
    if (s->ncell) qsort(s->cell, (size_t)s->ncell, sizeof *s->cell, cell_compare);
    for (int i = s->ncell - 1; i >= 0; i--) {
        s->point[s->cell[i].point].first = i;
        s->point[s->cell[i].point].ncell++;
    }
    if (f->where) drop_empty_points(s);
    return rc;
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static void release_point(struct record_point *p) {
    free(p->method), free(p->target_modules), free(p->model), free(p->task), free(p->data), free(p->weights);
    free(p->but_rate);
    json_decref(p->flat);
}

/* Points of which no cell fits the condition. */
static void drop_empty_points(struct record_sweep *s) {
    int n = 0;
    for (int i = 0; i < s->npoint; i++) {
        if (!s->point[i].ncell) {
            release_point(&s->point[i]);
            continue;
        }
        s->point[n] = s->point[i];
        for (int k = 0; k < s->point[n].ncell; k++) s->cell[s->point[n].first + k].point = n;
        n++;
    }
    s->npoint = n;
}

int record_sweep_read_id(struct record_sweep *ret, struct db *db, int64_t id,
                         const struct record_filter *filter, struct err *e) {
    static const struct record_filter everything = {0};
    const struct record_filter *f = filter ? filter : &everything;
    *ret = (struct record_sweep){0};
    int rc = read_head(ret, db, id, e);
    if (!rc) set_metric(ret, f);
    if (!rc) rc = read_points(ret, db, f, e);
    if (!rc) rc = read_cells(ret, db, f, e);
    if (rc) record_sweep_release(ret);
    return rc;
}

int record_sweep_read(struct record_sweep *ret, struct db *db, const char *name,
                      const struct record_filter *filter, struct err *e) {
    struct sweep_head h;
    int rc = sweep_head_read(&h, db, name, e);
    *ret = (struct record_sweep){0};
    if (!rc) rc = record_sweep_read_id(ret, db, h.id, filter, e);
    sweep_head_release(&h);
    return rc;
}

void record_sweep_release(struct record_sweep *s) {
    for (int i = 0; i < s->npoint; i++) release_point(&s->point[i]);
    for (int i = 0; i < s->ncell; i++)
        free(s->cell[i].error), free(s->cell[i].build), free(s->cell[i].cpu), free(s->cell[i].ended);
    free(s->point), free(s->cell);
    free(s->name), free(s->path), free(s->begun), free(s->overrides), free(s->yaml), free(s->metric),
        free(s->goal);
    *s = (struct record_sweep){0};
}

/* ---- values -------------------------------------------------------------------------------------------- */

static const char *number_text(double v, char buf[32]) {
    if (isnan(v)) return NULL;
    snprintf(buf, 32, "%.10g", v);
    return buf;
}

static const char *value_text(const json_t *v, char buf[32]) {
    if (json_is_string(v)) return json_string_value(v);
    if (json_is_boolean(v)) return json_is_true(v) ? "1" : "0";
    return json_is_number(v) ? number_text(json_number_value(v), buf) : NULL;
}

/* The columns of the view `runs` that are a point's; false: `key` is none of them. */
static bool column_text(const struct record_point *p, const char *key, const char **ret, char buf[32]) {
    const struct {
        const char *key, *text;
    } texts[] = {{"method", p->method}, {"target_modules", p->target_modules},
                 {"model", p->model},   {"data", p->data},
                 {"task", p->task},     {"weights", p->weights}};
    const struct {
        const char *key;
        double value;
    } numbers[] = {{"r", p->r < 0 ? NAN : (double)p->r},
                   {"lr", p->lr},
                   {"batch_size", p->batch_size < 0 ? NAN : (double)p->batch_size},
                   {"lora_alpha", p->alpha},
                   {"max_length", p->max_length < 0 ? NAN : (double)p->max_length}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (!strcmp(texts[i].key, key)) return *ret = texts[i].text, true;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (!strcmp(numbers[i].key, key)) return *ret = number_text(numbers[i].value, buf), true;
    return false;
}

const char *record_point_text(const struct record_point *p, const char *key, char buf[32]) {
    const char *text = NULL;
    return column_text(p, key, &text, buf) ? text : value_text(json_object_get(p->flat, key), buf);
}

bool record_knows_key(const struct record_sweep *s, const char *key) {
    static const struct record_point none;
    const char *text;
    char buf[32];
    bool known = column_text(&none, key, &text, buf);
    for (int i = 0; i < s->npoint && !known; i++) known = json_object_get(s->point[i].flat, key) != NULL;
    return known;
}

double record_point_number(const struct record_point *p, const char *key) {
    const json_t *v = json_object_get(p->flat, key);
    return json_is_boolean(v) ? json_is_true(v) : json_is_number(v) ? json_number_value(v) : NAN;
}
