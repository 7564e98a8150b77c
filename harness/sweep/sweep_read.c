/* SPDX-License-Identifier: Apache-2.0 */
/* sweep_read.c - a sweep file's document into settings, axes and variants; the --set arguments on top.
 *
 * Nested maps become dotted keys (train: {lr: 1} is train.lr), wherever they stand. Every key is looked up in
 * the option tables first; what they do not know is an error with the closest key that they do. Owns no
 * values: settings point into the documents. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sweep/sweep_private.h"

#define MAX_ERRORS 10

/* ---- mistakes ------------------------------------------------------------------------------------------ */

static void add_position(struct load *l, struct strbuf *b, int line) {
    if (line > 0)
        strbuf_addf(b, "%s:%d: ", l->s->path, line);
    else if (line < 0)
        strbuf_addf(b, "--set %.80s: ", l->sets[-line - 1]);
    else
        strbuf_addf(b, "%s: ", l->s->path);
}

/* The message as one line, whatever stands in the user's words. */
static char *one_line(struct load *l, int line, const char *fmt, va_list ap) {
    struct strbuf b = {0};
    char msg[700];
    add_position(l, &b, line);
    vsnprintf(msg, sizeof msg, fmt, ap);
    strbuf_adds(&b, msg);
    for (size_t i = 0; i < b.len; i++)
        if (iscntrl((unsigned char)b.s[i])) b.s[i] = ' ';
    return strbuf_detach(&b);
}

static bool has_line(const struct strbuf *b, const char *line) {
    size_t n = strlen(line);
    for (const char *at = b->len ? b->s : NULL; at && *at;
         at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        if (!strncmp(at, line, n) && (at[n] == '\n' || !at[n])) return true;
    return false;
}

void load_fail(struct load *l, int line, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *msg = one_line(l, line, fmt, ap);
    va_end(ap);
    const size_t room = sizeof(((struct err *)0)->msg) - 40; /* of the line that counts the rest */
    if (has_line(&l->errors, msg)) {
        free(msg);
        return;
    }
    if (l->nerrors >= MAX_ERRORS || (l->nerrors && l->errors.len + strlen(msg) + 1 > room))
        l->nhidden++;
    else
        strbuf_addf(&l->errors, "%s%.*s", l->nerrors++ ? "\n" : "", (int)room, msg);
    if (!l->code) l->code = ERR_USER;
    free(msg);
}

void load_warn(struct load *l, int line, const char *fmt, ...) {
    struct sweep *s = l->s;
    va_list ap;
    va_start(ap, fmt);
    char *msg = one_line(l, line, fmt, ap);
    va_end(ap);
    utf8_clean(msg, false);
    for (int i = 0; i < s->nwarnings; i++)
        if (!strcmp(s->warnings[i], msg)) {
            free(msg);
            return;
        }
    GROW(s->warnings, s->nwarnings, s->warnings_cap);
    s->warnings[s->nwarnings++] = msg;
}

static const char *key_leaf(const char *key) {
    const char *dot = strrchr(key, '.');
    return dot ? dot + 1 : key;
}

struct suggestion load_suggest(const char *word, const char *const *names, size_t n) {
    struct suggestion out = {""};
    const char *near = NULL;
    for (size_t i = 0; i < n && !near; i++) /* "lr" for "train.lr" */
        if (!strcmp(key_leaf(names[i]), key_leaf(word))) near = names[i];
    if (!near) near = str_closest(word, names, n);
    if (!near) { /* "learning_rte" for "x.learning_rate" */
        const char **leaves = xcalloc(n + 1, sizeof *leaves);
        for (size_t i = 0; i < n; i++) leaves[i] = key_leaf(names[i]);
        const char *hit = str_closest(key_leaf(word), leaves, n);
        for (size_t i = 0; i < n && hit && !near; i++)
            if (leaves[i] == hit) near = names[i];
        free(leaves);
    }
    if (near) snprintf(out.text, sizeof out.text, " (did you mean '%s'?)", near);
    return out;
}

/* ---- settings and axes --------------------------------------------------------------------------------- */

const struct setting *settings_find(const struct settings *s, const char *key) {
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->v[i].key, key)) return &s->v[i];
    return NULL;
}

