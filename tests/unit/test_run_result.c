/* SPDX-License-Identifier: Apache-2.0 */
/* test_run_result.c - the states of a run: names, kinds, the lists for SQL, and the schema that must know
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/util.h"
#include "harness/record/db.h"

static struct db *db;
static char dir[] = "/tmp/bench-test-states-XXXXXX";

static int setup(void **state) {
    (void)state;
    struct err e = {0};
    if (!mkdtemp(dir)) return 1;
    char *path = path_join(dir, "r.db");
    int rc = db_open(&db, path, true, &e);
    free(path);
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

static void ask(char *to, size_t size, const char *sql, const char *bind) {
    struct db_query *q;
    struct err e = {0};
    if (db_query(db, &q, sql, &e)) fail_msg("%s: %s", sql, e.msg);
    if (bind) db_query_bind_text(q, 1, bind);
    assert_int_equal(db_query_next(q, &e), 1);
    snprintf(to, size, "%s", db_query_text(q, 0));
    db_query_close(q);
}

static bool listed(const char *list, const char *name) {
    char answer[8], sql[300];
    snprintf(sql, sizeof sql, "SELECT ?1 IN %s", list);
    ask(answer, sizeof answer, sql, name);
    return *answer == '1';
}

static void a_state_has_one_name_and_the_schema_knows_it(void **state) {
    (void)state;
    char schema[8192], quoted[32];
    ask(schema, sizeof schema, "SELECT sql FROM sqlite_master WHERE name = 'run'", NULL);
    for (int i = 0; i < RUN_NSTATES; i++) {
        const char *name = run_state_name((enum run_state)i);
        assert_int_equal(run_state_parse(name), i);
        snprintf(quoted, sizeof quoted, "'%s'", name);
        assert_non_null(strstr(schema, quoted));
    }
    assert_int_equal(run_state_parse("done"), RUN_NSTATES);
    assert_int_equal(run_state_parse(NULL), RUN_NSTATES);
    assert_string_equal(run_state_name(RUN_NSTATES), "?");
}

static void a_state_stands_in_one_list_and_the_lists_agree_with_the_functions(void **state) {
    (void)state;
    for (int i = 0; i < RUN_NSTATES; i++) {
        enum run_state s = (enum run_state)i;
        const char *name = run_state_name(s);
        assert_int_equal(listed(RUN_SQL_OPEN, name) + listed(RUN_SQL_FINISHED, name) +
                             listed(RUN_SQL_BAD, name) + listed(RUN_SQL_STOPPED, name),
                         1);
        assert_int_equal(listed(RUN_SQL_FINISHED, name), run_state_is_finished(s));
        assert_int_equal(listed(RUN_SQL_BAD, name), run_state_is_bad(s));
    }
    assert_false(listed(RUN_SQL_OPEN, "done"));
}

static void what_was_stopped_is_no_result(void **state) {
    (void)state;
    assert_true(run_state_is_finished(RUN_COMPLETE) && run_state_is_finished(RUN_DIVERGED));
    static const enum run_state stopped[] = {RUN_PRUNED, RUN_INTERRUPTED};
    for (size_t i = 0; i < ARRAY_LEN(stopped); i++) {
        assert_false(run_state_is_finished(stopped[i]) || run_state_is_bad(stopped[i]));
        assert_true(listed(RUN_SQL_STOPPED, run_state_name(stopped[i])));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_has_one_name_and_the_schema_knows_it),
        cmocka_unit_test(a_state_stands_in_one_list_and_the_lists_agree_with_the_functions),
        cmocka_unit_test(what_was_stopped_is_no_result),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
