/* SPDX-License-Identifier: Apache-2.0 */
/* test_outbox.c - rows that cannot be written stay, in order and whole, until they can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "harness/base/util.h"
#include "harness/config/cfg.h"
#include "harness/sched/outbox.h"

enum { ROWS = 20000 };

static char dir[64];
static struct db *db;
static struct db_run row;
static struct err e;
static int ended;

static int setup(void **state) {
    (void)state;
    int64_t model, data;
    json_t *config = json_object();
    strcpy(dir, "/tmp/bench-test-outbox-XXXXXX");
    if (!mkdtemp(dir)) return 1;
    char *path = path_join(dir, "r.db");
    cfg_set(config, "method", json_string("lora"));
    int rc = db_open(&db, path, true, &e);
    if (!rc) rc = db_env(db, &(struct db_env){.build = "b"}, &row.env, &e);
    if (!rc) rc = db_model(db, &(struct db_model){"m", "/m", "d", 1}, &model, &e);
    if (!rc) rc = db_dataset(db, &(struct db_dataset){"d", "/d", "d"}, &data, &e);
    if (!rc)
        rc = db_sweep_begin(db, &(struct db_sweep){"s", "/s", "y", NULL, "eval/loss", "minimize", 0},
                            &row.sweep, &e);
    if (!rc) rc = db_point(db, &(struct db_point){"h", "b", config, model, data}, &row.point, &e);
    json_decref(config);
    free(path);
    ended = 0;
    signal(SIGXFSZ, SIG_IGN);
    return rc;
}

static int teardown(void **state) {
    (void)state;
    char *command = xasprintf("rm -r %s", dir);
    db_close(db);
    int rc = system(command);
    free(command);
    return rc;
}

/* No file of this process may grow beyond so many bytes: a disk that is full. */
static void limit_files(rlim_t bytes) {
    struct rlimit l;
    getrlimit(RLIMIT_FSIZE, &l);
    l.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &l);
}

static int on_done(const struct outbox_end *x, struct err *err) {
    (void)err;
    ended++;
    assert_ptr_equal(x->arg, &row);
    return 0;
}

static long count(const char *sql) {
    struct db_query *q;
    if (db_query(db, &q, sql, &e) || db_query_next(q, &e) != 1) fail_msg("%s", e.msg);
    long n = (long)db_query_int(q, 0);
    db_query_close(q);
    return n;
}

static void what_cannot_be_written_is_kept_and_written_later(void **state) {
    (void)state;
    int64_t run;
    struct outbox *b = outbox_new(db, on_done);
    struct outbox_end end = {.arg = &row, .res = {.state = RUN_COMPLETE, .steps = 3, .metric = 1}};
    assert_int_equal(db_run_new(db, &row, &run, &e), 0);
    outbox_event(b, run, "warning", "first");
    for (int i = 0; i < ROWS; i++) outbox_metric(b, run, "train/loss", i, i);
    outbox_item(b, run, "eval/loss", 0, 1, 1);
    outbox_finish(b, run, &end);
    limit_files(400 << 10); /* the first rows fit */
    assert_int_equal(outbox_flush(b, &e), ERR_RESOURCE);
    assert_int_equal(outbox_flush(b, &e), ERR_RESOURCE); /* and again */
    assert_int_equal(outbox_ends(b), 1);
    assert_int_equal(ended, 0);
    outbox_event(b, run, "warning", "last");
    limit_files(RLIM_INFINITY);
    assert_int_equal(outbox_flush(b, &e), 0);
    assert_true(outbox_is_empty(b) && outbox_ends(b) == 0);
    assert_int_equal(ended, 1);
    assert_int_equal(count("SELECT count(*) FROM metric"), ROWS);
    assert_int_equal(count("SELECT count(*) FROM event"), 2); /* each once */
    assert_int_equal(count("SELECT count(*) FROM item"), 1);
    assert_int_equal(count("SELECT count(*) FROM run WHERE state = 'complete' AND steps = 3"), 1);
    outbox_free(b);
}

static void a_row_that_fails_takes_back_those_before_it(void **state) {
    (void)state;
    int64_t run;
    struct outbox *b = outbox_new(db, on_done);
    assert_int_equal(db_run_new(db, &row, &run, &e), 0);
    outbox_event(b, run, "warning", "first");
    outbox_metric(b, run + 1000, "train/loss", 1, 1); /* of a run that the record does not have */
    for (int i = 0; i < 3; i++) {
        assert_int_not_equal(outbox_flush(b, &e), 0);
        assert_int_equal(count("SELECT count(*) FROM event"), 0);
    }
    assert_false(outbox_is_empty(b));
    outbox_free(b);
}

static void what_is_left_is_dropped_with_it(void **state) {
    (void)state;
    struct outbox *b = outbox_new(db, on_done);
    outbox_metric(b, 1, "a", 1, 1);
    outbox_event(b, 1, "warning", "x");
    outbox_finish(b, 1, &(struct outbox_end){.arg = &row});
    outbox_free(b);
    assert_int_equal(ended, 0);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(what_cannot_be_written_is_kept_and_written_later),
        T(a_row_that_fails_takes_back_those_before_it),
        T(what_is_left_is_dropped_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
