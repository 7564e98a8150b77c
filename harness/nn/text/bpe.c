/* SPDX-License-Identifier: Apache-2.0 */
/* bpe.c - vocabulary, merges and the merging of one word. See bpe.h.
 *
 * Tables are open-addressing hash tables with linear probing at most half full. The tables of tokens and of
 * cached words keep the hash beside the index, so that a probe rarely touches the text itself. Short words
 * (most of them) find the next merge by scanning; long ones keep a heap of (rank, position), whose entries
 * are checked against the pair's current rank when they come up: a stale entry can never match, because a
 * symbol only grows. Both orders are the same. */
#include "harness/nn/text/bpe.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
    SCAN_MAX = 24,       /* longer words use the heap */
    CACHE_WORD_MAX = 64, /* bytes; longer words are rare and not cached */
    CACHE_WORDS_MAX = 1 << 16,
    SCRATCH_KEEP = 1 << 20, /* bytes of scratch memory kept between words */
    NO_RANK = INT_MAX,
};

struct token {
    uint32_t off, len; /* in texts; off == UINT32_MAX: no such id */
};

struct slot {
    uint32_t hash;
    int32_t index; /* -1: free */
};

struct merge {
    uint64_t pair; /* left << 32 | right; UINT64_MAX: free */
    int32_t rank, id;
};

struct word {
    uint32_t off, ids; /* in cache_text, cache_ids */
    uint16_t len, n_ids;
};

/* One symbol of the word being merged, and the merge of the pair (this, next). */
struct symbol {
    int32_t id, prev,
        next; /* prev, next: positions, -1 at the ends; id -1 once merged into its left neighbour */
    int32_t rank, merged; /* NO_RANK where the pair has no merge */
};

struct bpe {
    struct strbuf texts;
    struct token *tokens;
    int size, cap;
    int n_tokens;
    uint8_t *outside; /* per id: 1 where the token is not the model's own */
    struct slot *slots;
    uint32_t n_slots; /* power of two */
    struct merge *merges;
    uint32_t n_merge_slots;
    int n_merges, n_ranks;
    int32_t byte_id[256];
    bool ignore_merges;

    struct slot *cache;
    uint32_t n_cache;
    struct word *words;
    int n_words, cap_words;
    struct strbuf cache_text;
    struct token_ids cache_ids;

    struct strbuf key; /* scratch: a merge's result, a word in the byte alphabet */
    struct symbol *symbols;
    size_t cap_symbols;
    uint64_t *heap; /* rank << 32 | position */
    size_t n_heap, cap_heap;
};

void token_ids_add(struct token_ids *ids, int id) {
    if (ids->n == ids->cap) {
        BUG_ON(ids->cap > INT_MAX / 2, "n=%d: too many ids", ids->n);
        ids->cap = ids->cap ? 2 * ids->cap : 64;
        ids->v = xrealloc(ids->v, (size_t)ids->cap * sizeof *ids->v);
    }
    ids->v[ids->n++] = id;
}

/* ---- hashing ------------------------------------------------------------------------------------------- */

static uint32_t hash_bytes(const void *bytes, size_t n) {
    const uint8_t *p = bytes;
    const uint64_t k = 0x9E3779B97F4A7C15u;
    uint64_t h = (n + 1) * k;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t x;
        memcpy(&x, p, 8);
        h = (h ^ x) * k;
        h ^= h >> 32;
    }
    uint64_t x = 0;
    memcpy(&x, p, n);
    h = (h ^ x) * k;
    h ^= h >> 29;
    h *= k;
    return (uint32_t)(h >> 32);
}

static uint32_t hash_pair(uint64_t pair) {
    pair *= 0x9E3779B97F4A7C15u;
    pair ^= pair >> 32;
    return (uint32_t)((pair * 0xD6E8FEB86659FD93u) >> 32);
}

static uint32_t power_above(uint64_t n) {
    uint64_t p = 256;
    while (p < n) p *= 2;
    BUG_ON(p > UINT32_MAX / 2, "n=%llu", (unsigned long long)n);
    return (uint32_t)p;
}

