/* tokenizer_json.c - a tokenizer from Hugging Face's tokenizer.json. See tokenizer.h.
 *
 * Read: model BPE (vocab, merges as "a b" or ["a","b"], ignore_merges), added_tokens, normalizer null or NFC,
 * pre_tokenizer ByteLevel, Digits, Split and Sequence of them with ByteLevel last, post_processor (only
 * whether it puts a start token in front), decoder ByteLevel. Truncation and padding are left to the caller.
 * Whatever else would change ids is refused by name. */
#include "harness/nn/tokenizer_impl.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define REMEDY "use a model with a byte-level BPE tokenizer (GPT-2, Llama 3, Qwen, SmolLM, ...)"

enum { NESTING_MAX = 16, NAME_MAX_SHOWN = 80 };

static int refuse(struct err *e, const char *what, const char *name) {
    return err_set(e, ERR_USER, "%s '%.80s' is not implemented: " REMEDY, what, name);
}

static bool is_set(const json_t *j) { return j && !json_is_null(j) && !json_is_false(j); }

/* A flag of an object: absent or null is `dflt`. */
static int get_flag(const json_t *o, const char *key, bool dflt, bool *out, struct err *e) {
    const json_t *j = json_object_get(o, key);
    *out = dflt;
    if (!j || json_is_null(j)) return 0;
    if (!json_is_boolean(j)) return err_set(e, ERR_USER, "'%s' is neither true nor false", key);
    *out = json_is_true(j);
    return 0;
}

/* "type" of a component, "" where it has none. */
static const char *type_of(const json_t *o) {
    const char *s = json_string_value(json_object_get(o, "type"));
    return s ? s : "";
}

/* ---- model */

