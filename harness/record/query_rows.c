/* SPDX-License-Identifier: Apache-2.0 */
/* query_rows.c - what a run recorded in many rows: scores per row, curves, memory; and pairs of control arms.
 * See query.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/util.h"
#include "harness/record/query.h"

int record_rows_read(struct record_rows *ret, struct db *db, int64_t run, const char *key, struct err *e) {
    struct db_query *q;
    *ret = (struct record_rows){0};
    int rc =
        db_query(db, &q, "SELECT item, value, weight FROM item WHERE run = ?1 AND key = ?2 ORDER BY item", e);
    if (rc) return rc;
    db_query_bind_int(q, 1, run);
    db_query_bind_text(q, 2, key);
    while ((rc = db_query_next(q, e)) == 1) {
        GROW(ret->item, ret->n, ret->cap);
        GROW(ret->value, ret->n, ret->value_cap);
        GROW(ret->weight, ret->n, ret->weight_cap);
        ret->item[ret->n] = db_query_int(q, 0);
        ret->value[ret->n] = db_query_num(q, 1);
        ret->weight[ret->n++] = db_query_num(q, 2);
    }
    db_query_close(q);
    return rc;
}

void record_rows_release(struct record_rows *r) {
    free(r->item), free(r->value), free(r->weight);
    *r = (struct record_rows){0};
}

int record_curve_read(struct record_curve *ret, struct db *db, int64_t run, const char *key, struct err *e) {
    struct db_query *q;
    *ret = (struct record_curve){0};
    int rc = db_query(db, &q,
                      "SELECT step, value FROM metric WHERE run = ?1 AND key = ?2 AND kind = 'finite'"
                      " ORDER BY step",
                      e);
    if (rc) return rc;
    db_query_bind_int(q, 1, run);
    db_query_bind_text(q, 2, key);
    while ((rc = db_query_next(q, e)) == 1) {
        GROW(ret->step, ret->n, ret->cap);
        GROW(ret->value, ret->n, ret->value_cap);
        ret->step[ret->n] = db_query_num(q, 0);
        ret->value[ret->n++] = db_query_num(q, 1);
    }
    db_query_close(q);
    return rc;
}

void record_curve_release(struct record_curve *c) {
    free(c->step), free(c->value);
    *c = (struct record_curve){0};
}

int record_last_value(double *ret, struct db *db, int64_t run, const char *key, struct err *e) {
    struct db_query *q;
    *ret = NAN;
    int rc = db_query(db, &q,
                      "SELECT value FROM metric WHERE run = ?1 AND key = ?2 ORDER BY step DESC LIMIT 1", e);
    if (rc) return rc;
    db_query_bind_int(q, 1, run);
    db_query_bind_text(q, 2, key);
    if ((rc = db_query_next(q, e)) == 1) *ret = db_query_num(q, 0);
    db_query_close(q);
    return rc < 0 ? rc : 0;
}

int record_metric_told(struct db *db, int64_t sweep, const char *metric, bool *found, struct strbuf *told,
                       struct err *e) {
    struct db_query *q;
    *found = false;
    int rc = db_query(db, &q,
                      "SELECT DISTINCT m.key FROM sweep_runs c JOIN metric m ON m.run = c.run_id"
                      " WHERE c.sweep_id = ?1 AND m.key LIKE 'eval/%' ORDER BY 1",
                      e);
    if (rc) return rc;
    db_query_bind_int(q, 1, sweep);
    while ((rc = db_query_next(q, e)) == 1) {
        *found |= !strcmp(db_query_text(q, 0), metric);
        strbuf_addf(told, "%s%s", told->len ? ", " : "", db_query_text(q, 0));
    }
    db_query_close(q);
    return rc;
}

int record_memory_read(double at_peak[MEM_NCAT], struct db *db, int64_t run, struct err *e) {
    struct db_query *q;
    memset(at_peak, 0, MEM_NCAT * sizeof *at_peak);
    int rc = db_query(db, &q, "SELECT category, at_peak FROM memory WHERE run = ?1", e);
    if (rc) return rc;
    db_query_bind_int(q, 1, run);
    while ((rc = db_query_next(q, e)) == 1)
        for (int c = 0; c < MEM_NCAT; c++)
            if (!strcmp(mem_cat_name((enum mem_cat)c), db_query_text(q, 0))) at_peak[c] = db_query_num(q, 1);
    db_query_close(q);
    return rc;
}

int record_has_pairs(struct db *db, int64_t sweep, struct err *e) {
    struct db_query *q;
    int rc = db_query(db, &q,
                      "SELECT 1 FROM point_control WHERE sweep = (SELECT max(id) FROM sweep WHERE name ="
                      " (SELECT name FROM sweep WHERE id = ?1)) LIMIT 1",
                      e);
    if (rc) return rc;
    db_query_bind_int(q, 1, sweep);
    rc = db_query_next(q, e);
    db_query_close(q);
    return rc;
}

static int point_place(const struct record_sweep *s, int64_t id) {
    for (int i = 0; i < s->npoint; i++)
        if (s->point[i].id == id) return i;
    return -1;
}

int record_pairs_read(struct record_pair **ret, int *n, const struct record_sweep *s, struct db *db,
                      struct err *e) {
    struct db_query *q;
    int cap = 0;
    *ret = NULL;
    *n = 0;
    int rc = db_query(
        db, &q,
        "SELECT point, control, kind FROM point_control k WHERE sweep = ?1"
        " ORDER BY (SELECT min(ord) FROM sweep_point c WHERE c.sweep = k.sweep AND c.point = k.point), kind,"
        " (SELECT min(ord) FROM sweep_point c WHERE c.sweep = k.sweep AND c.point = k.control)",
        e);
    if (rc) return rc;
    db_query_bind_int(q, 1, s->id);
    while ((rc = db_query_next(q, e)) == 1) {
        int point = point_place(s, db_query_int(q, 0)), control = point_place(s, db_query_int(q, 1));
        if (point < 0 || control < 0) continue;
        GROW(*ret, *n, cap);
        (*ret)[(*n)++] = (struct record_pair){point, control, xstrdup(db_query_text(q, 2))};
    }
    db_query_close(q);
    return rc;
}

/* The second part is of records that bench made before test.rows was a key: it scored the first eval.rows
 * rows of a test split, and a split of just so many or more has that many scores. */
