/* SPDX-License-Identifier: Apache-2.0 */
/* sweep_files.c - see sweep_files.h. */
#include "harness/cli/sweep_files.h"

#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/util.h"

/* The first comment line of a sweep file (caller frees, "" when it has none), or NULL for a YAML file that is
 * no sweep. */
static char *sweep_comment(const char *path) {
    struct strbuf b = {0};
    char *comment = NULL;
    bool base = false;
    if (file_read(path, 1 << 20, &b, NULL)) b.len = 0;
    for (char *save = NULL, *line = strtok_r(b.s ? b.s : (char[]){0}, "\r\n", &save); line;
         line = strtok_r(NULL, "\r\n", &save)) {
        if (*line == '#' && !comment) comment = xstrdup(line + strspn(line, "# \t"));
        base |= !strncmp(line, "base:", 5);
    }
    strbuf_release(&b);
    if (!base) {
        free(comment);
        return NULL;
    }
    return comment ? comment : xstrdup("");
}

/* Is the file found under this name before folder number `folder`? Then its whole path must be given. */
static bool sweep_shadowed(const char *as, int folder) { return folder == 2 && file_exists(as); }

/* folder: 0 is this one, under whose names nothing stands in front. */
static void tell_folder(const char *dir, int folder, sweep_file_fn *tell, void *arg) {
    char *pattern = path_join(dir, "*.yaml"), path[PATH_MAX];
    glob_t g;
    int rc = glob(pattern, 0, NULL, &g);
    for (size_t i = 0; rc == 0 && i < g.gl_pathc; i++) {
        char *comment = sweep_comment(g.gl_pathv[i]);
        if (!comment) continue;
        const char *name = strrchr(g.gl_pathv[i], '/') + 1;
        char *as = folder ? xasprintf("sweeps/%s", name) : xstrdup(name);
        bool known = realpath(g.gl_pathv[i], path) != NULL;
        tell(arg, sweep_shadowed(as, folder) ? g.gl_pathv[i] : as, comment, known ? path : g.gl_pathv[i]);
        free(as);
        free(comment);
    }
    if (rc == 0) globfree(&g);
    free(pattern);
}

void sweep_files_each(sweep_file_fn *tell, void *arg) {
    char *share = share_dir(), *own = path_join(share, "sweeps");
    tell_folder(".", 0, tell, arg);
    tell_folder("sweeps", 1, tell, arg);
    tell_folder(own, 2, tell, arg);
    free(own);
    free(share);
}
