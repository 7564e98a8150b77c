/* SPDX-License-Identifier: Apache-2.0 */
/* perf_record.c - what recording costs `bench run`: runs of 60 steps as a sweep makes them, written as the
 * parent of the workers writes them, a commit at the start and at the end of each and one a second in
 * between.
 *
 *   build/tests/perf/perf_record [FOLDER [RUNS]]      default: results, 200 runs
 *
 * Prints seconds per run, per commit and per row. FOLDER chooses the disk: the cost is that of its fsync. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/util.h"
#include "harness/config/cfg.h"
#include "harness/record/db.h"

enum { STEPS = 60, ITEMS = 200, ROWS = 3 * STEPS + ITEMS };

static struct err e;

static void check(int rc) {
    if (!rc) return;
    fprintf(stderr, "perf_record: %s\n", e.msg);
    exit(3);
}

/* A sweep of one point; ids of the sweep, the point and what ran it. */
static void begin_sweep(struct db *db, struct db_run *run) {
    int64_t model, data;
    json_t *config = json_object();
    cfg_set(config, "method", json_string("lora"));
    cfg_set(config, "r", json_integer(8));
    check(db_env(db, &(struct db_env){.build = "perf", .cores = 2}, &run->env, &e));
    check(db_model(db, &(struct db_model){"m", "/m", "d", 1}, &model, &e));
    check(db_dataset(db, &(struct db_dataset){"d", "/d", "d"}, &data, &e));
    check(db_sweep_begin(db, &(struct db_sweep){"perf", "/s", "y", NULL, "eval/loss", "minimize", 0},
                         &run->sweep, &e));
    check(db_point(db, &(struct db_point){"hash", "base", config, model, data}, &run->point, &e));
    check(db_sweep_ready(db, &e));
    run->threads = 1;
    json_decref(config);
}

/* Seconds of the commits and of the rows. */
static void write_run(struct db *db, const struct db_run *run, double *commits, double *rows) {
    int64_t id;
    struct train_result res = {
        .state = RUN_COMPLETE, .steps = STEPS, .eval_loss = 1, .metric = 1, .peak_bytes = 1};
    double t0 = now_seconds();
    check(db_run_new(db, run, &id, &e));
    double t1 = now_seconds();
    for (int i = 0; i < STEPS; i++) {
        check(db_metric(db, id, "train/loss", i, 1.0 / (i + 1), &e));
        check(db_metric(db, id, "train/lr", i, 1e-3, &e));
        check(db_metric(db, id, "train/grad_norm", i, 1, &e));
    }
    for (int i = 0; i < ITEMS; i++) check(db_item(db, id, "eval/loss", i, 1, 1, &e));
    double t2 = now_seconds();
    check(db_run_finish(db, id, &res, 0, &e));
    *rows += t2 - t1;
    *commits += now_seconds() - t2 + t1 - t0;
}

int main(int argc, char **argv) {
    const char *folder = argc > 1 ? argv[1] : "results";
    int runs = argc > 2 ? atoi(argv[2]) : 200;
    char *path = xasprintf("%s/perf_record.db", folder);
    struct db *db;
    struct db_run run = {0};
    double commits = 0, rows = 0;
    check(db_open(&db, path, true, &e));
    begin_sweep(db, &run);
    for (run.seed = 0; run.seed < (uint64_t)runs; run.seed++) write_run(db, &run, &commits, &rows);
    double t0 = now_seconds();
    db_close(db);
    printf("%d runs of %d rows: %.2f ms per run; of it %.2f ms for each of two commits, %.1f us per row; "
           "closing "
           "%.1f ms\n",
           runs, ROWS, (commits + rows) / runs * 1e3, commits / runs / 2 * 1e3, rows / runs / ROWS * 1e6,
           (now_seconds() - t0) * 1e3);
    remove(path);
    free(path);
    return 0;
}
