/* SPDX-License-Identifier: Apache-2.0 */
/* progress.h - what `bench run` says while it runs, as text; the command prints it.
 *
 * On a terminal: one line per running worker and one for the sweep, drawn again in place. Otherwise: a line
 * per finished run and nothing else. Pure: the clock is passed in. */
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include <stdbool.h>

#include "harness/train/train.h"
#include "harness/base/util.h"

struct progress_run {
    const char *label; /* borrowed */
    int job;           /* whose; -1: free slot */
    bool told;         /* `p` is valid */
    struct train_progress p;
    char phase[16];
    double started;
};

struct progress {
    const char *sweep; /* name, borrowed */
    int total, done;   /* runs of this command; `done` of them ended */
    int before;        /* runs of the sweep that were finished before */
    double begun;
    double run_s; /* sum of the seconds that the ended runs took */
    int ended;
    struct progress_run *runs; /* slots */
    int nruns, cap;
};

void progress_init(struct progress *p, const char *sweep, int total, int before, double now);
void progress_release(struct progress *p);
void progress_start(struct progress *p, int job, const char *label, double now);
void progress_update(struct progress *p, int job, const struct train_progress *t);
void progress_end(struct progress *p, int job, double now);

/* The block for a terminal: at most `height` lines, each cut to `width` columns and followed by a newline;
 * *lines: how many. */
void progress_draw(const struct progress *p, double now, int width, int height, struct strbuf *out,
                   int *lines);
/* "[ 7/30] lora r=8 ... seed 0: eval/loss 3.412, 35.2 s, complete" without a newline. Counts from the whole
 * sweep. metric: the name of res->metric. */
void progress_line(const struct progress *p, const char *label, const char *metric,
                   const struct train_result *res, struct strbuf *out);

/* "8.4 s", "3:05", "2:03:05". Returns buf. "-" when not finite. */
const char *progress_time(double s, char buf[32]);
/* "512 B", "1.5 MiB", "2.0 GiB". Returns buf. */
const char *progress_bytes(double n, char buf[32]);

#endif
