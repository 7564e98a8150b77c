/* SPDX-License-Identifier: Apache-2.0 */
/* pretok_split.c - a Split step over PCRE2. See pretok.h.
 *
 * The reference matches with Oniguruma in its Ruby syntax; a pattern that would mean something else in PCRE2
 * is refused (pattern_vet). Where PCRE2's Unicode tables are older, the text is matched through stand-ins of
 * the same category and length (uniclass_standin). A match that runs into PCRE2's limits ends the matching of
 * that piece: the rest of it is one unmatched piece, so that the ids stay well defined and the text is kept.
 */
#include "harness/nn/text/pretok_split.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/nn/text/uniclass.h"
#include "harness/base/util.h"

enum { JIT_STACK_MAX = 8 << 20, MATCH_LIMIT = 5000000, HEAP_LIMIT_KIB = 64 << 10, PATTERN_MAX = 1 << 16 };

struct split {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    pcre2_jit_stack *stack;
    enum split_behavior behavior;
    bool invert;
    struct strbuf shadow; /* the text with stand-ins */
    /* of the running split_run */
    split_tell *tell;
    void *ctx;
    struct {
        size_t start, end;
    } pending;               /* the piece that the next one may still join, when `any` */
    bool any, first, before; /* first: nothing was found yet; before: what was found last is a match */
    bool stopped;
};

/* ---- vetting ------------------------------------------------------------------------------------------- */

static int refuse_pattern(struct err *e, const char *what, const char *pattern) {
    return err_set(e, ERR_USER,
                   "the Split pattern uses %s, which is not implemented (pattern: %.200s); "
                   "use a model with another tokenizer",
                   what, pattern);
}

static bool is_general_category(const char *name, size_t n) {
    static const char *const two =
        "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co";
    if (n == 1) return strchr("LMNPSZ", *name) != NULL;
    if (n != 2) return false;
    for (const char *t = two; *t; t += t[2] ? 3 : 2)
        if (t[0] == name[0] && t[1] == name[1]) return true;
    return false;
}

/* A backslash at p (end: one past the pattern). Copies the escape to out and returns its length, or 0 with an
 * error. */
static size_t vet_escape(const char *p, const char *end, const char *pattern, struct strbuf *out,
                         struct err *e) {
    char what[64];
    char c = p + 1 < end ? p[1] : 0;
    size_t n = 2;
    if (c == 'p' || c == 'P') {
        const char *close = p + 2 < end && p[2] == '{' ? memchr(p, '}', (size_t)(end - p)) : NULL;
        const char *name = p + 3;
        if (!close || close - name > 32) {
            refuse_pattern(e, "a \\p without {...}", pattern);
            return 0;
        }
        bool negated = name < close && *name == '^';
        name += negated;
        size_t len = (size_t)(close - name);
        bool script = (len == 3 && !memcmp(name, "Han", 3)) || (len == 8 && !memcmp(name, "Hiragana", 8)) ||
                      (len == 8 && !memcmp(name, "Katakana", 8)) || (len == 6 && !memcmp(name, "Hangul", 6));
        if (!script && !is_general_category(name, len)) {
            snprintf(what, sizeof what, "the property \\p{%.*s}", (int)MIN_OF(len, 32), name);
            refuse_pattern(e, what, pattern);
            return 0;
        }
        /* PCRE2 would read a bare script name as Script_Extensions */
        strbuf_addf(out, "\\%c{%s%s%.*s}", c, negated ? "^" : "", script ? "sc:" : "", (int)len, name);
        return (size_t)(close - p) + 1;
    }
    bool plain =
        (c > 32 && c < 127 && !(c >= '0' && c <= '9') && !((c | 32) >= 'a' && (c | 32) <= 'z')) || c == ' ';
    if (!plain && (c == 0 || !strchr("sSdDrntfAzZ", c))) {
        snprintf(what, sizeof what, c > 32 && c < 127 ? "the escape \\%c" : "an unknown escape", c);
        refuse_pattern(e, what, pattern);
        return 0;
    }
    strbuf_add(out, p, n);
    return n;
}

