/* SPDX-License-Identifier: Apache-2.0 */
/* pending.c - from a sweep's cells to the runs that are missing (see pending.h). */
#include "harness/record/identity.h"
#include "harness/sched/pending.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/config/cfg.h"
#include "harness/core/data.h"
#include "harness/nn/kernels/panel.h"
#include "harness/sched/progress.h"
#include "harness/base/util.h"

/* ---- finding ------------------------------------------------------------------------------------------- */

static struct pending_run *item_new(struct pending *t) {
    GROW(t->v, t->n, t->cap);
    struct pending_run *x = &t->v[t->n++];
    memset(x, 0, sizeof *x);
    return x;
}

/* Is what a finished run has saved not there any more? */
static int find_lost(struct pending *t, struct db *db, int64_t run, bool *lost, struct err *e) {
    char *path;
    int rc = db_checkpoint_path(db, run, &path, e);
    *lost = !rc && path && !dir_exists(path);
    t->lost += *lost;
    if (*lost && !t->lost_at)
        t->lost_at = path;
    else
        free(path);
    return rc;
}

static int find_cells(struct pending *t, const struct sweep *s, struct db *db, enum pending_what what,
                      bool bases, struct err *e) {
    for (int i = 0; i < s->nruns; i++) {
        const struct sweep_point *p = s->points[s->runs[i].point];
        if (p->is_base != bases) continue;
        uint64_t seed = (uint64_t)s->runs[i].seed;
        int64_t done = db && what != PENDING_ALL ? db_run_done(db, p->hash, seed, e) : 0;
        bool lost = false;
        int rc = done > 0 ? find_lost(t, db, done, &lost, e) : (int)done;
        if (rc) return rc;
        if (done > 0 && !(lost && what == PENDING_LOST)) {
            t->finished++;
            continue;
        }
        struct pending_run *x = item_new(t);
        x->cell = i;
        x->config = p->config;
        x->hash = p->hash;
        x->seed = seed;
        x->is_base = p->is_base;
        x->label = sweep_run_label(s, i);
        x->line = p->line;
    }
    return 0;
}

/* Does some cell of the sweep that may run evaluate the base of this hash? */
static bool has_base(const struct sweep *s, const char *base_hash) {
    for (int i = 0; i < s->nruns; i++) {
        const struct sweep_point *p = s->points[s->runs[i].point];
        if (p->is_base && !strcmp(p->hash, base_hash)) return true;
    }
    return false;
}

static bool listed_before(const struct pending *t, const char *hash) {
    for (int i = 0; i < t->n; i++)
        if (!strcmp(t->v[i].hash, hash)) return true;
    return false;
}

static int add_bases(struct pending *t, const struct sweep *s, struct db *db, enum pending_what what,
                     struct err *e) {
    for (int i = 0; i < s->nruns; i++) {
        const struct sweep_point *p = s->points[s->runs[i].point];
        if (!*p->base_hash || listed_before(t, p->base_hash) || has_base(s, p->base_hash)) continue;
        int64_t done = db && what != PENDING_ALL ? db_run_done(db, p->base_hash, 0, e) : 0;
        if (done < 0) return (int)done;
        json_t *base = done ? NULL : identity_base(p->config);
        if (!base) continue;
        struct pending_run *x = item_new(t);
        x->cell = -1;
        x->config = x->own = base;
        x->hash = p->base_hash;
        x->is_base = true;
        x->label = xasprintf("%s (the untouched base)", cfg_str(base, "method"));
    }
    return 0;
}

int pending_find(struct pending *t, const struct sweep *s, struct db *db, enum pending_what what,
                 struct err *e) {
    memset(t, 0, sizeof *t);
    int rc = find_cells(t, s, db, what, true, e);
    if (!rc) rc = add_bases(t, s, db, what, e);
    if (!rc) rc = find_cells(t, s, db, what, false, e);
    if (rc) pending_release(t);
    return rc;
}

void pending_release(struct pending *t) {
    for (int i = 0; i < t->n; i++) {
        json_decref(t->v[i].own);
        free(t->v[i].label);
    }
    free(t->v);
    free(t->lost_at);
    memset(t, 0, sizeof *t);
}

