/* SPDX-License-Identifier: Apache-2.0 */
/* columns.h - two texts side by side on a terminal.
 *
 * Lines are broken at spaces, words longer than a column anywhere between characters; widths are those of a
 * terminal (a CJK character takes two columns). Pure: nothing is printed here. */
#ifndef BENCH_COLUMNS_H
#define BENCH_COLUMNS_H

#include "harness/base/util.h"

enum { COLUMNS_LEAST = 60 }; /* a terminal narrower than this is for one text after the other */

/* Append the titles, a rule and the texts (UTF-8) in two columns of a terminal `width` columns wide, at least
 * COLUMNS_LEAST. Control characters of the texts but the newline become spaces; trailing newlines are
 * dropped. */
void columns_write(struct strbuf *out, int width, const char *const title[2], const char *const text[2]);

#endif
