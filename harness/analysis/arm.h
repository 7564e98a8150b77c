/* arm.h - one arm of a comparison, out of the record: the runs of a sweep that a few keys choose, at their
 * best learning rate.
 *
 * An arm is a map of configuration keys: {method: lora, r: 8, target_modules: "q_proj,v_proj"}. Of the points
 * that fit, the best by the rule of prefer.h counts. What is reported is the test score where the sweep has
 * one: it chose nothing. */
#ifndef BENCH_ARM_H
#define BENCH_ARM_H

#include "harness/record/db.h"
#include "harness/base/stats.h"

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

/* b against a: the seeds that both have, in pairs; with one value where `exact`. Values are a's and b's as
 * they are. */
struct stats_diff arm_compare(const struct arm *a, const struct arm *b);

#endif
