/* SPDX-License-Identifier: Apache-2.0 */
/* arm.h - one arm of a comparison, out of the record: the runs of a sweep that a few keys choose, at their
 * best learning rate.
 *
 * An arm is a map of configuration keys: {method: lora, r: 8, target_modules: "q_proj,v_proj"}. Of the points
 * that fit, the best by the rule of prefer.h counts. What is reported is the test score where the sweep has
 * one: it chose nothing. */
#ifndef BENCH_ARM_H
#define BENCH_ARM_H

#include "harness/analysis/verdict.h"
#include "harness/record/db.h"

struct ynode;

#define ARM_MAX_SEEDS 64

struct arm {
    int n; /* seeds; 0: nothing of it has run */
    int64_t seed[ARM_MAX_SEEDS];
    double value[ARM_MAX_SEEDS];
    int points;    /* that fit and have runs: learning rates tried */
    double lr;     /* of the one chosen; NaN: none */
    bool diverged; /* every point that fits has a seed that diverged: the values are of no use */
    char build[80], cpu[128], date[16]; /* of its last run */
};

/* What of a run is reported. Names: metric (test score, else last evaluation), eval (last evaluation), half
 * (the evaluation at half of the steps), train_loss, peak_bytes, act_bytes, checkpoint_bytes, trainable,
 * train_s; or a metric of evaluations by its own name, "eval/bleu": at the last one. */
bool arm_value_known(const char *value);
/* Is it the same for all seeds, so that one run decides? */
bool arm_value_exact(const char *value);
/* +1: larger is better, -1: smaller. goal: the sweep's. */
int arm_value_sign(const char *value, const char *goal);

/* Keys of a `where` map must be configuration keys with plain values. ERR_USER, without a position. */
int arm_check(const struct ynode *where, struct err *e);
/* sweep: its name in the record. goal (may be NULL) receives "minimize" or "maximize" where the sweep is
 * recorded, else "". */
int arm_read(struct arm *a, struct db *db, const char *sweep, const struct ynode *where, const char *value,
             char goal[16], struct err *e);

/* b against a with the spread of the whole sweep and the rows that were scored (verdict.h), as one planned
 * question. Of `half` the rows are those of the last evaluation. */
struct arm_pair {
    struct arm a, b;
    struct verdict_pair d; /* b - a; lo1 and hi1 NaN: no interval */
    int sign;              /* +1: a larger value is better, -1: a smaller one */
    int rows;              /* that the interval knows of; 0: the value has none, or none were recorded */
};
/* Values as of arm_read; d is zeroed but for NaNs where one of both has not run or diverged. */
int arm_judge(struct arm_pair *p, struct db *db, const char *sweep, const struct ynode *a,
              const struct ynode *b, const char *value, struct err *e);

#endif
