/* cmd_worker.c - the hidden command `bench worker`: one run, for `bench run` (see worker.h). */
#include <stdio.h>
#include <unistd.h>

#include "harness/cli/cmd.h"
#include "harness/sched/worker.h"

int cmd_worker(int argc, char **argv) {
    (void)argv;
    struct err e = {0};
    if (argc > 1 || isatty(STDIN_FILENO)) {
        fprintf(stderr, "bench worker: started by `bench run` alone\n");
        return 2;
    }
    if (worker_serve(STDIN_FILENO, WORKER_REPORT_FD, &e) == 0) return 0;
    fprintf(stderr, "bench worker: %s\n", e.msg);
    return err_exit_code(&e);
}
