/* SPDX-License-Identifier: Apache-2.0 */
/* sweep_opts.c - the rows that may stand at the top of a sweep file. See sweep.h. */
#include "harness/sweep/sweep.h"

const struct opt sweep_opts[] = {
    {"name", OPT_STR, NULL, 0, 0, NULL, "what the results are filed under (default: the file's name)"},
    {"metric.name", OPT_STR, NULL, 0, 0, NULL, "the number that cells are compared by (default: the task's)"},
    {"metric.goal", OPT_ENUM, NULL, 0, 0, "minimize|maximize",
     "which way is better (default: what the metric means)"},
    {"seeds", OPT_ANY, "0", 0, 2147483648.0, NULL, "a whole number or a list of them"},
    {"controls", OPT_ENUM, "none", 0, 0, "auto|none",
     "auto: adds to each point the runs that it must be compared with (lora_plus: LoRA at alpha x ratio, "
     "...)"},
    {"run_cap", OPT_INT, NULL, 1, 1e9, NULL, "most runs in all, also after a resume"},
    {"limits.memory", OPT_SIZE, NULL, 0, OPT_BIG, NULL, "bytes of one run, as 8GiB; more is the state oom"},
    {"limits.time", OPT_TIME, NULL, 0, 1e9, NULL, "time of one run, as 2h; more is the state timeout"},
    {"save", OPT_ENUM, "adapter", 0, 0, "adapter|all|none",
     "what a run leaves: its adapter, full models too, or nothing"},
    OPT_END,
};
