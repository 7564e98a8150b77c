/* SPDX-License-Identifier: Apache-2.0 */
/* import.c - see import.h. */
#include "harness/infer/import.h"

#include <stdlib.h>
#include <string.h>

#include "harness/hub/catalog.h"
#include "harness/nn/format/torchfile.h"
#include "harness/base/util.h"
#include "harness/checkpoint/adapter.h"

/* ---- what the file has --------------------------------------------------------------------------------- */

static int read_safetensors(struct torchfile *f, const char *path, struct err *e) {
    struct modelfile *in;
    memset(f, 0, sizeof *f);
    int rc = modelfile_open(&in, path, e);
    for (int i = 0; !rc && i < modelfile_count(in); i++) {
        const struct tensor *x = modelfile_at(in, i);
        struct weight w;
        rc = tensor_weight(x, &w, e);
        if (rc) break;
        struct torch_tensor t = {.name = xstrdup(x->name), .ndim = x->ndim};
        memcpy(t.shape, x->shape, sizeof t.shape);
        t.data = xmalloc((size_t)w.rows * (size_t)w.cols * sizeof *t.data);
        weight_expand(&w, 0, w.rows, 0, w.cols, t.data, w.cols);
        GROW(f->v, f->n, f->cap);
        f->v[f->n++] = t;
    }
    modelfile_close(in);
    if (rc) torchfile_release(f);
    return rc;
}

static int read_tensors(struct torchfile *f, const char *path, struct err *e) {
    size_t n = strlen(path);
    return n > 12 && !strcmp(path + n - 12, ".safetensors") ? read_safetensors(f, path, e)
                                                            : torchfile_open(f, path, e);
}

/* 'A' or 'B', with the length of the module before it; 0: neither. */
static char part_of(const char *name, size_t *module) {
    static const char *const ends[] = {".lora_A", ".lora_B", ".lora_A.weight", ".lora_B.weight"};
    size_t n = strlen(name);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        size_t end = strlen(ends[i]);
        if (n <= end || strcmp(name + n - end, ends[i]) != 0) continue;
        *module = n - end;
        return i % 2 ? 'B' : 'A';
    }
    return 0;
}

/* Is `tail` the end of a module's path, at a dot or the whole? */
static bool ends_path(const char *s, const char *tail) {
    size_t n = strlen(s), t = strlen(tail);
    return str_ends_with(s, tail) && (n == t || s[n - t - 1] == '.');
}

/* The site of a module as the file names it: with wrappers before it, or without what the model has before
 * it. */
static const struct site *site_of(const struct net *net, const char *module, size_t n) {
    char *text = xstrndup(module, n);
    const struct site *found = NULL;
    for (int i = 0; i < net->nsites; i++) {
        const struct site *s = net->sites[i];
        if (ends_path(text, s->module) || ends_path(s->module, text)) {
            found = found ? NULL : s;
            if (!found) break; /* two of them: it is neither */
        }
    }
    free(text);
    return found;
}

/* ---- a layer ------------------------------------------------------------------------------------------- */

struct layer {
    const struct site *s;
    const struct torch_tensor *A, *B;
    int r, k;               /* loralib's rank; blocks with a LoRA of their own, 1 for a plain layer */
    int block;              /* outputs of a block */
    bool on[3];             /* which blocks of a fused layer */
    float *wide_A, *wide_B; /* [R, d_in], [d_out, R] */
};

struct import {
    const struct infer *m;
    const char *path;
    const struct import_options *o;
    struct torchfile f;
    struct layer *v;
    int n, cap;
    struct err *e;
};

static int bad_shape(const struct import *x, const struct layer *l) {
    return err_set(x->e, ERR_USER,
                   "%s: '%s' is [%lld, %lld] and its lora_B [%lld, %lld], which fits no layer of %d inputs "
                   "and %d outputs (%s)",
                   x->path, l->A->name, (long long)l->A->shape[0], (long long)l->A->shape[1],
                   (long long)l->B->shape[0], (long long)l->B->shape[1], l->s->d_in, l->s->d_out,
                   l->s->module);
}

