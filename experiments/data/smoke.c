/* SPDX-License-Identifier: Apache-2.0 */
/* smoke.c - the built-in data set `smoke`: a few short questions and answers for the sweep that is over in a
 * minute.
 *
 * The files are made together with the small model, by experiments/models/smoke/make_smoke.py; an installed
 * bench finds them in share_dir()/data/smoke, a source tree in build/share/data/smoke. JSONL with the fields
 * question and answer; test.jsonl may be absent. */
#include <stdlib.h>

#include "experiments/data/source.h"

static const char *const split_file[] = {"train.jsonl", "eval.jsonl", "test.jsonl"};

/* The folder; NULL with e filled when the files were not made. */
static char *smoke_dir(struct err *e) {
    static const char *const place[] = {"data/smoke", "../build/share/data/smoke"};
    char *share = share_dir(), *found = NULL;
    for (size_t k = 0; k < ARRAY_LEN(place) && !found; k++) {
        char *dir = path_join(share, place[k]), *train = path_join(dir, split_file[0]);
        if (file_exists(train))
            found = dir;
        else
            free(dir);
        free(train);
    }
    if (!found)
        err_set(e, ERR_RESOURCE,
                "%s/data/smoke/%s: the data set 'smoke' is not there: run 'make' in the source tree", share,
                split_file[0]);
    free(share);
    return found;
}

static int smoke_files(char *path[DATA_MAX_FILES], struct err *e) {
    char *dir = smoke_dir(e);
    if (!dir) return ERR_RESOURCE;
    int n = 0;
    for (size_t k = 0; k < ARRAY_LEN(split_file); k++) {
        path[n] = path_join(dir, split_file[k]);
        if (file_exists(path[n]))
            n++;
        else
            free(path[n]);
    }
    free(dir);
    return n;
}

static int smoke_open(struct dataset *d, struct err *e) {
    char *dir = smoke_dir(e);
    if (!dir) return ERR_RESOURCE;
    struct rows **split[] = {&d->train, &d->eval, &d->test};
    int code = 0;
    for (size_t k = 0; k < ARRAY_LEN(split) && !code; k++) {
        char *path = path_join(dir, split_file[k]);
        if (file_exists(path)) code = rows_open(split[k], path, NULL, e);
        free(path);
    }
    free(dir);
    return code;
}

const struct data_source data_smoke = {
    .name = "smoke",
    .summary = "short questions and answers for trying bench out, made by a script of this project",
    .prompt = "Question: {question}\nAnswer: ",
    .completion = "{answer}",
    .open = smoke_open,
    .files = smoke_files,
};
