/* SPDX-License-Identifier: Apache-2.0 */
/* chat_expr.c - expressions of chat templates (chat.h), by recursive descent. Values are JSON's; NULL is
 * Jinja's undefined. */
#include "harness/nn/text/chat_expr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scan {
    struct chat *c;
    const char *p, *end;
    int depth;
};

static json_t *read_choice(struct scan *s);

void chat_fail(struct chat *c, const char *what, const char *name, size_t n) {
    if (!c->failed) err_set(c->e, ERR_USER, "%s '%.*s'", what, (int)MIN_OF(n, (size_t)80), name);
    c->failed = true;
}

/* ---- words --------------------------------------------------------------------------------------------- */

static void skip_space(struct scan *s) {
    while (s->p < s->end && strchr(" \t\r\n", *s->p)) s->p++;
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool take_sign(struct scan *s, const char *sign) {
    size_t n = strlen(sign);
    skip_space(s);
    if ((size_t)(s->end - s->p) < n || strncmp(s->p, sign, n) != 0) return false;
    if (is_word(*sign) && s->p + n < s->end && is_word(s->p[n])) return false;
    s->p += n;
    return true;
}

/* A name at the place, without taking it; 0: none. */
static size_t name_length(struct scan *s) {
    size_t n = 0;
    skip_space(s);
    while (s->p + n < s->end && is_word(s->p[n])) n++;
    return n && !(*s->p >= '0' && *s->p <= '9') ? n : 0;
}

static void want_sign(struct scan *s, const char *sign) {
    if (!take_sign(s, sign))
        chat_fail(s->c, "an expression goes on otherwise than is implemented:", s->p,
                  (size_t)(s->end - s->p));
}

bool chat_true(const json_t *v) {
    if (!v || json_is_null(v) || json_is_false(v)) return false;
    if (json_is_string(v)) return json_string_length(v) > 0;
    if (json_is_array(v)) return json_array_size(v) > 0;
    if (json_is_object(v)) return json_object_size(v) > 0;
    return !json_is_number(v) || json_number_value(v) != 0;
}

/* ---- primaries ----------------------------------------------------------------------------------------- */

static json_t *read_string(struct scan *s) {
    struct strbuf b = {0};
    char quote = *s->p++;
    while (s->p < s->end && *s->p != quote) {
        char c = *s->p++;
        if (c == '\\' && s->p < s->end) {
            c = *s->p++;
            c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
        }
        strbuf_addc(&b, c);
    }
    if (s->p < s->end) s->p++;
    json_t *v = json_stringn(b.s ? b.s : "", b.len);
    strbuf_release(&b);
    return v;
}

static json_t *read_list(struct scan *s) {
    json_t *list = json_array();
    while (!s->c->failed && !take_sign(s, "]")) {
        json_t *v = read_choice(s);
        json_array_append_new(list, v ? v : json_null());
        if (!take_sign(s, ",")) {
            want_sign(s, "]");
            break;
        }
    }
    return list;
}

/* Arguments of a call, the bracket taken; those with names go to *named. */
static json_t *read_arguments(struct scan *s, json_t *named) {
    json_t *list = json_array();
    while (!s->c->failed && !take_sign(s, ")")) {
        size_t n = name_length(s);
        const char *name = s->p, *before = s->p;
        if (n) s->p += n;
        if (n && take_sign(s, "=") && s->p < s->end && *s->p != '=') {
            json_t *v = read_choice(s);
            json_object_setn_new(named, name, n, v ? v : json_null());
        } else {
            s->p = before;
            json_t *v = read_choice(s);
            json_array_append_new(list, v ? v : json_null());
        }
        if (!take_sign(s, ",")) {
            want_sign(s, ")");
            break;
        }
    }
    return list;
}

/* Functions: raise_exception, and namespace, which makes an object. */
static json_t *call_function(struct scan *s, const char *name, size_t n) {
    json_t *named = json_object(), *list = read_arguments(s, named);
    const char *first = json_string_value(json_array_get(list, 0));
    if (n == 15 && !strncmp(name, "raise_exception", n))
        chat_fail(s->c, "the chat template refuses:", first ? first : "", first ? strlen(first) : 0);
    else if (n != 9 || strncmp(name, "namespace", n) != 0)
        chat_fail(s->c, "not implemented in chat templates: the function", name, n);
    json_decref(list);
    return named;
}

static json_t *read_name(struct scan *s) {
    static const char *const words[] = {"true", "True", "false", "False", "none", "None"};
    size_t n = name_length(s);
    const char *name = s->p;
    if (!n) {
        chat_fail(s->c, "not implemented in chat templates:", s->p, (size_t)(s->end - s->p));
        return NULL;
    }
    s->p += n;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strlen(words[i]) == n && !strncmp(words[i], name, n))
            return i < 2 ? json_true() : i < 4 ? json_false() : json_null();
    if (take_sign(s, "(")) return call_function(s, name, n);
    return json_incref(json_object_getn(s->c->vars, name, n));
}

