/* SPDX-License-Identifier: Apache-2.0 */
/* util.c - growing strings, whole files, checked allocation, digests. See util.h.
 *
 * Everything is plain POSIX, apart from SHA-256 (libcrypto's EVP interface, which picks the processor's SHA
 * instructions) and /proc, which tells the executable's folder and the resident set size.
 *
 * Files that a user named and that cannot be read are ERR_USER; a disk that refuses a write is ERR_RESOURCE.
 */
#include "harness/base/util.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- allocation ---------------------------------------------------------------------------------------- */

static void *alloc_checked(void *p, size_t n) {
    if (p) return p;
    fprintf(stderr, "bench: out of memory (%zu bytes)\n", n);
    abort();
}

void *xmalloc(size_t n) { return alloc_checked(malloc(n ? n : 1), n); }

void *xcalloc(size_t n, size_t size) {
    size_t bytes;
    BUG_ON(__builtin_mul_overflow(n, size, &bytes), "n=%zu size=%zu", n, size);
    return alloc_checked(calloc(bytes ? bytes : 1, 1), bytes);
}

void *xrealloc(void *p, size_t n) { return alloc_checked(realloc(p, n ? n : 1), n); }

char *xstrndup(const char *s, size_t n) {
    n = strnlen(s, n);
    char *copy = xmalloc(n + 1);
    memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

char *xstrdup(const char *s) { return xstrndup(s, strlen(s)); }

char *xasprintf(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *s;
    int n = vasprintf(&s, fmt, ap);
    va_end(ap);
    BUG_ON(n < 0, "format '%s'", fmt);
    return s;
}

/* ---- strbuf -------------------------------------------------------------------------------------------- */

/* Room for n more bytes and the NUL. */
static void strbuf_reserve(struct strbuf *b, size_t n) {
    size_t need;
    BUG_ON(__builtin_add_overflow(b->len, n, &need) || need == SIZE_MAX, "len=%zu n=%zu", b->len, n);
    need++;
    if (need <= b->cap) return;
    size_t cap = b->cap < SIZE_MAX / 2 ? 2 * b->cap : need;
    b->cap = MAX_OF(MAX_OF(need, cap), 32);
    b->s = xrealloc(b->s, b->cap);
}

void strbuf_add(struct strbuf *b, const void *bytes, size_t n) {
    strbuf_reserve(b, n);
    if (n) memcpy(b->s + b->len, bytes, n);
    b->len += n;
    b->s[b->len] = '\0';
}

void strbuf_adds(struct strbuf *b, const char *s) { strbuf_add(b, s, strlen(s)); }
void strbuf_addc(struct strbuf *b, char c) { strbuf_add(b, &c, 1); }

void strbuf_addf(struct strbuf *b, const char *fmt, ...) {
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    char small[256];
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    BUG_ON(n < 0, "format '%s'", fmt);
    if ((size_t)n < sizeof small) {
        strbuf_add(b, small, (size_t)n);
    } else {
        strbuf_reserve(b, (size_t)n);
        vsnprintf(b->s + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void strbuf_reset(struct strbuf *b) {
    b->len = 0;
    if (b->s) b->s[0] = '\0';
}

void strbuf_trim(struct strbuf *b) {
    size_t from = 0;
    if (!b->len) return;
    while (b->len && isspace((unsigned char)b->s[b->len - 1])) b->len--;
    while (from < b->len && isspace((unsigned char)b->s[from])) from++;
    memmove(b->s, b->s + from, b->len - from);
    b->len -= from;
    b->s[b->len] = '\0';
}

void strbuf_release(struct strbuf *b) {
    free(b->s);
    *b = (struct strbuf){0};
}

char *strbuf_detach(struct strbuf *b) {
    char *s = b->s ? b->s : xstrdup("");
    *b = (struct strbuf){0};
    return s;
}

/* ---- files --------------------------------------------------------------------------------------------- */

/* Open a file for reading; its size in *size, -1 where it has none. A named pipe opens at once. Error: names
 * the path. */
static int open_any(const char *path, off_t *size, struct err *e) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return err_set(e, ERR_USER, "%s: cannot open: %s", path, strerror(errno));
    struct stat st;
    if (fstat(fd, &st) < 0) {
        int code = err_set(e, ERR_USER, "%s: cannot stat: %s", path, strerror(errno));
        close(fd);
        return code;
    }
    if (S_ISDIR(st.st_mode)) {
        close(fd);
        return err_set(e, ERR_USER, "%s: is a folder, not a file", path);
    }
    *size = S_ISREG(st.st_mode) ? st.st_size : -1;
    return fd;
}

static int open_regular(const char *path, off_t *size, struct err *e) {
    int fd = open_any(path, size, e);
    if (fd < 0 || *size >= 0) return fd;
    close(fd);
    return err_set(e, ERR_USER,
                   "%s: is not a regular file: give the name of one (a pipe can be saved to one first)",
                   path);
}

/* What is mapped now, for on_bus: entries come and go on the thread that maps. */
static struct mapping {
    struct mapping *next;
    const uint8_t *data;
    size_t size;
    char *path;
} * mappings;

static void mapping_add(const struct map *m, const char *path) {
    struct mapping *x = xmalloc(sizeof *x);
    *x = (struct mapping){mappings, m->data, m->size, xstrdup(path)};
    mappings = x;
}

static void mapping_drop(const uint8_t *data) {
    for (struct mapping **at = &mappings; *at; at = &(*at)->next) {
        struct mapping *x = *at;
        if (x->data != data) continue;
        *at = x->next;
        free(x->path);
        free(x);
        return;
    }
}

/* write(2) alone is allowed here; what cannot be said is lost. */
static void tell_fault(const char *s) {
    if (write(STDERR_FILENO, s, strlen(s)) < 0) return;
}

static void on_bus(int sig, siginfo_t *info, void *context) {
    (void)context;
    static volatile int told;
    const uint8_t *at = info->si_addr;
    for (const struct mapping *x = mappings; x; x = x->next) {
        if (at < x->data || at >= x->data + x->size) continue;
        while (__atomic_exchange_n(&told, 1, __ATOMIC_SEQ_CST)) pause(); /* another thread is at it */
        tell_fault("bench: ");
        tell_fault(x->path);
        tell_fault(
            ": became shorter while it was read (cut off or overwritten in place?): put the whole file back "
            "and give the command again\n");
        _exit(3);
    }
    signal(sig, SIG_DFL); /* not ours: the fault happens again and kills */
}

void map_explain_faults(void) {
    struct sigaction sa = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &sa, NULL);
}

int map_open(struct map *m, const char *path, struct err *e) {
    *m = (struct map){0};
    off_t size = 0;
    int fd = open_regular(path, &size, e);
    if (fd < 0) return fd;
    if (size > 0) {
        void *p = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED) {
            int code = err_set(e, ERR_RESOURCE, "%s: cannot map %lld bytes: %s", path, (long long)size,
                               strerror(errno));
            close(fd);
            return code;
        }
        m->data = p;
        m->size = (size_t)size;
        mapping_add(m, path);
    }
    close(fd);
    return 0;
}

void map_close(struct map *m) {
    if (m->data) {
        mapping_drop(m->data);
        munmap((void *)(uintptr_t)m->data, m->size);
    }
    *m = (struct map){0};
}

/* From here on reading waits. A named pipe that nobody opened for writing yet would look like an empty
 * file. */
static int wait_for_writer(int fd, const char *path) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int flags = fcntl(fd, F_GETFL), n = poll(&p, 1, 1000);
    if (n == 0) {
        tell_fault("bench: ");
        tell_fault(path);
        tell_fault(": waiting for somebody to write into it\n");
        n = poll(&p, 1, -1);
    }
    return n < 0 || flags < 0 ? -1 : fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

/* Reads fd to its end and closes it; size: its size, -1 where it has none. */
static int read_to_end(int fd, off_t size, const char *path, size_t limit, struct strbuf *b, struct err *e) {
    size_t start = b->len;
    int code = 0;
    for (;;) {
        /* One byte beyond the size shows the end of the file, one beyond the limit a file that is too large;
         * pipes have no size to ask. */
        size_t left = limit - (b->len - start), got_so_far = b->len - start;
        size_t chunk = size >= 0 && (size_t)size >= got_so_far ? (size_t)size - got_so_far : (size_t)1 << 16;
        size_t want = MIN_OF(MIN_OF(left, chunk), (size_t)1 << 30) + 1;
        strbuf_reserve(b, want);
        ssize_t got = read(fd, b->s + b->len, want);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            code = err_set(e, ERR_USER, "%s: cannot read: %s", path, strerror(errno));
            break;
        }
        if (got == 0) break;
        b->len += (size_t)got;
        if (b->len - start > limit) {
            code = err_set(e, ERR_USER, "%s: longer than %zu bytes, the most that is accepted here", path,
                           limit);
            break;
        }
    }
    close(fd);
    if (code) b->len = start;
    if (b->s) b->s[b->len] = '\0';
    return code;
}

