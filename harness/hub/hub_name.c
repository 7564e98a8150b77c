/* SPDX-License-Identifier: Apache-2.0 */
/* hub_name.c - names of hub models, and where they are in the cache. See hub.h.
 *
 * A name becomes a folder's name and a part of a URL. OWNER and NAME keep to what the hub itself allows
 * (letters, digits, "-_.", no "--" and no ".." inside, neither at an end), so that "--" can join them. */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "harness/hub/hub_private.h"

#define PREFIX   "hf:"
#define PART_MAX 96

/* ---- names --------------------------------------------------------------------------------------------- */

bool hub_is_name(const char *s) { return !strncmp(s, PREFIX, strlen(PREFIX)); }

static bool part_valid(const char *s) {
    size_t n = strlen(s);
    if (n == 0 || n > PART_MAX || strstr(s, "--") || strstr(s, "..") || strchr("-.", s[0]) ||
        strchr("-.", s[n - 1]))
        return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && !strchr("-_.", *s)) return false;
    return true;
}

static bool revision_valid(const char *s) {
    if (!*s || strlen(s) > PART_MAX || strstr(s, "..") || strchr("-/.", s[0])) return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && !strchr("-_./+", *s)) return false;
    return true;
}

bool hub_file_safe(const char *name) {
    size_t n = strlen(name);
    if (n == 0 || n > 512 || utf8_valid_prefix(name, n) != n) return false;
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f || *p == '\\') return false;
    for (const char *p = name;; p++) {
        size_t len = strcspn(p, "/");
        if (len == 0 || len > 200 || (len <= 2 && !strncmp(p, "..", len))) return false;
        p += len;
        if (!*p) return true;
    }
}

/* A .gguf file that is whole: parts of a split one are of no use alone. NULL, or what is wrong. */
static const char *file_wrong(const char *file) {
    size_t n = strlen(file);
    if (!hub_file_safe(file) || n > 150) return "the file's name is not valid";
    if (n < 6 || strcasecmp(file + n - 5, ".gguf"))
        return "only a .gguf file can be asked for by itself: leave it out for the whole model";
    for (const char *p = strstr(file, "-of-"); p; p = strstr(p + 1, "-of-"))
        if (strlen(p) == 14 && strspn(p + 4, "0123456789") == 5)
            return "the file is a part of a split GGUF, which is not read: look for one in a single file";
    return NULL;
}

int hub_name_parse(struct hub_name *n, const char *s, struct err *e) {
    memset(n, 0, sizeof *n);
    const char *p = s + strlen(PREFIX), *at = strrchr(p, '@');
    const char *end = at ? at : p + strlen(p), *slash = memchr(p, '/', (size_t)(end - p));
    const char *wrong = NULL;
    n->revision = xstrdup(at ? at + 1 : "main");
    if (slash) {
        const char *more = memchr(slash + 1, '/', (size_t)(end - slash - 1));
        n->owner = xstrndup(p, (size_t)(slash - p));
        n->name = xstrndup(slash + 1, (size_t)((more ? more : end) - slash - 1));
        if (more) n->file = xstrndup(more + 1, (size_t)(end - more - 1));
    }
    if (!slash || !part_valid(n->owner) || !part_valid(n->name))
        wrong = "OWNER and NAME are letters, digits and single '-', '_', '.' between them";
    else if (!revision_valid(n->revision))
        wrong = "the revision behind '@' is a branch, a tag or a commit";
    else if (n->file)
        wrong = file_wrong(n->file);
    if (!wrong) return 0;
    return err_set(e, ERR_USER,
                   "'%.200s' is not a model's name of the form hf:OWNER/NAME[/FILE.gguf][@REVISION]: %s", s,
                   wrong);
}

void hub_name_release(struct hub_name *n) {
    free(n->owner), free(n->name), free(n->file), free(n->revision);
    memset(n, 0, sizeof *n);
}

char *hub_repo_of(const char *model) {
    struct hub_name n;
    char *repo = NULL;
    if (hub_is_name(model)) {
        if (!hub_name_parse(&n, model, NULL)) repo = xasprintf("%s/%s", n.owner, n.name);
        hub_name_release(&n);
    }
    return repo ? repo : xstrdup(model);
}

/* ---- places -------------------------------------------------------------------------------------------- */

char *hub_escape(const char *s, const char *keep) {
    struct strbuf b = {0};
    for (; *s; s++) {
        if (isalnum((unsigned char)*s) || strchr("-_.", *s) || strchr(keep, *s))
            strbuf_addc(&b, *s);
        else
            strbuf_addf(&b, "%%%02X", (unsigned char)*s);
    }
    return strbuf_detach(&b);
}

bool hub_is_commit(const char *s) {
    size_t n = strlen(s);
    return (n == 40 || n == 64) && strspn(s, "0123456789abcdef") == n;
}

char *hub_models_dir(void) {
    char *cache = cache_dir(), *models = path_join(cache, "models");
    free(cache);
    return models;
}

char *hub_folder(const struct hub_name *n, const char *commit) {
    char *file = n->file ? hub_escape(n->file, "") : NULL;
    char *folder =
        xasprintf("hf--%s--%s%s%s@%s", n->owner, n->name, file ? "--" : "", file ? file : "", commit);
    free(file);
    return folder;
}

static char *ref_path(const struct hub_name *n) {
    char *models = hub_models_dir(), *revision = hub_escape(n->revision, ""), *name = hub_folder(n, revision);
    char *path = xasprintf("%s/.hf-refs/%s", models, name);
    free(name), free(revision), free(models);
    return path;
}

