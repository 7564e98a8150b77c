/* SPDX-License-Identifier: Apache-2.0 */
/* method_support.h - what methods leave behind, for those who read it: the tensors that a method saves
 * (adapter.c writes them) and the control arms that it asks for (sweep_controls.c resolves them). What
 * methods call stands in method.h. */
#ifndef BENCH_METHOD_SUPPORT_H
#define BENCH_METHOD_SUPPORT_H

#include "harness/core/method.h"
#include "harness/nn/format/modelfile.h"

/* The tensors to be saved, in order. {0} is empty. */
struct adapter_out {
    struct tensor_out *t; /* [n] names are owned */
    float **owned;        /* [n] data to be freed; NULL where the data is the method's */
    int n, cap, owned_cap;
};
void adapter_out_release(struct adapter_out *o);

/* A control arm as a method asks for it. */
struct wanted_control {
    char *kind;      /* what is held equal */
    char *method;    /* its name */
    json_t *options; /* dotted keys and values */
    unsigned flags;  /* enum control_flags */
};

/* {0} is empty. */
struct control_out {
    struct wanted_control *v;
    int n, cap;
};
void control_out_release(struct control_out *o);

#endif
