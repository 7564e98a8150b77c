/* SPDX-License-Identifier: Apache-2.0 */
/* test_wordpiece.c - BERT's WordPiece against the reference's ids, vocab.txt, RoBERTa's special tokens, and
 * files that are wrong.
 *
 * The reference ids and how they were made: tests/golden/make_hard_strings_bert.py. */
#include "harness/nn/format/modelfile.h"
#include "tests/unit/tokenizer_check.h"
#include "tests/fixture.h"

static void put(const char *name, const char *text, size_t n) {
    struct err e = {0};
    char *path = path_join(dir, name);
    if (file_write(path, text, n, &e)) fail_msg("%s", e.msg);
    free(path);
}

/* The committed tokenizer.json with one text in place of another (NULL: as it is). */
static int open_changed(struct tokenizer **t, const char *from, const char *to, struct err *e) {
    struct strbuf b = {0}, out = {0};
    assert_int_equal(file_read(GOLDEN "_bert.json", 1 << 20, &b, e), 0);
    char *at = from ? strstr(b.s, from) : NULL;
    if (from && !at) fail_msg("no %s", from);
    strbuf_add(&out, b.s, at ? (size_t)(at - b.s) : b.len);
    if (at) strbuf_addf(&out, "%s%s", to, at + strlen(from));
    put("tokenizer.json", out.s, out.len);
    char *path = path_join(dir, "tokenizer.json");
    int rc = tokenizer_open_json(t, path, e);
    if (rc) assert_non_null(strstr(e->msg, path)); /* every refusal names the file */
    free(path);
    strbuf_release(&b);
    strbuf_release(&out);
    return rc;
}

static struct tokenizer *changed(const char *from, const char *to) {
    struct tokenizer *t;
    struct err e = {0};
    if (open_changed(&t, from, to, &e)) fail_msg("%s", e.msg);
    return t;
}

static void hard_strings_give_the_reference_ids(void **state) {
    (void)state;
    struct tokenizer *t = changed(NULL, NULL);
    assert_true(check_file(t, GOLDEN ".txt", false, GOLDEN "_bert.ids", false) >= 2000);
    check_file(t, GOLDEN "_bytes.txt", true, GOLDEN "_bytes_bert.ids", false);
    tokenizer_free(t);
}

static void hard_strings_give_the_reference_ids_with_case_and_accents(void **state) {
    (void)state;
    struct tokenizer *t =
        changed("\"strip_accents\":null,\"lowercase\":true", "\"strip_accents\":false,\"lowercase\":false");
    check_file(t, GOLDEN ".txt", false, GOLDEN "_cased.ids", false);
    tokenizer_free(t);
}

/* The tokens of the committed file, one a line. */
static void put_vocab(const char *newline) {
    json_t *root = json_load_file(GOLDEN "_bert.json", 0, NULL), *id;
    json_t *vocab = json_object_get(json_object_get(root, "model"), "vocab");
    const char **lines = xcalloc(json_object_size(vocab), sizeof *lines), *token;
    json_object_foreach(vocab, token, id) lines[json_integer_value(id)] = token;
    struct strbuf b = {0};
    for (size_t i = 0; i < json_object_size(vocab); i++) strbuf_addf(&b, "%s%s", lines[i], newline);
    put("vocab.txt", b.s, b.len);
    strbuf_release(&b);
    free(lines);
    json_decref(root);
}

static struct tokenizer *open_vocab(const char *config) {
    struct tokenizer *t;
    struct err e = {0};
    put("tokenizer_config.json", config, strlen(config));
    if (tokenizer_open_vocab(&t, dir, &e)) fail_msg("%s", e.msg);
    return t;
}

