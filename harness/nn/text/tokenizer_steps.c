/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer_steps.c - what stands around the model in a tokenizer.json. See tokenizer_steps.h.
 *
 * For byte-level BPE: normalizer null or NFC, pre_tokenizer ByteLevel, Digits, Split and Sequence of them
 * with ByteLevel last, decoder ByteLevel. For WordPiece: BertNormalizer, BertPreTokenizer, decoder WordPiece.
 * For both the post_processor: which special token it puts before a text, and which behind it. */
#include "harness/nn/text/tokenizer_steps.h"

#include <string.h>

enum { NESTING_MAX = 16 };

int steps_refuse(struct err *e, const char *what, const char *name) {
    return err_set(e, ERR_USER, "%s '%.80s' is not implemented: " REMEDY, what, name);
}

bool steps_is_set(const json_t *j) { return j && !json_is_null(j) && !json_is_false(j); }

int steps_known(const json_t *o, const char *where, const char *const *keys, size_t n, struct err *e) {
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)o, key, v) {
        size_t i = 0;
        bool empty = (json_is_string(v) && !json_string_length(v)) ||
                     (json_is_array(v) && !json_array_size(v)) || (json_is_object(v) && !json_object_size(v));
        while (i < n && strcmp(keys[i], key) != 0) i++;
        if (i == n && steps_is_set(v) && !empty)
            return err_set(e, ERR_USER, "%s: not implemented (it may change the tokens): '%.80s'", where,
                           key);
    }
    return 0;
}

int steps_flag(const json_t *o, const char *key, bool dflt, bool *out, struct err *e) {
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

/* ---- normalizer, pre_tokenizer ------------------------------------------------------------------------- */

/* strip_accents null: as lowercase says. */
static int read_bert_normalizer(struct tokenizer *t, const json_t *j, struct err *e) {
    struct berttext *b = &t->normal_bert;
    int rc;
    if (t->bert) return err_set(e, ERR_USER, "two normalizers 'BertNormalizer' are not implemented: " REMEDY);
    if ((rc = steps_flag(j, "clean_text", true, &b->clean, e)) ||
        (rc = steps_flag(j, "handle_chinese_chars", true, &b->cjk, e)) ||
        (rc = steps_flag(j, "lowercase", true, &b->lower, e)) ||
        (rc = steps_flag(j, "strip_accents", b->lower, &b->strip, e)))
        return rc;
    t->bert = true;
    return 0;
}

static int read_normalizer(struct tokenizer *t, const json_t *j, bool wordpiece, int depth, struct err *e) {
    if (!j || json_is_null(j)) return 0;
    if (wordpiece && !strcmp(type_of(j), "BertNormalizer")) return read_bert_normalizer(t, j, e);
    if (!wordpiece && !strcmp(type_of(j), "NFC")) {
        t->nfc = true;
        return 0;
    }
    const json_t *list = json_object_get(j, "normalizers");
    if (strcmp(type_of(j), "Sequence") || !json_is_array(list) || depth > NESTING_MAX)
        return steps_refuse(e, "the normalizer", type_of(j));
    int rc = 0;
    for (size_t i = 0; i < json_array_size(list) && rc == 0; i++)
        rc = read_normalizer(t, json_array_get(list, i), wordpiece, depth + 1, e);
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
    if (b == ARRAY_LEN(names)) return steps_refuse(e, "the Split behavior", behavior);
    int rc = steps_flag(j, "invert", false, &invert, e);
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
        if ((rc = steps_flag(j, "add_prefix_space", true, &a, e)) ||
            (rc = steps_flag(j, "use_regex", true, &b, e)))
            return rc;
        pretok_add_bytelevel(t->pretok, a, b);
        t->prefix_space = a;
        *done = true;
        return 0;
    }
    if (!strcmp(type, "Digits")) {
        if ((rc = steps_flag(j, "individual_digits", false, &a, e))) return rc;
        pretok_add_digits(t->pretok, a);
        return 0;
    }
    if (!strcmp(type, "Split")) return read_split(t, j, e);
    return steps_refuse(e, "the pre_tokenizer", type);
}

/* ---- post_processor, decoder --------------------------------------------------------------------------- */

