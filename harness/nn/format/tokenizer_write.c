/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer_write.c - the tokenizer of a GGUF file as Hugging Face's tokenizer.json and
 * tokenizer_config.json.
 *
 * The inverse of tokenizer_json.c for what tokenizer_gguf.c reads: the vocabulary and merges as they are,
 * special and user-defined tokens as added_tokens, the pre-tokenizer's rule (the table in tokenizer_gguf.c)
 * as the components that it stands for, a start or end token that the tokenizer adds itself as
 * TemplateProcessing. Read back, here or by the `tokenizers` library, it gives the same ids.
 *
 * Refused: a vocabulary that JSON cannot hold (a token that is not UTF-8), and a space put before the text
 * where a rule other than GPT-2's follows: no chain of components says that. */
#include "harness/nn/text/tokenizer_impl.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "harness/nn/format/modelfile_private.h"

static json_t *token_text(const struct tokenizer_gguf *g, int id) {
    return json_stringn(g->tokens[id], g->token_len[id]);
}

/* ---- model --------------------------------------------------------------------------------------------- */

/* NULL: a token's text is not UTF-8 or holds a NUL. */
static json_t *vocab_json(const struct tokenizer_gguf *g, struct err *e) {
    json_t *vocab = json_object();
    for (int i = 0; i < g->n_tokens; i++) {
        size_t n = g->token_len[i];
        char *text = xstrndup(g->tokens[i], n);
        bool bad = strlen(text) != n || json_object_set_new(vocab, text, json_integer(i));
        free(text);
        if (!bad) continue;
        err_set(e, ERR_USER, "the text of token %d is not UTF-8: tokenizer.json cannot hold it", i);
        json_decref(vocab);
        return NULL;
    }
    return vocab;
}

/* "left right", which every version reads, unless a merge would be ambiguous so: then all are pairs. */
static bool merges_are_plain(const struct tokenizer_gguf *g) {
    for (int i = 0; i < g->n_merges; i++) {
        const char *m = g->merges[i];
        size_t n = g->merge_len[i], right = gguf_merge_right(g, i);
        BUG_ON(!right, "merge %d", i); /* refused on reading */
        if (memchr(m, ' ', right - 1) || memchr(m + right, ' ', n - right)) return false;
        if (n >= 8 && !memcmp(m, "#version", 8)) return false; /* the head line of a merges.txt */
    }
    return true;
}

static json_t *merges_json(const struct tokenizer_gguf *g) {
    json_t *list = json_array();
    bool plain = merges_are_plain(g);
    for (int i = 0; i < g->n_merges; i++) {
        const char *m = g->merges[i];
        size_t n = g->merge_len[i], right = gguf_merge_right(g, i);
        json_array_append_new(list, plain ? json_stringn(m, n)
                                          : json_pack("[s%,s%]", m, right - 1, m + right, n - right));
    }
    return list;
}

static json_t *model_json(const struct tokenizer_gguf *g, const struct gguf_pre *pre, struct err *e) {
    json_t *vocab = vocab_json(g, e);
    if (!vocab) return NULL;
    return json_pack("{ss,sn,sn,sn,sn,sb,sb,sb,so,so}", "type", "BPE", "dropout", "unk_token",
                     "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", false, "byte_fallback",
                     false, "ignore_merges", pre->ignore_merges, "vocab", vocab, "merges", merges_json(g));
}

static json_t *added_json(const struct tokenizer_gguf *g) {
    json_t *list = json_array();
    for (int i = 0; i < g->n_tokens; i++) {
        int type = gguf_token_type(g, i);
        bool special = type == TOKEN_CONTROL || type == TOKEN_UNKNOWN;
        if (!special && type != TOKEN_USER_DEFINED) continue;
        json_array_append_new(list, json_pack("{si,so,sb,sb,sb,sb,sb}", "id", i, "content", token_text(g, i),
                                              "single_word", false, "lstrip", false, "rstrip", false,
                                              "normalized", false, "special", special));
    }
    return list;
}

/* ---- pre_tokenizer ------------------------------------------------------------------------------------- */

static json_t *byte_level(bool prefix_space, bool use_regex) {
    return json_pack("{ss,sb,sb,sb}", "type", "ByteLevel", "add_prefix_space", prefix_space, "trim_offsets",
                     true, "use_regex", use_regex);
}

json_t *gguf_pre_json(const struct gguf_pre *pre, bool prefix_space, struct err *e) {
    json_t *steps = json_array();
    if (pre->digits)
        json_array_append_new(steps, json_pack("{ss,sb}", "type", "Digits", "individual_digits", true));
    for (size_t i = 0; i < ARRAY_LEN(pre->splits) && pre->splits[i]; i++)
        json_array_append_new(steps, json_pack("{ss,s{ss},ss,sb}", "type", "Split", "pattern", "Regex",
                                               pre->splits[i], "behavior", "Isolated", "invert", false));
    if (prefix_space && json_array_size(steps)) {
        err_set(
            e, ERR_USER,
            "a space before the text (tokenizer.ggml.add_space_prefix) with the pre-tokenizer '%s' cannot be "
            "said in a tokenizer.json",
            pre->name);
        json_decref(steps);
        return NULL;
    }
    json_array_append_new(steps, byte_level(prefix_space, pre->gpt2));
    json_t *one = json_array_size(steps) == 1 ? json_incref(json_array_get(steps, 0)) : NULL;
    if (!one) return json_pack("{ss,so}", "type", "Sequence", "pretokenizers", steps);
    json_decref(steps);
    return one;
}

