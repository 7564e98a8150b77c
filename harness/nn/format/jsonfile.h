/* SPDX-License-Identifier: Apache-2.0 */
/* jsonfile.h - the small JSON files of models' and adapters' folders. */
#ifndef BENCH_JSONFILE_H
#define BENCH_JSONFILE_H

#include <jansson.h>

#include "harness/base/err.h"

/* The JSON object that a file holds; flags: jansson's. The caller decrefs. NULL on error: the file is not
 * there, is larger than 16 MiB, or holds something else; the message has path and line. */
json_t *jsonfile_object(const char *path, size_t flags, struct err *e);

#endif
