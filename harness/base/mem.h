/* SPDX-License-Identifier: Apache-2.0 */
/* mem.h - the one gate through which all training memory passes, by category.
 *
 * A gate counts live and peak bytes per category and in total, remembers the split at the moment of the total
 * peak, and enforces a limit. In counting mode it does the same arithmetic but hands out address space that
 * nobody touches, so that `bench plan` runs the same allocation path as a run and predicts its peak to the
 * byte.
 *
 * Limits are enforced by the gate's `deny` callback, which does not return (the worker reports the state
 * `oom`). One gate per run; calls come from one thread. */
#ifndef BENCH_MEM_H
#define BENCH_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mem_cat {
    MEM_BASE,    /* frozen base weights: the mapped file or its expansion */
    MEM_PARAM,   /* tensors that are trained (a trained or mutated base matrix counts here) */
    MEM_FIXED,   /* a method's frozen tensors (LoRA-FA's A, VeRA's A and B) */
    MEM_GRAD,    /* gradients */
    MEM_OPT,     /* optimizer state */
    MEM_ACT,     /* kept from forward for backward */
    MEM_SCRATCH, /* temporary within an operation or a pass */
    MEM_DATA,    /* tokenised rows, batches */
    MEM_MISC,
    MEM_NCAT
};
const char *mem_cat_name(enum mem_cat c); /* "base", "param", ... */

struct mem {
    bool counting;
    size_t limit; /* bytes, 0: none. BASE is outside the limit's count when `base_shared` */
    size_t live[MEM_NCAT], peak[MEM_NCAT];
    size_t total, total_peak;
    size_t at_peak[MEM_NCAT]; /* live[] at the moment total_peak was reached */
    void (*deny)(struct mem *m, enum mem_cat cat, size_t bytes, void *arg); /* must not return; NULL: abort */
    void *deny_arg;
    /* Counts down with each allocation of a gate that does not count; where it comes to 0 that one is
     * refused, through deny. NULL: never. For tests, which own the number. */
    long *refuse_in;
};

void mem_init(struct mem *m, bool counting, size_t limit);
/* Zeroed, 64-byte aligned. Counts the bytes rounded up to 64. Never returns NULL. */
void *mem_alloc(struct mem *m, enum mem_cat cat, size_t bytes);
/* `bytes` as given to mem_alloc. Accepts NULL. */
void mem_free(struct mem *m, enum mem_cat cat, void *p, size_t bytes);
/* The block of `bytes` changes its category. */
void mem_move(struct mem *m, enum mem_cat from, enum mem_cat to, size_t bytes);
/* Count memory that somebody else holds (a mapped model file), without allocating. Negative deltas take it
 * back. */
void mem_note(struct mem *m, enum mem_cat cat, ptrdiff_t delta);

/* A bump arena: many allocations, released together. Its pages are kept from one use to the next. */
struct arena {
    struct mem *mem;
    char *base; /* reserved address space */
    size_t reserve, used;
    size_t open; /* of it may be touched: grows with use */
    size_t cat_used[MEM_NCAT];
    uint64_t resets; /* so many times it has been emptied */
};
/* `reserve`: wanted bytes of address space, which costs nothing until it is used; where that is limited
 * (ulimit -v) the largest half, quarter, ... that is to be had. */
void arena_init(struct arena *a, struct mem *m, size_t reserve);
/* 64-byte aligned; contents undefined (NOT zeroed). */
void *arena_alloc(struct arena *a, enum mem_cat cat, size_t bytes);
void arena_reset(struct arena *a);   /* release all allocations, keep the pages */
void arena_release(struct arena *a); /* and give the address space back */

#endif
