/* SPDX-License-Identifier: Apache-2.0 */
/* test_db_upgrade.c - a record that an older bench made: read as it is, brought up to date when written,
 * nothing lost.
 *
 * tests/unit/schema_1.sql is schema 1 as it was released; it never changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/record/db.h"
#include "harness/base/util.h"

static char dir[64], *path;

static int setup(void **state) {
    (void)state;
    strcpy(dir, "/tmp/bench-test-upgrade-XXXXXX");
    if (!mkdtemp(dir)) return -1;
    path = path_join(dir, "old.db");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    char *cmd = xasprintf("rm -rf %s", dir);
    int rc = system(cmd);
    free(cmd);
    free(path);
    return rc;
}

/* A file of schema 1 with a sweep, a point and a finished run. */
static void make_old(void) {
    static const char rows[] =
        "PRAGMA application_id=1650814563; PRAGMA user_version=1;"
        "INSERT INTO sweep (id, name, yaml, metric, goal, begun) VALUES (1, 'rank', 'y', 'eval/loss', "
        "'minimize', 't');"
        "INSERT INTO point (id, hash, method, untouched, config) VALUES (1, 'h', 'lora', 0, '{}');"
        "INSERT INTO run (id, point, seed, attempt, sweep, state, created, eval_loss)"
        " VALUES (7, 1, 0, 1, 1, 'complete', 't', 1.5);"
        "INSERT INTO item (run, key, item, value) VALUES (7, 'eval/loss', 0, 1.25);";
    struct strbuf sql = {0};
    struct err e = {0};
    sqlite3 *db;
    if (file_read("tests/unit/schema_1.sql", 1 << 20, &sql, &e)) fail_msg("%s", e.msg);
    strbuf_adds(&sql, rows);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    char *msg = NULL;
    if (sqlite3_exec(db, sql.s, NULL, NULL, &msg)) fail_msg("%s", msg);
    sqlite3_close(db);
    strbuf_release(&sql);
}

static struct db *open_db(const char *file, bool write) {
    struct db *db;
    struct err e = {0};
    if (db_open(&db, file, write, &e)) fail_msg("%s", e.msg);
    return db;
}

/* The first column of the first row. Caller frees. */
static char *text(struct db *db, const char *sql) {
    struct db_query *q;
    struct err e = {0};
    if (db_query(db, &q, sql, &e)) fail_msg("%s", e.msg);
    assert_int_equal(db_query_next(q, &e), 1);
    char *s = xstrdup(db_query_text(q, 0) ? db_query_text(q, 0) : "NULL");
    db_query_close(q);
    return s;
}

static void assert_text(struct db *db, const char *sql, const char *want) {
    char *s = text(db, sql);
    assert_string_equal(s, want);
    free(s);
}

static const char version[] = "SELECT user_version FROM pragma_user_version";

static void an_older_record_is_read_as_it_is(void **state) {
    (void)state;
    make_old();
    struct db *db = open_db(path, false);
    struct err e = {0};
    assert_text(db, version, "1");
    assert_text(db, "SELECT sweep || ' ' || method || ' ' || eval_loss FROM runs", "rank lora 1.5");
    assert_int_equal(db_run_done(db, "h", 0, &e), 7);
    struct db_speed s = {.key = "k", .cpu = "c", .build = "b", .threads = 1};
    assert_int_equal(db_speed_get(db, &s, &e), 0);
    db_close(db);
    db = open_db(path, false);
    assert_text(db, version, "1");
    db_close(db);
}

static void writing_brings_it_up_to_date_and_keeps_what_it_holds(void **state) {
    (void)state;
    make_old();
    struct db *db = open_db(path, true);
    assert_text(db, version, "5");
    assert_text(db, "SELECT state FROM run WHERE id = 7", "complete");
    struct err e = {0};
    struct db_speed s = {
        .key = "k", .cpu = "c", .build = "b", .threads = 1, .train = NAN, .eval = 0.5, .other = 2};
    assert_int_equal(db_speed_put(db, &s, &e), 0);
    db_close(db);
    db = open_db(path, true); /* once is enough */
    assert_text(db, "SELECT count(*) FROM speed", "1");
    assert_text(db, "SELECT quote(train) || ' ' || eval FROM speed", "NULL 0.5");
    db_close(db);
}

