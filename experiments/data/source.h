/* SPDX-License-Identifier: Apache-2.0 */
/* source.h - what a built-in data set is: one struct per file, one line in data.def. */
#ifndef BENCH_DATA_SOURCE_H
#define BENCH_DATA_SOURCE_H

#include "harness/core/data.h"

#define DATA_MAX_FILES 8

/* The default template of a key besides prompt and completion, for configurations that know the key; `where`
 * (may be NULL): the rows that are then meant, when the configuration does not say. */
struct data_default {
    const char *key, *text, *where;
};

struct data_source {
    const char *name, *summary;
    const char *prompt, *completion;      /* default templates */
    const struct data_default *templates; /* ends with key NULL; may be NULL */
    /* Fill d->train, eval, test (d is zeroed; what is there on error is freed by the caller). */
    int (*open)(struct dataset *d, struct err *e);
    /* The files whose contents decide the rows: paths (freed by the caller) into path[], their number
     * returned; negative: error. */
    int (*files)(char *path[DATA_MAX_FILES], struct err *e);
};

#define DATA(id) extern const struct data_source data_##id;
#include "experiments/data/data.def"
#undef DATA

#endif
