/* SPDX-License-Identifier: Apache-2.0 */
/* catalog.c - the models that have a name. See catalog.h.
 *
 * The rows of catalog.def are turned to text by the preprocessor, so that one parser reads the built-in rows
 * and those of $BENCH_CATALOG. */
#include "harness/hub/catalog.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/hub/hub.h"
#include "harness/base/util.h"

#define MODEL(...)  "MODEL(" #__VA_ARGS__ ")\n"
#define ORIGIN(...) "ORIGIN(" #__VA_ARGS__ ")\n"
static const char builtin_rows[] =
#include "experiments/data/catalog.def"
    ;
#undef MODEL
#undef ORIGIN

/* ---- rows ---------------------------------------------------------------------------------------------- */

static void model_release(struct catalog_model *m) {
    free(m->name), free(m->summary), free(m->package), free(m->version), free(m->member), free(m->folder);
    free(m->origin);
}

/* The text up to the next comma (or all that is left), without blanks around it. Moves *s behind it. Caller
 * frees. */
static char *next_field(char **s, bool last) {
    char *begin = *s + strspn(*s, " \t"), *end = last ? begin + strlen(begin) : begin + strcspn(begin, ",");
    *s = *end ? end + 1 : end;
    while (end > begin && isspace((unsigned char)end[-1])) end--;
    return xstrndup(begin, (size_t)(end - begin));
}

/* A name becomes a folder, a package an argument of pip, a member a path: none may be anything else. */
static bool is_plain(const char *s, const char *more) {
    if (!isalnum((unsigned char)s[0]) || strstr(s, "..")) return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && !strchr(more, *s)) return false;
    return true;
}

static const char *check_pip(const struct catalog_model *m) {
    if (!is_plain(m->package, "-_.")) return "the package";
    if (!is_plain(m->version, ".+!")) return "the version";
    if (!is_plain(m->member, "-_./")) return "the member";
    if (m->bytes <= 0) return "the number of bytes";
    if (strlen(m->sha256) != 64 || strspn(m->sha256, "0123456789abcdef") != 64) return "the sha256";
    return NULL;
}

/* Read the inside of MODEL(...). NULL, or what is wrong with it. */
static const char *parse_model(char *s, struct catalog_model *m) {
    m->name = next_field(&s, false);
    char *kind = next_field(&s, false);
    bool pip = !strcmp(kind, "pip"), shipped = !strcmp(kind, "shipped");
    free(kind);
    if (!is_plain(m->name, "-_.")) return "the name";
    if (pip) {
        m->package = next_field(&s, false), m->version = next_field(&s, false),
        m->member = next_field(&s, false);
        char *bytes = next_field(&s, false), *sha = next_field(&s, false), *end;
        m->bytes = strtoll(bytes, &end, 10);
        if (*end) m->bytes = -1;
        snprintf(m->sha256, sizeof m->sha256, "%s", strlen(sha) == 64 ? sha : "");
        free(bytes), free(sha);
    } else if (shipped) {
        m->kind = CATALOG_SHIPPED;
        m->folder = next_field(&s, false);
        if (!is_plain(m->folder, "-_./")) return "the folder";
    } else {
        return "the kind (pip or shipped)";
    }
    m->summary = next_field(&s, true);
    return pip ? check_pip(m) : NULL;
}

static struct catalog_model *find_entry(const struct catalog *c, const char *name) {
    for (int i = 0; i < c->n; i++)
        if (!strcmp(c->v[i].name, name)) return &c->v[i];
    return NULL;
}

/* ORIGIN(name, OWNER/NAME) */
static int parse_origin(struct catalog *c, char *line, const char *where, int number, struct err *e) {
    size_t n = strlen(line);
    char *s = line + 7;
    if (line[n - 1] == ')') line[n - 1] = '\0';
    char *name = next_field(&s, false), *origin = next_field(&s, true);
    struct catalog_model *m = find_entry(c, name);
    const char *slash = strchr(origin, '/');
    bool good = m && slash && slash[1] && !strchr(slash + 1, '/') && is_plain(origin, "-_./");
    if (good) {
        free(m->origin);
        m->origin = origin;
    } else
        free(origin);
    free(name);
    return good ? 0
                : err_set(e, ERR_USER, "%s:%d: expected ORIGIN(name of a row above, OWNER/NAME)", where,
                          number);
}

