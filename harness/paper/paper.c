/* SPDX-License-Identifier: Apache-2.0 */
/* paper.c - reading a table's file and computing its cells. See paper.h.
 *
 * Counts come from the methods themselves: the closed form `count` over the shapes of the adapted layers, or
 * `select` over the tensors where a method trains parts of the base. Methods that this program lacks
 * (Houlsby's adapters, prefixes) are formulas in the table's file, with the paper's symbols. A cell is a
 * chain of YAML maps, the innermost first: what it does not say, its groups say. */
#include "harness/paper/paper.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/config/cfg.h"
#include "harness/config/expr.h"
#include "harness/core/method.h"
#include "harness/table/table.h"
#include "harness/core/target.h"
#include "harness/base/stats.h"
#include "harness/base/util.h"
#include "harness/config/yaml.h"

#define MAX_NESTING 4

static const char *const keys[] = {"title",     "paper",  "row",       "column",  "printed", "arch",
                                   "with",      "method", "set",       "targets", "formula", "unit",
                                   "tolerance", "binary", "confirmed", "skip",    "note",    "cells",
                                   "arm",       "sweep",  "value",     "as"};

struct chain { /* a cell and what it is in */
    const struct ynode *node;
    const struct chain *up;
};

struct reading { /* one table being read */
    struct paper *p;
    const struct archs *archs;
    struct db *db;
};

static int err_at(const struct reading *r, const struct ynode *n, struct err *e) {
    return err_wrap(e, "%s:%d", r->p->path, n->line);
}

/* ---- what a cell says ---------------------------------------------------------------------------------- */

static const struct ynode *chain_get(const struct chain *c, const char *key) {
    for (; c; c = c->up) {
        const struct ynode *n = ynode_get(c->node, key);
        if (n) return ynode_is_null(n) ? NULL : n;
    }
    return NULL;
}

static const char *say_text(const struct chain *c, const char *key) {
    const struct ynode *n = chain_get(c, key);
    return n && n->kind == YNODE_SCALAR ? n->text : NULL;
}

static bool say_bool(const struct chain *c, const char *key, bool otherwise) {
    const char *s = say_text(c, key);
    return s ? !strcmp(s, "true") : otherwise;
}

static int check_keys(const struct reading *r, const struct ynode *n, struct err *e) {
    if (n->kind != YNODE_MAP) {
        err_set(e, ERR_USER, "must be a map: {row: ..., printed: ...}");
        return err_at(r, n, e);
    }
    for (int i = 0; i < n->n; i++) {
        bool known = false;
        for (size_t k = 0; k < ARRAY_LEN(keys); k++) known |= !strcmp(keys[k], n->keys[i]->text);
        if (known) continue;
        const char *near = str_closest(n->keys[i]->text, keys, ARRAY_LEN(keys));
        err_set(e, ERR_USER, "unknown key '%.40s'%s%s%s", n->keys[i]->text, near ? " (did you mean '" : "",
                near ? near : "", near ? "'?)" : "");
        return err_at(r, n->keys[i], e);
    }
    return 0;
}

/* ---- a method's counts --------------------------------------------------------------------------------- */

struct counts {
    double trainable, stored, params;
};

/* One option of `set`, checked against the method's row; a key that neither it nor the core knows is an
 * error. */
static int set_option(const struct method *m, const char *key, const struct ynode *value, json_t *cfg,
                      struct err *e) {
    const struct opt *o = opt_find(m->opts, key);
    json_t *v;
    if (!o) o = opt_find(opt_core, key);
    if (!o) return err_set(e, ERR_USER, "method %s has no option '%.40s'", m->name, key);
    int rc = opt_parse(o, value, &v, e);
    if (!rc) cfg_set(cfg, key, v);
    return rc;
}

static int method_config(const struct chain *c, const struct method *m, json_t **ret, struct err *e) {
    const struct ynode *set = chain_get(c, "set"), *targets = chain_get(c, "targets");
    json_t *cfg = opt_config(m->opts);
    int rc = 0;
    for (int i = 0; !rc && set && set->kind == YNODE_MAP && i < set->n; i++)
        rc = set_option(m, set->keys[i]->text, set->items[i], cfg, e);
    if (!rc && targets) {
        json_t *spec = ynode_json(targets);
        rc = target_check(spec, e);
        cfg_set(cfg, "target_modules", rc ? spec : target_normal(spec));
        if (!rc) json_decref(spec);
    }
    if (rc) json_decref(cfg);
    *ret = rc ? NULL : cfg;
    return rc;
}

