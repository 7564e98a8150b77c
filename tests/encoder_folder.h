/* SPDX-License-Identifier: Apache-2.0 */
/* encoder_folder.h - for tests: the tiny BERT of tests/golden as a sentence-transformers folder, with a
 * vocabulary of 97 tokens: special ones, letters, digits, pieces and a few words. */
#ifndef BENCH_TESTS_ENCODER_FOLDER_H
#define BENCH_TESTS_ENCODER_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/base/util.h"

#define MODULES(POOLING, MORE)                                                                               \
    "[{\"idx\": 0, \"name\": \"0\", \"path\": \"\", \"type\": "                                              \
    "\"sentence_transformers.models.Transformer\"},"                                                         \
    " {\"idx\": 1, \"name\": \"1\", \"path\": \"1_Pooling\", \"type\": "                                     \
    "\"sentence_transformers.models." POOLING "\"}" MORE "]"
#define NORMALIZE                                                                                            \
    ", {\"idx\": 2, \"name\": \"2\", \"path\": \"2_Normalize\", \"type\": "                                  \
    "\"sentence_transformers.models.Normalize\"}"

static inline void encoder_put(const char *dir, const char *name, const char *text) {
    struct err e = {0};
    char *path = path_join(dir, name);
    if (!text)
        unlink(path);
    else if (file_write(path, text, strlen(text), &e))
        fail_msg("%s", e.msg);
    free(path);
}

/* The files of a plain BERT in `dir`, which exists. */
static inline void encoder_plain(const char *dir) {
    struct strbuf v = {0};
    char *copy = xasprintf("cp tests/golden/bert_tiny/* %s", dir), *pooling = path_join(dir, "1_Pooling");
    static const char *const words[] = {"the",  "cat",   "sat",  "on",  "a",   "dog", ".",
                                        ",",    "!",     "?",    "-",   "'",   "red", "blue",
                                        "##es", "##ing", "##ed", "hot", "ice", "sun"};
    int n = 0;
    if (system(copy) != 0) fail_msg("%s", copy);
    mkdir(pooling, 0777);
    strbuf_adds(&v, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"), n += 5;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) strbuf_addf(&v, "%s\n", words[i]), n++;
    for (char c = 'a'; c <= 'z'; c++)
        if (c != 'a') strbuf_addf(&v, "%c\n", c), n++;
    for (char c = 'a'; c <= 'z'; c++) strbuf_addf(&v, "##%c\n", c), n++;
    for (char c = '0'; c <= '9'; c++) strbuf_addf(&v, "%c\n", c), n++;
    while (n < 97) strbuf_addf(&v, "[unused%d]\n", n++);
    encoder_put(dir, "vocab.txt", v.s);
    encoder_put(dir, "tokenizer_config.json", "{\"do_lower_case\": true, \"model_max_length\": 64}");
    strbuf_release(&v);
    free(copy), free(pooling);
}

/* And of a sentence encoder: the mean, length 1, at most 16 tokens, two prompts. */
static inline void encoder_folder(const char *dir) {
    encoder_plain(dir);
    encoder_put(dir, "modules.json", MODULES("Pooling", NORMALIZE));
    encoder_put(dir, "1_Pooling/config.json",
                "{\"word_embedding_dimension\": 24, \"pooling_mode_mean_tokens\": true}");
    encoder_put(dir, "sentence_bert_config.json", "{\"max_seq_length\": 16, \"do_lower_case\": false}");
    encoder_put(
        dir, "config_sentence_transformers.json",
        "{\"prompts\": {\"query\": \"red \", \"passage\": \"blue \"}, \"default_prompt_name\": null}");
}

#endif
