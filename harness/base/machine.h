/* SPDX-License-Identifier: Apache-2.0 */
/* machine.h - what this process may use of the machine: cores and memory, control groups and affinity
 * counted.
 *
 * A container on a 64-core host with a quota of two sees 64 processors and 500 GB in /proc; starting 64
 * workers there ends in throttling and in the OOM killer. Limits are read from cgroup v1 and v2 at every
 * level up to the root. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stddef.h>

struct machine {
    int cores;        /* usable: the least of the next three, at least 1 */
    int online;       /* processors of the machine */
    int affinity;     /* this process may run on */
    double quota;     /* CPUs granted by a cgroup, 0: no quota */
    size_t mem_total; /* bytes of RAM */
    size_t mem_limit; /* the least cgroup limit, 0: none */
    size_t mem_free;  /* available now, under the limits: page cache that can be dropped counts as free */
    char cpu[128];    /* model name */
    char os[128];     /* "Debian GNU/Linux 12 (bookworm), Linux 6.1.0" */
    char host[256];
};

/* Always succeeds: what cannot be read counts as unlimited. */
void machine_read(struct machine *m);

/* The same over another root folder that holds proc/ and sys/fs/cgroup/ (tests). Affinity is this process's.
 */
void machine_read_at(struct machine *m, const char *root);

#endif
