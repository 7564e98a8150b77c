/* SPDX-License-Identifier: Apache-2.0 */
/* data.c - data sets: the built-in ones by name, others from files; their templates, their digest, their
 * listing. Retrieval collections are collection.c's.
 *
 * Which built-ins there are is data.def's affair. What decides the rows is in the digest (contents); how they
 * are read (format, templates) is in the configuration, which is hashed as well. */
#include <stdlib.h>
#include <string.h>

#include "experiments/data/collection.h"
#include "experiments/data/rows.h"
#include "experiments/data/source.h"
#include "harness/config/cfg.h"
#include "harness/base/digest.h"

#define DATA(id) &data_##id,
static const struct data_source *const sources[] = {
#include "experiments/data/data.def"
};
#undef DATA

static const char *const split_key[] = {"train", "eval", "test"};
enum { SPLITS = ARRAY_LEN(split_key) };

/* Below "data.", in the order in which the digest has them. */
static const char *const path_key[] = {"train",   "eval",        "test",       "corpus",
                                       "queries", "qrels.train", "qrels.eval", "qrels.test"};

/* The template that names a file by row, whose bytes count as much as the row itself. */
#define FILE_KEY "image"

/* Keys of templates besides prompt and completion: one text, or a list of them. "document" and "query" are a
 * collection's. */
static const char *const template_key[] = {"anchor", "positive", "negative", "sentence1", "sentence2",
                                           "score",  "text",     "text2",    "label",     FILE_KEY};

const char *data_path_key(int n) {
    static const char *const full[] = {"data.train",      "data.eval",      "data.test",
                                       "data.corpus",     "data.queries",   "data.qrels.train",
                                       "data.qrels.eval", "data.qrels.test"};
    _Static_assert(ARRAY_LEN(full) == ARRAY_LEN(path_key), "the same keys");
    return n >= 0 && (size_t)n < ARRAY_LEN(full) ? full[n] : NULL;
}

bool data_is_path(const char *key) {
    for (int n = 0; data_path_key(n); n++)
        if (!strcmp(data_path_key(n), key)) return true;
    return false;
}

static struct rows **split_rows(struct dataset *d, int s) {
    return s == 0 ? &d->train : s == 1 ? &d->eval : &d->test;
}

/* ---- reading the configuration ------------------------------------------------------------------------- */

static int unknown_source(const char *name, struct err *e) {
    const char *names[ARRAY_LEN(sources)];
    struct strbuf all = {0};
    for (size_t k = 0; k < ARRAY_LEN(sources); k++) {
        names[k] = sources[k]->name;
        strbuf_addf(&all, "%s%s", k ? ", " : "", names[k]);
    }
    const char *close = str_closest(name, names, ARRAY_LEN(sources));
    char *guess = close ? xasprintf(" (did you mean '%s'?)", close) : xstrdup("");
    int code = err_set(
        e, ERR_USER,
        "data.name: no built-in data set '%.100s'%s: there are %s; or name files with train, eval, test",
        name, guess, all.s);
    free(guess);
    strbuf_release(&all);
    return code;
}

/* The built-in that the configuration names in *ret; NULL when it names files. */
static int find_source(const json_t *cfg, const struct data_source **ret, struct err *e) {
    const char *name = cfg_str(cfg, "name"), *file = NULL;
    for (size_t k = 0; k < ARRAY_LEN(path_key) && !file; k++) file = cfg_str(cfg, path_key[k]);
    *ret = NULL;
    if (name && file)
        return err_set(e, ERR_USER, "data: give a name ('%.100s') or files ('%.200s'), not both", name, file);
    if (!name && !file)
        return err_set(e, ERR_USER,
                       "data: give the name of a built-in data set, or files: train, eval, test%s",
                       json_object_get(cfg, "corpus") ? ", or a collection: corpus, queries, qrels" : "");
    if (!name) return 0;
    for (size_t k = 0; k < ARRAY_LEN(sources); k++)
        if (!strcmp(sources[k]->name, name)) *ret = sources[k];
    return *ret ? 0 : unknown_source(name, e);
}

static int read_format(const json_t *cfg, struct rows_format *f, struct err *e) {
    static const char *const kind[] = {"", "jsonl", "csv", "tsv"};
    *f = (struct rows_format){0};
    const char *format = cfg_str(cfg, "format"), *quotes = cfg_str(cfg, "quotes");
    if (format) {
        for (int k = ROWS_JSONL; k <= ROWS_TSV; k++)
            if (!strcmp(format, kind[k])) f->kind = (enum rows_kind)k;
        if (f->kind == ROWS_AUTO)
            return err_set(e, ERR_USER, "data.format: '%.40s' is not one of jsonl, csv, tsv", format);
    }
    if (quotes && strcmp(quotes, "standard") && strcmp(quotes, "literal"))
        return err_set(e, ERR_USER, "data.quotes: '%.40s' is not one of standard, literal", quotes);
    f->literal_quotes = quotes && !strcmp(quotes, "literal");
    f->no_header = json_is_false(cfg_get(cfg, "header"));
    return 0;
}

