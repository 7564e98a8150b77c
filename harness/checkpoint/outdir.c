/* outdir.c - see outdir.h. */
#include "harness/checkpoint/outdir.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/util.h"

static bool is_dot(const char *name) { return !strcmp(name, ".") || !strcmp(name, ".."); }

/* No entry but itself and the one above; a folder that cannot be read counts as full. */
static bool dir_is_empty(const char *path) {
    DIR *d = opendir(path);
    bool empty = d != NULL;
    for (const struct dirent *x; empty && (x = readdir(d));) empty = is_dot(x->d_name);
    if (d) closedir(d);
    return empty;
}

/* PATH without slashes at its end, but for the root's. */
static char *trimmed_path(const char *path) {
    char *p = xstrdup(path);
    for (size_t n = strlen(p); n > 1 && p[n - 1] == '/'; n--) p[n - 1] = 0;
    return p;
}

char *outdir_begin(const char *path, struct err *e) {
    char *p = trimmed_path(path), *tmp = xasprintf("%s.tmp.%ld", p, (long)getpid());
    if (!*p)
        err_set(e, ERR_USER, "the output folder has no name");
    else if (file_exists(p) || (dir_exists(p) && !dir_is_empty(p)))
        err_set(e, ERR_USER, "%s: exists already: give another folder, or remove it", p);
    else if (!dir_make(tmp, e)) {
        free(p);
        return tmp;
    }
    free(p);
    free(tmp);
    return NULL;
}

int outdir_commit(const char *tmp, const char *path, struct err *e) {
    char *p = trimmed_path(path);
    int rc = rename(tmp, p) < 0 ? err_set(e, ERR_RESOURCE, "%s: cannot create: %s", p, strerror(errno)) : 0;
    if (!rc) dir_sync_of(p);
    free(p);
    return rc;
}

void outdir_abort(const char *tmp) {
    DIR *d = opendir(tmp);
    for (const struct dirent *x; d && (x = readdir(d));) {
        char *file = path_join(tmp, x->d_name);
        if (!is_dot(x->d_name) && dir_exists(file))
            outdir_abort(file);
        else if (!is_dot(x->d_name))
            unlink(file);
        free(file);
    }
    if (d) closedir(d);
    rmdir(tmp);
}
