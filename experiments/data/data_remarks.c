/* SPDX-License-Identifier: Apache-2.0 */
/* data_remarks.c - what may make the scores of a data set say something else than is meant. See data.h.
 *
 * Every task has an asking side and an answering one. The answer that stands in the question, one text on
 * both sides and a row that is trained on and scored give good numbers that mean nothing; each can be
 * meant (STS has equal sentences, a document its title), so they are told and not refused. Rows are
 * compared by 64 bits of a hash of all their texts. */
#include <stdlib.h>
#include <string.h>

#include "experiments/data/rows.h"
#include "harness/core/data.h"

/* The templates of a row: what asks, what answers, what else makes rows differ. */
struct sides {
    const char *ask, *answer, *more;
};
static const struct sides sides_list[] = {{"prompt", "completion", NULL},
                                          {"anchor", "positive", NULL},
                                          {"sentence1", "sentence2", "score"},
                                          {"text", "label", "text2"}};

static const char *side_text(const struct dataset *d, const char *key) {
    if (!key) return NULL;
    return !strcmp(key, "prompt")       ? d->prompt
           : !strcmp(key, "completion") ? d->completion
                                        : data_template(d, key, 0);
}

/* The sides of a data set; NULL: it has none (a collection's judged queries). */
static const struct sides *find_sides(const struct dataset *d) {
    for (size_t i = 0; i < ARRAY_LEN(sides_list); i++)
        if (side_text(d, sides_list[i].ask) && side_text(d, sides_list[i].answer)) return &sides_list[i];
    return NULL;
}

/* The three templates against one split; NULL where there is none. A collection's eval and test splits have
 * their query alone. */
struct split_view {
    const struct rows *rows;
    struct template *ask, *answer, *more;
};

static void view_release(struct split_view *v) {
    template_free(v->ask);
    template_free(v->answer);
    template_free(v->more);
}

static struct template *compile_side(const struct dataset *d, const char *key, const struct rows *r) {
    struct template *t = NULL;
    const char *text = side_text(d, key);
    return text && !template_compile(&t, text, r, NULL) ? t : NULL;
}

static struct split_view view_split(const struct dataset *d, const struct sides *s, const struct rows *r) {
    bool queries = d->corpus && r != d->train;
    struct split_view v = {.rows = r};
    v.ask = compile_side(d, queries ? "query" : s->ask, r);
    if (queries) return v;
    v.answer = compile_side(d, s->answer, r);
    v.more = compile_side(d, s->more, r);
    return v;
}

/* ---- of the templates ---------------------------------------------------------------------------------- */

static bool has_column(const struct template *t, int column) {
    for (int k = 0; t && k < template_pieces(t); k++)
        if (template_column(t, k) == column) return true;
    return false;
}

static void say_shared(const struct split_view *v, const struct template *a, const char *of,
                       const char *other, remark_fn *say, void *arg) {
    for (int k = 0; a && k < template_pieces(a); k++) {
        int c = template_column(a, k);
        if (c < 0 || !has_column(v->ask, c)) continue;
        remark_count(say, arg, "data", 1,
                     "data.%s and data.%s both hold {%.100s}: the answer stands in the question", other, of,
                     rows_column_name(v->rows, c));
        return;
    }
}

static void say_templates(const struct dataset *d, const struct sides *s, const struct split_view *v,
                          remark_fn *say, void *arg) {
    bool varies = false;
    for (int k = 0; v->ask && k < template_pieces(v->ask); k++) varies |= template_column(v->ask, k) >= 0;
    if (v->ask && template_pieces(v->ask) && !varies) {
        const char *written = side_text(d, s->ask);
        bool name = rows_column(v->rows, written) >= 0;
        remark_count(say, arg, "data", 1, "data.%s names no {column}: every row asks the same%s%.100s%s",
                     s->ask, name ? " (for the column write \"{" : "", name ? written : "",
                     name ? "}\")" : "");
    }
    if (d->corpus) return; /* its training pairs are joined of others' columns */
    say_shared(v, v->answer, s->answer, s->ask, say, arg);
    if (!strcmp(s->ask, "sentence1")) say_shared(v, v->more, s->more, s->ask, say, arg);
}

/* ---- of the rows --------------------------------------------------------------------------------------- */

/* Open addressing; 0 is free (a hash of 0 counts as 1). */
struct seen {
    uint64_t *slot;
    size_t slots;
};

static struct seen seen_new(long most) {
    struct seen x = {.slots = 64};
    while (x.slots < 2 * (size_t)most) x.slots *= 2;
    x.slot = xcalloc(x.slots, sizeof *x.slot);
    return x;
}