/* "/a/b/train.jsonl" -> "train". Caller frees. */
static char *file_stem(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    return xstrndup(name, dot && dot > name ? (size_t)(dot - name) : strlen(name));
}

static int open_files(struct dataset *d, const json_t *cfg, struct err *e) {
    struct rows_format f;
    int code = read_format(cfg, &f, e);
    if (!code && (cfg_str(cfg, "corpus") || cfg_str(cfg, "queries"))) {
        for (int s = 0; s < SPLITS && !code; s++)
            if (cfg_str(cfg, split_key[s]))
                code = err_set(e, ERR_USER,
                               "data.%s: a retrieval collection (data.corpus) has data.qrels.%s instead",
                               split_key[s], split_key[s]);
        return code ? code : collection_open(d, cfg, e);
    }
    for (int s = 0; s < SPLITS && !code; s++) {
        const char *path = cfg_str(cfg, split_key[s]);
        if (!path) continue;
        if (!d->name) d->name = file_stem(path);
        code = rows_open(split_rows(d, s), path, &f, e);
    }
    return code;
}

/* ---- templates ----------------------------------------------------------------------------------------- */

/* A template, or a list of them. */
static int take_template(struct dataset *d, const char *key, json_t *v, struct err *e) {
    bool good = json_is_string(v) || json_array_size(v) > 0;
    for (size_t k = 0; k < json_array_size(v); k++) good &= json_is_string(json_array_get(v, k));
    if (!good) return err_set(e, ERR_USER, "data.%s: a template as \"{%s}\", or a list of them", key, key);
    json_object_set(d->templates, key, v);
    return 0;
}

static int take_templates(struct dataset *d, const json_t *cfg, const struct data_source *src,
                          struct err *e) {
    static const char *const more[] = {"document", "query"};
    int code = 0;
    d->templates = json_object();
    for (size_t i = 0; i < ARRAY_LEN(template_key) + ARRAY_LEN(more) && !code; i++) {
        const char *key = i < ARRAY_LEN(template_key) ? template_key[i] : more[i - ARRAY_LEN(template_key)];
        json_t *v = cfg_get(cfg, key);
        if (v && !json_is_null(v)) code = take_template(d, key, v, e);
    }
    for (const struct data_default *t = src ? src->templates : NULL; t && t->key && !code; t++)
        if (json_object_get(cfg, t->key) && !json_object_get(d->templates, t->key))
            json_object_set_new(d->templates, t->key, json_string(t->text));
    return code;
}

/* The templates of a data set, compiled against one split. */
struct compiled {
    struct template **v;
    int n, cap;
    const struct template *file; /* of them that of FILE_KEY, or NULL */
};

static void compiled_release(struct compiled *t) {
    for (int i = 0; i < t->n; i++) template_free(t->v[i]);
    free(t->v);
}

static int compile_one(struct compiled *t, const char *key, const char *text, const struct rows *r,
                       struct err *e) {
    if (!text) return 0;
    GROW(t->v, t->n, t->cap);
    bool free_text = !strcmp(key, "prompt"); /* the others are to differ from row to row */
    if (!(free_text ? template_compile : template_compile_column)(&t->v[t->n], text, r, e)) {
        if (!strcmp(key, FILE_KEY)) t->file = t->v[t->n];
        t->n++;
        return 0;
    }
    return err_wrap(e, "data.%s", key);
}

/* On error nothing is left to release. A collection's queries have the template `query` alone. */
static int compile_all(struct compiled *t, const struct dataset *d, const struct rows *r, struct err *e) {
    *t = (struct compiled){0};
    bool queries = d->corpus && r != d->train;
    int code = compile_one(t, "query", queries ? data_template(d, "query", 0) : NULL, r, e);
    if (!code) code = compile_one(t, "prompt", d->prompt, r, e);
    if (!code) code = compile_one(t, "completion", d->completion, r, e);
    for (size_t i = 0; i < ARRAY_LEN(template_key) && !queries; i++)
        for (int k = 0; !code && data_template(d, template_key[i], k); k++)
            code = compile_one(t, template_key[i], data_template(d, template_key[i], k), r, e);
    if (code) compiled_release(t);
    return code;
}

