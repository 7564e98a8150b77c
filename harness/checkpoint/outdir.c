/* SPDX-License-Identifier: Apache-2.0 */
/* outdir.c - see outdir.h. */
#include "harness/checkpoint/outdir.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/util.h"

#define LEFT_S 60 /* a process of another machine may be writing */

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

/* ".tmp.123" or ".tmp.123.4" at the end of `name`: the process that made it; 0: no such name. */
static long maker_of(const char *name) {
    long pid = 0;
    unsigned serial;
    int end = 0;
    const char *at = name, *found = NULL;
    while ((at = strstr(at, ".tmp."))) found = at++;
    if (!found) return 0;
    if (sscanf(found, ".tmp.%ld%n", &pid, &end) == 1 && !found[end]) return pid;
    end = 0;
    return sscanf(found, ".tmp.%ld.%u%n", &pid, &serial, &end) == 2 && end && !found[end] ? pid : 0;
}

void outdir_sweep(const char *folder) {
    DIR *d = opendir(folder);
    for (const struct dirent *x; d && (x = readdir(d));) {
        struct stat st;
        long pid = maker_of(x->d_name);
        char *path = path_join(folder, x->d_name);
        bool left = pid > 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH && lstat(path, &st) == 0 &&
                    time(NULL) - st.st_mtime > LEFT_S;
        if (left && S_ISDIR(st.st_mode))
            outdir_abort(path);
        else if (left)
            unlink(path);
        free(path);
    }
    if (d) closedir(d);
}
