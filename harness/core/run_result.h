/* run_result.h - what a run tells while it goes and what it leaves: the words in which training, workers,
 * scheduler and record speak of a run. */
#ifndef BENCH_RUN_RESULT_H
#define BENCH_RUN_RESULT_H

#include <stdint.h>

#include "harness/base/mem.h"

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

/* Everything the database's row needs. Counts are -1 and numbers NaN where not applicable. */
struct train_result {
    /* complete (also when train.early_stop ended it) | nan | timeout | oom | interrupted | failed */
    char state[16];
    char error[1024];
    char weights[8]; /* how the base was held: "native" or "f32"; "" before that was known */
    long trainable, total_params, adapted_params;
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
};

#endif
