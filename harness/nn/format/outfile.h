/* SPDX-License-Identifier: Apache-2.0 */
/* outfile.h - writing a file that appears only when it is complete, and tensors into it.
 *
 * Bytes go to a temporary file beside the target, which is synced and renamed: a reader sees the old file or
 * the new one, whatever happens in between. Writing errors are kept until the file is closed. */
#ifndef BENCH_NN_OUTFILE_H
#define BENCH_NN_OUTFILE_H

#include <stdio.h>

#include "harness/nn/format/modelfile.h"

struct outfile {
    const char *path; /* borrowed */
    char *target; /* what is replaced: `path`, or what it links to; NULL: a device or pipe, written into */
    char *tmp;    /* beside it; NULL: none */
    FILE *f;
    size_t bytes;
    int why;         /* errno of the first write that failed */
    struct err what; /* or an error of another kind: code 0 when there is none */
};

int outfile_open(struct outfile *o, const char *path, struct err *e);
void outfile_put(struct outfile *o, const void *bytes, size_t n);
void outfile_pad(struct outfile *o, size_t multiple); /* zeros, up to a multiple of that many bytes */
/* The elements of a tensor, made and converted as it says. A value that a 16-bit type cannot hold makes the
 * file fail. */
void outfile_put_tensor(struct outfile *o, const struct tensor_out *t);
/* Sync and rename, or remove what was written and fill e. */
int outfile_close(struct outfile *o, struct err *e);

size_t tensor_out_bytes(const struct tensor_out *t);

#endif
