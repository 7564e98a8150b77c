/* SPDX-License-Identifier: Apache-2.0 */
/* glosses.c - the built-in data set `glosses`: word and part of speech -> definition, from WordNet 3.0 as
 * Debian packs it (wordnet-base).
 *
 * One row per synset of data.noun, data.verb, data.adj, data.adv (format: man 5 wndb), 117,659 in all.
 * Columns: word        its first word, underscores as spaces, without adjective markers such as (p) pos noun,
 * verb, adjective, adverb definition  the gloss up to its first example synset      "00001740-n": the offset
 * that WordNet prints, and n, v, a or r words       all its words, joined by "; " lexname     the
 * lexicographer file: noun.animal, verb.motion, ...
 *
 * The split is by synset and fixed for ever: h = mix_bits(kind << 32 | offset), with kind 0 noun, 1 verb, 2
 * adjective, 3 adverb and mix64 the finaliser of SplitMix64 (a bijection, so no two rows tie); h % 40 == 0 is
 * eval, 1 is test, the rest is train. Within a split rows are in order of h, so that the first 200 are a fair
 * sample. A change here changes every recorded number: do not.
 *
 * The folder is /usr/share/wordnet, or $BENCH_WORDNET. The files are mapped, one pass finds the lines, and a
 * radix sort orders them; a synset is parsed when it is read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/data/rows.h"
#include "experiments/data/source.h"

enum { KINDS = 4, SPLITS = 3, COLUMNS = 6 };
static const char *const file_name[KINDS] = {"data.noun", "data.verb", "data.adj", "data.adv"};
static const char *const pos_name[KINDS] = {"noun", "verb", "adjective", "adverb"};
static const char pos_letter[KINDS + 1] = "nvar";
static const char *const column_name[COLUMNS] = {"word", "pos", "definition", "synset", "words", "lexname"};

/* man 5 lexnames */
static const char *const lexname[] = {"adj.all",          "adj.pert",           "adv.all",
                                      "noun.Tops",        "noun.act",           "noun.animal",
                                      "noun.artifact",    "noun.attribute",     "noun.body",
                                      "noun.cognition",   "noun.communication", "noun.event",
                                      "noun.feeling",     "noun.food",          "noun.group",
                                      "noun.location",    "noun.motive",        "noun.object",
                                      "noun.person",      "noun.phenomenon",    "noun.plant",
                                      "noun.possession",  "noun.process",       "noun.quantity",
                                      "noun.relation",    "noun.shape",         "noun.state",
                                      "noun.substance",   "noun.time",          "verb.body",
                                      "verb.change",      "verb.cognition",     "verb.communication",
                                      "verb.competition", "verb.consumption",   "verb.contact",
                                      "verb.creation",    "verb.emotion",       "verb.motion",
                                      "verb.perception",  "verb.possession",    "verb.social",
                                      "verb.stative",     "verb.weather",       "adj.ppl"};

/* The four mapped files, shared by the three splits. */
struct wordnet {
    struct map map[KINDS];
    char *path[KINDS];
    int users;
};

static void wordnet_drop(struct wordnet *w) {
    if (--w->users > 0) return;
    for (int k = 0; k < KINDS; k++) {
        map_close(&w->map[k]);
        free(w->path[k]);
    }
    free(w);
}

/* ---- one synset ---------------------------------------------------------------------------------------- */

/* A place: the file in the top two bits, the line's byte offset below. */
static int place_kind(uint64_t at) { return (int)(at >> 62); }
static size_t place_byte(uint64_t at) { return (size_t)(at & ~(3ULL << 62)); }

struct line {
    const char *p, *end;
};

/* The next word (up to a space) of the line; false at its end. */
static bool next_word(struct line *l, const char **s, size_t *n) {
    while (l->p < l->end && *l->p == ' ') l->p++;
    *s = l->p;
    while (l->p < l->end && *l->p != ' ') l->p++;
    *n = (size_t)(l->p - *s);
    return *n > 0;
}

