/* SPDX-License-Identifier: Apache-2.0 */
/* yaml.c - libyaml's events into a tree with lines. See yaml.h.
 *
 * Sweep files come from people, and sometimes from strangers: size, depth and number of nodes are bounded,
 * aliases are refused (a kilobyte of them can stand for gigabytes), and invalid UTF-8 is reported with its
 * line before libyaml sees it. Owns the parse; meaning is sweep.c's. */
#include "harness/config/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "harness/base/util.h"

struct build {
    yaml_parser_t parser;
    const char *name;
    int nodes;
    struct err *e;
};

static struct ynode *node_new(enum ynode_kind kind, const yaml_mark_t *m) {
    struct ynode *n = xcalloc(1, sizeof *n);
    n->kind = kind;
    n->line = (int)m->line + 1;
    n->col = (int)m->column + 1;
    return n;
}

void ynode_free(struct ynode *n) {
    if (!n) return;
    for (int i = 0; i < n->n; i++) {
        if (n->keys) ynode_free(n->keys[i]);
        ynode_free(n->items[i]);
    }
    free(n->keys);
    free(n->items);
    free(n->text);
    free(n);
}

static void node_push(struct ynode *n, struct ynode *key, struct ynode *item) {
    if (n->n >= n->cap) {
        n->cap = n->cap ? 2 * n->cap : 4;
        n->items = xrealloc(n->items, (size_t)n->cap * sizeof *n->items);
        if (n->kind == YNODE_MAP) n->keys = xrealloc(n->keys, (size_t)n->cap * sizeof *n->keys);
    }
    if (key) n->keys[n->n] = key;
    n->items[n->n++] = item;
}

/* ---- events -> tree ------------------------------------------------------------------------------------ */

static int parser_error(struct build *b) {
    const yaml_parser_t *p = &b->parser;
    const char *problem = p->problem ? p->problem : "not enough memory";
    int line = (int)p->problem_mark.line + 1;
    if (p->error == YAML_READER_ERROR)
        return err_set(b->e, ERR_USER, "%s: %s (byte %zu): save it as plain UTF-8 text", b->name, problem,
                       p->problem_offset);
    if (strstr(problem, "cannot start any token") && p->problem_mark.column == 0)
        problem = "a line may not start with this character";
    if (strstr(problem, "cannot start any token"))
        problem =
            "this character cannot start a value (indent with spaces, not tabs; quote text with special "
            "characters)";
    if (p->context && p->context_mark.line != p->problem_mark.line)
        return err_set(b->e, ERR_USER, "%s:%d: %s (%s that began in line %d)", b->name, line, problem,
                       p->context, (int)p->context_mark.line + 1);
    return err_set(b->e, ERR_USER, "%s:%d: %s", b->name, line, problem);
}

static int next_event(struct build *b, yaml_event_t *ev) {
    if (!yaml_parser_parse(&b->parser, ev)) return parser_error(b);
    return 0;
}

/* What a node carries that a sweep file must not: an anchor, a tag. */
static int refuse_node(struct build *b, const yaml_event_t *ev) {
    int line = (int)ev->start_mark.line + 1;
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (ev->type == YAML_ALIAS_EVENT)
        return err_set(b->e, ERR_USER,
                       "%s:%d: YAML aliases (*%.40s) are not supported: write the value again, or quote it",
                       b->name, line, (const char *)ev->data.alias.anchor);
    if (ev->type == YAML_SCALAR_EVENT) anchor = ev->data.scalar.anchor, tag = ev->data.scalar.tag;
    if (ev->type == YAML_SEQUENCE_START_EVENT)
        anchor = ev->data.sequence_start.anchor, tag = ev->data.sequence_start.tag;
    if (ev->type == YAML_MAPPING_START_EVENT)
        anchor = ev->data.mapping_start.anchor, tag = ev->data.mapping_start.tag;
    if (anchor)
        return err_set(b->e, ERR_USER,
                       "%s:%d: YAML anchors (&%.40s) are not supported: write the value where it is used",
                       b->name, line, (const char *)anchor);
    if (tag)
        return err_set(b->e, ERR_USER, "%s:%d: YAML tags (%.40s) are not supported: leave it out", b->name,
                       line, (const char *)tag);
    return 0;
}

