/* proc.c - starting, hearing and burying worker processes (see proc.h). */
#include "harness/sched/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/sched/worker.h"

#define LINE_MAX_BYTES (64u << 20) /* a report's line; more means that something is wrong */

#define NOT_TOLD (~0ul)

/* Processes that the kernel has killed for want of memory since it started; NOT_TOLD where it does not tell.
 */
static unsigned long oom_kills(void) {
    FILE *f = fopen("/proc/vmstat", "re");
    char line[128];
    unsigned long n = NOT_TOLD;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "oom_kill %lu", &n) == 1) break;
    if (f) fclose(f);
    return n;
}

/* ---- starting ------------------------------------------------------------------------------------------ */

/* The job as a file that nobody else sees: no pipe that could block. */
static int job_file(const char *job, struct err *e) {
    int fd = memfd_create("bench-job", MFD_CLOEXEC);
    size_t n = strlen(job), at = 0;
    while (fd >= 0 && at < n) {
        ssize_t w = write(fd, job + at, n - at);
        if (w < 0 && errno == EINTR) continue;
        if (w <= 0) {
            close(fd);
            fd = -1;
        } else
            at += (size_t)w;
    }
    if (fd < 0) return err_set(e, ERR_RESOURCE, "cannot hand a job to a worker: %s", strerror(errno));
    lseek(fd, 0, SEEK_SET);
    return fd;
}

/* In the child, between fork and exec: only async-signal-safe calls. fds: job, output, report. */
static void exec_child(pid_t parent, const int fds[3], char *const argv[]) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127); /* it died before prctl */
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    int high[3]; /* out of the way of 0..3 */
    for (int i = 0; i < 3; i++)
        if ((high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 10)) < 0) _exit(127);
    if (dup2(high[0], 0) < 0 || dup2(high[1], 1) < 0 || dup2(high[1], 2) < 0 ||
        dup2(high[2], WORKER_REPORT_FD) < 0)
        _exit(127);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_DFL);
    sigset_t all;
    sigemptyset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    execv("/proc/self/exe", argv);
    static const char msg[] = "cannot execute /proc/self/exe\n";
    if (write(2, msg, sizeof msg - 1) < 0) _exit(126);
    _exit(127);
}

static void close_pair(int p[2]) {
    if (p[0] >= 0) close(p[0]);
    if (p[1] >= 0) close(p[1]);
}

int proc_start(struct proc *p, const char *job, struct err *e) {
    memset(p, 0, sizeof *p);
    p->report = p->text = -1;
    int text[2] = {-1, -1}, report[2] = {-1, -1};
    int fd = job_file(job, e);
    if (fd < 0) return fd;
    if (pipe2(text, O_CLOEXEC) != 0 || pipe2(report, O_CLOEXEC) != 0) goto fail;
    fcntl(report[1], F_SETPIPE_SZ,
          1 << 20); /* a worker should not wait for a parent that writes to the database */
    p->oom_kills = oom_kills();
    char *argv[] = {"bench", "worker", NULL};
    pid_t parent = getpid();
    p->pid = fork();
    if (p->pid == 0) exec_child(parent, (int[]){fd, text[1], report[1]}, argv);
    if (p->pid < 0) goto fail;
    close(fd);
    close(text[1]);
    close(report[1]);
    p->text = text[0];
    p->report = report[0];
    fcntl(p->text, F_SETFL, O_NONBLOCK);
    fcntl(p->report, F_SETFL, O_NONBLOCK);
    return 0;
fail:
    err_set(e, ERR_RESOURCE, "cannot start a worker: %s", strerror(errno));
    close(fd);
    close_pair(text);
    close_pair(report);
    return ERR_RESOURCE;
}

/* ---- hearing ------------------------------------------------------------------------------------------- */

/* One read; false when there is nothing to read now. At the end of file *fd becomes -1. */
static bool read_some(int *fd, char *buf, size_t size, size_t *n) {
    if (*fd < 0) return false;
    ssize_t r;
    do r = read(*fd, buf, size);
    while (r < 0 && errno == EINTR);
    if (r < 0 && errno == EAGAIN) return false;
    if (r <= 0) {
        close(*fd);
        *fd = -1;
        return false;
    }
    *n = (size_t)r;
    return true;
}

