/* cmd_ls.c - `bench ls methods|models|tasks|data|sweeps|runs`: what there is, as text, Markdown, CSV or JSON.
 *
 * Methods, tasks, models and data come from their registries, sweeps from the folders that `bench run`
 * searches, runs from the database. Text shows what fits a terminal; JSON and CSV have every field. */
#include <getopt.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/hub/catalog.h"
#include "harness/cli/cmd.h"
#include "harness/core/data.h"
#include "harness/core/method.h"
#include "harness/table/table.h"
#include "harness/core/task.h"

struct options {
    enum table_format format;
    const char *db, *where, *sweep;
    long limit;     /* 0: all */
    bool runs_only; /* the name of an option that only `runs` has was given */
};

static int usage(int code) {
    fputs("usage: bench ls methods|models|tasks|data|sweeps|runs [--json | --csv | --markdown]\n"
          "       bench ls runs [--db FILE] [--sweep NAME] [--where SQL] [--limit N]\n\n"
          "  --db FILE      the database (" DB_DEFAULT ")\n"
          "  --sweep NAME   the runs of one sweep, those it shares with others included\n"
          "  --where SQL    a condition over the columns of the view `runs`\n"
          "  --limit N      the last N\n\n"
          "examples:\n"
          "  bench ls methods\n"
          "  bench ls runs --where \"method = 'lora' and r >= 8\" --csv > runs.csv\n",
          code ? stderr : stdout);
    return code;
}

static int print_error(const struct err *e) {
    fprintf(stderr, "bench ls: %s\n", e->msg);
    return err_exit_code(e);
}

static void print_buffer(struct strbuf *b) {
    fwrite(b->s, 1, b->len, stdout);
    strbuf_release(b);
}

