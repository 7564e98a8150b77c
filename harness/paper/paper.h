/* SPDX-License-Identifier: Apache-2.0 */
/* paper.h - tables of papers: the cells as printed, ours beside them, and whether they agree.
 *
 * A table is a YAML file in tables/ below share_dir(): data, so that a reader can check what was printed and
 * how each cell is computed. A group is an entry of `cells` that has `cells` itself; a cell inherits the keys
 * of its groups and of the file:
 *
 *   title, paper  of the file: what it is, where it was printed
 *   row, column   where the cell stands in the paper
 *   printed       as printed: "0.3M", "144KB", "9,175,040", "+2.2%"; absent: ours is shown alone
 *   arch, with    an architecture (arch.h), and numbers put in place of its own
 *   method, set   a method and its options (the others have their defaults); without a method, `set` are
 *                 numbers for the formula
 *   targets       which layers the method adapts, as target_modules
 *   formula       what is computed, of: trainable and stored (the method's counts), params (of the
 *                 architecture), `set`, `with` and the architecture's numbers; default: trainable
 *   unit          what one printed unit is worth, an expression; default: by the suffix (K M B G T, with B
 *                 for bytes; x and % for none), in powers of 1000, or of 1024 where `binary` is true
 *   as            bytes: a value without a printed one is shown in KiB, MiB, ...
 *   tolerance     in printed units, for a printed value that was one random draw; the note says why
 *   confirmed     false: the printed value was not seen in a text; it is computed but not counted
 *   arm           in place of a formula: the runs that give ours (arm.h)
 *   sweep, value  of which sweep, tables/SWEEP.sweep.yaml, and what of its runs (default: metric)
 *   skip          why the cell cannot be computed: verdict `not run`
 *   note          a remark for the reader
 *
 * Verdicts compare at the printed precision: rounded correctly `reproduces`, cut off `rounds differently`,
 * else `does not reproduce`. A measured cell is of another model than the paper's and has no verdict of its
 * own (claim.h judges what papers conclude). It comes from the record, else from TABLE.measured.csv beside
 * the table's file, where a measurement is kept with build, processor and date. */
#ifndef BENCH_PAPER_H
#define BENCH_PAPER_H

#include <stdbool.h>

#include "harness/paper/arch.h"
#include "harness/analysis/arm.h"
#include "harness/base/err.h"
#include "harness/base/util.h"

/* ---- printed values ------------------------------------------------------------------------------------ */

enum paper_verdict {
    PAPER_REPRODUCES,
    PAPER_ROUNDS, /* the printed digits are those of the value, cut off instead of rounded */
    PAPER_DIFFERS,
    PAPER_NOT_RUN,
    PAPER_SILENT,   /* nothing is printed */
    PAPER_MEASURED, /* ours is a measurement, of another model */
    PAPER_NVERDICT
};
const char *paper_verdict_name(enum paper_verdict v); /* "reproduces", "rounds differently", ... */

struct paper_value {
    double number;    /* as printed, without the unit */
    int decimals;     /* digits after the point */
    double unit;      /* what one of it is worth */
    double tolerance; /* in that unit, beside the rounding */
    char suffix[8];   /* "M", "KB", "%" */
};
/* "36.8K" -> 36.8, 1, 1e3 (binary: 1024), "K". ERR_USER: not a number with a known unit. */
int paper_value_parse(const char *printed, bool binary, struct paper_value *ret, struct err *e);
/* `computed` in base units. */
enum paper_verdict paper_judge(const struct paper_value *v, double computed);
/* The computed value in the printed unit, with as many digits as tell it from the printed one: "49.92K". */
enum { PAPER_TEXT_MAX = 48 };
void paper_value_format(const struct paper_value *v, double computed, char out[PAPER_TEXT_MAX]);

/* ---- tables -------------------------------------------------------------------------------------------- */

struct paper_cell {
    char *row, *column, *printed; /* printed NULL: nothing */
    char *how;                    /* "lora r=8 query,value of roberta-base", "2 * layers * d" */
    char *note;                   /* or NULL; for PAPER_NOT_RUN why */
    bool confirmed, bytes;        /* bytes: shown as such */
    double computed;              /* base units; NaN: not computed */
    char shown[PAPER_TEXT_MAX];   /* in the printed unit; a measurement with its interval and seeds */
    struct arm *arm;              /* a measurement: what it is the mean of; NULL: computed */
    struct {
        int n;                 /* seeds; 0: not measured */
        double mean, sd, half; /* sd NaN: one seed; half the 95 % interval of the mean, NaN: none */
        char *of;              /* what is measured: cells that share it lend each other their spread */
        bool exact;            /* the same for all seeds */
    } measured;
    enum paper_verdict verdict;
    int line; /* in the file */
};

struct paper {
    char *name, *path, *title, *source; /* source: arXiv id, or where it was printed */
    char *sweep;                        /* the sweep that fills it; NULL: none, it is computed */
    struct paper_cell *cells;
    int ncells, cells_cap;
    int count[PAPER_NVERDICT]; /* of confirmed cells */
    int unconfirmed;           /* cells whose printed value is from memory */
};

/* Read table `name` (its file without ".yaml", or a path) and compute every cell; measured ones from `db`
 * (NULL: no record). ERR_USER: unknown name (a close one is suggested), a mistake in the file with its line.
 */
int paper_load(struct paper **ret, const char *name, const struct archs *archs, struct db *db, struct err *e);
void paper_free(struct paper *p); /* accepts NULL */

/* The measured cells as the text of TABLE.measured.csv, appended. */
void paper_measured_write(const struct paper *p, struct strbuf *out);
/* Fill those cells that the record does not have from TABLE.measured.csv beside p->path, where there is one.
 * ERR_USER: a line that is none. */
int paper_measured_read(struct paper *p, struct err *e);
/* Intervals of measured cells, from the spread of all cells of one sweep and value (verdict.h), and what they
 * show: "1.5308 ± 0.0021 (3 seeds)". */
void paper_measured_judge(struct paper *p);

/* Names of the delivered tables, sorted; caller frees with paper_names_free. */
int paper_names(char ***ret, int *n, struct err *e);
void paper_names_free(char **names, int n);

#endif
