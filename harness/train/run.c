/* SPDX-License-Identifier: Apache-2.0 */
/* run.c - what training and evaluation share of a run: its reports and the batches that live. See run.h. */
#include "harness/train/run.h"

#include <math.h>

#include "harness/config/cfg.h"
#include "harness/base/util.h"

/* ---- reports ------------------------------------------------------------------------------------------- */

void run_tell_metric(struct run *r, const char *key, long step, double value) {
    if (!r->counting && r->rep && r->rep->metric) r->rep->metric(r->rep->arg, key, step, value);
}

void run_tell_event(struct run *r, const char *kind, const char *text) {
    if (!r->counting && r->rep && r->rep->event) r->rep->event(r->rep->arg, kind, text);
}

/* Remaining time: the steps at their speed so far, and the evaluations still to come at theirs. */
static double run_eta(const struct run *r) {
    const struct train_result *res = r->res;
    if (!res->steps) return NAN;
    long every = cfg_int(r->cfg, "eval.every");
    long evals_done = every ? r->step / every : 0, evals = (every ? r->steps / every : 0) + 1;
    double per_eval = evals_done ? res->eval_s / (double)evals_done : 0;
    return res->train_s / (double)res->steps * (double)(r->steps - r->step) +
           per_eval * (double)(evals - evals_done);
}

void run_tell_progress(struct run *r, const char *phase, double loss) {
    if (r->counting || !r->rep || !r->rep->progress) return;
    struct train_progress p = {.step = r->step, .steps = r->steps, .loss = loss, .phase = phase};
    p.tokens_per_s = r->res->train_s > 0 ? (double)r->res->tokens / r->res->train_s : NAN;
    p.eta_s = run_eta(r);
    r->rep->progress(r->rep->arg, &p);
}

/* ---- batches ------------------------------------------------------------------------------------------- */

struct task_batch *run_keep_batch(struct run *r, struct task_batch *b) {
    if (!b) return NULL;
    GROW(r->live, r->nlive, r->live_cap);
    return r->live[r->nlive++] = b;
}

void run_drop_batches(struct run *r) {
    while (r->nlive) r->task->batch_free(r->task_state, r->live[--r->nlive]);
}
