/* cmd_sweep.h - what the commands on a sweep file (run, plan) share: its options, opening it, and what would
 * run. Like the commands these print. */
#ifndef BENCH_CMD_SWEEP_H
#define BENCH_CMD_SWEEP_H

#include "harness/record/db.h"
#include "harness/sweep/sweep.h"

/* Options that mean the same to all of them. */
struct cmd_sweep {
    const char *file, *db;
    const char **sets;           /* of --set */
    int nsets, workers, threads; /* 0: not given */
    bool again;                  /* also what is finished */
};

/* A whole number in 1..most; else -1, and `command` has said so. */
int cmd_sweep_number(const char *command, const char *text, int most);
/* Find the file, read and check it, print its warnings. *ret: sweep_free. */
int cmd_sweep_open(struct sweep **ret, const struct cmd_sweep *o, struct err *e);
/* Warn when a model is another file than that of the sweep's finished runs. */
int cmd_sweep_changed(const struct sweep *s, struct db *db, struct err *e);
/* List the runs as a real command would find them before its first, and write nothing down. */
int cmd_sweep_dry_run(const struct cmd_sweep *o, const struct sweep *s, struct err *e);

#endif
