/* SPDX-License-Identifier: Apache-2.0 */
/* db_lock.c - one runner per record, and what a killed runner left. The lock itself is db_file.c's. See
 * db.h. */
#include "harness/base/util.h"
#include "harness/record/db_file.h"
#include "harness/record/db_private.h"

bool db_runner(const struct db *db, long *pid, char host[257]) { return db_file_runner(db->file, pid, host); }

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
    BUG_ON(!db->write, "%s was opened for reading", db->path);
    int rc = db_file_lock(db->file, wait, stop, e);
    return rc ? rc : db_recover(db, e);
}

int db_check(struct db *db, struct err *e) {
    int rc = db_file_check(db->file, e);
    db->lost = rc != 0;
    return rc;
}