int file_read(const char *path, size_t limit, struct strbuf *b, struct err *e) {
    off_t size = 0;
    int fd = open_regular(path, &size, e);
    return fd < 0 ? fd : read_to_end(fd, size, path, limit, b, e);
}

int input_read(const char *path, size_t limit, struct strbuf *b, struct err *e) {
    off_t size = 0;
    int fd = open_any(path, &size, e);
    if (fd < 0) return fd;
    if (size < 0 && wait_for_writer(fd, path) < 0) {
        close(fd);
        return err_set(e, ERR_USER, "%s: cannot read: %s", path, strerror(errno));
    }
    return read_to_end(fd, size, path, limit, b, e);
}

static int write_all(int fd, const char *p, size_t n) {
    while (n) {
        ssize_t put = write(fd, p, MIN_OF(n, (size_t)1 << 30));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return -1;
        p += put;
        n -= (size_t)put;
    }
    return 0;
}

char *file_target(const char *path) {
    struct stat st;
    bool there = stat(path, &st) == 0;
    if (!there && lstat(path, &st) == 0) return NULL; /* a link to what is not there yet */
    if (!there || S_ISDIR(st.st_mode)) return xstrdup(path);
    return S_ISREG(st.st_mode) ? realpath(path, NULL) : NULL;
}

