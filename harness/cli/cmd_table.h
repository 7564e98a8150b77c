/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_table.h - the part of `bench table` that stands in a file of its own. */
#ifndef BENCH_CMD_TABLE_H
#define BENCH_CMD_TABLE_H

#include "harness/table/table.h"

/* `bench table claims`. db NULL: there is no record. */
int cmd_table_claims(struct db *db, enum table_format format, bool measured, struct err *e);

#endif
