/* SPDX-License-Identifier: Apache-2.0 */
/* test_postprocess.c - what a tokenizer puts around a text and between two, as its post_processor says. */
#include "tests/unit/tokenizer_parts.h"

static void the_template_tells_whether_a_start_token_is_added(void **state) {
    (void)state;
    struct parts p = {
        .added = ADDED(300, "<s>", "\"special\":true"),
        .post =
            "{\"type\":\"Sequence\",\"processors\":[{\"type\":\"ByteLevel\"},{\"type\":"
            "\"TemplateProcessing\",\"single\":"
            "[{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],"
            "\"special_tokens\":{\"<s>\":{\"id\":\"<s>\",\"ids\":[300],\"tokens\":[\"<s>\"]}}}]}"};
    struct tokenizer *t = open_parts(&p);
    assert_int_equal(tokenizer_bos_to_add(t), 300);
    assert_int_equal(tokenizer_eos(t), -1);
    assert_pieces(t, "a", true, "a"); /* encode never adds it */
    tokenizer_free(t);
    p.post = "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<x>\"}}],\"special_"
             "tokens\":{}}";
    assert_refused(&p, "<x>");
    p.post = NULL;
    t = open_parts(&p);
    assert_int_equal(tokenizer_bos_to_add(t), -1);
    tokenizer_free(t);
}

static void the_template_tells_how_two_texts_are_read(void **state) {
    (void)state;
#define PIECE(KIND, ID, TYPE) "{\"" KIND "\":{\"id\":\"" ID "\",\"type_id\":" TYPE "}}"
#define PAIR(SINGLE, BOTH)                                                                                   \
    "{\"type\":\"TemplateProcessing\",\"single\":[" SINGLE "],\"pair\":[" BOTH                               \
    "],\"special_tokens\":{\"<s>\":{\"id\":\"<s>\",\"ids\":[300],\"tokens\":[\"<s>\"]}}}"
    struct parts p = {.added = ADDED(300, "<s>", "\"special\":true"),
                      .post =
                          PAIR(PIECE("Sequence", "A", "0"),
                               PIECE("SpecialToken", "<s>", "0") "," PIECE("Sequence", "B", "2") "," PIECE(
                                   "SpecialToken", "<s>", "1") "," PIECE("Sequence", "A", "0"))};
    static const struct tokenizer_piece want[] = {
        {300, 0}, {TOKENIZER_SECOND, 2}, {300, 1}, {TOKENIZER_FIRST, 0}};
    static const char *const bad[][2] = {
        {PAIR(PIECE("Sequence", "A", "1"), ""), "other types"},
        {PAIR(PIECE("Sequence", "A", "0"), PIECE("Sequence", "A", "0")), "each once"},
        {PAIR(PIECE("SpecialToken", "<s>", "0"), ""), "does not hold it"},
        {PAIR(PIECE("Sequence", "A", "0"), PIECE("Sequence", "C", "0")), "neither a token nor a text"},
        {"{\"type\":\"Sequence\",\"processors\":[{\"type\":\"BertProcessing\",\"cls\":[\"<s>\",300],\"sep\":["
         "\"<s>\",300]},{\"type\":\"BertProcessing\",\"cls\":[\"<s>\",300],\"sep\":[\"<s>\",300]}]}",
         "two that add tokens"}};
    int n;
    struct tokenizer *t = open_parts(&p);
    const struct tokenizer_piece *pair = tokenizer_pair(t, &n);
    assert_int_equal(n, ARRAY_LEN(want));
    assert_memory_equal(pair, want, sizeof want);
    tokenizer_free(t);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        p.post = bad[i][0];
        assert_refused(&p, bad[i][1]);
    }
    p.post = NULL;
    t = open_parts(&p);
    pair = tokenizer_pair(t, &n);
    assert_int_equal(n, 2);
    assert_true(pair[0].id == TOKENIZER_FIRST && pair[1].id == TOKENIZER_SECOND && pair[1].type == 1);
    tokenizer_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_template_tells_whether_a_start_token_is_added),
        cmocka_unit_test(the_template_tells_how_two_texts_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