static int check_id(const struct tokenizer *t, const json_t *id, const char *name, int *ret, struct err *e) {
    size_t n;
    if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= BPE_MAX_ID ||
        !bpe_text(t->bpe, (int)json_integer_value(id), &n))
        return err_set(e, ERR_USER, "the token '%.80s' of the post_processor has no id in the vocabulary",
                       name);
    *ret = (int)json_integer_value(id);
    return 0;
}

/* The ids of a special token of a TemplateProcessing; *n of them. */
static int template_ids(const struct tokenizer *t, const json_t *tokens, const char *name, int ids[4], int *n,
                        struct err *e) {
    const json_t *list = json_object_get(json_object_get(tokens, name), "ids");
    int rc = 0;
    *n = (int)json_array_size(list);
    if (*n < 1 || *n > 4)
        return err_set(e, ERR_USER, "the token '%.80s' of the post_processor has %d ids: 1 to 4 are read",
                       name, *n);
    for (int i = 0; i < *n && !rc; i++) rc = check_id(t, json_array_get(list, (size_t)i), name, &ids[i], e);
    return rc;
}

/* A piece of a template: the special token's name or NULL, the sequence's letter or 0, its token type. */
struct item {
    const char *name;
    char sequence;
    int type;
};

static int read_item(const json_t *j, struct item *ret, struct err *e) {
    const json_t *special = json_object_get(j, "SpecialToken"), *text = json_object_get(j, "Sequence"),
                 *type = json_object_get(special ? special : text, "type_id");
    const char *id = json_string_value(json_object_get(special ? special : text, "id"));
    *ret = (struct item){.name = special ? id : NULL, .type = (int)json_integer_value(type)};
    if (text && id && !id[1]) ret->sequence = id[0];
    if (!ret->name && ret->sequence != 'A' && ret->sequence != 'B')
        return err_set(e, ERR_USER, "a piece of the post_processor's template is neither a token nor a text");
    if (json_integer_value(type) < 0 || json_integer_value(type) > 255)
        return err_set(e, ERR_USER, "a bad type_id in the post_processor's template");
    return 0;
}

/* TemplateProcessing of one text: at most one special token before it and one behind. */
static int read_single(struct tokenizer *t, const json_t *j, struct err *e) {
    const json_t *items = json_object_get(j, "single"), *tokens = json_object_get(j, "special_tokens");
    bool seen = false;
    struct item item;
    int rc = 0, ids[4], n;
    for (size_t i = 0; i < json_array_size(items) && !rc; i++) {
        if ((rc = read_item(json_array_get(items, i), &item, e))) return rc;
        int *slot = seen ? &t->eos_added : &t->bos;
        if (item.type)
            return steps_refuse(e, "the post_processor", "TemplateProcessing of one text with other types");
        if (!item.name) {
            if (seen) return steps_refuse(e, "the post_processor", "TemplateProcessing with the text twice");
            seen = true;
            continue;
        }
        rc = template_ids(t, tokens, item.name, ids, &n, e);
        if (!rc && (*slot >= 0 || n > 1))
            return steps_refuse(e, "the post_processor", "TemplateProcessing with two tokens on one side");
        *slot = ids[0];
    }
    if (!rc && !seen) rc = err_set(e, ERR_USER, "the post_processor's template of one text does not hold it");
    return rc;
}

static int read_two(struct tokenizer *t, const json_t *j, struct err *e) {
    const json_t *items = json_object_get(j, "pair"), *tokens = json_object_get(j, "special_tokens");
    struct item item;
    int rc = 0, ids[4], n, seen[2] = {0};
    for (size_t i = 0; i < json_array_size(items) && !rc; i++) {
        if ((rc = read_item(json_array_get(items, i), &item, e))) return rc;
        if (item.name) {
            rc = template_ids(t, tokens, item.name, ids, &n, e);
            for (int k = 0; k < n && !rc; k++) tokenizer_add_pair(t, ids[k], item.type);
        } else {
            seen[item.sequence - 'A']++;
            tokenizer_add_pair(t, item.sequence == 'A' ? TOKENIZER_FIRST : TOKENIZER_SECOND, item.type);
        }
    }
    if (!rc && json_array_size(items) && (seen[0] != 1 || seen[1] != 1))
        rc = err_set(e, ERR_USER, "the post_processor's template of two texts does not hold each once");
    return rc;
}

