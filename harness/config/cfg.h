/* SPDX-License-Identifier: Apache-2.0 */
/* cfg.h - reading a resolved configuration: a JSON object in which every key of the option tables has its
 * value.
 *
 * Keys are dotted paths ("train.lr"). A missing or mistyped key is a bug (sweep.c has checked it), except for
 * cfg_get. */
#ifndef BENCH_CFG_H
#define BENCH_CFG_H

#include <jansson.h>
#include <stdbool.h>

json_t *cfg_get(const json_t *cfg, const char *key); /* borrowed; NULL where absent */
long cfg_int(const json_t *cfg, const char *key);
double cfg_num(const json_t *cfg, const char *key); /* an integer value will do */
bool cfg_bool(const json_t *cfg, const char *key);
const char *cfg_str(const json_t *cfg, const char *key); /* borrowed; NULL where null or absent */
/* Set a dotted path, making objects on the way. Steals `value`. */
void cfg_set(json_t *cfg, const char *key, json_t *value);

#endif