static json_t *read_primary(struct scan *s) {
    skip_space(s);
    if (s->p == s->end || ++s->depth > 200) {
        chat_fail(s->c, "an expression ends too early, or is too deep:", "", 0);
        return NULL;
    }
    if (*s->p == '\'' || *s->p == '"') return read_string(s);
    bool minus = *s->p == '-' && s->p + 1 < s->end && s->p[1] >= '0' && s->p[1] <= '9';
    if (minus || (*s->p >= '0' && *s->p <= '9')) {
        char *end;
        long n = strtol(s->p, &end, 10);
        s->p = end;
        return json_integer(n);
    }
    if (take_sign(s, "[")) return read_list(s);
    if (take_sign(s, "(")) {
        json_t *v = read_choice(s);
        want_sign(s, ")");
        return v;
    }
    return read_name(s);
}

/* ---- what follows a value ------------------------------------------------------------------------------ */

static const char *text_of(const json_t *v) { return json_is_string(v) ? json_string_value(v) : ""; }

/* White space at the ends goes, also inside the marks around a user's words, which stay. */
static json_t *trim_text(const json_t *v, bool left, bool right) {
    const char *a = text_of(v), *b = a + strlen(a);
    size_t open = 0, close = 0, n = strlen(CHAT_OPEN), m = strlen(CHAT_CLOSE);
    struct strbuf out = {0};
    while (left && a < b && (strchr(" \t\r\n\v\f", *a) || (!open && !strncmp(a, CHAT_OPEN, n))))
        strncmp(a, CHAT_OPEN, n) ? a++ : (open = 1, a += n);
    while (
        right && b > a &&
        (strchr(" \t\r\n\v\f", b[-1]) || (!close && b - a >= (ptrdiff_t)m && !strncmp(b - m, CHAT_CLOSE, m))))
        strchr(" \t\r\n\v\f", b[-1]) ? b-- : (close = 1, b -= m);
    strbuf_adds(&out, open ? CHAT_OPEN : "");
    strbuf_add(&out, a, (size_t)(b - a));
    strbuf_adds(&out, close ? CHAT_CLOSE : "");
    json_t *r = json_stringn(out.s ? out.s : "", out.len);
    strbuf_release(&out);
    return r;
}

static json_t *change_case(const json_t *v, bool up) {
    char *t = xstrdup(text_of(v));
    for (char *p = t; *p; p++)
        if (up ? *p >= 'a' && *p <= 'z' : *p >= 'A' && *p <= 'Z') *p = (char)(*p ^ 32);
    json_t *r = json_string(t);
    free(t);
    return r;
}

static json_t *size_of(const json_t *v) {
    size_t n = json_is_array(v) ? json_array_size(v) : json_is_object(v) ? json_object_size(v) : 0;
    for (const char *p = text_of(v); *p; p++) n += ((unsigned char)*p & 0xC0) != 0x80;
    return json_integer((json_int_t)n);
}

static json_t *split_text(const json_t *v, const char *by) {
    json_t *list = json_array();
    const char *p = text_of(v), *at;
    while (*by && (at = strstr(p, by))) {
        json_array_append_new(list, json_stringn(p, (size_t)(at - p)));
        p = at + strlen(by);
    }
    json_array_append_new(list, json_string(p));
    return list;
}

