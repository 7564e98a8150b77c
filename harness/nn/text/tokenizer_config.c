/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer_config.c - what stands beside a folder's tokenizer: tokenizer_config.json and, for special tokens
 * that it does not name, the older special_tokens_map.json. */
#include <stdlib.h>
#include <string.h>

#include "harness/base/util.h"
#include "harness/nn/text/tokenizer_steps.h"

enum { CONFIG_LIMIT = 16 << 20 };

/* *ret NULL: there is no such file. A length without end (1e30) is no integer of 64 bits: all are reals. */
static int read_config(const char *dir, const char *name, json_t **ret, struct err *e) {
    char *path = path_join(dir, name);
    struct strbuf b = {0};
    json_error_t at;
    int rc = 0;
    *ret = NULL;
    if (file_exists(path) && !(rc = file_read(path, CONFIG_LIMIT, &b, e))) {
        *ret = json_loadb(b.s ? b.s : "", b.len, JSON_DECODE_INT_AS_REAL, &at);
        if (!json_is_object(*ret)) {
            rc = err_set(e, ERR_USER, "%s:%d: not a JSON object: the file is damaged, fetch it again", path,
                         *ret ? 1 : at.line);
            json_decref(*ret);
            *ret = NULL;
        }
    }
    strbuf_release(&b);
    free(path);
    return rc;
}

/* A token that is named there, as text or as an object with its content: its id, or -1. */
static int named_id(const struct tokenizer *t, const json_t *config, const char *key) {
    const json_t *v = json_object_get(config, key);
    const char *name = json_string_value(json_is_object(v) ? json_object_get(v, "content") : v);
    return name ? tokenizer_id(t, name) : -1;
}

/* Does the tokenizer's class hand token types to the model? model_input_names says; where it is absent, the
 * classes of BERT's kin do, and a folder without a word is read as its architecture's. */
static bool hands_types(const json_t *config) {
    static const char *const kin[] = {"BertTokenizer", "MobileBertTokenizer", "DPR", "LxmertTokenizer"};
    const json_t *names = json_object_get(config, "model_input_names");
    const char *class = json_string_value(json_object_get(config, "tokenizer_class"));
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (name && !strcmp(name, "token_type_ids")) return true;
    }
    for (size_t i = 0; class && i < ARRAY_LEN(kin); i++)
        if (!strncmp(class, kin[i], strlen(kin[i]))) return !json_is_array(names);
    return !json_is_array(names) && !class;
}

static void drop_types(struct tokenizer *t) {
    if (!t->n_pair) {
        tokenizer_add_pair(t, TOKENIZER_FIRST, 0);
        tokenizer_add_pair(t, TOKENIZER_SECOND, 0);
    }
    for (int i = 0; i < t->n_pair; i++) t->pair[i].type = 0;
}

/* Fields that are read (here, by the model, by a sentence encoder, by the chat template), or that change no
 * ids: names of tokens, how a call pads and cuts, how text is made of ids, where the file came from. */
static const char *const known[] = {
    "tokenizer_class", "model_input_names", "model_max_length", "eos_token", "chat_template", "do_lower_case",
    "strip_accents", "tokenize_chinese_chars", "add_bos_token", "add_eos_token", "add_prefix_space",
    "truncation_side", "split_special_tokens", "added_tokens_decoder",
    /* harmless */
    "bos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token",
    "additional_special_tokens", "extra_special_tokens", "model_specific_special_tokens", "padding_side",
    "pad_to_multiple_of", "pad_token_type_id", "max_length", "max_len", "stride", "truncation_strategy",
    "padding", "truncation", "clean_up_tokenization_spaces", "errors", "trim_offsets", "legacy",
    "use_default_system_prompt", "name_or_path", "special_tokens_map_file", "tokenizer_file", "vocab_file",
    "merges_file", "backend", "is_local", "local_files_only", "processor_class", "from_slow", "use_fast",
    "do_basic_tokenize", "response_template", "response_schema", "language", "verbose", "return_tensors",
    "__type", "_commit_hash"};

