/* SPDX-License-Identifier: Apache-2.0 */
/* claim.h - what papers say, and whether runs of the record bear it out.
 *
 * tables/claims.yaml below share_dir() lists them. Keys of a claim:
 *
 *   name, paper, statement  its short name, where it stands, what it says
 *   printed   the numbers it rests on, of the paper's own models
 *   sweep     the table whose sweep decides, tables/SWEEP.sweep.yaml; absent where `skip` says why
 *   control   which arm makes the comparison fair
 *   value     what is compared (arm.h); default: metric
 *   rule      better: b improves on a by more than `margin`; equal: b is within `margin` of a;
 *             not worse: b is at most `margin` worse
 *   margin    in units of the value, default 0; with `relative: true` a share of a's mean
 *   compare   a list of {a: ARM, b: ARM}: all must hold
 *   skip      why nothing here can decide it
 *
 * Each comparison is a difference with its 95 % interval, from the spread over seeds of the whole sweep and
 * the rows that were scored (verdict.h): a claim is supported when the interval lies wholly where the rule
 * wants it, not supported when it lies wholly outside, else undecided; and undecided while runs of its sweep
 * are missing. There is no verdict of one seed, nor by an interval that does not know which rows were drawn.
 * Values that no seed changes (bytes, counts) need no interval. */
#ifndef BENCH_CLAIM_H
#define BENCH_CLAIM_H

#include "harness/analysis/arm.h"
#include "harness/base/util.h"

enum claim_verdict {
    CLAIM_SUPPORTED,
    CLAIM_NOT_SUPPORTED,
    CLAIM_UNDECIDED,
    CLAIM_NO_VERDICT,
    CLAIM_NOT_RUN,
    CLAIM_NVERDICT
};
/* "supported", "not supported", "undecided", "no verdict", "not run" */
const char *claim_verdict_name(enum claim_verdict v);

enum claim_rule { CLAIM_BETTER, CLAIM_EQUAL, CLAIM_NOT_WORSE };

/* By how much b is better than a: gain > 0, whatever direction is better. */
struct claim_pair {
    char *a, *b;         /* "lora r=8" */
    int seeds;           /* the fewer of both; 0: not run */
    double gain, lo, hi; /* with the 95 % interval, NaN: none */
    int rows, counted;   /* that the value is a mean over, and that the interval knows of; 0: none known */
    double mean_a, mean_b, margin; /* means: NaN where the arm has no runs */
    enum claim_verdict verdict;
    char build[80], cpu[128], date[16]; /* of the last run of b */
};

struct claim {
    char *name, *paper, *statement, *printed, *sweep, *control, *value;
    char *why; /* nothing decides it because; NULL: something does */
    /* what to know of the runs: how many are missing, what was overridden; NULL: nothing. Any but name may be
     * NULL */
    char *note;
    enum claim_rule rule;
    double margin;
    /* partial: runs of the sweep are missing; kept: decided by claims_measured */
    bool relative, partial, kept;
    struct claim_pair *pairs;
    int npairs, line;
    enum claim_verdict verdict;
};

struct claims {
    char *path;
    struct claim *v;
    int n, cap;
};

/* Read the file (path NULL: the delivered one) and judge by the record; db NULL: nothing has run. ERR_USER: a
 * mistake in the file, with its line. */
int claims_load(struct claims **ret, const char *path, struct db *db, struct err *e);
void claims_free(struct claims *c); /* accepts NULL */

/* Claims of which the record has no run at all are judged by what was kept in claims.measured.csv beside the
 * file. ERR_USER: a line that is none. */
int claims_measured(struct claims *c, struct err *e);
/* The comparisons of claims whose sweep is complete, as the text of that file, appended. */
void claims_measured_write(const struct claims *c, struct strbuf *out);
/* The verdict of a claim by those of its comparisons: all must hold; one that fails decides; what is open
 * stays open. */
enum claim_verdict claim_together(const struct claim *c);

/* The rule applied to the interval of p, with its margin. exact: one value decides. */
enum claim_verdict claim_judge(enum claim_rule rule, const struct claim_pair *p, bool exact);
/* "no verdict (200 rows)", "no verdict (one seed)"; else the name alone. Appended. */
void claim_verdict_text(const struct claim *c, struct strbuf *out);
/* What would decide it, "two more seeds: ..."; "" where nothing is asked for. Appended. */
void claim_remedy(const struct claim *c, struct strbuf *out);
/* "gain +0.043 [-0.003, +0.090], 3 seeds, 200 rows", "not run". Appended. */
void claim_pair_text(const struct claim_pair *p, struct strbuf *out);

#endif
