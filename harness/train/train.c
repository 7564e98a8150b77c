/* SPDX-License-Identifier: Apache-2.0 */
/* train.c - one run: build, train, evaluate, save; and the same in counting mode. See train.h.
 *
 * A plan and a run are the same code: in counting mode every allocation is made and no value is touched, so
 * the predicted peak is the measured one. Order within a run: [train, evaluate every eval.every steps] ...
 * evaluate, test, save. The gate's refusal comes back through longjmp: allocations happen on the training
 * thread, outside parallel regions. */
#include "harness/train/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/checkpoint/adapter.h"
#include "harness/hub/catalog.h"
#include "harness/config/cfg.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/checkpoint/outdir.h"
#include "harness/train/run_files.h"
#include "harness/train/run.h"
#include "harness/base/awake.h"
#include "harness/base/util.h"
#include "harness/nn/kernels/vec.h"

/* ---- opening ------------------------------------------------------------------------------------------- */

static void deny_memory(struct mem *m, enum mem_cat cat, size_t bytes, void *arg) {
    struct run *r = arg;
    if (!m->limit)
        snprintf(r->res->error, sizeof r->res->error,
                 "no address space for %.1f MiB of %s: raise its limit (ulimit -v)", (double)bytes / 1048576,
                 mem_cat_name(cat));
    else
        snprintf(r->res->error, sizeof r->res->error,
                 "memory limit: %.1f MiB more for %s on top of %.1f MiB would exceed %.1f MiB; raise "
                 "limits.memory or lower "
                 "train.batch_size, train.max_length or r",
                 (double)bytes / 1048576, mem_cat_name(cat), (double)m->total / 1048576,
                 (double)m->limit / 1048576);
    longjmp(r->denied, 1);
}

/* Numbers of the models, before a method is bound; not of the task's own parameters. */
static size_t base_params(const struct net *net) {
    size_t total = 0;
    for (int i = 0; i < net->nparams; i++)
        if (!net->params[i]->head) total += param_size(net->params[i]);
    return total;
}

/* What `full` and the like train of the base, and the matrices that adapters sit on. */
static void count_params(struct run *r, size_t total) {
    size_t adapted = 0;
    for (int i = 0; i < r->net.nsites; i++)
        if (r->net.sites[i]->adapted && r->net.sites[i]->W->role != PARAM_TRAIN)
            adapted += param_size(r->net.sites[i]->W);
    for (int i = 0; i < r->net.nparams; i++) {
        const struct param *p = r->net.params[i];
        if (!p->site && !p->head && p->role == PARAM_TRAIN) adapted += param_size(p);
    }
    r->res->total_params = (long)total;
    r->res->trainable = (long)net_trainable(&r->net);
    r->res->adapted_params = (long)adapted;
}

/* On the model, the task: what it needs of the model, and its own parameters. */
static int open_task(struct run *r, const char *path) {
    if (r->task->texts && r->tn.facts.d_in)
        return err_set(r->e, ERR_USER, "task %s reads texts, but model %s reads vectors of %d numbers",
                       r->task->name, path, r->tn.facts.d_in);
    if (cfg_int(r->cfg, "train.max_length") > r->tn.facts.max_positions)
        return err_set(r->e, ERR_USER, "train.max_length %ld exceeds the %d positions of model %s",
                       cfg_int(r->cfg, "train.max_length"), r->tn.facts.max_positions, path);
    int rc = r->task->open(&r->task_state, r->cfg, &r->mem, r->tok, &r->tn.facts, r->e);
    if (!rc && r->task->declare) rc = r->task->declare(r->task_state, &r->net, r->e);
    return rc;
}

/* How the frozen base is held. */
static int open_base(struct run *r) {
    bool f32 = base_f32_wanted(&r->net, r->cfg, r->job->memory_limit);
    bool own = false; /* an adapter's copies of modules are not in what the workers share */
    for (int i = 0; i < r->net.nparams; i++) own |= r->net.params[i]->kept;
    snprintf(r->res->weights, sizeof r->res->weights, "%s", f32 ? "f32" : "native");
    return f32 ? base_f32_base(&r->expand, &r->net, own ? 0 : r->job->base_fd, r->e) : 0;
}

