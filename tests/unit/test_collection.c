/* SPDX-License-Identifier: Apache-2.0 */
/* test_collection.c - retrieval collections: ids, judgements, joined training rows, their mistakes;
 * data.where and templates by key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/config/cfg.h"
#include "harness/core/data.h"
#include "tests/fixture.h"

static int make_places(void **state) {
    if (make_dir(state)) return -1;
    setenv("XDG_CACHE_HOME", dir, 1);
    return 0;
}

static void put(const char *name, const char *text) {
    char *path = path_join(dir, name), *folder = path_dir(path);
    struct err e = {0};
    if (dir_make(folder, &e) || file_write(path, text, strlen(text), &e)) fail_msg("%s", e.msg);
    free(folder);
    free(path);
}

#define CORPUS                                                                                               \
    "{\"_id\":\"d1\",\"title\":\"One\",\"text\":\"first\"}\n{\"_id\":\"d2\",\"title\":\"Two\",\"text\":"     \
    "\"second\"}\n"                                                                                          \
    "{\"_id\":\"d3\",\"title\":\"\",\"text\":\"third\"}\n"
#define QUERIES                                                                                              \
    "{\"_id\":\"q1\",\"text\":\"which is first?\"}\n{\"_id\":\"q2\",\"text\":\"nobody "                      \
    "asks\"}\n{\"_id\":\"q3\",\"text\":\"last?\"}\n"
#define HEAD "query-id\tcorpus-id\tscore\n"

static void put_collection(void) {
    put("set/corpus.jsonl", CORPUS);
    put("set/queries.jsonl", QUERIES);
    put("set/qrels/train.tsv", HEAD "q3\td3\t2\nq1\td1\t1\nq1\td2\t1\nq2\td1\t0\n");
    put("set/qrels/test.tsv", HEAD "q3\td3\t2\nq1\td2\t1\nq1\td1\t3\nq2\td1\t0\nq1\td2\t2\n");
}

static json_t *collection(void) {
    json_t *c = json_object();
    static const char *const file[][2] = {{"corpus", "set/corpus.jsonl"},
                                          {"queries", "set/queries.jsonl"},
                                          {"qrels.train", "set/qrels/train.tsv"},
                                          {"qrels.test", "set/qrels/test.tsv"}};
    for (size_t i = 0; i < ARRAY_LEN(file); i++) {
        char *path = path_join(dir, file[i][1]);
        cfg_set(c, file[i][0], json_string(path));
        free(path);
    }
    return c;
}

static struct dataset *open_ok(json_t *cfg) {
    struct dataset *d = NULL;
    struct err e = {0};
    if (data_open(&d, cfg, &e)) fail_msg("%s", e.msg);
    json_decref(cfg);
    return d;
}

static void refused(json_t *cfg, const char *part) {
    struct dataset *d = NULL;
    struct err e = {0};
    assert_int_equal(data_open(&d, cfg, &e), ERR_USER);
    json_decref(cfg);
    if (!strstr(e.msg, part)) fail_msg("'%s' lacks '%s'", e.msg, part);
}

static void text_is(const struct dataset *d, const char *key, const struct rows *r, long i,
                    const char *want) {
    struct template *t;
    struct strbuf b = {0};
    struct err e = {0};
    assert_non_null(data_template(d, key, 0));
    if (template_compile(&t, data_template(d, key, 0), r, &e) || template_render(t, i, &b, &e))
        fail_msg("%s", e.msg);
    assert_string_equal(b.s, want);
    strbuf_release(&b);
    template_free(t);
}

static void a_collection_is_pairs_to_train_on_and_queries_to_search_with(void **state) {
    (void)state;
    put_collection();
    struct dataset *d = open_ok(collection());
    struct err e = {0};
    assert_int_equal(data_check(d, &e), 0);
    assert_string_equal(d->name, "set");
    assert_null(d->eval);
    assert_int_equal(rows_count(d->corpus), 3);
    assert_int_equal(rows_count(d->train), 3); /* a grade of 0 is no pair */
    text_is(d, "anchor", d->train, 0, "last?");
    text_is(d, "positive", d->train, 0, "third"); /* its title is empty */
    text_is(d, "anchor", d->train, 2, "which is first?");
    text_is(d, "positive", d->train, 2, "Two second");
    text_is(d, "document", d->corpus, 0, "One first");
    assert_int_equal(rows_count(d->test), 3); /* nothing is relevant to q2, but it is judged */
    text_is(d, "query", d->test, 2, "last?");
    const struct relevance *r = &d->relevance[2];
    const long from[] = {0, 2, 2, 3}, document[] = {0, 1, 2}, self[] = {-1, -1, -1};
    const float grade[] = {3, 2, 2}; /* judged twice: the last counts */
    assert_memory_equal(r->from, from, sizeof from);
    assert_memory_equal(r->document, document, sizeof document);
    assert_memory_equal(r->grade, grade, sizeof grade);
    assert_memory_equal(r->self, self, sizeof self);
    assert_int_equal(r->missing, 0);
    data_free(d);
}