/* Append a word as people write it. Adjectives may end in a marker of where they stand: (p), (a), (ip). */
static void add_word(struct strbuf *b, const char *s, size_t n) {
    const char *marker = memchr(s, '(', n);
    if (marker && marker > s && s[n - 1] == ')' && marker + 4 >= s + n) n = (size_t)(marker - s);
    for (size_t k = 0; k < n; k++) strbuf_addc(b, s[k] == '_' ? ' ' : s[k]);
}

static bool ends_with(const char *s, const char *end, const char *tail) {
    size_t n = strlen(tail);
    return (size_t)(end - s) >= n && !memcmp(end - n, tail, n);
}

static const char *trim_end(const char *s, const char *end) {
    for (;;) {
        if (end > s && strchr(" ;:,\t\r", end[-1]))
            end--;
        else if (ends_with(s, end, " e.g."))
            end -= 5;
        else if (ends_with(s, end, " as in"))
            end -= 6;
        else
            return end;
    }
}

/* Where the first example begins: a quotation behind ';' ':' ',' ')' or "e.g." that is not inside
 * parentheses. Quotations within a definition ('in the phrase "make strides"') are stepped over. */
static const char *example_start(const char *s, const char *end) {
    int depth = 0;
    for (const char *p = s; p < end; p++) {
        depth += (*p == '(') - (*p == ')' && depth > 0);
        if (*p != '"') continue;
        const char *q = p;
        while (q > s && q[-1] == ' ') q--;
        if (depth == 0 && (q == s || strchr(";:,)", q[-1]) || ends_with(s, q, " e.g."))) return p;
        const char *close = memchr(p + 1, '"', (size_t)(end - p - 1));
        if (!close) return end;
        p = close;
    }
    return end;
}

static struct cell slice_cell(const char *s, const char *end) {
    return (struct cell){s, (uint32_t)(end - s), CELL_TEXT};
}

static struct cell definition_cell(struct line gloss) {
    while (gloss.p < gloss.end && *gloss.p == ' ') gloss.p++;
    const char *end = trim_end(gloss.p, example_start(gloss.p, gloss.end));
    if (end == gloss.p) end = trim_end(gloss.p, gloss.end); /* nothing but an example */
    return slice_cell(gloss.p, end);
}

static struct cell keep_cell(struct rows *r, const char *s, size_t n) {
    s = pool_keep(&r->pool, s, n);
    return slice_cell(s, s + n);
}

/* "offset lex_filenum ss_type w_cnt word lex_id [word lex_id...] p_cnt ... | gloss" -> NULL, or what is
 * wrong. */
static const char *parse_synset(struct rows *r, int kind, struct line l, struct cell cell[COLUMNS]) {
    const char *s, *bar = memchr(l.p, '|', (size_t)(l.end - l.p));
    size_t n;
    if (!bar) return "no gloss";
    cell[2] = definition_cell((struct line){bar + 1, l.end});
    l.end = bar;
    if (!next_word(&l, &s, &n) || n != 8) return "no offset";
    char id[16];
    snprintf(id, sizeof id, "%.8s-%c", s, pos_letter[kind]);
    cell[3] = keep_cell(r, id, 10);
    if (!next_word(&l, &s, &n) || n != 2) return "no lexicographer file";
    size_t lex = (size_t)strtoul(s, NULL, 10);
    if (lex >= ARRAY_LEN(lexname)) return "unknown lexicographer file";
    if (!next_word(&l, &s, &n) || n != 1) return "no synset type";
    if (!next_word(&l, &s, &n) || n != 2) return "no word count";
    unsigned long count = strtoul(s, NULL, 16);
    struct strbuf word = {0}, words = {0};
    unsigned long k = 0;
    for (; k < count && next_word(&l, &s, &n); k++) {
        if (k == 0) add_word(&word, s, n);
        if (k > 0) strbuf_adds(&words, "; ");
        add_word(&words, s, n);
        next_word(&l, &s, &n); /* lex_id */
    }
    cell[0] = keep_cell(r, word.s ? word.s : "", word.len);
    cell[1] = slice_cell(pos_name[kind], pos_name[kind] + strlen(pos_name[kind]));
    cell[4] = keep_cell(r, words.s ? words.s : "", words.len);
    cell[5] = slice_cell(lexname[lex], lexname[lex] + strlen(lexname[lex]));
    strbuf_release(&word);
    strbuf_release(&words);
    return count && k == count ? NULL : "fewer words than it says";
}

