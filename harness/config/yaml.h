/* SPDX-License-Identifier: Apache-2.0 */
/* yaml.h - a YAML document as a tree whose nodes remember their line and column.
 *
 * Only what a sweep file needs: scalars, lists, maps. Aliases, anchors, tags, several documents and a key
 * written twice are refused with their line. Functions are called ynode_*, not yaml_*: libyaml exports
 * yaml_free, yaml_malloc and others, and a name of ours would replace its own. */
#ifndef BENCH_YAML_H
#define BENCH_YAML_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "harness/base/err.h"

enum ynode_kind { YNODE_SCALAR, YNODE_LIST, YNODE_MAP };

struct ynode {
    enum ynode_kind kind;
    int line, col;        /* 1-based */
    char *text;           /* SCALAR: as written, without quotes */
    bool quoted;          /* SCALAR: quoted or a block scalar, so always a string */
    struct ynode **keys;  /* MAP: n scalars, in the file's order, all different */
    struct ynode **items; /* LIST, MAP: n values */
    int n, cap;
};

#define YNODE_MAX_BYTES (1u << 20) /* of a file */
#define YNODE_MAX_DEPTH 32
#define YNODE_MAX_NODES 200000

/* Parse one document. `name` stands in messages ("name:12: ..."). An empty document is a scalar with an empty
 * text. Caller frees. ERR_USER: syntax, UTF-8, a refused feature, a limit. */
int ynode_parse(struct ynode **ret, const char *text, size_t size, const char *name, struct err *e);
/* A value of `key=value` on a command line: a document, but what begins as a template does is that text and
 * needs no second quotes: "{question}", "{title} {text}" (to YAML a map of a key without value, or no YAML at
 * all). */
int ynode_parse_value(struct ynode **ret, const char *text, struct err *e);
/* The same as ynode_parse from a file. ERR_USER as well when it cannot be read. */
int ynode_load(struct ynode **ret, const char *path, struct err *e);
void ynode_free(struct ynode *n); /* accepts NULL */

struct ynode *ynode_get(const struct ynode *map, const char *key); /* borrowed; NULL where absent */
bool ynode_is_null(const struct ynode *n);                         /* empty, ~ or null, not quoted */
bool ynode_equal(const struct ynode *a, const struct ynode *b);    /* as written, lines aside */

/* The value by YAML 1.2's core schema: null, true/false, integers (decimal, 0x, 0o), reals ("5e-4" is a
 * number); everything else and everything quoted is a string, also yes, no, on, off, .inf and .nan. New
 * reference. */
json_t *ynode_json(const struct ynode *n);
/* Is the text of a plain scalar a number by the same rules? */
bool ynode_number(const char *text, json_t **ret);

#endif
