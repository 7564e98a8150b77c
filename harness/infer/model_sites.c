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

int model_sites_read(const char *path, const json_t *config, struct site_shape **ret, int *n, struct err *e) {
    const struct method *method = method_find(cfg_str(config, "method"));
    struct modelfile *f = NULL;
    struct mem mem;
    struct net net;
    void *state = NULL;
    *ret = NULL;
    *n = 0;
    int rc = modelfile_open(&f, path, e);
    const struct model *model = rc ? NULL : model_of(f, e);
    if (!model) {
        modelfile_close(f);
        return rc ? rc : e->code;
    }
    mem_init(&mem, true, 0);
    struct team *team = team_new(&mem, 1);
    net_init(&net, &mem, team, config, 0, false);
    rc = model->build(&net, f, &state, e);
    if (!rc) rc = net_bind(&net, method, e);
    if (!rc) collect_shapes(&net, ret, n);
    if (state) model->free(state);
    net_release(&net);
    team_free(team);
    modelfile_close(f);
    return rc;
}