/* Which of q, k, v have one. */
static int choose_blocks(const struct import *x, struct layer *l, int blocks) {
    const char *want = x->o->blocks ? x->o->blocks : l->k == 2 ? "qv" : l->k == blocks ? "qkv" : "";
    int chosen = 0;
    for (int i = 0; i < 3; i++) chosen += l->on[i] = strchr(want, "qkv"[i]) != NULL;
    if (blocks == 3 && chosen == l->k) return 0;
    return err_set(x->e, ERR_USER,
                   "%s: '%s' adapts %d of %d blocks of %s: which ones (--blocks q, k, v, qv, ...)?", x->path,
                   l->A->name, l->k, blocks, l->s->module);
}

static int read_shape(const struct import *x, struct layer *l) {
    if (!l->A || !l->B) {
        const struct torch_tensor *one = l->A ? l->A : l->B;
        return err_set(x->e, ERR_USER, "%s: '%s' is there without its lora_%c", x->path, one->name,
                       l->A ? 'B' : 'A');
    }
    const int64_t *a = l->A->shape, *b = l->B->shape;
    int d_in = l->s->d_in, d_out = l->s->d_out;
    bool matrices = l->A->ndim == 2 && l->B->ndim == 2;
    if (!matrices || a[1] != d_in || b[1] < 1 || a[0] < 1 || a[0] % b[1] != 0 || b[0] < 1)
        return bad_shape(x, l);
    l->r = (int)b[1];
    l->k = (int)(a[0] / b[1]);
    if (l->k == 1 && b[0] == d_out) {
        l->block = d_out;
        l->on[0] = true;
        return 0;
    }
    if (b[0] % l->k || d_out % (b[0] / l->k)) return bad_shape(x, l);
    l->block = (int)b[0] / l->k;
    return choose_blocks(x, l, d_out / l->block);
}

static struct layer *layer_of(struct import *x, const struct site *s) {
    for (int i = 0; i < x->n; i++)
        if (x->v[i].s == s) return &x->v[i];
    GROW(x->v, x->n, x->cap);
    x->v[x->n] = (struct layer){.s = s};
    return &x->v[x->n++];
}

static int sort_tensors(struct import *x, int *skipped) {
    for (int i = 0; i < x->f.n; i++) {
        const struct torch_tensor *t = &x->f.v[i];
        size_t n = 0;
        char part = part_of(t->name, &n);
        const struct site *s = part ? site_of(&x->m->net, t->name, n) : NULL;
        if (part && !s)
            return err_set(x->e, ERR_USER,
                           "%s: '%s' belongs to no linear layer of this model (the first of them is %s)",
                           x->path, t->name, x->m->net.nsites ? x->m->net.sites[0]->module : "none");
        if (!part && !x->o->skip_others)
            return err_set(x->e, ERR_USER,
                           "%s: '%s' is neither a lora_A nor a lora_B: an adapter has no place for it "
                           "(--skip-others leaves such tensors out)",
                           x->path, t->name);
        *skipped += !part;
        if (!part) continue;
        struct layer *l = layer_of(x, s);
        const struct torch_tensor **at = part == 'A' ? &l->A : &l->B;
        if (*at)
            return err_set(x->e, ERR_USER, "%s: '%s' and '%s' are of one layer", x->path, (*at)->name,
                           t->name);
        *at = t;
    }
    return x->n ? 0 : err_set(x->e, ERR_USER, "%s: has no tensor lora_A or lora_B", x->path);
}

/* Block g of B times block g of A as a product of rank R; what a smaller rank leaves over is zero. All layers
 * share alpha / R, that of the first: the others' scales go into B. */