static const char remarks_sql[] =
    "SELECT text, count(*) FROM ("
    " SELECT e.id AS id, e.kind || ': ' || e.text AS text FROM sweep_runs c JOIN event e ON e.run = c.run_id"
    "  WHERE c.sweep_id = ?1 AND e.kind IN ('cut', 'skipped', 'blank', 'data', 'special',"
    "   'start token')"
    " UNION ALL"
    " SELECT r.id, printf('cut: the test scores are of the first %d rows at most (eval.rows), as an older"
    " bench made them: `bench run --new` scores all', v.num)"
    " FROM sweep_runs c JOIN run r ON r.id = c.run_id"
    " JOIN param v ON v.point = c.point_id AND v.key = 'eval.rows'"
    " WHERE c.sweep_id = ?1 AND v.num > 0 AND r.test_metric IS NOT NULL"
    "  AND NOT EXISTS (SELECT 1 FROM param n WHERE n.point = c.point_id AND n.key = 'test.rows')"
    "  AND v.num = (SELECT max(n) FROM (SELECT count(*) AS n FROM item i"
    "   WHERE i.run = r.id AND i.key LIKE 'test/%' GROUP BY i.key))"
    ") GROUP BY text ORDER BY min(id)";

int record_remarks_read(json_t **ret, struct db *db, int64_t sweep, struct err *e) {
    struct db_query *q;
    *ret = NULL;
    int rc = db_query(db, &q, remarks_sql, e);
    if (rc) return rc;
    *ret = json_array();
    db_query_bind_int(q, 1, sweep);
    while ((rc = db_query_next(q, e)) == 1)
        json_array_append_new(*ret, json_pack("{s:s, s:I}", "text", db_query_text(q, 0), "runs",
                                              (json_int_t)db_query_int(q, 1)));
    db_query_close(q);
    return rc;
}
