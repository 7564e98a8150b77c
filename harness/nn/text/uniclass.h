/* SPDX-License-Identifier: Apache-2.0 */
/* uniclass.h - Unicode as the reference tokenizers see it.
 *
 * Token ids depend on which code points are letters, numbers and spaces, so on a Unicode version. The
 * reference (Hugging Face `tokenizers` 0.23) has three: its regular expressions know Unicode 16, its digit
 * rule (Rust's char::is_numeric) Unicode 17, its NFC Unicode 9. utf8proc 2.8 and PCRE2 10.42 know 15 and 14.
 * The tables here make up the differences; they were measured over all code points. Limit: with a utf8proc
 * newer than Unicode 16, code points assigned after 16 are classified although the reference does not know
 * them yet. */
#ifndef BENCH_NN_UNICLASS_H
#define BENCH_NN_UNICLASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/util.h"

enum uniclass { UNI_OTHER, UNI_LETTER, UNI_NUMBER, UNI_SPACE };

/* \p{L}, \p{N}, \s (White_Space) or none of them. */
enum uniclass uniclass_of(int32_t c);
bool uniclass_is_numeric(int32_t c); /* the digit rule: Nd, Nl, No */
bool uniclass_is_word(int32_t c);    /* \w: Alphabetic, M, Nd, Pc, Join_Control */

/* A code point of the same category and the same length in UTF-8 that PCRE2 classifies as the reference
 * classifies c; c itself where they agree. */
int32_t uniclass_standin(int32_t c);

/* Decode the code point at s (valid UTF-8, n > 0 bytes left); *len is its length. */
int32_t uniclass_next(const char *s, size_t n, int *len);

/* Append s[0..n) with every maximal bad subsequence of UTF-8 replaced by U+FFFD. */
void uniclass_repair(const char *s, size_t n, struct strbuf *out);

/* Append the NFC form of s[0..n), valid UTF-8. */
void uniclass_nfc(const char *s, size_t n, struct strbuf *out);

/* And its NFD form. */
void uniclass_nfd(const char *s, size_t n, struct strbuf *out);

#endif