static void a_vocab_txt_gives_the_same_ids_in_either_line_ending(void **state) {
    (void)state;
    static const char *const endings[] = {"\n", "\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        put_vocab(endings[i]);
        struct tokenizer *t =
            open_vocab("{\"tokenizer_class\": \"BertTokenizer\", \"cls_token\": {\"content\": \"[CLS]\"}}");
        check_file(t, GOLDEN ".txt", false, GOLDEN "_bert.ids", false);
        assert_int_equal(tokenizer_bos_to_add(t), tokenizer_id(t, "[CLS]"));
        assert_int_equal(tokenizer_eos_to_add(t), tokenizer_id(t, "[SEP]"));
        tokenizer_free(t);
    }
    struct tokenizer *t = open_vocab("{\"do_lower_case\": false, \"strip_accents\": false}");
    check_file(t, GOLDEN ".txt", false, GOLDEN "_cased.ids", false);
    tokenizer_free(t);
}

static void a_vocab_txt_that_is_wrong_is_refused_with_its_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *config, *says;
    } cases[] = {
        {"", "{}", "vocab.txt: the file is empty"},
        {"[UNK]\n[CLS]\n[SEP]\na\na\n", "{}", "vocab.txt:5: the token 'a' is there twice"},
        {"[UNK]\n[CLS]\n[SEP]\na\xff\n", "{}", "vocab.txt:4: not a token in UTF-8"},
        {"[CLS]\n[SEP]\na\n", "{}", "the unknown token '[UNK]' is not in the vocabulary"},
        {"[UNK]\n[SEP]\na\n", "{}", "the token '[CLS]' is not in vocab.txt"},
        {"[UNK]\n[CLS]\n[SEP]\n", "{\"sep_token\": \"</s>\"}", "the token '</s>' is not in vocab.txt"},
        {"[UNK]\n[CLS]\n[SEP]\n", "{\"do_lower_case\": 1}", "'do_lower_case' is neither true nor false"},
        {"[UNK]\n[CLS]\n[SEP]\n", "{\"tokenizer_class\": \"ElectraTokenizer\"}",
         "'ElectraTokenizer' is not implemented"},
        {"[UNK]\n[CLS]\n[SEP]\n", "{", "tokenizer_config.json:1: not valid JSON"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tokenizer *t;
        struct err e = {0};
        put("vocab.txt", cases[i].text, strlen(cases[i].text));
        put("tokenizer_config.json", cases[i].config, strlen(cases[i].config));
        assert_int_equal(tokenizer_open_vocab(&t, dir, &e), ERR_USER);
        assert_null(t);
        if (!strstr(e.msg, cases[i].says) || !strstr(e.msg, dir)) fail_msg("%zu: %s", i, e.msg);
    }
}

static void words_over_the_limit_are_unknown_and_those_at_it_are_not(void **state) {
    (void)state;
    struct tokenizer *t = changed("\"max_input_chars_per_word\":100", "\"max_input_chars_per_word\":7");
    struct token_ids ids = {0};
    int unknown = tokenizer_id(t, "[UNK]");
    static const char at[] = "zqzqzqz", over[] = "zqzqzqzq",
                      accents[] = "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9";
    tokenizer_encode(t, at, sizeof at - 1, false, &ids);
    assert_true(ids.n == 7 && ids.v[0] != unknown);
    ids.n = 0;
    tokenizer_encode(t, accents, sizeof accents - 1, false, &ids); /* seven characters, not fourteen */
    assert_true(ids.n >= 1 && ids.v[0] != unknown);
    ids.n = 0;
    tokenizer_encode(t, over, sizeof over - 1, false, &ids);
    assert_true(ids.n == 1 && ids.v[0] == unknown);
    free(ids.v);
    tokenizer_free(t);
}

