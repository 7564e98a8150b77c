/* SPDX-License-Identifier: Apache-2.0 */
/* outfile.c - see outfile.h. */
#include "harness/nn/format/outfile.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/util.h"

int outfile_open(struct outfile *o, const char *path, struct err *e) {
    static atomic_uint serial;
    *o = (struct outfile){.path = path};
    o->target = file_target(path);
    if (o->target)
        o->tmp = xasprintf("%s.tmp.%ld.%u", o->target, (long)getpid(), atomic_fetch_add(&serial, 1));
    o->f = fopen(o->tmp ? o->tmp : path, o->tmp ? "wbxe" : "wbe");
    if (o->f) return 0;
    int code = err_set(e, ERR_RESOURCE, "%s: cannot create: %s", path, strerror(errno));
    free(o->tmp);
    free(o->target);
    return code;
}

void outfile_put(struct outfile *o, const void *bytes, size_t n) {
    if (n && fwrite(bytes, 1, n, o->f) != n && !o->why) o->why = errno;
    o->bytes += n;
}

void outfile_pad(struct outfile *o, size_t multiple) {
    static const char zeros[64];
    size_t n = (multiple - o->bytes % multiple) % multiple;
    BUG_ON(n > sizeof zeros, "a multiple of %zu bytes", multiple);
    outfile_put(o, zeros, n);
}

int outfile_close(struct outfile *o, struct err *e) {
    bool bad = o->what.code || o->why || fflush(o->f) != 0 || (o->tmp && fsync(fileno(o->f)) < 0);
    int why = o->why ? o->why : errno, code = 0;
    if (fclose(o->f) != 0 && !bad) bad = true, why = errno;
    if (!bad && o->tmp && rename(o->tmp, o->target) < 0) bad = true, why = errno;
    if (bad && o->tmp) unlink(o->tmp);
    if (!bad && o->tmp) dir_sync_of(o->target);
    if (bad && o->what.code)
        code = err_set(e, o->what.code, "%s: %s", o->path, o->what.msg);
    else if (bad)
        code = err_set(e, ERR_RESOURCE, "%s: cannot write %zu bytes: %s", o->path, o->bytes, strerror(why));
    free(o->tmp);
    free(o->target);
    return code;
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

size_t tensor_out_bytes(const struct tensor_out *t) {
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

/* Round to nearest even; NaN stays NaN. */
static uint16_t bf16_of(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    if (isnan(x)) return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static uint16_t f16_of(float x) {
    _Float16 h = (_Float16)x; /* round to nearest even */
    uint16_t u;
    memcpy(&u, &h, sizeof u);
    return u;
}

/* n float32 as the tensor's type. */
static void put_floats(struct outfile *o, const struct tensor_out *t, const float *x, size_t n) {
    enum { AT_ONCE = 4096 };
    uint16_t half[AT_ONCE];
    if (t->dtype == DT_F32) {
        outfile_put(o, x, n * sizeof *x);
        return;
    }
    for (size_t at = 0; at < n; at += AT_ONCE) {
        size_t m = MIN_OF(n - at, (size_t)AT_ONCE);
        for (size_t i = 0; i < m; i++) {
            float v = x[at + i];
            half[i] = t->dtype == DT_F16 ? f16_of(v) : bf16_of(v);
            bool overflow = isfinite(v) && (half[i] & 0x7fff) == (t->dtype == DT_F16 ? 0x7c00 : 0x7f80);
            if (overflow && !o->what.code)
                err_set(&o->what, ERR_USER, "tensor '%.200s' has the value %g, which %s cannot hold: use f32",
                        t->name, (double)v, dtype_name(t->dtype));
        }
        outfile_put(o, half, m * sizeof *half);
    }
}

/* The matrix [rows, cols] of which data is the transpose, a few rows at a time. */
static void put_transposed(struct outfile *o, const struct tensor_out *t, const float *data) {
    enum { AT_ONCE = 16 };
    BUG_ON(t->ndim != 2, "tensor '%s' ndim %d", t->name, t->ndim);
    size_t rows = (size_t)t->shape[0], cols = (size_t)t->shape[1];
    float *buffer = xmalloc(AT_ONCE * cols * sizeof *buffer + 1);
    for (size_t i = 0; i < rows; i += AT_ONCE) {
        size_t n = rows - i < AT_ONCE ? rows - i : AT_ONCE;
        for (size_t j = 0; j < cols; j++)
            for (size_t k = 0; k < n; k++) buffer[k * cols + j] = data[j * rows + i + k];
        put_floats(o, t, buffer, n * cols);
    }
    free(buffer);
}

void outfile_put_tensor(struct outfile *o, const struct tensor_out *t) {
    size_t bytes = tensor_out_bytes(t), n = bytes / (t->dtype == DT_F32 ? 4 : 2);
    float *made = t->make ? xmalloc(n * sizeof *made + 1) : NULL;
    if (made) t->make(t->arg, made);
    if (t->transposed) {
        BUG_ON(!made && t->dtype != DT_F32, "tensor '%s' dtype %d", t->name, (int)t->dtype);
        put_transposed(o, t, made ? made : t->data);
    } else if (made) {
        put_floats(o, t, made, n);
    } else {
        outfile_put(o, t->data, bytes);
    }
    free(made);
}
