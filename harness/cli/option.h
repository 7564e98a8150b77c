/* SPDX-License-Identifier: Apache-2.0 */
/* option.h - the options and arguments of a command as rows, and reading them.
 *
 * One row is one option: its name, its letter, what it takes, the range, the default, one line of help, and
 * where its value goes in the command's own struct. Parsing, --help, the manual page, docs/commands.md and
 * the completion of all shells read the same rows, so none of them can say something else than another.
 *
 * A row without name and letter is an argument that stands by its position. Numbers, times and choices are
 * read as in a sweep file (opt.h): 1e3 is a whole number, 90s and 1.5m are times. getopt_long takes the words
 * apart: `--name value`, `--name=value`, `-j4`, `-j 4`, options after arguments, `--` before arguments that
 * begin with '-', and a name cut short where only one begins like that. */
#ifndef BENCH_OPTION_H
#define BENCH_OPTION_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/err.h"
#include "harness/base/util.h"

enum option_type {
    OPTION_FLAG,   /* bool: true when it is given */
    OPTION_VALUE,  /* an enum or int: `value` when it is given; of rows for one field the last counts */
    OPTION_TEXT,   /* const char * */
    OPTION_LIST,   /* struct option_list: may be given again, in order */
    OPTION_CHOICE, /* const char *: one of the words */
    OPTION_SET,    /* unsigned: words separated by commas, bit i for the i-th */
    OPTION_INT,    /* long in min..max */
    OPTION_NUMBER, /* double in min..max */
    OPTION_TIME,   /* double in min..max, seconds */
};

/* What completes a value. */
enum option_names {
    NAMES_NONE,
    NAMES_FILES,
    NAMES_MODELS, /* `bench ls models`, folders, files */
    NAMES_METHODS,
    NAMES_TASKS,
    NAMES_DATA,        /* `bench ls data`, files */
    NAMES_SWEEP_FILES, /* `bench ls sweeps`, files */
    NAMES_SWEEPS,      /* names in the record */
    NAMES_RUNS,        /* numbers in the record, folders */
    NAMES_RESULTS,     /* sweeps and runs of the record */
    NAMES_KEYS,        /* key=value of a sweep file's `base` */
    NAMES_PAPERS,      /* `bench table` */
    NAMES_ARCHS,       /* `bench plan --arch list` */
    NAMES_COMMANDS,    /* and topics of `bench help` */
};

/* A word to choose, and what it means (NULL: it says that itself). */
struct option_word {
    const char *name, *help;
};

struct option_list {
    const char **v;
    int n, cap;
};

struct option_row {
    const char *name; /* "workers" is --workers; NULL: no long form */
    char letter;      /* 'j' is -j; 0: no short form. Neither: an argument */
    enum option_type type;
    size_t at;           /* of the value in the command's struct: AT_TEXT(field) and so on fill both */
    const char *metavar; /* "FILE"; NULL for what takes no value, and where the choices stand for it */
    const char *help;    /* one line; a row without it ends the table */
    double min, max;     /* inclusive, of INT, NUMBER and TIME */
    int value;           /* of VALUE */
    const char *def; /* as a user would write it: read into the field before all else; NULL: left as it is */
    const char *otherwise;           /* the default in words, where it is no fixed value */
    const char *choices;             /* "a|b|c" of CHOICE and SET, or */
    const struct option_word *words; /* the same with what each means; ends with name NULL */
    enum option_names names;
    bool required;
};

/* `.type` and `.at` of a row for a field of `struct options`, the command's own; a field of another C type
 * does not compile. */
#define OPTION_AT(kind, ctype, field)                                                                        \
    .type = kind,                                                                                            \
    .at =                                                                                                    \
        offsetof(struct options, field) +                                                                    \
        0 * sizeof(char[__builtin_types_compatible_p(typeof(((struct options *)0)->field), ctype) ? 1 : -1])
#define AT_FLAG(field)   OPTION_AT(OPTION_FLAG, bool, field)
#define AT_TEXT(field)   OPTION_AT(OPTION_TEXT, const char *, field)
#define AT_LIST(field)   OPTION_AT(OPTION_LIST, struct option_list, field)
#define AT_CHOICE(field) OPTION_AT(OPTION_CHOICE, const char *, field)
#define AT_SET(field)    OPTION_AT(OPTION_SET, unsigned, field)
#define AT_INT(field)    OPTION_AT(OPTION_INT, long, field)
#define AT_NUMBER(field) OPTION_AT(OPTION_NUMBER, double, field)
#define AT_TIME(field)   OPTION_AT(OPTION_TIME, double, field)
#define AT_VALUE(field, of)                                                                                  \
    .type = OPTION_VALUE, .value = (int)(of),                                                                \
    .at = offsetof(struct options, field) +                                                                  \
          0 * sizeof(char[sizeof(((struct options *)0)->field) == sizeof(int) ? 1 : -1])

/* Read argv[1..] into `into`, a zeroed struct of the command (or with starting values of its own), defaults
 * first. *help: -h or --help was met, nothing else counts. Error (ERR_USER): names the option, the value and
 * what is allowed. Values point into argv; option_release frees the lists, also after an error. */
int option_parse(const struct option_row *rows, int argc, char **argv, void *into, bool *help, struct err *e);
void option_release(const struct option_row *rows, void *into);

/* An argument, which stands by its position? */
bool option_is_argument(const struct option_row *r);
/* Must a value follow? */
bool option_takes_value(const struct option_row *r);
/* "FILE", "f32|f16|bf16": what stands for its value. "" where it takes none. Appended. */
void option_metavar(const struct option_row *r, struct strbuf *out);
/* "--workers", "-o" or, of an argument, "SWEEP": how messages call it. */
void option_shown(const struct option_row *r, char *out, size_t size);
/* What it takes and what holds without it, "1 to 64; default: all cores"; "" where there is nothing to say.
 * Appended. */
void option_range(const struct option_row *r, struct strbuf *out);
/* The i-th word of its choices, copied to `out`; false: there are no more. */
bool option_choice(const struct option_row *r, int i, char *out, size_t size);

#endif
