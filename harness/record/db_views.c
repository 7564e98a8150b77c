/* SPDX-License-Identifier: Apache-2.0 */
/* db_views.c - what a reader sees: the views of schema.sql made for its connection alone, over the tables of
 * a file that may be older, so that every query is written once, for the present schema. */
#include <string.h>

#include "harness/base/util.h"
#include "harness/record/db_do.h"

/* A view that hides table `name`: all its columns, but for `column`, which reads as `sql`. */
static int hide_table(struct db *db, const char *name, const char *column, const char *sql, struct err *e) {
    struct strbuf text = {0};
    struct db_query *q;
    int rc = db_query(db, &q, "SELECT name FROM pragma_table_info(?1)", e);
    if (rc) return rc;
    db_query_bind_text(q, 1, name);
    strbuf_addf(&text, "CREATE TEMP VIEW %s AS SELECT", name);
    for (const char *sep = " "; (rc = db_query_next(q, e)) == 1; sep = ", ") {
        const char *key = db_query_text(q, 0);
        strbuf_addf(&text, "%s%s", sep, strcmp(key, column) ? key : sql);
    }
    db_query_close(q);
    strbuf_addf(&text, " FROM main.%s", name);
    if (!rc) rc = db_exec(db, text.s, e);
    strbuf_release(&text);
    return rc;
}

/* Runs of a process that is gone read as what the next command will make of them. */
static int hide_dead_runs(struct db *db, struct err *e) {
    long pid;
    char host[257];
    if (db_number(db, "SELECT count(*) FROM main.run WHERE state IN " RUN_SQL_OPEN) <= 0 ||
        db_runner(db, &pid, host))
        return 0;
    return hide_table(db, "run", "state",
                      "CASE WHEN state IN " RUN_SQL_OPEN " THEN 'interrupted' ELSE state END AS state", e);
}

/* Tables and columns that the file is too old to have. */
static int add_missing(struct db *db, struct err *e) {
    int rc = 0;
    if (db_version(db) < 5)
        rc = db_exec(db, "CREATE TEMP VIEW item AS SELECT *, NULL AS weight FROM main.item", e);
    if (rc || db_version(db) >= 3) return rc;
    return db_exec(db,
                   "CREATE TEMP VIEW point_control AS SELECT NULL AS sweep, NULL AS point, NULL AS control,"
                   " NULL AS kind WHERE 0;"
                   "CREATE TEMP VIEW sweep_point AS SELECT *, 0 AS control FROM main.sweep_point",
                   e);
}

/* The views' text, each made for this connection alone. */
static int make_views(struct db *db, const char *views, struct err *e) {
    static const char create[] = "CREATE VIEW ";
    struct strbuf text = {0};
    for (const char *at = views, *next; at; at = next) {
        at += sizeof create - 1;
        next = strstr(at, create);
        strbuf_adds(&text, "CREATE TEMP VIEW ");
        strbuf_add(&text, at, next ? (size_t)(next - at) : strlen(at));
    }
    int rc = db_exec(db, text.s, e);
    strbuf_release(&text);
    return rc;
}

int db_reader_views(struct db *db, const char *views, struct err *e) {
    int rc = hide_dead_runs(db, e);
    if (!rc) rc = add_missing(db, e);
    return rc ? rc : make_views(db, views, e);
}
