/* SPDX-License-Identifier: Apache-2.0 */
/* chat.c - chat templates: text, statements, white space (chat.h). */
#include "harness/nn/text/chat.h"

#include <stdlib.h>
#include <string.h>

#include "harness/nn/text/chat_expr.h"

enum kind { TEXT, VALUE, STATEMENT };

struct node {
    enum kind kind;
    const char *s;
    size_t n;
};

struct program {
    struct chat c;
    struct node *v;
    int n, cap;
    struct strbuf *out;
};

/* ---- nodes --------------------------------------------------------------------------------------------- */

static void add_node(struct program *p, enum kind kind, const char *s, size_t n) {
    GROW(p->v, p->n, p->cap);
    p->v[p->n++] = (struct node){kind, s, n};
}

static bool is_space(char c) { return strchr(" \t\r\n", c) && c; }

/* The text before a tag: without the white space that `-` takes, or that stands alone before a statement in
 * its line (lstrip_blocks). */
static size_t text_length(const char *s, size_t n, bool minus, bool block, bool line_start) {
    size_t k = n;
    while (minus && k && is_space(s[k - 1])) k--;
    if (minus || !block) return k;
    while (k && (s[k - 1] == ' ' || s[k - 1] == '\t')) k--;
    return (k ? s[k - 1] == '\n' : line_start) ? k : n;
}

/* Cut into nodes. */
static void split_nodes(struct program *p, const char *s) {
    bool line_start = true;
    while (*s && !p->c.failed) {
        const char *tag = s;
        while ((tag = strchr(tag, '{')) && !strchr("{%#", tag[1] ? tag[1] : ' ')) tag++;
        if (!tag) {
            add_node(p, TEXT, s, strlen(s));
            return;
        }
        bool block = tag[1] != '{', minus = tag[2] == '-';
        add_node(p, TEXT, s, text_length(s, (size_t)(tag - s), minus, block, line_start));
        const char close[] = {tag[1] == '{' ? '}' : tag[1], '}', 0}, *from = tag + 2 + minus;
        const char *end = strstr(from, close);
        if (!end) {
            chat_fail(&p->c, "the chat template does not close", tag, strlen(tag));
            return;
        }
        bool after = end > from && end[-1] == '-';
        if (tag[1] != '#') add_node(p, block ? STATEMENT : VALUE, from, (size_t)(end - after - from));
        s = end + 2;
        line_start = false;
        if (after)
            while (is_space(*s)) s++;
        else if (block && *s == '\n') /* trim_blocks */
            s++, line_start = true;
    }
}

/* ---- statements ---------------------------------------------------------------------------------------- */

/* Does the statement begin with the word? *rest: what follows it. */
static bool begins_with(const struct node *x, const char *word, const char **rest, size_t *n) {
    const char *s = x->s, *end = x->s + x->n;
    size_t w = strlen(word);
    while (s < end && is_space(*s)) s++;
    if (x->kind != STATEMENT || (size_t)(end - s) < w || strncmp(s, word, w) != 0) return false;
    if (s + w < end && !is_space(s[w])) return false;
    *rest = s + w;
    *n = (size_t)(end - s) - w;
    return true;
}

/* The statement at or after i, on this level, that begins with one of the words; p->n: none. */
static int find_statement(const struct program *p, int i, const char *const *words, int nwords) {
    const char *rest;
    size_t n;
    for (int depth = 0; i < p->n; i++) {
        for (int k = 0; !depth && k < nwords; k++)
            if (begins_with(&p->v[i], words[k], &rest, &n)) return i;
        depth += begins_with(&p->v[i], "if", &rest, &n) || begins_with(&p->v[i], "for", &rest, &n);
        depth -= begins_with(&p->v[i], "endif", &rest, &n) || begins_with(&p->v[i], "endfor", &rest, &n);
    }
    return i;
}

static void run_nodes(struct program *p, int from, int to);

/* Returns the node behind its endif. */
static int run_if(struct program *p, int i) {
    static const char *const words[] = {"elif", "else", "endif"};
    const char *rest;
    size_t n;
    bool done = false;
    while (i < p->n && !p->c.failed && !begins_with(&p->v[i], "endif", &rest, &n)) {
        bool other = begins_with(&p->v[i], "else", &rest, &n), yes = other;
        if (!other && !done &&
            (begins_with(&p->v[i], "if", &rest, &n) || begins_with(&p->v[i], "elif", &rest, &n))) {
            json_t *v = chat_value(&p->c, rest, n);
            yes = chat_true(v);
            json_decref(v);
        }
        int next = find_statement(p, i + 1, words, 3);
        if (yes && !done) run_nodes(p, i + 1, next);
        done |= yes;
        i = next;
    }
    return i + 1;
}

