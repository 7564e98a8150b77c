/* SPDX-License-Identifier: Apache-2.0 */
/* run_files.c - see run_files.h.
 */
#include "harness/train/run_files.h"

#include <stdio.h>
#include <string.h>

#include "harness/checkpoint/adapter.h"
#include "harness/config/cfg.h"
#include "harness/core/data.h"
#include "harness/base/util.h"

static int compare_digest(const char *wanted, const char *found, const char *what, const char *path,
                          struct err *e) {
    if (!strcmp(wanted, found)) return 0;
    return err_set(e, ERR_RESOURCE,
                   "%s: %s was replaced while the sweep ran: this run is of neither file; give the command "
                   "again, which starts the new one's "
                   "runs, or put the former file back",
                   path, what);
}

int run_files_unchanged(const json_t *config, const struct modelfile *f, struct err *e) {
    const char *model = cfg_str(config, "model_digest"), *data = cfg_str(config, "data_digest");
    char hex[65];
    const char *start = cfg_str(config, "init_path"), *start_digest = cfg_str(config, "init_digest");
    int rc = start_digest ? adapter_digest(start, hex, e) : 0;
    if (!rc && start_digest)
        rc = compare_digest(start_digest, hex, "the adapter that it starts from", start, e);
    if (!rc && model) rc = modelfile_digest(f, hex, e);
    if (!rc && model) rc = compare_digest(model, hex, "the model", modelfile_path(f), e);
    if (rc || !data) return rc;
    const char *path = NULL;
    for (int i = 0; data_path_key(i) && !path; i++) path = cfg_str(config, data_path_key(i));
    if (!path) path = cfg_str(config, "data.name");
    rc = data_digest(cfg_get(config, "data"), hex, e);
    return rc ? rc : compare_digest(data, hex, "the data", path ? path : "data", e);
}
