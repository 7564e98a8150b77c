/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer_json.c - a tokenizer from Hugging Face's tokenizer.json. See tokenizer.h.
 *
 * Read: model BPE (vocab, merges as "a b" or ["a","b"], ignore_merges) or WordPiece (vocab, unk_token,
 * continuing_subword_prefix, max_input_chars_per_word), added_tokens, and the steps around the model
 * (tokenizer_steps.c). Truncation and padding are left to the caller. Whatever else would change ids is
 * refused by name. vocab.txt is brought into the form of a tokenizer.json and read as one. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "harness/nn/text/tokenizer_steps.h"

/* ---- model --------------------------------------------------------------------------------------------- */

static int check_bpe(const json_t *m, struct err *e) {
    const char *const affixes[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    bool fallback;
    int rc = steps_flag(m, "byte_fallback", false, &fallback, e);
    if (rc) return rc;
    if (fallback) return steps_refuse(e, "the SentencePiece-style option", "byte_fallback");
    for (size_t i = 0; i < ARRAY_LEN(affixes); i++) {
        const json_t *a = json_object_get(m, affixes[i]);
        if (steps_is_set(a) && !(json_is_string(a) && json_string_length(a) == 0))
            return steps_refuse(e, "the option", affixes[i]);
    }
    const json_t *dropout = json_object_get(m, "dropout");
    if (steps_is_set(dropout) && !(json_is_number(dropout) && json_number_value(dropout) == 0))
        return steps_refuse(e, "the option", "dropout");
    if (!json_is_array(json_object_get(m, "merges")))
        return err_set(e, ERR_USER, "'model.merges' is not an array");
    return 0;
}

/* truncation and padding are of a call, and transformers sets them anew. */
static const char *const root_keys[] = {"version",        "truncation", "padding",
                                        "added_tokens",   "normalizer", "pre_tokenizer",
                                        "post_processor", "decoder",    "model"};
/* fuse_unk and unk_token count where a byte has no token, which seal_bpe refuses. */
static const char *const model_keys[] = {"type",
                                         "vocab",
                                         "merges",
                                         "unk_token",
                                         "continuing_subword_prefix",
                                         "end_of_word_suffix",
                                         "fuse_unk",
                                         "byte_fallback",
                                         "ignore_merges",
                                         "dropout",
                                         "max_input_chars_per_word"};

static int check_model(const json_t *m, bool *wordpiece, struct err *e) {
    const json_t *type = json_object_get(m, "type");
    if (!json_is_object(m)) return err_set(e, ERR_USER, "there is no object 'model'");
    if (type && !json_is_string(type)) return err_set(e, ERR_USER, "'model.type' is not a string");
    *wordpiece = type && !strcmp(json_string_value(type), "WordPiece");
    if (type && !*wordpiece && strcmp(json_string_value(type), "BPE") != 0)
        return steps_refuse(e, "the tokenizer model", json_string_value(type));
    if (!json_is_object(json_object_get(m, "vocab")))
        return err_set(e, ERR_USER, "'model.vocab' is not an object");
    return *wordpiece ? 0 : check_bpe(m, e);
}

static int check_id(const json_t *id, const char *text, struct err *e) {
    if (!json_is_integer(id)) return err_set(e, ERR_USER, "the id of token '%.80s' is not an integer", text);
    if (json_integer_value(id) < 0 || json_integer_value(id) >= BPE_MAX_ID)
        return err_set(e, ERR_USER,
                       "the id of token '%.80s' is %lld (0 to %d can be read): the file is damaged", text,
                       (long long)json_integer_value(id), BPE_MAX_ID - 1);
    return 0;
}

static int add_vocab(struct tokenizer *t, json_t *vocab, struct err *e) {
    const char *text;
    json_t *id;
    json_object_foreach(vocab, text, id) {
        int rc = check_id(id, text, e);
        if (rc) return rc;
        if (bpe_add_token(t->bpe, text, strlen(text), (int)json_integer_value(id), true) != BPE_ADDED)
            return err_set(e, ERR_USER, "the id %lld of token '%.80s' belongs to another token too",
                           (long long)json_integer_value(id), text);
    }
    return 0;
}

static int add_merge(struct tokenizer *t, const json_t *m, size_t i, struct err *e) {
    const char *left = NULL, *right = NULL;
    size_t n_left = 0, n_right = 0;
    if (json_is_string(m)) {
        const char *s = json_string_value(m), *space;
        size_t n = json_string_length(m);
        if (n >= 8 && !memcmp(s, "#version", 8)) return 0;
        space = memchr(s, ' ', n);
        if (space && !memchr(space + 1, ' ', n - (size_t)(space + 1 - s))) {
            left = s, n_left = (size_t)(space - s);
            right = space + 1, n_right = n - n_left - 1;
        }
    } else if (json_is_array(m) && json_array_size(m) == 2) {
        const json_t *l = json_array_get(m, 0), *r = json_array_get(m, 1);
        left = json_string_value(l), n_left = json_string_length(l);
        right = json_string_value(r), n_right = json_string_length(r);
    }
    if (!left || !right || n_left == 0 || n_right == 0)
        return err_set(e, ERR_USER, "merge %zu is neither \"left right\" nor [\"left\", \"right\"]", i);
    enum bpe_merge rc = bpe_add_merge(t->bpe, left, n_left, right, n_right);
    if (rc == BPE_MERGED) return 0;
    return err_set(e, ERR_USER, "merge %zu ('%.80s' + '%.80s'): %s is not in the vocabulary", i, left, right,
                   rc == BPE_NO_LEFT    ? "the left one"
                   : rc == BPE_NO_RIGHT ? "the right one"
                                        : "what they give");
}

static int add_merges(struct tokenizer *t, const json_t *merges, struct err *e) {
    int rc = 0;
    for (size_t i = 0; i < json_array_size(merges) && rc == 0; i++)
        rc = add_merge(t, json_array_get(merges, i), i, e);
    return rc;
}

/* ---- added tokens -------------------------------------------------------------------------------------- */

static int add_added(struct tokenizer *t, const json_t *j, size_t i, struct err *e) {
    const json_t *content = json_object_get(j, "content"), *id = json_object_get(j, "id");
    struct added a = {0};
    int rc;
    if (!json_is_string(content)) return err_set(e, ERR_USER, "added_tokens[%zu] has no string 'content'", i);
    a.text = (char *)json_string_value(content);
    a.n = json_string_length(content);
    if (a.n > ADDED_TEXT_MAX)
        return err_set(e, ERR_USER, "added_tokens[%zu] has a text of %zu bytes", i, a.n);
    if ((rc = check_id(id, a.text, e))) return rc;
    a.id = (int)json_integer_value(id);
    if ((rc = steps_flag(j, "special", false, &a.special, e)) ||
        (rc = steps_flag(j, "lstrip", false, &a.lstrip, e)) ||
        (rc = steps_flag(j, "rstrip", false, &a.rstrip, e)) ||
        (rc = steps_flag(j, "single_word", false, &a.single_word, e)) ||
        (rc = steps_flag(j, "normalized", !a.special, &a.normalized, e)))
        return rc;
    int known = bpe_id(t->bpe, a.text, a.n);
    if (known >= 0 && known != a.id)
        return err_set(e, ERR_USER, "the added token '%.80s' has id %d, but %d in the vocabulary", a.text,
                       a.id, known);
    if (known < 0 && bpe_add_token(t->bpe, a.text, a.n, a.id, false) != BPE_ADDED)
        return err_set(e, ERR_USER, "the id %d of the added token '%.80s' belongs to another token too", a.id,
                       a.text);
    tokenizer_add_added(t, &a);
    return 0;
}

static int add_all_added(struct tokenizer *t, const json_t *list, struct err *e) {
    int rc = 0;
    if (!list || json_is_null(list)) return 0;
    if (!json_is_array(list)) return err_set(e, ERR_USER, "'added_tokens' is not an array");
    for (size_t i = 0; i < json_array_size(list) && rc == 0; i++)
        rc = add_added(t, json_array_get(list, i), i, e);
    return rc;
}

/* ---- the file ------------------------------------------------------------------------------------------ */

static int seal_bpe(struct tokenizer *t, const json_t *model, struct err *e) {
    const json_t *unk = json_object_get(model, "unk_token");
    bool ignore_merges;
    int rc = steps_flag(model, "ignore_merges", false, &ignore_merges, e);
    if (rc) return rc;
    int missing = tokenizer_seal(t, ignore_merges);
    if (missing > 0 && json_is_string(unk))
        return err_set(e, ERR_USER,
                       "an unknown token ('%.80s') with %d of the 256 bytes missing from the vocabulary is "
                       "not implemented: " REMEDY,
                       json_string_value(unk), missing);
    return 0;
}

static int seal_wordpiece(struct tokenizer *t, const json_t *model, struct err *e) {
    const json_t *prefix = json_object_get(model, "continuing_subword_prefix"),
                 *unk = json_object_get(model, "unk_token"),
                 *max = json_object_get(model, "max_input_chars_per_word");
    const char *unknown = unk ? json_string_value(unk) : "[UNK]";
    if (!unknown || (prefix && !json_is_string(prefix)))
        return err_set(e, ERR_USER, "'%s' is not a string",
                       unknown ? "continuing_subword_prefix" : "unk_token");
    if (max && (!json_is_integer(max) || json_integer_value(max) < 0 || json_integer_value(max) > 1 << 20))
        return err_set(e, ERR_USER, "'max_input_chars_per_word' is no length of a word");
    int id = bpe_model_id(t->bpe, unknown, strlen(unknown));
    if (id < 0)
        return err_set(
            e, ERR_USER,
            "the unknown token '%.80s' is not in the vocabulary: the file is damaged, fetch it again",
            unknown);
    tokenizer_seal(t, false);
    t->wordpiece = wordpiece_new(t->bpe, prefix ? json_string_value(prefix) : "##",
                                 max ? (int)json_integer_value(max) : 100, id);
    return 0;
}

static int read_tokenizer(struct tokenizer **ret, const json_t *root, struct err *e) {
    const json_t *model = json_object_get(root, "model");
    bool wordpiece = false;
    int rc;
    if (!json_is_object(root)) return err_set(e, ERR_USER, "the file does not hold a JSON object");
    if ((rc = check_model(model, &wordpiece, e)) ||
        (rc = steps_known(root, "the file", root_keys, ARRAY_LEN(root_keys), e)) ||
        (rc = steps_known(model, "'model'", model_keys, ARRAY_LEN(model_keys), e)))
        return rc;
    json_t *vocab = json_object_get(model, "vocab");
    const json_t *merges = wordpiece ? NULL : json_object_get(model, "merges");
    if (json_object_size(vocab) > BPE_MAX_ID || json_array_size(merges) > 4 * (size_t)BPE_MAX_ID)
        return err_set(e, ERR_USER, "the vocabulary or the merges are too many (%d tokens can be read)",
                       BPE_MAX_ID);
    struct tokenizer *t = *ret = tokenizer_new((int)json_object_size(vocab), (int)json_array_size(merges));
    if ((rc = add_vocab(t, vocab, e)) || (rc = add_merges(t, merges, e)) ||
        (rc = add_all_added(t, json_object_get(root, "added_tokens"), e)) ||
        (rc = steps_read(t, root, wordpiece, e)))
        return rc;
    return wordpiece ? seal_wordpiece(t, model, e) : seal_bpe(t, model, e);
}

/* The tokenizer of `root`; errors are those of file `path`. */
static int open_root(struct tokenizer **ret, const json_t *root, const char *path, struct err *e) {
    *ret = NULL;
    int rc = read_tokenizer(ret, root, e);
    if (!rc) return 0;
    err_wrap(e, "%s", path);
    tokenizer_free(*ret);
    *ret = NULL;
    return rc;
}

/* The JSON of a file; NULL with e filled. flags: jansson's (a length without end is no integer of 64 bits).
 * */
static json_t *load_json(const char *path, size_t flags, struct err *e) {
    struct map m;
    json_error_t at;
    if (map_open(&m, path, e)) return NULL;
    json_t *root = m.size ? json_loadb((const char *)m.data, m.size,
                                       JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | flags, &at)
                          : NULL;
    if (!root && m.size)
        err_set(e, ERR_USER, "%s:%d: not valid JSON: %s: the file is damaged or cut off, fetch it again",
                path, at.line, at.text);
    else if (!root)
        err_set(e, ERR_USER, "%s: the file is empty: fetch it again", path);
    map_close(&m);
    return root;
}

int tokenizer_open_json(struct tokenizer **ret, const char *path, struct err *e) {
    struct err local = {0};
    if (!e) e = &local;
    *ret = NULL;
    json_t *root = load_json(path, 0, e);
    int rc = root ? open_root(ret, root, path, e) : e->code;
    json_decref(root);
    return rc;
}

/* ---- vocab.txt ----------------------------------------------------------------------------------------- */

/* {token: line number from 0}. NULL with e filled. */
static json_t *vocab_lines(const char *path, struct err *e) {
    struct map m;
    if (map_open(&m, path, e)) return NULL;
    json_t *vocab = json_object();
    const char *s = (const char *)m.data, *end = s + m.size;
    int rc = m.size ? 0 : err_set(e, ERR_USER, "%s: the file is empty: fetch it again", path);
    for (int line = 0; s < end && !rc; line++) {
        const char *nl = memchr(s, '\n', (size_t)(end - s));
        size_t n = (size_t)((nl ? nl : end) - s);
        const char *next = s + n + (nl != NULL);
        if (n && s[n - 1] == '\r') n--;
        if (memchr(s, 0, n) || utf8_valid_prefix(s, n) != n)
            rc = err_set(e, ERR_USER, "%s:%d: not a token in UTF-8: the file is damaged, fetch it again",
                         path, line + 1);
        else if (json_object_getn(vocab, s, n))
            rc = err_set(e, ERR_USER,
                         "%s:%d: the token '%.*s' is there twice: the file is damaged, fetch it again", path,
                         line + 1, (int)MIN_OF(n, 80), s);
        else
            json_object_setn_new(vocab, s, n, json_integer(line));
        s = next;
    }
    map_close(&m);
    if (!rc) return vocab;
    json_decref(vocab);
    return NULL;
}

/* The five special tokens: as named in the config, in this order. */
static const struct {
    const char *key, *def;
} specials[] = {{"unk_token", "[UNK]"},
                {"sep_token", "[SEP]"},
                {"pad_token", "[PAD]"},
                {"cls_token", "[CLS]"},
                {"mask_token", "[MASK]"}};
enum { SPECIAL_UNK, SPECIAL_SEP, SPECIAL_PAD, SPECIAL_CLS };

/* A name, or an object with the name as its content. */
static const char *special_name(const json_t *config, size_t i) {
    const json_t *v = json_object_get(config, specials[i].key);
    const char *name = json_string_value(json_is_object(v) ? json_object_get(v, "content") : v);
    return name ? name : specials[i].def;
}

/* Those of the vocabulary. */
static json_t *special_list(const json_t *config, const json_t *vocab) {
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_LEN(specials); i++) {
        const char *name = special_name(config, i);
        json_t *id = json_object_get(vocab, name);
        if (id)
            json_array_append_new(
                list, json_pack("{ss,sO,sb,sb}", "content", name, "id", id, "special", 1, "normalized", 0));
    }
    return list;
}

