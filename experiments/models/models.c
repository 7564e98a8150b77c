/* SPDX-License-Identifier: Apache-2.0 */
/* models.c - the registry of architectures, and which of them a file is. */
#include "experiments/models/reader.h"

#define MODEL(name) extern const struct model model_##name;
#include "experiments/models/models.def"
#undef MODEL

#define MODEL(name) &model_##name,
const struct model *const model_list[] = {
#include "experiments/models/models.def"
    NULL,
};
#undef MODEL

const struct model *model_of(const struct modelfile *f, struct err *e) {
    if (!modelfile_config(f)) {
        err_set(e, ERR_USER, "%s: weights without a config.json: name the folder that has both",
                modelfile_path(f));
        return NULL;
    }
    for (int i = 0; model_list[i]; i++)
        if (model_list[i]->match(f)) return model_list[i];
    const char *type = reader_type(f);
    err_set(e, ERR_USER, "%s: architecture '%s' is not implemented; see `bench ls models`", modelfile_path(f),
            type ? type : "of no declared type");
    return NULL;
}
