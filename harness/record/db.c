/* SPDX-License-Identifier: Apache-2.0 */
/* db.c - the record in SQLite: opening, the schema and its upgrades. See db.h.
 *
 * The schema is schema.sql, compiled in. Limits: one handle is for one thread; a file on a network filesystem
 * is safe but pays several fsyncs per commit. */
#include "harness/record/db.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "build/schema.inc"
#include "harness/record/db_private.h"
#include "harness/record/db_file.h"
#include "harness/base/util.h"

#if SQLITE_VERSION_NUMBER < 3037000
#error "SQLite 3.37 or newer is needed (STRICT tables)"
#endif

#define DB_SCHEMA 5 /* user_version that this program writes */
/* the oldest that it reads without an upgrade: 2 added `speed`, 3 the control arms, 4 views, 5 weights of
 * rows */
#define DB_READS 1
#define DB_APP   0x62656e63 /* application_id: "benc" */

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
    "ALTER TABLE item ADD COLUMN weight REAL",
};

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
                                           : "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
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

/* What a killed writer left in the journal, into the file: also after a command that only reads the file can
 * be copied alone. Where it may not be written, nothing happens. */
static void settle_journal(const struct db *db) {
    char *wal = xasprintf("%s-wal", db->path), host[257];
    struct stat st;
    long pid;
    sqlite3 *sql;
    if (stat(wal, &st) == 0 && st.st_size > 0 && access(db->path, W_OK) == 0 && !db_runner(db, &pid, host)) {
        if (sqlite3_open_v2(db->path, &sql, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK)
            sqlite3_exec(sql, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
        sqlite3_close(sql);
    }
    free(wal);
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
    if (!rc && !(db->file = db_file_open(db->path, db->write, e))) rc = e->code;
    if (!rc && !db->write) settle_journal(db);
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

/* All that was committed into the file itself, so that it can be copied alone; also while somebody reads. */
static void complete_file(struct db *db) {
    int keep = 1;
    if (!db->write || !db->sql) return;
    sqlite3_exec(db->sql, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
    /* What stands beside that name now may be another database's. */
    if (db->lost) sqlite3_file_control(db->sql, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
}

void db_close(struct db *db) {
    if (!db) return;
    db_flush(db, NULL);
    for (int i = 0; i < db->nstmt; i++) sqlite3_finalize(db->stmt[i].s);
    complete_file(db);
    int rc = sqlite3_close(db->sql);
    BUG_ON(rc == SQLITE_BUSY, "a query of %s is still open", db->path);
    db_file_close(db->file);
    free(db->path);
    free(db);
}
