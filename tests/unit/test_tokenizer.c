/* SPDX-License-Identifier: Apache-2.0 */
/* test_tokenizer.c - byte-level BPE against the reference's ids, and what it does with files and text that
 * are wrong.
 *
 * The reference ids and how they were made: tests/golden/make_hard_strings.py. The full SmolLM2 vocabulary is
 * tested where the model is at hand: $BENCH_SMOLLM2_GGUF, else the model cache. */
#include <glob.h>

#include "harness/nn/format/modelfile.h"
#include "tests/unit/tokenizer_parts.h"

static struct tokenizer *open_json(const char *path) {
    struct tokenizer *t;
    struct err e = {0};
    if (tokenizer_open_json(&t, path, &e)) fail_msg("%s", e.msg);
    return t;
}

static void hard_strings_give_the_reference_ids_with_the_digit_rule(void **state) {
    (void)state;
    struct tokenizer *t = open_json(GOLDEN "_small.json");
    assert_true(check_file(t, GOLDEN ".txt", false, GOLDEN "_small.ids", false) >= 2000);
    check_file(t, GOLDEN "_bytes.txt", true, GOLDEN "_bytes_small.ids", false);
    tokenizer_free(t);
}

static void hard_strings_give_the_reference_ids_and_come_back_exactly_with_all_bytes(void **state) {
    (void)state;
    struct tokenizer *t = open_json(GOLDEN "_gpt2.json");
    assert_true(check_file(t, GOLDEN ".txt", false, GOLDEN "_gpt2.ids", true) >= 2000);
    check_file(t, GOLDEN "_bytes.txt", true, GOLDEN "_bytes_gpt2.ids", false);
    tokenizer_free(t);
}

/* Path of the SmolLM2 file, or NULL. Caller frees. */
static char *find_smollm2(void) {
    const char *env = getenv("BENCH_SMOLLM2_GGUF");
    if (env) return xstrdup(env);
    char *cache = cache_dir(), *pattern = xasprintf("%s/models/smollm2-135m/*.gguf", cache), *found = NULL;
    glob_t g;
    if (glob(pattern, 0, NULL, &g) == 0) {
        found = xstrdup(g.gl_pathv[0]);
        globfree(&g);
    }
    free(cache);
    free(pattern);
    return found;
}

static void hard_strings_give_the_reference_ids_with_the_smollm2_file(void **state) {
    (void)state;
    char *path = find_smollm2();
    struct modelfile *f;
    struct tokenizer *t;
    struct err e = {0};
    if (!path) skip();
    if (modelfile_open(&f, path, &e) || modelfile_tokenizer(f, &t, &e)) fail_msg("%s", e.msg);
    assert_int_equal(tokenizer_vocab_size(t), 49152);
    check_ids(t, "x  12", 5, true, "104 256 33 34", path, 0);
    assert_true(check_file(t, GOLDEN ".txt", false, GOLDEN "_smollm2.ids", false) >= 2000);
    tokenizer_free(t);
    modelfile_close(f);
    free(path);
}

/* ---- rules --------------------------------------------------------------------------------------------- */

static void merges_apply_by_rank_and_leftmost_first(void **state) {
    (void)state;
    struct parts p = {.vocab = "\"ab\":256,\"bc\":257,\"aa\":258,\"aaaa\":259,\"abc\":260",
                      .merges = "\"b c\",[\"a\",\"b\"],\"a a\",\"aa aa\",[\"a\",\"bc\"]"};
    struct tokenizer *t = open_parts(&p);
    assert_pieces(t, "abc", false, "abc");
    assert_pieces(t, "abab", false, "ab|ab");
    assert_pieces(t, "aaaaaaa", false, "aaaa|aa|a");
    assert_pieces(t, "abcbaab", false, "abc|b|a|ab");
    tokenizer_free(t);
}