static int open_net(struct run *r, const char *path) {
    const char *name = cfg_str(r->cfg, "method");
    r->method = method_find(name);
    BUG_ON(!r->method, "method %s", name);
    bool trains = !method_is_base(r->method) && !r->job->adapter;
    r->steps = trains ? cfg_int(r->cfg, "train.steps") : 0;
    r->team = team_new(&r->mem, r->job->threads > 0 ? r->job->threads : 1);
    net_init(&r->net, &r->mem, r->team, r->cfg, r->job->seed, trains);
    r->tn.net = &r->net; /* there is a net to release */
    const struct model *model = model_of(r->file, r->e);
    if (!model) return ERR_USER;
    const char *init = trains ? cfg_str(r->cfg, "init_path") : NULL,
               *adapter = r->job->adapter ? r->job->adapter : init;
    if (adapter && adapter_open(&r->adapter, adapter, r->e)) return r->e->code;
    if (adapter && adapter_overlay(r->file, r->adapter, r->e)) return r->e->code;
    if (net_add_model(&r->net, model, r->file, NULL, &r->tn, r->e)) return ERR_USER;
    int rc = open_task(r, path);
    size_t total = base_params(&r->net);
    if (!rc) rc = net_bind(&r->net, r->method, r->e);
    if (!rc && r->job->adapter && !r->counting) rc = adapter_load(&r->net, r->file, r->adapter, r->e);
    if (!rc && init) {
        rc = adapter_load(&r->net, r->file, r->adapter, r->e);
        if (rc) err_wrap(r->e, "init");
    }
    if (!rc) rc = open_base(r);
    if (rc) return rc;
    count_params(r, total);
    return 0;
}

static int run_open(struct run *r) {
    const char *path = cfg_str(r->cfg, "model_path");
    r->task = task_find(cfg_str(r->cfg, "task"));
    BUG_ON(!r->task, "task %s", cfg_str(r->cfg, "task"));
    int rc = modelfile_open(&r->file, path, r->e);
    if (!rc) r->res->model_bytes = (long)modelfile_weight_bytes(r->file);
    if (!rc && r->task->texts) rc = modelfile_tokenizer(r->file, &r->tok, r->e);
    if (!rc) rc = open_net(r, path);
    if (rc) return rc;
    r->rows = r->task->rows(r->task_state, SPLIT_TRAIN);
    if (r->steps && !r->rows) return err_set(r->e, ERR_USER, "no training rows: the data has no train split");
    r->batch_rows = xcalloc((size_t)cfg_int(r->cfg, "train.batch_size"), sizeof *r->batch_rows);
    if (r->steps) r->order = mem_alloc(&r->mem, MEM_DATA, (size_t)r->rows * sizeof *r->order);
    r->cursor = r->rows; /* the first step opens the first epoch */
    r->epoch = -1;
    return 0;
}

static void run_close(struct run *r) {
    if (r->saving) outdir_abort(r->saving);
    free(r->saving);
    run_drop_batches(r);
    free(r->live);
    free(r->batch_rows);
    free(r->losses);
    if (r->order) mem_free(&r->mem, MEM_DATA, r->order, (size_t)r->rows * sizeof *r->order);
    if (r->task && r->task_state) r->task->free(r->task_state);
    if (r->tn.net) net_release(&r->net);
    base_f32_release(&r->expand);
    if (r->team) team_free(r->team);
    tokenizer_free(r->tok);
    adapter_close(r->adapter);
    modelfile_close(r->file);
}

/* ---- data order ---------------------------------------------------------------------------------------- */

/* The next training row: epoch after epoch, each a permutation drawn from the seed, steps crossing epochs. */
static long next_row(struct run *r) {
    if (r->cursor == r->rows) {
        r->cursor = 0;
        r->epoch++;
        if (cfg_bool(r->cfg, "train.shuffle"))
            rng_permute(rng_make(r->job->seed, "shuffle", (uint64_t)r->epoch), r->order, (int)r->rows);
        else
            for (long i = 0; i < r->rows; i++) r->order[i] = (int)i;
    }
    return r->order[r->cursor++];
}

