/* main.c - the command table of `bench`.
 *
 * A command is one row: name, function, summary for --help. Commands that compute first make sure that
 * OpenBLAS runs the right kernel, which may exec the program once more. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "build/version.h"
#include "harness/blas.h"
#include "harness/cmd.h"
#include "harness/util.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary; /* NULL: not listed */
    bool computes;
};

static const struct command commands[] = {
    {"run", cmd_run, "run what is missing of a sweep, record it, draw it", false},
    {"plan", cmd_plan, "what every run of a sweep takes: memory, checkpoint, time", false},
    {"status", cmd_status, "who is running on a record, and how far it is", false},
    {"show", cmd_show, "a run as a page, a sweep as the table of its results", false},
    {"plot", cmd_plot, "draw a sweep: plane, lr, memory, curves", false},
    {"ls", cmd_ls, "list methods, models, tasks, data, sweeps or runs", false},
    {"eval", cmd_eval, "score a model, with or without an adapter, on data", true},
    {"generate", cmd_generate, "continue a text with a model, with or without an adapter", true},
    {"tokenize", cmd_tokenize, "text to token ids", false},
    {"logits", cmd_logits, "a model's logits for given tokens, as .npy", true},
    {"pull", cmd_pull, "fetch a pretrained model", false},
    {"doctor", cmd_doctor, "what this machine offers, what is missing, and the remedy", true},
    {"worker", cmd_worker, NULL, true},
};

static void print_help(void) {
    printf("bench - compare parameter-efficient fine-tuning methods, fairly, on one machine\n\n"
           "usage: bench COMMAND [arguments]        bench COMMAND --help\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (commands[i].summary) printf("  %-10s %s\n", commands[i].name, commands[i].summary);
    printf("\nStart with: bench doctor, then: bench pull smollm2-135m, then: bench run sweeps/rank.yaml\n");
}

static const struct command *find(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (!strcmp(commands[i].name, name)) return &commands[i];
    return NULL;
}

static int unknown(const char *name) {
    const char *names[ARRAY_LEN(commands)];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (commands[i].summary) names[n++] = commands[i].name;
    const char *close = str_closest(name, names, n);
    fprintf(stderr, "bench: unknown command '%s'", name);
    if (close) fprintf(stderr, " (did you mean '%s'?)", close);
    fprintf(stderr, "; bench --help lists them\n");
    return 2;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        print_help();
        return 2;
    }
    const char *name = argv[1];
    if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
        print_help();
        return 0;
    }
    if (!strcmp(name, "--version")) {
        printf("bench %s (gcc %s, %s)\n", BENCH_VERSION, __VERSION__, BENCH_CFLAGS);
        return 0;
    }
    const struct command *c = find(name);
    if (!c) return unknown(name);
    signal(SIGXFSZ, SIG_IGN); /* a file at the limit of its size is an error like a full disk */
    map_explain_faults();
    if (c->computes) {
        blas_reexec(argv);
        blas_single();
    }
    int rc = c->run(argc - 1, argv + 1);
    /* Results on a full disk or a closed pipe are lost: that is not success. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "bench: cannot write standard output\n");
        if (rc == 0) rc = 3;
    }
    return rc;
}
