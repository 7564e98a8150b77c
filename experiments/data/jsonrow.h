/* SPDX-License-Identifier: Apache-2.0 */
/* jsonrow.h - one line of a JSONL file: the members of its object, as slices of the line.
 *
 * Not a JSON library: a DOM would copy every string and lose how a number was written. Grammar: RFC 8259,
 * objects at the top only, nesting of at most 256 levels. A string that cannot be UTF-8 text without NUL
 * (\u0000, a lone surrogate) is an error. */
#ifndef BENCH_DATA_JSONROW_H
#define BENCH_DATA_JSONROW_H

#include <stdbool.h>
#include <stddef.h>

enum json_kind { JSON_STRING_SLICE, JSON_NUMBER_SLICE, JSON_BOOL_SLICE, JSON_NULL_SLICE, JSON_NESTED_SLICE };

struct json_slice {
    const char *s; /* a string: what is between its quotes */
    size_t len;
    bool escaped; /* a string with backslashes: jsonrow_unescape makes the text */
    enum json_kind kind;
};

/* Walk the object in s[0..n), calling `member` for each; a non-NULL answer of member stops the walk. Returns
 * NULL when all is well, else what is wrong (member's answer, or a constant), with the byte offset in *at. */
const char *jsonrow_walk(const char *s, size_t n,
                         const char *(*member)(void *arg, const struct json_slice *key,
                                               const struct json_slice *value),
                         void *arg, size_t *at);

/* The text of a string that jsonrow_walk passed, into out (of at least len bytes). Returns its length, at
 * most len. */
size_t jsonrow_unescape(const struct json_slice *string, char *out);

#endif
