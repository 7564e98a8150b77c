/* SPDX-License-Identifier: Apache-2.0 */
/* arch_plan.c - see arch_plan.h. */
#include "harness/paper/arch_plan.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/checkpoint/adapter.h"
#include "harness/config/cfg.h"
#include "harness/core/method.h"
#include "harness/core/model.h"
#include "harness/core/target.h"
#include "harness/base/util.h"
#include "harness/config/yaml.h"

/* ---- configuration ------------------------------------------------------------------------------------- */

static const struct opt *row_of(const struct method *m, const char *key) {
    const struct opt *o = opt_find(opt_core, key);
    return o ? o : opt_find(m->opts, key);
}

static int key_of(const char *set, char key[64], struct err *e) {
    size_t n = strcspn(set, "=");
    if (!set[n] || n == 0 || n > 63) return err_set(e, ERR_USER, "--set %.60s: must be KEY=VALUE", set);
    memcpy(key, set, n);
    key[n] = 0;
    return 0;
}

int arch_plan_check(const struct method *const *methods, const char *const *sets, int n, struct err *e) {
    for (int i = 0; i < n; i++) {
        char key[64];
        const char *names[64];
        size_t k = 0;
        bool known = false;
        if (key_of(sets[i], key, e)) return ERR_USER;
        for (int m = 0; methods[m] && !known; m++) {
            known = row_of(methods[m], key) != NULL;
            for (const struct opt *o = methods[m]->opts; o && o->key && k < ARRAY_LEN(names); o++)
                names[k++] = o->key;
        }
        for (const struct opt *o = opt_core; o->key && k < ARRAY_LEN(names); o++) names[k++] = o->key;
        const char *near = known ? NULL : str_closest(key, names, k);
        if (!known)
            return err_set(e, ERR_USER, "--set %s: unknown key%s%s%s", key, near ? " (did you mean '" : "",
                           near ? near : "", near ? "'?)" : "");
    }
    return 0;
}

static int put_number(json_t *cfg, const struct opt *o, const char *value, struct err *e) {
    struct ynode *node;
    json_t *v = NULL;
    int rc = ynode_parse(&node, value, strlen(value), "--set", e);
    if (rc) return rc;
    rc = opt_parse(o, node, &v, e);
    ynode_free(node);
    if (!rc && !strcmp(o->key, "target_modules")) {
        rc = target_check(v, e);
        json_t *normal = rc ? NULL : target_normal(v);
        json_decref(v);
        v = normal;
    }
    if (!rc) cfg_set(cfg, o->key, v);
    return rc;
}

static int make_config(const struct method *m, const char *const *sets, int n, json_t **ret, struct err *e) {
    json_t *cfg = opt_config(m->opts);
    int rc = 0;
    cfg_set(cfg, "method", json_string(m->name));
    for (int i = 0; !rc && i < n; i++) {
        char key[64];
        rc = key_of(sets[i], key, e);
        const struct opt *o = rc ? NULL : row_of(m, key);
        if (o) rc = put_number(cfg, o, strchr(sets[i], '=') + 1, e);
    }
    *ret = rc ? NULL : cfg;
    if (rc) json_decref(cfg);
    return rc;
}

/* ---- counting ------------------------------------------------------------------------------------------ */

struct counting {
    struct arch_plan *p;
    const json_t *cfg;
    struct mem mem;
    struct team *team;
    struct net net;
    struct modelfile *file;
    struct task_net tn; /* its model NULL: the engine has no such architecture */
    jmp_buf denied;
};

static void deny_memory(struct mem *m, enum mem_cat cat, size_t bytes, void *arg) {
    struct counting *c = arg;
    (void)m;
    snprintf(c->p->problem, sizeof c->p->problem,
             "no address space for %.1f GiB of %s: raise its limit (ulimit -v)", (double)bytes / (1 << 30),
             mem_cat_name(cat));
    longjmp(c->denied, 1);
}

/* The engine's model of it where there is one, else the bare tensors. */
static int declare_model(struct counting *c, const struct arch *a, enum dtype dtype, struct err *e) {
    struct err no = {0};
    int rc = arch_shell(a, dtype, &c->file, &no);
    if (rc && rc != ERR_RESOURCE) {
        *e = no;
        return rc;
    }
    const struct model *model = rc ? NULL : model_of(c->file, &no);
    if (model && !net_add_model(&c->net, model, c->file, NULL, &c->tn, &no)) return 0;
    /* without the name of the folder, which is gone */
    const char *why = !rc && strstr(no.msg, ": ") ? strstr(no.msg, ": ") + 2 : no.msg;
    snprintf(c->p->unknown, sizeof c->p->unknown, "%.500s", why);
    c->tn.model = NULL;
    net_release(&c->net); /* what a refused build has declared */
    net_init(&c->net, &c->mem, c->team, c->cfg, 0, true);
    return arch_build(a, dtype, &c->net, e);
}