static struct slot *slots_new(uint32_t n) {
    struct slot *s = xmalloc(n * sizeof *s);
    for (uint32_t i = 0; i < n; i++) s[i].index = -1;
    return s;
}

/* Put an entry that is known to be absent. */
static void slots_put(struct slot *s, uint32_t n, uint32_t hash, int32_t index) {
    uint32_t i = hash & (n - 1);
    while (s[i].index >= 0) i = (i + 1) & (n - 1);
    s[i] = (struct slot){hash, index};
}

static void slots_grow(struct slot **s, uint32_t *n) {
    struct slot *bigger = slots_new(2 * *n);
    for (uint32_t i = 0; i < *n; i++)
        if ((*s)[i].index >= 0) slots_put(bigger, 2 * *n, (*s)[i].hash, (*s)[i].index);
    free(*s);
    *s = bigger;
    *n *= 2;
}

static struct merge *merges_new(uint32_t n) {
    struct merge *m = xmalloc(n * sizeof *m);
    for (uint32_t i = 0; i < n; i++) m[i].pair = UINT64_MAX;
    return m;
}

/* The slot of a pair, or the free one where it belongs. */
static struct merge *merge_slot(struct merge *m, uint32_t n, uint64_t pair) {
    uint32_t i = hash_pair(pair) & (n - 1);
    while (m[i].pair != pair && m[i].pair != UINT64_MAX) i = (i + 1) & (n - 1);
    return &m[i];
}

/* ---- vocabulary ---------------------------------------------------------------------------------------- */

struct bpe *bpe_new(int n_tokens, int n_merges) {
    struct bpe *b = xcalloc(1, sizeof *b);
    b->n_slots = power_above(2 * (uint64_t)MAX_OF(n_tokens, 1));
    b->slots = slots_new(b->n_slots);
    b->n_merge_slots = power_above(2 * (uint64_t)MAX_OF(n_merges, 1));
    b->merges = merges_new(b->n_merge_slots);
    b->n_cache = 1024;
    b->cache = slots_new(b->n_cache);
    return b;
}

void bpe_free(struct bpe *b) {
    if (!b) return;
    strbuf_release(&b->texts);
    strbuf_release(&b->cache_text);
    strbuf_release(&b->key);
    free(b->tokens);
    free(b->outside);
    free(b->slots);
    free(b->merges);
    free(b->cache);
    free(b->words);
    free(b->cache_ids.v);
    free(b->symbols);
    free(b->heap);
    free(b);
}

static int find_pair(const struct bpe *b, const char *s, size_t n, uint32_t hash) {
    uint32_t i = hash & (b->n_slots - 1);
    for (; b->slots[i].index >= 0; i = (i + 1) & (b->n_slots - 1)) {
        if (b->slots[i].hash != hash) continue;
        const struct token *t = &b->tokens[b->slots[i].index];
        if (t->len == n && (n == 0 || !memcmp(b->texts.s + t->off, s, n))) return b->slots[i].index;
    }
    return -1;
}

int bpe_id(const struct bpe *b, const char *s, size_t n) { return find_pair(b, s, n, hash_bytes(s, n)); }

int bpe_model_id(const struct bpe *b, const char *s, size_t n) {
    int id = bpe_id(b, s, n);
    return id >= 0 && !b->outside[id] ? id : -1;
}

const char *bpe_text(const struct bpe *b, int id, size_t *n) {
    if (id < 0 || id >= b->size || b->tokens[id].off == UINT32_MAX) return NULL;
    *n = b->tokens[id].len;
    return b->texts.s ? b->texts.s + b->tokens[id].off : "";
}

int bpe_size(const struct bpe *b) { return b->size; }

static void make_room(struct bpe *b, int id) {
    if (id >= b->cap) {
        int cap = b->cap ? b->cap : 1024;
        while (cap <= id) cap *= 2;
        b->tokens = xrealloc(b->tokens, (size_t)cap * sizeof *b->tokens);
        b->outside = xrealloc(b->outside, (size_t)cap);
        b->cap = cap;
    }
    for (; b->size <= id; b->size++) {
        b->tokens[b->size] = (struct token){UINT32_MAX, 0};
        b->outside[b->size] = 1;
    }
}

