/* SPDX-License-Identifier: Apache-2.0 */
/* runpage.c - one run as a page of text, made from the object that run_query.h gives. See runpage.h. */
#include "harness/report/runpage.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/config/cfg.h"
#include "harness/record/run_query.h"

#define CURVE_ROWS 20 /* longer curves are thinned for the page */
#define CURVE_KEYS 4
#define BAR        24

/* ---- the page ------------------------------------------------------------------------------------------ */

/* A value of the row for people, in a buffer of the caller; "-" for null. */
static const char *shown_value(const json_t *page, const char *key, enum table_kind kind,
                               char out[TABLE_FORMAT_MAX]) {
    json_t *v = json_object_get(page, key);
    if (json_is_integer(v) && kind == TABLE_PLAIN) /* a seed has more digits than people want of a number */
        snprintf(out, TABLE_FORMAT_MAX, "%lld", (long long)json_integer_value(v));
    else if (json_is_number(v))
        table_format_num(out, kind, json_number_value(v));
    else
        strcpy(out, "-");
    return out;
}
#define SHOWN(key, kind) shown_value(page, key, kind, (char[TABLE_FORMAT_MAX]){0})
static bool has_value(const json_t *page, const char *key) {
    json_t *v = json_object_get(page, key);
    return v && !json_is_null(v);
}

/* "label      text", the text made harmless. */
static void add_line(struct strbuf *out, const char *label, const struct strbuf *text) {
    char *clean = table_clean(text->s);
    strbuf_addf(out, "%-11s %s\n", label, clean);
    free(clean);
}

static void add_head(const json_t *page, struct strbuf *out) {
    struct strbuf b = {0};
    strbuf_addf(&b, "run %ld: %s", cfg_int(page, "run_id"), cfg_str(page, "method"));
    if (has_value(page, "r")) strbuf_addf(&b, " r=%ld", cfg_int(page, "r"));
    if (has_value(page, "lora_alpha")) strbuf_addf(&b, " alpha=%s", SHOWN("lora_alpha", TABLE_PLAIN));
    if (has_value(page, "lr")) strbuf_addf(&b, " lr=%s", SHOWN("lr", TABLE_RATE));
    if (has_value(page, "target_modules")) strbuf_addf(&b, " %s", cfg_str(page, "target_modules"));
    strbuf_addf(&b, " seed %s", SHOWN("seed", TABLE_PLAIN));
    char *clean = table_clean(b.s);
    strbuf_addf(out, "%s\n\n", clean);
    free(clean);
    strbuf_reset(&b);
    const char *state = cfg_str(page, "state"), *error = cfg_str(page, "error");
    strbuf_addf(&b, "%s%s%s", !strcmp(state, "nan") ? "nan (diverged)" : state, error ? ": " : "",
                error ? error : "");
    add_line(out, "state", &b);
    strbuf_reset(&b);
    const char *model = cfg_str(page, "model"), *data = cfg_str(page, "data"), *task = cfg_str(page, "task");
    strbuf_addf(&b, "%s on %s, task %s", model ? model : "-", data ? data : "-", task ? task : "-");
    add_line(out, "model", &b);
    strbuf_reset(&b);
    const char *started = cfg_str(page, "started"), *ended = cfg_str(page, "ended");
    strbuf_addf(&b, "%s, attempt %ld, point %.12s, %s to %s", cfg_str(page, "sweep"),
                cfg_int(page, "attempt"), cfg_str(page, "hash"), started ? started : "-",
                ended ? ended : "-");
    add_line(out, "sweep", &b);
    strbuf_release(&b);
}

