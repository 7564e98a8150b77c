/* SPDX-License-Identifier: Apache-2.0 */
/* db_query.c - statements and queries on a record, and what SQLite's errors mean to a user. See db.h.
 *
 * What is recorded goes through db_do (db_do.h): a statement is prepared once per handle and found again by
 * the address of its text, so that the rows of a run cost microseconds each. */
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/base/util.h"
#include "harness/record/db_private.h"

/* ---- errors -------------------------------------------------------------------------------------------- */

/* SQLite tries again without writing and then tells of that: "no such file", where a new one may not be made.
 */
static bool folder_writable(const char *path) {
    char *dir = path_dir(path);
    bool yes = access(dir, W_OK) == 0;
    free(dir);
    return yes;
}

int db_fail(struct db *db, struct err *e) {
    int rc = sqlite3_errcode(db->sql), sys = sqlite3_system_errno(db->sql);
    const char *p = db->path, *msg = sqlite3_errmsg(db->sql);
    struct rlimit size;
    switch (rc & 0xff) {
    case SQLITE_NOTADB:
        return err_set(e, ERR_USER, "%s: not a database: give another file with --db", p);
    case SQLITE_CORRUPT:
        return err_set(e, ERR_RESOURCE,
                       "%s: damaged (%s): save what is left with `sqlite3 %s .recover`, or use another --db",
                       p, msg, p);
    case SQLITE_FULL:
        return err_set(e, ERR_RESOURCE, "%s: the disk is full: free some space or use another --db", p);
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return err_set(e, ERR_RESOURCE,
                       "%s: cannot be written (%s): change its permissions or use another --db", p, msg);
    case SQLITE_CANTOPEN:
        return err_set(e, ERR_RESOURCE,
                       "%s: cannot be opened (%s): check folder and permissions, or use another --db", p,
                       folder_writable(p) ? sys ? strerror(sys) : msg : "its folder cannot be written");
    case SQLITE_IOERR:
        if (getrlimit(RLIMIT_FSIZE, &size) == 0 && size.rlim_cur != RLIM_INFINITY)
            return err_set(e, ERR_RESOURCE,
                           "%s: cannot be written: files may have %llu bytes here: raise that limit (ulimit "
                           "-f) or use another --db",
                           p, (unsigned long long)size.rlim_cur);
        return err_set(e, ERR_RESOURCE,
                       "%s: cannot be read or written (%s): check the disk or use another --db", p, msg);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(e, ERR_RESOURCE,
                       "%s: busy for %d s: another program is writing to it; end that or use another --db", p,
                       DB_BUSY_MS / 1000);
    case SQLITE_ERROR: /* SQL that does not fit the file: only a query or a foreign file can cause it */
        return err_set(e, ERR_USER, "%s: %s", p, msg);
    default:
        return err_set(e, ERR_RESOURCE, "%s: %s", p, msg);
    }
}

int db_exec(struct db *db, const char *sql, struct err *e) {
    return sqlite3_exec(db->sql, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_fail(db, e);
}

/* The number that a one-value PRAGMA or SELECT gives, -1 on error. */
int64_t db_number(struct db *db, const char *sql) {
    sqlite3_stmt *s;
    int64_t v = -1;
    if (sqlite3_prepare_v2(db->sql, sql, -1, &s, NULL)) return -1;
    if (sqlite3_step(s) == SQLITE_ROW) v = sqlite3_column_int64(s, 0);
    return sqlite3_finalize(s) ? -1 : v;
}

const char *db_path(const struct db *db) { return db->path; }

/* ---- statements ---------------------------------------------------------------------------------------- */

static sqlite3_stmt *db_statement(struct db *db, const char *text) {
    for (int i = 0; i < db->nstmt; i++)
        if (db->stmt[i].text == text) return db->stmt[i].s;
    BUG_ON(db->nstmt == DB_STATEMENTS, "more than %d statements", DB_STATEMENTS);
    sqlite3_stmt *s;
    if (sqlite3_prepare_v3(db->sql, text, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL)) return NULL;
    db->stmt[db->nstmt].text = text;
    return db->stmt[db->nstmt++].s = s;
}

static void stmt_bind_num(sqlite3_stmt *s, int i, double v) {
    if (isnan(v))
        sqlite3_bind_null(s, i);
    else
        sqlite3_bind_double(s, i, v);
}

static void stmt_bind(sqlite3_stmt *s, const char *types, va_list ap) {
    for (int i = 1; types[i - 1]; i++) {
        int64_t v = 0;
        const char *t;
        switch (types[i - 1]) {
        case 'i':
            sqlite3_bind_int64(s, i, va_arg(ap, int64_t));
            continue;
        case 'n':
            stmt_bind_num(s, i, va_arg(ap, double));
            continue;
        case 't':
            t = va_arg(ap, const char *); /* the caller's until the statement has run */
            sqlite3_bind_text(s, i, t, -1, SQLITE_STATIC);
            continue;
        case 'l':
            v = va_arg(ap, long);
            break;
        case 'z':
            v = (int64_t)va_arg(ap, size_t) - 1;
            break;
        default:
            BUG_ON(true, "type '%c'", types[i - 1]);
        }
        if (v < 0)
            sqlite3_bind_null(s, i);
        else
            sqlite3_bind_int64(s, i, v + (types[i - 1] == 'z'));
    }
}

int db_do(struct db *db, struct err *e, const char *text, const char *types, ...) {
    int rc;
    db->value = 0;
    sqlite3_stmt *s = db_statement(db, text);
    if (!s) return db_fail(db, e);
    if (!sqlite3_stmt_readonly(s) && sqlite3_get_autocommit(db->sql) &&
        (rc = db_exec(db, "BEGIN IMMEDIATE", e)))
        return rc;
    va_list ap;
    va_start(ap, types);
    stmt_bind(s, types, ap);
    va_end(ap);
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        db->value = sqlite3_column_int64(s, 0);
        while (rc == SQLITE_ROW) rc = sqlite3_step(s); /* RETURNING: to its end */
    }
    int ret = rc == SQLITE_DONE ? 0 : db_fail(db, e);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return ret;
}

