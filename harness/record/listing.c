/* SPDX-License-Identifier: Apache-2.0 */
/* listing.c - see listing.h. */
#include "harness/record/listing.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/util.h"

/* A query whose ?1 is a sweep. */
static int query_sweep(struct db_query **q, struct db *db, const char *sql, int64_t sweep, struct err *e) {
    int rc = db_query(db, q, sql, e);
    if (!rc) db_query_bind_int(*q, 1, sweep);
    return rc;
}

/* ---- all sweeps ---------------------------------------------------------------------------------------- */

int listing_sweeps(struct db_query **q, struct db *db, struct err *e) {
    return db_query(
        db, q,
        "SELECT s.name AS sweep, count(*) AS runs,"
        " sum(r.state = 'complete') AS complete, sum(r.state = 'nan') AS diverged,"
        " sum(r.state IN " RUN_SQL_BAD ") AS failed, sum(r.state IN " RUN_SQL_STOPPED ") AS interrupted,"
        " sum(r.state IN " RUN_SQL_OPEN ") AS running, sum(c.run_id IS NULL) AS missing, max(s.begun) AS "
        "begun"
        " FROM sweep_runs c JOIN sweep s ON s.id = c.sweep_id LEFT JOIN runs r ON r.run_id = c.run_id"
        " GROUP BY s.id ORDER BY max(s.begun) DESC, s.id DESC LIMIT 20",
        e);
}

int listing_names(struct db_query **q, struct db *db, int64_t only, struct err *e) {
    return query_sweep(
        q, db,
        "SELECT max(id), name FROM sweep WHERE ?1 = 0 OR name = (SELECT name FROM sweep WHERE id = ?1)"
        " GROUP BY name ORDER BY max(begun) DESC, max(id) DESC",
        only, e);
}

/* ---- runs ---------------------------------------------------------------------------------------------- */

/* The columns of the view, for a condition that does not fit them. */
static void add_columns(struct db *db, struct err *e) {
    struct db_query *q;
    struct strbuf b = {0};
    struct err ignored;
    if (db_query(db, &q, "SELECT * FROM runs", &ignored)) return;
    for (int i = 0; i < db_query_cols(q); i++) strbuf_addf(&b, " %s", db_query_name(q, i));
    db_query_close(q);
    char *what = xstrdup(e->msg);
    err_set(e, ERR_USER, "--where: %s; the columns are:%s", what, b.s);
    free(what);
    strbuf_release(&b);
}

int listing_runs(struct db_query **q, struct db *db, const struct listing_runs *what, struct err *e) {
    char *sql = xasprintf(
        "SELECT %s FROM (SELECT * FROM runs WHERE (%s\n)%s ORDER BY run_id DESC LIMIT ?2) ORDER BY run_id",
        what->brief
            ? "run_id AS run, state, sweep, method, r, target_modules AS modules, lr, seed,"
              " metric_name AS name, CASE WHEN state = 'nan' THEN 'diverged' ELSE metric END AS metric,"
              " peak_bytes AS peak_bytes, train_s"
            : "*",
        what->where ? what->where : "1",
        what->sweep ? " AND run_id IN (SELECT run_id FROM sweep_runs WHERE sweep = ?1)" : "");
    int rc = db_query(db, q, sql, e);
    free(sql);
    if (rc) {
        if (what->where && strstr(e->msg, "no such column")) add_columns(db, e);
        return rc;
    }
    if (what->sweep) db_query_bind_text(*q, 1, what->sweep);
    db_query_bind_int(*q, 2, what->limit ? what->limit : -1);
    return 0;
}

int listing_running(struct db_query **q, struct db *db, struct err *e) {
    return db_query(
        db, q,
        "SELECT r.run_id AS run, r.sweep AS sweep, r.method AS method, r.r AS r, r.lr AS lr, r.seed AS seed,"
        " (SELECT max(step) FROM metric WHERE run = r.run_id AND key = 'train/loss') AS step,"
        " (SELECT num FROM param WHERE point = r.point_id AND key = 'train.steps') AS steps,"
        " (SELECT value FROM metric WHERE run = r.run_id AND key = 'train/loss' ORDER BY step DESC LIMIT 1) "
        "AS "
        "train_loss,"
        " r.threads AS threads FROM runs r WHERE r.state = 'running' ORDER BY r.run_id",
        e);
}

/* ---- one sweep while it runs --------------------------------------------------------------------------- */

