/* SPDX-License-Identifier: Apache-2.0 */
/* sweep_make_points.c - the grid: variants and axes into resolved configurations.
 *
 * For each variant and each of its methods, the axes that mean something to the method are multiplied; an
 * axis of options that the method lacks is left out (one run, not several equal ones). All values are checked
 * first, each against the row that it would fill, so that a mistake in the last variant is reported with
 * those of the first. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/config/cfg.h"
#include "harness/core/data.h"
#include "harness/config/expr.h"
#include "harness/record/identity.h"
#include "harness/core/net.h"
#include "harness/sweep/sweep_private.h"
#include "harness/core/target.h"

/* ---- which rows a key may fill ------------------------------------------------------------------------- */

static const struct opt *task_row(const char *key) {
    for (int i = 0; task_list[i]; i++) {
        const struct opt *o = opt_find(task_list[i]->opts, key);
        if (o) return o;
    }
    return NULL;
}

/* The row of `key` in a run with this method; NULL: the method has no use for it. */
static const struct opt *row_of(const struct method *m, const char *key) {
    const struct opt *o = opt_find(opt_core, key);
    if (method_is_base(m) && identity_base_ignores(key)) return NULL;
    if ((m->flags & METHOD_NO_SITES) && !strcmp(key, "target_modules")) return NULL;
    if (!o) o = opt_find(m->opts, key);
    return o ? o : task_row(key);
}

static bool keep_for_method(const char *key, const void *arg) { return row_of(arg, key) != NULL; }

static const struct method *method_at(const struct setting *s) {
    return s->value->kind == YNODE_SCALAR ? method_find(s->value->text) : NULL;
}

/* A number that is written as an expression. */
static bool is_derived(const struct opt *o, const struct ynode *n) {
    if (!opt_is_number(o) || n->kind != YNODE_SCALAR) return false;
    json_t *v = ynode_json(n);
    bool yes = json_is_string(v);
    json_decref(v);
    return yes;
}

/* ---- checking every value ------------------------------------------------------------------------------ */

static void check_task(struct load *l, const struct setting *s) {
    const char *names[64];
    size_t n = 0;
    if (s->value->kind != YNODE_SCALAR) return load_fail(l, s->line, "task: must be a text");
    if (task_find(s->value->text)) return;
    for (; task_list[n] && n < ARRAY_LEN(names); n++) names[n] = task_list[n]->name;
    struct suggestion near = load_suggest(s->value->text, names, n);
    load_fail(l, s->line, "unknown task '%.60s'%s", s->value->text,
              *near.text ? near.text : " (`bench ls tasks` lists them)");
}

static void check_method(struct load *l, const struct setting *s) {
    const char *names[256];
    size_t n = 0;
    if (s->value->kind != YNODE_SCALAR)
        return load_fail(l, s->line, "method: must be a name or a list of names");
    if (method_find(s->value->text)) return;
    for (; method_list[n] && n < ARRAY_LEN(names); n++) names[n] = method_list[n]->name;
    struct suggestion near = load_suggest(s->value->text, names, n);
    load_fail(l, s->line, "unknown method '%.60s'%s", s->value->text,
              *near.text ? near.text : " (`bench ls methods` lists them)");
}

static void check_setting(struct load *l, const struct method *m, const struct setting *s) {
    const struct opt *o = row_of(m, s->key);
    struct err e;
    json_t *v;
    if (!strcmp(s->key, "method")) return;
    if (!strcmp(s->key, "task")) return check_task(l, s);
    if (!o || is_derived(o, s->value)) return;
    if (opt_parse(o, s->value, &v, &e)) return load_fail(l, s->line, "%s", e.msg);
    if (!strcmp(s->key, "target_modules") && target_check(v, &e)) load_fail(l, s->line, "%s", e.msg);
    json_decref(v);
}

static void check_settings(struct load *l, const struct method *m, const struct settings *s) {
    for (int i = 0; i < s->n; i++) check_setting(l, m, &s->v[i]);
}

static void check_axes(struct load *l, const struct method *m, const struct axes *a) {
    for (int i = 0; i < a->n; i++)
        for (int j = 0; j < a->v[i].n; j++) check_settings(l, m, &a->v[i].rows[j]);
}

