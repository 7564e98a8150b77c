/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_ls.c - `bench ls KIND`: what there is, as text, Markdown, CSV or JSON.
 *
 * Methods, tasks, models and data come from their registries, sweeps from the folders that `bench run`
 * searches, runs from the database. Text shows what fits a terminal; JSON and CSV have every field. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/record/listing.h"
#include "harness/record/sweep_head.h"
#include "harness/hub/catalog.h"
#include "harness/cli/command.h"
#include "harness/cli/keys.h"
#include "harness/cli/sweep_files.h"
#include "harness/core/data.h"
#include "harness/core/method.h"
#include "harness/table/table.h"
#include "harness/core/task.h"

struct options {
    const char *kind, *db, *where, *sweep, *task, *method, *search;
    long limit; /* 0: all */
    enum table_format format;
};

/* Print the table; with JSON, `json` (owned) in its place where it says more. */
static int print_table(struct table *t, const struct options *o, json_t *json) {
    struct strbuf b = {0};
    if (json && o->format == TABLE_AS_JSON)
        table_json_write(json, &b);
    else
        table_write(t, o->format, table_terminal(), &b);
    command_print(&b);
    table_free(t);
    json_decref(json);
    return 0;
}

/* ---- methods, tasks ------------------------------------------------------------------------------------ */

static json_t *opts_json(const struct opt *o) {
    json_t *list = json_array();
    for (; o && o->key; o++)
        json_array_append_new(
            list, json_pack("{s:s, s:s?, s:s?}", "key", o->key, "default", o->def, "help", o->help));
    return list;
}

static char *opts_text(const struct opt *o) {
    struct strbuf b = {0};
    for (; o && o->key; o++)
        strbuf_addf(&b, "%s%s%s%s", b.len ? ", " : "", o->key, o->def ? " " : "", o->def ? o->def : "");
    return strbuf_detach(&b);
}

static const char *method_trains(const struct method *m) {
    if (m->flags & METHOD_FULL) return "model";
    if (!(m->flags & METHOD_NO_SITES)) return "adapter";
    return m->select ? "tensors" : "nothing";
}

static int ls_methods(const struct options *o, struct err *e) {
    (void)e;
    struct table *t = table_new();
    json_t *list = json_array();
    table_column(t, "name", "method", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "trains", "trains", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "paper", "arXiv", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "options", "options", TABLE_WHOLE, TABLE_DATA);
    table_column(t, "summary", "", TABLE_TEXT, TABLE_BOTH);
    for (const struct method *const *m = method_list; *m; m++) {
        char *opts = opts_text((*m)->opts);
        table_text(t, (*m)->name);
        table_text(t, method_trains(*m));
        table_text(t, (*m)->paper);
        table_text(t, opts);
        table_text(t, (*m)->summary);
        free(opts);
        json_array_append_new(
            list, json_pack("{s:s, s:s?, s:s?, s:s, s:b, s:b, s:b, s:o}", "name", (*m)->name, "summary",
                            (*m)->summary, "paper", (*m)->paper, "trains", method_trains(*m), "mergeable",
                            ((*m)->flags & METHOD_MERGEABLE) != 0, "mutates_base",
                            ((*m)->flags & METHOD_MUTATES_BASE) != 0, "identity_at_init",
                            ((*m)->flags & METHOD_IDENTITY_AT_INIT) != 0, "options", opts_json((*m)->opts)));
    }
    return print_table(t, o, list);
}

static int ls_tasks(const struct options *o, struct err *e) {
    (void)e;
    struct table *t = table_new();
    json_t *list = json_array();
    table_column(t, "name", "task", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "metric", "metric", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "goal", "goal", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "summary", "", TABLE_TEXT, TABLE_BOTH);
    for (const struct task *const *k = task_list; *k; k++) {
        table_text(t, (*k)->name);
        table_text(t, (*k)->default_metric);
        table_text(t, (*k)->default_goal);
        table_text(t, (*k)->summary);
        json_array_append_new(list, json_pack("{s:s, s:s?, s:s?, s:s?, s:o}", "name", (*k)->name, "summary",
                                              (*k)->summary, "metric", (*k)->default_metric, "goal",
                                              (*k)->default_goal, "options", opts_json((*k)->opts)));
    }
    return print_table(t, o, list);
}

/* ---- models, data -------------------------------------------------------------------------------------- */

static void add_json_cell(struct table *t, const json_t *v) {
    if (json_is_string(v))
        table_text(t, json_string_value(v));
    else if (json_is_integer(v))
        table_int(t, json_integer_value(v));
    else if (json_is_real(v))
        table_num(t, json_real_value(v));
    else if (json_is_boolean(v))
        table_text(t, json_is_true(v) ? "yes" : "no");
    else
        table_null(t);
}