/* A character class that begins at p. Returns its length, or 0 with an error. */
static size_t vet_class(const char *p, const char *end, const char *pattern, struct strbuf *out,
                        struct err *e) {
    const char *s = p + 1;
    strbuf_addc(out, '[');
    if (s < end && *s == '^') strbuf_addc(out, *s++);
    if (s < end && *s == ']') {
        refuse_pattern(e, "an unescaped ] at the start of a class", pattern);
        return 0;
    }
    while (s < end && *s != ']') {
        if (*s == '[' || (*s == '&' && s + 1 < end && s[1] == '&')) {
            refuse_pattern(e, *s == '[' ? "a class inside a class" : "a class intersection (&&)", pattern);
            return 0;
        }
        size_t n = 1;
        if (*s == '\\') {
            n = vet_escape(s, end, pattern, out, e);
            if (n == 0) return 0;
        } else {
            strbuf_addc(out, *s);
        }
        s += n;
    }
    if (s == end) {
        refuse_pattern(e, "a class without its ]", pattern);
        return 0;
    }
    strbuf_addc(out, ']');
    return (size_t)(s - p) + 1;
}

/* What follows a "(" at p may be nothing special or one of the groups that both engines read alike. */
static bool vet_group(const char *p, const char *end, bool at_start) {
    static const char *const ok[] = {"?:", "?=", "?!", "?<=", "?<!", "?>", "?i:"};
    size_t left = (size_t)(end - p) - 1;
    const char *s = p + 1;
    if (left > 0 && *s == '*') return false;
    if (left == 0 || *s != '?') return true;
    if (at_start && left >= 3 && !memcmp(s, "?i)", 3)) return true;
    for (size_t i = 0; i < ARRAY_LEN(ok); i++)
        if (left >= strlen(ok[i]) && !memcmp(s, ok[i], strlen(ok[i]))) return true;
    return false;
}

/* Check a regular expression for what PCRE2 and the reference read differently, and copy it to out. */
static int pattern_vet(const char *pattern, size_t n, struct strbuf *out, struct err *e) {
    const char *end = pattern + n;
    int depth = 0;
    for (const char *p = pattern; p < end;) {
        size_t len = 1;
        if (*p == '\\') {
            len = vet_escape(p, end, pattern, out, e);
        } else if (*p == '[') {
            len = vet_class(p, end, pattern, out, e);
        } else {
            if (*p == '(' && !vet_group(p, end, p == pattern))
                return refuse_pattern(e,
                                      "a group of another kind than (?: (?= (?! (?<= (?<! (?> (?i:", pattern);
            if (*p == '(' && ++depth > 50) return refuse_pattern(e, "more than 50 groups", pattern);
            if (*p == '}' && p + 1 < end && (p[1] == '+' || p[1] == '?'))
                return refuse_pattern(e, "a repeat {m,n} followed by + or ?", pattern);
            if (*p == '{' && p + 1 < end && p[1] == ',')
                return refuse_pattern(e, "a repeat without a lower bound, {,n}", pattern);
            strbuf_addc(out, *p);
        }
        if (len == 0) return e ? e->code : ERR_USER;
        p += len;
    }
    return 0;
}

/* ---- making -------------------------------------------------------------------------------------------- */

int split_new(struct split **ret, const char *pattern, size_t n, bool literal, enum split_behavior behavior,
              bool invert, struct err *e) {
    struct strbuf vetted = {0};
    int error = 0;
    PCRE2_SIZE offset = 0;
    *ret = NULL;
    if (n == 0) return err_set(e, ERR_USER, "a Split has an empty pattern");
    if (n > PATTERN_MAX)
        return err_set(e, ERR_USER, "a Split pattern of %zu bytes (at most %d)", n, PATTERN_MAX);
    if (literal) {
        strbuf_add(&vetted, pattern, n);
    } else {
        int rc = pattern_vet(pattern, n, &vetted, e);
        if (rc) {
            strbuf_release(&vetted);
            return rc;
        }
    }
    pcre2_compile_context *cc = pcre2_compile_context_create(NULL);
    pcre2_set_newline(cc, PCRE2_NEWLINE_LF); /* as Oniguruma's "." and "$" */
    uint32_t options =
        PCRE2_UTF | (literal ? PCRE2_LITERAL : PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)vetted.s, vetted.len, options, &error, &offset, cc);
    pcre2_compile_context_free(cc);
    strbuf_release(&vetted);
    if (!code) {
        PCRE2_UCHAR text[128];
        pcre2_get_error_message(error, text, sizeof text);
        return err_set(e, ERR_USER, "a Split pattern does not compile: %s at byte %zu of %.200s",
                       (char *)text, (size_t)offset, pattern);
    }
    struct split *s = xcalloc(1, sizeof *s);
    s->code = code;
    s->behavior = behavior;
    s->invert = invert;
    s->match = pcre2_match_data_create(1, NULL);
    s->limits = pcre2_match_context_create(NULL);
    BUG_ON(!s->match || !s->limits, "out of memory");
    pcre2_set_match_limit(s->limits, MATCH_LIMIT);
    pcre2_set_heap_limit(s->limits, HEAP_LIMIT_KIB);
    if (pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0) { /* without the JIT, matching is only slower */
        s->stack = pcre2_jit_stack_create(64 << 10, JIT_STACK_MAX, NULL);
        if (s->stack) pcre2_jit_stack_assign(s->limits, NULL, s->stack);
    }
    *ret = s;
    return 0;
}