static void words_of_every_length_come_back(void **state) {
    (void)state;
    struct tokenizer *t = open_json(GOLDEN "_gpt2.json");
    uint32_t x = 1;
    char word[200];
    for (int round = 0; round < 300; round++) {
        int n = 2 + round % 198;
        for (int i = 0; i < n; i++) word[i] = "etaoinshr"[(x = x * 1103515245 + 12345) >> 16 & 7];
        assert_round_trip(t, word, (size_t)n, false);
    }
    tokenizer_free(t);
}

static void ignore_merges_takes_a_whole_word_that_is_a_token(void **state) {
    (void)state;
    struct parts p = {.vocab = "\"Ġxyz\":256", .model = "\"type\":\"BPE\",\"ignore_merges\":true"};
    struct tokenizer *t = open_parts(&p);
    assert_pieces(t, "a xyz", false, "a| xyz");
    tokenizer_free(t);
    p.model = "\"type\":\"BPE\",\"ignore_merges\":false";
    t = open_parts(&p);
    assert_pieces(t, "a xyz", false, "a| |x|y|z");
    tokenizer_free(t);
}

static void special_tokens_are_recognised_or_plain_as_asked(void **state) {
    (void)state;
    struct parts p = {
        .added = ADDED(300, "<s>", "\"special\":true") "," ADDED(301, "<s><s>", "\"special\":true") "," ADDED(
            302, "<tool>", "\"special\":false,\"normalized\":false")};
    struct tokenizer *t = open_parts(&p);
    const int32_t ids[] = {300, 'a', 302, -1, 9999};
    size_t len;
    assert_pieces(t, "a<s>b<tool>", true, "a|<s>|b|<tool>");
    assert_pieces(t, "<s><s><s>", true, "<s><s>|<s>"); /* the longest wins */
    assert_pieces(t, "<s>x<tool>", false, "<|s|>|x|<tool>");
    assert_int_equal(tokenizer_vocab_size(t), 303);
    assert_int_equal(tokenizer_id(t, "<s>"), 300);
    assert_int_equal(tokenizer_id(t, "<t>"), -1);
    assert_round_trip(t, "é<s>\n<tool>", 11, true);
    char *s = tokenizer_decode(t, ids, 5, true, &len);
    assert_string_equal(s, "a<tool>");
    free(s);
    tokenizer_free(t);
}

static void added_tokens_strip_and_stand_alone_as_their_flags_say(void **state) {
    (void)state;
    struct parts p = {
        .added = ADDED(300, "<m>", "\"special\":true,\"lstrip\":true") "," ADDED(
            301, "<r>", "\"special\":true,\"rstrip\":true") "," ADDED(302, "on", "\"single_word\":true")};
    struct tokenizer *t = open_parts(&p);
    assert_pieces(t, "a \n<m> b", true, "a|<m>| |b");
    assert_pieces(t, "a <r> \xc2\xa0 b", true, "a| |<r>|b");
    assert_pieces(t, "on bone on-on \xc3\xa9on", true, "on| |b|o|n|e| |on|-|on| |\xc3|\xa9|o|n");
    tokenizer_free(t);
}

static void nfc_composes_and_leaves_added_tokens_whole(void **state) {
    (void)state;
    struct parts p = {.normalizer = "{\"type\":\"NFC\"}",
                      .added = ADDED(300, "e\\u0301!", "\"normalized\":true")};
    struct tokenizer *t = open_parts(&p);
    assert_pieces(t, "e\xcc\x81", true, "\xc3|\xa9");
    assert_round_trip(t, "\xea\xb0\x80\xe1\x86\xa7", 6,
                      true); /* U+11A7 after a Hangul syllable is not lost */
    assert_pieces(t, "ae\xcc\x81!", true, "a|e\xcc\x81!");
    assert_pieces(t, "a\xc3\xa9!", true, "a|e\xcc\x81!");
    tokenizer_free(t);
}

