/* SPDX-License-Identifier: Apache-2.0 */
/* launch_local.c - workers as processes of this machine (see launcher.h).
 *
 * The child is exec'ed from /proc/self/exe (never only forked: a process that has run threads cannot be),
 * gets no core file, dies with its parent, and ignores the terminal's SIGINT (the parent decides). Its
 * descriptors: 0 the job (a memory file), 1 and 2 a pipe whose last few kilobytes are kept, 3 the report.
 * Runs that read their base as float32 share one expansion per model, a memory file that they inherit. One
 * thread. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/util.h"
#include "harness/sched/launcher.h"
#include "harness/sched/sched.h"
#include "harness/sched/worker.h"
#include "harness/train/base_f32.h"

#define LINE_MAX_BYTES (64u << 20) /* a report's line; more means that something is wrong */
#define SAID           4096        /* bytes of what a worker printed that are kept */
#define NOT_TOLD       (~0ul)
#define END_WAIT_S     0.005 /* between looks at a worker that closed its pipes and has not ended */

struct launched {
    struct launcher *launcher;
    char *shares; /* the model whose expansion it reads; NULL: none */
    pid_t pid;
    int report, text; /* read ends, non-blocking; -1: at end of file */
    struct strbuf in; /* of the report, up to the next newline */
    char said[SAID];  /* a ring */
    size_t nsaid;     /* bytes written into it, ever */
    bool ended;       /* waited for: `status` is valid */
    int status;
    size_t rss;              /* largest resident bytes, once it has ended */
    unsigned long oom_kills; /* of this machine, when it started */
    bool killed;             /* by us, with SIGKILL */
};

/* Processes that the kernel has killed for want of memory since it started; NOT_TOLD where it does not
 * tell. */
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
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
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