enum bpe_added bpe_add_token(struct bpe *b, const char *s, size_t n, int id, bool in_model) {
    BUG_ON(id < 0 || id >= BPE_MAX_ID, "id=%d", id);
    BUG_ON(b->texts.len + n >= UINT32_MAX, "texts=%zu n=%zu", b->texts.len, n);
    uint32_t hash = hash_bytes(s, n);
    if (find_pair(b, s, n, hash) >= 0) return BPE_SAME_TEXT;
    make_room(b, id);
    if (b->tokens[id].off != UINT32_MAX) return BPE_SAME_ID;
    b->tokens[id] = (struct token){(uint32_t)b->texts.len, (uint32_t)n};
    b->outside[id] = !in_model;
    strbuf_add(&b->texts, s, n);
    if (2 * (uint64_t)++b->n_tokens > b->n_slots) slots_grow(&b->slots, &b->n_slots);
    slots_put(b->slots, b->n_slots, hash, id);
    return BPE_ADDED;
}

enum bpe_merge bpe_add_merge(struct bpe *b, const char *left, size_t n_left, const char *right,
                             size_t n_right) {
    int l = bpe_id(b, left, n_left), r = bpe_id(b, right, n_right);
    if (l < 0) return BPE_NO_LEFT;
    if (r < 0) return BPE_NO_RIGHT;
    strbuf_reset(&b->key);
    strbuf_add(&b->key, left, n_left);
    strbuf_add(&b->key, right, n_right);
    int id = bpe_id(b, b->key.s, b->key.len);
    if (id < 0) return BPE_NO_RESULT;
    uint64_t pair = (uint64_t)l << 32 | (uint32_t)r;
    struct merge *m = merge_slot(b->merges, b->n_merge_slots, pair);
    /* a repeated pair takes its last rank, as the reference's table does */
    bool is_new = m->pair == UINT64_MAX;
    *m = (struct merge){pair, b->n_ranks++, id};
    if (is_new && 2 * (uint64_t)++b->n_merges > b->n_merge_slots) {
        struct merge *bigger = merges_new(2 * b->n_merge_slots);
        for (uint32_t i = 0; i < b->n_merge_slots; i++)
            if (b->merges[i].pair != UINT64_MAX)
                *merge_slot(bigger, 2 * b->n_merge_slots, b->merges[i].pair) = b->merges[i];
        free(b->merges);
        b->merges = bigger;
        b->n_merge_slots *= 2;
    }
    return BPE_MERGED;
}

/* ---- the byte alphabet --------------------------------------------------------------------------------- */

/* Printable Latin-1 characters stand for themselves; the other 68 bytes, in order, for U+0100 and up. */
static bool is_itself(int byte) {
    return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

static int byte_char(int byte) {
    if (is_itself(byte)) return byte;
    return byte <= 32 ? 256 + byte : byte <= 160 ? 289 + byte - 127 : 323;
}

/* The byte that a character stands for, or -1. */
static int char_byte(int c) {
    if (c < 256) return is_itself(c) ? c : -1;
    if (c <= 288) return c - 256;       /* 0..32 */
    if (c <= 322) return c - 289 + 127; /* 127..160 */
    return c == 323 ? 173 : -1;
}

static void add_byte_char(struct strbuf *out, int byte) {
    int c = byte_char(byte);
    if (c < 0x80) {
        strbuf_addc(out, (char)c);
    } else {
        strbuf_addc(out, (char)(0xC0 | c >> 6));
        strbuf_addc(out, (char)(0x80 | (c & 0x3F)));
    }
}

int bpe_finish(struct bpe *b, bool ignore_merges) {
    int missing = 0;
    b->ignore_merges = ignore_merges;
    for (int i = 0; i < 256; i++) {
        strbuf_reset(&b->key);
        add_byte_char(&b->key, i);
        int id = bpe_id(b, b->key.s, b->key.len);
        b->byte_id[i] = id >= 0 && !b->outside[id] ? id : -1;
        missing += b->byte_id[i] < 0;
    }
    return missing;
}

void bpe_decode(const struct bpe *b, int id, struct strbuf *out) {
    size_t n, start = out->len;
    const char *s = bpe_text(b, id, &n);
    if (!s) return;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        int byte = -1; /* the alphabet's characters take one or two bytes of UTF-8 */
        if (c < 0x80) {
            byte = char_byte(c);
        } else if ((c & 0xE0) == 0xC0 && i + 1 < n) {
            byte = char_byte((c & 0x1F) << 6 | (s[++i] & 0x3F));
        }
        if (byte < 0) {
            out->len = start;
            strbuf_add(out, s, n);
            return;
        }
        strbuf_addc(out, (char)byte);
    }
}

