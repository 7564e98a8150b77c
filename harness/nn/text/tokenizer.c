/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer.c - the tokenizer object: added tokens, normalisation, encoding, decoding. See tokenizer.h.
 *
 * Encoding: repair UTF-8; find added tokens in the raw text; between them normalise (NFC or nothing), find
 * the added tokens that match normalised text, cut what is left into words (pretok.h) and merge each word
 * (bpe.h). Of added tokens that begin at the same place the longest wins. Limits: text below 2 GiB. A byte
 * whose token is missing from the vocabulary is dropped, as the reference does. With WordPiece the normaliser
 * and the words are BERT's (berttext.h). */
#include "harness/nn/text/tokenizer_impl.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "harness/nn/text/uniclass.h"

/* ---- added tokens -------------------------------------------------------------------------------------- */

static void trie_add(struct trie *tr, const char *text, size_t n, int added, bool special) {
    if (tr->n == 0) {
        GROW(tr->nodes, tr->n, tr->cap);
        tr->nodes[tr->n++] = (struct trie_node){-1, -1, -1, 0};
    }
    int at = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = (uint8_t)text[i];
        int child = tr->nodes[at].child;
        while (child >= 0 && tr->nodes[child].byte != byte) child = tr->nodes[child].sibling;
        if (child < 0) {
            GROW(tr->nodes, tr->n, tr->cap);
            child = tr->n++;
            tr->nodes[child] = (struct trie_node){-1, tr->nodes[at].child, -1, byte};
            tr->nodes[at].child = child;
        }
        at = child;
    }
    tr->first[(uint8_t)*text] = true;
    tr->nodes[at].added = added;
    *(special ? &tr->any_special : &tr->any_plain) = true;
}

/* The longest text of the tree at s: its index and length, or -1. */
static int trie_longest(const struct trie *tr, const char *s, size_t n, size_t *len) {
    int best = -1, at = 0;
    for (size_t i = 0; i < n; i++) {
        int child = tr->nodes[at].child;
        while (child >= 0 && tr->nodes[child].byte != (uint8_t)s[i]) child = tr->nodes[child].sibling;
        if (child < 0) break;
        at = child;
        if (tr->nodes[at].added >= 0) best = tr->nodes[at].added, *len = i + 1;
    }
    return best;
}

struct tokenizer *tokenizer_new(int n_tokens, int n_merges) {
    struct tokenizer *t = xcalloc(1, sizeof *t);
    t->bpe = bpe_new(n_tokens, n_merges);
    t->pretok = pretok_new();
    t->bos = t->eos = t->eos_added = -1;
    return t;
}

void tokenizer_free(struct tokenizer *t) {
    if (!t) return;
    wordpiece_free(t->wordpiece);
    bpe_free(t->bpe);
    pretok_free(t->pretok);
    for (int i = 0; i < t->n_added; i++) free(t->added[i].text);
    free(t->added);
    free(t->added_of);
    free(t->pair);
    free(t->raw.nodes);
    free(t->normal.nodes);
    strbuf_release(&t->repaired);
    strbuf_release(&t->composed);
    free(t);
}

void tokenizer_add_added(struct tokenizer *t, const struct added *a) {
    GROW(t->added, t->n_added, t->cap_added);
    t->added[t->n_added] = *a;
    char *text = xmalloc(a->n + 1); /* it may hold NULs */
    memcpy(text, a->text, a->n);
    text[a->n] = 0;
    t->added[t->n_added++].text = text;
}

void tokenizer_add_pair(struct tokenizer *t, int id, int type) {
    GROW(t->pair, t->n_pair, t->cap_pair);
    t->pair[t->n_pair++] = (struct tokenizer_piece){id, type};
}

static bool normalizes_text(const struct tokenizer *t) { return t->nfc || t->bert; }

static void normalize_text(const struct tokenizer *t, const char *s, size_t n, struct strbuf *out) {
    if (t->bert)
        berttext_normalize(&t->normal_bert, s, n, out);
    else
        uniclass_nfc(s, n, out);
}

