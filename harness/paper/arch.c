/* SPDX-License-Identifier: Apache-2.0 */
/* arch.c - families and presets of data/architectures.yaml as tensors and sites. See arch.h.
 *
 * A size is an expression (expr.h) whose words are numbers of the architecture: those put in place (`with`),
 * the preset's or the config.json's field, then the family's default, itself an expression. Rows of a block
 * are laid out layer by layer, as a model's file has them. Everything is read from a file that a user may
 * change, so every mistake names its line. */
#include "harness/paper/arch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/config/expr.h"
#include "harness/base/util.h"
#include "harness/config/yaml.h"

#define MAX_DEPTH  16      /* of defaults that ask for each other */
#define MAX_REPEAT 10000.0 /* layers */
#define MAX_PARAMS 1e14    /* a config.json may say anything: sums must stay numbers */

struct archs {
    char *path;
    struct ynode *root, *families, *presets;
};

/* ---- the file ------------------------------------------------------------------------------------------ */

static int wrong_at(const struct archs *b, const struct ynode *n, struct err *e, const char *what) {
    return err_set(e, ERR_USER, "%s:%d: %s", b->path, n ? n->line : 1, what);
}

static const char *text_of(const struct ynode *map, const char *key) {
    const struct ynode *n = map && map->kind == YNODE_MAP ? ynode_get(map, key) : NULL;
    return n && n->kind == YNODE_SCALAR ? n->text : NULL;
}

static int check_book(struct archs *b, struct err *e) {
    if (b->root->kind != YNODE_MAP) return wrong_at(b, b->root, e, "must have `families` and `presets`");
    b->families = ynode_get(b->root, "families");
    b->presets = ynode_get(b->root, "presets");
    if (!b->families || b->families->kind != YNODE_MAP)
        return wrong_at(b, b->root, e, "`families` is missing");
    if (!b->presets || b->presets->kind != YNODE_MAP) return wrong_at(b, b->root, e, "`presets` is missing");
    for (int i = 0; i < b->presets->n; i++) {
        const struct ynode *p = b->presets->items[i];
        const char *family = text_of(p, "family");
        if (!family || !ynode_get(b->families, family))
            return wrong_at(b, p, e, "a preset needs `family`, one of the families");
        if (!text_of(p, "source"))
            return wrong_at(b, p, e, "a preset needs `source`: where its numbers are published");
    }
    return 0;
}

int archs_load(struct archs **ret, const char *path, struct err *e) {
    struct archs *b = xcalloc(1, sizeof *b);
    char *share = share_dir();
    b->path = path ? xstrdup(path) : path_join(share, "data/architectures.yaml");
    free(share);
    int rc = ynode_load(&b->root, b->path, e);
    if (!rc) rc = check_book(b, e);
    if (rc) {
        archs_free(b);
        b = NULL;
    }
    *ret = b;
    return rc;
}

void archs_free(struct archs *b) {
    if (!b) return;
    ynode_free(b->root);
    free(b->path);
    free(b);
}

int archs_count(const struct archs *b) { return b->presets->n; }
const char *archs_name(const struct archs *b, int i) { return b->presets->keys[i]->text; }
const char *archs_source(const struct archs *b, int i) { return text_of(b->presets->items[i], "source"); }

/* ---- one architecture ---------------------------------------------------------------------------------- */

