/* SPDX-License-Identifier: Apache-2.0 */
/* test_db_file.c - one runner per database file, by whatever name it is reached; readers that look take
 * nothing; a file that is moved away is noticed; what a command has written is in the file itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/util.h"
#include "harness/record/db.h"

static char dir[64];
static struct err e;

static int setup(void **state) {
    (void)state;
    strcpy(dir, "/tmp/bench-test-dbfile-XXXXXX");
    return mkdtemp(dir) && !chdir(dir) ? 0 : 1;
}

static int teardown(void **state) {
    (void)state;
    char *command = xasprintf("rm -r %s", dir);
    int rc = chdir("/") || system(command);
    free(command);
    return rc;
}

/* A child that a failing test leaves behind ends with it. */
static pid_t fork_child(void) {
    pid_t pid = fork();
    if (pid == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pid;
}

static struct db *open_db(const char *path, bool write) {
    struct db *db;
    if (db_open(&db, path, write, &e)) fail_msg("%s", e.msg);
    return db;
}

/* A process that runs on the database until it is told to end; *hold: write a byte there. */
static pid_t start_runner(const char *path, int *hold) {
    int told[2], ready[2];
    char c;
    assert_int_equal(pipe(told) | pipe(ready), 0);
    pid_t pid = fork_child();
    if (pid == 0) {
        struct db *db = open_db(path, true);
        if (db_lock(db, false, NULL, &e)) _exit(1);
        if (write(ready[1], "x", 1) != 1 || read(told[0], &c, 1) < 0) _exit(1);
        db_close(db);
        _exit(0);
    }
    close(told[0]), close(ready[1]);
    assert_int_equal(read(ready[0], &c, 1), 1);
    close(ready[0]);
    *hold = told[1];
    return pid;
}

static void end_runner(pid_t pid, int hold) {
    assert_int_equal(write(hold, "x", 1), 1);
    close(hold);
    waitpid(pid, NULL, 0);
}

static void no_other_name_gets_around_the_lock(void **state) {
    (void)state;
    int hold;
    pid_t pid = start_runner("r.db", &hold);
    assert_int_equal(symlink("r.db", "link.db") | link("r.db", "hard.db") | mkdir("sub", 0777), 0);
    assert_int_equal(symlink("../r.db", "sub/deep.db") | unlink("r.db.lock"), 0);
    const char *const names[] = {"r.db", "link.db", "hard.db", "sub/deep.db", "sub/../r.db"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct db *db = open_db(names[i], true);
        assert_int_equal(db_lock(db, false, NULL, &e), ERR_RESOURCE);
        assert_non_null(strstr(e.msg, "is running on"));
        db_close(db);
    }
    end_runner(pid, hold);
    struct db *db = open_db("link.db", true);
    assert_int_equal(db_lock(db, false, NULL, &e), 0);
    db_close(db);
}

static void a_reader_of_an_older_version_that_looks_does_not_turn_a_runner_away(void **state) {
    (void)state;
    struct db *db = open_db("r.db", true);
    int fd = open("r.db.lock", O_RDWR | O_CREAT, 0666), ready[2];
    char c;
    close(fd);
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork_child();
    if (pid == 0) {
        fd = open("r.db.lock", O_RDONLY);
        if (flock(fd, LOCK_SH) || write(ready[1], "x", 1) != 1) _exit(1);
        usleep(40000);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    close(ready[0]), close(ready[1]);
    if (db_lock(db, false, NULL, &e)) fail_msg("%s", e.msg);
    db_close(db);
    waitpid(pid, NULL, 0);
}

static void readers_that_look_are_in_nobodys_way(void **state) {
    (void)state;
    long pid;
    char host[257];
    struct db *reader = open_db("r.db", true);
    assert_false(db_runner(reader, &pid, host));
    pid_t looking = fork_child();
    if (looking == 0)
        for (;;) {
            struct db *db = open_db("r.db", false);
            for (int i = 0; i < 1000; i++) db_runner(db, &pid, host);
            db_close(db);
        }
    for (int i = 0; i < 50; i++) {
        struct db *db = open_db("r.db", true);
        if (db_lock(db, false, NULL, &e)) fail_msg("%s", e.msg);
        db_close(db);
    }
    kill(looking, SIGKILL);
    waitpid(looking, NULL, 0);
    int hold;
    pid_t runner = start_runner("r.db", &hold);
    assert_true(db_runner(reader, &pid, host));
    assert_int_equal(pid, runner);
    end_runner(runner, hold);
    assert_false(db_runner(reader, &pid, host));
    db_close(reader);
}

static void the_lock_of_a_handle_outlives_its_neighbours(void **state) {
    (void)state;
    struct db *a = open_db("r.db", true);
    assert_int_equal(db_lock(a, false, NULL, &e), 0);
    for (int i = 0; i < 3; i++) db_close(open_db("r.db", i == 1));
    pid_t pid = fork_child();
    if (pid == 0) {
        execl("/proc/self/exe", "other", "r.db", NULL);
        _exit(9);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(WEXITSTATUS(status), 3); /* refused */
    db_close(a);
}

static void a_file_that_goes_is_noticed_and_its_fate_told(void **state) {
    (void)state;
    struct db *db = open_db("r.db", true);
    assert_int_equal(db_check(db, &e), 0);
    assert_int_equal(rename("r.db", "elsewhere.db"), 0);
    assert_int_equal(db_check(db, &e), ERR_RESOURCE);
    assert_non_null(strstr(e.msg, "r.db: was moved to "));
    assert_non_null(strstr(e.msg, "/elsewhere.db while bench ran"));
    assert_int_equal(rename("elsewhere.db", "r.db"), 0);
    assert_int_equal(db_check(db, &e), 0);
    assert_int_equal(unlink("r.db"), 0);
    assert_int_equal(db_check(db, &e), ERR_RESOURCE);
    assert_non_null(strstr(e.msg, "r.db: was deleted while bench ran"));
    assert_int_equal(file_write("r.db", "x", 1, &e), 0);
    assert_int_equal(db_check(db, &e), ERR_RESOURCE);
    assert_non_null(strstr(e.msg, "r.db: was replaced by another file"));
    db_close(db);
}

static void a_closed_record_is_complete_alone_also_beside_a_reader(void **state) {
    (void)state;
    struct db *db = open_db("r.db", true), *reader = open_db("r.db", false);
    int64_t id;
    assert_int_equal(
        db_sweep_begin(db, &(struct db_sweep){"s", "s.yaml", "y", NULL, "eval/loss", "minimize", 0}, &id, &e),
        0);
    db_close(db);
    struct strbuf copy = {0};
    assert_int_equal(file_read("r.db", 1 << 24, &copy, &e), 0);
    assert_int_equal(file_write("copy.db", copy.s, copy.len, &e), 0);
    strbuf_release(&copy);
    db = open_db("copy.db", false);
    assert_int_equal(db_sweep_find(db, "s", &e), id);
    db_close(db);
    db_close(reader);
}

static void a_command_that_only_reads_completes_what_a_killed_one_left(void **state) {
    (void)state;
    int64_t id;
    pid_t pid = fork_child();
    if (pid == 0) {
        struct db *db = open_db("r.db", true);
        struct db_sweep s = {"s", "s.yaml", "y", NULL, "eval/loss", "minimize", 0};
        if (db_lock(db, false, NULL, &e) || db_sweep_begin(db, &s, &id, &e) || db_sweep_ready(db, &e))
            _exit(1);
        raise(SIGKILL);
    }
    waitpid(pid, NULL, 0);
    db_close(open_db("r.db", false));
    assert_int_equal(rename("r.db", "alone.db"), 0);
    struct db *db = open_db("alone.db", false);
    assert_true(db_sweep_find(db, "s", &e) > 0);
    db_close(db);
}

static void a_commit_is_on_the_disk(void **state) {
    (void)state;
    struct db *db = open_db("r.db", true);
    struct db_query *q;
    assert_int_equal(db_query(db, &q, "PRAGMA synchronous", &e), 0);
    assert_int_equal(db_query_next(q, &e), 1);
    assert_int_equal(db_query_int(q, 0), 2); /* FULL */
    db_query_close(q);
    db_close(db);
}

int main(int argc, char **argv) {
    if (argc > 1) { /* another process, see the_lock_of_a_handle_outlives_its_neighbours */
        struct db *db = open_db(argv[1], true);
        int rc = db_lock(db, false, NULL, &e);
        db_close(db);
        return rc == ERR_RESOURCE ? 3 : 0;
    }
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(no_other_name_gets_around_the_lock),
        T(a_reader_of_an_older_version_that_looks_does_not_turn_a_runner_away),
        T(readers_that_look_are_in_nobodys_way),
        T(the_lock_of_a_handle_outlives_its_neighbours),
        T(a_file_that_goes_is_noticed_and_its_fate_told),
        T(a_closed_record_is_complete_alone_also_beside_a_reader),
        T(a_command_that_only_reads_completes_what_a_killed_one_left),
        T(a_commit_is_on_the_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
