/* SPDX-License-Identifier: Apache-2.0 */
/* opt.c - the core's option table, and checking a value against a row. See opt.h.
 *
 * Values come from YAML as nodes and leave as JSON in one canonical form, so that 5e-4, 0.0005 and 5.0E-04
 * are the same configuration and have the same hash. Messages say what is allowed; the position in the file
 * is the caller's to add. */
#include "harness/config/opt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/config/cfg.h"
#include "harness/base/util.h"
#include "harness/config/yaml.h"

const struct opt opt_core[] = {
    {"model", OPT_STR, NULL, 0, 0, NULL,
     "a name of `bench ls models`, a Hugging Face folder, or a .gguf file"},
    {"task", OPT_STR, NULL, 0, 0, NULL, "a name of `bench ls tasks`"},
    {"method", OPT_STR, NULL, 0, 0, NULL, "a name of `bench ls methods`"},
    {"target_modules", OPT_ANY, "all-linear", 0, 0, NULL,
     "which linear layers a method adapts: all-linear, attention, mlp, names, globs, or {modules: ..., "
     "layers: 4-11}"},
    {"init", OPT_STR, NULL, 0, 0, NULL,
     "a saved adapter to start from, ours or PEFT's: its folder, or a run of the record; the optimizer "
     "starts anew"},
    {"train.steps", OPT_INT, "100", 1, 1e9, NULL, "optimizer steps"},
    {"train.epochs", OPT_NUM, NULL, 1e-6, 1e6, NULL,
     "in place of train.steps: so many passes over the training rows"},
    {"train.batch_size", OPT_INT, "8", 1, 1e6, NULL, "rows per micro-batch"},
    {"train.grad_accum", OPT_INT, "1", 1, 1e6, NULL, "micro-batches per step"},
    {"train.lr", OPT_NUM, "5e-4", 0, 1e6, NULL, "learning rate at its peak"},
    {"train.optimizer", OPT_ENUM, "adamw", 0, 0, "adamw|sgd", "the optimizer"},
    {"train.adam_betas", OPT_NUMS, "[0.9, 0.999]", 0, 0.9999999, NULL, "AdamW: decay of the two moments"},
    {"train.adam_eps", OPT_NUM, "1e-8", 0, 1, NULL, "AdamW: added to the root of the second moment"},
    {"train.momentum", OPT_NUM, "0", 0, 0.9999999, NULL, "SGD: momentum"},
    {"train.weight_decay", OPT_NUM, "0", 0, 1e3, NULL, "decay of every trained tensor"},
    {"train.schedule", OPT_ENUM, "linear", 0, 0, "constant|linear|cosine", "learning rate after the warm-up"},
    {"train.warmup", OPT_NUM, "0", 0, 1e9, NULL, "steps of linear warm-up; below 1: a fraction of the steps"},
    {"train.grad_clip", OPT_NUM, "1", 0, OPT_BIG, NULL,
     "longest gradient, as a norm over all trained tensors; 0: no clipping"},
    {"train.max_length", OPT_INT, "256", 2, 1e6, NULL, "tokens at which a row is cut"},
    {"train.shuffle", OPT_BOOL, "true", 0, 0, NULL, "a new order of the rows in every epoch, from the seed"},
    {"train.early_stop.patience", OPT_INT, NULL, 1, 1e9, NULL,
     "end a run after so many evaluations (eval.every) without an improvement; absent: never"},
    {"train.early_stop.min_delta", OPT_NUM, NULL, 0, OPT_BIG, NULL,
     "what counts as an improvement: more than so much; absent: any"},
    {"train.early_stop.metric", OPT_STR, NULL, 0, 0, NULL, "what must improve (default: the task's metric)"},
    {"eval.every", OPT_INT, "0", 0, 1e9, NULL, "steps between evaluations; 0: only at the end"},
    {"eval.rows", OPT_INT, "200", 0, 1e9, NULL,
     "rows that are evaluated, from the start of the split; 0: all"},
    {"test.rows", OPT_INT, "0", 0, 1e9, NULL,
     "rows of the test split that are scored, from its start; 0: all"},
    {"model_dropout", OPT_NUM, "0", 0, 0, NULL, "dropout inside the base model: none"},
    {"weights", OPT_ENUM, "native", 0, 0, "native|f32|auto",
     "the frozen base as its file stores it, or expanded once to float32 for all workers (same results, more "
     "memory); auto: f32 for micro-batches of up "
     "to 64 tokens on a CPU without AVX2, else native"},
    {"threads", OPT_INT, "0", 0, 1024, NULL, "threads of one worker; 0: the scheduler chooses"},
    OPT_END,
};

const struct opt *opt_find(const struct opt *table, const char *key) {
    for (; table && table->key; table++)
        if (!strcmp(table->key, key)) return table;
    return NULL;
}

