/* db.c - the record in SQLite: opening, locking, statements, queries. The only file that includes sqlite3.h.
 * See db.h.
 *
 * What is recorded is in db_record.c, which goes through db_do (db_do.h): a statement is prepared once per
 * handle and found again by the address of its text, so that the rows of a run cost microseconds each. The
 * schema is schema.sql, compiled in. Limits: one handle is for one thread; a file on a network filesystem is
 * safe but pays several fsyncs per commit. */
#include "harness/record/db.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "build/schema.inc"
#include "harness/record/db_do.h"
#include "harness/base/util.h"

#if SQLITE_VERSION_NUMBER < 3037000
#error "SQLite 3.37 or newer is needed (STRICT tables)"
#endif

#define DB_SCHEMA 4 /* user_version that this program writes */
#define DB_READS                                                                                             \
    1 /* the oldest that it reads without an upgrade: 2 added `speed`, 3 the control arms, 4 views */
#define DB_APP        0x62656e63 /* application_id: "benc" */
#define DB_BUSY_MS    10000      /* how long a statement waits for another process */
#define DB_STATEMENTS 40         /* distinct texts given to db_do */

/* upgrades[v] turns the tables of schema v into those of v + 1; schema.sql always makes the newest ones. */
static const char *const upgrades[DB_SCHEMA] = {
    NULL,
    "CREATE TABLE speed (key TEXT NOT NULL, cpu TEXT NOT NULL, threads INTEGER NOT NULL, build TEXT NOT NULL,"
    " train REAL, eval REAL, other REAL NOT NULL, calibration INTEGER NOT NULL, time TEXT NOT NULL,"
    " PRIMARY KEY (key, cpu, threads, build)) STRICT, WITHOUT ROWID",
    "CREATE TABLE point_control (sweep INTEGER NOT NULL REFERENCES sweep(id) ON DELETE CASCADE,"
    " point INTEGER NOT NULL REFERENCES point(id) ON DELETE CASCADE,"
    " control INTEGER NOT NULL REFERENCES point(id) ON DELETE CASCADE, kind TEXT NOT NULL,"
    " PRIMARY KEY (sweep, point, control, kind)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX point_control_control ON point_control(control);"
    "ALTER TABLE sweep_point ADD COLUMN control INTEGER NOT NULL DEFAULT 0",
    "",
};

struct db {
    sqlite3 *sql;
    char *path;
    bool write;
    int version; /* of the file's schema */
    int lock_fd;
    int64_t value; /* first column of the first row of the last db_do; 0: no row */
    int nstmt;
    struct {
        const char *text;
        sqlite3_stmt *s;
    } stmt[DB_STATEMENTS];
};

struct db_query {
    struct db *db;
    sqlite3_stmt *s;
};

/* ---- errors -------------------------------------------------------------------------------------------- */

/* SQLite tries again without writing and then tells of that: "no such file", where a new one may not be made.
 */
static bool folder_writable(const char *path) {
    char *dir = path_dir(path);
    bool yes = access(dir, W_OK) == 0;
    free(dir);
    return yes;
}

