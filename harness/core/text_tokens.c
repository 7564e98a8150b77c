/* SPDX-License-Identifier: Apache-2.0 */
/* text_tokens.c - see text_tokens.h.
 *
 * mteval-v13a is a cascade of replacements over the whole line; each is one pass here. What they look at is
 * ASCII, and a byte of a longer character is neither digit nor punctuation, so that working on bytes gives
 * what working on characters gives. */
#include "harness/core/text_tokens.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "harness/base/util.h"

/* ---- words --------------------------------------------------------------------------------------------- */

static uint64_t hash_bytes(const char *s, size_t n) {
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 1099511628211u;
    return h;
}

static int32_t *find_slot(struct text_words *w, const char *s, size_t n) {
    uint64_t at = hash_bytes(s, n);
    for (;; at++) {
        int32_t *slot = &w->slot[at & (uint64_t)(w->nslots - 1)];
        if (!*slot || (!strncmp(w->word[*slot - 1], s, n) && !w->word[*slot - 1][n])) return slot;
    }
}

static void grow_slots(struct text_words *w) {
    w->nslots = w->nslots ? 2 * w->nslots : 256;
    free(w->slot);
    w->slot = xcalloc((size_t)w->nslots, sizeof *w->slot);
    for (int i = 0; i < w->n; i++) *find_slot(w, w->word[i], strlen(w->word[i])) = i + 1;
}

static int32_t word_id(struct text_words *w, const char *s, size_t n) {
    if (2 * w->n >= w->nslots) grow_slots(w);
    int32_t *slot = find_slot(w, s, n);
    if (!*slot) {
        GROW(w->word, w->n, w->cap);
        w->word[w->n++] = xstrndup(s, n);
        *slot = w->n;
    }
    return *slot - 1;
}

void text_words_release(struct text_words *w) {
    for (int i = 0; i < w->n; i++) free(w->word[i]);
    free(w->word);
    free(w->slot);
    memset(w, 0, sizeof *w);
}

/* ---- characters ---------------------------------------------------------------------------------------- */

/* The character at s and its bytes; an invalid byte stands for itself. */
static int next_character(const char *s, int32_t *c) {
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s, -1, c);
    if (n > 0) return (int)n;
    *c = (unsigned char)*s;
    return 1;
}

/* White space as Python's str.split() knows it. */
static bool is_space(int32_t c) {
    return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
           c == 0x3000;
}

static char *lower_case(const char *s) {
    struct strbuf b = {0};
    for (int n; *s; s += n) {
        int32_t c;
        utf8proc_uint8_t out[4];
        n = next_character(s, &c);
        if (n == 1 && (unsigned char)*s >= 0x80) {
            strbuf_addc(&b, *s);
        } else if (c == 0x130) { /* the one letter whose lower case is two characters */
            strbuf_adds(&b, "i\xcc\x87");
        } else {
            strbuf_add(&b, out, (size_t)utf8proc_encode_char(utf8proc_tolower(c), out));
        }
    }
    return strbuf_detach(&b);
}

/* ---- mteval-v13a --------------------------------------------------------------------------------------- */

static char *replace_all(char *s, const char *what, const char *by) {
    struct strbuf b = {0};
    size_t n = strlen(what);
    for (const char *at = s; *at;) {
        if (!strncmp(at, what, n)) {
            strbuf_adds(&b, by);
            at += n;
        } else {
            strbuf_addc(&b, *at++);
        }
    }
    free(s);
    return strbuf_detach(&b);
}

/* Those that always stand alone: ASCII but letters, digits, ' , - . and controls. */
static bool stands_alone(char c) {
    return c >= ' ' && c <= '~' && !isalnum((unsigned char)c) && !strchr("',-.", c);
}

