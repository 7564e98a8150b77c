/* train.h - one run: build, plan, train, evaluate, save. Knows the contracts of model, method and task, none of them by name.
 *
 * The worker process calls train_run and forwards what it reports; the parent calls train_plan. Neither touches the database. */
#ifndef BENCH_TRAIN_H
#define BENCH_TRAIN_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/err.h"
#include "harness/mem.h"

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
    void (*item)(void *arg, const char *key, long item, double value);   /* per-row scores */
    void (*progress)(void *arg, const struct train_progress *p);
    void (*event)(void *arg, const char *kind, const char *text); /* warnings: rows skipped, cut, ... */
};

struct train_job {
    const json_t *config; /* resolved: model_path, data paths absolute */
    uint64_t seed;
    int threads;
    size_t memory_limit; /* bytes, 0: none; BASE counts. A plan is not held to it, but `weights: auto` asks for it */
    double time_limit;   /* seconds, 0: none */
    const char *adapter; /* folder of a saved adapter to evaluate: loaded after binding, nothing trains; NULL: none */
    int base_fd;         /* the base as float32 of expand_shared, for weights: f32; 0: the run expands for itself */
    const char *out_dir; /* where a checkpoint goes (made when needed); NULL: save nothing */
    const char *save;    /* "adapter" | "all" | "none" */
    const volatile sig_atomic_t *stop; /* becomes nonzero: end after this step with state "interrupted"; may be NULL */
};

/* Everything the database's row needs. Counts are -1 and numbers NaN where not applicable. */
struct train_result {
    char state[16]; /* complete (also when train.early_stop ended it) | nan | timeout | oom | interrupted | failed */
    char error[1024];
    char weights[8]; /* how the base was held: "native" or "f32"; "" before that was known */
    long trainable, total_params, adapted_params;
    long steps, tokens;
    double train_loss, eval_loss, metric, best_metric, test_metric;
    long best_step;
    size_t peak_bytes, peak_bytes_predicted, rss_bytes;
    size_t mem_peak[MEM_NCAT], mem_at_peak[MEM_NCAT];
    long checkpoint_bytes, checkpoint_bytes_min;
    char checkpoint_path[1024]; /* folder that PEFT loads, or with save "all" the model that transformers loads; "" when none */
    char checkpoint_sha256[65];
    double train_s, eval_s, total_s;
    long eval_tokens; /* that evaluations and the test read */
    double first_s;   /* of train_s, what the first step took: it touches everything for the first time */
    long first_tokens;
};

/* Returns 0 when the run ended in a state of its own (also oom, nan, timeout, interrupted: res->state says which);
 * an error when it could not start (then state is "failed" and error is filled as well). */
int train_run(const struct train_job *job, const struct train_report *rep, struct train_result *res, struct err *e);

/* The same allocation path in counting mode on the tokenised data: fills trainable, total_params, adapted_params, steps, tokens,
 * peak_bytes_predicted, mem_peak, mem_at_peak, checkpoint_bytes(_min). Touches no weights. Runs in the caller's process, one thread. */
int train_plan(const struct train_job *job, struct train_result *res, struct err *e);

#endif
