/* SPDX-License-Identifier: Apache-2.0 */
/* db_private.h - the handle of a record, for the files that speak to SQLite: db.c (opening), db_lock.c and
 * db_query.c. Nobody else includes it. */
#ifndef BENCH_DB_PRIVATE_H
#define BENCH_DB_PRIVATE_H

#include <sqlite3.h>

#include "harness/record/db_do.h"

#define DB_BUSY_MS    10000 /* how long a statement waits for another process */
#define DB_STATEMENTS 40    /* distinct texts given to db_do */

struct db_file; /* db_file.h */

struct db {
    sqlite3 *sql;
    char *path;
    bool write;
    int version; /* of the file's schema */
    struct db_file *file;
    bool lost;     /* the file is not where it was any more */
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

/* SQLite's last error on this handle, with the file and what to do about it. */
int db_fail(struct db *db, struct err *e);

#endif
