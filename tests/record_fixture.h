/* SPDX-License-Identifier: Apache-2.0 */
/* record_fixture.h - for tests: a record in a folder of its own, with one sweep that has no cells yet. */
#ifndef BENCH_TESTS_RECORD_FIXTURE_H
#define BENCH_TESTS_RECORD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "harness/base/util.h"
#include "harness/record/db.h"
#include "tests/fixture.h"

static struct db *db;
static int64_t sweep;
static int order; /* of the next cell */

static inline void ok(int rc, const struct err *e) {
    if (rc) fail_msg("%d: %s", rc, e->msg);
}

static inline int setup(void **state) {
    struct err e = {0};
    if (make_dir(state)) return -1;
    char *path = path_join(dir, "bench.db");
    ok(db_open(&db, path, true, &e), &e);
    free(path);
    struct db_sweep s = {
        .name = "s", .path = "/x/s.yaml", .yaml = "y", .metric = "eval/loss", .goal = "minimize"};
    ok(db_sweep_begin(db, &s, &sweep, &e), &e);
    order = 0;
    return 0;
}

static inline int teardown(void **state) {
    db_close(db);
    return remove_dir(state);
}

#endif
