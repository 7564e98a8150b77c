/* SPDX-License-Identifier: Apache-2.0 */
/* opt.h - option tables: one row is a YAML key with its type, default, range and help.
 *
 * The same rows fill defaults, check values, print help and suggest close names. The core's table is in
 * opt.c; methods and tasks bring their own. Values travel as JSON in the resolved configuration of a run
 * (cfg.h reads them). */
#ifndef BENCH_OPT_H
#define BENCH_OPT_H

#include <jansson.h>
#include <stdbool.h>

#include "harness/base/err.h"

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
#define OPT_END                                                                                              \
    { NULL, OPT_ANY, NULL, 0, 0, NULL, NULL }
#define OPT_BIG 1e18

/* The core's rows (model, task, method, train.*, eval.*, target_modules, threads, ...). Ends with key
 * NULL. */
extern const struct opt opt_core[];

struct ynode;

/* The row of `key` in a table that ends with key NULL (NULL table: no rows), or NULL. */
const struct opt *opt_find(const struct opt *table, const char *key);
/* A number for which a derived value ("2*r") may stand? */
bool opt_is_number(const struct opt *o);
/* Check a value as a sweep file has it and bring it into the row's form: INT and SIZE integers, NUM and TIME
 * reals, NUMS a list of reals, STR and ENUM strings (a number or a word as written will do). null is taken
 * where the row has no default. *ret: new reference. Error: ERR_USER, a message that begins with the key,
 * without a file position. */
int opt_parse(const struct opt *o, const struct ynode *value, json_t **ret, struct err *e);
/* The same for a number that was computed: INT or NUM. */
int opt_number(const struct opt *o, double value, json_t **ret, struct err *e);
/* The default in the row's form; null where it has none. New reference. A default that its own row refuses is
 * a bug. */
json_t *opt_default(const struct opt *o);
/* A configuration in which every row of opt_core and of `own` (NULL: none) has its default. New reference. */
json_t *opt_config(const struct opt *own);

#endif
