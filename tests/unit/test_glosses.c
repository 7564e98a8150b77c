/* SPDX-License-Identifier: Apache-2.0 */
/* test_glosses.c - the built-in data set `glosses`, on a small WordNet written here and, where it is
 * installed, on the real one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/core/data.h"

static const char *const files[] = {"data.noun", "data.verb", "data.adj", "data.adv"};
static char dir[64];

static void write_file(const char *name, const char *text) {
    struct err e = {0};
    char *path = path_join(dir, name);
    if (file_write(path, text, strlen(text), &e)) fail_msg("%s", e.msg);
    free(path);
}

static const char licence[] = "  1 This software and database is being provided to you  \n"
                              "  2 as it is | with a bar  \n";

/* A WordNet with the lines given (each without its newline) in `kind` and one synset in each other file. */
static void write_wordnet(int kind, const char *const *line, int n) {
    static const char *const one[] = {
        "00000001 03 n 01 thing 0 000 | a noun  ", "00000002 29 v 01 do 0 000 | a verb  ",
        "00000003 00 a 01 good 0 000 | an adjective  ", "00000004 02 r 01 well 0 000 | an adverb  "};
    for (int k = 0; k < 4; k++) {
        struct strbuf b = {0};
        strbuf_adds(&b, licence);
        if (k == kind)
            for (int i = 0; i < n; i++) strbuf_addf(&b, "%s\n", line[i]);
        else
            strbuf_addf(&b, "%s\n", one[k]);
        write_file(files[k], b.s);
        strbuf_release(&b);
    }
}

static int make_dir(void **state) {
    (void)state;
    strcpy(dir, "/tmp/bench-glosses-XXXXXX");
    if (!mkdtemp(dir)) return -1;
    return setenv("BENCH_WORDNET", dir, 1);
}

static int remove_dir(void **state) {
    (void)state;
    for (int k = 0; k < 4; k++) {
        char *path = path_join(dir, files[k]);
        unlink(path);
        free(path);
    }
    return rmdir(dir);
}

static struct dataset *open_glosses(void) {
    struct dataset *d = NULL;
    struct err e = {0};
    json_t *cfg = json_pack("{s:s}", "name", "glosses");
    if (data_open(&d, cfg, &e)) fail_msg("%s", e.msg);
    json_decref(cfg);
    return d;
}

static void expect_open_fails(int code, const char *part) {
    struct dataset *d = NULL;
    struct err e = {0};
    json_t *cfg = json_pack("{s:s}", "name", "glosses");
    int got = data_open(&d, cfg, &e);
    if (!got) {
        got = data_check(d, &e);
        data_free(d);
    }
    json_decref(cfg);
    assert_int_equal(got, code);
    if (!strstr(e.msg, part)) fail_msg("'%s' lacks '%s'", e.msg, part);
}

static char *field(const struct rows *r, long i, const char *name) {
    struct err e = {0};
    size_t len = 0;
    const char *s = rows_field(r, i, rows_column(r, name), &len, &e);
    if (!s) fail_msg("%s", e.msg);
    return xstrndup(s, len);
}

/* The row of a synset, wherever the split put it: "table row" in *r and *i. */
static void find_synset(const struct dataset *d, const char *synset, const struct rows **r, long *i) {
    const struct rows *split[] = {d->train, d->eval, d->test};
    for (int s = 0; s < 3; s++)
        for (long k = 0; split[s] && k < rows_count(split[s]); k++) {
            char *id = field(split[s], k, "synset");
            bool hit = !strcmp(id, synset);
            free(id);
            if (!hit) continue;
            *r = split[s], *i = k;
            return;
        }
    fail_msg("no synset %s", synset);
}

static void expect_row(const struct dataset *d, const char *synset, const char *column, const char *want) {
    const struct rows *r = NULL;
    long i = 0;
    find_synset(d, synset, &r, &i);
    char *got = field(r, i, column);
    assert_string_equal(got, want);
    free(got);
}

