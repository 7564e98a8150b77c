/* SPDX-License-Identifier: Apache-2.0 */
/* identity.h - what makes two configurations the same run, the seed aside. */
#ifndef BENCH_IDENTITY_H
#define BENCH_IDENTITY_H

#include <jansson.h>
#include <stdbool.h>

/* What the result of a resolved configuration depends on, the seed aside, as one text: equal for equal
 * configurations. Caller frees. */
char *identity_text(const json_t *config);
/* SHA-256 of that text. */
void identity_hash(const json_t *config, char out[65]);
/* The configuration of the untouched base beside `config`: same model, data, task and evaluation. New
 * reference; NULL when no such method is registered. */
json_t *identity_base(const json_t *config);
/* Does the untouched base ignore this key? */
bool identity_base_ignores(const char *key);

#endif
