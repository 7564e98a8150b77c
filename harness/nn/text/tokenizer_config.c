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

int tokenizer_read_config(struct tokenizer *t, const char *dir, struct err *e) {
    json_t *config, *map = NULL;
    int rc = read_config(dir, "tokenizer_config.json", &config, e);
    if (!rc) rc = read_config(dir, "special_tokens_map.json", &map, e);
    if (!rc) t->eos = named_id(t, json_object_get(config, "eos_token") ? config : map, "eos_token");
    if (!rc && !hands_types(config)) drop_types(t);
    json_decref(config);
    json_decref(map);
    return rc;
}