int tokenizer_seal(struct tokenizer *t, bool ignore_merges) {
    int size = bpe_size(t->bpe);
    t->added_of = xmalloc((size_t)MAX_OF(size, 1) * sizeof *t->added_of);
    for (int i = 0; i < size; i++) t->added_of[i] = -1;
    for (int i = 0; i < t->n_added; i++) {
        const struct added *a = &t->added[i];
        t->added_of[a->id] = i;
        if (a->n == 0 || utf8_valid_prefix(a->text, a->n) != a->n) continue;
        if (a->normalized && normalizes_text(t)) {
            struct strbuf text = {0};
            normalize_text(t, a->text, a->n, &text);
            if (text.len) trie_add(&t->normal, text.s, text.len, i, a->special);
            strbuf_release(&text);
        } else {
            trie_add(a->normalized ? &t->normal : &t->raw, a->text, a->n, i, a->special);
        }
    }
    return bpe_finish(t->bpe, ignore_merges);
}

/* ---- encoding ------------------------------------------------------------------------------------------ */

struct encoding {
    struct tokenizer *t;
    bool special;
    int max; /* ids in `out` at which to end */
    struct token_ids *out;
};

static bool is_full(const struct encoding *enc) { return enc->out->n >= enc->max; }

typedef void segment_fn(struct encoding *enc, const char *text, size_t n);

/* The code point that ends at s + i (i > 0); *start is where it begins. */
static int32_t char_before(const char *s, size_t i, size_t *start) {
    size_t k = i - 1;
    int len;
    while (k > 0 && ((unsigned char)s[k] & 0xC0) == 0x80) k--;
    *start = k;
    return uniclass_next(s + k, i - k, &len);
}

static bool touches_word(const char *s, size_t n, size_t start, size_t stop) {
    size_t k;
    int len;
    return (start > 0 && uniclass_is_word(char_before(s, start, &k))) ||
           (stop < n && uniclass_is_word(uniclass_next(s + stop, n - stop, &len)));
}

static size_t strip_left(const char *s, size_t i, size_t floor) {
    for (size_t k; i > floor && uniclass_of(char_before(s, i, &k)) == UNI_SPACE;) i = k;
    return i;
}

static size_t strip_right(const char *s, size_t i, size_t n) {
    for (int len; i < n && uniclass_of(uniclass_next(s + i, n - i, &len)) == UNI_SPACE;) i += (size_t)len;
    return i;
}

/* Emit the added tokens of `tr` found in s, and hand what lies between them to `segment`. */
static void cut_added(struct encoding *enc, const struct trie *tr, const char *s, size_t n,
                      segment_fn *segment) {
    size_t done = 0, len = 0;
    bool look = tr->any_plain || (enc->special && tr->any_special);
    for (size_t i = 0; look && i < n && !is_full(enc);) {
        int k = tr->first[(uint8_t)s[i]] ? trie_longest(tr, s + i, n - i, &len) : -1;
        if (k < 0) {
            i++;
            continue;
        }
        const struct added *a = &enc->t->added[k];
        size_t start = i, stop = i + len;
        i = stop; /* the match is used up even where it does not count, as in the reference */
        if (a->special && !enc->special) continue;
        if (a->single_word && touches_word(s, n, start, stop)) continue;
        if (a->lstrip) start = strip_left(s, start, done);
        if (a->rstrip) stop = strip_right(s, stop, n);
        if (start > done) segment(enc, s + done, start - done);
        token_ids_add(enc->out, a->id);
        done = MAX_OF(done, stop);
    }
    if (done < n && !is_full(enc)) segment(enc, s + done, n - done);
}

static void encode_word(void *ctx, const char *word, size_t n) {
    struct encoding *enc = ctx;
    bpe_encode_word(enc->t->bpe, word, n, enc->out);
    if (is_full(enc)) pretok_stop(enc->t->pretok);
}

static void encode_piece(void *ctx, const char *word, size_t n) {
    struct encoding *enc = ctx;
    if (!is_full(enc)) wordpiece_encode_word(enc->t->wordpiece, word, n, enc->out);
}

static void encode_plain(struct encoding *enc, const char *s, size_t n) {
    if (enc->t->wordpiece)
        berttext_words(s, n, encode_piece, enc);
    else
        pretok_run(enc->t->pretok, s, n, encode_word, enc);
}

static void encode_segment(struct encoding *enc, const char *s, size_t n) {
    struct tokenizer *t = enc->t;
    if (normalizes_text(t)) {
        strbuf_reset(&t->composed);
        normalize_text(t, s, n, &t->composed);
        s = t->composed.s, n = t->composed.len;
    }
    cut_added(enc, &t->normal, s, n, encode_plain);
}

