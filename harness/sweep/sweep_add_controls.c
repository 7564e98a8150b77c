/* SPDX-License-Identifier: Apache-2.0 */
/* sweep_add_controls.c - `controls: auto`: the runs that a method's points must be compared with, added to
 * the sweep.
 *
 * Which those are is the method's knowledge (method.h, `controls`). LoRA+ at ratio rho, for example, is LoRA
 * at alpha * rho under Adam (2402.12354), so a gain over LoRA at alpha says nothing yet. A control is
 * resolved as its point was, from the same words of the file, with another method and a few values put over
 * them: what the file derives (lora_alpha: "2*r") is derived anew.
 *
 * Points and controls are pairs, many to many: a control that is a point of the file anyhow, or was asked for
 * twice, runs once. Control arms have no controls of their own. */
#include <stdlib.h>
#include <string.h>

#include "harness/config/cfg.h"
#include "harness/record/identity.h"
#include "harness/core/method_support.h"
#include "harness/sweep/sweep_private.h"

/* ---- one control arm ----------------------------------------------------------------------------------- */

struct walk {
    int next, own; /* point of the grid cell at hand; points of the file */
    json_t *rates; /* of tried_rates, by method */
    json_t *sites; /* model path and target_modules -> [[d_in, d_out], ...] */
};

static const struct method *wanted_method(const struct wanted_control *w) {
    const struct method *m = method_find(w->method);
    BUG_ON(!m, "control '%s': method %s", w->kind, w->method);
    return m;
}

/* The control's values as settings. The nodes stay with the load. */
static struct settings read_options(struct load *l, const struct wanted_control *w, int line) {
    struct settings out = {0};
    struct err e = {0};
    struct ynode *doc;
    char *text = json_dumps(w->options, JSON_COMPACT | JSON_REAL_PRECISION(17));
    BUG_ON(!text || ynode_parse(&doc, text, strlen(text), "control", &e), "control '%s': %s", w->kind, e.msg);
    GROW(l->docs, l->ndocs, l->docs_cap);
    l->docs[l->ndocs++] = doc;
    for (int i = 0; i < doc->n; i++) {
        const struct opt *o = opt_find(wanted_method(w)->opts, doc->keys[i]->text);
        if (!o) o = opt_find(opt_core, doc->keys[i]->text);
        BUG_ON(!o, "control '%s': %s has no option %s", w->kind, w->method, doc->keys[i]->text);
        settings_add(&out, o->key, doc->items[i], line);
    }
    free(text);
    return out;
}

static void add_pair(struct load *l, struct sweep_point *point, struct sweep_point *control,
                     const char *kind) {
    GROW(l->pairs, l->npairs, l->pairs_cap);
    l->pairs[l->npairs++] = (struct control_pair){point, control, xstrdup(kind)};
}

static bool add_control(struct load *l, const struct grid_point *c, struct sweep_point *of,
                        const struct wanted_control *w) {
    struct settings over = read_options(l, w, of->line);
    struct grid_point cell = *c;
    cell.m = wanted_method(w);
    cell.chain[cell.n++] = &over;
    bool ok = sweep_add_point(l, &cell);
    settings_release(&over);
    if (!ok) {
        load_fail(l, of->line, "this is the control arm '%s' of %s (controls: none leaves it out)", w->kind,
                  c->m->name);
        return false;
    }
    struct sweep_point *p = l->s->points[l->s->npoints - 1];
    p->is_control = true;
    add_pair(l, of, p, w->kind);
    return true;
}

/* ---- rates of its own ---------------------------------------------------------------------------------- */

/* Identity of a configuration but for its method, that method's options, and the learning rate; as if it were
 * one of `as`. */
static void rest_hash(const json_t *config, const struct method *as, char out[65]) {
    const struct method *m = method_find(cfg_str(config, "method"));
    json_t *c = json_deep_copy(config);
    for (const struct opt *o = m->opts; o && o->key; o++) cfg_set(c, o->key, json_null());
    cfg_set(c, "train.lr", json_null());
    cfg_set(c, "method", json_string(as->name));
    identity_hash(c, out);
    json_decref(c);
}

