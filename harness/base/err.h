/* SPDX-License-Identifier: Apache-2.0 */
/* err.h - how a function says that it failed.
 *
 * Functions that can fail return 0 or a negative enum err_code and fill a struct err; they never print.
 * Only commands (harness/cmd_*.c) and main.c print. A bug is not an error: BUG_ON prints its operands and
 * aborts, in every build. */
#ifndef BENCH_ERR_H
#define BENCH_ERR_H

enum err_code {
    ERR_OK = 0,
    ERR_USER = -2,     /* bad usage or a bad file: exit code 2, nothing ran */
    ERR_RESOURCE = -3, /* something is missing or busy (model, wordnet, database, disk): exit code 3 */
    ERR_MEMORY = -4,   /* the allocation gate refused: a run's state `oom` */
    ERR_STOP = -5,     /* the user asked to stop (Ctrl-C) */
};

struct err {
    int code; /* enum err_code */
    char msg[1024];
};

/* Fill `e` (may be NULL) with one line: what is wrong, where (file, line), and what to do. No trailing
 * newline. Returns `code`, so that `return err_set(e, ERR_USER, "%s:%d: ...", file, line)` reads well. */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Put "prefix: " before the message that is already in `e`. Returns e->code. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The process exit code for `e`: 2 for ERR_USER, 3 for ERR_RESOURCE, 130 for ERR_STOP, else 1. */
int err_exit_code(const struct err *e);

/* Print "BUG file:line: cond: message" to stderr and abort. */
void err_bug(const char *file, int line, const char *cond, const char *fmt, ...)
    __attribute__((noreturn, format(printf, 4, 5)));

/* Always compiled in. The message prints the operands: BUG_ON(n > cap, "n=%d cap=%d", n, cap). */
#define BUG_ON(cond, ...)                                                                                    \
    do {                                                                                                     \
        if (__builtin_expect(!!(cond), 0)) err_bug(__FILE__, __LINE__, #cond, __VA_ARGS__);                  \
    } while (0)

#endif