int pending_changed(const struct sweep *s, struct db *db, char **ret, struct err *e) {
    const char *seen = "";
    *ret = NULL;
    for (int i = 0; db && i < s->npoints && !*ret; i++) {
        const json_t *config = s->points[i]->config;
        const char *path = cfg_str(config, "model_path");
        if (!path || !strcmp(path, seen)) continue;
        int64_t n;
        struct db_model m = {cfg_str(config, "model"), path, cfg_str(config, "model_digest"), -1};
        int rc = db_former_runs(db, s->name, &m, &n, e);
        if (rc) return rc;
        seen = path;
        if (n)
            *ret =
                xasprintf("%s: the model changed since the sweep '%s' began: %lld finished run%s to the "
                          "other file and stay%s in the record; "
                          "what follows is of the file as it is now",
                          path, s->name, (long long)n, n == 1 ? " belongs" : "s belong", n == 1 ? "s" : "");
    }
    return 0;
}

/* ---- planning ------------------------------------------------------------------------------------------ */

/* "rank.yaml:12: lora r=8: " before what is wrong with a point. */
static int err_at_point(const struct sweep *s, const struct pending_run *x, struct err *e) {
    if (x->line > 0) return err_wrap(e, "%s:%d: %s", s->path, x->line, x->label);
    return err_wrap(e, "%s: %s", s->path, x->label);
}

/* The largest category at the peak, for people. */
static const char *largest_category(const struct train_result *r, char buf[64]) {
    int c = 0;
    char b[32];
    for (int i = 1; i < MEM_NCAT; i++)
        if (r->mem_at_peak[i] > r->mem_at_peak[c]) c = i;
    snprintf(buf, 64, "%s %s", mem_cat_name((enum mem_cat)c), progress_bytes((double)r->mem_at_peak[c], b));
    return buf;
}

/* more: bytes of scratch beside those of the plan. */
static void refuse_what_cannot_fit(struct pending_run *x, const struct sweep *s, const struct machine *m,
                                   size_t more) {
    size_t need = x->plan.peak_bytes_predicted + more, machine = m->mem_limit ? m->mem_limit : m->mem_total;
    struct train_result at = x->plan;
    char a[32], b[32], c[64];
    at.mem_at_peak[MEM_SCRATCH] += more;
    if (x->plan.state != RUN_COMPLETE) /* not even counted: no room for addresses (ulimit -v) */
        snprintf(x->refused, sizeof x->refused, "cannot be planned: %s: %.200s",
                 run_state_name(x->plan.state), x->plan.error);
    else if (s->memory_limit && need > s->memory_limit)
        snprintf(x->refused, sizeof x->refused, "needs %s (largest: %s), limits.memory is %s; not started",
                 progress_bytes((double)need, a), largest_category(&at, c),
                 progress_bytes((double)s->memory_limit, b));
    else if (machine && need > machine)
        snprintf(x->refused, sizeof x->refused, "needs %s (largest: %s), this machine has %s; not started",
                 progress_bytes((double)need, a), largest_category(&at, c),
                 progress_bytes((double)machine, b));
}

