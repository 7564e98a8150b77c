/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_run.c - `bench run SWEEP.yaml`: the runs that are missing, recorded, and the plots.
 *
 * The work is sched/run_sweep.h's, what is shown of it cmd_sweep_run.c's. Ctrl-C: once - the workers end
 * after their step; twice - they are killed. The same command continues. Exit codes: 0 done, 1 a run failed,
 * 2 bad usage or file, 3 missing resource or record busy, 130 after Ctrl-C. */
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/util.h"
#include "harness/cli/command.h"
#include "harness/cli/cmd_sweep.h"

struct options {
    const char *file, *db;
    struct option_list sets;
    long workers, threads;
    bool dry_run, wait, again, repair;
};

static int run_run(void *options, struct err *e) {
    const struct options *o = options;
    struct run_sweep_options run = {.file = o->file,
                                    .db = o->db,
                                    .sets = o->sets.v,
                                    .nsets = o->sets.n,
                                    .workers = (int)o->workers,
                                    .threads = (int)o->threads,
                                    .again = o->again,
                                    .repair = o->repair,
                                    .wait = o->wait};
    struct sweep *s = NULL;
    int rc = cmd_sweep_open(&s, &run, e);
    if (!rc) rc = o->dry_run ? cmd_sweep_dry_run(&run, s, e) : cmd_sweep_run(&run, s, e);
    sweep_free(s);
    return rc;
}

static const struct option_row run_options[] = {
    {NULL, 0, AT_TEXT(file), "SWEEP.yaml", "a sweep file: `bench help sweep`", .names = NAMES_SWEEP_FILES,
     .required = true},
    {"workers", 'j', AT_INT(workers), "N", "so many runs at once", 1, 1024,
     .otherwise = "as cores and memory allow"},
    {"threads", 0, AT_INT(threads), "N", "threads per run", 1, SCHED_MAX_THREADS,
     .otherwise = "cores divided by runs"},
    ROW_SET(sets),
    {"dry-run", 0, AT_FLAG(dry_run), NULL, "list the runs, run nothing"},
    {"wait", 0, AT_FLAG(wait), NULL, "wait while another `bench run` uses the record"},
    {"new", 0, AT_FLAG(again), NULL, "repeat also what is finished, as new attempts"},
    {"repair", 0, AT_FLAG(repair), NULL, "repeat what is finished and has lost its checkpoint"},
    {"db", 0, AT_TEXT(db), "FILE", "the record; checkpoints and plots go beside it", .def = DB_DEFAULT,
     .names = NAMES_FILES},
    {0}};

const struct command cmd_run = {
    .name = "run",
    .summary = "run what is missing of a sweep, record it, draw it",
    .about = "Runs what is missing of a sweep and draws it. The same command again continues.",
    .rows = run_options,
    .size = sizeof(struct options),
    .notes =
        "`weights` in the file's `base` says how the frozen model is held: native (default), as its file "
        "stores it; f32, expanded once to float32 for all workers; auto, f32 where that measured faster: "
        "micro-batches of up to 64 tokens on a CPU without AVX2. The results are the same to the bit.",
    .examples =
        "bench run sweeps/rank.yaml\n"
        "bench run sweeps/rank.yaml --set model=smoke --set data.name=smoke --db /tmp/try/bench.db -j 1\n",
    .where = COMMAND_STARTS_WORKERS,
    .run = run_run,
};
