/* SPDX-License-Identifier: Apache-2.0 */
/* speed.c - the time model of `bench plan` (see speed.h).
 *
 * The first step of a run is kept out of the rate and put into `other`: it touches weights, gradients and
 * optimizer state for the first time, which is a cost per run. Limits: a calibration sees a few batches,
 * whose mean length may differ from the data's; attention is not linear in tokens, but rows are short beside
 * the model's width. A method whose work changes in the middle of a run (delta_start) is measured with the
 * same share of its steps before and after that, to an eighth. Saving a whole model is not in a
 * calibration. */
#include "harness/sched/speed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/config/cfg.h"
#include "harness/core/method.h"
#include "harness/nn/kernels/panel.h"
#include "harness/base/util.h"

#define SHORT_S 0.6 /* a calibration below half of this is repeated for about so long */

/* No part of a shape: how much is done, where files lie, and who does it. */
static const char *const left_out[] = {"train.steps", "train.schedule", "train.shuffle", "eval.every",
                                       "eval.rows",   "test.rows",      "generate.rows", "model",
                                       "model_path",  "threads"};

static bool is_left_out(const char *key) {
    for (size_t i = 0; i < ARRAY_LEN(left_out); i++)
        if (!strcmp(key, left_out[i])) return true;
    return !strncmp(key, "data.", 5) || !strncmp(key, "train.early_stop", 16); /* data_digest stays */
}

/* "key=value" lines of the leaves, in the order of their keys. */
static void shape_add(struct strbuf *out, struct strbuf *key, const json_t *v) {
    size_t len = key->len, n = 0;
    if (json_is_object(v)) {
        const char *names[256], *name;
        json_t *child;
        json_object_foreach((json_t *)(uintptr_t)v, name, child) {
            BUG_ON(n == ARRAY_LEN(names), "more than %zu keys in %s", n, key->s);
            size_t at = n++;
            for (; at > 0 && strcmp(names[at - 1], name) > 0; at--) names[at] = names[at - 1];
            names[at] = name;
        }
        for (size_t i = 0; i < n; i++) {
            strbuf_addf(key, "%s%s", len ? "." : "", names[i]);
            shape_add(out, key, json_object_get(v, names[i]));
            key->s[key->len = len] = 0;
        }
        return;
    }
    if (is_left_out(key->s)) return;
    char *text = json_is_real(v) ? xstrdup(json_real_value(v) != 0 ? "some" : "0")
                                 : json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    BUG_ON(!text, "%s does not encode", key->s);
    strbuf_addf(out, "%s=%s\n", key->s, text);
    free(text);
}

/* ---- phases -------------------------------------------------------------------------------------------- */

/* The option that says when the method's work changes; NULL: it does not. */
static const char *phase_key(const json_t *config) {
    const struct method *m = method_find(cfg_str(config, "method"));
    return m && m->phase_key && cfg_get(config, m->phase_key) ? m->phase_key : NULL;
}

/* How much of the run lies before that, in eighths. */
static long phase_share(const json_t *config, const char *key) {
    double steps = (double)cfg_int(config, "train.steps");
    return steps > 0 ? lround(fmin(1, (double)cfg_int(config, key) / steps) * 8) : 8;
}

/* A calibration of `steps` steps, of which the first does not count, with that share. Returns its steps. */
static long phase_set(json_t *c, const char *key, long steps) {
    long share = phase_share(c, key), start = cfg_int(c, key), all = cfg_int(c, "train.steps");
    if (share > 0 && share < 8) steps = MIN_OF(all, MAX_OF(steps, 9L));
    if (share == 8) start = MAX_OF(start, steps);
    if (share == 0) start = MIN_OF(start, 1L);
    if (share > 0 && share < 8) start = 1 + lround((double)(steps - 1) * (double)share / 8);
    cfg_set(c, key, json_integer(start));
    return steps;
}

void speed_key(const json_t *config, char out[65]) {
    struct strbuf text = {0}, key = {0};
    const char *phase = phase_key(config);
    json_t *c = phase ? json_deep_copy(config) : NULL;
    if (phase) cfg_set(c, phase, json_sprintf("%ld/8", phase_share(config, phase)));
    shape_add(&text, &key, c ? c : config);
    json_decref(c);
    sha256_hex(text.s ? text.s : "", text.len, out);
    strbuf_release(&text);
    strbuf_release(&key);
}

char *speed_cpu(const struct machine *m) { return xasprintf("%s (%s)", m->cpu, panel_cpu()); }

void speed_of(const struct train_result *res, struct db_speed *s) {
    long later = res->tokens - res->first_tokens;
    s->train = later > 0         ? (res->train_s - res->first_s) / (double)later
               : res->tokens > 0 ? res->train_s / (double)res->tokens
                                 : NAN;
    s->eval = res->eval_tokens > 0 ? res->eval_s / (double)res->eval_tokens : NAN;
    double first = later > 0 ? res->first_s - s->train * (double)res->first_tokens : 0;
    s->other = fmax(0, res->total_s - res->train_s - res->eval_s) + fmax(0, first);
}

double speed_predict(const struct db_speed *s, const struct train_result *plan) {
    double t = s->other;
    if (plan->tokens > 0) t += s->train * (double)plan->tokens;
    if (plan->eval_tokens > 0) t += s->eval * (double)plan->eval_tokens;
    return t;
}

int speed_too_short(const struct train_result *res) {
    double t = res->train_s - res->first_s + res->eval_s;
    return t >= SHORT_S / 2 ? 1 : t <= SHORT_S / SPEED_TIMES ? SPEED_TIMES : (int)ceil(SHORT_S / t);
}

json_t *speed_calibration(const json_t *config, int times) {
    json_t *c = json_deep_copy(config);
    BUG_ON(!c, "a configuration does not copy (%zu keys)", json_object_size(config));
    long steps = cfg_int(c, "train.steps"), rows = cfg_int(c, "eval.rows");
    const char *phase = phase_key(c);
    long some = MIN_OF(steps, (long)times * SPEED_STEPS);
    if (phase) some = phase_set(c, phase, some);
    cfg_set(c, "train.steps", json_integer(some));
    cfg_set(c, "eval.every", json_integer(0));
    long want = (long)times * SPEED_ROWS;
    cfg_set(c, "eval.rows", json_integer(rows > 0 ? MIN_OF(rows, want) : want));
    long test = cfg_int(c, "test.rows");
    cfg_set(c, "test.rows", json_integer(test > 0 ? MIN_OF(test, want) : want));
    if (cfg_get(c, "generate.rows")) cfg_set(c, "generate.rows", json_null()); /* as eval.rows */
    return c;
}
