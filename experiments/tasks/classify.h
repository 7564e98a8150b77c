/* SPDX-License-Identifier: Apache-2.0 */
/* classify.h - what the files of the task `classify` share. */
#ifndef BENCH_TASKS_CLASSIFY_H
#define BENCH_TASKS_CLASSIFY_H

#include "harness/core/data.h"
#include "harness/core/embed.h"

/* The labels of a classification, in order: as numbers where all are whole numbers, else as texts. */
struct labels {
    char **name;
    int n, cap;
};

enum { LABELS_MOST = 4096 };

/* The classes that a model's folder or an adapter's brings along: what its task.json tells, else id2label of
 * its config.json. *l stays empty where it has none, *plain says that they are numbers in place of names
 * ("LABEL_0"); *pooling (caller frees; may be NULL): what task.json says. Errors name the file. */
int labels_of_folder(struct labels *l, const char *dir, bool *plain, char **pooling, struct err *e);
bool labels_same(const struct labels *a, const struct labels *b); /* in the same order */
/* Are all of a's among b's? */
bool labels_within(const struct labels *a, const struct labels *b);
json_t *labels_json(const struct labels *l);
/* From a list of texts or numbers (data.labels). Error: not such a list, an entry twice. */
int labels_given(struct labels *l, const json_t *list, struct err *e);
/* All that `t` gives over the rows. Error: a blank one, a single one, more than LABELS_MOST. */
int labels_found(struct labels *l, const struct template *t, const struct rows *rows, struct err *e);
void labels_release(struct labels *l);
/* The number of the label of a row, or -1 with e filled: training never saw it. */
int labels_of(const struct labels *l, const struct template *t, const struct rows *rows, long row,
              struct err *e);

#endif