static void invalid_utf8_becomes_one_replacement_character_per_bad_subsequence(void **state) {
    (void)state;
    struct tokenizer *t = open_json(GOLDEN "_gpt2.json");
    static const struct {
        const char *bytes;
        size_t n;
        const char *text;
    } v[] = {{"a\x80z", 3, "a\xef\xbf\xbdz"},
             {"\xe2\x82", 2, "\xef\xbf\xbd"},
             {"\xf0\x9f\x98 ", 4, "\xef\xbf\xbd "},
             {"\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
             {"\xc0\xaf", 2, "\xef\xbf\xbd\xef\xbf\xbd"},
             {"\xe2\x82\xe2\x82\xac", 5, "\xef\xbf\xbd\xe2\x82\xac"}};
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct token_ids ids = {0};
        size_t len;
        tokenizer_encode(t, v[i].bytes, v[i].n, true, &ids);
        char *s = tokenizer_decode(t, ids.v, ids.n, false, &len);
        assert_string_equal(s, v[i].text);
        free(s);
        free(ids.v);
    }
    tokenizer_free(t);
}

static void every_code_point_comes_back(void **state) {
    (void)state;
    struct tokenizer *t = open_json(GOLDEN "_gpt2.json");
    for (int32_t c = 0; c < 0x110000; c += c < 0x3000 ? 1 : 13) {
        char s[8] = {'a'};
        size_t n = 1;
        if (c >= 0xD800 && c < 0xE000) continue;
        if (c < 0x80) {
            s[n++] = (char)c;
        } else if (c < 0x800) {
            s[n++] = (char)(0xC0 | c >> 6);
        } else if (c < 0x10000) {
            s[n++] = (char)(0xE0 | c >> 12);
        } else {
            s[n++] = (char)(0xF0 | c >> 18);
            s[n++] = (char)(0x80 | (c >> 12 & 63));
        }
        if (c >= 0x800) s[n++] = (char)(0x80 | (c >> 6 & 63));
        if (c >= 0x80) s[n++] = (char)(0x80 | (c & 63));
        s[n++] = ' ';
        assert_round_trip(t, s, n, true);
    }
    tokenizer_free(t);
}

static void a_long_run_of_combining_marks_is_ordered_quickly(void **state) {
    (void)state;
    struct parts p = {.normalizer = "{\"type\":\"NFC\"}"};
    struct tokenizer *t = open_parts(&p);
    struct token_ids ids = {0};
    struct strbuf s = {0};
    size_t len;
    double start = now_seconds();
    strbuf_addc(&s, 'a');
    for (int i = 0; i < 200000; i++) strbuf_adds(&s, "\xcc\x81\xcc\xa7"); /* classes 230 and 202 */
    tokenizer_encode(t, s.s, s.len, true, &ids);
    char *back = tokenizer_decode(t, ids.v, ids.n, false, &len);
    assert_int_equal(len, 800000); /* the first acute joins the a: two bytes instead of three */
    assert_memory_equal(back, "\xc3\xa1\xcc\xa7\xcc\xa7", 6);
    assert_memory_equal(back + len - 4, "\xcc\x81\xcc\x81", 4);
    assert_true(now_seconds() - start < 60);
    free(back);
    free(ids.v);
    strbuf_release(&s);
    tokenizer_free(t);
}

/* ---- pre-tokenizers ------------------------------------------------------------------------------------ */

static void sequences_and_prefix_spaces_are_followed(void **state) {
    (void)state;
    struct parts p = {
        .vocab = "\"Ġa\":256,\"12\":257,\"Ġb\":258",
        .merges = "\"Ġ a\",\"1 2\",\"Ġ b\"",
        .pre = "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\",\"individual_digits\":false},"
               "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"use_regex\":true}]}"};
    struct tokenizer *t = open_parts(&p);
    assert_pieces(t, "a12b", false,
                  " a| |12| b"); /* every piece that lacks a space gets one, as in the reference */
    tokenizer_free(t);
}

/* ---- refusals ------------------------------------------------------------------------------------------ */

