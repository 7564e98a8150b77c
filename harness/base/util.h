/* SPDX-License-Identifier: Apache-2.0 */
/* util.h - growing strings, whole files, checked allocation, digests: the small things everybody needs.
 *
 * x* allocators abort on exhaustion: they are for small bookkeeping. Training memory goes through mem.h. */
#ifndef BENCH_UTIL_H
#define BENCH_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/base/utf8.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size); /* overflow of n*size aborts too */
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* caller frees */

/* A growing, always NUL-terminated byte string. Zero-initialise; strbuf_release frees. */
struct strbuf {
    char *s; /* NULL until the first byte */
    size_t len, cap;
};
void strbuf_add(struct strbuf *b, const void *bytes, size_t n);
void strbuf_adds(struct strbuf *b, const char *s);
void strbuf_addc(struct strbuf *b, char c);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strbuf_reset(struct strbuf *b); /* length 0, memory kept */
void strbuf_trim(struct strbuf *b);  /* without white space (ASCII) at both ends */
void strbuf_release(struct strbuf *b);
char *strbuf_detach(struct strbuf *b); /* the string ("" if empty), owned by the caller; b is empty after */

/* Make room for one more element in a growing array: v = element array, n = used, cap = allocated. */
#define GROW(v, n, cap)                                                                                      \
    do {                                                                                                     \
        if ((size_t)(n) >= (size_t)(cap)) {                                                                  \
            (cap) = (cap) ? 2 * (cap) : 16;                                                                  \
            (v) = xrealloc((v), (size_t)(cap) * sizeof *(v));                                                \
        }                                                                                                    \
    } while (0)

/* A file mapped read-only. `data` is NULL when size is 0. */
struct map {
    const uint8_t *data;
    size_t size;
};
int map_open(struct map *m, const char *path, struct err *e); /* error: names the path and errno */
void map_close(struct map *m);
/* From now on a mapped file that somebody cuts off or overwrites in place ends the process with a line that
 * names the file and with exit code 3, not with a bus error. Maps must be opened and closed on one thread.
 * For main() alone. */
void map_explain_faults(void);

/* Read a whole regular file of at most `limit` bytes into b (appended). Errors name the path. */
int file_read(const char *path, size_t limit, struct strbuf *b, struct err *e);
/* The same of what a user names as input: a pipe will do, and a device. A named pipe into which nobody writes
 * is waited for, which is told on stderr. */
int input_read(const char *path, size_t limit, struct strbuf *b, struct err *e);
/* Write atomically: temporary file in the same folder, fsync, rename, fsync of the folder. Through a link
 * its file is replaced; a device or a pipe is written into. */
int file_write(const char *path, const void *bytes, size_t n, struct err *e);
/* The file that writing to `path` replaces: itself, or what it links to. NULL: a device, a pipe or a link to
 * nothing, which is written into. Caller frees. */
char *file_target(const char *path);
/* After a rename or unlink: the folder, or the one that `path` is in, to the disk, so that a power cut does
 * not undo it. */
void dir_sync(const char *dir);
void dir_sync_of(const char *path);
bool file_exists(const char *path);
bool dir_exists(const char *path);
int dir_make(const char *path, struct err *e);      /* like mkdir -p */
char *path_join(const char *dir, const char *name); /* caller frees; an absolute name is returned as it is */
char *path_dir(const char *path);                   /* caller frees; "." where there is no slash */

/* $XDG_CACHE_HOME/bench, else $HOME/.cache/bench. Caller frees. Not created. */
char *cache_dir(void);
/* The folder with sweeps/, plots/, data/, models/ of this build: $BENCH_SHARE, else <folder of the
 * executable>/experiments when it exists (a source tree), else <prefix>/share/bench. Caller frees. */
char *share_dir(void);

/* SHA-256 as 64 hex digits + NUL. */
void sha256_hex(const void *bytes, size_t n, char out[65]);
int sha256_file(const char *path, char out[65], struct err *e);

/* Does s end in `end`? Every string ends in "". */
bool str_ends_with(const char *s, const char *end);
/* Damerau-Levenshtein distance, for "did you mean". */
int str_distance(const char *a, const char *b);
/* The closest of n names within distance 3 (and less than half the length), or NULL. */
const char *str_closest(const char *word, const char *const *names, size_t n);

double now_seconds(void);    /* CLOCK_MONOTONIC */
size_t rss_peak_bytes(void); /* max RSS of this process (VmHWM) */
size_t rss_now_bytes(void);

#endif
