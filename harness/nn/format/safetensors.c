/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors.c - reading a .safetensors file: 8 bytes of header length, a JSON header, the tensors' bytes
 * back to back.
 *
 *   {"__metadata__": {...}, "name": {"dtype": "F32", "shape": [d, ...], "data_offsets": [begin, end]}, ...}
 *
 * Refused, as the format demands: tensors that overlap, leave gaps or do not end where the file ends; sizes
 * that do not match the shape; a name twice. Integer and boolean tensors are checked and left out (they are
 * buffers such as position_ids) unless they are called "...weight": then the file is a quantised one that is
 * not implemented. Some old files put float data at odd addresses; their data part is copied to memory once.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "harness/nn/format/modelfile_private.h"

#define HEADER_LIMIT ((uint64_t)16 << 20) /* about 100,000 tensors; its parsed form takes some times more */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are little-endian and are read in place");

struct st_type {
    const char *name;
    int bytes; /* per element */
    int dtype; /* enum dtype, -1: an integer type (left out), -2: not implemented */
};
static const struct st_type st_types[] = {
    {"F32", 4, DT_F32}, {"F16", 2, DT_F16}, {"BF16", 2, DT_BF16}, {"I64", 8, -1},
    {"U64", 8, -1},     {"I32", 4, -1},     {"U32", 4, -1},       {"I16", 2, -1},
    {"U16", 2, -1},     {"I8", 1, -1},      {"U8", 1, -1},        {"BOOL", 1, -1},
    {"F64", 8, -2},     {"C64", 8, -2},     {"F8_E4M3", 1, -2},   {"F8_E5M2", 1, -2},
};

/* One file being read. */
struct st {
    struct modelfile *f;
    struct mapped *m;
    const char *path;
    const uint8_t *data; /* first byte after the header */
    uint64_t size;       /* bytes from there to the end */
    struct span {
        uint64_t begin, end;
        const char *name;
    } * spans;
    size_t n;
    bool odd; /* some float tensor is not aligned to its element */
};

static const struct st_type *find_type(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(st_types); i++)
        if (!strcmp(st_types[i].name, name)) return &st_types[i];
    return NULL;
}

/* dtype of an entry, checked. NULL on error. */
static const struct st_type *entry_type(const struct st *s, const char *name, const json_t *entry,
                                        struct err *e) {
    const char *text = json_string_value(json_object_get(entry, "dtype"));
    const struct st_type *t = text ? find_type(text) : NULL;
    if (!text) {
        err_set(e, ERR_USER, "%s: tensor '%.200s' has no dtype", s->path, name);
        return NULL;
    }
    size_t len = strlen(name);
    bool weight = len >= 6 && !strcmp(name + len - 6, "weight");
    if (!t || t->dtype == -2 || (t->dtype == -1 && weight)) {
        err_set(e, ERR_USER,
                "%s: tensor '%.200s' is %.20s, which is not implemented: use an F32, F16 or BF16 file",
                s->path, name, text);
        return NULL;
    }
    return t;
}

/* Bytes of an entry by its shape; its dimensions to t where it is kept. */
static int entry_shape(const struct st *s, const char *name, const json_t *shape, int elem, struct tensor *t,
                       uint64_t *bytes, struct err *e) {
    if (!json_is_array(shape)) return err_set(e, ERR_USER, "%s: tensor '%.200s' has no shape", s->path, name);
    size_t ndim = json_array_size(shape);
    if (t && ndim > ARRAY_LEN(t->shape))
        return err_set(e, ERR_USER, "%s: tensor '%.200s' has %zu dimensions; at most 4 are read", s->path,
                       name, ndim);
    uint64_t product = (uint64_t)elem;
    bool zero = false;
    for (size_t i = 0; i < ndim; i++) {
        const json_t *d = json_array_get(shape, i);
        json_int_t v = json_integer_value(d);
        if (!json_is_integer(d) || v < 0)
            return err_set(e, ERR_USER, "%s: tensor '%.200s': dimension %zu is not a size", s->path, name, i);
        if (t) t->shape[i] = v;
        if (v == 0)
            zero = true;
        else if (__builtin_mul_overflow(product, (uint64_t)v, &product))
            return err_set(e, ERR_USER, "%s: tensor '%.200s': the product of its dimensions overflows",
                           s->path, name);
    }
    if (t) t->ndim = (int)ndim;
    *bytes = zero ? 0 : product;
    return 0;
}

