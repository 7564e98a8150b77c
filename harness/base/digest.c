/* SPDX-License-Identifier: Apache-2.0 */
/* digest.c - SHA-256 of files, remembered by path and state of the file. See digest.h. */
#include "harness/base/digest.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "harness/base/util.h"

/* The entry of an absolute path. Caller frees. */
static char *entry_path(const char *real) {
    char id[65];
    sha256_hex(real, strlen(real), id);
    char *cache = cache_dir(), *path = xasprintf("%s/digests/%s", cache, id);
    free(cache);
    return path;
}

/* What an entry says behind its digest. The time of the last change of the inode cannot be set by hand,
 * so that a file that was replaced by one of the same size and time (cp -p, touch -r) is another. Caller
 * frees. */
static char *entry_key(const char *real, const struct stat *st) {
    return xasprintf(" %lld %lld.%09ld %lld.%09ld %llu %s\n", (long long)st->st_size,
                     (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (long long)st->st_ctim.tv_sec,
                     st->st_ctim.tv_nsec, (unsigned long long)st->st_ino, real);
}

static bool is_hex64(const char *s) { return strspn(s, "0123456789abcdef") >= 64; }

static bool entry_read(const char *path, const char *key, char out[65]) {
    struct strbuf b = {0};
    bool hit = file_exists(path) && !file_read(path, PATH_MAX + 256, &b, NULL) && b.len > 64 &&
               is_hex64(b.s) && !strcmp(b.s + 64, key);
    if (hit) {
        memcpy(out, b.s, 64);
        out[64] = '\0';
    }
    strbuf_release(&b);
    return hit;
}

static void entry_write(const char *path, const char *key, const char *digest) {
    char *dir = path_dir(path), *text = xasprintf("%s%s", digest, key);
    if (!dir_make(dir, NULL)) file_write(path, text, strlen(text), NULL);
    free(text);
    free(dir);
}

static bool is_older(struct timespec t, struct timespec now) { return now.tv_sec - t.tv_sec >= 2; }

/* Has it rested for two seconds, and is it what it was before it was hashed (`key`)? */
static bool is_settled(const char *path, const char *key) {
    struct stat st;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (stat(path, &st) < 0 || !is_older(st.st_mtim, now) || !is_older(st.st_ctim, now)) return false;
    char *again = entry_key(path, &st);
    bool same = !strcmp(again, key);
    free(again);
    return same;
}

int digest_file_cached(const char *path, char out[65], struct err *e) {
    struct stat st;
    char *real = realpath(path, NULL);
    if (!real || stat(real, &st) < 0) {
        int code = err_set(e, ERR_USER, "%s: cannot read: %s", path, strerror(errno));
        free(real);
        return code;
    }
    char *entry = entry_path(real), *key = entry_key(real, &st);
    int code = 0;
    if (!entry_read(entry, key, out)) {
        code = sha256_file(path, out, e);
        if (!code && is_settled(real, key)) entry_write(entry, key, out);
    }
    free(entry);
    free(key);
    free(real);
    return code;
}
