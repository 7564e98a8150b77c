/* SPDX-License-Identifier: Apache-2.0 */
/* test_safetensors.c - reading and writing Hugging Face folders and .safetensors files, and refusing broken
 * ones by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/nn/format/modelfile.h"
#include "harness/base/util.h"
#include "tests/fixture.h"

static int make_places(void **state) {
    if (make_dir(state)) return -1;
    return setenv("XDG_CACHE_HOME", dir, 1);
}

/* ---- making files -------------------------------------------------------------------------------------- */

static char *put(const char *name, const void *bytes, size_t n) {
    struct err e = {0};
    char *path = path_join(dir, name), *parent = path_dir(path);
    assert_int_equal(dir_make(parent, &e), 0);
    assert_int_equal(file_write(path, bytes, n, &e), 0);
    free(parent);
    return path;
}

static void put_text(const char *name, const char *text) { free(put(name, text, strlen(text))); }

/* A .safetensors file of this header and n data bytes 0, 1, 2, ... */
static char *put_raw(const char *name, uint64_t len, const char *header, size_t n) {
    struct strbuf b = {0};
    strbuf_add(&b, &len, 8);
    strbuf_adds(&b, header);
    for (size_t i = 0; i < n; i++) strbuf_addc(&b, (char)i);
    char *path = put(name, b.s, b.len);
    strbuf_release(&b);
    return path;
}

/* Opening it fails with ERR_USER, names the file and says `words`. */
static void refuse_file(char *path, const char *words) {
    struct err e = {0};
    struct modelfile *f = (void *)&e;
    assert_int_equal(modelfile_open(&f, path, &e), ERR_USER);
    assert_null(f);
    if (!strstr(e.msg, words) || !strstr(e.msg, path))
        fail_msg("'%s' says neither '%s' nor '%s'", e.msg, words, path);
    assert_int_equal(modelfile_open(&f, path, NULL), ERR_USER);
    free(path);
}

static void refuse(const char *header, size_t n, const char *words) {
    refuse_file(put_raw("bad.safetensors", strlen(header), header, n), words);
}

/* ---- tests --------------------------------------------------------------------------------------------- */

static void what_is_written_is_read_back(void **state) {
    (void)state;
    struct err e = {0};
    float a[6] = {1, -2, 3.5f, 0, 1e-30f, 7}, s = 4;
    uint16_t h[3] = {0x3c00, 0xbc00, 0x4000};
    json_t *meta = json_pack("{s:s}", "format", "pt");
    struct tensor_out t[] = {
        {"half", DT_F16, 1, {3}, h, false, NULL, NULL},
        {"a \"quoted\" \xc3\xa9", DT_F32, 2, {2, 3}, a, false, NULL, NULL},
        {"scalar", DT_F32, 0, {0}, &s, false, NULL, NULL},
        {"none", DT_F32, 2, {0, 4}, NULL, false, NULL, NULL},
        {"brain", DT_BF16, 3, {1, 3, 1}, h, false, NULL, NULL},
    };
    char *path = path_join(dir, "w.safetensors");
    assert_int_equal(safetensors_write(path, t, 5, meta, &e), 0);
    json_decref(meta);
    struct modelfile *f;
    assert_int_equal(modelfile_open(&f, path, &e), 0);
    assert_int_equal(modelfile_count(f), 5);
    assert_false(modelfile_is_gguf(f));
    assert_null(modelfile_config(f));
    assert_int_equal(modelfile_weight_bytes(f), 24 + 4 + 6 + 6);
    for (int i = 0; i < 5; i++) {
        const struct tensor *r = modelfile_find(f, t[i].name);
        assert_non_null(r);
        assert_int_equal(r->dtype, t[i].dtype);
        assert_int_equal(r->ndim, t[i].ndim);
        for (int d = 0; d < r->ndim; d++) assert_int_equal(r->shape[d], t[i].shape[d]);
        if (r->bytes) assert_memory_equal(r->data, t[i].data, r->bytes);
    }
    assert_null(modelfile_find(f, "nope"));
    struct tokenizer *tok;
    assert_int_equal(modelfile_tokenizer(f, &tok, &e), ERR_USER);
    modelfile_close(f);
    free(path);
}

