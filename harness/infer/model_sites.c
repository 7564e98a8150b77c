/* SPDX-License-Identifier: Apache-2.0 */
/* model_sites.c - see model_sites.h.
 *
 * The same build and binding as a run's, in counting mode: no weight is read, and which layers a pattern
 * means is decided in one place (net_bind). */
#include "harness/infer/model_sites.h"

#include <stdlib.h>

#include "harness/config/cfg.h"
#include "harness/core/method.h"
#include "harness/core/model.h"
#include "harness/base/util.h"

static void collect_shapes(const struct net *net, struct site_shape **ret, int *n) {
    *ret = xcalloc((size_t)net->nsites + 1, sizeof **ret);
    for (int i = 0; i < net->nsites; i++) {
        const struct site *s = net->sites[i];
        if (s->adapted) (*ret)[(*n)++] = (struct site_shape){s->d_in, s->d_out, s->b != NULL};
    }
}

/* Build the model in counting mode and hand it to `ask`. */
static int build_model(const char *path, const json_t *config,
                       int (*ask)(void *arg, const struct task_net *tn, struct err *e), void *arg,
                       struct err *e) {
    struct modelfile *f = NULL;
    struct mem mem;
    struct net net;
    struct task_net tn;
    int rc = modelfile_open(&f, path, e);
    const struct model *model = rc ? NULL : model_of(f, e);
    if (!model) {
        modelfile_close(f);
        return rc ? rc : e->code;
    }
    mem_init(&mem, true, 0);
    struct team *team = team_new(&mem, 1);
    net_init(&net, &mem, team, config, 0, false);
    rc = net_add_model(&net, model, f, NULL, &tn, e);
    if (!rc) rc = ask(arg, &tn, e);
    net_release(&net);
    team_free(team);
    modelfile_close(f);
    return rc;
}

struct shapes {
    struct site_shape **v;
    int *n;
};

static int ask_shapes(void *arg, const struct task_net *tn, struct err *e) {
    struct shapes *s = arg;
    int rc = net_bind(tn->net, method_find(cfg_str(tn->net->config, "method")), e);
    if (!rc) collect_shapes(tn->net, s->v, s->n);
    return rc;
}

int model_sites_read(const char *path, const json_t *config, struct site_shape **ret, int *n, struct err *e) {
    *ret = NULL;
    *n = 0;
    return build_model(path, config, ask_shapes, &(struct shapes){ret, n}, e);
}

static int ask_positions(void *arg, const struct task_net *tn, struct err *e) {
    (void)e;
    *(int *)arg = tn->facts.max_positions;
    return 0;
}

int model_positions_read(const char *path, const json_t *config, int *positions, struct err *e) {
    return build_model(path, config, ask_positions, positions, e);
}