static int build_node(struct build *b, const yaml_event_t *ev, int depth, struct ynode **ret);

static int build_scalar(struct build *b, const yaml_event_t *ev, struct ynode **ret) {
    const char *s = (const char *)ev->data.scalar.value;
    if (memchr(s, 0, ev->data.scalar.length))
        return err_set(b->e, ERR_USER, "%s:%d: a text with a NUL character", b->name,
                       (int)ev->start_mark.line + 1);
    struct ynode *n = node_new(YNODE_SCALAR, &ev->start_mark);
    n->text = xstrndup(s, ev->data.scalar.length);
    n->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    *ret = n;
    return 0;
}

static int build_list(struct build *b, const yaml_event_t *start, int depth, struct ynode **ret) {
    struct ynode *n = node_new(YNODE_LIST, &start->start_mark);
    for (;;) {
        yaml_event_t ev;
        int rc = next_event(b, &ev);
        bool end = !rc && ev.type == YAML_SEQUENCE_END_EVENT;
        struct ynode *item = NULL;
        if (!rc && !end) rc = build_node(b, &ev, depth + 1, &item);
        if (rc) {
            ynode_free(n);
            return rc;
        }
        if (end) break;
        node_push(n, NULL, item);
    }
    *ret = n;
    return 0;
}

/* The key is checked before its value is read, so that the first mistake in the file is the one reported. */
static int check_key(struct build *b, const struct ynode *map, const struct ynode *key) {
    if (key->kind != YNODE_SCALAR)
        return err_set(b->e, ERR_USER, "%s:%d: a key must be a plain word (quote templates: \"{name}\")",
                       b->name, key->line);
    const struct ynode *first = NULL;
    for (int i = 0; i < map->n && !first; i++)
        if (!strcmp(map->keys[i]->text, key->text)) first = map->keys[i];
    if (first)
        return err_set(b->e, ERR_USER, "%s:%d: key '%.60s' is already set in line %d", b->name, key->line,
                       key->text, first->line);
    if (map->n >= 1000)
        return err_set(b->e, ERR_USER, "%s:%d: more than 1000 keys in one map", b->name, key->line);
    return 0;
}

static int build_map(struct build *b, const yaml_event_t *start, int depth, struct ynode **ret) {
    struct ynode *n = node_new(YNODE_MAP, &start->start_mark);
    for (;;) {
        struct ynode *key = NULL, *item = NULL;
        yaml_event_t ev;
        int rc = next_event(b, &ev);
        if (!rc && ev.type == YAML_MAPPING_END_EVENT) break;
        if (!rc) rc = build_node(b, &ev, depth + 1, &key);
        if (!rc) rc = check_key(b, n, key);
        if (!rc) rc = next_event(b, &ev);
        if (!rc) rc = build_node(b, &ev, depth + 1, &item);
        if (rc) {
            ynode_free(key);
            ynode_free(n);
            return rc;
        }
        node_push(n, key, item);
    }
    *ret = n;
    return 0;
}