int file_write(const char *path, const void *bytes, size_t n, struct err *e) {
    static atomic_uint serial; /* two threads, one path: two temporary files */
    char *target = file_target(path);
    bool into = !target;
    char *tmp =
        into ? NULL : xasprintf("%s.tmp.%ld.%u", target, (long)getpid(), atomic_fetch_add(&serial, 1));
    int fd = into ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666)
                  : open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666),
        code = 0;
    if (fd < 0) {
        code = err_set(e, ERR_RESOURCE, "%s: cannot create: %s", path, strerror(errno));
    } else {
        bool bad = write_all(fd, bytes, n) < 0 || (!into && fsync(fd) < 0);
        int why = errno;
        if (close(fd) < 0 && !bad) bad = true, why = errno;
        if (!bad && !into && rename(tmp, target) < 0) bad = true, why = errno;
        if (bad) code = err_set(e, ERR_RESOURCE, "%s: cannot write %zu bytes: %s", path, n, strerror(why));
        if (bad && !into) unlink(tmp);
        if (!bad && !into) dir_sync_of(target);
    }
    free(tmp);
    free(target);
    return code;
}

void dir_sync(const char *dir) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd); /* where a folder cannot be synced, its names are as safe as they get */
    close(fd);
}

void dir_sync_of(const char *path) {
    char *dir = path_dir(path);
    dir_sync(dir);
    free(dir);
}

bool file_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

bool dir_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int dir_make(const char *path, struct err *e) {
    char *p = xstrdup(path);
    int code = 0;
    for (char *end = p;; *end = '/') {
        end += strspn(end, "/");
        if (!*end) break;
        end += strcspn(end, "/");
        bool last = !*end;
        *end = '\0';
        int why = mkdir(p, 0777) < 0 ? errno : 0;
        if (why && !dir_exists(p)) {
            code = err_set(e, ERR_RESOURCE, "%s: cannot make the folder: %s", p, strerror(why));
            break;
        }
        if (!why) dir_sync_of(p);
        if (last) break;
    }
    free(p);
    return code;
}

char *path_join(const char *dir, const char *name) {
    if (name[0] == '/' || !dir[0]) return xstrdup(name);
    size_t n = strlen(dir);
    return xasprintf("%s%s%s", dir, dir[n - 1] == '/' ? "" : "/", name);
}

char *path_dir(const char *path) {
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--; /* "a/b/" is in "a" */
    while (n > 0 && path[n - 1] != '/') n--;
    if (n == 0) return xstrdup(".");
    while (n > 1 && path[n - 1] == '/') n--;
    return xstrndup(path, n);
}

char *cache_dir(void) {
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    /* a relative one is to be ignored, says the standard */
    if (xdg && xdg[0] == '/') return path_join(xdg, "bench");
    if (home && *home) return path_join(home, ".cache/bench");
    return xasprintf("/tmp/bench-cache-%ld", (long)getuid());
}

/* Is `dir` the top of a source tree? */
static bool is_source_tree(const char *dir) {
    char *a = path_join(dir, "experiments"), *b = path_join(dir, "harness");
    bool yes = dir_exists(a) && dir_exists(b);
    free(a);
    free(b);
    return yes;
}