int64_t db_value(const struct db *db) { return db->value; }

int db_version(const struct db *db) { return db->version; }

int db_flush(struct db *db, struct err *e) {
    if (!db->sql || sqlite3_get_autocommit(db->sql)) return 0;
    return db_exec(db, "COMMIT", e);
}

void db_undo(struct db *db) {
    if (!sqlite3_get_autocommit(db->sql)) sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
}

/* ---- reading ------------------------------------------------------------------------------------------- */

/* Nothing but blanks, semicolons and comments? */
static bool sql_is_blank(const char *s) {
    while (*s) {
        if (isspace((unsigned char)*s) || *s == ';')
            s++;
        else if (s[0] == '-' && s[1] == '-')
            s += strcspn(s, "\n");
        else
            return false;
    }
    return true;
}

int db_query(struct db *db, struct db_query **ret, const char *sql, struct err *e) {
    const char *tail = "";
    sqlite3_stmt *s;
    *ret = NULL;
    if (sqlite3_prepare_v2(db->sql, sql, -1, &s, &tail)) return db_fail(db, e);
    if (!s || !sqlite3_column_count(s) || !sqlite3_stmt_readonly(s) || !sql_is_blank(tail)) {
        sqlite3_finalize(s);
        return err_set(e, ERR_USER, "only one SELECT is allowed: %.200s", sql);
    }
    struct db_query *q = xcalloc(1, sizeof *q);
    q->db = db;
    q->s = s;
    *ret = q;
    return 0;
}

void db_query_bind_int(struct db_query *q, int i, int64_t v) { sqlite3_bind_int64(q->s, i, v); }
void db_query_bind_num(struct db_query *q, int i, double v) { stmt_bind_num(q->s, i, v); }
void db_query_bind_text(struct db_query *q, int i, const char *v) {
    sqlite3_bind_text(q->s, i, v, -1, SQLITE_TRANSIENT);
}

int db_query_next(struct db_query *q, struct err *e) {
    int rc = sqlite3_step(q->s);
    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : db_fail(q->db, e);
}

int db_query_cols(const struct db_query *q) { return sqlite3_column_count(q->s); }
const char *db_query_name(const struct db_query *q, int col) { return sqlite3_column_name(q->s, col); }

enum db_type db_query_type(const struct db_query *q, int col) {
    switch (sqlite3_column_type(q->s, col)) {
    case SQLITE_INTEGER:
        return DB_INT;
    case SQLITE_FLOAT:
        return DB_NUM;
    case SQLITE_NULL:
        return DB_NULL;
    default:
        return DB_TEXT;
    }
}

int64_t db_query_int(const struct db_query *q, int col) { return sqlite3_column_int64(q->s, col); }

double db_query_num(const struct db_query *q, int col) {
    return sqlite3_column_type(q->s, col) == SQLITE_NULL ? NAN : sqlite3_column_double(q->s, col);
}

const char *db_query_text(const struct db_query *q, int col) {
    return (const char *)sqlite3_column_text(q->s, col);
}

void db_query_close(struct db_query *q) {
    if (!q) return;
    sqlite3_finalize(q->s);
    free(q);
}
