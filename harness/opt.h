/* opt.h - option tables: one row is a YAML key with its type, default, range and help.
 *
 * The same rows fill defaults, check values, print help and suggest close names. The core's table is in opt.c; methods and tasks bring
 * their own. Values travel as JSON in the resolved configuration of a run (cfg.h reads them). */
#ifndef BENCH_OPT_H
#define BENCH_OPT_H

enum opt_type {
    OPT_INT,
    OPT_NUM,
    OPT_BOOL,
    OPT_STR,
    OPT_ENUM, /* one of `choices`, separated by '|' */
    OPT_NUMS, /* a list of numbers, as many as the default has */
    OPT_SIZE, /* bytes: 8GiB, 500MB, 1024 -> integer */
    OPT_TIME, /* seconds: 2h, 30m, 90s, 1.5 -> number */
    OPT_ANY,  /* checked by its owner (target_modules) */
};

struct opt {
    const char *key; /* dotted path below `base`: "train.lr", "r" */
    enum opt_type type;
    const char *def;     /* as written in YAML; NULL: no default (required, or absent = null) */
    double min, max;     /* inclusive range for INT, NUM, SIZE, TIME */
    const char *choices; /* ENUM */
    const char *help;
};
#define OPT_END {NULL, OPT_ANY, NULL, 0, 0, NULL, NULL}
#define OPT_BIG 1e18

/* The core's rows (model, task, method, train.*, eval.*, target_modules, threads, ...). Ends with key NULL. */
extern const struct opt opt_core[];

#endif
