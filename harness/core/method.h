/* SPDX-License-Identifier: Apache-2.0 */
/* method.h - what a fine-tuning method is: one const struct of facts and hooks.
 *
 * The unit of adaptation is the site (net.h): one adaptable linear layer. A method sees sites, parameters and
 * its own options, never a model, a task, the scheduler or the database. Every hook may be NULL;
 * methods/_template.c documents each at work. */
#ifndef BENCH_METHOD_H
#define BENCH_METHOD_H

#include <jansson.h>

#include "harness/core/net.h"
#include "harness/config/opt.h"

enum method_flags {
    METHOD_MUTATES_BASE = 1,     /* changes W itself: adapted sites get a private float32 copy of W */
    METHOD_MERGEABLE = 2,        /* merge() exists: W, b of a site absorb the adapter */
    METHOD_IDENTITY_AT_INIT = 4, /* the model's output is unchanged before the first step */
    /* adapts no site: ignores target_modules. What `select` chooses trains; without it this is the untouched
     * base */
    METHOD_NO_SITES = 8,
    /* what it trains is the model itself: no adapter file, the checkpoint is the model */
    METHOD_FULL = 16,
};

/* Saved tensors, in PEFT's names. `data` stays the method's; adapter.c writes them out in order. */
struct adapter_out;
void adapter_add(struct adapter_out *o, const char *name, int ndim, const int64_t *shape, const float *data);
/* The same, but the writer takes ownership of malloc'ed `data`. */
void adapter_add_owned(struct adapter_out *o, const char *name, int ndim, const int64_t *shape, float *data);

/* cfg[key] = the number that `peft` has there, or PEFT's default. Error: it is something else. */
int adapter_read_number(const json_t *peft, const char *key, double def, json_t *cfg, struct err *e);
/* The error of a field whose value is not implemented. */
int adapter_refuse(const json_t *peft, const char *key, struct err *e);

/* Control arms: what a point must be compared with before its gain means anything. `method` is run as the
 * point is, with `options` (an object, stolen: dotted keys and values; what follows from them in the sweep
 * file follows anew) put over it. `kind` says in a few words what is held equal, the same for all points; it
 * is copied. */
struct control_out;
enum control_flags {
    /* the learning rates of the two methods do not compare: the control runs at those that the sweep tries
     * with its own method */
    CONTROL_OWN_RATES = 1,
};
void control_add(struct control_out *o, const char *kind, const char *method, json_t *options,
                 unsigned flags);

struct method {
    const char *name;    /* the file's name, the YAML value, the database value, the legend */
    const char *summary; /* one line for `bench ls methods` */
    const char *paper;   /* arXiv id, or NULL */
    unsigned flags;
    const struct opt *opts; /* its options, defaults and ranges; NULL: none */
    /* an option of it: the step from which on a step does more or less work than before. NULL: all steps do
     * the same */
    const char *phase_key;
    size_t run_size, site_size; /* zeroed state: net->method_state, site->state */

    /* Options that contradict each other or the training: 0, or an error. `warn` receives a one-line remark
     * worth telling, if any. */
    int (*check)(const json_t *cfg, char *warn, size_t warn_size, struct err *e);
    /* Trainable and stored parameters of one adapted site in closed form; called with site_shape of all
     * sites. `shared`: what the method has once for all sites, added once. */
    void (*count)(const struct site_shape *s, int nsites, const json_t *cfg, size_t *trainable,
                  size_t *stored);
    /* The control arms of a point: control_add for each. s: the sites that it adapts. */
    void (*controls)(const json_t *cfg, const struct site_shape *s, int nsites, struct control_out *o);
    bool (*select)(const struct net *net, const struct param *p); /* train this base parameter? */
    /* the refusal of a model of which `select` chooses nothing: why, and the remedy. NULL: never refused */
    const char *nothing;
    /* once, before attach: sees net->sites; shared matrices */
    void (*setup)(struct net *net);
    void (*attach)(struct net *net, struct site *s); /* declare parameters (net_param), set s->need_x */
    /* per micro-batch: reserve what is kept (net_keep) */
    void (*layout)(struct net *net, struct site *s, int np);
    /* y = the adapted layer of x (the base product included: site_base_forward or a panel_mm with more
     * terms). */
    void (*forward)(struct net *net, struct site *s, const float *x, int ldx, float *y, int ldy, int np);
    /* dx += gradient (dx NULL: not wanted); parameter gradients += . x is NULL unless need_x. */
    void (*backward)(struct net *net, struct site *s, const float *x, int ldx, const float *dy, int lddy,
                     float *dx, int lddx, int np);
    void (*pre_step)(struct net *net, long step);  /* before the optimizer's step; 0-based */
    void (*post_step)(struct net *net, long step); /* after it */
    /* Add the adapter into W [d_out, d_in] and b (copies that the caller made). */
    void (*merge)(struct net *net, struct site *s, float *W, float *b);
    /* The whole change of W as a product *B [d_out, r] times *A [r, d_in], both malloc'ed, all scales in B;
     * returns r. NULL: it has no such form, or it is not that of the net's W alone (METHOD_MUTATES_BASE);
     * what compares merged weights then sees the difference. */
    int (*factors)(const struct net *net, const struct site *s, float **B, float **A);
    /* NULL: every TRAIN and FIXED parameter of the site under its own name. */
    void (*save)(struct net *net, struct site *s, struct adapter_out *o);
    /* What PEFT calls the form in which it is saved ("LORA"). NULL: PEFT has none; the file then names the
     * method. */
    const char *peft_type;
    /* Fill the other fields of PEFT's adapter_config.json (r, lora_alpha, ...). Where there is no peft_type,
     * the tensors of the base that the method trains (`select`) are saved under Hugging Face's names. NULL:
     * nothing is saved, or the whole model (METHOD_FULL). */
    void (*save_config)(struct net *net, json_t *config);
    /* Fields of that file, up to NULL, that read_config looks at or that do not change what a trained adapter
     * computes. All others must be off (null, false, empty): PEFT grows fields that change the computation
     * with every release. */
    const char *const *peft_fields;
    /* The way back: options of this method in `cfg`, from the file's object (adapter_read_*). Refuses what
     * this method does not compute, by the field's name; a file belongs to the first method of its peft_type
     * that reads it. NULL: it reads none. */
    int (*read_config)(const json_t *peft, json_t *cfg, struct err *e);
};

/* The registry, in methods.def order; NULL-terminated. */
extern const struct method *const method_list[];
const struct method *method_find(const char *name); /* NULL when unknown */
/* Its place in method_list, for sorting; unknown names come last. */
int method_order(const char *name);
/* The untouched base: adapts no site and trains nothing. Runs once, whatever its rank, rate or seed. */
bool method_is_base(const struct method *m);
const struct method *method_base(void); /* the one of which that is true */

#endif