/* Print the table; with JSON, `json` (owned) in its place where it says more. */
static int print_table(struct table *t, const struct options *o, json_t *json) {
    struct strbuf b = {0};
    if (json && o->format == TABLE_AS_JSON)
        table_json_write(json, &b);
    else
        table_write(t, o->format, table_terminal(), &b);
    print_buffer(&b);
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

static int ls_methods(const struct options *o) {
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

static int ls_tasks(const struct options *o) {
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

static int ls_models(const struct options *o) {
    struct err e = {0};
    json_t *list = catalog_list(&e), *m;
    size_t i;
    if (!list) return print_error(&e);
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

static int ls_data(const struct options *o) {
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

/* The first comment line of a sweep file (caller frees, "" when it has none), or NULL for a YAML file that is
 * no sweep. */
static char *sweep_comment(const char *path) {
    struct strbuf b = {0};
    char *comment = NULL;
    bool base = false;
    if (file_read(path, 1 << 20, &b, NULL)) b.len = 0;
    for (char *save = NULL, *line = strtok_r(b.s ? b.s : (char[]){0}, "\r\n", &save); line;
         line = strtok_r(NULL, "\r\n", &save)) {
        if (*line == '#' && !comment) comment = xstrdup(line + strspn(line, "# \t"));
        base |= !strncmp(line, "base:", 5);
    }
    strbuf_release(&b);
    if (!base) {
        free(comment);
        return NULL;
    }
    return comment ? comment : xstrdup("");
}

/* Is the file found under this name before folder number `folder`? Then its whole path must be given. */
static bool sweep_shadowed(const char *as, int folder) { return folder == 2 && file_exists(as); }

static int ls_sweeps(const struct options *o) {
    char *share = share_dir();
    char *dirs[] = {xstrdup("."), xstrdup("sweeps"), path_join(share, "sweeps")};
    struct table *t = table_new();
    table_column(t, "file", "sweep", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "summary", "", TABLE_TEXT, TABLE_BOTH);
    table_column(t, "path", "path", TABLE_WHOLE, TABLE_DATA);
    for (int d = 0; d < 3; d++) {
        char *pattern = path_join(dirs[d], "*.yaml"), path[PATH_MAX];
        glob_t g;
        int rc = glob(pattern, 0, NULL, &g);
        for (size_t i = 0; rc == 0 && i < g.gl_pathc; i++) {
            char *comment = sweep_comment(g.gl_pathv[i]);
            if (!comment) continue;
            const char *name = strrchr(g.gl_pathv[i], '/') + 1;
            char *as = d ? xasprintf("sweeps/%s", name) : xstrdup(name);
            bool known = realpath(g.gl_pathv[i], path) != NULL;
            table_text(t, sweep_shadowed(as, d) ? g.gl_pathv[i] : as);
            table_text(t, comment);
            table_text(t, known ? path : g.gl_pathv[i]);
            free(as);
            free(comment);
        }
        if (rc == 0) globfree(&g);
        free(pattern);
        free(dirs[d]);
    }
    free(share);
    return print_table(t, o, NULL);
}

/* ---- runs ---------------------------------------------------------------------------------------------- */

/* The columns of the view, for a condition that does not fit them. */
static void add_columns(struct db *db, struct err *e) {
    struct db_query *q;
    struct strbuf b = {0};
    struct err ignored;
    if (db_query(db, &q, "SELECT * FROM runs", &ignored)) return;
    for (int i = 0; i < db_query_cols(q); i++) strbuf_addf(&b, " %s", db_query_name(q, i));
    db_query_close(q);
    char *what = xstrdup(e->msg);
    err_set(e, ERR_USER, "--where: %s; the columns are:%s", what, b.s);
    free(what);
    strbuf_release(&b);
}

static int runs_query(struct db *db, const struct options *o, struct db_query **q, struct err *e) {
    bool text = o->format == TABLE_AS_TEXT || o->format == TABLE_AS_MARKDOWN;
    char *sql = xasprintf(
        "SELECT %s FROM (SELECT * FROM runs WHERE (%s\n)%s ORDER BY run_id DESC LIMIT ?2) ORDER BY run_id",
        text ? "run_id AS run, state, sweep, method, r, target_modules AS modules, lr, seed, metric_name AS "
               "name,"
               " CASE WHEN state = 'nan' THEN 'diverged' ELSE metric END AS metric, peak_bytes AS peak_bytes,"
               " train_s"
             : "*",
        o->where ? o->where : "1",
        o->sweep ? " AND run_id IN (SELECT run_id FROM sweep_runs WHERE sweep = ?1)" : "");
    int rc = db_query(db, q, sql, e);
    free(sql);
    if (rc) {
        if (o->where && strstr(e->msg, "no such column")) add_columns(db, e);
        return rc;
    }
    if (o->sweep) db_query_bind_text(*q, 1, o->sweep);
    db_query_bind_int(*q, 2, o->limit ? o->limit : -1);
    return 0;
}

/* A sweep's name is checked, so that a typing mistake is not taken for a sweep without runs. */
static int sweep_known(struct db *db, const char *name, struct err *e) {
    struct db_query *q;
    int rc = db_query(
        db, &q, "SELECT max(id), (SELECT group_concat(DISTINCT name) FROM sweep) FROM sweep WHERE name = ?1",
        e);
    if (rc) return rc;
    db_query_bind_text(q, 1, name);
    rc = db_query_next(q, e);
    if (rc == 1) {
        const char *all = db_query_text(q, 1);
        rc = db_query_type(q, 0) != DB_NULL
                 ? 0
                 : err_set(e, ERR_USER, "%s holds no sweep '%s' (%s%s)", db_path(db), name,
                           all ? "it holds " : "it holds none", all ? all : "");
    }
    db_query_close(q);
    return rc;
}

static int ls_runs(const struct options *o) {
    struct err e = {0};
    struct db *db;
    struct db_query *q;
    struct table *t = NULL;
    int rc = db_open(&db, o->db, false, &e);
    if (rc) return print_error(&e);
    if (o->sweep) rc = sweep_known(db, o->sweep, &e);
    if (!rc) rc = runs_query(db, o, &q, &e);
    if (!rc) rc = table_query(&t, q, &e);
    db_close(db);
    return rc ? print_error(&e) : print_table(t, o, NULL);
}

/* ---- the command --------------------------------------------------------------------------------------- */

static int parse_limit(const char *s, long *limit) {
    char *end;
    *limit = strtol(s, &end, 10);
    if (end != s && !*end && *limit > 0) return 0;
    fprintf(stderr, "bench ls: --limit: a number from 1 is needed, not '%s'\n", s);
    return 2;
}

static int parse_options(struct options *o, int argc, char **argv) {
    static const struct option longs[] = {{"json", no_argument, NULL, 'j'},
                                          {"csv", no_argument, NULL, 'c'},
                                          {"markdown", no_argument, NULL, 'm'},
                                          {"db", required_argument, NULL, 'd'},
                                          {"where", required_argument, NULL, 'w'},
                                          {"sweep", required_argument, NULL, 's'},
                                          {"limit", required_argument, NULL, 'l'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;) {
        switch (c) {
        case 'j':
            o->format = TABLE_AS_JSON;
            break;
        case 'c':
            o->format = TABLE_AS_CSV;
            break;
        case 'm':
            o->format = TABLE_AS_MARKDOWN;
            break;
        case 'd':
            o->db = optarg;
            break;
        case 'w':
            o->where = optarg;
            break;
        case 's':
            o->sweep = optarg;
            break;
        case 'l':
            if (parse_limit(optarg, &o->limit)) return 2;
            break;
        case 'h':
            usage(0);
            return -1;
        default:
            return usage(2);
        }
        o->runs_only |= strchr("dwsl", c) != NULL;
    }
    return 0;
}

int cmd_ls(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*run)(const struct options *o);
    } kinds[] = {{"methods", ls_methods}, {"models", ls_models}, {"tasks", ls_tasks},
                 {"data", ls_data},       {"sweeps", ls_sweeps}, {"runs", ls_runs}};
    const char *names[ARRAY_LEN(kinds)];
    struct options o = {.db = DB_DEFAULT};
    int rc = parse_options(&o, argc, argv);
    if (rc) return rc < 0 ? 0 : rc;
    if (optind + 1 != argc) return usage(2);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        names[i] = kinds[i].name;
        if (strcmp(argv[optind], kinds[i].name)) continue;
        if (o.runs_only && kinds[i].run != ls_runs) {
            fprintf(stderr, "bench ls: --db, --where, --sweep and --limit go with `runs` only\n");
            return 2;
        }
        return kinds[i].run(&o);
    }
    const char *close = str_closest(argv[optind], names, ARRAY_LEN(names));
    fprintf(stderr, "bench ls: unknown kind '%s'%s%s%s\n", argv[optind], close ? " (did you mean '" : "",
            close ? close : "", close ? "'?)" : ": methods, models, tasks, data, sweeps or runs");
    return 2;
}
