/* SPDX-License-Identifier: Apache-2.0 */
/* target.h - target_modules: which sites a spec chooses, and one canonical form of it. */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include <jansson.h>
#include <stdbool.h>

#include "harness/base/err.h"

#define TARGET_MAX_LAYER 9999 /* the highest layer that a spec may name */

/* Does `spec` (JSON: a preset "all-linear" | "attention" | "mlp", a name or glob, a list of those, or
 * {"modules": ..., "layers": "4-11"}) choose this site? Names match the kind, the site's name, or the end of
 * the module path; globs as fnmatch. */
bool target_match(const json_t *spec, const char *name, const char *module, const char *kind, int layer);
/* Check the shape of a spec itself (layer ranges, types). Error text without a file position: the caller
 * knows it. */
int target_check(const json_t *spec, struct err *e);
/* Comma-joined display form: "q_proj,v_proj", "all-linear", "attention[4-11]". Caller frees. */
char *target_name(const json_t *spec);

/* The canonical form of a spec that target_check accepts: the same sites, written in one way, so that
 * [v_proj, q_proj] and [q_proj, v_proj] are one configuration: lists sorted without repetitions, a list of
 * one as a string, layers as "0,4-11", no "layers" where there are none. New reference. */
json_t *target_normal(const json_t *spec);

#endif