/* Consumes `ev`. */
static int build_node(struct build *b, const yaml_event_t *ev, int depth, struct ynode **ret) {
    yaml_event_t own = *ev;
    int line = (int)own.start_mark.line + 1;
    int rc = refuse_node(b, &own);
    if (!rc && depth > YNODE_MAX_DEPTH)
        rc = err_set(b->e, ERR_USER, "%s:%d: nested deeper than %d levels", b->name, line, YNODE_MAX_DEPTH);
    if (!rc && ++b->nodes > YNODE_MAX_NODES)
        rc =
            err_set(b->e, ERR_USER, "%s:%d: more than %d values in one file", b->name, line, YNODE_MAX_NODES);
    if (!rc) {
        switch (own.type) {
        case YAML_SCALAR_EVENT:
            rc = build_scalar(b, &own, ret);
            break;
        case YAML_SEQUENCE_START_EVENT:
            rc = build_list(b, &own, depth, ret);
            break;
        case YAML_MAPPING_START_EVENT:
            rc = build_map(b, &own, depth, ret);
            break;
        default:
            BUG_ON(true, "unexpected YAML event %d", (int)own.type);
        }
    }
    yaml_event_delete(&own);
    return rc;
}

static int build_document(struct build *b, struct ynode **ret) {
    yaml_event_t ev;
    struct ynode *root = NULL;
    int rc = 0;
    bool done = false;
    while (!done && !rc) {
        if ((rc = next_event(b, &ev))) break;
        switch (ev.type) {
        case YAML_STREAM_END_EVENT:
            done = true;
            break;
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
            break;
        case YAML_DOCUMENT_START_EVENT:
            if (root)
                rc = err_set(b->e, ERR_USER, "%s:%d: a second document (---): one sweep to a file", b->name,
                             (int)ev.start_mark.line + 1);
            break;
        default:
            rc = build_node(b, &ev, 0, &root);
            continue; /* consumed */
        }
        yaml_event_delete(&ev);
    }
    if (rc) {
        ynode_free(root);
        return rc;
    }
    yaml_mark_t top = {0, 0, 0};
    if (!root) {
        root = node_new(YNODE_SCALAR, &top);
        root->text = xstrdup("");
    }
    *ret = root;
    return 0;
}

int ynode_parse(struct ynode **ret, const char *text, size_t size, const char *name, struct err *e) {
    *ret = NULL;
    size_t mark = utf8_mark(text, size);
    text += mark, size -= mark;
    if (size > YNODE_MAX_BYTES)
        return err_set(e, ERR_USER, "%s: %zu bytes are too much for a sweep file (at most %u)", name, size,
                       YNODE_MAX_BYTES);
    size_t good = utf8_valid_prefix(text, size);
    const char *nul = memchr(text, 0, size);
    if (good < size || nul) {
        size_t at = nul && (size_t)(nul - text) < good ? (size_t)(nul - text) : good;
        int line = 1;
        for (size_t i = 0; i < at; i++) line += text[i] == '\n';
        return err_set(e, ERR_USER, "%s:%d: not UTF-8 text (byte %zu of the file): save it as UTF-8", name,
                       line, at + 1);
    }
    struct build b = {.name = name, .e = e};
    if (!yaml_parser_initialize(&b.parser)) return err_set(e, ERR_MEMORY, "%s: not enough memory", name);
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, size);
    int rc = build_document(&b, ret);
    yaml_parser_delete(&b.parser);
    return rc;
}

/* "{name}..." */
static bool is_template(const char *s) {
    size_t n = *s == '{' ? strcspn(s + 1, "{}[]:,\"'\n") : 0;
    return n && s[n + 1] == '}';
}

int ynode_parse_value(struct ynode **ret, const char *text, struct err *e) {
    /* NULL too: not UTF-8, which YAML refuses */
    json_t *plain = is_template(text) ? json_string(text) : NULL;
    char *quoted = plain ? json_dumps(plain, JSON_ENCODE_ANY) : NULL;
    const char *doc = quoted ? quoted : text;
    int rc = ynode_parse(ret, doc, strlen(doc), "value", e);
    free(quoted);
    json_decref(plain);
    return rc;
}

int ynode_load(struct ynode **ret, const char *path, struct err *e) {
    struct strbuf text = {0};
    *ret = NULL;
    int rc = input_read(path, YNODE_MAX_BYTES, &text, e);
    if (rc)
        rc = e ? (e->code = ERR_USER) : ERR_USER;
    else
        rc = ynode_parse(ret, text.s ? text.s : "", text.len, path, e);
    strbuf_release(&text);
    return rc;
}