/* A process with `job` on its standard input. */
static int start_process(struct launched *p, const char *job, struct err *e) {
    int text[2] = {-1, -1}, report[2] = {-1, -1};
    int fd = job_file(job, e);
    if (fd < 0) return fd;
    if (pipe2(text, O_CLOEXEC) != 0 || pipe2(report, O_CLOEXEC) != 0) goto fail;
    /* a worker should not wait for a parent that writes to the database */
    fcntl(report[1], F_SETPIPE_SZ, 1 << 20);
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

/* The base as float32 that this run shares with others; 0: it expands for itself. */
static int share_base(struct launched *p, const struct sched_job *job, char **remark) {
    struct err e = {0};
    if (!job->base_f32) return 0;
    int fd = base_f32_pool_take(p->launcher->state, job->base_key, &e);
    if (fd < 0) {
        *remark = xstrdup(e.msg);
        return 0;
    }
    p->shares = xstrdup(job->base_key);
    return fd;
}

static void drop_launched(struct launched *p) {
    if (p->shares) base_f32_pool_drop(p->launcher->state, p->shares);
    free(p->shares);
    free(p);
}

static int start_local(struct launcher *l, const struct sched_job *job, struct launched **ret, char **remark,
                       struct err *e) {
    struct launched *p = xcalloc(1, sizeof *p);
    p->launcher = l;
    p->report = p->text = -1;
    char *text = worker_job_text(&job->job, job->index, share_base(p, job, remark));
    int rc = start_process(p, text, e);
    free(text);
    if (rc)
        drop_launched(p);
    else
        *ret = p;
    return rc;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

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

/* Has it ended? */
static bool has_ended(struct launched *p) {
    if (!p->ended) {
        struct rusage used = {0};
        pid_t r = wait4(p->pid, &p->status, WNOHANG, &used);
        p->ended = r == p->pid || (r < 0 && errno == ECHILD);
        if (r == p->pid) p->rss = (size_t)used.ru_maxrss * 1024;
    }
    return p->ended;
}

static void signal_local(struct launched *p, enum launch_signal s) {
    if (p->ended) return;
    if (s == LAUNCH_KILL) p->killed = true;
    kill(p->pid, s == LAUNCH_KILL ? SIGKILL : SIGTERM);
}

static bool read_local(struct launched *p, void (*line)(void *arg, const char *s, size_t n), void *arg) {
    bool ended = has_ended(p); /* before reading: then nothing more comes */
    char buf[65536];
    size_t n;
    while (read_some(&p->text, buf, sizeof buf, &n))
        for (size_t i = n > SAID ? n - SAID : 0; i < n; i++) p->said[p->nsaid++ % SAID] = buf[i];
    while (read_some(&p->report, buf, sizeof buf, &n)) {
        size_t from = p->in.len;
        strbuf_add(&p->in, buf, n);
        take_lines(&p->in, from, line, arg);
        if (p->in.len > LINE_MAX_BYTES) { /* not ours any more */
            strbuf_reset(&p->in);
            signal_local(p, LAUNCH_KILL);
        }
    }
    return ended;
}

/* A process closes its pipes before it can be waited for: until then look often. */
static void wait_local(struct launcher *l, struct launched *const *w, int n, double seconds,
                       const sigset_t *mask) {
    (void)l;
    struct pollfd *fds = xcalloc(2 * (size_t)n + 1, sizeof *fds);
    nfds_t nfds = 0;
    for (int i = 0; i < n; i++) {
        if (w[i]->report >= 0) fds[nfds++] = (struct pollfd){w[i]->report, POLLIN, 0};
        if (w[i]->text >= 0) fds[nfds++] = (struct pollfd){w[i]->text, POLLIN, 0};
        if (w[i]->report < 0) seconds = MIN_OF(seconds, END_WAIT_S);
    }
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    if (ppoll(fds, nfds, &t, mask) < 0 && errno != EINTR) BUG_ON(1, "ppoll: %s", strerror(errno));
    free(fds);
}

static void release_local(struct launched *p) {
    BUG_ON(!p->ended, "pid %d", (int)p->pid);
    if (p->report >= 0) close(p->report);
    if (p->text >= 0) close(p->text);
    strbuf_release(&p->in);
    drop_launched(p);
}

/* ---- explaining ---------------------------------------------------------------------------------------- */

/* The last lines that it printed, on one line: at most `size` bytes, control characters out. */
static void last_words(const struct launched *p, char *out, size_t size) {
    char all[SAID + 1];
    size_t n = p->nsaid < SAID ? p->nsaid : SAID, from = p->nsaid - n;
    for (size_t i = 0; i < n; i++) all[i] = p->said[(from + i) % SAID];
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

static void why_local(const struct launched *p, struct train_result *res) {
    char words[512];
    last_words(p, words, sizeof words);
    const char *sep = *words ? "; it said: " : "";
    res->state = RUN_FAILED;
    res->rss_bytes = p->rss;
    if (WIFSIGNALED(p->status) && WTERMSIG(p->status) == SIGKILL && !p->killed &&
        (p->oom_kills == NOT_TOLD || oom_kills() > p->oom_kills)) {
        res->state = RUN_OOM;
        snprintf(res->error, sizeof res->error,
                 "killed by the kernel for want of memory; set limits.memory, or fewer workers with -j%s%s",
                 sep, words);
    } else if (WIFSIGNALED(p->status)) {
        int sig = WTERMSIG(p->status);
        snprintf(res->error, sizeof res->error, "killed by signal %d (%s)%s%s", sig, strsignal(sig), sep,
                 words);
    } else if (*words && (WEXITSTATUS(p->status) == 2 || WEXITSTATUS(p->status) == 3)) { /* it has said why */
        snprintf(res->error, sizeof res->error, "%s", words);
    } else
        snprintf(res->error, sizeof res->error, "the worker ended with code %d and no result%s%s",
                 WEXITSTATUS(p->status), sep, words);
}

/* ---- the launcher -------------------------------------------------------------------------------------- */

static void free_local(struct launcher *l) {
    base_f32_pool_release(l->state);
    free(l->state);
    free(l);
}

struct launcher *launch_local(void) {
    struct launcher *l = xmalloc(sizeof *l);
    *l = (struct launcher){.name = "local",
                           .state = xcalloc(1, sizeof(struct base_f32_pool)),
                           .retry_s = 1,
                           .patience_s = 30,
                           .start = start_local,
                           .read = read_local,
                           .signal = signal_local,
                           .wait = wait_local,
                           .why = why_local,
                           .release = release_local,
                           .free = free_local};
    return l;
}
