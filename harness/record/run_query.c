/* SPDX-License-Identifier: Apache-2.0 */
/* run_query.c - see run_query.h. The view `runs` knows the last attempt of a point and seed only; an earlier
 * one is answered with what became of it and the id of its successor. */
#include "harness/record/run_query.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/util.h"
#include "harness/config/cfg.h"

/* ---- finding ------------------------------------------------------------------------------------------- */

static bool all_in(const char *s, int (*is)(int)) {
    while (*s && is((unsigned char)*s)) s++;
    return !*s;
}

static int64_t find_id(struct db *db, const char *word, struct err *e) {
    struct db_query *q;
    int rc = db_query(db, &q, "SELECT id FROM run WHERE id = CAST(?1 AS INTEGER)", e);
    if (rc) return rc;
    db_query_bind_text(q, 1, word);
    rc = db_query_next(q, e);
    int64_t id = rc == 1 ? db_query_int(q, 0) : rc;
    db_query_close(q);
    return id;
}

int64_t run_find(struct db *db, const char *word, struct err *e) {
    struct db_query *q;
    size_t len = strlen(word);
    if (len && len < 18 && all_in(word, isdigit)) {
        int64_t id = find_id(db, word, e);
        if (id) return id;
    }
    if (len < 4 || len > 64 || !all_in(word, isxdigit)) return 0;
    int rc = db_query(db, &q,
                      "SELECT u.run_id, u.seed FROM point p JOIN runs u ON u.point_id = p.id"
                      " WHERE substr(p.hash, 1, length(?1)) = lower(?1) ORDER BY u.run_id",
                      e);
    if (rc) return rc;
    db_query_bind_text(q, 1, word);
    struct strbuf ids = {0};
    int64_t id = 0;
    int n = 0;
    while ((rc = db_query_next(q, e)) == 1 && n++ < 12) {
        id = db_query_int(q, 0);
        strbuf_addf(&ids, "%s%lld", n > 1 ? ", " : "", (long long)id);
    }
    db_query_close(q);
    if (rc < 0)
        id = rc;
    else if (n > 1)
        id = err_set(e, ERR_USER, "'%s' means several runs: %s%s; name one by its number", word, ids.s,
                     n > 12 ? ", ..." : "");
    strbuf_release(&ids);
    return id;
}

/* ---- everything as JSON -------------------------------------------------------------------------------- */

/* A row of a query as an object, and all of them. */
static json_t *row_json(const struct db_query *q) {
    json_t *row = json_object();
    for (int i = 0; i < db_query_cols(q); i++) {
        const char *key = db_query_name(q, i), *text = db_query_text(q, i);
        json_t *v = NULL;
        switch (db_query_type(q, i)) {
        case DB_INT:
            v = json_integer(db_query_int(q, i));
            break;
        case DB_NUM:
            v = json_real(db_query_num(q, i)); /* NULL for what JSON cannot say */
            break;
        case DB_TEXT:
            v = json_string(text);
            if (!v) v = json_string("?"); /* not UTF-8 */
            break;
        case DB_NULL:
            break;
        }
        json_object_set_new(row, key, v ? v : json_null());
    }
    return row;
}

/* The rows of a query whose ?1 is the run. */
static json_t *rows_of(struct db *db, int64_t run, const char *sql, struct err *e) {
    struct db_query *q;
    if (db_query(db, &q, sql, e)) return NULL;
    db_query_bind_int(q, 1, run);
    json_t *rows = json_array();
    int rc;
    while ((rc = db_query_next(q, e)) == 1) json_array_append_new(rows, row_json(q));
    db_query_close(q);
    if (!rc) return rows;
    json_decref(rows);
    return NULL;
}

/* There is no row for it in the view: why? */
static void explain_missing(struct db *db, int64_t run, struct err *e) {
    json_t *rows =
        rows_of(db, run,
                "SELECT a.state AS state, coalesce(a.error, '') AS error, b.id AS id FROM run a JOIN run b"
                " ON b.point = a.point AND b.seed = a.seed WHERE a.id = ?1 ORDER BY b.attempt DESC LIMIT 1",
                e);
    json_t *r = json_array_get(rows, 0);
    if (r) {
        const char *error = cfg_str(r, "error");
        err_set(e, ERR_USER, "run %lld ended as %s%s%s and was tried again: see run %ld", (long long)run,
                cfg_str(r, "state"), *error ? ": " : "", error, cfg_int(r, "id"));
    } else if (rows)
        err_set(e, ERR_USER, "%s: no run %lld", db_path(db), (long long)run);
    json_decref(rows);
}

