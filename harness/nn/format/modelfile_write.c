/* SPDX-License-Identifier: Apache-2.0 */
/* modelfile_write.c - writing tensors: .safetensors and NumPy's .npy, atomically. See modelfile.h.
 *
 * The tensors' bytes go straight from memory to the file, or are made when their turn comes: a model is never
 * in memory twice. */
#include <stdlib.h>
#include <string.h>

#include "harness/nn/format/outfile.h"
#include "harness/base/util.h"

/* ---- safetensors --------------------------------------------------------------------------------------- */

static json_t *out_entry(const struct tensor_out *t, size_t begin) {
    json_t *shape = json_array();
    for (int i = 0; i < t->ndim; i++) json_array_append_new(shape, json_integer(t->shape[i]));
    const char *dtype = t->dtype == DT_F32 ? "F32" : t->dtype == DT_F16 ? "F16" : "BF16";
    return json_pack("{s:s, s:o, s:[I,I]}", "dtype", dtype, "shape", shape, "data_offsets", (json_int_t)begin,
                     (json_int_t)(begin + tensor_out_bytes(t)));
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
            at += tensor_out_bytes(&t[i]);
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
    for (int i = 0; i < n; i++) bytes += tensor_out_bytes(&t[i]);
    return bytes;
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
            if (out_turn(&t[i], pass)) outfile_put_tensor(&o, &t[i]);
    free(header);
    return outfile_close(&o, e);
}

/* ---- npy ----------------------------------------------------------------------------------------------- */

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
