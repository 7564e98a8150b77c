/* SPDX-License-Identifier: Apache-2.0 */
/* overview.c - see overview.h. */
#include "harness/cli/overview.h"

#include "build/version.h"
#include "harness/cli/keys.h"
#include "harness/cli/manual.h"

static const char about[] = "compare parameter-efficient fine-tuning methods, fairly, on one machine";

static const char start[] =
    "Start with: bench doctor, then: bench pull smollm2-135m, then: bench run sweeps/rank.yaml\n"
    "Keys of a sweep file: bench help sweep\n";

/* A name and what it means. */
static const struct option_word exit_codes[] = {
    {"0", "done (a run that diverged is a result)"},
    {"1", "a run failed, ran out of memory or of time"},
    {"2", "bad usage or a bad file: nothing ran"},
    {"3", "something is missing or busy: a model, the record, the disk"},
    {"130", "stopped with Ctrl-C; the same command continues"},
    {NULL, NULL}};

static const struct option_word environment[] = {
    {"BENCH_CPU", "avx512, avx2 or baseline: this instruction set, not the best one"},
    {"BENCH_SHARE", "the folder of sweeps/, plots/, data/ and models/ that belong to the program"},
    {"BENCH_CATALOG", "a file that adds models to those of `bench pull`"},
    {"XDG_CACHE_HOME", "where models are kept, in bench/models (default ~/.cache)"},
    {"OPENBLAS_CORETYPE", "the kernel of OpenBLAS; `bench doctor` says when it should be set"},
    {NULL, NULL}};

static void text_words(const char *title, const struct option_word *w, int width, struct strbuf *out) {
    strbuf_addf(out, "\n%s:\n", title);
    for (; w->name; w++) strbuf_addf(out, "  %-*s %s\n", width, w->name, w->help);
}

void overview_text(const struct command *const *all, struct strbuf *out) {
    strbuf_addf(out, "bench - %s\n\n", about);
    strbuf_adds(out,
                "usage: bench COMMAND [arguments]        bench COMMAND --help        bench --version\n\n");
    for (; *all; all++)
        if ((*all)->summary) strbuf_addf(out, "  %-11s %s\n", (*all)->name, (*all)->summary);
    strbuf_addf(out, "\n%s", start);
    text_words("exit codes", exit_codes, 4, out);
    text_words("environment", environment, 19, out);
}

static void roff_words(const char *title, const struct option_word *w, struct strbuf *out) {
    strbuf_addf(out, ".SH %s\n", title);
    for (; w->name; w++) {
        strbuf_adds(out, ".TP\n.B ");
        manual_roff_text(w->name, out);
        strbuf_addc(out, '\n');
        manual_roff_text(w->help, out);
        strbuf_addc(out, '\n');
    }
}

void overview_man(const struct command *const *all, struct strbuf *out) {
    struct strbuf keys = {0};
    strbuf_addf(out, ".TH BENCH 1 \"\" \"bench %s\" \"User Commands\"\n.SH NAME\nbench \\- ", BENCH_VERSION);
    manual_roff_text(about, out);
    strbuf_adds(out, "\n.SH SYNOPSIS\n.B bench\nCOMMAND [arguments]\n.SH COMMANDS\n");
    for (; *all; all++)
        if ((*all)->summary) manual_roff(*all, out);
    strbuf_adds(out, ".SH SWEEP FILES\n.nf\n");
    keys_manual_text(&keys);
    manual_roff_text(keys.s, out);
    strbuf_adds(out, ".fi\n");
    strbuf_release(&keys);
    roff_words("EXIT STATUS", exit_codes, out);
    roff_words("ENVIRONMENT", environment, out);
}

static void markdown_words(const char *title, const struct option_word *w, struct strbuf *out) {
    strbuf_addf(out, "\n## %s\n\n| | |\n|---|---|\n", title);
    for (; w->name; w++) strbuf_addf(out, "| `%s` | %s |\n", w->name, w->help);
}

void overview_markdown(const struct command *const *all, struct strbuf *out) {
    strbuf_adds(out, "<!-- made by `bench help --markdown` from the commands' option rows: change those "
                     "-->\n\n# Commands\n\n| command | what it does |\n|---|---|\n");
    for (int i = 0; all[i]; i++)
        if (all[i]->summary)
            strbuf_addf(out, "| [`%s`](#bench-%s) | %s |\n", all[i]->name, all[i]->name, all[i]->summary);
    strbuf_adds(out,
                "\nOptions may stand before or after arguments, as `--name value` or `--name=value`; "
                "what follows `--` is no option; a name may be cut short where only one begins like "
                "that. Numbers are written as in a [sweep file](sweep.md): `1e3`, `5e-4`; times as `90s` "
                "or `1h30m`.\n");
    for (int i = 0; all[i]; i++)
        if (all[i]->summary) {
            strbuf_addc(out, '\n');
            manual_markdown(all[i], out);
        }
    markdown_words("Exit codes", exit_codes, out);
    markdown_words("Environment", environment, out);
}