static void add_costs(const json_t *page, struct strbuf *out) {
    struct strbuf b = {0};
    if (has_value(page, "trainable")) {
        strbuf_addf(&b, "%s of %s parameters (%s); the adapted matrices hold %s",
                    SHOWN("trainable", TABLE_COUNT), SHOWN("total_params", TABLE_COUNT),
                    SHOWN("trainable_fraction", TABLE_PERCENT), SHOWN("adapted_fraction", TABLE_PERCENT));
        add_line(out, "trained", &b);
        strbuf_reset(&b);
    }
    if (has_value(page, "total_s")) {
        strbuf_addf(&b, "train %s (%s steps, %s tokens, %s tokens/s), evaluate %s, in all %s; threads: %s%s",
                    SHOWN("train_s", TABLE_SECONDS), SHOWN("steps", TABLE_PLAIN),
                    SHOWN("tokens", TABLE_COUNT), SHOWN("tokens_per_s", TABLE_PLAIN),
                    SHOWN("eval_s", TABLE_SECONDS), SHOWN("total_s", TABLE_SECONDS),
                    SHOWN("threads", TABLE_PLAIN),
                    has_value(page, "concurrent") && cfg_int(page, "concurrent")
                        ? "; other runs beside it: not comparable"
                        : "");
        add_line(out, "time", &b);
        strbuf_reset(&b);
    }
    if (has_value(page, "peak_bytes")) {
        strbuf_addf(&b, "peak %s (predicted %s), resident %s", SHOWN("peak_bytes", TABLE_BYTES),
                    SHOWN("peak_bytes_predicted", TABLE_BYTES), SHOWN("rss_bytes", TABLE_BYTES));
        add_line(out, "memory", &b);
        strbuf_reset(&b);
    }
    if (has_value(page, "checkpoint_bytes")) {
        const char *path = cfg_str(page, "checkpoint_path");
        strbuf_addf(&b, "%s (at least %s), %s%s", SHOWN("checkpoint_bytes", TABLE_BYTES),
                    SHOWN("checkpoint_bytes_min", TABLE_BYTES), path ? "in " : "not saved", path ? path : "");
        add_line(out, "checkpoint", &b);
        strbuf_reset(&b);
    }
    json_t *env = json_object_get(page, "env");
    if (json_is_object(env)) {
        const char *cpu = cfg_str(env, "cpu"), *blas = cfg_str(env, "blas"), *build = cfg_str(env, "build");
        strbuf_addf(&b, "%s; %s; bench %s", cpu ? cpu : "-", blas ? blas : "-", build ? build : "-");
        add_line(out, "machine", &b);
    }
    strbuf_release(&b);
}

static void add_result(struct table *t, const char *name, const json_t *page, const char *key,
                       const char *base_key) {
    json_t *v = json_object_get(page, key), *base = base_key ? json_object_get(page, base_key) : NULL;
    double run = json_is_number(v) ? json_number_value(v) : NAN,
           before = json_is_number(base) ? json_number_value(base) : NAN;
    table_text(t, name);
    table_num_or_null(t, before);
    table_num_or_null(t, run);
    if (isnan(run) && !strcmp(cfg_str(page, "state"), "nan")) table_shown(t, "diverged");
    table_num_or_null(t, run - before);
    if (!isnan(run - before)) table_shown(t, "%+.4f", run - before);
}

static void add_results(const json_t *page, int width, struct strbuf *out) {
    struct table *t = table_new();
    const char *metric = cfg_str(page, "metric_name");
    table_column(t, "", "", TABLE_WHOLE, TABLE_SHOWN);
    table_column(t, "", "base", TABLE_LOSS, TABLE_SHOWN);
    table_column(t, "", "this run", TABLE_LOSS, TABLE_SHOWN);
    table_column(t, "", "change", TABLE_LOSS, TABLE_SHOWN);
    if (has_value(page, "eval_loss") || has_value(page, "base_eval_loss") || !strcmp(metric, "eval/loss"))
        add_result(t, "eval loss", page, "eval_loss", "base_eval_loss");
    if (strcmp(metric, "eval/loss")) add_result(t, metric, page, "metric", "base_metric");
    if (has_value(page, "best_metric")) {
        char *name = xasprintf("best %s, step %s", metric, SHOWN("best_step", TABLE_PLAIN));
        add_result(t, name, page, "best_metric", "base_metric");
        free(name);
    }
    if (has_value(page, "train_loss")) add_result(t, "train loss, last tenth", page, "train_loss", NULL);
    if (has_value(page, "test_metric")) add_result(t, "test", page, "test_metric", NULL);
    strbuf_addc(out, '\n');
    table_write(t, TABLE_AS_TEXT, width, out);
    table_free(t);
}

