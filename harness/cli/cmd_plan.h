/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_plan.h - the part of `bench plan` that stands in a file of its own, cmd_plan_arch.c. */
#ifndef BENCH_CMD_PLAN_H
#define BENCH_CMD_PLAN_H

#include "harness/cli/command.h"

/* What --arch was given with. */
struct cmd_plan_arch {
    const char *arch, *weights; /* arch "list": the presets; weights NULL: float32 */
    struct option_list methods; /* none: all that train something */
};

/* What fine-tuning a known architecture takes. sets: of --set. */
int cmd_plan_arch(const struct cmd_plan_arch *a, const struct option_list *sets, enum table_format format,
                  struct err *e);

#endif