static void what_is_not_implemented_is_refused_by_name(void **state) {
    (void)state;
    static const struct {
        struct parts p;
        const char *word;
    } v[] = {
        {{.model = "\"type\":\"Unigram\""}, "Unigram"},
        {{.model = "\"type\":\"WordPiece\""}, "WordPiece"},
        {{.model = "\"type\":7"}, "model.type"},
        {{.model = "\"type\":\"BPE\",\"byte_fallback\":true"}, "byte_fallback"},
        {{.model = "\"type\":\"BPE\",\"dropout\":0.1"}, "dropout"},
        {{.model = "\"type\":\"BPE\",\"end_of_word_suffix\":\"</w>\""}, "end_of_word_suffix"},
        {{.normalizer = "{\"type\":\"NFKC\"}"}, "NFKC"},
        {{.normalizer =
              "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":\"Lowercase\"}]}"},
         "Lowercase"},
        {{.pre = "{\"type\":\"Metaspace\"}"}, "Metaspace"},
        {{.pre =
              "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"ByteLevel\"},{\"type\":\"Digits\"}]}"},
         "after ByteLevel"},
        {{.pre = "{\"type\":\"Digits\"}"}, "without the pre_tokenizer ByteLevel"},
        {{.pre = "null"}, "without the pre_tokenizer ByteLevel"},
        {{.pre = "[]"}, "not an object"},
        {{.pre = "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},\"behavior\":\"Sideways\"}"}, "Sideways"},
        {{.pre = "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"\\\\w\"},\"behavior\":\"Isolated\"}"}, "\\w"},
        {{.pre = "{\"type\":\"Split\",\"pattern\":{},\"behavior\":\"Isolated\"}"}, "no pattern"},
        {{.post = "{\"type\":\"XlnetProcessing\"}"}, "XlnetProcessing"},
        {{.decoder = "{\"type\":\"Metaspace\"}"}, "Metaspace"},
    };
    for (size_t i = 0; i < ARRAY_LEN(v); i++) assert_refused(&v[i].p, v[i].word);
}

static void damaged_vocabularies_are_refused(void **state) {
    (void)state;
    static const struct {
        struct parts p;
        const char *word;
    } v[] = {
        {{.vocab = "\"ab\":5"}, "belongs to another"},
        {{.vocab = "\"ab\":256,\"ab\":257"}, "duplicate"},
        {{.vocab = "\"ab\":-1"}, "-1"},
        {{.vocab = "\"ab\":2147483648"}, "2147483648"},
        {{.vocab = "\"ab\":4294967296"}, "4294967296"},
        {{.vocab = "\"ab\":99999999999999999999"}, "JSON"},
        {{.vocab = "\"ab\":1e3"}, "integer"},
        {{.vocab = "\"ab\":\"7\""}, "integer"},
        {{.merges = "\"a b\""}, "not in the vocabulary"},
        {{.merges = "\"ab c\""}, "left one"},
        {{.merges = "[\"a\",\"xyz\"]"}, "right one"},
        {{.merges = "\"a\""}, "merge 0"},
        {{.merges = "\"a b c\""}, "merge 0"},
        {{.merges = "[\"a\"]"}, "merge 0"},
        {{.merges = "[1,2]"}, "merge 0"},
        {{.merges = "7"}, "merge 0"},
        {{.merges = "\"\""}, "merge 0"},
        {{.added = "7"}, "content"},
        {{.added = "{\"id\":300}"}, "content"},
        {{.added = "{\"content\":\"x\"}"}, "integer"},
        {{.added = ADDED(5, "<s>", "\"special\":true")}, "belongs to another"},
        {{.added = ADDED(300, "a", "\"special\":true")}, "in the vocabulary"},
        {{.added = ADDED(2000000000, "<s>", "\"special\":true")}, "2000000000"},
        {{.added = ADDED(300, "<s>", "\"special\":\"yes\"")}, "special"},
    };
    for (size_t i = 0; i < ARRAY_LEN(v); i++) assert_refused(&v[i].p, v[i].word);
}

