/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer_parts.h - for tests: small tokenizers of byte-level BPE, written on the spot. */
#ifndef BENCH_TESTS_TOKENIZER_PARTS_H
#define BENCH_TESTS_TOKENIZER_PARTS_H

#include "tests/unit/tokenizer_check.h"

/* A JSON array or object body of the 256 byte tokens: "\"!\":0,...". Ids 0 to 255 in the order of the
 * alphabet. */
static inline void add_byte_vocab(struct strbuf *b) {
    for (int i = 0, extra = 256; i < 256; i++) {
        int self = (i >= 33 && i <= 126) || (i >= 161 && i <= 172) || i >= 174;
        strbuf_addf(b, "%s\"\\u%04x\":%d", i ? "," : "", self ? i : extra++, i);
    }
}

struct parts {
    const char *vocab, *merges, *added, *normalizer, *pre, *post, *decoder, *model;
};

/* A tokenizer.json of the 256 bytes and whatever `p` says (NULL: the plain default). */
static inline char *make_json(const struct parts *p) {
    struct strbuf b = {0};
    strbuf_addf(&b, "{\"added_tokens\":[%s],\"normalizer\":%s,", p->added ? p->added : "",
                p->normalizer ? p->normalizer : "null");
    strbuf_addf(&b, "\"pre_tokenizer\":%s,",
                p->pre ? p->pre : "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true}");
    strbuf_addf(&b, "\"post_processor\":%s,\"decoder\":%s,", p->post ? p->post : "null",
                p->decoder ? p->decoder : "{\"type\":\"ByteLevel\"}");
    strbuf_addf(&b, "\"model\":{%s,\"vocab\":{", p->model ? p->model : "\"type\":\"BPE\"");
    add_byte_vocab(&b);
    strbuf_addf(&b, "%s%s},\"merges\":[%s]}}", p->vocab ? "," : "", p->vocab ? p->vocab : "",
                p->merges ? p->merges : "");
    return strbuf_detach(&b);
}

static inline int open_text(struct tokenizer **t, const char *text, size_t n, struct err *e) {
    char path[] = "/tmp/bench-tokenizer-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, n), (ssize_t)n);
    close(fd);
    int rc = tokenizer_open_json(t, path, e);
    if (rc) assert_non_null(strstr(e->msg, path)); /* every refusal names the file */
    unlink(path);
    return rc;
}

static inline struct tokenizer *open_parts(const struct parts *p) {
    struct tokenizer *t;
    struct err e = {0};
    char *json = make_json(p);
    if (open_text(&t, json, strlen(json), &e)) fail_msg("%s", e.msg);
    free(json);
    return t;
}

static inline void assert_refused(const struct parts *p, const char *word) {
    struct tokenizer *t;
    struct err e = {0};
    char *json = make_json(p);
    int rc = open_text(&t, json, strlen(json), &e);
    free(json);
    assert_int_equal(rc, ERR_USER);
    assert_null(t);
    if (!strstr(e.msg, word)) fail_msg("no '%s' in: %s", word, e.msg);
}

/* The tokens of `text`, joined by "|", each decoded alone. */
static inline char *pieces(struct tokenizer *t, const char *text, bool special) {
    struct token_ids ids = {0};
    struct strbuf b = {0};
    tokenizer_encode(t, text, strlen(text), special, &ids);
    for (int i = 0; i < ids.n; i++) {
        size_t len;
        char *s = tokenizer_decode(t, &ids.v[i], 1, false, &len);
        strbuf_addf(&b, "%s%s", i ? "|" : "", s);
        free(s);
    }
    free(ids.v);
    return strbuf_detach(&b);
}

#define ADDED(id, text, flags) "{\"id\":" #id ",\"content\":\"" text "\"," flags "}"

static inline void assert_pieces(struct tokenizer *t, const char *text, bool special, const char *expected) {
    char *got = pieces(t, text, special);
    assert_string_equal(got, expected);
    free(got);
}

#endif
