/* SPDX-License-Identifier: Apache-2.0 */
/* infer.c - see infer.h. */
#include "harness/infer/infer.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/checkpoint/adapter.h"
#include "harness/hub/catalog.h"
#include "harness/config/cfg.h"
#include "harness/record/db.h"
#include "harness/record/run_query.h"
#include "harness/base/machine.h"
#include "harness/core/method.h"
#include "harness/core/task.h"
#include "harness/base/util.h"

static void set_defaults(json_t *config, const struct opt *rows) {
    for (; rows && rows->key; rows++)
        if (!cfg_get(config, rows->key)) cfg_set(config, rows->key, opt_default(rows));
}

json_t *infer_config(const char *task, const char *method) {
    json_t *c = json_object();
    json_object_set_new(c, "task", json_string(task));
    json_object_set_new(c, "method", json_string(method));
    set_defaults(c, opt_core);
    set_defaults(c, task_find(task)->opts);
    set_defaults(c, method_find(method)->opts);
    return c;
}

static int open_net(struct infer *m, int threads, long positions, struct err *e) {
    struct adapter_file *adapter = m->adapter;
    json_t *over =
        adapter ? adapter_config(adapter, NULL, e) : json_pack("{ss}", "method", method_base()->name);
    if (!over) return e->code;
    m->config = infer_config(task_list[0]->name, json_string_value(json_object_get(over, "method")));
    json_object_update(m->config, over);
    json_decref(over);
    /* the model caps it */
    cfg_set(m->config, "train.max_length", json_integer(positions ? positions : 1 << 20));
    mem_init(&m->mem, false, 0);
    struct machine here;
    machine_read(&here);
    m->team = team_new(&m->mem, threads > 0 ? threads : MIN_OF(here.cores, 64));
    net_init(&m->net, &m->mem, m->team, m->config, 0, false);
    struct task_net tn;
    m->model = model_of(m->file, e);
    if (!m->model) return e->code;
    int rc = adapter ? adapter_overlay(m->file, adapter, e) : 0;
    if (!rc) rc = net_add_model(&m->net, m->model, m->file, NULL, &tn, e);
    if (!rc && adapter && adapter_classifies(adapter) && tn.facts.class_head == CLASS_POOLER &&
        !m->model->pooler(tn.model_state, &m->net, m->file, e))
        rc = e->code;
    if (!rc && adapter) rc = adapter_heads(&m->net, m->file, adapter, e);
    if (!rc) rc = net_bind(&m->net, method_find(cfg_str(m->config, "method")), e);
    if (!rc && adapter) rc = adapter_load(&m->net, m->file, adapter, e);
    if (rc) return rc;
    m->state = tn.model_state;
    m->facts = tn.facts;
    return 0;
}

int infer_open(struct infer *m, const char *model, const char *adapter, int threads, long positions,
               struct err *e) {
    memset(m, 0, sizeof *m);
    char *path = catalog_model_path(model, e);
    int rc = path ? modelfile_open(&m->file, path, e) : e->code;
    if (!rc && adapter) rc = adapter_open(&m->adapter, adapter, e);
    if (!rc) rc = open_net(m, threads, positions, e);
    if (!rc && !m->facts.d_in) rc = modelfile_tokenizer(m->file, &m->tok, e);
    if (rc) infer_close(m);
    free(path);
    return rc;
}

void infer_close(struct infer *m) {
    if (m->net.mem) net_release(&m->net);
    if (m->team) team_free(m->team);
    tokenizer_free(m->tok);
    adapter_close(m->adapter);
    modelfile_close(m->file);
    json_decref(m->config);
    memset(m, 0, sizeof *m);
}

int infer_reads_text(const struct infer *m, struct err *e) {
    return m->tok ? 0
                  : err_set(e, ERR_USER, "%s reads vectors of %d numbers, not text", modelfile_path(m->file),
                            m->facts.d_in);
}

const float *infer_hidden(struct infer *m, const int32_t *ids, int n) {
    struct batch b;
    arena_reset(&m->net.tape);
    size_t bytes = batch_bytes(n, 0, false);
    void *block = arena_alloc(&m->net.tape, MEM_DATA, bytes);
    memset(block, 0, bytes);
    batch_place(&b, block, n, 0, false);
    memcpy(b.ids + batch_add(&b, n, 0), ids, (size_t)n * sizeof *ids);
    m->model->layout(m->state, &m->net, b.np, false);
    return m->model->forward(m->state, &m->net, &b);
}

int infer_weights_finite(const struct infer *m, struct err *e) {
    char bad[700];
    if (modelfile_bad_weight(m->file, bad, sizeof bad)) return err_set(e, ERR_USER, "%s", bad);
    for (int i = 0; i < m->net.nparams; i++) {
        const struct param *p = m->net.params[i];
        for (size_t k = 0; p->role != PARAM_BASE && p->value && k < param_size(p); k++)
            if (!isfinite(p->value[k]))
                return err_set(e, ERR_USER, "the adapter's tensor '%s' is not finite: its file is damaged",
                               p->name);
    }
    return 0;
}

int infer_finite(const struct infer *m, const float *v, size_t n, const char *what, struct err *e) {
    size_t i = 0;
    while (i < n && isfinite(v[i])) i++;
    if (i == n) return 0;
    if (infer_weights_finite(m, e)) return err_wrap(e, "%s are not finite", what);
    return err_set(e, ERR_USER,
                   "%s are not finite: the model overflows, though each of its weights is finite", what);
}

