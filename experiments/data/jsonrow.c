/* SPDX-License-Identifier: Apache-2.0 */
/* jsonrow.c - a strict scanner for one JSON object on one line. See jsonrow.h.
 *
 * The scanner is a cursor over bytes that are known to be UTF-8 without NUL; every function leaves it behind
 * what it read, or sets `why`. */
#include "experiments/data/jsonrow.h"

#include <stdint.h>
#include <string.h>

#define MAX_DEPTH 256

struct cursor {
    const char *p, *end;
    const char *why; /* set: stop */
};

static bool cursor_fail(struct cursor *c, const char *why) {
    if (!c->why) c->why = why;
    return false;
}

static void skip_space(struct cursor *c) {
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\r' || *c->p == '\n')) c->p++;
}

static bool expect_byte(struct cursor *c, char ch, const char *why) {
    skip_space(c);
    if (c->p == c->end)
        return cursor_fail(c, "the line ends inside the object (each line holds one whole object)");
    if (*c->p != ch) return cursor_fail(c, why);
    c->p++;
    return true;
}

/* Four hex digits at p (fewer than four bytes left: -1). */
static int take_hex4(const char *p, const char *end) {
    if (end - p < 4) return -1;
    int v = 0;
    for (int i = 0; i < 4; i++) {
        char ch = p[i];
        int d = ch >= '0' && ch <= '9'   ? ch - '0'
                : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10
                : ch >= 'A' && ch <= 'F' ? ch - 'A' + 10
                                         : -1;
        if (d < 0) return -1;
        v = v * 16 + d;
    }
    return v;
}

/* c->p behind a backslash: check the escape, step over it. */
static bool scan_escape(struct cursor *c) {
    if (c->p == c->end) return cursor_fail(c, "the line ends inside a string");
    if (*c->p != 'u') {
        if (!strchr("\"\\/bfnrt", *c->p)) return cursor_fail(c, "an unknown escape in a string");
        c->p++;
        return true;
    }
    int u = take_hex4(c->p + 1, c->end);
    if (u < 0) return cursor_fail(c, "\\u without four hex digits");
    if (u == 0) return cursor_fail(c, "\\u0000 in a string: text cannot hold a NUL character");
    if (u >= 0xDC00 && u <= 0xDFFF) return cursor_fail(c, "a lone surrogate (\\udc00-\\udfff) in a string");
    c->p += 5;
    if (u < 0xD800 || u > 0xDBFF) return true;
    int low = c->end - c->p >= 6 && c->p[0] == '\\' && c->p[1] == 'u' ? take_hex4(c->p + 2, c->end) : -1;
    if (low < 0xDC00 || low > 0xDFFF) return cursor_fail(c, "a lone surrogate (\\ud800-\\udbff) in a string");
    c->p += 6;
    return true;
}

/* c->p behind the opening quote. */
static bool scan_string(struct cursor *c, struct json_slice *out) {
    *out = (struct json_slice){.s = c->p, .kind = JSON_STRING_SLICE};
    for (;;) {
        while (c->p < c->end && *c->p != '"' && *c->p != '\\' && (unsigned char)*c->p >= 0x20) c->p++;
        if (c->p == c->end) return cursor_fail(c, "the line ends inside a string");
        if (*c->p == '"') break;
        if (*c->p != '\\')
            return cursor_fail(c, "a control character in a string (write \\t, \\n or \\u00..)");
        c->p++;
        out->escaped = true;
        if (!scan_escape(c)) return false;
    }
    out->len = (size_t)(c->p - out->s);
    c->p++;
    return true;
}

static bool take_digits(struct cursor *c) {
    const char *start = c->p;
    while (c->p < c->end && *c->p >= '0' && *c->p <= '9') c->p++;
    return c->p > start;
}

static bool scan_number(struct cursor *c) {
    if (*c->p == '-') c->p++;
    const char *first = c->p;
    if (!take_digits(c)) return cursor_fail(c, "not a JSON value");
    if (*first == '0' && c->p - first > 1) return cursor_fail(c, "a number with a leading zero");
    if (c->p < c->end && *c->p == '.') {
        c->p++;
        if (!take_digits(c)) return cursor_fail(c, "a number without digits behind its point");
    }
    if (c->p < c->end && (*c->p == 'e' || *c->p == 'E')) {
        c->p++;
        if (c->p < c->end && (*c->p == '+' || *c->p == '-')) c->p++;
        if (!take_digits(c)) return cursor_fail(c, "a number without digits in its exponent");
    }
    return true;
}

static bool scan_word(struct cursor *c, const char *word) {
    size_t n = strlen(word);
    if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n)) return cursor_fail(c, "not a JSON value");
    c->p += n;
    return true;
}

/* A string, number or word at c->p. */
static bool scan_scalar(struct cursor *c, struct json_slice *out) {
    if (c->p == c->end)
        return cursor_fail(c, "the line ends inside the object (each line holds one whole object)");
    *out = (struct json_slice){.s = c->p};
    bool ok;
    switch (*c->p) {
    case '"':
        c->p++;
        return scan_string(c, out);
    case 't':
        ok = scan_word(c, "true"), out->kind = JSON_BOOL_SLICE;
        break;
    case 'f':
        ok = scan_word(c, "false"), out->kind = JSON_BOOL_SLICE;
        break;
    case 'n':
        ok = scan_word(c, "null"), out->kind = JSON_NULL_SLICE;
        break;
    default:
        ok = scan_number(c), out->kind = JSON_NUMBER_SLICE;
    }
    out->len = (size_t)(c->p - out->s);
    return ok;
}

