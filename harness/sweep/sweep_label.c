/* SPDX-License-Identifier: Apache-2.0 */
/* sweep_label.c - names for people: which file a sweep argument means, and a run in one short line.
 *
 * A label shows the method and only what differs between the points of its sweep: method options, training,
 * the rest, targets, seed. */
#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/config/cfg.h"
#include "harness/record/identity.h"
#include "harness/core/net.h"
#include "harness/sweep/sweep_private.h"
#include "harness/core/target.h"

/* ---- labels -------------------------------------------------------------------------------------------- */

/* The value that takes part in labels: NULL where it is absent or means nothing. */
static const json_t *shown_value(const struct sweep_point *p, const char *key) {
    if (p->is_base && identity_base_ignores(key)) return NULL;
    const json_t *v = cfg_get(p->config, key);
    return v && !json_is_null(v) ? v : NULL;
}

static bool varies_key(const struct sweep *s, const char *key) {
    const json_t *first = NULL;
    for (int i = 0; i < s->npoints; i++) {
        const json_t *v = shown_value(s->points[i], key);
        if (!v) continue;
        if (first && !json_equal(first, v)) return true;
        first = v;
    }
    return false;
}

static void add_varying(struct sweep *s, const char *key) {
    for (int i = 0; i < s->nvarying; i++)
        if (!strcmp(s->varying[i], key)) return;
    if (!varies_key(s, key)) return;
    GROW(s->varying, s->nvarying, s->varying_cap);
    s->varying[s->nvarying++] = key;
}

void sweep_find_varying(struct sweep *s) {
    for (int i = 0; method_list[i]; i++)
        for (const struct opt *o = method_list[i]->opts; o && o->key; o++) add_varying(s, o->key);
    for (const struct opt *o = opt_core; o->key; o++)
        if (!strncmp(o->key, "train.", 6)) add_varying(s, o->key);
    for (const struct opt *o = opt_core; o->key; o++)
        if (strcmp(o->key, "method") && strcmp(o->key, "target_modules") && strcmp(o->key, "threads"))
            add_varying(s, o->key);
    for (int i = 0; task_list[i]; i++)
        for (const struct opt *o = task_list[i]->opts; o && o->key; o++) add_varying(s, o->key);
    add_varying(s, "target_modules");
}

/* train.lr -> lr, lora_alpha -> alpha, eval.rows as it is */
static const char *short_key(const char *key) {
    if (!strncmp(key, "train.", 6)) return key + 6;
    if (!strncmp(key, "lora_", 5)) return key + 5;
    return key;
}

/* The fewest digits, up to six, that read back as the same number: 5e-04, 1.5e-03, 0.1, 16. A derived value
 * may have none that short. */
static void add_real(struct strbuf *b, double v) {
    char text[40];
    bool small = v != 0 && fabs(v) < 0.01;
    for (int digits = small ? 0 : 1; digits <= (small ? 5 : 6); digits++) {
        snprintf(text, sizeof text, small ? "%.*e" : "%.*g", digits, v);
        if (strtod(text, NULL) == v) break;
    }
    strbuf_adds(b, text);
}

static void add_value(struct strbuf *b, const json_t *v) {
    if (json_is_string(v)) return strbuf_adds(b, json_string_value(v));
    if (json_is_real(v)) return add_real(b, json_real_value(v));
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
    strbuf_adds(b, text ? text : "?");
    free(text);
}

char *sweep_point_label(const struct sweep *s, int point) {
    BUG_ON(point < 0 || point >= s->npoints, "point=%d of %d", point, s->npoints);
    const struct sweep_point *p = s->points[point];
    struct strbuf b = {0};
    strbuf_adds(&b, cfg_str(p->config, "method"));
    for (int i = 0; i < s->nvarying; i++) {
        const char *key = s->varying[i];
        const json_t *v = shown_value(p, key);
        if (!v) continue;
        strbuf_addc(&b, ' ');
        if (!strcmp(key, "target_modules")) {
            char *name = target_name(v);
            strbuf_adds(&b, name);
            free(name);
            continue;
        }
        strbuf_addf(&b, "%s=", short_key(key));
        add_value(&b, v);
    }
    for (size_t i = 0; i < b.len; i++)
        if (iscntrl((unsigned char)b.s[i])) b.s[i] = ' ';
    char *label = strbuf_detach(&b);
    utf8_clean(label, false); /* values of the file */
    return label;
}

char *sweep_run_label(const struct sweep *s, int run) {
    BUG_ON(run < 0 || run >= s->nruns_all, "run=%d of %d", run, s->nruns_all);
    char *point = sweep_point_label(s, s->runs[run].point);
    if (s->points[s->runs[run].point]->is_base) return point;
    char *label = xasprintf("%s seed %ld", point, s->runs[run].seed);
    free(point);
    return label;
}

const char *sweep_control_kind(const struct sweep *s, int point) {
    for (int i = 0; i < s->ncontrols; i++)
        if (s->controls[i].control == point) return s->controls[i].kind;
    return NULL;
}

char *sweep_control_label(const struct sweep *s, int point) {
    const struct sweep_control *first = NULL;
    int more = 0;
    for (int i = 0; i < s->ncontrols; i++) {
        if (s->controls[i].control != point) continue;
        if (first)
            more++;
        else
            first = &s->controls[i];
    }
    if (!first) return NULL;
    char *of = sweep_point_label(s, first->point);
    char *label = more ? xasprintf("%s of %s, and of %d more", first->kind, of, more)
                       : xasprintf("%s of %s", first->kind, of);
    free(of);
    return label;
}

/* ---- finding the file ---------------------------------------------------------------------------------- */

static char *existing_path(char *path) {
    if (file_exists(path)) return path;
    free(path);
    return NULL;
}

/* " (did you mean 'sweeps/rank.yaml'?)" from what is delivered, or where such files are. */
static int not_found(const char *arg, const char *dir, struct err *e) {
    const char *slash = strrchr(arg, '/'), *stem = slash ? slash + 1 : arg, *names[256];
    size_t n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *f; d && n < ARRAY_LEN(names) && (f = readdir(d));)
        if (strstr(f->d_name, ".yaml")) names[n++] = xstrdup(f->d_name);
    if (d) closedir(d);
    const char *near = str_closest(stem, names, n);
    if (near)
        err_set(e, ERR_USER, "%s: no such sweep file (did you mean 'sweeps/%s'?)", arg, near);
    else
        err_set(e, ERR_USER, "%s: no such sweep file, here or in %s (`bench ls sweeps` lists those)", arg,
                dir);
    for (size_t i = 0; i < n; i++) free((char *)(uintptr_t)names[i]);
    return ERR_USER;
}

char *sweep_find(const char *arg, struct err *e) {
    if (!*arg) {
        err_set(e, ERR_USER, "the name of the sweep file is empty");
        return NULL;
    }
    if (file_exists(arg)) return xstrdup(arg);
    char *share = share_dir(), *dir = path_join(share, "sweeps"), *yaml = xasprintf("%s.yaml", arg);
    char *found = existing_path(path_join(share, arg));
    if (!found) found = existing_path(path_join(dir, arg));
    if (!found) found = existing_path(path_join(share, yaml));
    if (!found) found = existing_path(path_join(dir, yaml));
    if (!found) not_found(arg, dir, e);
    free(share);
    free(dir);
    free(yaml);
    return found;
}