static void writing_where_it_cannot_be_is_an_error(void **state) {
    (void)state;
    struct err e = {0};
    float a = 1;
    struct tensor_out t = {"a", DT_F32, 1, {1}, &a, false, NULL, NULL};
    assert_int_equal(safetensors_write("/nonexistent/x.safetensors", &t, 1, NULL, &e), ERR_RESOURCE);
    assert_int_equal(npy_write("/nonexistent/x.npy", &a, 1, t.shape, &e), ERR_RESOURCE);
    if (file_exists("/dev/full")) { /* a full disk */
        char *path = path_join(dir, "full");
        assert_int_equal(symlink("/dev/full", path), 0);
        assert_int_equal(npy_write(path, &a, 1, t.shape, &e),
                         ERR_RESOURCE); /* through the link, as a shell */
        free(path);
    }
}

static void tensors_become_weights(void **state) {
    (void)state;
    struct err e = {0};
    float a[6] = {0};
    struct tensor t = {
        .name = "m", .dtype = DT_F32, .ndim = 2, .shape = {2, 3}, .data = a, .bytes = sizeof a};
    struct weight w;
    assert_int_equal(tensor_weight(&t, &w, &e), 0);
    assert_int_equal(w.rows, 2);
    assert_int_equal(w.cols, 3);
    assert_int_equal(w.row_bytes, 12);
    assert_int_equal(w.rope_heads, 0);
    assert_ptr_equal(w.data, a);
    t.ndim = 1, t.shape[0] = 6;
    assert_int_equal(tensor_weight(&t, &w, &e), 0);
    assert_int_equal(w.rows, 1);
    assert_int_equal(w.cols, 6);
    t.ndim = 3;
    assert_int_equal(tensor_weight(&t, &w, &e), ERR_USER);
    t.ndim = 2, t.shape[0] = (int64_t)1 << 40;
    assert_int_equal(tensor_weight(&t, &w, &e), ERR_USER);
}

static void integer_buffers_are_left_out_but_quantised_weights_refused(void **state) {
    (void)state;
    struct err e = {0};
    const char *h = "{\"pos_ids\":{\"dtype\":\"I64\",\"shape\":[1,2],\"data_offsets\":[0,16]},"
                    "\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[16,20]}}   ";
    char *path = put_raw("int.safetensors", strlen(h), h, 20);
    struct modelfile *f;
    assert_int_equal(modelfile_open(&f, path, &e), 0);
    assert_int_equal(modelfile_count(f), 1);
    assert_memory_equal(modelfile_find(f, "w")->data, "\x10\x11\x12\x13", 4);
    modelfile_close(f);
    free(path);
    refuse("{\"a.weight\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4,
           "'a.weight' is U8, which is not implemented");
    refuse("{\"a\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8,
           "'a' is F64, which is not implemented");
    refuse("{\"a\":{\"dtype\":\"Q9\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8, "'a' is Q9");
}

static void odd_addresses_are_made_even(void **state) {
    (void)state;
    struct err e = {0};
    for (size_t pad = 0; pad < 4; pad++) {
        char *h = xasprintf("{\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]},"
                            "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[2,10]}}%.*s",
                            (int)pad, "    ");
        char *path = put_raw("odd.safetensors", strlen(h), h, 10);
        struct modelfile *f;
        assert_int_equal(modelfile_open(&f, path, &e), 0);
        const struct tensor *a = modelfile_find(f, "a"), *b = modelfile_find(f, "b");
        assert_int_equal((uintptr_t)a->data % 2, 0);
        assert_int_equal((uintptr_t)b->data % 4, 0);
        assert_memory_equal(a->data, "\x00\x01", 2);
        assert_memory_equal(b->data, "\x02\x03\x04\x05\x06\x07\x08\x09", 8);
        modelfile_close(f);
        free(h);
        free(path);
    }
}

static void headers_that_lie_are_refused(void **state) {
    (void)state;
    const char *good = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
    refuse_file(put("bad.safetensors", "", 0), "not a safetensors file");
    refuse_file(put("bad.safetensors", "\1\0\0\0", 4), "not a safetensors file");
    refuse_file(put_raw("bad.safetensors", (uint64_t)1 << 63, good, 4), "9223372036854775808");
    refuse_file(put_raw("bad.safetensors", UINT64_MAX, good, 4), "cut off");
    refuse_file(put_raw("bad.safetensors", strlen(good) + 5, good, 4), "cut off");
    refuse_file(put_raw("bad.safetensors", strlen(good) - 5, good, 4), "JSON");
    refuse_file(put_raw("bad.safetensors", 0, "", 0), "JSON");
    refuse("[1,2]", 0, "not a JSON object");
    refuse("{}", 0, "holds no tensors");
    refuse("{\"a\":3}", 0, "is no object");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"F32\","
           "\"shape\":[1],\"data_offsets\":[4,8]}}",
           8, "duplicate");
    struct strbuf deep = {0};
    strbuf_adds(&deep, "{\"a\":");
    for (int i = 0; i < 100000; i++) strbuf_addc(&deep, '[');
    refuse(deep.s, 0, "JSON");
    strbuf_release(&deep);
}

