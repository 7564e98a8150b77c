/* SPDX-License-Identifier: Apache-2.0 */
/* hub.h - models of a Hugging Face hub: `hf:OWNER/NAME[/FILE.gguf][@REVISION]`.
 *
 * hub_pull fetches; everything else only looks into the cache and never opens a connection. A fetched model
 * is a folder of its own below cache_dir()/models, named after the commit; which commit a revision meant when
 * it was pulled is kept beside it:
 *
 *   hf--OWNER--NAME@COMMIT/            config.json, model.safetensors, ...
 *   hf--OWNER--NAME--FILE@COMMIT/FILE  one file of a GGUF repository ('/' in FILE's part of the name as %2F)
 *   .hf-refs/<the same>@REVISION       the commit, as text
 *   .hf-part/<folder>/files/           what has arrived of a pull that is not finished; may be removed
 *
 * A folder appears by one rename when every file of it is there and checked. */
#ifndef BENCH_HUB_H
#define BENCH_HUB_H

#include <jansson.h>
#include <stdbool.h>

#include "harness/base/err.h"

struct hub_name {
    char *owner, *name;
    char *file;     /* the path of a .gguf file in the repository, or NULL: the whole model */
    char *revision; /* branch, tag or commit; "main" when none was given */
};

/* Does it begin with "hf:"? Such a word is never a path. */
bool hub_is_name(const char *s);
/* Take "hf:..." apart. ERR_USER says what is wrong with it. Caller releases, also after an error. */
int hub_name_parse(struct hub_name *n, const char *s, struct err *e);
void hub_name_release(struct hub_name *n);
/* "OWNER/NAME" of "hf:OWNER/NAME...", as other programs call the model; any other word as it is. Caller
 * frees. */
char *hub_repo_of(const char *model);

/* May a file of this name (as a server gave it) be written below a folder of ours? Not when it is absolute,
 * empty, has an empty part, "." or "..", a backslash, a control character, is not UTF-8, or is very long. */
bool hub_file_safe(const char *name);

/* The model of this name, when it was pulled: the folder, or the .gguf file. NULL when it was not. Caller
 * frees. */
char *hub_place(const struct hub_name *n);

/* Append every pulled model to `list`, in catalog_list's form with "kind": "hf". */
void hub_list(json_t *list);

/* How far a pull is. `file` is not NULL when the call announces that one file is complete. */
struct hub_progress {
    const char *file;
    int files_done, files;
    long long arrived;      /* bytes that came now; `bytes` counts what was there before too */
    long long bytes, total; /* total is 0 while the hub is asked what there is */
};

struct hub_pull {
    /* Called about ten times a second, and once per finished file. May be NULL. */
    void (*progress)(void *arg, const struct hub_progress *p);
    /* Something worth a line: a wait that the server asked for, a connection that is taken up again. May be
     * NULL. */
    void (*note)(void *arg, const char *line);
    void *arg;
    /* Out: */
    bool already; /* it was there: nothing was fetched */
    char *path;   /* where it is (absolute where cache_dir() is); caller frees */
};

/* Fetch a model into the cache. $HF_ENDPOINT: the hub (https://huggingface.co); $HF_TOKEN: sent to that host
 * alone. What arrived stays for the next time when it fails or is stopped. ERR_USER: a bad $HF_ENDPOINT or
 * $HF_TOKEN; ERR_STOP: SIGINT or SIGTERM came; ERR_RESOURCE: everything else, with the remedy. */
int hub_pull(const struct hub_name *n, struct hub_pull *p, struct err *e);

#endif