static void add_memory(const json_t *page, int width, struct strbuf *out) {
    json_t *list = json_object_get(page, "memory"), *m;
    double total = 0;
    size_t i;
    struct table *t = table_new();
    table_column(t, "", "memory", TABLE_WHOLE, TABLE_SHOWN);
    table_column(t, "", "own peak", TABLE_BYTES, TABLE_SHOWN);
    table_column(t, "", "at the peak", TABLE_BYTES, TABLE_SHOWN);
    table_column(t, "", "", TABLE_WHOLE, TABLE_SHOWN);
    json_array_foreach(list, i, m) total += cfg_num(m, "at_peak");
    json_array_foreach(list, i, m) {
        if (cfg_num(m, "peak") == 0) continue;
        char bar[BAR + 1] = "";
        int n = total > 0 ? (int)(BAR * cfg_num(m, "at_peak") / total + 0.5) : 0;
        memset(bar, '#', (size_t)n);
        table_text(t, cfg_str(m, "category"));
        table_int(t, cfg_int(m, "peak"));
        table_int(t, cfg_int(m, "at_peak"));
        table_text(t, bar);
    }
    if (table_rows(t)) {
        strbuf_addc(out, '\n');
        table_write(t, TABLE_AS_TEXT, width, out);
    }
    table_free(t);
}

/* ---- the curve: evaluations as columns, and the mean training loss since the one before ---------------- */

struct curve {
    const char *key[CURVE_KEYS];
    int nkey;
    long *step;
    size_t n, cap;
};

/* The metric itself, or all others. */
static void curve_read(struct curve *c, const json_t *metrics, const char *metric, bool others) {
    json_t *m;
    size_t i;
    json_array_foreach(metrics, i, m) { /* ordered by key, then step */
        const char *key = cfg_str(m, "key");
        long step = cfg_int(m, "step");
        if (strncmp(key, "eval/", 5) || (strcmp(key, metric) != 0) != others) continue;
        if (!c->nkey || strcmp(c->key[c->nkey - 1], key)) {
            if (c->nkey == CURVE_KEYS) continue;
            c->key[c->nkey++] = key;
        }
        if (c->nkey > 1) continue; /* all keys are measured at the same steps */
        GROW(c->step, c->n, c->cap);
        c->step[c->n++] = step;
    }
}

static void curve_cell(struct table *t, const json_t *metrics, const char *key, long step) {
    json_t *m;
    size_t i;
    json_array_foreach(metrics, i, m) {
        if (cfg_int(m, "step") != step || strcmp(cfg_str(m, "key"), key)) continue;
        if (!strcmp(cfg_str(m, "kind"), "finite"))
            table_num(t, cfg_num(m, "value"));
        else
            table_text(t, cfg_str(m, "kind"));
        return;
    }
    table_null(t);
}

/* Mean of train/loss over the steps (from, to]. */
static void curve_train(struct table *t, const json_t *metrics, long from, long to) {
    json_t *m;
    size_t i;
    double sum = 0;
    long n = 0;
    json_array_foreach(metrics, i, m) {
        long step = cfg_int(m, "step");
        if (step <= from || step > to || strcmp(cfg_str(m, "key"), "train/loss")) continue;
        sum += strcmp(cfg_str(m, "kind"), "finite") ? NAN : cfg_num(m, "value");
        n++;
    }
    if (n)
        table_num(t, sum / (double)n);
    else
        table_null(t);
}