/* The shapes of the adapted layers; their number, or an error when there are none. */
static int adapted_shapes(const struct net *net, const json_t *cfg, struct site_shape *shapes,
                          struct err *e) {
    const json_t *spec = cfg_get(cfg, "target_modules");
    int n = 0;
    for (int i = 0; i < net->nsites; i++) {
        const struct site *s = net->sites[i];
        if (target_match(spec, s->name, s->module, s->kind, s->layer))
            shapes[n++] = (struct site_shape){s->d_in, s->d_out, s->b != NULL};
    }
    if (n) return n;
    char *name = target_name(spec);
    err_set(e, ERR_USER, "targets '%.60s' are no layers of this architecture", name);
    free(name);
    return ERR_USER;
}

static int count_method(const struct net *net, const struct method *m, const json_t *cfg, struct counts *k,
                        struct err *e) {
    size_t trainable = 0, stored = 0;
    if (m->select)
        for (int i = 0; i < net->nparams; i++)
            if (m->select(net, net->params[i])) trainable += param_size(net->params[i]);
    stored = trainable;
    if (m->count) {
        struct site_shape *shapes = xcalloc((size_t)net->nsites + 1, sizeof *shapes);
        int n = adapted_shapes(net, cfg, shapes, e);
        if (n > 0) m->count(shapes, n, cfg, &trainable, &stored);
        free(shapes);
        if (n < 0) return n;
    }
    k->trainable = (double)trainable;
    k->stored = (double)stored;
    return 0;
}

static int find_counts(const struct chain *c, const struct arch *a, struct counts *k, struct err *e) {
    const char *name = say_text(c, "method");
    const struct method *m = name ? method_find(name) : NULL;
    struct net net;
    json_t *cfg = NULL;
    if (name && !m) return err_set(e, ERR_USER, "unknown method '%.40s'", name);
    int rc = m ? method_config(c, m, &cfg, e) : 0;
    if (!rc) {
        rc = arch_outline(a, cfg, &net, e);
        k->params = (double)arch_params(&net);
        if (!rc && m) rc = count_method(&net, m, cfg, k, e);
        arch_outline_release(&net);
    }
    json_decref(cfg);
    return rc;
}

/* ---- formulas ------------------------------------------------------------------------------------------ */

struct words {
    const struct chain *c;
    const struct arch *a; /* NULL: the cell names none */
    const struct counts *k;
};

static int word_value(void *arg, const char *key, double *ret, struct err *e) {
    const struct words *w = arg;
    const struct ynode *set = chain_get(w->c, "set"),
                       *own = set && set->kind == YNODE_MAP ? ynode_get(set, key) : NULL;
    json_t *v = NULL;
    if (own && own->kind == YNODE_SCALAR && !own->quoted && ynode_number(own->text, &v)) {
        *ret = json_number_value(v);
        json_decref(v);
        return 0;
    }
    if (w->a && chain_get(w->c, "method") && !strcmp(key, "trainable")) return *ret = w->k->trainable, 0;
    if (w->a && chain_get(w->c, "method") && !strcmp(key, "stored")) return *ret = w->k->stored, 0;
    if (w->a && !strcmp(key, "params")) return *ret = w->k->params, 0;
    if (w->a) return arch_number(w->a, key, ret, e);
    return err_set(e, ERR_USER, "'%.40s' is neither in `set` nor of an architecture", key);
}

/* An expression that a cell may have under `key`; *ret stays as it is where there is none. */
static int value_of(const struct words *w, const char *key, double *ret, struct err *e) {
    const char *text = say_text(w->c, key);
    return text ? expr_eval(text, word_value, (void *)(uintptr_t)w, ret, e) : 0;
}

/* The value, and what the printed one is worth. */
static int compute_cell(const struct reading *r, const struct chain *c, double *ret, struct paper_value *v,
                        struct err *e) {
    const char *name = say_text(c, "arch"), *formula = say_text(c, "formula");
    const struct ynode *with = chain_get(c, "with");
    struct counts k = {0};
    struct arch a = {0};
    json_t *numbers = with ? ynode_json(with) : NULL;
    struct words w = {c, name ? &a : NULL, &k};
    int rc = name ? arch_open(&a, r->archs, name, numbers, e) : 0;
    if (!rc && name) rc = find_counts(c, &a, &k, e);
    if (!rc && !formula && !chain_get(c, "method"))
        rc = err_set(e, ERR_USER, "a cell needs `formula`, or `method` and `arch`, or `skip`");
    if (!rc) rc = formula ? value_of(&w, "formula", ret, e) : word_value(&w, "trainable", ret, e);
    if (!rc) rc = value_of(&w, "unit", &v->unit, e);
    if (!rc) rc = value_of(&w, "tolerance", &v->tolerance, e);
    if (name) arch_release(&a);
    json_decref(numbers);
    return rc;
}

/* ---- cells --------------------------------------------------------------------------------------------- */

/* "r=8 lora_alpha=16" of a map. */
static void add_map(struct strbuf *b, const struct ynode *map) {
    for (int i = 0; map && map->kind == YNODE_MAP && i < map->n; i++)
        if (map->items[i]->kind == YNODE_SCALAR)
            strbuf_addf(b, "%s%s=%s", b->len ? " " : "", map->keys[i]->text, map->items[i]->text);
}

