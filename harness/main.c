/* main.c - the command table of `bench`.
 *
 * A command is one row: name, function, summary for --help. Commands that compute first make sure that
 * OpenBLAS runs the right kernel, which may exec the program once more. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build/version.h"
#include "harness/base/blas.h"
#include "harness/cli/cmd.h"
#include "harness/nn/kernels/kernels.h"
#include "harness/base/util.h"

const struct cmd cmd_table[] = {
    {"run", cmd_run, "run what is missing of a sweep, record it, draw it", CMD_STARTS_WORKERS},
    {"plan", cmd_plan, "what every run of a sweep takes: memory, checkpoint, time", CMD_STARTS_WORKERS},
    {"status", cmd_status, "who is running on a record, and how far it is", CMD_TALKS},
    {"show", cmd_show, "a run as a page, a sweep as the table of its results", CMD_TALKS},
    {"compare", cmd_compare,
     "which method is better, and can the sweep tell: ranks, intervals, Pareto fronts", CMD_TALKS},
    {"plot", cmd_plot, "draw a sweep: plane, lr, curves, pareto, memory, ...", CMD_TALKS},
    {"table", cmd_tables, "a paper's table: its cells as printed, ours beside them, a verdict each",
     CMD_STARTS_WORKERS},
    {"report", cmd_report, "sweeps as one HTML page", CMD_TALKS},
    {"score", cmd_score, "generated texts against references: BLEU, NIST, ROUGE-L, CIDEr", CMD_TALKS},
    {"ls", cmd_ls, "list methods, models, tasks, data, sweeps or runs", CMD_TALKS},
    {"eval", cmd_eval, "score a model, with or without an adapter, on data", CMD_COMPUTES},
    {"generate", cmd_generate, "continue a text with a model, with or without an adapter", CMD_COMPUTES},
    {"tokenize", cmd_tokenize, "text to token ids", CMD_TALKS},
    {"logits", cmd_logits, "a model's logits for given tokens, as .npy", CMD_COMPUTES},
    {"embed", cmd_embed, "the vectors of texts, as .npy", CMD_COMPUTES},
    {"merge", cmd_merge, "a model with an adapter in its weights, as a Hugging Face folder", CMD_COMPUTES},
    {"inspect", cmd_inspect, "what training changed, layer by layer; how alike two runs are", CMD_COMPUTES},
    {"export", cmd_export, "a model or an adapter as a GGUF file, for llama.cpp", CMD_COMPUTES},
    {"import", cmd_import, "a checkpoint of the original loralib as an adapter", CMD_COMPUTES},
    {"pull", cmd_pull, "fetch a pretrained model", CMD_TALKS},
    {"doctor", cmd_doctor, "what this machine offers, what is missing, and the remedy", CMD_COMPUTES},
    {"help", cmd_help, "the list of commands, the help of one, the manual page", CMD_TALKS},
    {"completion", cmd_completion, "a script that completes commands and names in bash", CMD_TALKS},
    {"worker", cmd_worker, NULL, CMD_COMPUTES},
    {NULL, NULL, NULL, CMD_TALKS},
};

static const struct cmd *find_command(const char *name) {
    for (size_t i = 0; cmd_table[i].name; i++)
        if (!strcmp(cmd_table[i].name, name)) return &cmd_table[i];
    return NULL;
}

static int unknown_command(const char *name) {
    const char *names[ARRAY_LEN(cmd_table)];
    size_t n = 0;
    for (size_t i = 0; cmd_table[i].name; i++)
        if (cmd_table[i].summary) names[n++] = cmd_table[i].name;
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

int main(int argc, char **argv) {
    if (argc < 2) {
        help_overview();
        return 2;
    }
    const char *name = argv[1];
    if (!strcmp(name, "--help") || !strcmp(name, "-h")) {
        help_overview();
        return 0;
    }
    if (!strcmp(name, "--version")) {
        printf("bench %s (gcc %s, %s)\n", BENCH_VERSION, __VERSION__, BENCH_CFLAGS);
        return 0;
    }
    const struct cmd *c = find_command(name);
    if (!c) return unknown_command(name);
    signal(SIGXFSZ, SIG_IGN); /* a file at the limit of its size is an error like a full disk */
    map_explain_faults();
    if (c->where != CMD_TALKS && check_cpu()) return 2;
    if (c->where == CMD_COMPUTES) {
        blas_reexec(argv);
        blas_single();
    }
    char said[64]; /* what getopt's messages begin with */
    snprintf(said, sizeof said, "bench %s", name);
    argv[1] = said;
    int rc = c->run(argc - 1, argv + 1);
    /* Results on a full disk or a closed pipe are lost: that is not success. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "bench: cannot write standard output\n");
        if (rc == 0) rc = 3;
    }
    return rc;
}