/* ---- a training step ----------------------------------------------------------------------------------- */

/* The schedule's multiplier at 0-based step t: warm-up t/W, then constant, linear or cosine down to 0 at the
 * end. */
static double schedule_multiplier(const struct run *r, long t) {
    double w = cfg_num(r->cfg, "train.warmup"), T = (double)r->steps;
    double W = w < 1 ? ceil(w * T) : w;
    const char *kind = cfg_str(r->cfg, "train.schedule");
    if ((double)t < W) return (double)t / W;
    if (!strcmp(kind, "constant")) return 1;
    double done = ((double)t - W) / fmax(1, T - W);
    return !strcmp(kind, "linear") ? fmax(0, 1 - done) : 0.5 * (1 + cos(M_PI * fmin(1, done)));
}

/* torch.nn.utils.clip_grad_norm_: the factor for all gradients. */
static double clip_gradient(struct run *r) {
    double limit = cfg_num(r->cfg, "train.grad_clip"), sum = 0;
    if (limit <= 0) return 1;
    for (int i = 0; i < r->net.nparams; i++) {
        struct param *p = r->net.params[i];
        if (p->grad) sum += vec_sum_squares(r->team, p->grad, param_size(p));
    }
    double norm = sqrt(sum), c = limit / (norm + 1e-6);
    run_tell_metric(r, "train/grad_norm", r->step, norm);
    return c < 1 ? c : isnan(c) ? c : 1;
}

static void update_parameters(struct run *r, double lr, double gscale) {
    bool adam = !strcmp(cfg_str(r->cfg, "train.optimizer"), "adamw");
    const json_t *betas = cfg_get(r->cfg, "train.adam_betas");
    double wd = cfg_num(r->cfg, "train.weight_decay"), mu = cfg_num(r->cfg, "train.momentum");
    struct adamw h = {.beta1 = json_number_value(json_array_get(betas, 0)),
                      .beta2 = json_number_value(json_array_get(betas, 1)),
                      .eps = cfg_num(r->cfg, "train.adam_eps"),
                      .weight_decay = wd,
                      .gscale = gscale,
                      .step = r->step + 1};
    if (r->method->pre_step) r->method->pre_step(&r->net, r->step);
    for (int i = 0; i < r->net.nparams; i++) {
        struct param *p = r->net.params[i];
        if (!p->grad) continue;
        h.lr = lr * (double)p->lr_mult;
        if (adam)
            vec_adamw(r->team, p->value, p->m, p->v, p->grad, param_size(p), &h);
        else
            vec_sgd(r->team, p->value, p->m, p->grad, param_size(p), h.lr, mu, wd, gscale, r->step == 0);
    }
    if (r->method->post_step) r->method->post_step(&r->net, r->step);
}

/* One micro-batch after the other; the loss is normalised by the labelled tokens of them all. */
static int train_batches(struct run *r, double *loss) {
    double weight = 0, sum = 0;
    for (long i = 0; i < r->nlive; i++) weight += r->live[i]->weight;
    for (long i = 0; i < r->nlive; i++) {
        struct task_batch *b = r->live[i];
        if (b->weight == 0) continue;
        arena_reset(&r->net.tape);
        r->task->layout(r->task_state, &r->tn, b, true);
        r->res->tokens += b->tokens;
        if (!r->counting) sum += r->task->run(r->task_state, &r->tn, b, true, 1.0 / weight);
    }
    arena_reset(&r->net.tape);
    *loss = sum / weight; /* NaN when no row of the step has a label: nothing to learn from */
    return weight > 0;
}