static char *split_punctuation(char *s) {
    struct strbuf b = {0};
    for (const char *at = s; *at; at++)
        if (stands_alone(*at))
            strbuf_addf(&b, " %c ", *at);
        else
            strbuf_addc(&b, *at);
    free(s);
    return strbuf_detach(&b);
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_point(char c) { return c == '.' || c == ','; }
static bool point_after_other(const char *s) { return !is_digit(s[0]) && is_point(s[1]); }
static bool point_before_other(const char *s) { return is_point(s[0]) && s[1] && !is_digit(s[1]); }
static bool dash_after_digit(const char *s) { return is_digit(s[0]) && s[1] == '-'; }

/* Two characters that match become "a b " or " a b", from left to right, without overlap. */
static char *split_pairs(char *s, bool (*match)(const char *), const char *form) {
    struct strbuf b = {0};
    for (const char *at = s; *at;)
        if (match(at)) {
            strbuf_addf(&b, form, at[0], at[1]);
            at += 2;
        } else {
            strbuf_addc(&b, *at++);
        }
    free(s);
    return strbuf_detach(&b);
}

/* The white space at the end is off, as sacreBLEU takes it off before anything else. */
static char *without_tail(const char *text) {
    size_t end = 0;
    int32_t c;
    for (size_t i = 0, n; text[i]; i += n) {
        n = (size_t)next_character(text + i, &c);
        if (!is_space(c)) end = i + n;
    }
    return xstrndup(text, end);
}

static char *cut_13a(const char *text) {
    char *s = replace_all(without_tail(text), "<skipped>", "");
    s = replace_all(s, "-\n", "");
    s = replace_all(s, "\n", " ");
    s = replace_all(s, "&quot;", "\"");
    s = replace_all(s, "&amp;", "&");
    s = replace_all(s, "&lt;", "<");
    s = replace_all(s, "&gt;", ">");
    char *line = xasprintf(" %s ", s);
    free(s);
    s = split_punctuation(line);
    s = split_pairs(s, point_after_other, "%c %c ");
    s = split_pairs(s, point_before_other, " %c %c");
    return split_pairs(s, dash_after_digit, "%c %c ");
}

/* ---- ROUGE, captions ----------------------------------------------------------------------------------- */

static char *cut_rouge(const char *lower) {
    char *s = xstrdup(lower);
    for (char *p = s; *p; p++)
        if (!is_digit(*p) && !(*p >= 'a' && *p <= 'z')) *p = ' ';
    return s;
}

/* "n't", "'s", "'re": where a word that ends so is cut; n: nowhere. */
static size_t split_contraction(const char *s, size_t n) {
    static const char *const ends[] = {"n't", "'s", "'re", "'ve", "'ll", "'d", "'m"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        size_t k = strlen(ends[i]);
        if (n >= k && !strncmp(s + n - k, ends[i], k)) return n - k;
    }
    return n;
}

static bool in_word(const char *s, const char *start) {
    if (isalnum((unsigned char)*s) || (unsigned char)*s >= 0x80 || *s == '\'') return true;
    if (s == start || !isalnum((unsigned char)s[-1]) || !isalnum((unsigned char)s[1])) return false;
    return *s == '-' || *s == '/' || (is_point(*s) && is_digit(s[-1]) && is_digit(s[1]));
}

/* Hyphens, slashes, and points between digits stay within a word; signs that mean something ($ %) are words.
 */
static char *cut_caption(const char *lower) {
    struct strbuf b = {0};
    for (const char *at = lower; *at;) {
        size_t n = 0;
        while (at[n] && in_word(at + n, lower)) n++;
        while (n && at[n - 1] == '\'') n--; /* a closing quote */
        size_t cut = split_contraction(at, n);
        if (n && *at == '\'' && cut > 0) n = 0; /* an opening one */
        if (n && cut > 0 && cut < n) strbuf_addf(&b, "%.*s ", (int)cut, at);
        if (n) strbuf_addf(&b, "%.*s ", (int)(n - cut % n), at + cut % n);
        if (!n && strchr("$%&+=#@", *at)) strbuf_addf(&b, "%c ", *at);
        at += n ? n : 1;
    }
    return strbuf_detach(&b);
}

/* ---- one text ------------------------------------------------------------------------------------------ */

static char *cut_words(const char *text, enum text_rule rule, bool lower) {
    char *s = lower || rule == TEXT_ROUGE || rule == TEXT_CAPTION ? lower_case(text) : xstrdup(text), *out;
    if (rule == TEXT_SPACES) return s;
    out = rule == TEXT_13A ? cut_13a(s) : rule == TEXT_ROUGE ? cut_rouge(s) : cut_caption(s);
    free(s);
    return out;
}

/* The next word of *at, or false. */
static bool next_word(const char **at, const char **word, size_t *n) {
    int32_t c;
    int k;
    const char *s = *at;
    while (*s && (k = next_character(s, &c), is_space(c))) s += k;
    *word = s;
    while (*s && (k = next_character(s, &c), !is_space(c))) s += k;
    *n = (size_t)(s - *word);
    *at = s;
    return *n > 0;
}

struct text_tokens text_tokenize(struct text_words *w, const char *text, enum text_rule rule, bool lower) {
    struct text_tokens t = {0};
    char *s = cut_words(text, rule, lower);
    const char *at = s, *word;
    for (size_t n; next_word(&at, &word, &n);) {
        GROW(t.id, t.n, t.cap);
        t.id[t.n++] = word_id(w, word, n);
    }
    free(s);
    return t;
}

void text_tokens_release(struct text_tokens *t) {
    free(t->id);
    memset(t, 0, sizeof *t);
}

char *text_tokenized(const char *text, enum text_rule rule, bool lower) {
    struct strbuf b = {0};
    char *s = cut_words(text, rule, lower);
    const char *at = s, *word;
    for (size_t n; next_word(&at, &word, &n);) {
        if (b.len) strbuf_addc(&b, ' ');
        strbuf_add(&b, word, n);
    }
    free(s);
    return strbuf_detach(&b);
}