void settings_add(struct settings *s, const char *key, const struct ynode *value, int line) {
    GROW(s->v, s->n, s->cap);
    s->v[s->n++] = (struct setting){key, value, line};
}

bool settings_remove(struct settings *s, const char *key) {
    int kept = 0, n = s->n;
    for (int i = 0; i < n; i++)
        if (strcmp(s->v[i].key, key)) s->v[kept++] = s->v[i];
    s->n = kept;
    return kept < n;
}

void settings_release(struct settings *s) {
    free(s->v);
    *s = (struct settings){0};
}

static void axis_release(struct axis *a) {
    for (int i = 0; i < a->n; i++) settings_release(&a->rows[i]);
    free(a->rows);
    *a = (struct axis){0};
}

void axes_release(struct axes *a) {
    for (int i = 0; i < a->n; i++) axis_release(&a->v[i]);
    free(a->v);
    *a = (struct axes){0};
}

void axis_add(struct axis *a, struct settings row) {
    GROW(a->rows, a->n, a->cap);
    a->rows[a->n++] = row;
}

void axes_add(struct axes *a, struct axis axis) {
    GROW(a->v, a->n, a->cap);
    a->v[a->n++] = axis;
}

static bool row_equal(const struct settings *a, const struct settings *b) {
    if (a->n != b->n) return false;
    for (int i = 0; i < a->n; i++)
        if (strcmp(a->v[i].key, b->v[i].key) || !ynode_equal(a->v[i].value, b->v[i].value)) return false;
    return true;
}

bool axis_filter(struct axis *dst, const struct axis *src, bool (*keep)(const char *key, const void *arg),
                 const void *arg) {
    bool whole = true;
    *dst = (struct axis){.paired = src->paired};
    for (int i = 0; i < src->n; i++) {
        struct settings row = {0};
        for (int j = 0; j < src->rows[i].n; j++) {
            const struct setting *s = &src->rows[i].v[j];
            if (keep(s->key, arg))
                settings_add(&row, s->key, s->value, s->line);
            else
                whole = false;
        }
        bool seen = row.n == 0;
        for (int j = 0; j < dst->n && !seen && !whole; j++) seen = row_equal(&dst->rows[j], &row);
        if (seen)
            settings_release(&row);
        else
            axis_add(dst, row);
    }
    if (dst->n) return true;
    axis_release(dst);
    return false;
}

static bool key_differs(const char *key, const void *arg) { return strcmp(key, arg) != 0; }

static void axes_remove_key(struct axes *a, const char *key) {
    struct axes out = {0};
    for (int i = 0; i < a->n; i++) {
        struct axis kept;
        if (axis_filter(&kept, &a->v[i], key_differs, key)) axes_add(&out, kept);
    }
    axes_release(a);
    *a = out;
}

static const struct setting *axes_find(const struct axes *a, const char *key) {
    for (int i = 0; i < a->n; i++)
        if (a->v[i].n && settings_find(&a->v[i].rows[0], key)) return settings_find(&a->v[i].rows[0], key);
    return NULL;
}

/* ---- keys ---------------------------------------------------------------------------------------------- */

static const char *keyset_find(const struct keyset *k, const char *key) {
    for (size_t i = 0; i < k->n; i++)
        if (!strcmp(k->v[i], key)) return k->v[i];
    return NULL;
}

/* Is there a key below this one: "train" for "train.lr"? */
static bool keyset_prefix(const struct keyset *k, const char *key) {
    size_t n = strlen(key);
    for (size_t i = 0; i < k->n; i++)
        if (!strncmp(k->v[i], key, n) && k->v[i][n] == '.') return true;
    return false;
}

