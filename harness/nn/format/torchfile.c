/* SPDX-License-Identifier: Apache-2.0 */
/* torchfile.c - see torchfile.h.
 *
 * zip: an end record, found from the end of the file, names the central directory; each of its entries names
 * a local header, behind which the bytes lie. All numbers are compared with the file's length before use.
 * Older form: pickles of a magic number, a version, a description of the machine, the object, and the list of
 * storage keys; then for each key a 64-bit count and the elements. */
#include "harness/nn/format/torchfile.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/nn/format/pickle.h"
#include "harness/nn/kernels/weight.h"
#include "harness/base/util.h"

enum { DEPTH = 4, MAX_TENSORS = 100000, MAX_ENTRIES = 200000, MAX_VISITS = 4000000, NAME_LIMIT = 1024 };

/* A storage's bytes in the mapping. */
struct blob {
    const char *key;
    size_t key_len;
    const uint8_t *at;
    size_t bytes;
};

struct reader {
    struct map map;
    struct blob *blobs;
    int nblobs, blobs_cap;
    const uint8_t *pkl;
    size_t pkl_bytes;
    size_t budget; /* elements that may still be made: tensors may share a storage, but not without end */
    int visits;    /* of objects: dictionaries may be shared, and tied into rings */
    struct torchfile *f;
    struct err *e;
};

static uint64_t read_le(const uint8_t *p, int bytes) {
    uint64_t v = 0;
    memcpy(&v, p, (size_t)bytes);
    return v;
}

static int file_damaged(struct reader *r, const char *what) {
    return err_set(r->e, ERR_USER, "%s: it is damaged or cut off, copy it again", what);
}

static void add_blob(struct reader *r, const char *key, size_t key_len, const uint8_t *at, size_t bytes) {
    GROW(r->blobs, r->nblobs, r->blobs_cap);
    r->blobs[r->nblobs++] = (struct blob){key, key_len, at, bytes};
}

/* ---- zip ----------------------------------------------------------------------------------------------- */

/* The end record: its signature, with a comment of the length that it says behind it. */
static const uint8_t *find_end(const struct map *m) {
    for (size_t back = 22; back <= m->size && back <= 22 + 65535; back++) {
        const uint8_t *p = m->data + m->size - back;
        if (!memcmp(p, "PK\5\6", 4) && read_le(p + 20, 2) == back - 22) return p;
    }
    return NULL;
}

/* One entry of the central directory at *p: "ARCHIVE/data.pkl" or "ARCHIVE/data/KEY"; others are passed over.
 */
static int read_entry(struct reader *r, const uint8_t **p, const uint8_t *end) {
    const struct map *m = &r->map;
    if (end - *p < 46 || memcmp(*p, "PK\1\2", 4) != 0) return file_damaged(r, "the archive's directory");
    uint64_t method = read_le(*p + 10, 2), bytes = read_le(*p + 20, 4), n = read_le(*p + 28, 2),
             rest = n + read_le(*p + 30, 2) + read_le(*p + 32, 2), local = read_le(*p + 42, 4);
    const char *name = (const char *)*p + 46;
    if ((uint64_t)(end - *p) - 46 < rest) return file_damaged(r, "the archive's directory");
    *p += 46 + rest;
    const char *slash = memchr(name, '/', n), *key = slash ? slash + 1 : name;
    size_t key_len = n - (size_t)(key - name);
    bool pkl = key_len == 8 && !memcmp(key, "data.pkl", 8), storage = key_len > 5 && !memcmp(key, "data/", 5);
    if (!pkl && !storage) return 0;
    if (bytes == UINT32_MAX || local == UINT32_MAX)
        return err_set(r->e, ERR_USER, "archives above 4 GiB are not read");
    if (method != 0)
        return err_set(r->e, ERR_USER, "its entries are compressed: save it again with torch.save");
    if (local > m->size || m->size - local < 30 || memcmp(m->data + local, "PK\3\4", 4) != 0)
        return file_damaged(r, "an archive's entry");
    uint64_t at = local + 30 + read_le(m->data + local + 26, 2) + read_le(m->data + local + 28, 2);
    if (at > m->size || bytes > m->size - at) return file_damaged(r, "an archive's entry");
    if (pkl) {
        r->pkl = m->data + at;
        r->pkl_bytes = bytes;
    } else {
        add_blob(r, key + 5, key_len - 5, m->data + at, bytes);
    }
    return 0;
}