static void a_megabyte_is_quick_with_and_without_spaces(void **state) {
    (void)state;
    struct tokenizer *t = changed("\"max_input_chars_per_word\":100", "\"max_input_chars_per_word\":1000000");
    struct token_ids ids = {0};
    char *s = xmalloc(1 << 20);
    double start = now_seconds();
    memset(s, 'z', 1 << 20);
    tokenizer_encode(t, s, 1 << 16, false, &ids);
    for (size_t i = 0; i < 1 << 20; i++) s[i] = i % 3 ? 'a' : ' ';
    tokenizer_encode(t, s, 1 << 20, false, &ids);
    for (size_t i = 0; i + 1 < 1 << 20; i += 2) memcpy(s + i, "\xcc\x81", 2); /* combining marks */
    tokenizer_encode(t, s, 1 << 20, false, &ids);
    assert_true(now_seconds() - start < 20);
    free(s), free(ids.v);
    tokenizer_free(t);
}

static void decoding_joins_pieces_and_closes_sentences(void **state) {
    (void)state;
    struct tokenizer *t = changed(NULL, NULL);
    struct token_ids ids = {0};
    size_t len;
    static const char text[] = "The  World, in 1990 (Zq)!";
    tokenizer_encode(t, text, sizeof text - 1, false, &ids);
    char *s = tokenizer_decode(t, ids.v, ids.n, true, &len);
    assert_string_equal(s, "the world, in 1990 ( zq )!");
    free(s), free(ids.v);
    tokenizer_free(t);
}

static void what_is_not_implemented_or_damaged_is_refused_by_name(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *says;
    } cases[] = {
        {"BertPreTokenizer", "Whitespace", "WordPiece with the pre_tokenizer 'Whitespace'"},
        {"\"BertNormalizer\"", "\"NFKC\"", "the normalizer 'NFKC'"},
        {"\"type\":\"WordPiece\",\"prefix\"", "\"type\":\"Fuse\",\"prefix\"", "the decoder 'Fuse'"},
        {"\"unk_token\":\"[UNK]\"", "\"unk_token\":\"<unk>\"", "the unknown token '<unk>'"},
        {"\"unk_token\":\"[UNK]\"", "\"unk_token\":7", "'unk_token' is not a string"},
        {"\"continuing_subword_prefix\":\"##\"", "\"continuing_subword_prefix\":[]",
         "'continuing_subword_prefix'"},
        {"\"max_input_chars_per_word\":100", "\"max_input_chars_per_word\":-1", "'max_input_chars_per_word'"},
        {"\"clean_text\":true", "\"clean_text\":\"yes\"", "'clean_text' is neither"},
        {"{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}",
         "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{\"SpecialToken\":{\"id\":\"[SEP]\"}}",
         "two tokens on one side"},
        {"\"ids\":[1]", "\"ids\":[999999]", "has no id in the vocabulary"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tokenizer *t;
        struct err e = {0};
        char *from = xstrdup(cases[i].from);
        if (strstr(from, "\"ids\"")) { /* [CLS]'s, whatever it is */
            struct tokenizer *whole = changed(NULL, NULL);
            free(from);
            from = xasprintf("\"ids\":[%d]", tokenizer_bos_to_add(whole));
            tokenizer_free(whole);
        }
        assert_int_equal(open_changed(&t, from, cases[i].to, &e), ERR_USER);
        assert_null(t);
        if (!strstr(e.msg, cases[i].says)) fail_msg("%s: %s", cases[i].to, e.msg);
        free(from);
    }
}

