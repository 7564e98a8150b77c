/* SPDX-License-Identifier: Apache-2.0 */
/* remark.h - what there is to say about data that is no error: rows left out or cut, texts on both sides,
 * ... */
#ifndef BENCH_REMARK_H
#define BENCH_REMARK_H

/* Where remarks go: a kind ("skipped", "cut", "blank", or "data" of what the data set itself is) and a
 * text of one line. They become events of the record. */
typedef void remark_fn(void *arg, const char *kind, const char *text);

/* Of texts whose fields hold special tokens: number, split, "rows" or "texts". */
#define SPECIAL_REMARK                                                                                       \
    "%ld %s %s have special tokens in a field: there they are plain text (data.special_tokens: true "        \
    "recognises them)"

/* Say it where n is above 0; the text names the number. */
void remark_count(remark_fn *say, void *arg, const char *kind, long n, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

#endif