/* ---- post_processor ------------------------------------------------------------------------------------ */

static void add_special(json_t *single, json_t *pair, json_t *tokens, const struct tokenizer_gguf *g,
                        int id) {
    json_t *text = token_text(g, id);
    const char *name = json_string_value(text);
    json_t *item = json_pack("{s{sO,si}}", "SpecialToken", "id", text, "type_id", 0);
    json_array_append(single, item);
    json_array_append_new(pair, item);
    json_object_set_new(tokens, name, json_pack("{sO,s[i],s[O]}", "id", text, "ids", id, "tokens", text));
    json_decref(text);
}

static void add_sequence(json_t *list, const char *name, int type) {
    json_array_append_new(list, json_pack("{s{ss,si}}", "Sequence", "id", name, "type_id", type));
}

/* What the tokenizer puts around a text: nothing (null), or a start and an end token. */
static json_t *post_json(const struct tokenizer_gguf *g) {
    bool bos = g->add_bos && g->bos_id >= 0, eos = g->add_eos && g->eos_id >= 0;
    if (!bos && !eos) return json_null();
    json_t *single = json_array(), *pair = json_array(), *tokens = json_object();
    if (bos) add_special(single, pair, tokens, g, g->bos_id);
    add_sequence(single, "A", 0);
    add_sequence(pair, "A", 0);
    add_sequence(pair, "B", 1);
    if (eos) add_special(single, pair, tokens, g, g->eos_id);
    return json_pack("{ss,so,so,so}", "type", "TemplateProcessing", "single", single, "pair", pair,
                     "special_tokens", tokens);
}

/* ---- the files ----------------------------------------------------------------------------------------- */

static char *dump_json(json_t *j) {
    char *text = json_dumps(j, JSON_INDENT(2));
    BUG_ON(!text, "no JSON at %p", (void *)j);
    json_decref(j);
    return text;
}

char *tokenizer_gguf_json(const struct tokenizer_gguf *g, const char *where, struct err *e) {
    const struct gguf_pre *pre = gguf_pre_find(g->pre);
    BUG_ON(!pre, "the pre-tokenizer '%s'", g->pre);
    json_t *model = model_json(g, pre, e), *steps = model ? gguf_pre_json(pre, g->add_space_prefix, e) : NULL;
    if (!steps) {
        json_decref(model);
        err_wrap(e, "%s", where);
        return NULL;
    }
    return dump_json(json_pack("{ss,sn,sn,so,so,so,so,so,so}", "version", "1.0", "truncation", "padding",
                               "added_tokens", added_json(g), "normalizer",
                               pre->nfc ? json_pack("{ss}", "type", "NFC") : json_null(), "pre_tokenizer",
                               steps, "post_processor", post_json(g), "decoder", byte_level(true, true),
                               "model", model));
}

/* The text of the token that the metadata names, under Hugging Face's name. */
static void set_token(json_t *c, const char *name, const struct modelfile *f, const struct tokenizer_gguf *g,
                      const char *key) {
    const json_t *id = json_object_get(f->config, key);
    if (json_is_integer(id) && json_integer_value(id) >= 0 && json_integer_value(id) < g->n_tokens)
        json_object_set_new(c, name, token_text(g, (int)json_integer_value(id)));
}

static char *config_text(const struct modelfile *f, const struct tokenizer_gguf *g) {
    json_t *c = json_pack("{ss,sb}", "tokenizer_class", "PreTrainedTokenizerFast",
                          "clean_up_tokenization_spaces", false);
    set_token(c, "bos_token", f, g, "tokenizer.ggml.bos_token_id");
    set_token(c, "eos_token", f, g, "tokenizer.ggml.eos_token_id");
    set_token(c, "unk_token", f, g, "tokenizer.ggml.unknown_token_id");
    set_token(c, "pad_token", f, g, "tokenizer.ggml.padding_token_id");
    const char *architecture = json_string_value(json_object_get(f->config, "general.architecture"));
    char *key = xasprintf("%s.context_length", architecture ? architecture : "");
    json_t *length = json_object_get(f->config, key),
           *chat = json_object_get(f->config, "tokenizer.chat_template");
    free(key);
    if (json_is_integer(length)) json_object_set(c, "model_max_length", length);
    if (json_is_string(chat)) json_object_set(c, "chat_template", chat);
    return dump_json(c);
}

int modelfile_tokenizer_text(const struct modelfile *f, char **tokenizer_json, char **tokenizer_config,
                             struct err *e) {
    struct tokenizer_gguf g;
    BUG_ON(!f->gguf, "%s", f->path);
    int code = gguf_tokenizer_read(f, &g, e);
    if (code) return code;
    *tokenizer_json = tokenizer_gguf_json(&g, f->path, e);
    if (*tokenizer_json)
        *tokenizer_config = config_text(f, &g);
    else
        code = ERR_USER;
    gguf_tokenizer_release(&g);
    return code;
}