/* RoBERTa's: byte-level BPE, <s> and </s> around a text, a <mask> that takes the blank before it. */
/* BERT's class hands token types to the model; a class that does not, or a list without them, gives zeros. */
static void token_types_are_handed_on_as_the_tokenizers_class_does(void **state) {
    (void)state;
    static const struct {
        const char *config;
        int type;
    } cases[] = {{"{\"tokenizer_class\": \"BertTokenizerFast\"}", 1},
                 {"{\"model_max_length\": 1000000000000000019884624838656}", 1},
                 {"{\"tokenizer_class\": \"PreTrainedTokenizerFast\"}", 0},
                 {"{\"tokenizer_class\": \"BertTokenizer\", \"model_input_names\": [\"input_ids\"]}", 0},
                 {"{\"tokenizer_class\": \"X\", \"model_input_names\": [\"token_type_ids\"]}", 1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tokenizer *t;
        struct err e = {0};
        int n;
        char *path = path_join(dir, "tokenizer_config.json");
        if (tokenizer_open_json(&t, GOLDEN "_bert.json", &e)) fail_msg("%s", e.msg);
        if (file_write(path, cases[i].config, strlen(cases[i].config), &e)) fail_msg("%s", e.msg);
        if (tokenizer_read_config(t, dir, &e)) fail_msg("%s", e.msg);
        const struct tokenizer_piece *pair = tokenizer_pair(t, &n);
        assert_int_equal(n, 5);
        assert_int_equal(pair[3].type, cases[i].type);
        tokenizer_free(t);
        unlink(path);
        free(path);
    }
}

static void roberta_adds_its_tokens_and_its_mask_takes_the_blank_before_it(void **state) {
    (void)state;
    struct tokenizer *t;
    struct err e = {0};
    char *path = path_join(dir, "roberta.json");
    json_t *root = json_load_file(GOLDEN "_gpt2.json", 0, NULL), *added = json_array();
    static const char *const names[] = {"<s>", "<pad>", "</s>", "<unk>", "<mask>"};
    int first = (int)json_object_size(json_object_get(json_object_get(root, "model"), "vocab"));
    for (int i = 0; i < 5; i++)
        json_array_append_new(added, json_pack("{ss,si,sb,sb,sb}", "content", names[i], "id", first + i,
                                               "special", 1, "normalized", 0, "lstrip", i == 4));
    json_object_set_new(root, "added_tokens", added);
    json_object_set_new(root, "post_processor",
                        json_pack("{ss,s:[si],s:[si],sb,sb}", "type", "RobertaProcessing", "sep", "</s>",
                                  first + 2, "cls", "<s>", first, "trim_offsets", 1, "add_prefix_space", 0));
    assert_int_equal(json_dump_file(root, path, 0), 0);
    if (tokenizer_open_json(&t, path, &e)) fail_msg("%s", e.msg);
    assert_int_equal(tokenizer_bos_to_add(t), first);
    assert_int_equal(tokenizer_eos_to_add(t), first + 2);
    int n;
    const struct tokenizer_piece *pair = tokenizer_pair(t, &n);
    const int want[] = {first, TOKENIZER_FIRST, first + 2, first + 2, TOKENIZER_SECOND, first + 2};
    assert_int_equal(n, ARRAY_LEN(want));
    for (int i = 0; i < n; i++) assert_true(pair[i].id == want[i] && pair[i].type == 0);
    struct token_ids ids = {0};
    tokenizer_encode(t, "a <mask> b", 10, true, &ids);
    assert_int_equal(ids.v[1], first + 4);
    size_t len;
    char *back = tokenizer_decode(t, ids.v, ids.n, false, &len);
    assert_string_equal(back, "a<mask> b");
    free(ids.v), free(path), free(back);
    json_decref(root);
    tokenizer_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hard_strings_give_the_reference_ids),
        cmocka_unit_test(hard_strings_give_the_reference_ids_with_case_and_accents),
        cmocka_unit_test(a_vocab_txt_gives_the_same_ids_in_either_line_ending),
        cmocka_unit_test(a_vocab_txt_that_is_wrong_is_refused_with_its_line),
        cmocka_unit_test(words_over_the_limit_are_unknown_and_those_at_it_are_not),
        cmocka_unit_test(a_megabyte_is_quick_with_and_without_spaces),
        cmocka_unit_test(decoding_joins_pieces_and_closes_sentences),
        cmocka_unit_test(what_is_not_implemented_or_damaged_is_refused_by_name),
        cmocka_unit_test(token_types_are_handed_on_as_the_tokenizers_class_does),
        cmocka_unit_test(roberta_adds_its_tokens_and_its_mask_takes_the_blank_before_it),
    };
    return cmocka_run_group_tests_name("WordPiece", tests, make_dir, remove_dir);
}