static void take_lines(struct strbuf *b, size_t from, void (*line)(void *, const char *, size_t), void *arg) {
    size_t done = 0;
    char *nl;
    while (from < b->len && (nl = memchr(b->s + from, '\n', b->len - from))) {
        size_t end = (size_t)(nl - b->s);
        line(arg, b->s + done, end - done);
        done = from = end + 1;
    }
    if (done) {
        memmove(b->s, b->s + done, b->len - done);
        b->len -= done;
    }
}

void proc_read(struct proc *p, void (*line)(void *arg, const char *s, size_t n), void *arg) {
    char buf[65536];
    size_t n;
    while (read_some(&p->text, buf, sizeof buf, &n))
        for (size_t i = n > PROC_TEXT ? n - PROC_TEXT : 0; i < n; i++)
            p->said[p->nsaid++ % PROC_TEXT] = buf[i];
    while (read_some(&p->report, buf, sizeof buf, &n)) {
        size_t from = p->in.len;
        strbuf_add(&p->in, buf, n);
        take_lines(&p->in, from, line, arg);
        if (p->in.len > LINE_MAX_BYTES) { /* not ours any more */
            strbuf_reset(&p->in);
            proc_signal(p, SIGKILL);
        }
    }
}

bool proc_done(struct proc *p) {
    if (!p->ended) {
        struct rusage used = {0};
        pid_t r = wait4(p->pid, &p->status, WNOHANG, &used);
        p->ended = r == p->pid || (r < 0 && errno == ECHILD);
        if (r == p->pid) p->rss = (size_t)used.ru_maxrss * 1024;
    }
    return p->ended;
}

void proc_signal(struct proc *p, int sig) {
    if (p->ended) return;
    if (sig == SIGKILL) p->killed = true;
    kill(p->pid, sig);
}

void proc_release(struct proc *p) {
    BUG_ON(!p->ended, "pid %d", (int)p->pid);
    if (p->report >= 0) close(p->report);
    if (p->text >= 0) close(p->text);
    strbuf_release(&p->in);
}

/* ---- explaining ---------------------------------------------------------------------------------------- */

/* The last lines that it printed, on one line: at most `size` bytes, control characters out. */
static void last_words(const struct proc *p, char *out, size_t size) {
    char all[PROC_TEXT + 1];
    size_t n = p->nsaid < PROC_TEXT ? p->nsaid : PROC_TEXT, from = p->nsaid - n;
    for (size_t i = 0; i < n; i++) all[i] = p->said[(from + i) % PROC_TEXT];
    while (n && (unsigned char)all[n - 1] <= ' ') n--;
    size_t start = n > size - 1 ? n - (size - 1) : 0, lines = 0, k = 0;
    for (size_t i = n; i > start; i--)
        if (all[i - 1] == '\n' && ++lines == 5) {
            start = i;
            break;
        }
    for (size_t i = start; i < n; i++) {
        unsigned char c = (unsigned char)all[i];
        if (c == '\n' && k + 2 < size) out[k++] = ' ', out[k++] = '|', c = ' ';
        if (k + 1 < size) out[k++] = c < ' ' ? ' ' : (char)c;
    }
    out[k] = '\0';
    size_t ok;
    while ((ok = utf8_valid_prefix(out, k)) < k) out[ok] = '?';
}

enum run_state proc_why(const struct proc *p, char *text, size_t size) {
    char words[512];
    last_words(p, words, sizeof words);
    enum run_state state = RUN_FAILED;
    const char *sep = *words ? "; it said: " : "";
    if (WIFSIGNALED(p->status) && WTERMSIG(p->status) == SIGKILL && !p->killed &&
        (p->oom_kills == NOT_TOLD || oom_kills() > p->oom_kills)) {
        state = RUN_OOM;
        snprintf(text, size,
                 "killed by the kernel for want of memory; set limits.memory, or fewer workers with -j%s%s",
                 sep, words);
    } else if (WIFSIGNALED(p->status)) {
        int sig = WTERMSIG(p->status);
        snprintf(text, size, "killed by signal %d (%s)%s%s", sig, strsignal(sig), sep, words);
    } else if (*words && (WEXITSTATUS(p->status) == 2 || WEXITSTATUS(p->status) == 3)) { /* it has said why */
        snprintf(text, size, "%s", words);
    } else
        snprintf(text, size, "the worker ended with code %d and no result%s%s", WEXITSTATUS(p->status), sep,
                 words);
    return state;
}
