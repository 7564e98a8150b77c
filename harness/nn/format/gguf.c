/* SPDX-License-Identifier: Apache-2.0 */
/* gguf.c - reading a GGUF file, version 2 or 3, little-endian: metadata, tensor list, tokenizer arrays.
 *
 *   "GGUF" u32 version  u64 n_tensors  u64 n_kv
 *   n_kv times       string key, u32 type, value
 *                    (string = u64 length, bytes; array = u32 type, u64 count, elements)
 *   n_tensors times  string name, u32 n_dims, u64 dims[] (innermost first), u32 type, u64 offset
 *   padding to general.alignment (32), then the tensors' bytes; offsets count from there
 *
 * Scalars go to the config object; arrays are stepped over, and the tokenizer's three are only located, so
 * that opening a file with 100,000 tokens and merges costs about a millisecond. Every read goes through
 * take_bytes(), which knows the end.
 *
 * Refused: what the format forbids (tensors that overlap or leave gaps, a key twice, counts that the file
 * cannot hold), split files, big-endian files, and types other than F32, F16, BF16, Q8_0, Q4_0, Q4_1: by
 * name, with the remedy. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/nn/format/modelfile_private.h"

enum gguf_type {
    GT_U8,
    GT_I8,
    GT_U16,
    GT_I16,
    GT_U32,
    GT_I32,
    GT_F32,
    GT_BOOL,
    GT_STRING,
    GT_ARRAY,
    GT_U64,
    GT_I64,
    GT_F64,
    GT_COUNT
};
static const uint8_t gt_bytes[GT_COUNT] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8}; /* 0: of varying length */

#define KV_LIMIT     65536  /* real files have tens */
#define TENSOR_LIMIT 262144 /* real files have thousands at most */
#define ARRAY_KEPT   64     /* longer arrays are left out of the config */
#define NEST_LIMIT   4      /* arrays of arrays of ... */
#define NAME_LIMIT   1024   /* bytes of a key or a tensor's name */

/* A position in the file that cannot run past its end. */
struct cur {
    const uint8_t *p, *end;
    const char *path;
};

struct str {
    const char *s;
    size_t n;
};

static int cut_off(const struct cur *c, const char *what, struct err *e) {
    return err_set(e, ERR_USER,
                   "%s: %s runs past the end of the file: it is cut off or damaged, fetch it again", c->path,
                   what);
}

/* n bytes, or NULL past the end. */
static const uint8_t *take_bytes(struct cur *c, uint64_t n) {
    if (n > (uint64_t)(c->end - c->p)) return NULL;
    const uint8_t *p = c->p;
    c->p += n;
    return p;
}

static bool take_u32(struct cur *c, uint32_t *v) {
    const uint8_t *p = take_bytes(c, 4);
    if (p) memcpy(v, p, 4);
    return p != NULL;
}

static bool take_u64(struct cur *c, uint64_t *v) {
    const uint8_t *p = take_bytes(c, 8);
    if (p) memcpy(v, p, 8);
    return p != NULL;
}

static bool take_str(struct cur *c, struct str *s) {
    uint64_t n;
    if (!take_u64(c, &n) || !(s->s = (const char *)take_bytes(c, n))) return false;
    s->n = (size_t)n;
    return true;
}

/* A key or tensor name: short, UTF-8, without NUL. */
static int take_name(struct cur *c, const char *what, struct str *s, struct err *e) {
    if (!take_str(c, s)) return cut_off(c, what, e);
    if (s->n == 0 || s->n > NAME_LIMIT || memchr(s->s, 0, s->n) || utf8_valid_prefix(s->s, s->n) != s->n)
        return err_set(e, ERR_USER, "%s: %s of %zu bytes is not a name: the file is damaged, fetch it again",
                       c->path, what, s->n);
    return 0;
}

/* ---- metadata ------------------------------------------------------------------------------------------ */

/* A fixed-size value as JSON; NULL when it has none (NaN). */
static json_t *scalar_json(uint32_t type, const uint8_t *p) {
    uint64_t u = 0;
    double d;
    float f;
    memcpy(&u, p, gt_bytes[type]);
    switch (type) {
    case GT_I8:
        return json_integer((int8_t)u);
    case GT_I16:
        return json_integer((int16_t)u);
    case GT_I32:
        return json_integer((int32_t)u);
    case GT_I64:
        return json_integer((int64_t)u);
    case GT_U64:
        return u > INT64_MAX ? json_real((double)u) : json_integer((int64_t)u);
    case GT_BOOL:
        return json_boolean(u != 0);
    case GT_F32:
        memcpy(&f, p, 4);
        return isfinite(f) ? json_real((double)f) : NULL;
    case GT_F64:
        memcpy(&d, p, 8);
        return isfinite(d) ? json_real(d) : NULL;
    default:
        return json_integer((int64_t)u);
    }
}

