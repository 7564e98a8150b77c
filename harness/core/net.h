/* SPDX-License-Identifier: Apache-2.0 */
/* net.h - a model bound to a method for one run: its parameters, its sites, the memory of a pass.
 *
 * A parameter is a named matrix. Base parameters point into the mapped model file until someone trains or
 * mutates them; then they get a private float32 copy. A site is an adaptable linear layer. Model code calls
 * site_layout, site_forward and site_backward and never names a method.
 *
 * Letters: n tokens in the packed micro-batch, np = panels(n), d_in, d_out, r, H heads, V vocabulary. */
#ifndef BENCH_NET_H
#define BENCH_NET_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/base/mem.h"
#include "harness/nn/kernels/panel.h"
#include "harness/nn/kernels/weight.h"
#include "harness/base/rng.h"

struct method;
struct model;
struct net;

enum param_role {
    PARAM_BASE,  /* frozen, read as the file stores it */
    PARAM_TRAIN, /* trained: value, grad, optimizer state */
    PARAM_FIXED, /* a method's frozen tensor: value only */
};

struct param {
    char *name; /* of a base tensor: Hugging Face's; of an adapter's: PEFT's saved name */
    int rows, cols, ndim;
    enum param_role role;
    struct weight w; /* what the kernels read */
    bool transposed; /* its file has it as [cols, rows] (Conv1D); here it is [rows, cols] all the same */
    float *value;    /* private float32 [rows, cols], or NULL (then w points into the model file) */
    enum mem_cat value_cat; /* where value is counted */
    float *grad;            /* TRAIN */
    float *m, *v;           /* optimizer state */
    float lr_mult;          /* LoRA+'s ratio on B; 1 */
    bool head;              /* a task's own (net_head) */
    bool kept;         /* an adapter's own copy of the model's (PEFT's modules_to_save): trains with it */
    bool regenerable;  /* FIXED: drawn from a stored seed; saved adapters may leave it out */
    struct site *site; /* an adapter's: its site; NULL when shared, or a method's note, which is not saved */
};
static inline size_t param_size(const struct param *p) { return (size_t)p->rows * (size_t)p->cols; }

struct site_shape {
    int d_in, d_out;
    bool bias;
};

struct site {
    char *name;       /* "layers.3.q_proj": short, for patterns and records */
    char *module;     /* "model.layers.3.self_attn.q_proj": Hugging Face's module path */
    const char *kind; /* "q_proj" */
    int layer;
    int d_in, d_out;
    struct param *W, *b; /* b NULL: no bias */
    bool adapted;        /* chosen by target_modules */
    bool need_x;         /* someone wants x in backward: kept, else x is NULL there */
    void *state;         /* method's site_size bytes, zeroed */
};

/* A model on a net: the state is the architecture's. */
struct net_model {
    const struct model *model;
    void *state;
    const struct modelfile *file; /* that it was built from */
};

struct net {
    struct mem *mem;
    struct team *team;
    const json_t *config; /* resolved configuration of the run */
    uint64_t seed;
    bool training; /* parameters get gradients and optimizer state, passes keep what backward needs */
    const struct method *method;
    void *method_state;
    struct param **params;
    int nparams, params_cap;
    struct site **sites;
    int nsites, sites_cap;
    struct net_model *models; /* those that net_add_model has built */
    int nmodels, models_cap;
    const char *scope; /* while one is built: what its names begin with; NULL: nothing */
    /* what the model's own names begin with in classes that have a head ("bert."); the bare model's lack it.
     * NULL: nothing. Set by the architecture when it builds; static */
    const char *backbone;
    /* names of a classifier's classes, a list, for configs that are written; NULL: unknown. Borrowed */
    const json_t *classes;
    struct arena tape; /* one micro-batch: kept activations and pass scratch */
    /* What random draws of a pass (dropout) are keyed by, beside the seed: never the place in the packed
     * batch. net_draw sets row and pos. */
    long step;          /* the optimizer step at work, 0-based: draws differ from step to step */
    const int64_t *row; /* of a training pass: data row of each token; NULL: nothing is drawn */
    const int32_t *pos; /* and its position in it */
};

/* ---- building ------------------------------------------------------------------------------------------ */

void net_init(struct net *net, struct mem *m, struct team *t, const json_t *config, uint64_t seed,
              bool training);
void net_release(struct net *net);
/* A base parameter that reads `w` (the model file). Name is copied. */
struct param *net_base_param(struct net *net, const char *name, int ndim, const struct weight *w);
/* An adapter's parameter: TRAIN or FIXED, zeroed. `site` NULL: shared by all sites. In counting mode the
 * value must not be touched: guard initialisation by !net->mem->counting. */
struct param *net_param(struct net *net, struct site *site, const char *name, enum param_role role, int rows,
                        int cols);
/* A task's own parameter, such as a classifier's weight ("classifier.weight", ndim 1: a vector of `cols`):
 * zeroed, trained by every method that trains; frozen where nothing does. Its name gets PEFT's prefix
 * "base_model.model.". Before net_bind. */
#define HEAD_PREFIX "base_model.model."
struct param *net_head(struct net *net, const char *name, int ndim, int rows, int cols);
struct site *net_site(struct net *net, const char *name, const char *module, const char *kind, int layer,
                      struct param *W, struct param *b);
/* Bind `method` (marks sites by target_modules, selects base parameters, calls setup and attach, allocates
 * values, gradients, optimizer state). Error: a pattern that matches no site (the message lists the kinds); a
 * method that finds nothing to train. */
int net_bind(struct net *net, const struct method *method, struct err *e);
struct param *net_find_param(const struct net *net, const char *name);
/* Give a base parameter a private float32 copy, counted in `cat` (MEM_PARAM when trained or mutated). */
void param_privatise(struct net *net, struct param *p, enum mem_cat cat);
size_t net_trainable(const struct net *net);

/* ---- passes -------------------------------------------------------------------------------------------- */

/* Reserve panels of d features for the current micro-batch. MEM_ACT: kept for backward; MEM_SCRATCH: for the
 * pass. */
float *net_keep(struct net *net, enum mem_cat cat, int np, int d);
/* Must this site's layout reserve what all sites share? At the first site of a pass; and again where another
 * model on the net wants more of it: more tokens, or draws where there were none. p: the method's, zeroed at
 * first. */
struct net_pass {
    uint64_t tape; /* which use of the tape it is of */
    int np;
    bool draws;
};
bool net_pass_opens(const struct net *net, struct net_pass *p, int np);
/* Before the layout of a pass: data row and position of each token for random draws (borrowed until after
 * backward); row NULL: none. Where several models have a pass under way, before the forward and before the
 * backward of each as well. */
static inline void net_draw(struct net *net, const int64_t *row, const int32_t *pos) {
    net->row = row;
    net->pos = pos;
}
void site_layout(struct net *net, struct site *s, int np);
void site_forward(struct net *net, struct site *s, const float *x, int ldx, float *y, int ldy, int np);
void site_backward(struct net *net, struct site *s, const float *x, int ldx, const float *dy, int lddy,
                   float *dx, int lddx, int np);
/* Base layer alone: y = W x + b; and dx += W^T dy, dW += dy x^T, db += dy where they train. */
void site_base_forward(struct net *net, struct site *s, const float *x, int ldx, float *y, int ldy, int np);
void site_base_backward(struct net *net, struct site *s, const float *x, int ldx, const float *dy, int lddy,
                        float *dx, int lddx, int np);
void net_zero_grad(struct net *net);

#endif
