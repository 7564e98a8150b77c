/* SPDX-License-Identifier: Apache-2.0 */
/* data_opts.h - option rows that tasks of texts share: which rows there are. */
#ifndef BENCH_TASKS_DATA_OPTS_H
#define BENCH_TASKS_DATA_OPTS_H

/* clang-format off */
#define DATA_FILE_OPTS \
    {"data.name", OPT_STR, NULL, 0, 0, NULL, "a built-in data set (`bench ls data`), instead of files"}, \
    {"data.train", OPT_STR, NULL, 0, 0, NULL, "file of training rows"}, \
    {"data.eval", OPT_STR, NULL, 0, 0, NULL, "file of rows to evaluate on while training"}, \
    {"data.test", OPT_STR, NULL, 0, 0, NULL, "file of rows scored once at the end, never used to choose"}, \
    {"data.format", OPT_ENUM, NULL, 0, 0, "jsonl|csv|tsv", "file format (default: by extension)"}, \
    {"data.header", OPT_BOOL, "true", 0, 0, NULL, "CSV, TSV: the first row names the columns"}, \
    {"data.quotes", OPT_ENUM, "standard", 0, 0, "standard|literal", \
     "CSV, TSV: are quotes characters like any other?"}, \
    {"data.special_tokens", OPT_BOOL, "false", 0, 0, NULL, "recognise special tokens in data fields too"}, \
    {"data.where", OPT_STR, NULL, 0, 0, NULL, "column=value: only rows that have that value there"}
/* clang-format on */

#endif