static int bad_type(const struct cur *c, const struct str *key, uint32_t type, struct err *e) {
    return err_set(e, ERR_USER,
                   "%s: '%.*s' has the unknown value type %u: the file is damaged or newer than GGUF v3",
                   c->path, (int)MIN_OF(key->n, 200), key->s, type);
}

static int skip_array(struct cur *c, const struct str *key, int depth, struct gguf_array *a, struct err *e);

/* Step over n elements of a type. */
static int skip_values(struct cur *c, const struct str *key, uint32_t type, uint64_t n, int depth,
                       struct err *e) {
    char what[300];
    snprintf(what, sizeof what, "the array '%.*s'", (int)MIN_OF(key->n, 200), key->s);
    if (type >= GT_COUNT) return bad_type(c, key, type, e);
    if (gt_bytes[type]) {
        uint64_t bytes;
        if (__builtin_mul_overflow(n, (uint64_t)gt_bytes[type], &bytes) || !take_bytes(c, bytes))
            return cut_off(c, what, e);
        return 0;
    }
    /* Every element takes at least 8 bytes: a count that lies ends at the end of the file at the latest. */
    if (n > (uint64_t)(c->end - c->p) / 8) return cut_off(c, what, e);
    for (uint64_t i = 0; i < n; i++) {
        struct str s;
        struct gguf_array inner;
        if (type == GT_STRING && !take_str(c, &s)) return cut_off(c, what, e);
        if (type == GT_ARRAY) {
            int code = skip_array(c, key, depth + 1, &inner, e);
            if (code) return code;
        }
    }
    return 0;
}

static int skip_array(struct cur *c, const struct str *key, int depth, struct gguf_array *a, struct err *e) {
    if (depth > NEST_LIMIT)
        return err_set(e, ERR_USER, "%s: '%.*s' nests arrays more than %d deep", c->path,
                       (int)MIN_OF(key->n, 200), key->s, NEST_LIMIT);
    if (!take_u32(c, &a->type) || !take_u64(c, &a->n)) return cut_off(c, "an array", e);
    a->at = c->p;
    return skip_values(c, key, a->type, a->n, depth, e);
}

/* A short array as a JSON list; NULL when an element has no JSON form. Its extent has been checked. */
static json_t *array_json(const struct cur *c, const struct gguf_array *a) {
    struct cur in = {a->at, c->end, c->path};
    json_t *list = json_array();
    for (uint64_t i = 0; i < a->n; i++) {
        json_t *v = NULL;
        if (a->type == GT_STRING) {
            struct str s;
            if (take_str(&in, &s)) v = json_stringn(s.s, s.n);
        } else if (a->type != GT_ARRAY) {
            v = scalar_json(a->type, take_bytes(&in, gt_bytes[a->type]));
        }
        if (!v) {
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, v);
    }
    return list;
}

static bool key_is(const struct str *key, const char *name) {
    return key->n == strlen(name) && !memcmp(key->s, name, key->n);
}

