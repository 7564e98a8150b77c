/* SPDX-License-Identifier: Apache-2.0 */
/* listing.h - queries of many rows that commands and pages print as they come. Each opens a query with the
 * columns that its comment names; the caller steps through it and closes it (db.h). What is compared or
 * averaged goes through query.h instead.
 *
 * All return 0 or an error with `e` filled and *q NULL. */
#ifndef BENCH_LISTING_H
#define BENCH_LISTING_H

#include "harness/record/db.h"

/* ---- all sweeps ---------------------------------------------------------------------------------------- */

/* The latest 20, by what became of their cells: sweep, runs, complete, diverged, failed, interrupted,
 * running, missing, begun. */
int listing_sweeps(struct db_query **q, struct db *db, struct err *e);
/* The last command of each name, the latest first: id, name. only: the sweep of that row alone; 0: all. */
int listing_names(struct db_query **q, struct db *db, int64_t only, struct err *e);

/* ---- runs ---------------------------------------------------------------------------------------------- */

struct listing_runs {
    const char *where, *sweep; /* NULL: none */
    int64_t limit;             /* the last so many; 0: all */
    bool brief;                /* the columns that fit a terminal; else all of the view `runs` */
};
/* ERR_USER: a condition that does not fit; the message lists the columns. */
int listing_runs(struct db_query **q, struct db *db, const struct listing_runs *what, struct err *e);
/* Those under way: run, sweep, method, r, lr, seed, step, steps, train_loss, threads. */
int listing_running(struct db_query **q, struct db *db, struct err *e);

/* ---- one sweep while it runs --------------------------------------------------------------------------- */

/* Of the latest: id, name, metric, cells, cells that ended, those that ended badly or diverged, running, runs
 * that took time, seconds that they took. */
int listing_progress(struct db_query **q, struct db *db, struct err *e);
/* Its running runs: run, seconds since its start, train.steps, method, r, target_modules, lr, seed. */
int listing_under_way(struct db_query **q, struct db *db, int64_t sweep, struct err *e);
/* The last n that ended: run, state ("diverged" for nan), metric, method, r, target_modules, lr, seed,
 * seconds. */
int listing_latest(struct db_query **q, struct db *db, int64_t sweep, int n, struct err *e);

/* ---- one sweep as a page ------------------------------------------------------------------------------- */

/* Its cells: run, state, method, r, target_modules, lr, settings that vary ("key=value ..."), seed, metric,
 * test, peak_bytes, checkpoint_bytes, train_s, model, data, concurrent. */
int listing_cells(struct db_query **q, struct db *db, int64_t sweep, struct err *e);
/* Does any setting vary beside the columns of listing_cells? */
int listing_settings_vary(bool *ret, struct db *db, int64_t sweep, struct err *e);
/* The first 200 that did not end well: run, state, method, r, target_modules, lr, seed, error. */
int listing_failures(struct db_query **q, struct db *db, int64_t sweep, struct err *e);
/* Finite values: run, 1 for train/loss and 0 for `metric`, step, value; by run, key, step. */
int listing_curves(struct db_query **q, struct db *db, int64_t sweep, const char *metric, struct err *e);

/* What ran on what, as text, a row each. */
enum listing_fact {
    LISTING_MODEL,
    LISTING_DATA,
    LISTING_METHODS,
    LISTING_SEEDS,
    LISTING_MACHINE,
    LISTING_PROGRAM,
    LISTING_WHEN,
    LISTING_TIME,
    LISTING_NFACTS
};
int listing_fact(struct db_query **q, struct db *db, int64_t sweep, enum listing_fact fact, struct err *e);

#endif
