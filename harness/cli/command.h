/* SPDX-License-Identifier: Apache-2.0 */
/* command.h - what a command is: one const struct in its file, listed in commands.def.
 *
 * The struct says everything that is said about a command: `bench NAME --help`, the manual page and
 * docs/commands.md are made of it (manual.h), and complete.h completes by it. Only the files of this folder
 * and main.c print. */
#ifndef BENCH_COMMAND_H
#define BENCH_COMMAND_H

#include "harness/cli/option.h"
#include "harness/record/db.h"
#include "harness/table/table.h"

/* Where it computes: nowhere, here, or in workers. */
enum command_where { COMMAND_TALKS, COMMAND_COMPUTES, COMMAND_STARTS_WORKERS };

struct command {
    const char *name;
    const char *summary; /* NULL: hidden */
    const char *usage;   /* what follows "bench NAME ", a line for each form; NULL: made of the rows */
    const char *about;   /* paragraphs, an empty line between them; each is wrapped as a whole */
    const struct option_row *rows; /* end with a row without help; NULL: it takes nothing */
    size_t size;                   /* of its struct of options, which begins zeroed */
    const char *notes;             /* paragraphs that follow the options, or NULL */
    const char *examples;          /* at least two lines, each a command that works as written */
    enum command_where where;
    /* Options that do not go together: ERR_USER and why. NULL: all do. */
    int (*check)(const void *options, struct err *e);
    /* One of the two. The exit code: 0 done, 1 a run failed, 2 a bad file, 3 something is missing or busy,
     * 130 after Ctrl-C; or negative with e filled, which the caller prints. */
    int (*run)(void *options, struct err *e);
    int (*run_on_all)(const struct command *const *all, void *options, struct err *e); /* help, completion */
};

/* The one of this name in a list that ends with NULL, or NULL. */
const struct command *command_find(const struct command *const *all, const char *name);
/* Read and check the arguments (argv[0] is passed over). Negative: go on with *options, for command_run.
 * Else the exit code: --help was printed, or what is wrong. */
int command_parse(const struct command *c, int argc, char **argv, void **options);
/* Free the options of a command that will not run. */
void command_release(const struct command *c, void *options);
/* Run it, print an error if there is one, free the options. The exit code. */
int command_run(const struct command *c, const struct command *const *all, void *options);
/* Print the buffer's bytes on standard output and release it. */
void command_print(struct strbuf *out);
/* Print a table; text as wide as the terminal. */
void command_print_table(const struct table *t, enum table_format format);

/* Rows that several commands share. The field's struct is `struct options`. */
#define ROW_DB(field)                                                                                        \
    { "db", 0, AT_TEXT(field), "FILE", "the record of runs", .def = DB_DEFAULT, .names = NAMES_FILES }
#define ROW_JSON(field)                                                                                      \
    { "json", 0, AT_VALUE(field, TABLE_AS_JSON), NULL, "as JSON, every field" }
#define ROWS_FORMAT(field)                                                                                   \
    ROW_JSON(field), {"csv", 0, AT_VALUE(field, TABLE_AS_CSV), NULL, "as CSV, exact numbers"}, {             \
        "markdown", 0, AT_VALUE(field, TABLE_AS_MARKDOWN), NULL, "as a table of Markdown"                    \
    }
#define ROW_SET(field)                                                                                       \
    {                                                                                                        \
        "set", 0, AT_LIST(field), "KEY=VALUE",                                                               \
            "replace a value of `base`, and its axis; may be given again", .names = NAMES_KEYS               \
    }
#define ROW_ADAPTER(field)                                                                                   \
    {                                                                                                        \
        "adapter", 0, AT_TEXT(field), "RUN|DIR",                                                             \
            "a folder with adapter_model.safetensors, or a run of the record", .names = NAMES_RUNS           \
    }
#define ROW_THREADS(field)                                                                                   \
    { "threads", 0, AT_INT(field), "N", "threads", 1, 64, .otherwise = "all cores" }
#define ROW_MODEL_OF_RUN(field)                                                                              \
    {                                                                                                        \
        "model", 'm', AT_TEXT(field), "MODEL", "the base",                                                   \
            .names = NAMES_MODELS, .otherwise = "the one of the run, or the one that the adapter names"      \
    }

#endif
