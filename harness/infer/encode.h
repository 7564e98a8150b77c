/* SPDX-License-Identifier: Apache-2.0 */
/* encode.h - the vectors of many texts: sorted by length, packed into batches of bounded tokens, back in
 * their order. */
#ifndef BENCH_ENCODE_H
#define BENCH_ENCODE_H

#include "harness/core/embed.h"

/* out [n, embedder_dim] row-major receives the vectors of texts[0..n), in that order, whatever the batches.
 * `progress` (may be NULL) is called after each batch with the texts done so far; it returns false to stop.
 * Returns false when stopped. Resets tn->net->tape. */
bool encode_texts(struct embedder *E, struct task_net *tn, const struct embed_text *const *texts, long n,
                  float *out, bool (*progress)(void *arg, long done), void *arg);

#endif
