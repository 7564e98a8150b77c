/* runpage.h - one run as a page of text or as a JSON object. */
#ifndef BENCH_RUNPAGE_H
#define BENCH_RUNPAGE_H

#include "harness/table/table.h"

/* The run that a word means: an id, or the first 4 or more characters of a point's hash, where only one run
 * has it. 0: none (or several: then e says so with ERR_USER, and the result is negative). */
int64_t runpage_find(struct db *db, const char *word, struct err *e);

/* Append a readable page: result beside the base, memory by category, curve of the evaluations,
 * configuration, events. */
int runpage_text(struct db *db, int64_t run, int width, struct strbuf *out, struct err *e);
/* Everything recorded: the row of the view `runs`, and "hash", "attempt", times, "env", "config", "memory",
 * "metrics", "checkpoints", "events". New reference; NULL with e filled. */
json_t *runpage_json(struct db *db, int64_t run, struct err *e);

#endif
