/* modelfile_write.c - writing tensors: .safetensors and NumPy's .npy, atomically. See modelfile.h.
 *
 * The tensors' bytes go straight from memory to a temporary file beside the target, which is synced and
 * renamed: a reader sees the old file or the new one, whatever happens in between. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/nn/modelfile.h"
#include "harness/util.h"

/* ---- a file that appears only when it is complete ---- */

struct outfile {
    const char *path;
    char *tmp;
    FILE *f;
    size_t bytes;
    int why; /* errno of the first write that failed */
};

static int outfile_open(struct outfile *o, const char *path, struct err *e) {
    static atomic_uint serial;
    *o = (struct outfile){.path = path};
    o->tmp = xasprintf("%s.tmp.%ld.%u", path, (long)getpid(), atomic_fetch_add(&serial, 1));
    o->f = fopen(o->tmp, "wbxe");
    if (o->f) return 0;
    int code = err_set(e, ERR_RESOURCE, "%s: cannot create: %s", path, strerror(errno));
    free(o->tmp);
    return code;
}

/* Errors stay in the stream until outfile_close asks. */
static void outfile_put(struct outfile *o, const void *bytes, size_t n) {
    if (n && fwrite(bytes, 1, n, o->f) != n && !o->why) o->why = errno;
    o->bytes += n;
}

static int outfile_close(struct outfile *o, struct err *e) {
    bool bad = o->why || fflush(o->f) != 0 || fsync(fileno(o->f)) < 0;
    int why = o->why ? o->why : errno, code = 0;
    if (fclose(o->f) != 0 && !bad) bad = true, why = errno;
    if (!bad && rename(o->tmp, o->path) < 0) bad = true, why = errno;
    if (bad) {
        unlink(o->tmp);
        code = err_set(e, ERR_RESOURCE, "%s: cannot write %zu bytes: %s", o->path, o->bytes, strerror(why));
    }
    free(o->tmp);
    return code;
}

/* ---- safetensors ---- */

static size_t out_bytes(const struct tensor_out *t) {
    BUG_ON(t->dtype != DT_F32 && t->dtype != DT_F16 && t->dtype != DT_BF16, "tensor '%s' dtype %d", t->name,
           (int)t->dtype);
    BUG_ON(t->ndim < 0 || t->ndim > 4, "tensor '%s' ndim %d", t->name, t->ndim);
    size_t n = t->dtype == DT_F32 ? 4 : 2;
    for (int i = 0; i < t->ndim; i++) {
        BUG_ON(t->shape[i] < 0, "tensor '%s' shape[%d] = %lld", t->name, i, (long long)t->shape[i]);
        n *= (size_t)t->shape[i];
    }
    return n;
}

static json_t *out_entry(const struct tensor_out *t, size_t begin) {
    json_t *shape = json_array();
    for (int i = 0; i < t->ndim; i++) json_array_append_new(shape, json_integer(t->shape[i]));
    const char *dtype = t->dtype == DT_F32 ? "F32" : t->dtype == DT_F16 ? "F16" : "BF16";
    return json_pack("{s:s, s:o, s:[I,I]}", "dtype", dtype, "shape", shape, "data_offsets", (json_int_t)begin,
                     (json_int_t)(begin + out_bytes(t)));
}

/* The order in the file: F32 first, so that every tensor is aligned to its element. */
static bool out_turn(const struct tensor_out *t, int pass) { return (t->dtype == DT_F32) == (pass == 0); }