/* ---- merging ------------------------------------------------------------------------------------------- */

static const struct merge *merge_of(const struct bpe *b, int left, int right) {
    const struct merge *m =
        merge_slot(b->merges, b->n_merge_slots, (uint64_t)(uint32_t)left << 32 | (uint32_t)right);
    return m->pair == UINT64_MAX ? NULL : m;
}

static void encode_short(struct bpe *b, const uint8_t *w, size_t n, struct token_ids *out) {
    int32_t ids[SCAN_MAX], rank[SCAN_MAX], merged[SCAN_MAX];
    int m = 0;
    for (size_t i = 0; i < n; i++)
        if (b->byte_id[w[i]] >= 0) ids[m++] = b->byte_id[w[i]];
#define LOOK(i)                                                                                              \
    do {                                                                                                     \
        const struct merge *found = merge_of(b, ids[i], ids[(i) + 1]);                                       \
        rank[i] = found ? found->rank : NO_RANK;                                                             \
        merged[i] = found ? found->id : -1;                                                                  \
    } while (0)
    for (int i = 0; i + 1 < m; i++) LOOK(i);
    for (;;) {
        int best = -1, low = NO_RANK;
        for (int i = 0; i + 1 < m; i++)
            if (rank[i] < low) low = rank[i], best = i;
        if (best < 0) break;
        ids[best] = merged[best];
        for (int i = best + 1; i + 1 < m; i++)
            ids[i] = ids[i + 1], rank[i] = rank[i + 1], merged[i] = merged[i + 1];
        m--;
        if (best > 0) LOOK(best - 1);
        if (best + 1 < m) LOOK(best);
    }
#undef LOOK
    for (int i = 0; i < m; i++) token_ids_add(out, ids[i]);
}

static void heap_push(struct bpe *b, uint64_t x) {
    GROW(b->heap, b->n_heap, b->cap_heap);
    size_t i = b->n_heap++;
    for (; i > 0 && b->heap[(i - 1) / 2] > x; i = (i - 1) / 2) b->heap[i] = b->heap[(i - 1) / 2];
    b->heap[i] = x;
}

static uint64_t heap_pop(struct bpe *b) {
    uint64_t top = b->heap[0], x = b->heap[--b->n_heap];
    size_t i = 0, n = b->n_heap;
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && b->heap[child + 1] < b->heap[child]) child++;
        if (b->heap[child] >= x) break;
        b->heap[i] = b->heap[child];
    }
    b->heap[i] = x;
    return top;
}

/* Look up the merge of the pair that starts at position i and put it on the heap. */
static void symbol_look(struct bpe *b, int32_t i) {
    struct symbol *s = &b->symbols[i];
    const struct merge *m = s->next < 0 ? NULL : merge_of(b, s->id, b->symbols[s->next].id);
    s->rank = m ? m->rank : NO_RANK;
    s->merged = m ? m->id : -1;
    if (m) heap_push(b, (uint64_t)m->rank << 32 | (uint32_t)i);
}

