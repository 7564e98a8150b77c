/* db_lock.c - one runner per record: the lock file beside it, and what a killed runner left. See db.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "harness/base/util.h"
#include "harness/record/db_private.h"

bool db_runner(const char *path, long *pid, char host[257]) {
    char *file = xasprintf("%s.lock", path), text[300] = "";
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    free(file);
    if (fd < 0) return false;
    bool held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    ssize_t n = held ? pread(fd, text, sizeof text - 1, 0) : 0;
    text[n > 0 ? n : 0] = '\0';
    close(fd);
    *pid = 0;
    strcpy(host, "?");
    if (held) sscanf(text, "%ld %256s", pid, host);
    return held;
}

static int lock_refuse(struct db *db, int fd, struct err *e) {
    char text[300] = "", host[257] = "?";
    long pid = 0;
    for (int i = 0; i < 20 && pid == 0; i++) { /* its owner writes the text right after it has the lock */
        ssize_t n = pread(fd, text, sizeof text - 1, 0);
        text[n > 0 ? n : 0] = 0;
        if (sscanf(text, "%ld %256s", &pid, host) < 2) pid = 0;
        if (pid == 0) usleep(5000);
    }
    if (pid == 0)
        return err_set(e, ERR_RESOURCE,
                       "another process is running on %s; wait for it with --wait or use another --db",
                       db->path);
    return err_set(e, ERR_RESOURCE,
                   "pid %ld on host %s is running on %s; wait for it with --wait or use another --db", pid,
                   host, db->path);
}

static int lock_write(struct db *db, const char *file, int fd, struct err *e) {
    char host[257] = "?";
    gethostname(host, sizeof host - 1);
    char *text = xasprintf("%ld %s\n", (long)getpid(), host);
    ssize_t n = (ssize_t)strlen(text);
    bool ok = ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) == n;
    free(text);
    if (!ok) return err_set(e, ERR_RESOURCE, "%s: cannot be written: %s", file, strerror(errno));
    db->lock_fd = fd;
    return 0;
}

static int lock_take(struct db *db, const char *file, int fd, bool wait, const volatile sig_atomic_t *stop,
                     struct err *e) {
    while (flock(fd, LOCK_EX | LOCK_NB)) {
        if (errno == EINTR) continue;
        if (errno != EWOULDBLOCK)
            return err_set(e, ERR_RESOURCE,
                           "%s: cannot be locked (%s): put the database on another disk with --db", file,
                           strerror(errno));
        if (!wait) return lock_refuse(db, fd, e);
        if (stop && *stop) return err_set(e, ERR_STOP, "stopped while waiting for %s", db->path);
        usleep(100000);
    }
    return lock_write(db, file, fd, e);
}

/* What a killed runner left. Nobody else writes: we hold the lock. */
static int db_recover(struct db *db, struct err *e) {
    int rc = db_do(db, e,
                   "UPDATE run SET state = 'interrupted', ended = " UTC_NOW ","
                   " error = 'its bench process ended before the run did'"
                   " WHERE state IN " RUN_SQL_OPEN,
                   "");
    return rc ? rc : db_flush(db, e);
}

int db_lock(struct db *db, bool wait, const volatile sig_atomic_t *stop, struct err *e) {
    BUG_ON(!db->write || db->lock_fd >= 0, "write=%d lock_fd=%d", db->write, db->lock_fd);
    char *file = xasprintf("%s.lock", db->path);
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0666), rc;
    if (fd < 0)
        rc = err_set(e, ERR_RESOURCE, "%s: cannot be opened: %s", file, strerror(errno));
    else if ((rc = lock_take(db, file, fd, wait, stop, e)))
        close(fd);
    free(file);
    return rc ? rc : db_recover(db, e);
}
