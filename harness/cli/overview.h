/* SPDX-License-Identifier: Apache-2.0 */
/* overview.h - what `bench --help` prints, and the documents made of all commands. */
#ifndef BENCH_OVERVIEW_H
#define BENCH_OVERVIEW_H

#include "harness/cli/command.h"

/* `all` ends with NULL; hidden commands are left out. Appended. */
void overview_text(const struct command *const *all, struct strbuf *out);
/* The manual page bench(1), and docs/commands.md. */
void overview_man(const struct command *const *all, struct strbuf *out);
void overview_markdown(const struct command *const *all, struct strbuf *out);

#endif