/* ---- adapters by run ----------------------------------------------------------------------------------- */

static int no_checkpoint(const char *run, const struct run_checkpoint *c, struct err *e) {
    const struct method *method = method_find(c->method);
    return err_set(
        e, ERR_USER,
        method && method_is_base(method)
            ? "run %s (%s) is the untouched model, of which nothing is saved: name the model itself"
        : method && method->flags & METHOD_FULL
            ? "run %s (%s) saved no model: run its sweep with `save: all` and --new"
            : "run %s (%s) saved no adapter: give its folder, or run its sweep with `save: adapter`",
        run, c->state);
}

static char *run_adapter(struct db *db, const char *run, json_t **config, struct err *e) {
    struct run_checkpoint c;
    char *path = NULL;
    if (run_checkpoint_read(&c, db, atoll(run), e)) return NULL;
    if (!c.path)
        no_checkpoint(run, &c, e);
    else {
        path = xstrdup(c.path);
        if (config) *config = json_incref(c.config);
    }
    run_checkpoint_release(&c);
    return path;
}

/* A run of `full` with `save: all` leaves a whole model. */
static bool is_model(const char *path) {
    char *adapter = path_join(path, "adapter_config.json"), *model = path_join(path, "config.json");
    bool whole = !file_exists(adapter) && file_exists(model);
    free(adapter);
    free(model);
    return whole;
}

static char *find_checkpoint(const char *run_or_dir, const char *db_file, json_t **config, struct err *e) {
    if (dir_exists(run_or_dir)) {
        char *full = realpath(run_or_dir, NULL);
        return full ? full : xstrdup(run_or_dir);
    }
    for (const char *p = run_or_dir; *p; p++)
        if (!isdigit((unsigned char)*p)) {
            err_set(e, ERR_USER, "%s: neither an adapter's folder nor a run's number", run_or_dir);
            return NULL;
        }
    struct db *db;
    if (db_open(&db, db_file ? db_file : DB_DEFAULT, false, e)) return NULL;
    char *path = NULL, *written = run_adapter(db, run_or_dir, config, e);
    if (written) db_checkpoint_path(db, atoll(run_or_dir), &path, e);
    free(written);
    db_close(db);
    if (path && !dir_exists(path)) {
        err_set(e, ERR_RESOURCE, "the adapter of run %s is not at %s any more", run_or_dir, path);
        free(path);
        path = NULL;
    }
    return path;
}

char *infer_checkpoint(const char *run_or_dir, const char *db_file, json_t **config, bool *whole,
                       struct err *e) {
    json_t *recorded = NULL;
    char *path = find_checkpoint(run_or_dir, db_file, &recorded, e);
    *whole = path && is_model(path);
    if (config) *config = path ? json_incref(recorded) : NULL;
    json_decref(recorded);
    return path;
}

char *infer_adapter(const char *run_or_dir, const char *db_file, json_t **config, struct err *e) {
    bool whole;
    char *path = infer_checkpoint(run_or_dir, db_file, config, &whole, e);
    if (!whole) return path;
    err_set(e, ERR_USER, "%s: this is a whole model, not an adapter: give it with --model %s", path, path);
    free(path);
    if (config) json_decref(*config);
    if (config) *config = NULL;
    return NULL;
}

/* The base that adapter_config.json names: as it is, as a model that was pulled, or one of the catalog. */
static char *named_base(const char *dir, struct err *e) {
    struct adapter_file *adapter;
    if (adapter_open(&adapter, dir, e)) return NULL;
    const char *base = adapter_base(adapter);
    char *pulled = base ? xasprintf("hf:%s", base) : NULL;
    char *named = base ? catalog_of_origin(base) : NULL;
    const char *const tries[] = {base, pulled, named};
    char *found = NULL;
    struct err ignored;
    for (size_t i = 0; i < ARRAY_LEN(tries) && !found; i++) {
        char *path = tries[i] && *tries[i] ? catalog_model_path(tries[i], &ignored) : NULL;
        if (path) found = xstrdup(tries[i]);
        free(path);
    }
    if (!found && base && *base)
        err_set(e, ERR_USER, "--model is missing: the adapter names '%.200s' as its base, which is not here",
                base);
    else if (!found)
        err_set(e, ERR_USER, "--model is missing: the adapter does not name its base");
    free(named);
    free(pulled);
    adapter_close(adapter);
    return found;
}

/* As its sweep named it where that is still the same file; else where that file was: a path in a sweep may be
 * meant from another folder than this one. */
static char *recorded_model(const json_t *config) {
    const char *name = cfg_str(config, "model"), *place = cfg_str(config, "model_path");
    struct err ignored;
    char *now = catalog_model_path(name, &ignored);
    bool same = now && (!place || !strcmp(now, place)),
         there = place && (file_exists(place) || dir_exists(place));
    free(now);
    return xstrdup(same || !there ? name : place);
}

char *infer_model(const char *given, const json_t *recorded, const char *adapter, struct err *e) {
    if (given) return xstrdup(given);
    if (recorded && cfg_str(recorded, "model")) return recorded_model(recorded);
    if (adapter) return named_base(adapter, e);
    err_set(e, ERR_USER, "--model is missing");
    return NULL;
}

enum dtype infer_type(const char *word) {
    static const struct {
        const char *word;
        enum dtype type;
    } known[] = {{"f32", DT_F32}, {"f16", DT_F16}, {"bf16", DT_BF16}};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (!strcmp(known[i].word, word)) return known[i].type;
    return DT_COUNT;
}
