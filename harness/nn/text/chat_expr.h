/* SPDX-License-Identifier: Apache-2.0 */
/* chat_expr.h - expressions of chat templates: private to chat.c. */
#ifndef BENCH_NN_CHAT_EXPR_H
#define BENCH_NN_CHAT_EXPR_H

#include "harness/nn/text/chat.h"

struct chat {
    json_t *vars; /* names in scope */
    struct err *e;
    bool failed; /* e has the first error */
};

/* Note the error "WHAT 'NAME'"; the first counts. */
void chat_fail(struct chat *c, const char *what, const char *name, size_t n);
/* The value of an expression s[0..n), a new reference; NULL: undefined (or failed). */
json_t *chat_value(struct chat *c, const char *s, size_t n);
/* As Python's truth: undefined, none, false, 0 and what is empty are not. */
bool chat_true(const json_t *v);

#endif