static int check_file(const struct template *t, long row, struct err *e) {
    struct map m;
    int code = template_file(t, row, &m, e);
    if (!code) map_close(&m);
    return code;
}

/* Parse and render every row; cells are dropped on the way (not a collection's: its ids point there), so that
 * a large file does not end up in memory. */
static int check_rows(const struct rows *r, const struct compiled *t, bool drop, struct err *e) {
    struct strbuf b = {0};
    int code = 0;
    for (long i = 0; !code && i < rows_count(r); i++) {
        strbuf_reset(&b);
        code = rows_touch(r, i, e);
        for (int k = 0; k < t->n && !code; k++) code = template_render(t->v[k], i, &b, e);
        if (!code && t->file) code = check_file(t->file, i, e);
        if (drop && rows_cell_bytes(r) > (size_t)16 << 20) rows_drop_cells(r);
    }
    if (drop) rows_drop_cells(r);
    strbuf_release(&b);
    return code;
}

/* Compile the templates against every split; with `all`, every row as well. */
static int try_templates(const struct dataset *d, bool all, struct err *e) {
    const struct rows *split[] = {d->train, d->eval, d->test};
    struct compiled t;
    int code = 0;
    for (int s = 0; s < SPLITS && !code; s++) {
        if (!split[s]) continue;
        code = compile_all(&t, d, split[s], e);
        if (code) break;
        if (all) code = check_rows(split[s], &t, !d->corpus, e);
        compiled_release(&t);
    }
    if (code || !d->corpus) return code;
    t = (struct compiled){0};
    code = compile_one(&t, "document", data_template(d, "document", 0), d->corpus, e);
    if (!code && all) code = check_rows(d->corpus, &t, false, e);
    compiled_release(&t);
    return code;
}

/* ---- data.where ---------------------------------------------------------------------------------------- */

static const char *where_of(const json_t *cfg, const struct data_source *src) {
    const char *where = cfg_str(cfg, "where");
    for (const struct data_default *t = src ? src->templates : NULL; t && t->key && !where; t++)
        if (json_object_get(cfg, t->key)) where = t->where;
    return where;
}

/* Rows whose `column` is `value` stay. */
static int filter_rows(struct rows *r, const char *column, const char *value, struct err *e) {
    int c = rows_column(r, column), code = 0;
    long kept = 0;
    if (c < 0)
        return err_set(e, ERR_USER, "data.where: there is no column '%.100s' in %s", column,
                       rows_source(r, -1));
    bool *keep = xcalloc((size_t)rows_count(r), sizeof *keep);
    for (long i = 0; i < rows_count(r) && !code; i++) {
        size_t n;
        const char *s = rows_field(r, i, c, &n, e);
        if (!s) code = ERR_USER;
        kept += keep[i] = s && n == strlen(value) && !memcmp(s, value, n);
        if (rows_cell_bytes(r) > (size_t)16 << 20) rows_drop_cells(r);
    }
    rows_drop_cells(r);
    if (!code && !kept)
        code = err_set(e, ERR_USER, "data.where: no row of %s has '%.100s' in column '%.100s'",
                       rows_source(r, -1), value, column);
    if (!code) rows_keep(r, keep);
    free(keep);
    return code;
}

static int filter_splits(struct dataset *d, const char *where, struct err *e) {
    const char *eq = where ? strchr(where, '=') : NULL;
    if (!where) return 0;
    if (!eq || eq == where)
        return err_set(e, ERR_USER, "data.where: '%.100s' is not of the form column=value", where);
    if (d->corpus) /* its judgements count by place */
        return err_set(
            e, ERR_USER,
            "data.where: a retrieval collection asks the queries of its judgements: leave rows out "
            "of data.qrels instead");
    char *column = xstrndup(where, (size_t)(eq - where));
    int code = 0;
    for (int s = 0; s < SPLITS && !code; s++)
        if (*split_rows(d, s)) code = filter_rows(*split_rows(d, s), column, eq + 1, e);
    free(column);
    return code;
}

/* ---- data sets ----------------------------------------------------------------------------------------- */

static char *choose_text(const char *configured, const char *built_in) {
    const char *s = configured ? configured : built_in;
    return s ? xstrdup(s) : NULL;
}

int data_open(struct dataset **ret, const json_t *cfg, struct err *e) {
    const struct data_source *src;
    int code = find_source(cfg, &src, e);
    if (code) return code;
    struct dataset *d = xcalloc(1, sizeof *d);
    if (src) d->name = xstrdup(src->name);
    d->prompt = choose_text(cfg_str(cfg, "prompt"), src ? src->prompt : NULL);
    d->completion = choose_text(cfg_str(cfg, "completion"), src ? src->completion : NULL);
    d->special_tokens = json_is_true(cfg_get(cfg, "special_tokens"));
    code = take_templates(d, cfg, src, e);
    if (!code) code = src ? src->open(d, e) : open_files(d, cfg, e);
    if (!code) code = filter_splits(d, where_of(cfg, src), e);
    if (!code) code = try_templates(d, false, e);
    if (code)
        data_free(d);
    else
        *ret = d;
    return code;
}

