/* SPDX-License-Identifier: Apache-2.0 */
/* sweep.c - from a sweep file to runs: what stands at the top of the file, the order of runs, and the loading
 * itself.
 *
 * The steps: sweep_read (document and --set -> settings, axes, variants), the top-level values here,
 * sweep_make_points (the grid: configurations, checked), then, only when all that is right, sweep_identify
 * (models and data are looked up, points get their hashes). See sweep.h. */
#include "harness/sweep/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "harness/sweep/sweep_private.h"

/* ---- top-level values ---------------------------------------------------------------------------------- */

/* The checked value of a row, its default where the file has none. New reference; NULL on a mistake. */
static json_t *top_value(struct load *l, const char *key) {
    const struct opt *o = opt_find(sweep_opts, key);
    const struct setting *s = settings_find(&l->top, key);
    struct err e;
    json_t *v;
    if (!s) return opt_default(o);
    if (!opt_parse(o, s->value, &v, &e)) return v;
    load_fail(l, s->line, "%s", e.msg);
    return NULL;
}

static char *top_text(struct load *l, const char *key, const char *otherwise) {
    json_t *v = top_value(l, key);
    const char *s = json_string_value(v);
    char *text = xstrdup(s ? s : otherwise);
    json_decref(v);
    return text;
}

static double top_number(struct load *l, const char *key) {
    json_t *v = top_value(l, key);
    double n = json_number_value(v); /* 0 for null */
    json_decref(v);
    return n;
}

static void add_seed(struct load *l, const struct ynode *n) {
    static const struct opt row = {"seeds", OPT_INT, "0", 0, 2147483648.0, NULL, NULL};
    struct sweep *s = l->s;
    struct err e;
    json_t *v;
    if (opt_parse(&row, n, &v, &e)) return load_fail(l, n->line, "%s", e.msg);
    long seed = (long)json_integer_value(v);
    json_decref(v);
    for (int i = 0; i < s->nseeds; i++)
        if (s->seeds[i] == seed) return load_fail(l, n->line, "seeds: %ld stands there twice", seed);
    s->seeds = xrealloc(s->seeds, ((size_t)s->nseeds + 1) * sizeof *s->seeds);
    s->seeds[s->nseeds++] = seed;
}

static void read_seeds(struct load *l) {
    const struct setting *set = settings_find(&l->top, "seeds");
    const struct ynode *n = set ? set->value : NULL;
    if (!n) {
        l->s->seeds = xcalloc(1, sizeof *l->s->seeds);
        l->s->nseeds = 1;
        return;
    }
    if (n->kind == YNODE_SCALAR) return add_seed(l, n);
    if (n->kind != YNODE_LIST || !n->n)
        return load_fail(l, n->line, "seeds: must be a list of whole numbers: [0, 1, 2]");
    if (n->n > SWEEP_MAX_SEEDS)
        return load_fail(l, n->line, "seeds: %d are too many (at most %d)", n->n, SWEEP_MAX_SEEDS);
    for (int i = 0; i < n->n; i++) add_seed(l, n->items[i]);
}

/* "a/rank.yaml" -> "rank" */
static char *file_stem(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    return xstrndup(name, dot && dot > name ? (size_t)(dot - name) : strlen(name));
}

static void check_name(struct load *l) {
    const struct setting *s = settings_find(&l->top, "name");
    const char *name = l->s->name;
    int line = s ? s->line : 0;
    char *clean = xstrdup(name);
    utf8_clean(clean, false);
    if (!*name || strlen(name) > 100 || strchr(name, '/') || strcmp(clean, name) != 0)
        load_fail(l, line,
                  "name: '%.40s' must have 1 to 100 characters, no slash, line break or control character",
                  name);
    free(clean);
}

/* What no evaluation tells would leave every cell without a number. */
static void check_metric(struct load *l, const struct task *task) {
    const struct setting *s = settings_find(&l->top, "metric.name");
    struct err e;
    if (s && task && sweep_check_metric(task, l->s->metric, &e))
        load_fail(l, s->line, "metric.name: %s", e.msg);
}

/* The wrong way round, the worst cell would be called the best. */
static void check_goal(struct load *l, const struct task *task) {
    const struct setting *s = settings_find(&l->top, "metric.goal");
    const char *goal = sweep_metric_goal(task, l->s->metric);
    if (!s || !goal || !strcmp(l->s->goal, goal)) return;
    load_fail(l, s->line,
              "metric.goal: '%s' contradicts %s, which is better when it is %s (leave metric.goal out, or "
              "write '%s')",
              l->s->goal, l->s->metric, !strcmp(goal, "minimize") ? "lower" : "higher", goal);
}

static bool wants_controls(struct load *l) {
    char *how = top_text(l, "controls", "none");
    bool yes = !strcmp(how, "auto");
    free(how);
    return yes;
}

/* What a sweep is judged by that does not say it. */
static const char *default_metric(struct load *l, const struct task *task) {
    const struct setting *other = task && task->other_key ? settings_find(&l->base, task->other_key) : NULL;
    if (other && !ynode_is_null(other->value)) return task->other_metric;
    return task ? task->default_metric : "eval/loss";
}

