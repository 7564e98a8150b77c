/* SPDX-License-Identifier: Apache-2.0 */
/* watch.h - a running sweep as a block of text for a terminal: what `bench status --watch` draws again and
 * again. */
#ifndef BENCH_WATCH_H
#define BENCH_WATCH_H

#include "harness/record/db.h"
#include "harness/base/util.h"

struct watch {
    long pid;   /* of the runner; 0: nobody runs */
    bool local; /* on this host, so that its memory can be read */
    int width, height;
};

/* Appends: the latest sweep's runs by state with a bar and the time left; a line per running run with step,
 * time left and its training loss as a sparkline; the latest finished runs; memory. At most `height` lines of
 * `width` columns. */
int watch_draw(struct db *db, const struct watch *w, struct strbuf *out, struct err *e);

/* Eighths of a column's height for n values, from the least to the largest; NaN: a space. Appended. */
void watch_sparkline(const double *v, int n, struct strbuf *out);
/* Bytes that a process's children hold now, and how many they are. */
size_t watch_children(long pid, int *n);

#endif