static void keyset_add(struct keyset *k, const struct opt *table) {
    for (; table && table->key; table++) {
        if (keyset_find(k, table->key)) continue;
        GROW(k->v, k->n, k->cap);
        k->v[k->n++] = table->key;
    }
}

static void unknown_key(struct load *l, const struct keyset *k, const char *key, int line) {
    static const char *const sections[] = {"base",     "metric", "seeds", "parameters",
                                           "variants", "paired", "limits"};
    if (k == &l->base_keys) {
        for (size_t i = 0; i < ARRAY_LEN(sections); i++)
            if (!strcmp(key, sections[i]))
                return load_fail(l, line, "'%s' stands at the top of the file, not here", key);
        if (keyset_find(&l->top_keys, key))
            return load_fail(l, line, "'%s' stands at the top of the file, not here", key);
        return load_fail(l, line, "unknown key '%.60s'%s", key, load_suggest(key, k->v, k->n).text);
    }
    if (keyset_find(&l->base_keys, key) || keyset_prefix(&l->base_keys, key))
        return load_fail(l, line, "'%.60s' belongs below 'base'", key);
    const char *names[64];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) names[n++] = sections[i];
    for (size_t i = 0; i < k->n && n < ARRAY_LEN(names); i++) names[n++] = k->v[i];
    load_fail(l, line, "unknown key '%.60s'%s", key, load_suggest(key, names, n).text);
}

static void add_once(struct load *l, struct settings *out, const char *key, const struct ynode *value,
                     int line) {
    const struct setting *first = settings_find(out, key);
    if (first && first->line == line)
        load_fail(l, line, "'%s' is set twice", key);
    else if (first)
        load_fail(l, line, "'%s' is already set in line %d", key, first->line);
    else
        settings_add(out, key, value, line);
}

/* One key of a map, or the maps below it, into `out`. */
static void flatten_map(struct load *l, const struct keyset *k, const char *key, const struct ynode *value,
                        int line, struct settings *out) {
    const char *known = keyset_find(k, key);
    if (known) return add_once(l, out, known, value, line);
    if (!keyset_prefix(k, key)) return unknown_key(l, k, key, line);
    if (ynode_is_null(value)) return; /* "train:" with nothing below */
    if (value->kind != YNODE_MAP)
        return load_fail(l, line, "'%s' must be a map of settings (%s: {...})", key, key);
    for (int i = 0; i < value->n; i++) {
        char *full = xasprintf("%s.%s", key, value->keys[i]->text);
        flatten_map(l, k, full, value->items[i], value->keys[i]->line, out);
        free(full);
    }
}

static bool want_map(struct load *l, const struct ynode *n, const char *what) {
    if (n->kind == YNODE_MAP) return true;
    load_fail(l, n->line, "%s must be a map (key: value)", what);
    return false;
}

/* ---- axes ---------------------------------------------------------------------------------------------- */

/* A list is the axis; anything else an axis of one. */
static bool axis_of(struct load *l, const struct setting *s, struct axis *ret) {
    *ret = (struct axis){0};
    bool list = s->value->kind == YNODE_LIST;
    if (list && !s->value->n) {
        load_fail(l, s->line, "'%s' has no values", s->key);
        return false;
    }
    for (int i = 0; i < (list ? s->value->n : 1); i++) {
        const struct ynode *v = list ? s->value->items[i] : s->value;
        struct settings row = {0};
        settings_add(&row, s->key, v, v->line);
        axis_add(ret, row);
    }
    return true;
}