/* 0: stepped; 1: no row had a label, nothing was learned; negative: an error. */
static int train_step(struct run *r, double *loss) {
    long accum = cfg_int(r->cfg, "train.grad_accum"), size = cfg_int(r->cfg, "train.batch_size");
    double t0 = awake_seconds();
    for (long i = 0; i < accum; i++) {
        for (long k = 0; k < size; k++) r->batch_rows[k] = next_row(r);
        if (!run_keep_batch(r, r->task->batch(r->task_state, r->batch_rows, (int)size, r->e)))
            return ERR_USER;
    }
    if (!r->counting) net_zero_grad(&r->net);
    r->net.step = r->step;
    int learned = train_batches(r, loss);
    run_drop_batches(r);
    if (learned && !r->counting) {
        double lr = cfg_num(r->cfg, "train.lr") * schedule_multiplier(r, r->step);
        run_tell_metric(r, "train/loss", r->step, *loss);
        run_tell_metric(r, "train/lr", r->step, lr);
        update_parameters(r, lr, clip_gradient(r));
    }
    r->res->train_s += awake_seconds() - t0;
    if (r->step == 0) {
        r->res->first_s = r->res->train_s;
        r->res->first_tokens = r->res->tokens;
    }
    return learned ? 0 : 1;
}

/* ---- the loop ------------------------------------------------------------------------------------------ */

static bool over_time(const struct run *r) {
    return r->job->time_limit > 0 && awake_seconds() - r->started > r->job->time_limit;
}

/* Ends with res->state when something other than completion ended it. */
static int end_run(struct run *r, enum run_state state, const char *why) {
    r->res->state = state;
    if (why) snprintf(r->res->error, sizeof r->res->error, "%s", why);
    return 1;
}

/* A loss of a damaged file is no result: the files are looked at before it is believed. */
static int not_finite(struct run *r, const char *what) {
    char why[800], bad[700];
    /* A file that was damaged under the run is no result of the method: the run has failed. */
    int rc = run_files_unchanged(r->cfg, r->file, r->e);
    if (rc) return rc;
    int n = snprintf(why, sizeof why, "%s is not finite at step %ld", what, r->step);
    if (modelfile_bad_weight(r->file, bad, sizeof bad)) {
        snprintf(why + n, sizeof why - (size_t)n, ": the base itself is not: %s", bad);
        return end_run(r, RUN_FAILED, why);
    }
    if (!r->steps && !r->job->adapter)
        snprintf(why + n, sizeof why - (size_t)n,
                 ": the base itself overflows, though each of its weights is finite");
    return end_run(r, RUN_DIVERGED, why);
}

/* After an evaluation: end here? Then the mean of the last tenth is of the steps done. */
static bool ends_early(struct run *r) {
    if (r->counting || !early_stop_due(&r->early, r->watched)) return false;
    long tail = MIN_OF(r->nlosses, MAX_OF(1, r->nlosses / 10));
    r->loss_sum = 0;
    for (long i = r->nlosses - tail; i < r->nlosses; i++) r->loss_sum += r->losses[i];
    if (tail) r->res->train_loss = r->loss_sum / (double)tail;
    char text[160];
    snprintf(text, sizeof text, "ended at step %ld of %ld: %ld evaluations without an improvement of %s",
             r->step, r->steps, r->early.stale, r->early.metric);
    run_tell_event(r, "early_stop", text);
    return true;
}

static void add_loss(struct run *r, double loss) {
    if (r->early.patience) {
        GROW(r->losses, r->nlosses, r->losses_cap);
        r->losses[r->nlosses++] = loss;
    }
    long tail = MAX_OF(1, r->steps / 10);
    if (r->step < r->steps - tail) return;
    r->loss_sum += loss;
    r->res->train_loss = r->loss_sum / (double)++r->loss_count;
}

static int after_step(struct run *r, int rc, double loss) {
    if (rc < 0 || r->counting) return rc < 0 ? rc : 0;
    if (rc == 0) {
        if (!isfinite(loss)) return not_finite(r, "the training loss");
        add_loss(r, loss);
    }
    return 0;
}

static int should_end(struct run *r) {
    if (r->counting) return 0;
    if (r->job->stop && *r->job->stop) return end_run(r, RUN_INTERRUPTED, NULL);
    if (over_time(r)) {
        char why[96];
        snprintf(why, sizeof why, "over limits.time, %g s, at step %ld of %ld", r->job->time_limit, r->step,
                 r->steps);
        return end_run(r, RUN_TIMEOUT, why);
    }
    return 0;
}

