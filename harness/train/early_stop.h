/* SPDX-License-Identifier: Apache-2.0 */
/* early_stop.h - train.early_stop: a run ends after `patience` evaluations in a row that did not improve on
 * the best by more than `min_delta`. What is saved is the model as it is then, not the best one. Pure
 * bookkeeping. */
#ifndef BENCH_EARLY_STOP_H
#define BENCH_EARLY_STOP_H

#include <jansson.h>
#include <stdbool.h>

#include "harness/core/task.h"

struct early_stop {
    long patience; /* 0: never */
    double min_delta;
    const char *metric; /* "eval/loss"; borrowed. Without train.early_stop.metric the task's own */
    bool larger;        /* is better */
    double best;        /* NaN: none yet */
    long stale;         /* evaluations since the best */
};

/* From a resolved configuration of that task; it must outlive this. */
void early_stop_init(struct early_stop *s, const json_t *config, const struct task *task);
/* After an evaluation with this value of the metric: is it time to end? */
bool early_stop_due(struct early_stop *s, double value);

#endif
