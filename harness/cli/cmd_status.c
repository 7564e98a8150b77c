/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_status.c - `bench status [--db FILE] [--json | --watch]`: who is running on a record, and how far it
 * is.
 *
 * Reads only; works beside a `bench run`. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness/cli/command.h"
#include "harness/record/listing.h"
#include "harness/table/table.h"
#include "harness/base/util.h"
#include "harness/report/watch.h"

static int read_table(struct db *db, int (*listing)(struct db_query **q, struct db *db, struct err *e),
                      struct table **t, struct err *e) {
    struct db_query *q;
    int rc = listing(&q, db, e);
    return rc ? rc : table_query(t, q, e);
}

static void print_text(const char *path, bool held, long pid, const char *host, struct table *sweeps,
                       struct table *runs) {
    struct strbuf out = {0};
    if (held)
        strbuf_addf(&out, "%s: pid %ld on host %s is running\n\n", path, pid, host);
    else
        strbuf_addf(&out, "%s: nobody is running\n\n", path);
    if (table_rows(sweeps)) table_write(sweeps, TABLE_AS_TEXT, table_terminal(), &out);
    if (held && table_rows(runs)) {
        strbuf_adds(&out, "\n");
        table_write(runs, TABLE_AS_TEXT, table_terminal(), &out);
    }
    command_print(&out);
}

static void print_json(const char *path, bool held, long pid, const char *host, struct table *sweeps,
                       struct table *runs) {
    struct strbuf out = {0};
    json_t *who = held ? json_pack("{s:I, s:s}", "pid", (json_int_t)pid, "host", host) : json_null();
    json_t *j = json_pack("{s:s, s:o, s:o, s:o}", "db", path, "runner", who, "sweeps", table_json(sweeps),
                          "running", held ? table_json(runs) : json_array());
    table_json_write(j, &out);
    command_print(&out);
    json_decref(j);
}

/* ---- again and again ----------------------------------------------------------------------------------- */

static int terminal_lines(void) {
    struct winsize w;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) || w.ws_row < 5 ? 1000 : w.ws_row - 1;
}

/* One look. *held: somebody runs. */
static int look_once(const char *path, bool terminal, bool *held, struct err *e) {
    struct db *db;
    struct strbuf out = {0};
    char host[257], here[257] = "";
    struct watch w = {.width = table_terminal(), .height = terminal ? terminal_lines() : 1000};
    int rc = db_open(&db, path, false, e);
    if (rc) return rc;
    gethostname(here, sizeof here - 1);
    *held = db_runner(db, &w.pid, host);
    w.local = *held && !strcmp(host, here);
    if (!*held) w.pid = 0;
    if (terminal) strbuf_adds(&out, "\033[H\033[J");
    rc = watch_draw(db, &w, &out, e);
    fwrite(out.s, 1, out.len, stdout);
    if (!terminal && *held) putchar('\n');
    fflush(stdout);
    strbuf_release(&out);
    db_close(db);
    return rc;
}

static int watch_runs(const char *path, double interval, struct err *e) {
    bool terminal = isatty(STDOUT_FILENO), held;
    int rc;
    while (!(rc = look_once(path, terminal, &held, e)) && held && !ferror(stdout))
        usleep((useconds_t)(interval * 1e6));
    return rc;
}

struct options {
    const char *db;
    enum table_format format;
    bool watch;
    double interval;
};

static int check_status(const void *options, struct err *e) {
    const struct options *o = options;
    return o->watch && o->format == TABLE_AS_JSON
               ? err_set(e, ERR_USER, "--watch draws, --json tells once: one of them")
               : 0;
}

static int run_status(void *options, struct err *e) {
    const struct options *o = options;
    struct db *db = NULL;
    struct table *sweeps = NULL, *runs = NULL;
    if (o->watch) return watch_runs(o->db, o->interval, e);
    int rc = db_open(&db, o->db, false, e);
    if (!rc) rc = read_table(db, listing_sweeps, &sweeps, e);
    if (!rc) rc = read_table(db, listing_running, &runs, e);
    if (!rc) {
        long pid;
        char host[257];
        bool held = db_runner(db, &pid, host);
        (o->format == TABLE_AS_JSON ? print_json : print_text)(db_path(db), held, pid, host, sweeps, runs);
    }
    table_free(sweeps);
    table_free(runs);
    db_close(db);
    return rc;
}

static const struct option_row status_options[] = {
    {"watch", 0, AT_FLAG(watch), NULL,
     "draw the running sweep again and again, until it ends: states, curves, time left, memory"},
    {"interval", 0, AT_TIME(interval), "TIME", "with --watch: so often, in seconds or as 5s or 1m", 0.1, 3600,
     .def = "2"},
    ROW_DB(db),
    ROW_JSON(format),
    {0}};

const struct command cmd_status = {
    .name = "status",
    .summary = "who is running on a record, and how far it is",
    .about = "Who is running on a record, and how far its sweeps are.",
    .rows = status_options,
    .size = sizeof(struct options),
    .examples = "bench status\n"
                "bench status --watch --db results/bench.db\n",
    .check = check_status,
    .run = run_status,
};