/* One key and its value. `seen`: an object of all keys so far, also of those that the config leaves out. */
static int read_kv(struct modelfile *f, struct cur *c, json_t *seen, struct err *e) {
    struct str key = {"", 0}, s = {"", 0};
    uint32_t type;
    int code = take_name(c, "a metadata key", &key, e);
    if (code) return code;
    if (!take_u32(c, &type)) return cut_off(c, "a metadata value", e);
    if (type >= GT_COUNT) return bad_type(c, &key, type, e);
    char *name = xstrndup(key.s, key.n);
    json_t *value = NULL;
    if (json_object_get(seen, name)) {
        code = err_set(e, ERR_USER, "%s: the metadata key '%.200s' occurs twice: the file is damaged",
                       c->path, name);
    } else if (type == GT_STRING) {
        if (!take_str(c, &s)) code = cut_off(c, "a metadata string", e);
        /* NULL and left out where it is not UTF-8 */
        else
            value = json_stringn(s.s, s.n);
    } else if (type == GT_ARRAY) {
        struct gguf_array a;
        code = skip_array(c, &key, 1, &a, e);
        if (!code) value = a.n <= ARRAY_KEPT ? array_json(c, &a) : json_true();
        if (!code && key_is(&key, "tokenizer.ggml.tokens")) f->tokens = a;
        if (!code && key_is(&key, "tokenizer.ggml.token_type")) f->token_types = a;
        if (!code && key_is(&key, "tokenizer.ggml.merges")) f->merges = a;
    } else {
        const uint8_t *p = take_bytes(c, gt_bytes[type]);
        if (!p)
            code = cut_off(c, "a metadata value", e);
        else if (!(value = scalar_json(type, p)))
            code =
                err_set(e, ERR_USER, "%s: the value of '%.200s' is not a finite number: the file is damaged",
                        c->path, name);
    }
    json_object_set_new(seen, name, json_true());
    if (value) json_object_set_new(f->config, name, value);
    free(name);
    return code;
}