void data_free(struct dataset *d) {
    if (!d) return;
    collection_release(d);
    for (int s = 0; s < SPLITS; s++) rows_free(*split_rows(d, s));
    json_decref(d->templates);
    free(d->name);
    free(d->prompt);
    free(d->completion);
    free(d);
}

int data_check(const struct dataset *d, struct err *e) { return try_templates(d, true, e); }

/* ---- digest -------------------------------------------------------------------------------------------- */

static int add_digest(struct strbuf *b, const char *label, const char *path, struct err *e) {
    char hex[65];
    int code = digest_file_cached(path, hex, e);
    if (!code) strbuf_addf(b, "%s %s\n", label, hex);
    return code;
}

static int source_digests(struct strbuf *b, const struct data_source *src, struct err *e) {
    char *path[DATA_MAX_FILES];
    int n = src->files(path, e), code = n < 0 ? n : 0;
    strbuf_addf(b, "built-in %s\n", src->name);
    for (int k = 0; k < n; k++) {
        const char *slash = strrchr(path[k], '/');
        if (!code) code = add_digest(b, slash ? slash + 1 : path[k], path[k], e);
        free(path[k]);
    }
    return code;
}

/* What the rows of a split name. */
static int add_row_files(struct strbuf *b, const struct dataset *d, const struct rows *r, struct err *e) {
    const char *text = data_template(d, FILE_KEY, 0);
    struct template *t;
    int code = text && r ? template_compile(&t, text, r, e) : 0;
    if (!text || !r || code) return code;
    for (long i = 0; i < rows_count(r) && !code; i++) {
        char *path = template_path(t, i, e);
        code = path ? add_digest(b, FILE_KEY, path, e) : ERR_USER;
        free(path);
    }
    template_free(t);
    return code;
}

static int named_digests(struct strbuf *b, const json_t *cfg, struct err *e) {
    struct dataset *d;
    if (!cfg_str(cfg, FILE_KEY)) return 0;
    int code = data_open(&d, cfg, e);
    if (code) return code;
    for (int s = 0; s < SPLITS && !code; s++) code = add_row_files(b, d, *split_rows(d, s), e);
    data_free(d);
    return code;
}

int data_digest(const json_t *cfg, char out[65], struct err *e) {
    const struct data_source *src;
    int code = find_source(cfg, &src, e);
    if (code) return code;
    struct strbuf b = {0};
    if (src) code = source_digests(&b, src, e);
    for (size_t k = 0; !src && k < ARRAY_LEN(path_key) && !code; k++) {
        const char *path = cfg_str(cfg, path_key[k]);
        if (path) code = add_digest(&b, path_key[k], path, e);
    }
    if (!code) code = named_digests(&b, cfg, e);
    if (!code) sha256_hex(b.s, b.len, out);
    strbuf_release(&b);
    return code;
}

/* ---- listing ------------------------------------------------------------------------------------------- */

static json_t *count_or_null(const struct rows *r) { return r ? json_integer(rows_count(r)) : json_null(); }

static json_t *describe_source(const struct data_source *src) {
    struct dataset d = {0};
    struct err e = {0};
    bool ok = !src->open(&d, &e);
    json_t *columns = json_array(), *o = json_object();
    const struct rows *any = d.train ? d.train : d.eval ? d.eval : d.test;
    for (int c = 0; any && c < rows_columns(any); c++)
        json_array_append_new(columns, json_string(rows_column_name(any, c)));
    json_object_set_new(o, "name", json_string(src->name));
    json_object_set_new(o, "summary", json_string(src->summary));
    json_object_set_new(o, "available", json_boolean(ok));
    json_object_set_new(o, "problem", ok ? json_null() : json_string(e.msg));
    for (int s = 0; s < SPLITS; s++) {
        struct rows **r = split_rows(&d, s);
        json_object_set_new(o, split_key[s], count_or_null(*r));
        rows_free(*r);
    }
    json_object_set_new(o, "prompt", json_string(src->prompt));
    json_object_set_new(o, "completion", json_string(src->completion));
    json_object_set_new(o, "columns", columns);
    return o;
}

json_t *data_list(void) {
    json_t *list = json_array();
    for (size_t k = 0; k < ARRAY_LEN(sources); k++) json_array_append_new(list, describe_source(sources[k]));
    return list;
}