/* The same tokenizer as a tokenizer.json; NULL with e filled. Steals vocab. */
static json_t *vocab_root(json_t *vocab, const json_t *config, struct err *e) {
    static const char *const keys[] = {"tokenize_chinese_chars", "do_lower_case"};
    const char *cls = special_name(config, SPECIAL_CLS), *sep = special_name(config, SPECIAL_SEP),
               *class = json_string_value(json_object_get(config, "tokenizer_class"));
    json_t *root = NULL, *strip = json_object_get(config, "strip_accents");
    bool flag[ARRAY_LEN(keys)];
    int rc = class && strncmp(class, "BertTokenizer", 13) != 0
                 ? steps_refuse(e, "vocab.txt with the tokenizer_class", class)
                 : 0;
    for (size_t i = 0; i < ARRAY_LEN(keys) && !rc; i++) rc = steps_flag(config, keys[i], true, &flag[i], e);
    if (!rc && (!json_object_get(vocab, cls) || !json_object_get(vocab, sep)))
        rc = err_set(e, ERR_USER, "the token '%.80s' is not in vocab.txt",
                     json_object_get(vocab, cls) ? sep : cls);
    if (!rc)
        root = json_pack("{s:{ss,ss,sO}, so, s:{ss,sb,sb,sO}, s:{ss}, s:{ss,s:[sO],s:[sO]}}", "model", "type",
                         "WordPiece", "unk_token", special_name(config, SPECIAL_UNK), "vocab", vocab,
                         "added_tokens", special_list(config, vocab), "normalizer", "type", "BertNormalizer",
                         "handle_chinese_chars", flag[0], "lowercase", flag[1], "strip_accents",
                         strip ? strip : json_null(), "pre_tokenizer", "type", "BertPreTokenizer",
                         "post_processor", "type", "BertProcessing", "cls", cls, json_object_get(vocab, cls),
                         "sep", sep, json_object_get(vocab, sep));
    json_decref(vocab);
    return root;
}

int tokenizer_open_vocab(struct tokenizer **ret, const char *dir, struct err *e) {
    struct err local = {0};
    if (!e) e = &local;
    *ret = NULL;
    char *path = path_join(dir, "vocab.txt"), *beside = path_join(dir, "tokenizer_config.json");
    json_t *config = file_exists(beside) ? load_json(beside, JSON_DECODE_INT_AS_REAL, e) : json_object(),
           *vocab = config ? vocab_lines(path, e) : NULL;
    json_t *root = vocab ? vocab_root(vocab, config, e) : NULL;
    if (vocab && !root) err_wrap(e, "%s", beside);
    int rc = root ? open_root(ret, root, path, e) : e->code;
    json_decref(root);
    json_decref(config);
    free(path);
    free(beside);
    return rc;
}
