/* SPDX-License-Identifier: Apache-2.0 */
/* test_data.c - data sets by configuration: built-ins, files, templates, the digest; and digests that are
 * remembered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness/core/data.h"
#include "harness/base/digest.h"
#include "tests/fixture.h"

static int make_places(void **state) {
    if (make_dir(state)) return -1;
    char *cache = path_join(dir, "cache"), *share = path_join(dir, "share");
    setenv("XDG_CACHE_HOME", cache, 1);
    setenv("BENCH_SHARE", share, 1);
    free(cache);
    free(share);
    return 0;
}

/* Write dir/name; its path in a buffer that four calls share. */
static const char *put(const char *name, const char *text) {
    static char path[4][256];
    static int turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", dir, name);
    char *folder = path_dir(p);
    struct err e = {0};
    if (dir_make(folder, &e) || file_write(p, text, strlen(text), &e)) fail_msg("%s", e.msg);
    free(folder);
    return p;
}

static void age(const char *path, long seconds) {
    struct timespec t[2] = {{.tv_sec = time(NULL) - seconds}, {.tv_sec = time(NULL) - seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

/* Takes cfg. */
static struct dataset *open_ok(json_t *cfg) {
    struct dataset *d = NULL;
    struct err e = {0};
    assert_non_null(cfg);
    if (data_open(&d, cfg, &e)) fail_msg("%s", e.msg);
    json_decref(cfg);
    return d;
}

static void expect_refused(json_t *cfg, int code, const char *part) {
    struct dataset *d = NULL;
    struct err e = {0};
    assert_non_null(cfg);
    assert_int_equal(data_open(&d, cfg, &e), code);
    json_decref(cfg);
    if (!strstr(e.msg, part)) fail_msg("'%s' lacks '%s'", e.msg, part);
}

static void expect_text(const char *text, const struct rows *r, long i, const char *want) {
    struct template *t;
    struct strbuf b = {0};
    struct err e = {0};
    if (template_compile(&t, text, r, &e) || template_render(t, i, &b, &e)) fail_msg("%s", e.msg);
    assert_string_equal(b.s, want);
    strbuf_release(&b);
    template_free(t);
}

static void files_become_splits(void **state) {
    (void)state;
    const char *train = put("a.b.jsonl", "{\"q\":\"1\",\"a\":\"2\"}\n"),
               *eval = put("e.csv", "a,q\nx,y\nz,w\n");
    struct dataset *d = open_ok(json_pack("{s:s, s:s, s:n, s:s, s:s, s:n, s:b, s:b, s:s}", "train", train,
                                          "eval", eval, "test", "prompt", "{q}=", "completion", "{a}",
                                          "format", "header", 1, "special_tokens", 1, "quotes", "standard"));
    assert_string_equal(d->name, "a.b");
    assert_int_equal(rows_count(d->train), 1);
    assert_int_equal(rows_count(d->eval), 2);
    assert_null(d->test);
    assert_true(d->special_tokens);
    expect_text(d->prompt, d->train, 0, "1=");
    expect_text(d->prompt, d->eval, 1, "w=");
    expect_text(d->completion, d->eval, 0, "x");
    struct err e = {0};
    assert_int_equal(data_check(d, &e), 0);
    data_free(d);
}

static void format_header_and_quotes_are_obeyed(void **state) {
    (void)state;
    const char *test = put("sts.txt", "g\t0.5\t\"He said.\tShe said.\textra\ng\t1\ta\tb\n");
    struct dataset *d = open_ok(json_pack("{s:s, s:s, s:b, s:s, s:s}", "test", test, "format", "tsv",
                                          "header", 0, "quotes", "literal", "prompt", "{3}|{4}|{2}"));
    assert_int_equal(rows_count(d->test), 2);
    expect_text(d->prompt, d->test, 0, "\"He said.|She said.|0.5");
    assert_null(d->completion);
    data_free(d);
}

static void mistakes_in_the_configuration_are_named(void **state) {
    (void)state;
    const char *f = put("t.csv", "a,b\n1,2\n");
    expect_refused(json_pack("{}"), ERR_USER, "give the name");
    expect_refused(json_pack("{s:n, s:n}", "name", "train"), ERR_USER, "give the name");
    expect_refused(json_pack("{s:s}", "name", "gloses"), ERR_USER, "did you mean 'glosses'?");
    expect_refused(json_pack("{s:s, s:s}", "name", "glosses", "train", f), ERR_USER, "not both");
    expect_refused(json_pack("{s:s, s:s}", "train", f, "format", "xml"), ERR_USER, "data.format");
    expect_refused(json_pack("{s:s, s:s}", "train", f, "quotes", "odd"), ERR_USER, "data.quotes");
    expect_refused(json_pack("{s:s, s:s}", "train", f, "prompt", "{c}"), ERR_USER,
                   "data.prompt: unknown column 'c'");
    expect_refused(json_pack("{s:s, s:s}", "train", f, "completion", "{a"), ERR_USER, "data.completion: ");
    expect_refused(json_pack("{s:s, s:s, s:s}", "train", f, "eval", put("u.csv", "b\n1\n"), "prompt", "{a}"),
                   ERR_USER, "u.csv");
    expect_refused(json_pack("{s:s}", "train", "/nonexistent/x.jsonl"), ERR_USER, "/nonexistent/x.jsonl");
    expect_refused(json_pack("{s:s}", "train", dir), ERR_USER, "folder");
}

static void check_finds_a_mistake_in_any_row(void **state) {
    (void)state;
    struct strbuf b = {0};
    for (int k = 1; k < 5000; k++) strbuf_addf(&b, "{\"q\":\"line\\n%d\"}\n", k);
    strbuf_adds(&b, "{\"q\":\n");
    const char *bad_json = put("bad.jsonl", b.s);
    strbuf_release(&b);
    struct err e = {0};
    struct dataset *d = open_ok(json_pack("{s:s}", "eval", bad_json));
    assert_int_equal(data_check(d, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "bad.jsonl:5000: not JSON"));
    data_free(d);
    d = open_ok(json_pack("{s:s, s:s}", "train", put("short.csv", "a,b\n1,2\n1\n"), "completion", "{b}"));
    assert_int_equal(data_check(d, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "short.csv:3: this row has no 'b'"));
    expect_text("{b}", d->train, 0, "2"); /* the table is still good for what it has */
    data_free(d);
    d = open_ok(
        json_pack("{s:s, s:s}", "train", put("comma.csv", "a,b\n1,2\n1,2, 3\n"), "completion", "{b}"));
    assert_int_equal(data_check(d, &e), ERR_USER);
    assert_non_null(
        strstr(e.msg, "comma.csv:3: the row has 3 cells, the header 2: quote fields that contain commas"));
    data_free(d);
}

static void digest(char out[65], json_t *cfg) {
    struct err e = {0};
    assert_non_null(cfg);
    if (data_digest(cfg, out, &e)) fail_msg("%s", e.msg);
    json_decref(cfg);
}

static void the_digest_is_of_contents_and_splits(void **state) {
    (void)state;
    const char *a = put("d1.csv", "a\n1\n"), *same = put("sub/other.csv", "a\n1\n"),
               *b = put("d2.csv", "a\n2\n");
    char x[65], y[65];
    digest(x, json_pack("{s:s, s:s}", "train", a, "eval", b));
    assert_int_equal(strlen(x), 64);
    digest(y, json_pack("{s:s, s:s, s:s}", "train", same, "eval", b, "prompt", "{a}"));
    assert_string_equal(x, y);
    digest(y, json_pack("{s:s, s:s}", "train", b, "eval", a));
    assert_string_not_equal(x, y);
    digest(y, json_pack("{s:s, s:s}", "train", a, "test", b));
    assert_string_not_equal(x, y);
    digest(y, json_pack("{s:s}", "train", a));
    assert_string_not_equal(x, y);
    struct err e = {0};
    json_t *cfg = json_pack("{s:s}", "train", "/nonexistent/x.csv");
    assert_int_equal(data_digest(cfg, x, &e), ERR_USER);
    json_decref(cfg);
}

/* Until nothing has happened to the file for two seconds: its inode's time cannot be set. */
static void rest(const char *path) {
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    while (time(NULL) - st.st_ctim.tv_sec < 2) usleep(50000);
}

/* What is remembered of a file: its entry in the cache. Caller frees. */
static char *entry_of(const char *path) {
    char id[65], *cache = cache_dir(), *real = realpath(path, NULL);
    sha256_hex(real, strlen(real), id);
    char *entry = xasprintf("%s/digests/%s", cache, id);
    free(real);
    free(cache);
    return entry;
}

/* Only an entry that is taken can give what its file does not hold. */
static void forge(const char *path) {
    struct strbuf b = {0};
    struct err e = {0};
    char *entry = entry_of(path);
    assert_int_equal(file_read(entry, 1 << 16, &b, &e), 0);
    memset(b.s, 'f', 64);
    assert_int_equal(file_write(entry, b.s, b.len, &e), 0);
    strbuf_release(&b);
    free(entry);
}

static void expect_digest(const char *path, const char *contents) {
    struct err e = {0};
    char got[65], want[65];
    sha256_hex(contents, strlen(contents), want);
    assert_int_equal(digest_file_cached(path, got, &e), 0);
    assert_string_equal(got, want);
}

static void digests_are_remembered_until_the_file_changes(void **state) {
    (void)state;
    struct err e = {0};
    char got[65], forged[65];
    const char *path = put("big.bin", "first");
    memset(forged, 'f', 64);
    forged[64] = '\0';
    age(path, 100);
    rest(path);
    expect_digest(path, "first");
    forge(path);
    assert_int_equal(digest_file_cached(path, got, &e), 0);
    assert_string_equal(got, forged);
    age(path, 50);
    expect_digest(path, "first");
}

/* Written in place, or another file moved there: as cp -p, rsync -t and mv do. */
static void a_file_replaced_with_its_size_and_time_kept_is_another(void **state) {
    (void)state;
    const char *path = put("kept.bin", "first"), *other = put("moved.bin", "third");
    age(path, 100);
    rest(path);
    expect_digest(path, "first");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    struct timespec t[2] = {st.st_mtim, st.st_mtim};
    FILE *f = fopen(path, "r+");
    fputs("other", f);
    fclose(f);
    utimensat(AT_FDCWD, path, t, 0);
    expect_digest(path, "other");
    utimensat(AT_FDCWD, other, t, 0);
    assert_int_equal(rename(other, path), 0);
    expect_digest(path, "third");
}

static void a_fresh_file_is_not_remembered(void **state) {
    (void)state;
    struct err e = {0};
    char first[65], second[65];
    const char *path = put("fresh.bin", "aaaa");
    struct stat st;
    assert_int_equal(digest_file_cached(path, first, &e), 0);
    assert_int_equal(stat(path, &st), 0);
    put("fresh.bin", "bbbb");
    struct timespec t[2] = {st.st_mtim, st.st_mtim};
    utimensat(AT_FDCWD, path, t, 0);
    assert_int_equal(digest_file_cached(path, second, &e), 0);
    assert_string_not_equal(first, second);
}

static void a_useless_cache_is_no_error(void **state) {
    (void)state;
    struct err e = {0};
    char want[65], got[65], *old = xstrdup(getenv("XDG_CACHE_HOME"));
    const char *path = put("f.bin", "x");
    age(path, 100);
    rest(path);
    sha256_hex("x", 1, want);
    setenv("XDG_CACHE_HOME", path, 1); /* a file where a folder should be */
    assert_int_equal(digest_file_cached(path, got, &e), 0);
    assert_string_equal(got, want);
    setenv("XDG_CACHE_HOME", old, 1);
    free(old);
    /* An entry that holds rubbish is replaced. */
    assert_int_equal(digest_file_cached(path, got, &e), 0);
    char *entry = entry_of(path);
    assert_true(file_exists(entry));
    assert_int_equal(file_write(entry, "rubbish", 7, &e), 0);
    assert_int_equal(digest_file_cached(path, got, &e), 0);
    assert_string_equal(got, want);
    free(entry);
    assert_int_equal(digest_file_cached("/nonexistent", got, &e), ERR_USER);
    assert_int_equal(digest_file_cached(dir, got, &e), ERR_USER);
}

static const json_t *listed(const json_t *list, const char *name) {
    size_t k;
    json_t *o;
    json_array_foreach(list, k, o) if (!strcmp(json_string_value(json_object_get(o, "name")), name)) return o;
    fail_msg("%s is not listed", name);
    return NULL;
}

static void smoke_is_found_in_the_share_folder(void **state) {
    (void)state;
    expect_refused(json_pack("{s:s}", "name", "smoke"), ERR_RESOURCE, "run 'make'");
    json_t *list = data_list();
    const json_t *o = listed(list, "smoke");
    assert_true(json_is_false(json_object_get(o, "available")));
    assert_true(json_is_string(json_object_get(o, "problem")));
    assert_true(json_is_null(json_object_get(o, "train")));
    json_decref(list);
    put("share/data/smoke/train.jsonl",
        "{\"question\":\"q\",\"answer\":\"a\"}\n{\"question\":\"r\",\"answer\":\"b\"}\n");
    put("share/data/smoke/eval.jsonl", "{\"question\":\"q\",\"answer\":\"a\"}\n");
    struct dataset *d = open_ok(json_pack("{s:s, s:s}", "name", "smoke", "prompt", "{question}?"));
    assert_string_equal(d->name, "smoke");
    assert_int_equal(rows_count(d->train), 2);
    assert_int_equal(rows_count(d->eval), 1);
    assert_null(d->test);
    expect_text(d->prompt, d->train, 1, "r?");
    expect_text(d->completion, d->train, 1, "b");
    data_free(d);
    char x[65], y[65];
    digest(x, json_pack("{s:s}", "name", "smoke"));
    put("share/data/smoke/eval.jsonl", "{\"question\":\"q\",\"answer\":\"c\"}\n");
    digest(y, json_pack("{s:s}", "name", "smoke"));
    assert_string_not_equal(x, y);
    list = data_list();
    o = listed(list, "smoke");
    assert_true(json_is_true(json_object_get(o, "available")));
    assert_int_equal(json_integer_value(json_object_get(o, "train")), 2);
    assert_int_equal(json_array_size(json_object_get(o, "columns")), 2);
    json_decref(list);
}

/* Bytes that are no text come from files beside the rows' own. */
static void rows_yield_the_bytes_of_the_file_that_they_name(void **state) {
    (void)state;
    const char *rows = put("pictures/rows.jsonl", "{\"name\": \"one\"}\n{\"name\": \"sub/two\"}\n");
    put("pictures/one.raw", "\x01\xff\xfe");
    put("pictures/sub/two.raw", "");
    struct dataset *d = open_ok(json_pack("{ss,ss}", "train", rows, "image", "{name}.raw"));
    struct template *t;
    struct map m;
    struct err e = {0};
    assert_int_equal(template_compile(&t, data_template(d, "image", 0), d->train, &e), 0);
    if (template_file(t, 0, &m, &e)) fail_msg("%s", e.msg);
    assert_int_equal(m.size, 3);
    assert_memory_equal(m.data, "\x01\xff\xfe", 3);
    map_close(&m);
    if (template_file(t, 1, &m, &e)) fail_msg("%s", e.msg);
    assert_int_equal(m.size, 0);
    map_close(&m);
    if (data_check(d, &e)) fail_msg("%s", e.msg);
    template_free(t);
    data_free(d);
}

static void a_file_that_a_row_names_must_be_there_before_anything_runs(void **state) {
    (void)state;
    static const char *const rows[] = {"{\"name\": \"there\"}\n{\"name\": \"gone\"}\n",
                                       "{\"name\": \"there\"}\n{\"name\": \"\"}\n"};
    static const char *const says[] = {"gone", "names no file"};
    put("missing/there", "x");
    for (int i = 0; i < 2; i++) {
        struct dataset *d =
            open_ok(json_pack("{ss,ss}", "train", put("missing/rows.jsonl", rows[i]), "image", "{name}"));
        struct err e = {0};
        assert_int_equal(data_check(d, &e), ERR_USER);
        assert_non_null(strstr(e.msg, "missing/rows.jsonl:2: "));
        assert_non_null(strstr(e.msg, says[i]));
        data_free(d);
    }
}

static void the_digest_is_of_the_files_that_rows_name_as_well(void **state) {
    (void)state;
    char hex[4][65];
    for (int i = 0; i < 4;
         i++) { /* the picture; another; another without a template that names it; the first */
        put("digest/a", i % 3 ? "two" : "one");
        const char *rows = put("digest/rows.jsonl", "{\"name\": \"a\"}\n");
        json_t *cfg = json_pack("{ss,ss*}", "eval", rows, "image", i == 2 ? NULL : "{name}");
        struct err e = {0};
        if (data_digest(cfg, hex[i], &e)) fail_msg("%s", e.msg);
        json_decref(cfg);
    }
    assert_string_not_equal(hex[0], hex[1]);
    assert_string_not_equal(hex[1], hex[2]);
    assert_string_equal(hex[0], hex[3]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_become_splits),
        cmocka_unit_test(format_header_and_quotes_are_obeyed),
        cmocka_unit_test(mistakes_in_the_configuration_are_named),
        cmocka_unit_test(check_finds_a_mistake_in_any_row),
        cmocka_unit_test(the_digest_is_of_contents_and_splits),
        cmocka_unit_test(digests_are_remembered_until_the_file_changes),
        cmocka_unit_test(a_file_replaced_with_its_size_and_time_kept_is_another),
        cmocka_unit_test(rows_yield_the_bytes_of_the_file_that_they_name),
        cmocka_unit_test(a_file_that_a_row_names_must_be_there_before_anything_runs),
        cmocka_unit_test(the_digest_is_of_the_files_that_rows_name_as_well),
        cmocka_unit_test(a_fresh_file_is_not_remembered),
        cmocka_unit_test(a_useless_cache_is_no_error),
        cmocka_unit_test(smoke_is_found_in_the_share_folder),
    };
    return cmocka_run_group_tests(tests, make_places, remove_dir);
}
