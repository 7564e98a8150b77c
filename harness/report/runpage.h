/* SPDX-License-Identifier: Apache-2.0 */
/* runpage.h - one run as a page of text; as an object: run_query.h. */
#ifndef BENCH_RUNPAGE_H
#define BENCH_RUNPAGE_H

#include "harness/table/table.h"

/* Append a readable page: result beside the base, memory by category, curve of the evaluations,
 * configuration, events. */
int runpage_text(struct db *db, int64_t run, int width, struct strbuf *out, struct err *e);

#endif
