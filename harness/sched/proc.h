/* proc.h - a worker process: started with a job, heard, stopped, and its end explained.
 *
 * The child is exec'ed from /proc/self/exe (never only forked: a process that has run threads cannot be),
 * gets no core file, dies with its parent, and ignores the terminal's SIGINT (the parent decides). Its
 * descriptors: 0 the job (a memory file), 1 and 2 a pipe whose last few kilobytes are kept, 3 the report. One
 * thread. */
#ifndef BENCH_PROC_H
#define BENCH_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "harness/base/err.h"
#include "harness/base/util.h"
#include "harness/core/run_result.h"

#define PROC_TEXT 4096 /* bytes of what it printed that are kept */

struct proc {
    pid_t pid;
    int report, text;     /* read ends, non-blocking; -1: at end of file */
    struct strbuf in;     /* of the report, up to the next newline */
    char said[PROC_TEXT]; /* a ring */
    size_t nsaid;         /* bytes written into it, ever */
    bool ended;           /* waited for: `status` is valid */
    int status;
    size_t rss;              /* largest resident bytes, once it has ended */
    unsigned long oom_kills; /* of this machine, when it started */
    bool killed;             /* by us, with SIGKILL */
};

/* Start `bench worker` with `job` on its stdin. Error: ERR_RESOURCE. */
int proc_start(struct proc *p, const char *job, struct err *e);
/* Read what has come; calls line() for each whole line of the report. Never blocks. */
void proc_read(struct proc *p, void (*line)(void *arg, const char *s, size_t n), void *arg);
/* Has it ended, and has all it said been read? Never blocks. */
bool proc_done(struct proc *p);
void proc_signal(struct proc *p, int sig);
/* Closes and frees; the process must have ended. */
void proc_release(struct proc *p);

/* How it ended, in words, with the last lines that it printed: "killed by signal 11 (Segmentation fault); it
 * said: ...". Returns the state for the record: RUN_OOM when the kernel's out-of-memory killer took it, else
 * RUN_FAILED. */
enum run_state proc_why(const struct proc *p, char *text, size_t size);

#endif