static char *describe_chain(const struct chain *c) {
    const char *method = say_text(c, "method"), *arch = say_text(c, "arch"),
               *formula = say_text(c, "formula");
    const struct ynode *targets = chain_get(c, "targets");
    struct strbuf b = {0};
    if (chain_get(c, "arm")) {
        add_map(&b, chain_get(c, "arm"));
        return strbuf_detach(&b);
    }
    if (method) strbuf_adds(&b, method);
    add_map(&b, chain_get(c, "set"));
    const struct method *m = method ? method_find(method) : NULL;
    if (targets && m && !(m->flags & METHOD_NO_SITES)) {
        json_t *spec = ynode_json(targets);
        char *name = target_name(spec);
        strbuf_addf(&b, " %s", name);
        free(name);
        json_decref(spec);
    }
    if (arch) strbuf_addf(&b, "%s%s", method ? " of " : b.len ? ", " : "", arch);
    add_map(&b, chain_get(c, "with"));
    if (formula) strbuf_addf(&b, "%s%s", b.len ? ": " : "", formula);
    return strbuf_detach(&b);
}

static void judge_cell(struct paper_cell *x, const struct paper_value *v) {
    struct paper_value whole = {.number = x->computed, .unit = 1};
    char text[TABLE_FORMAT_MAX];
    x->verdict = !x->printed          ? PAPER_SILENT
                 : isnan(x->computed) ? PAPER_NOT_RUN
                                      : paper_judge(v, x->computed);
    paper_value_format(x->printed ? v : &whole, x->computed, x->shown);
    if (x->printed || !x->bytes || isnan(x->computed)) return;
    table_format_num(text, TABLE_BYTES, x->computed);
    snprintf(x->shown, sizeof x->shown, "%s", text);
}

/* A cell that runs fill. */
static int measure_cell(const struct reading *r, const struct chain *c, struct paper_cell *x, struct err *e) {
    const char *sweep = say_text(c, "sweep"), *value = say_text(c, "value");
    const struct ynode *arm = chain_get(c, "arm");
    if (!value) value = "metric";
    if (!sweep) return err_set(e, ERR_USER, "a measured cell needs `sweep`");
    if (!arm_value_known(value)) return err_set(e, ERR_USER, "unknown value '%.40s'", value);
    if (arm_check(arm, e)) return ERR_USER;
    x->arm = xcalloc(1, sizeof *x->arm);
    int rc = r->db ? arm_read(x->arm, r->db, sweep, arm, value, NULL, e) : 0;
    if (x->arm->diverged) x->arm->n = 0;
    struct stats_mean m = stats_mean(x->arm->value, x->arm->n);
    x->measured.n = m.n, x->measured.mean = m.mean, x->measured.sd = m.sd, x->measured.half = NAN;
    x->measured.of = xasprintf("%s %s", sweep, value);
    x->measured.exact = arm_value_exact(value);
    return rc;
}

static char *copy_text(const char *s) { return s ? xstrdup(s) : NULL; }

static int add_cell(struct reading *r, const struct chain *c, struct err *e) {
    struct paper *p = r->p;
    const char *skip = say_text(c, "skip"), *row = say_text(c, "row"), *column = say_text(c, "column");
    GROW(p->cells, p->ncells, p->cells_cap);
    struct paper_cell *x = &p->cells[p->ncells++];
    *x = (struct paper_cell){.row = xstrdup(row ? row : ""),
                             .column = xstrdup(column ? column : ""),
                             .printed = copy_text(say_text(c, "printed")),
                             .how = describe_chain(c),
                             .note = copy_text(skip ? skip : say_text(c, "note")),
                             .confirmed = say_bool(c, "confirmed", true),
                             .computed = NAN,
                             .line = c->node->line};
    struct paper_value v;
    const char *as = say_text(c, "as"), *value = say_text(c, "value");
    x->bytes = (as && !strcmp(as, "bytes")) || (value && str_ends_with(value, "_bytes"));
    /* beside a measurement anything may be printed: "87.5±.3" */
    bool plain = x->printed && !chain_get(c, "arm");
    int rc = paper_value_parse(plain ? x->printed : "0", say_bool(c, "binary", false), &v, e);
    if (!rc && !skip && chain_get(c, "arm")) rc = measure_cell(r, c, x, e);
    if (!rc && !skip && !x->arm) rc = compute_cell(r, c, &x->computed, &v, e);
    if (rc) return err_at(r, c->node, e);
    judge_cell(x, &v);
    return 0;
}