/* data_offsets of an entry, within the file and as long as its shape says. */
static int entry_span(struct st *s, const char *name, const json_t *entry, uint64_t bytes, struct err *e) {
    const json_t *off = json_object_get(entry, "data_offsets");
    const json_t *b = json_array_get(off, 0), *n = json_array_get(off, 1);
    if (json_array_size(off) != 2 || !json_is_integer(b) || !json_is_integer(n) || json_integer_value(b) < 0)
        return err_set(e, ERR_USER, "%s: tensor '%.200s' has no pair of data_offsets", s->path, name);
    json_int_t begin = json_integer_value(b), end = json_integer_value(n);
    if (end < begin || (uint64_t)end > s->size)
        return err_set(e, ERR_USER,
                       "%s: tensor '%.200s' claims bytes %lld to %lld, but there are %llu: the file is cut "
                       "off or damaged, "
                       "fetch it again",
                       s->path, name, (long long)begin, (long long)end, (unsigned long long)s->size);
    if ((uint64_t)(end - begin) != bytes)
        return err_set(
            e, ERR_USER,
            "%s: tensor '%.200s' has %lld bytes, but its shape and type need %llu: the file is damaged",
            s->path, name, (long long)(end - begin), (unsigned long long)bytes);
    s->spans[s->n++] = (struct span){(uint64_t)begin, (uint64_t)end, name};
    return 0;
}

/* One entry of the header; appended to the model when `keep`. */
static int read_entry(struct st *s, const char *name, const json_t *entry, bool keep, struct err *e) {
    if (!json_is_object(entry))
        return err_set(e, ERR_USER, "%s: the entry of tensor '%.200s' is no object", s->path, name);
    const struct st_type *type = entry_type(s, name, entry, e);
    if (!type) return ERR_USER;
    keep = keep && type->dtype >= 0;
    struct tensor shape = {0};
    uint64_t bytes = 0;
    int code =
        entry_shape(s, name, json_object_get(entry, "shape"), type->bytes, keep ? &shape : NULL, &bytes, e);
    if (!code) code = entry_span(s, name, entry, bytes, e);
    if (code || !keep) return code;
    struct tensor *t = modelfile_add(s->f, name, strlen(name));
    shape.name = t->name;
    *t = shape;
    t->dtype = (enum dtype)type->dtype;
    t->data = s->data + s->spans[s->n - 1].begin;
    t->bytes = (size_t)bytes;
    if ((uintptr_t)t->data % (unsigned)type->bytes) s->odd = true;
    return 0;
}