/* Some method of these has an option of this name, or it belongs to the core or a task. */
static bool has_use(const struct space *sp, int n, const char *key) {
    if (opt_find(opt_core, key) || task_row(key)) return true;
    for (int i = 0; i < n; i++) {
        if (!sp[i].methods.n) return true; /* a missing or unknown method is reported elsewhere */
        for (int j = 0; j < sp[i].methods.n; j++) {
            const struct method *m = method_at(&sp[i].methods.v[j]);
            if (!m || opt_find(m->opts, key)) return true;
        }
    }
    return false;
}

static void check_use(struct load *l, const struct space *sp, int n, const struct settings *s, bool whole) {
    for (int i = 0; i < s->n; i++) {
        const struct setting *st = &s->v[i];
        /* of use to a control arm, maybe */
        if (has_use(sp, n, st->key) || (whole && l->wants_controls)) continue;
        if (whole)
            load_fail(l, st->line, "no method of this sweep has the option '%s'", st->key);
        else
            load_fail(l, st->line, "'%s' is not an option of %s", st->key,
                      sp->methods.n == 1 ? sp->methods.v[0].value->text : "the methods of this variant");
    }
}

static void check_all(struct load *l) {
    const struct space *sp = l->spaces;
    check_use(l, sp, l->nspaces, &l->base, true);
    for (int i = 0; i < l->axes.n; i++) check_use(l, sp, l->nspaces, &l->axes.v[i].rows[0], true);
    for (int i = 0; i < l->nspaces; i++, sp++) {
        for (int j = 0; j < sp->methods.n; j++) check_method(l, &sp->methods.v[j]);
        check_use(l, sp, 1, &sp->fixed, false);
        for (int j = 0; j < sp->axes.n; j++) check_use(l, sp, 1, &sp->axes.v[j].rows[0], false);
        for (int j = 0; j < sp->methods.n; j++) {
            const struct method *m = method_at(&sp->methods.v[j]);
            if (!m) continue;
            check_settings(l, m, &l->base);
            check_axes(l, m, &l->axes);
            check_settings(l, m, &sp->fixed);
            check_axes(l, m, &sp->axes);
        }
    }
}

/* ---- one point ----------------------------------------------------------------------------------------- */

struct slot {
    const struct opt *o;
    const struct setting *from; /* NULL: the default */
    json_t *v;                  /* NULL: derived, not yet computed */
    bool busy;
};

struct point_build {
    struct load *l;
    const struct space *sp;
    const struct method *m;
    const struct settings **chain; /* later ones win */
    int nchain;
    struct slot *slots;
    int nslots, slots_cap;
    bool failed;
};

static const struct setting *chain_find(const struct point_build *b, const char *key) {
    for (int i = b->nchain - 1; i >= 0; i--) {
        const struct setting *s = settings_find(b->chain[i], key);
        if (s) return s;
    }
    return NULL;
}

static int line_of(const struct point_build *b, const char *key) {
    const struct setting *s = chain_find(b, key);
    return s ? s->line : b->l->base_line;
}

#define point_fail(b, line, ...) ((b)->failed = true, load_fail((b)->l, line, __VA_ARGS__))

static void add_rows(struct point_build *b, const struct opt *table) {
    for (const struct opt *o = table; o && o->key; o++) {
        struct slot s = {.o = o, .from = row_of(b->m, o->key) ? chain_find(b, o->key) : NULL};
        struct err e;
        if (!s.from || !strcmp(o->key, "method")) /* the method is the grid's, chosen already */
            s.v = opt_default(o);
        else if (!is_derived(o, s.from->value) && opt_parse(o, s.from->value, &s.v, &e)) {
            point_fail(b, s.from->line, "%s", e.msg);
            s.v = json_null();
        }
        GROW(b->slots, b->nslots, b->slots_cap);
        b->slots[b->nslots++] = s;
    }
}

static struct slot *slot_find(struct point_build *b, const char *key) {
    for (int i = 0; i < b->nslots; i++)
        if (!strcmp(b->slots[i].o->key, key)) return &b->slots[i];
    return NULL;
}

