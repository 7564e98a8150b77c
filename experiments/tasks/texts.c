/* SPDX-License-Identifier: Apache-2.0 */
/* texts.c - see texts.h. */
#include "experiments/tasks/texts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void texts_init(struct texts *x, struct embedder *E, const struct rows *rows, bool special) {
    *x = (struct texts){.E = E, .rows = rows, .special = special};
}

int texts_add(struct texts *x, const char *key, const char *text, const char *prompt, struct err *e) {
    BUG_ON(x->text, "columns=%d: a column after the first text", x->columns);
    if (x->columns == TEXTS_COLUMNS)
        return err_set(e, ERR_USER, "data.%s: a row has at most %d texts", key, TEXTS_COLUMNS);
    if (template_compile(&x->template[x->columns], text, x -> rows, e)) return err_wrap(e, "data.%s", key);
    x->prompt[x->columns++] = prompt;
    return 0;
}

long texts_rows(const struct texts *x) { return x->rows ? rows_count(x->rows) : 0; }

void texts_release(struct texts *x) {
    size_t n = (size_t)texts_rows(x) * (size_t)x->columns;
    for (size_t i = 0; x->text && i < n; i++) embedder_text_free(x->E, x->text[i]);
    for (long i = 0; x->joined && i < texts_rows(x); i++) embedder_text_free(x->E, x->joined[i]);
    for (int k = 0; k < x->columns; k++) template_free(x->template[k]);
    free(x->joined);
    free(x->text);
    free(x->blank);
    free(x->left);
    memset(x, 0, sizeof *x);
}

static bool is_blank(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!isspace((unsigned char)s[i])) return false;
    return true;
}

const struct embed_text *texts_get(struct texts *x, long row, int column, struct err *e) {
    size_t n = (size_t)texts_rows(x) * (size_t)x->columns,
           at = (size_t)row * (size_t)x->columns + (size_t)column;
    if (!x->text) {
        x->text = xcalloc(n, sizeof(struct embed_text *));
        x->blank = xcalloc(n, sizeof *x->blank);
        x->left = xcalloc((size_t)texts_rows(x), sizeof *x->left);
    }
    if (x->text[at]) return x->text[at];
    struct strbuf b = {0};
    struct embed_text *t = NULL;
    int rc = template_render(x->template[column], row, &b, e);
    if (!rc && x->trim) strbuf_trim(&b);
    if (!rc) t = embedder_text_new(x->E, x->prompt[column], b.s ? b.s : "", b.len, x->special, e);
    if (t) {
        x->text[at] = t;
        x->blank[at] = is_blank(b.s, b.len);
        x->blanks += x->blank[at];
        x->cut += t->cut;
        x->specials += t->special;
    }
    strbuf_release(&b);
    return t;
}

int texts_row(struct texts *x, long row, struct err *e) {
    bool full = true;
    for (int k = 0; k < x->columns; k++) {
        const struct embed_text *t = texts_get(x, row, k, e);
        if (!t) return ERR_USER;
        full &= t->n > 0 && !x->blank[(size_t)row * (size_t)x->columns + (size_t)k];
    }
    if (!full && !x->left[row]) {
        x->left[row] = true;
        x->left_out++;
    }
    return full;
}

/* ---- pairs read as one --------------------------------------------------------------------------------- */

int texts_pair(struct texts *x, struct err *e) {
    BUG_ON(x->columns != 2, "columns=%d", x->columns);
    x->joined = xcalloc((size_t)texts_rows(x), sizeof(struct embed_text *));
    return embedder_pairs(x->E, e);
}

const struct embed_text *texts_whole(struct texts *x, long row, struct err *e) {
    const struct embed_text *a = texts_get(x, row, 0, e);
    if (!a || !x->joined || x->joined[row]) return a && x->joined ? x->joined[row] : a;
    const struct embed_text *b = texts_get(x, row, 1, e);
    if (!b) return NULL;
    x->joined[row] = embedder_pair_new(x->E, a, b, e);
    if (!x->joined[row]) return NULL;
    x->cut += x->joined[row]->cut && !a->cut && !b->cut;
    return x->joined[row];
}

void texts_remarks(const struct texts *x, const char *name, int limit, remark_fn *say, void *arg) {
    remark_count(say, arg, "skipped", x->left_out, "%ld %s rows have a blank text and were left out",
                 x->left_out, name);
    remark_count(say, arg, "cut", x->cut, "%ld %s texts are longer than %d tokens and were cut", x->cut, name,
                 limit);
    remark_count(say, arg, "special", x->specials, SPECIAL_REMARK, x->specials, name, "texts");
}

bool texts_equal(const struct embed_text *a, const struct embed_text *b) {
    return a->n == b->n && !memcmp(a->ids, b->ids, (size_t)a->n * sizeof a->ids[0]);
}

uint64_t texts_hash(const struct embed_text *t) {
    uint64_t h = 1469598103934665603ULL;
    for (int i = 0; i < t->n; i++) h = (h ^ (uint32_t)t->ids[i]) * 1099511628211ULL;
    return h ^ h >> 31;
}
