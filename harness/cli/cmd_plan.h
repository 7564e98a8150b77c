/* cmd_plan.h - the part of `bench plan` that stands in a file of its own, cmd_plan_arch.c. */
#ifndef BENCH_CMD_PLAN_H
#define BENCH_CMD_PLAN_H

#include <stdbool.h>

/* Is --arch among the arguments? */
bool cmd_plan_wants_arch(int argc, char **argv);
int cmd_plan_arch(int argc, char **argv);

#endif