static void widen_block(struct layer *l, int R, int first_r) {
    int d_in = l->s->d_in, d_out = l->s->d_out, g = 0;
    float scale = (float)first_r / (float)l->r;
    l->wide_A = xcalloc((size_t)R * (size_t)d_in, sizeof(float));
    l->wide_B = xcalloc((size_t)d_out * (size_t)R, sizeof(float));
    memcpy(l->wide_A, l->A->data, (size_t)l->k * (size_t)l->r * (size_t)d_in * sizeof(float));
    for (int b = 0; b < d_out / l->block; b++) {
        if (!l->on[b]) continue;
        for (int i = 0; i < l->block; i++)
            for (int k = 0; k < l->r; k++)
                l->wide_B[((size_t)b * (size_t)l->block + (size_t)i) * (size_t)R + (size_t)(g * l->r + k)] =
                    scale * l->B->data[((size_t)g * (size_t)l->block + (size_t)i) * (size_t)l->r + (size_t)k];
        g++;
    }
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static json_t *config_of(const struct import *x, const char *base_model, const struct import_result *ret) {
    json_t *modules = json_array();
    for (int i = 0; i < x->n; i++) json_array_append_new(modules, json_string(x->v[i].s->module));
    char *base = catalog_origin(base_model, modelfile_path(x->m->file)); /* as PEFT would look for it */
    json_t *c = adapter_head_json(base, x->m->facts.head ? "CAUSAL_LM" : "FEATURE_EXTRACTION", "LORA",
                                  x->v[0].s->W->transposed, modules, NULL);
    json_t *lora = json_pack("{ss,si,sf,sf}", "bias", "none", "r", ret->r, "lora_alpha", ret->alpha,
                             "lora_dropout", 0.0);
    json_object_update(c, lora);
    json_decref(lora);
    free(base);
    return c;
}

static int write_folder(const struct import *x, const char *dir, const char *base_model,
                        const struct import_result *ret) {
    struct tensor_out *t = xcalloc(2 * (size_t)x->n, sizeof *t);
    for (int i = 0; i < x->n; i++) {
        const struct layer *l = &x->v[i];
        for (int is_B = 0; is_B < 2; is_B++)
            t[2 * i + is_B] = (struct tensor_out){
                .name = xasprintf("base_model.model.%s.lora_%c.weight", l->s->module, is_B ? 'B' : 'A'),
                .dtype = DT_F32,
                .ndim = 2,
                .shape = {is_B ? l->s->d_out : ret->r, is_B ? ret->r : l->s->d_in},
                .data = is_B ? l->wide_B : l->wide_A};
    }
    int rc = adapter_write(dir, t, 2 * x->n, config_of(x, base_model, ret), NULL, x->e);
    for (int i = 0; i < 2 * x->n; i++) free((char *)(uintptr_t)t[i].name);
    free(t);
    return rc;
}

int import_loralib(const struct infer *m, const char *base_model, const char *path,
                   const struct import_options *o, const char *dir, struct import_result *ret,
                   struct err *e) {
    struct import x = {.m = m, .path = path, .o = o, .e = e};
    memset(ret, 0, sizeof *ret);
    int rc = read_tensors(&x.f, path, e);
    if (!rc) rc = sort_tensors(&x, &ret->skipped);
    for (int i = 0; i < x.n && !rc; i++) {
        rc = read_shape(&x, &x.v[i]);
        if (!rc) ret->r = MAX_OF(ret->r, x.v[i].k * x.v[i].r);
    }
    if (!rc) {
        ret->sites = x.n;
        ret->alpha = o->alpha * ret->r / x.v[0].r;
        for (int i = 0; i < x.n; i++) widen_block(&x.v[i], ret->r, x.v[0].r);
        rc = write_folder(&x, dir, base_model, ret);
    }
    for (int i = 0; i < x.n; i++) {
        free(x.v[i].wide_A);
        free(x.v[i].wide_B);
    }
    free(x.v);
    torchfile_release(&x.f);
    return rc;
}
