/* SPDX-License-Identifier: Apache-2.0 */
/* test_util.c - the promises of harness/base/util.h: strings, files, digests, distances, UTF-8, process
 * figures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/util.h"

static char dir[64];

static int make_dir(void **state) {
    (void)state;
    strcpy(dir, "/tmp/bench-util-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static int remove_dir(void **state) {
    (void)state;
    return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void strbuf_grows_and_stays_terminated(void **state) {
    (void)state;
    struct strbuf b = {0};
    for (int i = 0; i < 10000; i++) {
        strbuf_addc(&b, (char)('a' + i % 26));
        assert_int_equal(b.s[b.len], 0);
    }
    assert_int_equal(b.len, 10000);
    strbuf_reset(&b);
    assert_string_equal(b.s, "");
    strbuf_adds(&b, "x=");
    strbuf_addf(&b, "%d %s", 42, "yes");
    assert_string_equal(b.s, "x=42 yes");
    strbuf_add(&b, "\0z", 2);
    assert_int_equal(b.len, 10);
    assert_memory_equal(b.s, "x=42 yes\0z", 11);
    strbuf_release(&b);
    assert_null(b.s);
}

static void strbuf_addf_takes_long_text(void **state) {
    (void)state;
    struct strbuf b = {0};
    char big[5000];
    memset(big, 'q', sizeof big - 1);
    big[sizeof big - 1] = 0;
    strbuf_addf(&b, "<%s>", big);
    assert_int_equal(b.len, 5001);
    assert_int_equal(b.s[0], '<');
    assert_int_equal(b.s[5000], '>');
    strbuf_release(&b);
}

static void strbuf_detach_of_nothing_is_an_empty_string(void **state) {
    (void)state;
    struct strbuf b = {0};
    char *s = strbuf_detach(&b);
    assert_string_equal(s, "");
    free(s);
    strbuf_adds(&b, "abc");
    s = strbuf_detach(&b);
    assert_string_equal(s, "abc");
    assert_null(b.s);
    assert_int_equal(b.len, 0);
    free(s);
}

static void grow_keeps_elements(void **state) {
    (void)state;
    int *v = NULL;
    size_t n = 0, cap = 0;
    for (int i = 0; i < 1000; i++) {
        GROW(v, n, cap);
        v[n++] = i;
    }
    for (int i = 0; i < 1000; i++) assert_int_equal(v[i], i);
    free(v);
}

static void file_write_then_read_gives_the_same_bytes(void **state) {
    (void)state;
    struct err e = {0};
    char *path = path_join(dir, "f"), bytes[3000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i * 7);
    assert_int_equal(file_write(path, "old", 3, &e), 0);
    assert_int_equal(file_write(path, bytes, sizeof bytes, &e), 0);
    struct strbuf b = {0};
    assert_int_equal(file_read(path, sizeof bytes, &b, &e), 0);
    assert_int_equal(b.len, sizeof bytes);
    assert_memory_equal(b.s, bytes, sizeof bytes);
    strbuf_release(&b);
    struct map m;
    assert_int_equal(map_open(&m, path, &e), 0);
    assert_int_equal(m.size, sizeof bytes);
    assert_memory_equal(m.data, bytes, sizeof bytes);
    map_close(&m);
    assert_null(m.data);
    free(path);
}

static void file_write_leaves_links_and_pipes_what_they_are(void **state) {
    (void)state;
    struct err e = {0};
    struct stat st;
    char *path = path_join(dir, "linked"), *link = path_join(dir, "link"), *pipe_path, got[4] = "";
    int fd[2];
    assert_int_equal(file_write(path, "old", 3, &e), 0);
    assert_int_equal(symlink("linked", link), 0);
    assert_int_equal(file_write(link, "new", 3, &e), 0);
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    struct strbuf b = {0};
    assert_int_equal(file_read(path, 10, &b, &e), 0);
    assert_string_equal(b.s, "new");
    assert_int_equal(pipe(fd), 0);
    pipe_path = xasprintf("/proc/self/fd/%d", fd[1]);
    assert_int_equal(file_write(pipe_path, "abc", 3, &e), 0);
    assert_int_equal(read(fd[0], got, 3), 3);
    assert_string_equal(got, "abc");
    /* a named pipe stays one: nobody writes a file in its place */
    char *fifo = path_join(dir, "fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    int reader = open(fifo, O_RDONLY | O_NONBLOCK);
    assert_int_equal(file_write(fifo, "abc", 3, &e), 0);
    assert_int_equal(lstat(fifo, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    close(reader), close(fd[0]), close(fd[1]);
    unlink(fifo), unlink(link), unlink(path);
    strbuf_release(&b);
    free(path), free(link), free(pipe_path), free(fifo);
}

static void file_read_refuses_what_is_longer_than_the_limit(void **state) {
    (void)state;
    struct err e = {0};
    char *path = path_join(dir, "long");
    assert_int_equal(file_write(path, "123456", 6, &e), 0);
    struct strbuf b = {0};
    strbuf_adds(&b, "kept");
    assert_int_equal(file_read(path, 5, &b, &e), ERR_USER);
    assert_non_null(strstr(e.msg, path));
    assert_string_equal(b.s, "kept");
    assert_int_equal(file_read(path, 6, &b, &e), 0);
    assert_string_equal(b.s, "kept123456");
    assert_int_equal(file_read("/dev/zero", 100, &b, &e), ERR_USER);
    strbuf_release(&b);
    free(path);
}

static void missing_files_and_folders_are_named(void **state) {
    (void)state;
    struct err e = {0};
    struct map m;
    struct strbuf b = {0};
    char hex[65];
    assert_int_equal(map_open(&m, "/nonexistent/x", &e), ERR_USER);
    assert_non_null(strstr(e.msg, "/nonexistent/x"));
    assert_non_null(strstr(e.msg, "No such file"));
    assert_int_equal(map_open(&m, dir, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "folder"));
    assert_int_equal(file_read(dir, 10, &b, &e), ERR_USER);
    assert_int_equal(sha256_file("/nonexistent/x", hex, &e), ERR_USER);
    assert_int_equal(file_write("/nonexistent/x", "a", 1, &e), ERR_RESOURCE);
    assert_int_equal(map_open(&m, "/dev/null", &e), ERR_USER);
    assert_int_equal(map_open(&m, "/nonexistent/x", NULL), ERR_USER);
    strbuf_release(&b);
}

static void named_pipes_are_refused_at_once_by_what_needs_a_file(void **state) {
    (void)state;
    struct err e = {0};
    struct map m;
    char hex[65], pipe_path[64] = "/tmp/bench-util-pipe-XXXXXX";
    int fd = mkstemp(pipe_path); /* a name of our own */
    close(fd);
    unlink(pipe_path);
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    assert_int_equal(map_open(&m, pipe_path, &e), ERR_USER); /* nobody writes: it would wait for ever */
    assert_non_null(strstr(e.msg, "is not a regular file"));
    assert_int_equal(sha256_file(pipe_path, hex, &e), ERR_USER);
    unlink(pipe_path);
}

static void a_mapped_file_that_is_cut_off_ends_the_process_with_its_name(void **state) {
    (void)state;
    char path[64] = "/tmp/bench-util-map-XXXXXX", said[256] = "";
    int fd = mkstemp(path), out[2];
    assert_int_equal(ftruncate(fd, 1 << 16), 0);
    assert_int_equal(pipe(out), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct map m;
        dup2(out[1], 2);
        map_explain_faults();
        if (map_open(&m, path, NULL) || ftruncate(fd, 1)) _exit(9);
        _exit(((const volatile uint8_t *)m.data)[50000]);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    assert_true(read(out[0], said, sizeof said - 1) > 0);
    assert_non_null(strstr(said, path));
    unlink(path);
    close(fd), close(out[0]), close(out[1]);
}

static void an_empty_file_maps_to_null(void **state) {
    (void)state;
    struct err e = {0};
    struct map m;
    struct strbuf b = {0};
    char *path = path_join(dir, "empty");
    assert_int_equal(file_write(path, NULL, 0, &e), 0);
    assert_int_equal(map_open(&m, path, &e), 0);
    assert_null(m.data);
    assert_int_equal(m.size, 0);
    map_close(&m);
    assert_int_equal(file_read(path, 10, &b, &e), 0);
    assert_int_equal(b.len, 0);
    strbuf_release(&b);
    free(path);
}

static void dir_make_makes_all_the_way_and_twice(void **state) {
    (void)state;
    struct err e = {0};
    char *path = path_join(dir, "a//b/c/"), *file = path_join(dir, "plain"), *below = path_join(file, "x");
    assert_int_equal(dir_make(path, &e), 0);
    assert_true(dir_exists(path));
    assert_false(file_exists(path));
    assert_int_equal(dir_make(path, &e), 0);
    assert_int_equal(file_write(file, "", 0, &e), 0);
    assert_true(file_exists(file));
    assert_int_equal(dir_make(below, &e), ERR_RESOURCE);
    free(path), free(file), free(below);
}

static void check_path(char *got, const char *want) {
    assert_string_equal(got, want);
    free(got);
}

static void paths_join_and_part(void **state) {
    (void)state;
    check_path(path_join("a", "b"), "a/b");
    check_path(path_join("a/", "b"), "a/b");
    check_path(path_join("a", "/b"), "/b");
    check_path(path_join("", "b"), "b");
    check_path(path_dir("a/b/c"), "a/b");
    check_path(path_dir("a/b/"), "a");
    check_path(path_dir("a"), ".");
    check_path(path_dir("/a"), "/");
    check_path(path_dir("/"), "/");
    check_path(path_dir("a//b"), "a");
}

static void folders_follow_the_environment(void **state) {
    (void)state;
    setenv("XDG_CACHE_HOME", "/x", 1);
    check_path(cache_dir(), "/x/bench");
    setenv("XDG_CACHE_HOME", "relative", 1);
    setenv("HOME", "/h", 1);
    check_path(cache_dir(), "/h/.cache/bench");
    unsetenv("XDG_CACHE_HOME");
    check_path(cache_dir(), "/h/.cache/bench");
    char *was = getenv("BENCH_SHARE") ? xstrdup(getenv("BENCH_SHARE")) : NULL;
    setenv("BENCH_SHARE", "/s", 1);
    check_path(share_dir(), "/s");
    unsetenv("BENCH_SHARE");
    char *s = share_dir();
    assert_true(s[0] == '/');
    free(s);
    if (was) setenv("BENCH_SHARE", was, 1);
    free(was);
}

static void sha256_agrees_with_the_standard(void **state) {
    (void)state;
    struct err e = {0};
    char hex[65], of_file[65], *path = path_join(dir, "abc");
    sha256_hex("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(file_write(path, "abc", 3, &e), 0);
    assert_int_equal(sha256_file(path, of_file, &e), 0);
    assert_string_equal(of_file, hex);
    free(path);
}

static void distance_counts_edits_and_swaps(void **state) {
    (void)state;
    assert_int_equal(str_distance("", ""), 0);
    assert_int_equal(str_distance("abc", ""), 3);
    assert_int_equal(str_distance("", "ab"), 2);
    assert_int_equal(str_distance("lora_alpha", "lora_alhpa"), 1);
    assert_int_equal(str_distance("kitten", "sitting"), 3);
    assert_int_equal(str_distance("ca", "abc"), 3); /* the restricted form: no edit inside a swap */
}

static void closest_suggests_only_what_is_close(void **state) {
    (void)state;
    const char *const names[] = {"lora", "lora_fa", "vera", "full", "smollm2-135m"};
    assert_string_equal(str_closest("smolm2-135m", names, 5), "smollm2-135m");
    assert_string_equal(str_closest("lora_af", names, 5), "lora_fa");
    assert_string_equal(str_closest("lora", names, 5), "lora");
    assert_null(str_closest("xyz", names, 5));
    assert_null(str_closest("ab", names, 5));
    assert_null(str_closest("lora", names, 0));
}

static void a_string_ends_with_its_tails_alone(void **state) {
    (void)state;
    assert_true(str_ends_with("model.gguf", ".gguf"));
    assert_true(str_ends_with(".gguf", ".gguf"));
    assert_true(str_ends_with("x", ""));
    assert_true(str_ends_with("", ""));
    assert_false(str_ends_with("gguf", ".gguf"));
    assert_false(str_ends_with("model.ggufs", ".gguf"));
    assert_false(str_ends_with("model.GGUF", ".gguf"));
}

static size_t prefix(const char *s) { return utf8_valid_prefix(s, strlen(s)); }

static void cleaned(const char *s, bool lines, const char *want) {
    char *copy = xstrdup(s);
    utf8_clean(copy, lines);
    assert_string_equal(copy, want);
    free(copy);
}

static void cleaned_text_holds_nothing_that_a_terminal_obeys(void **state) {
    (void)state;
    cleaned("plain \xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac \xd7\x90", false,
            "plain \xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac \xd7\x90");
    cleaned("a\x1b[31mb\tc\x7f\n", false, "a [31mb c  ");
    cleaned("a\nb\rc", true, "a\nb c");
    cleaned("\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", false, "   \xc2\xa0"); /* C1; a hard space is none */
    cleaned("\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f\xe2\x80\xaa\xe2\x80\xae\xe2\x81\xa6\xe2\x81\xa9", false,
            "???????");
    cleaned("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\xaa", false, "  \xe2\x80\xaf\xe2\x81\xaa");
    cleaned("\xff"
            "a\xe2\x80",
            false, "?a??");
    cleaned("", true, "");
    struct err e = {0};
    err_set(&e, ERR_USER, "no '%s'\nnor '%s'",
            "\xc2\x9b"
            "2J",
            "\xe2\x80\xae"
            "x");
    assert_string_equal(e.msg, "no ' 2J'\nnor '?x'");
}

static void utf8_prefix_stops_at_the_first_bad_byte(void **state) {
    (void)state;
    assert_int_equal(prefix(""), 0);
    assert_int_equal(prefix("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z"), 11);
    assert_int_equal(prefix("ab\x80"), 2);
    assert_int_equal(prefix("\xc0\x80"), 0);         /* overlong */
    assert_int_equal(prefix("x\xe0\x9f\xbf"), 1);    /* overlong */
    assert_int_equal(prefix("x\xed\xa0\x80"), 1);    /* surrogate */
    assert_int_equal(prefix("\xf4\x90\x80\x80"), 0); /* above U+10FFFF */
    assert_int_equal(prefix("\xf4\x8f\xbf\xbf"), 4); /* U+10FFFF */
    assert_int_equal(prefix("\xed\x9f\xbf\xee\x80\x80"), 6);
    assert_int_equal(prefix("ok\xe2\x82"), 2); /* cut */
    assert_int_equal(prefix("ok\xf0\x9f\x98"), 2);
    assert_int_equal(utf8_valid_prefix("a\0b", 3), 3);
}

static void process_figures_are_plausible(void **state) {
    (void)state;
    double t = now_seconds();
    assert_true(now_seconds() >= t);
    size_t now = rss_now_bytes(), peak = rss_peak_bytes();
    assert_true(now > 100 * 1024);
    assert_true(peak >= now / 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strbuf_grows_and_stays_terminated),
        cmocka_unit_test(strbuf_addf_takes_long_text),
        cmocka_unit_test(strbuf_detach_of_nothing_is_an_empty_string),
        cmocka_unit_test(grow_keeps_elements),
        cmocka_unit_test(file_write_then_read_gives_the_same_bytes),
        cmocka_unit_test(file_write_leaves_links_and_pipes_what_they_are),
        cmocka_unit_test(file_read_refuses_what_is_longer_than_the_limit),
        cmocka_unit_test(missing_files_and_folders_are_named),
        cmocka_unit_test(named_pipes_are_refused_at_once_by_what_needs_a_file),
        cmocka_unit_test(a_mapped_file_that_is_cut_off_ends_the_process_with_its_name),
        cmocka_unit_test(an_empty_file_maps_to_null),
        cmocka_unit_test(dir_make_makes_all_the_way_and_twice),
        cmocka_unit_test(paths_join_and_part),
        cmocka_unit_test(folders_follow_the_environment),
        cmocka_unit_test(sha256_agrees_with_the_standard),
        cmocka_unit_test(distance_counts_edits_and_swaps),
        cmocka_unit_test(closest_suggests_only_what_is_close),
        cmocka_unit_test(a_string_ends_with_its_tails_alone),
        cmocka_unit_test(cleaned_text_holds_nothing_that_a_terminal_obeys),
        cmocka_unit_test(utf8_prefix_stops_at_the_first_bad_byte),
        cmocka_unit_test(process_figures_are_plausible),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
