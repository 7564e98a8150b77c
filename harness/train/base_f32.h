/* SPDX-License-Identifier: Apache-2.0 */
/* base_f32.h - the frozen base as float32: every matrix of another type expanded once, where all workers of
 * the machine see it (`weights: f32`); else (`native`) the kernels expand block by block what the file
 * stores, each time they read it.
 *
 * The kernels give the same bits either way, so this decides about memory and time alone and is no part of a
 * run's identity. The expanded matrices lie one after the other in one file without a name, [d_out, d_in]
 * row-major, at offsets that follow from the order in which the architecture declares them: the parent writes
 * it once, workers map it read-only. Without such a file a process expands for itself. What a method trains
 * or changes has a private copy anyway and is not taken from here. */
#ifndef BENCH_BASE_F32_H
#define BENCH_BASE_F32_H

#include "harness/core/net.h"

/* Address space that holds the expansion; {0}: nothing was expanded. */
struct base_f32 {
    char *map;
    size_t bytes;
};

/* Does the configuration's `weights` mean f32? `auto` does for runs whose steps are short and that have the
 * room: see base_f32.c. memory_limit: of the run, in bytes; 0: none. net: after the model's build. */
bool base_f32_wanted(const struct net *net, const json_t *config, size_t memory_limit);
/* After net_bind: every frozen matrix of `net` that is not float32 reads its expansion from now on; counted
 * as MEM_BASE in place of the file's bytes. fd: of base_f32_shared, or 0. In counting mode only counts. Call
 * base_f32_release after net_release. */
int base_f32_base(struct base_f32 *x, struct net *net, int fd, struct err *e);
void base_f32_release(struct base_f32 *x);

/* The expansion of a model file, for child processes to inherit: a file descriptor (above 9, kept open across
 * exec), or a negative error. */
int base_f32_shared(const char *model_path, struct err *e);

/* Those of all models that runs use at the time: {0} is empty. take: the descriptor for one more run, made
 * when it is the first; models that no run uses any more are given up then. Negative: an error, and nothing
 * taken. drop: that run has ended. */
struct base_f32_pool {
    struct base_f32_entry {
        char *model_path;
        int fd, users;
    } * v;
    int n, cap;
};
int base_f32_pool_take(struct base_f32_pool *p, const char *model_path, struct err *e);
void base_f32_pool_drop(struct base_f32_pool *p, const char *model_path);
void base_f32_pool_release(struct base_f32_pool *p);

#endif
