/* remarks.h - what a task has to say about the rows it met: how many were left out, cut, and so on. */
#ifndef BENCH_TASKS_REMARKS_H
#define BENCH_TASKS_REMARKS_H

/* Where remarks go: a kind ("skipped", "cut", "blank", "data", ...) and a text of one line. */
typedef void say_fn(void *arg, const char *kind, const char *text);

/* Say it where n is above 0; the text names the number. */
void remark_count(say_fn *say, void *arg, const char *kind, long n, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

#endif