static int derive_slot(struct point_build *b, struct slot *s, struct err *e);

/* A key in an expression. */
static int lookup_value(void *arg, const char *key, double *ret, struct err *e) {
    struct point_build *b = arg;
    struct slot *s = slot_find(b, key);
    if (!s) {
        for (size_t i = 0; i < b->l->base_keys.n; i++)
            if (!strcmp(b->l->base_keys.v[i], key))
                return err_set(e, ERR_USER, "%s has no option '%s'", b->m->name, key);
        return err_set(e, ERR_USER, "there is no key '%.60s'%s", key,
                       load_suggest(key, b->l->base_keys.v, b->l->base_keys.n).text);
    }
    if (s->busy) return err_set(e, ERR_USER, "'%s' depends on itself", key);
    const struct slot *epochs = slot_find(b, "train.epochs");
    if (!strcmp(key, "train.steps") && epochs && (!epochs->v || json_is_number(epochs->v)))
        return err_set(e, ERR_USER, "'train.steps' follows from train.epochs and is not known yet");
    if (!s->v) {
        int rc = derive_slot(b, s, e);
        if (rc) return rc;
    }
    if (!json_is_number(s->v)) return err_set(e, ERR_USER, "'%s' is not a number", key);
    *ret = json_number_value(s->v);
    return 0;
}

static int derive_slot(struct point_build *b, struct slot *s, struct err *e) {
    double v;
    s->busy = true;
    int rc = expr_eval(s->from->value->text, lookup_value, b, &v, e);
    s->busy = false;
    return rc ? rc : opt_number(s->o, v, &s->v, e);
}

static void derive_all(struct point_build *b) {
    for (int i = 0; i < b->nslots; i++) {
        struct slot *s = &b->slots[i];
        struct err e;
        if (s->v) continue;
        if (!derive_slot(b, s, &e)) continue;
        const char *text = s->from->value->text;
        if (strstr(e.msg, s->o->key) == e.msg)
            point_fail(b, s->from->line, "%s (from \"%.60s\")", e.msg, text);
        else
            point_fail(b, s->from->line, "%s: \"%.60s\" is neither a number nor a derived value: %s",
                       s->o->key, text, e.msg);
        s->v = json_null();
    }
}

/* Against the sweep file's folder, then the current one. */
static void resolve_path(struct point_build *b, struct slot *s) {
    const char *name = json_string_value(s->v);
    if (!name) return;
    char *beside = path_join(b->l->dir, name), *full = realpath(beside, NULL);
    if (!full) full = realpath(name, NULL);
    if (full) {
        json_decref(s->v);
        s->v = json_string(full);
    } else if (name[0] == '/') {
        point_fail(b, s->from->line, "%s: there is no file '%.300s'", s->o->key, name);
    } else {
        point_fail(b, s->from->line,
                   "%s: there is no file '%.200s' (looked in %.200s and in the current folder)", s->o->key,
                   name, b->l->dir);
    }
    free(full);
    free(beside);
}

static json_t *point_config(struct point_build *b) {
    json_t *config = json_object();
    for (int i = 0; i < b->nslots; i++) {
        struct slot *s = &b->slots[i];
        if (data_is_path(s->o->key)) resolve_path(b, s);
        json_t *v = json_incref(s->v);
        if (!strcmp(s->o->key, "target_modules")) {
            json_decref(v);
            v = (b->m->flags & METHOD_NO_SITES) || json_is_null(s->v) ? json_null() : target_normal(s->v);
        }
        cfg_set(config, s->o->key, v);
    }
    cfg_set(config, "method", json_string(b->m->name));
    if (method_is_base(b->m)) cfg_set(config, "train.steps", json_integer(0));
    return config;
}

