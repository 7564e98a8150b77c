/* remarks.c - see remarks.h. */
#include "experiments/tasks/remarks.h"

#include <stdarg.h>
#include <stdio.h>

void remark_count(say_fn *say, void *arg, const char *kind, long n, const char *fmt, ...) {
    char text[320];
    if (n <= 0) return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    say(arg, kind, text);
}
