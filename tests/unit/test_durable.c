/* test_durable.c - what was written is there after a power cut: every file is synced before it gets its
 * name, and its folder after that. The system's fsync is listened to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/base/util.h"
#include "harness/checkpoint/outdir.h"
#include "harness/nn/format/outfile.h"

static char dir[64], watched[128];
static int file_synced, folder_synced; /* so often, the folder while `watched` was there */

int fsync(int fd) {
    struct stat st, folder;
    fstat(fd, &st);
    if (S_ISREG(st.st_mode)) file_synced++;
    if (S_ISDIR(st.st_mode) && !stat(dir, &folder) && st.st_ino == folder.st_ino && !access(watched, F_OK))
        folder_synced++;
    return (int)syscall(SYS_fsync, fd);
}

static int setup(void **state) {
    (void)state;
    strcpy(dir, "/tmp/bench-test-durable-XXXXXX");
    file_synced = folder_synced = 0;
    if (!mkdtemp(dir)) return 1;
    snprintf(watched, sizeof watched, "%s/x", dir);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    char *command = xasprintf("rm -r %s", dir);
    int rc = system(command);
    free(command);
    return rc;
}

static struct err e;

static void a_small_file_and_its_name(void **state) {
    (void)state;
    assert_int_equal(file_write(watched, "text", 4, &e), 0);
    assert_true(file_synced >= 1 && folder_synced >= 1);
}

static void a_large_file_and_its_name(void **state) {
    (void)state;
    struct outfile o;
    assert_int_equal(outfile_open(&o, watched, &e), 0);
    outfile_put(&o, "text", 4);
    assert_int_equal(outfile_close(&o, &e), 0);
    assert_true(file_synced >= 1 && folder_synced >= 1);
}

static void a_folder_that_gets_its_name_when_it_is_whole(void **state) {
    (void)state;
    char *tmp = outdir_begin(watched, &e);
    assert_non_null(tmp);
    folder_synced = 0;
    assert_int_equal(outdir_commit(tmp, watched, &e), 0);
    assert_true(folder_synced >= 1);
    free(tmp);
}

static void a_folder_that_is_made(void **state) {
    (void)state;
    char *deep = path_join(watched, "y/z");
    assert_int_equal(dir_make(deep, &e), 0);
    assert_true(folder_synced >= 1);
    free(deep);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_small_file_and_its_name),
        T(a_large_file_and_its_name),
        T(a_folder_that_gets_its_name_when_it_is_whole),
        T(a_folder_that_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
