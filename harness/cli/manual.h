/* SPDX-License-Identifier: Apache-2.0 */
/* manual.h - what is written about a command, from its struct: as text, as roff and as Markdown.
 *
 * All append to `out`. Text is wrapped at 80 columns. */
#ifndef BENCH_MANUAL_H
#define BENCH_MANUAL_H

#include "harness/cli/command.h"

/* `bench NAME --help`. */
void manual_text(const struct command *c, struct strbuf *out);
/* Its section of the manual page, man(7). */
void manual_roff(const struct command *c, struct strbuf *out);
/* Its section of docs/commands.md. */
void manual_markdown(const struct command *c, struct strbuf *out);

/* ---- pieces -------------------------------------------------------------------------------------------- */

/* Words wrapped so that lines end before column 80; `at`: the column that `out` has reached; further lines
 * begin at `indent`. A newline in the text is kept. No newline at the end. */
void manual_wrap(const char *text, int at, int indent, struct strbuf *out);
/* roff's own characters escaped. */
void manual_roff_text(const char *text, struct strbuf *out);
/* For a cell of a Markdown table, where '|' ends one. */
void manual_cell(const char *text, struct strbuf *out);

#endif
