/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer_export.c - a tokenizer as GGUF metadata (gguf_write.h): from a tokenizer.json, or from another
 * GGUF file.
 *
 * GGUF holds the vocabulary in order with a type for each token, the merges as "left right", and only the
 * name of the rule that cuts text into words. The name is found by comparing the components of the
 * tokenizer.json with those that each known name stands for (tokenizer_gguf.c); a rule that nobody has named
 * is refused. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "harness/nn/format/gguf_write.h"
#include "harness/nn/format/modelfile_private.h"
#include "harness/nn/text/tokenizer_impl.h"

enum { JSON_LIMIT = 512 << 20, TOKEN_UNUSED = 5 };

/* A tokenizer with what it owns. */
struct source {
    struct tokenizer_gguf g;
    json_t *root, *config; /* of a folder; tokens and merges may point into them */
    char **made;           /* merges that were joined */
    size_t nmade;
    const char *chat;
    int unknown, padding; /* ids, or -1 */
    char *template_file;
};

static json_t *read_json(const char *dir, const char *name, size_t flags, struct err *e) {
    char *path = path_join(dir, name);
    struct strbuf b = {0};
    json_t *j = NULL;
    if (file_exists(path) && !file_read(path, JSON_LIMIT, &b, e)) {
        j = json_loadb(b.s ? b.s : "", b.len, JSON_ALLOW_NUL | flags, NULL);
        if (!j) err_set(e, ERR_USER, "%s: not valid JSON", path);
    }
    strbuf_release(&b);
    free(path);
    return j;
}

/* ---- the rule for words -------------------------------------------------------------------------------- */

/* The components of a pre_tokenizer one after the other, without what does not change ids. */
static void flatten_pretokenizers(json_t *list, const json_t *pre) {
    const json_t *inner = json_object_get(pre, "pretokenizers");
    for (size_t i = 0; i < json_array_size(inner); i++) flatten_pretokenizers(list, json_array_get(inner, i));
    if (inner || !json_is_object(pre)) return;
    json_t *one = json_deep_copy(pre);
    json_object_del(one, "trim_offsets");
    json_array_append_new(list, one);
}

static bool is_nfc(const json_t *normalizer) {
    const json_t *list = json_object_get(normalizer, "normalizers");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (is_nfc(json_array_get(list, i))) return true;
    const char *type = json_string_value(json_object_get(normalizer, "type"));
    return type && !strcmp(type, "NFC");
}

/* Its name in GGUF, or NULL. */
static const char *rule_name(const json_t *root) {
    bool nfc = is_nfc(json_object_get(root, "normalizer"));
    bool ignore_merges = json_is_true(json_object_get(json_object_get(root, "model"), "ignore_merges"));
    json_t *have = json_array();
    const char *name = NULL;
    const struct gguf_pre *pre;
    flatten_pretokenizers(have, json_object_get(root, "pre_tokenizer"));
    for (size_t i = 0; (pre = gguf_pre_at(i)) && !name; i++) {
        json_t *rule = gguf_pre_json(pre, false, NULL), *want = json_array();
        flatten_pretokenizers(want, rule);
        if (json_equal(have, want) && nfc == pre->nfc && ignore_merges == pre->ignore_merges)
            name = pre->name;
        json_decref(want);
        json_decref(rule);
    }
    json_decref(have);
    return name;
}

/* ---- vocabulary and merges ----------------------------------------------------------------------------- */

static void set_token(struct tokenizer_gguf *g, json_int_t id, const char *text, size_t len, int type) {
    ((const char **)(uintptr_t)g->tokens)[id] = text;
    ((size_t *)(uintptr_t)g->token_len)[id] = len;
    ((int32_t *)(uintptr_t)g->token_type)[id] = type;
}

static void read_tokens(struct source *s) {
    const char *text;
    json_t *id, *vocab = json_object_get(json_object_get(s->root, "model"), "vocab");
    const json_t *added = json_object_get(s->root, "added_tokens");
    json_int_t most = -1;
    json_object_foreach(vocab, text, id) most = MAX_OF(most, json_integer_value(id));
    for (size_t i = 0; i < json_array_size(added); i++)
        most = MAX_OF(most, json_integer_value(json_object_get(json_array_get(added, i), "id")));
    s->g.n_tokens = (int)most + 1;
    s->g.tokens = xcalloc((size_t)most + 2, sizeof *s->g.tokens);
    s->g.token_len = xcalloc((size_t)most + 2, sizeof *s->g.token_len);
    s->g.token_type = xcalloc((size_t)most + 2, sizeof *s->g.token_type);
    json_object_foreach(vocab, text, id)
        set_token(&s->g, json_integer_value(id), text, strlen(text), TOKEN_NORMAL);
    for (size_t i = 0; i < json_array_size(added); i++) {
        const json_t *a = json_array_get(added, i), *content = json_object_get(a, "content");
        bool special = json_is_true(json_object_get(a, "special"));
        set_token(&s->g, json_integer_value(json_object_get(a, "id")), json_string_value(content),
                  json_string_length(content), special ? TOKEN_CONTROL : TOKEN_USER_DEFINED);
    }
}