bool opt_is_number(const struct opt *o) { return o->type == OPT_INT || o->type == OPT_NUM; }

/* ---- numbers ------------------------------------------------------------------------------------------- */

static int check_range(const struct opt *o, double v, const char *shown, struct err *e) {
    if (v >= o->min && v <= o->max) return 0;
    if (o->min == o->max)
        return err_set(e, ERR_USER, "%s: %s is not possible, only %.10g", o->key, shown, o->min);
    if (o->max >= OPT_BIG)
        return err_set(e, ERR_USER, "%s: %s is out of range, it must be at least %.10g", o->key, shown,
                       o->min);
    return err_set(e, ERR_USER, "%s: %s is out of range, it must be between %.10g and %.10g", o->key, shown,
                   o->min, o->max);
}

static int number_value(const struct opt *o, double v, const char *shown, json_t **ret, struct err *e) {
    bool whole = o->type == OPT_INT || o->type == OPT_SIZE;
    if (!isfinite(v)) return err_set(e, ERR_USER, "%s: %s is not a finite number", o->key, shown);
    if (whole && v != floor(v)) return err_set(e, ERR_USER, "%s: %s must be a whole number", o->key, shown);
    int rc = check_range(o, v, shown, e);
    if (rc) return rc;
    /* 2^63 as a double is one above the largest integer */
    if (whole && v >= 9223372036854775808.0)
        return err_set(e, ERR_USER, "%s: %s is too large", o->key, shown);
    *ret = whole ? json_integer((json_int_t)v) : json_real(v + 0.0); /* -0 + 0 = 0: one zero, one hash */
    return 0;
}

int opt_number(const struct opt *o, double value, json_t **ret, struct err *e) {
    char shown[40];
    snprintf(shown, sizeof shown, "%.10g", value);
    return number_value(o, value, shown, ret, e);
}

struct unit {
    const char *name;
    double factor;
};

/* "8GiB" -> number times unit; false when it is not of that form. */
static bool unit_number(const char *s, const struct unit *units, double *v, const char **rest) {
    char *end;
    if (!(*s >= '0' && *s <= '9') && *s != '.') return false;
    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) return false;
    double x = strtod(s, &end);
    while (*end == ' ') end++;
    size_t best = 0;
    for (; units->name; units++) {
        size_t n = strlen(units->name);
        if (n < best || (n == best && n) || strncmp(end, units->name, n)) continue;
        best = n;
        *v = x * units->factor;
    }
    *rest = end + best;
    return best > 0;
}

static int size_value(const struct opt *o, const char *s, json_t **ret, struct err *e) {
    static const struct unit units[] = {
        {"B", 1},     {"kB", 1e3},   {"KB", 1e3},      {"MB", 1e6},           {"GB", 1e9},
        {"TB", 1e12}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824.0}, {"TiB", 1099511627776.0},
        {NULL, 0}};
    const char *rest;
    double v;
    if (!unit_number(s, units, &v, &rest) || *rest)
        return err_set(
            e, ERR_USER,
            "%s: '%.60s' is not a size: write bytes, or a number with kB, MB, GB, KiB, MiB or GiB (8GiB)",
            o->key, s);
    return number_value(o, floor(v), s, ret, e);
}

/* Several parts add up: 1h30m. */
static int time_value(const struct opt *o, const char *s, json_t **ret, struct err *e) {
    static const struct unit units[] = {{"d", 86400}, {"h", 3600}, {"min", 60},
                                        {"m", 60},    {"s", 1},    {NULL, 0}};
    double sum = 0, v;
    const char *rest = s;
    do {
        if (!unit_number(rest, units, &v, &rest))
            return err_set(
                e, ERR_USER,
                "%s: '%.60s' is not a time: write seconds, or a number with s, m, h or d (2h, 1h30m)", o->key,
                s);
        sum += v;
    } while (*rest);
    return number_value(o, sum, s, ret, e);
}

static const char *const type_words[] = {
    [OPT_INT] = "a whole number", [OPT_NUM] = "a number",     [OPT_BOOL] = "true or false",
    [OPT_STR] = "a text",         [OPT_ENUM] = "one of",      [OPT_NUMS] = "a list of numbers",
    [OPT_SIZE] = "a size (8GiB)", [OPT_TIME] = "a time (2h)", [OPT_ANY] = "a value",
};

static int wrong_type(const struct opt *o, const struct ynode *n, struct err *e) {
    if (n->kind != YNODE_SCALAR)
        return err_set(e, ERR_USER, "%s: must be %s%s%s, not a %s", o->key, type_words[o->type],
                       o->type == OPT_ENUM ? " " : "", o->type == OPT_ENUM ? o->choices : "",
                       n->kind == YNODE_LIST ? "list" : "map");
    if (ynode_is_null(n)) return err_set(e, ERR_USER, "%s: has no value", o->key);
    return err_set(e, ERR_USER, "%s: must be %s, not '%.60s'", o->key, type_words[o->type], n->text);
}

