/* SPDX-License-Identifier: Apache-2.0 */
/* controls.h - the methods of a sweep beside their control arms (`controls: auto`), as pairs with their
 * difference.
 *
 * A row is one setting of a method and one kind of control. On both sides it is the learning rate whose mean
 * over the seeds is best, as in `bench show`; rates at which a seed diverged count only when all did. What is
 * compared is the score on the test split where all runs have one, with the sweep's own pooled spread and its
 * rows (verdict.h). Arms that are one computation but for a scale ("alpha x ...") share their noise: they are
 * paired by seed where both have the same three seeds or more. Each row is one planned question.
 */
#ifndef BENCH_CONTROLS_H
#define BENCH_CONTROLS_H

#include "harness/analysis/verdict.h"
#include "harness/record/db.h"
#include "harness/table/table.h"

struct control_arm {
    int64_t point; /* its id */
    char *method;
    int64_t r;            /* -1: none */
    double alpha, lr;     /* NaN: none */
    char *target_modules; /* or NULL */
    int rates;            /* learning rates that it is the best of */
    int64_t trainable;    /* -1: unknown */
    int runs, complete;   /* at this rate */
    int n;                /* of them with a number */
    double mean, half;    /* over those; half the 95 % interval, NaN: none */
    char *shown;          /* the mean for people, "" without a number */
};

struct control_row {
    char *kind; /* what is held equal */
    /* "train.batch_size=4 ...": what else tells this row from others of its method, rank, alpha and modules;
     * "" */
    char *settings;
    struct control_arm of, control;
    struct verdict_pair d; /* of - control; diff NaN: not both have a number, or a seed diverged */
};

struct control_set {
    char *metric; /* the one compared, "test/loss" */
    bool maximize;
    char *notes;             /* what readers must know, lines; NULL: nothing */
    struct control_row *row; /* in the order of the sweep */
    int n, cap;
};

/* The pairs of a sweep (an id); none, or a record of an older bench: n = 0. Release also what is empty; not
 * after an error. */
int controls_read(struct control_set *c, struct db *db, int64_t sweep, struct err *e);
void controls_release(struct control_set *c);

/* One row per pair. Caller frees. */
struct table *controls_table(const struct control_set *c);

#endif