void split_free(struct split *s) {
    if (!s) return;
    pcre2_code_free(s->code);
    pcre2_match_data_free(s->match);
    pcre2_match_context_free(s->limits);
    pcre2_jit_stack_free(s->stack);
    strbuf_release(&s->shadow);
    free(s);
}

/* ---- matching ------------------------------------------------------------------------------------------ */

/* The text, or a copy of equal length in which stand-ins replace what PCRE2 does not classify as the
 * reference does. */
static const char *shadow_text(struct split *s, const char *text, size_t n) {
    bool copied = false;
    int len;
    for (size_t i = 0; i < n; i += (size_t)len) {
        len = 1;
        /* stand-ins begin at U+0897; a continuation byte is skipped too */
        if ((unsigned char)text[i] < 0xE0) continue;
        int32_t c = uniclass_next(text + i, n - i, &len), other = uniclass_standin(c);
        if (other == c) continue;
        if (!copied) {
            strbuf_reset(&s->shadow);
            strbuf_add(&s->shadow, text, n);
            copied = true;
        }
        char *d = s->shadow.s + i;
        if (len == 3) {
            d[0] = (char)(0xE0 | other >> 12);
        } else {
            d[0] = (char)(0xF0 | other >> 18);
            d[1] = (char)(0x80 | (other >> 12 & 0x3F));
        }
        d[len - 2] = (char)(0x80 | (other >> 6 & 0x3F));
        d[len - 1] = (char)(0x80 | (other & 0x3F));
    }
    return copied ? s->shadow.s : text;
}

/* The span that no later piece can join any more. */
static void tell_pending(struct split *s) {
    if (s->any && !s->stopped) s->stopped = !s->tell(s->ctx, s->pending.start, s->pending.end);
    s->any = false;
}

/* A match, or what lies between two. */
static void add_piece(struct split *s, size_t start, size_t end, bool match) {
    bool before = s->before, first = s->first, join = false;
    match = match != s->invert;
    s->before = match;
    s->first = false;
    if (s->behavior == SPLIT_REMOVED && match) return;
    if (s->behavior == SPLIT_CONTIGUOUS) join = !first && before == match;
    if (s->behavior == SPLIT_WITH_PREVIOUS) join = !first && match && !before;
    /* a match belongs to what follows it, unless that is a match too */
    if (s->behavior == SPLIT_WITH_NEXT) join = before && !match;
    if (!join) {
        tell_pending(s);
        s->pending.start = start;
        s->any = true;
    }
    s->pending.end = end;
}

static bool find_match(struct split *s, const char *text, size_t n, size_t from, size_t *start, size_t *end) {
    int rc = pcre2_match(s->code, (PCRE2_SPTR)text, n, from, PCRE2_NO_UTF_CHECK, s->match, s->limits);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
        rc = pcre2_match(s->code, (PCRE2_SPTR)text, n, from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, s->match,
                         s->limits);
    if (rc < 0) return false;
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->match);
    *start = at[0];
    *end = at[1];
    return *start >= from && *end >= *start && *end <= n;
}

/* Matches and what lies between them. An empty match right after the last match does not count. */
static void find_pieces(struct split *s, const char *text, size_t n) {
    size_t from = 0, done = 0, start, end;
    bool any = false;
    while (!s->stopped && from <= n && find_match(s, text, n, from, &start, &end)) {
        if (start == end && any && end == done) {
            int len = 1;
            if (from < n) uniclass_next(text + from, n - from, &len);
            from += (size_t)len;
            continue;
        }
        if (start > done) add_piece(s, done, start, false);
        add_piece(s, start, end, true);
        from = done = end;
        any = true;
    }
    if (done < n) add_piece(s, done, n, false);
}

void split_run(struct split *s, const char *text, size_t n, split_tell *tell, void *ctx) {
    s->tell = tell;
    s->ctx = ctx;
    s->first = true;
    s->before = s->any = s->stopped = false;
    find_pieces(s, shadow_text(s, text, n), n);
    tell_pending(s);
}
