/* SPDX-License-Identifier: Apache-2.0 */
/* lora_fa.c - LoRA-FA (Zhang et al., 2308.03303): LoRA with A frozen at its random start; only B trains.
 *
 * dB = s G (A x)^T needs A x (r wide) but not x (d_in wide), so x is not kept for backward: that is the
 * method's memory saving, 4 n d_in bytes per distinct input that nobody else keeps. A saved adapter is a
 * plain LoRA.
 *
 * correct: true is the paper's second version: before the optimizer's step dB becomes
 *     (1/s^2) dB pinv(A A^T + 1e-8 I),
 * the change of B whose s B A comes closest, in the Frobenius norm, to the gradient of the whole matrix.
 * Clipping has then measured the gradient as it was. PEFT's create_lorafa_optimizer does the same in front of
 * an AdamW of its own (decay after the step, eps added before the bias correction, the product in bfloat16
 * where there is one); here it is in front of whatever train.optimizer says, in float32. */
#include <stdlib.h>
#include <string.h>

#include "harness/config/cfg.h"
#include "harness/nn/kernels/svd.h"
#include "harness/base/util.h"
#include "methods/lowrank.h"

static const struct opt lora_fa_opts[] = {
    LOWRANK_OPTS,
    {"correct", OPT_BOOL, NULL, 0, 0, NULL, "correct the gradient of B for the frozen A (default false)"},
    OPT_END,
};

struct lora_fa_site {
    struct lowrank_site lowrank;
    struct param *inverse; /* correct: [r + 1, r], pinv(A A^T + 1e-8 I) / s^2 and a row to work in */
    bool ready;
};

static void lora_fa_attach(struct net *net, struct site *s) {
    struct lora_fa_site *st = s->state;
    lowrank_attach(net, s, PARAM_FIXED, 1.0f);
    if (!net->training || !json_is_true(cfg_get(net->config, "correct"))) return;
    char *name = xasprintf("%s.inverse", st->lowrank.A->name);
    int r = st->lowrank.A->rows;
    st->inverse = net_param(net, NULL, name, PARAM_FIXED, r + 1, r);
    free(name);
}

/* At the first step: A may have come from a file after attach. */
static void take_inverse(const struct lowrank_run *run, struct lora_fa_site *st) {
    const struct param *A = st->lowrank.A;
    int r = A->rows;
    double s2 = (double)run->scale * (double)run->scale;
    double *M = xmalloc((size_t)r * (size_t)r * sizeof *M);
    for (int i = 0; i < r; i++)
        for (int j = 0; j < r; j++) {
            double sum = i == j ? 1e-8 : 0;
            for (int k = 0; k < A->cols; k++)
                sum += (double)A->value[i * A->cols + k] * (double)A->value[j * A->cols + k];
            M[i * r + j] = s2 * sum;
        }
    svd_pinv(M, r, st->inverse->value);
    free(M);
}

static void lora_fa_pre_step(struct net *net, long step) {
    (void)step;
    for (int i = 0; i < net->nsites; i++) {
        struct site *s = net->sites[i];
        struct lora_fa_site *st = s->state;
        if (!s->adapted || !st->inverse) continue;
        if (!st->ready) take_inverse(net->method_state, st);
        st->ready = true;
        int r = st->inverse->cols;
        float *row = st->inverse->value + (size_t)r * (size_t)r;
        for (int k = 0; k < s->d_out; k++) {
            float *g = st->lowrank.B->grad + (size_t)k * (size_t)r;
            memset(row, 0, (size_t)r * sizeof *row);
            for (int a = 0; a < r; a++)
                for (int b = 0; b < r; b++) row[b] += g[a] * st->inverse->value[a * r + b];
            memcpy(g, row, (size_t)r * sizeof *row);
        }
    }
}

static void lora_fa_count(const struct site_shape *s, int nsites, const json_t *cfg, size_t *trainable,
                          size_t *stored) {
    lowrank_count(s, nsites, cfg, trainable, stored);
    size_t n = 0, r = (size_t)cfg_int(cfg, "r");
    for (int i = 0; i < nsites; i++) n += r * (size_t)s[i].d_out;
    *trainable = n;
}

/* Half of the trained numbers are gone: is LoRA with as few as good, and is LoRA-FA with as many? */
static void lora_fa_controls(const json_t *cfg, const struct site_shape *s, int nsites,
                             struct control_out *o) {
    size_t trainable, stored;
    lora_fa_count(s, nsites, cfg, &trainable, &stored);
    lowrank_control_count(s, nsites, trainable, 0, o);
    control_add(o, "rank 2r", "lora_fa", json_pack("{s:I}", "r", (json_int_t)(2 * cfg_int(cfg, "r"))), 0);
}

const struct method method_lora_fa = {
    .name = "lora_fa",
    .summary = "LoRA with A frozen: keeps A x instead of x for backward",
    .paper = "2308.03303",
    .flags = METHOD_MERGEABLE | METHOD_IDENTITY_AT_INIT,
    .opts = lora_fa_opts,
    .run_size = sizeof(struct lowrank_run),
    .site_size = sizeof(struct lora_fa_site),
    .count = lora_fa_count,
    .controls = lora_fa_controls,
    .setup = lowrank_setup,
    .attach = lora_fa_attach,
    .layout = lowrank_layout,
    .forward = lowrank_forward,
    .backward = lowrank_backward,
    .pre_step = lora_fa_pre_step,
    .merge = lowrank_merge,
    .factors = lowrank_factors,
    .peft_type = "LORA",
    .save_config = lowrank_save_config,
    .peft_fields = lowrank_peft_fields,
    .read_config = lowrank_read_config,
};