static int loop_steps(struct run *r) {
    long every = cfg_int(r->cfg, "eval.every");
    for (r->step = 0; r->step < r->steps;) {
        double loss = NAN;
        int rc = train_step(r, &loss);
        if ((rc = after_step(r, rc, loss))) return rc;
        r->step++;
        r->res->steps = r->step;
        run_tell_progress(r, "train", loss);
        if ((rc = should_end(r))) return rc;
        if (every <= 0 || r->step % every != 0 || r->step == r->steps) continue;
        if ((rc = evaluate_step(r, false))) return rc < 0 ? rc : not_finite(r, "the evaluation loss");
        if (ends_early(r)) break;
    }
    return r->steps && !r->res->tokens ? err_set(r->e, ERR_USER, "no train row %s", r->task->nothing) : 0;
}

static void on_remark(void *arg, const char *kind, const char *text) { run_tell_event(arg, kind, text); }

/* What was saved is whole: it gets its name. */
static int settle_checkpoint(struct run *r, const char sha256[65]) {
    int rc = outdir_commit(r->saving, r->job->out_dir, r->e);
    if (rc) return rc;
    free(r->saving);
    r->saving = NULL;
    char *full = realpath(r->job->out_dir, NULL);
    snprintf(r->res->checkpoint_path, sizeof r->res->checkpoint_path, "%s", full ? full : r->job->out_dir);
    memcpy(r->res->checkpoint_sha256, sha256, sizeof r->res->checkpoint_sha256);
    free(full);
    return 0;
}

/* A method that trains the model itself. Not asked for, the checkpoint counts what its tensors would take:
 * float32, tied ones once. */
static int save_model(struct run *r, bool all) {
    r->res->checkpoint_bytes = r->res->checkpoint_bytes_min = r->res->total_params * (long)sizeof(float);
    if (!all) return 0;
    struct checkpoint_saved saved;
    run_tell_progress(r, "save", NAN);
    json_t *task = r->task->describe ? r->task->describe(r->task_state) : NULL;
    r->net.classes = json_object_get(task, "labels");
    int rc = checkpoint_save(&r->net, r->tn.model, r->tn.model_state, r->file, r->saving, &saved, r->e);
    r->net.classes = NULL;
    json_decref(task);
    if (rc) return rc;
    r->res->checkpoint_bytes = (long)saved.file_bytes;
    return r->saving ? settle_checkpoint(r, saved.sha256) : 0;
}

bool train_leaves_file(const json_t *config, const char *save) {
    const struct method *m = method_find(cfg_str(config, "method"));
    if (!m || !strcmp(save, "none")) return false;
    return m->flags & METHOD_FULL ? !strcmp(save, "all") : m->save_config != NULL;
}

static int save_checkpoint(struct run *r) {
    const char *how = r->job->save ? r->job->save : "none";
    bool wanted = r->job->out_dir && train_leaves_file(r->cfg, how) && !r->job->adapter && !r->counting;
    if (wanted && !(r->saving = outdir_begin(r->job->out_dir, r->e))) return r->e->code;
    if (r->method->flags & METHOD_FULL) return save_model(r, !strcmp(how, "all"));
    if (!r->method->save_config || r->job->adapter) return 0;
    struct adapter_saved saved;
    run_tell_progress(r, "save", NAN);
    char *base = catalog_origin(cfg_str(r->cfg, "model"), cfg_str(r->cfg, "model_path"));
    int rc = adapter_save(&r->net, r->saving, base, r->task->task_type, &saved, r->e);
    free(base);
    if (!rc && r->saving) {
        json_t *task = r->task->describe ? r->task->describe(r->task_state) : NULL;
        rc = adapter_describe(r->saving, task, saved.sha256, r->file, r->e);
        json_decref(task);
    }
    if (rc) return rc;
    r->res->checkpoint_bytes = (long)saved.file_bytes;
    r->res->checkpoint_bytes_min = (long)saved.min_bytes;
    return r->saving ? settle_checkpoint(r, saved.sha256) : 0;
}

