/* SPDX-License-Identifier: Apache-2.0 */
/* db_record.c - what is recorded: sweeps and their points, runs and their rows. See db.h for the contract,
 * schema.sql for the columns.
 *
 * Seeds above INT64_MAX are stored as their two's complement. Not-a-number, which SQLite has no value for, is
 * NULL in `run`, where the state says why, and a kind of its own in `metric`. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/config/cfg.h"
#include "harness/record/db_do.h"
#include "harness/core/method.h"
#include "harness/base/util.h"
#include "harness/core/target.h"

/* ---- recording: what is run ---------------------------------------------------------------------------- */

/* The id that the last db_do gave. */
static int db_give(struct db *db, int rc, int64_t *id) {
    *id = rc ? 0 : db_value(db);
    return rc;
}

int db_env(struct db *db, const struct db_env *v, int64_t *id, struct err *e) {
    int rc =
        db_do(db, e,
              "SELECT id FROM env WHERE build IS ?1 AND compiler IS ?2 AND cflags IS ?3 AND cpu IS ?4 AND "
              "blas IS ?5"
              " AND os IS ?6 AND host IS ?7 AND cores IS ?8",
              "tttttttl", v->build, v->compiler, v->cflags, v->cpu, v->blas, v->os, v->host, (long)v->cores);
    if (rc == 0 && db_value(db) == 0)
        rc = db_do(db, e,
                   "INSERT INTO env (build, compiler, cflags, cpu, blas, os, host, cores)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING id",
                   "tttttttl", v->build, v->compiler, v->cflags, v->cpu, v->blas, v->os, v->host,
                   (long)v->cores);
    return db_give(db, rc, id);
}

int db_model(struct db *db, const struct db_model *m, int64_t *id, struct err *e) {
    int rc = db_do(db, e,
                   "INSERT INTO model (name, path, digest, bytes) VALUES (?1, ?2, ?3, ?4)"
                   " ON CONFLICT (name, digest) DO UPDATE SET path = excluded.path,"
                   " bytes = coalesce(excluded.bytes, bytes) RETURNING id",
                   "tttl", m->name, m->path, m->digest, (long)m->bytes);
    return db_give(db, rc, id);
}

int db_dataset(struct db *db, const struct db_dataset *d, int64_t *id, struct err *e) {
    int rc = db_do(db, e,
                   "INSERT INTO dataset (name, path, digest) VALUES (?1, ?2, ?3)"
                   " ON CONFLICT (name, digest) DO UPDATE SET path = excluded.path RETURNING id",
                   "ttt", d->name, d->path, d->digest);
    return db_give(db, rc, id);
}

int db_sweep_begin(struct db *db, const struct db_sweep *s, int64_t *id, struct err *e) {
    long cap = s->run_cap > 0 ? s->run_cap : -1;
    int rc = db_do(
        db, e,
        "UPDATE sweep SET begun = " UTC_NOW
        " WHERE id = (SELECT max(id) FROM sweep) AND name = ?1 AND path IS ?2"
        " AND yaml = ?3 AND overrides IS ?4 AND metric = ?5 AND goal = ?6 AND run_cap IS ?7 RETURNING id",
        "ttttttl", s->name, s->path, s->yaml, s->overrides, s->metric, s->goal, cap);
    if (rc == 0 && db_value(db) == 0)
        rc = db_do(db, e,
                   "INSERT INTO sweep (name, path, yaml, overrides, metric, goal, run_cap, begun)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, " UTC_NOW ") RETURNING id",
                   "ttttttl", s->name, s->path, s->yaml, s->overrides, s->metric, s->goal, cap);
    if (db_give(db, rc, id)) return rc;
    rc = db_do(db, e, "DELETE FROM sweep_point WHERE sweep = ?1", "i", *id);
    return rc ? rc : db_do(db, e, "DELETE FROM point_control WHERE sweep = ?1", "i", *id);
}