static int read_zip(struct reader *r) {
    const struct map *m = &r->map;
    const uint8_t *end = find_end(m), *p;
    if (!end) return file_damaged(r, "the archive has no end");
    uint64_t n = read_le(end + 10, 2), bytes = read_le(end + 12, 4), at = read_le(end + 16, 4);
    if (at > m->size || bytes > m->size - at || n > MAX_ENTRIES)
        return file_damaged(r, "the archive's directory");
    p = m->data + at;
    int rc = 0;
    for (uint64_t i = 0; i < n && !rc; i++) rc = read_entry(r, &p, m->data + at + bytes);
    if (!rc && !r->pkl)
        rc = err_set(r->e, ERR_USER, "a zip archive without data.pkl: torch.save did not write it");
    return rc;
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

static const size_t element[] = {[PICKLE_F32] = 4, [PICKLE_F16] = 2, [PICKLE_BF16] = 2, [PICKLE_F64] = 8};

static float element_at(const uint8_t *p, enum pickle_dtype type) {
    float x;
    double d;
    struct weight w = {
        .dtype = type == PICKLE_F16 ? DT_F16 : DT_BF16, .rows = 1, .cols = 1, .data = p, .row_bytes = 2};
    if (type == PICKLE_F32) memcpy(&x, p, sizeof x);
    if (type == PICKLE_F64) memcpy(&d, p, sizeof d), x = (float)d;
    if (type == PICKLE_F16 || type == PICKLE_BF16) weight_expand(&w, 0, 1, 0, 1, &x, 1);
    return x;
}

static const struct blob *find_blob(const struct reader *r, const struct pickle_node *s) {
    for (int i = 0; i < r->nblobs; i++)
        if (r->blobs[i].key_len == s->n && !memcmp(r->blobs[i].key, s->s, s->n)) return &r->blobs[i];
    return NULL;
}

/* The place of each element follows from the strides; every one must be inside the storage. */
static int copy_elements(struct reader *r, struct torch_tensor *t, const struct pickle_node *x,
                         const struct blob *b) {
    const struct pickle_node *strides = x->v[2];
    enum pickle_dtype type = x->v[0]->dtype;
    size_t count = 1, most = b->bytes / element[type];
    uint64_t last = x->i < 0 ? UINT64_MAX : (uint64_t)x->i;
    for (int d = 0; d < t->ndim; d++) {
        uint64_t size = (uint64_t)t->shape[d], reach;
        if (__builtin_mul_overflow(count, size, &count) || strides->v[d]->i < 0 ||
            __builtin_mul_overflow(size ? size - 1 : 0, (uint64_t)strides->v[d]->i, &reach) ||
            __builtin_add_overflow(last, reach, &last))
            return file_damaged(r, t->name);
    }
    if (count && last >= most) return file_damaged(r, t->name);
    if (count > r->budget)
        return err_set(r->e, ERR_USER, "its tensors are larger than the file can hold: it is damaged");
    r->budget -= count;
    t->data = xmalloc(count * sizeof *t->data + 1);
    for (size_t i = 0; i < count; i++) {
        size_t at = (size_t)x->i, left = i;
        for (int d = t->ndim - 1; d >= 0; d--) {
            at += left % (size_t)t->shape[d] * (size_t)strides->v[d]->i;
            left /= (size_t)t->shape[d];
        }
        t->data[i] = element_at(b->at + at * element[type], type);
    }
    return 0;
}

static int add_tensor(struct reader *r, const char *name, const struct pickle_node *x) {
    const struct pickle_node *sizes = x->v[1];
    const struct blob *b = find_blob(r, x->v[0]);
    if (x->v[0]->dtype == PICKLE_OTHER_DTYPE) return 0;
    if (sizes->nv > 4 || r->f->n >= MAX_TENSORS)
        return err_set(r->e, ERR_USER, "'%.200s' has %d dimensions", name, sizes->nv);
    if (!b) return file_damaged(r, name);
    struct torch_tensor t = {.name = xstrdup(name), .ndim = sizes->nv};
    int rc = 0;
    for (int d = 0; d < t.ndim && !rc; d++) {
        t.shape[d] = sizes->v[d]->i;
        if (t.shape[d] < 0 || t.shape[d] > INT32_MAX) rc = file_damaged(r, name);
    }
    if (!rc) rc = copy_elements(r, &t, x, b);
    if (rc) {
        free(t.name);
        free(t.data);
        return rc;
    }
    GROW(r->f->v, r->f->n, r->f->cap);
    r->f->v[r->f->n++] = t;
    return 0;
}

/* Tensors of a dictionary and of those in it, under their keys. */
static int walk_tensors(struct reader *r, const char *above, const struct pickle_node *x, int depth) {
    int rc = 0;
    for (int i = 0; i + 1 < x->nv && !rc; i += 2) {
        const struct pickle_node *key = x->v[i], *value = x->v[i + 1];
        if (++r->visits > MAX_VISITS) return file_damaged(r, "its dictionaries");
        bool wanted = value->type == PICKLE_TENSOR || value->type == PICKLE_DICT;
        if (!wanted || key->type != PICKLE_STR) continue;
        if (key->n > NAME_LIMIT || memchr(key->s, 0, key->n) || utf8_valid_prefix(key->s, key->n) != key->n)
            return file_damaged(r, "a tensor's name");
        char *name = xasprintf("%s%s%.*s", above, *above ? "." : "", (int)key->n, key->s);
        if (value->type == PICKLE_TENSOR)
            rc = add_tensor(r, name, value);
        else if (depth < DEPTH)
            rc = walk_tensors(r, name, value, depth + 1);
        else
            rc = err_set(r->e, ERR_USER, "its dictionaries are nested more than %d deep", DEPTH);
        free(name);
    }
    return rc;
}

static int read_root(struct reader *r, const struct pickle_node *root) {
    if (root->type == PICKLE_TENSOR)
        return err_set(r->e, ERR_USER, "it holds one tensor without a name, not a dictionary of them");
    if (root->type != PICKLE_DICT) return err_set(r->e, ERR_USER, "it holds no dictionary of tensors");
    return walk_tensors(r, "", root, 0);
}

/* ---- the older form ------------------------------------------------------------------------------------ */

/* Does a pickle with the magic number 0x1950a86a20f9469cfc6c stand here? (LONG1, ten bytes) */
static bool is_old(const struct map *m) {
    static const uint8_t magic[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9,
                                    0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
    return m->size > 2 + sizeof magic && m->data[0] == 0x80 && !memcmp(m->data + 2, magic, sizeof magic);
}

/* Which type a key's storage has, from the tensors that use it: PICKLE_OTHER_DTYPE where none does. */
static enum pickle_dtype type_of_key(struct reader *r, const struct pickle_node *x,
                                     const struct pickle_node *key, int depth) {
    enum pickle_dtype type = PICKLE_OTHER_DTYPE;
    if (x->type == PICKLE_TENSOR && x->v[0]->n == key->n && !memcmp(x->v[0]->s, key->s, key->n))
        return x->v[0]->dtype;
    if (x->type != PICKLE_DICT || depth > DEPTH) return type;
    for (int i = 1; i < x->nv && type == PICKLE_OTHER_DTYPE && ++r->visits <= MAX_VISITS; i += 2)
        type = type_of_key(r, x->v[i], key, depth + 1);
    return type;
}

static int read_storages(struct reader *r, const struct pickle_node *root, const struct pickle_node *keys,
                         const uint8_t *p) {
    const uint8_t *end = r->map.data + r->map.size;
    for (int i = 0; i < keys->nv; i++) {
        const struct pickle_node *key = keys->v[i];
        enum pickle_dtype type = key->type == PICKLE_STR ? type_of_key(r, root, key, 0) : PICKLE_OTHER_DTYPE;
        if (type == PICKLE_OTHER_DTYPE)
            return err_set(
                r->e, ERR_USER,
                "it was saved before torch 1.6 with tensors that are no floats: load it and save it again");
        if (end - p < 8) return file_damaged(r, "a storage");
        uint64_t n = read_le(p, 8);
        p += 8;
        if (n > (uint64_t)(end - p) / element[type]) return file_damaged(r, "a storage");
        add_blob(r, key->s, key->n, p, (size_t)n * element[type]);
        p += n * element[type];
    }
    return 0;
}

static int read_old(struct reader *r) {
    enum {
        /* magic, version, machine: a dictionary of flags, which must be of a little-endian one as all are */
        HEAD = 3
    };
    struct pickle *p[2] = {0};
    struct pickle_node *root[2] = {0}, *ignored;
    const uint8_t *at = r->map.data + 15, *end = r->map.data + r->map.size;
    size_t used;
    int rc = 0;
    for (int i = 1; i < HEAD && !rc; i++) {
        rc = pickle_read(&p[0], at, (size_t)(end - at), &ignored, &used, r->e);
        at += rc ? 0 : used;
        pickle_free(p[0]);
        p[0] = NULL;
    }
    for (int i = 0; i < 2 && !rc; i++) {
        rc = pickle_read(&p[i], at, (size_t)(end - at), &root[i], &used, r->e);
        at += rc ? 0 : used;
    }
    if (!rc && root[1]->type != PICKLE_SEQ) rc = file_damaged(r, "the list of storages");
    if (!rc) rc = read_storages(r, root[0], root[1], at);
    if (!rc) rc = read_root(r, root[0]);
    pickle_free(p[0]);
    pickle_free(p[1]);
    return rc;
}

/* ---- opening ------------------------------------------------------------------------------------------- */

static int read_file(struct reader *r) {
    const struct map *m = &r->map;
    if (is_old(m)) return read_old(r);
    if (m->size < 4 || memcmp(m->data, "PK\3\4", 4) != 0)
        return err_set(r->e, ERR_USER,
                       "it is no file of torch.save: neither a zip archive nor the older form");
    struct pickle *p = NULL;
    struct pickle_node *root;
    int rc = read_zip(r);
    if (!rc) rc = pickle_read(&p, r->pkl, r->pkl_bytes, &root, NULL, r->e);
    if (!rc) rc = read_root(r, root);
    pickle_free(p);
    return rc;
}

int torchfile_open(struct torchfile *f, const char *path, struct err *e) {
    struct err local = {0};
    struct reader r = {.f = f, .e = e ? e : &local};
    memset(f, 0, sizeof *f);
    int rc = map_open(&r.map, path, e);
    if (rc) return rc;
    r.budget = 4 * r.map.size;
    rc = read_file(&r);
    if (rc) {
        err_wrap(r.e, "%s", path);
        torchfile_release(f);
    }
    free(r.blobs);
    map_close(&r.map);
    return rc;
}

void torchfile_release(struct torchfile *f) {
    for (int i = 0; i < f->n; i++) {
        free(f->v[i].name);
        free(f->v[i].data);
    }
    free(f->v);
    memset(f, 0, sizeof *f);
}