static void columns_are_read_from_a_synset(void **state) {
    (void)state;
    static const char *const line[] = {"00012345 44 s 03 used_to(p) 0 accustomed_to(ip) f b(a) 1 001 & "
                                       "00000003 a 0000 | in the habit; \"I am used to "
                                       "it\"; \"she (also) is\"  "};
    write_wordnet(2, line, 1);
    struct dataset *d = open_glosses();
    assert_string_equal(d->name, "glosses");
    expect_row(d, "00012345-a", "word", "used to");
    expect_row(d, "00012345-a", "pos", "adjective");
    expect_row(d, "00012345-a", "definition", "in the habit");
    expect_row(d, "00012345-a", "words", "used to; accustomed to; b");
    expect_row(d, "00012345-a", "lexname", "adj.ppl");
    expect_row(d, "00000001-n", "word", "thing");
    expect_row(d, "00000001-n", "lexname", "noun.Tops");
    expect_row(d, "00000002-v", "pos", "verb");
    expect_row(d, "00000002-v", "lexname", "verb.body");
    expect_row(d, "00000004-r", "pos", "adverb");
    expect_row(d, "00000004-r", "definition", "an adverb");
    data_free(d);
}

static void a_definition_ends_where_its_examples_begin(void **state) {
    (void)state;
    static const char *const gloss[][2] = {
        {"plain text", "plain text"},
        {"one; \"two\"; \"three\"", "one"},
        {"one; two; \"three\";", "one; two"},
        {"one: \"two\"", "one"},
        {"one, \"two\"", "one"},
        {"one :\"two\"", "one"},
        {"one;\"two\"", "one"},
        {"(of a ball) \"it is dead\"", "(of a ball)"},
        {"as in the phrase \"the call of duty\"", "as in the phrase \"the call of duty\""},
        {"as in \"carrot and stick\"; \"used the carrot\"", "as in \"carrot and stick\""},
        {"reach a goal, e.g., \"make it\"; \"we made it\"", "reach a goal"},
        {"a list; as in e.g. \"a news roundup\"", "a list"},
        {"a report (e.g., \"he said so\"); \"x\"", "a report (e.g., \"he said so\")"},
        {"an end that dangles\"", "an end that dangles\""},
        {"\"only an example\"", "\"only an example\""},
        {"a caf\xc3\xa9; \"x\"", "a caf\xc3\xa9"},
    };
    char *line[ARRAY_LEN(gloss)];
    for (size_t k = 0; k < ARRAY_LEN(gloss); k++)
        line[k] = xasprintf("%08zu 05 n 01 w 0 000 | %s  ", 100 + k, gloss[k][0]);
    write_wordnet(0, (const char *const *)line, ARRAY_LEN(gloss));
    struct dataset *d = open_glosses();
    for (size_t k = 0; k < ARRAY_LEN(gloss); k++) {
        char id[32];
        snprintf(id, sizeof id, "%08zu-n", 100 + k);
        expect_row(d, id, "definition", gloss[k][1]);
        free(line[k]);
    }
    data_free(d);
}

/* The split's definition, written down a second time: a change of it would change every recorded number. */
static int split_of(uint64_t kind, uint64_t offset) {
    uint64_t z = kind << 32 | offset;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    z ^= z >> 31;
    return z % 40 == 0 ? 1 : z % 40 == 1 ? 2 : 0;
}

static void the_split_is_what_the_hash_says(void **state) {
    (void)state;
    enum { N = 2000 };
    static char *line[N];
    for (int k = 0; k < N; k++) line[k] = xasprintf("%08d 30 v 01 word_%d 0 000 | meaning %d  ", 7 * k, k, k);
    write_wordnet(1, (const char *const *)line, N);
    struct dataset *d = open_glosses();
    const struct rows *split[] = {d->train, d->eval, d->test};
    long total = 0;
    for (int s = 0; s < 3; s++) {
        assert_non_null(split[s]);
        total += rows_count(split[s]);
        for (long i = 0; i < rows_count(split[s]); i++) {
            char *id = field(split[s], i, "synset");
            assert_int_equal(split_of((uint64_t)(strchr("nvar", id[9]) - "nvar"), strtoul(id, NULL, 10)), s);
            free(id);
        }
    }
    assert_int_equal(total, N + 3);
    data_free(d);
    for (int k = 0; k < N; k++) free(line[k]);
}

