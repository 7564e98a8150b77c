/* SPDX-License-Identifier: Apache-2.0 */
/* digest.h - SHA-256 of files, remembered.
 *
 * Runs are identified by the digests of their model and data; hashing a gigabyte before every `bench run`
 * would be felt. One small text file per path in cache_dir()/digests, named by the SHA-256 of the absolute
 * path: "<sha256> <size> <mtime s>.<ns> <ctime s>.<ns> <inode> <path>\n". */
#ifndef BENCH_DIGEST_H
#define BENCH_DIGEST_H

#include "harness/base/err.h"

/* SHA-256 (64 hex digits + NUL) of the file's contents, from the cache when path, size, inode and its times
 * of modification and change agree. A cache that cannot be read or written is no error; a file changed in
 * the last two seconds is not remembered (a second change in the same clock tick would go unseen). */
int digest_file_cached(const char *path, char out[65], struct err *e);

#endif
