/* SPDX-License-Identifier: Apache-2.0 */
/* outdir.h - writing a folder that appears only when it is complete.
 *
 * Files go into PATH.tmp.PID, which is renamed at the end; what was at PATH must be nothing or an empty
 * folder, so that nothing of the user's is ever written over. */
#ifndef BENCH_OUTDIR_H
#define BENCH_OUTDIR_H

#include "harness/base/err.h"

/* The folder to write into, made together with those above it; caller frees. NULL with e filled: PATH exists
 * and is not an empty folder, or cannot be made. */
char *outdir_begin(const char *path, struct err *e);
/* Give it its name. */
int outdir_commit(const char *tmp, const char *path, struct err *e);
/* Remove it with what is in it. */
void outdir_abort(const char *tmp);

/* Remove what processes that are gone have left half written in `folder`: names that end with ".tmp." and the
 * process's id, untouched for a minute. A folder that is not there is no error. */
void outdir_sweep(const char *folder);

#endif