static int ls_models(const struct options *o, struct err *e) {
    json_t *list = catalog_list(e), *m;
    size_t i;
    if (!list) return e->code;
    struct table *t = table_new();
    table_column(t, "name", "model", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "present", "here", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "bytes", "size", TABLE_BYTES, TABLE_BOTH);
    table_column(t, "get", "to get it", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "summary", "", TABLE_TEXT, TABLE_BOTH);
    table_column(t, "path", "path", TABLE_WHOLE, TABLE_DATA);
    json_array_foreach(list, i, m) {
        add_json_cell(t, json_object_get(m, "name"));
        add_json_cell(t, json_object_get(m, "present"));
        add_json_cell(t, json_object_get(m, "bytes"));
        add_json_cell(t, json_object_get(m, "get"));
        add_json_cell(t, json_object_get(m, "summary"));
        add_json_cell(t, json_object_get(m, "path"));
    }
    return print_table(t, o, list);
}

static int ls_data(const struct options *o, struct err *e) {
    (void)e;
    json_t *list = data_list(), *d;
    size_t i;
    struct table *t = table_new();
    static const char *const splits[] = {"train", "eval", "test"};
    table_column(t, "name", "data", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "available", "here", TABLE_WHOLE, TABLE_BOTH);
    for (int s = 0; s < 3; s++) table_column(t, splits[s], splits[s], TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "summary", "", TABLE_TEXT, TABLE_BOTH);
    table_column(t, "problem", "problem", TABLE_WHOLE, TABLE_DATA);
    json_array_foreach(list, i, d) {
        add_json_cell(t, json_object_get(d, "name"));
        add_json_cell(t, json_object_get(d, "available"));
        for (int s = 0; s < 3; s++) add_json_cell(t, json_object_get(d, splits[s]));
        add_json_cell(t, json_object_get(d, "summary"));
        add_json_cell(t, json_object_get(d, "problem"));
    }
    if (o->format == TABLE_AS_TEXT) {
        print_table(t, o, NULL);
        json_array_foreach(list, i, d) {
            const char *problem = json_string_value(json_object_get(d, "problem"));
            if (problem) printf("%s: %s\n", json_string_value(json_object_get(d, "name")), problem);
        }
        json_decref(list);
        return 0;
    }
    return print_table(t, o, list);
}

/* ---- sweeps -------------------------------------------------------------------------------------------- */

static void add_sweep_file(void *table, const char *name, const char *comment, const char *path) {
    table_text(table, name);
    table_text(table, comment);
    table_text(table, path);
}

static int ls_sweeps(const struct options *o, struct err *e) {
    struct table *t = table_new();
    (void)e;
    table_column(t, "file", "sweep", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "summary", "", TABLE_TEXT, TABLE_BOTH);
    table_column(t, "path", "path", TABLE_WHOLE, TABLE_DATA);
    sweep_files_each(add_sweep_file, t);
    return print_table(t, o, NULL);
}

/* ---- runs ---------------------------------------------------------------------------------------------- */

static int ls_runs(const struct options *o, struct err *e) {
    struct db *db;
    struct db_query *q;
    struct table *t = NULL;
    int rc = db_open(&db, o->db ? o->db : DB_DEFAULT, false, e);
    if (rc) return rc;
    struct listing_runs what = {o->where, NULL, o->limit,
                                o->format == TABLE_AS_TEXT || o->format == TABLE_AS_MARKDOWN};
    struct sweep_head h = {0};
    /* A sweep's name is checked, so that a typing mistake is not taken for a sweep without runs. */
    if (o->sweep) rc = sweep_head_read(&h, db, o->sweep, e);
    what.sweep = h.name;
    if (!rc) rc = listing_runs(&q, db, &what, e);
    sweep_head_release(&h);
    if (!rc) rc = table_query(&t, q, e);
    db_close(db);
    return rc ? rc : print_table(t, o, NULL);
}

/* ---- keys ---------------------------------------------------------------------------------------------- */

static void add_key(struct table *t, const struct key_row *k) {
    struct strbuf range = {0}, place = {0};
    const struct opt *o = k->opt;
    bool number = o->type != OPT_BOOL && o->type != OPT_STR && o->type != OPT_ENUM && o->type != OPT_ANY;
    key_range(o, &range);
    key_place(k, &place);
    table_text(t, o->key);
    table_text(t, key_type(o));
    table_text(t, range.len ? range.s : NULL);
    table_text(t, o->def);
    table_num_or_null(t, number ? o->min : NAN);
    table_num_or_null(t, number && o->max < OPT_BIG ? o->max : NAN);
    table_text(t, place.s);
    table_text(t, o->help);
    strbuf_release(&range);
    strbuf_release(&place);
}