/* Where the rows come from: a built-in set or files. */
static void check_data(struct point_build *b, const json_t *config) {
    if (!slot_find(b, "data.name")) return;
    if (cfg_str(config, "data.corpus")) {
        static const char *const needed[] = {"data.queries", "data.qrels.train", "data.qrels.eval"};
        for (size_t i = 0; i < ARRAY_LEN(needed); i++)
            if (!cfg_str(config, needed[i]))
                point_fail(b, line_of(b, "data.corpus"),
                           "%s is missing: a retrieval collection (data.corpus) needs it", needed[i]);
        return;
    }
    bool name = cfg_str(config, "data.name"), train = cfg_str(config, "data.train"),
         eval = cfg_str(config, "data.eval");
    bool test = cfg_str(config, "data.test");
    if (name && (train || eval || test))
        point_fail(b, line_of(b, "data.name"), "data has both a name and files: keep one of them");
    else if (!name && !train && !eval)
        point_fail(b, line_of(b, "data.test"),
                   "data is missing: write data: {name: ...} or data: {train: FILE, eval: FILE}");
    else if (!name && !train)
        point_fail(b, line_of(b, "data.eval"), "data.train is missing: the file of training rows");
    else if (!name && !eval)
        point_fail(b, line_of(b, "data.train"), "data.eval is missing: the file of rows to evaluate on");
    else if (!name && slot_find(b, "data.completion") && !cfg_str(config, "data.completion"))
        point_fail(b, line_of(b, "data.train"),
                   "data.completion is missing: a template of what is learned, as \"{answer}\"");
}

/* Rows of the training split; each data configuration is opened once. */
static int count_rows(struct load *l, const json_t *data, long *n, struct err *e) {
    char *key = json_dumps(data, JSON_COMPACT | JSON_SORT_KEYS);
    BUG_ON(!key, "a data configuration does not encode (%zu keys)", json_object_size(data));
    if (!l->rows_cache) l->rows_cache = json_object();
    const json_t *known = json_object_get(l->rows_cache, key);
    struct dataset *d = NULL;
    int rc = known ? 0 : data_open(&d, data, e);
    if (d) {
        json_object_set_new(l->rows_cache, key, json_integer(d->train ? rows_count(d->train) : 0));
        data_free(d);
    }
    *n = (long)json_integer_value(json_object_get(l->rows_cache, key));
    free(key);
    return rc;
}

/* train.epochs becomes train.steps, so that both ways of saying it are one configuration. */
static void count_steps(struct point_build *b, json_t *config) {
    const struct slot *epochs = slot_find(b, "train.epochs"), *steps = slot_find(b, "train.steps");
    if (!json_is_number(epochs->v)) return;
    int line = epochs->from ? epochs->from->line : b->sp->line;
    struct err e = {0};
    long rows;
    if (steps->from) {
        point_fail(b, line, "train.epochs and train.steps are both given: keep one of them");
    } else if (count_rows(b->l, cfg_get(config, "data"), &rows, &e)) {
        if (e.code == ERR_RESOURCE) b->l->code = ERR_RESOURCE;
        point_fail(b, line_of(b, "data.name"), "%s", e.msg);
    } else {
        double per_step = cfg_num(config, "train.batch_size") * cfg_num(config, "train.grad_accum");
        double n = ceil(json_number_value(epochs->v) * (double)rows / per_step - 1e-9);
        json_t *v = NULL;
        if (opt_number(steps->o, fmax(n, 1), &v, &e))
            point_fail(b, line, "train.epochs: %s", e.msg);
        else
            cfg_set(config, "train.steps", v);
        cfg_set(config, "train.epochs", json_null());
    }
}

/* Early stopping looks at evaluations: without them it would silently do nothing. */
static void check_early_stop(struct point_build *b, const json_t *config) {
    static const char *const keys[] = {"patience", "min_delta", "metric"};
    bool patient = json_is_integer(cfg_get(config, "train.early_stop.patience"));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        char key[64];
        snprintf(key, sizeof key, "train.early_stop.%s", keys[i]);
        json_t *v = cfg_get(config, key);
        if (!v || json_is_null(v)) continue;
        if (!patient)
            point_fail(b, line_of(b, key), "%s needs train.early_stop.patience", key);
        else if (!cfg_int(config, "eval.every"))
            point_fail(b, line_of(b, key), "train.early_stop needs eval.every: steps between evaluations");
    }
    const char *metric = cfg_str(config, "train.early_stop.metric");
    struct err e;
    if (metric && sweep_check_metric(task_find(cfg_str(config, "task")), metric, &e))
        point_fail(b, line_of(b, "train.early_stop.metric"), "train.early_stop.metric: %s", e.msg);
}

