/* SPDX-License-Identifier: Apache-2.0 */
/* arch_plan.h - what fine-tuning an architecture takes with each method, from its shapes alone.
 *
 * The allocation is the run's own, in counting mode: parameters, gradients, optimizer state, a method's
 * frozen tensors, and, where the engine has the architecture, what a pass over one micro-batch keeps. Not in
 * it: the rows, and what a task needs above the hidden states (a language model's logits are made in blocks,
 * and cost little). */
#ifndef BENCH_ARCH_PLAN_H
#define BENCH_ARCH_PLAN_H

#include "harness/paper/arch.h"

struct method;

struct arch_plan {
    const struct method *method;
    char problem[512];        /* why this method cannot be planned here; "": it can */
    size_t params;            /* of the model */
    size_t trainable, stored; /* numbers that train; that an adapter's closed form stores (full: all) */
    /* float32 file; its tensors without what a seed makes anew. 0: the method saves nothing */
    size_t checkpoint_bytes, checkpoint_bytes_min;
    size_t mem[MEM_NCAT], total;
    bool activations;  /* mem[MEM_ACT] and mem[MEM_SCRATCH] are known */
    char unknown[512]; /* else why not */
};

/* sets: "key=value", n of them; a key that this method has no use for is passed over (the caller checks that
 * somebody has). dtype: of the frozen matrices. ERR_USER: a bad value. What the method itself refuses is
 * p->problem. */
int arch_plan_make(struct arch_plan *p, const struct arch *a, enum dtype dtype, const struct method *m,
                   const char *const *sets, int n, struct err *e);
/* 0 when some method of the list (NULL-terminated) or the core knows the key of every set; else ERR_USER with
 * a suggestion. */
int arch_plan_check(const struct method *const *methods, const char *const *sets, int n, struct err *e);

#endif
