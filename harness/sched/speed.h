/* SPDX-License-Identifier: Apache-2.0 */
/* speed.h - how long runs take: seconds per token, measured once per shape and kept in the record.
 *
 * A run's time is   other + train * (tokens trained on) + eval * (tokens evaluated).   The tokens come from
 * the run's plan, which counts them; the three numbers from a run or a calibration of the same shape on the
 * same processor, with the same threads and the same build, on a machine that did nothing else
 * (db_speed_put). */
#ifndef BENCH_SPEED_H
#define BENCH_SPEED_H

#include <jansson.h>

#include "harness/record/db.h"
#include "harness/base/machine.h"
#include "harness/train/train.h"

/* Steps and evaluated rows of a calibration, at least: the first step warms up and does not count. */
enum { SPEED_STEPS = 4, SPEED_ROWS = 48, SPEED_TIMES = 64 };

/* SHA-256 of what the speed of a resolved configuration depends on: all but numbers that change values and
 * not work (of real numbers only whether they are zero), the counts of steps and evaluations, and paths. */
void speed_key(const json_t *config, char out[65]);
/* "AMD EPYC 7B13 (avx2)". Caller frees. */
char *speed_cpu(const struct machine *m);

/* What a finished run says: fills train, eval and other. */
void speed_of(const struct train_result *res, struct db_speed *s);
/* Seconds that a run with this plan takes; NaN when a part that it needs was not measured. */
double speed_predict(const struct db_speed *s, const struct train_result *plan);

/* The configuration of a calibration: `config` with times * SPEED_STEPS steps and one evaluation of
 * times * SPEED_ROWS rows, or fewer where `config` has fewer. New reference. */
json_t *speed_calibration(const json_t *config, int times);
/* How many times longer a calibration with this result should have been to be worth trusting (1: long enough,
 * SPEED_TIMES at most). */
int speed_too_short(const struct train_result *res);

#endif
