/* SPDX-License-Identifier: Apache-2.0 */
/* hub.c - `bench pull hf:OWNER/NAME`: what a hub has, what of it is needed, and its place. See hub.h.
 *
 *   GET /api/models/OWNER/NAME/revision/REV         {"sha": commit}
 *   GET /api/models/OWNER/NAME/tree/COMMIT?recursive=1   [{"type": "file", "path", "size", "oid": git's sha1,
 *                                                    "lfs": {"oid": sha256}}], further pages by a Link header
 *   GET /OWNER/NAME/resolve/COMMIT/FILE             the file, mostly by redirect
 *
 * Everything after the first request names the commit, so that a push in between changes nothing. Of a model
 * only what bench reads is taken: configuration, tokenizer, safetensors (model.safetensors, or the index and
 * its shards), and the small configurations of sentence-transformers' modules. One bad file name in the list
 * refuses the whole model. One pull at a time works on a folder (flock); others wait. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "harness/hub/hub_private.h"

#define MAX_PAGES 100
#define MAX_FILES 100000
#define INDEX     "model.safetensors.index.json"
#define SINGLE    "model.safetensors"

struct hub_file {
    char *path;
    long long size;
    char sha256[65], git_sha1[41];
    bool wanted;
};

/* One pull. */
struct hub_job {
    const struct hub_name *n;
    struct hub_client c;
    char *label, *repo, commit[65];
    struct hub_file *v; /* what the commit holds */
    int count, cap;
    char *part, *files, *lock_path; /* .hf-part/<folder>, files/ and lock in it */
    int lock;
};

/* ---- the list ------------------------------------------------------------------------------------------ */

/* A GET of JSON. NULL with e filled. *next (may be NULL) gets the URL of the next page. */
static json_t *ask_hub(struct hub_job *j, const char *url, const char *what, char **next, struct err *e) {
    struct hub_get g = {.url = xstrdup(url), .what = what};
    json_error_t bad;
    json_t *answer = NULL;
    if (!hub_get_all(&j->c, &g, 1, e)) {
        answer =
            json_loadb(g.body.s ? g.body.s : "", g.body.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &bad);
        if (!answer)
            err_set(e, ERR_RESOURCE, "%s: %s: the answer of %s is not JSON: is HF_ENDPOINT a hub?", j->label,
                    what, j->c.endpoint);
    }
    if (next)
        *next = g.next;
    else
        free(g.next);
    strbuf_release(&g.body);
    free(g.url);
    return answer;
}

static int bad_answer(struct hub_job *j, const char *what, struct err *e) {
    return err_set(e, ERR_RESOURCE, "%s: the hub's answer is not as expected: %s", j->label, what);
}

static int ask_commit(struct hub_job *j, struct err *e) {
    char *rev = hub_escape(j->n->revision, "");
    char *url = xasprintf("%s/api/models/%s/revision/%s", j->c.endpoint, j->repo, rev);
    json_t *a = ask_hub(j, url, "revision", NULL, e);
    int code = a ? 0 : e->code;
    const char *sha = json_string_value(json_object_get(a, "sha"));
    if (a && (!sha || !hub_is_commit(sha)))
        code = bad_answer(j, "it names no commit", e);
    else if (a)
        snprintf(j->commit, sizeof j->commit, "%s", sha);
    json_decref(a);
    free(url);
    free(rev);
    return code;
}

/* Copy a digest of n hex digits, lower case; false when it is something else. */
static bool copy_hex(char *to, const char *s, size_t n) {
    if (!strncmp(s, "sha256:", 7)) s += 7;
    if (strlen(s) != n) return false;
    for (size_t i = 0; i < n; i++) {
        if (!isxdigit((unsigned char)s[i])) return false;
        to[i] = (char)tolower((unsigned char)s[i]);
    }
    to[n] = '\0';
    return true;
}

static struct hub_file *find_file(const struct hub_job *j, const char *path) {
    for (int i = 0; i < j->count; i++)
        if (!strcmp(j->v[i].path, path)) return &j->v[i];
    return NULL;
}

