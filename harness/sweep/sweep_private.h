/* SPDX-License-Identifier: Apache-2.0 */
/* sweep_private.h - a sweep file while it is read: shared by sweep.c (the file), sweep_make_points.c (points)
 * and sweep_identify.c (identity).
 *
 * A setting is a key with the node that holds its value; a key is always the string of an option table. Lines
 * of --set arguments are negative: -1 is the first of them. Nothing here owns nodes; the documents live in
 * struct load until sweep_load returns. */
#ifndef BENCH_SWEEP_PRIVATE_H
#define BENCH_SWEEP_PRIVATE_H

#include "harness/core/method.h"
#include "harness/sweep/sweep.h"
#include "harness/core/task.h"
#include "harness/base/util.h"
#include "harness/config/yaml.h"

struct setting {
    const char *key;
    const struct ynode *value;
    int line;
};

struct settings {
    struct setting *v;
    int n, cap;
};

/* Rows that are tried one after the other; each sets the same keys (one, or those of `paired`). */
struct axis {
    struct settings *rows;
    int n, cap;
    bool paired;
};

struct axes {
    struct axis *v;
    int n, cap;
};

/* A variant, or the whole file where there are none. */
struct space {
    struct settings methods; /* key "method", one each */
    struct settings fixed;   /* replaces base */
    struct axes axes;        /* its own */
    int line;
};

struct keyset {
    const char **v;
    size_t n, cap;
};

/* A point in the making: its settings from the general to the particular. The array has room for one more. */
struct grid_point {
    const struct space *sp;
    const struct method *m;
    const struct settings **chain;
    int n;
};

struct control_pair {
    struct sweep_point *point, *control;
    char *kind;
};

struct load {
    struct sweep *s;
    const struct sweep_lookup *lookup;
    char *dir; /* of the sweep file */
    const char *const *sets;
    int nsets;
    struct ynode *doc, **set_docs;
    struct keyset top_keys, base_keys;
    struct settings top, base;
    struct axes axes;              /* of `parameters` and `paired` */
    struct settings param_methods; /* parameters: {method: [...]} */
    struct space *spaces;
    int nspaces, spaces_cap;
    int base_line;
    struct strbuf errors;
    int nerrors, nhidden;
    int code;           /* of the worst error */
    json_t *path_cache; /* model as written -> {path, digest} */
    json_t *data_cache; /* dump of the data configuration -> {digest, remarks} */
    json_t *rows_cache; /* the same -> number of training rows */
    bool wants_controls;
    struct control_pair *pairs;
    int npairs, pairs_cap;
    struct ynode **docs; /* values of control arms */
    int ndocs, docs_cap;
};

/* One mistake at a line (positive: of the file, negative: of a --set argument, 0: the whole file). The same
 * line twice is kept once. */
void load_fail(struct load *l, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void load_warn(struct load *l, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

const struct setting *settings_find(const struct settings *s, const char *key);
void settings_add(struct settings *s, const char *key, const struct ynode *value, int line);
bool settings_remove(struct settings *s, const char *key); /* was it there? */
void settings_release(struct settings *s);
void axes_release(struct axes *a);
void axis_add(struct axis *a, struct settings row); /* takes the row */
void axes_add(struct axes *a, struct axis axis);    /* takes the axis */
/* A copy of `src` with the keys that `keep` says; rows that become equal are kept once; false (and nothing to
 * release) when no key is left. */
bool axis_filter(struct axis *dst, const struct axis *src, bool (*keep)(const char *key, const void *arg),
                 const void *arg);
/* For a word that is none of the names: " (did you mean 'x'?)" or "". */
struct suggestion {
    char text[120];
};
struct suggestion load_suggest(const char *word, const char *const *names, size_t n);

/* sweep_read.c: l->doc and --set -> settings, axes, spaces. Mistakes through load_fail. */
void sweep_read(struct load *l);
/* sweep_make_points.c: spaces -> s->points, without hashes. Mistakes through load_fail. */
void sweep_make_points(struct load *l);
/* The cells of the grid in order, until fn says false. */
void sweep_each_grid_point(struct load *l, bool (*fn)(struct load *l, const struct grid_point *c, void *arg),
                           void *arg);
/* Resolve, check and append the point of a cell; false after a mistake. */
bool sweep_add_point(struct load *l, const struct grid_point *c);
/* sweep_add_controls.c: the control arms of all points, behind them, and l->pairs. */
void sweep_add_controls(struct load *l);
/* `p` is about to go: `by` stands for it in all pairs. */
void sweep_replace_point(struct load *l, const struct sweep_point *p, struct sweep_point *by);
/* When equal points are merged: each control arm to its place behind the first of its points; the pairs into
 * s->controls. */
void sweep_place_controls(struct load *l);
void sweep_release_pairs(struct load *l);
/* sweep_identify.c: digests and hashes for all points; equal ones are merged. */
void sweep_identify(struct load *l);
/* sweep_metric.c: which way a metric ("eval/loss") of the task's evaluations is better: "minimize",
 * "maximize", or NULL: none of them tells it. */
const char *sweep_metric_goal(const struct task *task, const char *name);
/* Error when NULL: the message lists what they tell. */
int sweep_check_metric(const struct task *task, const char *name, struct err *e);
/* sweep_lookup.c: the mistake of a lookup, with its code; path and digest of a model, {path, digest},
 * borrowed; null after a mistake. */
void load_lookup_fail(struct load *l, int line, const struct err *e);
const json_t *load_model(struct load *l, const char *name, int line);
/* sweep_label.c: fills s->varying. */
void sweep_find_varying(struct sweep *s);

#endif
