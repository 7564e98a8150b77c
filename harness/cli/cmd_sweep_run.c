/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_sweep_run.c - a sweep that runs, as the terminal shows it: one block drawn again in place, or lines;
 * and the plots. See cmd_sweep.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness/base/util.h"
#include "harness/cli/cmd_sweep.h"
#include "harness/plot/plot.h"

struct show {
    struct run_sweep *run;
    bool tty;
    int drawn; /* lines of the block on the terminal */
};

/* ---- the terminal -------------------------------------------------------------------------------------- */

static void terminal_size(int *width, int *height) {
    struct winsize w;
    *width = 80;
    *height = 24;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0) return;
    if (w.ws_col > 1) *width = w.ws_col;
    if (w.ws_row > 2) *height = w.ws_row;
}

/* Replace the block by `line` (NULL: nothing) and, when `again`, a new block. One write: no flicker. */
static void redraw_status(struct show *c, const char *line, bool again) {
    struct strbuf out = {0};
    if (c->drawn) strbuf_addf(&out, "\r\033[%dA\033[J", c->drawn);
    c->drawn = 0;
    if (line) strbuf_addf(&out, "%s\n", line);
    if (again) {
        int width, height;
        terminal_size(&width, &height);
        progress_draw(&c->run->progress, now_seconds(), width - 1, height - 1, &out, &c->drawn);
    }
    if (out.len) fwrite(out.s, 1, out.len, stdout);
    fflush(stdout);
    strbuf_release(&out);
}

static void on_line(void *arg, const char *line) {
    struct show *c = arg;
    if (c->tty) {
        redraw_status(c, line, c->run->progress.done < c->run->progress.total);
        return;
    }
    printf("%s\n", line);
    fflush(stdout);
}

static void on_status(void *arg) {
    struct show *c = arg;
    if (c->tty) redraw_status(c, NULL, true);
}

/* ---- before and after ---------------------------------------------------------------------------------- */

static void on_found(void *arg) {
    const struct run_sweep *c = ((const struct show *)arg)->run;
    const struct sweep *s = c->sweep;
    int bases = c->pending.n + c->pending.finished - s->nruns, arms = 0;
    for (int i = 0; i < s->nruns; i++) arms += s->points[s->runs[i].point]->is_control;
    if (c->pending.finished)
        printf("%s: %d of %d runs are done already", s->name, c->pending.finished, s->nruns);
    else
        printf("%s: %d run%s", s->name, s->nruns, s->nruns == 1 ? "" : "s");
    if (bases > 0) printf(", and the untouched base");
    if (arms) printf(", %d of them control arms", arms);
    if (s->nruns_all > s->nruns) printf("; %d more stay behind run_cap", s->nruns_all - s->nruns);
    if (c->pending.n) {
        char b[32];
        printf("; %d core%s, %s free", c->machine.cores, c->machine.cores == 1 ? "" : "s",
               progress_bytes((double)c->machine.mem_free, b));
    }
    printf("\n");
    fflush(stdout);
}

static void print_end(const struct run_sweep *c, double seconds) {
    char t[32];
    const char *sep = "";
    printf("%s: ", c->sweep->name);
    for (int i = 0; i < RUN_NSTATES; i++) {
        if (!c->counts[i]) continue;
        printf("%s%d %s", sep, c->counts[i],
               i == RUN_DIVERGED ? "diverged (nan)" : run_state_name((enum run_state)i));
        sep = ", ";
    }
    if (!*sep) printf("nothing to do");
    printf("; %s\n", progress_time(seconds, t));
}

static void print_continue(const struct run_sweep *c) {
    int left = c->pending.n;
    for (int i = 0; i < RUN_NSTATES; i++)
        if (run_state_is_finished((enum run_state)i) || run_state_is_bad((enum run_state)i))
            left -= c->counts[i];
    printf("Stopped; %d run%s left. The same command continues: bench run %s", left,
           left == 1 ? " is" : "s are", c->options->file);
    if (strcmp(c->options->db, DB_DEFAULT) != 0) printf(" --db %s", c->options->db);
    for (int i = 0; i < c->options->nsets; i++) printf(" --set '%s'", c->options->sets[i]);
    printf("\n");
}

static bool ends_in(const char *s, const char *end) {
    size_t n = strlen(s), k = strlen(end);
    return n >= k && !strcmp(s + n - k, end);
}

/* Whatever the sweep has data for. Plots are no reason to fail. Of each one file is named: the picture, or
 * the data where gnuplot is missing; the others lie beside it. */
static void draw_plots(const struct run_sweep *c) {
    char **paths = NULL;
    int n = 0, pictures = 0;
    struct err e = {0};
    if (plot_sweep(c->db, c->sweep->name, NULL, &paths, &n, &e) != 0 || *e.msg)
        fprintf(stderr, "bench run: plots: %s\n", e.msg);
    for (int i = 0; i < n; i++) pictures += ends_in(paths[i], ".png");
    for (int i = 0; i < n; i++) {
        if (ends_in(paths[i], pictures ? ".png" : ".csv")) printf("Plot: %s\n", paths[i]);
        free(paths[i]);
    }
    free(paths);
}

static bool some_failed(const struct run_sweep *r) {
    int n = 0;
    for (int i = 0; i < RUN_NSTATES; i++)
        if (run_state_is_bad((enum run_state)i)) n += r->counts[i];
    return n > 0;
}

int cmd_sweep_run(const struct run_sweep_options *o, const struct sweep *s, struct err *e) {
    struct show show = {0};
    struct run_sweep_hooks hooks = {&show, cmd_sweep_warn, on_found, on_line, on_status};
    struct run_sweep r = {.options = o, .sweep = s, .hooks = &hooks, .stops = cmd_sweep_stops()};
    const char *term = getenv("TERM");
    show.run = &r;
    show.tty = isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
    double begun = now_seconds();
    int rc = run_sweep(&r, e), code;
    if (show.tty) redraw_status(&show, NULL, false);
    if (rc && (rc != ERR_STOP || !r.sweep_id)) { /* nothing ran, or it is broken */
        run_sweep_release(&r);
        return rc;
    }
    print_end(&r, now_seconds() - begun);
    if (rc == ERR_STOP) print_continue(&r);
    printf("Record: %s\n", db_path(r.db));
    fflush(stdout);
    if (rc != ERR_STOP) draw_plots(&r);
    code = rc == ERR_STOP ? 130 : some_failed(&r);
    run_sweep_release(&r);
    return code;
}