/* A metric that this point's evaluations do not tell would leave it without a number. */
static void check_told(struct point_build *b, const json_t *config, const char *key, int line,
                       const char *metric) {
    const struct task *task = task_find(cfg_str(config, "task"));
    if (!metric || !sweep_metric_goal(task, metric) || !task->metric_needs) return;
    const char *needs = task->metric_needs(config, strchr(metric, '/') + 1);
    if (needs) point_fail(b, line, "%s: '%s' needs %s", key, metric, needs);
}

static void check_metrics(struct point_build *b, const json_t *config) {
    const struct setting *s = settings_find(&b->l->top, "metric.name");
    const char *early = "train.early_stop.metric";
    check_told(b, config, "metric.name", s ? s->line : 0, b->l->s->metric);
    check_told(b, config, early, line_of(b, early), cfg_str(config, early));
}

static void add_point(struct point_build *b, json_t *config) {
    struct load *l = b->l;
    struct sweep_point *p = xcalloc(1, sizeof *p);
    const struct setting *data = NULL;
    p->config = config;
    p->line = b->sp->line;
    p->is_base = method_is_base(b->m);
    p->model_line = line_of(b, "model");
    for (int i = 0; i < b->nslots && !data; i++)
        if (!strncmp(b->slots[i].o->key, "data.", 5)) data = b->slots[i].from;
    p->data_line = data ? data->line : l->base_line;
    GROW(l->s->points, l->s->npoints, l->s->points_cap);
    l->s->points[l->s->npoints++] = p;
}

static const struct task *required_task(struct point_build *b) {
    static const char *const keys[] = {"model", "task"};
    const char *hint[] = {"a name of `bench ls models`, a folder or a .gguf file",
                          "a name of `bench ls tasks`, as lm"};
    const struct setting *s = NULL;
    for (int i = 0; i < 2; i++) {
        s = chain_find(b, keys[i]);
        if (!s || ynode_is_null(s->value) || !*s->value->text)
            point_fail(b, s ? s->line : b->l->base_line, "'base' lacks '%s': %s", keys[i], hint[i]);
    }
    return b->failed ? NULL : task_find(s->value->text);
}

/* Resolve and check the point of this chain. */
static bool build_point(struct point_build *b) {
    if (b->l->s->npoints >= SWEEP_MAX_POINTS) {
        point_fail(b, b->sp->line, "with this grid the sweep has more than %d points", SWEEP_MAX_POINTS);
        return false;
    }
    char warn[300] = "";
    struct err e = {0};
    json_t *config = NULL;
    const struct task *task = required_task(b);
    if (task) {
        add_rows(b, opt_core);
        add_rows(b, task->opts);
        add_rows(b, b->m->opts);
        derive_all(b);
    }
    if (task && !b->failed) config = point_config(b);
    if (task && !b->failed) check_data(b, config);
    if (task && !b->failed) count_steps(b, config);
    if (task && !b->failed) check_early_stop(b, config);
    if (task && !b->failed) check_metrics(b, config);
    if (task && !b->failed && b->m->check) {
        if (b->m->check(config, warn, sizeof warn, &e)) point_fail(b, b->sp->line, "%s", e.msg);
        if (*warn) load_warn(b->l, b->sp->line, "%s", warn);
    }
    if (b->failed)
        json_decref(config);
    else
        add_point(b, config);
    for (int i = 0; i < b->nslots; i++) json_decref(b->slots[i].v);
    free(b->slots);
    b->slots = NULL;
    b->nslots = b->slots_cap = 0;
    return !b->failed;
}

/* ---- the grid of one variant and method ---------------------------------------------------------------- */

static const struct axis *own_axis(const struct space *sp, const struct axis *global) {
    if (global->rows[0].n != 1) return NULL;
    for (int i = 0; i < sp->axes.n; i++)
        if (sp->axes.v[i].rows[0].n == 1 && !strcmp(sp->axes.v[i].rows[0].v[0].key, global->rows[0].v[0].key))
            return &sp->axes.v[i];
    return NULL;
}