/* `parameters` of the file or of a variant. Methods are kept apart: they choose which options exist. */
static void read_parameters(struct load *l, const struct ynode *n, struct axes *axes,
                            struct settings *methods) {
    struct settings flat = {0};
    if (ynode_is_null(n) || !want_map(l, n, "'parameters'")) return;
    for (int i = 0; i < n->n; i++)
        flatten_map(l, &l->base_keys, n->keys[i]->text, n->items[i], n->keys[i]->line, &flat);
    for (int i = 0; i < flat.n; i++) {
        struct axis a;
        if (!axis_of(l, &flat.v[i], &a)) continue;
        if (strcmp(flat.v[i].key, "method")) {
            axes_add(axes, a);
            continue;
        }
        for (int j = 0; j < a.n; j++)
            settings_add(methods, "method", a.rows[j].v[0].value, a.rows[j].v[0].line);
        axis_release(&a);
    }
    settings_release(&flat);
}

/* Every row of `paired` sets the keys of the first one. */
static void check_row(struct load *l, const struct settings *first, const struct settings *row, int line) {
    for (int i = 0; i < first->n; i++)
        if (!settings_find(row, first->v[i].key))
            load_fail(l, line, "this row of 'paired' lacks '%s', which the first row sets", first->v[i].key);
    for (int i = 0; i < row->n; i++)
        if (!settings_find(first, row->v[i].key))
            load_fail(l, row->v[i].line, "the first row of 'paired' lacks '%s', which this row sets",
                      row->v[i].key);
    if (settings_find(row, "method"))
        load_fail(l, line, "'method' cannot stand in 'paired': write a variant for each method");
}

static void read_paired(struct load *l, const struct ynode *n) {
    struct axis axis = {.paired = true};
    if (ynode_is_null(n)) return;
    if (n->kind != YNODE_LIST)
        return load_fail(l, n->line, "'paired' must be a list of maps: - {a: 1, b: 2}");
    for (int i = 0; i < n->n; i++) {
        struct ynode *m = n->items[i];
        if (m->kind != YNODE_MAP || !m->n) {
            load_fail(l, m->line, "a row of 'paired' must be a map: - {a: 1, b: 2}");
            continue;
        }
        struct settings row = {0};
        for (int j = 0; j < m->n; j++)
            flatten_map(l, &l->base_keys, m->keys[j]->text, m->items[j], m->keys[j]->line, &row);
        check_row(l, axis.n ? &axis.rows[0] : &row, &row, m->line);
        axis_add(&axis, row);
    }
    for (int i = 0; axis.n && i < axis.rows[0].n; i++) {
        const struct setting *s = &axis.rows[0].v[i], *first = axes_find(&l->axes, s->key);
        if (first) load_fail(l, s->line, "'%s' is an axis already, in line %d", s->key, first->line);
    }
    if (axis.n) axes_add(&l->axes, axis);
}

/* ---- variants ------------------------------------------------------------------------------------------ */

static void add_methods(struct load *l, const struct setting *s, struct settings *methods) {
    struct axis a;
    if (methods->n) return load_fail(l, s->line, "'method' is set twice");
    if (!axis_of(l, s, &a)) return;
    for (int i = 0; i < a.n; i++) settings_add(methods, "method", a.rows[i].v[0].value, a.rows[i].v[0].line);
    axis_release(&a);
}

static void read_variant(struct load *l, const struct ynode *n) {
    struct space sp = {.line = n->line};
    struct settings plain = {0};
    if (!want_map(l, n, "an entry of 'variants'")) return;
    for (int i = 0; i < n->n; i++) {
        const char *key = n->keys[i]->text;
        if (!strcmp(key, "parameters"))
            read_parameters(l, n->items[i], &sp.axes, &sp.methods);
        else
            flatten_map(l, &l->base_keys, key, n->items[i], n->keys[i]->line, &plain);
    }
    for (int i = 0; i < plain.n; i++) {
        const struct setting *s = &plain.v[i], *axis = axes_find(&sp.axes, s->key);
        if (!strcmp(s->key, "method"))
            add_methods(l, s, &sp.methods);
        else if (axis)
            load_fail(l, s->line, "'%s' is also an axis of this variant, in line %d", s->key, axis->line);
        else
            settings_add(&sp.fixed, s->key, s->value, s->line);
    }
    settings_release(&plain);
    GROW(l->spaces, l->nspaces, l->spaces_cap);
    l->spaces[l->nspaces++] = sp;
}

