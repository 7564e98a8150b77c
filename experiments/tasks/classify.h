/* classify.h - what the files of the task `classify` share. */
#ifndef BENCH_TASKS_CLASSIFY_H
#define BENCH_TASKS_CLASSIFY_H

#include "harness/core/data.h"

/* The labels of a classification, in order: as numbers where all are whole numbers, else as texts. */
struct labels {
    char **name;
    int n, cap;
};

enum { LABELS_MOST = 4096 };

/* From a list of texts or numbers (data.labels). Error: not such a list, an entry twice. */
int labels_given(struct labels *l, const json_t *list, struct err *e);
/* All that `t` gives over the rows. Error: a blank one, a single one, more than LABELS_MOST. */
int labels_found(struct labels *l, const struct template *t, const struct rows *rows, struct err *e);
void labels_release(struct labels *l);
/* The number of the label of a row, or -1 with e filled: training never saw it. */
int labels_of(const struct labels *l, const struct template *t, const struct rows *rows, long row,
              struct err *e);

#endif
