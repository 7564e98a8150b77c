/* SPDX-License-Identifier: Apache-2.0 */
/* db_file.c - see db_file.h. */
#include "harness/record/db_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/util.h"

#define LOCK_BYTE ((off_t)1 << 62) /* SQLite's locks end shortly behind 2^30 */
#define POLL_US   100000           /* between attempts while waiting */
#define LOOK_US   5000             /* between looks at a lock file whose owner has not written it yet */
#define LOOKS     20

/* A file of this process, shared by all handles on it. */
struct inode {
    dev_t dev;
    ino_t ino;
    pid_t pid; /* a child has its parent's descriptors, and with them its locks: those are not its own */
    int fd, users;
    bool write;
    struct db_file *owner; /* the handle that has locked it; NULL: none */
    struct inode *next;
};

struct db_file {
    struct inode *inode;
    char *path;   /* as it was given */
    char *beside; /* path of the lock file, beside the file itself */
    int beside_fd;
};

/* Of this process; handles belong to one thread. */
static struct inode *inodes;

/* ---- opening ------------------------------------------------------------------------------------------- */

static struct inode *find_inode(const struct stat *st, bool write) {
    for (struct inode *i = inodes; i; i = i->next)
        if (i->dev == st->st_dev && i->ino == st->st_ino && i->pid == getpid() && (i->write || !write))
            return i;
    return NULL;
}

static struct inode *open_inode(const char *path, bool write, struct err *e) {
    struct stat st;
    if (stat(path, &st) == 0) {
        struct inode *known = find_inode(&st, write);
        if (known) return known;
    }
    int fd = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        err_set(e, ERR_RESOURCE, "%s: cannot be opened: %s", path, strerror(errno));
        return NULL;
    }
    struct inode *i = xmalloc(sizeof *i);
    *i = (struct inode){
        .dev = st.st_dev, .ino = st.st_ino, .pid = getpid(), .fd = fd, .write = write, .next = inodes};
    return inodes = i;
}

struct db_file *db_file_open(const char *path, bool write, struct err *e) {
    struct inode *i = open_inode(path, write, e);
    if (!i) return NULL;
    struct db_file *f = xcalloc(1, sizeof *f);
    char *real = realpath(path, NULL);
    i->users++;
    f->inode = i;
    f->path = xstrdup(path);
    f->beside = xasprintf("%s.lock", real ? real : path);
    f->beside_fd = -1;
    free(real);
    return f;
}

static bool others_use(const struct inode *gone) {
    for (const struct inode *i = inodes; i; i = i->next)
        if (i != gone && i->users && i->dev == gone->dev && i->ino == gone->ino) return true;
    return false;
}

/* Closes what nobody uses: all descriptors of a file at once, with the last handle on it. */
static void close_unused(void) {
    for (struct inode **at = &inodes; *at;) {
        struct inode *i = *at;
        if (i->users || others_use(i)) {
            at = &i->next;
            continue;
        }
        *at = i->next;
        close(i->fd);
        free(i);
    }
}

static struct flock lock_of(short type) {
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = LOCK_BYTE, .l_len = 1};
}

void db_file_close(struct db_file *f) {
    if (!f) return;
    if (f->beside_fd >= 0) {
        if (ftruncate(f->beside_fd, 0)) { /* the lock is what counts, not the text in it */
        }
        close(f->beside_fd);
    }
    if (f->inode->owner == f) {
        struct flock none = lock_of(F_UNLCK);
        fcntl(f->inode->fd, F_OFD_SETLK, &none);
        f->inode->owner = NULL;
    }
    f->inode->users--;
    close_unused();
    free(f->path);
    free(f->beside);
    free(f);
}

/* ---- who runs ------------------------------------------------------------------------------------------ */

