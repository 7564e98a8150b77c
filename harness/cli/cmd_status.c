/* cmd_status.c - `bench status [--db FILE] [--json | --watch]`: who is running on a record, and how far it
 * is.
 *
 * Reads only; works beside a `bench run`. */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness/cli/cmd.h"
#include "harness/record/db.h"
#include "harness/table/table.h"
#include "harness/base/util.h"
#include "harness/report/watch.h"

/* One row per sweep, latest first: its cells by what became of them. */
static const char sweeps_sql[] =
    "SELECT s.name AS sweep, count(*) AS runs,"
    " sum(r.state = 'complete') AS complete, sum(r.state = 'nan') AS diverged,"
    " sum(r.state IN " RUN_SQL_BAD ") AS failed, sum(r.state IN " RUN_SQL_STOPPED ") AS interrupted,"
    " sum(r.state IN " RUN_SQL_OPEN ") AS running, sum(c.run_id IS NULL) AS missing, max(s.begun) AS "
    "begun"
    " FROM sweep_runs c JOIN sweep s ON s.id = c.sweep_id LEFT JOIN runs r ON r.run_id = c.run_id"
    " GROUP BY s.id ORDER BY max(s.begun) DESC, s.id DESC LIMIT 20";

/* The runs that are running, with the last training loss told. */
static const char runs_sql[] =
    "SELECT r.run_id AS run, r.sweep AS sweep, r.method AS method, r.r AS r, r.lr AS lr, r.seed AS seed,"
    " (SELECT max(step) FROM metric WHERE run = r.run_id AND key = 'train/loss') AS step,"
    " (SELECT num FROM param WHERE point = r.point_id AND key = 'train.steps') AS steps,"
    " (SELECT value FROM metric WHERE run = r.run_id AND key = 'train/loss' ORDER BY step DESC LIMIT 1) AS "
    "train_loss,"
    " r.threads AS threads FROM runs r WHERE r.state = 'running' ORDER BY r.run_id";

static int read_table(struct db *db, const char *sql, struct table **t, struct err *e) {
    struct db_query *q;
    int rc = db_query(db, &q, sql, e);
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
    fwrite(out.s, 1, out.len, stdout);
    strbuf_release(&out);
}

static void print_json(const char *path, bool held, long pid, const char *host, struct table *sweeps,
                       struct table *runs) {
    struct strbuf out = {0};
    json_t *who = held ? json_pack("{s:I, s:s}", "pid", (json_int_t)pid, "host", host) : json_null();
    json_t *j = json_pack("{s:s, s:o, s:o, s:o}", "db", path, "runner", who, "sweeps", table_json(sweeps),
                          "running", held ? table_json(runs) : json_array());
    table_json_write(j, &out);
    fwrite(out.s, 1, out.len, stdout);
    json_decref(j);
    strbuf_release(&out);
}

static int usage(int rc) {
    fputs("usage: bench status [--db FILE] [--json | --watch] [--interval SECONDS]\n"
          "Who is running on a record, and how far its sweeps are.\n\n"
          "  --db FILE           the database (" DB_DEFAULT ")\n"
          "  --watch             draw the running sweep again and again, until it ends: states, curves, time "
          "left, memory\n"
          "  --interval SECONDS  so often (2)\n\n"
          "examples:\n"
          "  bench status\n"
          "  bench status --watch --db results/bench.db\n",
          rc ? stderr : stdout);
    return rc;
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
    *held = db_runner(db_path(db), &w.pid, host);
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

int cmd_status(int argc, char **argv) {
    static const struct option longs[] = {
        {"db", required_argument, NULL, 'd'}, {"json", no_argument, NULL, 'j'},
        {"watch", no_argument, NULL, 'w'},    {"interval", required_argument, NULL, 'i'},
        {"help", no_argument, NULL, 'h'},     {0}};
    const char *path = DB_DEFAULT;
    bool json = false, again = false;
    double interval = 2;
    for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;) {
        if (c == 'd')
            path = optarg;
        else if (c == 'j')
            json = true;
        else if (c == 'w')
            again = true;
        else if (c == 'i') {
            char *end;
            interval = strtod(optarg, &end);
            if (*end || !(interval >= 0.1 && interval <= 3600)) {
                fprintf(stderr, "bench status: --interval '%.40s': seconds, 0.1 to 3600\n", optarg);
                return 2;
            }
        } else
            return usage(c == 'h' ? 0 : 2);
    }
    if (optind < argc || (json && again)) return usage(2);
    struct db *db = NULL;
    struct table *sweeps = NULL, *runs = NULL;
    struct err e = {0};
    if (again) {
        if (!watch_runs(path, interval, &e)) return 0;
        fprintf(stderr, "bench status: %s\n", e.msg);
        return err_exit_code(&e);
    }
    int rc = db_open(&db, path, false, &e);
    if (!rc) rc = read_table(db, sweeps_sql, &sweeps, &e);
    if (!rc) rc = read_table(db, runs_sql, &runs, &e);
    if (!rc) {
        long pid;
        char host[257];
        bool held = db_runner(db_path(db), &pid, host);
        (json ? print_json : print_text)(db_path(db), held, pid, host, sweeps, runs);
    } else
        fprintf(stderr, "bench status: %s\n", e.msg);
    table_free(sweeps);
    table_free(runs);
    db_close(db);
    return rc ? err_exit_code(&e) : 0;
}
