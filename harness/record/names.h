/* SPDX-License-Identifier: Apache-2.0 */
/* names.h - what a record holds, by name: for the completion of shells. */
#ifndef BENCH_RECORD_NAMES_H
#define BENCH_RECORD_NAMES_H

#include "harness/record/db.h"

/* One name and a few words about it; both are gone after the call. */
typedef void record_name_fn(void *arg, const char *name, const char *about);

/* The sweeps, the latest first, each name once. */
int record_sweep_names(struct db *db, record_name_fn *tell, void *arg, struct err *e);
/* The last `most` runs, the latest first. */
int record_run_names(struct db *db, int most, record_name_fn *tell, void *arg, struct err *e);

#endif