static void tensors_that_lie_are_refused(void **state) {
    (void)state;
    refuse("{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "has no dtype");
    refuse("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "has no shape");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "no pair of data_offsets");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "no pair of data_offsets");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, "no pair of data_offsets");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, "cut off");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "claims bytes 4 to 0");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[9223372036854775800,"
           "9223372036854775804]}}",
           4, "cut off");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,99999999999999999999]}}", 4, "JSON");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "need 8");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "not a size");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, "not a size");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]}}", 4,
           "overflows");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "5 dimensions");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\","
           "\"shape\":[1],\"data_offsets\":[0,4]}}",
           4, "overlaps");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\","
           "\"shape\":[1],\"data_offsets\":[8,12]}}",
           12, "'b' leaves a gap");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "leaves a gap");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 6, "end at byte 4 of 6");
}

/* Any cut of a good file is refused. */
static void every_truncation_is_refused(void **state) {
    (void)state;
    struct err e = {0};
    const char *h = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    char *path = put_raw("cut.safetensors", strlen(h), h, 8);
    struct strbuf b = {0};
    assert_int_equal(file_read(path, 1000, &b, &e), 0);
    for (size_t n = 0; n < b.len; n++) {
        free(put("cut.safetensors", b.s, n));
        struct modelfile *f;
        assert_int_equal(modelfile_open(&f, path, &e), ERR_USER);
    }
    strbuf_release(&b);
    free(path);
}

static const char one_f32[] = "{\"%s\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";

/* A shard or a whole file with one tensor. */
static void put_one(const char *file, const char *tensor) {
    char *h = xasprintf(one_f32, tensor);
    free(put_raw(file, strlen(h), h, 4));
    free(h);
}

static void folders_are_read_whole(void **state) {
    (void)state;
    struct err e = {0};
    put_one("whole/model.safetensors", "x");
    refuse_file(path_join(dir, "whole"), "config.json: missing");
    put_text("whole/config.json", "{\"model_type\": \"llama\", \"n\": 3}");
    char *path = path_join(dir, "whole");
    struct modelfile *f;
    assert_int_equal(modelfile_open(&f, path, &e), 0);
    assert_string_equal(modelfile_path(f), path);
    assert_int_equal(json_integer_value(json_object_get(modelfile_config(f), "n")), 3);
    assert_string_equal(modelfile_at(f, 0)->name, "x");
    struct tokenizer *tok;
    assert_int_equal(modelfile_tokenizer(f, &tok, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "whole/tokenizer.json: missing"));
    modelfile_close(f);
    put_text("whole/config.json", "{\"model_type\":\n \"llama\",");
    refuse_file(xstrdup(path), "config.json:2");
    put_text("whole/config.json", "[1]");
    refuse_file(path, "no JSON object");
}

static void folders_without_weights_say_what_they_are(void **state) {
    (void)state;
    put_text("none/config.json", "{}");
    refuse_file(path_join(dir, "none"), "has no model.safetensors");
    put_text("none/pytorch_model.bin", "");
    refuse_file(path_join(dir, "none"), "pickle");
    put_text("adapter/adapter_config.json", "{}");
    refuse_file(path_join(dir, "adapter"), "--adapter");
    refuse_file(put("file.bin", "abc", 3), "is not a model");
    refuse_file(path_join(dir, "absent"), "No such file");
}