/* Lower case and the like stand in tokenizer.json too: where both speak they must agree. */
static int check_bert(const struct tokenizer *t, const json_t *config, struct err *e) {
    const struct {
        const char *key;
        bool value;
    } flags[] = {{"do_lower_case", t->normal_bert.lower},
                 {"strip_accents", t->normal_bert.strip},
                 {"tokenize_chinese_chars", t->normal_bert.cjk}};
    for (size_t i = 0; t->bert && i < ARRAY_LEN(flags); i++) {
        const json_t *v = json_object_get(config, flags[i].key);
        if (json_is_boolean(v) && json_is_true(v) != flags[i].value)
            return err_set(e, ERR_USER, "'%s' is not what tokenizer.json has: which one holds?",
                           flags[i].key);
    }
    return 0;
}

/* Tokens that tokenizer.json lacks would be added. */
static int check_added(const struct tokenizer *t, const json_t *added, struct err *e) {
    const char *id;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)added, id, v) {
        const char *text = json_string_value(json_object_get(v, "content"));
        if (!text || tokenizer_id(t, text) != atoi(id))
            return err_set(e, ERR_USER,
                           "added_tokens_decoder: token %.20s ('%.80s') is not in tokenizer.json", id,
                           text ? text : "");
    }
    return 0;
}

/* add_bos_token and add_eos_token: where one of them stands, both say what is added around a text, whatever
 * the post_processor says, as in transformers. */
static void apply_added(struct tokenizer *t, const json_t *config) {
    const json_t *b = json_object_get(config, "add_bos_token"), *x = json_object_get(config, "add_eos_token");
    int bos = json_is_true(b) ? named_id(t, config, "bos_token") : -1,
        eos = json_is_true(x) ? named_id(t, config, "eos_token") : -1;
    if (!json_is_boolean(b) && !json_is_boolean(x)) return;
    t->bos = bos, t->eos_added = eos, t->n_pair = 0;
    for (int second = 0; second < 2; second++) {
        if (bos >= 0) tokenizer_add_pair(t, bos, second);
        tokenizer_add_pair(t, second ? TOKENIZER_SECOND : TOKENIZER_FIRST, second);
        if (eos >= 0) tokenizer_add_pair(t, eos, second);
    }
}

static int check_config(struct tokenizer *t, const json_t *config, struct err *e) {
    const char *side = json_string_value(json_object_get(config, "truncation_side"));
    int rc = steps_known(config, "tokenizer_config.json", known, ARRAY_LEN(known), e);
    if (!rc && side && strcmp(side, "right") != 0) rc = steps_refuse(e, "truncation_side", side);
    if (!rc && json_is_true(json_object_get(config, "split_special_tokens")))
        rc = steps_refuse(e, "split_special_tokens", "true");
    const json_t *space = json_object_get(config, "add_prefix_space");
    if (!rc && !t->bert && json_is_boolean(space) && json_is_true(space) != t->prefix_space)
        rc = err_set(e, ERR_USER, "'add_prefix_space' is not what tokenizer.json has: which one holds?");
    if (!rc) rc = check_bert(t, config, e);
    if (!rc) rc = check_added(t, json_object_get(config, "added_tokens_decoder"), e);
    return rc;
}

int tokenizer_read_config(struct tokenizer *t, const char *dir, struct err *e) {
    json_t *config, *map = NULL;
    int rc = read_config(dir, "tokenizer_config.json", &config, e);
    if (!rc) rc = read_config(dir, "special_tokens_map.json", &map, e);
    if (!rc && (rc = check_config(t, config, e))) err_wrap(e, "%s/tokenizer_config.json", dir);
    if (!rc) {
        t->eos = named_id(t, json_object_get(config, "eos_token") ? config : map, "eos_token");
        apply_added(t, config);
    }
    if (!rc && !hands_types(config)) drop_types(t);
    json_decref(config);
    json_decref(map);
    return rc;
}