static void read_variants(struct load *l, const struct ynode *n) {
    if (ynode_is_null(n)) return;
    if (n->kind != YNODE_LIST)
        return load_fail(l, n->line, "'variants' must be a list: - {method: lora, parameters: {...}}");
    for (int i = 0; i < n->n; i++) read_variant(l, n->items[i]);
}

/* Without variants the whole file is one; a variant without a method of its own takes that of the file. */
static void complete_spaces(struct load *l) {
    const struct setting *base = settings_find(&l->base, "method");
    if (!l->nspaces) {
        GROW(l->spaces, l->nspaces, l->spaces_cap);
        l->spaces[l->nspaces++] = (struct space){.line = l->base_line};
    }
    for (int i = 0; i < l->nspaces; i++) {
        struct space *sp = &l->spaces[i];
        if (sp->methods.n) continue;
        for (int j = 0; j < l->param_methods.n; j++)
            settings_add(&sp->methods, "method", l->param_methods.v[j].value, l->param_methods.v[j].line);
        if (!sp->methods.n && base) add_methods(l, base, &sp->methods);
        if (!sp->methods.n && !l->code) /* else it may be what another mistake hides */
            load_fail(l, sp->line,
                      "no method: write `method: lora` here or below 'base' (`bench ls methods` lists them)");
    }
}

/* ---- --set --------------------------------------------------------------------------------------------- */

static void set_lines(struct ynode *n, int line) {
    n->line = line;
    for (int i = 0; i < n->n; i++) {
        if (n->keys) n->keys[i]->line = line;
        set_lines(n->items[i], line);
    }
}

static void space_release(struct space *sp) {
    settings_release(&sp->methods);
    settings_release(&sp->fixed);
    axes_release(&sp->axes);
}

/* The methods of sp that are wanted; marks them in `found`. A space without methods takes that of base later.
 */
static bool restrict_space(struct space *sp, const struct settings *wanted, bool *found) {
    struct settings left = {0};
    bool any = sp->methods.n == 0;
    for (int i = 0; i < wanted->n; i++) {
        bool has = any;
        for (int j = 0; j < sp->methods.n && !has; j++)
            has = ynode_equal(wanted->v[i].value, sp->methods.v[j].value);
        if (has) found[i] = true;
        if (has && !any) settings_add(&left, "method", wanted->v[i].value, wanted->v[i].line);
    }
    settings_release(&sp->methods);
    sp->methods = left;
    return any || left.n;
}

/* Variants keep the methods that are asked for and go when none is left; a method that no variant has runs on
 * base and `parameters` alone. */
static void set_method(struct load *l, const struct setting *set) {
    struct settings wanted = {0};
    int kept = 0;
    settings_release(&l->param_methods);
    if (!l->nspaces) return;
    add_methods(l, set, &wanted);
    bool *found = xcalloc((size_t)wanted.n + 1, sizeof *found);
    for (int i = 0; i < l->nspaces; i++) {
        if (restrict_space(&l->spaces[i], &wanted, found))
            l->spaces[kept++] = l->spaces[i];
        else
            space_release(&l->spaces[i]);
    }
    l->nspaces = kept;
    for (int i = 0; i < wanted.n; i++) {
        struct space sp = {.line = set->line};
        if (found[i]) continue;
        settings_add(&sp.methods, "method", wanted.v[i].value, set->line);
        GROW(l->spaces, l->nspaces, l->spaces_cap);
        l->spaces[l->nspaces++] = sp;
    }
    free(found);
    settings_release(&wanted);
}

static void set_base(struct load *l, const struct setting *set) {
    settings_remove(&l->base, set->key);
    settings_add(&l->base, set->key, set->value, set->line);
    if (!strcmp(set->key, "method")) return set_method(l, set);
    axes_remove_key(&l->axes, set->key);
    for (int i = 0; i < l->nspaces; i++) {
        settings_remove(&l->spaces[i].fixed, set->key);
        axes_remove_key(&l->spaces[i].axes, set->key);
    }
}

