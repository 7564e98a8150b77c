/* SPDX-License-Identifier: Apache-2.0 */
/* measured.h - measurements that are kept beside the file they belong to: NAME.measured.csv beside NAME.yaml,
 * so that what was once measured is shown without a record. Columns are fixed and in order; the first line
 * names them. */
#ifndef BENCH_MEASURED_H
#define BENCH_MEASURED_H

#include <stdbool.h>

#include "harness/core/data.h"

/* *ret: the rows kept beside `yaml`, NULL where there are none; rows_free. ERR_USER: not these columns[0..n),
 * or no CSV. */
int measured_open(struct rows **ret, const char *yaml, const char *const *columns, int n, struct err *e);
/* A number; NaN for an empty field. false: neither. */
bool measured_number(const struct rows *r, long row, int column, double *v);
/* The text of a field, cut to size. */
void measured_text(const struct rows *r, long row, int column, char *out, size_t size);
/* Is the field this text? */
bool measured_is(const struct rows *r, long row, int column, const char *text);

#endif
