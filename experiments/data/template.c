/* SPDX-License-Identifier: Apache-2.0 */
/* template.c - "Question: {question}\nAnswer: ": text with references to columns.
 *
 * A template is compiled against one table into pieces: literal text, or the column that a reference names.
 * The pieces stay apart because the tokenizer treats them differently: special tokens are recognised in
 * literals and not in data. A lone brace is an error, since a forgotten one would silently train on the wrong
 * text. */
#include <stdlib.h>
#include <string.h>

#include "experiments/data/rows.h"

struct piece {
    char *text; /* literal, unescaped; NULL: a field */
    size_t len;
    int column;
};

struct template {
    const struct rows *rows;
    struct piece *piece;
    int n, cap;
};

void template_free(struct template *t) {
    if (!t) return;
    for (int k = 0; k < t->n; k++) free(t->piece[k].text);
    free(t->piece);
    free(t);
}

static void add_literal(struct template *t, struct strbuf *b) {
    if (!b->len) return;
    GROW(t->piece, t->n, t->cap);
    size_t len = b->len;
    t->piece[t->n++] = (struct piece){strbuf_detach(b), len, -1};
}

/* "(columns: a, b, c)", cut after 20. */
static void list_columns(const struct rows *rows, struct strbuf *b) {
    int n = rows_columns(rows), shown = MIN_OF(n, 20);
    strbuf_adds(b, n == 1 ? "the column is " : "the columns are ");
    for (int c = 0; c < shown; c++) {
        const char *name = rows_column_name(rows, c);
        strbuf_addf(b, "%s'%.60s%s'", c ? ", " : "", name, strlen(name) > 60 ? "..." : "");
    }
    if (shown < n) strbuf_addf(b, " and %d more", n - shown);
}

static int unknown_column(const struct rows *rows, const char *name, struct err *e) {
    int n = 0;
    const char **names = xcalloc((size_t)rows_columns(rows) + 1, sizeof *names);
    for (int c = 0; c < rows_columns(rows); c++)
        if (strlen(rows_column_name(rows, c)) < 100) names[n++] = rows_column_name(rows, c);
    const char *close = str_closest(name, names, (size_t)n);
    struct strbuf b = {0};
    list_columns(rows, &b);
    char *guess = close ? xasprintf(" (did you mean '%s'?)", close) : xstrdup("");
    int code =
        err_set(e, ERR_USER, "unknown column '%.100s' in %s%s: %s", name, rows_source(rows, -1), guess, b.s);
    free(guess);
    free(names);
    strbuf_release(&b);
    return code;
}

/* The column that {name} means; a name that several columns share is refused. Negative: error. */
static int resolve_column(const struct rows *rows, const char *name, struct err *e) {
    if (!*name) return err_set(e, ERR_USER, "an empty reference {}: write {column}, or {{}} for braces");
    int c = rows_column(rows, name);
    if (c < 0) return unknown_column(rows, name, e);
    if (strcmp(rows_column_name(rows, c), name)) return c; /* by number */
    for (int d = c + 1; d < rows_columns(rows); d++)
        if (!strcmp(rows_column_name(rows, d), name))
            return err_set(e, ERR_USER, "%s has more than one column '%.100s': use the number, {%d} or {%d}",
                           rows_source(rows, -1), name, c + 1, d + 1);
    return c;
}

/* p behind a '{'. Returns behind the '}'; NULL: error. */
static const char *add_field(struct template *t, const char *p, struct err *e) {
    const char *close = strpbrk(p, "{}");
    if (!close || *close != '}') {
        err_set(e, ERR_USER, "'{%.40s' has no '}' (write {{ for a brace)", p);
        return NULL;
    }
    char *name = xstrndup(p, (size_t)(close - p));
    int column = resolve_column(t->rows, name, e);
    free(name);
    if (column < 0) return NULL;
    GROW(t->piece, t->n, t->cap);
    t->piece[t->n++] = (struct piece){NULL, 0, column};
    return close + 1;
}