static int number_parse(const struct opt *o, const struct ynode *n, json_t **ret, struct err *e) {
    json_t *v = ynode_json(n);
    int rc;
    if (json_is_number(v))
        rc = number_value(o, json_number_value(v), n->text, ret, e);
    else if (json_is_string(v) && o->type == OPT_SIZE)
        rc = size_value(o, n->text, ret, e);
    else if (json_is_string(v) && o->type == OPT_TIME)
        rc = time_value(o, n->text, ret, e);
    else
        rc = wrong_type(o, n, e);
    json_decref(v);
    return rc;
}

/* ---- words, lists -------------------------------------------------------------------------------------- */

static int enum_parse(const struct opt *o, const struct ynode *n, json_t **ret, struct err *e) {
    const char *names[32];
    size_t count = 0;
    int rc = ERR_USER;
    char *words = xstrdup(o->choices), *save = NULL;
    for (char *w = strtok_r(words, "|", &save); w && count < ARRAY_LEN(names); w = strtok_r(NULL, "|", &save))
        names[count++] = w;
    for (size_t i = 0; i < count; i++)
        if (!strcmp(names[i], n->text)) rc = 0;
    if (rc) {
        const char *near = str_closest(n->text, names, count);
        if (near)
            err_set(e, rc, "%s: '%.60s' is unknown (did you mean '%s'?)", o->key, n->text, near);
        else
            err_set(e, rc, "%s: must be one of %s, not '%.60s'", o->key, o->choices, n->text);
    } else {
        *ret = json_string(n->text);
    }
    free(words);
    return rc;
}

/* `want` numbers; 0: any number of them. */
static int nums_parse(const struct opt *o, const struct ynode *n, size_t want, json_t **ret, struct err *e) {
    if (n->kind != YNODE_LIST || (want && (size_t)n->n != want)) {
        if (want)
            return err_set(e, ERR_USER, "%s: must be a list of %zu numbers, as in %s", o->key, want, o->def);
        return wrong_type(o, n, e);
    }
    struct opt one = *o;
    one.type = OPT_NUM;
    json_t *list = json_array();
    for (int i = 0; i < n->n; i++) {
        json_t *v;
        int rc = number_parse(&one, n->items[i], &v, e);
        if (rc) {
            json_decref(list);
            return rc;
        }
        json_array_append_new(list, v);
    }
    *ret = list;
    return 0;
}

static int scalar_parse(const struct opt *o, const struct ynode *n, json_t **ret, struct err *e) {
    if (n->kind != YNODE_SCALAR || ynode_is_null(n)) return wrong_type(o, n, e);
    switch (o->type) {
    case OPT_BOOL: {
        json_t *v = ynode_json(n);
        if (json_is_boolean(v)) {
            *ret = v;
            return 0;
        }
        json_decref(v);
        return wrong_type(o, n, e);
    }
    case OPT_STR:
        *ret = json_string(n->text);
        return 0;
    case OPT_ENUM:
        return enum_parse(o, n, ret, e);
    default:
        return number_parse(o, n, ret, e);
    }
}

int opt_parse(const struct opt *o, const struct ynode *value, json_t **ret, struct err *e) {
    *ret = NULL;
    if ((!o->def && ynode_is_null(value)) || o->type == OPT_ANY) {
        *ret = ynode_json(value);
        return 0;
    }
    if (o->type != OPT_NUMS) return scalar_parse(o, value, ret, e);
    json_t *def = opt_default(o);
    size_t want = json_array_size(def);
    json_decref(def);
    return nums_parse(o, value, want, ret, e);
}

json_t *opt_default(const struct opt *o) {
    if (!o->def) return json_null();
    struct err e;
    struct ynode *n;
    json_t *v = NULL;
    int rc = ynode_parse(&n, o->def, strlen(o->def), o->key, &e);
    if (!rc && o->type == OPT_NUMS)
        rc = nums_parse(o, n, 0, &v, &e);
    else if (!rc && o->type == OPT_ANY)
        v = ynode_json(n);
    else if (!rc)
        rc = scalar_parse(o, n, &v, &e);
    BUG_ON(rc, "default of %s: %s", o->key, e.msg);
    ynode_free(n);
    return v;
}

json_t *opt_config(const struct opt *own) {
    json_t *cfg = json_object();
    for (const struct opt *o = opt_core; o->key; o++) cfg_set(cfg, o->key, opt_default(o));
    for (const struct opt *o = own; o && o->key; o++) cfg_set(cfg, o->key, opt_default(o));
    return cfg;
}
