/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_eval.c - `bench eval`: score a model, with or without an adapter, on a data set. Nothing trains. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/checkpoint/adapter.h"
#include "harness/hub/catalog.h"
#include "harness/config/cfg.h"
#include "harness/cli/command.h"
#include "harness/core/data.h"
#include "harness/infer/infer.h"
#include "harness/infer/model_sites.h"
#include "harness/base/machine.h"
#include "harness/core/method.h"
#include "harness/core/task.h"
#include "harness/train/train.h"
#include "harness/base/util.h"
#include "harness/config/yaml.h"

struct options {
    const char *model, *adapter, *task, *data, *prompt, *completion, *db;
    long rows, max_length, threads;
    enum table_format format;
    struct option_list sets;
};

/* "\n" and "\t" as a shell user writes them. */
static char *unescape_text(const char *s) {
    struct strbuf b = {0};
    for (; *s; s++) {
        if (*s == '\\' && (s[1] == 'n' || s[1] == 't' || s[1] == '\\'))
            strbuf_addc(&b, *++s == 'n' ? '\n' : *s == 't' ? '\t' : '\\');
        else
            strbuf_addc(&b, *s);
    }
    return strbuf_detach(&b);
}

/* The absolute path of a file or folder, or what is there without one (/dev/fd/63: to be refused as a
 * pipe); NULL: there is nothing. Caller frees. */
static char *find_path(const char *name) {
    char *full = realpath(name, NULL);
    return full || !file_exists(name) ? full : xstrdup(name);
}

/* A file, the name of a built-in set, or a folder in BEIR's layout. */
static void name_data(json_t *c, const char *data) {
    static const char *const part[][2] = {{"data.corpus", "corpus.jsonl"},
                                          {"data.queries", "queries.jsonl"},
                                          {"data.qrels.test", "qrels/test.tsv"}};
    for (int i = 0; data_path_key(i); i++) cfg_set(c, data_path_key(i), json_null());
    cfg_set(c, "data.name", json_null());
    char *full = find_path(data), *corpus = full ? path_join(full, part[0][1]) : NULL;
    if (corpus && file_exists(corpus)) {
        for (size_t i = 0; i < ARRAY_LEN(part); i++) {
            char *path = path_join(full, part[i][1]);
            cfg_set(c, part[i][0], json_string(path));
            free(path);
        }
    } else {
        cfg_set(c, full ? "data.eval" : "data.name", json_string(full ? full : data));
    }
    free(corpus);
    free(full);
}

/* --set key=value: a key of the core, of the task or of the method. */
static int set_key(json_t *c, const char *arg, struct err *e) {
    const char *eq = strchr(arg, '=');
    const struct method *m = method_find(cfg_str(c, "method"));
    if (!eq || eq == arg)
        return err_set(e, ERR_USER, "--set %s: write key=value, for example --set data.where=pos=noun", arg);
    char *key = xstrndup(arg, (size_t)(eq - arg)), *full = data_is_path(key) ? find_path(eq + 1) : NULL;
    const struct opt *o = opt_find(opt_core, key);
    if (!o) o = opt_find(task_find(cfg_str(c, "task"))->opts, key);
    if (!o && m) o = opt_find(m->opts, key);
    struct ynode *n = NULL;
    json_t *v = NULL;
    int rc = o ? 0 : err_set(e, ERR_USER, "--set %s: task %s knows no such key", key, cfg_str(c, "task"));
    if (!rc && data_is_path(key) && !full)
        rc = err_set(e, ERR_USER, "--set %s: there is no file '%s'", key, eq + 1);
    if (!rc && !full) rc = ynode_parse_value(&n, eq + 1, e);
    if (!rc && !full) rc = opt_parse(o, n, &v, e);
    if (!rc) cfg_set(c, key, full ? json_string(full) : v);
    ynode_free(n);
    free(full);
    free(key);
    return rc;
}

/* Nobody said at how many tokens a row is cut: what the model has, where that is less than the default. */
static int fit_length(json_t *c, const char *path, struct err *e) {
    int positions = 0, rc = model_positions_read(path, c, &positions, e);
    if (!rc && positions < cfg_int(c, "train.max_length"))
        cfg_set(c, "train.max_length", json_integer(positions));
    return rc;
}

