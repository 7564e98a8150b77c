/* SPDX-License-Identifier: Apache-2.0 */
/* dora.c - DoRA (Liu et al., 2402.09353): direction and magnitude of each row of W apart,
 *
 *   h = b + g * (W x + s B A x),   g_i = m_i / n_i,   n_i = ||W_i + s B_i A||,   elementwise *
 *
 * m [d_out] starts as ||W_i|| and trains beside A and B. The paper's column norm is one magnitude per output
 * feature, as PEFT has it. As in section 4.3 n is a constant in backward: it is taken after each optimizer
 * step and then fixed until the next. With v = W x + s B A x, G = dL/dh: dm_i = sum_t G_i v_i / n_i, and
 * through v as LoRA with g * G for G. n^2 = ||W_i||^2 + 2 s B_i (A W_i^T) + s^2 B_i (A A^T) B_i^T: two thin
 * products with A's rows as tokens, instead of the d_out x d_in sum. v is kept for backward, d_out wide:
 * DoRA's price. */
#include <math.h>
#include <stdlib.h>

#include "harness/config/cfg.h"
#include "harness/base/util.h"
#include "methods/lowrank.h"

struct dora_run {
    struct lowrank_run lowrank;
    struct net_pass pass;
    int widest_out;
    float *rows, *wa, *aa, *dv; /* scratch: A's rows as tokens, W A^T, A A^T; g * G */
};

struct dora_site {
    struct lowrank_site lowrank;
    struct param *m, *n; /* n: a note, 4 rows of d_out: ||W_i||^2, n, g, (1 - g) b */
    bool fresh;          /* n and g belong to A and B as they are; else the next pass takes them anew */
    float *v;            /* W x + b + s B A x, kept */
};
enum { SQUARE, NORM, FACTOR, SHIFT, NORM_ROWS };

static int dora_check(const json_t *cfg, char *warn, size_t warn_size, struct err *e) {
    (void)warn, (void)warn_size; /* PEFT's form of dropout takes a second W x, of the dropped x */
    return lowrank_dropout(cfg) > 0 ? err_set(e, ERR_USER, "dora takes lora_dropout 0 only") : 0;
}

static void dora_count(const struct site_shape *s, int nsites, const json_t *cfg, size_t *trainable,
                       size_t *stored) {
    lowrank_count(s, nsites, cfg, trainable, stored);
    for (int i = 0; i < nsites; i++) *trainable += (size_t)s[i].d_out;
    *stored = *trainable;
}

static float *row_norms(const struct dora_site *st, int row) { return st->n->value + row * st->n->cols; }

static void dora_attach(struct net *net, struct site *s) {
    struct dora_run *run = net->method_state;
    struct dora_site *st = s->state;
    lowrank_attach(net, s, PARAM_TRAIN, 1.0f);
    run->widest_out = MAX_OF(run->widest_out, s->d_out);
    char *name = xasprintf("base_model.model.%s.lora_magnitude_vector", s->module);
    st->m = net_param(net, s, name, PARAM_TRAIN, 1, s->d_out);
    st->m->ndim = 1;
    free(name);
    name = xasprintf("%s.dora_norm", s->module);
    st->n = net_param(net, NULL, name, PARAM_FIXED, NORM_ROWS, s->d_out); /* a note: no site's, not saved */
    free(name);
    size_t bytes = (size_t)s->d_in * sizeof(float);
    float *row = mem_alloc(net->mem, MEM_SCRATCH, bytes);
    for (int i = 0; i < s->d_out && !net->mem->counting; i++) {
        double sum = 0;
        weight_expand(&s->W->w, i, 1, 0, s->d_in, row, s->d_in);
        for (int j = 0; j < s->d_in; j++) sum += (double)row[j] * (double)row[j];
        row_norms(st, SQUARE)[i] = (float)sum;
        st->m->value[i] = (float)sqrt(row_norms(st, SQUARE)[i]);
    }
    mem_free(net->mem, MEM_SCRATCH, row, bytes);
}

static void dora_layout(struct net *net, struct site *s, int np) {
    struct dora_run *run = net->method_state;
    struct dora_site *st = s->state;
    lowrank_layout(net, s, np);
    int nr = panels(run->lowrank.r);
    if (net_pass_opens(net, &run->pass, np)) {
        run->rows = net_keep(net, MEM_SCRATCH, nr, run->lowrank.widest);
        run->wa = net_keep(net, MEM_SCRATCH, nr, run->widest_out);
        run->aa = net_keep(net, MEM_SCRATCH, nr, run->lowrank.r);
        run->dv = net_keep(net, MEM_SCRATCH, run->pass.np, run->widest_out);
    }
    st->v = net_keep(net, MEM_ACT, np, s->d_out);
}

/* Feature f of token t. */
static double token_feature(const float *x, int ld, int t, int f) {
    return (double)x[(t / PANEL * ld + f) * PANEL + t % PANEL];
}