static int synset_parse(struct rows *r, long i, struct row **ret, struct err *e) {
    const struct wordnet *w = r->impl;
    int kind = place_kind(r->at[i]);
    const struct map *m = &w->map[kind];
    const char *p = (const char *)m->data + place_byte(r->at[i]), *end = (const char *)m->data + m->size;
    const char *nl = memchr(p, '\n', (size_t)(end - p));
    if (nl) end = nl;
    struct row *row = pool_alloc(&r->pool, sizeof *row + COLUMNS * sizeof row->cell[0]);
    row->n = COLUMNS;
    size_t n = (size_t)(end - p);
    const char *why = utf8_valid_prefix(p, n) != n || memchr(p, 0, n)
                          ? "invalid UTF-8 or a NUL byte"
                          : parse_synset(r, kind, (struct line){p, end}, row->cell);
    if (why)
        return rows_error(
            r, i, e, "not a line of WordNet's format: %s (apt-get install --reinstall wordnet-base)", why);
    *ret = row;
    return 0;
}

static const char *synset_source(const struct rows *r, long i) {
    const struct wordnet *w = r->impl;
    return i < 0 ? "glosses" : w->path[place_kind(r->at[i])];
}

static long synset_line(const struct rows *r, long i) {
    const struct wordnet *w = r->impl;
    const uint8_t *data = w->map[place_kind(r->at[i])].data;
    size_t n = place_byte(r->at[i]);
    long line = 1;
    for (size_t k = 0; k < n; k++) line += data[k] == '\n';
    return line;
}

static void synset_release(struct rows *r) { wordnet_drop(r->impl); }

static const struct rows_ops synset_ops = {synset_parse, synset_source, synset_line, synset_release};

/* ---- the index ----------------------------------------------------------------------------------------- */

struct entry {
    uint64_t hash, at;
};

struct entries {
    struct entry *v;
    size_t n, cap;
};