static int parse_line(struct catalog *c, char *line, const char *where, int number, struct err *e) {
    line += strspn(line, " \t\r");
    size_t n = strlen(line);
    while (n && isspace((unsigned char)line[n - 1])) line[--n] = '\0';
    if (!n || line[0] == '#' || !strncmp(line, "/*", 2) || line[0] == '*') return 0;
    if (!strncmp(line, "ORIGIN(", 7)) return parse_origin(c, line, where, number, e);
    if (strncmp(line, "MODEL(", 6) || line[n - 1] != ')')
        return err_set(e, ERR_USER, "%s:%d: expected MODEL(name, pip, ...) or MODEL(name, shipped, ...)",
                       where, number);
    line[n - 1] = '\0';
    struct catalog_model m = {0};
    const char *wrong = parse_model(line + 6, &m);
    if (wrong) {
        model_release(&m);
        return err_set(e, ERR_USER, "%s:%d: %s is missing or not valid", where, number, wrong);
    }
    struct catalog_model *old = find_entry(c, m.name);
    if (old) {
        model_release(old);
        *old = m;
    } else {
        GROW(c->v, c->n, c->cap);
        c->v[c->n++] = m;
    }
    return 0;
}

static int parse_rows(struct catalog *c, const char *text, const char *where, struct err *e) {
    char *copy = xstrdup(text), *rest = copy;
    int code = 0;
    for (int number = 1; rest && !code; number++) {
        char *line = strsep(&rest, "\n");
        code = parse_line(c, line, where, number, e);
    }
    free(copy);
    return code;
}

int catalog_open(struct catalog *c, struct err *e) {
    *c = (struct catalog){0};
    struct err bug = {0};
    int code = parse_rows(c, builtin_rows, "experiments/data/catalog.def", &bug);
    BUG_ON(code, "%s", bug.msg);
    const char *more = getenv("BENCH_CATALOG");
    if (!more || !*more) return 0;
    struct strbuf b = {0};
    code = file_read(more, 1 << 20, &b, e);
    if (!code && b.s) code = parse_rows(c, b.s, more, e);
    strbuf_release(&b);
    return code;
}

void catalog_release(struct catalog *c) {
    for (int i = 0; i < c->n; i++) model_release(&c->v[i]);
    free(c->v);
    *c = (struct catalog){0};
}

const struct catalog_model *catalog_find(const struct catalog *c, const char *name, struct err *e) {
    const struct catalog_model *m = find_entry(c, name);
    if (m) return m;
    const char **names = xcalloc((size_t)c->n + 1, sizeof *names);
    for (int i = 0; i < c->n; i++) names[i] = c->v[i].name;
    const char *close = str_closest(name, names, (size_t)c->n);
    err_set(e, ERR_USER,
            "unknown model '%.200s'%s%s%s: `bench ls models` lists the names; a folder or a .gguf file will "
            "do too",
            name, close ? " (did you mean '" : "", close ? close : "", close ? "'?)" : "");
    free(names);
    return NULL;
}

/* ---- places -------------------------------------------------------------------------------------------- */

/* A source tree has a folder of the same name with the script that makes the model: the config tells them
 * apart. */
static bool has_model(const char *folder) {
    char *config = path_join(folder, "config.json");
    bool yes = file_exists(config);
    free(config);
    return yes;
}

/* A shipped folder: installed beside the sweeps; in a source tree in build/share, where `make` puts it. */
static char *shipped_place(const struct catalog_model *m) {
    char *share = share_dir(), *installed = path_join(share, m->folder);
    char *top = path_dir(share), *build = path_join(top, "build/share"), *built = path_join(build, m->folder);
    char *keep = !has_model(installed) && has_model(built) ? built : installed;
    free(keep == built ? installed : built);
    free(build), free(top), free(share);
    return keep;
}

bool catalog_model_is_folder(const struct catalog_model *m) {
    return m->kind == CATALOG_PIP && strchr(m->member, 0)[-1] == '/';
}

char *catalog_model_place(const struct catalog_model *m) {
    if (m->kind == CATALOG_SHIPPED) return shipped_place(m);
    const char *slash = strrchr(m->member, '/'), *file = slash ? slash + 1 : m->member;
    char *cache = cache_dir(), *place = xasprintf("%s/models/%s%s%s", cache, m->name, *file ? "/" : "", file);
    free(cache);
    return place;
}