static int add_file(struct hub_job *j, const json_t *row, struct err *e) {
    const char *type = json_string_value(json_object_get(row, "type"));
    const json_t *path = json_object_get(row, "path"), *size = json_object_get(row, "size"),
                 *lfs = json_object_get(row, "lfs");
    const char *oid = json_string_value(json_object_get(row, "oid"));
    const char *sha = json_string_value(json_object_get(lfs, "oid"));
    if (type && strcmp(type, "file")) return 0;
    if (!json_is_string(path)) return bad_answer(j, "a file without a name", e);
    const char *name = json_string_value(path);
    if (strlen(name) != json_string_length(path) || !hub_file_safe(name)) {
        char *shown = hub_escape(name, "/ \\:~");
        int code = err_set(
            e, ERR_RESOURCE,
            "%s: the hub lists a file named '%.200s', which would lead out of its folder or is no file name: "
            "refused, nothing was fetched",
            j->label, shown);
        free(shown);
        return code;
    }
    if (!json_is_integer(size) || json_integer_value(size) < 0)
        return bad_answer(j, "a file without a size", e);
    if (j->count >= MAX_FILES) return bad_answer(j, "too many files", e);
    struct hub_file f = {.size = json_integer_value(size)};
    if (sha && !copy_hex(f.sha256, sha, 64)) return bad_answer(j, "an lfs oid that is no sha256", e);
    if (!sha && oid && !copy_hex(f.git_sha1, oid, 40)) f.git_sha1[0] = '\0';
    f.path = xstrdup(name);
    GROW(j->v, j->count, j->cap);
    j->v[j->count++] = f;
    return 0;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct hub_file *)a)->path, ((const struct hub_file *)b)->path);
}

static int ask_files(struct hub_job *j, struct err *e) {
    char *url = xasprintf("%s/api/models/%s/tree/%s?recursive=1", j->c.endpoint, j->repo, j->commit);
    int code = 0;
    for (int page = 0; url && !code; page++) {
        char *next = NULL;
        json_t *a = page < MAX_PAGES ? ask_hub(j, url, "the list of files", &next, e) : NULL, *row;
        size_t i;
        if (!a)
            code = page < MAX_PAGES ? e->code : bad_answer(j, "too many pages of files", e);
        else if (!json_is_array(a))
            code = bad_answer(j, "the list of files is no list", e);
        else
            json_array_foreach(a, i, row) if ((code = add_file(j, row, e)) != 0) break;
        json_decref(a);
        free(url);
        url = next;
    }
    free(url);
    if (code || !j->count) return code;
    qsort(j->v, (size_t)j->count, sizeof *j->v, by_path);
    for (int i = 1; i < j->count; i++)
        if (!by_path(&j->v[i - 1], &j->v[i])) return bad_answer(j, "two files of one name", e);
    return 0;
}

/* ---- the choice ---------------------------------------------------------------------------------------- */

static bool ends_with(const char *s, const char *end) {
    size_t n = strlen(s), k = strlen(end);
    return n >= k && !strcasecmp(s + n - k, end);
}

/* Configuration and tokenizer of a model, or of a sentence-transformers module ("1_Pooling/config.json"). */
static bool is_small(const char *path) {
    static const char *const names[] = {"config.json",
                                        "generation_config.json",
                                        "tokenizer.json",
                                        "tokenizer_config.json",
                                        "special_tokens_map.json",
                                        "vocab.json",
                                        "vocab.txt",
                                        "merges.txt",
                                        "added_tokens.json",
                                        "chat_template.jinja",
                                        "modules.json",
                                        "sentence_bert_config.json",
                                        "config_sentence_transformers.json"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!strcmp(path, names[i])) return true;
    size_t digits = strspn(path, "0123456789");
    const char *slash = strchr(path, '/');
    if (!digits || path[digits] != '_' || !slash || strchr(slash + 1, '/')) return false;
    return !strcmp(slash + 1, "config.json") || !strcmp(slash + 1, SINGLE);
}

/* There are no weights that bench reads: say what there is instead. */
static int no_weights(struct hub_job *j, struct err *e) {
    struct strbuf b = {0};
    bool pickle = false;
    for (int i = 0; i < j->count; i++) {
        pickle |= ends_with(j->v[i].path, ".bin") || ends_with(j->v[i].path, ".pt");
        if (ends_with(j->v[i].path, ".gguf") && b.len < 500)
            strbuf_addf(&b, "%shf:%s/%s", b.len ? ", " : "", j->repo, j->v[i].path);
    }
    int code =
        b.len
            ? err_set(e, ERR_RESOURCE, "%s: a repository of GGUF files: pull one of them: %s", j->label, b.s)
        : pickle
            ? err_set(e, ERR_RESOURCE,
                      "%s: its weights are Python pickles, which are not read: look for a revision or a copy "
                      "with "
                      "safetensors",
                      j->label)
            : err_set(e, ERR_RESOURCE,
                      "%s: holds no " SINGLE " and no " INDEX ": not a model that bench reads", j->label);
    strbuf_release(&b);
    return code;
}