static int compile_pieces(struct template *t, const char *p, struct strbuf *literal, struct err *e) {
    while (*p) {
        size_t plain = strcspn(p, "{}");
        strbuf_add(literal, p, plain);
        p += plain;
        if (!*p) break;
        if (p[1] == p[0]) {
            strbuf_addc(literal, *p);
            p += 2;
        } else if (*p == '}') {
            return err_set(e, ERR_USER, "a '}' without '{' before '%.40s' (write }} for a brace)", p);
        } else {
            add_literal(t, literal);
            if (!(p = add_field(t, p + 1, e))) return ERR_USER;
        }
    }
    add_literal(t, literal);
    return 0;
}

int template_compile(struct template **ret, const char *text, const struct rows *rows, struct err *e) {
    size_t n = strlen(text);
    if (utf8_valid_prefix(text, n) != n) return err_set(e, ERR_USER, "the template is not valid UTF-8");
    struct template *t = xcalloc(1, sizeof *t);
    t->rows = rows;
    struct strbuf literal = {0};
    int code = compile_pieces(t, text, &literal, e);
    strbuf_release(&literal);
    if (code)
        template_free(t);
    else
        *ret = t;
    return code;
}

static int constant_text(const char *text, const struct rows *rows, struct err *e) {
    struct strbuf b = {0};
    int c = rows_column(rows, text);
    list_columns(rows, &b);
    int code = c >= 0 ? err_set(e, ERR_USER,
                                "'%.100s' is the same text for every row: write \"{%.100s}\" for the column",
                                text, text)
                      : err_set(e, ERR_USER,
                                "'%.100s' is the same text for every row: name a column, as {%.60s}: %s",
                                text, rows_columns(rows) ? rows_column_name(rows, 0) : "column", b.s);
    strbuf_release(&b);
    return code;
}

int template_compile_column(struct template **ret, const char *text, const struct rows *rows, struct err *e) {
    int code = template_compile(ret, text, rows, e);
    if (code) return code;
    for (int k = 0; k < (*ret)->n; k++)
        if (!(*ret)->piece[k].text) return 0;
    template_free(*ret);
    *ret = NULL;
    return constant_text(text, rows, e);
}

int template_column(const struct template *t, int k) {
    BUG_ON(k < 0 || k >= t->n, "k=%d n=%d", k, t->n);
    return t->piece[k].text ? -1 : t->piece[k].column;
}

int template_pieces(const struct template *t) { return t->n; }

int template_piece(const struct template *t, long i, int k, struct template_piece *p, struct err *e) {
    BUG_ON(k < 0 || k >= t->n, "k=%d n=%d", k, t->n);
    const struct piece *piece = &t->piece[k];
    p->is_field = !piece->text;
    p->len = piece->len;
    p->s = piece->text ? piece->text : rows_field(t->rows, i, piece->column, &p->len, e);
    return p->s ? 0 : ERR_USER;
}

int template_render(const struct template *t, long i, struct strbuf *out, struct err *e) {
    for (int k = 0; k < t->n; k++) {
        struct template_piece p;
        int code = template_piece(t, i, k, &p, e);
        if (code) return code;
        strbuf_add(out, p.s, p.len);
    }
    return 0;
}

char *template_path(const struct template *t, long i, struct err *e) {
    struct strbuf name = {0};
    char *path = NULL;
    if (!template_render(t, i, &name, e) && !name.len) rows_error(t->rows, i, e, "the row names no file");
    if (name.len) {
        char *dir = path_dir(rows_source(t->rows, i));
        path = path_join(dir, name.s);
        free(dir);
    }
    strbuf_release(&name);
    return path;
}

int template_file(const struct template *t, long i, struct map *ret, struct err *e) {
    struct err why = {0};
    char *path = template_path(t, i, e);
    int code = path ? map_open(ret, path, &why) : ERR_USER;
    if (path && code) code = rows_error(t->rows, i, e, "%s", why.msg);
    free(path);
    return code;
}
