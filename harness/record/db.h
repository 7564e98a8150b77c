/* SPDX-License-Identifier: Apache-2.0 */
/* db.h - the record: everything that ran, in one SQLite file. db.c is the only file that knows SQLite.
 *
 * One process writes: the parent of `bench run`, which holds a lock on the file (db_file.h). Anybody may
 * read meanwhile. Tables, columns and the views `runs` and `sweep_runs` are documented in schema.sql.
 *
 * Transactions: a recording call opens one when none is open. db_sweep_ready, db_run_new, db_run_start and
 * db_run_finish commit what has gathered; db_flush commits the rows of running runs (call it about once a
 * second, so that readers see curves grow). synchronous=FULL: a commit is on the disk when the call returns,
 * so that neither kill -9 nor a power cut loses what was committed. On a local disk the journal is a WAL,
 * which db_close writes into the file; on a network filesystem DELETE, since WAL needs shared memory.
 *
 * Every function that returns int: 0 or a negative err_code with `e` filled. Strings are copied. Not
 * thread-safe per handle. */
#ifndef BENCH_DB_H
#define BENCH_DB_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/core/run_result.h"

#define DB_DEFAULT "results/bench.db"

struct db;

/* ---- opening, locking ---------------------------------------------------------------------------------- */

/* write: makes parent folders, file and schema, brings an older schema up to date. !write: the file must
 * exist; nothing is changed, also not by queries, but that a killed writer's journal is put into the file;
 * works beside a writer, on read-only media, and on files of an older schema that lack nothing but what
 * db_speed_get reads. *ret is NULL on error. ERR_RESOURCE: missing, unreadable, read-only, disk full, busy;
 * ERR_USER: not a database, not bench's, of a newer bench. */
int db_open(struct db **ret, const char *path, bool write, struct err *e);
/* Commits what is open, releases the lock. Accepts NULL. */
void db_close(struct db *db);
/* Absolute path of the file. Checkpoints and plots go into folders beside it. */
const char *db_path(const struct db *db);

/* Become the one runner of this database (a lock on the file, which ends with the process however it ends;
 * exec'ed children do not inherit it). Then rows that a killed runner left `waiting` or `running` become
 * `interrupted`. Taken by another: ERR_RESOURCE with its pid and host; with `wait`, polls until it is free
 * or *stop (may be NULL) becomes nonzero: ERR_STOP. */
int db_lock(struct db *db, bool wait, const volatile sig_atomic_t *stop, struct err *e);

/* Is the file still where it was opened? ERR_RESOURCE: it was deleted, moved or replaced, as the message
 * says. */
int db_check(struct db *db, struct err *e);

/* ---- recording ----------------------------------------------------------------------------------------- */

struct db_env { /* what ran it; NULL strings are recorded as NULL */
    const char *build, *compiler, *cflags, *cpu, *blas, *os, *host;
    int cores;
};
int db_env(struct db *db, const struct db_env *env, int64_t *id, struct err *e); /* equal rows share an id */

struct db_model {
    const char *name; /* as in the sweep file: "smollm2-135m" or a path */
    const char *path, *digest;
    int64_t bytes; /* of the weight files; -1: unknown */
};
int db_model(struct db *db, const struct db_model *m, int64_t *id,
             struct err *e); /* same name and digest: same id */

struct db_dataset {
    const char *name;          /* "glosses", or the training file's name */
    const char *path, *digest; /* digest over all its files */
};
int db_dataset(struct db *db, const struct db_dataset *d, int64_t *id, struct err *e);

struct db_sweep {
    const char *name, *path;   /* of the file, absolute */
    const char *yaml;          /* its text */
    const char *overrides;     /* the --set arguments, one a line; NULL: none */
    const char *metric, *goal; /* "eval/loss", "minimize" */
    int run_cap;               /* 0: none */
};
/* One row per command; a command equal to the last one continues its row. Among sweeps of one name the last
 * one counts. Its cells are unlinked: link them all with db_cell, then db_sweep_ready. */
int db_sweep_begin(struct db *db, const struct db_sweep *s, int64_t *id, struct err *e);

struct db_point {
    const char *hash; /* of resolved configuration, data and model digests, without the seed */
    /* equal for all points that share one untouched base, and stored with that base's point too */
    const char *base_hash;
    const json_t *config;   /* resolved; method, task, train.lr, target_modules, ... are read from it */
    int64_t model, dataset; /* ids */
};
/* A point with this hash is reused. */
int db_point(struct db *db, const struct db_point *p, int64_t *id, struct err *e);
/* The sweep consists of these (point, seed) in this order (0-based), whether they run, ran in another sweep,
 * or stay behind run_cap. */
int db_cell(struct db *db, int64_t sweep, int64_t point, uint64_t seed, int order, struct err *e);
/* In this sweep `control` is a control arm of `point`; kind: what is held equal. only: it stands in the
 * sweep, whose cells are entered, for no other reason. */
int db_control(struct db *db, int64_t sweep, int64_t point, int64_t control, const char *kind, bool only,
               struct err *e);