static int choose_files(struct hub_job *j, struct err *e) {
    if (j->n->file) {
        struct hub_file *f = find_file(j, j->n->file);
        if (f) f->wanted = true;
        return f ? 0 : err_set(e, ERR_RESOURCE, "%s: the model has no file '%s'", j->label, j->n->file);
    }
    struct hub_file *weights = find_file(j, SINGLE);
    if (!weights) weights = find_file(j, INDEX);
    if (!weights) return no_weights(j, e);
    if (!find_file(j, "config.json"))
        return err_set(e, ERR_RESOURCE, "%s: has no config.json: not a model that bench reads", j->label);
    if (!strcmp(weights->path, INDEX) && weights->size > (long long)HUB_BODY_LIMIT)
        return bad_answer(j, "an index of that length", e);
    weights->wanted = true;
    for (int i = 0; i < j->count; i++) j->v[i].wanted |= is_small(j->v[i].path);
    return 0;
}

/* The shards that the index, which is there and checked, speaks of. */
static int choose_shards(struct hub_job *j, struct err *e) {
    char *path = path_join(j->files, INDEX);
    json_error_t bad;
    json_t *index = json_load_file(path, 0, &bad), *map = json_object_get(index, "weight_map"), *shard;
    const char *tensor, *last = "";
    int code =
        json_is_object(map) ? 0 : err_set(e, ERR_RESOURCE, "%s: " INDEX " has no \"weight_map\"", j->label);
    if (!code) json_object_foreach(map, tensor, shard) {
            const char *name = json_string_value(shard);
            if (name && !strcmp(name, last)) continue; /* neighbours mostly share one */
            struct hub_file *f = name ? find_file(j, name) : NULL;
            if (!f || strchr(name, '/')) {
                code = err_set(e, ERR_RESOURCE,
                               "%s: " INDEX " speaks of '%.100s', which the model does not hold", j->label,
                               name ? name : "(no name)");
                break;
            }
            f->wanted = true;
            last = f->path;
        }
    json_decref(index);
    free(path);
    return code;
}

/* ---- fetching ------------------------------------------------------------------------------------------ */

/* Fetch the wanted files; with `only`, that one alone. */
static int fetch_files(struct hub_job *j, const char *only, struct err *e) {
    struct hub_get *g = xcalloc((size_t)j->count + 1, sizeof *g);
    int n = 0;
    j->c.state = (struct hub_progress){0};
    for (int i = 0; i < j->count; i++) {
        struct hub_file *f = &j->v[i];
        if (!f->wanted || (only && strcmp(only, f->path))) continue;
        char *name = hub_escape(f->path, "/");
        g[n].url = xasprintf("%s/%s/resolve/%s/%s", j->c.endpoint, j->repo, j->commit, name);
        g[n].what = f->path, g[n].path = path_join(j->files, f->path), g[n].size = f->size;
        memcpy(g[n].sha256, f->sha256, sizeof f->sha256);
        memcpy(g[n].git_sha1, f->git_sha1, sizeof f->git_sha1);
        j->c.state.total += f->size;
        j->c.state.files = ++n;
        free(name);
    }
    j->c.quiet = only != NULL; /* it is announced with the others */
    int code = hub_get_all(&j->c, g, n, e);
    j->c.quiet = false;
    for (int i = 0; i < n; i++) {
        free(g[i].url);
        free((char *)(uintptr_t)g[i].path);
    }
    free(g);
    return code;
}

/* Is there room for what is still to come? */
static int check_space(struct hub_job *j, struct err *e) {
    struct statvfs fs;
    unsigned long long need = 0;
    for (int i = 0; i < j->count; i++) {
        struct stat st;
        char *path = path_join(j->files, j->v[i].path);
        long long have = stat(path, &st) == 0 ? st.st_size : 0;
        if (j->v[i].wanted && have < j->v[i].size) need += (unsigned long long)(j->v[i].size - have);
        free(path);
    }
    if (statvfs(j->part, &fs) < 0 || need <= (unsigned long long)fs.f_bavail * fs.f_frsize) return 0;
    return err_set(e, ERR_RESOURCE,
                   "%s: %.1f MB are to be fetched, %s has room for %.1f MB: make room, or set XDG_CACHE_HOME",
                   j->label, (double)need / 1e6, j->part, (double)fs.f_bavail * (double)fs.f_frsize / 1e6);
}