static void read_top(struct load *l) {
    struct sweep *s = l->s;
    const struct setting *t = settings_find(&l->base, "task");
    const struct task *task = t && t->value->kind == YNODE_SCALAR ? task_find(t->value->text) : NULL;
    char *stem = file_stem(s->path);
    s->name = top_text(l, "name", stem);
    s->metric = top_text(l, "metric.name", default_metric(l, task));
    const char *goal = sweep_metric_goal(task, s->metric);
    s->goal = top_text(l, "metric.goal", goal ? goal : task ? task->default_goal : "minimize");
    s->save = top_text(l, "save", "adapter");
    s->run_cap = (long)top_number(l, "run_cap");
    l->wants_controls = wants_controls(l);
    s->memory_limit = (size_t)top_number(l, "limits.memory");
    s->time_limit = top_number(l, "limits.time");
    free(stem);
    check_name(l);
    check_metric(l, task);
    check_goal(l, task);
    read_seeds(l);
}

/* ---- runs ---------------------------------------------------------------------------------------------- */

static void make_runs(struct sweep *s) {
    size_t all = 0;
    for (int i = 0; i < s->npoints; i++) all += s->points[i]->is_base ? 1 : (size_t)s->nseeds;
    BUG_ON(all > (size_t)SWEEP_MAX_POINTS * SWEEP_MAX_SEEDS, "all=%zu", all);
    s->runs = xcalloc(all + 1, sizeof *s->runs);
    for (int i = 0; i < s->npoints; i++) {
        if (s->points[i]->is_base)
            s->runs[s->nruns_all++] = (struct sweep_run){i, 0};
        else
            for (int j = 0; j < s->nseeds; j++) s->runs[s->nruns_all++] = (struct sweep_run){i, s->seeds[j]};
    }
    s->nruns = s->run_cap && s->run_cap < s->nruns_all ? (int)s->run_cap : s->nruns_all;
}

/* ---- loading ------------------------------------------------------------------------------------------- */

static void load_release(struct load *l) {
    ynode_free(l->doc);
    for (int i = 0; i < l->nsets; i++) ynode_free(l->set_docs[i]);
    free(l->set_docs);
    free(l->dir);
    free(l->top_keys.v);
    free(l->base_keys.v);
    settings_release(&l->top);
    settings_release(&l->base);
    settings_release(&l->param_methods);
    axes_release(&l->axes);
    for (int i = 0; i < l->nspaces; i++) {
        settings_release(&l->spaces[i].methods);
        settings_release(&l->spaces[i].fixed);
        axes_release(&l->spaces[i].axes);
    }
    free(l->spaces);
    strbuf_release(&l->errors);
    json_decref(l->path_cache);
    json_decref(l->data_cache);
    json_decref(l->rows_cache);
    sweep_release_pairs(l);
}

void sweep_free(struct sweep *s) {
    if (!s) return;
    for (int i = 0; i < s->npoints; i++) {
        json_decref(s->points[i]->config);
        json_decref(s->points[i]->remarks);
        free(s->points[i]);
    }
    for (int i = 0; i < s->nwarnings; i++) free(s->warnings[i]);
    free(s->points);
    free(s->warnings);
    free(s->seeds);
    free(s->runs);
    free(s->varying);
    for (int i = 0; i < s->ncontrols; i++) free(s->controls[i].kind);
    free(s->controls);
    free(s->name);
    free(s->path);
    free(s->yaml);
    free(s->overrides);
    free(s->metric);
    free(s->goal);
    free(s->save);
    free(s);
}

static int open_document(struct load *l, struct err *e) {
    struct strbuf text = {0}, sets = {0};
    int rc = input_read(l->s->path, YNODE_MAX_BYTES, &text, e);
    if (rc && e) rc = e->code = ERR_USER;
    size_t size = text.len; /* may hold NUL bytes: the parser refuses them by line */
    l->s->yaml = strbuf_detach(&text);
    if (!rc) rc = ynode_parse(&l->doc, l->s->yaml, size, l->s->path, e);
    for (int i = 0; i < l->nsets; i++) strbuf_addf(&sets, "%s%s", i ? "\n" : "", l->sets[i]);
    l->s->overrides = l->nsets ? strbuf_detach(&sets) : NULL;
    return rc;
}

static int load_errors(struct load *l, struct err *e) {
    if (!l->code) return 0;
    if (l->nhidden) return err_set(e, l->code, "%s\n(and %d more)", l->errors.s, l->nhidden);
    return err_set(e, l->code, "%s", l->errors.s);
}

static int load_all(struct load *l, struct err *e) {
    int rc = open_document(l, e);
    if (rc) return rc;
    sweep_read(l);
    read_top(l);
    sweep_make_points(l); /* after a mistake it only looks for others */
    if ((rc = load_errors(l, e))) return rc;
    if (l->wants_controls) sweep_add_controls(l);
    if ((rc = load_errors(l, e))) return rc;
    sweep_identify(l);
    if ((rc = load_errors(l, e))) return rc;
    sweep_place_controls(l);
    sweep_find_varying(l->s);
    make_runs(l->s);
    return 0;
}

int sweep_load(struct sweep **ret, const char *path, const char *const *sets, int nsets,
               const struct sweep_lookup *lookup, struct err *e) {
    struct load l = {.lookup = lookup ? lookup : &sweep_lookup_real, .sets = sets, .nsets = nsets};
    l.s = xcalloc(1, sizeof *l.s);
    l.s->path = xstrdup(path);
    l.dir = path_dir(path);
    l.set_docs = xcalloc((size_t)nsets + 1, sizeof *l.set_docs);
    l.path_cache = json_object();
    l.data_cache = json_object();
    int rc = load_all(&l, e);
    *ret = rc ? NULL : l.s;
    if (rc) sweep_free(l.s);
    load_release(&l);
    return rc;
}
