/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_inspect.c - `bench inspect RUN|DIR [RUN2|DIR2]`: what a run changed, layer by layer; and how alike the
 * directions of two runs are. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/command.h"
#include "harness/record/db.h"
#include "harness/report/inspect.h"
#include "harness/base/util.h"

struct options {
    const char *run[2], *model, *db, *out;
    long top;
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
    command_print(&b);
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
    command_print(&b);
    json_decref(v);
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

static int run_inspect(void *options, struct err *e) {
    const struct options *o = options;
    struct inspect x[2] = {0};
    int rc = 0, nruns = o->run[1] ? 2 : 1;
    for (int i = 0; i < nruns && !rc; i++)
        rc = inspect_read(&x[i], o->run[i], o->db, o->model, (int)o->top, show_progress, e);
    if (!rc && nruns == 2) rc = inspect_check_pair(&x[0], &x[1], e);
    if (!rc) {
        if (o->format == TABLE_AS_JSON)
            print_json(&x[0], nruns == 2 ? &x[1] : NULL);
        else if (nruns == 2)
            print_pair(&x[0], &x[1], o->format);
        else
            print_run(&x[0], o->format);
        fflush(stdout);
    }
    if (!rc && o->out) rc = draw_plots(&x[0], &x[1], o, e);
    for (int i = 0; i < 2; i++) inspect_release(&x[i]);
    return rc;
}

static int check_inspect(const void *options, struct err *e) {
    const struct options *o = options;
    if (!o->out || o->run[1]) return 0;
    return err_set(e, ERR_USER, "--output draws how alike two runs are: name a second one");
}

static const struct option_row inspect_options[] = {
    {NULL, 0, AT_TEXT(run[0]), "RUN|DIR",
     "a run's number, the folder of an adapter, or of a whole model (full with save: all)",
     .names = NAMES_RUNS, .required = true},
    {NULL, 0, AT_TEXT(run[1]), "RUN2|DIR2", "another, to compare with", .names = NAMES_RUNS},
    ROW_MODEL_OF_RUN(model),
    {"top", 0, AT_INT(top), "N", "look at no more than N directions per layer", 1, 65536, .def = "64"},
    {"output", 'o', AT_TEXT(out), "DIR",
     "two runs: draw phi(i,j) per kind of layer there, beside that of random subspaces",
     .names = NAMES_FILES},
    ROW_DB(db),
    ROWS_FORMAT(format),
    {0}};

const struct command cmd_inspect = {
    .name = "inspect",
    .summary = "what training changed, layer by layer; how alike two runs are",
    .about = "What training changed: for each adapted layer the total change dW of its weight W by singular "
             "values. With two runs instead how alike the directions are that they learned.",
    .rows = inspect_options,
    .size = sizeof(struct options),
    .notes =
        "rank: singular values above max(d_in, d_out) * 2^-23 times the largest. amplification: |dW| over "
        "|U^T W V^T|, U and V being the singular directions of dW. phi(i,j), 0 to 1: the shared part of "
        "the first i and j right-singular directions of A (of dW, where a method has no A). `random` "
        "beside a number: what random directions give. All after LoRA (2106.09685), section 7. --json has "
        "every singular value and the whole of phi.",
    .examples = "bench inspect 12\n"
                "bench inspect 12 13 -o figures\n"
                "bench inspect results/checkpoints/12 --model smollm2-135m --json\n",
    .where = COMMAND_COMPUTES,
    .check = check_inspect,
    .run = run_inspect,
};
