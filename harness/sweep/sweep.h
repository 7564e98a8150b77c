/* SPDX-License-Identifier: Apache-2.0 */
/* sweep.h - a sweep file becomes points (configurations) and runs (a point with a seed).
 *
 * sweep_load reads and checks everything before anything runs: keys, types, ranges, derived values, files,
 * models. Mistakes are reported as "file:line: what (remedy)", up to ten of them, one per line of err.msg. A
 * file becomes a list of points in grid-major order: variants and their methods outermost, then the axes in
 * the file's order (`parameters`, then `paired`), the last one fastest; seeds innermost. With `controls:
 * auto` the control arms of a point (method.h, `controls`) follow it, unless they are points of the file
 * anyhow, or of another's controls.
 *
 * Resolved configuration of a point (JSON, nested as `base`): every row of opt_core, of the task and of the
 * method with its value (null where absent), target_modules in canonical form (null for methods without
 * sites), absolute data paths, and model_path, model_digest, data_digest,
 * init_path and init_digest where there is an `init`. The untouched base (a method with
 * METHOD_NO_SITES and without `select`) ignores rank, training and targets: those rows have their
 * defaults, train.steps is 0, and it runs once, with seed 0. */
#ifndef BENCH_SWEEP_H
#define BENCH_SWEEP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "harness/base/err.h"
#include "harness/config/opt.h"

struct site_shape;

#define SWEEP_MAX_POINTS 50000
#define SWEEP_MAX_SEEDS  1000

struct sweep_point {
    json_t *config;  /* resolved */
    json_t *remarks; /* on its data: a list of {"kind", "text"} (data_remarks); NULL: it has none */
    char hash[65];   /* identity: without seed, name, threads, limits and paths */
    /* identity of the untouched base with the same model, data, task and evaluation; its own for that base */
    char base_hash[65];
    int line; /* where its variant (or base) stands; 0: from --set */
    bool is_base;
    bool is_control;           /* not of the file's own grid: added as the control arm of others */
    int model_line, data_line; /* where its model and data are named; negative: --set number -line */
};

struct sweep_run {
    int point; /* index into points */
    long seed;
};

/* `controls: auto`: `control` is a control arm of `point` (indices into points). A point may have several,
 * and be that of several. */
struct sweep_control {
    int point, control;
    char *kind; /* what is held equal: "alpha x ratio" */
};

struct sweep {
    char *name, *path; /* path: as it was given to sweep_load */
    char *yaml;        /* the file's text */
    char *overrides;   /* the --set arguments, one a line; NULL: none */
    struct sweep_point **points;
    int npoints, points_cap;
    long *seeds;
    int nseeds;
    struct sweep_run
        *runs; /* in execution order; runs[nruns .. nruns_all) stay behind run_cap: "not started" */
    int nruns, nruns_all;
    char *metric, *goal; /* "eval/loss"; "minimize" or "maximize" */
    long run_cap;        /* 0: none */
    size_t memory_limit; /* bytes per run; 0: none */
    double time_limit;   /* seconds per run; 0: none */
    char *save;          /* "adapter", "all", "none" */
    char **warnings;     /* one line each, with the position */
    int nwarnings, warnings_cap;
    const char **varying; /* keys whose values differ between points, in the order of a label */
    int nvarying, varying_cap;
    struct sweep_control *controls;
    int ncontrols;
};

/* Where models and data are looked up; tests put their own here. */
struct sweep_lookup {
    char *(*model_path)(const char *name_or_path,
                        struct err *e); /* absolute, malloc'ed; NULL with e filled */
    int (*model_digest)(const char *path, char out[65], struct err *e);
    /* remarks: a list to which {"kind", "text"} are added (remark.h) */
    int (*data_digest)(const json_t *data_cfg, json_t *remarks, char out[65], struct err *e);
    /* The sites of the model at `path` that a configuration adapts; *ret is malloc'ed. */
    int (*sites)(const char *path, const json_t *config, struct site_shape **ret, int *n, struct err *e);
    /* `init`: the folder that a word means, from `dir`, and the digest of what it holds. *path: caller frees.
     * NULL: there are none. */
    int (*adapter)(const struct sweep_lookup *l, const char *dir, const char *word, char **path,
                   char digest[65], struct err *e);
    const char *db; /* where runs are looked up; NULL: the default one */
};
/* catalog.h, modelfile.h, data.h, model_sites.h, infer.h */
extern const struct sweep_lookup sweep_lookup_real;

/* Read the file at `path` with the --set arguments "key=value". *ret is NULL on error. ERR_USER: a mistake in
 * the file or in `sets`; ERR_RESOURCE: a model or data set that is not there. lookup NULL: the real one. */
int sweep_load(struct sweep **ret, const char *path, const char *const *sets, int nsets,
               const struct sweep_lookup *lookup, struct err *e);
void sweep_free(struct sweep *s); /* accepts NULL */

/* The file that a command's argument means: as given, else below share_dir(), else in share_dir()/sweeps;
 * ".yaml" may be left out there. Caller frees; NULL with e filled (suggests a delivered sweep). */
char *sweep_find(const char *arg, struct err *e);

/* "lora r=8 alpha=16 lr=5e-04 q_proj,v_proj seed 0": the method and what varies in this sweep. Caller frees.
 */
char *sweep_point_label(const struct sweep *s, int point);
char *sweep_run_label(const struct sweep *s, int run);
/* "alpha x ratio of lora_plus r=8 ...": what a point is the control arm of; the first, and how many more.
 * NULL: of nothing. Caller frees. */
char *sweep_control_label(const struct sweep *s, int point);
/* "alpha x ratio" alone, borrowed; NULL: a point that is no control arm. */
const char *sweep_control_kind(const struct sweep *s, int point);

/* The rows that may stand at the top of a sweep file (name, run_cap, limits.memory, ...). Ends with key NULL.
 */
extern const struct opt sweep_opts[];

#endif
