/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.h - is it UTF-8, and what of it a terminal would obey instead of showing it. */
#ifndef BENCH_UTF8_H
#define BENCH_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Length of the valid UTF-8 prefix of s[0..n): n when all of it is valid (no surrogates, no overlongs, <=
 * U+10FFFF). */
size_t utf8_valid_prefix(const char *s, size_t n);

/* Make a text from a file safe to show, in place (it never grows): control characters, C1 ones too, become
 * spaces; directional marks, overrides and isolates (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to
 * U+2069), which let a name look like another, and bytes that are not UTF-8 become question marks. `lines`:
 * line feeds stay. */
void utf8_clean(char *s, bool lines);

/* Length of the mark that some editors put in front of UTF-8 text (U+FEFF): 3, or 0 where there is none. */
size_t utf8_mark(const char *s, size_t n);

#endif
