/* SPDX-License-Identifier: Apache-2.0 */
/* merge.c - see merge.h. */
#include "harness/checkpoint/merge.h"

#include <stdlib.h>

#include "harness/core/method.h"
#include "harness/base/util.h"

int merge_check(const struct net *net, struct err *e) {
    const struct method *m = net->method;
    if (m->merge || (m->flags & METHOD_NO_SITES)) return 0;
    return err_set(e, ERR_USER, "an adapter of method %s cannot be put into the weights", m->name);
}

bool merge_is_models(const struct param *p) { return p->head || (!p->site && p->role != PARAM_FIXED); }

/* The adapted site whose weight or bias it is, or NULL. */
static struct site *site_of(const struct net *net, const struct param *p) {
    for (int i = 0; net->method->merge && i < net->nsites; i++) {
        struct site *s = net->sites[i];
        if (s->adapted && (s->W == p || s->b == p)) return s;
    }
    return NULL;
}

bool merge_changes(const struct net *net, const struct param *p) { return site_of(net, p) != NULL; }

static void site_values(const struct param *p, float *dst) {
    weight_expand(&p->w, 0, p->rows, 0, p->cols, dst, p->cols);
}

void merge_values(struct net *net, const struct param *p, float *dst) {
    struct site *s = site_of(net, p);
    site_values(p, dst);
    if (!s) return;
    /* The method puts itself into both: the other one is made along and dropped. */
    const struct param *other = p == s->W ? s->b : s->W;
    float *along = other ? xmalloc(param_size(other) * sizeof *along) : NULL;
    if (along) site_values(other, along);
    if (p == s->W)
        net->method->merge(net, s, dst, along);
    else
        net->method->merge(net, s, along, dst);
    free(along);
}
