/* cmd_run.c - `bench run SWEEP.yaml`: the runs that are missing, recorded, and the plots.
 *
 * The work is sched/run_sweep.h's, what is shown of it cmd_sweep_run.c's. Ctrl-C: once - the workers end
 * after their step; twice - they are killed. The same command continues. Exit codes: 0 done, 1 a run failed,
 * 2 bad usage or file, 3 missing resource or record busy, 130 after Ctrl-C. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/util.h"
#include "harness/cli/cmd.h"
#include "harness/cli/cmd_sweep.h"

struct options {
    struct run_sweep_options run;
    bool dry_run;
};

static int usage(int rc) {
    fprintf(
        rc ? stderr : stdout,
        "usage: bench run SWEEP.yaml [options]\n"
        "Runs what is missing of a sweep and draws it. The same command again continues.\n\n"
        "  --db FILE        the record (default " DB_DEFAULT "); checkpoints and plots go beside it\n"
        "  -j, --workers N  so many runs at once (default: as cores and memory allow)\n"
        "  --threads N      threads per run (default: cores divided by runs)\n"
        "  --set KEY=VALUE  replace a value of `base`, and its axis; may be repeated\n"
        "  --dry-run        list the runs, run nothing\n"
        "  --wait           wait while another `bench run` uses the record\n"
        "  --new            repeat also what is finished, as new attempts\n\n"
        "`weights` in the file's `base` says how the frozen model is held: native (default), as its file "
        "stores it; f32, expanded once to float32\n"
        "for all workers; auto, f32 where that measured faster: micro-batches of up to 64 tokens on a CPU "
        "without AVX2. The results are the\n"
        "same to the bit.\n\n"
        "examples:\n"
        "  bench run sweeps/rank.yaml\n"
        "  bench run sweeps/rank.yaml --set model=smoke --set data.name=smoke --db /tmp/try/bench.db -j 1\n");
    return rc;
}

static int parse_options(int argc, char **argv, struct options *o) {
    static const struct option longs[] = {{"db", required_argument, NULL, 'd'},
                                          {"workers", required_argument, NULL, 'j'},
                                          {"threads", required_argument, NULL, 't'},
                                          {"set", required_argument, NULL, 's'},
                                          {"dry-run", no_argument, NULL, 'n'},
                                          {"wait", no_argument, NULL, 'w'},
                                          {"new", no_argument, NULL, 'N'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    *o = (struct options){.run.db = DB_DEFAULT};
    o->run.sets = xcalloc((size_t)argc, sizeof *o->run.sets);
    for (int ch; (ch = getopt_long(argc, argv, "j:h", longs, NULL)) != -1;) {
        switch (ch) {
        case 'd':
            o->run.db = optarg;
            break;
        case 'j':
            o->run.workers = cmd_sweep_number("bench run", optarg, 1024);
            break;
        case 't':
            o->run.threads = cmd_sweep_number("bench run", optarg, SCHED_MAX_THREADS);
            break;
        case 's':
            o->run.sets[o->run.nsets++] = optarg;
            break;
        case 'n':
            o->dry_run = true;
            break;
        case 'w':
            o->run.wait = true;
            break;
        case 'N':
            o->run.again = true;
            break;
        case 'h':
            return usage(0);
        default:
            return usage(2);
        }
        if (o->run.workers < 0 || o->run.threads < 0) return 2;
    }
    if (optind != argc - 1) return usage(2);
    o->run.file = argv[optind];
    return -1; /* go on */
}

int cmd_run(int argc, char **argv) {
    struct options o;
    struct err e = {0};
    int rc = parse_options(argc, argv, &o);
    if (rc >= 0) {
        free(o.run.sets);
        return rc;
    }
    struct sweep *s = NULL;
    rc = cmd_sweep_open(&s, &o.run, &e);
    if (!rc) rc = o.dry_run ? cmd_sweep_dry_run(&o.run, s, &e) : cmd_sweep_run(&o.run, s, &e);
    if (rc < 0) {
        fprintf(stderr, "bench run: %s\n", e.msg);
        rc = err_exit_code(&e);
    }
    sweep_free(s);
    free(o.run.sets);
    return rc;
}
