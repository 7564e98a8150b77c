/* cmd_help.c - `bench --help`, `bench help COMMAND`, and the man page, which is made of the same texts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build/version.h"
#include "harness/cli/cmd.h"
#include "harness/cli/help.h"
#include "harness/base/util.h"

static const char about[] =
    "bench - compare parameter-efficient fine-tuning methods, fairly, on one machine\n\n"
    "usage: bench COMMAND [arguments]        bench COMMAND --help        bench --version\n";

static const char after[] =
    "Start with: bench doctor, then: bench pull smollm2-135m, then: bench run sweeps/rank.yaml\n\n"
    "exit codes:\n"
    "  0    done (a run that diverged is a result)\n"
    "  1    a run failed, ran out of memory or of time\n"
    "  2    bad usage or a bad file: nothing ran\n"
    "  3    something is missing or busy: a model, the record, the disk\n"
    "  130  stopped with Ctrl-C; the same command continues\n\n"
    "environment:\n"
    "  BENCH_CPU           avx512, avx2 or baseline: this instruction set, not the best one\n"
    "  BENCH_SHARE         the folder of sweeps/, plots/, data/ and models/ that belong to the program\n"
    "  BENCH_CATALOG       a file that adds models to those of `bench pull`\n"
    "  XDG_CACHE_HOME      where models are kept, in bench/models (default ~/.cache)\n"
    "  OPENBLAS_CORETYPE   the kernel of OpenBLAS; `bench doctor` says when it should be set\n";

static void print_commands(void) {
    for (const struct cmd *c = cmd_table; c->name; c++)
        if (c->summary) printf("  %-11s %s\n", c->name, c->summary);
}

void help_overview(void) {
    printf("%s\n", about);
    print_commands();
    printf("\n%s", after);
}

/* ---- the man page -------------------------------------------------------------------------------------- */

/* Text as it stands: roff's own characters are escaped. */
static void write_roff(const char *s) {
    for (bool start = true; *s; start = *s++ == '\n') {
        if (start && (*s == '.' || *s == '\'')) printf("\\&");
        if (*s == '\\')
            printf("\\e");
        else if (*s == '-')
            printf("\\-");
        else
            putchar(*s);
    }
}

static void roff_block(const char *s) {
    printf(".nf\n");
    write_roff(s);
    printf(".fi\n");
}

static int man_page(struct err *e) {
    const char *end = strchr(about, '\n');
    printf(".TH BENCH 1 \"\" \"bench %s\" \"User Commands\"\n.SH NAME\n", BENCH_VERSION);
    printf("bench \\- %.*s\n.SH SYNOPSIS\n", (int)(end - about) - 8, about + 8);
    printf(".B bench\nCOMMAND [arguments]\n.SH COMMANDS\n");
    for (const struct cmd *c = cmd_table; c->name; c++) {
        struct strbuf text = {0};
        if (!c->summary) continue;
        int rc = help_text(c, &text, e);
        if (rc) return rc;
        printf(".SS \"bench %s\"\n", c->name);
        write_roff(c->summary);
        printf(".\n.PP\n");
        roff_block(text.s ? text.s : "");
        strbuf_release(&text);
    }
    printf(".SH NOTES\n");
    roff_block(after);
    return 0;
}

/* ---- the command --------------------------------------------------------------------------------------- */

static int usage(int rc) {
    fputs("usage: bench help [COMMAND] [--man]\n"
          "The list of commands, or the help of one.\n\n"
          "  --man  the manual page, made of all help texts\n\n"
          "examples:\n"
          "  bench help run\n"
          "  bench help --man > bench.1\n",
          rc ? stderr : stdout);
    return rc;
}

int cmd_help(int argc, char **argv) {
    struct err e = {0};
    if (argc == 1) {
        help_overview();
        return 0;
    }
    if (argc != 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) return usage(argc == 2 ? 0 : 2);
    if (!strcmp(argv[1], "--man")) {
        if (man_page(&e) == 0) return 0;
        fprintf(stderr, "bench help: %s\n", e.msg);
        return err_exit_code(&e);
    }
    for (const struct cmd *c = cmd_table; c->name; c++) {
        char help[] = "--help", *args[] = {argv[1], help, NULL};
        if (c->summary && !strcmp(c->name, argv[1])) return c->run(2, args);
    }
    fprintf(stderr, "bench help: unknown command '%s'; bench help lists them\n", argv[1]);
    return 2;
}