/* A filter or a method of a value v (NULL: undefined); `first`: its first argument or NULL. */
static json_t *apply_name(struct scan *s, const json_t *v, const char *name, size_t n, json_t *first) {
    char w[32];
    snprintf(w, sizeof w, "%.*s", (int)MIN_OF(n, sizeof w - 1), name);
    const char *t = text_of(v), *arg = text_of(first);
    size_t nt = strlen(t), na = strlen(arg);
    if (!v && strcmp(w, "default") != 0 && strcmp(w, "length") != 0) {
        chat_fail(s->c, "the chat template asks of a value that is not there:", name, n);
        return NULL;
    }
    if (!strcmp(w, "trim") || !strcmp(w, "strip")) return trim_text(v, true, true);
    if (!strcmp(w, "lstrip")) return trim_text(v, true, false);
    if (!strcmp(w, "rstrip")) return trim_text(v, false, true);
    if (!strcmp(w, "upper") || !strcmp(w, "lower")) return change_case(v, w[0] == 'u');
    if (!strcmp(w, "length") || !strcmp(w, "count")) return size_of(v);
    if (!strcmp(w, "string") && json_is_string(v)) return json_incref((json_t *)(uintptr_t)v);
    if (!strcmp(w, "default")) return json_incref(v ? (json_t *)(uintptr_t)v : first);
    if (!strcmp(w, "first")) return json_incref(json_array_get(v, 0));
    if (!strcmp(w, "last")) return json_incref(json_array_get(v, json_array_size(v) - 1));
    if (!strcmp(w, "startswith")) return json_boolean(!strncmp(t, arg, na));
    if (!strcmp(w, "endswith")) return json_boolean(nt >= na && !strcmp(t + nt - na, arg));
    if (!strcmp(w, "split") && first) return split_text(v, arg);
    if (!strcmp(w, "get")) return json_incref(json_object_get(v, arg));
    chat_fail(s->c, "not implemented in chat templates: the filter or method", name, n);
    return NULL;
}

static json_t *call_named(struct scan *s, const json_t *v, const char *name, size_t n, bool brackets) {
    json_t *named = json_object(), *list = brackets ? read_arguments(s, named) : json_array();
    json_t *r = s->c->failed ? NULL : apply_name(s, v, name, n, json_array_get(list, 0));
    json_decref(named);
    json_decref(list);
    return r;
}

static json_t *read_slice(struct scan *s, const json_t *v, json_t *from) {
    json_t *to = take_sign(s, "]") ? NULL : read_choice(s), *r = json_array();
    json_int_t n = (json_int_t)json_array_size(v), a = json_integer_value(from),
               b = to ? json_integer_value(to) : n;
    if (to) want_sign(s, "]");
    if (!json_is_array(v))
        chat_fail(s->c, "not implemented in chat templates: a slice of another thing than a list", "", 0);
    if (a < 0) a += n;
    if (b < 0) b += n;
    for (json_int_t i = MAX_OF(a, 0); i < MIN_OF(b, n); i++)
        json_array_append(r, json_array_get(v, (size_t)i));
    json_decref(from);
    json_decref(to);
    return r;
}

static json_t *read_index(struct scan *s, const json_t *v) {
    if (take_sign(s, ":")) return read_slice(s, v, NULL);
    json_t *k = read_choice(s), *r = NULL;
    if (take_sign(s, ":")) return read_slice(s, v, k);
    want_sign(s, "]");
    if (json_is_string(k)) r = json_incref(json_object_get(v, json_string_value(k)));
    if (json_is_integer(k)) {
        json_int_t i = json_integer_value(k), n = (json_int_t)json_array_size(v);
        if (i < 0) i += n;
        if (i >= 0 && i < n) r = json_incref(json_array_get(v, (size_t)i));
    }
    json_decref(k);
    return r;
}

static json_t *read_postfix(struct scan *s) {
    json_t *v = read_primary(s);
    while (!s->c->failed) {
        json_t *next;
        bool dot = take_sign(s, "."), pipe = !dot && take_sign(s, "|");
        size_t n = dot || pipe ? name_length(s) : 0;
        const char *name = s->p;
        if (n) s->p += n;
        if (pipe || (dot && s->p < s->end && *s->p == '('))
            next = call_named(s, v, name, n, take_sign(s, "("));
        else if (dot)
            next = json_incref(json_object_getn(v, name, n));
        else if (take_sign(s, "["))
            next = read_index(s, v);
        else
            break;
        json_decref(v);
        v = next;
    }
    s->depth--;
    return v;
}

/* ---- operators ----------------------------------------------------------------------------------------- */

/* Text of a value where it is put out or joined. Caller frees. */
static char *shown_text(struct scan *s, const json_t *v) {
    if (json_is_string(v)) return xstrdup(json_string_value(v));
    if (json_is_integer(v)) return xasprintf("%lld", (long long)json_integer_value(v));
    if (json_is_boolean(v)) return xstrdup(json_is_true(v) ? "True" : "False");
    if (!v) return xstrdup("");
    chat_fail(s->c, "not implemented in chat templates: a list or an object as text", "", 0);
    return xstrdup("");
}