/* ---- reading the tree ---------------------------------------------------------------------------------- */

struct ynode *ynode_get(const struct ynode *map, const char *key) {
    if (!map || map->kind != YNODE_MAP) return NULL;
    for (int i = 0; i < map->n; i++)
        if (!strcmp(map->keys[i]->text, key)) return map->items[i];
    return NULL;
}

static bool one_of(const char *s, const char *const *words) {
    for (; *words; words++)
        if (!strcmp(s, *words)) return true;
    return false;
}

bool ynode_is_null(const struct ynode *n) {
    static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};
    return n->kind == YNODE_SCALAR && !n->quoted && one_of(n->text, words);
}

bool ynode_equal(const struct ynode *a, const struct ynode *b) {
    if (a->kind != b->kind) return false;
    if (a->kind == YNODE_SCALAR) return a->quoted == b->quoted && !strcmp(a->text, b->text);
    if (a->n != b->n) return false;
    for (int i = 0; i < a->n; i++) {
        if (a->kind == YNODE_MAP && strcmp(a->keys[i]->text, b->keys[i]->text)) return false;
        if (!ynode_equal(a->items[i], b->items[i])) return false;
    }
    return true;
}

/* [-+]? ( . digits | digits (. digits*)? ) ( [eE] [-+]? digits )?   ; *whole: neither point nor exponent. */
static bool is_decimal(const char *s, bool *whole) {
    size_t before = 0, after = 0;
    *whole = true;
    if (*s == '-' || *s == '+') s++;
    for (; isdigit((unsigned char)*s); s++) before++;
    if (*s == '.') {
        *whole = false;
        for (s++; isdigit((unsigned char)*s); s++) after++;
    }
    if (before + after == 0) return false;
    if (*s == 'e' || *s == 'E') {
        *whole = false;
        s++;
        if (*s == '-' || *s == '+') s++;
        if (!isdigit((unsigned char)*s)) return false;
        while (isdigit((unsigned char)*s)) s++;
    }
    return *s == 0;
}

bool ynode_number(const char *text, json_t **ret) {
    bool whole;
    errno = 0;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'o')) {
        int base = text[1] == 'x' ? 16 : 8;
        char *end;
        if (!isxdigit((unsigned char)text[2])) return false;
        long long v = strtoll(text + 2, &end, base);
        if (*end || errno) return false;
        *ret = json_integer(v);
        return true;
    }
    if (!is_decimal(text, &whole)) return false;
    if (whole) {
        long long v = strtoll(text, NULL, 10);
        if (!errno) {
            *ret = json_integer(v);
            return true;
        }
    }
    double d = strtod(text, NULL);
    if (!isfinite(d)) return false; /* 1e999 */
    *ret = json_real(d);
    return true;
}

static json_t *scalar_json(const struct ynode *n) {
    static const char *const yes[] = {"true", "True", "TRUE", NULL}, *const no[] = {"false", "False", "FALSE",
                                                                                    NULL};
    json_t *v;
    if (ynode_is_null(n)) return json_null();
    if (!n->quoted && one_of(n->text, yes)) return json_true();
    if (!n->quoted && one_of(n->text, no)) return json_false();
    if (!n->quoted && ynode_number(n->text, &v)) return v;
    return json_string(n->text);
}

json_t *ynode_json(const struct ynode *n) {
    if (n->kind == YNODE_SCALAR) return scalar_json(n);
    json_t *j = n->kind == YNODE_LIST ? json_array() : json_object();
    for (int i = 0; i < n->n; i++) {
        if (n->kind == YNODE_LIST)
            json_array_append_new(j, ynode_json(n->items[i]));
        else
            json_object_set_new(j, n->keys[i]->text, ynode_json(n->items[i]));
    }
    return j;
}