static int add_config(json_t *page) {
    json_t *text = json_object_get(page, "config"), *config = json_loads(json_string_value(text), 0, NULL);
    return json_object_set_new(page, "config", config ? config : json_object());
}

json_t *run_json(struct db *db, int64_t run, struct err *e) {
    static const struct {
        const char *key, *sql;
    } parts[] = {
        {"memory", "SELECT category, peak, at_peak FROM memory WHERE run = ?1 ORDER BY at_peak DESC, peak "
                   "DESC, category"},
        {"metrics", "SELECT key, step, value, kind FROM metric WHERE run = ?1 ORDER BY key, step"},
        {"checkpoints", "SELECT step, path, bytes, sha256 FROM checkpoint WHERE run = ?1 ORDER BY step"},
        {"events", "SELECT time, kind, text FROM event WHERE run = ?1 ORDER BY id"}};
    json_t *rows = rows_of(
        db, run,
        "SELECT u.*, p.hash AS hash, r.attempt AS attempt, r.created AS created, r.started AS started,"
        " r.ended AS ended, r.adapted_params AS adapted_params, p.config AS config"
        " FROM runs u JOIN run r ON r.id = u.run_id JOIN point p ON p.id = u.point_id WHERE u.run_id = ?1",
        e);
    json_t *page = json_incref(json_array_get(rows, 0));
    if (rows && !page) explain_missing(db, run, e);
    json_decref(rows);
    if (!page) return NULL;
    add_config(page);
    json_t *env = rows_of(db, run, "SELECT v.* FROM env v JOIN run r ON r.env = v.id WHERE r.id = ?1", e);
    json_object_set(page, "env", json_array_size(env) ? json_array_get(env, 0) : json_null());
    json_decref(env);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        json_t *part = rows_of(db, run, parts[i].sql, e);
        if (!part) {
            json_decref(page);
            return NULL;
        }
        json_object_set_new(page, parts[i].key, part);
    }
    return page;
}

/* ---- its checkpoint ------------------------------------------------------------------------------------ */

/* The view has no such run: it never was, or a later attempt stands in its place. */
static int explain_no_run(struct db *db, int64_t run, struct err *e) {
    struct db_query *q;
    int rc = db_query(db, &q,
                      "SELECT max(b.id) FROM run a JOIN run b ON b.point = a.point AND b.seed = a.seed"
                      " WHERE a.id = ?1 AND b.attempt > a.attempt",
                      e);
    if (rc) return rc;
    db_query_bind_int(q, 1, run);
    int got = db_query_next(q, e);
    const char *later = got == 1 ? db_query_text(q, 0) : NULL;
    rc = got < 0 ? got
         : later ? err_set(e, ERR_USER, "run %lld was tried again: take run %s", (long long)run, later)
                 : err_set(e, ERR_USER, "there is no run %lld in %s: `bench ls runs` lists them",
                           (long long)run, db_path(db));
    db_query_close(q);
    return rc;
}

static char *text_or_null(const struct db_query *q, int col) {
    const char *s = db_query_text(q, col);
    return s ? xstrdup(s) : NULL;
}

int run_checkpoint_read(struct run_checkpoint *ret, struct db *db, int64_t run, struct err *e) {
    struct db_query *q;
    *ret = (struct run_checkpoint){0};
    int rc = db_query(db, &q,
                      "SELECT r.checkpoint_path, r.state, r.method, p.config, r.seed FROM runs r"
                      " JOIN point p ON p.id = r.point_id WHERE r.run_id = ?1",
                      e);
    if (rc) return rc;
    db_query_bind_int(q, 1, run);
    rc = db_query_next(q, e);
    if (rc == 1)
        *ret = (struct run_checkpoint){text_or_null(q, 0), text_or_null(q, 1), text_or_null(q, 2),
                                       json_loads(db_query_text(q, 3) ? db_query_text(q, 3) : "", 0, NULL),
                                       db_query_int(q, 4)};
    db_query_close(q);
    return rc == 1 ? 0 : rc < 0 ? rc : explain_no_run(db, run, e);
}

void run_checkpoint_release(struct run_checkpoint *c) {
    free(c->path), free(c->state), free(c->method);
    json_decref(c->config);
    *c = (struct run_checkpoint){0};
}
