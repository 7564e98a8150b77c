/* SPDX-License-Identifier: Apache-2.0 */
/* sweep_lookup.c - where the models, data and adapters that a sweep names are found, and their digests. See
 * sweep.h and sweep_private.h. */
#include <stdlib.h>
#include <string.h>

#include "harness/checkpoint/adapter.h"
#include "harness/hub/catalog.h"
#include "harness/config/cfg.h"
#include "harness/core/data.h"
#include "harness/infer/infer.h"
#include "harness/nn/format/modelfile.h"
#include "harness/infer/model_sites.h"
#include "harness/sweep/sweep_private.h"

static int real_model_digest(const char *path, char out[65], struct err *e) {
    struct modelfile *f;
    int rc = modelfile_open(&f, path, e);
    if (rc) return rc;
    rc = modelfile_digest(f, out, e);
    modelfile_close(f);
    return rc;
}

/* Files are read to the end, so that a bad row or an unknown column is known before anything runs. */
static void add_remark(void *arg, const char *kind, const char *text) {
    json_array_append_new(arg, json_pack("{s:s, s:s}", "kind", kind, "text", text));
}

static int real_data_digest(const json_t *data_cfg, json_t *remarks, char out[65], struct err *e) {
    struct dataset *d;
    int rc = data_open(&d, data_cfg, e);
    if (rc) return rc;
    bool files = !cfg_str(data_cfg, "name");
    if (files) rc = data_check(d, e);
    if (!rc) data_remarks(d, files, add_remark, remarks);
    data_free(d);
    return rc ? rc : data_digest(data_cfg, out, e);
}

/* From the sweep file's folder, as the paths of data, then from the current one; or a run. */
static int real_adapter(const struct sweep_lookup *l, const char *dir, const char *word, char **path,
                        char digest[65], struct err *e) {
    char *beside = path_join(dir, word);
    *path = infer_adapter(dir_exists(beside) ? beside : word, l->db, NULL, e);
    free(beside);
    return *path ? adapter_digest(*path, digest, e) : e->code;
}

const struct sweep_lookup sweep_lookup_real = {catalog_model_path, real_model_digest, real_data_digest,
                                               model_sites_read,   real_adapter,      NULL};

void load_lookup_fail(struct load *l, int line, const struct err *e) {
    load_fail(l, line, "%s", e->msg);
    if (e->code == ERR_RESOURCE) l->code = ERR_RESOURCE;
}

/* A path may be meant from the sweep file's folder, as those of data are. */
static char *model_name(struct load *l, const char *name) {
    bool path = strchr(name, '/') || name[0] == '.' || str_ends_with(name, ".gguf");
    char *beside = path_join(l->dir, name);
    if (path && (file_exists(beside) || dir_exists(beside))) return beside;
    free(beside);
    return xstrdup(name);
}

const json_t *load_model(struct load *l, const char *name, int line) {
    json_t *hit = json_object_get(l->path_cache, name);
    if (hit) return hit;
    struct err e = {0};
    char digest[65], *wanted = model_name(l, name), *path = l->lookup->model_path(wanted, &e);
    hit = json_null();
    if (path && !l->lookup->model_digest(path, digest, &e))
        hit = json_pack("{s:s,s:s}", "path", path, "digest", digest);
    else
        load_lookup_fail(l, line, &e);
    json_object_set_new(l->path_cache, name, hit);
    free(path);
    free(wanted);
    return hit;
}
