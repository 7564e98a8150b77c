/* SPDX-License-Identifier: Apache-2.0 */
/* export.c - see export.h. */
#include "harness/infer/export.h"

#include <stdlib.h>
#include <string.h>

#include "harness/checkpoint/merge.h"
#include "harness/core/method.h"
#include "harness/nn/format/gguf_write.h"
#include "harness/base/util.h"

enum { NAME_SIZE = 128 };

/* ---- a tensor that is made when its turn comes --------------------------------------------------------- */

struct source {
    struct net *net;
    const struct param *p; /* of a model, or of the site whose factor it is */
    const struct site *s;  /* an adapter's: NULL for a model's tensor */
    bool is_B;
    int rope_heads;
    char name[NAME_SIZE];
};

struct list {
    struct tensor_out *t;
    struct source *of;
    int n;
};

static void list_init(struct list *l, int cap) {
    *l = (struct list){.t = xcalloc((size_t)cap + 1, sizeof *l->t),
                       .of = xcalloc((size_t)cap + 1, sizeof *l->of)};
}

static void list_release(struct list *l) {
    free(l->t);
    free(l->of);
}

/* Rows into llama.cpp's order: row h*hd + j goes to h*hd + (j % (hd/2))*2 + j/(hd/2) (weight.h). */
static void permute_rows(float *rows, int n, int cols, int heads) {
    size_t row = (size_t)cols * sizeof *rows;
    int hd = n / heads;
    float *copy = xmalloc((size_t)n * row);
    memcpy(copy, rows, (size_t)n * row);
    for (int i = 0; i < n; i++) {
        int h = i / hd, j = i % hd, to = h * hd + (j % (hd / 2)) * 2 + j / (hd / 2);
        memcpy(rows + (size_t)to * (size_t)cols, copy + (size_t)i * (size_t)cols, row);
    }
    free(copy);
}

static void make_weight(void *arg, float *dst) {
    const struct source *s = arg;
    merge_values(s->net, s->p, dst);
    if (s->rope_heads) permute_rows(dst, s->p->rows, s->p->cols, s->rope_heads);
}

static void make_factor(void *arg, float *dst) {
    const struct source *x = arg;
    const struct method *m = x->net->method;
    float *B, *A;
    size_t r = (size_t)m->factors(x->net, x->s, &B, &A);
    memcpy(dst, x->is_B ? B : A, r * (size_t)(x->is_B ? x->s->d_out : x->s->d_in) * sizeof *dst);
    if (x->is_B && x->rope_heads) permute_rows(dst, x->s->d_out, (int)r, x->rope_heads);
    free(B);
    free(A);
}

/* ---- the whole model ----------------------------------------------------------------------------------- */

static int no_form(const struct infer *m, struct err *e) {
    return err_set(e, ERR_USER, "%s: writing a model of type %s as GGUF is not implemented",
                   modelfile_path(m->file), m->model->name);
}

static int collect_tensors(struct infer *m, enum dtype type, struct list *l, struct err *e) {
    for (int i = 0; i < m->net.nparams; i++) {
        const struct param *p = m->net.params[i];
        struct source *s = &l->of[l->n];
        if (!merge_is_models(p)) continue;
        *s = (struct source){.net = &m->net, .p = p};
        if (!m->model->gguf_name(m->state, p->name, s->name, sizeof s->name, &s->rope_heads))
            return err_set(e, ERR_USER, "tensor '%s' has no name in GGUF", p->name);
        bool narrow = p->ndim == 2 && strcmp(s->name, "position_embd.weight") != 0;
        l->t[l->n++] = (struct tensor_out){.name = s->name,
                                           .dtype = narrow ? type : DT_F32,
                                           .ndim = p->ndim,
                                           .shape = {p->ndim == 2 ? p->rows : p->cols, p->cols},
                                           .make = make_weight,
                                           .arg = s};
    }
    return 0;
}

/* llama.cpp's numbers for "mostly this type". */
static uint32_t file_type(enum dtype t) { return t == DT_F32 ? 0 : t == DT_F16 ? 1 : 32; }