static void encode_long(struct bpe *b, const uint8_t *w, size_t n, struct token_ids *out) {
    if (n > b->cap_symbols) {
        b->symbols = xrealloc(b->symbols, n * sizeof *b->symbols);
        b->cap_symbols = n;
    }
    int32_t m = 0;
    struct symbol *s = b->symbols;
    for (size_t i = 0; i < n; i++) {
        int id = b->byte_id[w[i]];
        if (id < 0) continue;
        s[m] = (struct symbol){id, m - 1, m + 1, NO_RANK, -1};
        m++;
    }
    if (m == 0) return;
    s[m - 1].next = -1;
    b->n_heap = 0;
    for (int32_t i = 0; i < m; i++) symbol_look(b, i);
    while (b->n_heap > 0) {
        uint64_t top = heap_pop(b);
        int32_t i = (int32_t)(top & UINT32_MAX);
        if (s[i].id < 0 || s[i].rank != (int32_t)(top >> 32)) continue; /* the pair has changed since */
        struct symbol *right = &s[s[i].next];
        s[i].id = s[i].merged;
        s[i].next = right->next;
        right->id = -1;
        if (right->next >= 0) s[right->next].prev = i;
        if (s[i].prev >= 0) symbol_look(b, s[i].prev);
        symbol_look(b, i);
    }
    for (int32_t i = 0; i >= 0; i = s[i].next) token_ids_add(out, s[i].id);
    if (b->cap_symbols * sizeof *s + b->cap_heap * sizeof *b->heap > SCRATCH_KEEP) {
        free(b->symbols);
        free(b->heap);
        b->symbols = NULL, b->cap_symbols = 0;
        b->heap = NULL, b->cap_heap = 0;
    }
}

/* The token whose raw bytes are exactly the word, or -1. */
static int whole_word(struct bpe *b, const uint8_t *w, size_t n) {
    strbuf_reset(&b->key);
    for (size_t i = 0; i < n; i++) add_byte_char(&b->key, w[i]);
    int id = bpe_id(b, b->key.s, b->key.len);
    return id >= 0 && !b->outside[id] ? id : -1;
}

static void encode_uncached(struct bpe *b, const uint8_t *w, size_t n, struct token_ids *out) {
    int id = b->ignore_merges ? whole_word(b, w, n) : -1;
    if (id >= 0) {
        token_ids_add(out, id);
    } else if (n <= SCAN_MAX) {
        encode_short(b, w, n, out);
    } else {
        encode_long(b, w, n, out);
    }
}

/* ---- the word cache ------------------------------------------------------------------------------------ */

static void cache_add(struct bpe *b, const char *word, size_t n, uint32_t hash, const int32_t *ids,
                      int n_ids) {
    if (b->n_words == CACHE_WORDS_MAX) { /* full: start again, the frequent words are soon back */
        b->n_words = 0;
        b->cache_ids.n = 0;
        strbuf_reset(&b->cache_text);
        for (uint32_t i = 0; i < b->n_cache; i++) b->cache[i].index = -1;
    }
    GROW(b->words, b->n_words, b->cap_words);
    b->words[b->n_words] =
        (struct word){(uint32_t)b->cache_text.len, (uint32_t)b->cache_ids.n, (uint16_t)n, (uint16_t)n_ids};
    strbuf_add(&b->cache_text, word, n);
    for (int i = 0; i < n_ids; i++) token_ids_add(&b->cache_ids, ids[i]);
    if (2 * (uint32_t)(b->n_words + 1) > b->n_cache) slots_grow(&b->cache, &b->n_cache);
    slots_put(b->cache, b->n_cache, hash, b->n_words++);
}

void bpe_encode_word(struct bpe *b, const char *word, size_t n, struct token_ids *out) {
    const uint8_t *w = (const uint8_t *)word;
    BUG_ON(n > INT32_MAX, "n=%zu", n);
    if (n == 0) return;
    if (n == 1) {
        if (b->byte_id[*w] >= 0) token_ids_add(out, b->byte_id[*w]);
        return;
    }
    if (n > CACHE_WORD_MAX) {
        encode_uncached(b, w, n, out);
        return;
    }
    uint32_t hash = hash_bytes(w, n);
    for (uint32_t i = hash & (b->n_cache - 1); b->cache[i].index >= 0; i = (i + 1) & (b->n_cache - 1)) {
        const struct word *c = &b->words[b->cache[i].index];
        if (b->cache[i].hash != hash || c->len != n || memcmp(b->cache_text.s + c->off, w, n)) continue;
        for (int k = 0; k < c->n_ids; k++) token_ids_add(out, b->cache_ids.v[c->ids + (uint32_t)k]);
        return;
    }
    int start = out->n;
    encode_uncached(b, w, n, out);
    cache_add(b, word, n, hash, out->v + start, out->n - start);
}
