/* SPDX-License-Identifier: Apache-2.0 */
/* sweep_files.h - the sweep files that `bench run` finds by name: for `bench ls` and for completion. */
#ifndef BENCH_SWEEP_FILES_H
#define BENCH_SWEEP_FILES_H

#include "harness/base/err.h"

/* A sweep file: the name that `bench run` finds it under, the first comment line ("": none), its path. */
typedef void sweep_file_fn(void *arg, const char *name, const char *comment, const char *path);
/* Those of this folder, of sweeps/ here and of the program's own sweeps/. */
void sweep_files_each(sweep_file_fn *tell, void *arg);

#endif