static int check_model(const json_t *m, struct err *e) {
    const json_t *type = json_object_get(m, "type");
    const char *const affixes[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    bool fallback;
    if (!json_is_object(m)) return err_set(e, ERR_USER, "there is no object 'model'");
    if (type && !json_is_string(type)) return err_set(e, ERR_USER, "'model.type' is not a string");
    if (type && strcmp(json_string_value(type), "BPE"))
        return refuse(e, "the tokenizer model", json_string_value(type));
    int rc = get_flag(m, "byte_fallback", false, &fallback, e);
    if (rc) return rc;
    if (fallback) return refuse(e, "the SentencePiece-style option", "byte_fallback");
    for (size_t i = 0; i < ARRAY_LEN(affixes); i++) {
        const json_t *a = json_object_get(m, affixes[i]);
        if (is_set(a) && !(json_is_string(a) && json_string_length(a) == 0))
            return refuse(e, "the option", affixes[i]);
    }
    const json_t *dropout = json_object_get(m, "dropout");
    if (is_set(dropout) && !(json_is_number(dropout) && json_number_value(dropout) == 0))
        return refuse(e, "the option", "dropout");
    if (!json_is_object(json_object_get(m, "vocab")))
        return err_set(e, ERR_USER, "'model.vocab' is not an object");
    if (!json_is_array(json_object_get(m, "merges")))
        return err_set(e, ERR_USER, "'model.merges' is not an array");
    return 0;
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

/* ---- added tokens */

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
    if ((rc = get_flag(j, "special", false, &a.special, e)) ||
        (rc = get_flag(j, "lstrip", false, &a.lstrip, e)) ||
        (rc = get_flag(j, "rstrip", false, &a.rstrip, e)) ||
        (rc = get_flag(j, "single_word", false, &a.single_word, e)) ||
        (rc = get_flag(j, "normalized", !a.special, &a.normalized, e)))
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

/* ---- normalizer, pre_tokenizer */

static int read_normalizer(struct tokenizer *t, const json_t *j, int depth, struct err *e) {
    if (!j || json_is_null(j)) return 0;
    if (!strcmp(type_of(j), "NFC")) {
        t->nfc = true;
        return 0;
    }
    const json_t *list = json_object_get(j, "normalizers");
    if (strcmp(type_of(j), "Sequence") || !json_is_array(list) || depth > NESTING_MAX)
        return refuse(e, "the normalizer", type_of(j));
    int rc = 0;
    for (size_t i = 0; i < json_array_size(list) && rc == 0; i++)
        rc = read_normalizer(t, json_array_get(list, i), depth + 1, e);
    return rc;
}

static int read_split(struct tokenizer *t, const json_t *j, struct err *e) {
    static const char *const names[] = {[SPLIT_REMOVED] = "Removed",
                                        [SPLIT_ISOLATED] = "Isolated",
                                        [SPLIT_WITH_PREVIOUS] = "MergedWithPrevious",
                                        [SPLIT_WITH_NEXT] = "MergedWithNext",
                                        [SPLIT_CONTIGUOUS] = "Contiguous"};
    const json_t *pattern = json_object_get(j, "pattern");
    const json_t *regex = json_object_get(pattern, "Regex"), *plain = json_object_get(pattern, "String");
    const json_t *s = regex ? regex : plain;
    const char *behavior = json_string_value(json_object_get(j, "behavior"));
    bool invert;
    size_t b = 0;
    if (!json_is_string(s)) return err_set(e, ERR_USER, "a Split has no pattern of kind 'Regex' or 'String'");
    if (!behavior) return err_set(e, ERR_USER, "a Split has no 'behavior'");
    while (b < ARRAY_LEN(names) && strcmp(names[b], behavior)) b++;
    if (b == ARRAY_LEN(names)) return refuse(e, "the Split behavior", behavior);
    int rc = get_flag(j, "invert", false, &invert, e);
    if (rc) return rc;
    if (strlen(json_string_value(s)) != json_string_length(s))
        return err_set(e, ERR_USER, "a Split pattern holds a NUL");
    return pretok_add_split(t->pretok, json_string_value(s), json_string_length(s), !regex,
                            (enum split_behavior)b, invert, e);
}

/* *done: ByteLevel has been read; nothing may follow it, since it would see the byte alphabet instead of the
 * text. */
static int read_pretokenizer(struct tokenizer *t, const json_t *j, int depth, bool *done, struct err *e) {
    const char *type = type_of(j);
    bool a, b;
    int rc = 0;
    if (!json_is_object(j)) return err_set(e, ERR_USER, "a pre_tokenizer is not an object");
    if (!strcmp(type, "Sequence")) {
        const json_t *list = json_object_get(j, "pretokenizers");
        if (!json_is_array(list))
            return err_set(e, ERR_USER, "a pre_tokenizer Sequence has no array 'pretokenizers'");
        if (depth > NESTING_MAX)
            return err_set(e, ERR_USER, "pre_tokenizers are nested more than %d deep", NESTING_MAX);
        for (size_t i = 0; i < json_array_size(list) && rc == 0; i++)
            rc = read_pretokenizer(t, json_array_get(list, i), depth + 1, done, e);
        return rc;
    }
    if (*done)
        return err_set(e, ERR_USER, "the pre_tokenizer '%.80s' after ByteLevel is not implemented: " REMEDY,
                       type);
    if (!strcmp(type, "ByteLevel")) {
        if ((rc = get_flag(j, "add_prefix_space", true, &a, e)) ||
            (rc = get_flag(j, "use_regex", true, &b, e)))
            return rc;
        pretok_add_bytelevel(t->pretok, a, b);
        *done = true;
        return 0;
    }
    if (!strcmp(type, "Digits")) {
        if ((rc = get_flag(j, "individual_digits", false, &a, e))) return rc;
        pretok_add_digits(t->pretok, a);
        return 0;
    }
    if (!strcmp(type, "Split")) return read_split(t, j, e);
    return refuse(e, "the pre_tokenizer", type);
}

/* ---- post_processor, decoder */

/* The id of a TemplateProcessing's first item where that is a special token before the text. */
static int read_template(struct tokenizer *t, const json_t *j, struct err *e) {
    const json_t *first = json_array_get(json_object_get(j, "single"), 0);
    const char *name = json_string_value(json_object_get(json_object_get(first, "SpecialToken"), "id"));
    if (!name) return 0;
    const json_t *token = json_object_get(json_object_get(j, "special_tokens"), name);
    const json_t *id = json_array_get(json_object_get(token, "ids"), 0);
    size_t n;
    if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= BPE_MAX_ID ||
        !bpe_text(t->bpe, (int)json_integer_value(id), &n))
        return err_set(e, ERR_USER,
                       "the start token '%.80s' of the post_processor has no id in the vocabulary", name);
    t->bos = (int)json_integer_value(id);
    return 0;
}

static int read_postprocessor(struct tokenizer *t, const json_t *j, int depth, struct err *e) {
    const char *type = type_of(j);
    int rc = 0;
    if (!j || json_is_null(j) || !strcmp(type, "ByteLevel")) return 0;
    if (!strcmp(type, "TemplateProcessing")) return read_template(t, j, e);
    const json_t *list = json_object_get(j, "processors");
    if (strcmp(type, "Sequence") || !json_is_array(list) || depth > NESTING_MAX)
        return refuse(e, "the post_processor", type);
    for (size_t i = 0; i < json_array_size(list) && rc == 0; i++)
        rc = read_postprocessor(t, json_array_get(list, i), depth + 1, e);
    return rc;
}

static int check_decoder(const json_t *j, int depth, struct err *e) {
    int rc = 0;
    if (!j || json_is_null(j) || !strcmp(type_of(j), "ByteLevel")) return 0;
    const json_t *list = json_object_get(j, "decoders");
    if (strcmp(type_of(j), "Sequence") || !json_is_array(list) || depth > NESTING_MAX)
        return refuse(e, "the decoder", type_of(j));
    for (size_t i = 0; i < json_array_size(list) && rc == 0; i++)
        rc = check_decoder(json_array_get(list, i), depth + 1, e);
    return rc;
}

/* ---- the file */

static int read_tokenizer(struct tokenizer **ret, const json_t *root, struct err *e) {
    const json_t *model = json_object_get(root, "model");
    const json_t *pre = json_object_get(root, "pre_tokenizer");
    bool byte_level = false, ignore_merges;
    int rc;
    if (!json_is_object(root)) return err_set(e, ERR_USER, "the file does not hold a JSON object");
    if ((rc = check_model(model, e)) || (rc = get_flag(model, "ignore_merges", false, &ignore_merges, e)))
        return rc;
    json_t *vocab = json_object_get(model, "vocab");
    const json_t *merges = json_object_get(model, "merges");
    if (json_object_size(vocab) > BPE_MAX_ID || json_array_size(merges) > 4 * (size_t)BPE_MAX_ID)
        return err_set(e, ERR_USER, "the vocabulary or the merges are too many (%d tokens can be read)",
                       BPE_MAX_ID);
    struct tokenizer *t = *ret = tokenizer_new((int)json_object_size(vocab), (int)json_array_size(merges));
    if ((rc = add_vocab(t, vocab, e)) || (rc = add_merges(t, merges, e)) ||
        (rc = add_all_added(t, json_object_get(root, "added_tokens"), e)) ||
        (rc = read_normalizer(t, json_object_get(root, "normalizer"), 0, e)))
        return rc;
    if (pre && !json_is_null(pre) && (rc = read_pretokenizer(t, pre, 0, &byte_level, e))) return rc;
    if (!byte_level)
        return err_set(
            e, ERR_USER,
            "a BPE without the pre_tokenizer ByteLevel (characters, not bytes) is not implemented: " REMEDY);
    if ((rc = read_postprocessor(t, json_object_get(root, "post_processor"), 0, e)) ||
        (rc = check_decoder(json_object_get(root, "decoder"), 0, e)))
        return rc;
    int missing = tokenizer_seal(t, ignore_merges);
    const json_t *unk = json_object_get(model, "unk_token");
    if (missing > 0 && json_is_string(unk))
        return err_set(
            e, ERR_USER,
            "an unknown token ('%.80s') with %d of the 256 bytes missing from the vocabulary is not implemented: " REMEDY,
            json_string_value(unk), missing);
    return 0;
}

int tokenizer_open_json(struct tokenizer **ret, const char *path, struct err *e) {
    struct map m;
    json_error_t at;
    *ret = NULL;
    int rc = map_open(&m, path, e);
    if (rc) return rc;
    json_t *root =
        m.size ? json_loadb((const char *)m.data, m.size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &at)
               : NULL;
    if (!root) {
        rc = m.size ? err_set(e, ERR_USER,
                              "%s:%d: not valid JSON: %s: the file is damaged or cut off, fetch it again",
                              path, at.line, at.text)
                    : err_set(e, ERR_USER, "%s: the file is empty: fetch it again", path);
    } else {
        rc = read_tokenizer(ret, root, e);
        if (rc) err_wrap(e, "%s", path);
    }
    json_decref(root);
    map_close(&m);
    if (rc) {
        tokenizer_free(*ret);
        *ret = NULL;
    }
    return rc;
}