void tokenizer_encode(struct tokenizer *t, const char *text, size_t n, bool special, struct token_ids *out) {
    tokenizer_encode_upto(t, text, n, special, INT_MAX, out);
}

void tokenizer_encode_upto(struct tokenizer *t, const char *text, size_t n, bool special, int max,
                           struct token_ids *out) {
    struct encoding enc = {t, special, max, out};
    if (is_full(&enc)) return;
    BUG_ON(n > INT32_MAX / 4, "n=%zu: a text for the tokenizer must be below 512 MiB", n);
    if (utf8_valid_prefix(text, n) != n) {
        strbuf_reset(&t->repaired);
        uniclass_repair(text, n, &t->repaired);
        text = t->repaired.s, n = t->repaired.len;
    }
    cut_added(&enc, &t->raw, text, n, encode_segment);
}

bool tokenizer_encode_whole(struct tokenizer *t, const char *text, size_t n, bool special,
                            struct token_ids *out) {
    if (t->bos >= 0) token_ids_add(out, t->bos);
    int first = out->n;
    tokenizer_encode(t, text, n, special, out);
    bool twice = t->bos >= 0 && out->n > first && out->v[first] == t->bos;
    if (t->eos_added >= 0) token_ids_add(out, t->eos_added);
    return twice;
}

/* ---- decoding and questions ---------------------------------------------------------------------------- */

/* The text of an id: of an added token, or of the model's own. */
static const char *text_of(const struct tokenizer *t, int id, size_t *n) {
    int k = t->added_of[id];
    if (k < 0) return bpe_text(t->bpe, id, n);
    *n = t->added[k].n;
    return t->added[k].text;
}

static void decode_wordpiece(const struct tokenizer *t, const int32_t *ids, int n, bool skip_special,
                             struct strbuf *out) {
    bool is_first = true;
    for (int i = 0; i < n; i++) {
        size_t len;
        if (ids[i] < 0 || ids[i] >= bpe_size(t->bpe)) continue;
        int k = t->added_of[ids[i]];
        const char *text = text_of(t, ids[i], &len);
        if (!text || (skip_special && k >= 0 && t->added[k].special)) continue;
        wordpiece_decode(t->wordpiece, text, len, is_first, out);
        is_first = false;
    }
}

char *tokenizer_decode(struct tokenizer *t, const int32_t *ids, int n, bool skip_special, size_t *len) {
    struct strbuf out = {0};
    if (t->wordpiece) decode_wordpiece(t, ids, n, skip_special, &out);
    for (int i = 0; !t->wordpiece && i < n; i++) {
        if (ids[i] < 0 || ids[i] >= bpe_size(t->bpe)) continue;
        int k = t->added_of[ids[i]];
        if (k < 0) {
            bpe_decode(t->bpe, ids[i], &out);
        } else if (!(skip_special && t->added[k].special)) {
            strbuf_add(&out, t->added[k].text, t->added[k].n);
        }
    }
    *len = out.len;
    return strbuf_detach(&out);
}

int tokenizer_vocab_size(const struct tokenizer *t) { return bpe_size(t->bpe); }
int tokenizer_id(const struct tokenizer *t, const char *token) {
    return bpe_id(t->bpe, token, strlen(token));
}
int tokenizer_bos_to_add(const struct tokenizer *t) { return t->bos; }
int tokenizer_eos_to_add(const struct tokenizer *t) { return t->eos_added; }

const struct tokenizer_piece *tokenizer_pair(const struct tokenizer *t, int *n) {
    static const struct tokenizer_piece plain[] = {{TOKENIZER_FIRST, 0}, {TOKENIZER_SECOND, 1}};
    *n = t->n_pair ? t->n_pair : (int)ARRAY_LEN(plain);
    return t->n_pair ? t->pair : plain;
}
int tokenizer_eos(const struct tokenizer *t) { return t->eos; }

int tokenizer_find_special(const struct tokenizer *t, const char *text, size_t n, size_t *at, size_t *len) {
    for (size_t i = 0; t->raw.any_special && i < n; i++) {
        int k = trie_longest(&t->raw, text + i, n - i, len);
        if (k < 0 || !t->added[k].special) continue;
        *at = i;
        return t->added[k].id;
    }
    return -1;
}