/* The learning rates that the file tries with this method, {rest: {text: rate}}; looked at once. */
static json_t *tried_rates(const struct load *l, struct walk *w, const struct method *m) {
    json_t *all = json_object_get(w->rates, m->name);
    if (all) return all;
    all = json_object();
    json_object_set_new(w->rates, m->name, all);
    for (int i = 0; i < w->own; i++) {
        const json_t *config = l->s->points[i]->config;
        if (strcmp(cfg_str(config, "method"), m->name) != 0) continue;
        char rest[65],
            *key = json_dumps(cfg_get(config, "train.lr"), JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
        rest_hash(config, m, rest);
        if (!json_object_get(all, rest)) json_object_set_new(all, rest, json_object());
        json_object_set(json_object_get(all, rest), key, cfg_get(config, "train.lr"));
        free(key);
    }
    return all;
}

static bool add_at_own_rates(struct load *l, const struct grid_point *c, struct walk *walk,
                             struct sweep_point *of, const struct wanted_control *w) {
    char rest[65];
    rest_hash(of->config, wanted_method(w), rest);
    json_t *rates = json_object_get(tried_rates(l, walk, wanted_method(w)), rest), *lr;
    const char *key;
    bool ok = true;
    if (!rates) {
        load_warn(l, of->line,
                  "the sweep tries no learning rates with %s: its runs as control arm '%s' of %s take those "
                  "of %s, which may "
                  "not suit it",
                  w->method, w->kind, c->m->name, c->m->name);
        ok = add_control(l, c, of, w);
    }
    json_object_foreach(rates, key, lr) {
        json_object_set(w->options, "train.lr", lr);
        if (ok) ok = add_control(l, c, of, w);
    }
    return ok;
}

/* ---- all points ---------------------------------------------------------------------------------------- */

/* The sites of a point, each model and choice of modules looked at once; NULL after a mistake. */
static json_t *find_sites(struct load *l, struct walk *w, const struct sweep_point *p) {
    const char *path =
        json_string_value(json_object_get(load_model(l, cfg_str(p->config, "model"), p->model_line), "path"));
    if (!path) return NULL;
    char *target =
        json_dumps(cfg_get(p->config, "target_modules"), JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    char *key = xasprintf("%s\n%s", path, target);
    json_t *hit = json_object_get(w->sites, key);
    struct site_shape *s = NULL;
    struct err e = {0};
    int n = 0;
    if (!hit && l->lookup->sites(path, p->config, &s, &n, &e)) {
        load_fail(l, p->line, "%s", e.msg);
    } else if (!hit) {
        hit = json_array();
        for (int i = 0; i < n; i++)
            json_array_append_new(hit, json_pack("[i,i,b]", s[i].d_in, s[i].d_out, s[i].bias));
        json_object_set_new(w->sites, key, hit);
    }
    free(s);
    free(key);
    free(target);
    return hit;
}

static void ask_method(const struct method *m, const json_t *config, const json_t *sites,
                       struct control_out *out) {
    size_t n = json_array_size(sites);
    struct site_shape *s = xcalloc(n + 1, sizeof *s);
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(sites, i);
        s[i].d_in = (int)json_integer_value(json_array_get(v, 0));
        s[i].d_out = (int)json_integer_value(json_array_get(v, 1));
        s[i].bias = json_is_true(json_array_get(v, 2));
    }
    m->controls(config, s, (int)n, out);
    free(s);
}

static bool add_controls_of(struct load *l, const struct grid_point *c, void *arg) {
    struct walk *w = arg;
    BUG_ON(w->next >= w->own, "cell %d of %d", w->next, w->own);
    struct sweep_point *p = l->s->points[w->next++];
    if (!c->m->controls) return true;
    if (cfg_str(p->config,
                "init")) { /* an adapter fits one alpha and rank; what is equal is so from a start at zero */
        load_warn(l, p->line, "a run with `init` has no control arms: they start from nothing learned");
        return true;
    }
    const json_t *sites = find_sites(l, w, p);
    if (!sites) return false;
    struct control_out out = {0};
    bool ok = true;
    ask_method(c->m, p->config, sites, &out);
    for (int i = 0; i < out.n && ok; i++)
        ok = out.v[i].flags & CONTROL_OWN_RATES ? add_at_own_rates(l, c, w, p, &out.v[i])
                                                : add_control(l, c, p, &out.v[i]);
    control_out_release(&out);
    return ok;
}

void sweep_add_controls(struct load *l) {
    struct walk w = {.own = l->s->npoints, .rates = json_object(), .sites = json_object()};
    sweep_each_grid_point(l, add_controls_of, &w);
    json_decref(w.rates);
    json_decref(w.sites);
}

/* ---- their place --------------------------------------------------------------------------------------- */

void sweep_replace_point(struct load *l, const struct sweep_point *p, struct sweep_point *by) {
    for (int i = 0; i < l->npairs; i++) {
        if (l->pairs[i].point == p) l->pairs[i].point = by;
        if (l->pairs[i].control == p) l->pairs[i].control = by;
    }
}

static bool is_repeated(const struct load *l, int i) {
    const struct control_pair *a = &l->pairs[i];
    for (int k = 0; k < i; k++) {
        const struct control_pair *b = &l->pairs[k];
        if (a->point == b->point && a->control == b->control && !strcmp(a->kind, b->kind)) return true;
    }
    return a->point == a->control;
}

static int index_of(const struct sweep *s, const struct sweep_point *p) {
    for (int i = 0; i < s->npoints; i++)
        if (s->points[i] == p) return i;
    BUG_ON(true, "a point of a pair is not among the %d", s->npoints);
    return -1;
}

static void keep_pairs(struct load *l) {
    struct sweep *s = l->s;
    s->controls = xcalloc((size_t)l->npairs + 1, sizeof *s->controls);
    for (int i = 0; i < l->npairs; i++) {
        const struct control_pair *a = &l->pairs[i];
        if (is_repeated(l, i)) continue;
        s->controls[s->ncontrols++] =
            (struct sweep_control){index_of(s, a->point), index_of(s, a->control), xstrdup(a->kind)};
    }
}

void sweep_place_controls(struct load *l) {
    struct sweep *s = l->s;
    struct sweep_point **placed = xcalloc((size_t)s->npoints + 1, sizeof *placed);
    int n = 0, left = l->npairs;
    if (!left) {
        free(placed);
        return;
    }
    for (int i = 0; i < s->npoints; i++) {
        if (s->points[i]->is_control) continue;
        placed[n++] = s->points[i];
        for (int k = 0; k < l->npairs; k++) {
            struct sweep_point *c = l->pairs[k].control;
            bool there = !c->is_control || l->pairs[k].point != s->points[i];
            for (int j = 0; j < n && !there; j++) there = placed[j] == c;
            if (!there) placed[n++] = c;
        }
    }
    BUG_ON(n != s->npoints, "%d of %d points have a place", n, s->npoints);
    memcpy(s->points, placed, (size_t)n * sizeof(struct sweep_point *));
    free(placed);
    keep_pairs(l);
}

void sweep_release_pairs(struct load *l) {
    for (int i = 0; i < l->npairs; i++) free(l->pairs[i].kind);
    free(l->pairs);
    for (int i = 0; i < l->ndocs; i++) ynode_free(l->docs[i]);
    free(l->docs);
}
