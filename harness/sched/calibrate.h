/* SPDX-License-Identifier: Apache-2.0 */
/* calibrate.h - how fast the runs of a plan go, measured: a few real steps in a worker process, one shape
 * after the other, kept in the record (table `speed`). */
#ifndef BENCH_CALIBRATE_H
#define BENCH_CALIBRATE_H

#include "harness/sched/plan.h"

/* A measurement starts: the n-th of `of`, of the run `label` with so many threads; again: once more, for
 * longer. */
typedef void calibrate_fn(void *arg, int n, int of, bool again, const char *label, int threads);

/* Measure what the record does not know: plan_missing's rows. Steps of a small model are over before a clock
 * is worth reading: those are measured once more, for longer. `db` is locked by the caller, so that nothing
 * runs beside. A calibration that fails marks its row as a problem. */
int calibrate_plan(struct plan *p, struct db *db, calibrate_fn *tell, void *arg,
                   const volatile sig_atomic_t *stops, struct err *e);

#endif