/* BertProcessing, RobertaProcessing: cls and sep as [text, id]. Of two texts BERT's has [CLS] a [SEP] b
 * [SEP] with type 1 from b on, RoBERTa's <s> a </s></s> b </s> of type 0. */
static int read_classic(struct tokenizer *t, const json_t *j, bool roberta, struct err *e) {
    const json_t *cls = json_object_get(j, "cls"), *sep = json_object_get(j, "sep");
    int rc = check_id(t, json_array_get(cls, 1), "cls", &t->bos, e);
    if (!rc) rc = check_id(t, json_array_get(sep, 1), "sep", &t->eos_added, e);
    if (rc) return rc;
    tokenizer_add_pair(t, t->bos, 0);
    tokenizer_add_pair(t, TOKENIZER_FIRST, 0);
    tokenizer_add_pair(t, t->eos_added, 0);
    if (roberta) tokenizer_add_pair(t, t->eos_added, 0);
    tokenizer_add_pair(t, TOKENIZER_SECOND, !roberta);
    tokenizer_add_pair(t, t->eos_added, !roberta);
    return 0;
}

static int read_postprocessor(struct tokenizer *t, const json_t *j, int depth, struct err *e) {
    const char *type = type_of(j);
    int rc = 0;
    if (!j || json_is_null(j) || !strcmp(type, "ByteLevel")) return 0;
    bool template = !strcmp(type, "TemplateProcessing"), roberta = !strcmp(type, "RobertaProcessing");
    if ((template || roberta || !strcmp(type, "BertProcessing")) &&
        (t->n_pair || t->bos >= 0 || t->eos_added >= 0))
        return steps_refuse(e, "the post_processor", "two that add tokens");
    if (template) return (rc = read_single(t, j, e)) ? rc : read_two(t, j, e);
    if (roberta || !strcmp(type, "BertProcessing")) return read_classic(t, j, roberta, e);
    const json_t *list = json_object_get(j, "processors");
    if (strcmp(type, "Sequence") || !json_is_array(list) || depth > NESTING_MAX)
        return steps_refuse(e, "the post_processor", type);
    for (size_t i = 0; i < json_array_size(list) && rc == 0; i++)
        rc = read_postprocessor(t, json_array_get(list, i), depth + 1, e);
    return rc;
}

static int check_decoder(const json_t *j, const char *wanted, int depth, struct err *e) {
    int rc = 0;
    if (!j || json_is_null(j) || !strcmp(type_of(j), wanted)) return 0;
    const json_t *list = json_object_get(j, "decoders");
    if (strcmp(type_of(j), "Sequence") || !json_is_array(list) || depth > NESTING_MAX)
        return steps_refuse(e, "the decoder", type_of(j));
    for (size_t i = 0; i < json_array_size(list) && rc == 0; i++)
        rc = check_decoder(json_array_get(list, i), wanted, depth + 1, e);
    return rc;
}

/* ---- all of them --------------------------------------------------------------------------------------- */

static int read_words(struct tokenizer *t, const json_t *pre, bool wordpiece, struct err *e) {
    bool byte_level = false;
    int rc = 0;
    if (wordpiece)
        return !strcmp(type_of(pre), "BertPreTokenizer")
                   ? 0
                   : steps_refuse(e, "WordPiece with the pre_tokenizer", type_of(pre));
    if (pre && !json_is_null(pre)) rc = read_pretokenizer(t, pre, 0, &byte_level, e);
    if (!rc && !byte_level)
        rc = err_set(
            e, ERR_USER,
            "a BPE without the pre_tokenizer ByteLevel (characters, not bytes) is not implemented: " REMEDY);
    return rc;
}

int steps_read(struct tokenizer *t, const json_t *root, bool wordpiece, struct err *e) {
    int rc = read_normalizer(t, json_object_get(root, "normalizer"), wordpiece, 0, e);
    if (!rc) rc = read_words(t, json_object_get(root, "pre_tokenizer"), wordpiece, e);
    if (!rc) rc = read_postprocessor(t, json_object_get(root, "post_processor"), 0, e);
    if (!rc)
        rc = check_decoder(json_object_get(root, "decoder"), wordpiece ? "WordPiece" : "ByteLevel", 0, e);
    return rc;
}
