/* SPDX-License-Identifier: Apache-2.0 */
/* test_gguf.c - reading GGUF files, and refusing broken, hostile and unimplemented ones by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/nn/format/modelfile.h"
#include "harness/base/util.h"

static char dir[64], *path;

static int make_dir(void **state) {
    (void)state;
    strcpy(dir, "/tmp/bench-gguf-XXXXXX");
    if (!mkdtemp(dir)) return -1;
    path = path_join(dir, "m.gguf");
    return setenv("XDG_CACHE_HOME", dir, 1);
}

static int remove_one(const char *p, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st, (void)flag, (void)ftw;
    return remove(p);
}

static int remove_dir(void **state) {
    (void)state;
    free(path);
    return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- making files -------------------------------------------------------------------------------------- */

static void u32(struct strbuf *b, uint32_t v) { strbuf_add(b, &v, 4); }
static void u64(struct strbuf *b, uint64_t v) { strbuf_add(b, &v, 8); }
static void str(struct strbuf *b, const char *s) {
    u64(b, strlen(s));
    strbuf_adds(b, s);
}
static void key(struct strbuf *b, const char *k, uint32_t type) {
    str(b, k);
    u32(b, type);
}
static void head(struct strbuf *b, uint64_t n_tensors, uint64_t n_kv) {
    strbuf_reset(b);
    strbuf_adds(b, "GGUF");
    u32(b, 3);
    u64(b, n_tensors);
    u64(b, n_kv);
}
static void entry(struct strbuf *b, const char *name, uint32_t type, uint64_t offset, int ndim,
                  const uint64_t *dims) {
    str(b, name);
    u32(b, (uint32_t)ndim);
    for (int i = 0; i < ndim; i++) u64(b, dims[i]);
    u32(b, type);
    u64(b, offset);
}
static void data(struct strbuf *b, size_t align, size_t n) {
    while (b->len % align) strbuf_addc(b, 0);
    for (size_t i = 0; i < n; i++) strbuf_addc(b, (char)i);
}

/* The metadata and tokenizer of a tiny file: keys counted in *n. */
static void good_keys(struct strbuf *b, int *n) {
    key(b, "general.architecture", 8), str(b, "llama");
    key(b, "llama.block_count", 4), u32(b, 2);
    key(b, "f", 6), u32(b, 0x3fc00000); /* 1.5 */
    key(b, "i8", 1), strbuf_addc(b, (char)-3);
    key(b, "u64", 10), u64(b, UINT64_MAX);
    key(b, "i64", 11), u64(b, (uint64_t)-5);
    key(b, "yes", 7), strbuf_addc(b, 1);
    key(b, "langs", 9), u32(b, 8), u64(b, 2), str(b, "en"), str(b, "de");
    key(b, "long", 9), u32(b, 4), u64(b, 65);
    for (uint32_t i = 0; i < 65; i++) u32(b, i);
    key(b, "nested", 9), u32(b, 9), u64(b, 1), u32(b, 0), u64(b, 3), strbuf_add(b, "abc", 3);
    key(b, "tokenizer.ggml.model", 8), str(b, "gpt2");
    *n = 11;
}

/* A good file: three tensors, of F32, Q4_0 and F16. */
static void good_file(struct strbuf *b) {
    struct strbuf keys = {0};
    int n;
    good_keys(&keys, &n);
    head(b, 3, (uint64_t)n);
    strbuf_add(b, keys.s, keys.len);
    strbuf_release(&keys);
    entry(b, "norm", 0, 0, 1, (uint64_t[]){3});
    entry(b, "half", 1, 96, 2, (uint64_t[]){3, 2});
    entry(b, "q", 2, 32, 2, (uint64_t[]){32, 3});
    data(b, 32, 96 + 12);
}