/* Views are made anew: those of an older bench know nothing of control arms. */
static void an_upgraded_record_tells_control_arms(void **state) {
    (void)state;
    make_old();
    struct db *db = open_db(path, false);
    assert_false(db_has_controls(db));
    db_close(db);
    db = open_db(path, true);
    struct err e = {0};
    assert_true(db_has_controls(db));
    assert_text(db, "SELECT coalesce(control_of, 'none') FROM runs", "none");
    int64_t other;
    json_t *config = json_pack("{s:s}", "method", "lora_plus");
    assert_int_equal(db_point(db, &(struct db_point){.hash = "h2", .config = config}, &other, &e), 0);
    json_decref(config);
    assert_int_equal(db_cell(db, 1, other, 0, 0, &e), 0);
    assert_int_equal(db_cell(db, 1, 1, 0, 1, &e), 0);
    assert_int_equal(db_control(db, 1, other, 1, "alpha x ratio", true, &e), 0);
    assert_int_equal(db_flush(db, &e), 0);
    assert_text(db, "SELECT control_of = 2 FROM runs WHERE point_id = 1", "1");
    assert_text(db, "SELECT group_concat(control) FROM (SELECT control FROM sweep_runs ORDER BY ord)", "0,1");
    assert_text(db,
                "SELECT kind || ' ' || control_run_id || ' ' || coalesce(run_id, 'open') FROM control_pairs",
                "alpha x ratio 7 open");
    db_close(db);
}

/* What was recorded without weights says so: NULL, not 1, which would be a claim. */
static void rows_of_an_older_record_have_no_weight_and_new_ones_have(void **state) {
    (void)state;
    make_old();
    struct db *db = open_db(path, false);
    assert_text(db, "SELECT item || ' ' || value || ' ' || coalesce(weight, 'unknown') FROM item",
                "0 1.25 unknown");
    db_close(db);
    db = open_db(path, true);
    struct err e = {0};
    assert_int_equal(db_item(db, 7, "eval/loss", 1, 0.5, 12, &e), 0);
    assert_int_equal(db_flush(db, &e), 0);
    assert_text(
        db, "SELECT group_concat(item || ' ' || value || ' ' || coalesce(weight, 'unknown'), '; ') FROM item",
        "0 1.25 unknown; 1 0.5 12.0");
    db_close(db);
}

static void an_upgraded_record_has_the_columns_of_a_new_one(void **state) {
    (void)state;
    static const char columns[] =
        "SELECT group_concat(x, char(10)) FROM (SELECT m.type || ' ' || m.name || ' ' || c.name || ' ' || "
        "c.type || ' '"
        " || c.\"notnull\" || ' ' || c.pk AS x FROM sqlite_master m, pragma_table_info(m.name) c"
        " ORDER BY m.name, c.cid)";
    make_old();
    char *fresh = path_join(dir, "new.db");
    struct db *old = open_db(path, true), *new = open_db(fresh, true);
    char *a = text(old, columns), *b = text(new, columns);
    assert_string_equal(a, b);
    assert_non_null(strstr(a, "table speed key TEXT"));
    free(a);
    free(b);
    db_close(old);
    db_close(new);
    free(fresh);
}

static void a_speed_is_found_by_shape_machine_threads_and_build(void **state) {
    (void)state;
    struct db *db = open_db(path, true);
    struct err e = {0};
    struct db_speed s = {"k", "c", "b", 2, 0.25, 0.125, 3, true}, t = {"k", "c", "b", 2, 0, 0, 0, false};
    assert_int_equal(db_speed_get(db, &t, &e), 0);
    assert_int_equal(db_speed_put(db, &s, &e), 0);
    assert_int_equal(db_speed_get(db, &t, &e), 1);
    assert_true(t.train == 0.25 && t.eval == 0.125 && t.other == 3 && t.calibration);
    s.train = 0.5; /* the last measurement counts */
    s.calibration = false;
    assert_int_equal(db_speed_put(db, &s, &e), 0);
    assert_int_equal(db_speed_get(db, &t, &e), 1);
    assert_true(t.train == 0.5 && !t.calibration);
    t.threads = 1;
    assert_int_equal(db_speed_get(db, &t, &e), 0);
    t = (struct db_speed){.key = "k", .cpu = "c", .build = "other", .threads = 2};
    assert_int_equal(db_speed_get(db, &t, &e), 0);
    db_close(db);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_older_record_is_read_as_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(writing_brings_it_up_to_date_and_keeps_what_it_holds, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_upgraded_record_tells_control_arms, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_of_an_older_record_have_no_weight_and_new_ones_have, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_upgraded_record_has_the_columns_of_a_new_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_speed_is_found_by_shape_machine_threads_and_build, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
