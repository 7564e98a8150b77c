/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c - a fuzz target without a fuzzer: every file of tests/fuzz/corpus/TARGET, and mutations of them
 * that are the same every time.
 *
 *   build/tests/fuzz/fuzz_gguf           what `make test` runs, from the root of the tree: 10000 mutations,
 *                                        or as many as a second allows (FUZZ_RUNS=N: so many)
 *   build/tests/fuzz/fuzz_gguf FILE...   these inputs alone, for example one that `make fuzz` found
 *
 * An input that kills the process by a signal is left beside the program as TARGET.crash. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILES_MAX = 256, SIZE_MAX_BYTES = 1 << 20 };

static struct input {
    char *name;
    uint8_t *data;
    size_t size;
} files[FILES_MAX];
static int nfiles;

static const uint8_t *now;
static size_t now_size;
static char crash_path[4096];

static void on_crash(int sig) {
    int fd = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd >= 0 && write(fd, now, now_size) < 0) _exit(9);
    signal(sig, SIG_DFL);
    raise(sig);
}

static void try_one(const uint8_t *data, size_t size) {
    /* A copy of just this size: reading past its end is then seen by valgrind and the sanitizers. */
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    now = copy, now_size = size;
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

/* splitmix64 */
static uint64_t seed = 1;
static uint64_t draw(uint64_t below) {
    uint64_t z = (seed += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (z ^ (z >> 31)) % below;
}

/* One change in place; returns the new size. `room`: what the buffer holds. */
static size_t mutate(uint8_t *b, size_t n, size_t room) {
    static const uint64_t edges[] = {0,          1,          2,          8,         31,    32,
                                     127,        128,        255,        256,       65535, 1u << 31,
                                     UINT32_MAX, 1ull << 62, 1ull << 63, UINT64_MAX};
    static const char punctuation[] = "{}[]\",:\\\n\r\t 0-eE.+&*!|>%@`#'";
    size_t at = n ? (draw(2) ? draw(n) : draw(n < 256 ? n : 256)) : 0, len = 1 + draw(draw(4) ? 8 : 64);
    if (len > n - at) len = n - at;
    const struct input *other = &files[draw((uint64_t)nfiles)];
    switch (n ? draw(8) : 5) {
    case 0:
        b[at] ^= (uint8_t)(1u << draw(8));
        break;
    case 1:
        b[at] = (uint8_t)draw(256);
        break;
    case 2:
        memcpy(b + at, &edges[draw(sizeof edges / sizeof *edges)], len < 8 ? len : 8);
        break;
    case 3: /* remove */
        memmove(b + at, b + at + len, n - at - len);
        return n - len;
    case 4: /* repeat */
        if (n + len > room) return n;
        memmove(b + at + len, b + at, n - at);
        return n + len;
    case 5: /* a piece of another input */
        if (!other->size) return n;
        len = 1 + draw(other->size < 64 ? other->size : 64);
        if (n + len > room || len > other->size) return n;
        memmove(b + at + len, b + at, n - at);
        memcpy(b + at, other->data + draw(other->size - len + 1), len);
        return n + len;
    case 6:
        b[at] = (uint8_t)punctuation[draw(sizeof punctuation - 1)];
        break;
    default:
        return draw(8) ? n : draw(n + 1); /* cut off, not too often */
    }
    return n;
}

static void read_one(const char *path) {
    struct stat st;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) || st.st_size > SIZE_MAX_BYTES || nfiles == FILES_MAX) {
        fprintf(stderr, "%s: cannot be read, is too large, or one too many\n", path);
        exit(2);
    }
    struct input *f = &files[nfiles++];
    *f = (struct input){strdup(path), malloc((size_t)st.st_size + 1), (size_t)st.st_size};
    if (read(fd, f->data, f->size) != (ssize_t)f->size) exit(2);
    close(fd);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct input *)a)->name, ((const struct input *)b)->name);
}

static void read_corpus(const char *target) {
    char dir[256], path[1024];
    snprintf(dir, sizeof dir, "tests/fuzz/corpus/%s", target);
    DIR *d = opendir(dir);
    for (struct dirent *x; d && (x = readdir(d));) {
        if (x->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", dir, x->d_name);
        read_one(path);
    }
    if (d) closedir(d);
    qsort(files, (size_t)nfiles, sizeof *files, by_name);
}

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv) {
    const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
    const char *runs_text = getenv("FUZZ_RUNS");
    long runs = runs_text ? atol(runs_text) : 10000;
    snprintf(crash_path, sizeof crash_path, "%s.crash", argv[0]);
    const int fatal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    for (int i = 0; i < 5; i++) signal(fatal[i], on_crash);
    for (int i = 1; i < argc; i++) read_one(argv[i]);
    if (argc == 1) read_corpus(strncmp(name, "fuzz_", 5) ? name : name + 5);
    if (!nfiles) {
        fprintf(stderr, "%s: no corpus: run it from the root of the source tree\n", name);
        return 2;
    }
    for (int i = 0; i < nfiles; i++) try_one(files[i].data, files[i].size);
    printf("ok 1 %d inputs of the corpus\n", nfiles);
    uint8_t *buf = malloc(SIZE_MAX_BYTES);
    double begun = seconds();
    long done = 0;
    for (long k = 0; argc == 1 && k < runs && (runs_text || seconds() - begun < 1); k++) {
        const struct input *f = &files[k % nfiles];
        size_t n = f->size;
        memcpy(buf, f->data, n);
        for (uint64_t changes = 1 + draw(4); changes--;) n = mutate(buf, n, SIZE_MAX_BYTES);
        try_one(buf, n);
        done++;
    }
    if (argc == 1) printf("ok 2 %ld mutations of them\n", done);
    printf("1..%d\n", argc == 1 ? 2 : 1);
    for (int i = 0; i < nfiles; i++) free(files[i].name), free(files[i].data);
    free(buf);
    return 0;
}
