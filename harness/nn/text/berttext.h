/* SPDX-License-Identifier: Apache-2.0 */
/* berttext.h - text as BERT's tokenizers prepare it: the normaliser, and the cut into words before WordPiece.
 *
 * The properties of characters are those of the reference (Hugging Face `tokenizers` 0.23), which takes white
 * space and case from Unicode 17, marks and punctuation from an old one and NFD from Unicode 9; they were
 * measured over all code points, and the differences from utf8proc 2.8 are tables. Limit: a later utf8proc
 * knows marks and punctuation that the reference does not. All texts are valid UTF-8. */
#ifndef BENCH_NN_BERTTEXT_H
#define BENCH_NN_BERTTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/util.h"

/* The steps, in this order. */
struct berttext {
    bool clean; /* control characters, U+FFFD and NUL go; white space becomes " " */
    bool cjk;   /* spaces around ideographs */
    bool strip; /* NFD without nonspacing marks */
    bool lower;
};

/* Append the normalised text. */
void berttext_normalize(const struct berttext *b, const char *s, size_t n, struct strbuf *out);
/* Append s[0..n) in lower case, character by character (Unicode's full mapping without context). */
void berttext_lower(const char *s, size_t n, struct strbuf *out);

/* Call word() for every run of characters between white space and punctuation, and for every punctuation
 * character, in order. */
typedef void berttext_word(void *ctx, const char *word, size_t n);
void berttext_words(const char *s, size_t n, berttext_word *word, void *ctx);

#endif