/* What BEIR's loader and trec_eval make of a folder's corners. */
static void corners_of_a_collection_are_beirs(void **state) {
    (void)state;
    put_collection();
    put("set/queries.jsonl", QUERIES "{\"_id\":\"d2\",\"text\":\"Two second\"}\n");
    put("set/corpus.jsonl", CORPUS "{\"_id\":\"d4\",\"text\":\"no title\"}\n");
    /* judged down by the last line; not in the corpus, twice one id and once another; below 0 */
    put("set/qrels/test.tsv",
        HEAD "q1\td1\t3\nd2\td4\t1\nq1\tx\t1\nq1\ty\t2\nq1\tx\t2\nq1\td1\t0\nq3\td1\t-1\n");
    put("set/qrels/train.tsv", HEAD "q1\td4\t1\nq1\tx\t1\nq3\td1\t1\nq3\td1\t0\n");
    struct dataset *d = open_ok(collection());
    struct err e = {0};
    assert_int_equal(data_check(d, &e), 0);
    assert_int_equal(rows_count(d->test), 3); /* q1, q3, d2 */
    const struct relevance *r = &d->relevance[2];
    const long from[] = {0, 2, 2, 3}, document[] = {-1, -1, 3}, self[] = {-1, -1, 1};
    assert_memory_equal(r->from, from, sizeof from);
    assert_memory_equal(r->document, document, sizeof document);
    assert_memory_equal(r->self, self, sizeof self);
    assert_true(r->grade[0] == 2 && r->grade[1] == 2 && r->grade[2] == 1);
    assert_int_equal(r->missing, 2);
    assert_int_equal(rows_count(d->train), 1);
    text_is(d, "positive", d->train, 0, "no title");
    assert_int_equal(d->relevance[0].missing, 1);
    data_free(d);
}

static void templates_of_documents_and_queries_can_be_given(void **state) {
    (void)state;
    put_collection();
    json_t *c = collection();
    json_object_set_new(c, "document", json_string("{title}: {text}"));
    json_object_set_new(c, "query", json_string("query: {text}"));
    struct dataset *d = open_ok(c);
    text_is(d, "anchor", d->train, 1, "query: which is first?");
    text_is(d, "positive", d->train, 1, "One: first");
    data_free(d);
    c = collection();
    json_object_set_new(c, "document", json_string("{body}"));
    refused(c, "unknown column 'body'");
}

static void mistakes_of_a_collection_name_file_and_line(void **state) {
    (void)state;
    put_collection();
    put("set/qrels/test.tsv", HEAD "q1\td9\t1\n");
    refused(collection(), "no document of the corpus is relevant to any query");
    put("set/qrels/test.tsv", HEAD "q9\td1\t1\n");
    refused(collection(), "test.tsv:2: there is no query 'q9' in ");
    put("set/qrels/test.tsv", HEAD "q1\td1\tyes\n");
    refused(collection(), "test.tsv:2: the grade 'yes' is not a number");
    put("set/qrels/test.tsv", HEAD "q1\td1\tnan\n");
    refused(collection(), "test.tsv:2: the grade 'nan' is not a number");
    put("set/qrels/test.tsv", HEAD "q1\td1\t0\n");
    refused(collection(), "no document of the corpus is relevant to any query");
    put("set/qrels/test.tsv", "q1 d1 1\nq1 d2 1\n");
    refused(collection(), "has 1 columns where judgements have three");
    put_collection();
    put("set/corpus.jsonl", CORPUS "{\"_id\":\"d2\",\"title\":\"\",\"text\":\"again\"}\n");
    refused(collection(), "corpus.jsonl:4: the id 'd2' is there twice: line 2 has it too");
    put("set/corpus.jsonl", "{\"id\":\"d2\",\"text\":\"x\"}\n");
    refused(collection(), "has no '_id'");
    put_collection();
    json_t *c = collection();
    json_object_del(c, "queries");
    refused(c, "needs both data.corpus and data.queries");
    c = collection();
    json_object_del(c, "qrels");
    refused(c, "needs judgements");
}

static void where_keeps_the_rows_that_have_a_value(void **state) {
    (void)state;
    put("w.tsv", "kind\ttext\na\tone\nb\ttwo\na\tthree\n");
    char *path = path_join(dir, "w.tsv");
    struct dataset *d =
        open_ok(json_pack("{s:s, s:s, s:s}", "train", path, "where", "kind=a", "text", "{text}"));
    assert_int_equal(rows_count(d->train), 2);
    text_is(d, "text", d->train, 1, "three");
    assert_int_equal(rows_line(d->train, 1), 4);
    data_free(d);
    refused(json_pack("{s:s, s:s}", "train", path, "where", "kind=c"), "no row of ");
    refused(json_pack("{s:s, s:s}", "train", path, "where", "sort=a"), "there is no column 'sort'");
    refused(json_pack("{s:s, s:s}", "train", path, "where", "kind"), "not of the form column=value");
    free(path);
}

static void a_template_may_be_a_list(void **state) {
    (void)state;
    put("n.tsv", "a\tb\tc\n1\t2\t3\n");
    char *path = path_join(dir, "n.tsv");
    struct dataset *d =
        open_ok(json_pack("{s:s, s:s, s:[s,s]}", "train", path, "anchor", "{a}", "negative", "{b}", "{c}"));
    assert_string_equal(data_template(d, "negative", 1), "{c}");
    assert_null(data_template(d, "negative", 2));
    assert_null(data_template(d, "anchor", 1));
    assert_null(data_template(d, "positive", 0));
    data_free(d);
    refused(json_pack("{s:s, s:[s,s]}", "train", path, "negative", "{b}", "{d}"),
            "data.negative: unknown column 'd'");
    refused(json_pack("{s:s, s:[i]}", "train", path, "negative", 3), "data.negative: a template");
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_collection_is_pairs_to_train_on_and_queries_to_search_with),
        cmocka_unit_test(corners_of_a_collection_are_beirs),
        cmocka_unit_test(templates_of_documents_and_queries_can_be_given),
        cmocka_unit_test(mistakes_of_a_collection_name_file_and_line),
        cmocka_unit_test(where_keeps_the_rows_that_have_a_value),
        cmocka_unit_test(a_template_may_be_a_list),
    };
    return cmocka_run_group_tests(tests, make_places, remove_dir);
}
