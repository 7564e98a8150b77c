/* SPDX-License-Identifier: Apache-2.0 */
/* pickle.h - a Python pickle as data: what a checkpoint of tensors needs, and nothing else.
 *
 * Pickle is a program for a small stack machine that may call any Python function. Here it is read by a
 * machine that can build numbers, texts, lists, tuples and dictionaries, and that knows three calls: an empty
 * OrderedDict, torch's "make a tensor of this storage", and "make a parameter of this tensor". Whatever else
 * a file asks for is refused by name; nothing is ever executed, imported or opened. Protocols 2 to 5. */
#ifndef BENCH_NN_PICKLE_H
#define BENCH_NN_PICKLE_H

#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"

enum pickle_type {
    PICKLE_NONE,
    PICKLE_INT,     /* i; True and False too */
    PICKLE_FLOAT,   /* its value is not kept */
    PICKLE_STR,     /* s, n: in the pickle's bytes */
    PICKLE_SEQ,     /* a list or a tuple of v[0..nv) */
    PICKLE_DICT,    /* v[0..nv): key, value, key, value, ... */
    PICKLE_CLASS,   /* i: enum pickle_class */
    PICKLE_STORAGE, /* s, n: its key; i: elements; dtype */
    PICKLE_TENSOR,  /* v: storage, sizes (SEQ of INT), strides (the same); i: offset in elements */
};

enum pickle_dtype { PICKLE_F32, PICKLE_F16, PICKLE_BF16, PICKLE_F64, PICKLE_OTHER_DTYPE };

struct pickle_node {
    enum pickle_type type;
    enum pickle_dtype dtype;
    int64_t i;
    const char *s;
    size_t n;
    struct pickle_node **v;
    int nv, cap;
};

struct pickle;
/* The object that bytes[0..size) build, in *root; valid until pickle_free, and as long as the bytes. *used
 * (may be NULL): where the pickle ends. Error: without a file's name. On error *ret is NULL. */
int pickle_read(struct pickle **ret, const void *bytes, size_t size, struct pickle_node **root, size_t *used,
                struct err *e);
void pickle_free(struct pickle *p); /* accepts NULL */

#endif
