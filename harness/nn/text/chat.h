/* SPDX-License-Identifier: Apache-2.0 */
/* chat.h - the part of Jinja that chat templates are written in, enough to render one conversation.
 *
 * Statements if, for, set; expressions with strings, numbers, lists, names, attributes, slices, + - ~ %,
 * comparisons, and, or, not, in, is, inline if; a few filters and methods; raise_exception and namespace;
 * white
 * space as transformers sets it (trim_blocks, lstrip_blocks). Anything else is refused by name, never passed
 * over. */
#ifndef BENCH_NN_CHAT_H
#define BENCH_NN_CHAT_H

#include <jansson.h>

#include "harness/base/err.h"
#include "harness/base/util.h"

/* Marks around what is a user's and not the template's (private use characters): trimming leaves them. */
#define CHAT_OPEN  "\xEE\x80\x80"
#define CHAT_CLOSE "\xEE\x80\x81"

/* The text that `source` makes of the variables (an object: "messages", "add_generation_prompt", "bos_token",
 * ...), appended to out. Errors (ERR_USER): what is not implemented, what the template itself refuses. */
int chat_render(const char *source, const json_t *variables, struct strbuf *out, struct err *e);

#endif
