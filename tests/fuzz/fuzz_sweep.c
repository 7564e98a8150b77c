/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_sweep.c - any bytes as a sweep file: an error with the file's name, or points and runs that have
 * labels. Models and data are made up. */
#include <string.h>

#include "harness/core/net.h"
#include "harness/sweep/sweep.h"
#include "harness/base/util.h"
#include "tests/fuzz/fuzz.h"

static char *model_path(const char *name, struct err *e) {
    if (!strchr(name, '?')) return xasprintf("/models/%s", name);
    err_set(e, ERR_RESOURCE, "model '%s' is not there", name);
    return NULL;
}

static int model_digest(const char *path, char out[65], struct err *e) {
    (void)e;
    sha256_hex(path, strlen(path), out);
    return 0;
}

static int data_digest_of(const json_t *data, json_t *remarks, char out[65], struct err *e) {
    (void)remarks, (void)e;
    char *text = json_dumps(data, JSON_SORT_KEYS);
    sha256_hex(text, strlen(text), out);
    free(text);
    return 0;
}

static int sites(const char *path, const json_t *config, struct site_shape **ret, int *n, struct err *e) {
    (void)path, (void)config, (void)e;
    *ret = xcalloc(1, sizeof **ret);
    **ret = (struct site_shape){.d_in = 16, .d_out = 8};
    *n = 1;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct sweep_lookup lookup = {model_path, model_digest, data_digest_of, sites, NULL, NULL};
    struct sweep *s = NULL;
    struct err e = {0};
    const char *path = fuzz_file("s.yaml", data, size);
    int rc = sweep_load(&s, path, NULL, 0, &lookup, &e);
    fuzz_check_error(rc, &e);
    BUG_ON(rc && !strstr(e.msg, "s.yaml"), "no file in '%s'", e.msg);
    for (int i = 0; !rc && i < s->nruns_all && i < 20; i++) {
        char *label = sweep_run_label(s, i);
        BUG_ON(!*label, "run %d has no label", i);
        free(label);
    }
    sweep_free(s);
    return 0;
}