static void take_norms(struct net *net, struct site *s) {
    struct dora_run *run = net->method_state;
    struct dora_site *st = s->state;
    const struct param *A = st->lowrank.A, *B = st->lowrank.B;
    int r = run->lowrank.r, nr = panels(r), ld = run->lowrank.widest;
    panel_from_rows(net->team, run->rows, ld, A->value, s->d_in, r);
    struct term wa = {&s->W->w, false, run->rows, ld}, aa = {&A->w, false, run->rows, ld};
    panel_mm(net->team, run->wa, run->widest_out, s->d_out, nr, &wa, 1, NULL, false);
    panel_mm(net->team, run->aa, r, r, nr, &aa, 1, NULL, false);
    for (int i = 0; i < s->d_out; i++) {
        const float *b = B->value + (size_t)i * (size_t)r;
        double sum = 0;
        for (int k = 0; k < r; k++) {
            double q = 2 * token_feature(run->wa, run->widest_out, k, i);
            for (int l = 0; l < r; l++)
                q += (double)run->lowrank.scale * token_feature(run->aa, r, l, k) * (double)b[l];
            sum += (double)(run->lowrank.scale * b[k]) * q;
        }
        row_norms(st, NORM)[i] = (float)sqrt(fmax(0, (double)row_norms(st, SQUARE)[i] + sum));
    }
}

/* g, and what it takes from the bias. m may have moved without a step, n not. */
static void take_factors(struct net *net, struct site *s) {
    struct dora_site *st = s->state;
    if (!st->fresh) take_norms(net, s);
    st->fresh = true;
    for (int i = 0; i < s->d_out; i++) {
        float g = st->m->value[i] / row_norms(st, NORM)[i];
        row_norms(st, FACTOR)[i] = g;
        row_norms(st, SHIFT)[i] = s->b ? (1.0f - g) * s->b->value[i] : 0;
    }
}

static void dora_forward(struct net *net, struct site *s, const float *x, int ldx, float *y, int ldy,
                         int np) {
    struct dora_site *st = s->state;
    take_factors(net, s);
    lowrank_forward(net, s, x, ldx, st->v, s->d_out, np);
    panel_mm(net->team, y, ldy, s->d_out, np, NULL, 0, row_norms(st, SHIFT), false);
    panel_row_scale(net->team, y, ldy, st->v, s->d_out, row_norms(st, FACTOR), 1.0f, s->d_out, np, true);
}

static void dora_backward(struct net *net, struct site *s, const float *x, int ldx, const float *dy, int lddy,
                          float *dx, int lddx, int np) {
    struct dora_run *run = net->method_state;
    struct dora_site *st = s->state;
    /* dm_i n_i = sum_t G_i (v_i + b_i) - b_i sum_t G_i. SHIFT is made anew in each forward: it may hold
     * sums. */
    float *dot = row_norms(st, SHIFT), *sum = run->dv;
    for (int i = 0; i < s->d_out; i++) dot[i] = 0;
    panel_row_dot(net->team, dot, dy, lddy, st->v, s->d_out, s->d_out, np);
    if (s->b) {
        for (int i = 0; i < s->d_out; i++) sum[i] = 0;
        panel_row_sum(net->team, sum, dy, lddy, s->d_out, np);
        for (int i = 0; i < s->d_out; i++) dot[i] -= s->b->value[i] * sum[i];
    }
    for (int i = 0; i < s->d_out; i++) st->m->grad[i] += dot[i] / row_norms(st, NORM)[i];
    panel_row_scale(net->team, run->dv, run->widest_out, dy, lddy, row_norms(st, FACTOR), 1.0f, s->d_out, np,
                    false);
    lowrank_backward(net, s, x, ldx, run->dv, run->widest_out, dx, lddx, np);
}

static void dora_post_step(struct net *net, long step) {
    (void)step;
    for (int i = 0; i < net->nsites; i++)
        if (net->sites[i]->adapted) ((struct dora_site *)net->sites[i]->state)->fresh = false;
}

/* Rows of W + s B A, each scaled by m over its norm; the norm of the passes where they have taken one. */
static void dora_merge(struct net *net, struct site *s, float *W, float *b) {
    struct dora_site *st = s->state;
    lowrank_merge(net, s, W, b);
    for (int i = 0; i < s->d_out; i++) {
        float *row = W + (size_t)i * (size_t)s->d_in;
        double sum = 0;
        for (int j = 0; j < s->d_in; j++) sum += (double)row[j] * (double)row[j];
        float g = st->m->value[i] / (st->fresh ? row_norms(st, NORM)[i] : (float)sqrt(sum));
        for (int j = 0; j < s->d_in; j++) row[j] *= g;
    }
}

static void dora_controls(const json_t *cfg, const struct site_shape *s, int nsites, struct control_out *o) {
    size_t trainable, stored;
    dora_count(s, nsites, cfg, &trainable, &stored);
    lowrank_control_count(s, nsites, trainable, 0, o);
}

static void dora_save_config(struct net *net, json_t *config) {
    lowrank_save_config(net, config);
    json_object_set_new(config, "use_dora", json_true());
}

static const char *const dora_peft_fields[] = {"use_dora", LOWRANK_PEFT_FIELDS, NULL};

static int dora_read_config(const json_t *peft, json_t *cfg, struct err *e) {
    return lowrank_read_flagged(peft, "use_dora", cfg, e);
}

const struct method method_dora = {
    .name = "dora",
    .summary = "LoRA for the direction of each row, a trained vector for its length",
    .paper = "2402.09353",
    .flags = METHOD_MERGEABLE | METHOD_IDENTITY_AT_INIT,
    .opts = lowrank_opts,
    .run_size = sizeof(struct dora_run),
    .site_size = sizeof(struct dora_site),
    .check = dora_check,
    .count = dora_count,
    .controls = dora_controls,
    .setup = lowrank_setup,
    .attach = dora_attach,
    .layout = dora_layout,
    .forward = dora_forward,
    .backward = dora_backward,
    .post_step = dora_post_step,
    .merge = dora_merge,
    .peft_type = "LORA",
    .save_config = dora_save_config,
    .peft_fields = dora_peft_fields,
    .read_config = dora_read_config,
};
