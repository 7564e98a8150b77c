/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.h - for the fuzz targets: bytes as a file of a given name, without touching a disk.
 *
 * A target is one function, LLVMFuzzerTestOneInput, that must return whatever the bytes are. `make fuzz`
 * links it with libFuzzer, `make test` with replay.c. */
#ifndef BENCH_TESTS_FUZZ_H
#define BENCH_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char fuzz_dir[] = "/tmp/bench-fuzz-XXXXXX", fuzz_name[64];

static inline void fuzz_clean(void) {
    unlink(fuzz_name);
    rmdir(fuzz_dir);
}

/* The path of a file called `name` that holds these bytes, until the next call. */
static inline const char *fuzz_file(const char *name, const uint8_t *data, size_t size) {
    static int fd = -1;
    if (fd < 0) {
        char target[64];
        fd = memfd_create("fuzz", MFD_CLOEXEC);
        BUG_ON(fd < 0 || !mkdtemp(fuzz_dir), "no file in memory, or no folder %s", fuzz_dir);
        snprintf(fuzz_name, sizeof fuzz_name, "%s/%s", fuzz_dir, name);
        snprintf(target, sizeof target, "/proc/self/fd/%d", fd);
        BUG_ON(symlink(target, fuzz_name) != 0, "cannot make %s", fuzz_name);
        atexit(fuzz_clean);
    }
    BUG_ON(ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size, "cannot write %zu bytes",
           size);
    return fuzz_name;
}

/* What failed must say why; what did not must not claim to. */
static inline void fuzz_check_error(int rc, const struct err *e) {
    BUG_ON((rc != 0) != (*e->msg != 0), "rc=%d msg='%s'", rc, e->msg);
    BUG_ON(rc && e->code != rc, "rc=%d code=%d", rc, e->code);
}

#endif
