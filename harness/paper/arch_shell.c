/* SPDX-License-Identifier: Apache-2.0 */
/* arch_shell.c - an architecture as a model folder without weights: a config.json and a file of holes.
 *
 * The engine builds models from files. To count what a run would allocate, it gets one: its config.json and a
 * safetensors file with every tensor's name, type and shape, whose data are holes that take no room on the
 * disk and that nobody reads in counting mode. The folder is gone as soon as it is mapped. Limit: the file
 * system must know sparse files of the model's size (405 B parameters: 1.6 TB). */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/paper/arch.h"
#include "harness/nn/format/modelfile.h"
#include "harness/base/util.h"
#include "harness/config/yaml.h"

/* ---- config.json --------------------------------------------------------------------------------------- */

static json_t *number_json(double v) {
    return v == floor(v) && fabs(v) < 9e15 ? json_integer((json_int_t)v) : json_real(v);
}

static bool list_has(const struct ynode *list, const char *word) {
    for (int i = 0; list && i < list->n; i++)
        if (list->items[i]->kind == YNODE_SCALAR && !strcmp(list->items[i]->text, word)) return true;
    return false;
}

/* The field that a number has in a config.json: the first of its list that is no expression. */
static const char *field_of(const struct ynode *from) {
    const struct ynode *one = from->kind == YNODE_LIST && from->n ? from->items[0] : from;
    return one->kind == YNODE_SCALAR && !one->text[strcspn(one->text, " */+-()")] ? one->text : NULL;
}

static json_t *make_config(const struct arch *a, struct err *e) {
    const struct ynode *types = ynode_get(a->family, "model_types"), *from = ynode_get(a->family, "config"),
                       *fields = ynode_get(a->family, "fields"), *booleans = ynode_get(a->family, "booleans");
    if (!types || !types->n || !from) {
        err_set(e, ERR_USER, "the family of %s says neither model_types nor config", a->name);
        return NULL;
    }
    json_t *c = json_pack("{ss}", "model_type", types->items[0]->text);
    for (int i = 0; fields && i < fields->n; i++)
        json_object_set_new(c, fields->keys[i]->text, ynode_json(fields->items[i]));
    for (int i = 0; i < from->n; i++) {
        const char *field = field_of(from->items[i]);
        double v;
        struct err none;
        if (!field || arch_number(a, from->keys[i]->text, &v, &none))
            continue; /* the reader has its own default, or says so */
        json_object_set_new(c, field, list_has(booleans, field) ? json_boolean(v != 0) : number_json(v));
    }
    return c;
}

static int write_config(const struct arch *a, const char *dir, struct err *e) {
    json_t *c = a->config ? json_incref(a->config) : make_config(a, e);
    if (!c) return ERR_USER;
    char *path = path_join(dir, "config.json"), *text = json_dumps(c, 0);
    int rc = file_write(path, text, strlen(text), e);
    free(text);
    free(path);
    json_decref(c);
    return rc;
}

/* ---- the file of holes --------------------------------------------------------------------------------- */

/* The header; the data's length to *bytes. */
static char *make_header(const struct net *net, enum dtype dtype, uint64_t *bytes) {
    static const char *const names[] = {[DT_F32] = "F32", [DT_F16] = "F16", [DT_BF16] = "BF16"};
    json_t *h = json_object();
    uint64_t at = 0;
    for (int i = 0; i < net->nparams; i++) {
        const struct param *p = net->params[i];
        uint64_t n = param_size(p) * dtype_bytes(dtype, 1);
        int first = p->transposed ? p->cols : p->rows, last = p->transposed ? p->rows : p->cols;
        json_t *shape = p->ndim == 1 ? json_pack("[i]", p->cols) : json_pack("[ii]", first, last);
        json_object_set_new(h, p->name,
                            json_pack("{ss,so,s[II]}", "dtype", names[dtype], "shape", shape, "data_offsets",
                                      (json_int_t)at, (json_int_t)(at + n)));
        at += n;
    }
    char *json = json_dumps(h, JSON_COMPACT);
    /* The data begin at a multiple of 64, or the reader would copy them. */
    char *text = xasprintf("%s%*s", json, (int)(63 - (sizeof(uint64_t) + strlen(json) + 63) % 64), "");
    free(json);
    json_decref(h);
    *bytes = at;
    return text;
}

static int write_holes(const struct net *net, enum dtype dtype, const char *dir, struct err *e) {
    uint64_t data;
    char *header = make_header(net, dtype, &data), *path = path_join(dir, "model.safetensors");
    uint64_t n = strlen(header);
    FILE *f = fopen(path, "wb");
    bool ok = f && fwrite(&n, sizeof n, 1, f) == 1 && fwrite(header, 1, n, f) == n && !fflush(f) &&
              !ftruncate(fileno(f), (off_t)(sizeof n + n + data));
    int error = errno;
    if (f && fclose(f)) ok = false;
    if (!ok)
        err_set(e, ERR_RESOURCE, "%s: cannot make a sparse file of %.1f GiB: %s", path,
                (double)data / (1 << 30), strerror(error));
    free(header);
    free(path);
    return ok ? 0 : ERR_RESOURCE;
}

static void remove_shell(const char *dir) {
    static const char *const names[] = {"config.json", "model.safetensors"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char *path = path_join(dir, names[i]);
        unlink(path);
        free(path);
    }
    rmdir(dir);
}

int arch_shell(const struct arch *a, enum dtype dtype, struct modelfile **ret, struct err *e) {
    const char *tmp = getenv("TMPDIR");
    char *dir = path_join(tmp && *tmp ? tmp : "/tmp", "bench-arch-XXXXXX");
    struct net net;
    *ret = NULL;
    BUG_ON(dtype > DT_BF16, "dtype %d", dtype);
    int rc = arch_outline(a, NULL, &net, e);
    if (!rc && !mkdtemp(dir)) rc = err_set(e, ERR_RESOURCE, "%s: %s", dir, strerror(errno));
    if (!rc) {
        rc = write_config(a, dir, e);
        if (!rc) rc = write_holes(&net, dtype, dir, e);
        if (!rc) rc = modelfile_open(ret, dir, e);
        remove_shell(dir);
    }
    arch_outline_release(&net);
    free(dir);
    return rc;
}