/* The model as one float32 file. */
static size_t model_bytes(const struct net *net) {
    struct tensor_out *t = xcalloc((size_t)net->nparams + 1, sizeof *t);
    json_t *meta = json_pack("{ss}", "format", "pt");
    for (int i = 0; i < net->nparams; i++) {
        const struct param *p = net->params[i];
        t[i] = (struct tensor_out){
            .name = p->name, .dtype = DT_F32, .ndim = p->ndim, .shape = {p->rows, p->cols}};
        if (p->ndim == 1) t[i].shape[0] = p->cols;
    }
    size_t n = safetensors_size(t, net->nparams, meta);
    json_decref(meta);
    free(t);
    return n;
}

static int measure_files(struct counting *c, struct err *e) {
    struct arch_plan *p = c->p;
    struct adapter_saved saved;
    if (p->method->flags & METHOD_FULL) {
        p->checkpoint_bytes = p->checkpoint_bytes_min = model_bytes(&c->net);
        return 0;
    }
    if (!p->method->save_config) return 0;
    int rc = adapter_save(&c->net, NULL, "", "CAUSAL_LM", &saved, e);
    if (rc) return rc;
    p->checkpoint_bytes = saved.file_bytes;
    p->checkpoint_bytes_min = saved.min_bytes;
    return 0;
}

static void count_stored(struct counting *c) {
    const struct method *m = c->p->method;
    size_t trainable = c->p->trainable;
    c->p->stored = trainable;
    if (!m->count) return;
    struct site_shape *s = xcalloc((size_t)c->net.nsites + 1, sizeof *s);
    int n = 0;
    for (int i = 0; i < c->net.nsites; i++)
        if (c->net.sites[i]->adapted)
            s[n++] = (struct site_shape){c->net.sites[i]->d_in, c->net.sites[i]->d_out,
                                         c->net.sites[i]->b != NULL};
    m->count(s, n, c->cfg, &trainable, &c->p->stored);
    free(s);
}

static int count_all(struct counting *c, const struct arch *a, enum dtype dtype, struct err *e) {
    struct arch_plan *p = c->p;
    struct err refused = {0};
    net_init(&c->net, &c->mem, c->team, c->cfg, 0, true);
    int rc = declare_model(c, a, dtype, e);
    if (rc) return rc;
    p->params = arch_params(&c->net);
    if (net_bind(&c->net, p->method, &refused)) {
        snprintf(p->problem, sizeof p->problem, "%.500s", refused.msg);
        return 0;
    }
    p->trainable = net_trainable(&c->net);
    count_stored(c);
    rc = measure_files(c, e);
    if (rc) return rc;
    if (c->tn.model) {
        long n = cfg_int(c->cfg, "train.batch_size") * cfg_int(c->cfg, "train.max_length");
        if (n > 1 << 26)
            return err_set(e, ERR_USER, "train.batch_size times train.max_length is %ld tokens: at most %d",
                           n, 1 << 26);
        c->tn.model->layout(c->tn.model_state, &c->net, (int)((n + PANEL - 1) / PANEL), true);
        p->activations = true;
    }
    memcpy(p->mem, c->mem.live, sizeof p->mem);
    p->total = c->mem.total;
    return 0;
}

int arch_plan_make(struct arch_plan *p, const struct arch *a, enum dtype dtype, const struct method *m,
                   const char *const *sets, int n, struct err *e) {
    *p = (struct arch_plan){.method = m};
    json_t *cfg;
    char warn[512] = "";
    struct err refused = {0};
    int rc = make_config(m, sets, n, &cfg, e);
    if (rc) return rc;
    if (m->check && m->check(cfg, warn, sizeof warn, &refused)) {
        snprintf(p->problem, sizeof p->problem, "%.500s", refused.msg);
        json_decref(cfg);
        return 0;
    }
    struct counting *c = xcalloc(1, sizeof *c);
    c->p = p;
    c->cfg = cfg;
    mem_init(&c->mem, true, 0);
    c->mem.deny = deny_memory;
    c->mem.deny_arg = c;
    c->team = team_new(&c->mem, 1);
    volatile int result = 0;
    if (!setjmp(c->denied)) result = count_all(c, a, dtype, e);
    net_release(&c->net);
    team_free(c->team);
    modelfile_close(c->file);
    free(c);
    json_decref(cfg);
    return result;
}
