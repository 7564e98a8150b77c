/* SPDX-License-Identifier: Apache-2.0 */
/* run_result.h - what a run tells while it goes and what it leaves: the words in which training, workers,
 * scheduler and record speak of a run. */
#ifndef BENCH_RUN_RESULT_H
#define BENCH_RUN_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/mem.h"

/* ---- states -------------------------------------------------------------------------------------------- */

/* The states of a run: X(constant, name in the record, kind). Kinds:
 *
 *   OPEN     it may still end
 *   RESULT   it is finished: not repeated, and compared; diverging is a result
 *   BAD      it failed: repeated by the same command, since limits, machine and files may have changed
 *   STOPPED  it was ended before its end and says nothing: repeated by the same command, never compared */
#define RUN_STATES(X)                                                                                        \
    X(WAITING, "waiting", OPEN)                                                                              \
    X(RUNNING, "running", OPEN)                                                                              \
    X(COMPLETE, "complete", RESULT)                                                                          \
    X(DIVERGED, "nan", RESULT)                                                                               \
    X(FAILED, "failed", BAD)                                                                                 \
    X(OOM, "oom", BAD)                                                                                       \
    X(TIMEOUT, "timeout", BAD)                                                                               \
    X(INTERRUPTED, "interrupted", STOPPED)                                                                   \
    X(PRUNED, "pruned", STOPPED)

#define RUN_STATE_CONSTANT(id, name, kind) RUN_##id,
enum run_state { RUN_STATES(RUN_STATE_CONSTANT) RUN_NSTATES };
#undef RUN_STATE_CONSTANT

/* "complete": the name as the record has it; "?" for RUN_NSTATES. */
const char *run_state_name(enum run_state s);
/* RUN_NSTATES for a word that names none; accepts NULL. */
enum run_state run_state_parse(const char *name);
bool run_state_is_finished(enum run_state s); /* a RESULT */
bool run_state_is_bad(enum run_state s);

/* Lists for SQL, as literals: `"... WHERE state IN " RUN_SQL_FINISHED`. */
#define RUN_SQL_OPEN                       "(''" RUN_STATES(RUN_SQL_IF_OPEN) ")"
#define RUN_SQL_FINISHED                   "(''" RUN_STATES(RUN_SQL_IF_RESULT) ")"
#define RUN_SQL_BAD                        "(''" RUN_STATES(RUN_SQL_IF_BAD) ")"
#define RUN_SQL_STOPPED                    "(''" RUN_STATES(RUN_SQL_IF_STOPPED) ")"
#define RUN_SQL_IF_OPEN(id, name, kind)    RUN_OPEN_##kind(name)
#define RUN_SQL_IF_RESULT(id, name, kind)  RUN_RESULT_##kind(name)
#define RUN_SQL_IF_BAD(id, name, kind)     RUN_BAD_##kind(name)
#define RUN_SQL_IF_STOPPED(id, name, kind) RUN_STOPPED_##kind(name)
#define RUN_OPEN_OPEN(name)                ", '" name "'"
#define RUN_OPEN_STOPPED(name)             ""
#define RUN_OPEN_RESULT(name)              ""
#define RUN_OPEN_BAD(name)                 ""
#define RUN_RESULT_OPEN(name)              ""
#define RUN_RESULT_STOPPED(name)           ""
#define RUN_RESULT_RESULT(name)            ", '" name "'"
#define RUN_RESULT_BAD(name)               ""
#define RUN_BAD_OPEN(name)                 ""
#define RUN_BAD_STOPPED(name)              ""
#define RUN_BAD_RESULT(name)               ""
#define RUN_BAD_BAD(name)                  ", '" name "'"
#define RUN_STOPPED_OPEN(name)             ""
#define RUN_STOPPED_STOPPED(name)          ", '" name "'"
#define RUN_STOPPED_RESULT(name)           ""
#define RUN_STOPPED_BAD(name)              ""

/* ---- what a run tells and leaves ----------------------------------------------------------------------- */

struct train_progress {
    long step, steps;
    double loss;         /* of this step, NaN before the first */
    double tokens_per_s; /* of training so far */
    double eta_s;        /* to the end of the run, evaluations included */
    const char *phase;   /* "load", "train", "eval", "save" */
};

/* What a run tells while it goes. Calls come from the training thread; any may be NULL. */
struct train_report {
    void *arg;
    void (*metric)(void *arg, const char *key, long step, double value); /* NaN and infinities are values */
    /* scores of rows and what each counts, as in struct task_tell */
    void (*item)(void *arg, const char *key, long item, double value, double weight);
    void (*progress)(void *arg, const struct train_progress *p);
    void (*event)(void *arg, const char *kind, const char *text); /* warnings: rows skipped, cut, ... */
};

/* What became of the rows of a score. */
struct score_count {
    const char *what; /* what is scored: "rows", "queries" */
    long scored;
    long left_out; /* nothing in them can be scored */
    long cut;      /* longer than is read: of these the beginning counts */
};

/* Everything the database's row needs. Counts are -1 and numbers NaN where not applicable. */
struct train_result {
    /* complete also when train.early_stop ended it; what a run did not end in stays FAILED */
    enum run_state state;
    char error[1024];
    char weights[8]; /* how the base was held: "native" or "f32"; "" before that was known */
    long trainable, total_params, adapted_params;
    long model_bytes; /* of the model's weight files, as they are stored */
    long steps, tokens;
    double train_loss, eval_loss, metric, best_metric, test_metric;
    long best_step;
    size_t peak_bytes, peak_bytes_predicted, rss_bytes;
    size_t mem_peak[MEM_NCAT], mem_at_peak[MEM_NCAT];
    long checkpoint_bytes, checkpoint_bytes_min;
    /* folder that PEFT loads, or with save "all" the model that transformers loads; "" when none */
    char checkpoint_path[1024];
    char checkpoint_sha256[65];
    double train_s, eval_s, total_s;
    long eval_tokens; /* that evaluations and the test read */
    double first_s;   /* of train_s, what the first step took: it touches everything for the first time */
    long first_tokens;
    struct score_count eval_count, test_count; /* of the last score; `what` NULL: there was none */
};

#endif