static int train_steps(struct run *r) {
    int rc = loop_steps(r);
    if (!rc && (rc = evaluate_step(r, true)) > 0) rc = not_finite(r, "the evaluation loss");
    if (!rc && r->task->rows(r->task_state, SPLIT_TEST)) {
        double loss;
        rc = evaluate(r, SPLIT_TEST, true, &loss);
        if (rc >= 0) r->res->test_metric = loss;
        if (rc > 0) rc = not_finite(r, "the test loss");
    }
    if (!rc && r->task->remarks) r->task->remarks(r->task_state, on_remark, r);
    /* nor written over in the meantime */
    if (!rc && !r->counting) rc = run_files_unchanged(r->cfg, r->file, r->e);
    return rc ? rc : save_checkpoint(r);
}

/* ---- entry points -------------------------------------------------------------------------------------- */

static void result_init(struct train_result *res) {
    memset(res, 0, sizeof *res);
    res->state = RUN_FAILED;
    res->trainable = res->total_params = res->adapted_params = res->model_bytes = -1;
    res->train_loss = res->eval_loss = res->metric = res->best_metric = res->test_metric = NAN;
    res->best_step = res->checkpoint_bytes = res->checkpoint_bytes_min = -1;
}

static int run_phases(const struct train_job *job, const struct train_report *rep, struct train_result *res,
                      bool counting, struct err *e) {
    struct run *r = xcalloc(1, sizeof *r); /* on the heap: longjmp keeps it intact */
    *r = (struct run){.job = job, .rep = rep, .res = res, .e = e, .cfg = job->config, .counting = counting};
    r->started = awake_seconds();
    r->watched = NAN;
    early_stop_init(&r->early, r->cfg, task_find(cfg_str(r->cfg, "task")));
    mem_init(&r->mem, counting, job->memory_limit);
    r->mem.deny = deny_memory;
    r->mem.deny_arg = r;
    r->mem.refuse_in = job->refuse_in;
    volatile int rc = 0;
    if (setjmp(r->denied)) {
        rc = end_run(r, RUN_OOM, NULL);
    } else {
        run_tell_progress(r, "load", NAN);
        rc = run_open(r);
        if (!rc && !counting) rc = run_files_unchanged(r->cfg, r->file, e);
        if (!rc) rc = train_steps(r);
    }
    if (rc == ERR_STOP) rc = end_run(r, RUN_INTERRUPTED, NULL);
    if (rc == 0) res->state = RUN_COMPLETE;
    if (rc < 0 && e) snprintf(res->error, sizeof res->error, "%s", e->msg);
    if (counting)
        res->peak_bytes_predicted = r->mem.total_peak;
    else
        res->peak_bytes = r->mem.total_peak;
    memcpy(res->mem_peak, r->mem.peak, sizeof res->mem_peak);
    memcpy(res->mem_at_peak, r->mem.at_peak, sizeof res->mem_at_peak);
    res->rss_bytes = rss_peak_bytes();
    res->total_s = awake_seconds() - r->started;
    run_close(r);
    free(r);
    return rc < 0 ? rc : 0;
}

int train_plan(const struct train_job *job, struct train_result *res, struct err *e) {
    result_init(res);
    struct train_job quiet = *job;
    quiet.stop = NULL;
    return run_phases(&quiet, NULL, res, true, e);
}

int train_run(const struct train_job *job, const struct train_report *rep, struct train_result *res,
              struct err *e) {
    struct train_result plan = {.peak_bytes_predicted = job->predicted};
    double t0 = awake_seconds();
    int rc = job->predicted ? 0 : train_plan(job, &plan, e);
    result_init(res);
    if (rc) {
        snprintf(res->error, sizeof res->error, "%s", e ? e->msg : "");
        return rc;
    }
    rc = run_phases(job, rep, res, false, e);
    res->peak_bytes_predicted = plan.peak_bytes_predicted;
    res->total_s = awake_seconds() - t0;
    return rc;
}
