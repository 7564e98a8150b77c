/* SPDX-License-Identifier: Apache-2.0 */
/* fixture.h - for tests: a folder of their own, there while they run. */
#ifndef BENCH_TESTS_FIXTURE_H
#define BENCH_TESTS_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char dir[32];

static inline int make_dir(void **state) {
    (void)state;
    strcpy(dir, "/tmp/bench-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static inline int remove_dir(void **state) {
    (void)state;
    char cmd[64];
    snprintf(cmd, sizeof cmd, "rm -r %s", dir);
    return system(cmd);
}

#endif
