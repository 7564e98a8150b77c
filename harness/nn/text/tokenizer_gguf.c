/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer_gguf.c - a tokenizer from GGUF metadata. See tokenizer.h.
 *
 * GGUF names its pre-tokenizer in tokenizer.ggml.pre and leaves the rule to the reader. The table below gives
 * the rules of the tokenizer.json files that the names stand for; "default" is llama.cpp's own. */
#include "harness/nn/text/tokenizer_impl.h"

#include <string.h>

#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)"
#define LLAMA3                                                                                               \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "                               \
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define QWEN2                                                                                                \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "                                    \
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

static const struct gguf_pre pres[] = {
    {.name = "default", .splits = {"[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}},
    {.name = "gpt-2", .gpt2 = true},
    {.name = "phi-2", .gpt2 = true},
    {.name = "olmo", .gpt2 = true, .nfc = true},
    {.name = "smollm", .digits = true, .gpt2 = true},
    {.name = "starcoder", .digits = true, .gpt2 = true},
    {.name = "refact", .digits = true, .gpt2 = true},
    {.name = "llama-bpe", .ignore_merges = true, .splits = {LLAMA3}},
    {.name = "llama3", .ignore_merges = true, .splits = {LLAMA3}},
    {.name = "llama-v3", .ignore_merges = true, .splits = {LLAMA3}},
    {.name = "smaug-bpe", .splits = {LLAMA3}},
    {.name = "qwen2", .nfc = true, .splits = {QWEN2}},
};

const struct gguf_pre *gguf_pre_at(size_t i) { return i < ARRAY_LEN(pres) ? &pres[i] : NULL; }

const struct gguf_pre *gguf_pre_find(const char *name) {
    if (!name) name = "default";
    for (size_t i = 0; i < ARRAY_LEN(pres); i++)
        if (!strcmp(pres[i].name, name)) return &pres[i];
    return NULL;
}

static int add_steps(struct tokenizer *t, const struct gguf_pre *pre, bool prefix_space, struct err *e) {
    if (prefix_space) pretok_add_bytelevel(t->pretok, true, false);
    if (pre->digits) pretok_add_digits(t->pretok, true);
    for (size_t i = 0; i < ARRAY_LEN(pre->splits) && pre->splits[i]; i++) {
        int rc = pretok_add_split(t->pretok, pre->splits[i], strlen(pre->splits[i]), false, SPLIT_ISOLATED,
                                  false, e);
        if (rc) return rc;
    }
    if (pre->gpt2) pretok_add_bytelevel(t->pretok, false, true);
    t->nfc = pre->nfc;
    return 0;
}

int gguf_token_type(const struct tokenizer_gguf *g, int id) {
    if (g->token_type) return g->token_type[id];
    return id == g->bos_id || id == g->eos_id ? TOKEN_CONTROL : TOKEN_NORMAL;
}

static int add_tokens(struct tokenizer *t, const struct tokenizer_gguf *g, struct err *e) {
    size_t total = 0;
    for (int i = 0; i < g->n_tokens; i++) {
        size_t n = g->token_len[i];
        int type = gguf_token_type(g, i);
        if (n > UINT32_MAX / 2 || (total += n) > UINT32_MAX / 2)
            return err_set(e, ERR_USER, "the texts of the tokens take more than 2 GiB");
        bool special = type == TOKEN_CONTROL || type == TOKEN_UNKNOWN;
        if (bpe_add_token(t->bpe, g->tokens[i], n, i, !special) != BPE_ADDED)
            return err_set(e, ERR_USER, "tokens %d and %d have the same text",
                           bpe_id(t->bpe, g->tokens[i], n), i);
        if (!special && type != TOKEN_USER_DEFINED) continue;
        if (n > ADDED_TEXT_MAX)
            return err_set(e, ERR_USER, "the text of special token %d has %zu bytes", i, n);
        struct added a = {.text = (char *)g->tokens[i], .n = n, .id = i, .special = special};
        tokenizer_add_added(t, &a);
    }
    return 0;
}

size_t gguf_merge_right(const struct tokenizer_gguf *g, int i) {
    const char *m = g->merges[i];
    size_t n = g->merge_len[i];
    const char *space = n > 1 ? memchr(m + 1, ' ', n - 1) : NULL;
    return space && space + 1 < m + n ? (size_t)(space + 1 - m) : 0;
}

static int add_merges(struct tokenizer *t, const struct tokenizer_gguf *g, struct err *e) {
    for (int i = 0; i < g->n_merges; i++) {
        const char *m = g->merges[i];
        size_t n = g->merge_len[i], right = gguf_merge_right(g, i);
        if (!right) return err_set(e, ERR_USER, "merge %d is not of the form 'left right'", i);
        enum bpe_merge rc = bpe_add_merge(t->bpe, m, right - 1, m + right, n - right);
        if (rc != BPE_MERGED)
            return err_set(e, ERR_USER, "merge %d ('%.*s') names a token that is not in the vocabulary", i,
                           (int)MIN_OF(n, 80), m);
    }
    return 0;
}

static int check_arrays(const struct tokenizer_gguf *g, const char *pre, struct err *e) {
    if (!gguf_pre_find(pre))
        return err_set(
            e, ERR_USER,
            "the pre-tokenizer '%.80s' (tokenizer.ggml.pre) is not implemented (smollm, gpt-2, llama-bpe, "
            "qwen2, ... are): use the model's Hugging Face folder with its tokenizer.json",
            pre);
    if (g->n_tokens <= 0 || g->n_tokens > BPE_MAX_ID)
        return err_set(e, ERR_USER, "a vocabulary of %d tokens (1 to %d can be read)", g->n_tokens,
                       BPE_MAX_ID);
    if (g->n_merges < 0 || g->n_merges > 4 * BPE_MAX_ID)
        return err_set(e, ERR_USER, "%d merges (at most %d can be read)", g->n_merges, 4 * BPE_MAX_ID);
    if (g->bos_id >= g->n_tokens || g->eos_id >= g->n_tokens)
        return err_set(e, ERR_USER, "the start or end token (%d, %d) is not among the %d tokens", g->bos_id,
                       g->eos_id, g->n_tokens);
    if ((g->add_bos && g->bos_id < 0) || (g->add_eos && g->eos_id < 0))
        return err_set(
            e, ERR_USER, "tokenizer.ggml.add_%s_token is set, but there is no tokenizer.ggml.%s_token_id",
            g->add_bos && g->bos_id < 0 ? "bos" : "eos", g->add_bos && g->bos_id < 0 ? "bos" : "eos");
    return 0;
}

/* GGUF says nothing about two texts: as tokenizer_write.c writes them. */
static void add_pair(struct tokenizer *t) {
    if (t->bos >= 0) tokenizer_add_pair(t, t->bos, 0);
    tokenizer_add_pair(t, TOKENIZER_FIRST, 0);
    tokenizer_add_pair(t, TOKENIZER_SECOND, 1);
    if (t->eos_added >= 0) tokenizer_add_pair(t, t->eos_added, 0);
}

int tokenizer_open_gguf(struct tokenizer **ret, const struct tokenizer_gguf *g, const char *where,
                        struct err *e) {
    const char *name = g->pre ? g->pre : "default";
    *ret = NULL;
    int rc = check_arrays(g, name, e);
    if (rc) {
        err_wrap(e, "%s", where);
        return rc;
    }
    const struct gguf_pre *pre = gguf_pre_find(name);
    struct tokenizer *t = tokenizer_new(g->n_tokens, g->n_merges);
    rc = add_tokens(t, g, e);
    if (rc == 0) rc = add_merges(t, g, e);
    if (rc == 0) rc = add_steps(t, pre, g->add_space_prefix, e);
    if (rc) {
        tokenizer_free(t);
        err_wrap(e, "%s", where);
        return rc;
    }
    t->bos = g->add_bos ? g->bos_id : -1;
    t->eos_added = g->add_eos ? g->eos_id : -1;
    add_pair(t);
    t->eos = g->eos_id < 0 ? -1 : g->eos_id;
    tokenizer_seal(t, pre->ignore_merges);
    *ret = t;
    return 0;
}
