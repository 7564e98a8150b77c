/* SPDX-License-Identifier: Apache-2.0 */
/* test_hub.c - names of hub models, file names that a server may give, places in the cache, and the one rule
 * of the connection that needs no server: no step from https to http. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/hub/hub_private.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

static char dir[64];

static int make_dir(void **state) {
    (void)state;
    strcpy(dir, "/tmp/bench-hub-XXXXXX");
    return mkdtemp(dir) ? setenv("XDG_CACHE_HOME", dir, 1) : -1;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static int remove_dir(void **state) {
    (void)state;
    return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct hub_name parse(const char *s) {
    struct err e = {0};
    struct hub_name n;
    if (hub_name_parse(&n, s, &e)) fail_msg("%s", e.msg);
    return n;
}

static void names_come_apart(void **state) {
    (void)state;
    struct hub_name n = parse("hf:owner-1/Name_2.5");
    assert_string_equal(n.owner, "owner-1");
    assert_string_equal(n.name, "Name_2.5");
    assert_string_equal(n.revision, "main");
    assert_null(n.file);
    hub_name_release(&n);
    n = parse("hf:o/n/sub dir/x.Q4_0.gguf@refs/pr/3");
    assert_string_equal(n.name, "n");
    assert_string_equal(n.file, "sub dir/x.Q4_0.gguf");
    assert_string_equal(n.revision, "refs/pr/3");
    hub_name_release(&n);
    n = parse("hf:o/n/model-of-25.GGUF");
    assert_string_equal(n.file, "model-of-25.GGUF");
    hub_name_release(&n);
}

static void bad_names_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"hf:",
                                      "hf:a",
                                      "hf:/b",
                                      "hf:a/",
                                      "hf:a//b.gguf",
                                      "hf:../b",
                                      "hf:a/..",
                                      "hf:a/b--c",
                                      "hf:a-/b",
                                      "hf:a/.b",
                                      "hf:a b/c",
                                      "hf:a/b\n",
                                      "hf:a/b@",
                                      "hf:a/b@-x",
                                      "hf:a/b@x/../y",
                                      "hf:a/b@x y",
                                      "hf:a/b/c.bin",
                                      "hf:a/b/.gguf",
                                      "hf:a/b/c.gguf/",
                                      "hf:a/b//c.gguf",
                                      "hf:a/b/../c.gguf",
                                      "hf:@main",
                                      "hf:a@b/c",
                                      "hf:a/b/x-00001-of-00002.gguf"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err e = {0};
        struct hub_name n;
        if (hub_name_parse(&n, bad[i], &e) != ERR_USER) fail_msg("'%s' is taken", bad[i]);
        hub_name_release(&n);
    }
    char *too_long = xcalloc(1, 300);
    struct hub_name n;
    memset(too_long, 'a', 298);
    memcpy(too_long, "hf:o/", 5);
    assert_int_equal(hub_name_parse(&n, too_long, NULL), ERR_USER);
    hub_name_release(&n);
    free(too_long);
}

static void file_names_stay_in_their_folder(void **state) {
    (void)state;
    static const char *const good[] = {
        "a", "config.json", "1_Pooling/config.json", "a/b/c", "...", "a..b", ".hidden", "\xc3\xa9"};
    static const char *const bad[] = {"",       ".",    "..",  "/a",   "a/",   "a//b",  "../a",
                                      "a/../b", "a/..", "./a", "a\\b", "a\nb", "a\x7f", "\xff"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!hub_file_safe(good[i])) fail_msg("'%s' is refused", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (hub_file_safe(bad[i])) fail_msg("'%s' is taken", bad[i]);
    char *s = xcalloc(1, 600);
    memset(s, 'a', 201);
    assert_false(hub_file_safe(s));
    for (int i = 1; i < 599; i += 2) s[i] = '/', s[i - 1] = 'a';
    assert_false(hub_file_safe(s));
    free(s);
}

static void a_repository_is_named_as_others_name_it(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"hf:o/n@v1", "o/n"},
                                           {"hf:o/n/f.gguf", "o/n"},
                                           {"smoke", "smoke"},
                                           {"/a/b", "/a/b"},
                                           {"hf:bad", "hf:bad"}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        char *repo = hub_repo_of(pairs[i][0]);
        assert_string_equal(repo, pairs[i][1]);
        free(repo);
    }
}

static void make_model(const struct hub_name *n, const char *file) {
    struct err e = {0};
    char *models = hub_models_dir(), *folder = hub_folder(n, COMMIT), *place = path_join(models, folder);
    char *path = path_join(place, file), *parent = path_dir(path);
    assert_int_equal(dir_make(parent, &e), 0);
    assert_int_equal(file_write(path, "12345", 5, &e), 0);
    free(parent), free(path), free(place), free(folder), free(models);
}

static void expect_place(const char *name, const char *end) {
    struct hub_name n = parse(name);
    char *place = hub_place(&n);
    if (!end) assert_null(place);
    if (end) {
        assert_non_null(place);
        if (strcmp(place + strlen(place) - strlen(end), end)) fail_msg("%s is at %s", name, place);
    }
    free(place);
    hub_name_release(&n);
}

static void a_revision_means_the_commit_of_its_last_pull(void **state) {
    (void)state;
    struct err e = {0};
    struct hub_name n = parse("hf:o/n");
    expect_place("hf:o/n", NULL);
    make_model(&n, "config.json");
    expect_place("hf:o/n", NULL); /* the folder is there, but what "main" is has not been said */
    expect_place("hf:o/n@" COMMIT, "/hf--o--n@" COMMIT);
    assert_int_equal(hub_ref_write(&n, COMMIT, &e), 0);
    expect_place("hf:o/n", "/hf--o--n@" COMMIT);
    expect_place("hf:o/n@v1", NULL);
    expect_place("hf:o/n/m.gguf", NULL);
    hub_name_release(&n);

    n = parse("hf:o/n/a b/m.gguf@x/y");
    make_model(&n, "a b/m.gguf");
    assert_int_equal(hub_ref_write(&n, COMMIT, &e), 0);
    expect_place("hf:o/n/a b/m.gguf@x/y", "/hf--o--n--a%20b%2Fm.gguf@" COMMIT "/a b/m.gguf");
    expect_place("hf:o/n/a b/other.gguf@x/y", NULL);
    hub_name_release(&n);

    n = parse("hf:o/n/m.gguf"); /* another commit for a file leaves the model's revision alone */
    assert_int_equal(hub_ref_write(&n, "ffff456789abcdef0123456789abcdef01234567", &e), 0);
    expect_place("hf:o/n", "/hf--o--n@" COMMIT);
    hub_name_release(&n);
}