static void an_unknown_token_with_missing_bytes_is_refused(void **state) {
    (void)state;
    struct tokenizer *t;
    struct err e = {0};
    const char *json = "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"unk_"
                       "token\":\"<unk>\",\"vocab\":{\"<unk>\":0,"
                       "\"a\":1},\"merges\":[]}}";
    assert_int_equal(open_text(&t, json, strlen(json), &e), ERR_USER);
    assert_non_null(strstr(e.msg, "<unk>"));
}

static void truncated_and_scrambled_files_are_refused_without_a_crash(void **state) {
    (void)state;
    struct parts p = {.vocab = "\"ab\":256",
                      .merges = "\"a b\"",
                      .added = ADDED(300, "<s>", "\"special\":true"),
                      .normalizer = "{\"type\":\"NFC\"}"};
    char *json = make_json(&p);
    size_t n = strlen(json);
    struct tokenizer *t;
    struct err e = {0};
    for (size_t k = 0; k < n; k += k < 300 || n - k < 100 ? 1 : 97)
        assert_int_equal(open_text(&t, json, k, &e), ERR_USER);
    uint32_t x = 7;
    for (int i = 0; i < 400; i++) { /* one byte changed: either still a tokenizer or an error */
        size_t at = (x = x * 1103515245 + 12345) % n;
        char old = json[at];
        json[at] = "{}[]\",:0a\\"[(x >> 16) % 10];
        if (open_text(&t, json, n, &e) == 0) {
            assert_true(tokenizer_vocab_size(t) >= 256);
            tokenizer_free(t);
        }
        json[at] = old;
    }
    free(json);
    struct strbuf deep = {0};
    for (int i = 0; i < 100000; i++) strbuf_addc(&deep, '[');
    assert_int_equal(open_text(&t, deep.s, deep.len, &e), ERR_USER);
    strbuf_reset(&deep);
    for (int i = 0; i < 1000; i++) strbuf_adds(&deep, "{\"type\":\"Sequence\",\"pretokenizers\":[");
    for (int i = 0; i < 1000; i++) strbuf_adds(&deep, "]}");
    p.pre = deep.s;
    assert_refused(&p, "nested");
    strbuf_release(&deep);
    assert_int_equal(tokenizer_open_json(&t, "/nowhere/tokenizer.json", &e) < 0, 1);
    assert_non_null(strstr(e.msg, "/nowhere/tokenizer.json"));
}

/* ---- GGUF ---------------------------------------------------------------------------------------------- */

static int open_gguf(struct tokenizer **t, const char *pre, const char *const *tokens, const int32_t *types,
                     int n, const char *const *merges, int n_merges, struct err *e) {
    size_t len[16], merge_len[16];
    for (int i = 0; i < n; i++) len[i] = strlen(tokens[i]);
    for (int i = 0; i < n_merges; i++) merge_len[i] = strlen(merges[i]);
    struct tokenizer_gguf g = {.pre = pre,
                               .tokens = tokens,
                               .token_len = len,
                               .token_type = types,
                               .n_tokens = n,
                               .merges = merges,
                               .merge_len = merge_len,
                               .n_merges = n_merges,
                               .bos_id = 0,
                               .eos_id = 1,
                               .add_bos = true,
                               .add_eos = true};
    return tokenizer_open_gguf(t, &g, "file.gguf", e);
}

static void gguf_metadata_make_a_tokenizer(void **state) {
    (void)state;
    static const char *const tokens[] = {"<s>", "</s>", "a", "b", "ab", "Ġ", "1", "<user>"}, *const merges[] =
                                                                                                 {"a b"};
    static const int32_t types[] = {3, 3, 1, 1, 1, 1, 1, 4};
    static const char *const pres[] = {"smollm", "gpt-2", "default", "llama-bpe", "qwen2"};
    struct tokenizer *t;
    struct err e = {0};
    for (size_t i = 0; i < ARRAY_LEN(pres); i++) {
        if (open_gguf(&t, pres[i], tokens, types, 8, merges, 1, &e)) fail_msg("%s", e.msg);
        assert_pieces(t, "ab ab11<s><user>", true, "ab| |ab|1|1|<s>|<user>");
        assert_pieces(t, "a<s><user>", false, "a|<user>"); /* '<' is not in this vocabulary: dropped */
        assert_int_equal(tokenizer_bos_to_add(t), 0);
        assert_int_equal(tokenizer_eos_to_add(t), 1);
        assert_int_equal(tokenizer_eos(t), 1);
        tokenizer_free(t);
    }
}