int listing_progress(struct db_query **q, struct db *db, struct err *e) {
    return db_query(db, q,
                    "SELECT s.id, s.name, s.metric, count(*),"
                    " sum(r.state IN " RUN_SQL_FINISHED " OR r.state IN " RUN_SQL_BAD
                    " OR r.state = 'pruned'),"
                    " sum(r.state = 'nan' OR r.state IN " RUN_SQL_BAD "), sum(r.state = 'running'),"
                    " sum(r.total_s > 0), total(r.total_s)"
                    " FROM sweep_runs c JOIN sweep s ON s.id = c.sweep_id LEFT JOIN run r ON r.id = c.run_id"
                    " GROUP BY s.id ORDER BY max(s.begun) DESC, s.id DESC LIMIT 1",
                    e);
}

int listing_under_way(struct db_query **q, struct db *db, int64_t sweep, struct err *e) {
    return query_sweep(q, db,
                       "SELECT r.id, strftime('%s', 'now') - strftime('%s', r.started), v.num, p.method, p.r,"
                       " p.target_modules, p.lr, r.seed FROM run r JOIN point p ON p.id = r.point"
                       " LEFT JOIN param v ON v.point = p.id AND v.key = 'train.steps'"
                       " WHERE r.sweep = ?1 AND r.state = 'running' ORDER BY r.id",
                       sweep, e);
}

int listing_latest(struct db_query **q, struct db *db, int64_t sweep, int n, struct err *e) {
    int rc = query_sweep(
        q, db,
        "SELECT r.id, CASE r.state WHEN 'nan' THEN 'diverged' ELSE r.state END, c.metric, p.method, p.r,"
        " p.target_modules, p.lr, r.seed, r.total_s FROM sweep_runs c JOIN run r ON r.id = c.run_id"
        " JOIN point p ON p.id = r.point WHERE c.sweep_id = ?1 AND r.ended IS NOT NULL"
        " ORDER BY r.ended DESC, r.id DESC LIMIT ?2",
        sweep, e);
    if (!rc) db_query_bind_int(*q, 2, n);
    return rc;
}

/* ---- one sweep as a page ------------------------------------------------------------------------------- */

/* Settings that differ among the runs of one method and rank and have no column of their own: those that a
 * reader tells its runs apart by. */
#define VARIED                                                                                               \
    "WITH varied AS (SELECT DISTINCT k.key FROM param k JOIN (SELECT DISTINCT point_id FROM sweep_runs "     \
    "WHERE sweep_id = ?1) c ON c.point_id = k.point"                                                         \
    " JOIN point p ON p.id = k.point WHERE k.key NOT IN ('method', 'r', 'train.lr', 'target_modules', "      \
    "'seed')"                                                                                                \
    " AND k.key NOT LIKE 'data%' AND k.key NOT LIKE 'model%'"                                                \
    " GROUP BY k.key, p.method, p.r HAVING count(DISTINCT coalesce(k.txt, k.num)) > 1) "

int listing_cells(struct db_query **q, struct db *db, int64_t sweep, struct err *e) {
    return query_sweep(
        q, db,
        VARIED
        "SELECT c.run_id, coalesce(CASE c.state WHEN 'nan' THEN 'diverged' ELSE c.state END, 'not "
        "started'), p.method, p.r,"
        " p.target_modules, p.lr, (SELECT group_concat(k.key || '=' || coalesce(k.txt, printf('%g', "
        "k.num)), ' ') FROM param k"
        " JOIN varied v ON v.key = k.key WHERE k.point = c.point_id), c.seed, c.metric, c.test_metric, "
        "u.peak_bytes, u.checkpoint_bytes, u.train_s, m.name,"
        " d.name, u.concurrent"
        " FROM sweep_runs c JOIN point p ON p.id = c.point_id LEFT JOIN model m ON m.id = p.model"
        " LEFT JOIN dataset d ON d.id = p.dataset LEFT JOIN run u ON u.id = c.run_id WHERE c.sweep_id = "
        "?1 ORDER BY c.ord",
        sweep, e);
}

int listing_settings_vary(bool *ret, struct db *db, int64_t sweep, struct err *e) {
    struct db_query *q;
    int rc = query_sweep(&q, db, VARIED "SELECT count(*) FROM varied", sweep, e);
    if (rc) return rc;
    rc = db_query_next(q, e);
    *ret = rc == 1 && db_query_int(q, 0) > 0;
    db_query_close(q);
    return rc < 0 ? rc : 0;
}

