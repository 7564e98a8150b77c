/* SPDX-License-Identifier: Apache-2.0 */
/* textrows.c - tables from JSONL, CSV and TSV text.
 *
 * Opening checks the encoding, finds where each record starts, and reads the header (CSV, TSV) or the
 * keys of the first row (JSONL). A record is parsed when it is first read. Cells stay slices of the text;
 * only escapes (JSONL) and doubled quotes are copied, without them.
 *
 * Taken as it comes: a byte order mark, CRLF, blank lines (skipped), in TSV rows with more cells than the
 * header. In CSV those are an error unless they are empty: most likely an unquoted comma cut a text in
 * two. As in Python's csv module, a quote opens only at the start of a field and is an ordinary character
 * elsewhere. In TSV, where most quotes are characters like any other (the published files of GLUE, SST,
 * STS), a quoted field that swallows a line break, or a tab that the row then lacks, is an error. Not
 * read: CR alone as a line end, other separators, other encodings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "experiments/data/jsonrow.h"
#include "experiments/data/rows.h"

struct text {
    char *source;
    struct map map; /* empty for text in memory */
    const char *start, *end;
    char delim;   /* CSV, TSV */
    bool literal; /* no quoting */
    bool has_header;
    int hint; /* JSONL: the column expected next, so that rows of like keys cost one comparison per key */
};

static long line_of(const struct text *t, const char *p) {
    long line = 1;
    for (const char *q = t->start; q < p && (q = memchr(q, '\n', (size_t)(p - q))); q++) line++;
    return line;
}

/* ---- encoding ------------------------------------------------------------------------------------------ */

static const char *encoding_hint(const struct text *t) {
    size_t n = (size_t)(t->end - t->start);
    if (n >= 2 && (!memcmp(t->start, "\xff\xfe", 2) || !memcmp(t->start, "\xfe\xff", 2)))
        return "the file is UTF-16: convert it with 'iconv -f UTF-16 -t UTF-8'";
    if (n >= 2 && !memcmp(t->start, "\x1f\x8b", 2)) return "the file is compressed: unpack it with gunzip";
    if (n >= 4 && !memcmp(t->start, "PAR1", 4)) return "the file is Parquet: export it as JSONL or CSV";
    return "data must be UTF-8 text (iconv converts, for example 'iconv -f LATIN1 -t UTF-8')";
}

/* NULL when the text is UTF-8, else the first bad byte. ASCII goes by in large steps. */
static const char *bad_utf8(const char *p, const char *end) {
    enum { STEP = 512 };
    while (p < end) {
        size_t n = (size_t)(end - p) < STEP ? (size_t)(end - p) : STEP;
        unsigned char any = 0;
        for (size_t i = 0; i < n; i++) any |= (unsigned char)p[i];
        size_t ok = any & 0x80 ? utf8_valid_prefix(p, n) : n;
        /* A character may straddle the step: it starts the next one. */
        if (!ok) return p;
        p += ok;
    }
    return NULL;
}

static int text_check(const struct text *t, struct err *e) {
    size_t n = (size_t)(t->end - t->start);
    const char *nul = memchr(t->start, 0, n), *bad = bad_utf8(t->start, nul ? nul : t->end);
    if (!nul && !bad) return 0;
    const char *at = bad ? bad : nul;
    return err_set(e, ERR_USER, "%s:%ld: %s: %s", t->source, line_of(t, at),
                   bad ? "invalid UTF-8" : "a NUL byte", encoding_hint(t));
}

/* ---- delimited text ------------------------------------------------------------------------------------ */

struct field {
    const char *s, *end;
    bool doubled; /* quoted, with doubled quotes inside */
    bool last;    /* of its record */
};

/* From p behind an opening quote to behind the closing one; NULL: error. */
static const char *quoted_end(const struct text *t, const char *p, struct field *f, struct err *e) {
    const char *open = p - 1;
    f->s = p;
    for (;;) {
        const char *q = memchr(p, '"', (size_t)(t->end - p));
        if (!q) {
            err_set(e, ERR_USER,
                    "%s:%ld: a quote opens a field here and never closes (if quotes are ordinary characters "
                    "in this file, say "
                    "quotes: literal)",
                    t->source, line_of(t, open));
            return NULL;
        }
        if (q + 1 < t->end && q[1] == '"') {
            f->doubled = true;
            p = q + 2;
            continue;
        }
        f->end = q;
        return q + 1;
    }
}