static int set_data(json_t *c, const struct options *o, struct err *e) {
    if (o->data) name_data(c, o->data);
    for (int i = 0; i < o->sets.n; i++)
        if (set_key(c, o->sets.v[i], e)) return e->code;
    const char *texts[] = {o->prompt, o->completion}, *keys[] = {"data.prompt", "data.completion"};
    for (int i = 0; i < 2; i++) {
        if (!texts[i]) continue;
        char *text = unescape_text(texts[i]);
        json_t *v = json_string(text);
        free(text);
        if (!v) return err_set(e, ERR_USER, "%s is not valid UTF-8", keys[i]);
        cfg_set(c, keys[i], v);
    }
    return 0;
}

/* What an adapter brings along of its task, where the configuration has such keys. */
static void use_described(json_t *c, const json_t *described) {
    static const char *const keys[][2] = {{"labels", "data.labels"}, {"pooling", "embedding.pooling"}};
    const struct task *t = task_find(cfg_str(c, "task"));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        json_t *v = json_object_get(described, keys[i][0]);
        if (v && opt_find(t->opts, keys[i][1])) cfg_set(c, keys[i][1], json_incref(v));
    }
}

/* The run's own configuration (when the adapter is a run), the adapter's, the user's, in this order. */
static int configure_run(json_t **ret, const struct options *o, const char *adapter, json_t *recorded,
                         struct err *e) {
    struct adapter_file *a = NULL;
    if (adapter && adapter_open(&a, adapter, e)) return e->code;
    json_t *over = a ? adapter_config(a, NULL, e) : json_pack("{ss}", "method", method_base()->name);
    if (!over) {
        adapter_close(a);
        return e->code;
    }
    const json_t *described = a ? adapter_described(a) : NULL;
    const char *task = o->task ? o->task : cfg_str(recorded, "task");
    if (!task) task = json_string_value(json_object_get(described, "task"));
    if (!task) task = task_list[0]->name;
    int rc =
        task_find(task) ? 0 : err_set(e, ERR_USER, "unknown task '%s'; `bench ls tasks` lists them", task);
    char *model = rc ? NULL : infer_model(o->model, recorded, adapter, e);
    if (!rc && !model) rc = e->code;
    char *path = rc ? NULL : catalog_model_path(model, e);
    if (!rc && !path) rc = e->code;
    if (!rc) {
        json_t *c = *ret = infer_config(task, json_string_value(json_object_get(over, "method")));
        json_t *data = cfg_get(recorded, "data");
        if (data) cfg_set(c, "data", json_deep_copy(data));
        if (cfg_get(recorded, "train.max_length"))
            cfg_set(c, "train.max_length", json_incref(cfg_get(recorded, "train.max_length")));
        json_object_update(c, over);
        cfg_set(c, "model", json_string(model));
        cfg_set(c, "model_path", json_string(path));
        cfg_set(c, "eval.rows", json_integer(o->rows));
        cfg_set(c, "test.rows", json_integer(o->rows)); /* a collection's are its test queries */
        if (o->max_length)
            cfg_set(c, "train.max_length", json_integer(o->max_length));
        else if (!cfg_get(recorded, "train.max_length"))
            rc = fit_length(c, path, e);
        use_described(c, described);
        if (!rc) rc = set_data(c, o, e);
        bool any = o->data || data;
        for (int i = 0; i < o->sets.n; i++) any |= !strncmp(o->sets.v[i], "data.", 5);
        if (!rc && !any) rc = err_set(e, ERR_USER, "--data is missing");
    }
    free(path);
    adapter_close(a);
    free(model);
    json_decref(over);
    return rc;
}

/* What a run reported. */
struct told {
    json_t *metrics; /* {key: value} */
    json_t *remarks; /* [{"kind", "text"}] */
};

/* A report's metric: the finite values, in the order in which they come. */
static void take_metric(void *arg, const char *key, long step, double value) {
    (void)step;
    if (isfinite(value)) json_object_set_new(((struct told *)arg)->metrics, key, json_real(value));
}