char *share_dir(void) {
    const char *set = getenv("BENCH_SHARE");
    if (set && *set) return xstrdup(set);
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    exe[n > 0 ? n : 0] = '\0';
    char *bin = path_dir(exe), *prefix = path_dir(bin), *dir = xstrdup(bin);
    char *installed = path_join(prefix, "share/bench"),
         *found = dir_exists(installed) ? xstrdup(installed) : NULL;
    /* The tests' binaries are a few folders below the tree's top. */
    for (int up = 0; up < 5 && !found; up++) {
        if (is_source_tree(dir)) found = path_join(dir, "experiments");
        char *parent = path_dir(dir);
        free(dir);
        dir = parent;
    }
    if (!found) found = xstrdup(installed);
    free(installed);
    free(prefix);
    free(dir);
    free(bin);
    return found;
}

/* ---- digests ------------------------------------------------------------------------------------------- */

static EVP_MD_CTX *sha_begin(void) {
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    int ok = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL);
    BUG_ON(!ok, "libcrypto has no SHA-256 (ctx %p)", (void *)c);
    return c;
}

static void sha_end(EVP_MD_CTX *c, char out[65]) {
    unsigned char d[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    int ok = EVP_DigestFinal_ex(c, d, &n);
    BUG_ON(!ok || n != 32, "ok=%d n=%u", ok, n);
    for (unsigned i = 0; i < n; i++) sprintf(out + 2 * i, "%02x", d[i]);
    EVP_MD_CTX_free(c);
}

void sha256_hex(const void *bytes, size_t n, char out[65]) {
    EVP_MD_CTX *c = sha_begin();
    EVP_DigestUpdate(c, bytes, n);
    sha_end(c, out);
}

int sha256_file(const char *path, char out[65], struct err *e) {
    off_t size = 0;
    int fd = open_regular(path, &size, e);
    if (fd < 0) return fd;
    EVP_MD_CTX *c = sha_begin();
    size_t cap = (size_t)1 << 18;
    char *buf = xmalloc(cap);
    ssize_t got;
    while ((got = read(fd, buf, cap)) != 0) {
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) break;
        EVP_DigestUpdate(c, buf, (size_t)got);
    }
    int code = got < 0 ? err_set(e, ERR_USER, "%s: cannot read: %s", path, strerror(errno)) : 0;
    sha_end(c, out);
    free(buf);
    close(fd);
    return code;
}

/* ---- words --------------------------------------------------------------------------------------------- */

int str_distance(const char *a, const char *b) {
    int n = (int)strlen(a), m = (int)strlen(b);
    size_t width = (size_t)m + 1;
    int *row = xcalloc(3 * width, sizeof *row); /* rows i-2, i-1 and i, used round robin */
    for (int j = 0; j <= m; j++) row[j] = j;
    for (int i = 1; i <= n; i++) {
        int *cur = row + (size_t)(i % 3) * width, *prev = row + (size_t)((i + 2) % 3) * width;
        const int *prev2 = row + (size_t)((i + 1) % 3) * width;
        cur[0] = i;
        for (int j = 1; j <= m; j++) {
            int best = prev[j - 1] + (a[i - 1] != b[j - 1]);
            best = MIN_OF(best, prev[j] + 1);
            best = MIN_OF(best, cur[j - 1] + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = MIN_OF(best, prev2[j - 2] + 1);
            cur[j] = best;
        }
    }
    int d = row[(size_t)(n % 3) * width + (size_t)m];
    free(row);
    return d;
}

bool str_ends_with(const char *s, const char *end) {
    size_t n = strlen(s), m = strlen(end);
    return n >= m && !strcmp(s + n - m, end);
}

const char *str_closest(const char *word, const char *const *names, size_t n) {
    const char *best = NULL;
    int best_d = 4;
    size_t len = strlen(word);
    if (len > 200) return NULL; /* nobody misspells that; and the distance is quadratic */
    for (size_t i = 0; i < n; i++) {
        int d = str_distance(word, names[i]);
        if (d < best_d && 2 * (size_t)d < MAX_OF(len, strlen(names[i]))) best_d = d, best = names[i];
    }
    return best;
}

/* ---- the process --------------------------------------------------------------------------------------- */

double now_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A "Key:   123 kB" line of /proc/self/status in bytes. (getrusage's maximum survives exec: it would show the
 * parent's.) */
static size_t proc_status_bytes(const char *key) {
    FILE *f = fopen("/proc/self/status", "re");
    if (!f) return 0;
    char line[256];
    size_t kib = 0, len = strlen(key);
    while (fgets(line, sizeof line, f))
        if (!strncmp(line, key, len) && line[len] == ':') {
            kib = strtoull(line + len + 1, NULL, 10);
            break;
        }
    fclose(f);
    return kib * 1024;
}

size_t rss_peak_bytes(void) { return proc_status_bytes("VmHWM"); }
size_t rss_now_bytes(void) { return proc_status_bytes("VmRSS"); }