/* SQLite's last error on this handle, with the file and what to do about it. */
static int db_fail(struct db *db, struct err *e) {
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

/* ---- opening ------------------------------------------------------------------------------------------- */

/* Filesystems shared between machines: WAL keeps its index in shared memory, which is wrong there. */
static bool fs_is_network(const char *path) {
    static const uint32_t magic[] = {
        0x6969,     /* NFS */
        0x517b,     /* SMB */
        0xff534d42, /* CIFS */
        0xfe534d42, /* SMB2 */
        0x0bd00bd0, /* Lustre */
        0x47504653, /* GPFS */
        0x19830326, /* BeeGFS */
        0xaad7aaea, /* PanFS */
        0x00c36400, /* Ceph */
        0x5346414f, /* AFS */
        0x73757245, /* Coda */
        0x7461636f, /* OCFS2 */
        0x01161970, /* GFS2 */
        0x01021997, /* 9p */
        0x65735546, /* FUSE: sshfs, glusterfs, ... */
    };
    struct statfs fs;
    if (statfs(path, &fs)) return false;
    for (size_t i = 0; i < ARRAY_LEN(magic); i++)
        if ((uint32_t)fs.f_type == magic[i]) return true;
    return false;
}

/* The number that a one-value PRAGMA or SELECT gives, -1 on error. */
int64_t db_number(struct db *db, const char *sql) {
    sqlite3_stmt *s;
    int64_t v = -1;
    if (sqlite3_prepare_v2(db->sql, sql, -1, &s, NULL)) return -1;
    if (sqlite3_step(s) == SQLITE_ROW) v = sqlite3_column_int64(s, 0);
    return sqlite3_finalize(s) ? -1 : v;
}

static int schema_make(struct db *db, struct err *e) {
    char sql[96];
    snprintf(sql, sizeof sql, "PRAGMA application_id=%d; PRAGMA user_version=%d", DB_APP, DB_SCHEMA);
    int rc = db_exec(db, schema_sql, e);
    return rc ? rc : db_exec(db, sql, e);
}

static int schema_upgrade(struct db *db, int from, struct err *e) {
    char sql[64];
    const char *views = strstr(schema_sql, "CREATE VIEW ");
    BUG_ON(!views, "schema.sql has no views (%d)", DB_SCHEMA);
    int rc = db_exec(db, "DROP VIEW IF EXISTS control_pairs; DROP VIEW sweep_runs; DROP VIEW runs", e);
    for (int v = from; v < DB_SCHEMA && !rc; v++) rc = db_exec(db, upgrades[v], e);
    if (!rc) rc = db_exec(db, views, e);
    snprintf(sql, sizeof sql, "PRAGMA user_version=%d", DB_SCHEMA);
    return rc ? rc : db_exec(db, sql, e);
}

/* Compare the file's schema with ours; make or upgrade it when writing. The transaction keeps two first
 * commands apart. */
static int schema_check(struct db *db, struct err *e) {
    int rc = db_exec(db, db->write ? "BEGIN IMMEDIATE" : "BEGIN", e);
    if (rc) return rc;
    int64_t tables = db_number(db, "SELECT count(*) FROM sqlite_master");
    int64_t app = db_number(db, "PRAGMA application_id"), version = db_number(db, "PRAGMA user_version");
    if (tables < 0 || app < 0 || version < 0)
        rc = db_fail(db, e);
    else if (tables == 0 && app == 0)
        rc = db->write ? schema_make(db, e)
                       : err_set(e, ERR_RESOURCE, "%s: empty: fill it with `bench run SWEEP.yaml`", db->path);
    else if (app != DB_APP)
        rc = err_set(e, ERR_USER, "%s: an SQLite database, but not one of bench: give another file with --db",
                     db->path);
    else if (version > DB_SCHEMA)
        rc = err_set(e, ERR_USER,
                     "%s: was written by a newer bench (schema %lld, this one knows %d): update bench or use "
                     "another --db",
                     db->path, (long long)version, DB_SCHEMA);
    else if (version < 1)
        rc = err_set(e, ERR_USER, "%s: has no schema version: not written by bench; use another --db",
                     db->path);
    else if (version < DB_SCHEMA && db->write)
        rc = schema_upgrade(db, (int)version, e);
    else if (version < DB_READS)
        rc = err_set(e, ERR_USER,
                     "%s: was written by an older bench (schema %lld): the next `bench run` updates it",
                     db->path, (long long)version);
    if (rc) {
        sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
        return rc;
    }
    db->version = db->write ? DB_SCHEMA : (int)version;
    return db_exec(db, "COMMIT", e);
}

static int db_settings(struct db *db, struct err *e) {
    sqlite3_busy_timeout(db->sql, DB_BUSY_MS);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return db_exec(db, "PRAGMA trusted_schema=0; PRAGMA foreign_keys=1", e);
}

/* Only of a file that is known to be ours: it is kept in the file. */
static int db_journal(struct db *db, struct err *e) {
    if (!db->write) return 0;
    return db_exec(db,
                   fs_is_network(db->path) ? "PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL"
                                           : "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
                   e);
}

/* Read-only media cannot hold the -shm file that a reader of a WAL database needs. Without a -wal file beside
 * it the database is complete by itself, and may be read as a file that does not change. */
static int open_immutable(struct db *db) {
    struct strbuf uri = {0};
    char *wal = xasprintf("%s-wal", db->path);
    bool has_wal = file_exists(wal);
    free(wal);
    if (has_wal) return SQLITE_READONLY;
    strbuf_adds(&uri, "file:");
    for (const unsigned char *p = (const unsigned char *)db->path; *p; p++)
        strbuf_addf(&uri, isalnum(*p) || strchr("/._-", *p) ? "%c" : "%%%02X", *p);
    strbuf_adds(&uri, "?immutable=1");
    sqlite3_close(db->sql);
    int rc = sqlite3_open_v2(uri.s, &db->sql, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
    strbuf_release(&uri);
    return rc;
}

bool db_runner(const char *path, long *pid, char host[257]) {
    char *file = xasprintf("%s.lock", path), text[300] = "";
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    free(file);
    if (fd < 0) return false;
    bool held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    ssize_t n = held ? pread(fd, text, sizeof text - 1, 0) : 0;
    text[n > 0 ? n : 0] = '\0';
    close(fd);
    *pid = 0;
    strcpy(host, "?");
    if (held) sscanf(text, "%ld %256s", pid, host);
    return held;
}

static int db_connect(struct db *db, struct err *e) {
    int flags = db->write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    int rc = sqlite3_open_v2(db->path, &db->sql, flags, NULL);
    BUG_ON(!db->sql, "out of memory opening %s", db->path);
    if (rc) return db_fail(db, e);
    if (!db->write && db_number(db, "PRAGMA schema_version") < 0) { /* only now the file is looked at */
        int code = sqlite3_errcode(db->sql) & 0xff;
        if ((code == SQLITE_CANTOPEN || code == SQLITE_READONLY) && open_immutable(db)) return db_fail(db, e);
    }
    rc = db_settings(db, e);
    if (!rc) rc = schema_check(db, e);
    if (!rc && !db->write) rc = db_reader_views(db, strstr(schema_sql, "CREATE VIEW "), e);
    return rc ? rc : db_journal(db, e);
}

int db_open(struct db **ret, const char *path, bool write, struct err *e) {
    *ret = NULL;
    int rc;
    if (!*path) return err_set(e, ERR_USER, "--db: the name of the database is empty");
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return err_set(e, ERR_USER, "%s: not a file: name the database itself with --db", path);
    if (!write && !file_exists(path))
        return err_set(
            e, ERR_RESOURCE,
            "%s: no such database: fill it with `bench run SWEEP.yaml`, or name another one with --db", path);
    if (write) {
        char *dir = path_dir(path);
        rc = dir_make(dir, e);
        free(dir);
        if (rc) return rc;
    }
    struct db *db = xcalloc(1, sizeof *db);
    db->write = write;
    db->lock_fd = -1;
    char *cwd = getcwd(NULL, 0);
    db->path = path_join(cwd ? cwd : ".", path);
    free(cwd);
    if ((rc = db_connect(db, e))) {
        db_close(db);
        return rc;
    }
    *ret = db;
    return 0;
}

void db_close(struct db *db) {
    if (!db) return;
    db_flush(db, NULL);
    for (int i = 0; i < db->nstmt; i++) sqlite3_finalize(db->stmt[i].s);
    int rc = sqlite3_close(db->sql);
    BUG_ON(rc == SQLITE_BUSY, "a query of %s is still open", db->path);
    if (db->lock_fd >= 0) {
        if (ftruncate(db->lock_fd, 0)) { /* the lock is what counts, not the text in it */
        }
        close(db->lock_fd);
    }
    free(db->path);
    free(db);
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

/* ---- locking ------------------------------------------------------------------------------------------- */

static int lock_refuse(struct db *db, int fd, struct err *e) {
    char text[300] = "", host[257] = "?";
    long pid = 0;
    for (int i = 0; i < 20 && pid == 0; i++) { /* its owner writes the text right after it has the lock */
        ssize_t n = pread(fd, text, sizeof text - 1, 0);
        text[n > 0 ? n : 0] = 0;
        if (sscanf(text, "%ld %256s", &pid, host) < 2) pid = 0;
        if (pid == 0) usleep(5000);
    }
    if (pid == 0)
        return err_set(e, ERR_RESOURCE,
                       "another process is running on %s; wait for it with --wait or use another --db",
                       db->path);
    return err_set(e, ERR_RESOURCE,
                   "pid %ld on host %s is running on %s; wait for it with --wait or use another --db", pid,
                   host, db->path);
}

static int lock_write(struct db *db, const char *file, int fd, struct err *e) {
    char host[257] = "?";
    gethostname(host, sizeof host - 1);
    char *text = xasprintf("%ld %s\n", (long)getpid(), host);
    ssize_t n = (ssize_t)strlen(text);
    bool ok = ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) == n;
    free(text);
    if (!ok) return err_set(e, ERR_RESOURCE, "%s: cannot be written: %s", file, strerror(errno));
    db->lock_fd = fd;
    return 0;
}

static int lock_take(struct db *db, const char *file, int fd, bool wait, const volatile sig_atomic_t *stop,
                     struct err *e) {
    while (flock(fd, LOCK_EX | LOCK_NB)) {
        if (errno == EINTR) continue;
        if (errno != EWOULDBLOCK)
            return err_set(e, ERR_RESOURCE,
                           "%s: cannot be locked (%s): put the database on another disk with --db", file,
                           strerror(errno));
        if (!wait) return lock_refuse(db, fd, e);
        if (stop && *stop) return err_set(e, ERR_STOP, "stopped while waiting for %s", db->path);
        usleep(100000);
    }
    return lock_write(db, file, fd, e);
}

/* What a killed runner left. Nobody else writes: we hold the lock. */
static int db_recover(struct db *db, struct err *e) {
    int rc = db_do(db, e,
                   "UPDATE run SET state = 'interrupted', ended = " UTC_NOW ","
                   " error = 'its bench process ended before the run did'"
                   " WHERE state IN " RUN_SQL_OPEN,
                   "");
    return rc ? rc : db_flush(db, e);
}

int db_lock(struct db *db, bool wait, const volatile sig_atomic_t *stop, struct err *e) {
    BUG_ON(!db->write || db->lock_fd >= 0, "write=%d lock_fd=%d", db->write, db->lock_fd);
    char *file = xasprintf("%s.lock", db->path);
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0666), rc;
    if (fd < 0)
        rc = err_set(e, ERR_RESOURCE, "%s: cannot be opened: %s", file, strerror(errno));
    else if ((rc = lock_take(db, file, fd, wait, stop, e)))
        close(fd);
    free(file);
    return rc ? rc : db_recover(db, e);
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