/* In TSV a pair of quotes may not join lines: far more often each of them stands at the start of a text. */
static int check_lines(const struct text *t, const struct field *f, struct err *e) {
    if (t->delim != '\t' || !memchr(f->s, '\n', (size_t)(f->end - f->s))) return 0;
    return err_set(
        e, ERR_USER,
        "%s:%ld: a quote opens a field here and closes on line %ld: if quotes are ordinary characters in "
        "this file, say quotes: literal; if the line breaks are meant, convert it to CSV or JSONL",
        t->source, line_of(t, f->s), line_of(t, f->end));
}

/* The field at p; returns where the next field (or record) starts; NULL: error. */
static const char *field_next(const struct text *t, const char *p, struct field *f, struct err *e) {
    *f = (struct field){.s = p};
    bool quoted = !t->literal && p < t->end && *p == '"';
    if (quoted) {
        const char *open = p;
        if (!(p = quoted_end(t, p + 1, f, e)) || check_lines(t, f, e)) return NULL;
        const char *q = p < t->end && *p == '\r' ? p + 1 : p;
        if (q == t->end || *q == '\n') {
            p = q;
        } else if (*p != t->delim) {
            err_set(e, ERR_USER,
                    "%s:%ld: text behind a closing quote (opened on line %ld): double the quotes inside a "
                    "quoted field, "
                    "or say quotes: literal",
                    t->source, line_of(t, p), line_of(t, open));
            return NULL;
        }
    } else {
        while (p < t->end && *p != t->delim && *p != '\n') p++;
        f->end = p > f->s && p[-1] == '\r' && (p == t->end || *p == '\n') ? p - 1 : p;
    }
    f->last = p == t->end || *p == '\n';
    return p < t->end ? p + 1 : p;
}

static struct cell field_cell(struct rows *r, const struct field *f) {
    size_t n = (size_t)(f->end - f->s);
    struct cell cell = {f->s, (uint32_t)n, CELL_TEXT};
    if (!f->doubled) return cell;
    char *out = pool_alloc(&r->pool, n), *o = out;
    for (const char *p = f->s; p < f->end; p++) {
        *o++ = *p;
        if (*p == '"') p++;
    }
    cell.s = out;
    cell.len = (uint32_t)(o - out);
    return cell;
}

/* Fields of the record at p: at most ROWS_MAX_COLUMNS, further ones are left unread. */
static int record_fields(const struct text *t, const char *p, struct field *f, struct err *e) {
    int n = 0;
    do {
        if (!(p = field_next(t, p, &f[n], e))) return -1;
    } while (!f[n++].last && n < ROWS_MAX_COLUMNS);
    return n;
}

/* In TSV: did quotes swallow a tab that the row now lacks? */
static bool lacks_tab(const struct rows *r, const struct text *t, const struct field *f, int n) {
    if (t->delim != '\t' || n >= r->columns) return false;
    for (int c = 0; c < n; c++)
        if (memchr(f[c].s, '\t', (size_t)(f[c].end - f[c].s))) return true;
    return false;
}

static int delimited_parse(struct rows *r, long i, struct row **ret, struct err *e) {
    const struct text *t = r->impl;
    static _Thread_local struct field f[ROWS_MAX_COLUMNS];
    int n = record_fields(t, t->start + r->at[i], f, e);
    if (n < 0) return ERR_USER;
    while (n > r->columns && f[n - 1].s == f[n - 1].end) n--; /* spreadsheets end rows with commas */
    if (n > r->columns && t->has_header && t->delim == ',')
        return rows_error(r, i, e, "the row has %d cells, the header %d: quote fields that contain commas", n,
                          r->columns);
    if (lacks_tab(r, t, f, n))
        return rows_error(
            r, i, e,
            "quotes enclose a tab, and the row has %d of %d cells: if quotes are ordinary characters "
            "in this file, say quotes: literal",
            n, r->columns);
    n = MIN_OF(n, r->columns);
    struct row *row = pool_alloc(&r->pool, sizeof *row + (size_t)n * sizeof row->cell[0]);
    row->n = n;
    for (int c = 0; c < n; c++) row->cell[c] = field_cell(r, &f[c]);
    *ret = row;
    return 0;
}

/* Columns from the header, or numbers for as many as the first row has. */
static int delimited_columns(struct rows *r, const char *header, struct err *e) {
    const struct text *t = r->impl;
    static _Thread_local struct field f[ROWS_MAX_COLUMNS];
    int n = record_fields(t, header ? header : t->start + r->at[0], f, e);
    if (n < 0) return ERR_USER;
    for (int c = 0; c < n; c++) {
        char number[16];
        snprintf(number, sizeof number, "%d", c + 1);
        struct cell cell = header ? field_cell(r, &f[c]) : (struct cell){number, (uint32_t)strlen(number), 0};
        rows_add_column(r, cell.s, cell.len);
    }
    return 0;
}