static uint64_t mix_bits(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/* The eight digits that open a synset's line; -1: another line (the licence). */
static long synset_offset(const char *p, const char *end) {
    if (end - p < 9 || p[8] != ' ') return -1;
    long v = 0;
    for (int k = 0; k < 8; k++) {
        if (p[k] < '0' || p[k] > '9') return -1;
        v = 10 * v + (p[k] - '0');
    }
    return v;
}

static int index_file(const struct wordnet *w, int kind, struct entries *x, struct err *e) {
    const char *data = (const char *)w->map[kind].data, *end = data + w->map[kind].size;
    size_t before = x->n;
    for (const char *p = data; p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;
        long offset = synset_offset(p, stop);
        if (offset >= 0) {
            GROW(x->v, x->n, x->cap);
            x->v[x->n++] = (struct entry){mix_bits((uint64_t)kind << 32 | (uint64_t)offset),
                                          (uint64_t)kind << 62 | (uint64_t)(p - data)};
        }
        p = stop + 1;
    }
    if (x->n > before) return 0;
    return err_set(
        e, ERR_USER,
        "%s: no synsets: not a file of WordNet's database (apt-get install --reinstall wordnet-base)",
        w->path[kind]);
}

static int by_hash(const void *a, const void *b) {
    uint64_t x = ((const struct entry *)a)->hash, y = ((const struct entry *)b)->hash;
    return (x > y) - (x < y);
}

/* Order by hash: buckets by its top bits, about one entry each, then a short sort inside. */
static void sort_entries(struct entries *x) {
    int bits = 1;
    while (bits < 24 && ((size_t)1 << bits) < x->n) bits++;
    size_t buckets = (size_t)1 << bits;
    uint32_t *from = xcalloc(buckets + 1, sizeof *from);
    struct entry *sorted = xmalloc(x->n * sizeof *sorted);
    for (size_t i = 0; i < x->n; i++) from[(x->v[i].hash >> (64 - bits)) + 1]++;
    for (size_t b = 0; b < buckets; b++) from[b + 1] += from[b];
    for (size_t i = 0; i < x->n; i++) sorted[from[x->v[i].hash >> (64 - bits)]++] = x->v[i];
    /* from[b] is now where bucket b ends */
    for (size_t b = 0, start = 0; b < buckets; start = from[b++])
        if (from[b] - start > 1) qsort(sorted + start, from[b] - start, sizeof *sorted, by_hash);
    free(from);
    free(x->v);
    x->v = sorted;
}

static int split_of(uint64_t hash) {
    uint64_t s = hash % 40;
    return s == 0 ? 1 : s == 1 ? 2 : 0;
}

/* NULL when nothing of it is in this split (only in tiny folders). */
static struct rows *split_rows(struct wordnet *w, const struct entries *x, int split) {
    uint64_t *at = xmalloc((x->n + 1) * sizeof *at);
    long n = 0;
    for (size_t i = 0; i < x->n; i++)
        if (split_of(x->v[i].hash) == split) at[n++] = x->v[i].at;
    if (n == 0) {
        free(at);
        return NULL;
    }
    struct rows *r = rows_new(&synset_ops, w, at, n);
    w->users++;
    for (int c = 0; c < COLUMNS; c++) rows_add_column(r, column_name[c], strlen(column_name[c]));
    return r;
}

/* ---- the data set -------------------------------------------------------------------------------------- */

static int glosses_files(char *path[DATA_MAX_FILES], struct err *e) {
    const char *set = getenv("BENCH_WORDNET"), *dir = set && *set ? set : "/usr/share/wordnet";
    for (int k = 0; k < KINDS; k++) {
        path[k] = path_join(dir, file_name[k]);
        if (file_exists(path[k])) continue;
        int code = err_set(
            e, ERR_RESOURCE,
            "%s: the data set 'glosses' needs WordNet's database: apt-get install wordnet-base", path[k]);
        while (k >= 0) free(path[k--]);
        return code;
    }
    return KINDS;
}

static int glosses_open(struct dataset *d, struct err *e) {
    struct wordnet *w = xcalloc(1, sizeof *w);
    w->users = 1;
    char *path[DATA_MAX_FILES];
    int n = glosses_files(path, e), code = n < 0 ? n : 0;
    struct entries x = {0};
    for (int k = 0; k < n; k++) w->path[k] = path[k];
    for (int k = 0; k < KINDS && !code; k++) {
        code = map_open(&w->map[k], w->path[k], e);
        if (!code) code = index_file(w, k, &x, e);
    }
    if (!code) {
        sort_entries(&x);
        d->train = split_rows(w, &x, 0);
        d->eval = split_rows(w, &x, 1);
        d->test = split_rows(w, &x, 2);
    }
    free(x.v);
    wordnet_drop(w);
    return code;
}

/* A reverse dictionary of nouns; and the field of a definition. */
static const struct data_default glosses_templates[] = {
    {"anchor", "{definition}", "pos=noun"},
    {"positive", "{words}", NULL},
    {"text", "{definition}", NULL},
    {"label", "{lexname}", NULL},
    {NULL, NULL, NULL},
};

const struct data_source data_glosses = {
    .name = "glosses",
    .summary = "dictionary entries: word and part of speech -> definition (WordNet 3.0, Debian package "
               "wordnet-base)",
    .prompt = "{word} ({pos}): ",
    .completion = "{definition}",
    .templates = glosses_templates,
    .open = glosses_open,
    .files = glosses_files,
};
