/* SPDX-License-Identifier: Apache-2.0 */
/* wordpiece.c - see wordpiece.h. */
#include "harness/nn/text/wordpiece.h"

#include <stdlib.h>
#include <string.h>

struct wordpiece {
    const struct bpe *vocab;
    char *prefix;
    size_t n_prefix, longest; /* longest: bytes of the longest token */
    int max_chars, unknown;
    struct strbuf piece; /* scratch: the prefix and a part of the word */
};

struct wordpiece *wordpiece_new(const struct bpe *vocab, const char *prefix, int max_chars, int unknown) {
    struct wordpiece *w = xcalloc(1, sizeof *w);
    *w = (struct wordpiece){.vocab = vocab,
                            .prefix = xstrdup(prefix),
                            .n_prefix = strlen(prefix),
                            .max_chars = max_chars,
                            .unknown = unknown};
    for (int i = 0; i < bpe_size(vocab); i++) {
        size_t n;
        if (bpe_text(vocab, i, &n)) w->longest = MAX_OF(w->longest, n);
    }
    return w;
}

void wordpiece_free(struct wordpiece *w) {
    if (!w) return;
    strbuf_release(&w->piece);
    free(w->prefix);
    free(w);
}

static bool is_inside(char c) { return ((unsigned char)c & 0xC0) == 0x80; }

static int count_chars(const char *s, size_t n) {
    int chars = 0;
    for (size_t i = 0; i < n; i++) chars += !is_inside(s[i]);
    return chars;
}

/* The longest piece that word[at..n) begins with: its id, or -1; *end: where it ends. */
static int longest_piece(struct wordpiece *w, const char *word, size_t at, size_t n, size_t *end) {
    strbuf_reset(&w->piece);
    if (at) strbuf_add(&w->piece, w->prefix, w->n_prefix);
    size_t head = w->piece.len;
    size_t stop = MIN_OF(n, at + w->longest);
    while (stop < n && stop > at && is_inside(word[stop])) stop--;
    strbuf_add(&w->piece, word + at, stop - at);
    while (stop > at) {
        int id = bpe_model_id(w->vocab, w->piece.s, head + stop - at);
        *end = stop;
        if (id >= 0) return id;
        while (is_inside(word[--stop])) continue;
    }
    return -1;
}

void wordpiece_encode_word(struct wordpiece *w, const char *word, size_t n, struct token_ids *out) {
    int before = out->n;
    bool known = count_chars(word, n) <= w->max_chars;
    for (size_t at = 0, end = 0; known && at < n; at = end) {
        int id = longest_piece(w, word, at, n, &end);
        known = id >= 0;
        if (known) token_ids_add(out, id);
    }
    if (known) return;
    out->n = before;
    token_ids_add(out, w->unknown);
}

void wordpiece_decode(const struct wordpiece *w, const char *text, size_t n, bool is_first,
                      struct strbuf *out) {
    bool goes_on = n >= w->n_prefix && !memcmp(text, w->prefix, w->n_prefix);
    bool closes = n == 1 && strchr(".?!,", *text);
    if (!is_first && goes_on) text += w->n_prefix, n -= w->n_prefix;
    if (!is_first && !goes_on && !closes) strbuf_addc(out, ' ');
    strbuf_add(out, text, n);
}
