/* SPDX-License-Identifier: Apache-2.0 */
/* test_durable.c - what was written is there after a power cut: every file is synced before it gets its
 * name, and its folder after that. The system's fsync is listened to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
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

static void write_large(const char *path) {
    struct outfile o;
    assert_int_equal(outfile_open(&o, path, &e), 0);
    outfile_put(&o, "text", 4);
    assert_int_equal(outfile_close(&o, &e), 0);
}

static bool is_type(const char *path, mode_t type) {
    struct stat st;
    return lstat(path, &st) == 0 && (st.st_mode & S_IFMT) == type;
}

static void a_large_file_leaves_links_and_pipes_what_they_are(void **state) {
    (void)state;
    char *link = path_join(dir, "link"), *open_link = path_join(dir, "open"),
         *later = path_join(dir, "later"), *fifo = path_join(dir, "fifo"), got[5] = "";
    write_large(watched);
    assert_int_equal(symlink("x", link) | symlink("later", open_link) | mkfifo(fifo, 0600), 0);
    write_large(link);
    assert_true(is_type(link, S_IFLNK) && is_type(watched, S_IFREG));
    write_large(open_link);
    assert_true(is_type(open_link, S_IFLNK) && is_type(later, S_IFREG));
    int reader = open(fifo, O_RDONLY | O_NONBLOCK);
    write_large(fifo);
    assert_true(is_type(fifo, S_IFIFO));
    assert_int_equal(read(reader, got, 4), 4);
    assert_string_equal(got, "text");
    close(reader);
    write_large("/dev/null");
    assert_true(is_type("/dev/null", S_IFCHR));
    free(link), free(open_link), free(later), free(fifo);
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
        T(a_large_file_leaves_links_and_pipes_what_they_are),
        T(a_folder_that_gets_its_name_when_it_is_whole),
        T(a_folder_that_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