static int by_begin(const void *a, const void *b) {
    const struct span *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* The spans, in order, fill the data part exactly. */
static int check_spans(struct st *s, struct err *e) {
    uint64_t at = 0;
    if (s->n) qsort(s->spans, s->n, sizeof *s->spans, by_begin);
    for (size_t i = 0; i < s->n; at = s->spans[i].end, i++)
        if (s->spans[i].begin != at)
            return err_set(e, ERR_USER, "%s: tensor '%.200s' %s: the file is damaged, fetch it again",
                           s->path, s->spans[i].name,
                           s->spans[i].begin < at ? "overlaps another one" : "leaves a gap before it");
    if (at != s->size)
        return err_set(e, ERR_USER,
                       "%s: its tensors end at byte %llu of %llu: the file is damaged, fetch it again",
                       s->path, (unsigned long long)at, (unsigned long long)s->size);
    return 0;
}

/* Move the tensors from `first` on to an aligned copy of the data part. */
static int align_data(struct st *s, int first, struct err *e) {
    /* Tensors of different types behind each other may be odd among themselves: give each its own start. */
    size_t need = 0;
    for (int i = first; i < s->f->n; i++) need += (s->f->tensors[i].bytes + 63) & ~(size_t)63;
    void *p = mmap(NULL, MAX_OF(need, 1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return err_set(e, ERR_RESOURCE, "%s: no memory for a copy of its %zu bytes (its data is not aligned)",
                       s->path, need);
    s->m->copy = p;
    s->m->copy_bytes = MAX_OF(need, 1);
    char *at = p;
    for (int i = first; i < s->f->n; i++) {
        struct tensor *t = &s->f->tensors[i];
        if (t->bytes) memcpy(at, t->data, t->bytes);
        t->data = at;
        at += (t->bytes + 63) & ~(size_t)63;
    }
    return 0;
}

/* Every tensor that the index puts into this shard is there. */
static int check_wanted(const struct st *s, const json_t *header, const json_t *wanted, const char *shard,
                        struct err *e) {
    const char *name;
    json_t *where;
    json_object_foreach((json_t *)(uintptr_t)wanted, name, where) {
        const char *file = json_string_value(where);
        if (file && !strcmp(file, shard) && !json_object_get(header, name))
            return err_set(
                e, ERR_USER,
                "%s: tensor '%.200s' is missing, though the index puts it here: fetch the model again",
                s->path, name);
    }
    return 0;
}

static int read_header(struct st *s, const json_t *header, const json_t *wanted, const char *shard,
                       struct err *e) {
    s->spans = xcalloc(json_object_size(header) + 1, sizeof *s->spans);
    int first = s->f->n, code = 0;
    const char *name;
    json_t *entry;
    json_object_foreach((json_t *)(uintptr_t)header, name, entry) {
        if (!strcmp(name, "__metadata__")) continue;
        const char *in = wanted ? json_string_value(json_object_get(wanted, name)) : NULL;
        code = read_entry(s, name, entry, !wanted || (in && !strcmp(in, shard)), e);
        if (code) break;
    }
    if (!code) code = check_spans(s, e);
    if (!code && wanted) code = check_wanted(s, header, wanted, shard, e);
    if (!code && s->odd) code = align_data(s, first, e);
    free(s->spans);
    return code;
}

int safetensors_read(struct modelfile *f, const char *path, const json_t *wanted, const char *shard,
                     struct err *e) {
    struct mapped *m = modelfile_map(f, path, e);
    if (!m) return e ? e->code : ERR_USER;
    uint64_t len = 0, size = m->map.size;
    if (size >= 8) memcpy(&len, m->map.data, 8);
    if (size < 8 || len > size - 8)
        return err_set(
            e, ERR_USER,
            "%s: not a safetensors file, or cut off: its header would have %llu bytes and the file has %llu",
            path, (unsigned long long)len, (unsigned long long)size);
    if (len > HEADER_LIMIT)
        return err_set(e, ERR_USER, "%s: its header has %llu bytes; at most %llu are accepted", path,
                       (unsigned long long)len, (unsigned long long)HEADER_LIMIT);
    json_error_t je;
    json_t *header = json_loadb((const char *)m->map.data + 8, len, JSON_REJECT_DUPLICATES, &je);
    if (!json_is_object(header)) {
        int code = err_set(e, ERR_USER,
                           "%s: its header is not a JSON object%s%s: the file is damaged, fetch it again",
                           path, header ? "" : ": ", header ? "" : je.text);
        json_decref(header);
        return code;
    }
    struct st s = {.f = f, .m = m, .path = path, .data = m->map.data + 8 + len, .size = size - 8 - len};
    int code = read_header(&s, header, wanted, shard, e);
    json_decref(header);
    return code;
}