/* ---- JSONL --------------------------------------------------------------------------------------------- */

struct json_fill {
    struct rows *r;
    struct text *t;
    struct cell cell[ROWS_MAX_COLUMNS];
    int n; /* highest column with a cell, plus one */
};

static struct cell json_cell(struct rows *r, const struct json_slice *v) {
    struct cell cell = {v->s, (uint32_t)v->len, CELL_TEXT};
    if (v->kind == JSON_NULL_SLICE) cell.len = 0;
    if (v->kind == JSON_NESTED_SLICE) cell.kind = CELL_NESTED;
    if (v->kind == JSON_STRING_SLICE && v->escaped) {
        char *out = pool_alloc(&r->pool, v->len);
        cell.len = (uint32_t)jsonrow_unescape(v, out);
        cell.s = out;
    }
    return cell;
}

static int json_column(struct rows *r, struct text *t, const struct json_slice *key) {
    struct cell name = json_cell(r, key);
    for (int k = 0; k < r->columns; k++) {
        int c = (t->hint + k) % r->columns;
        if (!strncmp(r->column[c], name.s, name.len) && !r->column[c][name.len]) {
            t->hint = c + 1;
            return c;
        }
    }
    t->hint = 0;
    return rows_add_column(r, name.s, name.len);
}

static const char *json_member(void *arg, const struct json_slice *key, const struct json_slice *value) {
    struct json_fill *f = arg;
    int c = json_column(f->r, f->t, key);
    if (c < 0) return "more than 4096 different keys in this file";
    for (; f->n <= c; f->n++) f->cell[f->n].kind = CELL_MISSING;
    if (f->cell[c].kind != CELL_MISSING) return "a key that occurs twice in the object";
    f->cell[c] = json_cell(f->r, value);
    return NULL;
}

static int json_parse(struct rows *r, long i, struct row **ret, struct err *e) {
    struct text *t = r->impl;
    static _Thread_local struct json_fill fill;
    fill.r = r, fill.t = t, fill.n = 0;
    t->hint = 0;
    const char *p = t->start + r->at[i], *end = memchr(p, '\n', (size_t)(t->end - p));
    size_t at, n = (size_t)((end ? end : t->end) - p);
    const char *why = jsonrow_walk(p, n, json_member, &fill, &at);
    if (why && i == 0 && *p == '[')
        return rows_error(
            r, i, e, "not JSONL: the file is one JSON list; write one object per line ('jq -c .[]' does)");
    if (why) return rows_error(r, i, e, "not JSON at byte %zu of the line: %s", at + 1, why);
    struct row *row = pool_alloc(&r->pool, sizeof *row + (size_t)fill.n * sizeof row->cell[0]);
    row->n = fill.n;
    memcpy(row->cell, fill.cell, (size_t)fill.n * sizeof row->cell[0]);
    *ret = row;
    return 0;
}

/* ---- the index of records ------------------------------------------------------------------------------ */

struct index {
    uint64_t *at;
    size_t n, cap;
};

static bool line_is_blank(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r')) p++;
    return p == end;
}

static int too_long(const struct text *t, const char *p, struct err *e) {
    return err_set(e, ERR_USER, "%s:%ld: this row is longer than %d MB: is a line break or a quote missing?",
                   t->source, line_of(t, p), ROWS_MAX_BYTES / 1000000);
}

/* Records that are lines: JSONL, and delimited text with literal quotes. In delimited text spaces are data:
 * only an empty line is blank. */
static int index_lines(const struct text *t, const char *p, bool spaces_are_blank, struct index *x,
                       struct err *e) {
    while (p < t->end) {
        const char *nl = memchr(p, '\n', (size_t)(t->end - p)), *end = nl ? nl : t->end;
        if (end - p > ROWS_MAX_BYTES) return too_long(t, p, e);
        bool blank = spaces_are_blank ? line_is_blank(p, end) : p == end || (end - p == 1 && *p == '\r');
        if (!blank) {
            GROW(x->at, x->n, x->cap);
            x->at[x->n++] = (uint64_t)(p - t->start);
        }
        p = end + (nl != NULL);
    }
    return 0;
}

static int index_quoted(const struct text *t, const char *p, struct index *x, struct err *e) {
    while (p < t->end) {
        const char *record = p;
        struct field f;
        int fields = 0;
        do {
            if (!(p = field_next(t, p, &f, e))) return ERR_USER;
            fields++;
        } while (!f.last);
        if (p - record > ROWS_MAX_BYTES) return too_long(t, record, e);
        if (fields == 1 && f.s == f.end && *record != '"') continue; /* blank */
        GROW(x->at, x->n, x->cap);
        x->at[x->n++] = (uint64_t)(record - t->start);
    }
    return 0;
}