bool catalog_model_present(const struct catalog_model *m) {
    char *place = catalog_model_place(m);
    struct stat st;
    bool there = m->kind == CATALOG_SHIPPED || catalog_model_is_folder(m)
                     ? has_model(place)
                     : stat(place, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == m->bytes;
    free(place);
    return there;
}

static char *absolute_path(const char *path, struct err *e) {
    char *real = realpath(path, NULL);
    if (!real) err_set(e, ERR_USER, "%s: cannot open: %s", path, strerror(errno));
    return real;
}

/* Is it meant as a path rather than as a name? */
static bool is_path_like(const char *s) {
    return strchr(s, '/') || str_ends_with(s, ".gguf") || str_ends_with(s, ".safetensors");
}

/* A model of a hub that was pulled. Caller frees; NULL with e filled. */
static char *hub_path(const char *word, struct err *e) {
    struct hub_name n;
    char *path = NULL;
    if (!hub_name_parse(&n, word, e) && !(path = hub_place(&n)))
        err_set(e, ERR_RESOURCE, "model '%s' is not downloaded: run `bench pull %s`", word, word);
    hub_name_release(&n);
    return path;
}

char *catalog_model_path(const char *name_or_path, struct err *e) {
    struct catalog c = {0};
    char *path = NULL;
    if (hub_is_name(name_or_path))
        path = hub_path(name_or_path, e);
    else if (is_path_like(name_or_path))
        return absolute_path(name_or_path, e);
    else if (catalog_open(&c, e) == 0) {
        const struct catalog_model *m = find_entry(&c, name_or_path);
        if (m && catalog_model_present(m))
            path = catalog_model_place(m);
        else if (m && m->kind == CATALOG_PIP)
            err_set(e, ERR_RESOURCE, "model '%s' is not downloaded: run `bench pull %s`", m->name, m->name);
        else if (m)
            err_set(e, ERR_RESOURCE, "model '%s' is not there: run `make` in the source tree", m->name);
        else if (dir_exists(name_or_path))
            path = absolute_path(name_or_path, e);
        else
            catalog_find(&c, name_or_path, e);
    }
    catalog_release(&c);
    if (path && path[0] != '/') { /* a relative $BENCH_SHARE or $XDG_CACHE_HOME */
        char *real = absolute_path(path, e);
        free(path);
        path = real;
    }
    return path;
}

char *catalog_origin(const char *model, const char *path) {
    struct catalog c = {0};
    char *origin = NULL;
    if (hub_is_name(model)) return hub_repo_of(model);
    const struct catalog_model *m = catalog_open(&c, NULL) ? NULL : find_entry(&c, model);
    if (m)
        origin = xstrdup(m->origin ? m->origin : m->name);
    else
        origin = xstrdup(path ? path : model);
    catalog_release(&c);
    return origin;
}

char *catalog_of_origin(const char *origin) {
    struct catalog c = {0};
    char *name = NULL;
    int rc = catalog_open(&c, NULL);
    for (int i = 0; !rc && i < c.n && !name; i++)
        if (c.v[i].origin && !strcmp(c.v[i].origin, origin) && catalog_model_present(&c.v[i]))
            name = xstrdup(c.v[i].name);
    catalog_release(&c);
    return name;
}

json_t *catalog_list(struct err *e) {
    struct catalog c;
    json_t *list = NULL;
    if (catalog_open(&c, e) == 0) {
        list = json_array();
        for (int i = 0; i < c.n; i++) {
            const struct catalog_model *m = &c.v[i];
            bool pip = m->kind == CATALOG_PIP, present = catalog_model_present(m);
            char *path = catalog_model_place(m),
                 *get = pip ? xasprintf("bench pull %s", m->name) : xstrdup("make");
            json_array_append_new(list,
                                  json_pack("{s:s, s:s, s:s, s:b, s:s, s:o, s:o}", "name", m->name, "summary",
                                            m->summary, "kind", pip ? "pip" : "shipped", "present", present,
                                            "path", path, "bytes", pip ? json_integer(m->bytes) : json_null(),
                                            "get", present ? json_null() : json_string(get)));
            free(path), free(get);
        }
        hub_list(list);
    }
    catalog_release(&c);
    return list;
}