/* Does the method have this option? The configuration may hold keys that mean nothing to it. */
static bool method_has(const struct method *m, const char *key) {
    for (const struct opt *o = m ? m->opts : NULL; o && o->key; o++)
        if (!strcmp(o->key, key)) return true;
    return false;
}

static double config_num(const json_t *config, const char *key, bool applies) {
    json_t *v = applies ? cfg_get(config, key) : NULL;
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static long config_int(const json_t *config, const char *key, bool applies) {
    double v = config_num(config, key, applies);
    return v >= 0 && v < 9e15 ? (long)v : -1;
}

/* One row of param per leaf of `v`; `key` is its dotted path. */
static int params_add(struct db *db, int64_t point, struct strbuf *key, const json_t *v, struct err *e) {
    if (json_is_object(v)) {
        const char *name;
        json_t *child;
        size_t len = key->len;
        json_object_foreach((json_t *)(uintptr_t)v, name, child) {
            strbuf_addf(key, "%s%s", len ? "." : "", name);
            int rc = params_add(db, point, key, child, e);
            key->s[key->len = len] = 0;
            if (rc) return rc;
        }
        return 0;
    }
    double num = json_is_number(v) ? json_number_value(v) : json_is_boolean(v) ? json_is_true(v) : NAN;
    char *dump = json_is_array(v) ? json_dumps(v, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    int rc = db_do(db, e, "INSERT OR REPLACE INTO param (point, key, num, txt) VALUES (?1, ?2, ?3, ?4)",
                   "itnt", point, key->s, num, dump ? dump : json_string_value(v));
    free(dump);
    return rc;
}

static int point_insert(struct db *db, const struct db_point *p, struct err *e) {
    const json_t *c = p->config;
    const char *name = cfg_str(c, "method");
    BUG_ON(!name, "point %s has no method", p->hash);
    const struct method *m = method_find(name);
    bool sites = m && !(m->flags & METHOD_NO_SITES), untouched = m && method_is_base(m);
    json_t *target = sites ? cfg_get(c, "target_modules") : NULL;
    char *targets = target ? target_name(target) : NULL;
    char *config = json_dumps(c, JSON_SORT_KEYS | JSON_COMPACT | JSON_REAL_PRECISION(15));
    int rc = db_do(
        db, e,
        "INSERT INTO point (hash, base_hash, method, untouched, task, model, dataset, r, lora_alpha, lr,"
        " target_modules, batch_size, max_length, weights, config)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) RETURNING id",
        "tttitlllnntlltt", p->hash, p->base_hash, name, (int64_t)untouched, cfg_str(c, "task"),
        (long)(p->model ? p->model : -1), (long)(p->dataset ? p->dataset : -1),
        config_int(c, "r", method_has(m, "r")), config_num(c, "lora_alpha", method_has(m, "lora_alpha")),
        config_num(c, "train.lr", !untouched), targets, config_int(c, "train.batch_size", !untouched),
        config_int(c, "train.max_length", true), cfg_str(c, "weights") ? cfg_str(c, "weights") : "native",
        config);
    free(targets);
    free(config);
    return rc;
}

int db_point(struct db *db, const struct db_point *p, int64_t *id, struct err *e) {
    int rc = db_do(db, e, "SELECT id FROM point WHERE hash = ?1", "t", p->hash);
    if (db_give(db, rc, id) || *id) return rc;
    rc = point_insert(db, p, e);
    if (db_give(db, rc, id)) return rc;
    struct strbuf key = {0};
    rc = params_add(db, *id, &key, p->config, e);
    strbuf_release(&key);
    return rc;
}

int db_cell(struct db *db, int64_t sweep, int64_t point, uint64_t seed, int order, struct err *e) {
    return db_do(db, e, "INSERT OR IGNORE INTO sweep_point (sweep, point, seed, ord) VALUES (?1, ?2, ?3, ?4)",
                 "iiii", sweep, point, (int64_t)seed, (int64_t)order);
}

int db_control(struct db *db, int64_t sweep, int64_t point, int64_t control, const char *kind, bool only,
               struct err *e) {
    int rc = db_do(
        db, e, "INSERT OR IGNORE INTO point_control (sweep, point, control, kind) VALUES (?1, ?2, ?3, ?4)",
        "iiit", sweep, point, control, kind);
    if (rc || !only) return rc;
    return db_do(db, e, "UPDATE sweep_point SET control = 1 WHERE sweep = ?1 AND point = ?2", "ii", sweep,
                 control);
}

int db_sweep_ready(struct db *db, struct err *e) { return db_flush(db, e); }

/* ---- recording: runs ----------------------------------------------------------------------------------- */

int64_t db_run_done(struct db *db, const char *hash, uint64_t seed, struct err *e) {
    int rc = db_do(db, e,
                   "SELECT id FROM (SELECT r.id, r.state FROM point p JOIN run r ON r.point = p.id"
                   " WHERE p.hash = ?1 AND r.seed = ?2 ORDER BY r.attempt DESC LIMIT 1)"
                   " WHERE state IN " RUN_SQL_FINISHED,
                   "ti", hash, (int64_t)seed);
    return rc ? rc : db_value(db);
}

int db_run_new(struct db *db, const struct db_run *r, int64_t *id, struct err *e) {
    int rc =
        db_do(db, e,
              "INSERT INTO run (point, seed, attempt, sweep, env, state, created, started, threads)"
              " VALUES (?1, ?2, (SELECT coalesce(max(attempt), 0) + 1 FROM run WHERE point = ?1 AND seed = "
              "?2), ?3, ?4, 'running',"
              " " UTC_NOW ", " UTC_NOW ", ?5) RETURNING id",
              "iiill", r->point, (int64_t)r->seed, r->sweep, (long)(r->env ? r->env : -1), (long)r->threads);
    if (db_give(db, rc, id)) return rc;
    return db_flush(db, e);
}

static int run_memory(struct db *db, int64_t run, const struct train_result *res, struct err *e) {
    int rc = 0;
    for (int c = 0; c < MEM_NCAT && !rc && res->peak_bytes; c++)
        rc = db_do(db, e,
                   "INSERT OR REPLACE INTO memory (run, category, peak, at_peak) VALUES (?1, ?2, ?3, ?4)",
                   "itii", run, mem_cat_name((enum mem_cat)c), (int64_t)res->mem_peak[c],
                   (int64_t)res->mem_at_peak[c]);
    return rc;
}

/* A run's metric columns are those of its sweep's metric. A run tells those of its loss; for another metric
 * they are taken from what it told of it. */
static int run_metric(struct db *db, int64_t run, struct err *e) {
    return db_do(
        db, e,
        "WITH told AS (SELECT m.step, m.value, s.goal = 'maximize' AS up FROM metric m, run r, sweep s"
        "  WHERE r.id = ?1 AND s.id = r.sweep AND m.run = r.id AND m.key = s.metric),"
        " best AS (SELECT step, value FROM told WHERE value IS NOT NULL"
        "  ORDER BY CASE WHEN up THEN -value ELSE value END, step LIMIT 1)"
        " UPDATE run SET metric = (SELECT value FROM told ORDER BY step DESC LIMIT 1),"
        "  best_metric = (SELECT value FROM best), best_step = (SELECT step FROM best),"
        "  test_metric = (SELECT m.value FROM metric m, sweep s WHERE s.id = run.sweep AND m.run = run.id"
        "   AND m.key = 'test/' || substr(s.metric, 6) ORDER BY m.step DESC LIMIT 1)"
        " WHERE id = ?1 AND (SELECT metric FROM sweep WHERE id = run.sweep) LIKE 'eval/%'"
        "  AND (SELECT metric FROM sweep WHERE id = run.sweep) <> 'eval/loss'",
        "i", run);
}

int db_run_finish(struct db *db, int64_t run, const struct train_result *res, int concurrent, struct err *e) {
    int rc = db_do(
        db, e,
        "UPDATE run SET ended = " UTC_NOW ", state = ?2, error = ?3, concurrent = ?4, trainable = ?5,"
        " total_params = ?6, adapted_params = ?7, steps = ?8, tokens = ?9, train_loss = ?10, eval_loss = ?11,"
        " metric = ?12, best_metric = ?13, best_step = ?14, test_metric = ?15, peak_bytes = ?16,"
        " peak_bytes_predicted = ?17, rss_bytes = ?18, checkpoint_bytes = ?19, checkpoint_bytes_min = ?20,"
        " train_s = ?21, eval_s = ?22, total_s = ?23 WHERE id = ?1",
        "ittllllllnnnnlnzzzllnnn", run, run_state_name(res->state), res->error[0] ? res->error : NULL,
        (long)concurrent, res->trainable, res->total_params, res->adapted_params, res->steps, res->tokens,
        res->train_loss, res->eval_loss, res->metric, res->best_metric, res->best_step, res->test_metric,
        res->peak_bytes, res->peak_bytes_predicted, res->rss_bytes, res->checkpoint_bytes,
        res->checkpoint_bytes_min, res->train_s, res->eval_s, res->total_s);
    if (!rc && res->weights[0])
        rc = db_do(db, e, "UPDATE point SET weights = ?2 WHERE id = (SELECT point FROM run WHERE id = ?1)",
                   "it", run, res->weights);
    if (!rc) rc = run_metric(db, run, e);
    if (!rc) rc = run_memory(db, run, res, e);
    if (!rc && res->checkpoint_path[0])
        rc = db_checkpoint(db, run, res->steps, res->checkpoint_path, res->checkpoint_bytes,
                           res->checkpoint_sha256[0] ? res->checkpoint_sha256 : NULL, e);
    return rc ? rc : db_flush(db, e);
}

int db_run_metric(struct db *db, int64_t run, double *value, struct err *e) {
    struct db_query *q;
    int rc = db_query(db, &q, "SELECT metric FROM run WHERE id = ?1", e);
    if (rc) return rc;
    db_query_bind_int(q, 1, run);
    rc = db_query_next(q, e);
    *value = rc > 0 ? db_query_num(q, 0) : NAN;
    db_query_close(q);
    return rc < 0 ? rc : 0;
}

/* Checkpoints lie beside their record, and move with it. Takes `path`. */
static char *follow_record(char *path, const char *db) {
    const char *last = strrchr(path, '/');
    if (dir_exists(path) || !last) return path;
    char *folder = path_dir(db), *moved = xasprintf("%s/checkpoints%s", folder, last);
    bool found = dir_exists(moved);
    free(folder);
    free(found ? path : moved);
    return found ? moved : path;
}

int db_checkpoint_path(struct db *db, int64_t run, char **ret, struct err *e) {
    struct db_query *q;
    *ret = NULL;
    int rc = db_query(db, &q, "SELECT path FROM checkpoint WHERE run = ?1 ORDER BY step DESC LIMIT 1", e);
    if (rc) return rc;
    db_query_bind_int(q, 1, run);
    rc = db_query_next(q, e);
    if (rc > 0) *ret = follow_record(xstrdup(db_query_text(q, 0)), db_path(db));
    db_query_close(q);
    return rc < 0 ? rc : 0;
}

int db_former_runs(struct db *db, const char *sweep, const struct db_model *m, int64_t *n, struct err *e) {
    int rc = db_do(db, e,
                   "SELECT count(*) FROM run r JOIN sweep s ON s.id = r.sweep JOIN point p ON p.id = r.point"
                   " JOIN model m ON m.id = p.model"
                   " WHERE s.name = ?1 AND m.name = ?2 AND m.path = ?3 AND m.digest <> ?4"
                   " AND r.state IN " RUN_SQL_FINISHED,
                   "tttt", sweep, m->name, m->path, m->digest);
    *n = rc ? 0 : db_value(db);
    return rc;
}

int db_metric(struct db *db, int64_t run, const char *key, long step, double value, struct err *e) {
    const char *kind = isnan(value) ? "nan" : !isinf(value) ? "finite" : value > 0 ? "+inf" : "-inf";
    return db_do(db, e,
                 "INSERT OR REPLACE INTO metric (run, key, step, value, kind) VALUES (?1, ?2, ?3, ?4, ?5)",
                 "itint", run, key, (int64_t)step, isfinite(value) ? value : NAN, kind);
}

int db_item(struct db *db, int64_t run, const char *key, long item, double value, double weight,
            struct err *e) {
    return db_do(db, e,
                 "INSERT OR REPLACE INTO item (run, key, item, value, weight) VALUES (?1, ?2, ?3, ?4, ?5)",
                 "itinn", run, key, (int64_t)item, value, weight);
}

int db_event(struct db *db, int64_t run, const char *kind, const char *text, struct err *e) {
    return db_do(db, e, "INSERT INTO event (run, time, kind, text) VALUES (?1, " UTC_NOW ", ?2, ?3)", "ltt",
                 (long)(run > 0 ? run : -1), kind, text);
}

int db_checkpoint(struct db *db, int64_t run, long step, const char *path, long bytes, const char *sha256,
                  struct err *e) {
    return db_do(
        db, e,
        "INSERT OR REPLACE INTO checkpoint (run, step, path, bytes, sha256) VALUES (?1, ?2, ?3, ?4, ?5)",
        "iitlt", run, (int64_t)(step > 0 ? step : 0), path, bytes, sha256);
}

/* ---- speed --------------------------------------------------------------------------------------------- */

int db_speed_put(struct db *db, const struct db_speed *s, struct err *e) {
    int rc =
        db_do(db, e,
              "INSERT OR REPLACE INTO speed (key, cpu, threads, build, train, eval, other, calibration, time)"
              " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, " UTC_NOW ")",
              "ttltnnni", s->key, s->cpu, (long)s->threads, s->build, s->train, s->eval, s->other,
              (int64_t)s->calibration);
    return rc ? rc : db_flush(db, e);
}

int db_speed_get(struct db *db, struct db_speed *s, struct err *e) {
    struct db_query *q;
    if (db_version(db) < 2) return 0;
    int rc = db_query(db, &q,
                      "SELECT train, eval, other, calibration FROM speed"
                      " WHERE key = ?1 AND cpu = ?2 AND threads = ?3 AND build = ?4",
                      e);
    if (rc) return rc;
    db_query_bind_text(q, 1, s->key);
    db_query_bind_text(q, 2, s->cpu);
    db_query_bind_int(q, 3, s->threads);
    db_query_bind_text(q, 4, s->build);
    if ((rc = db_query_next(q, e)) == 1) {
        s->train = db_query_num(q, 0);
        s->eval = db_query_num(q, 1);
        s->other = db_query_num(q, 2);
        s->calibration = db_query_int(q, 3) != 0;
    }
    db_query_close(q);
    return rc;
}

/* ---- finding ------------------------------------------------------------------------------------------- */

bool db_has_controls(const struct db *db) { return db_version(db) >= 3; }

int64_t db_sweep_find(struct db *db, const char *name_or_path, struct err *e) {
    char *real = name_or_path ? realpath(name_or_path, NULL) : NULL;
    int rc = db_do(db, e,
                   "SELECT max(id) FROM sweep WHERE ?1 IS NULL OR name = ?1 OR path = ?2"
                   " OR substr(path, -length('/' || ?1)) = '/' || ?1",
                   "tt", name_or_path, real);
    free(real);
    return rc ? rc : db_value(db);
}