static int read_merges(struct source *s, struct err *e) {
    const json_t *merges = json_object_get(json_object_get(s->root, "model"), "merges");
    size_t n = json_array_size(merges);
    const char **text = xcalloc(n + 1, sizeof *text);
    size_t *len = xcalloc(n + 1, sizeof *len);
    s->g.merges = text;
    s->g.merge_len = len;
    s->made = xcalloc(n + 1, sizeof *s->made);
    for (size_t i = 0; i < n; i++) {
        const json_t *m = json_array_get(merges, i);
        if (json_is_array(m)) {
            const char *left = json_string_value(json_array_get(m, 0)),
                       *right = json_string_value(json_array_get(m, 1));
            if (!left || !right || strchr(left, ' ') || strchr(right, ' '))
                return err_set(e, ERR_USER, "merge %zu has a space in it: GGUF cannot hold it", i);
            text[i] = s->made[s->nmade++] = xasprintf("%s %s", left, right);
        } else {
            text[i] = json_string_value(m);
        }
        len[i] = strlen(text[i]);
    }
    s->g.n_merges = (int)n;
    return 0;
}

/* ---- tokenizer_config.json ----------------------------------------------------------------------------- */

/* A token that is named there, as text or as an object with its content: its id, or -1. */
static int named_id(const struct source *s, const char *key) {
    const json_t *v = json_object_get(s->config, key);
    const char *text = json_string_value(json_is_object(v) ? json_object_get(v, "content") : v);
    for (int i = 0; text && i < s->g.n_tokens; i++)
        if (s->g.tokens[i] && s->g.token_len[i] == strlen(text) &&
            !memcmp(s->g.tokens[i], text, strlen(text)))
            return i;
    return -1;
}

/* The chat template: in the config, the one called "default" of several, or a file of its own. */
static const char *chat_template(struct source *s, const char *dir) {
    const json_t *v = json_object_get(s->config, "chat_template");
    for (size_t i = 0; i < json_array_size(v); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(v, i), "name"));
        if (name && !strcmp(name, "default"))
            return json_string_value(json_object_get(json_array_get(v, i), "template"));
    }
    if (json_is_string(v)) return json_string_value(v);
    char *path = path_join(dir, "chat_template.jinja");
    struct strbuf b = {0};
    if (file_exists(path) && !file_read(path, 16 << 20, &b, NULL)) s->template_file = strbuf_detach(&b);
    strbuf_release(&b);
    free(path);
    return s->template_file;
}

/* ---- both kinds of source ------------------------------------------------------------------------------ */

static int read_folder(struct source *s, const struct modelfile *f, struct err *e) {
    struct tokenizer *t;
    int rc = modelfile_tokenizer(f, &t, e); /* refuses what is damaged or of another kind */
    if (rc) return rc;
    s->g.bos_id = tokenizer_bos_to_add(t);
    s->g.add_bos = s->g.bos_id >= 0;
    s->g.eos_id = tokenizer_eos_to_add(t);
    s->g.add_eos = s->g.eos_id >= 0;
    tokenizer_free(t);
    s->root = read_json(f->path, "tokenizer.json", 0, e);
    if (!s->root) return err_set(e, ERR_USER, "%s: only a tokenizer.json can be written as GGUF", f->path);
    s->config = read_json(f->path, "tokenizer_config.json", JSON_DECODE_INT_AS_REAL, NULL);
    const char *type = json_string_value(json_object_get(json_object_get(s->root, "model"), "type"));
    if (type && strcmp(type, "BPE") != 0)
        return err_set(e, ERR_USER,
                       "%s: a tokenizer of type '%.40s' is not implemented for GGUF: only byte-level BPE is",
                       f->path, type);
    s->g.pre = rule_name(s->root);
    if (!s->g.pre)
        return err_set(e, ERR_USER,
                       "%s: the pre_tokenizer of its tokenizer.json is none that llama.cpp has a name for",
                       f->path);
    read_tokens(s);
    rc = read_merges(s, e);
    if (rc) return err_wrap(e, "%s", f->path);
    s->chat = chat_template(s, f->path);
    s->unknown = named_id(s, "unk_token");
    s->padding = named_id(s, "pad_token");
    if (s->g.bos_id < 0) s->g.bos_id = named_id(s, "bos_token");
    if (s->g.eos_id < 0) s->g.eos_id = named_id(s, "eos_token");
    return 0;
}