int hub_ref_write(const struct hub_name *n, const char *commit, struct err *e) {
    if (hub_is_commit(n->revision)) return 0;
    char *path = ref_path(n), *dir = path_dir(path), *text = xasprintf("%s\n", commit);
    int code = dir_make(dir, e);
    if (!code) code = file_write(path, text, strlen(text), e);
    free(text), free(dir), free(path);
    return code;
}

/* The commit in a file of .hf-refs. Caller frees; NULL when there is none. */
static char *ref_read(const char *path) {
    struct strbuf b = {0};
    char *commit = NULL;
    if (file_exists(path) && !file_read(path, 256, &b, NULL) && b.len) {
        b.s[strcspn(b.s, "\n")] = '\0';
        if (hub_is_commit(b.s)) commit = xstrdup(b.s);
    }
    strbuf_release(&b);
    return commit;
}

char *hub_place_at(const struct hub_name *n, const char *commit) {
    char *models = hub_models_dir(), *folder = hub_folder(n, commit), *dir = path_join(models, folder);
    char *place = n->file ? path_join(dir, n->file) : xstrdup(dir);
    if (!(n->file ? file_exists(place) : dir_exists(place))) {
        free(place);
        place = NULL;
    }
    free(dir), free(folder), free(models);
    return place;
}

char *hub_place(const struct hub_name *n) {
    if (hub_is_commit(n->revision)) return hub_place_at(n, n->revision);
    char *ref = ref_path(n), *commit = ref_read(ref);
    char *place = commit ? hub_place_at(n, commit) : NULL;
    free(commit), free(ref);
    return place;
}

/* ---- the list ------------------------------------------------------------------------------------------ */

/* Undo hub_escape, in place. */
static void unescape_text(char *s) {
    char *to = s;
    for (; *s; s++) {
        unsigned byte;
        if (*s == '%' && isxdigit((unsigned char)s[1]) && isxdigit((unsigned char)s[2]) &&
            sscanf(s + 1, "%2x", &byte) == 1 && byte) {
            *to++ = (char)byte;
            s += 2;
        } else {
            *to++ = *s;
        }
    }
    *to = '\0';
}

/* Take a folder's name apart: the name with its commit as the revision. False when it is not one of ours. */
static bool folder_parse(struct hub_name *n, const char *folder) {
    char *copy = xstrdup(folder), *at = strrchr(copy, '@'), *word = NULL;
    memset(n, 0, sizeof *n);
    if (at && !strncmp(copy, "hf--", 4)) {
        char *name = strstr(copy + 4, "--");
        *at = '\0';
        if (name && name < at) {
            *name = '\0', name += 2;
            char *file = strstr(name, "--");
            if (file) *file = '\0', unescape_text(file += 2);
            word =
                xasprintf(PREFIX "%s/%s%s%s@%s", copy + 4, name, file ? "/" : "", file ? file : "", at + 1);
        }
    }
    bool ours = word && !hub_name_parse(n, word, NULL) && hub_is_commit(n->revision);
    free(word);
    free(copy);
    return ours;
}

/* A revision that means this commit, "main" before any other; NULL when none does. Caller frees. */
static char *revision_of(const struct hub_name *n) {
    char *models = hub_models_dir(), *dir = path_join(models, ".hf-refs"), *found = NULL;
    char *prefix = hub_folder(n, "");
    DIR *d = opendir(dir);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        if (strncmp(entry->d_name, prefix, strlen(prefix))) continue;
        char *path = path_join(dir, entry->d_name), *commit = ref_read(path);
        char *revision = xstrdup(entry->d_name + strlen(prefix));
        unescape_text(revision);
        if (commit && !strcmp(commit, n->revision) && (!found || !strcmp(revision, "main"))) {
            free(found);
            found = revision, revision = NULL;
        }
        free(revision), free(commit), free(path);
    }
    if (d) closedir(d);
    free(prefix), free(dir), free(models);
    return found;
}

/* Bytes of the files in a folder and below. */
static long long folder_bytes(const char *dir, int depth) {
    long long sum = 0;
    DIR *d = depth < 8 ? opendir(dir) : NULL;
    for (struct dirent *entry; d && (entry = readdir(d));) {
        struct stat st;
        if (entry->d_name[0] == '.') continue;
        char *path = path_join(dir, entry->d_name);
        if (lstat(path, &st) == 0)
            sum += S_ISREG(st.st_mode) ? st.st_size : S_ISDIR(st.st_mode) ? folder_bytes(path, depth + 1) : 0;
        free(path);
    }
    if (d) closedir(d);
    return sum;
}

static void list_one(json_t *list, const char *dir, const struct hub_name *n) {
    char *revision = revision_of(n), *place = hub_place_at(n, n->revision);
    bool main_one = revision && !strcmp(revision, "main");
    char *name = xasprintf(PREFIX "%s/%s%s%s%s%s", n->owner, n->name, n->file ? "/" : "",
                           n->file ? n->file : "", main_one ? "" : "@",
                           main_one   ? ""
                           : revision ? revision
                                      : n->revision);
    char *summary = xasprintf("fetched from the hub, commit %.10s", n->revision);
    if (place)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b, s:s, s:I, s:n}", "name", name, "summary",
                                              summary, "kind", "hf", "present", 1, "path", place, "bytes",
                                              (json_int_t)folder_bytes(dir, 0), "get"));
    free(summary), free(name), free(place), free(revision);
}

void hub_list(json_t *list) {
    char *models = hub_models_dir();
    struct dirent **v = NULL;
    int n = scandir(models, &v, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        struct hub_name name;
        char *dir = path_join(models, v[i]->d_name);
        if (folder_parse(&name, v[i]->d_name) && dir_exists(dir)) list_one(list, dir, &name);
        hub_name_release(&name);
        free(dir);
        free(v[i]);
    }
    free(v);
    free(models);
}
