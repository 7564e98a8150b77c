/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_worker.c - the hidden command `bench worker`: one run, for `bench run` (see worker.h). */
#include <stdio.h>
#include <unistd.h>

#include "harness/cli/command.h"
#include "harness/sched/worker.h"

static int run_worker(void *options, struct err *e) {
    (void)options;
    if (isatty(STDIN_FILENO)) return err_set(e, ERR_USER, "started by `bench run` alone");
    return worker_serve(STDIN_FILENO, WORKER_REPORT_FD, e);
}

/* Hidden: it has no summary. */
const struct command cmd_worker = {
    .name = "worker", .examples = "", .where = COMMAND_COMPUTES, .run = run_worker};
