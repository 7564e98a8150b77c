/* SPDX-License-Identifier: Apache-2.0 */
/* test_upto.c - tokenising no more than is needed: the first ids are those of the whole text, and a huge row
 * takes the time of its first words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/config/cfg.h"
#include "harness/infer/infer.h"
#include "harness/core/task.h"
#include "harness/base/util.h"

#define GOLDEN "tests/golden/hard_strings"

static char file[] = "/tmp/bench-upto-XXXXXX";

/* The tokenizer of `path` with other steps: JSON texts, NULL: its own. */
static struct tokenizer *open_with(const char *path, const char *pre, const char *normalizer) {
    struct tokenizer *t;
    struct err e = {0};
    json_t *j = json_load_file(path, 0, NULL);
    assert_non_null(j);
    if (pre) json_object_set_new(j, "pre_tokenizer", json_loads(pre, 0, NULL));
    if (normalizer) json_object_set_new(j, "normalizer", json_loads(normalizer, 0, NULL));
    assert_int_equal(json_dump_file(j, file, 0), 0);
    json_decref(j);
    if (tokenizer_open_json(&t, file, &e)) fail_msg("%s", e.msg);
    return t;
}

/* The first ids of text[0..n), for many lengths. */
static void check_text(struct tokenizer *t, const char *text, size_t n, bool special) {
    struct token_ids all = {0};
    tokenizer_encode(t, text, n, special, &all);
    for (int max = 0; max <= all.n + 2; max += max < 40 ? 1 : max / 2) {
        struct token_ids some = {0};
        tokenizer_encode_upto(t, text, n, special, max, &some);
        int want = MIN_OF(max, all.n);
        if (some.n < want || some.n > all.n || (want && memcmp(some.v, all.v, (size_t)want * sizeof *all.v)))
            fail_msg("the first %d ids of '%.60s' are others", max, text);
        free(some.v);
    }
    free(all.v);
}

/* Every hard string, and all of them as one text. */
static void check_hard_strings(struct tokenizer *t) {
    struct err e = {0};
    struct strbuf b = {0};
    if (file_read(GOLDEN ".txt", 1 << 24, &b, &e)) fail_msg("%s", e.msg);
    char *text = b.s;
    size_t n = b.len;
    for (char *s = text, *end; (end = memchr(s, '\n', n - (size_t)(s - text))); s = end + 1) {
        check_text(t, s, (size_t)(end - s), false);
        check_text(t, s, (size_t)(end - s), true);
    }
    check_text(t, text, n, true);
    strbuf_release(&b);
    tokenizer_free(t);
}

static void the_first_ids_are_those_of_the_whole_text(void **state) {
    (void)state;
    check_hard_strings(open_with(GOLDEN "_small.json", NULL, NULL));
    check_hard_strings(open_with(GOLDEN "_gpt2.json", NULL, "{\"type\":\"NFC\"}"));
    check_hard_strings(open_with("tests/fuzz/corpus/tokenizer/wordpiece", NULL, NULL));
}

static void and_with_every_behaviour_of_a_split(void **state) {
    (void)state;
    static const char *const behaviours[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext",
                                             "Contiguous"};
    for (size_t i = 0; i < ARRAY_LEN(behaviours); i++) {
        char *pre = xasprintf("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{"
                              "\"Regex\":\"\\\\s+|\\\\p{N}{1,3}\"},"
                              "\"behavior\":\"%s\",\"invert\":%s},{\"type\":\"ByteLevel\",\"add_prefix_"
                              "space\":false,\"use_regex\":true}]}",
                              behaviours[i], i % 2 ? "true" : "false");
        check_hard_strings(open_with(GOLDEN "_gpt2.json", pre, NULL));
        free(pre);
    }
}

/* ---- rows of the task lm ------------------------------------------------------------------------------- */

/* The tokens of row 0 of `data` (a JSONL file) cut at max_length. Caller frees. */
static int32_t *row_ids(const char *data, long max_length, int *n) {
    const struct task *task = task_find("lm");
    struct tokenizer *tok;
    struct err e = {0};
    struct mem mem;
    void *state;
    mem_init(&mem, false, 0);
    if (tokenizer_open_json(&tok, "build/share/models/smoke/tokenizer.json", &e)) fail_msg("%s", e.msg);
    json_t *c = infer_config("lm", "lora");
    cfg_set(c, "train.max_length", json_integer(max_length));
    json_object_set_new(c, "data",
                        json_pack("{ss,ss,ss,ss}", "train", data, "prompt", "Question {q} <|im_end|>",
                                  "completion", "{a} {a}", "format", "jsonl"));
    struct param head = {0};
    struct model_facts facts = {
        .vocab = tokenizer_vocab_size(tok), .ends = {{2}, 1}, .causal = true, .head = &head};
    if (task->open(&state, c, &mem, tok, &facts, &e)) fail_msg("%s", e.msg);
    long row = 0;
    struct task_batch *b = task->batch(state, &row, 1, &e);
    if (!b) fail_msg("%s", e.msg);
    /* what a batch of this task begins with */
    const struct {
        struct task_batch tb;
        struct batch b;
    } *own = (const void *)b;
    *n = own->b.n;
    int32_t *ids = xcalloc((size_t)*n + 1, sizeof *ids);
    memcpy(ids, own->b.ids, (size_t)*n * sizeof *ids);
    task->batch_free(state, b);
    task->free(state);
    json_decref(c);
    tokenizer_free(tok);
    return ids;
}

static char *write_row(const char *q, const char *a) {
    json_t *row = json_pack("{ss,ss}", "q", q, "a", a);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    json_dumpf(row, f, JSON_COMPACT);
    fputc('\n', f);
    assert_int_equal(fclose(f), 0);
    json_decref(row);
    return file;
}

static void a_row_is_the_whole_row_cut(void **state) {
    (void)state;
    write_row("why <|im_end|>  not?", "Because of 1234 \xc3\xa9t\xc3\xa9s, and so on;\n\n\ttwo lines");
    int n, m;
    int32_t *all = row_ids(file, 100000, &n);
    assert_int_equal(all[n - 1], 2); /* the end token */
    for (int max = n + 1; max > 2; max--) {
        int32_t *some = row_ids(file, max, &m);
        if (m) { /* else it has no label left and is skipped */
            assert_int_equal(m, MIN_OF(max, n));
            assert_memory_equal(some, all, (size_t)m * sizeof *some);
        }
        free(some);
    }
    free(all);
}

static void a_huge_row_takes_the_time_of_its_first_words(void **state) {
    (void)state;
    enum { BYTES = 40 << 20 };
    char *text = xmalloc(BYTES + 1);
    for (int i = 0; i < BYTES; i++) text[i] = i % 7 ? (char)('a' + i / 7 % 26) : ' ';
    text[BYTES] = 0;
    write_row("why?", text);
    int n;
    double t0 = now_seconds();
    free(row_ids(file, 64, &n));
    double t = now_seconds() - t0;
    assert_int_equal(n, 64);
    /* cut into words as a whole it takes 10 */
    if (t > 3) fail_msg("a row of %d MiB took %.1f s", BYTES >> 20, t);
    free(text);
}

static int make_file(void **state) {
    (void)state;
    int fd = mkstemp(file);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_ids_are_those_of_the_whole_text),
        cmocka_unit_test(and_with_every_behaviour_of_a_split),
        cmocka_unit_test(a_row_is_the_whole_row_cut),
        cmocka_unit_test(a_huge_row_takes_the_time_of_its_first_words),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