static int ls_keys(const struct options *o, struct err *e) {
    struct key_list l;
    int rc = keys_read(&l, o->task, o->method, o->search, e);
    if (rc) return rc;
    struct table *t = table_new();
    table_column(t, "key", "key", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "type", "type", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "range", "range", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "default", "default", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "min", "min", TABLE_PLAIN, TABLE_DATA);
    table_column(t, "max", "max", TABLE_PLAIN, TABLE_DATA);
    table_column(t, "place", "stands in", TABLE_TEXT, TABLE_BOTH);
    table_column(t, "help", "", TABLE_TEXT, TABLE_BOTH);
    for (int i = 0; i < l.n; i++) add_key(t, &l.v[i]);
    if (!l.n)
        rc = err_set(e, ERR_USER,
                     "no key has '%.60s' in its name or meaning; `bench help sweep` has them all", o->search);
    keys_release(&l);
    if (!rc) return print_table(t, o, NULL);
    table_free(t);
    return rc;
}

/* ---- the command --------------------------------------------------------------------------------------- */

static const struct kind {
    const char *name;
    int (*list)(const struct options *o, struct err *e);
} kinds[] = {{"methods", ls_methods}, {"models", ls_models}, {"tasks", ls_tasks}, {"data", ls_data},
             {"sweeps", ls_sweeps},   {"runs", ls_runs},     {"keys", ls_keys}};

static const struct option_word kind_words[] = {
    {"methods", "what can be trained, with options"},
    {"models", "what `bench pull` brings, and what is here"},
    {"tasks", "what a model is trained and scored on"},
    {"data", "built-in data sets"},
    {"sweeps", "sweep files: of this folder, of sweeps/ here, and delivered ones"},
    {"runs", "the record"},
    {"keys", "every key of a sweep file: type, range, default, meaning"},
    {0}};

static int check_ls(const void *options, struct err *e) {
    const struct options *o = options;
    if ((o->db || o->where || o->sweep || o->limit) && strcmp(o->kind, "runs") != 0)
        return err_set(e, ERR_USER, "--db, --where, --sweep and --limit go with `runs` only");
    if ((o->task || o->method || o->search) && strcmp(o->kind, "keys") != 0)
        return err_set(e, ERR_USER, "--task, --method and --search go with `keys` only");
    return 0;
}

static int run_ls(void *options, struct err *e) {
    const struct options *o = options;
    size_t i = 0;
    while (strcmp(kinds[i].name, o->kind)) i++; /* the row allows no other */
    return kinds[i].list(o, e);
}

static const struct option_row ls_options[] = {
    {NULL, 0, AT_CHOICE(kind), "KIND", "what to list", .words = kind_words, .required = true},
    {"sweep", 0, AT_TEXT(sweep), "SWEEP", "the runs of one sweep, those it shares with others included",
     .names = NAMES_SWEEPS},
    {"where", 0, AT_TEXT(where), "SQL", "runs that meet a condition over the columns of the view `runs`"},
    {"limit", 0, AT_INT(limit), "N", "the last N runs", 1, 1e9, .otherwise = "all"},
    {"task", 0, AT_TEXT(task), "TASK", "the keys of one task, beside those of all runs",
     .names = NAMES_TASKS},
    {"method", 0, AT_TEXT(method), "METHOD", "the keys of one method, beside those of all runs",
     .names = NAMES_METHODS},
    {"search", 0, AT_TEXT(search), "WORD", "keys that have it in their name or meaning"},
    {"db", 0, AT_TEXT(db), "FILE", "the record of runs", .otherwise = DB_DEFAULT, .names = NAMES_FILES},
    ROWS_FORMAT(format),
    {0}};

const struct command cmd_ls = {
    .name = "ls",
    .summary = "list methods, models, tasks, data, sweeps, runs or the keys of a sweep file",
    .usage = "methods | models | tasks | data | sweeps | runs | keys\n"
             " [--json | --csv | --markdown]\n"
             "runs [--db FILE] [--sweep SWEEP] [--where SQL] [--limit N]\n"
             "keys [--task TASK] [--method METHOD] [--search WORD]",
    .rows = ls_options,
    .size = sizeof(struct options),
    .examples = "bench ls methods\n"
                "bench ls runs --where \"method = 'lora' and r >= 8\" --csv > runs.csv\n"
                "bench ls keys --search warmup\n",
    .check = check_ls,
    .run = run_ls,
};
