/* SPDX-License-Identifier: Apache-2.0 */
/* test_texts.c - texts of rows as tokens: made once, blank ones known, two columns joined as encoders read
 * pairs and cut where they are longer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/tasks/texts.h"
#include "harness/nn/text/tokenizer.h"

/* Words w5..w96 are ids 5..96, as WordPiece reads them. */
struct world {
    char dir[64], file[96];
    struct mem mem;
    struct tokenizer *tok;
    struct embedder *E;
    struct rows *rows;
    struct texts x;
};

static void world_open(struct world *w, const char *tsv, int max_length, int types) {
    struct err e = {0};
    struct strbuf b = {0};
    const struct rows_format f = {.kind = ROWS_TSV, .no_header = true};
    const struct model_facts facts = {.hidden = 8, .vocab = 97, .max_positions = 64, .types = types};
    const struct embed_options o = {.normalize = -1, .max_length = max_length};
    memset(w, 0, sizeof *w);
    strcpy(w->dir, "/tmp/bench-texts-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->file, sizeof w->file, "%s/vocab.txt", w->dir);
    strbuf_adds(&b, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n");
    for (int i = 5; i < 97; i++) strbuf_addf(&b, "w%d\n", i);
    if (file_write(w->file, b.s, b.len, &e)) fail_msg("%s", e.msg);
    strbuf_release(&b);
    mem_init(&w->mem, false, 0);
    if (tokenizer_open_vocab(&w->tok, w->dir, &e)) fail_msg("%s", e.msg);
    if (embedder_open(&w->E, w->dir, w->tok, &facts, &o, &w->mem, &e)) fail_msg("%s", e.msg);
    if (rows_parse(&w->rows, "t.tsv", tsv, strlen(tsv), &f, &e)) fail_msg("%s", e.msg);
    texts_init(&w->x, w->E, w->rows, false);
    if (texts_add(&w->x, "text", "{1}", NULL, &e) || texts_add(&w->x, "text2", "{2}", NULL, &e))
        fail_msg("%s", e.msg);
}

static void world_close(struct world *w) {
    texts_release(&w->x);
    assert_int_equal(w->mem.live[MEM_DATA], 0);
    rows_free(w->rows);
    embedder_close(w->E);
    tokenizer_free(w->tok);
    remove(w->file);
    remove(w->dir);
}

static void is(const struct embed_text *t, int n, const int32_t *ids) {
    assert_non_null(t);
    assert_int_equal(t->n, n);
    assert_memory_equal(t->ids, ids, (size_t)n * sizeof *ids);
}
#define IS(t, ...) is(t, (int)ARRAY_LEN(((int32_t[]){__VA_ARGS__})), (int32_t[]){__VA_ARGS__})

static void texts_are_made_once_and_blank_ones_are_known(void **state) {
    (void)state;
    struct world w;
    struct err e = {0};
    world_open(&w, "w5 w6\tw7\nw8\t \n", 0, 2);
    const struct embed_text *t = texts_get(&w.x, 0, 0, &e);
    IS(t, 2, 5, 6, 3);
    assert_ptr_equal(t, texts_get(&w.x, 0, 0, &e));
    assert_int_equal(texts_row(&w.x, 0, &e), 1);
    assert_int_equal(texts_row(&w.x, 1, &e), 0);
    assert_int_equal(w.x.blanks, 1);
    assert_true(texts_equal(t, t) && !texts_equal(t, texts_get(&w.x, 0, 1, &e)));
    IS(texts_whole(&w.x, 0, &e), 2, 5, 6, 3); /* not joined: the first column */
    world_close(&w);
}

/* How many tokens of each text are left, as the reference tokenizers cut pairs ("longest_first"). */
static void pairs_are_joined_and_cut_where_they_are_longer(void **state) {
    (void)state;
    struct world w;
    struct err e = {0};
    world_open(&w,
               "w5 w6\tw7\nw5 w6 w7 w8 w9\tw10\nw5 w6 w7\tw10 w11 w12 w13\n"
               "w5\tw6 w7 w8 w9 w10 w11 w12 w13 w14\nw5 w6 w7 w8\tw10 w11 w12\n"
               "w5 w5 w5 w5 w5 w5 w5 w5 w5 w5 w5 w5\tw6 w6 w6 w6 w6 w6 w6 w6 w6 w6\n"
               "w5 w6 w7 w8 w9\tw10 w11 w12 w13 w14\n",
               8, 2);
    if (texts_pair(&w.x, &e)) fail_msg("%s", e.msg);
    IS(texts_whole(&w.x, 0, &e), 2, 5, 6, 3, 7, 3);
    IS(texts_whole(&w.x, 1, &e), 2, 5, 6, 7, 8, 3, 10, 3);   /* five words for both */
    IS(texts_whole(&w.x, 2, &e), 2, 5, 6, 3, 10, 11, 12, 3); /* the odd one is the longer text's */
    IS(texts_whole(&w.x, 3, &e), 2, 5, 3, 6, 7, 8, 9, 3);
    IS(texts_whole(&w.x, 4, &e), 2, 5, 6, 7, 3, 10, 11, 3);
    IS(texts_whole(&w.x, 5, &e), 2, 5, 5, 5, 3, 6, 6, 3);    /* both beyond the limit: which one was longer */
    IS(texts_whole(&w.x, 6, &e), 2, 5, 6, 3, 10, 11, 12, 3); /* or the second's, when equal */
    assert_false(texts_whole(&w.x, 0, &e)->cut);
    assert_true(texts_whole(&w.x, 2, &e)->cut);
    assert_int_equal(w.x.cut, 7); /* and one part that is too long alone */
    assert_ptr_equal(texts_whole(&w.x, 1, &e), texts_whole(&w.x, 1, &e));
    world_close(&w);
}

static void the_second_text_of_a_pair_has_token_type_1(void **state) {
    (void)state;
    struct world w;
    struct err e = {0};
    static const int32_t types[] = {0, 0, 0, 0, 1, 1}, packed[] = {0, 0, 0, 0, 0, 0, 0, 1, 1};
    for (int n = 0; n < 3; n++) {
        world_open(&w, "w5 w6\tw7\n", 0, n);
        if (texts_pair(&w.x, &e)) fail_msg("%s", e.msg);
        const struct embed_text *both = texts_whole(&w.x, 0, &e), *alone = texts_get(&w.x, 0, 1, &e);
        if (n == 1) { /* a model whose table has one row, with a tokenizer that counts two */
            assert_null(both);
            assert_non_null(strstr(e.msg, "the token type 1, the model has 1"));
        } else if (n == 0) { /* one that has none does not care */
            assert_false(both->typed);
        } else {
            assert_true(both->typed && !alone->typed);
            assert_memory_equal(both->ids + both->n, types, sizeof types);
            struct embed_batch *b =
                embedder_batch_new(w.E, (const struct embed_text *[]){alone, both}, NULL, 2);
            assert_memory_equal(b->b.types, packed, sizeof packed);
            embedder_batch_free(w.E, b);
            b = embedder_batch_new(w.E, &alone, NULL, 1);
            assert_null(b->b.types);
            embedder_batch_free(w.E, b);
        }
        world_close(&w);
    }
}

static void a_limit_without_room_for_a_pair_is_an_error(void **state) {
    (void)state;
    struct world w;
    struct err e = {0};
    world_open(&w, "w5 w6\tw7\n", 4, 2);
    assert_int_equal(texts_pair(&w.x, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "4 tokens leave no room"));
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_made_once_and_blank_ones_are_known),
        cmocka_unit_test(pairs_are_joined_and_cut_where_they_are_longer),
        cmocka_unit_test(the_second_text_of_a_pair_has_token_type_1),
        cmocka_unit_test(a_limit_without_room_for_a_pair_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
