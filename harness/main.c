/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - `bench`: the list of commands, and the way to the one that is wanted.
 *
 * Arguments are read before anything is prepared. Commands that compute then make sure that OpenBLAS runs the
 * right kernel, which may exec the program once more. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build/version.h"
#include "harness/base/blas.h"
#include "harness/base/util.h"
#include "harness/cli/command.h"
#include "harness/cli/overview.h"
#include "harness/nn/kernels/kernels.h"

#define COMMAND(name) extern const struct command cmd_##name;
#include "harness/cli/commands.def"
#undef COMMAND

#define COMMAND(name) &cmd_##name,
static const struct command *const commands[] = {
#include "harness/cli/commands.def"
    NULL};

static int unknown_command(const char *name) {
    const char *names[ARRAY_LEN(commands)];
    size_t n = 0;
    for (size_t i = 0; commands[i]; i++)
        if (commands[i]->summary) names[n++] = commands[i]->name;
    const char *close = str_closest(name, names, n);
    fprintf(stderr, "bench: unknown command '%s'", name);
    if (close) fprintf(stderr, " (did you mean '%s'?)", close);
    fprintf(stderr, "; bench --help lists them\n");
    return 2;
}

/* BENCH_CPU names an instruction set that this machine has, or computing starts with an error: falling back
 * to another one would answer another question than was asked. */
static int check_cpu(void) {
    static const char *const names[] = {"avx512", "avx2", "baseline"};
    const char *want = getenv("BENCH_CPU");
    bool known = false;
    struct strbuf here = {0};
    if (!want || !*want) return 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        known |= !strcmp(want, names[i]);
        if (panel_cpu_force(names[i])) strbuf_addf(&here, "%s%s", here.len ? ", " : "", names[i]);
    }
    bool ok = panel_cpu_force(want);
    if (!ok)
        fprintf(stderr, "bench: BENCH_CPU=%s: %s; this machine has: %s\n", want,
                known ? "not an instruction set of this machine" : "no such instruction set", here.s);
    strbuf_release(&here);
    return ok ? 0 : 2;
}

static int run_command(const struct command *c, int argc, char **argv) {
    void *options;
    int rc = command_parse(c, argc - 1, argv + 1, &options);
    if (rc >= 0) return rc;
    if (c->where != COMMAND_TALKS && check_cpu()) {
        command_release(c, options);
        return 2;
    }
    if (c->where == COMMAND_COMPUTES) {
        blas_reexec(argv);
        blas_single();
    }
    return command_run(c, commands, options);
}

static int print_overview(int rc) {
    struct strbuf out = {0};
    overview_text(commands, &out);
    command_print(&out);
    return rc;
}

int main(int argc, char **argv) {
    if (argc < 2) return print_overview(2);
    const char *name = argv[1];
    if (!strcmp(name, "--help") || !strcmp(name, "-h")) return print_overview(0);
    if (!strcmp(name, "--version")) {
        printf("bench %s (gcc %s, %s)\nLicence: Apache-2.0\n", BENCH_VERSION, __VERSION__, BENCH_CFLAGS);
        return 0;
    }
    const struct command *c = command_find(commands, name);
    if (!c) return unknown_command(name);
    signal(SIGXFSZ, SIG_IGN); /* a file at the limit of its size is an error like a full disk */
    map_explain_faults();
    int rc = run_command(c, argc, argv);
    /* Results on a full disk or a closed pipe are lost: that is not success. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "bench: cannot write standard output\n");
        if (rc == 0) rc = 3;
    }
    return rc;
}
