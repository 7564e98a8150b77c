/* SPDX-License-Identifier: Apache-2.0 */
/* report.h - sweeps as one HTML page that needs nothing else: no network, no files beside it.
 *
 * Per sweep: what ran on what; arms with intervals and ranks (compare.h), control arms, Pareto fronts; plots
 * as inline SVG; every run in a table that sorts, filters and shows learning curves where there is
 * JavaScript, and reads without; what failed and why; where the numbers come from; the command that repeats
 * it. Text from the record is escaped, and the page's content policy lets no script run but its own. Nothing
 * here prints. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "harness/record/db.h"
#include "harness/base/util.h"

struct report_job {
    const char *const *sweep; /* names or files */
    int nsweep;               /* 0: all of the database, the latest first */
    bool plots;               /* draw them (needs gnuplot; without it the page says so) */
};

/* Appends the page to out. ERR_USER: no such sweep; ERR_RESOURCE: an empty database, parts missing. */
int report_write(struct db *db, const struct report_job *job, struct strbuf *out, struct err *e);

/* ---- between report*.c --------------------------------------------------------------------------------- */

/* Text for HTML: escaped, without control characters, valid UTF-8. NULL: "-". */
void report_text(struct strbuf *out, const char *s);
/* A table_write fragment that scrolls where it is too wide. */
struct table;
void report_table(struct strbuf *out, const struct table *t);
/* curves: receives the learning curves of its runs, see report_curves. */
int report_sweep(struct db *db, int64_t sweep, int number, bool plots, struct strbuf *out,
                 struct strbuf *curves, bool *first, struct err *e);
/* The run table, and the failures below it. */
int report_runs(struct db *db, int64_t sweep, const char *metric, struct strbuf *out, struct err *e);
/* Members of the object of learning curves: "12": {...}. */
int report_curves(struct db *db, int64_t sweep, const char *metric, struct strbuf *out, bool *first,
                  struct err *e);
/* Verdicts on claims of papers, of all sweeps of the record. */
int report_claims(struct db *db, struct strbuf *out, struct err *e);
/* Plots as figures. Remarks stand in the page; an error is returned only where the record cannot be read. */
int report_plots(struct db *db, const char *sweep, int number, struct strbuf *out, struct err *e);

#endif