static int read_metadata(struct modelfile *f, struct cur *c, uint64_t n_kv, struct err *e) {
    f->config = json_object();
    json_t *seen = json_object();
    int code = 0;
    for (uint64_t i = 0; i < n_kv && !code; i++) code = read_kv(f, c, seen, e);
    json_decref(seen);
    if (code) return code;
    if (json_integer_value(json_object_get(f->config, "split.count")) > 1)
        return err_set(e, ERR_USER,
                       "%s: is one part of a split model, which is not implemented: merge the parts "
                       "(llama.cpp's gguf-split --merge)",
                       c->path);
    return 0;
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

/* ggml's type numbers. */
static const struct {
    const char *name;
    int dtype; /* enum dtype, -1: not implemented */
} ggml_types[] = {
    [0] = {"F32", DT_F32},    [1] = {"F16", DT_F16}, [2] = {"Q4_0", DT_Q4_0}, [3] = {"Q4_1", DT_Q4_1},
    [6] = {"Q5_0", -1},       [7] = {"Q5_1", -1},    [8] = {"Q8_0", DT_Q8_0}, [9] = {"Q8_1", -1},
    [10] = {"Q2_K", -1},      [11] = {"Q3_K", -1},   [12] = {"Q4_K", -1},     [13] = {"Q5_K", -1},
    [14] = {"Q6_K", -1},      [15] = {"Q8_K", -1},   [16] = {"IQ2_XXS", -1},  [17] = {"IQ2_XS", -1},
    [18] = {"IQ3_XXS", -1},   [19] = {"IQ1_S", -1},  [20] = {"IQ4_NL", -1},   [21] = {"IQ3_S", -1},
    [22] = {"IQ2_S", -1},     [23] = {"IQ4_XS", -1}, [24] = {"I8", -1},       [25] = {"I16", -1},
    [26] = {"I32", -1},       [27] = {"I64", -1},    [28] = {"F64", -1},      [29] = {"IQ1_M", -1},
    [30] = {"BF16", DT_BF16}, [34] = {"TQ1_0", -1},  [35] = {"TQ2_0", -1},    [39] = {"MXFP4", -1},
};

static int tensor_type(const struct cur *c, struct tensor *t, uint32_t type, struct err *e) {
    const char *name = type < ARRAY_LEN(ggml_types) ? ggml_types[type].name : NULL;
    if (name && ggml_types[type].dtype >= 0) {
        t->dtype = (enum dtype)ggml_types[type].dtype;
        return 0;
    }
    char number[32];
    snprintf(number, sizeof number, "of the unknown type %u", type);
    return err_set(
        e, ERR_USER,
        "%s: tensor '%.200s' is %s, which is not implemented: use a Q4_0, Q4_1, Q8_0, F16, BF16 or F32 file",
        c->path, t->name, name ? name : number);
}

/* Dimensions and bytes. `size`: of the file; no type stores two elements in a byte, so larger claims are
 * lies. */
static int tensor_shape(struct cur *c, struct tensor *t, uint64_t size, uint64_t dims[4], uint32_t type,
                        struct err *e) {
    int code = tensor_type(c, t, type, e);
    if (code) return code;
    uint64_t n = 1;
    for (int i = 0; i < t->ndim; i++) {
        if (dims[i] == 0 || __builtin_mul_overflow(n, dims[i], &n) || n > 2 * size)
            return err_set(e, ERR_USER,
                           "%s: tensor '%.200s': dimension %d is %llu, more than the file can hold or none: "
                           "it is damaged",
                           c->path, t->name, i, (unsigned long long)dims[i]);
        t->shape[t->ndim - 1 - i] = (int64_t)dims[i];
    }
    uint64_t cols = t->ndim ? dims[0] : 1;
    if (cols % (unsigned)dtype_block(t->dtype))
        return err_set(e, ERR_USER,
                       "%s: tensor '%.200s' has rows of %llu elements; %s needs a multiple of %d", c->path,
                       t->name, (unsigned long long)cols, dtype_name(t->dtype), dtype_block(t->dtype));
    t->bytes = dtype_bytes(t->dtype, (size_t)cols) * (size_t)(n / cols);
    return 0;
}

/* One entry of the tensor list; its offset goes to *offset. */
static int read_tensor(struct modelfile *f, struct cur *c, uint64_t size, uint64_t *offset, struct err *e) {
    struct str name = {"", 0};
    uint32_t ndim, type;
    uint64_t dims[4] = {0};
    int code = take_name(c, "a tensor's name", &name, e);
    if (code) return code;
    struct tensor *t = modelfile_add(f, name.s, name.n);
    if (!take_u32(c, &ndim)) return cut_off(c, "the tensor list", e);
    if (ndim > 4)
        return err_set(e, ERR_USER,
                       "%s: tensor '%.200s' has %u dimensions; at most 4 are read: the file is damaged",
                       c->path, t->name, ndim);
    t->ndim = (int)ndim;
    for (uint32_t i = 0; i < ndim; i++)
        if (!take_u64(c, &dims[i])) return cut_off(c, "the tensor list", e);
    if (!take_u32(c, &type) || !take_u64(c, offset)) return cut_off(c, "the tensor list", e);
    return tensor_shape(c, t, size, dims, type, e);
}

struct span {
    uint64_t begin;
    int tensor;
};

static int by_begin(const void *a, const void *b) {
    const struct span *x = a, *y = b;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* In the order of their offsets, tensors follow each other at multiples of `align`, inside the data part of
 * `size` bytes. */
static int place_tensors(struct modelfile *f, const char *path, struct span *spans, const uint8_t *data,
                         uint64_t size, uint64_t align, struct err *e) {
    uint64_t at = 0;
    qsort(spans, (size_t)f->n, sizeof *spans, by_begin);
    for (int i = 0; i < f->n; i++) {
        struct tensor *t = &f->tensors[spans[i].tensor];
        uint64_t begin = spans[i].begin;
        if (begin > size || t->bytes > size - begin)
            return err_set(e, ERR_USER,
                           "%s: tensor '%.200s' ends past the end of the file: it is cut off, fetch it again",
                           path, t->name);
        if (begin != at)
            return err_set(e, ERR_USER, "%s: tensor '%.200s' %s: the file is damaged, fetch it again", path,
                           t->name, begin < at ? "overlaps another one" : "leaves a gap before it");
        t->data = data + begin;
        at = (begin + t->bytes + align - 1) / align * align;
    }
    return 0;
}

static int read_tensors(struct modelfile *f, struct cur *c, const struct map *map, uint64_t n,
                        struct err *e) {
    const json_t *a = json_object_get(f->config, "general.alignment");
    json_int_t align = a ? json_integer_value(a) : 32;
    if (align < 8 || align > 65536 || (align & (align - 1)))
        return err_set(e, ERR_USER,
                       "%s: general.alignment is %lld; a power of two from 8 to 65536 is expected", c->path,
                       (long long)align);
    struct span *spans = xcalloc((size_t)n + 1, sizeof *spans);
    int code = 0;
    for (uint64_t i = 0; i < n && !code; i++) {
        spans[i].tensor = (int)i;
        code = read_tensor(f, c, map->size, &spans[i].begin, e);
    }
    uint64_t pos = (uint64_t)(c->p - map->data),
             start = (pos + (uint64_t)align - 1) / (uint64_t)align * (uint64_t)align;
    start = MIN_OF(start, map->size);
    if (!code)
        code = place_tensors(f, c->path, spans, map->data + start, map->size - start, (uint64_t)align, e);
    free(spans);
    return code;
}

int gguf_read(struct modelfile *f, const char *path, struct err *e) {
    struct mapped *m = modelfile_map(f, path, e);
    if (!m) return e ? e->code : ERR_USER;
    f->gguf = true;
    /* an empty file is mapped nowhere */
    const uint8_t *start = m->map.size ? m->map.data : (const uint8_t *)"";
    struct cur c = {start, start + m->map.size, path};
    const uint8_t *magic = take_bytes(&c, 4);
    uint32_t version;
    uint64_t n_tensors, n_kv;
    if (!magic || memcmp(magic, "GGUF", 4))
        return err_set(e, ERR_USER, "%s: is not a GGUF file (it does not begin with \"GGUF\")", path);
    if (!take_u32(&c, &version)) return cut_off(&c, "the header", e);
    if (version != 2 && version != 3)
        return err_set(
            e, ERR_USER,
            "%s: is GGUF version %u%s; versions 2 and 3 are read: convert it with a current llama.cpp", path,
            version & 0xffff ? version : __builtin_bswap32(version), version & 0xffff ? "" : ", big-endian");
    if (!take_u64(&c, &n_tensors) || !take_u64(&c, &n_kv)) return cut_off(&c, "the header", e);
    if (n_tensors > TENSOR_LIMIT || n_kv > KV_LIMIT)
        return err_set(e, ERR_USER,
                       "%s: claims %llu tensors and %llu metadata entries; at most %d and %d are accepted: "
                       "it is damaged",
                       path, (unsigned long long)n_tensors, (unsigned long long)n_kv, TENSOR_LIMIT, KV_LIMIT);
    int code = read_metadata(f, &c, n_kv, e);
    return code ? code : read_tensors(f, &c, &m->map, n_tensors, e);
}

/* ---- tokenizer ----------------------------------------------------------------------------------------- */

/* Pointers and lengths of a string array. Returns 0, or an error when it is absent or of another type. */
static int strings_of(const struct modelfile *f, const struct gguf_array *a, const char *key, const char ***s,
                      size_t **len, struct err *e) {
    if (!a->at || a->type != GT_STRING || a->n > INT32_MAX / 4)
        return err_set(e, ERR_USER, "%s: has no list of strings '%s': its tokenizer cannot be read", f->path,
                       key);
    struct cur c = {a->at, f->files[0].map.data + f->files[0].map.size, f->path};
    *s = xcalloc((size_t)a->n + 1, sizeof **s);
    *len = xcalloc((size_t)a->n + 1, sizeof **len);
    for (uint64_t i = 0; i < a->n; i++) {
        struct str one = {"", 0};
        bool there = take_str(&c, &one); /* checked when the file was opened */
        BUG_ON(!there, "%s[%llu] of %llu", key, (unsigned long long)i, (unsigned long long)a->n);
        (*s)[i] = one.s;
        (*len)[i] = one.n;
    }
    return 0;
}

static int check_bpe(const struct modelfile *f, struct err *e) {
    const char *model = json_string_value(json_object_get(f->config, "tokenizer.ggml.model"));
    if (!model)
        return err_set(e, ERR_USER, "%s: has no tokenizer inside (tokenizer.ggml.model is missing)", f->path);
    if (strcmp(model, "gpt2"))
        return err_set(e, ERR_USER,
                       "%s: its tokenizer is '%.60s'%s, which is not implemented: use a model with "
                       "byte-level BPE ('gpt2')",
                       f->path, model, !strcmp(model, "llama") ? " (SentencePiece)" : "");
    return 0;
}

/* A token id in the metadata, -1 where absent. */
static int special_id(const struct modelfile *f, const char *key, int *id, struct err *e) {
    const json_t *v = json_object_get(f->config, key);
    json_int_t n = v ? json_integer_value(v) : -1;
    if (v && (!json_is_integer(v) || n < -1 || n >= (json_int_t)f->tokens.n) && n != UINT32_MAX)
        return err_set(e, ERR_USER, "%s: %s is no token of its vocabulary", f->path, key);
    *id = n == UINT32_MAX ? -1 : (int)n;
    return 0;
}

/* Keys of the tokenizer that are read, here or by the model, or that change no ids of byte-level BPE. */
static const char *const tokenizer_keys[] = {
    "model", "pre", "tokens", "token_type", "merges", "scores", "bos_token_id", "eos_token_id",
    "eot_token_id", "eom_token_id", "add_bos_token", "add_eos_token", "add_space_prefix",
    /* harmless */
    "unknown_token_id", "padding_token_id", "seperator_token_id", "cls_token_id", "mask_token_id",
    "token_type_count", "fim_pre_token_id", "fim_suf_token_id", "fim_mid_token_id", "fim_pad_token_id",
    "fim_rep_token_id", "fim_sep_token_id", "prefix_token_id", "suffix_token_id", "middle_token_id"};

static int check_keys(const struct modelfile *f, struct err *e) {
    static const char prefix[] = "tokenizer.ggml.";
    const char *key;
    json_t *v;
    json_object_foreach(f->config, key, v) {
        size_t i = 0;
        if (strncmp(key, prefix, strlen(prefix)) != 0 || json_is_false(v)) continue;
        while (i < ARRAY_LEN(tokenizer_keys) && strcmp(tokenizer_keys[i], key + strlen(prefix)) != 0) i++;
        if (i == ARRAY_LEN(tokenizer_keys))
            return err_set(e, ERR_USER,
                           "%s: not implemented (it may change the tokens): metadata key '%.200s'", f->path,
                           key);
    }
    return 0;
}

static bool flag_of(const struct modelfile *f, const char *key, bool absent) {
    const json_t *v = json_object_get(f->config, key);
    return json_is_boolean(v) ? json_is_true(v) : absent;
}

/* Token types are int32 in every file known; the array may lie at any address. */
static int types_of(const struct modelfile *f, int32_t **types, struct err *e) {
    const struct gguf_array *a = &f->token_types;
    if (!a->at) return 0;
    if ((a->type != GT_I32 && a->type != GT_U32) || a->n != f->tokens.n)
        return err_set(e, ERR_USER, "%s: tokenizer.ggml.token_type does not fit the %llu tokens", f->path,
                       (unsigned long long)f->tokens.n);
    *types = xcalloc((size_t)a->n + 1, sizeof **types);
    memcpy(*types, a->at, (size_t)a->n * sizeof **types);
    return 0;
}

int gguf_tokenizer_read(const struct modelfile *f, struct tokenizer_gguf *g, struct err *e) {
    const char **tokens = NULL, **merges = NULL;
    size_t *token_len = NULL, *merge_len = NULL;
    int32_t *types = NULL;
    *g = (struct tokenizer_gguf){.bos_id = -1, .eos_id = -1};
    int code = check_bpe(f, e);
    if (!code) code = check_keys(f, e);
    if (!code) code = strings_of(f, &f->tokens, "tokenizer.ggml.tokens", &tokens, &token_len, e);
    if (!code) code = strings_of(f, &f->merges, "tokenizer.ggml.merges", &merges, &merge_len, e);
    if (!code) code = types_of(f, &types, e);
    if (!code) code = special_id(f, "tokenizer.ggml.bos_token_id", &g->bos_id, e);
    if (!code) code = special_id(f, "tokenizer.ggml.eos_token_id", &g->eos_id, e);
    g->tokens = tokens, g->token_len = token_len, g->token_type = types, g->n_tokens = (int)f->tokens.n;
    g->merges = merges, g->merge_len = merge_len, g->n_merges = (int)f->merges.n;
    if (!code) {
        g->pre = json_string_value(json_object_get(f->config, "tokenizer.ggml.pre"));
        if (!g->pre) g->pre = "default"; /* files from before the key existed */
        bool llama3 =
            !strcmp(g->pre, "llama-bpe") || !strcmp(g->pre, "llama3") || !strcmp(g->pre, "llama-v3");
        g->add_bos = flag_of(f, "tokenizer.ggml.add_bos_token", llama3); /* llama.cpp's default */
        g->add_eos = flag_of(f, "tokenizer.ggml.add_eos_token", false);
        g->add_space_prefix = flag_of(f, "tokenizer.ggml.add_space_prefix", false);
    } else {
        gguf_tokenizer_release(g);
    }
    return code;
}

void gguf_tokenizer_release(struct tokenizer_gguf *g) {
    free((void *)g->tokens), free((void *)g->token_len), free((void *)g->token_type);
    free((void *)g->merges), free((void *)g->merge_len);
    *g = (struct tokenizer_gguf){0};
}

int gguf_tokenizer(const struct modelfile *f, struct tokenizer **ret, struct err *e) {
    struct tokenizer_gguf g;
    int code = gguf_tokenizer_read(f, &g, e);
    if (code) return code;
    code = tokenizer_open_gguf(ret, &g, f->path, e);
    gguf_tokenizer_release(&g);
    return code;
}
