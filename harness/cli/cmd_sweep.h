/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_sweep.h - what the commands on a sweep file (run, plan, table --run) share: opening it, running it at
 * the terminal, and what would run. Like the commands these print; the work is sched/run_sweep.h's. */
#ifndef BENCH_CMD_SWEEP_H
#define BENCH_CMD_SWEEP_H

#include <signal.h>

#include "harness/sched/run_sweep.h"

/* A hook (run_sweep.h): warnings go to standard error. arg is not used. */
void cmd_sweep_warn(void *arg, const char *text);
/* Find the file, read and check it, print its warnings. *ret: sweep_free. */
int cmd_sweep_open(struct sweep **ret, const struct run_sweep_options *o, struct err *e);
/* From now on sched_stop_signals (but SIGHUP under nohup) ask the command to stop. The counter that sched.h
 * describes. */
const volatile sig_atomic_t *cmd_sweep_stops(void);
/* Run what is missing, show it, draw what the sweep has data for. Returns the exit code: 0, 1 when a run
 * failed, 130 when stopped; or a negative error when nothing ran. */
int cmd_sweep_run(const struct run_sweep_options *o, const struct sweep *s, struct err *e);
/* List the runs as a real command would find them before its first, and write nothing down. */
int cmd_sweep_dry_run(const struct run_sweep_options *o, const struct sweep *s, struct err *e);

#endif
