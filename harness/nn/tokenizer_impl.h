/* tokenizer_impl.h - what the parts of the tokenizer share (tokenizer.c, tokenizer_json.c). Include
 * tokenizer.h elsewhere. */
#ifndef BENCH_NN_TOKENIZER_IMPL_H
#define BENCH_NN_TOKENIZER_IMPL_H

#include "harness/nn/bpe.h"
#include "harness/nn/pretok.h"
#include "harness/nn/tokenizer.h"

enum {
    ADDED_TEXT_MAX = 4096
}; /* bytes of an added token's text: matching costs that much per character at worst */

/* A token whose text is found before the text is cut into words. */
struct added {
    char *text;
    size_t n;
    int id;
    bool special, lstrip, rstrip, single_word;
    bool normalized; /* matched in the normalised text, with its own text normalised */
};

/* Texts of added tokens as a tree over bytes; node 0 is the root. */
struct trie_node {
    int32_t child, sibling; /* first child, next sibling, or -1 */
    int32_t added;          /* index of the added token that ends here, or -1 */
    uint8_t byte;
};
struct trie {
    struct trie_node *nodes;
    int n, cap;
    bool first[256];  /* bytes that begin a text */
    bool any_special; /* holds special tokens */
    bool any_plain;   /* holds others */
};

struct tokenizer {
    struct bpe *bpe;
    struct pretok *pretok;
    bool nfc;
    struct added *added;
    int n_added, cap_added;
    int32_t *added_of; /* per id: index in added, or -1 */
    struct trie raw, normal;
    int bos, eos;
    struct strbuf repaired, composed; /* scratch of one encode call */
};

struct tokenizer *tokenizer_new(int n_tokens, int n_merges);
/* Copies the text. The token must be in t->bpe already. Texts that cannot match (empty, invalid UTF-8) are
 * kept for decoding only. */
void tokenizer_add_added(struct tokenizer *t, const struct added *a);
/* Call once after all tokens, merges, steps. Returns how many byte values have no token. */
int tokenizer_seal(struct tokenizer *t, bool ignore_merges);

#endif
