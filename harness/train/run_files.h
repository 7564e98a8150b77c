/* run_files.h - what can be wrong with the files of a run and shows only while it runs: weights that are not
 * numbers, and files that were replaced since the sweep was read. */
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

/* Is there a weight that is NaN or infinite? Reads every tensor: for a run whose loss is not finite. *why:
 * file, tensor and place of the first one, in the order of the names, and the remedy. Of a block type the
 * scales are looked at. */
bool run_files_bad_weight(const struct modelfile *f, char *why, size_t size);

#endif
