/* SPDX-License-Identifier: Apache-2.0 */
/* modelfile_parts.c - the list of tensors and mappings that the readers of formats fill. See
 * modelfile_private.h. */
#include "harness/nn/format/modelfile_private.h"

struct mapped *modelfile_map(struct modelfile *f, const char *path, struct err *e) {
    GROW(f->files, f->n_files, f->cap_files);
    struct mapped *m = &f->files[f->n_files];
    *m = (struct mapped){0};
    if (map_open(&m->map, path, e) < 0) return NULL;
    m->path = xstrdup(path);
    f->n_files++;
    return m;
}

struct tensor *modelfile_add(struct modelfile *f, const char *name, size_t len) {
    GROW(f->tensors, f->n, f->cap);
    struct tensor *t = &f->tensors[f->n++];
    *t = (struct tensor){.name = xstrndup(name, len)};
    return t;
}
