/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer_impl.h - what the parts of the tokenizer share (tokenizer.c, tokenizer_json.c, tokenizer_gguf.c,
 * tokenizer_write.c). Include tokenizer.h elsewhere. */
#ifndef BENCH_NN_TOKENIZER_IMPL_H
#define BENCH_NN_TOKENIZER_IMPL_H

#include "harness/nn/text/berttext.h"
#include "harness/nn/text/bpe.h"
#include "harness/nn/text/pretok.h"
#include "harness/nn/text/tokenizer.h"
#include "harness/nn/text/wordpiece.h"

enum {
    /* bytes of an added token's text: matching costs that much per character at worst */
    ADDED_TEXT_MAX = 4096
};

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
    /* NULL: BPE over the words of pretok; else WordPiece over those of berttext_words */
    struct wordpiece *wordpiece;
    bool prefix_space; /* ByteLevel puts a space before the text */
    bool nfc, bert;    /* how text is normalised: by NFC, as normal_bert says, or not */
    struct berttext normal_bert;
    struct added *added;
    int n_added, cap_added;
    int32_t *added_of; /* per id: index in added, or -1 */
    struct trie raw, normal;
    int bos, eos;                 /* the start token put in front, or -1; the end token that is known */
    int eos_added;                /* the end token put behind, or -1 */
    struct tokenizer_piece *pair; /* two texts as one (tokenizer_pair) */
    int n_pair, cap_pair;
    struct strbuf repaired, composed; /* scratch of one encode call */
};

struct tokenizer *tokenizer_new(int n_tokens, int n_merges);
/* Copies the text. The token must be in t->bpe already. Texts that cannot match (empty, invalid UTF-8) are
 * kept for decoding only. */
void tokenizer_add_added(struct tokenizer *t, const struct added *a);
/* Append to what stands for two texts. */
void tokenizer_add_pair(struct tokenizer *t, int id, int type);
/* Call once after all tokens, merges, steps. Returns how many byte values have no token. */
int tokenizer_seal(struct tokenizer *t, bool ignore_merges);

/* ---- GGUF: what its names mean, for reading and for writing -------------------------------------------- */

/* A pre-tokenizer that GGUF names in tokenizer.ggml.pre. The steps apply in this order. */
struct gguf_pre {
    const char *name;
    bool digits;           /* the digit rule, one by one */
    const char *splits[4]; /* regular expressions, one after the other, matches isolated */
    bool gpt2;             /* GPT-2's rule */
    bool nfc, ignore_merges;
};
/* NULL: not implemented. A NULL name means "default". */
const struct gguf_pre *gguf_pre_find(const char *name);

/* The i-th of those known, NULL behind the last. */
const struct gguf_pre *gguf_pre_at(size_t i);
/* Its rule as a tokenizer.json's pre_tokenizer, for text that gets a space before it or not. NULL with e
 * filled: no chain of components says that. Caller decrefs. */
struct json_t *gguf_pre_json(const struct gguf_pre *pre, bool prefix_space, struct err *e);

/* llama.cpp's token_type. */
enum { TOKEN_NORMAL = 1, TOKEN_UNKNOWN = 2, TOKEN_CONTROL = 3, TOKEN_USER_DEFINED = 4 };
/* The type of a token; without a list of types the start and end tokens are control tokens. */
int gguf_token_type(const struct tokenizer_gguf *g, int id);
/* Where the right part of merge i begins ("left right"), or 0 when it is not of that form. */
size_t gguf_merge_right(const struct tokenizer_gguf *g, int i);

#endif
