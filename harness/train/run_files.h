/* SPDX-License-Identifier: Apache-2.0 */
/* run_files.h - what can be wrong with the files of a run and shows only while it runs: files that were
 * replaced
 * since the sweep was read. */
#ifndef BENCH_RUN_FILES_H
#define BENCH_RUN_FILES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "harness/base/err.h"
#include "harness/nn/format/modelfile.h"

/* Are the model, the data and the adapter that the run starts from still those whose digests the resolved
 * configuration holds? Without digests in it there is nothing to compare. Cheap while the digests are cached
 * (digest.h). ERR_RESOURCE when a file was replaced. */
int run_files_unchanged(const json_t *config, const struct modelfile *f, struct err *e);

#endif
