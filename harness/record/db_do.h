/* SPDX-License-Identifier: Apache-2.0 */
/* db_do.h - between the files of this folder: db.c, which knows SQLite, and those that know what is recorded
 * and what is read. Nobody else includes it. */
#ifndef BENCH_DB_DO_H
#define BENCH_DB_DO_H

#include "harness/record/db.h"

#define UTC_NOW "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')"

/* Run one statement, in a transaction that is opened when it writes. `text` must be a string literal (it is
 * found again by its address). `types` spells the arguments for ?1, ?2, ...:
 *
 *   i  int64_t                       z  size_t, 0: NULL           t  const char *, NULL: NULL
 *   l  long, negative: NULL          n  double, NaN: NULL
 */
int db_do(struct db *db, struct err *e, const char *text, const char *types, ...);
/* Statements without arguments or results. */
int db_exec(struct db *db, const char *sql, struct err *e);
/* The number that a one-value PRAGMA or SELECT gives, -1 on error. */
int64_t db_number(struct db *db, const char *sql);
/* The first column of the first row that the last db_do gave; 0: no row. */
int64_t db_value(const struct db *db);
/* The schema of the file: a reader may see one that is older than schema.sql. */
int db_version(const struct db *db);
/* db_views.c: what a reader sees in place of the file's views, which may be older: `views`, the text of the
 * present ones, over tables as they would be now. Runs of a process that is gone read as interrupted. */
int db_reader_views(struct db *db, const char *views, struct err *e);

#endif
