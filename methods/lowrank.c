/* SPDX-License-Identifier: Apache-2.0 */
/* lowrank.c - see lowrank.h. */
#include "methods/lowrank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/config/cfg.h"
#include "harness/nn/kernels/dropout.h"
#include "harness/nn/kernels/mat.h"
#include "harness/base/util.h"

const struct opt lowrank_opts[] = {LOWRANK_OPTS, OPT_END};

double lowrank_dropout(const json_t *cfg) { return json_number_value(cfg_get(cfg, "lora_dropout")); }

void lowrank_setup(struct net *net) {
    struct lowrank_run *run = net->method_state;
    run->r = (int)cfg_int(net->config, "r");
    run->scale = (float)(cfg_num(net->config, "lora_alpha") / run->r);
    run->dropout = lowrank_dropout(net->config);
}

static struct param *named_param(struct net *net, struct site *s, const char *part, enum param_role role,
                                 int rows, int cols) {
    char *name = xasprintf("base_model.model.%s.%s.weight", s->module, part);
    struct param *p = net_param(net, s, name, role, rows, cols);
    free(name);
    return p;
}

void lowrank_attach(struct net *net, struct site *s, enum param_role a_role, float b_lr_mult) {
    struct lowrank_run *run = net->method_state;
    struct lowrank_site *st = s->state;
    run->widest = MAX_OF(run->widest, s->d_in);
    st->A = named_param(net, s, "lora_A", a_role, run->r, s->d_in);
    st->B = named_param(net, s, "lora_B", PARAM_TRAIN, s->d_out, run->r);
    st->A->regenerable = a_role == PARAM_FIXED;
    st->B->lr_mult = b_lr_mult;
    if (a_role == PARAM_TRAIN) s->need_x = true;
    if (!net->mem->counting)
        rng_fill_uniform(rng_make(net->seed, st->A->name, 0), st->A->value, param_size(st->A),
                         1.0f / sqrtf((float)s->d_in));
}

void lowrank_attach_both(struct net *net, struct site *s) { lowrank_attach(net, s, PARAM_TRAIN, 1.0f); }

void lowrank_layout(struct net *net, struct site *s, int np) {
    struct lowrank_run *run = net->method_state;
    struct lowrank_site *st = s->state;
    if (net_pass_opens(net, &run->pass, np)) {
        bool drops = run->dropout > 0 && run->pass.draws;
        run->du = net_keep(net, MEM_SCRATCH, run->pass.np, run->r);
        run->xd = drops ? net_keep(net, MEM_SCRATCH, run->pass.np, run->widest) : NULL;
    }
    st->u = net_keep(net, MEM_ACT, np, run->r);
}

/* Where m * x goes; NULL: these tokens drop nothing. */
static float *dropped_input(const struct net *net) {
    return net->row ? ((const struct lowrank_run *)net->method_state)->xd : NULL;
}

/* y = (accumulate ? y : 0) + m * x with the mask of this step and site. */
static void drop_input(struct net *net, const struct site *s, float *y, int ldy, const float *x, int ldx,
                       int np, bool accumulate) {
    const struct lowrank_run *run = net->method_state;
    const struct lowrank_site *st = s->state;
    /* A's own start values are the draws of number 0 under this name */
    struct dropout m = {.key = rng_make(net->seed, st->A->name, (uint64_t)net->step + 1),
                        .row = net->row,
                        .pos = net->pos,
                        .p = run->dropout};
    panel_dropout(net->team, y, ldy, x, ldx, s->d_in, np, &m, accumulate);
}

void lowrank_forward(struct net *net, struct site *s, const float *x, int ldx, float *y, int ldy, int np) {
    struct lowrank_run *run = net->method_state;
    struct lowrank_site *st = s->state;
    float *xd = dropped_input(net);
    if (xd) drop_input(net, s, xd, run->widest, x, ldx, np, false);
    struct term down = {&st->A->w, false, xd ? xd : x, xd ? run->widest : ldx};
    panel_mm(net->team, st->u, run->r, run->r, np, &down, 1, NULL, false);
    panel_row_scale(net->team, st->u, run->r, st->u, run->r, NULL, run->scale, run->r, np, false);
    struct term up[2] = {{&s->W->w, false, x, ldx}, {&st->B->w, false, st->u, run->r}};
    panel_mm(net->team, y, ldy, s->d_out, np, up, 2, s->b ? s->b->value : NULL, false);
}

void lowrank_backward(struct net *net, struct site *s, const float *x, int ldx, const float *dy, int lddy,
                      float *dx, int lddx, int np) {
    struct lowrank_run *run = net->method_state;
    struct lowrank_site *st = s->state;
    int r = run->r;
    float *xd = dropped_input(net);
    bool trains_A = st->A->role == PARAM_TRAIN;
    panel_outer(net->team, st->B->grad, r, dy, lddy, s->d_out, st->u, r, r, np); /* dB = G (s A x)^T */
    if (!dx && !trains_A) return;
    struct term back = {&st->B->w, true, dy, lddy};
    panel_mm(net->team, run->du, r, r, np, &back, 1, NULL, false);
    panel_row_scale(net->team, run->du, r, run->du, r, NULL, run->scale, r, np, false); /* s B^T G */
    if (trains_A && xd) drop_input(net, s, xd, run->widest, x, ldx, np, false);
    if (trains_A)
        panel_outer(net->team, st->A->grad, s->d_in, run->du, r, r, xd ? xd : x, xd ? run->widest : ldx,
                    s->d_in, np);
    if (!dx) return;
    struct term t[2] = {{&s->W->w, true, dy, lddy}, {&st->A->w, true, run->du, r}};
    panel_mm(net->team, dx, lddx, s->d_in, np, t, xd ? 1 : 2, NULL, true);
    if (!xd) return;
    panel_mm(net->team, xd, run->widest, s->d_in, np, &t[1], 1, NULL, false);
    drop_input(net, s, dx, lddx, xd, run->widest, np, true);
}

