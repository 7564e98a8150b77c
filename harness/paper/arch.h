/* SPDX-License-Identifier: Apache-2.0 */
/* arch.h - the shapes of known models without their weights: presets, or a config.json.
 *
 * The file data/architectures.yaml below share_dir() holds families (lists of tensors whose sizes are
 * expressions) and presets (the numbers of one model). An architecture becomes a struct net of tensors and
 * sites that no file backs: enough for a method's closed forms and choices (arch_outline), and for the whole
 * allocation of a run in counting mode (arch_build). Nothing here knows how such a model computes. */
#ifndef BENCH_ARCH_H
#define BENCH_ARCH_H

#include <jansson.h>

#include "harness/core/net.h"

struct archs; /* the file, read */
/* path NULL: the one delivered. ERR_USER: a mistake in it, with its line. */
int archs_load(struct archs **ret, const char *path, struct err *e);
void archs_free(struct archs *a); /* accepts NULL */
int archs_count(const struct archs *a);
const char *archs_name(const struct archs *a, int i);   /* of preset i, in the file's order; borrowed */
const char *archs_source(const struct archs *a, int i); /* where its numbers are published; borrowed */

struct arch {
    const struct archs *book;
    char *name;                           /* the preset's, or the path of the config.json */
    const struct ynode *family, *numbers; /* of the preset; numbers NULL for a config.json */
    json_t *config;                       /* the config.json; NULL for a preset */
    json_t *with;                         /* numbers put in place of those; NULL: none */
};
/* A preset's name, a config.json, or a folder that has one. `with` (borrowed, may be NULL): {"d": 512, ...}
 * replaces numbers. `a` borrows `book`. Release also after an error. ERR_USER: unknown name (a close one is
 * suggested), an architecture that no family describes. */
int arch_open(struct arch *a, const struct archs *book, const char *name, const json_t *with, struct err *e);
void arch_release(struct arch *a);

/* A number of it: "d", "layers", "kv_heads". ERR_USER where it has none of that name. */
int arch_number(const struct arch *a, const char *key, double *ret, struct err *e);

/* Fill an empty net with parameters and sites that are only names and sizes: for a method's select and count.
 * No gate, no values. `config` (borrowed) may be asked by the method. Release with arch_outline_release. */
int arch_outline(const struct arch *a, const json_t *config, struct net *net, struct err *e);
void arch_outline_release(struct net *net);
/* Declare the same in a net that net_init prepared with a gate in counting mode: matrices of `dtype`, vectors
 * float32, as from a file. */
int arch_build(const struct arch *a, enum dtype dtype, struct net *net, struct err *e);

struct modelfile;
/* The same as an opened model whose tensors are holes, in type F32, F16 or BF16: for model->build in counting
 * mode. Nothing is left on the disk. Error: the disk; a family that says no model_type. modelfile_close. */
int arch_shell(const struct arch *a, enum dtype dtype, struct modelfile **ret, struct err *e);

/* Parameters of a net, adapters' included; tied tensors are one. */
size_t arch_params(const struct net *net);

#endif
