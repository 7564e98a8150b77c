/* SPDX-License-Identifier: Apache-2.0 */
/* mem.c - the allocation gate: counting, peaks, the limit, and the bump arena. See mem.h.
 *
 * Large blocks come straight from mmap: they are zero without being touched, so that a counting pass costs
 * address space only, and they go back to the system when freed. */
#include "harness/base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "harness/base/err.h"

enum { ALIGN = 64, MMAP_FROM = 1 << 18, OPEN_STEP = 1 << 20 };

static size_t round_up(size_t n) {
    BUG_ON(n > SIZE_MAX / 2, "bytes=%zu", n);
    return n ? (n + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
}

const char *mem_cat_name(enum mem_cat c) {
    static const char *const names[MEM_NCAT] = {"base", "param",   "fixed", "grad", "opt",
                                                "act",  "scratch", "data",  "misc"};
    BUG_ON((unsigned)c >= MEM_NCAT, "category=%d", (int)c);
    return names[c];
}

void mem_init(struct mem *m, bool counting, size_t limit) {
    memset(m, 0, sizeof *m);
    m->counting = counting;
    m->limit = limit;
}

static void admit_bytes(struct mem *m, enum mem_cat cat, size_t bytes) {
    if (m->refuse_in && *m->refuse_in && !m->counting && --*m->refuse_in == 0 && m->deny)
        m->deny(m, cat, bytes, m->deny_arg);
    if (!m->counting && m->limit && m->total + bytes > m->limit) {
        if (m->deny) m->deny(m, cat, bytes, m->deny_arg);
        BUG_ON(1, "memory limit %zu exceeded in category %s (%zu + %zu) and nobody handles it", m->limit,
               mem_cat_name(cat), m->total, bytes);
    }
}

static void add_bytes(struct mem *m, enum mem_cat cat, size_t bytes) {
    m->live[cat] += bytes;
    m->total += bytes;
    if (m->live[cat] > m->peak[cat]) m->peak[cat] = m->live[cat];
    if (m->total > m->total_peak) {
        m->total_peak = m->total;
        memcpy(m->at_peak, m->live, sizeof m->live);
    }
}

static void count_up(struct mem *m, enum mem_cat cat, size_t bytes) {
    admit_bytes(m, cat, bytes);
    add_bytes(m, cat, bytes);
}

static void count_down(struct mem *m, enum mem_cat cat, size_t bytes) {
    BUG_ON(bytes > m->live[cat], "category=%s live=%zu freed=%zu", mem_cat_name(cat), m->live[cat], bytes);
    m->live[cat] -= bytes;
    m->total -= bytes;
}

void mem_note(struct mem *m, enum mem_cat cat, ptrdiff_t delta) {
    if (delta >= 0)
        count_up(m, cat, (size_t)delta);
    else
        count_down(m, cat, (size_t)-delta);
}

void mem_move(struct mem *m, enum mem_cat from, enum mem_cat to, size_t bytes) {
    count_down(m, from, round_up(bytes));
    add_bytes(m, to, round_up(bytes));
}

/* The system itself has no memory left: the same as a limit. */
static void report_exhausted(struct mem *m, enum mem_cat cat, size_t bytes) {
    if (m->deny) m->deny(m, cat, bytes, m->deny_arg);
    BUG_ON(1, "out of memory: %zu bytes for %s", bytes, mem_cat_name(cat));
}

void *mem_alloc(struct mem *m, enum mem_cat cat, size_t bytes) {
    size_t n = round_up(bytes);
    count_up(m, cat, n);
    void *p;
    if (n >= MMAP_FROM) {
        p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED) report_exhausted(m, cat, n);
    } else {
        p = aligned_alloc(ALIGN, n);
        if (!p) report_exhausted(m, cat, n);
        memset(p, 0, n);
    }
    return p;
}

void mem_free(struct mem *m, enum mem_cat cat, void *p, size_t bytes) {
    if (!p) return;
    size_t n = round_up(bytes);
    count_down(m, cat, n);
    if (n >= MMAP_FROM)
        munmap(p, n);
    else
        free(p);
}

/* The reserve is not accessible, so that it counts against no limit on memory (vm.overcommit_memory = 2);
 * arena_alloc opens what it hands out. */
void arena_init(struct arena *a, struct mem *m, size_t reserve) {
    memset(a, 0, sizeof *a);
    a->mem = m;
    a->base = MAP_FAILED;
    for (a->reserve = round_up(reserve); a->reserve >= OPEN_STEP; a->reserve = round_up(a->reserve / 2)) {
        a->base = mmap(NULL, a->reserve, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (a->base != MAP_FAILED) return;
    }
    report_exhausted(m, MEM_ACT, OPEN_STEP);
}

/* In counting mode nothing is touched, so nothing is opened. */
static bool arena_open(struct arena *a, size_t upto) {
    if (a->mem->counting || upto <= a->open) return true;
    size_t end = (upto + OPEN_STEP - 1) / OPEN_STEP * OPEN_STEP;
    if (end > a->reserve) end = a->reserve;
    if (mprotect(a->base + a->open, end - a->open, PROT_READ | PROT_WRITE)) return false;
    a->open = end;
    return true;
}

void *arena_alloc(struct arena *a, enum mem_cat cat, size_t bytes) {
    size_t n = round_up(bytes);
    count_up(a->mem, cat, n);
    if (n > a->reserve - a->used || !arena_open(a, a->used + n)) report_exhausted(a->mem, cat, n);
    void *p = a->base + a->used;
    a->used += n;
    a->cat_used[cat] += n;
    return p;
}

void arena_reset(struct arena *a) {
    for (int c = 0; c < MEM_NCAT; c++) count_down(a->mem, (enum mem_cat)c, a->cat_used[c]);
    memset(a->cat_used, 0, sizeof a->cat_used);
    a->used = 0;
    a->resets++;
}

void arena_release(struct arena *a) {
    if (!a->base) return;
    arena_reset(a);
    munmap(a->base, a->reserve);
    a->base = NULL;
}
