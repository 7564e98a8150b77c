/* SPDX-License-Identifier: Apache-2.0 */
/* plot_fixture.h - made-up databases to draw, and what was drawn. */
#ifndef BENCH_PLOT_FIXTURE_H
#define BENCH_PLOT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "harness/plot/plot.h"
#include "tests/make_plot_db.h"

static char dir[64];

static inline int make_dir(void **state) {
    (void)state;
    strcpy(dir, "/tmp/bench-test-plot-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static inline int remove_dir(void **state) {
    (void)state;
    char *cmd = xasprintf("rm -rf %s", dir);
    int rc = system(cmd);
    free(cmd);
    return rc;
}

/* <dir>/<name>/bench.db of that shape, open for reading. Made once. */
static inline struct db *open_shape(const char *shape) {
    struct err e = {0};
    struct db *db;
    char *path = xasprintf("%s/%s/bench.db", dir, shape);
    if (!file_exists(path)) assert_true(make_plot_db(shape, path));
    if (db_open(&db, path, false, &e)) fail_msg("%s", e.msg);
    free(path);
    return db;
}

static inline char *text_of(const char *path) {
    struct strbuf b = {0};
    struct err e = {0};
    if (file_read(path, 64 << 20, &b, &e)) fail_msg("%s", e.msg);
    return strbuf_detach(&b);
}

static inline char *out_file(const char *shape, const char *name) {
    return xasprintf("%s/%s/plots/%s", dir, shape, name);
}

static inline int count(const char *text, const char *what) {
    int n = 0;
    for (const char *p = text; (p = strstr(p, what)); p += strlen(what)) n++;
    return n;
}

/* Draw, expect success, and return the CSV's text. */
static inline char *draw(const char *shape, const char *kind, const char *where, unsigned formats,
                         int files) {
    struct db *db = open_shape(shape);
    struct plot_paths paths = {0};
    struct err e = {0};
    struct plot_job job = {.where = where, .formats = formats};
    if (plot_kind(db, kind, &job, &paths, &e)) fail_msg("%s", e.msg);
    assert_int_equal(paths.n, files);
    for (int i = 0; i < paths.n; i++) assert_true(file_exists(paths.path[i]));
    char *csv = text_of(paths.path[files - 2]);
    plot_paths_release(&paths);
    db_close(db);
    return csv;
}

static inline int draw_fails(const char *shape, const char *kind, const struct plot_job *job, struct err *e) {
    struct db *db = open_shape(shape);
    struct plot_paths paths = {0};
    int rc = plot_kind(db, kind, job, &paths, e);
    plot_paths_release(&paths);
    db_close(db);
    return rc;
}

#endif
