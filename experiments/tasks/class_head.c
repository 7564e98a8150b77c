/* SPDX-License-Identifier: Apache-2.0 */
/* class_head.c - see class_head.h. */
#include "experiments/tasks/class_head.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/util.h"
#include "harness/nn/kernels/xent.h"

static const char *const outputs[] = {[HEAD_PLAIN] = "pooled_classifier",
                                      [HEAD_SCORE] = "score",
                                      [HEAD_POOLER] = "classifier",
                                      [HEAD_DENSE] = "classifier.out_proj"};

const char *class_head_output(enum class_head_form form) {
    static const char *const names[] = {"pooled_classifier.weight", "score.weight", "classifier.weight",
                                        "classifier.out_proj.weight"};
    return names[form];
}

/* ---- layers -------------------------------------------------------------------------------------------- */

/* A new parameter, or the file's. */
static struct param *take_param(struct net *net, const char *module, const char *part, int rows, int cols,
                                bool read, struct err *e) {
    char name[64];
    const struct modelfile *f = net->models[0].file;
    snprintf(name, sizeof name, "%s.%s", module, part);
    struct param *p = net_head(net, name, rows ? 2 : 1, rows ? rows : 1, cols);
    const struct tensor *t = read ? modelfile_find(f, name) : NULL;
    struct weight w;
    if (read && (!t || tensor_weight(t, &w, e) || w.rows != p->rows || w.cols != p->cols)) {
        err_set(e, ERR_USER, "%s: its '%s' is %s", modelfile_path(f), name,
                t ? "of another size than its classes" : "missing");
        return NULL;
    }
    if (net->mem->counting) return p;
    if (read)
        weight_expand(&w, 0, w.rows, 0, w.cols, p->value, p->cols);
    else if (rows)
        rng_fill_uniform(rng_make(net->seed, p->name, 0), p->value, param_size(p), 1 / sqrtf((float)cols));
    return p;
}

static int take_dense(struct class_head *head, struct net *net, bool read, struct err *e) {
    int D = head->D;
    struct param *W = take_param(net, "classifier.dense", "weight", D, D, read, e),
                 *b = W ? take_param(net, "classifier.dense", "bias", 0, D, read, e) : NULL;
    if (!b) return ERR_USER;
    head->own = (struct site){.kind = "dense", .d_in = D, .d_out = D, .W = W, .b = b, .need_x = true};
    head->dense = &head->own;
    return 0;
}

int class_head_declare(struct class_head *head, struct net *net, bool read, struct err *e) {
    const struct net_model *m = &net->models[0];
    const char *module = outputs[head->form];
    if (head->form == HEAD_POOLER && !(head->dense = m->model->pooler(m->state, net, m->file, e)))
        return ERR_USER;
    if (head->form == HEAD_DENSE && take_dense(head, net, read, e)) return ERR_USER;
    head->weight = take_param(net, module, "weight", head->classes, head->D, read, e);
    if (!head->weight) return ERR_USER;
    if (head->form == HEAD_SCORE) return 0;
    head->bias = take_param(net, module, "bias", 0, head->classes, read, e);
    return head->bias ? 0 : ERR_USER;
}

/* ---- passes -------------------------------------------------------------------------------------------- */

void class_head_layout(const struct class_head *head, struct net *net, struct class_pass *x, int n,
                       bool train) {
    int np = panels(n), D = head->D;
    x->h = net_keep(net, MEM_SCRATCH, np, D);
    x->t = head->dense ? net_keep(net, MEM_SCRATCH, np, D) : x->h;
    x->nll = net_keep(net, MEM_SCRATCH, np, 1);
    x->top1 = arena_alloc(&net->tape, MEM_SCRATCH, (size_t)n * sizeof *x->top1);
    if (head->dense && head->dense != &head->own) site_layout(net, head->dense, np);
    if (!train) return;
    x->dt = net_keep(net, MEM_SCRATCH, np, D);
    x->dh = head->dense ? net_keep(net, MEM_SCRATCH, np, D) : x->dt;
}

/* Texts beyond n are lanes of nothing: zero, so that they add nothing to a weight's gradient. */
static void tanh_backward(float *dt, const float *t, int D, int n) {
    for (int i = 0; i < panels(n) * PANEL; i++)
        for (int f = 0; f < D; f++) {
            size_t k = ((size_t)(i / PANEL) * (size_t)D + (size_t)f) * PANEL + (size_t)(i % PANEL);
            dt[k] = i < n ? dt[k] * (1 - t[k] * t[k]) : 0;
        }
}

void class_head_run(const struct class_head *head, struct net *net, struct class_pass *x, const float *y,
                    int n, const int32_t *target, float *dy, double scale) {
    int np = panels(n), D = head->D;
    panel_from_rows(net->team, x->h, D, y, D, n);
    if (head->dense) {
        site_forward(net, head->dense, x->h, D, x->t, D, np);
        for (size_t k = 0; k < (size_t)np * (size_t)D * PANEL; k++) x->t[k] = tanhf(x->t[k]);
    }
    xent(net->team, x->nll, x->top1, dy ? x->dt : NULL, D, dy ? head->weight->grad : NULL,
         dy && head->bias ? head->bias->grad : NULL, &head->weight->w, head->bias ? head->bias->value : NULL,
         x->t, D, n, target, (float)scale);
    if (!dy) return;
    if (head->dense) {
        tanh_backward(x->dt, x->t, D, n);
        panel_zero(net->team, x->dh, D, D, np);
        site_backward(net, head->dense, x->h, D, x->dt, D, x->dh, D, np);
    }
    panel_to_rows(net->team, dy, x->dh, D, D, n);
}