int db_sweep_ready(struct db *db, struct err *e); /* commit: the sweep and its cells are visible */

/* The process that runs on this record now (holds its lock): its id (0: unknown) and host. False: nobody
 * does. */
bool db_runner(const struct db *db, long *pid, char host[257]);

/* The finished run of this configuration and seed, or 0; negative on error. Finished:
 * run_state_is_finished of its last attempt; the same command tries all others again. Works on read-only
 * handles. */
int64_t db_run_done(struct db *db, const char *hash, uint64_t seed, struct err *e);

struct db_run {
    int64_t sweep, point, env;
    uint64_t seed;
    int threads;
};
/* A new attempt, in state running. Commits. */
int db_run_new(struct db *db, const struct db_run *r, int64_t *id, struct err *e);
/* State, numbers and memory; a checkpoint row when checkpoint_path is set. `concurrent`: the most other
 * workers that ran at the same time. NaN, negative counts and zero peaks become NULL. Commits: the run is
 * safe when this returns. */
int db_run_finish(struct db *db, int64_t run, const struct train_result *res, int concurrent, struct err *e);

/* The value of its sweep's metric that a finished run has; NaN: none. Works on read-only handles. */
int db_run_metric(struct db *db, int64_t run, double *value, struct err *e);

/* The folder that a run's checkpoint is in: where it was written, or, when that is gone, where it would be
 * after the record and its folder were moved. *ret: the caller frees; NULL: nothing was saved. Works on
 * read-only handles. */
int db_checkpoint_path(struct db *db, int64_t run, char **ret, struct err *e);

/* *n: finished runs of the sweep of this name with the model of this name and place, and other contents.
 * Works on read-only handles. */
int db_former_runs(struct db *db, const char *sweep, const struct db_model *m, int64_t *n, struct err *e);

/* Rows of a run. The last value of the same key and step (item) counts. */
int db_metric(struct db *db, int64_t run, const char *key, long step, double value,
              struct err *e); /* NaN, +-inf are kept */
/* weight > 0: what the row counts in the score, sum(weight value) / sum(weight). Rows that were recorded
 * before weights were have none (NULL). */
int db_item(struct db *db, int64_t run, const char *key, long item, double value, double weight,
            struct err *e);
int db_event(struct db *db, int64_t run, const char *kind, const char *text,
             struct err *e); /* run 0: of the command */
int db_checkpoint(struct db *db, int64_t run, long step, const char *path, long bytes, const char *sha256,
                  struct err *e);

/* How fast runs of one shape go on an idle machine: seconds per token, and per run besides. NaN: not
 * measured. */
struct db_speed {
    const char *key, *cpu, *build; /* key: speed_key (speed.h) */
    int threads;
    double train, eval, other;
    bool calibration; /* a few steps of `bench plan`, not a whole run */
};
/* Replaces what the record holds for the same key, cpu, build and threads. Commits. */
int db_speed_put(struct db *db, const struct db_speed *s, struct err *e);
/* Given key, cpu, build and threads, fills the rest. 1: found, 0: not, negative: error. Works on read-only
 * handles. */
int db_speed_get(struct db *db, struct db_speed *s, struct err *e);

int db_flush(struct db *db, struct err *e); /* commit what has gathered; nothing to do: free */
void db_undo(struct db *db);                /* forget what has gathered since the last commit */

/* ---- reading ------------------------------------------------------------------------------------------- */

enum db_type { DB_NULL, DB_INT, DB_NUM, DB_TEXT };
struct db_query;

/* One SELECT. `?1`, `?2`, ... are bound before the first db_query_next. Anything that writes, and a second
 * statement, are refused. ERR_USER with SQLite's message for bad SQL (a user's --where). *ret is NULL on
 * error. */
int db_query(struct db *db, struct db_query **ret, const char *sql, struct err *e);
void db_query_bind_int(struct db_query *q, int i, int64_t v);
void db_query_bind_num(struct db_query *q, int i, double v);
void db_query_bind_text(struct db_query *q, int i, const char *v); /* NULL: SQL NULL */
int db_query_next(struct db_query *q, struct err *e);              /* 1: a row, 0: no more, negative: error */
int db_query_cols(const struct db_query *q);
const char *db_query_name(const struct db_query *q, int col); /* valid until close */
enum db_type db_query_type(const struct db_query *q, int col);
int64_t db_query_int(const struct db_query *q, int col);      /* 0 for NULL */
double db_query_num(const struct db_query *q, int col);       /* NaN for NULL */
const char *db_query_text(const struct db_query *q, int col); /* NULL for NULL; valid until the next row */
void db_query_close(struct db_query *q);                      /* accepts NULL */

/* Does this file know control arms (point_control, control_pairs)? One that an older bench wrote, opened for
 * reading, does not. */
bool db_has_controls(const struct db *db);
/* The id of the last sweep of this name, or of this file (a path), or of all (NULL); 0: none; negative:
 * error. */
int64_t db_sweep_find(struct db *db, const char *name_or_path, struct err *e);

#endif