static void the_list_names_what_can_be_used(void **state) {
    (void)state;
    json_t *list = json_array(), *m;
    struct err e = {0};
    char *models = hub_models_dir(), *odd = path_join(models, "hf--x@y");
    assert_int_equal(dir_make(odd, &e), 0); /* not one of ours */
    hub_list(list);
    size_t i;
    assert_int_equal(json_array_size(list), 2);
    json_array_foreach(list, i, m) {
        const char *name = json_string_value(json_object_get(m, "name"));
        struct hub_name n = parse(name);
        char *place = hub_place(&n);
        assert_non_null(place);
        assert_string_equal(place, json_string_value(json_object_get(m, "path")));
        assert_int_equal(json_integer_value(json_object_get(m, "bytes")), 5);
        free(place);
        hub_name_release(&n);
    }
    json_decref(list);
    free(odd), free(models);
}

static void no_step_from_https_to_http(void **state) {
    (void)state;
    struct err e = {0};
    struct hub_pull p = {0};
    struct hub_client c = {.label = "hf:o/n", .repo = "o/n", .p = &p};
    struct hub_get g = {.url = xstrdup("http://127.0.0.1:1/x"), .what = "model.safetensors"};
    setenv("HF_ENDPOINT", "https://Hub.Example/prefix//", 1);
    setenv("HF_TOKEN", "sesame", 1);
    if (hub_client_open(&c, &e)) {
        if (!strstr(e.msg, "libcurl is missing")) fail_msg("%s", e.msg);
        skip();
    }
    assert_string_equal(c.endpoint, "https://Hub.Example/prefix");
    assert_string_equal(c.origin, "https://hub.example:443");
    assert_true(c.secure);
    assert_int_equal(hub_get_all(&c, &g, 1, &e), ERR_RESOURCE);
    assert_non_null(strstr(e.msg, "from https to http://127.0.0.1:1/x: refused"));
    strbuf_release(&g.body);
    free(g.url);
    hub_client_close(&c);
}

static void endpoints_and_tokens_are_checked(void **state) {
    (void)state;
    static const char *const bad[] = {"huggingface.co", "ftp://a",      "file:///etc", "http://",
                                      "https://a b",    "http://u:p@h", "http://h/?x"};
    struct hub_pull p = {0};
    unsetenv("HF_TOKEN");
    for (size_t i = 0; i < ARRAY_LEN(bad) + 1; i++) {
        struct err e = {0};
        struct hub_client c = {.label = "hf:o/n", .repo = "o/n", .p = &p};
        bool last = i == ARRAY_LEN(bad);
        setenv("HF_ENDPOINT", last ? "http://h" : bad[i], 1);
        if (last) setenv("HF_TOKEN", "a\r\nX: y", 1);
        if (!hub_client_open(&c, &e)) fail_msg("%zu is taken", i);
        if (strstr(e.msg, "libcurl is missing")) skip();
        assert_int_equal(e.code, ERR_USER);
        assert_non_null(strstr(e.msg, last ? "HF_TOKEN" : "HF_ENDPOINT"));
        hub_client_close(&c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_come_apart),
        cmocka_unit_test(bad_names_are_refused),
        cmocka_unit_test(file_names_stay_in_their_folder),
        cmocka_unit_test(a_repository_is_named_as_others_name_it),
        cmocka_unit_test(a_revision_means_the_commit_of_its_last_pull),
        cmocka_unit_test(the_list_names_what_can_be_used),
        cmocka_unit_test(no_step_from_https_to_http),
        cmocka_unit_test(endpoints_and_tokens_are_checked),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