static void write_file(const struct strbuf *b, size_t n) {
    FILE *f = fopen(path, "wb"); /* thousands of files: not worth an fsync each */
    assert_non_null(f);
    assert_int_equal(fwrite(b->s, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* Opening fails with ERR_USER, names the file and says `words`. */
static void refuse(struct strbuf *b, const char *words) {
    struct err e = {0};
    struct modelfile *f = (void *)&e;
    write_file(b, b->len);
    assert_int_equal(modelfile_open(&f, path, &e), ERR_USER);
    assert_null(f);
    if (!strstr(e.msg, words) || !strstr(e.msg, path))
        fail_msg("'%s' says neither '%s' nor '%s'", e.msg, words, path);
}

/* A file with one tensor entry and n bytes of data. */
static void one_tensor(struct strbuf *b, uint32_t type, uint64_t offset, int ndim, const uint64_t *dims,
                       size_t n) {
    head(b, 1, 0);
    entry(b, "t", type, offset, ndim, dims);
    data(b, 32, n);
}

/* ---- tests --------------------------------------------------------------------------------------------- */

static void a_good_file_is_read(void **state) {
    (void)state;
    struct err e = {0};
    struct strbuf b = {0};
    struct modelfile *f;
    good_file(&b);
    write_file(&b, b.len);
    assert_int_equal(modelfile_open(&f, path, &e), 0);
    assert_true(modelfile_is_gguf(f));
    assert_int_equal(modelfile_count(f), 3);
    const struct tensor *t = modelfile_find(f, "half");
    assert_int_equal(t->dtype, DT_F16);
    assert_int_equal(t->ndim, 2);
    assert_int_equal(t->shape[0], 2); /* outermost first */
    assert_int_equal(t->shape[1], 3);
    assert_int_equal(t->bytes, 12);
    assert_int_equal(*(const uint8_t *)t->data, 96);
    t = modelfile_find(f, "q");
    assert_int_equal(t->bytes, 3 * 18);
    assert_int_equal(*(const uint8_t *)t->data, 32);
    struct weight w;
    assert_int_equal(tensor_weight(t, &w, &e), 0);
    assert_int_equal(w.row_bytes, 18);
    char hex[65];
    assert_int_equal(modelfile_digest(f, hex, &e), 0);
    modelfile_close(f);
    strbuf_release(&b);
}

static void metadata_becomes_json_and_long_arrays_are_noted(void **state) {
    (void)state;
    struct err e = {0};
    struct strbuf b = {0};
    struct modelfile *f;
    good_file(&b);
    write_file(&b, b.len);
    assert_int_equal(modelfile_open(&f, path, &e), 0);
    const json_t *c = modelfile_config(f);
    assert_string_equal(json_string_value(json_object_get(c, "general.architecture")), "llama");
    assert_int_equal(json_integer_value(json_object_get(c, "llama.block_count")), 2);
    assert_true(json_real_value(json_object_get(c, "f")) == 1.5);
    assert_int_equal(json_integer_value(json_object_get(c, "i8")), -3);
    assert_int_equal(json_integer_value(json_object_get(c, "i64")), -5);
    assert_true(json_real_value(json_object_get(c, "u64")) > 1.8e19);
    assert_true(json_is_true(json_object_get(c, "yes")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(c, "langs"), 1)), "de");
    assert_true(json_is_true(json_object_get(c, "long")));
    assert_null(json_object_get(c, "nested"));
    modelfile_close(f);
    strbuf_release(&b);
}

static void every_truncation_is_refused(void **state) {
    (void)state;
    struct err e = {0};
    struct strbuf b = {0};
    struct modelfile *f;
    good_file(&b);
    write_file(&b, b.len);
    for (size_t n = b.len; n-- > 0;) {
        assert_int_equal(truncate(path, (off_t)n), 0);
        assert_int_equal(modelfile_open(&f, path, &e), ERR_USER);
    }
    strbuf_release(&b);
}

/* Touch both ends of every tensor: they are inside the mapping. */
static void touch(const struct modelfile *f) {
    for (int i = 0; i < modelfile_count(f); i++) {
        const struct tensor *t = modelfile_at(f, i);
        const volatile uint8_t *bytes = t->data;
        if (t->bytes) (void)bytes[0], (void)bytes[t->bytes - 1];
    }
}

static void any_changed_byte_is_read_or_refused_without_a_crash(void **state) {
    (void)state;
    static const uint8_t values[] = {0, 9, 0xff};
    struct err e = {0};
    struct strbuf b = {0};
    good_file(&b);
    write_file(&b, b.len);
    int fd = open(path, O_WRONLY), opened = 0;
    for (size_t i = 0; i < b.len; i++) {
        for (size_t k = 0; k < sizeof values; k++) {
            struct modelfile *f;
            struct tokenizer *tok;
            assert_int_equal(pwrite(fd, &values[k], 1, (off_t)i), 1);
            if (modelfile_open(&f, path, &e) < 0) continue;
            opened++;
            touch(f);
            assert_int_equal(modelfile_tokenizer(f, &tok, &e), ERR_USER);
            modelfile_close(f);
        }
        assert_int_equal(pwrite(fd, b.s + i, 1, (off_t)i), 1);
    }
    assert_true(opened > 0);
    close(fd);
    strbuf_release(&b);
}

static void headers_that_lie_are_refused(void **state) {
    (void)state;
    struct strbuf b = {0};
    strbuf_adds(&b, "GGML");
    refuse(&b, "not a GGUF file");
    good_file(&b), b.s[4] = 1;
    refuse(&b, "version 1; versions 2 and 3 are read");
    good_file(&b), memcpy(b.s + 4, "\0\0\0\3", 4);
    refuse(&b, "version 3, big-endian");
    head(&b, UINT64_MAX, 0);
    refuse(&b, "18446744073709551615 tensors");
    head(&b, 0, (uint64_t)1 << 63);
    refuse(&b, "9223372036854775808 metadata");
    head(&b, 0, 60000);
    refuse(&b, "past the end");
    head(&b, 200000, 0);
    refuse(&b, "past the end");
    head(&b, 0, 0);
    refuse(&b, "holds no tensors");
    strbuf_release(&b);
}

static void metadata_that_lies_is_refused(void **state) {
    (void)state;
    struct strbuf b = {0};
    head(&b, 0, 1), u64(&b, UINT64_MAX);
    refuse(&b, "past the end");
    head(&b, 0, 1), str(&b, "");
    refuse(&b, "not a name");
    head(&b, 0, 1), str(&b, "\xff\xfe");
    refuse(&b, "not a name");
    head(&b, 0, 1), key(&b, "k", 8), u64(&b, (uint64_t)1 << 62);
    refuse(&b, "past the end");
    head(&b, 0, 1), key(&b, "k", 13);
    refuse(&b, "'k' has the unknown value type 13");
    head(&b, 0, 1), key(&b, "k", 9), u32(&b, 99), u64(&b, 0);
    refuse(&b, "'k' has the unknown value type 99");
    head(&b, 0, 1), key(&b, "k", 9), u32(&b, 10), u64(&b, (uint64_t)1 << 61); /* bytes overflow */
    refuse(&b, "the array 'k' runs past the end");
    head(&b, 0, 1), key(&b, "k", 9), u32(&b, 8), u64(&b, UINT64_MAX);
    refuse(&b, "the array 'k' runs past the end");
    head(&b, 0, 1), key(&b, "k", 9);
    for (int i = 0; i < 100; i++) u32(&b, 9), u64(&b, 1);
    refuse(&b, "nests arrays more than");
    head(&b, 0, 2), key(&b, "k", 4), u32(&b, 1), key(&b, "k", 4), u32(&b, 2);
    refuse(&b, "'k' occurs twice");
    head(&b, 0, 1), key(&b, "k", 6), u32(&b, 0x7fc00000);
    refuse(&b, "not a finite number");
    head(&b, 0, 1), key(&b, "split.count", 2), strbuf_add(&b, "\3\0", 2);
    refuse(&b, "split model");
    strbuf_release(&b);
}

static void alignment_must_be_sensible(void **state) {
    (void)state;
    static const uint32_t bad[] = {0, 1, 4, 24, 0x80000000u};
    struct strbuf b = {0};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        head(&b, 1, 1), key(&b, "general.alignment", 4), u32(&b, bad[i]);
        entry(&b, "t", 0, 0, 1, (uint64_t[]){4});
        data(&b, 32, 16);
        refuse(&b, "general.alignment is");
    }
    struct err e = {0};
    struct modelfile *f;
    head(&b, 2, 1), key(&b, "general.alignment", 4), u32(&b, 64);
    entry(&b, "t", 0, 0, 1, (uint64_t[]){4});
    entry(&b, "u", 0, 64, 1, (uint64_t[]){4});
    data(&b, 64, 80);
    write_file(&b, b.len);
    assert_int_equal(modelfile_open(&f, path, &e), 0);
    assert_int_equal(*(const uint8_t *)modelfile_find(f, "u")->data, 64);
    modelfile_close(f);
    strbuf_release(&b);
}

static void tensors_that_lie_are_refused(void **state) {
    (void)state;
    struct strbuf b = {0};
    one_tensor(&b, 0, 0, 1, (uint64_t[]){5}, 16);
    refuse(&b, "'t' ends past the end");
    one_tensor(&b, 0, (uint64_t)1 << 63, 1, (uint64_t[]){4}, 16);
    refuse(&b, "ends past the end");
    one_tensor(&b, 0, UINT64_MAX - 31, 1, (uint64_t[]){4}, 16);
    refuse(&b, "ends past the end");
    one_tensor(&b, 0, 32, 1, (uint64_t[]){4}, 64);
    refuse(&b, "leaves a gap");
    one_tensor(&b, 0, 0, 1, (uint64_t[]){0}, 16);
    refuse(&b, "dimension 0 is 0");
    one_tensor(&b, 0, 0, 2, (uint64_t[]){(uint64_t)1 << 32, (uint64_t)1 << 32}, 16);
    refuse(&b, "more than the file can hold");
    one_tensor(&b, 0, 0, 1, (uint64_t[]){(uint64_t)1 << 62}, 16);
    refuse(&b, "more than the file can hold");
    head(&b, 1, 0), str(&b, "t"), u32(&b, 7);
    refuse(&b, "7 dimensions");
    one_tensor(&b, 2, 0, 1, (uint64_t[]){48}, 64);
    refuse(&b, "Q4_0 needs a multiple of 32");
    head(&b, 2, 0);
    entry(&b, "t", 0, 0, 1, (uint64_t[]){4}), entry(&b, "u", 0, 0, 1, (uint64_t[]){4});
    data(&b, 32, 32);
    refuse(&b, "overlaps");
    head(&b, 2, 0);
    entry(&b, "t", 0, 0, 1, (uint64_t[]){4}), entry(&b, "t", 0, 32, 1, (uint64_t[]){4});
    data(&b, 32, 64);
    refuse(&b, "two tensors of the name 't'");
    strbuf_release(&b);
}

static void types_not_implemented_are_named_with_the_remedy(void **state) {
    (void)state;
    struct strbuf b = {0};
    one_tensor(&b, 14, 0, 1, (uint64_t[]){256}, 210);
    refuse(&b, "tensor 't' is Q6_K, which is not implemented: use a Q4_0, Q4_1, Q8_0, F16, BF16 or F32 file");
    one_tensor(&b, 12, 0, 1, (uint64_t[]){256}, 256);
    refuse(&b, "is Q4_K");
    one_tensor(&b, 4, 0, 1, (uint64_t[]){256}, 256);
    refuse(&b, "unknown type 4");
    one_tensor(&b, UINT32_MAX, 0, 1, (uint64_t[]){256}, 256);
    refuse(&b, "unknown type 4294967295");
    strbuf_release(&b);
}

/* A file with one tensor and these tokenizer keys; opening its tokenizer fails and says `words`. */
static void refuse_tokenizer(struct strbuf *keys, int n, const char *words) {
    struct err e = {0};
    struct strbuf b = {0};
    struct modelfile *f;
    struct tokenizer *tok;
    head(&b, 1, (uint64_t)n);
    if (keys->len) strbuf_add(&b, keys->s, keys->len);
    entry(&b, "t", 0, 0, 1, (uint64_t[]){4});
    data(&b, 32, 16);
    write_file(&b, b.len);
    assert_int_equal(modelfile_open(&f, path, &e), 0);
    assert_int_equal(modelfile_tokenizer(f, &tok, &e), ERR_USER);
    assert_null(tok);
    if (!strstr(e.msg, words) || !strstr(e.msg, path))
        fail_msg("'%s' says neither '%s' nor '%s'", e.msg, words, path);
    modelfile_close(f);
    strbuf_release(&b);
}

/* model, two tokens, one merge: 3 keys. */
static void tokenizer_keys(struct strbuf *b) {
    strbuf_reset(b);
    key(b, "tokenizer.ggml.model", 8), str(b, "gpt2");
    key(b, "tokenizer.ggml.tokens", 9), u32(b, 8), u64(b, 2), str(b, "a"), str(b, "b");
    key(b, "tokenizer.ggml.merges", 9), u32(b, 8), u64(b, 1), str(b, "a b");
}

static void tokenizers_that_cannot_be_are_refused(void **state) {
    (void)state;
    struct strbuf b = {0};
    refuse_tokenizer(&b, 0, "has no tokenizer inside");
    key(&b, "tokenizer.ggml.model", 8), str(&b, "llama");
    refuse_tokenizer(&b, 1, "'llama' (SentencePiece), which is not implemented");
    strbuf_reset(&b), key(&b, "tokenizer.ggml.model", 8), str(&b, "gpt2");
    refuse_tokenizer(&b, 1, "tokenizer.ggml.tokens");
    key(&b, "tokenizer.ggml.tokens", 9), u32(&b, 4), u64(&b, 1), u32(&b, 3);
    refuse_tokenizer(&b, 2, "no list of strings 'tokenizer.ggml.tokens'");
    tokenizer_keys(&b), key(&b, "tokenizer.ggml.token_type", 9), u32(&b, 5), u64(&b, 1), u32(&b, 1);
    refuse_tokenizer(&b, 4, "token_type does not fit");
    tokenizer_keys(&b), key(&b, "tokenizer.ggml.eos_token_id", 4), u32(&b, 2);
    refuse_tokenizer(&b, 4, "eos_token_id is no token");
    tokenizer_keys(&b), key(&b, "tokenizer.ggml.pre", 8), str(&b, "klingon");
    refuse_tokenizer(&b, 4, "klingon");
    strbuf_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_is_read),
        cmocka_unit_test(metadata_becomes_json_and_long_arrays_are_noted),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(any_changed_byte_is_read_or_refused_without_a_crash),
        cmocka_unit_test(headers_that_lie_are_refused),
        cmocka_unit_test(metadata_that_lies_is_refused),
        cmocka_unit_test(alignment_must_be_sensible),
        cmocka_unit_test(tensors_that_lie_are_refused),
        cmocka_unit_test(types_not_implemented_are_named_with_the_remedy),
        cmocka_unit_test(tokenizers_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
