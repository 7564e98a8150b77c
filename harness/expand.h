/* expand.h - the frozen base as float32: every matrix of another type expanded once, where all workers of the
 * machine see it
 * (`weights: f32`); else (`native`) the kernels expand block by block what the file stores, each time they
 * read it.
 *
 * The kernels give the same bits either way, so this decides about memory and time alone and is no part of a
 * run's identity. The expanded matrices lie one after the other in one file without a name, [d_out, d_in]
 * row-major, at offsets that follow from the order in which the architecture declares them: the parent writes
 * it once, workers map it read-only. Without such a file a process expands for itself. What a method trains
 * or changes has a private copy anyway and is not taken from here. */
#ifndef BENCH_EXPAND_H
#define BENCH_EXPAND_H

#include "harness/net.h"

/* Address space that holds the expansion; {0}: nothing was expanded. */
struct expand {
    char *map;
    size_t bytes;
};

/* Does the configuration's `weights` mean f32? `auto` does for runs whose steps are short and that have the
 * room: see expand.c. memory_limit: of the run, in bytes; 0: none. net: after the model's build. */
bool expand_wanted(const struct net *net, const json_t *config, size_t memory_limit);
/* After net_bind: every frozen matrix of `net` that is not float32 reads its expansion from now on; counted
 * as MEM_BASE in place of the file's bytes. fd: of expand_shared, or 0. In counting mode only counts. Call
 * expand_release after net_release. */
int expand_base(struct expand *x, struct net *net, int fd, struct err *e);
void expand_release(struct expand *x);

/* The expansion of a model file, for child processes to inherit: a file descriptor (above 9, kept open across
 * exec), or a negative error. */
int expand_shared(const char *model_path, struct err *e);

/* Those of all models that runs use at the time: {0} is empty. take: the descriptor for one more run, made
 * when it is the first; models that no run uses any more are given up then. Negative: an error, and nothing
 * taken. drop: that run has ended. */
struct expand_pool {
    struct expand_shelf {
        char *model_path;
        int fd, users;
    } * v;
    int n, cap;
};
int expand_pool_take(struct expand_pool *p, const char *model_path, struct err *e);
void expand_pool_drop(struct expand_pool *p, const char *model_path);
void expand_pool_release(struct expand_pool *p);

#endif
