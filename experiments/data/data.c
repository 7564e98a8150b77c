/* data.c - data sets: the built-in ones by name, others from files; their templates, their digest, their
 * listing.
 *
 * Which built-ins there are is data.def's affair. What decides the rows is in the digest (contents); how they
 * are read (format, templates) is in the configuration, which is hashed as well. */
#include <stdlib.h>
#include <string.h>

#include "experiments/data/rows.h"
#include "experiments/data/source.h"
#include "harness/cfg.h"
#include "harness/digest.h"

#define DATA(id) &data_##id,
static const struct data_source *const sources[] = {
#include "experiments/data/data.def"
};
#undef DATA

static const char *const split_key[] = {"train", "eval", "test"};
enum { SPLITS = ARRAY_LEN(split_key) };

static struct rows **split_rows(struct dataset *d, int s) {
    return s == 0 ? &d->train : s == 1 ? &d->eval : &d->test;
}

/* ---- reading the configuration ---- */

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
    for (int s = 0; s < SPLITS && !file; s++) file = cfg_str(cfg, split_key[s]);
    *ret = NULL;
    if (name && file)
        return err_set(e, ERR_USER, "data: give a name ('%.100s') or files ('%.200s'), not both", name, file);
    if (!name && !file)
        return err_set(e, ERR_USER,
                       "data: give the name of a built-in data set, or files: train, eval, test");
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
static char *stem(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    return xstrndup(name, dot && dot > name ? (size_t)(dot - name) : strlen(name));
}

static int open_files(struct dataset *d, const json_t *cfg, struct err *e) {
    struct rows_format f;
    int code = read_format(cfg, &f, e);
    for (int s = 0; s < SPLITS && !code; s++) {
        const char *path = cfg_str(cfg, split_key[s]);
        if (!path) continue;
        if (!d->name) d->name = stem(path);
        code = rows_open(split_rows(d, s), path, &f, e);
    }
    return code;
}

/* ---- data sets ---- */

/* The templates of a data set, compiled against one split. */
struct pair {
    struct template *prompt, *completion; /* NULL where the data set has none */
};

static void pair_release(struct pair *t) {
    template_free(t->prompt);
    template_free(t->completion);
}

static int pair_compile(struct pair *t, const struct dataset *d, const struct rows *r, struct err *e) {
    *t = (struct pair){0};
    if (d->prompt && template_compile(&t->prompt, d->prompt, r, e)) return err_wrap(e, "data.prompt");
    if (!d->completion || !template_compile(&t->completion, d->completion, r, e)) return 0;
    pair_release(t);
    return err_wrap(e, "data.completion");
}

/* Parse and render every row; cells are dropped on the way, so that a large file does not end up in memory.
 */
static int check_rows(const struct rows *r, const struct pair *t, struct err *e) {
    struct strbuf b = {0};
    int code = 0;
    for (long i = 0; !code && i < rows_count(r); i++) {
        strbuf_reset(&b);
        code = rows_touch(r, i, e);
        if (!code && t->prompt) code = template_render(t->prompt, i, &b, e);
        if (!code && t->completion) code = template_render(t->completion, i, &b, e);
        if (rows_cell_bytes(r) > (size_t)16 << 20) rows_drop_cells(r);
    }
    rows_drop_cells(r);
    strbuf_release(&b);
    return code;
}

/* Compile the templates against every split; with `all`, every row as well. */
static int try_templates(const struct dataset *d, bool all, struct err *e) {
    const struct rows *split[] = {d->train, d->eval, d->test};
    int code = 0;
    for (int s = 0; s < SPLITS && !code; s++) {
        struct pair t;
        if (!split[s]) continue;
        code = pair_compile(&t, d, split[s], e);
        if (code) break;
        if (all) code = check_rows(split[s], &t, e);
        pair_release(&t);
    }
    return code;
}

static char *choose(const char *configured, const char *built_in) {
    const char *s = configured ? configured : built_in;
    return s ? xstrdup(s) : NULL;
}

int data_open(struct dataset **ret, const json_t *cfg, struct err *e) {
    const struct data_source *src;
    int code = find_source(cfg, &src, e);
    if (code) return code;
    struct dataset *d = xcalloc(1, sizeof *d);
    if (src) d->name = xstrdup(src->name);
    d->prompt = choose(cfg_str(cfg, "prompt"), src ? src->prompt : NULL);
    d->completion = choose(cfg_str(cfg, "completion"), src ? src->completion : NULL);
    d->special_tokens = json_is_true(cfg_get(cfg, "special_tokens"));
    code = src ? src->open(d, e) : open_files(d, cfg, e);
    if (!code) code = try_templates(d, false, e);
    if (code)
        data_free(d);
    else
        *ret = d;
    return code;
}

void data_free(struct dataset *d) {
    if (!d) return;
    for (int s = 0; s < SPLITS; s++) rows_free(*split_rows(d, s));
    free(d->name);
    free(d->prompt);
    free(d->completion);
    free(d);
}

int data_check(const struct dataset *d, struct err *e) { return try_templates(d, true, e); }

/* ---- digest ---- */

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

int data_digest(const json_t *cfg, char out[65], struct err *e) {
    const struct data_source *src;
    int code = find_source(cfg, &src, e);
    if (code) return code;
    struct strbuf b = {0};
    if (src) code = source_digests(&b, src, e);
    for (int s = 0; !src && s < SPLITS && !code; s++) {
        const char *path = cfg_str(cfg, split_key[s]);
        if (path) code = add_digest(&b, split_key[s], path, e);
    }
    if (!code) sha256_hex(b.s, b.len, out);
    strbuf_release(&b);
    return code;
}

/* ---- listing ---- */

static json_t *count_or_null(const struct rows *r) { return r ? json_integer(rows_count(r)) : json_null(); }

static json_t *describe(const struct data_source *src) {
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
    for (size_t k = 0; k < ARRAY_LEN(sources); k++) json_array_append_new(list, describe(sources[k]));
    return list;
}