/* The model's end tokens, the one that ends its training rows first. */
static int order_ends(const struct infer *m, int32_t ends[ENDS_MOST]) {
    int first = model_end(&m->facts, m->tok), n = 0;
    if (first >= 0) ends[n++] = first;
    for (int i = 0; i < m->facts.ends.n; i++)
        if (m->facts.ends.id[i] != first) ends[n++] = m->facts.ends.id[i];
    return n;
}

int export_model(struct infer *m, enum dtype type, const char *path, size_t *bytes, struct err *e) {
    if (!m->model->gguf_meta || !m->facts.head) return no_form(m, e);
    if (merge_check(&m->net, e)) return ERR_USER;
    struct gguf_out *o = gguf_out_new();
    struct list l;
    list_init(&l, m->net.nparams);
    int rc = m->model->gguf_meta(m->state, o, e);
    gguf_put_str(o, "general.type", "model");
    gguf_put_u32(o, "general.file_type", file_type(type));
    int32_t ends[ENDS_MOST];
    int n = order_ends(m, ends);
    if (!rc) rc = gguf_put_tokenizer(o, m->file, m->facts.vocab, m->facts.bos_id, ends, n, e);
    if (!rc) rc = collect_tensors(m, type, &l, e);
    if (!rc) rc = gguf_write(path, o, l.t, l.n, bytes, e);
    list_release(&l);
    gguf_out_free(o);
    return rc;
}

/* ---- the adapter alone --------------------------------------------------------------------------------- */

static void add_factor(struct infer *m, struct list *l, const struct site *s, int r, bool is_B,
                       enum dtype type) {
    struct source *x = &l->of[l->n];
    char weight[NAME_SIZE - 8];
    *x = (struct source){.net = &m->net, .p = s->W, .s = s, .is_B = is_B};
    bool known = m->model->gguf_name(m->state, s->W->name, weight, sizeof weight, &x->rope_heads);
    BUG_ON(!known, "%s", s->W->name);
    snprintf(x->name, sizeof x->name, "%s.lora_%c", weight, is_B ? 'b' : 'a');
    l->t[l->n++] = (struct tensor_out){.name = x->name,
                                       .dtype = type,
                                       .ndim = 2,
                                       .shape = {is_B ? s->d_out : r, is_B ? r : s->d_in},
                                       .make = make_factor,
                                       .arg = x};
}

/* The architecture alone: the rest of the metadata is the model's. */
static void put_head(struct infer *m, struct gguf_out *o, int alpha) {
    gguf_put_str(o, "general.architecture", m->model->name);
    gguf_put_str(o, "general.type", "adapter");
    gguf_put_str(o, "adapter.type", "lora");
    gguf_put_f32(o, "adapter.lora.alpha", (float)alpha);
}

int export_adapter(struct infer *m, enum dtype type, const char *path, size_t *bytes, struct err *e) {
    const struct method *method = m->net.method;
    if (!m->model->gguf_name) return no_form(m, e);
    if (!method->factors)
        return err_set(e, ERR_USER,
                       "an adapter of method %s is no product B A that llama.cpp could add: write the merged "
                       "model (--gguf)",
                       method->name);
    for (int i = 0; i < m->net.nparams; i++)
        if (m->net.params[i]->kept || m->net.params[i]->head)
            return err_set(
                e, ERR_USER,
                "the adapter has its own '%s', for which llama.cpp's adapters have no place: write "
                "the merged model (--gguf)",
                m->net.params[i]->name);
    struct list l;
    int r = 0;
    list_init(&l, 2 * m->net.nsites);
    for (int i = 0; i < m->net.nsites; i++) {
        const struct site *s = m->net.sites[i];
        float *B, *A;
        if (!s->adapted) continue;
        int before = r;
        r = method->factors(&m->net, s, &B, &A);
        BUG_ON(before && before != r, "rank %d at one site, %d at another", before, r);
        free(B);
        free(A);
        add_factor(m, &l, s, r, false, type);
        add_factor(m, &l, s, r, true, type);
    }
    struct gguf_out *o = gguf_out_new();
    put_head(m, o, r); /* llama.cpp scales by alpha / r: all scales are in B */
    int rc = gguf_write(path, o, l.t, l.n, bytes, e);
    list_release(&l);
    gguf_out_free(o);
    return rc;
}
