/* SPDX-License-Identifier: Apache-2.0 */
/* early_stop.c - when a run has stopped improving (see early_stop.h). The first evaluation is the first best;
 * improvements are measured against the best, so that many small ones count once they add up to min_delta. A
 * value that is not a number never improves anything. */
#include "harness/train/early_stop.h"

#include <math.h>
#include <string.h>

#include "harness/config/cfg.h"

void early_stop_init(struct early_stop *s, const json_t *config, const struct task *task) {
    const char *metric = cfg_str(config, "train.early_stop.metric");
    bool other = task->other_key && cfg_str(config, task->other_key);
    *s = (struct early_stop){
        .patience = (long)json_integer_value(cfg_get(config, "train.early_stop.patience")), /* 0 where null */
        .min_delta = json_number_value(cfg_get(config, "train.early_stop.min_delta")),
        .metric = metric  ? metric
                  : other ? task->other_metric
                          : task->default_metric,
        .best = NAN,
    };
    const char *name = strchr(s->metric, '/'), *goal = name ? task->metric_goal(name + 1) : NULL;
    s->larger = goal && !strcmp(goal, "maximize");
}

bool early_stop_due(struct early_stop *s, double value) {
    double gain = s->larger ? value - s->best : s->best - value;
    if (!s->patience) return false;
    if (gain > s->min_delta || (isnan(s->best) && !isnan(value))) {
        s->best = value;
        s->stale = 0;
        return false;
    }
    return ++s->stale >= s->patience;
}
