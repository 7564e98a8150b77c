/* SPDX-License-Identifier: Apache-2.0 */
/* db_file.h - the file below a database: who runs on it, and whether it is still where it was. Between db.c
 * and the operating system; nobody else includes it.
 *
 * The lock is on the file itself (its inode), so that no other name, link or deleted neighbour gets around
 * it: an open file description's lock (F_OFD_SETLK) on one byte far behind all that SQLite locks. It ends
 * with the process however it ends. "<db>.lock" beside it tells people who holds it, and is locked as well
 * (flock), for programs of older versions.
 *
 * A process that closes any descriptor of a file loses all locks that SQLite holds on that file: hence one
 * descriptor per file and process, which is closed with the last database handle. */
#ifndef BENCH_DB_FILE_H
#define BENCH_DB_FILE_H

#include <signal.h>
#include <stdbool.h>

#include "harness/base/err.h"

struct db_file;

/* The file at `path`, which must exist, after SQLite has opened it; close after SQLite has closed it. write:
 * it may be locked. NULL with e filled when it cannot be opened. */
struct db_file *db_file_open(const char *path, bool write, struct err *e);
void db_file_close(struct db_file *f); /* gives the lock up; accepts NULL */

/* Does a process hold the lock? Its id (0: unknown) and host. Takes nothing, so that it is
 * in nobody's way. */
bool db_file_runner(const struct db_file *f, long *pid, char host[257]);
/* Hold it. Taken by another: ERR_RESOURCE; with `wait`, polls until it is free or *stop (may be NULL) becomes
 * nonzero: ERR_STOP. */
int db_file_lock(struct db_file *f, bool wait, const volatile sig_atomic_t *stop, struct err *e);

/* Is the file still what its name means? ERR_RESOURCE: it was deleted, moved (the message says where to) or
 * replaced by another. */
int db_file_check(const struct db_file *f, struct err *e);

#endif