/* What a plan depends on, as text: all but the learning rate, which no allocation follows. Caller frees. */
static char *plan_key(const json_t *config) {
    json_t *c = json_copy((json_t *)config), *train = json_copy(json_object_get(config, "train"));
    if (train) {
        json_object_del(train, "lr");
        json_object_set_new(c, "train", train);
    }
    char *key = json_dumps(c, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(c);
    BUG_ON(!key, "a configuration does not encode (%zu keys)", json_object_size(config));
    return key;
}

/* Plans that were made: a sweep has many runs and few shapes. */
struct plans {
    struct {
        char *key;
        uint64_t seed;
        struct train_result res;
    } * v;
    int n, cap;
    bool each_seed;
};

/* Where nobody says, the last runs of a sweep get all cores. Scratch is per thread: a run that is let in must
 * hold its limit then too. */
static int judged_threads(const struct pending_run *x, const struct machine *m, int threads) {
    int asked = (int)cfg_int(x->config, "threads"), most = MIN_OF(MAX_OF(m->cores, 1), SCHED_MAX_THREADS);
    return threads ? threads : asked ? asked : most;
}

void pending_judge(struct pending *t, const struct sweep *s, const struct machine *m, int threads) {
    for (int i = 0; i < t->n; i++) {
        struct pending_run *x = &t->v[i];
        int more = judged_threads(x, m, threads) - x->threads;
        if (more > 0) refuse_what_cannot_fit(x, s, m, (size_t)more * team_thread_bytes());
    }
}

static int plan_one(struct plans *known, const struct sweep *s, const struct machine *m,
                    struct pending_run *x, int threads, struct err *e) {
    char *key = plan_key(x->config);
    x->threads = judged_threads(x, m, threads);
    for (int i = 0; i < known->n; i++) {
        if (known->each_seed && known->v[i].seed != x->seed) continue;
        if (strcmp(known->v[i].key, key) != 0) continue;
        x->plan = known->v[i].res;
        free(key);
        return 0;
    }
    struct train_job job = {.config = x->config,
                            .seed = x->seed,
                            .threads = x->threads,
                            .memory_limit = s->memory_limit,
                            .save = s->save};
    int rc = train_plan(&job, &x->plan, e);
    if (rc) {
        free(key);
        return err_at_point(s, x, e);
    }
    GROW(known->v, known->n, known->cap);
    known->v[known->n].key = key;
    known->v[known->n].seed = x->seed;
    known->v[known->n++].res = x->plan;
    return 0;
}

int pending_plan(struct pending *t, const struct sweep *s, const struct machine *m, int threads,
                 bool each_seed, const volatile sig_atomic_t *stop, struct err *e) {
    struct plans known = {.each_seed = each_seed};
    int rc = 0;
    for (int i = 0; i < t->n && !rc; i++) {
        struct pending_run *x = &t->v[i];
        if (stop && *stop) rc = err_set(e, ERR_STOP, "stopped by the user");
        if (!rc) rc = plan_one(&known, s, m, x, threads, e);
        if (!rc) refuse_what_cannot_fit(x, s, m, 0);
    }
    for (int i = 0; i < known.n; i++) free(known.v[i].key);
    free(known.v);
    return rc;
}

size_t pending_peak(const struct pending_run *x, int threads) {
    long more = (long)(threads - x->threads) * (long)team_thread_bytes();
    return (size_t)((long)x->plan.peak_bytes_predicted + more);
}

struct sched_job pending_job(const struct pending_run *x, const struct sweep *s) {
    size_t base = x->plan.mem_at_peak[MEM_BASE];
    return (struct sched_job){
        .job = {.config = x->config,
                .seed = x->seed,
                .memory_limit = s->memory_limit,
                .time_limit = s->time_limit,
                .save = s->save},
        .index = x->cell,
        .threads = (int)cfg_int(x->config, "threads"),
        .base_key = cfg_str(x->config, "model_path"),
        .base_f32 = !strcmp(x->plan.weights, "f32"),
        .base_bytes = base,
        .own_bytes = x->plan.peak_bytes_predicted - base,
    };
}

/* ---- recording ----------------------------------------------------------------------------------------- */

/* Ids that successive points share, and the plans that counted the bytes of their models. */
struct known {
    const struct pending *planned;
    const char *model_digest, *data_digest;
    int64_t model, dataset;
};

/* Of the model with this digest, as its plan counted them; -1: no run of it was planned. */
static int64_t weight_bytes(const struct pending *t, const char *digest) {
    for (int i = 0; i < t->n; i++)
        if (!strcmp(cfg_str(t->v[i].config, "model_digest"), digest)) return t->v[i].plan.model_bytes;
    return -1;
}

static bool same_text(const char *a, const char *b) { return a && b && !strcmp(a, b); }

static int record_model(struct db *db, const json_t *config, struct known *k, struct err *e) {
    const char *digest = cfg_str(config, "model_digest"), *path = cfg_str(config, "model_path");
    if (same_text(digest, k->model_digest)) return 0;
    struct db_model m = {cfg_str(config, "model"), path, digest, weight_bytes(k->planned, digest)};
    k->model_digest = digest;
    return db_model(db, &m, &k->model, e);
}

/* "glosses", or the training file's name without folder and extension; of a retrieval collection its
 * folder's. */
static char *data_name(const json_t *config, const char **path) {
    const char *name = cfg_str(config, "data.name");
    *path = NULL;
    if (name) return xstrdup(name);
    for (int i = 0; data_path_key(i) && !*path; i++) *path = cfg_str(config, data_path_key(i));
    if (!*path) return xstrdup("data");
    if (cfg_str(config, "data.corpus")) {
        char *folder = path_dir(*path), *last = strrchr(folder, '/'),
             *found = xstrdup(last && last[1] ? last + 1 : "collection");
        free(folder);
        return found;
    }
    const char *slash = strrchr(*path, '/'), *file = slash ? slash + 1 : *path, *dot = strrchr(file, '.');
    return xstrndup(file, dot && dot > file ? (size_t)(dot - file) : strlen(file));
}

static int record_data(struct db *db, const json_t *config, struct known *k, struct err *e) {
    const char *digest = cfg_str(config, "data_digest"), *path;
    if (same_text(digest, k->data_digest)) return 0;
    char *name = data_name(config, &path);
    struct db_dataset d = {name, path, digest};
    int rc = db_dataset(db, &d, &k->dataset, e);
    k->data_digest = digest;
    free(name);
    return rc;
}

static int record_point(struct db *db, const json_t *config, const char *hash, const char *base_hash,
                        struct known *k, int64_t *id, struct err *e) {
    int rc = record_model(db, config, k, e);
    if (!rc) rc = record_data(db, config, k, e);
    struct db_point p = {hash, *base_hash ? base_hash : NULL, config, k->model, k->dataset};
    return rc ? rc : db_point(db, &p, id, e);
}

/* Every cell, also those that ran elsewhere or stay behind run_cap; points[i]: row of sweep->points[i]. */
static int record_cells(const struct sweep *s, struct db *db, int64_t sweep, int64_t *points, struct known *k,
                        struct err *e) {
    for (int i = 0; i < s->npoints; i++) {
        const struct sweep_point *p = s->points[i];
        int rc = record_point(db, p->config, p->hash, p->base_hash, k, &points[i], e);
        if (rc) return rc;
    }
    for (int i = 0; i < s->nruns_all; i++) {
        int rc = db_cell(db, sweep, points[s->runs[i].point], (uint64_t)s->runs[i].seed, i, e);
        if (rc) return rc;
    }
    for (int i = 0; i < s->ncontrols; i++) {
        const struct sweep_control *c = &s->controls[i];
        bool only = s->points[c->control]->is_control;
        int rc = db_control(db, sweep, points[c->point], points[c->control], c->kind, only, e);
        if (rc) return rc;
    }
    return 0;
}

static int record_items(struct pending *t, const struct sweep *s, struct db *db, const int64_t *points,
                        struct known *k, struct err *e) {
    for (int i = 0; i < t->n; i++) {
        struct pending_run *x = &t->v[i];
        if (x->cell >= 0) {
            x->point = points[s->runs[x->cell].point];
            continue;
        }
        int rc = record_point(db, x->config, x->hash, x->hash, k, &x->point, e);
        if (rc) return rc;
    }
    return 0;
}

int pending_record(struct pending *t, const struct sweep *s, struct db *db, int64_t *sweep, struct err *e) {
    char *path = realpath(s->path, NULL);
    struct db_sweep row = {s->name,
                           path ? path : s->path,
                           s->yaml,
                           s->overrides,
                           s->metric,
                           s->goal,
                           s->run_cap > INT_MAX ? INT_MAX : (int)s->run_cap};
    int64_t *points = xcalloc((size_t)s->npoints + 1, sizeof *points);
    struct known k = {.planned = t};
    int rc = db_sweep_begin(db, &row, sweep, e);
    if (!rc) rc = record_cells(s, db, *sweep, points, &k, e);
    if (!rc) rc = record_items(t, s, db, points, &k, e);
    if (!rc) rc = db_sweep_ready(db, e);
    free(points);
    free(path);
    return rc;
}
