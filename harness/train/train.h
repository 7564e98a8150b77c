/* SPDX-License-Identifier: Apache-2.0 */
/* train.h - one run: build, plan, train, evaluate, save. Knows the contracts of model, method and task, none
 * of them by name.
 *
 * The worker process calls train_run and forwards what it reports; the parent calls train_plan. Neither
 * touches the database. */
#ifndef BENCH_TRAIN_H
#define BENCH_TRAIN_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/core/run_result.h"

struct train_job {
    const json_t *config; /* resolved: model_path, data paths absolute */
    uint64_t seed;
    int threads;
    /* bytes, 0: none; BASE counts. A plan is not held to it, but `weights: auto` asks for it */
    size_t memory_limit;
    double time_limit; /* seconds, 0: none */
    /* folder of a saved adapter to evaluate: loaded after binding, nothing trains; NULL: none */
    const char *adapter;
    /* the base as float32 of base_f32_shared, for weights: f32; 0: the run expands for itself */
    int base_fd;
    /* bytes of its peak, from train_plan with the same seed and threads; 0: train_run plans first */
    size_t predicted;
    const char *out_dir; /* where a checkpoint goes (made when needed); NULL: save nothing */
    const char *save;    /* "adapter" | "all" | "none" */
    /* becomes nonzero: end after this step with state "interrupted"; may be NULL */
    const volatile sig_atomic_t *stop;
    long *refuse_in; /* of the run's memory gate (mem.h); NULL outside tests */
};

/* Returns 0 when the run ended in a state of its own (also oom, nan, timeout, interrupted: res->state says
 * which); an error when it could not start (then state is "failed" and error is filled as well). */
int train_run(const struct train_job *job, const struct train_report *rep, struct train_result *res,
              struct err *e);

/* The same allocation path in counting mode on the tokenised data: fills trainable, total_params,
 * adapted_params, model_bytes, steps, tokens, peak_bytes_predicted, mem_peak, mem_at_peak,
 * checkpoint_bytes(_min). Touches no weights. Runs in the caller's process, one thread. */
int train_plan(const struct train_job *job, struct train_result *res, struct err *e);

/* Does a run of this configuration leave a checkpoint where `save` says "adapter", "all" or "none"? */
bool train_leaves_file(const json_t *config, const char *save);

#endif