/* What the run has to say of its rows: part of the result, and told while the metrics go to stdout. */
static void take_event(void *arg, const char *kind, const char *text) {
    struct told *t = arg;
    fprintf(stderr, "bench eval: note: %s: %s\n", kind, text);
    json_array_append_new(t->remarks, json_pack("{s:s, s:s}", "kind", kind, "text", text));
}

/* What the data set is, before it is read for scores. A data set that cannot be opened is the run's to
 * tell. */
static void tell_data(const json_t *config, struct told *t) {
    struct dataset *d;
    const json_t *data = cfg_get(config, "data");
    if (data_open(&d, data, NULL)) return;
    data_remarks(d, !cfg_str(data, "name"), take_event, t);
    data_free(d);
}

static void print_count(const char *split, const struct score_count *c) {
    char key[64];
    if (!c->what) return;
    snprintf(key, sizeof key, "%s/%s", split, c->what);
    printf("%-20s %ld scored, %ld left out, %ld cut\n", key, c->scored, c->left_out, c->cut);
}

static void add_count(json_t *j, const char *split, const struct score_count *c) {
    if (c->what)
        json_object_set_new(j, split,
                            json_pack("{s:s, s:I, s:I, s:I}", "of", c->what, "scored", (json_int_t)c->scored,
                                      "left_out", (json_int_t)c->left_out, "cut", (json_int_t)c->cut));
}