void lowrank_merge(struct net *net, struct site *s, float *W, float *b) {
    (void)b;
    struct lowrank_run *run = net->method_state;
    struct lowrank_site *st = s->state;
    mat_add_product(W, s->d_out, s->d_in, run->scale, st->B->value, st->A->value, run->r);
}

void lowrank_save_config(struct net *net, json_t *config) {
    struct lowrank_run *run = net->method_state;
    json_object_set_new(config, "r", json_integer(run->r));
    json_object_set_new(config, "lora_alpha", json_real(cfg_num(net->config, "lora_alpha")));
    json_object_set_new(config, "lora_dropout", json_real(lowrank_dropout(net->config)));
    json_object_set_new(config, "bias", json_string("none"));
    json_object_set_new(config, "use_rslora", json_false());
    json_object_set_new(config, "use_dora", json_false());
    json_object_set_new(config, "init_lora_weights", json_true());
}

const char *const lowrank_peft_fields[] = {LOWRANK_PEFT_FIELDS, NULL};

int lowrank_read_config(const json_t *peft, json_t *cfg, struct err *e) {
    const json_t *init = json_object_get(peft, "init_lora_weights");
    const char *how = json_string_value(init);
    /* Other starts than these also change the weights of the base. */
    if (init && !json_is_boolean(init) && !json_is_null(init) && !(how && !strcmp(how, "gaussian")))
        return adapter_refuse(peft, "init_lora_weights", e);
    int rc = adapter_read_number(peft, "r", 8, cfg, e);
    return rc ? rc : adapter_read_number(peft, "lora_alpha", 8, cfg, e);
}

int lowrank_read_flagged(const json_t *peft, const char *flag, json_t *cfg, struct err *e) {
    if (!json_is_true(json_object_get(peft, flag))) return err_set(e, ERR_USER, "%s is not true", flag);
    return lowrank_read_config(peft, cfg, e);
}

void lowrank_save_sum(struct site *s, struct adapter_out *o, float own, const struct param *A2,
                      const struct param *B2, float other) {
    struct lowrank_site *st = s->state;
    const struct param *A = st->A, *B = st->B;
    int r = A->rows, parts = A2 ? 2 : 1;
    size_t na = param_size(A), row = (size_t)(parts * r);
    float *a = xmalloc((size_t)parts * na * sizeof *a),
          *b = xmalloc((size_t)parts * param_size(B) * sizeof *b);
    memcpy(a, A->value, na * sizeof *a);
    if (A2) memcpy(a + na, A2->value, na * sizeof *a);
    for (int i = 0; i < s->d_out; i++)
        for (int k = 0; k < r; k++) {
            b[(size_t)i * row + (size_t)k] = own * B->value[i * r + k];
            if (A2) b[(size_t)i * row + (size_t)(r + k)] = other * B2->value[i * r + k];
        }
    adapter_add_owned(o, A->name, 2, (int64_t[]){parts * r, s->d_in}, a);
    adapter_add_owned(o, B->name, 2, (int64_t[]){s->d_out, parts * r}, b);
}

void lowrank_save_doubled(struct net *net, json_t *config) {
    json_object_set_new(config, "r", json_integer(2 * cfg_int(net->config, "r")));
    json_object_set_new(config, "lora_alpha", json_real(2 * cfg_num(net->config, "lora_alpha")));
}

struct param *lowrank_snapshot(struct net *net, const struct param *of, const char *when) {
    char *name = xasprintf("%s.%s", of->name, when);
    struct param *p = net_param(net, NULL, name, PARAM_FIXED, of->rows, of->cols);
    free(name);
    return p;
}

void lowrank_keep(struct param *to, const struct param *from) {
    memcpy(to->value, from->value, param_size(from) * sizeof(float));
}

void lowrank_count(const struct site_shape *s, int nsites, const json_t *cfg, size_t *trainable,
                   size_t *stored) {
    size_t n = 0, r = (size_t)cfg_int(cfg, "r");
    for (int i = 0; i < nsites; i++) n += r * (size_t)(s[i].d_in + s[i].d_out);
    *trainable = *stored = n;
}

int lowrank_factors(const struct net *net, const struct site *s, float **B, float **A) {
    const struct lowrank_run *run = net->method_state;
    const struct lowrank_site *st = s->state;
    size_t na = param_size(st->A), nb = param_size(st->B);
    *A = xmalloc(na * sizeof **A);
    *B = xmalloc(nb * sizeof **B);
    memcpy(*A, st->A->value, na * sizeof **A);
    for (size_t i = 0; i < nb; i++) (*B)[i] = run->scale * st->B->value[i];
    return run->r;
}

void lowrank_control_count(const struct site_shape *s, int nsites, size_t trainable, unsigned flags,
                           struct control_out *o) {
    size_t per_rank = 0;
    for (int i = 0; i < nsites; i++) per_rank += (size_t)(s[i].d_in + s[i].d_out);
    size_t r = trainable / per_rank;
    if ((r + 1) * per_rank - trainable < trainable - r * per_rank) r++;
    control_add(o, "equal count", "lora", json_pack("{s:I}", "r", (json_int_t)MAX_OF(r, (size_t)1)), flags);
}