/* What the lock file says: a process id (0: nothing yet) and its host. */
static long read_owner(const char *beside, char host[257]) {
    char text[300] = "";
    long pid = 0;
    int fd = open(beside, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? pread(fd, text, sizeof text - 1, 0) : 0;
    if (fd >= 0) close(fd);
    text[n > 0 ? n : 0] = '\0';
    strcpy(host, "?");
    return sscanf(text, "%ld %256s", &pid, host) == 2 ? pid : 0;
}

bool db_file_runner(const struct db_file *f, long *pid, char host[257]) {
    struct flock l = lock_of(F_WRLCK);
    bool held = f->inode->owner || (fcntl(f->inode->fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK);
    *pid = held ? read_owner(f->beside, host) : 0;
    if (!held) strcpy(host, "?");
    return held;
}

/* ---- locking ------------------------------------------------------------------------------------------- */

static int refuse_lock(const struct db_file *f, long pid, const char *host, struct err *e) {
    if (pid == 0)
        return err_set(e, ERR_RESOURCE,
                       "another process is running on %s; wait for it with --wait or use another --db",
                       f->path);
    return err_set(e, ERR_RESOURCE,
                   "pid %ld on host %s is running on %s; wait for it with --wait or use another --db", pid,
                   host, f->path);
}

static int cannot_lock(const char *file, struct err *e) {
    return err_set(e, ERR_RESOURCE, "%s: cannot be locked (%s): put the database on another disk with --db",
                   file, strerror(errno));
}

/* 1: locked, 0: another has it, negative: an error. */
static int try_inode(struct db_file *f, struct err *e) {
    struct flock l = lock_of(F_WRLCK);
    if (f->inode->owner) return 0;
    while (fcntl(f->inode->fd, F_OFD_SETLK, &l)) {
        if (errno == EAGAIN || errno == EACCES) return 0;
        if (errno != EINTR) return cannot_lock(f->path, e);
    }
    f->inode->owner = f;
    return 1;
}

static int try_beside(const struct db_file *f, int fd, struct err *e) {
    while (flock(fd, LOCK_EX | LOCK_NB)) {
        if (errno == EWOULDBLOCK) return 0;
        if (errno != EINTR) return cannot_lock(f->beside, e);
    }
    return 1;
}

/* Until `attempt` succeeds. Whoever holds the lock writes its name right after it has it: one that stays
 * nameless is a reader of an older version that looks, and is gone in a moment. */
static int insist_on_lock(struct db_file *f, int fd, bool wait, const volatile sig_atomic_t *stop,
                          struct err *e) {
    char host[257];
    for (int looks = 0;; looks++) {
        int got = fd < 0 ? try_inode(f, e) : try_beside(f, fd, e);
        if (got) return got < 0 ? got : 0;
        long pid = read_owner(f->beside, host);
        if (!wait && (pid || looks >= LOOKS)) return refuse_lock(f, pid, host, e);
        if (stop && *stop) return err_set(e, ERR_STOP, "stopped while waiting for %s", f->path);
        usleep(wait && pid ? POLL_US : LOOK_US);
    }
}

static int write_owner(struct db_file *f, int fd, struct err *e) {
    char host[257] = "?";
    gethostname(host, sizeof host - 1);
    char *text = xasprintf("%ld %s\n", (long)getpid(), host);
    ssize_t n = (ssize_t)strlen(text);
    bool ok = ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) == n;
    free(text);
    return ok ? 0 : err_set(e, ERR_RESOURCE, "%s: cannot be written: %s", f->beside, strerror(errno));
}

int db_file_lock(struct db_file *f, bool wait, const volatile sig_atomic_t *stop, struct err *e) {
    BUG_ON(f->beside_fd >= 0, "%s is locked already", f->path);
    int rc = insist_on_lock(f, -1, wait, stop, e);
    if (rc) return rc;
    int fd = open(f->beside, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return err_set(e, ERR_RESOURCE, "%s: cannot be opened: %s", f->beside, strerror(errno));
    rc = insist_on_lock(f, fd, wait, stop, e);
    if (!rc) rc = write_owner(f, fd, e);
    if (rc)
        close(fd);
    else
        f->beside_fd = fd;
    return rc;
}

/* ---- still there? -------------------------------------------------------------------------------------- */

int db_file_check(const struct db_file *f, struct err *e) {
    struct stat st;
    bool there = stat(f->path, &st) == 0;
    if (there && st.st_dev == f->inode->dev && st.st_ino == f->inode->ino) return 0;
    char link[64], now[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", f->inode->fd);
    ssize_t n = readlink(link, now, sizeof now - 1);
    now[n > 0 ? n : 0] = '\0';
    static const char gone[] = " (deleted)";
    bool deleted = n < (ssize_t)sizeof gone || !strcmp(now + n - (sizeof gone - 1), gone);
    if (deleted)
        return err_set(e, ERR_RESOURCE, "%s: was %s while bench ran on it", f->path,
                       there ? "replaced by another file" : "deleted");
    return err_set(e, ERR_RESOURCE, "%s: was moved to %s while bench ran on it", f->path, now);
}
