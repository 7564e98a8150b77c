/* SPDX-License-Identifier: Apache-2.0 */
/* pissa.c - PiSSA (Meng et al., 2404.02948): LoRA that starts from the largest singular values of W.
 *
 * With W = U S V: A_0 = sqrt(S_r / s) V_r, B_0 = U_r sqrt(S_r / s), s = alpha / r, and the frozen matrix
 * becomes the rest, W_res = W - s B_0 A_0, in a private float32 copy. So h = W_res x + s B A x is the base
 * model's output at the start, up to rounding, and A and B train as in LoRA. The factor of s is PEFT's, so
 * that alpha does not move the start. A and B are exact singular vectors (harness/nn/kernels/svd.h), not
 * PEFT's faster `pissa_niter_*`, which starts elsewhere whenever singular values lie close together.
 *
 * The learned change is s (B_T A_T - B_0 A_0): it is saved as that LoRA of rank 2r, which loads on the
 * untouched base. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/config/cfg.h"
#include "harness/nn/kernels/mat.h"
#include "harness/nn/kernels/svd.h"
#include "harness/base/util.h"
#include "methods/lowrank.h"

struct pissa_site {
    struct lowrank_site lowrank;
    struct param *A_0, *B_0;
};

/* A and B from U [d_out, r], S [r], V [r, d_in], which are in B, `S` and A. */
static void share_values(struct lowrank_site *st, const float *S, float scale) {
    int r = st->A->rows;
    for (int k = 0; k < r; k++) {
        float c = sqrtf(S[k] / scale);
        for (int j = 0; j < st->A->cols; j++) st->A->value[(size_t)k * (size_t)st->A->cols + (size_t)j] *= c;
        for (int i = 0; i < st->B->rows; i++) st->B->value[(size_t)i * (size_t)r + (size_t)k] *= c;
    }
}

static void pissa_attach(struct net *net, struct site *s) {
    struct lowrank_run *run = net->method_state;
    struct pissa_site *st = s->state;
    lowrank_attach(net, s, PARAM_TRAIN, 1.0f);
    struct param *A = st->lowrank.A, *B = st->lowrank.B;
    st->A_0 = lowrank_snapshot(net, A, "start");
    st->B_0 = lowrank_snapshot(net, B, "start");
    float *S = xcalloc((size_t)run->r, sizeof *S);
    svd_top(net->mem, s->W->value, s->d_out, s->d_in, run->r, B->value, S, A->value);
    if (!net->mem->counting) {
        share_values(&st->lowrank, S, run->scale);
        mat_add_product(s->W->value, s->d_out, s->d_in, -run->scale, B->value, A->value, run->r);
        lowrank_keep(st->A_0, A);
        lowrank_keep(st->B_0, B);
    }
    free(S);
}

static int pissa_check(const json_t *cfg, char *warn, size_t warn_size, struct err *e) {
    (void)warn, (void)warn_size;
    return cfg_num(cfg, "lora_alpha") == 0
               ? err_set(e, ERR_USER,
                         "pissa takes no lora_alpha 0: the largest singular values would be lost")
               : 0;
}

static void pissa_save(struct net *net, struct site *s, struct adapter_out *o) {
    (void)net;
    struct pissa_site *st = s->state;
    lowrank_save_sum(s, o, 1.0f, st->A_0, st->B_0, -1.0f);
}

static void pissa_save_config(struct net *net, json_t *config) {
    lowrank_save_config(net, config);
    lowrank_save_doubled(net, config);
}

static void pissa_controls(const json_t *cfg, const struct site_shape *s, int nsites, struct control_out *o) {
    (void)cfg, (void)s, (void)nsites;
    control_add(o, "random start", "lora", json_object(), 0);
}

static const char *const pissa_peft_fields[] = {"r", "lora_alpha", "lora_dropout", "init_lora_weights", NULL};

/* PEFT's own form: A and B as they are, beside W_res, which is made from W as here. What bench saves is a
 * LoRA. */
static int pissa_read_config(const json_t *peft, json_t *cfg, struct err *e) {
    const char *init = json_string_value(json_object_get(peft, "init_lora_weights"));
    if (!init || strcmp(init, "pissa") != 0) return err_set(e, ERR_USER, "init_lora_weights is not 'pissa'");
    int rc = adapter_read_number(peft, "r", 8, cfg, e);
    return rc ? rc : adapter_read_number(peft, "lora_alpha", 8, cfg, e);
}

static void pissa_count(const struct site_shape *s, int nsites, const json_t *cfg, size_t *trainable,
                        size_t *stored) {
    lowrank_count(s, nsites, cfg, trainable, stored);
    *stored *= 2;
}

const struct method method_pissa = {
    .name = "pissa",
    .summary = "LoRA that starts from the largest singular values of W",
    .paper = "2404.02948",
    .flags = METHOD_MUTATES_BASE | METHOD_MERGEABLE | METHOD_IDENTITY_AT_INIT,
    .opts = lowrank_opts,
    .run_size = sizeof(struct lowrank_run),
    .site_size = sizeof(struct pissa_site),
    .check = pissa_check,
    .count = pissa_count,
    .controls = pissa_controls,
    .setup = lowrank_setup,
    .attach = pissa_attach,
    .layout = lowrank_layout,
    .forward = lowrank_forward,
    .backward = lowrank_backward,
    .merge = lowrank_merge, /* into a copy of W_res */
    .save = pissa_save,
    .peft_type = "LORA",
    .save_config = pissa_save_config,
    .peft_fields = pissa_peft_fields,
    .read_config = pissa_read_config,
};