static int scalar_id(const struct modelfile *f, const char *key) {
    const json_t *v = json_object_get(f->config, key);
    return json_is_integer(v) && json_integer_value(v) < INT32_MAX ? (int)json_integer_value(v) : -1;
}

static int read_gguf(struct source *s, const struct modelfile *f, struct err *e) {
    int rc = gguf_tokenizer_read(f, &s->g, e);
    if (rc) return rc;
    s->chat = json_string_value(json_object_get(f->config, "tokenizer.chat_template"));
    s->unknown = scalar_id(f, "tokenizer.ggml.unknown_token_id");
    s->padding = scalar_id(f, "tokenizer.ggml.padding_token_id");
    return 0;
}

static void source_release(struct source *s) {
    for (size_t i = 0; i < s->nmade; i++) free(s->made[i]);
    free(s->made);
    gguf_tokenizer_release(&s->g);
    free(s->template_file);
    json_decref(s->root);
    json_decref(s->config);
}

/* Tokens in order, as many as the model has embeddings. */
static void put_tokens(struct gguf_out *o, const struct tokenizer_gguf *g, int vocab) {
    const char **text = xcalloc((size_t)vocab, sizeof *text);
    char **pad = xcalloc((size_t)vocab, sizeof *pad);
    size_t *len = xcalloc((size_t)vocab, sizeof *len);
    int32_t *type = xcalloc((size_t)vocab, sizeof *type);
    for (int i = 0; i < vocab; i++) {
        bool there = i < g->n_tokens && g->tokens[i];
        if (!there) pad[i] = xasprintf("[PAD%d]", i);
        text[i] = there ? g->tokens[i] : pad[i];
        len[i] = there ? g->token_len[i] : strlen(pad[i]);
        type[i] = there ? gguf_token_type(g, i) : TOKEN_UNUSED;
    }
    gguf_put_strs(o, "tokenizer.ggml.tokens", text, len, (size_t)vocab);
    gguf_put_i32s(o, "tokenizer.ggml.token_type", type, (size_t)vocab);
    for (int i = 0; i < vocab; i++) free(pad[i]);
    free(text), free(pad), free(len), free(type);
}

static void put_id(struct gguf_out *o, const char *key, int id) {
    if (id >= 0) gguf_put_u32(o, key, (uint32_t)id);
}

static void put_source(struct gguf_out *o, const struct source *s, int vocab) {
    const struct tokenizer_gguf *g = &s->g;
    gguf_put_str(o, "tokenizer.ggml.model", "gpt2");
    gguf_put_str(o, "tokenizer.ggml.pre", g->pre);
    put_tokens(o, g, vocab);
    gguf_put_strs(o, "tokenizer.ggml.merges", g->merges, g->merge_len, (size_t)g->n_merges);
    put_id(o, "tokenizer.ggml.bos_token_id", g->bos_id);
    put_id(o, "tokenizer.ggml.eos_token_id", g->eos_id);
    put_id(o, "tokenizer.ggml.unknown_token_id", s->unknown);
    put_id(o, "tokenizer.ggml.padding_token_id", s->padding);
    gguf_put_bool(o, "tokenizer.ggml.add_bos_token", g->add_bos);
    gguf_put_bool(o, "tokenizer.ggml.add_eos_token", g->add_eos);
    gguf_put_bool(o, "tokenizer.ggml.add_space_prefix", g->add_space_prefix);
    if (s->chat) gguf_put_str(o, "tokenizer.chat_template", s->chat);
}

int gguf_put_tokenizer(struct gguf_out *o, const struct modelfile *f, int vocab, int bos, const int32_t *ends,
                       int n, struct err *e) {
    static const char *const others[] = {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"};
    struct source s = {.g = {.bos_id = -1, .eos_id = -1}, .unknown = -1, .padding = -1};
    int rc = f->gguf ? read_gguf(&s, f, e) : read_folder(&s, f, e);
    if (!rc && s.g.n_tokens > vocab)
        rc = err_set(e, ERR_USER,
                     "%s: its tokenizer has %d tokens, the model %d embeddings: GGUF cannot hold that",
                     f->path, s.g.n_tokens, vocab);
    if (!rc && n > 1 + (int)ARRAY_LEN(others))
        rc = err_set(e, ERR_USER, "%s: it has %d end tokens: GGUF has a word for %d of them", f->path, n,
                     1 + (int)ARRAY_LEN(others));
    if (!rc) {
        if (s.g.bos_id < 0) s.g.bos_id = bos;
        if (n && !s.g.add_eos) s.g.eos_id = ends[0]; /* where the model ends is what was trained */
        put_source(o, &s, vocab);
        for (int i = 1; i < n; i++) put_id(o, others[i - 1], ends[i]);
    }
    source_release(&s);
    return rc;
}