static json_t *join_values(struct scan *s, json_t *a, json_t *b, bool numbers) {
    json_t *r;
    if (numbers && json_is_integer(a) && json_is_integer(b)) {
        r = json_integer(json_integer_value(a) + json_integer_value(b));
    } else {
        char *x = shown_text(s, a), *y = shown_text(s, b), *both = xasprintf("%s%s", x, y);
        if (numbers && !(json_is_string(a) && json_is_string(b)))
            chat_fail(s->c, "not implemented in chat templates: + of different kinds, at", both,
                      strlen(both));
        r = json_string(both);
        free(x), free(y), free(both);
    }
    json_decref(a);
    json_decref(b);
    return r;
}

static json_t *read_sum(struct scan *s) {
    json_t *v = read_postfix(s);
    while (!s->c->failed) {
        if (take_sign(s, "+"))
            v = join_values(s, v, read_postfix(s), true);
        else if (take_sign(s, "~"))
            v = join_values(s, v, read_postfix(s), false);
        else if (take_sign(s, "-") || take_sign(s, "%")) {
            bool minus = s->p[-1] == '-';
            json_t *b = read_postfix(s);
            json_int_t x = json_integer_value(v), y = json_integer_value(b);
            json_decref(v);
            json_decref(b);
            v = json_integer(minus ? x - y : y ? x % y : 0);
        } else
            break;
    }
    return v;
}

static bool is_test(struct scan *s, const json_t *v) {
    static const char *const tests[] = {"defined",  "none", "string", "mapping",
                                        "iterable", "true", "false",  "undefined"};
    for (size_t i = 0; i < ARRAY_LEN(tests); i++) {
        if (!take_sign(s, tests[i])) continue;
        const bool is[] = {v != NULL,
                           json_is_null(v),
                           json_is_string(v),
                           json_is_object(v),
                           json_is_array(v) || json_is_string(v) || json_is_object(v),
                           json_is_true(v),
                           json_is_false(v),
                           !v};
        return is[i];
    }
    chat_fail(s->c, "not implemented in chat templates: the test", s->p, (size_t)(s->end - s->p));
    return false;
}

static bool is_within(const json_t *a, const json_t *b) {
    size_t i;
    const json_t *x;
    if (json_is_string(b)) return json_is_string(a) && strstr(json_string_value(b), json_string_value(a));
    if (json_is_object(b)) return json_is_string(a) && json_object_get(b, json_string_value(a));
    json_array_foreach(b, i, x) if (json_equal(a, x)) return true;
    return false;
}

static json_t *read_comparison(struct scan *s) {
    static const char *const signs[] = {"==", "!=", "<=", ">=", "<", ">", "in", "not in"};
    json_t *v = read_sum(s);
    while (!s->c->failed) {
        size_t i = 0;
        if (take_sign(s, "is")) {
            bool no = take_sign(s, "not"), yes = is_test(s, v);
            json_decref(v);
            v = json_boolean(yes != no);
            continue;
        }
        while (i < ARRAY_LEN(signs) && !take_sign(s, signs[i])) i++;
        if (i == ARRAY_LEN(signs)) break;
        json_t *b = read_sum(s);
        double x = json_number_value(v), y = json_number_value(b);
        bool same = v && b ? json_equal(v, b) : v == b;
        const bool is[] = {same, !same, x <= y, x >= y, x<y, x> y, is_within(v, b), !is_within(v, b)};
        json_decref(v);
        json_decref(b);
        v = json_boolean(is[i]);
    }
    return v;
}

static json_t *read_not(struct scan *s) {
    if (!take_sign(s, "not")) return read_comparison(s);
    json_t *v = read_not(s), *r = json_boolean(!chat_true(v));
    json_decref(v);
    return r;
}

/* and, or: the operand that decides. */
static json_t *read_logic(struct scan *s, bool either) {
    json_t *v = either ? read_logic(s, false) : read_not(s);
    while (!s->c->failed && take_sign(s, either ? "or" : "and")) {
        json_t *b = either ? read_logic(s, false) : read_not(s);
        bool first = chat_true(v) == either;
        json_decref(first ? b : v);
        v = first ? v : b;
    }
    return v;
}

/* a if b else c */
static json_t *read_choice(struct scan *s) {
    json_t *v = read_logic(s, true);
    if (s->c->failed || !take_sign(s, "if")) return v;
    json_t *cond = read_logic(s, true), *other = take_sign(s, "else") ? read_choice(s) : NULL;
    bool yes = chat_true(cond);
    json_decref(cond);
    json_decref(yes ? other : v);
    return yes ? v : other;
}

json_t *chat_value(struct chat *c, const char *text, size_t n) {
    struct scan s = {c, text, text + n, 0};
    json_t *v = read_choice(&s);
    skip_space(&s);
    if (s.p < s.end) want_sign(&s, "\n");
    if (!c->failed) return v;
    json_decref(v);
    return NULL;
}
