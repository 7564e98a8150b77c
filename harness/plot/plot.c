/* SPDX-License-Identifier: Apache-2.0 */
/* plot.c - from a database to pictures: the kinds, their file names, and all of them at a sweep's end. See
 * plot.h.
 *
 * A kind is a function from a sweep (plot_data.c) to a figure: variables and a table of numbers
 * (plot_figure.c), which the kind's gnuplot template draws. A new kind is a line in plots.def, a
 * plot_<kind>.c and a plots/<kind>.gp. */
#include "harness/plot/plot_private.h"

#include <stdlib.h>
#include <string.h>

typedef int draw_fn(struct plot_figure *f, const struct plot_set *s, struct err *e);
#define PLOT(name, at_end, help) {#name, plot_##name, at_end},
static const struct kind {
    const char *name;
    draw_fn *draw;
    bool at_end;
} kinds[] = {
#include "harness/plot/plots.def"
};
#undef PLOT

#define PLOT(name, at_end, help) #name,
const char *const plot_kinds[] = {
#include "harness/plot/plots.def"
    NULL};
#undef PLOT

#define PLOT(name, at_end, help) help,
const char *const plot_kinds_help[] = {
#include "harness/plot/plots.def"
    NULL};

static char *default_dir(const struct db *db) {
    char *dir = path_dir(db_path(db)), *plots = path_join(dir, "plots");
    free(dir);
    return plots;
}

/* "rank-plane"; where a sweep gives several pictures "rank-smollm2-135m-plane"; groups that differ in task or
 * data alone are told apart by those. */
static char *base_name(const struct plot_set *s, const char *kind) {
    struct strbuf b = {0};
    strbuf_adds(&b, s->sweep);
    if (s->ngroup > 1)
        strbuf_addf(&b, "-%s-%s-%s", s->model ? s->model : "", s->task ? s->task : "",
                    s->data ? s->data : "");
    char *file = plot_file_name(b.s), *base = xasprintf("%s-%s", file, kind);
    strbuf_release(&b);
    free(file);
    return base;
}

static int draw_group(const struct kind *k, const struct plot_set *s, const struct plot_job *job,
                      struct plot_paths *paths, struct err *e) {
    struct plot_figure f = {.kind = k->name, .template_file = job->template};
    int rc = k->draw(&f, s, e);
    if (!rc) {
        char *dir = job->out_dir ? xstrdup(job->out_dir) : default_dir(s->db), *base = base_name(s, k->name);
        rc = plot_figure_write(&f, dir, base, job->formats ? job->formats : PLOT_PNG | PLOT_SVG, paths, e);
        free(dir), free(base);
    }
    plot_figure_release(&f);
    return rc;
}

/* PLOT_NOTHING when no group has data for this kind: e says what the last one lacks. */
static int draw_kind(struct db *db, const struct kind *k, const struct plot_job *job,
                     struct plot_paths *paths, struct err *e) {
    int drawn = 0, ngroup = 1;
    for (int g = 0; g < ngroup; g++) {
        struct plot_set s;
        int rc = plot_set_read(&s, db, job, g, e);
        if (rc) return rc;
        ngroup = s.ngroup;
        rc = draw_group(k, &s, job, paths, e);
        plot_set_release(&s);
        if (rc < 0) return rc;
        drawn += rc == 0;
    }
    return drawn ? 0 : PLOT_NOTHING;
}

int plot_kind(struct db *db, const char *kind, const struct plot_job *job, struct plot_paths *paths,
              struct err *e) {
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (!strcmp(kinds[i].name, kind)) {
            int rc = draw_kind(db, &kinds[i], job, paths, e);
            return rc == PLOT_NOTHING ? e->code : rc;
        }
    const char *close = str_closest(kind, plot_kinds, ARRAY_LEN(kinds));
    struct strbuf list = {0};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) strbuf_addf(&list, "%s%s", i ? ", " : "", kinds[i].name);
    err_set(e, ERR_USER, "no kind of plot '%.60s'%s%s%s; there are %s", kind, close ? " (did you mean '" : "",
            close ? close : "", close ? "'?)" : "", list.s);
    strbuf_release(&list);
    return ERR_USER;
}

int plot_sweep(struct db *db, const char *sweep_name, const char *out_dir, char ***paths, int *npaths,
               struct err *e) {
    struct plot_job job = {.sweep = sweep_name, .out_dir = out_dir};
    struct plot_paths all = {0};
    struct err own = {0}, *why = e ? e : &own;
    int rc = 0;
    why->code = 0, why->msg[0] = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!kinds[i].at_end) continue;
        struct err one = {0};
        struct plot_paths some = {0};
        int got = draw_kind(db, &kinds[i], &job, &some, &one);
        for (int k = 0; k < some.n; k++) {
            GROW(all.path, all.n, all.cap);
            all.path[all.n++] = some.path[k];
        }
        free(some.path);
        /* too little data for this kind says nothing; no gnuplot is a remark; the rest is an error */
        if (some.drawing.code)
            *why = some.drawing;
        else if (got < 0) {
            *why = one;
            rc = got;
            break;
        }
    }
    *paths = all.path;
    *npaths = all.n;
    return rc;
}
