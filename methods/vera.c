/* SPDX-License-Identifier: Apache-2.0 */
/* vera.c - VeRA (Kopiczko et al., 2310.11454): h = W x + b * (B (d * (A x))), elementwise *.
 *
 * A [r, max d_in] and B [max d_out, r] are random, frozen and shared by all adapted sites; a site uses A[:,
 * :d_in] and B[:d_out, :]. Only the vectors b [d_out] (0 at the start) and d [r] (d_initial) train. With u =
 * A x, G = dL/dh:
 *   db = sum_t G * (B (d * u)),   dd = sum_t u * (B^T (b * G)),   dx = W^T G + A^T (d * B^T (b * G)).
 *
 * A, then B are drawn exactly as PEFT draws them: one MT19937 seeded with projection_prng_key,
 * Kaiming-uniform with bound sqrt(6/fan_in), at the largest shape, then sliced. So the saved file holds two
 * vectors per site and loads in PEFT with save_projection: false. */
#include <math.h>
#include <stdlib.h>

#include "harness/config/cfg.h"
#include "harness/base/util.h"
#include "methods/lowrank.h"

static const struct opt vera_opts[] = {
    {"r", OPT_INT, "256", 1, 65536, NULL, "rank of the shared random matrices"},
    {"d_initial", OPT_NUM, "0.1", -10, 10, NULL, "start value of the vector d"},
    {"projection_prng_key", OPT_INT, "0", 0, 4294967295.0, NULL,
     "seed of the shared random matrices A and B"},
    OPT_END,
};

struct vera_run {
    int r, max_in, max_out;
    struct net_pass pass;
    struct param *A, *B; /* shared, frozen */
    float *ud, *v;       /* scratch: [r], [max_out] */
};

struct vera_site {
    struct param *b, *d;
    struct weight A, B; /* this site's slices */
    float *u;           /* A x, kept: r features */
};

/* torch.nn.init.kaiming_uniform_ with a = 0: gain sqrt 2, in the order that Python computes it. */
static float kaiming_bound(int fan_in) { return (float)(sqrt(3.0) * (sqrt(2.0) / sqrt((double)fan_in))); }

static void vera_setup(struct net *net) {
    struct vera_run *run = net->method_state;
    run->r = (int)cfg_int(net->config, "r");
    for (int i = 0; i < net->nsites; i++) {
        struct site *s = net->sites[i];
        if (!s->adapted) continue;
        run->max_in = MAX_OF(run->max_in, s->d_in);
        run->max_out = MAX_OF(run->max_out, s->d_out);
    }
    run->A = net_param(net, NULL, "base_model.vera_A", PARAM_FIXED, run->r, run->max_in);
    run->B = net_param(net, NULL, "base_model.vera_B", PARAM_FIXED, run->max_out, run->r);
    run->A->regenerable = run->B->regenerable = true;
    if (net->mem->counting) return;
    struct mt19937 mt;
    mt19937_seed(&mt, (uint32_t)cfg_int(net->config, "projection_prng_key"));
    mt19937_fill_uniform(&mt, run->A->value, param_size(run->A), kaiming_bound(run->max_in));
    mt19937_fill_uniform(&mt, run->B->value, param_size(run->B), kaiming_bound(run->r));
}

static struct param *vera_vector(struct net *net, struct site *s, const char *part, int n, double value) {
    char *name = xasprintf("base_model.model.%s.%s", s->module, part);
    struct param *p = net_param(net, s, name, PARAM_TRAIN, 1, n);
    p->ndim = 1;
    free(name);
    if (value != 0 && !net->mem->counting)
        for (int i = 0; i < n; i++) p->value[i] = (float)value;
    return p;
}

static void vera_attach(struct net *net, struct site *s) {
    struct vera_run *run = net->method_state;
    struct vera_site *st = s->state;
    st->b = vera_vector(net, s, "vera_lambda_b", s->d_out, 0);
    st->d = vera_vector(net, s, "vera_lambda_d", run->r, cfg_num(net->config, "d_initial"));
    st->A = weight_f32(run->A->value, run->r, s->d_in, run->max_in);
    st->B = weight_f32(run->B->value, s->d_out, run->r, run->r);
}

static void vera_layout(struct net *net, struct site *s, int np) {
    struct vera_run *run = net->method_state;
    struct vera_site *st = s->state;
    if (net_pass_opens(net, &run->pass, np)) {
        run->ud = net_keep(net, MEM_SCRATCH, run->pass.np, run->r);
        run->v = net_keep(net, MEM_SCRATCH, run->pass.np, run->max_out);
    }
    st->u = net_keep(net, MEM_ACT, np, run->r);
}

/* run->v = B (d * u) */
static void vera_up(struct net *net, struct site *s, int np) {
    struct vera_run *run = net->method_state;
    struct vera_site *st = s->state;
    panel_row_scale(net->team, run->ud, run->r, st->u, run->r, st->d->value, 1.0f, run->r, np, false);
    struct term up = {&st->B, false, run->ud, run->r};
    panel_mm(net->team, run->v, run->max_out, s->d_out, np, &up, 1, NULL, false);
}

static void vera_forward(struct net *net, struct site *s, const float *x, int ldx, float *y, int ldy,
                         int np) {
    struct vera_run *run = net->method_state;
    struct vera_site *st = s->state;
    struct term down = {&st->A, false, x, ldx};
    panel_mm(net->team, st->u, run->r, run->r, np, &down, 1, NULL, false);
    vera_up(net, s, np);
    site_base_forward(net, s, x, ldx, y, ldy, np);
    panel_row_scale(net->team, y, ldy, run->v, run->max_out, st->b->value, 1.0f, s->d_out, np, true);
}