/* Is it there? With `add` it is then. */
static bool seen_find(struct seen *x, uint64_t h, bool add) {
    h += !h;
    size_t k = (h ^ h >> 32) & (x->slots - 1);
    while (x->slot[k] && x->slot[k] != h) k = (k + 1) & (x->slots - 1);
    bool found = x->slot[k] == h;
    if (add) x->slot[k] = h;
    return found;
}

static uint64_t hash_text(uint64_t h, const struct strbuf *b) {
    for (size_t i = 0; i < b->len; i++) h = (h ^ (unsigned char)b->s[i]) * 1099511628211ULL;
    return (h ^ 0x100) * 1099511628211ULL; /* where a text ends is a part of it */
}

struct row_look {
    uint64_t hash; /* of all texts */
    bool same;     /* both sides have one text, and it is not empty */
};

/* False: the row cannot be read. `whole`: with its answer. */
static bool look_at_row(const struct split_view *v, long i, bool whole, struct strbuf b[3],
                        struct row_look *ret) {
    const struct template *t[] = {v->ask, whole ? v->answer : NULL, whole ? v->more : NULL};
    uint64_t h = 1469598103934665603ULL;
    for (int k = 0; k < 3; k++) {
        strbuf_reset(&b[k]);
        if (t[k] && template_render(t[k], i, &b[k], NULL)) return false;
        h = hash_text(h, &b[k]);
    }
    ret->hash = h ^ h >> 31;
    ret->same = t[1] && b[0].len && b[0].len == b[1].len && !memcmp(b[0].s, b[1].s, b[0].len);
    if (whole && rows_cell_bytes(v->rows) > (size_t)16 << 20) rows_drop_cells(v->rows);
    return true;
}

/* How many rows of `v` can be read, have one text on both sides, and are in `other`; with `add` each is then
 * there. */
struct row_counts {
    long rows, same, shared;
};

static struct row_counts count_rows(const struct split_view *v, struct seen *other, bool add, bool whole) {
    struct row_counts n = {0};
    struct strbuf b[3] = {{0}};
    struct row_look look;
    for (long i = 0; v->rows && v->ask && i < rows_count(v->rows); i++) {
        if (!look_at_row(v, i, whole, b, &look)) continue;
        n.rows++;
        n.same += look.same;
        n.shared += seen_find(other, look.hash, add);
    }
    for (int k = 0; k < 3; k++) strbuf_release(&b[k]);
    return n;
}

static void say_rows(const struct dataset *d, const struct sides *s, const struct split_view v[3],
                     remark_fn *say, void *arg) {
    static const char *const name[] = {"train", "eval", "test"};
    bool whole = !d->corpus; /* of a collection's queries only the questions can be compared */
    for (int a = 0; a < 3; a++) {
        if (!v[a].rows || !v[a].ask) continue;
        struct seen seen = seen_new(rows_count(v[a].rows));
        struct row_counts own = count_rows(&v[a], &seen, true, whole);
        if (strcmp(s->ask, "sentence1") || own.same == own.rows) /* equal sentences are a similarity's best */
            remark_count(say, arg, "data", own.same,
                         "%ld of %ld %s rows have one text as data.%s and data.%s", own.same, own.rows,
                         name[a], s->ask, s->answer);
        for (int c = a + 1; c < 3; c++) {
            if (!v[c].rows) continue;
            struct row_counts n = count_rows(&v[c], &seen, false, whole);
            remark_count(say, arg, "data", n.shared, "%ld of %ld %s %s are %s %s too", n.shared, n.rows,
                         name[c], whole ? "rows" : "queries", name[a], whole ? "rows" : "queries");
        }
        free(seen.slot);
    }
}

/* Judged and not there: as BEIR counts them. */
static void say_missing(const struct dataset *d, remark_fn *say, void *arg) {
    static const char *const does[] = {"nothing is learned of them", "they count as relevant and never found",
                                       "they count as relevant and never found"};
    static const char *const name[] = {"train", "eval", "test"};
    for (int s = 0; s < 3; s++)
        remark_count(say, arg, "data", d->relevance[s].missing,
                     "%ld relevant documents of data.qrels.%s are not in data.corpus: %s",
                     d->relevance[s].missing, name[s], does[s]);
}

void data_remarks(const struct dataset *d, bool rows, remark_fn *say, void *arg) {
    const struct rows *split[] = {d->train, d->eval, d->test};
    const struct sides *s = find_sides(d);
    struct split_view v[3] = {{0}};
    bool told = false;
    for (int i = 0; s && i < 3; i++) {
        if (!split[i]) continue;
        v[i] = view_split(d, s, split[i]);
        if (!told) say_templates(d, s, &v[i], say, arg);
        told = true;
    }
    say_missing(d, say, arg);
    if (s && rows) say_rows(d, s, v, say, arg);
    for (int i = 0; i < 3; i++) view_release(&v[i]);
}
