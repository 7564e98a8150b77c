/* cmd_inspect.c - `bench inspect RUN|DIR [RUN2|DIR2]`: what a run changed, layer by layer; and how alike the
 * directions of two runs are. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/cmd.h"
#include "harness/record/db.h"
#include "harness/report/inspect.h"
#include "harness/base/util.h"

static const char help[] =
    "usage: bench inspect RUN|DIR [RUN2|DIR2] [--model M] [-o DIR] [--json | --csv | --markdown]\n"
    "\n"
    "What training changed: for each adapted layer the total change dW of its weight W by singular values.\n"
    "With two runs instead how alike the directions are that they learned.\n"
    "\n"
    "  RUN|DIR          a run's number, the folder of an adapter, or of a whole model (full with save: all)\n"
    "  --model M        the base; by default the one of the run, or the one that the adapter names\n"
    "  --top N          look at no more than N directions per layer (default 64)\n"
    "  -o DIR           two runs: draw phi(i,j) per kind of layer there, beside that of random subspaces\n"
    "  --db FILE        where RUN is recorded (default " DB_DEFAULT ")\n"
    "\n"
    "rank: singular values above max(d_in, d_out) * 2^-23 times the largest. amplification: |dW| over |U^T W "
    "V^T|,\n"
    "U and V being the singular directions of dW. phi(i,j), 0 to 1: the shared part of the first i and j\n"
    "right-singular directions of A (of dW, where a method has no A). `random` beside a number: what random\n"
    "directions give. All after LoRA (2106.09685), section 7. --json has every singular value and the whole "
    "of phi.\n"
    "\n"
    "examples:\n"
    "  bench inspect 12\n"
    "  bench inspect 12 13 -o figures\n"
    "  bench inspect results/checkpoints/12 --model smollm2-135m --json\n";

struct options {
    const char *run[2], *model, *db, *out;
    int nruns, top;
    enum table_format format;
};

static void show_progress(int done, int all) {
    if (!isatty(2)) return;
    if (done == all)
        fprintf(stderr, "\r\033[K");
    else
        fprintf(stderr, "\rlayer %d of %d ", done + 1, all);
}

static void print_table(struct table *t, enum table_format format, const char *before) {
    struct strbuf b = {0};
    strbuf_adds(&b, before);
    table_write(t, format, format == TABLE_AS_TEXT ? table_terminal() : 0, &b);
    fwrite(b.s, 1, b.len, stdout);
    strbuf_release(&b);
    table_free(t);
}

static void print_run(const struct inspect *x, enum table_format format) {
    if (format == TABLE_AS_TEXT)
        printf("%s, base %s: %d layer%s\n\n", x->label, x->model, x->n, x->n == 1 ? "" : "s");
    print_table(inspect_table(x), format, "");
    if (format != TABLE_AS_CSV) print_table(inspect_kinds(x), format, "\n");
}

static void print_pair(const struct inspect *x, const struct inspect *y, enum table_format format) {
    if (format == TABLE_AS_TEXT)
        printf("%s and %s: right-singular directions of %s\n\n", x->label, y->label,
               x->of_A && y->of_A   ? "A"
               : x->of_A || y->of_A ? "A and of \xce\x94W"
                                    : "\xce\x94W");
    print_table(inspect_phi_table(x, y), format, "");
    if (format == TABLE_AS_TEXT && x->of_A && y->of_A && x->seed >= 0 && x->seed == y->seed)
        printf("\nBoth began with seed %ld, and so with the same numbers in A: part of this likeness was not "
               "learned. Compare runs\n"
               "of different seeds.\n",
               x->seed);
}

static void print_json(const struct inspect *x, const struct inspect *y) {
    struct strbuf b = {0};
    json_t *v = inspect_json(x, y);
    table_json_write(v, &b);
    fwrite(b.s, 1, b.len, stdout);
    json_decref(v);
    strbuf_release(&b);
}

static int draw_plots(const struct inspect *x, const struct inspect *y, const struct options *o,
                      struct err *e) {
    struct plot_paths paths = {0};
    int rc = inspect_plot(x, y, o->out, &paths, e);
    for (int i = 0; i < paths.n; i++)
        fprintf(o->format == TABLE_AS_TEXT ? stdout : stderr, "%s\n", paths.path[i]);
    plot_paths_release(&paths);
    return rc;
}

static int inspect_run(const struct options *o, struct err *e) {
    struct inspect x[2] = {0};
    int rc = 0;
    for (int i = 0; i < o->nruns && !rc; i++)
        rc = inspect_read(&x[i], o->run[i], o->db, o->model, o->top, show_progress, e);
    if (!rc && o->nruns == 2) rc = inspect_check_pair(&x[0], &x[1], e);
    if (!rc) {
        if (o->format == TABLE_AS_JSON)
            print_json(&x[0], o->nruns == 2 ? &x[1] : NULL);
        else if (o->nruns == 2)
            print_pair(&x[0], &x[1], o->format);
        else
            print_run(&x[0], o->format);
        fflush(stdout);
    }
    if (!rc && o->out) rc = draw_plots(&x[0], &x[1], o, e);
    for (int i = 0; i < 2; i++) inspect_release(&x[i]);
    return rc;
}

/* A whole number in 1..most, or -1. */
static int read_positive(const char *s, int most) {
    char *end;
    errno = 0;
    long v = strtol(s, &end, 10);
    return errno || end == s || *end || v < 1 || v > most ? -1 : (int)v;
}

int cmd_inspect(int argc, char **argv) {
    static const struct option longs[] = {
        {"model", required_argument, NULL, 'm'}, {"db", required_argument, NULL, 'd'},
        {"top", required_argument, NULL, 't'},   {"json", no_argument, NULL, 'j'},
        {"csv", no_argument, NULL, 'c'},         {"markdown", no_argument, NULL, 'M'},
        {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0}};
    struct options o = {.top = 64, .format = TABLE_AS_TEXT};
    struct err e = {0};
    for (int c; (c = getopt_long(argc, argv, "o:h", longs, NULL)) != -1;) {
        switch (c) {
        case 'm':
            o.model = optarg;
            break;
        case 'd':
            o.db = optarg;
            break;
        case 'o':
            o.out = optarg;
            break;
        case 't':
            o.top = read_positive(optarg, 65536);
            break;
        case 'j':
            o.format = TABLE_AS_JSON;
            break;
        case 'c':
            o.format = TABLE_AS_CSV;
            break;
        case 'M':
            o.format = TABLE_AS_MARKDOWN;
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        default:
            fputs("see `bench inspect --help`\n", stderr);
            return 2;
        }
    }
    o.nruns = argc - optind;
    const char *wrong = o.nruns < 1 || o.nruns > 2 ? "it wants one run or two"
                        : o.top < 0                ? "--top is a number from 1 to 65536"
                        : o.out && o.nruns == 1    ? "-o draws how alike two runs are: name a second one"
                                                   : NULL;
    if (wrong) {
        fprintf(stderr, "bench inspect: %s; see `bench inspect --help`\n", wrong);
        return 2;
    }
    for (int i = 0; i < o.nruns; i++) o.run[i] = argv[optind + i];
    if (inspect_run(&o, &e) == 0) return 0;
    fprintf(stderr, "bench inspect: %s\n", e.msg);
    return err_exit_code(&e);
}