int listing_failures(struct db_query **q, struct db *db, int64_t sweep, struct err *e) {
    return query_sweep(
        q, db,
        "SELECT u.id AS run, CASE u.state WHEN 'nan' THEN 'diverged' ELSE u.state END AS state, p.method, "
        "p.r,"
        " p.target_modules, p.lr, u.seed, u.error FROM sweep_runs c JOIN run u ON u.id = c.run_id"
        " JOIN point p ON p.id = u.point WHERE c.sweep_id = ?1"
        " AND u.state NOT IN ('complete', 'running', 'waiting') ORDER BY u.state = 'nan', c.ord LIMIT 200",
        sweep, e);
}

int listing_curves(struct db_query **q, struct db *db, int64_t sweep, const char *metric, struct err *e) {
    int rc =
        query_sweep(q, db,
                    "SELECT m.run, m.key = 'train/loss', m.step, m.value FROM sweep_runs c JOIN metric m "
                    "ON m.run = c.run_id"
                    " WHERE c.sweep_id = ?1 AND m.kind = 'finite' AND m.key IN (?2, 'train/loss')"
                    " ORDER BY m.run, m.key, m.step",
                    sweep, e);
    if (!rc) db_query_bind_text(*q, 2, metric);
    return rc;
}

#define OF_SWEEP " FROM sweep_runs c JOIN point p ON p.id = c.point_id LEFT JOIN run r ON r.id = c.run_id"

int listing_fact(struct db_query **q, struct db *db, int64_t sweep, enum listing_fact fact, struct err *e) {
    static const char *const sql[LISTING_NFACTS] = {
        [LISTING_MODEL] =
            "SELECT DISTINCT m.name || ', ' || coalesce(CASE WHEN m.bytes < 1e7 THEN round(m.bytes / 1e3, 1) "
            "|| ' "
            "kB, ' ELSE round(m.bytes / 1e6, 1) || ' MB, ' END, '') || 'SHA-256 ' || substr(m.digest, 1, "
            "16)" OF_SWEEP " JOIN model m ON m.id = p.model WHERE c.sweep_id = ?1",
        [LISTING_DATA] = "SELECT DISTINCT d.name || coalesce(', task ' || p.task, '') || ', SHA-256 ' || "
                         "substr(d.digest, 1, "
                         "16)" OF_SWEEP " JOIN dataset d ON d.id = p.dataset WHERE c.sweep_id = ?1",
        [LISTING_METHODS] =
            "SELECT p.method" OF_SWEEP " WHERE c.sweep_id = ?1 GROUP BY p.method ORDER BY min(c.ord)",
        [LISTING_SEEDS] = "SELECT DISTINCT CAST(c.seed AS TEXT)" OF_SWEEP
                          " WHERE c.sweep_id = ?1 AND NOT p.untouched ORDER BY c.seed",
        [LISTING_MACHINE] =
            "SELECT coalesce(v.cpu, '?') || ', ' || coalesce(v.cores, '?') || ' cores, ' || coalesce(v.os, "
            "'?')"
            " || ': ' || count(*) || CASE count(*) WHEN 1 THEN ' run' ELSE ' runs' END" OF_SWEEP
            " JOIN env v ON v.id = r.env WHERE c.sweep_id = ?1 GROUP BY v.cpu, v.cores, v.os",
        [LISTING_PROGRAM] =
            "SELECT DISTINCT 'bench ' || coalesce(v.build, '?') || ', ' || coalesce(v.compiler, '?') || ' ' "
            "|| "
            "coalesce(v.cflags, '')"
            " || ', ' || coalesce(v.blas, '?')" OF_SWEEP " JOIN env v ON v.id = r.env WHERE c.sweep_id = ?1",
        [LISTING_WHEN] =
            "SELECT coalesce(min(r.started), '?') || ' to ' || coalesce(max(r.ended), '?')" OF_SWEEP
            " WHERE c.sweep_id = ?1",
        [LISTING_TIME] =
            "SELECT printf('%.1f min of training, %.1f min of evaluation; runs: %d at a time at most',"
            " total(r.train_s) / 60, total(r.eval_s) / 60, coalesce(max(r.concurrent), 0) + 1)" OF_SWEEP
            " WHERE c.sweep_id = ?1",
    };
    return query_sweep(q, db, sql[fact], sweep, e);
}