/* A variant's own words, on an axis or plain, go before an axis of the file. */
static bool keep_global(const char *key, const void *arg) {
    const struct space *sp = arg;
    if (settings_find(&sp->fixed, key)) return false;
    for (int i = 0; i < sp->axes.n; i++)
        if (settings_find(&sp->axes.v[i].rows[0], key)) return false;
    return true;
}

static void add_if_used(struct axes *out, const struct axis *a, const struct method *m) {
    struct axis kept;
    if (axis_filter(&kept, a, keep_for_method, m)) axes_add(out, kept);
}

static void add_global(struct axes *out, const struct axis *a, const struct space *sp,
                       const struct method *m) {
    struct axis kept;
    struct axes one = {0};
    if (!axis_filter(&kept, a, keep_global, sp)) return;
    axes_add(&one, kept);
    add_if_used(out, &one.v[0], m);
    axes_release(&one);
}

/* The axes that apply: those of the file's `parameters`, a variant's axis in the place of the one that it
 * replaces; the variant's others; `paired`. */
static struct axes grid_axes(const struct load *l, const struct space *sp, const struct method *m) {
    struct axes out = {0};
    bool *used = xcalloc((size_t)sp->axes.n + 1, sizeof *used);
    for (int i = 0; i < l->axes.n; i++) {
        const struct axis *a = &l->axes.v[i], *own = a->paired ? NULL : own_axis(sp, a);
        if (own) {
            used[own - sp->axes.v] = true;
            add_if_used(&out, own, m);
        } else if (!a->paired) {
            add_global(&out, a, sp, m);
        }
    }
    for (int i = 0; i < sp->axes.n; i++)
        if (!used[i]) add_if_used(&out, &sp->axes.v[i], m);
    for (int i = 0; i < l->axes.n; i++)
        if (l->axes.v[i].paired) add_global(&out, &l->axes.v[i], sp, m);
    free(used);
    return out;
}

/* How many points; 0 and an error when they are too many. */
static size_t grid_size(struct load *l, const struct space *sp, const struct axes *a) {
    double n = 1;
    for (int i = 0; i < a->n; i++) n *= a->v[i].n;
    if (n <= SWEEP_MAX_POINTS) return (size_t)n;
    load_fail(l, sp->line, "this grid has %.6g points; a sweep may have %d", n, SWEEP_MAX_POINTS);
    return 0;
}

static bool each_cell_of(struct load *l, const struct space *sp, const struct method *m,
                         bool (*fn)(struct load *l, const struct grid_point *c, void *arg), void *arg) {
    struct axes axes = grid_axes(l, sp, m);
    size_t total = grid_size(l, sp, &axes);
    struct grid_point c = {sp, m, xcalloc((size_t)axes.n + 3, sizeof *c.chain), 2 + axes.n};
    bool ok = true;
    for (size_t i = 0; i < total && ok; i++) {
        size_t rest = i;
        c.chain[0] = &l->base;
        c.chain[1] = &sp->fixed;
        for (int j = axes.n - 1; j >= 0; j--) { /* the last axis is the fastest */
            c.chain[2 + j] = &axes.v[j].rows[rest % (size_t)axes.v[j].n];
            rest /= (size_t)axes.v[j].n;
        }
        ok = fn(l, &c, arg);
    }
    free(c.chain);
    axes_release(&axes);
    return ok;
}

void sweep_each_grid_point(struct load *l, bool (*fn)(struct load *l, const struct grid_point *c, void *arg),
                           void *arg) {
    for (int i = 0; i < l->nspaces; i++)
        for (int j = 0; j < l->spaces[i].methods.n; j++)
            each_cell_of(l, &l->spaces[i], method_at(&l->spaces[i].methods.v[j]), fn, arg);
}

bool sweep_add_point(struct load *l, const struct grid_point *c) {
    struct point_build b = {.l = l, .sp = c->sp, .m = c->m, .chain = c->chain, .nchain = c->n};
    return build_point(&b);
}

static bool add_cell(struct load *l, const struct grid_point *c, void *arg) {
    (void)arg;
    return sweep_add_point(l, c);
}

void sweep_make_points(struct load *l) {
    check_all(l);
    if (!l->code) sweep_each_grid_point(l, add_cell, NULL);
}