/* "key": at c->p. */
static bool scan_key(struct cursor *c, struct json_slice *key) {
    if (!expect_byte(c, '"', "a key in double quotes is missing") || !scan_string(c, key)) return false;
    if (!expect_byte(c, ':', "':' is missing behind a key")) return false;
    skip_space(c);
    return true;
}

/* Behind an element: ',' (true: another follows) or the closing bracket. */
static bool another_member(struct cursor *c, char close) {
    skip_space(c);
    if (c->p < c->end && *c->p == ',') {
        c->p++;
        skip_space(c);
        return true;
    }
    if (!expect_byte(c, close,
                     close == '}' ? "',' or '}' is missing behind a member"
                                  : "',' or ']' is missing behind an element"))
        return false;
    return false;
}

/* Is the container that was just opened empty? Steps over its end. */
static bool empty_container(struct cursor *c, char close) {
    skip_space(c);
    if (c->p == c->end || *c->p != close) return false;
    c->p++;
    return true;
}

/* A list or an object at c->p: checked and stepped over. */
static bool scan_nested(struct cursor *c, struct json_slice *out) {
    *out = (struct json_slice){.s = c->p, .kind = JSON_NESTED_SLICE};
    char close[MAX_DEPTH];
    int depth = 0;
    bool value = true; /* a value is next; else an element has just ended */
    do {
        char close_now = depth ? close[depth - 1] : 0;
        if (!value) {
            bool more = another_member(c, close_now);
            if (c->why) return false;
            if (!more) {
                depth--;
                continue;
            }
        }
        struct json_slice part;
        if (close_now == '}' && !scan_key(c, &part)) return false;
        skip_space(c);
        value = false;
        if (c->p < c->end && (*c->p == '{' || *c->p == '[')) {
            if (depth == MAX_DEPTH) return cursor_fail(c, "nested deeper than 256 levels");
            close[depth++] = *c->p++ == '{' ? '}' : ']';
            if (empty_container(c, close[depth - 1]))
                depth--;
            else
                value = true;
        } else if (!scan_scalar(c, &part)) {
            return false;
        }
    } while (depth);
    out->len = (size_t)(c->p - out->s);
    return true;
}

static bool walk_members(struct cursor *c,
                         const char *(*member)(void *, const struct json_slice *, const struct json_slice *),
                         void *arg) {
    if (!expect_byte(c, '{', "not a JSON object")) return false;
    if (empty_container(c, '}')) return true;
    do {
        struct json_slice key, value;
        if (!scan_key(c, &key)) return false;
        bool nested = c->p < c->end && (*c->p == '{' || *c->p == '[');
        if (!(nested ? scan_nested(c, &value) : scan_scalar(c, &value))) return false;
        const char *why = member(arg, &key, &value);
        if (why) return cursor_fail(c, why);
    } while (another_member(c, '}'));
    return !c->why;
}

const char *jsonrow_walk(const char *s, size_t n,
                         const char *(*member)(void *, const struct json_slice *, const struct json_slice *),
                         void *arg, size_t *at) {
    struct cursor c = {s, s + n, NULL};
    if (walk_members(&c, member, arg)) {
        skip_space(&c);
        if (c.p < c.end) cursor_fail(&c, "text behind the object (each line holds one object)");
    }
    *at = (size_t)(c.p - s);
    return c.why;
}

static char *utf8_put(char *o, uint32_t u) {
    if (u < 0x80) {
        *o++ = (char)u;
    } else if (u < 0x800) {
        *o++ = (char)(0xC0 | u >> 6);
        *o++ = (char)(0x80 | (u & 63));
    } else if (u < 0x10000) {
        *o++ = (char)(0xE0 | u >> 12);
        *o++ = (char)(0x80 | (u >> 6 & 63));
        *o++ = (char)(0x80 | (u & 63));
    } else {
        *o++ = (char)(0xF0 | u >> 18);
        *o++ = (char)(0x80 | (u >> 12 & 63));
        *o++ = (char)(0x80 | (u >> 6 & 63));
        *o++ = (char)(0x80 | (u & 63));
    }
    return o;
}

size_t jsonrow_unescape(const struct json_slice *string, char *out) {
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *p = string->s, *end = p + string->len;
    char *o = out;
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        size_t plain = (size_t)((slash ? slash : end) - p);
        memcpy(o, p, plain);
        o += plain, p += plain;
        if (!slash) break;
        const char *simple = strchr(from, p[1]);
        if (p[1] == 'u') {
            uint32_t u = (uint32_t)take_hex4(p + 2, end);
            p += 6;
            if (u >= 0xD800 && u <= 0xDBFF) {
                u = 0x10000 + ((u - 0xD800) << 10) + ((uint32_t)take_hex4(p + 2, end) - 0xDC00);
                p += 6;
            }
            o = utf8_put(o, u);
        } else {
            *o++ = simple ? to[simple - from] : p[1];
            p += 2;
        }
    }
    return (size_t)(o - out);
}
