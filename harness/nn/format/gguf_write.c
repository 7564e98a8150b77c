/* SPDX-License-Identifier: Apache-2.0 */
/* gguf_write.c - see gguf_write.h. */
#include "harness/nn/format/gguf_write.h"

#include <stdlib.h>
#include <string.h>

#include "harness/nn/format/outfile.h"
#include "harness/base/util.h"

enum { ALIGN = 32, GT_U32 = 4, GT_I32 = 5, GT_F32 = 6, GT_BOOL = 7, GT_STRING = 8, GT_ARRAY = 9 };

struct gguf_out {
    struct strbuf kv;
    uint64_t n;
};

struct gguf_out *gguf_out_new(void) {
    return xcalloc(1, sizeof(struct gguf_out));
}

void gguf_out_free(struct gguf_out *o) {
    if (o) strbuf_release(&o->kv);
    free(o);
}

/* ---- metadata ------------------------------------------------------------------------------------------ */

static void add_u32(struct strbuf *b, uint32_t v) { strbuf_add(b, &v, sizeof v); }
static void add_u64(struct strbuf *b, uint64_t v) { strbuf_add(b, &v, sizeof v); }

static void add_str(struct strbuf *b, const char *s, size_t n) {
    add_u64(b, n);
    strbuf_add(b, s, n);
}

static struct strbuf *begin_record(struct gguf_out *o, const char *key, uint32_t type) {
    o->n++;
    add_str(&o->kv, key, strlen(key));
    add_u32(&o->kv, type);
    return &o->kv;
}

void gguf_put_str(struct gguf_out *o, const char *key, const char *value) {
    add_str(begin_record(o, key, GT_STRING), value, strlen(value));
}
void gguf_put_u32(struct gguf_out *o, const char *key, uint32_t value) {
    add_u32(begin_record(o, key, GT_U32), value);
}
void gguf_put_f32(struct gguf_out *o, const char *key, float value) {
    strbuf_add(begin_record(o, key, GT_F32), &value, sizeof value);
}
void gguf_put_bool(struct gguf_out *o, const char *key, bool value) {
    strbuf_addc(begin_record(o, key, GT_BOOL), value ? 1 : 0);
}

static struct strbuf *begin_array(struct gguf_out *o, const char *key, uint32_t type, size_t n) {
    struct strbuf *b = begin_record(o, key, GT_ARRAY);
    add_u32(b, type);
    add_u64(b, n);
    return b;
}

void gguf_put_strs(struct gguf_out *o, const char *key, const char *const *s, const size_t *len, size_t n) {
    struct strbuf *b = begin_array(o, key, GT_STRING, n);
    for (size_t i = 0; i < n; i++) add_str(b, s[i], len[i]);
}

void gguf_put_i32s(struct gguf_out *o, const char *key, const int32_t *v, size_t n) {
    strbuf_add(begin_array(o, key, GT_I32, n), v, n * sizeof *v);
}

/* ---- the file ------------------------------------------------------------------------------------------ */

/* ggml's type numbers. */
static uint32_t ggml_type(enum dtype t) { return t == DT_F32 ? 0 : t == DT_F16 ? 1 : 30; }

static uint64_t aligned_size(uint64_t n) { return (n + ALIGN - 1) / ALIGN * ALIGN; }

static void put_list(struct strbuf *b, const struct tensor_out *t, int n) {
    uint64_t at = 0;
    for (int i = 0; i < n; i++) {
        add_str(b, t[i].name, strlen(t[i].name));
        add_u32(b, (uint32_t)t[i].ndim);
        for (int d = t[i].ndim - 1; d >= 0; d--) add_u64(b, (uint64_t)t[i].shape[d]);
        add_u32(b, ggml_type(t[i].dtype));
        add_u64(b, at);
        at = aligned_size(at + tensor_out_bytes(&t[i]));
    }
}

int gguf_write(const char *path, const struct gguf_out *o, const struct tensor_out *t, int n, size_t *bytes,
               struct err *e) {
    struct outfile f;
    int rc = outfile_open(&f, path, e);
    if (rc) return rc;
    struct strbuf head = {0};
    strbuf_adds(&head, "GGUF");
    add_u32(&head, 3);
    add_u64(&head, (uint64_t)n);
    add_u64(&head, o->n);
    outfile_put(&f, head.s, head.len);
    outfile_put(&f, o->kv.s, o->kv.len);
    strbuf_reset(&head);
    put_list(&head, t, n);
    outfile_put(&f, head.s, head.len);
    outfile_pad(&f, ALIGN);
    for (int i = 0; i < n; i++) {
        outfile_put_tensor(&f, &t[i]);
        outfile_pad(&f, ALIGN);
    }
    strbuf_release(&head);
    *bytes = f.bytes;
    return outfile_close(&f, e);
}