static void vera_backward(struct net *net, struct site *s, const float *x, int ldx, const float *dy, int lddy,
                          float *dx, int lddx, int np) {
    (void)x, (void)ldx;
    struct vera_run *run = net->method_state;
    struct vera_site *st = s->state;
    int r = run->r;
    vera_up(net, s, np); /* d_out wide: cheaper to make again than to keep */
    panel_row_dot(net->team, st->b->grad, dy, lddy, run->v, run->max_out, s->d_out, np);
    /* b * G */
    panel_row_scale(net->team, run->v, run->max_out, dy, lddy, st->b->value, 1.0f, s->d_out, np, false);
    struct term back = {&st->B, true, run->v, run->max_out};
    panel_mm(net->team, run->ud, r, r, np, &back, 1, NULL, false); /* B^T (b * G) */
    panel_row_dot(net->team, st->d->grad, st->u, r, run->ud, r, r, np);
    if (!dx) return;
    panel_row_scale(net->team, run->ud, r, run->ud, r, st->d->value, 1.0f, r, np, false);
    struct term t[2] = {{&s->W->w, true, dy, lddy}, {&st->A, true, run->ud, r}};
    panel_mm(net->team, dx, lddx, s->d_in, np, t, 2, NULL, true);
}

/* W += diag(b) B diag(d) A */
static void vera_merge(struct net *net, struct site *s, float *W, float *b) {
    (void)b;
    struct vera_run *run = net->method_state;
    struct vera_site *st = s->state;
    for (int i = 0; i < s->d_out; i++)
        for (int k = 0; k < run->r; k++) {
            float c = st->b->value[i] * run->B->value[(size_t)i * run->r + k] * st->d->value[k];
            const float *a = run->A->value + (size_t)k * run->max_in;
            for (int j = 0; j < s->d_in; j++) W[(size_t)i * s->d_in + j] += c * a[j];
        }
}

/* diag(b) B and diag(d) A */
static int vera_factors(const struct net *net, const struct site *s, float **B, float **A) {
    const struct vera_run *run = net->method_state;
    const struct vera_site *st = s->state;
    size_t r = (size_t)run->r, d_in = (size_t)s->d_in, d_out = (size_t)s->d_out;
    *B = xmalloc(d_out * r * sizeof **B);
    *A = xmalloc(r * d_in * sizeof **A);
    for (size_t i = 0; i < d_out * r; i++) (*B)[i] = st->b->value[i / r] * run->B->value[i];
    for (size_t k = 0; k < r; k++)
        for (size_t j = 0; j < d_in; j++)
            (*A)[k * d_in + j] = st->d->value[k] * run->A->value[k * (size_t)run->max_in + j];
    return run->r;
}

static void vera_save_config(struct net *net, json_t *config) {
    struct vera_run *run = net->method_state;
    json_object_set_new(config, "r", json_integer(run->r));
    json_object_set_new(config, "vera_dropout", json_real(0));
    json_object_set_new(config, "d_initial", json_real(cfg_num(net->config, "d_initial")));
    json_object_set_new(config, "projection_prng_key",
                        json_integer(cfg_int(net->config, "projection_prng_key")));
    json_object_set_new(config, "save_projection", json_false());
    json_object_set_new(config, "bias", json_string("none"));
    json_object_set_new(config, "init_weights", json_true());
}

/* vera_dropout and init_weights matter in training only; save_projection is told by the tensors. */
static const char *const vera_peft_fields[] = {
    "r", "d_initial", "projection_prng_key", "vera_dropout", "init_weights", "save_projection", NULL};

static int vera_read_config(const json_t *peft, json_t *cfg, struct err *e) {
    int rc = adapter_read_number(peft, "r", 256, cfg, e);
    if (!rc) rc = adapter_read_number(peft, "d_initial", 0.1, cfg, e);
    return rc ? rc : adapter_read_number(peft, "projection_prng_key", 0, cfg, e);
}

/* d_out + r per site, trained and stored (the shared matrices come from their seed). */
static void vera_count(const struct site_shape *s, int nsites, const json_t *cfg, size_t *trainable,
                       size_t *stored) {
    size_t n = 0, r = (size_t)cfg_int(cfg, "r");
    for (int i = 0; i < nsites; i++) n += (size_t)s[i].d_out + r;
    *trainable = *stored = n;
}

/* Its vectors want larger rates than LoRA's matrices. */
static void vera_controls(const json_t *cfg, const struct site_shape *s, int nsites, struct control_out *o) {
    size_t trainable, stored;
    vera_count(s, nsites, cfg, &trainable, &stored);
    lowrank_control_count(s, nsites, trainable, CONTROL_OWN_RATES, o);
}

const struct method method_vera = {
    .name = "vera",
    .summary = "shared frozen random matrices, two trained vectors per layer",
    .paper = "2310.11454",
    .flags = METHOD_MERGEABLE | METHOD_IDENTITY_AT_INIT,
    .opts = vera_opts,
    .run_size = sizeof(struct vera_run),
    .site_size = sizeof(struct vera_site),
    .count = vera_count,
    .controls = vera_controls,
    .setup = vera_setup,
    .attach = vera_attach,
    .layout = vera_layout,
    .forward = vera_forward,
    .backward = vera_backward,
    .merge = vera_merge,
    .factors = vera_factors,
    .peft_type = "VERA",
    .save_config = vera_save_config,
    .peft_fields = vera_peft_fields,
    .read_config = vera_read_config,
};
