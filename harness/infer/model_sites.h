/* SPDX-License-Identifier: Apache-2.0 */
/* model_sites.h - the layers that a configuration adapts, known from the model file alone. */
#ifndef BENCH_MODEL_SITES_H
#define BENCH_MODEL_SITES_H

#include <jansson.h>

#include "harness/base/err.h"
#include "harness/core/net.h"

/* Build the model at `path` in counting mode, bind the method of a resolved configuration, and tell the
 * shapes of the sites that it adapts. *ret: malloc'ed, *n of them. The configuration needs neither model_path
 * nor data. Errors: those of the model file; target_modules that match nothing. */
int model_sites_read(const char *path, const json_t *config, struct site_shape **ret, int *n, struct err *e);

/* How many positions the model at `path` has. Errors: those of the model file. */
int model_positions_read(const char *path, const json_t *config, int *positions, struct err *e);

#endif
