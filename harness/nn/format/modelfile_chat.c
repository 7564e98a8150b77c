/* SPDX-License-Identifier: Apache-2.0 */
/* modelfile_chat.c - the chat template of a model and the words of its special tokens (modelfile.h). */
#include <stdlib.h>
#include <string.h>

#include "harness/nn/format/modelfile_private.h"

/* Of tokenizer_config.json: a text, or the one called "default" of a list. */
static const char *listed_template(const json_t *v) {
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *one = json_array_get(v, i);
        const char *name = json_string_value(json_object_get(one, "name"));
        if (name && !strcmp(name, "default")) return json_string_value(json_object_get(one, "template"));
    }
    return json_string_value(v);
}

static char *folder_chat(const struct modelfile *f, json_t *words) {
    static const char *const names[] = {"bos_token", "eos_token", "unk_token", "pad_token"};
    char *path = path_join(f->path, "tokenizer_config.json"),
         *own = path_join(f->path, "chat_template.jinja");
    json_t *config = json_load_file(path, JSON_DECODE_INT_AS_REAL, NULL);
    struct strbuf b = {0};
    const char *text = listed_template(json_object_get(config, "chat_template"));
    char *ret = NULL;
    if (file_exists(own) && !file_read(own, 4 << 20, &b, NULL))
        ret = strbuf_detach(&b);
    else if (text)
        ret = xstrdup(text);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const json_t *v = json_object_get(config, names[i]);
        const char *word = json_string_value(json_is_object(v) ? json_object_get(v, "content") : v);
        if (word) json_object_set_new(words, names[i], json_string(word));
    }
    strbuf_release(&b);
    json_decref(config);
    free(path);
    free(own);
    return ret;
}

static char *gguf_chat(const struct modelfile *f, struct tokenizer *tok, json_t *words) {
    static const char *const keys[][2] = {{"bos_token", "tokenizer.ggml.bos_token_id"},
                                          {"eos_token", "tokenizer.ggml.eos_token_id"}};
    const char *text = json_string_value(json_object_get(f->config, "tokenizer.chat_template"));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const json_t *v = json_object_get(f->config, keys[i][1]);
        int32_t id =
            json_is_integer(v) && json_integer_value(v) <= INT32_MAX ? (int32_t)json_integer_value(v) : -1;
        size_t n;
        char *word = id >= 0 ? tokenizer_decode(tok, &id, 1, false, &n) : NULL;
        if (word) json_object_set_new(words, keys[i][0], json_stringn(word, n));
        free(word);
    }
    return text ? xstrdup(text) : NULL;
}

char *modelfile_chat(const struct modelfile *f, struct tokenizer *tok, json_t **words) {
    *words = json_object();
    if (f->gguf) return gguf_chat(f, tok, *words);
    return f->folder ? folder_chat(f, *words) : NULL;
}