static void gguf_metadata_that_are_wrong_are_refused(void **state) {
    (void)state;
    static const char *const tokens[] = {"<s>", "</s>", "a", "b", "b"};
    static const struct {
        const char *pre;
        int n;
        const char *merge, *word;
    } v[] = {{"gpt-9", 4, NULL, "gpt-9"},      {"gpt-2", 5, NULL, "same text"},
             {"gpt-2", 4, "a b", "merge 0"},   {"gpt-2", 4, "ab", "left right"},
             {"gpt-2", 4, "a ", "left right"}, {"gpt-2", 4, "", "left right"},
             {"gpt-2", 0, NULL, "0 tokens"},   {"gpt-2", 1, NULL, "start or end"}};
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct tokenizer *t;
        struct err e = {0};
        assert_int_equal(open_gguf(&t, v[i].pre, tokens, NULL, v[i].n, &v[i].merge, v[i].merge != NULL, &e),
                         ERR_USER);
        assert_null(t);
        assert_non_null(strstr(e.msg, "file.gguf"));
        if (!strstr(e.msg, v[i].word)) fail_msg("no '%s' in: %s", v[i].word, e.msg);
    }
}

/* ---- speed --------------------------------------------------------------------------------------------- */

static void a_word_of_a_megabyte_is_not_quadratic(void **state) {
    (void)state;
    struct tokenizer *t = open_json(GOLDEN "_gpt2.json");
    size_t n = 1 << 20;
    char *s = xmalloc(n);
    memset(s, 'a', n);
    double start = now_seconds();
    assert_round_trip(t, s, n, true);
    for (size_t i = 0; i < n; i++) s[i] = "the"[i % 3];
    assert_round_trip(t, s, n, true);
    memset(s, ' ', n);
    assert_round_trip(t, s, n, true);
    assert_true(now_seconds() - start < 60); /* 0.5 s; a quadratic one would take hours */
    free(s);
    tokenizer_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hard_strings_give_the_reference_ids_with_the_digit_rule),
        cmocka_unit_test(hard_strings_give_the_reference_ids_and_come_back_exactly_with_all_bytes),
        cmocka_unit_test(hard_strings_give_the_reference_ids_with_the_smollm2_file),
        cmocka_unit_test(merges_apply_by_rank_and_leftmost_first),
        cmocka_unit_test(words_of_every_length_come_back),
        cmocka_unit_test(ignore_merges_takes_a_whole_word_that_is_a_token),
        cmocka_unit_test(special_tokens_are_recognised_or_plain_as_asked),
        cmocka_unit_test(added_tokens_strip_and_stand_alone_as_their_flags_say),
        cmocka_unit_test(nfc_composes_and_leaves_added_tokens_whole),
        cmocka_unit_test(a_long_run_of_combining_marks_is_ordered_quickly),
        cmocka_unit_test(invalid_utf8_becomes_one_replacement_character_per_bad_subsequence),
        cmocka_unit_test(every_code_point_comes_back),
        cmocka_unit_test(sequences_and_prefix_spaces_are_followed),
        cmocka_unit_test(what_is_not_implemented_is_refused_by_name),
        cmocka_unit_test(damaged_vocabularies_are_refused),
        cmocka_unit_test(an_unknown_token_with_missing_bytes_is_refused),
        cmocka_unit_test(truncated_and_scrambled_files_are_refused_without_a_crash),
        cmocka_unit_test(gguf_metadata_make_a_tokenizer),
        cmocka_unit_test(gguf_metadata_that_are_wrong_are_refused),
        cmocka_unit_test(a_word_of_a_megabyte_is_not_quadratic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