static void set_loop(struct program *p, size_t i, size_t n) {
    json_object_set_new(p->c.vars, "loop",
                        json_pack("{sI,sI,sb,sb,sI}", "index", (json_int_t)i + 1, "index0", (json_int_t)i,
                                  "first", i == 0, "last", i + 1 == n, "length", (json_int_t)n));
}

/* for NAME in LIST; sets inside do not outlive a turn, but those of a namespace do. */
static int run_for(struct program *p, int i, const char *rest, size_t n) {
    static const char *const words[] = {"endfor"};
    int end = find_statement(p, i + 1, words, 1);
    char name[64];
    int at = 0;
    char *text = xstrndup(rest, n);
    if (sscanf(text, " %63[a-zA-Z0-9_] in %n", name, &at) != 1 || !at) {
        chat_fail(&p->c, "not implemented in chat templates: for", rest, n);
        free(text);
        return end + 1;
    }
    json_t *list = chat_value(&p->c, rest + at, n - (size_t)at), *outer = p->c.vars;
    if (!p->c.failed && list && !json_is_array(list))
        chat_fail(&p->c, "not implemented in chat templates: for over no list:", rest, n);
    for (size_t k = 0; k < json_array_size(list) && !p->c.failed; k++) {
        p->c.vars = json_copy(outer);
        json_object_set(p->c.vars, name, json_array_get(list, k));
        set_loop(p, k, json_array_size(list));
        run_nodes(p, i + 1, end);
        json_decref(p->c.vars);
    }
    p->c.vars = outer;
    json_decref(list);
    free(text);
    return end + 1;
}

static void run_set(struct program *p, const char *rest, size_t n) {
    char name[64], part[64];
    int at = 0, dotted = 0;
    char *text = xstrndup(rest, n);
    bool plain = sscanf(text, " %63[a-zA-Z0-9_] =%n", name, &at) == 1 && at && text[at] != '=';
    bool member =
        !plain && sscanf(text, " %63[a-zA-Z0-9_].%63[a-zA-Z0-9_] =%n", name, part, &dotted) == 2 && dotted;
    if (!plain && !member) {
        chat_fail(&p->c, "not implemented in chat templates: set", rest, n);
    } else {
        size_t skip = (size_t)(plain ? at : dotted);
        json_t *v = chat_value(&p->c, rest + skip, n - skip),
               *of = member ? json_object_get(p->c.vars, name) : p->c.vars;
        if (v) json_object_set(of, plain ? name : part, v);
        json_decref(v);
    }
    free(text);
}

static int run_statement(struct program *p, int i) {
    const char *rest;
    size_t n;
    if (begins_with(&p->v[i], "if", &rest, &n)) return run_if(p, i);
    if (begins_with(&p->v[i], "for", &rest, &n)) return run_for(p, i, rest, n);
    if (begins_with(&p->v[i], "set", &rest, &n))
        run_set(p, rest, n);
    else if (!begins_with(&p->v[i], "generation", &rest, &n) &&
             !begins_with(&p->v[i], "endgeneration", &rest, &n))
        chat_fail(&p->c, "not implemented in chat templates: the statement", p->v[i].s, p->v[i].n);
    return i + 1;
}

static void run_nodes(struct program *p, int from, int to) {
    for (int i = from; i < to && !p->c.failed;) {
        const struct node *x = &p->v[i];
        if (x->kind == STATEMENT) {
            i = run_statement(p, i);
            continue;
        }
        if (x->kind == TEXT) strbuf_add(p->out, x->s, x->n);
        json_t *v = x->kind == VALUE ? chat_value(&p->c, x->s, x->n) : NULL;
        if (json_is_string(v))
            strbuf_add(p->out, json_string_value(v), json_string_length(v));
        else if (json_is_integer(v))
            strbuf_addf(p->out, "%lld", (long long)json_integer_value(v));
        else if (v)
            chat_fail(&p->c, "not implemented in chat templates: no text:", x->s, x->n);
        json_decref(v);
        i++;
    }
}

int chat_render(const char *source, const json_t *variables, struct strbuf *out, struct err *e) {
    struct program p = {.c = {.vars = json_copy((json_t *)(uintptr_t)variables), .e = e}, .out = out};
    split_nodes(&p, source);
    run_nodes(&p, 0, p.n);
    json_decref(p.c.vars);
    free(p.v);
    return p.c.failed ? ERR_USER : 0;
}