/* Become the only one who works on the folder. */
static int part_lock(struct hub_job *j, struct err *e) {
    char *models = hub_models_dir(), *folder = hub_folder(j->n, j->commit);
    j->part = xasprintf("%s/.hf-part/%s", models, folder);
    j->files = path_join(j->part, "files"), j->lock_path = path_join(j->part, "lock");
    free(folder), free(models);
    for (int tries = 0; j->lock < 0; tries++) {
        int code = dir_make(j->part, e);
        if (code) return code;
        j->lock = open(j->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        /* another pull may just have removed the folder */
        if (j->lock < 0 && (errno != ENOENT || tries > 10))
            return err_set(e, ERR_RESOURCE, "%s: cannot write: %s", j->lock_path, strerror(errno));
    }
    for (bool told = false; flock(j->lock, LOCK_EX | LOCK_NB) < 0; told = true) {
        if (hub_stopped()) return hub_stop_error(e);
        if (errno != EWOULDBLOCK && errno != EINTR)
            return err_set(e, ERR_RESOURCE, "%s: cannot lock: %s", j->lock_path, strerror(errno));
        if (!told) hub_note(&j->c, "another pull of this model is under way: waiting for it");
        usleep(100000);
    }
    return 0;
}

/* The model is in its place: nothing of the pull stays. */
static void part_remove(const struct hub_job *j) {
    rmdir(j->files);
    unlink(j->lock_path);
    rmdir(j->part);
}

/* Everything is there and checked: to its place, at once. */
static int settle_folder(struct hub_job *j, struct err *e) {
    char *models = hub_models_dir(), *folder = hub_folder(j->n, j->commit),
         *place = path_join(models, folder);
    int code = 0;
    dir_sync(j->files);
    if (rename(j->files, place) < 0) {
        code = err_set(e, ERR_RESOURCE, "%s: cannot be made: %s: remove what is there and pull again", place,
                       strerror(errno));
    } else {
        dir_sync(models);
        part_remove(j);
    }
    free(place), free(folder), free(models);
    return code;
}

static int fetch_all(struct hub_job *j, struct err *e) {
    bool sharded = !j->n->file && !find_file(j, SINGLE);
    int code = dir_make(j->files, e);
    if (!code && sharded) code = fetch_files(j, INDEX, e);
    if (!code && sharded) code = choose_shards(j, e);
    if (!code) code = check_space(j, e);
    if (!code) code = fetch_files(j, NULL, e);
    return code ? code : settle_folder(j, e);
}

/* The commit is known and not there. */
static int pull_commit(struct hub_job *j, struct hub_pull *p, struct err *e) {
    int code = ask_files(j, e);
    if (!code) code = choose_files(j, e);
    if (!code) code = part_lock(j, e);
    if (code) return code;
    p->path = hub_place_at(j->n, j->commit);
    if (p->path) { /* somebody else was quicker */
        part_remove(j);
        return 0;
    }
    code = fetch_all(j, e);
    if (!code) p->path = hub_place_at(j->n, j->commit);
    return code;
}

static int pull_model(struct hub_job *j, struct hub_pull *p, struct err *e) {
    int code = hub_client_open(&j->c, e);
    if (!code) code = ask_commit(j, e);
    if (code) return code;
    p->path = hub_place_at(j->n, j->commit);
    p->already = p->path != NULL;
    if (!p->path) code = pull_commit(j, p, e);
    return code ? code : hub_ref_write(j->n, j->commit, e);
}

int hub_pull(const struct hub_name *n, struct hub_pull *p, struct err *e) {
    bool plain = !strcmp(n->revision, "main");
    struct hub_job j = {.n = n, .lock = -1};
    p->path = hub_is_commit(n->revision) ? hub_place(n) : NULL;
    p->already = p->path != NULL;
    if (p->already) return 0;
    j.repo = xasprintf("%s/%s", n->owner, n->name);
    j.label = xasprintf("hf:%s%s%s%s%s", j.repo, n->file ? "/" : "", n->file ? n->file : "", plain ? "" : "@",
                        plain ? "" : n->revision);
    j.c.label = j.label, j.c.repo = j.repo, j.c.p = p;
    hub_signals_take();
    int code = pull_model(&j, p, e);
    hub_signals_restore();
    hub_client_close(&j.c);
    if (j.lock >= 0) close(j.lock);
    for (int i = 0; i < j.count; i++) free(j.v[i].path);
    free(j.v), free(j.part), free(j.files), free(j.lock_path), free(j.label), free(j.repo);
    return code;
}