static void print_result(const struct train_result *r, const struct options *o, const struct told *t) {
    const char *key;
    json_t *value, *j = t->metrics, *rows = json_object();
    add_count(rows, "eval", &r->eval_count);
    add_count(rows, "test", &r->test_count);
    if (o->format != TABLE_AS_JSON) {
        json_object_foreach(j, key, value) printf("%-20s %.6f\n", key, json_real_value(value));
        print_count("eval", &r->eval_count);
        print_count("test", &r->test_count);
        printf("%-20s %.2f\n%-20s %.1f\n", "seconds", r->total_s, "peak MiB (RSS)",
               (double)r->rss_bytes / 1048576);
        json_decref(rows);
        return;
    }
    json_object_set_new(j, "rows", rows);
    json_object_set(j, "remarks", t->remarks);
    json_object_set_new(j, "state", json_string(run_state_name(r->state)));
    if (*r->error) json_object_set_new(j, "error", json_string(r->error));
    json_object_set_new(j, "seconds", json_real(r->total_s));
    json_object_set_new(j, "peak_bytes", json_integer((json_int_t)r->peak_bytes));
    json_object_set_new(j, "rss_bytes", json_integer((json_int_t)r->rss_bytes));
    json_dumpf(j, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    putchar('\n');
}

/* Do the model's files bring a classifier's output layer along? */
static bool has_class_head(const char *path) {
    static const char *const outputs[] = {"classifier.weight", "classifier.out_proj.weight", "score.weight",
                                          "pooled_classifier.weight"};
    struct modelfile *f;
    struct err ignored;
    bool found = false;
    if (modelfile_open(&f, path, &ignored)) return true; /* the run will say what is wrong */
    for (size_t i = 0; i < ARRAY_LEN(outputs); i++) found |= modelfile_find(f, outputs[i]) != NULL;
    modelfile_close(f);
    return found;
}

static int run_eval(void *options, struct err *e) {
    const struct options *o = options;
    json_t *recorded = NULL, *config = NULL;
    char *adapter = o->adapter ? infer_adapter(o->adapter, o->db, &recorded, e) : NULL;
    if (o->adapter && !adapter) return e->code;
    struct machine here;
    machine_read(&here);
    struct train_result res;
    int rc = configure_run(&config, o, adapter, recorded, e);
    struct train_job job = {.config = config,
                            .threads = o->threads > 0 ? (int)o->threads : MIN_OF(here.cores, 64),
                            .adapter = adapter,
                            .save = "none"};
    struct told told = {json_object(), json_array()};
    struct train_report report = {.arg = &told, .metric = take_metric, .event = take_event};
    if (!rc && !adapter && !strcmp(task_find(cfg_str(config, "task"))->task_type, "SEQ_CLS") &&
        !has_class_head(cfg_str(config, "model_path")))
        fputs("bench eval: note: without --adapter the classes' head is drawn at random: the model's files "
              "have "
              "none\n",
              stderr);
    if (!rc) tell_data(config, &told);
    if (!rc) rc = train_run(&job, &report, &res, e);
    if (!rc) print_result(&res, o, &told);
    if (!rc && res.state != RUN_COMPLETE) rc = err_set(e, ERR_USER, "%s", res.error);
    json_decref(told.metrics);
    json_decref(told.remarks);
    json_decref(config);
    json_decref(recorded);
    free(adapter);
    return rc;
}

static const struct option_row eval_options[] = {
    {"model", 'm', AT_TEXT(model), "MODEL", "what is scored", .otherwise = "that of the run of --adapter",
     .names = NAMES_MODELS},
    {"adapter", 0, AT_TEXT(adapter), "RUN|DIR",
     "a folder with adapter_model.safetensors, or a run of the record: then model, data and templates are "
     "that run's unless given",
     .names = NAMES_RUNS},
    {"task", 0, AT_TEXT(task), "TASK", "a name of `bench ls tasks`", .otherwise = "the run's, else lm",
     .names = NAMES_TASKS},
    {"data", 0, AT_TEXT(data), "DATA",
     "a name of `bench ls data`, a file (.jsonl, .csv, .tsv), or the folder of a retrieval collection (BEIR: "
     "corpus.jsonl, queries.jsonl, qrels/test.tsv; the test queries are scored)",
     .names = NAMES_DATA},
    {"prompt", 0, AT_TEXT(prompt), "TEMPLATE", "of the prompt: text with {column} references"},
    {"completion", 0, AT_TEXT(completion), "TEMPLATE", "of what is scored"},
    {"set", 0, AT_LIST(sets), "KEY=VALUE",
     "any key of a sweep file's `base`: --set data.anchor='{question}'; may be given again",
     .names = NAMES_KEYS},
    {"rows", 0, AT_INT(rows), "N", "how many rows, from the start; 0: all", 0, (1 << 30) - 1, .def = "0"},
    {"max-length", 0, AT_INT(max_length), "N", "tokens at which a row is cut", 1, (1 << 30) - 1,
     .otherwise = "the run's, else 256"},
    ROW_THREADS(threads),
    ROW_DB(db),
    ROW_JSON(format),
    {0}};

const struct command cmd_eval = {
    .name = "eval",
    .summary = "score a model, with or without an adapter, on data",
    .about =
        "Score a model on the evaluation rows of a data set. Nothing trains.\n\n"
        "Task lm: the mean loss per completion token in nats, its exponential (perplexity), the share of "
        "tokens that the model puts first (accuracy), and the share of rows whose whole completion greedy "
        "generation would give (exact_match); with --set generate.max_tokens=N prompts are continued by up "
        "to "
        "N tokens, and BLEU, NIST, ROUGE-L and CIDEr compare the texts with the completions. Task pairs: "
        "search (nDCG, MRR, MAP, recall, accuracy) or similarity (Spearman, Pearson) of embeddings. Task "
        "classify: accuracy, F1, Matthews' coefficient.",
    .rows = eval_options,
    .size = sizeof(struct options),
    .examples =
        "bench eval --model smollm2-135m --data glosses --rows 200\n"
        "bench eval --model smollm2-135m --adapter results/checkpoints/12 --data test.jsonl \\\n"
        "    --prompt 'Question: {question}\\nAnswer: ' --completion '{answer}' --json\n"
        "bench eval --model smollm2-135m --adapter 12 --data e2e.csv --prompt '{mr}' --completion ' {ref}' "
        "--set generate.max_tokens=60\n"
        "bench eval --model minilm-l6 --task pairs --data scifact/\n"
        "bench eval --model minilm-l6 --task pairs --data sts.tsv --set data.sentence1='{sentence1}' \\\n"
        "    --set data.sentence2='{sentence2}' --set data.score='{score}'\n",
    .where = COMMAND_COMPUTES,
    .run = run_eval,
};