static int add_cells(struct reading *r, const struct chain *c, int depth, struct err *e) {
    int rc = check_keys(r, c->node, e);
    const struct ynode *cells = rc ? NULL : ynode_get(c->node, "cells");
    if (rc || !cells) return rc ? rc : add_cell(r, c, e);
    if (depth >= MAX_NESTING || cells->kind != YNODE_LIST) {
        err_set(e, ERR_USER, "`cells` must be a list, nested %d deep at most", MAX_NESTING);
        return err_at(r, cells, e);
    }
    for (int i = 0; i < cells->n && !rc; i++) {
        struct chain inner = {cells->items[i], c};
        rc = add_cells(r, &inner, depth + 1, e);
    }
    return rc;
}

static void count_verdicts(struct paper *p) {
    for (int i = 0; i < p->ncells; i++) {
        struct paper_cell *x = &p->cells[i];
        if (x->confirmed)
            p->count[x->verdict]++;
        else
            p->unconfirmed++;
    }
}

/* ---- files --------------------------------------------------------------------------------------------- */

static char *tables_dir(void) {
    char *share = share_dir(), *dir = path_join(share, "tables");
    free(share);
    return dir;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int paper_names(char ***ret, int *n, struct err *e) {
    char *dir = tables_dir(), **names = NULL;
    int used = 0, cap = 0;
    DIR *d = opendir(dir);
    *ret = NULL;
    *n = 0;
    if (!d) {
        err_set(e, ERR_RESOURCE, "%s: %s: the tables belong to the program's files", dir, strerror(errno));
        free(dir);
        return ERR_RESOURCE;
    }
    for (struct dirent *f; (f = readdir(d));) {
        size_t len = strlen(f->d_name);
        const char *dot = strchr(f->d_name, '.'); /* NAME.sweep.yaml belongs to NAME */
        if (len < 6 || !dot || strcmp(dot, ".yaml") != 0 || *f->d_name == '.' ||
            !strcmp(f->d_name, "claims.yaml"))
            continue;
        GROW(names, used, cap);
        names[used++] = xstrndup(f->d_name, len - 5);
    }
    closedir(d);
    free(dir);
    if (used) qsort(names, (size_t)used, sizeof *names, by_name);
    *ret = names;
    *n = used;
    return 0;
}

void paper_names_free(char **names, int n) {
    for (int i = 0; i < n; i++) free(names[i]);
    free(names);
}

static int no_table(const char *name, struct err *e) {
    char **names;
    int n;
    if (paper_names(&names, &n, e)) return e->code;
    const char *near = str_closest(name, (const char *const *)names, (size_t)n);
    err_set(e, ERR_USER, "unknown table '%.60s'%s%s%s; `bench table` lists them", name,
            near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
    paper_names_free(names, n);
    return ERR_USER;
}

static char *find_file(const char *name, struct err *e) {
    if (strchr(name, '/') || str_ends_with(name, ".yaml")) return xstrdup(name);
    char *dir = tables_dir(), *file = xasprintf("%s.yaml", name), *path = path_join(dir, file);
    free(dir);
    free(file);
    if (file_exists(path)) return path;
    free(path);
    no_table(name, e);
    return NULL;
}

static char *name_of(const char *path) {
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    size_t n = strlen(base);
    return xstrndup(base, n > 5 && str_ends_with(base, ".yaml") ? n - 5 : n);
}

int paper_load(struct paper **ret, const char *name, const struct archs *archs, struct db *db,
               struct err *e) {
    char *path = find_file(name, e);
    struct ynode *root = NULL;
    *ret = NULL;
    if (!path) return e->code;
    struct paper *p = xcalloc(1, sizeof *p);
    p->path = path;
    p->name = name_of(path);
    struct reading r = {p, archs, db};
    int rc = ynode_load(&root, path, e);
    if (!rc) {
        struct chain c = {root, NULL};
        rc = add_cells(&r, &c, 0, e);
        p->title = copy_text(root->kind == YNODE_MAP ? say_text(&c, "title") : NULL);
        p->source = copy_text(root->kind == YNODE_MAP ? say_text(&c, "paper") : NULL);
        p->sweep = copy_text(root->kind == YNODE_MAP ? say_text(&c, "sweep") : NULL);
    }
    if (!rc) rc = paper_measured_read(p, e);
    if (!rc) paper_measured_judge(p);
    if (!rc) count_verdicts(p);
    ynode_free(root);
    if (rc) {
        paper_free(p);
        return rc;
    }
    *ret = p;
    return 0;
}

void paper_free(struct paper *p) {
    if (!p) return;
    for (int i = 0; i < p->ncells; i++) {
        struct paper_cell *x = &p->cells[i];
        free(x->row), free(x->column), free(x->printed), free(x->how), free(x->note), free(x->arm);
        free(x->measured.of);
    }
    free(p->cells);
    free(p->name), free(p->path), free(p->title), free(p->source), free(p->sweep);
    free(p);
}
