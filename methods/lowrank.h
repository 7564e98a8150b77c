/* SPDX-License-Identifier: Apache-2.0 */
/* lowrank.h - what LoRA and its relatives share: h = W x + s B A x, s = alpha / r (2106.09685, section 4.1).
 *
 * A [r, d_in] is Kaiming-uniform(a = sqrt 5), that is U(-1/sqrt(d_in), 1/sqrt(d_in)), as PEFT and loralib
 * draw it; B [d_out, r] is zero. With G = dL/dh:  dB = s G (A x)^T,  dA = s B^T G x^T,  dx = W^T G + s A^T
 * B^T G.
 *
 * lora_dropout p: in training passes A reads m * x instead, elementwise, where m is 0 with probability p and
 * else 1/(1-p), drawn anew for each step, site, data row, position and feature
 * (harness/nn/kernels/dropout.h). x in dA and the last term of dx get the same m, which is drawn again in
 * backward: it is never stored. */
#ifndef BENCH_METHODS_LOWRANK_H
#define BENCH_METHODS_LOWRANK_H

#include "harness/core/method.h"

/* First member of the run state of every low-rank method. */
struct lowrank_run {
    int r;
    float scale;          /* s */
    struct net_pass pass; /* whose first site reserves what all share */
    float *du;            /* scratch [r] */
    double dropout;       /* p */
    int widest;           /* features of the widest adapted input */
    float *xd;            /* scratch [widest]: m * x; NULL: this pass drops nothing */
};

/* First member of the site state. */
struct lowrank_site {
    struct param *A, *B;
    float *u; /* s A x, kept: r features */
};

/* The rows that every low-rank method's option table begins with. */
#define LOWRANK_OPTS                                                                                         \
    {"r", OPT_INT, "8", 1, 65536, NULL, "rank of the update"},                                               \
        {"lora_alpha", OPT_NUM, "16", 0, 1e9, NULL, "scale of the update: s = lora_alpha / r"}, {            \
        "lora_dropout", OPT_NUM, NULL, 0, 0.99, NULL,                                                        \
            "probability of dropping a feature of the input of A, in training (default 0)"                   \
    }
extern const struct opt lowrank_opts[]; /* only those */

/* lora_dropout of a configuration; 0 where it is null: runs recorded before it existed keep their identity.
 */
double lowrank_dropout(const json_t *cfg);
void lowrank_setup(struct net *net);
/* role of A: PARAM_TRAIN, or PARAM_FIXED (LoRA-FA: then x is not needed in backward). */
void lowrank_attach(struct net *net, struct site *s, enum param_role a_role, float b_lr_mult);
void lowrank_attach_both(struct net *net, struct site *s); /* A and B train, at one learning rate */
void lowrank_layout(struct net *net, struct site *s, int np);
void lowrank_forward(struct net *net, struct site *s, const float *x, int ldx, float *y, int ldy, int np);
void lowrank_backward(struct net *net, struct site *s, const float *x, int ldx, const float *dy, int lddy,
                      float *dx, int lddx, int np);
void lowrank_merge(struct net *net, struct site *s, float *W, float *b);
/* PEFT's LoraConfig, there and back; its defaults are r 8 and lora_alpha 8. */
void lowrank_save_config(struct net *net, json_t *config);
#define LOWRANK_PEFT_FIELDS                                                                                  \
    "r", "lora_alpha", "lora_dropout",                                                                       \
        "init_lora_weights", /* and of use only beside fields that are refused: */                           \
        "megatron_core", "qalora_group_size"
extern const char *const lowrank_peft_fields[]; /* only those */
int lowrank_read_config(const json_t *peft, json_t *cfg, struct err *e);
/* The same of a file in which this field must be true (use_dora). */
int lowrank_read_flagged(const json_t *peft, const char *flag, json_t *cfg, struct err *e);
/* Save own * B A + other * B2 A2 as one LoRA: rows of A stacked, columns of B side by side. A2 NULL: the
 * first alone. With two the rank doubles, and so must the saved alpha (lowrank_save_doubled), so that PEFT's
 * scale stays s. */
void lowrank_save_sum(struct site *s, struct adapter_out *o, float own, const struct param *A2,
                      const struct param *B2, float other);
void lowrank_save_doubled(struct net *net, json_t *config);
/* Room for a copy of an adapter's tensor, "<name>.<when>": a note of the method, no site's, so that it is
 * neither saved nor looked for in a file. */
struct param *lowrank_snapshot(struct net *net, const struct param *of, const char *when);
void lowrank_keep(struct param *to, const struct param *from); /* to = from */
/* r (d_in + d_out) per site, trained and stored. */
void lowrank_count(const struct site_shape *s, int nsites, const json_t *cfg, size_t *trainable,
                   size_t *stored);
/* s B and A. */
int lowrank_factors(const struct net *net, const struct site *s, float **B, float **A);
/* Control arm: LoRA at the whole rank whose trained numbers are nearest to `trainable` (of two equally near
 * the smaller). */
void lowrank_control_count(const struct site_shape *s, int nsites, size_t trainable, unsigned flags,
                           struct control_out *o);

#endif
