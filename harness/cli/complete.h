/* SPDX-License-Identifier: Apache-2.0 */
/* complete.h - what may follow the words of a command line: one answer for all shells.
 *
 * The scripts of `bench completion` ask `bench complete -- WORDS...` at each press of the key, so options,
 * choices, models, sweeps and runs are always those of the program and the record that are there. */
#ifndef BENCH_COMPLETE_H
#define BENCH_COMPLETE_H

#include "harness/cli/command.h"

/* words[0..n): what stands after `bench`; the last one, which may be empty, is completed. Appends a line for
 * each candidate: the whole word, a tab and what it means. One that ends in '=' goes on. The line ":files"
 * stands for the files that begin like this (after a '=', what follows it). Nothing is known: no line. */
void complete_words(const struct command *const *all, const char *const *words, int n, struct strbuf *out);

#endif