/* data={name: glosses} replaces everything below data. */
static void remove_below(struct settings *s, const char *prefix) {
    size_t n = strlen(prefix);
    for (int i = s->n - 1; i >= 0; i--)
        if (!strncmp(s->v[i].key, prefix, n) && s->v[i].key[n] == '.') settings_remove(s, s->v[i].key);
}

static void apply_set(struct load *l, int i) {
    const char *arg = l->sets[i], *eq = strchr(arg, '=');
    int line = -(i + 1);
    struct err e;
    struct settings flat = {0};
    if (!eq || eq == arg) return load_fail(l, line, "write key=value, for example --set train.lr=1e-3");
    if (ynode_parse_value(&l->set_docs[i], eq + 1, &e)) return load_fail(l, line, "%s", e.msg);
    set_lines(l->set_docs[i], line);
    char *key = xstrndup(arg, (size_t)(eq - arg));
    bool top = keyset_find(&l->top_keys, key) || keyset_prefix(&l->top_keys, key);
    struct settings *into = top ? &l->top : &l->base;
    flatten_map(l, top ? &l->top_keys : &l->base_keys, key, l->set_docs[i], line, &flat);
    if (!keyset_find(top ? &l->top_keys : &l->base_keys, key)) remove_below(into, key);
    for (int j = 0; j < flat.n; j++) {
        if (!top) {
            set_base(l, &flat.v[j]);
            continue;
        }
        settings_remove(into, flat.v[j].key);
        settings_add(into, flat.v[j].key, flat.v[j].value, line);
    }
    settings_release(&flat);
    free(key);
}

/* ---- the document -------------------------------------------------------------------------------------- */

static void make_keysets(struct load *l) {
    keyset_add(&l->top_keys, sweep_opts);
    keyset_add(&l->base_keys, opt_core);
    for (int i = 0; task_list[i]; i++) keyset_add(&l->base_keys, task_list[i]->opts);
    for (int i = 0; method_list[i]; i++) keyset_add(&l->base_keys, method_list[i]->opts);
}

static void read_base(struct load *l, const struct ynode *n, int line) {
    l->base_line = line;
    if (ynode_is_null(n) || !want_map(l, n, "'base'")) return;
    for (int i = 0; i < n->n; i++)
        flatten_map(l, &l->base_keys, n->keys[i]->text, n->items[i], n->keys[i]->line, &l->base);
}

void sweep_read(struct load *l) {
    const struct ynode *d = l->doc, *paired = NULL;
    make_keysets(l);
    if (d->kind != YNODE_MAP)
        return load_fail(l, d->kind == YNODE_SCALAR && !*d->text ? 0 : d->line,
                         "%s: a sweep file is a map with 'base' and axes",
                         d->kind == YNODE_SCALAR && !*d->text ? "empty" : "not a sweep");
    for (int i = 0; i < d->n; i++) {
        const char *key = d->keys[i]->text;
        const struct ynode *v = d->items[i];
        if (!strcmp(key, "base"))
            read_base(l, v, d->keys[i]->line);
        else if (!strcmp(key, "parameters"))
            read_parameters(l, v, &l->axes, &l->param_methods);
        else if (!strcmp(key, "variants"))
            read_variants(l, v);
        /* comes last in the grid, wherever it stands */
        else if (!strcmp(key, "paired"))
            paired = v;
        else
            flatten_map(l, &l->top_keys, key, v, d->keys[i]->line, &l->top);
    }
    if (paired) read_paired(l, paired);
    if (!ynode_get(d, "base")) return load_fail(l, 0, "has no 'base': the model, task and settings of a run");
    for (int i = 0; i < l->nsets; i++) apply_set(l, i);
    complete_spaces(l);
}