static void shards_are_read_by_their_index(void **state) {
    (void)state;
    struct err e = {0};
    put_text("sh/config.json", "{}");
    put_one("sh/m-1.safetensors", "a");
    put_one("sh/m-2.safetensors", "b");
    put_text("sh/model.safetensors.index.json",
             "{\"weight_map\": {\"a\": \"m-1.safetensors\", \"b\": \"m-2.safetensors\"}}");
    char *path = path_join(dir, "sh");
    struct modelfile *f;
    assert_int_equal(modelfile_open(&f, path, &e), 0);
    assert_int_equal(modelfile_count(f), 2);
    assert_non_null(modelfile_find(f, "a"));
    assert_non_null(modelfile_find(f, "b"));
    modelfile_close(f);

    put_text("sh/model.safetensors.index.json",
             "{\"weight_map\": {\"a\": \"m-1.safetensors\", \"c\": \"m-2.safetensors\"}}");
    refuse_file(xstrdup(path), "m-2.safetensors: tensor 'c' is missing");
    put_text("sh/model.safetensors.index.json",
             "{\"weight_map\": {\"a\": \"m-1.safetensors\", \"b\": \"m-3.safetensors\"}}");
    refuse_file(xstrdup(path), "m-3.safetensors: this part of the model is missing");
    put_text("sh/model.safetensors.index.json", "{\"weight_map\": {\"a\": \"../whole/model.safetensors\"}}");
    refuse_file(xstrdup(path), "names the shard");
    put_text("sh/model.safetensors.index.json", "{\"weight_map\": {\"a\": 3}}");
    refuse_file(xstrdup(path), "not a string");
    put_text("sh/model.safetensors.index.json", "{}");
    refuse_file(xstrdup(path), "weight_map");
    put_text("sh/model.safetensors.index.json", "{\"weight_map\": {\"a\"");
    refuse_file(path, "not valid JSON");
}

static void digest_of(const char *path, char hex[65]) {
    struct err e = {0};
    struct modelfile *f;
    assert_int_equal(modelfile_open(&f, path, &e), 0);
    assert_int_equal(modelfile_digest(f, hex, &e), 0);
    modelfile_close(f);
}

static void digests_follow_the_contents_and_not_the_place(void **state) {
    (void)state;
    char a[65], b[65];
    put_one("d1/model.safetensors", "x");
    put_text("d1/config.json", "{}");
    put_one("d2/model.safetensors", "x");
    put_text("d2/config.json", "{}");
    char *p1 = path_join(dir, "d1"), *p2 = path_join(dir, "d2");
    digest_of(p1, a);
    digest_of(p2, b);
    assert_string_equal(a, b);
    put_text("d2/config.json", "{\"n\":1}");
    digest_of(p2, b);
    assert_string_not_equal(a, b);
    put_text("d2/config.json", "{}");
    put_text("d2/tokenizer.json", "{}");
    digest_of(p2, b);
    assert_string_not_equal(a, b);
    put_one("d1/model.safetensors", "y");
    digest_of(p1, b);
    assert_string_not_equal(a, b);
    free(p1), free(p2);
}

static void npy_has_numpys_bytes(void **state) {
    (void)state;
    struct err e = {0};
    float a[6] = {0, 1, 2, 3, 4, 5};
    int64_t shape[2] = {2, 3};
    static const struct {
        int ndim;
        const char *shape;
    } cases[] = {{2, "(2, 3)"}, {1, "(2,)"}, {0, "()"}};
    char *path = path_join(dir, "x.npy");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(npy_write(path, a, cases[i].ndim, shape, &e), 0);
        struct strbuf b = {0};
        assert_int_equal(file_read(path, 1000, &b, &e), 0);
        size_t n = i == 0 ? 24 : i == 1 ? 8 : 4;
        assert_int_equal(b.len, 128 + n);
        assert_memory_equal(
            b.s, "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (", 61);
        assert_memory_equal(strchr(b.s + 60, '('), cases[i].shape, strlen(cases[i].shape));
        assert_int_equal(b.s[127], '\n');
        assert_memory_equal(b.s + 128, a, n);
        strbuf_release(&b);
    }
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(writing_where_it_cannot_be_is_an_error),
        cmocka_unit_test(tensors_become_weights),
        cmocka_unit_test(integer_buffers_are_left_out_but_quantised_weights_refused),
        cmocka_unit_test(odd_addresses_are_made_even),
        cmocka_unit_test(headers_that_lie_are_refused),
        cmocka_unit_test(tensors_that_lie_are_refused),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(folders_are_read_whole),
        cmocka_unit_test(folders_without_weights_say_what_they_are),
        cmocka_unit_test(shards_are_read_by_their_index),
        cmocka_unit_test(digests_follow_the_contents_and_not_the_place),
        cmocka_unit_test(npy_has_numpys_bytes),
    };
    return cmocka_run_group_tests(tests, make_places, remove_dir);
}
