/* SPDX-License-Identifier: Apache-2.0 */
/* test_run_files.c - weights that are not numbers are found in every type, with their place; replaced files
 * are noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/core/data.h"
#include "harness/train/run_files.h"
#include "harness/base/util.h"

static char dir[] = "/tmp/bench-guard-XXXXXX", *path;

static int make_dir(void **state) {
    (void)state;
    return !mkdtemp(dir) || setenv("XDG_CACHE_HOME", dir, 1);
}

static int remove_dir(void **state) {
    (void)state;
    char *cmd = xasprintf("rm -rf '%s'", dir);
    int rc = system(cmd);
    free(cmd);
    return rc;
}

static struct modelfile *open_file(const char *name) {
    struct modelfile *f;
    struct err e = {0};
    free(path);
    path = path_join(dir, name);
    if (modelfile_open(&f, path, &e)) fail_msg("%s", e.msg);
    return f;
}

/* "" when every weight is finite. */
static void says(const char *name, const char *words) {
    char why[700] = "";
    struct modelfile *f = open_file(name);
    bool bad = modelfile_bad_weight(f, why, sizeof why);
    assert_int_equal(bad, *words != 0);
    if (bad && (!strstr(why, words) || !strstr(why, path))) fail_msg("'%s' does not say '%s'", why, words);
    modelfile_close(f);
}

static void float_types(void **state) {
    (void)state;
    float f[6] = {0, -1, 3.4e38f, 1e-45f, 5, 6};
    uint16_t h[3] = {0x7bff, 0xfbff, 0x0001},
             b[3] = {0x7f7f, 0xff7f, 0x0001}; /* the largest, and the smallest */
    struct tensor_out t[] = {{.name = "a.bf16", .dtype = DT_BF16, .ndim = 1, .shape = {3}, .data = b},
                             {.name = "b.f16", .dtype = DT_F16, .ndim = 1, .shape = {3}, .data = h},
                             {.name = "c.f32", .dtype = DT_F32, .ndim = 2, .shape = {2, 3}, .data = f}};
    const struct {
        void *at;
        const void *value;
        size_t size;
        const char *words;
    } cases[] = {{f, f, 0, ""},
                 {f + 4, &(float){NAN}, 4, "'c.f32' is not finite at row 1, column 1"},
                 {h + 2, &(uint16_t){0xfc00}, 2, "'b.f16' is not finite at row 0, column 2"},
                 {b, &(uint16_t){0x7f80}, 2, "'a.bf16' is not finite at row 0, column 0"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        memcpy(cases[i].at, cases[i].value, cases[i].size);
        char *file = path_join(dir, "w.safetensors");
        assert_int_equal(safetensors_write(file, t, 3, NULL, NULL), 0);
        free(file);
        says("w.safetensors", cases[i].words);
    }
}

/* A GGUF file with one tensor of two rows of 64 in a block type, all bytes 0xff but the scales. */
static void block_file(uint32_t type, size_t block, size_t scales, size_t bad_block, size_t bad_scale) {
    struct strbuf s = {0};
    strbuf_add(&s, "GGUF\3\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0q\2\0\0\0", 37);
    strbuf_add(&s, &(uint64_t[]){64, 2}, 16);
    strbuf_add(&s, &type, 4);
    strbuf_add(&s, &(uint64_t){0}, 8);
    while (s.len % 32) strbuf_addc(&s, 0);
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < block / 2; k++) {
            uint16_t v = k >= scales ? 0xffff : i == bad_block && k == bad_scale ? 0x7e00 : 0x3c00;
            strbuf_add(&s, &v, 2);
        }
    char *file = path_join(dir, "m.gguf");
    assert_int_equal(file_write(file, s.s, s.len, NULL), 0);
    free(file);
    strbuf_release(&s);
}

static void block_types(void **state) {
    (void)state;
    const struct {
        uint32_t type;
        size_t block, scales;
    } types[] = {{8, 34, 1}, {2, 18, 1}, {3, 20, 2}};
    for (size_t i = 0; i < 3; i++) {
        block_file(types[i].type, types[i].block, types[i].scales, 99, 0);
        says("m.gguf", "");
        for (size_t k = 0; k < types[i].scales; k++) {
            block_file(types[i].type, types[i].block, types[i].scales, 3, k);
            says("m.gguf", "'q' is not finite at row 1, column 32");
        }
    }
}

static void replaced_files(void **state) {
    (void)state;
    struct err e = {0};
    char model[65], data[65], *file = path_join(dir, "d.jsonl");
    struct modelfile *f = open_file("m.gguf");
    assert_int_equal(file_write(file, "{\"q\": 1}\n", 9, NULL), 0);
    json_t *files = json_pack("{s:s}", "train", file);
    assert_int_equal(modelfile_digest(f, model, &e), 0);
    assert_int_equal(data_digest(files, data, &e), 0);
    json_t *config = json_pack("{s:s,s:s,s:o}", "model_digest", model, "data_digest", data, "data", files);
    assert_int_equal(run_files_unchanged(config, f, &e), 0);
    assert_int_equal(file_write(file, "{\"q\": 2}\n", 9, NULL), 0);
    assert_int_equal(run_files_unchanged(config, f, &e), ERR_RESOURCE);
    assert_non_null(strstr(e.msg, file));
    block_file(8, 34, 1, 0, 0);
    assert_int_equal(run_files_unchanged(config, f, &e), ERR_RESOURCE);
    assert_non_null(strstr(e.msg, path));
    json_object_del(config, "model_digest");
    json_object_del(config, "data_digest");
    assert_int_equal(run_files_unchanged(config, f, &e), 0); /* nothing to compare with */
    char *start = path_join(dir, "adapter_model.safetensors"), digest[65];
    assert_int_equal(file_write(start, "one", 3, NULL), 0);
    sha256_hex("one", 3, digest);
    json_object_set_new(config, "init_path", json_string(dir));
    json_object_set_new(config, "init_digest", json_string(digest));
    assert_int_equal(run_files_unchanged(config, f, &e), 0);
    assert_int_equal(file_write(start, "two", 3, NULL), 0);
    assert_int_equal(run_files_unchanged(config, f, &e), ERR_RESOURCE);
    assert_non_null(strstr(e.msg, "the adapter that it starts from was replaced"));
    free(start);
    json_decref(config);
    modelfile_close(f);
    free(file);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float_types),
        cmocka_unit_test(block_types),
        cmocka_unit_test(replaced_files),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