static void add_curve(const json_t *page, int width, struct strbuf *out) {
    json_t *metrics = json_object_get(page, "metrics");
    struct curve c = {0};
    struct table *t = table_new();
    curve_read(&c, metrics, cfg_str(page, "metric_name"), false); /* never behind the last column */
    curve_read(&c, metrics, cfg_str(page, "metric_name"), true);
    table_column(t, "", "step", TABLE_PLAIN, TABLE_SHOWN);
    for (int k = 0; k < c.nkey; k++) table_column(t, "", c.key[k], TABLE_LOSS, TABLE_SHOWN);
    table_column(t, "", "train/loss (mean since)", TABLE_LOSS, TABLE_SHOWN);
    size_t every = c.n > CURVE_ROWS ? (c.n + CURVE_ROWS - 1) / CURVE_ROWS : 1;
    long before = -1;
    for (size_t i = 0; i < c.n; i++) {
        if (i % every && i != c.n - 1) continue;
        table_int(t, c.step[i]);
        for (int k = 0; k < c.nkey; k++) curve_cell(t, metrics, c.key[k], c.step[i]);
        curve_train(t, metrics, before, c.step[i]);
        before = c.step[i];
    }
    if (c.n) {
        strbuf_addc(out, '\n');
        table_write(t, TABLE_AS_TEXT, width, out);
    }
    if (every > 1) strbuf_addf(out, "(one evaluation in %zu; --json has all)\n", every);
    table_free(t);
    free(c.step);
}

/* ---- configuration, events ----------------------------------------------------------------------------- */

static void add_config_lines(const json_t *v, struct strbuf *key, struct strbuf *out) {
    const char *name;
    json_t *child;
    size_t len = key->len;
    json_object_foreach((json_t *)(uintptr_t)v, name, child) {
        if (json_is_null(child)) continue;
        strbuf_addf(key, "%s%s", len ? "." : "", name);
        if (json_is_object(child))
            add_config_lines(child, key, out);
        else {
            struct strbuf text = {0};
            if (json_is_string(child))
                strbuf_adds(&text, json_string_value(child));
            else {
                table_json_write(child, &text);
                char *flat = json_is_array(child) ? json_dumps(child, JSON_REAL_PRECISION(6)) : NULL;
                if (flat) {
                    strbuf_reset(&text);
                    strbuf_adds(&text, flat);
                }
                free(flat);
            }
            while (text.len && text.s[text.len - 1] == '\n') text.s[--text.len] = 0;
            char *clean = table_clean(text.len ? text.s : "");
            strbuf_addf(out, "  %-26s %s\n", key->s, clean);
            free(clean);
            strbuf_release(&text);
        }
        key->s[key->len = len] = 0;
    }
}

static void add_events(const json_t *page, struct strbuf *out) {
    json_t *list = json_object_get(page, "events"), *v;
    size_t i;
    if (json_array_size(list)) strbuf_adds(out, "\nevents\n");
    json_array_foreach(list, i, v) {
        char *line = xasprintf("%s %s: %s", cfg_str(v, "time"), cfg_str(v, "kind"), cfg_str(v, "text"));
        char *clean = table_clean(line);
        strbuf_addf(out, "  %s\n", clean);
        free(line);
        free(clean);
    }
}

int runpage_text(struct db *db, int64_t run, int width, struct strbuf *out, struct err *e) {
    struct err own = {0};
    json_t *page = run_json(db, run, &own);
    struct strbuf key = {0};
    if (!page) return err_set(e, own.code, "%s", own.msg);
    add_head(page, out);
    add_costs(page, out);
    add_results(page, width, out);
    add_memory(page, width, out);
    add_curve(page, width, out);
    strbuf_adds(out, "\nconfiguration\n");
    add_config_lines(json_object_get(page, "config"), &key, out);
    add_events(page, out);
    strbuf_release(&key);
    json_decref(page);
    return 0;
}