static void damaged_files_are_refused_with_their_line(void **state) {
    (void)state;
    static const char *const bad[][2] = {
        {"00000007 05 n 02 w 0 | gloss", "fewer words"},
        {"00000007 05 n 00 000 | gloss", "fewer words"},
        {"00000007 05 n 01 w 0 000 no gloss", "no gloss"},
        {"00000007 ", "no gloss"},
        {"00000007 99 n 01 w 0 000 | gloss", "lexicographer"},
        {"00000007 | gloss", "lexicographer"},
        {"00000007 05 n 01 w\xff 0 000 | gloss", "UTF-8"},
    };
    for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
        const char *const line[] = {"00000001 05 n 01 w 0 000 | fine", bad[k][0]};
        write_wordnet(0, line, 2);
        expect_open_fails(ERR_USER, "data.noun:4: ");
        expect_open_fails(ERR_USER, bad[k][1]);
    }
    write_wordnet(0, NULL, 0);
    expect_open_fails(ERR_USER, "data.noun: no synsets");
    write_file("data.noun", "");
    expect_open_fails(ERR_USER, "data.noun: no synsets");
}

static void a_missing_wordnet_says_how_to_get_it(void **state) {
    (void)state;
    setenv("BENCH_WORDNET", "/nonexistent", 1);
    expect_open_fails(ERR_RESOURCE, "apt-get install wordnet-base");
    setenv("BENCH_WORDNET", dir, 1);
}

/* ---- the real one -------------------------------------------------------------------------------------- */

static bool installed(void) {
    unsetenv("BENCH_WORDNET");
    return file_exists("/usr/share/wordnet/data.noun");
}

static int by_id(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void the_real_wordnet_has_117659_synsets_in_disjoint_splits(void **state) {
    (void)state;
    if (!installed()) skip();
    double start = now_seconds();
    struct dataset *d = open_glosses();
    print_message("opened in %.1f ms\n", 1e3 * (now_seconds() - start));
    assert_int_equal(rows_count(d->train), 111837);
    assert_int_equal(rows_count(d->eval), 2880);
    assert_int_equal(rows_count(d->test), 2942);
    const struct rows *split[] = {d->train, d->eval, d->test};
    char **id = xcalloc(117659, sizeof *id);
    size_t n = 0;
    for (int s = 0; s < 3; s++)
        for (long i = 0; i < rows_count(split[s]); i++) id[n++] = field(split[s], i, "synset");
    assert_int_equal(n, 117659);
    qsort(id, n, sizeof *id, by_id);
    for (size_t k = 1; k < n; k++) assert_true(strcmp(id[k - 1], id[k]) < 0);
    for (size_t k = 0; k < n; k++) free(id[k]);
    free(id);
    struct err e = {0};
    if (data_check(d, &e)) fail_msg("%s", e.msg);
    data_free(d);
}

static void the_first_eval_rows_are_known_and_a_fair_sample(void **state) {
    (void)state;
    if (!installed()) skip();
    struct dataset *d = open_glosses();
    static const char *const first[] = {"carbon tetrachloride", "convert", "flea",
                                        "horse racing",         "state",   "bar"};
    for (size_t k = 0; k < ARRAY_LEN(first); k++) {
        char *w = field(d->eval, (long)k, "word");
        assert_string_equal(w, first[k]);
        free(w);
    }
    /* Of 200 rows 139.6 are nouns on average, with a deviation of 6.5. */
    int nouns = 0;
    for (long i = 0; i < 200; i++) {
        char *pos = field(d->eval, i, "pos");
        nouns += !strcmp(pos, "noun");
        free(pos);
    }
    assert_in_range(nouns, 120, 160);
    expect_row(d, "00001740-n", "word", "entity");
    expect_row(d, "00001740-n", "definition",
               "that which is perceived or known or inferred to have its own distinct existence (living or "
               "nonliving)");
    data_free(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_read_from_a_synset),
        cmocka_unit_test(a_definition_ends_where_its_examples_begin),
        cmocka_unit_test(the_split_is_what_the_hash_says),
        cmocka_unit_test(damaged_files_are_refused_with_their_line),
        cmocka_unit_test(a_missing_wordnet_says_how_to_get_it),
        cmocka_unit_test(the_real_wordnet_has_117659_synsets_in_disjoint_splits),
        cmocka_unit_test(the_first_eval_rows_are_known_and_a_fair_sample),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
