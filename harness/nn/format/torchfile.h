/* SPDX-License-Identifier: Apache-2.0 */
/* torchfile.h - the tensors of a file that torch.save wrote: a dictionary of them, or dictionaries in a
 * dictionary.
 *
 * Read safely (pickle.h): nothing is executed. The file is a zip archive of data.pkl and one entry per
 * storage, not compressed (torch 1.6 and later), or the older form, pickles one after the other with the
 * storages behind them. Float32, float16, bfloat16 and float64 become float32; other tensors are left out. */
#ifndef BENCH_NN_TORCHFILE_H
#define BENCH_NN_TORCHFILE_H

#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"

struct torch_tensor {
    /* keys joined by '.': "transformer.h.0.attn.c_attn.lora_A"; wrappers such as "model_state_dict" are part
     * of it */
    char *name;
    int ndim;
    int64_t shape[4];
    float *data; /* contiguous */
};

struct torchfile {
    struct torch_tensor *v;
    int n, cap;
};

/* Errors name the file: damaged, compressed, not a checkpoint of tensors. Nothing to release then. */
int torchfile_open(struct torchfile *f, const char *path, struct err *e);
void torchfile_release(struct torchfile *f);

#endif