/* The header's JSON, padded so that the data begins at a multiple of 64. Caller frees. */
static char *out_header(const struct tensor_out *t, int n, const json_t *metadata, size_t *len) {
    json_t *header = json_object();
    size_t at = 0;
    if (metadata) json_object_set(header, "__metadata__", (json_t *)(uintptr_t)metadata);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < n; i++) {
            if (!out_turn(&t[i], pass)) continue;
            BUG_ON(json_object_get(header, t[i].name) != NULL, "tensor '%s' twice", t[i].name);
            int bad = json_object_set_new(header, t[i].name, out_entry(&t[i], at));
            BUG_ON(bad, "tensor %d: its name is not UTF-8", i);
            at += out_bytes(&t[i]);
        }
    char *text = json_dumps(header, JSON_COMPACT);
    json_decref(header);
    BUG_ON(!text, "header of %d tensors", n);
    size_t have = strlen(text), want = (have + 8 + 63) / 64 * 64 - 8;
    text = xrealloc(text, want + 1);
    memset(text + have, ' ', want - have);
    *len = want;
    return text;
}

size_t safetensors_size(const struct tensor_out *t, int n, const json_t *metadata) {
    size_t bytes;
    free(out_header(t, n, metadata, &bytes));
    bytes += sizeof(uint64_t);
    for (int i = 0; i < n; i++) bytes += out_bytes(&t[i]);
    return bytes;
}

/* The matrix [rows, cols] of which data is the transpose, a few rows at a time. */
static void put_transposed(struct outfile *o, const struct tensor_out *t) {
    enum { AT_ONCE = 16 };
    BUG_ON(t->dtype != DT_F32 || t->ndim != 2, "tensor '%s' dtype %d ndim %d", t->name, (int)t->dtype, t->ndim);
    size_t rows = (size_t)t->shape[0], cols = (size_t)t->shape[1];
    const float *data = t->data;
    float *buffer = xmalloc(AT_ONCE * cols * sizeof *buffer + 1);
    for (size_t i = 0; i < rows; i += AT_ONCE) {
        size_t n = rows - i < AT_ONCE ? rows - i : AT_ONCE;
        for (size_t j = 0; j < cols; j++)
            for (size_t k = 0; k < n; k++) buffer[k * cols + j] = data[j * rows + i + k];
        outfile_put(o, buffer, n * cols * sizeof *buffer);
    }
    free(buffer);
}

static void put_tensor(struct outfile *o, const struct tensor_out *t) {
    if (t->transposed)
        put_transposed(o, t);
    else
        outfile_put(o, t->data, out_bytes(t));
}

int safetensors_write(const char *path, const struct tensor_out *t, int n, const json_t *metadata,
                      struct err *e) {
    struct outfile o;
    int code = outfile_open(&o, path, e);
    if (code) return code;
    size_t len;
    char *header = out_header(t, n, metadata, &len);
    uint64_t len64 = len;
    outfile_put(&o, &len64, sizeof len64);
    outfile_put(&o, header, len);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < n; i++)
            if (out_turn(&t[i], pass)) put_tensor(&o, &t[i]);
    free(header);
    return outfile_close(&o, e);
}

/* ---- npy ---- */

int npy_write(const char *path, const float *data, int ndim, const int64_t *shape, struct err *e) {
    struct strbuf h = {0};
    size_t n = 1;
    strbuf_adds(&h, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (int i = 0; i < ndim; i++) {
        BUG_ON(shape[i] < 0, "shape[%d] = %lld", i, (long long)shape[i]);
        strbuf_addf(&h, "%s%lld", i ? ", " : "", (long long)shape[i]);
        n *= (size_t)shape[i];
    }
    strbuf_adds(&h, ndim == 1 ? ",), }" : "), }");
    while ((10 + h.len + 1) % 64) strbuf_addc(&h, ' ');
    strbuf_addc(&h, '\n');
    BUG_ON(h.len > UINT16_MAX, "ndim %d", ndim);
    struct outfile o;
    int code = outfile_open(&o, path, e);
    if (!code) {
        uint16_t len = (uint16_t)h.len;
        outfile_put(&o, "\x93NUMPY\x01\x00", 8);
        outfile_put(&o, &len, 2);
        outfile_put(&o, h.s, h.len);
        outfile_put(&o, data, n * sizeof *data);
        code = outfile_close(&o, e);
    }
    strbuf_release(&h);
    return code;
}
