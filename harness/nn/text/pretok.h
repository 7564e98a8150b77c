/* SPDX-License-Identifier: Apache-2.0 */
/* pretok.h - cutting text into the words that BPE then encodes one by one.
 *
 * A chain of steps, as in tokenizer.json's pre_tokenizer; each step sees every piece of the step before on
 * its own (so that a lookahead ends where the piece ends). Steps: the digit rule, a Split by regular
 * expression (pretok_split.c), and ByteLevel, that is GPT-2's rule and the optional leading space. */
#ifndef BENCH_NN_PRETOK_H
#define BENCH_NN_PRETOK_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/err.h"

struct pretok;

struct pretok *pretok_new(void);
void pretok_free(struct pretok *p); /* accepts NULL */

/* Every numeric character on its own (individual), or runs of them. */
void pretok_add_digits(struct pretok *p, bool individual);

/* prefix_space: a piece that does not begin with a space gets one. use_regex: cut by GPT-2's rule
 * 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
void pretok_add_bytelevel(struct pretok *p, bool prefix_space, bool use_regex);

enum split_behavior { SPLIT_REMOVED, SPLIT_ISOLATED, SPLIT_WITH_PREVIOUS, SPLIT_WITH_NEXT, SPLIT_CONTIGUOUS };

/* Cut by a pattern: a regular expression, or (literal) plain text. `invert`: the matches are what lies
 * between. Error (ERR_USER, without the file's name): the pattern does not compile, or uses a construct that
 * PCRE2 reads differently from the reference's Oniguruma; the message names it. */
int pretok_add_split(struct pretok *p, const char *pattern, size_t n, bool literal,
                     enum split_behavior behavior, bool invert, struct err *e);

/* Cut text[0..n), valid UTF-8, and call word() for every non-empty piece, in order. A pointer given to word()
 * is valid during the call only. */
typedef void pretok_word(void *ctx, const char *word, size_t n);
void pretok_run(struct pretok *p, const char *text, size_t n, pretok_word *word, void *ctx);
/* For word(): no more words are wanted; what lies behind is not cut any more. */
void pretok_stop(struct pretok *p);

#endif