static int unknown_arch(const struct archs *b, const char *name, struct err *e) {
    const char **names = xcalloc((size_t)b->presets->n + 1, sizeof *names);
    for (int i = 0; i < b->presets->n; i++) names[i] = archs_name(b, i);
    const char *near = str_closest(name, names, (size_t)b->presets->n);
    free(names);
    return err_set(
        e, ERR_USER,
        "unknown architecture '%.60s'%s%s%s: neither a preset (`bench plan --arch list`) nor a config.json",
        name, near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

static const struct ynode *family_of_type(const struct archs *b, const char *type) {
    for (int i = 0; i < b->families->n; i++) {
        const struct ynode *types = ynode_get(b->families->items[i], "model_types");
        for (int k = 0; types && k < types->n; k++)
            if (types->items[k]->kind == YNODE_SCALAR && !strcmp(types->items[k]->text, type))
                return b->families->items[i];
    }
    return NULL;
}

static int open_config(struct arch *a, const char *path, struct err *e) {
    json_error_t je;
    a->config = json_load_file(path, JSON_REJECT_DUPLICATES, &je);
    if (!a->config) return err_set(e, ERR_USER, "%s:%d: %s", path, je.line > 0 ? je.line : 1, je.text);
    const char *type = json_string_value(json_object_get(a->config, "model_type"));
    if (!type) return err_set(e, ERR_USER, "%s: has no model_type: is it a model's config.json?", path);
    a->family = family_of_type(a->book, type);
    if (a->family) return 0;
    return err_set(e, ERR_USER, "%s: no family describes model_type '%.60s': add one to %s", path, type,
                   a->book->path);
}

int arch_open(struct arch *a, const struct archs *book, const char *name, const json_t *with, struct err *e) {
    *a = (struct arch){.book = book, .name = xstrdup(name), .with = with ? json_deep_copy(with) : NULL};
    a->numbers = ynode_get(book->presets, name);
    if (a->numbers) {
        a->family = ynode_get(book->families, text_of(a->numbers, "family"));
        return 0;
    }
    char *path = dir_exists(name) ? path_join(name, "config.json") : xstrdup(name);
    int rc = file_exists(path) ? open_config(a, path, e) : unknown_arch(book, name, e);
    free(path);
    return rc;
}

void arch_release(struct arch *a) {
    free(a->name);
    json_decref(a->config);
    json_decref(a->with);
    memset(a, 0, sizeof *a);
}

/* ---- numbers ------------------------------------------------------------------------------------------- */

struct ask {
    const struct arch *a;
    int depth;
    bool fields; /* words are fields of the config.json */
};

static int number_at(const struct arch *a, const char *key, int depth, double *ret, struct err *e);
static int symbol_value(void *arg, const char *key, double *ret, struct err *e);

static bool json_value(const json_t *v, double *ret) {
    if (json_is_boolean(v)) *ret = json_is_true(v);
    if (json_is_number(v)) *ret = json_number_value(v);
    return json_is_boolean(v) || json_is_number(v);
}

static int evaluate_expr(const struct arch *a, const char *text, int depth, bool fields, double *ret,
                         struct err *e) {
    struct ask q = {a, depth, fields};
    if (depth > MAX_DEPTH) return err_set(e, ERR_USER, "\"%.40s\": defaults ask for each other", text);
    return expr_eval(text, symbol_value, &q, ret, e);
}

static int symbol_value(void *arg, const char *key, double *ret, struct err *e) {
    const struct ask *q = arg;
    if (!q->fields) return number_at(q->a, key, q->depth + 1, ret, e);
    if (json_value(json_object_get(q->a->config, key), ret)) return 0;
    return err_set(e, ERR_USER, "%s: has no number '%.60s'", q->a->name, key);
}

/* From the config.json, by the family's list of fields: the first that is there. */
static int config_number(const struct arch *a, const struct ynode *from, double *ret, struct err *e) {
    const struct ynode *one = from;
    int n = from->kind == YNODE_LIST ? from->n : 1, rc = ERR_USER;
    for (int i = 0; i < n && rc; i++) {
        if (from->kind == YNODE_LIST) one = from->items[i];
        if (one->kind != YNODE_SCALAR) return wrong_at(a->book, one, e, "must be a field or an expression");
        rc = evaluate_expr(a, one->text, 0, true, ret, e);
    }
    return rc;
}

static int number_at(const struct arch *a, const char *key, int depth, double *ret, struct err *e) {
    if (json_value(json_object_get(a->with, key), ret)) return 0;
    const char *text = text_of(a->numbers, key);
    if (text) return evaluate_expr(a, text, depth, false, ret, e);
    const struct ynode *fields = ynode_get(a->family, "config"),
                       *from = a->config && fields ? ynode_get(fields, key) : NULL;
    if (from) return config_number(a, from, ret, e);
    text = text_of(ynode_get(a->family, "defaults"), key);
    if (text) return evaluate_expr(a, text, depth, false, ret, e);
    return err_set(e, ERR_USER, "architecture %s has no number '%.60s'", a->name, key);
}

int arch_number(const struct arch *a, const char *key, double *ret, struct err *e) {
    return number_at(a, key, 0, ret, e);
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

/* What a walk over all tensors calls; param returns what site is given. */
struct walk {
    const struct arch *a;
    struct net *net;
    enum dtype dtype;
    bool gate;     /* through net_base_param; else bare outlines */
    double params; /* so far */
};

static struct param *add_param(struct walk *w, const char *name, const char *suffix, int ndim, int rows,
                               int cols, bool transposed) {
    char *full = xasprintf("%s%s", name, suffix);
    struct param *p;
    if (w->gate) {
        enum dtype t = ndim == 1 ? DT_F32 : w->dtype;
        size_t row = dtype_bytes(t, (size_t)(transposed ? rows : cols));
        struct weight wt = {
            .dtype = t, .rows = rows, .cols = cols, .row_bytes = row, .transposed = transposed};
        p = net_base_param(w->net, full, ndim, &wt);
    } else {
        p = xcalloc(1, sizeof *p);
        *p = (struct param){.name = xstrdup(full),
                            .rows = rows,
                            .cols = cols,
                            .ndim = ndim,
                            .lr_mult = 1,
                            .transposed = transposed};
        GROW(w->net->params, w->net->nparams, w->net->params_cap);
        w->net->params[w->net->nparams++] = p;
    }
    free(full);
    return p;
}

/* "layers.3.q_proj": the layers' word, the number, the kind; the kind alone outside the blocks. Caller frees.
 */
static char *short_name(const char *pattern, int layer, const char *kind) {
    const char *star = strchr(pattern, '*'), *word = star;
    if (layer < 0 || !star || star - pattern < 2) return xstrdup(kind);
    for (word = star - 1; word > pattern && word[-1] != '.';) word--;
    return xasprintf("%.*s%d.%s", (int)(star - word), word, layer, kind);
}

static int size_of(const struct walk *w, const struct ynode *row, const char *key, int *ret, struct err *e) {
    const char *text = text_of(row, key);
    double v;
    if (!text) return err_set(e, ERR_USER, "%s:%d: `%s` is missing", w->a->book->path, row->line, key);
    int rc = evaluate_expr(w->a, text, 0, false, &v, e);
    if (rc) return err_wrap(e, "%s:%d", w->a->book->path, row->line);
    if (v < 1 || v > 2147483647.0 || v != floor(v))
        return err_set(e, ERR_USER, "%s:%d: `%s` of %s is %.17g, which is no size", w->a->book->path,
                       row->line, key, w->a->name, v);
    *ret = (int)v;
    return 0;
}

static int flag_of(const struct walk *w, const struct ynode *row, const char *key, bool otherwise, bool *ret,
                   struct err *e) {
    const char *text = text_of(row, key);
    double v = otherwise;
    int rc = text ? evaluate_expr(w->a, text, 0, false, &v, e) : 0;
    *ret = v != 0;
    return rc ? err_wrap(e, "%s:%d", w->a->book->path, row->line) : 0;
}

static void add_site(struct walk *w, const char *module, const char *pattern, int layer, struct param *W,
                     struct param *b) {
    const char *kind = strrchr(pattern, '.') ? strrchr(pattern, '.') + 1 : pattern;
    char *name = short_name(pattern, layer, kind);
    net_site(w->net, name, module, kind, layer, W, b);
    free(name);
}

/* One tensor or layer. layer -1: outside the blocks. */
static int add_row(struct walk *w, const struct ynode *row, int layer, struct err *e) {
    static const char *const kinds[] = {"linear", "matrix", "norm", "vector"};
    const char *pattern = NULL;
    int k = 0, rows = 1, cols = 1, rc;
    bool there, bias, transposed;
    for (; k < 4 && !(pattern = text_of(row, kinds[k])); k++) {
    }
    if (!pattern) return wrong_at(w->a->book, row, e, "a row begins with linear, matrix, norm or vector");
    if ((rc = flag_of(w, row, "if", true, &there, e)) || !there) return rc;
    if ((rc = flag_of(w, row, "bias", false, &bias, e))) return rc;
    if ((rc = flag_of(w, row, "transposed", false, &transposed, e))) return rc;
    if (k == 0) rc = size_of(w, row, "out", &rows, e);
    if (k == 1) rc = size_of(w, row, "rows", &rows, e);
    if (!rc) rc = size_of(w, row, k == 0 ? "in" : k == 1 ? "cols" : "size", &cols, e);
    if (rc) return rc;
    w->params += (double)rows * cols;
    if (w->params > MAX_PARAMS)
        return err_set(e, ERR_USER, "%s: more than %.0e parameters: is a size wrong?", w->a->name,
                       MAX_PARAMS);
    const char *star = strchr(pattern, '*');
    char *name = star && layer >= 0 ? xasprintf("%.*s%d%s", (int)(star - pattern), pattern, layer, star + 1)
                                    : xstrdup(pattern);
    struct param *W = add_param(w, name, k == 3 ? "" : ".weight", k < 2 ? 2 : 1, rows, cols, transposed),
                 *b = NULL;
    if (bias) b = add_param(w, name, ".bias", 1, 1, k < 2 ? rows : cols, false);
    if (k == 0) add_site(w, name, pattern, layer, W, b);
    free(name);
    return 0;
}

static int add_rows(struct walk *w, const struct ynode *list, int layer, struct err *e) {
    for (int i = 0; list && i < list->n; i++) {
        int rc = add_row(w, list->items[i], layer, e);
        if (rc) return rc;
    }
    return 0;
}

static int walk_family(struct walk *w, struct err *e) {
    const struct ynode *f = w->a->family, *blocks = ynode_get(f, "blocks");
    int rc = add_rows(w, ynode_get(f, "first"), -1, e);
    for (int i = 0; !rc && blocks && i < blocks->n; i++) {
        int n;
        rc = size_of(w, blocks->items[i], "repeat", &n, e);
        if (!rc && n > MAX_REPEAT) rc = wrong_at(w->a->book, blocks->items[i], e, "`repeat` is too large");
        for (int l = 0; !rc && l < n; l++) rc = add_rows(w, ynode_get(blocks->items[i], "tensors"), l, e);
    }
    return rc ? rc : add_rows(w, ynode_get(f, "last"), -1, e);
}

int arch_outline(const struct arch *a, const json_t *config, struct net *net, struct err *e) {
    struct walk w = {.a = a, .net = net};
    memset(net, 0, sizeof *net);
    net->config = config;
    return walk_family(&w, e);
}

void arch_outline_release(struct net *net) {
    for (int i = 0; i < net->nparams; i++) {
        free(net->params[i]->name);
        free(net->params[i]);
    }
    for (int i = 0; i < net->nsites; i++) {
        free(net->sites[i]->name);
        free(net->sites[i]->module);
        free(net->sites[i]);
    }
    free(net->params);
    free(net->sites);
    memset(net, 0, sizeof *net);
}

int arch_build(const struct arch *a, enum dtype dtype, struct net *net, struct err *e) {
    struct walk w = {.a = a, .net = net, .dtype = dtype, .gate = true};
    BUG_ON(!net->mem->counting, "%s has no weights to compute with", a->name);
    return walk_family(&w, e);
}

size_t arch_params(const struct net *net) {
    size_t n = 0;
    for (int i = 0; i < net->nparams; i++) n += param_size(net->params[i]);
    return n;
}