/* ---- tables -------------------------------------------------------------------------------------------- */

static void text_free(struct text *t) {
    map_close(&t->map);
    free(t->source);
    free(t);
}

static void text_release(struct rows *r) { text_free(r->impl); }
static const char *text_source(const struct rows *r, long i) {
    (void)i;
    return ((const struct text *)r->impl)->source;
}
static long text_line(const struct rows *r, long i) {
    const struct text *t = r->impl;
    return line_of(t, t->start + r->at[i]);
}

static const struct rows_ops delimited_ops = {delimited_parse, text_source, text_line, text_release};
static const struct rows_ops json_ops = {json_parse, text_source, text_line, text_release};

static int text_index(const struct text *t, enum rows_kind kind, struct index *x, struct err *e) {
    const char *p = t->start;
    p += utf8_mark(p, (size_t)(t->end - p));
    bool lines = kind == ROWS_JSONL || t->literal;
    int code = lines ? index_lines(t, p, kind == ROWS_JSONL, x, e) : index_quoted(t, p, x, e);
    if (code) return code;
    if (x->n <= (size_t)t->has_header)
        return err_set(e, ERR_USER, "%s: has no rows%s", t->source,
                       x->n ? " below its header (if its only line is data, say header: false)" : "");
    return 0;
}

/* Takes t, also on error. */
static int text_rows(struct rows **ret, struct text *t, const struct rows_format *fmt, struct err *e) {
    t->delim = fmt->kind == ROWS_CSV ? ',' : '\t';
    t->literal = fmt->literal_quotes;
    t->has_header = fmt->kind != ROWS_JSONL && !fmt->no_header;
    struct index x = {0};
    int code = text_check(t, e);
    if (!code) code = text_index(t, fmt->kind, &x, e);
    if (code) {
        free(x.at);
        text_free(t);
        return code;
    }
    const char *header = t->has_header ? t->start + x.at[0] : NULL;
    if (header) memmove(x.at, x.at + 1, --x.n * sizeof x.at[0]);
    bool json = fmt->kind == ROWS_JSONL;
    struct rows *r = rows_new(json ? &json_ops : &delimited_ops, t, x.at, (long)x.n);
    r->open_ended = json;
    code = json ? json_parse(r, 0, &r->row[0], e) : delimited_columns(r, header, e);
    if (code) {
        rows_free(r);
        return code;
    }
    *ret = r;
    return 0;
}

int rows_parse(struct rows **ret, const char *source, const void *bytes, size_t n,
               const struct rows_format *fmt, struct err *e) {
    BUG_ON(fmt->kind == ROWS_AUTO, "source %s", source);
    struct text *t = xcalloc(1, sizeof *t);
    t->source = xstrdup(source);
    t->start = n ? bytes : "";
    t->end = t->start + n;
    return text_rows(ret, t, fmt, e);
}

static enum rows_kind kind_by_name(const char *path) {
    static const struct {
        const char *ext;
        enum rows_kind kind;
    } known[] = {{".jsonl", ROWS_JSONL}, {".ndjson", ROWS_JSONL}, {".json", ROWS_JSONL},
                 {".csv", ROWS_CSV},     {".tsv", ROWS_TSV},      {".tab", ROWS_TSV}};
    size_t n = strlen(path);
    for (size_t k = 0; k < ARRAY_LEN(known); k++) {
        size_t m = strlen(known[k].ext);
        if (n > m && !strcasecmp(path + n - m, known[k].ext)) return known[k].kind;
    }
    return ROWS_AUTO;
}

int rows_open(struct rows **ret, const char *path, const struct rows_format *fmt, struct err *e) {
    struct rows_format f = fmt ? *fmt : (struct rows_format){0};
    struct text *t = xcalloc(1, sizeof *t);
    t->source = xstrdup(path);
    int code = map_open(&t->map, path, e);
    if (!code && f.kind == ROWS_AUTO && (f.kind = kind_by_name(path)) == ROWS_AUTO)
        code = err_set(e, ERR_USER, "%s: cannot tell its format by its name: say format: jsonl, csv or tsv",
                       path);
    if (code) {
        text_free(t);
        return code;
    }
    t->start = t->map.size ? (const char *)t->map.data : "";
    t->end = t->start + t->map.size;
    return text_rows(ret, t, &f, e);
}
